"""What the command line says when something is wrong: a sentence, an empty line, a hint, and the right exit code."""

import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, Any, cast

import fake_index
import pytest

from mmsearch import config
from mmsearch.cli.exit_codes import EXIT_CODES
from mmsearch.cli.program import run
from mmsearch.config import Settings

FAKE = [sys.executable, str(Path(fake_index.__file__))]


@pytest.fixture(autouse=True)
def index(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> type[fake_index.Index]:
    monkeypatch.setitem(sys.modules, "mmsearch.index", sys.modules.get("mmsearch.index"))
    fake_index.install()
    monkeypatch.setattr("mmsearch.config.require_index", lambda folder: None)
    monkeypatch.setattr(fake_index.Index, "calls", [])
    monkeypatch.setattr(fake_index.Index, "events", ())
    for name in [name for name in os.environ if name.startswith(("MMSEARCH_", "XDG_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return fake_index.Index


@pytest.mark.parametrize(
    "arguments, sentence, hint",
    [
        (["query", " \t\n"], "There is nothing to look for.", 'Say what: mmsearch query "revenue chart"'),
        (["query", "x", "--kind", "jar"], "--kind can't be 'jar'.",
         "Choose text, image, pdf, audio, video, mail, document or other."),
        (["query", "x", "--size", "5..1"], "No file can match: --size ends before it begins.",
         "Exchange the two ends."),
        (["query", "x", "--since", "2024-13-01"], "--since can't be '2024-13-01': that is no date.",
         'Write 2024, 2024-05, 2024-05-31, 2024-05-31T14:00, 7d, "march 2024" or "last summer".'),
        (["query", "x", "--min-duration", "long"], "--min-duration can't be 'long'.",
         "Write a time as 90s, 20m, 1h30m, 2d or 1:30."),
        (["query", "x", "--pages", "some"], "--pages can't be 'some'.",
         "Write 12, +10 (at least), -3 (at most) or 2..5."),
        (["query", "x", "--min-score", "nan"], "--min-score can't be nan.", "Write a plain number."),
        (["query", "x", "-0", "--format", "json"], "-0 writes paths, but --format json was given too.",
         "Leave one of them out."),
        (["query", "x", "--queries-from", "q"], "--queries-from brings the queries.",
         "Leave out TEXT, --image, --audio, --video, --like, --open and --why-not."),
        (["query", "--queries-from", "q"], "--queries-from can't be read from q: No such file or directory.",
         "Give a file, or - for stdin."),
        (["query", "--image", "no.jpg"], "--image: no.jpg does not exist.", "Check the path."),
        (["query", "--image", "."], "--image: . is not a file.", "Check the path."),
        (["query", "x", "--index", ""], "--index is empty.",
         "Give a name, or a folder with a slash in it."),
        (["index", "--ocr", "maybe"], "--ocr can't be 'maybe'.", "Choose auto, always or never."),
        (["index", "--no-ocr", "--ocr-lang", "rus"], "--ocr-lang is no use without OCR.",
         "Leave out --ocr-lang, or --no-ocr."),
        (["index", "--max-size", "big"], "--max-size can't be 'big'.", "Write a size as 812, 10k, 1.5M or 2G."),
        (["index", "--here", "--index", "x"], "--here and --index name two different folders.",
         "Leave one of them out."),
        (["index", "-0"], "-0 is for the names in --files-from.", "Add --files-from FILE."),
        (["index", "a", "--files-from", "b"], "--files-from and PATH both name files.",
         "Leave one of them out."),
        (["index", ""], "A path is empty.", "Write `.` for the working directory."),
        (["index", "a", "--summary-json", "no/x.json"], "The summary can't be written to no/x.json.",
         "Choose a file in a folder that you can write to."),
        (["failed", "--retry", "-0"], "--retry runs the index and lists nothing.", "Leave out --format and -0."),
        (["queri"], "No such command 'queri'. Did you mean 'query'?", "`mmsearch --help` shows what it takes."),
        (["query", "--zzzzz"], "No such option: --zzzzz.", "`mmsearch query --help` shows what it takes."),
    ],
)  # fmt: skip
def test_bad_usage_is_a_sentence_a_hint_and_exit_code_2(
    capfd: pytest.CaptureFixture[str], index: type[fake_index.Index], arguments: list[str], sentence: str, hint: str
) -> None:
    assert run(arguments) == 2
    assert capfd.readouterr() == ("", f"{sentence}\n\nhint: {hint}\n")
    assert index.calls == []


@pytest.mark.parametrize("arguments", [["query", "x", "-k", "0"], ["query", "x", "--format", "xml"], ["similar"]])
def test_what_typer_refuses_ends_in_the_same_form(capfd: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    assert run(arguments) == 2
    out, err = capfd.readouterr()
    sentence, empty, hint, end = err.split("\n")
    assert (out, empty, end) == ("", "", "") and sentence.endswith(".")
    assert hint == f"hint: `mmsearch {arguments[0]} --help` shows what it takes."


def test_without_a_command_the_help_goes_to_stderr(capfd: pytest.CaptureFixture[str]) -> None:
    assert run([]) == 2
    out, err = capfd.readouterr()
    assert out == "" and err.startswith("Usage: mmsearch [OPTIONS] COMMAND")


def test_no_index_is_exit_code_3(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["query", "x", "--index", "/nowhere"]) == 3
    assert capfd.readouterr() == (
        "",
        "There is no index at /nowhere.\n\nhint: Build one: mmsearch index FOLDER --index /nowhere\n",
    )


def test_a_bug_is_exit_code_70_with_a_traceback_only_under_debug(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["query", "crash"]) == 70
    assert capfd.readouterr().err == (
        "Unexpected error: KeyError: 'a bug'\n\nhint: This should not happen. Run again with --debug.\n"
    )
    assert run(["query", "crash", "--debug"]) == 70
    err = capfd.readouterr().err
    assert err.startswith("Traceback") and 'raise KeyError("a bug")' in err
    assert err.endswith("\n\nhint: This should not happen. Please report it.\n")


@pytest.mark.parametrize(
    ("text", "code", "sentence"),
    [
        ("full", 5, "The disk is full; what was committed is kept."),
        ("wal", 5, "The disk is full at /x/y; what was committed is kept."),
        (f"errno {errno.ENOSPC}", 5, "The disk is full at /x/y; what was committed is kept."),
        (f"errno {errno.EDQUOT}", 5, "The disk is full at /x/y; what was committed is kept."),
        (f"errno {errno.EMFILE}", 5, "A resource of the system is exhausted: Too many open files."),
        (f"errno {errno.EROFS}", 2, "/x/y can't be used: Read-only file system."),
        (f"errno {errno.EACCES}", 2, "/x/y can't be used: Permission denied."),
    ],
)
def test_what_the_system_refuses_is_no_bug(
    capfd: pytest.CaptureFixture[str], text: str, code: int, sentence: str
) -> None:
    assert run(["query", text]) == code
    out, err = capfd.readouterr()
    assert (out, err.partition("\n\nhint: ")[0]) == ("", sentence)


@pytest.mark.parametrize(
    ("named", "problem"),
    [
        ("x" * 300 + "/", "File name too long"),
        ("file/", "there is a file of that name"),
        ("file/in/", "Not a dir"),
        ("loop/", "Too many levels of symbolic links"),
        ("./" + "d/" * 3000, "File name too long"),
    ],
)
@pytest.mark.parametrize(
    "command", [["query", "x"], ["index", "."], ["status"], ["verify"], ["forget", "x"], ["doctor"]]
)
def test_an_index_that_no_file_system_can_have_is_bad_usage(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, command: list[str], named: str, problem: str
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to("loop")
    assert run([*command, "--index", named]) == 2
    err = capfd.readouterr().err
    assert err.startswith("--index can't be ") and problem in err and len(err) < 400


def test_commands_in_a_folder_that_is_gone_are_bad_usage(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    for command in (["query", "x"], ["index", "."], ["similar", "x"], ["forget", "x"], ["embed", "x", "--file"]):
        assert run(command) == 2
        assert capfd.readouterr().err.startswith("The working directory does not exist any more.")


def test_without_a_home_nothing_is_made_in_the_working_directory(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.delenv("HOME")
    monkeypatch.setattr("pwd.getpwuid", lambda number: {}[number])
    assert run(["query", "x"]) == 2
    assert capfd.readouterr().err == "There is no home folder: HOME is not set.\n\nhint: Set HOME.\n"
    assert list(tmp_path.iterdir()) == []


def test_a_broken_pipe_to_a_worker_is_not_taken_for_a_closed_output(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["query", "pipe"]) == 70
    assert "BrokenPipeError" in capfd.readouterr().err


def test_a_library_that_is_missing_leads_to_the_doctor(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["query", "library"]) == 2
    assert capfd.readouterr().err == (
        "A library can't be loaded: No module named 'faiss'\n\nhint: `mmsearch doctor` shows the remedy.\n"
    )


def test_the_help_documents_every_exit_code_and_every_option(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    out = capfd.readouterr().out
    for code, meaning in EXIT_CODES.items():
        assert f"{code:>3}  {meaning}\n" in out
    for command in ("index", "query", "similar", "status", "failed", "forget", "verify", "doctor"):
        assert f"\n  {command} " in out
        assert run([command, "--help"]) == 0
        text = capfd.readouterr().out
        assert f"Examples:\n    mmsearch {command}" in text
        lines = text.partition("Options:")[2].partition("Examples:")[0].splitlines()
        bare = [line for line in lines if line.startswith("  -") and "  " not in line.strip()]
        assert all(lines[lines.index(line) + 1].startswith(" " * 10) for line in bare), f"{command}: {bare}"


# --- where options come from -----------------------------------------------------------------------------------------


def test_options_come_from_the_environment_and_flags_win(
    monkeypatch: pytest.MonkeyPatch, index: type[fake_index.Index]
) -> None:
    monkeypatch.setenv("MMSEARCH_INDEX", "/env/")
    monkeypatch.setenv("MMSEARCH_QUERY_K", "3")
    monkeypatch.setenv("MMSEARCH_QUERY_IN", "/a /b")
    monkeypatch.setenv("MMSEARCH_QUERY_NO_FOLD", "1")
    run(["query", "x"])
    run(["query", "x", "-k", "4", "--index", "/flag/"])
    monkeypatch.setenv("MMSEARCH_QUERY_INDEX", "/own/")
    run(["query", "x"])
    opened = [str(call[1]) for call in index.calls if call[0] == "open"]
    asked = [(call[1].k, call[1].where.within, call[1].fold) for call in index.calls if call[0] == "search"]
    assert opened == ["/env", "/flag", "/own"]
    assert asked == [(3, ("/a", "/b"), False), (4, ("/a", "/b"), False), (3, ("/a", "/b"), False)]


def test_the_config_file_sets_defaults_by_long_option_names(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, index: type[fake_index.Index]
) -> None:
    monkeypatch.setenv("MMSEARCH_CONFIG", str(tmp_path / "c.toml"))
    (tmp_path / "c.toml").write_text(
        '[query]\nk = 7\nno-fold = true\nin = ["/a"]\n[index]\ntime-budget = "20m"\nallow-download = true\n'
    )
    run(["query", "x"])
    asked = index.calls[-1][1]
    assert (asked.k, asked.fold, asked.where.within) == (7, False, ("/a",))
    run(["index", "--offline"])
    assert index.calls[-1][3] == Settings(time_budget_s=1200.0)
    monkeypatch.setenv("MMSEARCH_QUERY_K", "8")
    run(["query", "x"])
    assert index.calls[-1][1].k == 8


# --- the process: pipes, streams, signals ----------------------------------------------------------------------------


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_closed_pipe_ends_quietly(unbuffered: str) -> None:
    with subprocess.Popen(
        [*FAKE, "query", "many", "--format", "jsonl"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONUNBUFFERED": unbuffered},
    ) as process:
        output, talk = cast(IO[bytes], process.stdout), cast(IO[bytes], process.stderr)
        output.read(10)
        output.close()
        assert talk.read() == b""
    assert process.returncode == 0


def test_the_help_into_a_closed_pipe_ends_quietly() -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([*FAKE, "query", "--help"], stdout=write, stderr=subprocess.PIPE)
    os.close(write)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_full_disk_behind_stdout_is_reported() -> None:
    if not os.path.exists("/dev/full"):
        pytest.skip("there is no /dev/full here")
    with open("/dev/full", "wb") as full:
        done = subprocess.run([*FAKE, "query", "x", "-0"], stdout=full, stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (
        5,
        "The output can't be written: No space left on device.\n\nhint: Write it to another place.\n",
    )


@pytest.mark.parametrize("closed, code", [("<&-", 0), ("2>&-", 0), (">&-", 5), ("<&- >&- 2>&-", 5)])
def test_closed_streams_are_no_crash_and_lost_data_is_no_success(closed: str, code: int, tmp_path: Path) -> None:
    shell = '"$@" ' + closed
    done = subprocess.run(["sh", "-c", shell, "sh", *FAKE, "query", "x"], capture_output=True, cwd=tmp_path)
    assert done.returncode == code and b"Traceback" not in done.stderr


def test_a_list_from_a_closed_stdin_is_bad_usage(tmp_path: Path) -> None:
    command = ["sh", "-c", '"$@" <&-', "sh", *FAKE, "index", "--files-from", "-"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr == "--files-from - reads standard input, which is closed.\n\nhint: Give a file instead.\n"


def test_it_runs_with_an_empty_environment_and_prints_every_script(tmp_path: Path) -> None:
    environment = {"PYTHONPATH": str(Path(fake_index.__file__).parents[1])}
    done = subprocess.run(
        [*FAKE, "query", "x", "--format", "jsonl", "--index", "/x/"], capture_output=True, env=environment, cwd=tmp_path
    )
    assert done.returncode == 0
    assert json.loads(done.stdout.splitlines()[2])["snippet"] == "收入 table"


def test_an_old_locale_shows_escapes_instead_of_failing() -> None:
    done = subprocess.run([*FAKE, "query", "x"], capture_output=True, env=os.environ | {"PYTHONIOENCODING": "ascii"})
    assert done.returncode == 0
    assert b"\\u6536\\u5165 table" in done.stdout


def _slow_run(tmp_path: Path, kind: str = "kind", **extra: Any) -> subprocess.Popen[str]:
    """A run under way, up to its first word on stderr."""
    process = subprocess.Popen(
        [*FAKE, "index", "."],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"FAKE_SLOW": kind},
        cwd=tmp_path,
        text=True,
        **extra,
    )
    assert cast(IO[str], process.stderr).readline() == ("waiting\n" if kind == "waiting" else "ready\n")
    return process


@pytest.mark.parametrize("number, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["INT", "TERM"])
def test_a_signal_while_the_run_waits_for_the_lock_ends_it_at_once(
    tmp_path: Path, number: signal.Signals, code: int
) -> None:
    process = _slow_run(tmp_path, "waiting")
    process.send_signal(number)
    _, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (code, "")


@pytest.mark.parametrize(
    "number, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)], ids=["INT", "TERM", "HUP"]
)
def test_one_signal_finishes_the_batch_and_ends_with_its_code(
    tmp_path: Path, number: signal.Signals, code: int
) -> None:
    process = _slow_run(tmp_path)
    process.send_signal(number)
    _, err = process.communicate(timeout=20)
    assert process.returncode == code
    assert err.splitlines() == [
        "Stopping; what was committed is kept.",
        "indexed 1 file (0 segments) in 0.0 s; 4 still to do",
        "Interrupted. What was committed is kept; the same command goes on from here.",
    ]


def test_a_second_signal_stops_now(tmp_path: Path) -> None:
    process = _slow_run(tmp_path, "deaf")
    process.send_signal(signal.SIGINT)
    assert cast(IO[str], process.stderr).readline() == "Stopping; what was committed is kept.\n"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (130, "")


KINDS = [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]


@pytest.mark.parametrize("kind", ["deaf", "library"])
@pytest.mark.parametrize(("number", "code"), KINDS, ids=["INT", "TERM", "HUP"])
def test_a_run_that_does_not_stop_is_ended(tmp_path: Path, number: signal.Signals, code: int, kind: str) -> None:
    """One that polls no more, and one that is inside a library: there no Python code of its thread runs."""
    process = _slow_run(tmp_path, kind)
    process.send_signal(number)
    _, err = process.communicate(timeout=20)
    assert process.returncode == code
    ended = "Interrupted. What was committed is kept; the same command goes on from here."
    assert err.splitlines()[-1] == ended


@pytest.mark.parametrize("text", ["sleep", "compute"])
@pytest.mark.parametrize(("number", "code"), KINDS, ids=["INT", "TERM", "HUP"])
def test_a_signal_ends_any_command_without_a_traceback(number: signal.Signals, code: int, text: str) -> None:
    process = subprocess.Popen([*FAKE, "query", text], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert cast(IO[str], process.stderr).readline() == "searching\n"
    process.send_signal(number)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err.strip()) == (code, "", "")


def test_a_hang_up_that_nohup_ignores_stays_ignored(tmp_path: Path) -> None:
    process = _slow_run(tmp_path, preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    process.send_signal(signal.SIGHUP)
    time.sleep(0.3)
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)
    assert process.returncode == 143


def test_a_text_query_imports_no_heavy_library(tmp_path: Path) -> None:
    """What the command line and its output bring along; the real index has a test of its own."""
    code = (
        "import sys, fake_index; fake_index.install()\n"
        "from mmsearch.cli.program import run\n"
        "code = run(sys.argv[1:])\n"
        "heavy = {'torch', 'numpy', 'faiss', 'transformers', 'PIL', 'onnxruntime', 'rich.console'} & set(sys.modules)\n"
        "sys.exit(f'{code} {sorted(heavy)}' if heavy or code else 0)"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(fake_index.__file__).parent)}
    for arguments in (["--help"], ["query", "--help"], ["query", "x"], ["status"], ["query", "x", "--format", "json"]):
        done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, env=environment)
        assert (done.returncode, done.stderr.replace("Answered from memory.\n", "")) == (0, ""), arguments


@pytest.mark.parametrize("name", ["HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"])
def test_a_relative_folder_is_not_made_in_the_working_directory(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "relative/place")
    for place in (config.data_home(), config.config_home(), config.cache_home()):
        assert place.is_absolute() and "relative" not in place.parts
