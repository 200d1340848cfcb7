"""The files in an archive one after the other, with those of archives in it. Nothing is unpacked onto a disk.

Bounded are the files of an archive, the bytes of one, the bytes that all of them take unpacked, and how deep archives
lie in each other. Names are made plain and unique in the order of the archive: every walk gives a file the same path.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import BinaryIO

from mmsearch.archive_paths import SEPARATOR, ZIP, archive_suffix, plain_name
from mmsearch.errors import ExtractionError, FailureCode
from mmsearch.extraction.archives.archive_member import ArchiveMember, ArchiveTooLarge, UnpackBudget
from mmsearch.extraction.archives.tar_archive import tar_members
from mmsearch.extraction.archives.zip_archive import zip_members
from mmsearch.types import Failure

DEPTH = 4  # of archives in archives
MEMBER_BYTES = 256 << 20  # of one file, which is held in memory
_DEEP = Failure(FailureCode.TOO_LARGE, f"Archives lie more than {DEPTH} deep in each other here.")


def walked(
    file: BinaryIO, path: bytes, budget: UnpackBudget, enter: Callable[[bytes], bool] = lambda path: True
) -> Iterator[ArchiveMember]:
    """The files of an open archive; `path` is its own. Of an archive in it, first its files where `enter` agrees to its
    path within the outer one, then itself. Raises `ExtractionError` where the archive is damaged or passes a limit:
    what came before is good."""
    yield from _walked(file, path, budget, enter, _Names(), b"", 1)


def whole(member: ArchiveMember) -> bytes:
    """The bytes of a file. Raises `ExtractionError` for one that is too large, damaged or encrypted."""
    parts, size = [], 0
    for block in member.blocks():
        size += len(block)
        if size > MEMBER_BYTES:
            raise ExtractionError(FailureCode.TOO_LARGE, too_large())
        parts.append(block)
    return b"".join(parts)


def too_large() -> str:
    """Why a large file in an archive is not read."""
    return f"It takes more than {MEMBER_BYTES >> 20} MB unpacked; outside its archive it can be read."


def _walked(
    file: BinaryIO,
    path: bytes,
    budget: UnpackBudget,
    enter: Callable[[bytes], bool],
    names: _Names,
    prefix: bytes,
    depth: int,
) -> Iterator[ArchiveMember]:
    ending = archive_suffix(path)
    found = zip_members(file, budget) if ending in ZIP else tar_members(file, ending, budget)
    for one in found:
        budget.count()
        member = replace(one, path=names.unique(prefix + plain_name(one.path)), name=one.path)
        if not archive_suffix(member.path) or member.left_out or member.failure:
            yield member
            continue
        failure = None
        if depth >= DEPTH:
            failure = _DEEP
        elif enter(member.path):
            try:
                inner = io.BytesIO(whole(member))
                yield from _walked(inner, member.path, budget, enter, names, member.path + SEPARATOR, depth + 1)
            except ArchiveTooLarge:
                raise
            except ExtractionError as error:
                failure = Failure(error.code, error.sentence)
        yield replace(member, is_archive=True, failure=failure)


class _Names:
    """The paths that are taken. A further file of a path gets a number: `a (2).txt`."""

    def __init__(self) -> None:
        self._taken: set[bytes] = set()
        self._numbers: dict[bytes, int] = {}

    def unique(self, path: bytes) -> bytes:
        """The path, or the next free one with a number."""
        result = path
        while result in self._taken:
            number = self._numbers.get(path, 1) + 1
            self._numbers[path] = number
            stem, ending = os.path.splitext(path)
            result = b"%s (%d)%s" % (stem, number, ending)
        self._taken.add(result)
        return result
