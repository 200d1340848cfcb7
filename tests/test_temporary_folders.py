"""Temporary folders are removed however the process ends."""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from mmsearch import temporary_folders
from mmsearch.temporary_folders import remove_all, temporary_folder

HOLD = """
import os, signal, sys, time
from mmsearch.temporary_folders import temporary_folder
with temporary_folder() as folder:
    (folder / "weights").write_bytes(b"1")
    print(folder, flush=True)
    time.sleep(60)
"""


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def held(place: Path) -> subprocess.Popen[str]:
    """A process that has a temporary folder below `place`."""
    environment = {**os.environ, "TMPDIR": str(place)}
    return subprocess.Popen([sys.executable, "-c", HOLD], env=environment, stdout=subprocess.PIPE, text=True)


def aged(folder: Path) -> None:
    """Makes a folder look older than one that has no lock yet."""
    os.utime(folder, (1e9, 1e9))


def test_a_temporary_folder_is_the_users_own_and_goes_at_the_end(place: Path) -> None:
    with temporary_folder() as folder:
        assert folder.parent == place and folder.stat().st_mode & 0o777 == 0o700
        (folder / "a").write_text("1")
    assert not list(place.iterdir())


def test_temporary_folders_of_a_process_that_ends_at_once_are_removed(place: Path) -> None:
    with temporary_folder() as folder:
        (folder / "a").write_text("1")
        remove_all()
        assert not list(place.iterdir())


def test_a_temporary_folder_of_a_killed_process_is_removed_by_the_next_and_one_in_use_is_not(place: Path) -> None:
    killed, alive = held(place), held(place)
    try:
        assert killed.stdout and alive.stdout
        left, used = Path(killed.stdout.readline().strip()), Path(alive.stdout.readline().strip())
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        aged(left)
        aged(used)
        with temporary_folder():
            assert not left.exists() and (used / "weights").exists()
    finally:
        for process in (killed, alive):
            process.kill()
            process.wait()
            if process.stdout:
                process.stdout.close()


@pytest.mark.parametrize("kind", ["link", "file", "of another name", "without a mark", "new"])
def test_nothing_else_among_temporary_files_is_removed(
    place: Path, tmp_path_factory: pytest.TempPathFactory, kind: str
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "a").write_text("1")
    one = place / ("other-abc" if kind == "of another name" else f"{temporary_folders.PREFIX}abc")
    if kind == "link":
        one.symlink_to(elsewhere)
    elif kind == "file":
        one.write_text("1")
    else:
        one.mkdir()
    if kind in ("of another name", "new"):
        (one / temporary_folders.MARK).touch()
    if kind in ("file", "of another name", "without a mark"):
        aged(one)
    with temporary_folder():
        pass
    assert one.exists() and (elsewhere / "a").exists()
