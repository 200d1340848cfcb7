"""Reading one file of an archive, in a worker. The place where the walk through the archive has come to is kept, since
the files of an archive are mostly read in their order, and a compressed tar has no other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from mmsearch.archive_paths import SEPARATOR, is_within
from mmsearch.errors import ExtractionError, FailureCode
from mmsearch.extraction.archives.archive_member import ArchiveMember, UnpackBudget
from mmsearch.extraction.archives.walking import walked, whole
from mmsearch.extraction.planned_file import open_planned
from mmsearch.types import Source


@dataclass(slots=True, eq=False)
class _OpenArchive:
    """An archive with a walk through it. `name` is the file that the walk is to find, `data` are the bytes of the file
    that was read last, whose name is `read`."""

    archive: tuple[bytes, tuple[int, int, int]]
    file: BinaryIO
    name: bytes = b""
    read: bytes = b""
    data: bytes = b""
    walk: Iterator[ArchiveMember] = field(init=False)

    def __post_init__(self) -> None:
        self.walk = self._from_start()

    def found(self) -> bytes | None:
        """The bytes of the file named `name` where it comes later in the walk."""
        for member in self.walk:
            if member.path == self.name and not member.is_archive:
                self.data, self.read = whole(member), self.name
                return self.data
        return None

    def found_anywhere(self) -> bytes | None:
        """The same, from the beginning on."""
        self.walk = self._from_start()
        return self.found()

    def _from_start(self) -> Iterator[ArchiveMember]:
        self.file.seek(0)
        return walked(self.file, self.archive[0], UnpackBudget(None), lambda path: is_within(self.name, path))


_open: list[_OpenArchive] = []  # at most one


def bytes_of_member(source: Source) -> bytes:
    """The bytes of a file in an archive. Raises `ExtractionError` as `open_source`, and for one that can't be
    unpacked."""
    wanted = source.path[len(source.archive) + len(SEPARATOR) :]
    if not _open or _open[0].archive != source.on_disk:
        _close()
        _open.append(_OpenArchive(source.on_disk, open_planned(*source.on_disk)))
    archive = _open[0]
    if archive.read == wanted:
        return archive.data
    archive.data, archive.read, archive.name = b"", b"", wanted
    try:
        data = _at_once(archive)
    except BaseException:
        _close()
        raise
    if data is None:
        raise ExtractionError(FailureCode.VANISHED, "It is not in its archive any more.")
    return data


def _at_once(archive: _OpenArchive) -> bytes | None:
    try:
        if (data := archive.found()) is not None:
            return data
    except ExtractionError:  # damage after the file that is wanted, perhaps
        pass
    return archive.found_anywhere()


def _close() -> None:
    for archive in _open:
        archive.file.close()
    _open.clear()
