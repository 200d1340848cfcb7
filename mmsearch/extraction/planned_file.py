"""Opening a file on disk for extraction: read-only, never through a link, and only while it is the file that was
planned."""

from __future__ import annotations

import os
from typing import BinaryIO

from mmsearch.errors import ExtractionError, FailureCode
from mmsearch.filestat import NotRegularFile, open_regular, stat_values


def open_planned(path: bytes, planned: tuple[int, int, int]) -> BinaryIO:
    """A file on disk, for reading, if it has the properties that it was planned with.

    Raises `ExtractionError` with code `vanished` (gone, or changed since it was planned), `permission`, or
    `decode-error` (no regular file)."""
    try:
        descriptor = open_regular(path)
    except NotRegularFile as error:
        raise ExtractionError(FailureCode.DECODE_ERROR, "This is no regular file.") from error
    except FileNotFoundError as error:
        raise ExtractionError(FailureCode.VANISHED, "The file went away during the run.") from error
    except PermissionError as error:
        raise ExtractionError(FailureCode.PERMISSION, "No permission to read this file.") from error
    except OSError as error:
        raise ExtractionError(FailureCode.VANISHED, f"The file can't be opened any more: {error.strerror}.") from error
    if stat_values(os.fstat(descriptor))[:3] != planned:
        os.close(descriptor)
        raise ExtractionError(FailureCode.VANISHED, "The file changed during the run; the next run takes it up.")
    return os.fdopen(descriptor, "rb")
