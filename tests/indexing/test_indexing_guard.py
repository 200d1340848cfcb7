"""The mass-delete guard in every folder of a root: disks that are not there, emptied folders, folders that can't be
listed; and deletions that are believed."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from small_index import counts, rows, run, write

from mmsearch.cli.program import run as command
from mmsearch.discovery import walk as walking
from mmsearch.indexing import guard

pytestmark = pytest.mark.usefixtures("word_model")


@pytest.fixture
def index(tmp_path: Path) -> Path:
    return tmp_path / "index"


@pytest.fixture
def lib(tmp_path: Path) -> Path:
    fill(tmp_path / "lib", 6)
    fill(tmp_path / "lib" / "usb" / "deep", 6)
    return tmp_path / "lib"


@pytest.fixture
def devices(monkeypatch: pytest.MonkeyPatch) -> dict[Path, int]:
    """Device numbers by folder: that of the nearest one above holds, else that of the disk."""
    numbers: dict[Path, int] = {}
    real = walking.device_of

    def device_of(path: bytes) -> int:
        found = real(path)
        for folder in [Path(os.fsdecode(path)), *Path(os.fsdecode(path)).parents]:
            if folder in numbers:
                return numbers[folder]
        return found

    for module in (walking, guard):
        monkeypatch.setattr(module, "device_of", device_of)
    monkeypatch.setattr("mmsearch.indexing.scope.device_of", device_of)
    return numbers


def fill(folder: Path, number: int, start: int = 0) -> None:
    for n in range(start, start + number):
        write(folder / f"note{n:03}.md", f"Note {n} of {folder.name}.\n")


def empty(folder: Path) -> None:
    """An empty folder in place of a full one, as where a disk was mounted."""
    shutil.rmtree(folder)
    folder.mkdir()


def held(index: Path) -> int:
    return int(rows(index, "SELECT count(*) FROM files")[0][0])


def outcome(index: Path, *targets: Path, **settings: Any) -> tuple[str, int, list[str]]:
    """How a run ended, how many files left the index, and its notes."""
    before = held(index)
    record = run(index, *targets, **settings)
    assert before - held(index) <= record.removed + record.excluded
    return record.outcome, record.removed, record.notes


def test_a_disk_that_is_not_mounted_keeps_its_files(lib: Path, index: Path, devices: dict[Path, int]) -> None:
    devices[lib / "usb"] = 4711
    run(index, lib)
    devices.clear()
    said = f"{lib / 'usb'} is not mounted any more and lacks 6 of its 6 files: they stay in the index."
    for change in (empty, shutil.rmtree):
        change(lib / "usb")
        for targets in ((), (lib,)):
            assert outcome(index, *targets) == ("guard", 0, [said])
    assert outcome(index, lib, allow_mass_delete=True) == ("done", 6, [])
    assert outcome(index) == ("done", 0, [])


def test_another_file_in_the_empty_place_of_a_disk_is_taken_and_the_others_stay(
    lib: Path, index: Path, devices: dict[Path, int]
) -> None:
    devices[lib / "usb"] = 4711
    run(index, lib)
    devices.clear()
    empty(lib / "usb")
    write(lib / "usb" / "not mounted.md", "The disk is in the drawer.\n")
    assert outcome(index)[:2] == ("guard", 0)
    assert outcome(index)[:2] == ("guard", 0)
    assert held(index) == 13


def test_a_disk_that_comes_back_costs_nothing(lib: Path, index: Path, devices: dict[Path, int]) -> None:
    devices[lib / "usb"] = 4711
    run(index, lib)
    devices.clear()
    (lib / "usb").rename(lib.parent / "drawer")
    (lib / "usb").mkdir()
    assert outcome(index)[0] == "guard"
    shutil.rmtree(lib / "usb")
    (lib.parent / "drawer").rename(lib / "usb")
    devices[lib / "usb"] = 4712  # another number than before
    assert counts(run(index)) == {"seen": 12, "unchanged": 12}
    devices.clear()
    empty(lib / "usb")
    assert outcome(index)[0] == "guard"  # the new number was remembered


def test_something_mounted_over_a_folder_hides_its_files(lib: Path, index: Path, devices: dict[Path, int]) -> None:
    run(index, lib)
    empty(lib / "usb")
    devices[lib / "usb"] = 4711
    said = f"{lib / 'usb'} lies on another device than before and lacks 6 of its 6 files: they stay in the index."
    for targets in ((), (lib / "usb",), (lib,)):
        assert outcome(index, *targets) == ("guard", 0, [said])


def test_files_deleted_elsewhere_leave_while_a_disk_is_missed(lib: Path, index: Path, devices: dict[Path, int]) -> None:
    devices[lib / "usb"] = 4711
    run(index, lib)
    devices.clear()
    empty(lib / "usb")
    (lib / "note000.md").unlink()
    assert outcome(index)[:2] == ("guard", 1)
    assert held(index) == 11


def test_numbers_that_change_at_a_reboot_are_no_loss(lib: Path, index: Path, devices: dict[Path, int]) -> None:
    devices[lib] = 1
    devices[lib / "usb"] = 4711
    run(index, lib)
    devices |= {lib: 2, lib / "usb": 4712}
    assert outcome(index) == ("done", 0, [])
    devices |= {lib: 3, lib / "usb": 4713}
    (lib / "usb" / "deep" / "note000.md").unlink()
    assert outcome(index)[:2] == ("guard", 0)
    assert outcome(index) == ("done", 1, [])  # the rest are the very same files: the same disk under another number


def test_a_bind_mount_of_the_same_device_is_a_mount(lib: Path, index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = {b"/": "ext4", os.fsencode(lib / "usb"): "ext4"}
    real = walking.Walk.__init__

    def init(self: walking.Walk, *given: Any, **options: Any) -> None:
        real(self, *given, **options)
        self.points = dict(table)

    monkeypatch.setattr(walking.Walk, "__init__", init)
    run(index, lib)
    del table[os.fsencode(lib / "usb")]
    empty(lib / "usb")
    assert outcome(index)[0] == "guard"


def test_single_files_of_a_disk_that_is_not_mounted_stay(lib: Path, index: Path, devices: dict[Path, int]) -> None:
    devices[lib / "usb"] = 4711
    run(index, lib / "usb" / "deep" / "note000.md", lib / "note000.md")
    (lib / "note000.md").unlink()
    devices.clear()
    shutil.rmtree(lib / "usb")
    assert outcome(index)[:2] == ("guard", 1)
    assert outcome(index, allow_mass_delete=True)[:2] == ("done", 1)


def test_an_empty_folder_in_place_of_a_full_one_is_not_believed(lib: Path, index: Path) -> None:
    fill(lib / "full" / "a", 6)
    fill(lib / "full" / "b", 6)
    run(index, lib)
    empty(lib / "full")
    said = f"{lib / 'full'} is empty, where 12 files were: they stay in the index."
    for targets in ((), (lib,)):
        assert outcome(index, *targets) == ("guard", 0, [said])


def test_a_folder_that_is_removed_as_a_whole_is_believed(lib: Path, index: Path) -> None:
    fill(lib / "full", 12)
    run(index, lib)
    shutil.rmtree(lib / "full")
    assert outcome(index) == ("done", 12, [])


def test_a_folder_whose_files_were_kept_once_stays_guarded_whatever_becomes_of_it(lib: Path, index: Path) -> None:
    fill(lib / "full" / "a", 12)
    run(index, lib)
    empty(lib / "full")
    assert outcome(index)[:2] == ("guard", 0)
    still = f"{lib / 'full'} still lacks 13 of its 13 files: they stay in the index."
    write(lib / "full" / "other.md", "Not one of the twelve.\n")
    assert outcome(index)[:2] == ("guard", 0)
    shutil.rmtree(lib / "full")
    for targets in ((), (lib,), (lib / "usb",), ()):
        found = outcome(index, *targets)
        assert found in (("guard", 0, [still]), ("done", 0, [])) and (found[0] == "done") == (targets == (lib / "usb",))
    assert outcome(index, allow_mass_delete=True) == ("done", 13, [])
    fill(lib / "full", 12)
    run(index)
    shutil.rmtree(lib / "full")
    assert outcome(index) == ("done", 12, [])  # the permission was for what was lost then; so is the guard


def test_a_guarded_folder_is_believed_again_when_most_of_its_files_are_back(lib: Path, index: Path) -> None:
    fill(lib / "full", 12)
    run(index, lib)
    empty(lib / "full")
    assert outcome(index)[:2] == ("guard", 0)
    fill(lib / "full", 9)
    assert outcome(index) == ("done", 3, [])
    shutil.rmtree(lib / "full")
    assert outcome(index) == ("done", 9, [])


def test_a_root_that_comes_back_nearly_empty_after_it_was_missing_keeps_its_files(lib: Path, index: Path) -> None:
    run(index, lib)
    shutil.rmtree(lib)
    assert outcome(index)[:2] == ("guard", 0)
    write(lib / "new.md", "The first file of another disk.\n")
    said = f"{lib} still lacks 12 of its 12 files: they stay in the index."
    assert outcome(index) == ("guard", 0, [said])
    assert outcome(index) == ("guard", 0, [f"{lib} still lacks 12 of its 13 files: they stay in the index."])
    assert outcome(index, allow_mass_delete=True) == ("done", 12, [])


def test_a_guard_survives_that_its_root_becomes_a_part_of_another(lib: Path, index: Path) -> None:
    fill(lib / "full", 12)
    run(index, lib)
    empty(lib / "full")
    assert outcome(index)[:2] == ("guard", 0)
    shutil.rmtree(lib / "full")
    assert outcome(index, lib.parent)[:2] == ("guard", 0)
    assert outcome(index)[:2] == ("guard", 0)


def test_what_is_forgotten_by_name_is_guarded_no_more(lib: Path, index: Path) -> None:
    fill(lib / "full", 12)
    run(index, lib)
    empty(lib / "full")
    assert outcome(index)[:2] == ("guard", 0)
    assert command(["forget", "--quiet", "--index", str(index), str(lib / "full")]) == 0
    assert outcome(index) == ("done", 0, [])


def test_a_few_files_of_an_emptied_folder_are_believed(lib: Path, index: Path) -> None:
    fill(lib / "three", 3)
    run(index, lib)
    empty(lib / "three")
    assert outcome(index) == ("done", 3, [])


def test_a_folder_that_lost_most_of_many_files_keeps_them(lib: Path, index: Path) -> None:
    fill(lib / "inner", 30)
    fill(lib / "other", 60)
    run(index, lib)
    for n in range(19):
        (lib / "inner" / f"note{n:03}.md").unlink()
    assert outcome(index) == ("done", 19, [])
    fill(lib / "inner", 19)
    run(index)
    for n in range(20):
        (lib / "inner" / f"note{n:03}.md").unlink()
    said = f"{lib / 'inner'} has lost 20 of its 30 files: they stay in the index."
    assert outcome(index) == ("guard", 0, [said])
    assert outcome(index, allow_mass_delete=True) == ("done", 20, [])


def test_files_of_a_folder_that_can_not_be_listed_stay(
    lib: Path, index: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    run(index, lib)
    real = os.scandir

    def refuse(path: bytes) -> Iterator[os.DirEntry[bytes]]:
        if path == os.fsencode(lib / "usb"):
            raise OSError(107, "Transport endpoint is not connected")
        return real(path)

    monkeypatch.setattr("os.scandir", refuse)
    said = f"{lib / 'usb'} can't be listed (Transport endpoint is not connected): its 6 files stay in the index."
    assert outcome(index) == ("guard", 0, [said])
    assert command(["index", "--index", str(index), "--no-ocr"]) == 5
    assert said in capfd.readouterr().err
    assert outcome(index, allow_mass_delete=True) == ("done", 0, [])
    assert held(index) == 13  # with the folder that failed


def test_files_that_can_not_be_looked_at_stay(lib: Path, index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder may be listed and not entered: names without properties."""
    run(index, lib)
    real = walking.stat_of

    def refuse(entry: os.DirEntry[bytes]) -> os.stat_result:
        if b"/usb/deep/" in entry.path:
            raise PermissionError(13, "Permission denied")
        return real(entry)

    monkeypatch.setattr(walking, "stat_of", refuse)
    ended, removed, (note,) = outcome(index)
    assert (ended, removed) == ("guard", 0)
    assert note == f"{lib / 'usb' / 'deep'} can't be listed (Permission denied): its 6 files stay in the index."


