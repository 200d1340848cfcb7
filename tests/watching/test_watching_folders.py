"""Changes in real folders, and the service files."""

import os
import plistlib
import shutil
import time
from pathlib import Path

import pytest

from mmsearch.cli import watch_command
from mmsearch.cli.program import run
from mmsearch.watching import folder_watch, service_units
from mmsearch.watching.folder_watch import FolderWatch


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "files"
    made.mkdir()
    return made


def watched(folder: Path, hidden: bool = False) -> FolderWatch:
    return FolderWatch({os.fsencode(folder): hidden}, os.fsencode(folder / "index"), lambda: False)


def changed(watch: FolderWatch, wait_s: float = 1.5) -> set[str]:
    end = time.monotonic() + wait_s
    found: set[str] = set()
    while not found and time.monotonic() < end:
        found = watch.poll(wait_s)
    return {os.path.basename(path) for path in found}


def test_a_new_file_a_move_and_a_removal_are_told(folder: Path) -> None:
    (folder / "old.txt").write_text("a")
    (folder / "gone.txt").write_text("b")
    watch = watched(folder)
    assert watch.problem == ""
    (folder / "new.txt").write_text("c")
    (folder / "old.txt").rename(folder / "moved.txt")
    (folder / "gone.txt").unlink()
    assert changed(watch) == {"new.txt", "old.txt", "moved.txt", "gone.txt"}
    watch.close()


def test_hidden_files_and_the_index_do_not_count(folder: Path) -> None:
    (folder / "index").mkdir()
    (folder / ".cache").mkdir()
    watch = watched(folder)
    (folder / "index" / "catalogue.db").write_text("a")
    (folder / ".cache" / "page").write_text("b")
    (folder / ".cache" / ".gitignore").write_text("c")
    assert changed(watch, 0.9) == set()
    (folder / ".gitignore").write_text("*.log")
    assert changed(watch) == {".gitignore"}
    watch.close()
    with_hidden = watched(folder, hidden=True)
    (folder / ".cache" / "page").write_text("more")
    assert changed(with_hidden) == {"page"}
    with_hidden.close()


def test_a_name_that_is_no_utf_8_is_a_change_of_the_folder(folder: Path) -> None:
    watch = watched(folder)
    Path(os.fsdecode(os.fsencode(folder) + b"/caf\xe9.txt")).write_text("a")
    found = changed(watch)
    assert found in ({"files"}, {os.fsdecode(b"caf\xe9.txt")}, {"caf\ufffd.txt"})
    watch.close()


def test_a_folder_that_goes_and_comes_back_is_watched_again(folder: Path) -> None:
    watch = watched(folder)
    assert not watch.folders_changed()
    shutil.rmtree(folder)
    assert watch.folders_changed()
    folder.mkdir()
    assert watch.folders_changed()
    (folder / "a.txt").write_text("a")
    assert changed(watch) == {"a.txt"}
    watch.close()


def test_at_a_limit_of_inotify_the_reason_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import watchfiles._rust_notify as library

    def refuse(*_: object) -> None:
        raise OSError('OS file watch limit reached. about ["/x"]')

    monkeypatch.setattr(library, "RustNotify", refuse)
    watch = watched(folder)
    assert watch.problem == "The system does not report changes here: a limit of inotify is reached."
    assert watch.poll(0.01) == set()


def test_a_network_folder_is_scanned(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder_watch, "type_at", lambda *_: "nfs4")
    watch = watched(folder)
    assert watch.problem == f"{folder} lies on a network or FUSE file system, which reports no changes."


def test_watch_runs_again_after_a_change_and_ends_by_a_signal(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    runs: list[list[bytes]] = []

    def index(place: Path, named: list[bytes], quiet: bool) -> int:
        runs.append(list(named))
        if len(runs) == 1:
            (folder / "a.txt").write_text("a")
        return 0

    monkeypatch.setattr(watch_command, "_run", index)
    monkeypatch.setattr("mmsearch.watching.run_schedule.QUIET_S", 0.1)
    code = watch_command._watch(tmp_path / "index", [os.fsencode(folder)], False, lambda: len(runs) == 2, lambda: 143)
    assert code == 143
    assert runs == [[os.fsencode(folder)]] * 2
    assert capsys.readouterr() == ("", "1 folder watched.\n")


def test_the_first_run_that_can_not_work_ends_the_watch(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch_command, "_run", lambda *_: 3)
    assert watch_command._watch(tmp_path / "index", [os.fsencode(folder)], True, lambda: False, lambda: 130) == 3


def test_without_the_library_a_sentence_says_what_to_install(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "watchfiles", None)
    assert run(["watch", str(folder)]) == 2
    assert capsys.readouterr().err == "Watching folders needs watchfiles.\n\nhint: pip install 'mmsearch[watch]'\n"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--yes"], "--yes is for --install."),
        (["{folder}/a.txt"], "{folder}/a.txt is no folder."),
        (["--index", "{folder}/none/"], "There is no index at {folder}/none."),
    ],
)
def test_a_watch_that_can_not_be_is_refused(
    arguments: list[str], sentence: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "a.txt").write_text("a")
    assert run(["watch", *(word.format(folder=folder) for word in arguments)]) in (2, 3)
    assert capsys.readouterr().err.splitlines()[0] == sentence.format(folder=folder)


def test_the_systemd_unit_quotes_what_systemd_would_read() -> None:
    unit = service_units.systemd_unit(["/usr/bin/python", '/a b/"c"\\%h$HOME\nExecStartPre=evil'])
    assert unit.splitlines()[4] == ('ExecStart="/usr/bin/python" "/a b/\\"c\\"\\\\%%h$$HOME\\x0aExecStartPre=evil"')
    assert "ExecStartPre" not in [line.partition("=")[0] for line in unit.splitlines()]


def test_the_launchd_agent_holds_the_command() -> None:
    command = ["/usr/bin/python", "<&> 'a'"]
    facts = plistlib.loads(service_units.launchd_agent("mmsearch-watch-a", command).encode())
    assert (facts["Label"], facts["ProgramArguments"], facts["RunAtLoad"]) == ("mmsearch-watch-a", command, True)


def test_install_prints_the_unit_and_yes_writes_it(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setattr(service_units, "start_commands", lambda _: [["true"]])
    monkeypatch.setattr("sys.platform", "linux")
    call = ["watch", str(folder), "--index", str(tmp_path / "my index"), "--install"]
    target = tmp_path / "config" / "systemd" / "user" / "mmsearch-watch-my_index.service"
    assert run(call) == 0
    printed = capsys.readouterr().out
    assert not target.exists()
    assert f'"--index" "{tmp_path}/my index" "--" "{folder}"' in printed
    assert run([*call, "--yes"]) == 0
    assert target.read_text() == printed
