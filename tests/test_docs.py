"""README and docs are true of the program, and the dependency lists agree with each other and with the code."""

import ast
import contextlib
import importlib.metadata
import io
import re
import sys
import textwrap
import tomllib
from functools import cache
from pathlib import Path

import pytest
import test_structure
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from mmsearch.cli import exit_codes
from mmsearch.cli.program import run
from mmsearch.output.records import hit_record
from mmsearch.query import Hit
from mmsearch.types import Kind, Locator, View

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PAGES = {path.relative_to(ROOT).as_posix(): path.read_text("utf-8") for path in [README, *ROOT.glob("docs/*.md")]}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
CODE = re.compile(r"^(?: {4}|\$ )(.+)$|`([^`\n]+)`", re.M)  # indented lines, prompts, and words in backticks
SNIPPETS = [(page, block or inline) for page, text in PAGES.items() for block, inline in CODE.findall(text)]
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]+")
SHORT = re.compile(r"(?<![\w-])-[a-z0-9](?![\w-])")
VARIABLE = re.compile(r"\bMMSEARCH_[A-Z_]+")


@cache
def help_of(*command: str) -> str:
    with contextlib.redirect_stdout(io.StringIO()) as said:
        assert run([*command, "--help"]) == 0
    return said.getvalue()


@cache
def commands() -> tuple[str, ...]:
    listed = help_of().partition("Show this message and exit.")[2].partition("Exit codes:")[0]
    return tuple(re.findall(r"^  (\w+) ", listed, re.M))


@cache
def options(command: str) -> frozenset[str]:
    listed = help_of(*[command] if command else []).partition("\nOptions:\n")[2].partition("\n\n")[0]
    opening = re.findall(r"^  (-.*?)(?:  |$)", listed, re.M)
    return frozenset(name for text in opening for name in (*OPTION.findall(text), *SHORT.findall(text)))


def calls() -> list[tuple[str, str, str]]:
    """Each call of mmsearch in the pages: page, command, and the rest, up to where the shell goes on to another."""
    found = []
    for page, snippet in SNIPPETS:
        if snippet.startswith(("from ", "sample_corpus/ ", "benchmarks/ ")):
            continue
        for rest in re.split(r"(?<!from )(?<![\w.-])mmsearch (?=[a-z])", snippet)[1:]:
            words = re.split(r"\s*(?:\|\|?|&&|>|#|;)\s*", re.sub(r"'[^']*'|\"[^\"]*\"", "X", rest))[0]
            found.append((page, words.split()[0], words))
    return found


def anchors(page: str) -> set[str]:
    """The names that links into a page can have, made of its headings as code hosts make them."""
    headings = re.findall(r"^#+ (.+)$", PAGES[page], re.M)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def requirements() -> dict[str, Requirement]:
    project = PROJECT["project"]
    lines = [*PROJECT["build-system"]["requires"], *project["dependencies"]]
    lines += [line for extra in project["optional-dependencies"].values() for line in extra]
    named = {canonicalize_name(Requirement(line).name): Requirement(line) for line in lines}
    return {name: requirement for name, requirement in named.items() if name != "mmsearch"}


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    return dict(line.split("==") for line in lines if line and not line.startswith("#"))


def test_help_lists_every_command_in_a_group() -> None:
    named = {path.stem.removesuffix("_command") for path in (ROOT / "mmsearch" / "cli").glob("*_command.py")}
    assert sorted(commands()) == sorted(named)
    groups = re.findall(r"^(\w+):$", help_of(), re.M)
    assert groups == ["Options", "Search", "Index", "Inspect", "Models"]
    assert not re.findall(r"^  \w+ .*\.\.\.$", help_of(), re.M)  # a sentence that does not fit is cut off


@pytest.mark.parametrize("command", [(), *((name,) for name in commands())])
def test_help_fits_80_columns(command: tuple[str, ...]) -> None:
    assert [line for line in help_of(*command).splitlines() if len(line) > 80] == []


def test_every_command_and_option_is_documented() -> None:
    assert set(commands()) - {command for _, command, _ in calls()} == set()
    named = {option for _, snippet in SNIPPETS for option in (*OPTION.findall(snippet), *SHORT.findall(snippet))}
    offered = {option: command for command in ("", *commands()) for option in options(command)}
    assert {command: option for option, command in offered.items() if option not in named} == {}


