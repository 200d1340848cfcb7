"""Nearest neighbours: ann files and the rows beside them give what a scan over all rows gives."""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import faiss
import numpy as np
import pytest

from mmsearch import trust
from mmsearch.errors import StoppedEarly
from mmsearch.query import Filter
from mmsearch.store import ann, ann_build, files
from mmsearch.store.catalogue import open_writer, transaction
from mmsearch.store.layout import IndexFolder, Signature
from mmsearch.store.meta import index_id
from mmsearch.store.segments import SpanResult, Vectors, commit_span, refresh_background
from mmsearch.store.snapshot import Snapshot
from mmsearch.store.verify import verify
from mmsearch.types import Locator, Probe, Segment, Span

DIMENSION = 16


class Small:
    """An index of text assets with random vectors, each asset of one segment with one to three parts."""

    def __init__(self, path: Path) -> None:
        self.folder = IndexFolder(path / "index")
        self.folder.create()
        self.lots = np.random.default_rng(5)
        self.connection = open_writer(self.folder)
        trust.register(self.folder.path, str(index_id(self.connection)))
        self.root = path
        self.connection.execute("INSERT INTO roots (path, relative, walked, device) VALUES (x'2f64', 0, 1, 0)")
        self.connection.execute(
            "INSERT INTO spaces (name, fingerprint, recorded, dimension, views)"
            " VALUES ('m', '{}', '{}', 16, '[\"text\"]')"
        )
        self.assets: dict[int, int] = {}  # asset -> file
        self.number = 0

    def unit(self, rows: int) -> np.ndarray:
        matrix = self.lots.standard_normal((rows, DIMENSION)).astype(np.float32)
        rows_of_length_1: np.ndarray = matrix / np.linalg.norm(matrix, axis=1, keepdims=True)
        return rows_of_length_1

    def add(self, count: int, hidden: bool = False) -> list[int]:
        added = []
        with transaction(self.connection, self.folder):
            for _ in range(count):
                self.number += 1
                path = f"{'even' if self.number % 2 == 0 else 'odd'}/{self.number}.txt".encode()
                facts = files.FileFacts(path, 10, self.number, self.number, "text", "text")
                file_id = files.put_file(self.connection, 1, facts)
                asset_id, _ = files.put_asset(self.connection, f"key{self.number}", "text", "text")
                if not hidden:
                    files.link(self.connection, file_id, asset_id)
                else:
                    self.connection.execute("UPDATE files SET next_asset_id = ? WHERE id = ?", (asset_id, file_id))
                spans = (Span(0, 1), Span(1, 2)) if hidden else (Span(0, 1),)
                chunk = SpanResult(
                    asset_id, f"key{self.number}", 0, Probe(spans), [Segment(0, Locator(), f"w{self.number}")]
                )
                chunk.vectors.append(Vectors(0, 1, "text", self.unit(1 + self.number % 3)))
                commit_span(self.connection, chunk, [1])
                self.assets[asset_id] = file_id
                added.append(asset_id)
            refresh_background(self.connection, 1, "text")
        return added

    def remove(self, assets: list[int]) -> None:
        with transaction(self.connection, self.folder):
            for asset_id in assets:
                files.remove_file(self.connection, self.assets.pop(asset_id))
            files.remove_orphans(self.connection)

    def build(self) -> None:
        ann.build(self.connection, self.folder, 1, "text", DIMENSION, lambda: self.unit(50))

    def brute(self, query: np.ndarray, where: str = "1") -> dict[int, float]:
        """The cosine of the best part of each visible segment."""
        rows = self.connection.execute(
            "SELECT e.segment_id, e.vector FROM embeddings e JOIN segments s ON s.id = e.segment_id"
            f" JOIN assets a ON a.id = s.asset_id JOIN files f ON f.asset_id = a.id WHERE a.visible = 1 AND {where}"
        )
        best: dict[int, float] = {}
        for segment_id, vector in rows:
            score = float(np.frombuffer(vector, np.float16).astype(np.float32) @ query)
            best[segment_id] = max(score, best.get(segment_id, -2.0))
        return best

    def agrees(self, k: int = 40, where: str = "1", wanted: Filter | None = None, least: int = 10) -> None:
        """Hold what a snapshot gives against the scan."""
        for query in self.unit(6):
            with Snapshot(self.folder, wanted) as snapshot:
                found = snapshot.nearest(1, "text", query, k)
            truth = self.brute(query, where)
            assert all(abs(score - truth[segment_id]) < 2e-3 for segment_id, score in found)
            assert [score for _, score in found] == sorted((score for _, score in found), reverse=True)
            best = sorted(truth.values(), reverse=True)[: min(least, len(truth))]
            assert [score for _, score in found][: len(best)] == pytest.approx(best, abs=2e-3)


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Small]:
    one = Small(tmp_path)
    with contextlib.closing(one.connection):
        yield one


