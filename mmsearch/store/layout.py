"""File names inside an index folder, and the careful way to write a file there."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mmsearch.errors import IndexUnusable

_OURS = ("catalogue.db", "writer.lock", "encoders", "ann-", ".ann-")


@dataclass(frozen=True, slots=True)
class IndexFolder:
    """The folder of one index. Only the catalogue is the truth; all else can be made again from it."""

    path: Path

    @property
    def catalogue(self) -> Path:
        """The SQLite database."""
        return self.path / "catalogue.db"

    @property
    def lock(self) -> Path:
        """The file whose lock a writer holds."""
        return self.path / "writer.lock"

    @property
    def encoders(self) -> Path:
        """Where older versions kept exported query encoders: the next run removes it."""
        return self.path / "encoders"

    def ann(self, space_id: int, view: str, generation: int) -> Path:
        """A FAISS file: one per space and view, since a signal searches just one of them."""
        return self.path / f"ann-{space_id}-{view}-{generation}.faiss"

    def exists(self) -> bool:
        """Whether there is a catalogue here."""
        return self.catalogue.is_file()

    def create(self) -> None:
        """Make the folder, for its owner only. Raises `IndexUnusable` where that can't be, or where there are files of
        another kind and no index."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            strangers = [name for name in os.listdir(self.path) if not name.startswith(_OURS)]
        except OSError as error:
            raise IndexUnusable(
                f"The index folder {self.path} can't be made ({error.strerror}).", "Choose another place with --index."
            ) from error
        if strangers and not self.exists():
            raise IndexUnusable(
                f"{self.path} is no index, and there are other files in it.",
                "Choose a folder that is empty or does not exist yet with --index.",
            )

    def remove_catalogue(self) -> None:
        """Undo the making of an index that never held anything. The lock file stays: another writer may wait for it."""
        for suffix in ("", "-wal", "-shm"):
            self.catalogue.with_name(self.catalogue.name + suffix).unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Make a file's bytes, or the renames in a folder, durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """A temporary name beside `path` to write to; on success it is synced and takes the place of `path` in one step."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        sync(temporary)
        os.replace(temporary, path)
        sync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)
