"""Opening the file of an asset: read-only, never through a link, and only while it is the file that was planned."""

from __future__ import annotations

import os
import stat
from typing import BinaryIO

from mmsearch.errors import ExtractionError, FailureCode
from mmsearch.filestat import stat_values
from mmsearch.types import Source


def open_source(source: Source) -> BinaryIO:
    """The file's bytes, for reading.

    Raises `ExtractionError` with code `vanished` (gone, or changed since it was planned), `permission`, or
    `decode-error` (no regular file). `O_NONBLOCK` keeps a FIFO that took the file's place from blocking us.
    """
    try:
        descriptor = os.open(source.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise ExtractionError(FailureCode.VANISHED, "The file went away during the run.") from error
    except PermissionError as error:
        raise ExtractionError(FailureCode.PERMISSION, "No permission to read this file.") from error
    except OSError as error:
        raise ExtractionError(FailureCode.VANISHED, f"The file can't be opened any more: {error.strerror}.") from error
    facts = os.fstat(descriptor)
    if not stat.S_ISREG(facts.st_mode):
        os.close(descriptor)
        raise ExtractionError(FailureCode.DECODE_ERROR, "This is no regular file.")
    if stat_values(facts)[:3] != source.stat:
        os.close(descriptor)
        raise ExtractionError(FailureCode.VANISHED, "The file changed during the run; the next run takes it up.")
    return os.fdopen(descriptor, "rb")


def ordinal(span: int, place: int) -> int:
    """The ordinal of a segment: the span's number above, its place within the span in the lower 20 bits, so that
    spans can be decoded in any order and segments still sort as they lie in the file."""
    return span << 20 | place
