"""The index as its callers see it: files of all kinds in, right answers out, with the real model. Read only."""

import os
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from small_index import broken, counts, rows, run, write, write_pdf, write_png, write_wav

from mmsearch.config import Settings
from mmsearch.errors import ModelUnavailable, NoIndex, UsageError
from mmsearch.index import Index
from mmsearch.models import builtin
from mmsearch.query import Filter, Part, Query, RunOptions
from mmsearch.retrieval.query_encoding import QueryEncoders
from mmsearch.run_record import RunRecord
from mmsearch.store.snapshot import Snapshot

TEXTS = {
    "boats.md": "# Harbour\n\nThe fishing boats come back at dawn with herring and cod.\n",
    "money.txt": "Quarterly revenue grew by twelve percent, mostly from subscriptions.\n",
    "kuche.txt": "Für den Kuchen braucht man Mehl, Zucker und drei Eier.\n",
    "code.py": "def fibonacci(n):\n    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)\n",
    "deep/garden.txt": "Tomatoes need sun and water; prune the side shoots in July.\n",
}


@pytest.fixture(scope="session")
def collection(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, RunRecord]:
    """Files of four kinds, indexed once with the built-in model."""
    try:
        builtin.locate()
    except ModelUnavailable as error:
        pytest.skip(error.sentence)
    base = tmp_path_factory.mktemp("collection")
    for name, text in TEXTS.items():
        write(base / "docs" / name, text)
    shutil.copy(base / "docs" / "money.txt", base / "docs" / "deep" / "money copy.txt")
    write_pdf(
        base / "docs" / "report.pdf", "Introduction and overview", "Penguins breed in Antarctica", "List of figures"
    )
    write_png(base / "docs" / "sunset-lagoon.png")
    write_wav(base / "docs" / "siren.wav", 12.0)
    (base / "docs" / "drawing-turbine.dwg").write_bytes(b"AC1032\x00" * 9)
    record = run(base / "index", base / "docs", workers=2)
    return base, record


@pytest.fixture
def docs(collection: tuple[Path, RunRecord]) -> bytes:
    return os.fsencode(collection[0] / "docs")


@pytest.fixture
def index(collection: tuple[Path, RunRecord]) -> Index:
    return Index.open(collection[0] / "index")


def test_every_file_has_its_verdict(collection: tuple[Path, RunRecord]) -> None:
    assert counts(collection[1]) == {"seen": 10, "indexed": 9, "skipped": 1}


def test_the_index_keeps_its_promises(collection: tuple[Path, RunRecord]) -> None:
    assert broken(collection[0] / "index", deep=True) == {}


@pytest.mark.parametrize(("name", "dimension"), [("builtin", 384), (builtin.IMAGES, 384), (builtin.SIMILARITY, 256)])
def test_vectors_are_unit_and_those_of_the_model(collection: tuple[Path, RunRecord], name: str, dimension: int) -> None:
    sql = "SELECT e.vector FROM embeddings e JOIN spaces s ON s.id = e.space_id WHERE s.name = ?"
    stored = rows(collection[0] / "index", sql, name)
    if not stored and name in builtin.IMAGE_SPACES:
        pytest.skip("the weights of the image encoder are not installed")
    matrix = np.stack([np.frombuffer(row[0], np.float16) for row in stored])
    assert matrix.shape[1] == dimension
    assert np.allclose(np.linalg.norm(matrix.astype(np.float32), axis=1), 1, atol=5e-3)


@pytest.mark.parametrize(
    ("text", "path", "place"),
    [
        ("fishing boats at dawn", b"boats.md", ":1-3"),
        ("penguins in Antarctica", b"report.pdf", "#page=2"),
        ("recursive function", b"code.py", ":1-2"),
        ("how did sales develop", b"money.txt", ":1-1"),
        ("growing vegetables", b"deep/garden.txt", ":1-1"),
        ("Zucker", b"kuche.txt", ":1-1"),
        ("sunset lagoon", b"sunset-lagoon.png", ""),
        ("turbine drawing", b"drawing-turbine.dwg", ""),
        ("siren", b"siren.wav", None),
    ],
)
def test_questions_find_their_place(index: Index, docs: bytes, text: str, path: bytes, place: str | None) -> None:
    hit = index.search(Query(text, min_score=0.0)).hits[0]
    assert docs + b"/" + path in (hit.path, *hit.same)
    assert place is None or hit.locator.fragment() == place
    assert hit.score == pytest.approx(sum(signal.contribution for signal in hit.signals), abs=1e-6)


