"""Several spaces in one index: added, rebuilt, killed in between; OCR is never repeated, and queries go on."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from small_index import (
    WordModel,
    broken,
    change,
    count_tasks,
    events,
    found,
    record_of,
    rows,
    run,
    seal,
    use_word_model,
    write,
    write_png,
    write_wav,
)

from mmsearch.config import Settings
from mmsearch.encoding.pipeline import Pipeline, Workers, first_pools
from mmsearch.errors import ModelMismatch, ModelUnavailable, UsageError
from mmsearch.extraction.pool import WorkerPool
from mmsearch.extraction.worker_tasks import LIGHT
from mmsearch.index import Index
from mmsearch.indexing import backfill, model_selection, run_models
from mmsearch.indexing import run as run_module
from mmsearch.indexing.commits import Commits
from mmsearch.models.model_catalogue import ModelSpec
from mmsearch.models.model_options import ModelOptions
from mmsearch.run_record import Event, Progress, Remark
from mmsearch.store.segments import SpanResult
from mmsearch.store.spaces import SpaceRow
from mmsearch.trust import Grant


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from replicas import tiny_clip

    return tiny_clip(tmp_path_factory.mktemp("models") / "tiny-clip")


@pytest.fixture(scope="module")
def minilm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from replicas import tiny_minilm

    return tiny_minilm(tmp_path_factory.mktemp("models") / "tiny-minilm")


@pytest.fixture
def words(monkeypatch: pytest.MonkeyPatch) -> None:
    """The built-in model is one of words; all others are what they are."""
    load = run_models.load_embedder
    use_word_model(monkeypatch.setattr)
    model = lambda row, *how: WordModel() if row.name == "builtin" else load(row, *how)  # noqa: E731
    monkeypatch.setattr(run_models, "load_embedder", model)


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    write(folder / "ferry.txt", "The ferry leaves at nine.")
    write(folder / "boat.txt", "A boat of wood.")
    write_png(folder / "red.png", 250)
    write_png(folder / "dark.png", 20)
    return folder


def spans(index: Path) -> dict[tuple[str, str], int]:
    """(space, view): how many embeddings."""
    sql = "SELECT s.name, e.view, count(*) FROM embeddings e JOIN spaces s ON s.id = e.space_id GROUP BY 1, 2"
    return {(name, view): count for name, view, count in rows(index, sql)}


def said(happened: Iterable[Event]) -> list[str]:
    return [event.sentence for event in happened if isinstance(event, Remark)]


def test_two_models_make_two_spaces_with_the_views_that_were_asked_for(
    tmp_path: Path, docs: Path, clip: Path, words: None
) -> None:
    index = tmp_path / "index"
    assert run(index, docs, models=("builtin:text", f"{clip}:image")).indexed == 4
    assert spans(index) == {("builtin", "text"): 2, ("tiny-clip", "image"): 2}
    assert broken(index, deep=True) == {}


def test_an_added_model_takes_in_what_is_there_without_reading_it_again(
    tmp_path: Path, docs: Path, clip: Path, minilm: Path, words: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = tmp_path / "index"
    run(index, docs)
    before = rows(index, "SELECT segment_id, view, part, vector FROM embeddings")
    tasks = count_tasks(monkeypatch.setattr)
    record = run(index, add_models=(str(minilm),))
    assert (record.unchanged, record.indexed, record.caught_up, record.behind) == (4, 0, 4, 0)
    assert tasks == []  # words come from the catalogue
    assert spans(index) == {("builtin", "text"): 2, ("tiny-minilm", "text"): 2}
    record = run(index, add_models=(f"{clip}:image",))
    assert sorted(os.path.basename(path) for path, _ in tasks) == [b"dark.png", b"red.png"]
    assert spans(index)["tiny-clip", "image"] == 2 and record.caught_up == 4
    assert rows(index, "SELECT segment_id, view, part, vector FROM embeddings")[: len(before)] == before
    assert broken(index, deep=True) == {}
    assert run(index).caught_up == 0


def test_an_added_model_makes_the_vectors_that_it_would_have_made_at_first(
    tmp_path: Path, docs: Path, clip: Path, minilm: Path, words: None
) -> None:
    models = ("builtin", f"{clip}:image", str(minilm))
    run(tmp_path / "first", docs, models=models)
    run(tmp_path / "later", docs)
    run(tmp_path / "later", add_models=models[1:])
    sql = (
        "SELECT f.path, s.ordinal, p.name, e.view, e.part, e.sampling_hash, e.vector FROM embeddings e"
        " JOIN segments s ON s.id = e.segment_id JOIN files f ON f.asset_id = s.asset_id"
        " JOIN spaces p ON p.id = e.space_id ORDER BY 1, 2, 3, 4, 5"
    )
    assert rows(tmp_path / "later", sql) == rows(tmp_path / "first", sql)
    identity = "SELECT name, fingerprint, recorded, dimension, views FROM spaces ORDER BY id"
    assert rows(tmp_path / "later", identity) == rows(tmp_path / "first", identity)


def test_readings_are_the_words_of_a_new_space_and_are_not_made_again(
    tmp_path: Path, docs: Path, minilm: Path, words: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = tmp_path / "index"
    run(index, docs)
    (asset,) = rows(index, "SELECT asset_id FROM files WHERE path = ?", b"red.png")[0]
    change(
        index,
        "INSERT INTO recognized_text (segment_id, reader, engine, text)"
        " SELECT id, 'ocr', 'engine 1', 'a sign of the harbour'"
        f" FROM segments WHERE asset_id = {asset}",
    )
    seal(index)
    before = rows(index, "SELECT * FROM recognized_text")
    tasks = count_tasks(monkeypatch.setattr)
    assert run(index, add_models=(str(minilm),), ocr="always").caught_up == 4
    assert tasks == [] and rows(index, "SELECT * FROM recognized_text") == before
    found = "SELECT count(*) FROM embeddings e JOIN segments s ON s.id = e.segment_id WHERE s.asset_id = ?"
    assert rows(index, found, asset) == [(1,)]


def test_a_stopped_catch_up_goes_on_where_it_was(
    tmp_path: Path, docs: Path, minilm: Path, words: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = tmp_path / "index"
    for number in range(30):
        write(docs / f"note{number}.txt", f"Note number {number} of the ferry.")
    run(index, docs)
    with monkeypatch.context() as patch:
        patch.setattr(backfill, "COMMIT_S", 0.0)
        patch.setattr(backfill, "_AHEAD", 3)
        stop = lambda: "interrupted" if spans(index).get(("tiny-minilm", "text"), 0) >= 4 else None  # noqa: E731
        record = record_of(events(index, add_models=(str(minilm),), stop=stop))
    assert record.outcome == "interrupted" and 0 < record.caught_up < 34 and record.behind == 34 - record.caught_up
    assert found(index, "ferry note7")[0].endswith(b"note7.txt")  # by what is there
    status = Index.open(index).status()
    assert [space.behind for space in status.spaces] == [0, record.behind]
    after = run(index)
    assert (after.caught_up, after.behind) == (record.behind, 0)
    assert spans(index) == {("builtin", "text"): 32, ("tiny-minilm", "text"): 32}
    assert broken(index, deep=True) == {}


def test_a_rebuild_is_beside_the_old_spaces_until_it_takes_their_place(
    tmp_path: Path, docs: Path, minilm: Path, words: None
) -> None:
    index = tmp_path / "index"
    run(index, docs)
    seen: list[list[bytes]] = []

    def stop() -> None:
        seen.append(found(index, "ferry boat"))
        return None

    happened = events(index, models=(str(minilm),), rebuild=True, stop=stop)
    assert record_of(happened).caught_up == 4
    assert "The rebuilt index is in use: tiny-minilm." in said(happened)
    assert len(seen) > 2 and all(len(paths) == 2 for paths in seen)  # at every moment of the run
    assert spans(index) == {("tiny-minilm", "text"): 2}
    assert rows(index, "SELECT name FROM spaces") == [("tiny-minilm",)]
    assert broken(index, deep=True) == {}
    assert run(index).unchanged == 4


def test_a_file_that_comes_during_a_rebuild_is_found_at_once_and_later_by_the_new_space(
    tmp_path: Path, docs: Path, minilm: Path, words: None
) -> None:
    index = tmp_path / "index"
    run(index, docs)
    events(index, models=(str(minilm),), rebuild=True, stop=lambda: "interrupted")
    write(docs / "swan.txt", "A swan on the river.")
    record = run(index)
    assert (record.indexed, record.caught_up) == (1, 4)
    assert found(index, "swan")[0].endswith(b"swan.txt")
    assert spans(index) == {("tiny-minilm", "text"): 3}


KILLED = """
import os, sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from small_index import run, seal, use_word_model
from mmsearch.indexing import backfill
from mmsearch.indexing import run as run_module
from mmsearch.store import spaces
use_word_model(setattr)
backfill.COMMIT_S, backfill._AHEAD = 0.0, 2
note, done = spaces.note_encoded, []
def dying(*arguments):
    note(*arguments)
    done.append(1)
    if len(done) == 5:
        os.kill(os.getpid(), 9)