@pytest.fixture(params=["no file", "flat", "ivf"])
def built(request: pytest.FixtureRequest, small: Small, monkeypatch: pytest.MonkeyPatch) -> Small:
    """150 assets in the file (if any), some of them gone since, some rows after it, some not visible yet."""
    monkeypatch.setattr(ann, "FLAT_UP_TO", 100 if request.param == "ivf" else 100_000)
    first = small.add(150)
    small.add(10, hidden=True)
    if request.param != "no file":
        small.build()
        assert ann.generations(small.connection, 1, "text")[0].shape == request.param
    small.remove(first[::7])
    small.add(30)
    small.add(5, hidden=True)
    return small


def test_the_nearest_are_those_of_a_scan(built: Small) -> None:
    built.agrees()
    built.agrees(k=3, least=1)
    built.agrees(k=1000, least=150)


def test_filters_hold_within_the_search(built: Small) -> None:
    built.agrees(
        where="f.path LIKE CAST('even%' AS BLOB) OR CAST(f.path AS TEXT) LIKE 'even%'",
        wanted=Filter(within=("/d/even",)),
        k=60,
    )
    few = built.connection.execute("SELECT path FROM files WHERE asset_id > 20 ORDER BY id LIMIT 3").fetchall()
    paths = tuple(f"/d/{row[0].decode()}" for row in few)
    built.agrees(
        where=f"f.path IN (SELECT path FROM files WHERE asset_id > 20 ORDER BY id LIMIT {len(paths)})",
        wanted=Filter(within=paths),
    )
    with Snapshot(built.folder, Filter(within=("/nowhere",))) as snapshot:
        assert snapshot.nearest(1, "text", built.unit(1)[0], 10) == []


def test_what_is_removed_and_what_is_hidden_is_never_found(built: Small) -> None:
    shown = set(built.brute(built.unit(1)[0]))
    for query in built.unit(5):
        with Snapshot(built.folder) as snapshot:
            assert {segment_id for segment_id, _ in snapshot.nearest(1, "text", query, 5000)} <= shown


def test_a_new_generation_keeps_the_one_before_for_its_readers(small: Small) -> None:
    small.add(60)
    small.build()
    reader = Snapshot(small.folder)
    query = small.unit(1)[0]
    before = reader.nearest(1, "text", query, 20)
    late = Snapshot(small.folder)  # has not opened its file yet
    for _ in range(3):
        small.add(20)
        small.build()
    assert len(list(small.folder.path.glob("ann-*.faiss"))) == ann.KEPT_GENERATIONS
    assert [g.id for g in ann.generations(small.connection, 1, "text")] == [4, 3]
    assert reader.nearest(1, "text", query, 20) == before
    assert dict(late.nearest(1, "text", query, 20)) == pytest.approx(dict(before), abs=1e-3)
    small.agrees()
    reader.close()
    late.close()


