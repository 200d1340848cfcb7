"""The wheel holds what runs and nothing else, and what it installs runs without the checkout."""

import json
import os
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = ("pyproject.toml", "README.md", "LICENSE", "MANIFEST.in", "mmsearch")
BUILD = "import sys; from setuptools import build_meta; print(build_meta.build_wheel(sys.argv[1]))"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy of the sources, so that nothing of an earlier build is in it."""
    top = tmp_path_factory.mktemp("wheel")
    source = top / "source"
    source.mkdir()
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, source / name)
    done = subprocess.run([sys.executable, "-c", BUILD, str(top)], cwd=source, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return top / done.stdout.split()[-1]


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of programs of a new environment: the wheel, installed by pip without an index, on the libraries of
    this environment. A .pth file in a folder that a .pth file names is not read, so the checkout is not on the path."""
    place = tmp_path_factory.mktemp("installed") / "venv"
    venv.create(place, symlinks=True, with_pip=False)
    libraries = [path for path in sys.path if path.endswith("site-packages")]
    (own,) = place.glob("lib/python*/site-packages")
    (own / "libraries.pth").write_text("\n".join(libraries) + "\n")
    install = [sys.executable, "-m", "pip", "--python", str(place / "bin" / "python"), "install"]
    options = ["--quiet", "--no-index", "--no-deps", "--no-compile", "--ignore-installed", str(wheel)]
    done = subprocess.run([*install, *options], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return place / "bin"


def call(program: Path, *arguments: str, home: Path) -> str:
    """What a program writes to stdout, called in an empty home without a path to the checkout."""
    variables = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "XDG_", "MMSEARCH_"))
    }
    done = subprocess.run(
        [str(program), *arguments], cwd=home, env=variables | {"HOME": str(home)}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_wheel_holds_the_package_and_nothing_else(wheel: Path) -> None:
    package = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "mmsearch").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    described = wheel.name.split("-py3")[0] + ".dist-info"
    described_by = {"METADATA", "WHEEL", "RECORD", "entry_points.txt", "top_level.txt", "licenses/LICENSE"}
    with zipfile.ZipFile(wheel) as archive:
        assert set(archive.namelist()) == package | {f"{described}/{name}" for name in described_by}
        assert archive.read(f"{described}/top_level.txt") == b"mmsearch\n"
    assert "mmsearch/py.typed" in package


def test_the_installed_program_runs_without_the_checkout(installed: Path, tmp_path: Path) -> None:
    where = call(installed / "python", "-c", "import mmsearch; print(mmsearch.__file__)", home=tmp_path)
    assert Path(where.strip()).is_relative_to(installed.parent)
    assert "Usage: mmsearch" in call(installed / "mmsearch", "--help", home=tmp_path)
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "ferry.txt").write_text("The ferry leaves the harbour at nine.\n")
    (tmp_path / "notes" / "pie.txt").write_text("Apple pie: fruit, sugar and butter from the oven.\n")
    call(installed / "mmsearch", "index", "--index", "notes.index", "--no-ocr", "notes", home=tmp_path)
    query = ["query", "--index", "notes.index", "--format", "jsonl", "-k", "1", "when does the ferry depart"]
    (hit,) = map(json.loads, call(installed / "mmsearch", *query, home=tmp_path).splitlines())
    assert hit["path"] == str(tmp_path / "notes" / "ferry.txt")
