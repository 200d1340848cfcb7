"""Files that a command reads or writes because an option names them: pipes may wait, devices may have no end."""

from __future__ import annotations

import contextlib
import os
import stat
import threading
from collections.abc import Iterator
from typing import IO

from mmsearch.errors import UsageError
from mmsearch.output import streams

PATIENCE_S = 1.0
LARGEST = 1 << 30  # bytes of a list


@contextlib.contextmanager
def announced(path: str | os.PathLike[str]) -> Iterator[None]:
    """Report on stderr what a block waits for that opens or reads `path`, where this is a named pipe and the block
    takes longer than `PATIENCE_S`."""
    if not _is_pipe(path):
        yield
        return
    sentence = f"Waiting for another program to open {os.fspath(path)}, which is a named pipe."
    timer = threading.Timer(PATIENCE_S, streams.write_note, (sentence, "Ctrl-C ends the command."))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def read_all(file: IO[bytes], source: str, option: str) -> bytes:
    """All bytes of a stream. Raises `UsageError` for more than `LARGEST`, as `/dev/zero` has."""
    data = file.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise UsageError(f"{option}: {source} has more than 1 GB.", "Give a smaller file.")
    return data


def _is_pipe(path: str | os.PathLike[str]) -> bool:
    try:
        return stat.S_ISFIFO(os.stat(path).st_mode)
    except (OSError, ValueError):
        return False