def test_every_call_in_the_pages_names_a_command_and_its_options() -> None:
    assert len(calls()) > 60
    wrong = [
        (page, command, option)
        for page, command, words in calls()
        for option in OPTION.findall(words) or [""]
        if command not in commands() or (option and option not in options(command))
    ]
    assert wrong == []


def test_every_option_named_in_the_pages_exists() -> None:
    known = frozenset[str]().union(*(options(command) for command in ("", *commands())))
    named = {option for _, snippet in SNIPPETS for option in OPTION.findall(snippet)}
    assert len(named) > 60
    assert named - known == set()


def test_every_variable_named_in_the_pages_exists() -> None:
    of_options = {
        f"MMSEARCH_{command}_{option}".upper().replace("-", "_")
        for command in commands()
        for option in [*(name[2:] for name in options(command)), "k", "0"]
    }
    known = of_options | {"MMSEARCH_INDEX", "MMSEARCH_QUIET", "MMSEARCH_DEBUG", "MMSEARCH_CONFIG"}
    named = {name for text in PAGES.values() for name in VARIABLE.findall(text)}
    assert len(named) >= 6
    assert named - known == set()


def test_the_config_file_in_the_pages_is_one_that_the_program_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    example = re.search(r"^    \[query\]\n(?:(?:    .*)?\n)+", PAGES["docs/settings.md"], re.M)
    assert example
    (tmp_path / "config.toml").write_text(textwrap.dedent(example[0]), "utf-8")
    monkeypatch.setenv("MMSEARCH_CONFIG", str(tmp_path / "config.toml"))
    assert run(["status", "--index", f"{tmp_path}/none"]) == exit_codes.UNUSABLE


def test_every_schema_is_documented() -> None:
    schemas = re.compile(r"\bmmsearch\.[a-z]+/\d+\b")
    used = {name for path in (ROOT / "mmsearch").rglob("*.py") for name in schemas.findall(path.read_text("utf-8"))}
    assert used == set(schemas.findall(PAGES["docs/scripting.md"]))


def test_every_field_of_a_hit_is_documented() -> None:
    table = PAGES["docs/scripting.md"].partition("| field |")[2].partition("\n\n")[0]
    fields = re.findall(r"`(\w+)`", " ".join(re.findall(r"^\| (`\w+`.*?) \|", table, re.M)))
    hit = Hit(1, 0.5, b"a.zip!/\xff", Kind.TEXT, View.TEXT, Locator(), "", ())
    assert set(fields) == set(hit_record(hit, "a query"))


def test_every_exit_code_is_documented_with_its_meaning() -> None:
    rows = dict(re.findall(r"^\| (\d+) \| (.+) \|$", PAGES["docs/scripting.md"], re.M))
    assert {int(code) for code in rows} == set(exit_codes.EXIT_CODES)
    for code, meaning in exit_codes.EXIT_CODES.items():
        said = rows[str(code)].replace("`", "")
        assert said.startswith(meaning.split(" (")[0]), code
    named = re.findall(r"\bexit code (\d+)", " ".join(PAGES.values()), re.I)
    assert {int(code) for code in named} <= set(exit_codes.EXIT_CODES)


def test_every_link_between_the_pages_resolves() -> None:
    broken = []
    for page, text in PAGES.items():
        for target in re.findall(r"\]\(([^)]+)\)", re.sub(r"`[^`\n]*`", "", text)):
            path, _, anchor = target.partition("#")
            linked = ((ROOT / page).parent / path).resolve() if path else ROOT / page
            name = linked.relative_to(ROOT).as_posix()
            if not linked.is_file() or (anchor and anchor not in anchors(name)):
                broken.append((page, target))
    assert broken == []


def test_every_page_is_linked_from_the_readme() -> None:
    assert {page for page in PAGES if f"({page})" not in PAGES["README.md"]} == {"README.md"}


def test_every_file_named_in_the_pages_exists() -> None:
    pattern = re.compile(r"(?:mmsearch|benchmarks|tests|docs|sample_corpus)/[\w/.-]+")
    named = {(page, snippet) for page, snippet in SNIPPETS if pattern.fullmatch(snippet)}
    assert len(named) > 5
    assert {(page, name) for page, name in named if not (ROOT / name).exists()} == set()


