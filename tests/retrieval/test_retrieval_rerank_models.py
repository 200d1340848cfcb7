"""A model judges the best places again: real tiny rerankers over a real small index."""

import json
import os
import shutil
import socket
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from replicas_rerankers import tiny_ms_marco, tiny_qwen3_reranker
from replicas_towers import tiny_colqwen2
from small_index import run, use_word_model, write, write_pdf, write_png

from mmsearch.cli.program import run as run_program
from mmsearch.errors import ModelUnavailable, UsageError
from mmsearch.index import Index
from mmsearch.models.embedder import Clip
from mmsearch.models.model_options import ModelOptions
from mmsearch.models.registry import resolve
from mmsearch.models.reranker import Candidate
from mmsearch.models.rerankers import load_reranker
from mmsearch.query import Answer, Part, Query, RunOptions
from mmsearch.retrieval import model_reranking
from mmsearch.retrieval.model_reranking import with_image
from mmsearch.retrieval.queries.ad_hoc_files import Files, source_of
from mmsearch.store.snapshot import Snapshot
from mmsearch.types import Extracted, Locator, Needs, Segment, View

TEXTS = {
    "one.txt": "The ferry leaves at nine from the northern pier.",
    "two.txt": "A ferry is a ship. The harbour has a pier.",
    "three.txt": "ferry ferry ferry",
    "four.txt": "On Sundays no ferry leaves.",
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with an index over text, a PDF and pictures, and two rerankers."""
    with pytest.MonkeyPatch.context() as patch:
        use_word_model(patch.setattr)
        base = tmp_path_factory.mktemp("judged")
        for name, text in TEXTS.items():
            write(base / "files" / name, text)
        write_png(base / "files" / "ferry.png")
        write_pdf(base / "files" / "time.pdf", "Ferry times, first page", "The ferry of the second page")
        run(base / "index", base / "files")
        tiny_ms_marco(base / "marco")
        tiny_qwen3_reranker(base / "qwen")
        yield base


def asked(place: Path, model: str = "marco", **query: Any) -> Answer:
    given = {name: query.pop(name) for name in ("rerank_top", "rerank_seconds", "instruct") if name in query}
    options = RunOptions(rerank=str(place / model) if "/" not in model else model, **given)
    return Index.open(place / "index").search(
        Query(**{"text": "ferry", "min_score": 0.0, "names": False, **query}), options
    )


def names(answer: Answer) -> list[str]:
    return [os.fsdecode(os.path.basename(hit.path)) for hit in answer.hits]


def said(answer: Answer) -> dict[str, float]:
    """What the model said of each hit that it judged."""
    return {
        os.fsdecode(os.path.basename(hit.path)): signal.score
        for hit in answer.hits
        for signal in hit.signals
        if signal.name == "rerank"
    }


@pytest.mark.parametrize("model", ["marco", "qwen"])
def test_the_order_and_the_scores_are_the_models(place: Path, model: str) -> None:
    reranker = load_reranker(resolve(str(place / model)))
    wanted = dict(zip(TEXTS, reranker.score(Candidate("ferry"), [Candidate(t) for t in TEXTS.values()]), strict=True))
    answer = asked(place, model, all_segments=True)
    judged = said(answer)
    assert {name: judged[name] for name in TEXTS} == pytest.approx(wanted, abs=1e-4)
    for hit in answer.hits:
        (signal,) = [one for one in hit.signals if one.name == "rerank"]
        assert hit.score == pytest.approx(sum(one.contribution for one in hit.signals))
        assert hit.score == pytest.approx(signal.score) and signal.rank == hit.rank
        assert hit.view != "rerank"
    assert [hit.score for hit in answer.hits] == sorted((hit.score for hit in answer.hits), reverse=True)


def test_only_the_best_are_reranked(place: Path) -> None:
    answer = asked(place, rerank_top=2, all_segments=True)
    every = Index.open(place / "index").search(Query("ferry", min_score=0.0, names=False, all_segments=True)).hits
    assert len(said(answer)) == 2
    assert [hit.segment_id for hit in answer.hits][2:] == [hit.segment_id for hit in every][2:]
    assert {hit.segment_id for hit in answer.hits[:2]} == {hit.segment_id for hit in every[:2]}


def test_no_batch_is_begun_that_can_not_end_in_time(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = Slow()
    monkeypatch.setattr(model_reranking, "_loaded", lambda name, options: slow)
    answer = asked(place, all_segments=True, rerank_seconds=0.5)
    every = Index.open(place / "index").search(Query("ferry", min_score=0.0, names=False, all_segments=True)).hits
    count = slow.judged
    assert 1 <= count < 6
    assert answer.notes == (f"slow had time for {count} of 6 places; the others keep theirs.",)
    assert [hit.segment_id for hit in answer.hits][count:] == [hit.segment_id for hit in every][count:]


class Slow:
    """Takes 0.2 s a candidate."""

    name, views, max_pixels, frames, frame_pixels, takes_instruction = "slow", frozenset({View.TEXT}), 0, 0, 0, False
    query_views = views
    judged = 0

    def score(self, query: Candidate, candidates: Sequence[Candidate], instruction: str | None = None) -> np.ndarray:
        time.sleep(0.2 * len(candidates))
        self.judged += len(candidates)
        return np.linspace(1, 0.5, len(candidates), dtype=np.float32)


def test_what_was_typed_exactly_stays_first(place: Path) -> None:
    answer = asked(place, text="three.txt", names=True)
    assert names(answer)[0] == "three.txt"
    assert "three.txt" not in said(answer)


class Watching:
    """Sees everything, and keeps what it saw."""

    name, max_pixels, frames, frame_pixels, takes_instruction = "watching", 600, 2, 300, True
    views = query_views = frozenset({View.TEXT, View.IMAGE, View.VIDEO})

    def __init__(self) -> None:
        self.queries: list[Candidate] = []
        self.seen: list[Candidate] = []
        self.instructions: list[str | None] = []

    def score(self, query: Candidate, candidates: Sequence[Candidate], instruction: str | None = None) -> np.ndarray:
        self.queries.append(query)
        self.seen += candidates
        self.instructions.append(instruction)
        return np.full(len(candidates), 0.5, np.float32)


@pytest.fixture
def watching(monkeypatch: pytest.MonkeyPatch) -> Watching:
    model = Watching()
    monkeypatch.setattr(model_reranking, "_loaded", lambda name, options: model)
    return model


def test_a_seeing_reranker_gets_the_page_and_the_query_its_picture(place: Path, watching: Watching) -> None:
    asked(place, all_segments=True, images=(os.fsencode(place / "files" / "ferry.png"),), instruct="Find ships.")
    pages = {one.text: one.image for one in watching.seen}
    assert {text for text, image in pages.items() if image is None} == set(TEXTS.values()) & set(pages)
    first = cast(np.ndarray, pages["Ferry times, first page"])
    second = cast(np.ndarray, pages["The ferry of the second page"])
    assert second.dtype == np.uint8 and 0 < second.shape[0] * second.shape[1] <= 600
    assert (first != second[: len(first)]).any()
    assert watching.queries[0].text == "ferry" and cast(np.ndarray, watching.queries[0].image).shape[2] == 3
    assert set(watching.instructions) == {"Find ships."}


def test_files_that_changed_are_reranked_by_their_words(place: Path, watching: Watching, tmp_path: Path) -> None:
    shutil.copytree(place / "files", tmp_path / "files")
    run(tmp_path / "index", tmp_path / "files")
    (tmp_path / "files" / "time.pdf").write_bytes(b"gone to the dogs")
    answer = Index.open(tmp_path / "index").search(Query("ferry", min_score=0, names=False), RunOptions(rerank="x/y"))
    assert all(one.image is None for one in watching.seen)
    assert [note for note in answer.notes if "by their words alone" in note] == [
        "watching judged 2 of them by their words alone: the files changed or went away since they were indexed."
    ]


def test_a_file_that_was_put_back_is_the_same(place: Path, watching: Watching, tmp_path: Path) -> None:
    shutil.copytree(place / "files", tmp_path / "files")
    run(tmp_path / "index", tmp_path / "files")
    pdf = tmp_path / "files" / "time.pdf"
    shutil.copy2(pdf, tmp_path / "copy.pdf")
    pdf.unlink()
    shutil.copy2(tmp_path / "copy.pdf", pdf)
    Index.open(tmp_path / "index").search(Query("ferry", min_score=0, names=False), RunOptions(rerank="x/y"))
    assert sum(one.image is not None for one in watching.seen) == 2


def test_a_text_only_reranker_reports_what_it_could_not_judge(place: Path) -> None:
    folder = Index.open(place / "index").folder
    with Snapshot(folder) as snapshot:
        photo = snapshot.connection.execute(
            "SELECT s.id FROM segments s JOIN assets a ON a.id = s.asset_id WHERE a.kind = 'image'"
        ).fetchone()[0]
        judged = model_reranking.rerank_by_model(
            snapshot, "ferry", Query("ferry"), RunOptions(rerank=str(place / "marco")), [photo]
        )
    assert judged.scores == {}
    assert judged.notes == ["marco could not judge 1 of them, which have no words for it; they keep their place."]


def test_a_query_without_words_is_none_for_a_text_only_reranker(place: Path) -> None:
    path = os.fsencode(place / "files" / "one.txt")
    answer = asked(place, text="", like=(Part(file=path),))
    assert not said(answer)
    assert "There is nothing in the query that marco could judge by." in answer.notes


def test_unknown_and_absent_rerankers_are_one_sentence_without_a_network(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a network attempt")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    with pytest.raises(UsageError, match="no model"):
        Index.open(place / "index").search(Query("ferry"), RunOptions(rerank="no-such-thing"))
    with pytest.raises(ModelUnavailable, match="not on this machine") as caught:
        Index.open(place / "index").search(Query("ferry"), RunOptions(rerank="qwen3-reranker-0.6b"))
    assert "mmsearch models pull" in caught.value.hint
    with pytest.raises(ModelUnavailable, match="clip is an embedder, not a reranker"):
        Index.open(place / "index").search(Query("ferry"), RunOptions(rerank="clip"))


def test_frames_come_with_the_length_of_their_scene() -> None:
    frames = np.zeros((2, 4, 4, 3), np.uint8)
    scene = Extracted(Segment(0, Locator(start_s=3.0, end_s=7.5)), image=frames[0], frames=frames)
    seen = with_image(Candidate("words"), scene, frozenset({View.IMAGE, View.VIDEO}))
    assert isinstance(seen.frames, Clip) and seen.frames.seconds == 4.5 and seen.image is None
    seen = with_image(Candidate("words"), scene, frozenset({View.IMAGE}))
    assert (seen.frames is None and seen.image is frames[0]) or cast(np.ndarray, seen.image).shape == (4, 4, 3)


def test_a_late_interaction_model_reranks_pages_by_their_images(place: Path, tmp_path: Path) -> None:
    tiny_colqwen2(tmp_path / "late")
    answer = asked(place, f"{tmp_path}/late", all_segments=True)
    judged = {hit.locator.page: one.score for hit in answer.hits for one in hit.signals if one.name == "rerank"}
    assert set(judged) == {1, 2} and all(0 <= score <= 1 for score in judged.values())
    model = load_reranker(resolve(str(tmp_path / "late")))
    with Files() as files:
        source = source_of(os.fsencode(place / "files" / "time.pdf"))
        pages = files.read(source, Needs(image_pixels=model.max_pixels, ocr="never")).segments
    wanted = model.score(Candidate("ferry"), [Candidate(image=one.image) for one in pages])
    assert [judged[1], judged[2]] == pytest.approx(wanted.tolist(), abs=1e-4)
    assert "late could not judge 4 of them, which show nothing that it takes; they keep their place." in answer.notes


def test_the_whole_program_reranks(
    place: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(place)
    arguments = ["query", "ferry", "--index", "./index", "--format", "jsonl", "--min-score", "0"]
    assert run_program([*arguments, "--rerank", "./marco", "--rerank-top", "3", "--rerank-seconds", "1m"]) == 0
    out, err = capfd.readouterr()
    hits = [json.loads(line) for line in out.splitlines()]
    judged = [one for hit in hits for one in hit["signals"] if one["name"] == "rerank"]
    assert len(judged) >= 2 and err == ""
    assert [hit["score"] for hit in hits] == sorted((hit["score"] for hit in hits), reverse=True)
    for wrong, sentence in (
        (["--rerank", "./files"], "There is no model in the folder"),
        (["--rerank", "clip"], "clip is an embedder, not a reranker."),
        (["--rerank", "./marco", "--rerank-seconds", "soon"], "--rerank-seconds can't be 'soon'."),
        (["--rerank", "./marco", "--dtype", "int4"], "--dtype can't be 'int4'."),
    ):
        assert run_program([*arguments, *wrong]) == 2
        out, err = capfd.readouterr()
        assert out == "" and err.startswith(sentence) and "\n\nhint: " in err


@pytest.mark.parametrize(
    ("rerank", "trusted", "wanted"),
    [
        ("jina-reranker-m0", ("jinaai/jina-reranker-m0",), True),
        ("jinaai/jina-reranker-m0", ("jina-reranker-m0",), True),
        ("jina-reranker-m0", ("nemotron-rerank-vl-1b",), False),
        ("jina-reranker-m0", (), False),
    ],
)
def test_trust_goes_by_the_model_and_not_by_how_it_is_called(
    rerank: str, trusted: tuple[str, ...], wanted: bool
) -> None:
    options = model_reranking._model_options(RunOptions(rerank=rerank, trust_remote_code=trusted, device="cpu"))
    assert options == ModelOptions(device="cpu", trust_remote_code=wanted)


def test_code_of_a_publisher_is_not_run_unasked(place: Path) -> None:
    with pytest.raises(ModelUnavailable, match="code of its own") as caught:
        asked(place, "jinaai/jina-reranker-m0")
    assert "--trust-remote-code" in caught.value.hint
