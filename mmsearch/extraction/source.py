"""Opening the file of an asset: read-only, never through a link, and only while it is the file that was planned.

A file that is a part of another one, such as an attachment, is held in memory while it is read. Its path is one that no
file can have, so that every extractor reads it like a file."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from mmsearch.extraction.planned_file import open_planned
from mmsearch.types import Kind, Source

_held: dict[bytes, bytes] = {}  # by path, the outermost file first


def open_source(source: Source) -> BinaryIO:
    """The file's bytes, for reading.

    Raises `ExtractionError` with code `vanished` (gone, or changed since it was planned), `permission`, or
    `decode-error` (no regular file).
    """
    if source.path in _held:
        return io.BytesIO(_held[source.path])
    if source.archive:
        from mmsearch.extraction.archives.member_bytes import bytes_of_member

        return io.BytesIO(bytes_of_member(source))
    return open_planned(source.path, source.stat)


@contextmanager
def held_in_memory(data: bytes, kind: Kind, format: str) -> Iterator[Source]:
    """A source for bytes that are a part of another file, inside the `with` block."""
    path = b"\0" + hashlib.sha256(data).digest()
    is_new = path not in _held
    _held.setdefault(path, data)
    try:
        yield Source(path, kind, format, (len(data), 0, 0))
    finally:
        if is_new:
            del _held[path]


def held_depth() -> int:
    """How many files in memory are being read, each a part of the one before."""
    return len(_held)


def ordinal(span: int, place: int) -> int:
    """The ordinal of a segment: the number of its span in the upper bits, its place within the span in the lower 20.
    Spans can be decoded in any order, and segments still sort as they lie in the file."""
    return span << 20 | place