def test_tombstones_go_with_their_generation(small: Small) -> None:
    first = small.add(40)
    small.build()
    small.remove(first[:10])
    assert small.connection.execute("SELECT count(DISTINCT embedding_id) FROM tombstones").fetchone()[0] > 10
    small.build()
    small.build()
    assert small.connection.execute("SELECT count(*) FROM tombstones").fetchone() == (0,)
    small.agrees()


def test_a_build_is_due_when_readers_have_much_to_scan(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ann, "REBUILD_ROWS", 100)

    def due(end: bool) -> bool:
        return ann.is_due(small.connection, 1, "text", run_ends=end)

    first = small.add(4)  # 8 rows
    assert (due(True), due(False)) == (False, False)
    first += small.add(1)  # 11
    assert (due(True), due(False)) == (True, False)
    first += small.add(60)
    assert (due(True), due(False)) == (True, True)
    small.build()
    assert (due(True), due(False)) == (False, False)
    small.remove(first[:3])  # 6 rows gone
    assert (due(True), due(False)) == (False, False)
    small.remove(first[3:9])
    assert (due(True), due(False)) == (True, False)


def test_recall_is_measured_and_kept(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ann, "FLAT_UP_TO", 100)
    small.add(400)
    small.build()
    found = ann.generations(small.connection, 1, "text")[0]
    assert (found.recall is not None and found.recall >= ann_build.WANTED_RECALL, cast(int, found.nprobe) >= 1) == (
        True,
        True,
    )
    ann.build(small.connection, small.folder, 1, "text", DIMENSION, lambda: np.empty((0, DIMENSION), np.float32))
    small.agrees()


@pytest.mark.parametrize("shape", ["flat", "ivf"])
def test_queries_use_the_file_that_was_built_and_not_a_scan_of_the_catalogue(
    small: Small, monkeypatch: pytest.MonkeyPatch, shape: str
) -> None:
    monkeypatch.setattr(ann, "FLAT_UP_TO", 100 if shape == "ivf" else 100_000)
    small.add(400)
    small.build()
    with Snapshot(small.folder) as snapshot:
        generation, index, tail, _ = snapshot._view(1, "text", DIMENSION)
    assert generation is not None and (generation.shape, index.ntotal, len(tail)) == (shape, generation.size, 0)


def test_files_of_killed_runs_are_swept_and_others_left(small: Small) -> None:
    small.add(20)
    small.build()
    kept = {path.name for path in small.folder.path.iterdir()}
    (small.folder.path / "ann-1-text-77.faiss").write_bytes(b"x")
    (small.folder.path / ".ann-1-text-78.faiss.123.tmp").write_bytes(b"x")
    (small.folder.encoders / "1").mkdir(parents=True)  # where older versions kept query encoders
    (small.folder.encoders / "1" / "text.onnx").write_bytes(b"x")
    (small.folder.path / "notes.txt").write_text("mine")
    ann.sweep(small.connection, small.folder)
    assert {path.name for path in small.folder.path.iterdir()} == kept | {"notes.txt"}


