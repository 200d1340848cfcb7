"""Named pipes and devices where an option names a file: read with a word about the wait, or refused; never a hang."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import fake_index
import pytest
from test_cli_errors import FAKE, index  # noqa: F401 (a fixture)

from mmsearch.cli import input_files
from mmsearch.cli.program import run


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    os.mkfifo(tmp_path / "pipe")
    return tmp_path / "pipe"


READ = [
    ["query", "--queries-from"],
    ["index", "--files-from"],
    ["eval"],
    ["eval", "q.jsonl", "--qrels"],
    ["eval", "q.jsonl", "--compare"],
]


@pytest.mark.parametrize("words", READ, ids=" ".join)
def test_a_pipe_without_a_writer_is_waited_for_aloud_until_ctrl_c(pipe: Path, words: list[str]) -> None:
    (pipe.parent / "q.jsonl").write_text('{"query": "a", "relevant": ["b"]}\n')
    process = subprocess.Popen(
        [*FAKE, *words, str(pipe)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=pipe.parent
    )
    assert process.stderr is not None
    waits = f"Waiting for another program to open {pipe}, which is a named pipe. Ctrl-C ends the command.\n"
    assert process.stderr.readline() == waits
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=20) == ("", "") and process.returncode == 130


@pytest.mark.parametrize("words", [["query", "--queries-from"], ["index", "--files-from"]], ids=" ".join)
def test_a_pipe_with_a_writer_is_read_without_a_word(
    pipe: Path, words: list[str], capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(input_files, "PATIENCE_S", 20.0)
    writer = threading.Thread(target=lambda: pipe.write_text("a chart\n"))
    writer.start()
    code = run([*words, str(pipe), "--quiet"])
    writer.join()
    calls = [call[0] for call in fake_index.Index.calls]
    assert (code, calls[-1]) == (0, "search" if words[0] == "query" else "update")
    assert "Waiting" not in capfd.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ["query", "--image"],
        ["query", "--audio"],
        ["query", "--video"],
        ["trust"],
        ["status", "--index", "./x", "--format"],
    ],
    ids=" ".join,
)
def test_where_a_medium_is_expected_a_pipe_is_refused(
    pipe: Path, words: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    assert run([*words, str(pipe)]) in (2, 3)
    assert "hint: " in capfd.readouterr().err


@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="there is no /dev/zero here")
@pytest.mark.parametrize("words", READ, ids=" ".join)
def test_a_device_without_end_is_refused(
    tmp_path: Path, words: list[str], capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "q.jsonl").write_text('{"query": "a", "relevant": ["b"]}\n')
    monkeypatch.setattr(input_files, "LARGEST", 1 << 20)
    monkeypatch.setattr("mmsearch.evaluation.judgements._LARGEST", 1 << 20)
    monkeypatch.setattr("mmsearch.evaluation.report._LARGEST", 1 << 20)
    assert run([*words, "/dev/zero"]) == 2
    out, err = capfd.readouterr()
    assert out == "" and "\n\nhint: " in err


INTERRUPTED = """
import os, signal, sys
before = set(sys.modules)
from mmsearch.cli import main
print(*sorted(name for name in set(sys.modules) - before if not name.startswith("mmsearch")), flush=True)
class Interrupt:
    def find_spec(self, name, path=None, target=None):
        os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interrupt())
main()
"""


def test_ctrl_c_before_anything_is_imported_ends_the_program_without_a_traceback() -> None:
    """The signal comes with the first import of `main`; before that, only modules of a few lines are loaded."""
    done = subprocess.run([sys.executable, "-c", INTERRUPTED, "status"], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (-signal.SIGINT, "")
    assert set(done.stdout.split()) <= {"__future__"}


AT_ONCE = """
import os, signal, sys
class Interrupt:
    def find_spec(self, name, path=None, target=None):
        if name.startswith("mmsearch."):
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interrupt())
"""


@pytest.mark.parametrize("how", ["module", "script", "library"])
def test_ctrl_c_as_the_package_is_imported_ends_the_program_without_a_traceback(how: str, tmp_path: Path) -> None:
    """The library leaves the interrupts of the program that uses it alone."""
    (tmp_path / "sitecustomize.py").write_text(AT_ONCE)
    names = {"script": "mmsearch", "library": "app.py"}
    started = ["-m", "mmsearch"] if how == "module" else [str(tmp_path / names[how])]
    for name in names.values():
        (tmp_path / name).write_text("import sys\nfrom mmsearch.cli import main\nsys.exit(main())\n")
    path = os.pathsep.join([str(tmp_path), str(Path(__file__).parents[2])])
    done = subprocess.run(
        [sys.executable, *started, "--version"],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == -signal.SIGINT and done.stdout == ""
    assert ("KeyboardInterrupt" in done.stderr) == (how == "library")


def test_a_ctrl_c_that_the_parent_ignores_stays_ignored() -> None:
    code = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n" + INTERRUPTED.replace("status", "--version")
    done = subprocess.run([sys.executable, "-c", code, "--version"], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "") and "mmsearch 0" in done.stdout