CAN_MOUNT = os.geteuid() == 0 and subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode == 0
MOUNTED = """
mount -t tmpfs none "$1/usb" && for n in 1 2 3 4 5 6; do printf 'AC1032\\000' > "$1/usb/$n.dwg"; done
"$2" -m mmsearch index --index "$3" --no-ocr --model builtin --quiet "$1"; echo "first $?"
umount "$1/usb"
"$2" -m mmsearch index --index "$3"; echo "second $?"
"$2" -m mmsearch index --index "$3" --allow-mass-delete; echo "third $?"
"""


@pytest.mark.skipif(not (sys.platform == "linux" and CAN_MOUNT), reason="no right to mount a file system here")
def test_a_real_mount_that_is_gone(tmp_path: Path) -> None:
    (tmp_path / "lib" / "usb").mkdir(parents=True)
    (tmp_path / "lib" / "drawing.dwg").write_bytes(b"AC1032\0")
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", MOUNTED, "sh", str(tmp_path / "lib"), sys.executable, str(tmp_path / "index")],
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.stdout == "first 0\nsecond 5\nthird 0\n", done.stderr
    assert f"{tmp_path / 'lib' / 'usb'} is not mounted any more and lacks 6 of its 6 files" in done.stderr


def test_kept_files_are_counted_and_status_asks_for_another_run(index: Path, lib: Path) -> None:
    fill(lib / "usb", 12)
    run(index, lib)
    empty(lib / "usb")
    record = run(index, lib)
    assert (record.outcome, record.kept, record.removed) == ("guard", 18, 0)
    assert command(["status", "--check", "--quiet", "--index", str(index)]) == 5
    shutil.rmtree(lib)
    record = run(index)
    assert (record.outcome, record.kept, record.removed) == ("guard", 24, 0)


def test_the_reason_of_the_guard_is_told_once(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    docs = tmp_path / "docs"
    for number in range(12):
        write(docs / f"{number}.txt", f"Note {number}.")
    where = ["index", str(docs), "--index", str(tmp_path / "index")]
    run(tmp_path / "index", docs)
    for path in docs.iterdir():
        path.unlink()
    for words in ([], ["--quiet"]):
        assert command([*where, *words]) == 5
        assert capfd.readouterr().err.count("they stay in the index.") == 1
