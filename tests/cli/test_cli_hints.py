"""Every command, option and extra that a message names exists, and a hint that is followed leads on."""

import ast
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from small_index import use_word_model

from mmsearch.cli import program
from mmsearch.cli.program import run

ROOT = Path(__file__).parents[2]
COMMANDS = {
    name: {flag for one in command.params for flag in (*one.opts, *one.secondary_opts)} | {"--help", "-h"}
    for name, command in program._program(program._COMMANDS).commands.items()
}
OTHERS = {"--force-reinstall", "--version"}  # pip's; our own without a command


def strings() -> Iterator[tuple[str, str]]:
    """Where each string of the package stands that is no docstring, and the string; `X` stands for what is put in."""
    for path in sorted((ROOT / "mmsearch").rglob("*.py")):
        tree = ast.parse(path.read_text("utf-8"))
        inner = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
        inner |= {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            where = f"{path.name}:{getattr(node, 'lineno', 0)}"
            if isinstance(node, ast.JoinedStr):
                yield where, "".join(str(one.value) if isinstance(one, ast.Constant) else "X" for one in node.values)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inner:
                yield where, node.value


def called(text: str) -> Iterator[str]:
    """The commands in a message: in backticks, after a colon, in brackets, or at its beginning."""
    for match in re.finditer(r"(?:^|[`(]|: )mmsearch ([^`()\n]*)", text):
        yield re.split(r"\s+(?:[|#>]|xargs)", match[1])[0]


def test_every_command_and_option_that_a_message_names_exists() -> None:
    every = set().union(*COMMANDS.values()) | OTHERS
    wrong, found = [], 0
    for where, text in strings():
        for words in called(text):
            name = words.split(" ")[0].strip(".,;")
            if set(name) == {"X"}:  # put in
                continue
            if name not in COMMANDS:
                wrong.append((where, f"mmsearch {words}"))
                continue
            found += 1
            options = re.findall(r"(?<![\w-])--?[a-z][a-z-]*", words.partition(", or")[0])
            wrong += [(where, f"mmsearch {name} {option}") for option in options if option not in COMMANDS[name]]
        if " " in text:
            wrong += [(where, one) for one in re.findall(r"(?<![\w-])--[a-z][a-z-]+", text) if one not in every]
    assert not wrong
    assert found > 40


def test_every_extra_that_a_message_names_exists() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    named = [name for _, text in strings() for name in re.findall(r"mmsearch\[(\w+)\]", text)]
    assert named and set(named) <= set(extras)


@pytest.mark.parametrize("place", ["here/my index/", "work", None])
@pytest.mark.parametrize("command", [["query", "ferry"], ["status"], ["index"]])
def test_who_follows_the_hint_about_a_missing_index_has_one_where_it_was_missed(
    place: str | None,
    command: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    use_word_model(monkeypatch.setattr)
    monkeypatch.delenv("MMSEARCH_INDEX", raising=False)
    for name in ("DATA", "CONFIG", "CACHE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "a.txt").write_text("the ferry leaves at nine")
    asked = command + ([] if place is None else ["--index", place])
    assert run(asked) == 3
    hint = re.search(r"Build one(?:: | with `)mmsearch ([^`\n]*)", capfd.readouterr().err)
    assert hint is not None
    assert run([word.replace("FOLDER", "files") for word in shlex.split(hint[1])]) == 0
    assert run(asked) == 0


def test_a_list_of_files_with_nul_bytes_is_told_what_ends_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "list").write_bytes(b"a.txt\0b.txt\0")
    assert run(["index", "--index", "./index", "--files-from", "list"]) == 2
    assert capfd.readouterr().err == (
        "--files-from: a name in list contains a NUL byte.\n\nhint: If NUL bytes end the names, add -0.\n"
    )
