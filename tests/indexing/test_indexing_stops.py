"""Runs that end early: by request, by budget, by errors, by kill -9. What was committed stays, and more follows."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Generator
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any, cast

import numpy as np
import psutil
import pytest
from small_index import (
    broken,
    contents,
    counts,
    events,
    found,
    record_of,
    rows,
    run,
    write,
    write_pdf,
    write_png,
)

from mmsearch.config import Settings
from mmsearch.errors import LockHeld, ModelMismatch, ModelUnavailable, NoIndex, StoppedEarly, UsageError
from mmsearch.extraction.wire import Message, WireError
from mmsearch.index import Index
from mmsearch.indexing.commits import Commits
from mmsearch.models import builtin
from mmsearch.run_record import Event, Remark
from mmsearch.store.layout import IndexFolder
from mmsearch.store.segments import SpanResult
from mmsearch.store.spaces import SpaceRow
from mmsearch.trust import Grant

HERE = Path(__file__).parents[1] / "helpers"

pytestmark = pytest.mark.usefixtures("word_model")


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    return corpus(tmp_path / "docs", 30)


@pytest.fixture
def index(tmp_path: Path) -> Path:
    return tmp_path / "index"


def corpus(folder: Path, number: int) -> Path:
    animals = ("walrus", "otter", "heron", "lynx", "badger")
    for n in range(number):
        write(folder / f"note{n:02}.md", f"# {animals[n % 5]} {n}\n\nA note about the {animals[n % 5]}, number {n}.\n")
    write_pdf(folder / "report.pdf", "The first page on walrus counts", "The second page on otter counts")
    write_png(folder / "shade.png")
    (folder / "broken.pdf").write_bytes(b"%PDF-1.4\nbroken")
    return folder


def left_over() -> list[str]:
    """Threads and processes of a pipeline that still live."""
    mine = psutil.Process().children(recursive=True)
    names = [thread.name for thread in threading.enumerate()]
    return [
        *(name for name in names if name.startswith(("extract", "read", "encode", "look")) or "worker" in name),
        *(str(process.pid) for process in mine if process.status() != psutil.STATUS_ZOMBIE),
    ]


def soon_nothing_left_over() -> bool:
    for _ in range(100):
        if not left_over():
            return True
        time.sleep(0.05)
    return False


def in_small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mmsearch.encoding.encode.GATHER_ITEMS", 3)
    monkeypatch.setattr("mmsearch.indexing.commits.COMMIT_S", 0.0)


@pytest.mark.usefixtures("own_fork_servers")
def test_a_stopped_run_keeps_what_it_committed_and_the_next_one_completes(
    docs: Path, index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(tmp_path / "undisturbed", docs)
    wanted = contents(tmp_path / "undisturbed")
    in_small_batches(monkeypatch)
    first = run(index, docs, stop=lambda: "interrupted" if rows(index, "SELECT 1 FROM embeddings") else None)
    assert (first.outcome, first.pending > 0, first.indexed > 0) == ("interrupted", True, True)
    assert 0 < Index.open(index).status().pending <= first.pending
    assert broken(index, deep=True) == {}
    second = run(index, docs)
    assert (second.outcome, second.pending) == ("done", 0)
    assert contents(index) == wanted
    assert broken(index, deep=True) == {}
    assert soon_nothing_left_over()


def test_what_was_finished_when_a_run_is_stopped_is_committed(
    docs: Path, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_small_batches(monkeypatch)
    monkeypatch.setattr(Commits, "commit_if_due", lambda self: finished.extend(self.waiting))
    finished: list[SpanResult] = []
    record = run(index, docs, stop=lambda: "interrupted" if finished else None)
    assert (record.outcome, record.pending > 0) == ("interrupted", True)
    kept = {asset for (asset,) in rows(index, "SELECT asset_id FROM segments")}
    assert {chunk.asset_id for chunk in finished if chunk.segments} <= kept
    assert kept


def test_a_time_budget_ends_a_run_well(
    docs: Path, index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_small_batches(monkeypatch)
    left = 33
    for number in range(100):
        record = run(index, docs, time_budget_s=0.2 * (number % 2))  # 0: shorter than the start of a run
        assert broken(index) == {}
        if record.outcome == "done":
            break
        assert (record.outcome, record.pending < left) == ("budget", True)  # every run gets on
        left = record.pending
    assert record.outcome == "done"
    run(tmp_path / "undisturbed", docs)
    assert contents(index) == contents(tmp_path / "undisturbed")


def test_a_run_stopped_while_it_lists_files_removes_nothing(docs: Path, index: Path) -> None:
    run(index, docs)
    (docs / "note03.md").unlink()
    record = run(index, docs, stop=lambda: "interrupted")
    assert (record.outcome, record.removed) == ("interrupted", 0)
    assert run(index, docs).removed == 1


@pytest.mark.usefixtures("own_fork_servers")
def test_events_closed_early_leave_nothing_behind(docs: Path, index: Path) -> None:
    for wanted in (1, 2, 3):
        started = Index.update(index, [os.fsencode(docs)], Settings(ocr="never", workers=2))
        running = cast(Generator[Event, None, None], started)
        for _, _event in zip(range(wanted), running, strict=False):
            pass
        running.close()
        assert soon_nothing_left_over(), left_over()
        assert rows(index, "SELECT json_extract(summary, '$.outcome') FROM runs ORDER BY id DESC LIMIT 1") == [
            ("broken-off",)
        ]
    assert run(index, docs).outcome == "done"
    assert broken(index, deep=True) == {}


@pytest.mark.usefixtures("own_fork_servers")
@pytest.mark.parametrize("where", ["embed", "load", "commit"])
def test_a_bug_in_a_stage_ends_the_run_and_leaves_nothing_behind(
    docs: Path, index: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise MemoryError("a bug")

    place = {
        "embed": "small_index.WordModel.embed",
        "load": "mmsearch.indexing.run_models.load_embedder",
        "commit": "mmsearch.store.segments.commit_span",
    }[where]
    with monkeypatch.context() as patch:
        patch.setattr(place, fail)
        with pytest.raises(MemoryError):
            events(index, docs)
    assert soon_nothing_left_over(), left_over()
    assert run(index, docs).outcome == "done"
    assert broken(index, deep=True) == {}


@pytest.mark.usefixtures("own_fork_servers")
def test_workers_that_can_not_be_started_end_the_run_well(
    docs: Path, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(
            "mmsearch.extraction.worker_process.ForkServer.fork",
            lambda self: (_ for _ in ()).throw(StoppedEarly("No worker can be started.", "See ulimit.")),
        )
        said = events(index, docs)
    assert [one.sentence for one in said if isinstance(one, Remark)][-1:] == ["No worker can be started."]
    assert (record_of(said).outcome, record_of(said).pending) == ("broken-off", 33)
    assert soon_nothing_left_over()
    assert run(index, docs).outcome == "done"


def test_a_request_that_can_not_be_sent_costs_its_file(
    docs: Path, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mmsearch.extraction.worker_process import Worker

    real = Worker.ask

    def ask(self: Worker, request: dict[str, Any], *rest: Any) -> Message:
        if request["source"]["format"] == "png":
            raise WireError("it is none")
        return real(self, request, *rest)

    monkeypatch.setattr(Worker, "ask", ask)
    record = run(index, docs)
    assert (record.outcome, record.failed, record.indexed) == ("done", 2, 31)


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"probe": {"spans": [[0, 1, 0]], "details": {}, "notes": []}, "segments": [7], "failure": None},
        {
            "probe": {"spans": [[0, 1, 0]], "details": {}, "notes": []},
            "segments": [
                {
                    "segment": {"ordinal": 5 << 20, "locator": [None] * 5, "text": "x", "cues": [], "details": {}},
                    "media": {},
                }
            ],
            "failure": None,
        },
    ],
    ids=["empty", "no segment", "a segment of another span"],
)
def test_an_answer_that_makes_no_sense_costs_its_file(
    docs: Path, index: Path, monkeypatch: pytest.MonkeyPatch, answer: dict[str, Any]
) -> None:
    from mmsearch.extraction.worker_process import Worker

    real = Worker.ask

    def ask(self: Worker, request: dict[str, Any], *rest: Any) -> Message:
        return (answer, []) if request["source"]["format"] == "png" else real(self, request, *rest)

    monkeypatch.setattr(Worker, "ask", ask)
    record = run(index, docs)
    assert (record.outcome, record.failed, record.indexed) == ("done", 2, 31)
    assert {one.failure.code for one in Index.open(index).failed()} == {"crash", "decode-error"}
    assert broken(index, deep=True) == {}


def test_spans_may_be_committed_in_any_order(tmp_path: Path, index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A later span overtakes the first one when only that one has a picture to read."""
    from mmsearch.encoding.pipeline import Pipeline
    from mmsearch.indexing.commits import Commits

    write(tmp_path / "docs" / "note.txt", "".join(f"Line {n} of a long note.\n\n" for n in range(60)))
    monkeypatch.setenv("SMALL_SPANS", "400")
    from dataclasses import replace

    from mmsearch.extraction.worker_tasks import LIGHT

    monkeypatch.setattr("mmsearch.encoding.pipeline.LIGHT", replace(LIGHT, handler="small_spans:handle"))
    held: list[SpanResult] = []
    real = Pipeline.poll

    def poll(self: Pipeline, wait_s: float) -> list[SpanResult] | None:
        chunks = real(self, wait_s)
        if chunks is None and held:
            return [held.pop()]
        if chunks:
            held.extend(chunks)
            return []
        return chunks

    monkeypatch.setattr(Pipeline, "poll", poll)
    monkeypatch.setattr(Commits, "commit_if_due", Commits.commit)
    assert counts(run(index, tmp_path / "docs")) == {"seen": 1, "indexed": 1}
    assert rows(index, "SELECT spans > 2, details <> '{}' FROM assets") == [(1, 1)]
    assert broken(index, deep=True) == {}


