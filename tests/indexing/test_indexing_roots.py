"""Roots, single files, forgetting, and the guard that does not believe mass deletions."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from small_index import (
    broken,
    contents,
    count_tasks,
    counts,
    holding,
    rows,
    run,
    write,
)

from mmsearch.config import Settings
from mmsearch.errors import UsageError
from mmsearch.index import Index
from mmsearch.store.roots import roots as stored_roots

NO_OCR = Settings(ocr="never")

pytestmark = pytest.mark.usefixtures("word_model")


@pytest.fixture
def tasks(monkeypatch: pytest.MonkeyPatch) -> list[tuple[bytes, int | None]]:
    return count_tasks(monkeypatch.setattr)


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    write(folder / "walrus.txt", "A note about the walrus.\n")
    write(folder / "sub" / "otter.txt", "A note about the otter.\n")
    write(folder / "sub" / "deep" / "heron.txt", "A note about the heron.\n")
    return folder


@pytest.fixture
def index(tmp_path: Path) -> Path:
    return tmp_path / "index"


def files(index: Path) -> list[str]:
    """Every file as its root and path."""
    found = rows(index, "SELECT r.path, f.path FROM files f JOIN roots r ON r.id = f.root_id ORDER BY 1, 2")
    return [f"{os.fsdecode(root)}:{os.fsdecode(path)}" for root, path in found]


def forget(index: Path, *targets: Path) -> int:
    return Index.forget(index, [os.fsencode(target) for target in targets], NO_OCR)


def test_a_part_of_a_root_is_no_root_of_its_own(docs: Path, index: Path, tasks: list[tuple[bytes, int | None]]) -> None:
    run(index, docs)
    before = files(index)
    tasks.clear()
    assert counts(run(index, docs / "sub")) == {"seen": 2, "unchanged": 2}
    assert counts(run(index, docs / "sub", docs, docs / "sub" / "deep")) == {"seen": 3, "unchanged": 3}
    assert counts(run(index, docs, docs / "walrus.txt")) == {"seen": 3, "unchanged": 3}
    assert (files(index), tasks) == (before, [])


@pytest.mark.parametrize("together", [False, True])
def test_a_folder_around_a_root_takes_its_files_over(
    docs: Path, index: Path, tasks: list[tuple[bytes, int | None]], together: bool
) -> None:
    if together:
        run(index, docs / "sub", docs.parent / "docs", docs / "sub" / "deep")
    else:
        run(index, docs / "sub" / "deep")
        run(index, docs / "walrus.txt")
        run(index, docs / "sub")
        run(index, docs)
    assert len(tasks) == 3
    assert files(index) == ["docs:sub/deep/heron.txt", "docs:sub/otter.txt", "docs:walrus.txt"]
    assert len(Index.open(index).status().roots) == 1
    assert broken(index, deep=True) == {}


def test_a_folder_around_the_index_is_walked_without_the_index(
    docs: Path, tasks: list[tuple[bytes, int | None]]
) -> None:
    index = docs / "sub" / "mine"
    run(index, docs)
    assert counts(run(index, docs.parent)) == {"seen": 4, "unchanged": 3, "excluded": 1}
    assert len(tasks) == 3


def test_single_files_are_taken_one_by_one_and_refreshed(
    docs: Path, index: Path, tasks: list[tuple[bytes, int | None]]
) -> None:
    assert counts(run(index, docs / "walrus.txt", docs / "sub" / "otter.txt")) == {"seen": 2, "indexed": 2}
    assert counts(run(index)) == {"seen": 2, "unchanged": 2}
    (docs / "walrus.txt").unlink()
    assert counts(run(index)) == {"seen": 1, "unchanged": 1, "removed": 1}
    assert len(tasks) == 2
    assert holding(index, "walrus") == []


def test_an_index_of_single_files_that_are_all_gone_walks_nothing(docs: Path, index: Path) -> None:
    """A root of single files is no folder to walk, least of all `/`."""
    run(index, docs / "walrus.txt")
    forget(index, docs / "walrus.txt")
    assert counts(run(index)) == {}


def test_a_list_of_files_takes_what_is_there_and_reports_what_is_not(docs: Path, index: Path) -> None:
    record = run(index, docs / "walrus.txt", docs / "nowhere.txt", docs / "sub", listed=True)
    assert counts(record) == {"seen": 3, "indexed": 1, "missing": 2}


def test_a_missing_target_makes_no_index(docs: Path, index: Path) -> None:
    for target in (docs / "nowhere", docs / "walrus.txt" / "inner"):
        with pytest.raises(UsageError):
            run(index, docs, target)
    assert not index.exists()


def test_targets_by_links_are_what_they_lead_to(docs: Path, index: Path, tasks: list[tuple[bytes, int | None]]) -> None:
    (docs.parent / "link").symlink_to(docs)
    run(index, docs)
    assert counts(run(index, docs.parent / "link")) == {"seen": 3, "unchanged": 3}
    assert len(tasks) == 3


def test_an_index_moved_with_its_files_still_works(
    docs: Path, tmp_path: Path, tasks: list[tuple[bytes, int | None]]
) -> None:
    run(docs / ".mmsearch", docs)
    tasks.clear()
    moved = tmp_path / "elsewhere"
    shutil.copytree(docs, moved, copy_function=shutil.copy2)
    shutil.rmtree(docs)
    assert counts(run(moved / ".mmsearch")) == {"seen": 4, "unchanged": 3, "excluded": 1}
    assert tasks == []
    assert Index.open(moved / ".mmsearch").status().roots == (os.fsencode(moved),)


def test_forgotten_files_and_folders_stay_away_until_they_are_named(docs: Path, index: Path) -> None:
    run(index, docs)
    assert forget(index, docs / "sub" / "deep", docs / "walrus.txt") == 2
    for targets in ((), (docs,), (docs / "sub",)):
        run(index, *targets)
        assert files(index) == ["docs:sub/otter.txt"]
    run(index, docs / "sub" / "deep")
    run(index)
    assert files(index) == ["docs:sub/deep/heron.txt", "docs:sub/otter.txt"]
    run(index, docs / "walrus.txt")
    run(index, docs)
    assert len(files(index)) == 3
    assert broken(index, deep=True) == {}


def test_what_was_forgotten_stays_so_when_a_root_grows(docs: Path, index: Path) -> None:
    run(index, docs / "sub" / "deep")
    forget(index, docs / "sub" / "deep" / "heron.txt")
    write(docs / "two" / "crane.txt", "A crane.\n")
    run(index, docs / "two")
    forget(index, docs / "two" / "crane.txt")
    for _ in range(2):
        run(index, docs)
        assert files(index) == ["docs:sub/otter.txt", "docs:walrus.txt"]


def test_a_forgotten_root_leaves_whole(docs: Path, index: Path) -> None:
    run(index, docs)
    assert forget(index, docs) == 3
    assert (files(index), counts(run(index))) == ([], {})
    assert counts(run(index, docs)) == {"seen": 3, "indexed": 3}


def test_a_file_that_is_gone_from_the_disk_can_be_forgotten(docs: Path, index: Path) -> None:
    run(index, docs)
    (docs / "walrus.txt").unlink()
    assert forget(index, docs / "walrus.txt") == 1


def test_what_the_index_does_not_hold_can_not_be_forgotten_and_nothing_else_is(docs: Path, index: Path) -> None:
    run(index, docs)
    with pytest.raises(UsageError):
        forget(index, docs / "walrus.txt", docs / "nothing.txt")
    assert len(files(index)) == 3


def many(folder: Path, number: int) -> list[Path]:
    return [write(folder / f"note{n:03}.txt", f"This is note number {n}.\n") for n in range(number)]


def guarded(index: Path, *targets: Path, **settings: Any) -> bool:
    """Run; whether the guard held, which is said in the record."""
    before = rows(index, "SELECT path FROM files ORDER BY path")
    record = run(index, *targets, **settings)
    if record.outcome == "guard":
        assert len(record.notes) == 1
        assert rows(index, "SELECT path FROM files ORDER BY path") == before
        assert record.removed == 0
    return record.outcome == "guard"


def test_a_root_that_is_a_link_now_is_not_followed_and_loses_nothing(docs: Path, index: Path, tmp_path: Path) -> None:
    run(index, docs)
    before = contents(index)
    other = write(tmp_path / "other" / "secret.txt", "The password of the lighthouse.\n").parent
    docs.rename(tmp_path / "real")
    docs.symlink_to(other)
    record = run(index)
    said = f"{docs}/ is a link now, and links are not followed: its 3 files stay in the index."
    assert (record.outcome, record.notes) == ("guard", [said])
    assert contents(index) == before and holding(index, "password") == []
    docs.unlink()
    (tmp_path / "real").rename(docs)
    assert counts(run(index)) == {"seen": 3, "unchanged": 3}


def test_a_missing_root_loses_nothing(docs: Path, index: Path) -> None:
    run(index, docs)
    before = contents(index)
    docs.rename(docs.parent / "unmounted")
    assert guarded(index)
    assert contents(index) == before
    (docs.parent / "unmounted").rename(docs)
    assert counts(run(index)) == {"seen": 3, "unchanged": 3}
    shutil.rmtree(docs)
    assert not guarded(index, allow_mass_delete=True)
    assert files(index) == []


def test_an_empty_root_loses_nothing(docs: Path, index: Path) -> None:
    run(index, docs)
    shutil.rmtree(docs)
    docs.mkdir()
    assert guarded(index)
    assert not guarded(index, allow_mass_delete=True)
    assert files(index) == []


def test_a_root_on_another_device_loses_nothing_and_is_believed_when_whole(
    docs: Path, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(index, docs)
    real = stored_roots
    monkeypatch.setattr(
        "mmsearch.indexing.scope.roots",
        lambda *given: [replace(root, device=root.device + 1) for root in real(*given)],
    )
    assert counts(run(index)) == {"seen": 3, "unchanged": 3}
    (docs / "walrus.txt").unlink()
    assert guarded(index)
    assert not guarded(index, allow_mass_delete=True)
    assert len(files(index)) == 2


def test_many_lost_files_are_not_believed(docs: Path, index: Path) -> None:
    notes = many(docs, 30)
    run(index, docs)
    for note in notes[:19]:
        note.unlink()
    assert not guarded(index)  # fewer than 20
    for note in notes[19:]:
        note.unlink()
    many(docs / "new", 3)
    assert not guarded(index)  # 11 of 14
    many(docs / "other", 40)
    run(index)
    shutil.rmtree(docs / "other")
    assert guarded(index)
    assert guarded(index, docs / "new", docs)
    assert not guarded(index, docs / "new")  # a part that has lost nothing
    assert not guarded(index, allow_mass_delete=True)


def test_half_of_the_files_may_go(docs: Path, index: Path) -> None:
    notes = many(docs, 43)
    run(index, docs)
    for note in notes[:23]:
        note.unlink()
    assert not guarded(index)  # 23 of 46


def test_moved_files_are_not_lost(
    docs: Path, index: Path, tmp_path: Path, tasks: list[tuple[bytes, int | None]]
) -> None:
    many(docs / "here", 25)
    write(tmp_path / "archive" / "kept.txt", "Kept.\n")
    run(index, docs, tmp_path / "archive")
    tasks.clear()
    (docs / "here").rename(docs / "there")
    assert not guarded(index)
    (docs / "there").rename(tmp_path / "archive" / "there")  # to a root that is walked later
    record = run(index)
    assert (record.outcome, record.moved, record.removed, tasks) == ("done", 25, 25, [])


def test_files_that_are_only_left_out_now_are_not_lost(docs: Path, index: Path) -> None:
    many(docs, 30)
    run(index, docs)
    write(docs / ".mmsearchignore", "note*\n")
    assert not guarded(index)
    assert len(files(index)) == 3
    write(docs / ".mmsearchignore", "*\n")
    assert not guarded(index)
    assert files(index) == []


def test_an_unreadable_folder_keeps_its_files(docs: Path, index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(index, docs)
    before = contents(index)
    real = os.scandir

    def refuse(path: bytes) -> Iterator[os.DirEntry[bytes]]:
        if path == os.fsencode(docs / "sub"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr("os.scandir", refuse)
    write(docs / "new.txt", "A new note.\n")
    assert counts(run(index)) == {"seen": 3, "unchanged": 1, "indexed": 1, "failed": 1}
    assert counts(run(index)) == {"seen": 3, "unchanged": 2, "known_failures": 1}
    assert [(one.path, one.failure.code) for one in Index.open(index).failed()] == [
        (os.fsencode(docs / "sub"), "permission")
    ]
    assert holding(index, "otter") == ["sub/otter.txt"]
    forget(index, docs / "sub")
    assert counts(run(index)) == {"seen": 2, "unchanged": 2}
    monkeypatch.setattr("os.scandir", real)
    (docs / "new.txt").unlink()
    run(index, docs / "sub")
    run(index)
    assert contents(index) == before
    assert broken(index, deep=True) == {}


def test_an_unreadable_root_keeps_its_files(docs: Path, index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(index, docs)
    real = os.scandir
    monkeypatch.setattr(
        "os.scandir",
        lambda path: (_ for _ in ()).throw(PermissionError(13, "no")) if path == os.fsencode(docs) else real(path),
    )
    assert counts(run(index)) == {"seen": 1, "failed": 1}
    assert holding(index, "otter") == ["sub/otter.txt"]
    monkeypatch.setattr("os.scandir", real)
    assert counts(run(index)) == {"seen": 3, "unchanged": 3}
