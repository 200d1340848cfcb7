"""The shape of the code, as promises: imports run one way, light paths stay light, public names are few."""

import ast
import re
import statistics
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "mmsearch"
FLOORS = [
    {
        "types",
        "errors",
        "archive_paths",
        "allocation",
        "date_taken",
        "dehyphenation",
        "durable",
        "filestat",
        "language_tags",
        "office_formats",
        "telemetry",
        "temporary_folders",
    },
    {"config", "index_status", "run_record", "sniff"},
    {"trust", "query"},
    {"discovery", "extraction", "models", "store"},
    {"encoding"},
    {"indexing", "retrieval"},
    {"index"},
    {"diagnostics", "evaluation", "output"},
    {"serving", "watching"},
    {"cli"},
]
FLOOR = {part: number for number, parts in enumerate(FLOORS) for part in parts}
MODULES = sorted(PACKAGE.rglob("*.py"))


def imported_parts(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "mmsearch":
            tail = (node.module or "").split(".")[1:2]
            names.update(tail or [alias.name if alias.name in FLOOR else "index" for alias in node.names])
        elif isinstance(node, ast.Import):
            names.update(a.name.split(".")[1] for a in node.names if a.name.startswith("mmsearch."))
    return names & FLOOR.keys()


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_down(path: Path) -> None:
    part = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    if part in ("__init__", "__main__"):
        return
    assert part in FLOOR, f"{part} stands on no floor"
    upward = {other for other in imported_parts(path) - {part} if FLOOR[other] >= FLOOR[part]}
    assert not upward, f"{part} imports {sorted(upward)}"


@pytest.mark.parametrize(
    ("module", "owners"),
    [
        ("sqlite3", {"store", "indexing", "encoding", "diagnostics.py"}),  # indexing passes connections on, by type
        ("faiss", {"store", "diagnostics.py"}),
        ("rich", {"output"}),
        ("typer", {"cli"}),
        ("torch", {"models", "encoding", "extraction", "diagnostics.py"}),
    ],
)
def test_libraries_have_one_owner(module: str, owners: set[str]) -> None:
    users = set()
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if any(name.split(".")[0] == module for name in names):
                users.add(path.relative_to(PACKAGE).parts[0])
    assert users <= owners


CHANGES_ROWS = re.compile(
    r"\b(INSERT|UPDATE|DELETE|CREATE|DROP|REPLACE|ALTER)\b|\b(insert into|delete from|drop table)\b"
)
MAY_CHANGE_ROWS = {"diagnostics.py"}  # it tries SQLite on a database in memory


def texts(tree: ast.Module) -> Iterator[str]:
    """The string constants of a module but its docstrings; of an f-string its constant parts."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    bodies = [node.body for node in ast.walk(tree) if isinstance(node, documented)]
    docs = {id(body[0].value) for body in bodies if body and isinstance(body[0], ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
            yield node.value


def test_only_the_store_writes_sql_that_changes_rows() -> None:
    writers = {
        str(path.relative_to(PACKAGE))
        for path in MODULES
        if path.relative_to(PACKAGE).parts[0] != "store"
        and any(CHANGES_ROWS.search(text) for text in texts(ast.parse(path.read_text("utf-8"))))
    }
    assert writers - MAY_CHANGE_ROWS == set()


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")


def imported_modules(path: Path, modules: set[str]) -> set[str]:
    """The modules of the package that a module imports, at its top or inside functions."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            found.update(inner & modules)
            if not inner <= modules:
                found.add(node.module)
    return found & modules


def cycle(graph: dict[str, set[str]]) -> list[str]:
    """A cycle of a graph, its first node repeated at the end; empty where there is none."""
    done: set[str] = set()

    def visit(node: str, way: list[str]) -> list[str]:
        if node in way:
            return [*way[way.index(node) :], node]
        if node in done:
            return []
        for other in sorted(graph[node]):
            if found := visit(other, [*way, node]):
                return found
        done.add(node)
        return []

    return next((found for node in sorted(graph) if (found := visit(node, []))), [])


def test_no_imports_form_a_cycle() -> None:
    names = {module_name(path): path for path in MODULES}
    graph = {name: imported_modules(path, set(names)) for name, path in names.items()}
    assert cycle(graph) == []


def test_a_cycle_is_found() -> None:
    assert cycle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]
    assert cycle({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []


def repeated(names: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """The names that several places have: name -> places."""
    places: dict[str, list[str]] = {}
    for name, place in names:
        places.setdefault(name, []).append(place)
    return {name: found for name, found in places.items() if len(found) > 1}


def test_every_module_has_a_base_name_of_its_own() -> None:
    modules = (path.relative_to(PACKAGE) for path in MODULES if path.stem not in ("__init__", "__main__"))
    folders = {path.name for path in PACKAGE.iterdir() if path.is_dir()}
    assert repeated((path.stem, str(path)) for path in modules) == {}
    assert not {path.stem for path in MODULES} & folders


def test_every_class_has_a_name_of_its_own() -> None:
    classes = (
        (node.name, str(path.relative_to(PACKAGE)))
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ClassDef)
    )
    assert repeated(classes) == {}


MOST_LINES, MEDIAN_LINES, FUNCTION_LINES = 400, (60, 200), 80


def test_files_are_of_a_size_to_be_read() -> None:
    lines = {path: len(path.read_text("utf-8").splitlines()) for path in MODULES if path.stem != "__init__"}
    assert {str(path): count for path, count in lines.items() if count > MOST_LINES} == {}
    assert MEDIAN_LINES[0] <= statistics.median(lines.values()) <= MEDIAN_LINES[1]


def test_functions_are_of_a_size_to_be_read() -> None:
    """But the signatures of the commands, of which typer makes the options."""
    long = {
        f"{path.relative_to(PACKAGE)}: {node.name}": node.end_lineno - node.lineno + 1
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and path.stem != f"{node.name}_command"
        and node.end_lineno is not None
        and node.end_lineno - node.lineno >= FUNCTION_LINES
    }
    assert long == {}


def test_public_names() -> None:
    import mmsearch

    assert mmsearch.__all__ == [
        "Answer",
        "Filter",
        "Hit",
        "Index",
        "MmsearchError",
        "Part",
        "Query",
        "RunOptions",
        "Settings",
        "__version__",
    ]
    assert all(hasattr(mmsearch, name) for name in mmsearch.__all__)


def modules_of(*arguments: str) -> set[str]:
    """The top-level modules that a command has loaded when it ends."""
    code = (
        "import sys\nfrom mmsearch.cli import main\n"
        f"sys.argv = ['mmsearch', *{list(arguments)!r}]\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print('\\nMODULES', *{name.split('.')[0] for name in sys.modules})"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    return set(run.stdout.rsplit("MODULES", 1)[1].split())


def test_help_loads_nothing_heavy() -> None:
    heavy = {"torch", "transformers", "sentence_transformers", "torchcodec", "numpy", "faiss", "onnxruntime", "PIL"}
    assert not modules_of("--help") & heavy


def test_status_a_text_query_and_a_run_without_changes_load_no_torch(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("The ferry leaves at nine from the northern pier.")
    index = ["--index", str(tmp_path / "index")]
    main = [sys.executable, "-m", "mmsearch"]
    subprocess.run([*main, "index", str(tmp_path / "notes.txt"), *index], check=True, timeout=240)
    heavy = {"torch", "transformers", "sentence_transformers", "torchcodec"}
    assert not modules_of("status", *index) & heavy
    assert not modules_of("index", "--quiet", *index) & (heavy | {"numpy", "faiss", "onnxruntime", "PIL"})
    loaded = modules_of("query", "when does the boat go", *index)
    assert "onnxruntime" in loaded and not loaded & heavy


def test_a_picture_outside_the_index_is_compared_without_torch(tmp_path: Path) -> None:
    from PIL import Image

    (tmp_path / "files").mkdir()
    for name, colour in (("files/red.png", "red"), ("other.png", "blue")):
        Image.new("RGB", (64, 64), colour).save(tmp_path / name)
    index = ["--index", str(tmp_path / "index")]
    command = [sys.executable, "-m", "mmsearch", "index", "--no-ocr", str(tmp_path / "files"), *index]
    subprocess.run(command, check=True, timeout=240)
    for asked in (("query", "--image"), ("similar",)):
        loaded = modules_of(*asked, str(tmp_path / "other.png"), *index)
        assert "onnxruntime" in loaded
        assert not loaded & {"torch", "transformers", "sentence_transformers", "torchcodec"}