def test_a_note_of_decoding_stands_in_the_assets_details(
    tmp_path: Path, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mmsearch.extraction.worker_process import Worker

    real = Worker.ask

    def ask(self: Worker, request: dict[str, Any], *rest: Any) -> Message:
        reply, arrays = real(self, request, *rest)
        for entry in reply["segments"]:
            entry["segment"]["details"]["note"] = "The lower half is missing."
        return reply, arrays

    monkeypatch.setattr(Worker, "ask", ask)
    write_pdf(tmp_path / "report.pdf", "One page", "Another page")
    assert counts(run(index, tmp_path / "report.pdf")) == {"seen": 1, "indexed": 1}
    assert rows(index, "SELECT state, json_extract(details, '$.notes') FROM assets") == [
        ("complete", '["The lower half is missing."]')
    ]


@pytest.mark.usefixtures("own_fork_servers")
def test_a_full_disk_is_reported_and_nothing_is_lost(docs: Path, index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite's own limit on pages stands for the disk's."""
    from mmsearch.store import writing

    real = writing.open_writer

    def small(place: IndexFolder, **options: Any) -> sqlite3.Connection:
        connection = real(place, **options)
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages + 4}")
        return connection

    run(index, docs)
    before = contents(index)
    corpus(docs / "more", 40)
    for note in (docs / "more").iterdir():
        write(note, f"{note.name} is another note.\n")
    with monkeypatch.context() as patch:
        patch.setattr(writing, "open_writer", small)
        said = events(index, docs)
    assert record_of(said).outcome == "disk-full"
    assert soon_nothing_left_over()
    assert broken(index, deep=True) == {}
    assert set(before) <= set(contents(index))
    assert run(index, docs).outcome == "done"


def test_a_second_writer_is_told_who_holds_the_lock(docs: Path, index: Path) -> None:
    from mmsearch.store.lock import writer_lock

    run(index, docs / "note00.md")
    with writer_lock(IndexFolder(index), "index"):
        status = Index.open(index).status()
        assert str(os.getpid()) in status.writing
        Index.open(index.parent / "." / "index").status()
        with pytest.raises(LockHeld):
            run(index, docs)
        other = _child(index, docs)
        assert other.wait(60) == 6
        assert f"process {os.getpid()}, `index`, since 20" in cast(IO[bytes], other.stdout).read().decode()
    assert counts(run(index, docs / "note00.md")) == {"seen": 1, "unchanged": 1}


def test_readers_see_whole_batches_only(docs: Path, index: Path) -> None:
    """Every asset that a reader sees is there with its words and its vectors."""
    problems: list[object] = []
    rounds = 0
    over = threading.Event()

    def read() -> None:
        nonlocal rounds
        while not over.is_set():
            if not IndexFolder(index).exists():
                continue
            try:
                bare = rows(
                    index,
                    "SELECT s.id FROM segments s JOIN assets a ON a.id = s.asset_id"
                    " WHERE a.visible = 1 AND s.text <> ''"
                    " AND (NOT EXISTS (SELECT 1 FROM embeddings e WHERE e.segment_id = s.id)"
                    "  OR NOT EXISTS (SELECT 1 FROM words_fts w WHERE w.rowid = s.id))",
                )
                for path in found(index, "walrus", k=50):
                    assert path.startswith(os.fsencode(docs))
            except Exception as error:
                if "no such table" not in str(error) and "There is no index" not in str(error):
                    problems.append(error)
                continue
            problems.extend(bare)
            rounds += 1

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for number in range(3):
            write(docs / "note05.md", f"A walrus, version {number}.\n")
            run(index, docs)
            (docs / f"note{10 + number}.md").unlink()
    finally:
        over.set()
        reader.join()
    assert (problems, rounds > 5) == ([], True)


def test_a_dry_run_writes_nothing(docs: Path, index: Path) -> None:
    record = record_of(events(index, docs, dry_run=True))
    assert (record.pending, index.exists()) == (33, False)
    run(index, docs)
    (docs / "note00.md").unlink()
    write(docs / "another.md", "Another note.\n")
    before = {path.name: path.read_bytes() for path in index.iterdir() if path.name != "writer.lock"}
    record = record_of(events(index, docs, dry_run=True))
    assert (record.pending, record.removed) == (1, 1)
    assert before == {path.name: path.read_bytes() for path in index.iterdir() if path.name != "writer.lock"}


@pytest.mark.parametrize(
    ("options", "error"),
    [({"models": ("nonsense",)}, UsageError), ({"models": ("builtin:image",)}, UsageError)],
)
def test_a_model_that_is_none_makes_no_index(
    docs: Path, index: Path, options: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        run(index, docs, **options)
    assert not IndexFolder(index).exists()


def test_another_model_for_an_existing_index_is_refused(
    docs: Path, index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(index, docs / "note00.md")
    before = contents(index)
    (tmp_path / "model").mkdir()
    with pytest.raises(ModelMismatch):
        run(index, docs, models=(str(tmp_path / "model"),))
    other = {"text": {**builtin.fingerprint()["text"], "pooling": "cls"}}
    monkeypatch.setattr("mmsearch.models.builtin.fingerprint", lambda *_: other)
    with pytest.raises(ModelMismatch, match="pooling"):
        run(index, docs)
    assert contents(index) == before


@pytest.mark.usefixtures("own_fork_servers")
def test_a_model_that_is_gone_ends_the_run(docs: Path, index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(row: SpaceRow, grant: Grant | None, settings: Settings) -> None:
        raise ModelUnavailable("It is gone.", "Bring it back.")

    monkeypatch.setattr("mmsearch.indexing.run_models.load_embedder", load)
    with pytest.raises(ModelUnavailable):
        run(index, docs)
    assert soon_nothing_left_over()


def test_the_background_sample_does_not_depend_on_the_order_of_work(
    docs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mmsearch.store.segments.BACKGROUND_SIZE", 12)
    monkeypatch.setattr("mmsearch.store.invariants.BACKGROUND_SIZE", 12)
    run(tmp_path / "one", docs)
    names = sorted(docs.iterdir())
    random.Random(7).shuffle(names)
    for some in (names[:5], names[5:20], names[20:]):
        run(tmp_path / "two", *some)
    sql = "SELECT sampling_hash, vector FROM background ORDER BY sampling_hash"
    samples = [rows(tmp_path / name, sql) for name in ("one", "two")]
    assert samples[0] == samples[1]
    assert len(samples[0]) == 12
    assert broken(tmp_path / "two", deep=True) == {}


CHILD = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from small_index import use_word_model
use_word_model(setattr)
from mmsearch.config import Settings
from mmsearch.errors import MmsearchError
from mmsearch.index import Index
from mmsearch.indexing.commits import Commits
from mmsearch.models import builtin
from mmsearch.indexing import commits
commits.COMMIT_S = 0.02
try:
    for event in Index.update(Path(sys.argv[2]), [sys.argv[3].encode()], Settings(ocr="never", workers=2)):
        print(type(event).__name__, flush=True)
except MmsearchError as error:
    print(error, flush=True)
    sys.exit(error.exit_code)
"""


def _child(index: Path, docs: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, str(HERE), str(index), str(docs)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def similar_contents(one: list[tuple[Any, ...]], two: list[tuple[Any, ...]]) -> bool:
    """Equal, but for vectors, which may differ by rounding."""
    plain = [[tuple(v for v in row if not isinstance(v, bytes) or len(v) < 700) for row in some] for some in (one, two)]
    vectors = [
        np.array([np.frombuffer(v, np.float16) for row in some for v in row if isinstance(v, bytes) and len(v) > 700])
        for some in (one, two)
    ]
    return plain[0] == plain[1] and bool((np.sum(vectors[0].astype(float) * vectors[1], axis=1) > 0.9999).all())


@pytest.mark.usefixtures("own_fork_servers")
def test_killed_at_any_moment_the_index_is_whole_and_the_next_run_completes(
    docs: Path, index: Path, tmp_path: Path
) -> None:
    undisturbed = tmp_path / "undisturbed"
    began = time.monotonic()
    assert _child(undisturbed, docs).wait(60) == 0
    whole = time.monotonic() - began
    wanted = contents(undisturbed)
    lots = random.Random(3)
    kept = 0
    for _ in range(10):
        child = _child(index, docs)
        time.sleep(whole * lots.uniform(0.3, 0.9))
        child.send_signal(signal.SIGKILL)
        child.wait()
        cast(IO[bytes], child.stdout).close()
        if not IndexFolder(index).exists():
            continue
        try:
            found_broken = broken(index, deep=True)
        except NoIndex:
            continue
        found_broken.pop("No left-over files lie in the index folder", None)  # a draft that was being written
        assert found_broken == {}
        now = rows(index, "SELECT count(*) FROM embeddings")[0][0]
        assert now >= kept
        kept = now
        if lots.random() < 0.3:
            write(docs / "note01.md", f"A changed note, {lots.random()}.\n")
            kept = 0
            assert _child(undisturbed, docs).wait(60) == 0
            wanted = contents(undisturbed)
    record = run(index, docs)
    assert record.outcome == "done"
    assert similar_contents(contents(index), wanted)
    assert broken(index, deep=True) == {}
    for query in ("walrus", "otter counts", "badger number 14"):
        assert found(index, query) == found(undisturbed, query)
    assert soon_nothing_left_over()


KILLED = """
import os, signal, sys
from pathlib import Path
from mmsearch.store.layout import IndexFolder
from mmsearch.store.lock import writer_lock
with writer_lock(IndexFolder(Path(sys.argv[1])), "index"):
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("how", ["full", "killed", "refused", "dry run"])
def test_a_run_that_could_not_be_recorded_is_told_as_cut_off(
    how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "docs" / "a.txt", "A walrus.\n")
    index, now = tmp_path / "index", time.time()
    with monkeypatch.context() as patch:
        patch.setattr("mmsearch.store.runs.time", SimpleNamespace(time=lambda: now - 100.0))
        run(index, tmp_path / "docs")
    before = Index.open(index).status().last_run
    assert before is not None and before["outcome"] == "done"
    error = UsageError("Refused.") if how == "refused" else StoppedEarly("The disk is full.")
    if how == "killed":
        subprocess.run([sys.executable, "-c", KILLED, str(index)], check=False)
    elif how == "dry run":
        run(index, tmp_path / "docs", dry_run=True)
    else:
        with monkeypatch.context() as patch, pytest.raises(type(error)):
            patch.setattr("mmsearch.indexing.run.begin_run", lambda *_: (_ for _ in ()).throw(error))
            run(index, tmp_path / "docs")
    status = Index.open(index).status()
    assert status.last_run is not None
    if how in ("refused", "dry run"):
        assert status.last_run == before
    else:
        assert status.last_run["ended"] is None and status.last_run["started"] > now - 50.0
        assert "The last run was cut off; the next one goes on from there." in status.notes
    run(index, tmp_path / "docs")
    assert (Index.open(index).status().last_run or {})["outcome"] == "done"