def test_same_contents_are_one_row(index: Index, docs: bytes) -> None:
    folded = index.search(Query("quarterly revenue", min_score=0.0)).hits[0]
    assert {folded.path, *folded.same} == {docs + b"/money.txt", docs + b"/deep/money copy.txt"}
    unfolded = index.search(Query("quarterly revenue", fold=False, min_score=0.0)).hits[:2]
    assert {hit.path for hit in unfolded} == {folded.path, *folded.same}


def test_filters_narrow(index: Index, docs: bytes) -> None:
    def paths(where: Filter) -> set[bytes]:
        return {hit.path for hit in index.search(Query("report", k=50, min_score=0.0, where=where)).hits}

    assert paths(Filter(kinds=("pdf",))) == {docs + b"/report.pdf"}
    assert paths(Filter(within=(os.fsdecode(docs) + "/deep",))) <= {
        docs + b"/deep/garden.txt",
        docs + b"/deep/money copy.txt",
    }
    assert paths(Filter(within=("/nowhere",))) == set()


def test_similar_leaves_the_file_itself_out(index: Index, docs: bytes) -> None:
    hits = index.similar(docs + b"/boats.md", Query(k=20, min_score=0.0)).hits
    assert docs + b"/boats.md" not in {hit.path for hit in hits}
    assert index.similar(docs + b"/report.pdf#page=2", Query(k=3)) is not None
    for target in (b"/nowhere.txt", docs + b"/report.pdf#page=9"):
        with pytest.raises(UsageError):
            index.similar(target, Query())


def test_status_counts(index: Index, docs: bytes) -> None:
    status = index.status()
    assert (status.roots, status.files, status.failed, status.pending, status.stale) == ((docs,), 10, 0, 0, 0)
    assert status.by_kind == {"audio": 1, "image": 1, "pdf": 1, "text": 6}
    assert status.skipped == {".dwg": 1}
    assert (status.spaces[0].name, status.spaces[0].dimension) == ("builtin", builtin.DIMENSION)
    assert status.last_run is not None and status.last_run["outcome"] == "done"
    assert (status.writing, status.notes) == ("", ())


def test_holdings_are_what_the_advice_on_models_needs(index: Index) -> None:
    held = index.holdings()
    assert held.by_kind == {"audio": 1, "image": 1, "pdf": 1, "text": 6} and held.segments == index.status().segments
    assert (held.pages, held.scanned_pages, round(held.recorded_s)) == (3, 0, 12)
    assert builtin.SPECS[builtin.ENGLISH].source in held.models


def test_a_copy_of_the_index_answers_the_same(collection: tuple[Path, RunRecord], index: Index, tmp_path: Path) -> None:
    shutil.copytree(collection[0] / "index", tmp_path / "index")
    for text in ("penguins", "boats", "revenue"):
        answers = [one.search(Query(text, min_score=0.0)).hits for one in (index, Index.open(tmp_path / "index"))]
        assert [hit.segment_id for hit in answers[0]] == [hit.segment_id for hit in answers[1]]


def test_a_run_between_two_queries_is_seen_by_the_second(collection: tuple[Path, RunRecord], tmp_path: Path) -> None:
    write(tmp_path / "docs" / "one.txt", "The walrus sleeps on the ice.")
    run(tmp_path / "index", tmp_path / "docs")
    with Index.open(tmp_path / "index") as index:
        query = Query("walrus", min_score=0.0, names=False)
        assert [os.path.basename(hit.path) for hit in index.search(query).hits] == [b"one.txt"]
        snapshot = index._snapshot
        assert index.search(query).hits and index._snapshot is snapshot  # nothing changed: nothing is opened again
        write(tmp_path / "docs" / "two.txt", "A walrus has tusks.")
        run(tmp_path / "index", tmp_path / "docs")
        assert {os.path.basename(hit.path) for hit in index.search(query).hits} == {b"one.txt", b"two.txt"}
        (tmp_path / "docs" / "one.txt").unlink()
        run(tmp_path / "index", tmp_path / "docs")
        assert [os.path.basename(hit.path) for hit in index.search(query).hits] == [b"two.txt"]
        shutil.rmtree(tmp_path / "index")
        with pytest.raises(NoIndex):
            index.search(query)
        run(tmp_path / "index", tmp_path / "docs")
        assert [os.path.basename(hit.path) for hit in index.search(query).hits] == [b"two.txt"]


