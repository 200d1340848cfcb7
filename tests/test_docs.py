"""The README is true of the program, and the dependency lists agree with each other and with the code."""

import ast
import contextlib
import importlib.metadata
import io
import re
import sys
import tomllib
from functools import cache
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from mmsearch.cli import codes
from mmsearch.cli.program import run

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
CODE = re.findall(r"^(?: {4}|\$ )(.+)$|`([^`\n]+)`", README, re.M)  # indented lines, prompts, and words in backticks
SNIPPETS = [block or inline for block, inline in CODE]
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]+")


@cache
def help_of(*command: str) -> str:
    with contextlib.redirect_stdout(io.StringIO()) as said:
        assert run([*command, "--help"]) == 0
    return said.getvalue()


@cache
def commands() -> tuple[str, ...]:
    listed = help_of().partition("Commands:\n")[2].partition("\n\n")[0]
    return tuple(re.findall(r"^  (\w+) ", listed, re.M))


@cache
def options(command: str) -> frozenset[str]:
    return frozenset(OPTION.findall(help_of(command)))


def calls() -> list[tuple[str, str]]:
    """Each call of mmsearch in the README: its command and the rest, up to where the shell goes on to another."""
    found = []
    for snippet in SNIPPETS:
        for rest in re.split(r"(?<!from )(?<![\w.-])mmsearch (?=[a-z])", snippet)[1:]:
            words = re.split(r"\s*(?:\|\|?|&&|>|#|;)\s*", re.sub(r"'[^']*'|\"[^\"]*\"", "X", rest))[0]
            found.append((words.split()[0], words))
    return found


def requirements() -> dict[str, Requirement]:
    project = PROJECT["project"]
    lines = [*PROJECT["build-system"]["requires"], *project["dependencies"]]
    lines += [line for extra in project["optional-dependencies"].values() for line in extra]
    named = {canonicalize_name(Requirement(line).name): Requirement(line) for line in lines}
    return {name: requirement for name, requirement in named.items() if name != "mmsearch"}


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    return dict(line.split("==") for line in lines if line and not line.startswith("#"))


def test_every_command_is_in_the_readme() -> None:
    assert set(commands()) - {command for command, _ in calls()} == set()


def test_every_call_in_the_readme_names_a_command_and_its_options() -> None:
    assert len(calls()) > 30
    wrong = [
        (command, option)
        for command, words in calls()
        for option in OPTION.findall(words) or [""]
        if command not in commands() or (option and option not in options(command))
    ]
    assert wrong == []


def test_every_option_named_in_the_readme_exists() -> None:
    known = frozenset[str]().union(*(options(command) for command in commands()))
    named = {option for snippet in SNIPPETS for option in OPTION.findall(snippet)}
    assert len(named) > 20
    assert named - known == set()


def test_every_exit_code_is_in_the_readme_with_its_meaning() -> None:
    rows = dict(re.findall(r"^\| (\d+) \| (.+) \|$", README, re.M))
    assert {int(code) for code in rows} == set(codes.EXIT_CODES)
    for code, meaning in codes.EXIT_CODES.items():
        said = rows[str(code)].replace("`", "")
        assert said.startswith(meaning.split(" (")[0]), code


def test_every_dependency_is_in_the_table_with_reason_licence_and_size() -> None:
    table = re.findall(r"^\| ([a-z][\w-]+) \| (.+?) \| (.+?) \| ([\d.]+) \|$", README, re.M)
    assert requirements().keys() - {name for name, *_ in table} == set()
    assert not [name for name, _, licence, _ in table if re.search(r"(?<!L)GPL", licence)]


def test_constraints_pin_every_dependency_within_its_range() -> None:
    pinned = pins()
    assert requirements().keys() - pinned.keys() == set()
    outside = [name for name, requirement in requirements().items() if not requirement.specifier.contains(pinned[name])]
    assert outside == []


@pytest.mark.parametrize("folder", ["mmsearch", "benchmarks", "tests"])
def test_what_is_imported_is_declared(folder: str) -> None:
    owners = importlib.metadata.packages_distributions()
    # packaging comes with pytest, which is written with it
    ours = {"mmsearch", "benchmarks", "packaging"} | {path.stem for path in (ROOT / "tests").glob("*.py")}
    undeclared = set()
    for path in sorted((ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
            for name in {name.split(".")[0] for name in names} - sys.stdlib_module_names - ours:
                if not {canonicalize_name(owner) for owner in owners.get(name, [])} & requirements().keys():
                    undeclared.add((name, path.name))
    assert undeclared == set()
