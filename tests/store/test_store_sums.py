"""Damage to an index is told, or made good and said: no command ends well in silence over it."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest
from small_index import broken, change, contents, events, found, run, seal, write

from mmsearch.config import Settings
from mmsearch.errors import DamagedIndex
from mmsearch.index import Index
from mmsearch.indexing.adoption import adopt
from mmsearch.query import Query
from mmsearch.run_record import Remark
from mmsearch.store import sums, verified, writing
from mmsearch.store.layout import IndexFolder
from mmsearch.store.log import lost_commits

pytestmark = pytest.mark.usefixtures("word_model", "small_ann_files")


@pytest.fixture
def index(own_index: Path) -> Path:
    return own_index


COMMANDS: dict[str, Callable[[Path], object]] = {
    "index": lambda index: run(index, index.parent / "docs"),
    "query": lambda index: Index.open(index).search(Query("walrus")),
    "status": lambda index: Index.open(index).status(),
    "dupes": lambda index: Index.open(index).duplicates(),
    "forget": lambda index: Index.forget(index, [os.fsencode(index.parent / "docs" / "note01.md")], Settings()),
    "repair": lambda index: Index.verify(index, repair=True),
}


def flip(path: Path, at: int) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 4]))


def vector_place(index: Path) -> int:
    """Where a vector lies in the catalogue: a bit there is seen by nothing but a checksum."""
    import sqlite3

    connection = sqlite3.connect(f"file:{index / 'catalogue.db'}?immutable=1", uri=True)
    vector = connection.execute("SELECT vector FROM embeddings WHERE id = 5").fetchone()[0]
    connection.close()
    return (index / "catalogue.db").read_bytes().index(vector) + 100


@pytest.mark.parametrize("command", COMMANDS)
def test_one_flipped_bit_of_a_vector_is_told_by_every_command(index: Path, command: str) -> None:
    flip(index / "catalogue.db", vector_place(index))
    with pytest.raises(DamagedIndex, match="bytes have changed") as caught:
        COMMANDS[command](index)
    assert caught.value.exit_code == 3 and "delete it" in caught.value.hint


def test_verify_sees_a_bit_that_flipped_without_a_change_of_time(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flip(index / "catalogue.db", vector_place(index))
    known = cast(sums.Sums, sums.read(IndexFolder(index)))
    known.catalogue = IndexFolder(index).signature("catalogue.db")
    sums.write(IndexFolder(index), known)
    assert Index.open(index).search(Query("walrus")).hits  # nothing tells it
    first = Index.verify(index)[0]
    assert (first.state, "bytes have changed" in first.sentence) == ("broken", True)


@pytest.mark.parametrize("kept", [0, None])
@pytest.mark.parametrize("command", COMMANDS)
def test_a_catalogue_that_is_empty_or_gone_is_no_new_index(index: Path, command: str, kept: int | None) -> None:
    (index / "catalogue.db").unlink()
    if kept is not None:
        (index / "catalogue.db").touch()
    with pytest.raises(DamagedIndex, match="there was an index"):
        COMMANDS[command](index)
    assert (index / "catalogue.sums").exists()


def test_deleting_the_folder_as_hinted_starts_anew(index: Path) -> None:
    before = contents(index)
    (index / "catalogue.db").write_bytes(b"")
    shutil.rmtree(index)
    run(index, index.parent / "docs")
    assert contents(index) == before


def test_a_copied_or_touched_index_is_summed_and_found_whole(index: Path, tmp_path: Path) -> None:
    shutil.copytree(index.parent, tmp_path / "copy")
    os.utime(tmp_path / "copy" / "index" / "catalogue.db")
    assert found(tmp_path / "copy" / "index", "otters")
    assert Index.verify(tmp_path / "copy" / "index")[0].state == "ok"
    assert run(tmp_path / "copy" / "index").notes == []


def test_a_large_copied_index_is_summed_by_the_first_query_alone(
    foreign_index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(verified, "SMALLEST", 0)
    monkeypatch.setattr(verified, "_SETTLED_NS", 0)
    summed: list[Path] = []
    real = sums.damaged_blocks

    def damaged_blocks(folder: IndexFolder, known: sums.Sums) -> list[int]:
        summed.append(folder.path)
        return real(folder, known)

    monkeypatch.setattr(sums, "damaged_blocks", damaged_blocks)

    def times() -> int:
        """How often queries of two new processes sum the catalogue."""
        summed.clear()
        for _ in range(2):
            monkeypatch.setattr(sums, "_sound", set())
            Index.open(foreign_index)
        return len(summed)

    place = tmp_path / "cache" / "mmsearch" / "sums"
    assert times() == 1 and len(list(place.iterdir())) == 1
    assert times() == 0
    os.utime(foreign_index / "catalogue.db")  # the change time is another
    assert times() == 1
    place.chmod(0o777)
    assert times() == 2  # anybody could have written the note
    place.chmod(0o700)
    old = next(place.iterdir())
    os.utime(old, (0, 0))
    where = vector_place(foreign_index)
    flip(foreign_index / "catalogue.db", where)
    with pytest.raises(DamagedIndex):
        times()
    flip(foreign_index / "catalogue.db", where)
    assert times() == 1 and not old.exists()
    monkeypatch.setattr(verified, "SMALLEST", verified.SMALLEST + (1 << 40))
    assert times() == 2


def test_damaged_sums_are_told_and_made_again(index: Path) -> None:
    flip(index / "catalogue.sums", 40)
    assert any("checksums" in note for note in Index.open(index).search(Query("walrus")).notes)
    assert any("checksums" in note for note in Index.open(index).status().notes)
    assert Index.verify(index)[0].state == "derived"
    said = [event.sentence for event in events(index) if isinstance(event, Remark)]
    assert any("checksums" in sentence for sentence in said)
    assert Index.verify(index)[0].state == "ok"
    assert run(index).notes == []


@pytest.mark.parametrize(
    "harm", [lambda path: flip(path, 200), lambda path: path.unlink(), lambda path: path.open("w")]
)
def test_a_damaged_ann_file_is_not_loaded_and_is_built_again_by_the_next_run(
    index: Path, harm: Callable[[Path], object]
) -> None:
    (path,) = index.glob("ann-*.faiss")
    before = found(index, "number 7 otters")
    harm(path)
    answer = Index.open(index).search(Query("number 7 otters", min_score=0.0))
    assert any(path.name in note for note in answer.notes)
    assert [hit.path for hit in answer.hits][:1] == before[:1]
    assert any(path.name in note for note in run(index).notes)
    assert len(list(index.glob("ann-*.faiss"))) == 1
    assert {one.state for one in Index.verify(index, deep=True)} == {"ok"}
    assert Index.open(index).search(Query("number 7 otters", min_score=0.0)).notes == ()


def test_a_run_without_changes_sums_only_what_it_wrote(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sums, "BLOCK", 4096)
    IndexFolder(index).sums.unlink()
    run(index, index.parent / "docs")  # no block of this size is known: all are summed
    summed: list[int] = []
    real = sums._summed
    monkeypatch.setattr(
        sums,
        "_summed",
        lambda folder, numbers: real(folder, [summed.append(n) or n for n in numbers]),  # type: ignore[func-returns-value]
    )
    run(index)
    known = cast(sums.Sums, sums.read(IndexFolder(index)))
    blocks = len(known.blocks)
    assert 0 < len(set(summed)) < blocks / 3
    assert sums.damaged_blocks(IndexFolder(index), known) == []


def killed(index: Path) -> None:
    """A run that ends between its last commit and moving the log into the catalogue."""
    with pytest.MonkeyPatch.context() as patch:
        kept = index.parent / "kept"
        real = writing._close
        patch.setattr(writing, "_close", lambda folder, one: (shutil.copytree(index, kept), real(folder, one)))
        write(index.parent / "docs" / "late.md", "A late note about the heron.\n")
        run(index, index.parent / "docs")
    shutil.rmtree(index)
    kept.rename(index)


def test_a_killed_run_leaves_an_index_that_is_whole(index: Path) -> None:
    killed(index)
    assert (index / "catalogue.db-wal").stat().st_size > 0 and lost_commits(IndexFolder(index)) == 0
    assert found(index, "heron")[0].endswith(b"late.md")
    assert run(index).notes == []
    assert {one.state for one in Index.verify(index, deep=True)} == {"ok"}


@pytest.mark.parametrize("at", [20, 32 + 10, 32 + 24 + 500])
def test_a_damaged_log_of_a_killed_run_is_told_and_done_again(index: Path, at: int) -> None:
    killed(index)
    flip(index / "catalogue.db-wal", at)
    for beside in ("catalogue.db-shm",):
        (index / beside).unlink(missing_ok=True)
    assert lost_commits(IndexFolder(index)) > 0
    assert any("log of the last run" in note for note in Index.open(index).status().notes)
    assert Index.verify(index)[0].state == "derived"
    assert any("log of the last run" in note for note in run(index, index.parent / "docs").notes)
    assert found(index, "heron")[0].endswith(b"late.md")
    assert {one.state for one in Index.verify(index, deep=True)} == {"ok"}


def test_an_emptied_catalogue_with_a_log_is_told(index: Path) -> None:
    killed(index)
    (index / "catalogue.db").write_bytes(b"")
    for command in COMMANDS.values():
        with pytest.raises(DamagedIndex):
            command(index)


def test_an_index_of_an_older_version_that_is_adopted_stays_sound(foreign_index: Path) -> None:
    index = foreign_index
    change(index, "DELETE FROM meta WHERE key = 'id'")
    seal(index)
    before = contents(index)
    adopt(index)
    assert Index.open(index).search(Query("walrus")).hits
    assert run(index).seen == 12 and broken(index) == {} and contents(index) == before
