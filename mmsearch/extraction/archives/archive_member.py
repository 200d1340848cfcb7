"""A file in an archive, and the limits on what an archive may unpack to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from mmsearch.errors import ExtractionError, FailureCode
from mmsearch.types import Failure

MEMBERS = 100_000  # of an archive, with those of archives in it
FREE_BYTES = 1 << 30  # that any archive may unpack to
RATIO = 200  # of the bytes beyond that to those of the archive
BLOCK = 64 << 10


@dataclass(frozen=True, slots=True, eq=False)
class ArchiveMember:
    """A file in an archive. `path` is that within the archive, `size` what the archive claims, `mtime_ns` None where it
    is not known. `left_out` says what it is where it is no file (`link`, `special file`), `failure` why it can't be
    read. `blocks` are its bytes, once, before the walk goes on; it raises `ExtractionError`."""

    path: bytes
    size: int
    mtime_ns: int | None
    blocks: Callable[[], Iterator[bytes]]
    left_out: str = ""
    failure: Failure | None = None
    is_archive: bool = False
    name: bytes = b""  # as the archive has it


class ArchiveTooLarge(ExtractionError):
    """An archive that passes a limit for its whole."""

    def __init__(self, sentence: str) -> None:
        super().__init__(FailureCode.TOO_LARGE, sentence)


class UnpackBudget:
    """What is left of the limits of an archive that has `size` bytes (None: nothing is limited)."""

    def __init__(self, size: int | None) -> None:
        self.left = None if size is None else FREE_BYTES + RATIO * size
        self._members = MEMBERS

    def count(self) -> None:
        """Count a file. Raises `ArchiveTooLarge`."""
        self._members -= 1
        if self._members < 0 and self.left is not None:
            raise ArchiveTooLarge(f"It holds more than {MEMBERS:,} files; the first of them are indexed.")

    def take(self, size: int) -> None:
        """Take unpacked bytes. Raises `ArchiveTooLarge`."""
        if self.left is None:
            return
        self.left -= size
        if self.left < 0:
            limit = f"{FREE_BYTES >> 30} GB and {RATIO} times its size"
            raise ArchiveTooLarge(f"It unpacks to more than {limit}; what comes before that is indexed.")