spaces.note_encoded = dying
run(Path(sys.argv[2]), rebuild=True)
"""


def test_a_killed_rebuild_leaves_the_old_spaces_in_use_and_the_next_run_goes_on(
    tmp_path: Path, docs: Path, words: None
) -> None:
    index = tmp_path / "index"
    for number in range(8):
        write(docs / f"note{number}.txt", f"Note number {number}.")
    run(index, docs)
    old = rows(index, "SELECT id FROM spaces")
    command = [sys.executable, "-c", KILLED, str(Path(__file__).parents[1] / "helpers"), str(index)]
    assert subprocess.run(command, check=False, capture_output=True, timeout=120).returncode == -9
    assert broken(index, deep=True) == {}
    assert [space.state for space in Index.open(index).status().spaces] == ["", "building"]
    assert found(index, "note3")[0].endswith(b"note3.txt")
    done = rows(index, "SELECT count(*) FROM encoded WHERE space_id = ?", old[0][0] + 1)[0][0]
    assert 0 < done < 12
    happened = events(index)
    assert any("The rebuild with builtin goes on" in sentence for sentence in said(happened))
    assert record_of(happened).caught_up == 12 - done
    assert rows(index, "SELECT id FROM spaces") == [(old[0][0] + 1,)]
    assert broken(index, deep=True) == {}


def test_a_rebuild_with_other_models_than_the_one_that_was_cut_off_starts_over(
    tmp_path: Path, docs: Path, minilm: Path, words: None
) -> None:
    index = tmp_path / "index"
    run(index, docs)
    events(index, rebuild=True, stop=lambda: "interrupted")
    happened = events(index, rebuild=True, models=(str(minilm),))
    assert any("it starts over" in sentence for sentence in said(happened))
    assert rows(index, "SELECT name FROM spaces") == [("tiny-minilm",)]
    assert broken(index, deep=True) == {}


def test_an_asset_that_was_half_done_when_a_model_was_added_ends_whole_in_both(
    tmp_path: Path, minilm: Path, words: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    docs, index = tmp_path / "docs", tmp_path / "index"
    write(docs / "long.txt", "".join(f"Line {n} of a long note.\n\n" for n in range(60)))
    monkeypatch.setenv("SMALL_SPANS", "400")
    monkeypatch.setattr("mmsearch.encoding.pipeline.LIGHT", replace(LIGHT, handler="small_spans:handle"))
    with monkeypatch.context() as patch:
        given: list[SpanResult] = []
        real = Pipeline.poll

        def poll(self: Pipeline, wait_s: float) -> list[SpanResult] | None:
            if given:
                raise InterruptedError
            given.extend(cast(list[SpanResult], real(self, wait_s))[:1])
            return list(given)

        patch.setattr(Pipeline, "poll", poll)
        patch.setattr(Commits, "commit_if_due", Commits.commit)
        with pytest.raises(InterruptedError):
            run(index, docs)
    assert rows(index, "SELECT count(*), a.state FROM spans s JOIN assets a ON a.id = s.asset_id") == [(1, "pending")]
    record = run(index, add_models=(str(minilm),))
    assert (record.indexed, record.caught_up, record.behind) == (1, 1, 0)
    counted = rows(index, "SELECT count(DISTINCT segment_id) FROM embeddings GROUP BY space_id")
    assert counted == [(4,), (4,)] == rows(index, "SELECT count(*) FROM segments") * 2
    assert broken(index, deep=True) == {}


def test_other_models_than_the_index_was_made_with_are_refused_with_three_ways_out(
    tmp_path: Path, docs: Path, clip: Path, minilm: Path, words: None
) -> None:
    index = tmp_path / "index"
    run(index, docs, models=("builtin", f"{clip}:image"))
    before = rows(index, "SELECT * FROM spaces")
    for models in (
        ("clip",),
        (str(minilm),),
        ("builtin",),
        ("builtin", str(clip)),
        ("builtin", f"{clip}:image", str(minilm)),
    ):
        with pytest.raises(ModelMismatch) as caught:
            run(index, models=models)
        assert caught.value.exit_code == 3
        assert all(way in caught.value.hint for way in ("--add-model", "--rebuild", "--index"))
    with pytest.raises(ModelMismatch, match="no --max-pixels, not with 1000"):
        run(index, max_pixels=1000)
    with pytest.raises(UsageError, match="tiny-clip is in this index already, with image"):
        run(index, add_models=(str(clip),))
    assert run(index, models=(f"{clip}:image", "builtin")).unchanged == 4  # the same in another order
    assert rows(index, "SELECT * FROM spaces") == before


def test_what_was_set_of_a_model_is_stored_and_used_again(
    tmp_path: Path, docs: Path, clip: Path, words: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = tmp_path / "index"
    run(index, docs, models=("builtin", f"{clip}:image"), max_pixels=2000)
    (recorded,) = rows(index, "SELECT recorded FROM spaces WHERE name = 'tiny-clip'")[0]
    assert json.loads(recorded)["options"] == {"max_pixels": 2000}
    assert json.loads(recorded)["query_views"] == ["image", "text"]
    write_png(docs / "green.png", 77)
    loaded: list[dict[str, Any]] = []
    load = run_models.load_embedder
    monkeypatch.setattr(
        run_models,
        "load_embedder",
        lambda row, *how: loaded.append(row.recorded) or load(row, *how),  # type: ignore[func-returns-value]
    )
    assert run(index).indexed == 1
    assert loaded[-1]["options"] == {"max_pixels": 2000}
    assert Index.open(index).status().spaces[1].options == {"max_pixels": 2000}


def test_status_reports_which_files_each_signal_finds(tmp_path: Path, docs: Path, clip: Path, words: None) -> None:
    index = tmp_path / "index"
    write_wav(docs / "tone.wav")
    (docs / "thing.xyz").write_bytes(bytes(range(256)))
    run(index, docs, models=("builtin", f"{clip}:image"))
    status = Index.open(index).status()
    assert [(space.name, space.files, space.behind) for space in status.spaces] == [
        ("builtin", {"text": {"text": 2}}, 0),
        ("tiny-clip", {"image": {"image": 2}}, 0),
    ]
    assert status.by_words == {"text": 2}


def test_a_vanished_file_waits_and_a_model_that_is_none_writes_nothing(
    tmp_path: Path, docs: Path, clip: Path, words: None
) -> None:
    index = tmp_path / "index"
    run(index, docs)
    with pytest.raises(ModelUnavailable):
        run(index, add_models=(str(docs),))
    with pytest.raises(ModelUnavailable, match="is not on this machine"):
        run(index, add_models=("clip",))
    assert rows(index, "SELECT name FROM spaces") == [("builtin",)]
    (docs / "red.png").unlink()  # it stays in the index as long as its folder is not walked
    happened = events(index, docs / "boat.txt", add_models=(f"{clip}:image",))
    assert record_of(happened).behind == 1 and spans(index)["tiny-clip", "image"] == 1
    assert "1 file could not be opened for tiny-clip; searches find it by what is there." in said(happened)
    assert Index.open(index).status().spaces[1].behind == 1
    assert run(index).behind == 0  # the walk has seen that it is gone
    assert Index.open(index).status().spaces[1].behind == 0


def test_a_model_that_nothing_asks_for_is_not_loaded(
    tmp_path: Path, docs: Path, clip: Path, words: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = tmp_path / "index"
    run(index, docs, models=("builtin", f"{clip}:image"))
    write(docs / "more.txt", "More words.")
    loaded: list[str] = []
    load = run_models.load_embedder
    monkeypatch.setattr(
        run_models,
        "load_embedder",
        lambda row, *how: loaded.append(row.name) or load(row, *how),  # type: ignore[func-returns-value]
    )
    assert run(index).indexed == 1 and loaded == ["builtin"]
    write_png(docs / "green.png", 77)
    assert run(index).indexed == 1 and loaded == ["builtin", "tiny-clip"]


def test_a_model_that_was_loaded_to_describe_a_new_space_is_not_loaded_again_to_fill_it(
    tmp_path: Path, docs: Path, clip: Path, words: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[str] = []
    load = run_models.load_embedder
    monkeypatch.setattr(
        run_models,
        "load_embedder",
        lambda row, *how: loaded.append(row.name) or load(row, *how),  # type: ignore[func-returns-value]
    )
    index = tmp_path / "index"
    assert run(index, docs, models=("builtin", f"{clip}:image")).failed == 0
    filled = "SELECT count(*) > 0 FROM embeddings e JOIN spaces s ON s.id = e.space_id WHERE s.name = 'tiny-clip'"
    assert (loaded, rows(index, filled)) == (["builtin"], [(1,)])


def test_the_workers_of_a_new_index_end_where_its_model_is_refused(
    tmp_path: Path, docs: Path, clip: Path, words: None, own_fork_servers: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[dict[str, WorkerPool]] = []

    def load(spec: ModelSpec, options: ModelOptions) -> WordModel:
        raise ModelUnavailable("It can't be loaded.", "Take another.")

    def pools(workers: Workers) -> dict[str, WorkerPool]:
        started.append(first_pools(workers))
        return started[0]

    monkeypatch.setattr(model_selection, "load", load)
    monkeypatch.setattr(run_module, "first_pools", pools)
    with pytest.raises(ModelUnavailable):
        run(tmp_path / "index", docs, models=("builtin", f"{clip}:image"))
    (pool,) = started[0].values()
    assert not os.path.exists(f"/proc/{pool.server_pid}")
    with pytest.raises(RuntimeError, match="closed"):
        pool.submit({})


def test_a_run_reports_that_it_loads_its_model_while_it_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = threading.Event()

    def load(row: SpaceRow, grant: Grant | None, settings: Settings) -> WordModel:
        assert seen.wait(60)
        return WordModel()

    use_word_model(monkeypatch.setattr)
    monkeypatch.setattr(run_models, "load_embedder", load)
    (tmp_path / "a.txt").write_text("the ferry leaves at nine")
    told = []
    for event in Index.update(tmp_path / "index", [bytes(tmp_path / "a.txt")], Settings(ocr="never", workers=1)):
        if isinstance(event, Progress):
            told.append((event.waits_for, event.done))
            if event.waits_for:
                seen.set()
    assert ("loading builtin", 0) in told and told[-1] == ("", 1)