def test_a_file_that_can_not_be_written_stops_the_run_and_leaves_the_old_one(
    small: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    small.add(20)
    small.build()
    before = ann.generations(small.connection, 1, "text")

    def full(*_: object) -> None:
        raise RuntimeError("write error: No space left on device")

    monkeypatch.setattr("faiss.write_index", full)
    with pytest.raises(StoppedEarly):
        small.build()
    assert ann.generations(small.connection, 1, "text") == before
    assert not [path for path in small.folder.path.iterdir() if path.name.endswith(".tmp")]
    small.add(3)
    small.agrees()


def test_the_background_is_the_smallest_draws(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mmsearch.store.segments.BACKGROUND_SIZE", 25)
    first = small.add(40)
    small.remove(first[::3])
    small.add(7)
    smallest = "SELECT sampling_hash, id FROM embeddings ORDER BY sampling_hash, id LIMIT 25"
    sample = "SELECT sampling_hash, embedding_id FROM background ORDER BY sampling_hash"
    assert small.connection.execute(sample).fetchall() == small.connection.execute(smallest).fetchall()
    with Snapshot(small.folder) as snapshot:
        assert snapshot.background(1, "text").shape == (25, DIMENSION)
        assert np.allclose(np.linalg.norm(snapshot.background(1, "text"), axis=1), 1, atol=2e-3)


def test_a_repeated_span_is_harmless(small: Small) -> None:
    asset = small.add(1)[0]
    before = small.connection.execute("SELECT count(*), max(id) FROM embeddings").fetchall()
    small.connection.execute("UPDATE assets SET state = 'pending'")
    chunk = SpanResult(asset, "key1", 0, Probe((Span(0, 1),)), [Segment(0, Locator(), "again")])
    with transaction(small.connection, small.folder):
        assert commit_span(small.connection, chunk, [1]) == "complete"
        assert commit_span(small.connection, chunk, [1]) == "complete"
    assert small.connection.execute("SELECT count(*), max(id) FROM embeddings").fetchall() == before
    gone = SpanResult(999, "key", 0, Probe((Span(0, 1),)), [])
    assert commit_span(small.connection, gone, [1]) == "gone"


def test_words_that_sqlite_can_not_hold_are_cleaned(small: Small) -> None:
    facts = files.FileFacts(b"odd/a", 1, 1, 1, "text", "text")
    file_id = files.put_file(small.connection, 1, facts)
    asset_id, _ = files.put_asset(small.connection, "odd", "text", "text")
    files.link(small.connection, file_id, asset_id)
    segment = Segment(0, Locator(), "one\x00two \ud800three", details={"title": "a\x00b\udfff"})
    commit_span(small.connection, SpanResult(asset_id, "odd", 0, Probe((Span(0, 1),)), [segment]), [1])
    assert small.connection.execute("SELECT text FROM segments").fetchone() == ("onetwo ?three",)
    assert small.connection.execute("SELECT count(*) FROM words_fts WHERE words_fts MATCH 'three'").fetchone() == (1,)


def test_a_reader_writes_nothing(small: Small) -> None:
    with Snapshot(small.folder) as snapshot, pytest.raises(sqlite3.OperationalError):
        snapshot.connection.execute("DELETE FROM files")


def test_the_files_of_an_index_that_is_not_the_users_own_are_never_given_to_faiss(
    small: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    small.add(60)
    small.build()
    query = small.unit(1)[0]
    with Snapshot(small.folder) as snapshot:
        own = snapshot.nearest(1, "text", query, 10)
    trust.forget(small.folder.path)

    def refuse(*_: object) -> None:
        raise AssertionError("FAISS was given a file of a foreign index")

    monkeypatch.setattr(faiss, "read_index", refuse)
    with Snapshot(small.folder) as snapshot:
        foreign = snapshot.nearest(1, "text", query, 10)
    assert [one for one, _ in foreign] == [one for one, _ in own]
    said = {one.invariant: one.state for one in verify(small.folder, repair=False, deep=True)}
    assert said["The ann files are those of the catalogue"] == "ok"


@pytest.mark.parametrize("shape", ["flat", "ivf"])
def test_a_file_cut_anywhere_is_not_used(small: Small, monkeypatch: pytest.MonkeyPatch, shape: str) -> None:
    monkeypatch.setattr(ann, "FLAT_UP_TO", 100 if shape == "ivf" else 100_000)
    small.add(120)
    small.build()
    (path,) = small.folder.path.glob("ann-*.faiss")
    whole = path.read_bytes()
    (generation,) = ann.generations(small.connection, 1, "text")
    for kept in (0, 4, 67, 100, len(whole) // 2, len(whole) - 100, len(whole) - 8):
        path.unlink()  # it may be mapped
        path.write_bytes(whole[:kept])
        recorded = {path.name: cast(Signature, small.folder.signature(path.name))}
        index = ann.load(small.folder, generation, DIMENSION, recorded)
        assert index is None or not ann.agrees(small.connection, generation, index)
    small.agrees()