def test_every_make_target_named_in_the_pages_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.M))
    named = {name for _, snippet in SNIPPETS for name in re.findall(r"^make ([a-z-]+)", snippet)}
    assert {"demo", "test"} <= named <= targets


def test_every_test_named_in_the_pages_exists() -> None:
    named = [(page, name) for page, name in SNIPPETS if name.startswith("tests/") and "::" in name]
    assert len(named) > 40
    missing = []
    for page, name in named:
        path, _, test = name.partition("::")
        defined = (ROOT / path).read_text("utf-8") if (ROOT / path).is_file() else ""
        if not re.search(rf"^def {test}\(", defined, re.M):
            missing.append((page, name))
    assert missing == []


def test_every_promise_has_a_test_or_a_benchmark() -> None:
    rows = re.findall(r"^\| ([^|]+) \| ([^|]*) \| [^|]*\|$", PAGES["docs/promises.md"], re.M)
    promises = [(promise, tested) for promise, tested in rows if promise not in ("promise", "---")]
    assert len(promises) > 30
    proof = re.compile(r"`(tests/[\w/]+\.py::test_\w+|benchmarks/\w+\.py|make (bench|torture|fuzz))`")
    assert [promise for promise, tested in promises if not proof.search(tested)] == []


def test_the_readme_is_short() -> None:
    assert len(PAGES["README.md"].splitlines()) <= 140


def test_the_pages_name_no_path_outside_the_checkout() -> None:
    outside = re.compile(r"\.\./shared|/work/|/home/\w+|/root/")
    assert {page: outside.findall(text) for page, text in PAGES.items() if outside.search(text)} == {}


def test_every_dependency_is_in_the_table_with_reason_licence_and_size() -> None:
    page = PAGES["docs/dependencies.md"]
    table = re.findall(r"^\| ([a-z][\w-]+) \| (.+?) \| (.+?) \| ([\d.]+) \|$", page, re.M)
    assert requirements().keys() - {name for name, *_ in table} == set()
    assert not [name for name, _, licence, _ in table if re.search(r"(?<!L)GPL", licence)]


def test_constraints_pin_every_dependency_within_its_range() -> None:
    pinned = pins()
    assert requirements().keys() - pinned.keys() == set()
    outside = [name for name, requirement in requirements().items() if not requirement.specifier.contains(pinned[name])]
    assert outside == []


@pytest.mark.parametrize("folder", ["mmsearch", "benchmarks", "training", "tests"])
def test_what_is_imported_is_declared(folder: str) -> None:
    owners = importlib.metadata.packages_distributions()
    # packaging comes with pytest, which is written with it
    ours = {"mmsearch", "benchmarks", "training", "packaging"} | {path.stem for path in (ROOT / "tests").rglob("*.py")}
    undeclared = set()
    for path in sorted((ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
            for name in {name.split(".")[0] for name in names} - sys.stdlib_module_names - ours:
                if not {canonicalize_name(owner) for owner in owners.get(name, [])} & requirements().keys():
                    undeclared.add((name, path.name))
    assert undeclared == set()


def test_the_two_ways_through_the_code_follow_its_imports() -> None:
    page = PAGES["docs/architecture.md"]
    for heading, most in (("One PDF page from file to commit", 34), ("One query from words to hits", 25)):
        listed = re.findall(r"^\d+\. `([\w/.]+)`", page.partition(f"## {heading}\n")[2].partition("\n## ")[0], re.M)
        assert 20 <= len(listed) <= most and len(set(listed)) == len(listed)
        reached = imported_modules(listed[0])
        for name in listed[1:]:
            assert name in reached, f"{name} is imported by no file before it"
            reached |= imported_modules(name)


def imported_modules(name: str) -> set[str]:
    """The files of the package that a file imports, also inside functions, or names as modules to load by name."""
    text = (ROOT / name).read_text("utf-8")
    strings = [node.value for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Constant)]
    modules = {value.partition(":")[0] for value in strings if isinstance(value, str)}
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and node.module:
            modules |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return {f"{module.replace('.', '/')}.py" for module in modules if module.startswith("mmsearch.")}


def test_the_order_of_imports_in_the_pages_is_the_one_that_is_checked() -> None:
    block = PAGES["docs/architecture.md"].partition("## Imports")[2].partition("## Where")[0]
    floors = [set(line.strip().split(", ")) for line in re.findall(r"^ {4}(.+)$", block, re.M)]
    assert floors == test_structure.FLOORS