def test_the_second_query_answers_as_one_in_a_fresh_index(collection: tuple[Path, RunRecord]) -> None:
    with Index.open(collection[0] / "index") as index:
        for query in (
            Query("revenue", min_score=0.0),
            Query("revenue", min_score=0.0, where=Filter(kinds=("text",))),
            Query("penguins", min_score=0.0, where=Filter(kinds=("pdf",))),
            Query('"penguins breed"', min_score=0.0),
            Query("revenue", min_score=0.0),
        ):
            with Index.open(collection[0] / "index") as fresh:
                assert index.search(query).hits == fresh.search(query).hits


def test_between_queries_no_lock_is_held_and_a_failed_query_leaves_none(
    collection: tuple[Path, RunRecord], tmp_path: Path
) -> None:
    shutil.copytree(collection[0] / "index", tmp_path / "index")
    with Index.open(tmp_path / "index") as index:
        index.search(Query("revenue"))
        assert not cast(Snapshot, index._snapshot).connection.in_transaction
        with pytest.raises(UsageError):
            index.search(Query("-only"))
        assert index._snapshot is None or not index._snapshot.connection.in_transaction
        assert index.search(Query("revenue")).hits


def test_threads_take_turns_and_get_the_same_answers(collection: tuple[Path, RunRecord]) -> None:
    texts = ["revenue", "penguins", "tomatoes", "fishing boats", "fibonacci"] * 4
    with Index.open(collection[0] / "index") as index, ThreadPoolExecutor(4) as pool:
        alone = [index.search(Query(text)).hits for text in texts]
        assert list(pool.map(lambda text: index.search(Query(text)).hits, texts)) == alone


def test_a_closed_index_holds_nothing_and_opens_again_when_asked(collection: tuple[Path, RunRecord]) -> None:
    index = Index.open(collection[0] / "index")
    hits = index.search(Query("revenue")).hits
    index.close()
    encoders = cast(QueryEncoders, index._encoders)
    assert index._snapshot is None and not encoders._exported and not encoders._whole
    assert index.search(Query("revenue")).hits == hits
    index.close()
    index.close()


@pytest.mark.parametrize("kind", [str, os.fsencode, Path], ids=["str", "bytes", "Path"])
def test_paths_may_be_text_bytes_or_path_objects(
    collection: tuple[Path, RunRecord], tmp_path: Path, kind: Callable[[str], Any]
) -> None:
    folder, docs = kind(str(tmp_path / "index")), kind(str(tmp_path / "docs"))
    write(tmp_path / "docs" / "boat.txt", "A boat on the water.")
    write(tmp_path / "docs" / "ship.txt", "A boat and a ship on the water.")
    list(Index.update(folder, docs, Settings()))  # one path is a list of one
    boat = kind(str(tmp_path / "docs" / "boat.txt"))
    with Index.open(folder) as index:
        assert len(index.search(Query("boat", min_score=0.0)).hits) == 2
        (hit,) = index.similar(boat, Query(min_score=0.0, names=False)).hits
        assert hit.path == os.fsencode(tmp_path / "docs" / "ship.txt")
        assert index.search(Query(like=(Part(file=boat),), min_score=0.0, names=False)).hits == (hit,)
        assert index.duplicates(boat) == []
    assert Index.forget(folder, [boat], Settings()) == 1
    assert Index.verify(folder)


def test_what_no_folder_or_number_can_be_is_one_of_our_exceptions() -> None:
    for wrong in ("", b"", "a\0b"):
        with pytest.raises(UsageError):
            Index.open(wrong)
    with pytest.raises(UsageError):
        Query("boat", k=0)
    options: list[dict[str, Any]] = [{"device": "toaster"}, {"dtype": "int4"}, {"query_encoder": "magic"}]
    for option in options:
        with pytest.raises(UsageError):
            RunOptions(**option)
