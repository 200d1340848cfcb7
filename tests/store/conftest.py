"""A small index that tests of the store copy, damage and attack."""

import shutil
from pathlib import Path

import pytest
from small_index import run, use_word_model, write

from mmsearch.indexing.adoption import adopt
from mmsearch.store import ann


@pytest.fixture
def small_ann_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten embeddings are enough for an ann file."""
    monkeypatch.setattr(ann, "REBUILD_ROWS", 10)


@pytest.fixture(scope="session")
def notes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve notes in `docs` and their index with an ann file in `index`: to be copied, not changed."""
    base = tmp_path_factory.mktemp("notes")
    with pytest.MonkeyPatch.context() as patch:
        use_word_model(patch.setattr)
        patch.setattr(ann, "REBUILD_ROWS", 10)
        for n in range(12):
            write(base / "docs" / f"note{n:02}.md", f"Number {n}: a note about the walrus and {n} otters.\n")
        run(base / "index", base / "docs")
    return base


@pytest.fixture
def foreign_index(notes: Path, tmp_path: Path) -> Path:
    """The index in a copy of the notes: the user has not adopted it."""
    shutil.copytree(notes, tmp_path / "here", copy_function=shutil.copy2)
    return tmp_path / "here" / "index"


@pytest.fixture
def own_index(foreign_index: Path) -> Path:
    """The same, adopted: its ann files are opened."""
    adopt(foreign_index)
    return foreign_index
