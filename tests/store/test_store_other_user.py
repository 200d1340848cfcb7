"""Another user on an index folder that is not theirs: a sentence and exit code 3 from every command, and no change."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

NOBODY = 65534
COMMANDS = [
    ["index"],
    ["index", "docs"],
    ["index", "--rebuild"],
    ["query", "walrus"],
    ["query", "--like", "docs/note01.md"],
    ["similar", "docs/note01.md"],
    ["dupes"],
    ["status"],
    ["status", "--check"],
    ["failed"],
    ["failed", "--retry"],
    ["verify"],
    ["verify", "--repair"],
    ["forget", "docs/note01.md"],
    ["eval", "docs/queries.jsonl"],
]
CALLS = """
import contextlib, io, json, os, sys
assert os.geteuid() != 0
from mmsearch.cli.program import run
for words in json.load(sys.stdin):
    with contextlib.redirect_stdout(io.TextIOWrapper(io.BytesIO())), contextlib.redirect_stderr(io.StringIO()) as told:
        code = run(words)
    print(json.dumps([words, code, told.getvalue()]))
"""


def called_by_nobody(place: Path, calls: list[list[str]]) -> list[tuple[list[str], int, str]]:
    """Calls of the program by another user, each with its exit code and what it writes to stderr."""
    folders = {"HOME": place / "home", **{f"XDG_{name}_HOME": place / "home" for name in ("DATA", "CONFIG", "CACHE")}}
    command = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", sys.executable, "-c", CALLS]
    environment = os.environ | {name: str(path) for name, path in folders.items()}
    done = subprocess.run(
        command, input=json.dumps(calls), capture_output=True, text=True, timeout=240, cwd=place, env=environment
    )
    if done.returncode and ("Permission denied" in done.stderr or "No module named" in done.stderr):
        pytest.skip("another user can't read the program that lies here")
    assert done.returncode == 0, done.stderr
    return [tuple(json.loads(line)) for line in done.stdout.splitlines()]


@pytest.fixture
def place(notes: Path) -> Iterator[Path]:
    """A copy of the notes and their index where everybody may look, and a home of nobody's."""
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("only root can become another user, by setpriv")
    with tempfile.TemporaryDirectory() as name:
        top = Path(name)
        top.chmod(0o755)
        for part in ("docs", "index"):
            shutil.copytree(notes / part, top / part, copy_function=shutil.copy2)
        (top / "docs" / "queries.jsonl").write_text('{"query": "walrus", "relevant": ["note01.md"]}\n')
        (top / "home").mkdir()
        os.chown(top / "home", NOBODY, NOBODY)
        yield top


@pytest.mark.parametrize(("folder", "file"), [(0o700, 0o600), (0o755, 0o644), (0o711, 0o644), (0o777, 0o666)])
def test_an_index_of_another_user_is_refused_by_every_command(place: Path, folder: int, file: int) -> None:
    index = place / "index"
    index.chmod(folder)
    for path in index.iterdir():
        path.chmod(file)
    before = {path.name: path.read_bytes() for path in index.iterdir()}
    told = called_by_nobody(place, [[*words, "--index", "./index"] for words in COMMANDS])
    assert len(told) == len(COMMANDS)
    for words, code, said in told:
        assert (code, "\n\nhint: " in said) == (3, True), (words, code, said)
        assert "index" in said.splitlines()[0]
    assert {path.name: path.read_bytes() for path in index.iterdir()} == before


def test_a_folder_of_ones_own_that_can_not_be_written_is_read_and_not_changed(place: Path) -> None:
    index = place / "index"
    for path in (index, *index.iterdir()):
        os.chown(path, NOBODY, NOBODY)
        path.chmod(0o555 if path.is_dir() else 0o444)
    before = {path.name: path.read_bytes() for path in index.iterdir()}
    reading = [["status"], ["failed"], ["dupes"]]
    writing = [["index"], ["forget", "docs/note01.md"], ["verify", "--repair"], ["failed", "--retry"]]
    told = called_by_nobody(place, [[*words, "--index", "./index"] for words in [*reading, *writing]])
    codes = [code for _, code, _ in told]
    assert codes[: len(reading)] == [0, 0, 1], told
    assert set(codes[len(reading) :]) == {3}, told
    assert {path.name: path.read_bytes() for path in index.iterdir()} == before


@pytest.mark.parametrize(("folder", "file"), [(0o644, 0o644), (0o755, 0o000)])
def test_an_index_of_ones_own_without_the_right_to_read_it_is_told_as_that(place: Path, folder: int, file: int) -> None:
    index = place / "index"
    for path in (*index.iterdir(), index):
        os.chown(path, NOBODY, NOBODY)
        path.chmod(folder if path == index else file)
    for words, code, said in called_by_nobody(place, [[*words, "--index", "./index"] for words in COMMANDS]):
        assert (code, "\n\nhint: " in said, str(index) in said) == (3, True, True), (words, code, said)
