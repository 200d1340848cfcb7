"""The shape of the code, as promises: imports run one way, light paths stay light, public names are few."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "mmsearch"
FLOORS = [
    {"types", "errors", "allocation", "filestat", "telemetry"},
    {"config", "index_status", "run_record"},
    {"trust"},
    {"discovery", "extraction", "models", "store"},
    {"encoding"},
    {"indexing", "retrieval"},
    {"index"},
    {"diagnostics", "evaluation", "output"},
    {"serving"},
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


def test_public_names() -> None:
    import mmsearch

    assert mmsearch.__all__ == [
        "Answer",
        "Filter",
        "Hit",
        "Index",
        "MmsearchError",
        "Query",
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
