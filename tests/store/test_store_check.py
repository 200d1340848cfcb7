"""Every check of `verify` can fail, and what is derived is mended; damage is said to be damage, never a traceback."""

import contextlib
import json
import os
import random
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from small_index import broken, change, contents, found, rows, run, use_word_model, write, write_pdf

from mmsearch.config import Settings
from mmsearch.errors import DamagedIndex, MmsearchError, NoIndex
from mmsearch.index import Index
from mmsearch.indexing.adoption import adopt
from mmsearch.query import Query
from mmsearch.store import ann, sums
from mmsearch.store.layout import IndexFolder

pytestmark = pytest.mark.usefixtures("word_model")


@pytest.fixture(scope="module")
def larger(notes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index of the notes and a PDF in an ann file, and of a note that is in none."""
    base = tmp_path_factory.mktemp("larger")
    shutil.copytree(notes / "docs", base / "docs")
    with pytest.MonkeyPatch.context() as patch:
        use_word_model(patch.setattr)
        patch.setattr(ann, "REBUILD_ROWS", 10)
        write_pdf(base / "docs" / "report.pdf", "The first page", "The second page", "The third page")
        run(base / "index", base / "docs")
        write(base / "docs" / "late.txt", "A late note, which is in no ann file.\n")
        run(base / "index")
    return base


@pytest.fixture
def index(larger: Path, tmp_path: Path) -> Path:
    shutil.copytree(larger, tmp_path / "here", copy_function=shutil.copy2)
    adopt(tmp_path / "here" / "index")  # or its ann files would not be opened
    return tmp_path / "here" / "index"


def ann_file(index: Path) -> Path:
    return next(index.glob("ann-*.faiss"))


def test_a_whole_index_keeps_every_invariant(index: Path) -> None:
    assert {one.state for one in Index.verify(index, deep=True)} == {"ok"}
    assert len(list(index.glob("ann-*.faiss"))) == 1


def drop_words(index: Path) -> None:
    change(index, "DELETE FROM words_fts WHERE rowid = 3")


def flip_ann(index: Path) -> None:
    path = ann_file(index)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)


def another_ann(index: Path) -> None:
    """A file of the same size over other vectors, as another index would have it."""
    import faiss

    path = ann_file(index)
    mine = faiss.read_index(str(path))
    codes = faiss.IndexScalarQuantizer(mine.d, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
    other = faiss.IndexIDMap(codes)
    other.add_with_ids(
        np.random.default_rng(1).standard_normal((mine.ntotal, mine.d)).astype(np.float32),
        np.arange(1, mine.ntotal + 1),
    )
    faiss.write_index(other, str(path))


LONELY = "INSERT INTO assets (key, kind, format, extractor, state, visible) VALUES ('k', 'text', 't', 1, 'complete', 0)"
DERIVED: dict[str, Callable[[Path], object]] = {
    "What is visible is shown by a file, and the other way round": lambda index: change(
        index, "UPDATE assets SET visible = 0 WHERE id = 2"
    ),
    "No asset is left that no file has": lambda index: change(index, LONELY),
    "The word table says what the segments say": lambda index: change(
        index, "UPDATE words_fts SET words = 'something else' WHERE rowid = 3"
    ),
    "Every visible segment with words is in the word table": drop_words,
    "The word tables find what they hold": lambda index: change(
        index, "UPDATE words_fts_content SET c0 = replace(c0, 'walrus', 'penguin') WHERE id = 3"
    ),
    "Every file can be found by its name": lambda index: change(index, "DELETE FROM names_fts WHERE rowid = 2"),
    "The background sample holds the smallest hashes": lambda index: change(
        index,
        "INSERT INTO background SELECT space_id, view, sampling_hash + 1, id, vector FROM embeddings WHERE id = 4",
    ),
    "The ann files are those of the catalogue": lambda index: ann_file(index).unlink(),
    "The ann files' bytes are as they were written": flip_ann,
    "No left-over files lie in the index folder": lambda index: (index / "ann-1-text-99.faiss").write_bytes(b"x"),
}
TRUE_DAMAGE: dict[str, Callable[[Path], object]] = {
    "Every row refers to one that is there": lambda index: change(index, "DELETE FROM segments WHERE id = 2"),
    "Every embedding is a unit vector of its space": lambda index: change(
        index, "UPDATE embeddings SET vector = zeroblob(768) WHERE id = 5"
    ),
    "A complete asset has all of its spans": lambda index: change(index, "DELETE FROM spans WHERE asset_id = 3"),
    "No ids were used twice": lambda index: change(index, "UPDATE sqlite_sequence SET seq = 2 WHERE name = 'segments'"),
}


@pytest.mark.parametrize("invariant", DERIVED)
def test_what_is_derived_is_missed_and_mended(index: Path, invariant: str) -> None:
    before = contents(index)
    DERIVED[invariant](index)
    sums.seal(IndexFolder(index), None)  # as a fault of ours would leave it: all bytes are as they were written
    states = broken(index, deep=True)
    assert states[invariant] == "derived"
    assert set(states.values()) == {"derived"}
    assert set(broken(index, deep=True, repair=True).values()) == {"repaired"}
    assert broken(index, deep=True) == {}
    assert contents(index) == before
    assert found(index, "late note")[0].endswith(b"late.txt")


@pytest.mark.parametrize("invariant", TRUE_DAMAGE)
def test_true_damage_is_reported_and_not_papered_over(index: Path, invariant: str) -> None:
    TRUE_DAMAGE[invariant](index)
    for repair in (False, True):
        found_so = {one.invariant: one for one in Index.verify(index, deep=True, repair=repair)}[invariant]
        assert (found_so.state, bool(found_so.sentence), bool(found_so.hint)) == ("broken", True, True)


@pytest.mark.parametrize(
    ("damage", "seen"),
    [
        ("UPDATE embeddings SET vector = x'0102' WHERE id = 5", "Every embedding is a unit vector of its space"),
        ("UPDATE embeddings SET vector = x'010203' WHERE id = 5", "Every embedding is a unit vector of its space"),
        ("UPDATE embeddings SET sampling_hash = 5 WHERE id = 5", "Every embedding is a unit vector of its space"),
        ("UPDATE background SET vector = zeroblob(768)", "The background sample holds the smallest hashes"),
        ("DELETE FROM background", "The background sample holds the smallest hashes"),
        ("UPDATE assets SET visible = 1 - visible", "What is visible is shown by a file, and the other way round"),
        ("UPDATE files SET path = CAST('other.txt' AS BLOB) WHERE id = 1", "Every file can be found by its name"),
        ("INSERT INTO names_fts (rowid, names) VALUES (999, 'ghost')", "Every file can be found by its name"),
        ("INSERT INTO words_fts (rowid, words) VALUES (99, 'ghost')", "The word table says what the segments say"),
        ("DELETE FROM words_fts_data WHERE id > 10", "The word tables find what they hold"),
        ("UPDATE files SET asset_id = 777 WHERE id = 1", "Every row refers to one that is there"),
    ],
)
def test_other_damage_is_seen(index: Path, damage: str, seen: str) -> None:
    change(index, damage)
    assert seen in broken(index, deep=True)


def test_an_ann_file_of_another_index_is_not_believed(index: Path) -> None:
    wanted = Index.open(index).search(Query("number 7 otters"))
    another_ann(index)
    answer = Index.open(index).search(Query("number 7 otters"))
    assert [hit.path for hit in answer.hits] == [hit.path for hit in wanted.hits]
    assert "The ann files are those of the catalogue" in broken(index)


@pytest.mark.parametrize("make", [lambda p: p.unlink(), lambda p: p.write_bytes(b""), lambda p: p.write_bytes(b"junk")])
def test_without_its_ann_file_an_index_answers_the_same(index: Path, make: Callable[[Path], object]) -> None:
    wanted = [hit.path for hit in Index.open(index).search(Query("number 7 otters")).hits]
    make(ann_file(index))
    assert [hit.path for hit in Index.open(index).search(Query("number 7 otters")).hits] == wanted


def ask_everything(index: Path) -> None:
    """All that a reader may ask."""
    opened = Index.open(index)
    opened.status()
    opened.failed()
    opened.search(Query("walrus note", k=30))
    Index.verify(index, deep=True)


@pytest.mark.parametrize("kept", [0, 1, 50, 99, 100, 4096, 10_000, 0.5, 0.9])
def test_a_truncated_catalogue_is_damage_and_no_traceback(index: Path, kept: float) -> None:
    data = (index / "catalogue.db").read_bytes()
    (index / "catalogue.db").write_bytes(data[: int(kept * len(data)) if isinstance(kept, float) else kept])
    with pytest.raises((DamagedIndex, NoIndex)):
        Index.open(index).search(Query("walrus"))
    with contextlib.suppress(DamagedIndex, NoIndex):
        assert broken(index, deep=True)


def test_bit_flips_in_the_catalogue_never_end_in_a_traceback(index: Path) -> None:
    whole = (index / "catalogue.db").read_bytes()
    lots = random.Random(11)
    for _ in range(150):
        data = bytearray(whole)
        for _ in range(lots.choice((1, 1, 8))):
            at = lots.randrange(len(data)) if lots.random() < 0.5 else lots.randrange(12) * 4096 + lots.randrange(200)
            data[at % len(data)] ^= 1 << lots.randrange(8)
        (index / "catalogue.db").write_bytes(data)
        for ask in (ask_everything, lambda index: Index.verify(index, deep=True)):
            with contextlib.suppress(MmsearchError):
                ask(index)


def test_a_missing_log_loses_nothing_that_was_closed(index: Path) -> None:
    before = contents(index)
    for suffix in ("-wal", "-shm"):
        (index / f"catalogue.db{suffix}").unlink(missing_ok=True)
    assert contents(index) == before
    assert broken(index, deep=True) == {}


def test_a_catalogue_of_another_program_is_refused_and_left_alone(tmp_path: Path, index: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    connection = sqlite3.connect(other / "catalogue.db")
    connection.execute("CREATE TABLE books (title)")
    connection.commit()
    connection.close()
    before = (other / "catalogue.db").read_bytes()
    for use in (lambda: Index.open(other), lambda: Index.verify(other), lambda: run(other, index.parent)):
        with pytest.raises(DamagedIndex):
            use()
    assert (other / "catalogue.db").read_bytes() == before


def test_a_catalogue_whose_tables_can_not_be_read_is_damage(index: Path) -> None:
    sql = "UPDATE sqlite_master SET rootpage = 99999 WHERE name = 'names_fts_data'"
    change(index, "PRAGMA writable_schema = ON", sql)
    for use in (lambda: run(index), lambda: Index.verify(index, repair=True), lambda: Index.open(index)):
        with pytest.raises(DamagedIndex):
            use()


@pytest.mark.parametrize("column", ["details", "text"])
def test_a_row_with_a_hole_is_damage(index: Path, column: str) -> None:
    strict, loose = f"{column} TEXT NOT NULL", f"{column} TEXT         "
    rule = "UPDATE sqlite_master SET sql = replace(sql, '{}', '{}') WHERE name = 'segments'"
    change(index, "PRAGMA writable_schema = ON", rule.format(strict, loose))
    change(index, f"UPDATE segments SET {column} = NULL")
    change(index, "PRAGMA writable_schema = ON", rule.format(loose, strict))
    assert "broken" in broken(index, deep=True).values()
    with pytest.raises(DamagedIndex):
        found(index, "walrus")


def test_details_that_are_no_json_are_damage(index: Path) -> None:
    change(index, "UPDATE segments SET details = '{' || details")
    assert "broken" in broken(index, deep=True, repair=True).values()
    with pytest.raises(DamagedIndex):
        found(index, "walrus")


def test_a_killed_run_leaves_assets_that_no_file_has_and_that_is_no_damage(index: Path) -> None:
    """A moved file may want them again: the next run ends them."""
    change(
        index,
        LONELY,
        "INSERT INTO runs (command, started) VALUES ('index', 0)",
    )
    assert broken(index) == {}
    run(index)
    assert rows(index, "SELECT count(*) FROM assets WHERE key = 'k'") == [(0,)]


def test_forget_reports_what_it_rebuilt(index: Path) -> None:
    flip_ann(index)
    notes: list[str] = []
    target = os.fsencode(index.parent / "docs" / "late.txt")
    assert Index.forget(index, [target], Settings(), report=notes.append) == 1
    assert any("again" in note for note in notes), notes
    assert set(broken(index)) <= {"No left-over files lie in the index folder"}


def test_what_verify_reports_is_json(index: Path) -> None:
    flip_ann(index)
    assert json.dumps([[one.invariant, one.state, one.sentence, one.hint] for one in Index.verify(index, deep=True)])
