"""The two streams: data is written to stdout, messages to stderr. A failed write to stderr never stops a run."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterable
from typing import IO, TYPE_CHECKING

from mmsearch.errors import MmsearchError, StoppedEarly
from mmsearch.output import text_layout
from mmsearch.output.formatting import escaped

if TYPE_CHECKING:
    from rich.console import Console


_COLUMNS = 80  # of a terminal of unknown width


class ClosedPipe(Exception):
    """The reader of stdout has closed it. The command ends quietly."""


def configure() -> None:
    """Make the text streams escape characters that their encoding lacks, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, OSError, ValueError):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]


def is_terminal(stream: IO[str] | None) -> bool:
    """Whether a person watches this stream. A closed stream (None) is no terminal."""
    try:
        return stream is not None and stream.isatty() and os.environ.get("TERM") != "dumb"
    except (OSError, ValueError):
        return False


def width(stream: IO[str] | None) -> int | None:
    """The columns of the terminal behind a stream; None where there is no terminal."""
    if stream is None or not is_terminal(stream):
        return None
    stated = os.environ.get("COLUMNS", "")
    if stated.isdecimal() and int(stated) > 0:
        return int(stated)
    try:
        return os.get_terminal_size(stream.fileno()).columns or _COLUMNS
    except (OSError, ValueError):
        return _COLUMNS


def write_stdout(data: bytes) -> None:
    """Write data to stdout and flush it. Raises `ClosedPipe`, or `StoppedEarly` where the disk behind it is full or
    stdout was closed from the start (`>&-`)."""
    if sys.stdout is None:
        raise StoppedEarly("The output can't be written: standard output is closed.", "Write it to a file or a pipe.")
    try:
        sys.stdout.flush()
        rest = memoryview(data)
        while rest:  # under PYTHONUNBUFFERED a write may take only a part
            rest = rest[sys.stdout.buffer.write(rest) or 0 :]
        sys.stdout.buffer.flush()
    except (BrokenPipeError, ValueError) as error:
        raise ClosedPipe from error
    except OSError as error:
        raise StoppedEarly(f"The output can't be written: {error.strerror}.", "Write it to another place.") from error


def write_text(text: str) -> None:
    """Write text to stdout in its own encoding."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    write_stdout(text.encode(encoding, "backslashreplace"))


def write_lines(lines: Iterable[str]) -> None:
    """Write lines to stdout, as they are."""
    write_text("".join(f"{line}\n" for line in lines))


def write_message(*lines: str) -> None:
    """Write lines to stderr, on a terminal broken at words. Errors of a closed, broken or full stderr are ignored."""
    columns = width(sys.stderr)
    rows = [row for line in lines for row in (text_layout.wrapped(line, columns, indent=2) if columns else [line])]
    with contextlib.suppress(OSError, ValueError, AttributeError):
        sys.stderr.write("".join(f"{row}\n" for row in rows))
        sys.stderr.flush()


def overwrite_line(line: str, last: bool) -> None:
    """Write a line to a terminal over the one before; the `last` one stays."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        sys.stderr.write(f"\r\x1b[K{line}" + ("\n" if last else ""))
        sys.stderr.flush()


def write_error(error: MmsearchError) -> None:
    """Write an error: the sentence, an empty line, the hint."""
    write_message(escaped(error.sentence), *(("", f"hint: {escaped(error.hint)}") if error.hint else ()))


def write_note(sentence: str, hint: str = "") -> None:
    """A choice with its reason, or a warning with what to do about it."""
    write_message(f"{escaped(sentence)} {escaped(hint)}".rstrip())


def discard_stdout() -> None:
    """Redirect stdout to the null device, so that the interpreter's last flush can't fail on a closed pipe."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        descriptor = os.open(os.devnull, os.O_WRONLY)
        os.dup2(descriptor, sys.stdout.fileno())
        os.close(descriptor)


def console(stream: IO[str]) -> Console:
    """A Rich console on a stream that takes text as it is: no markup, emoji codes or highlighting."""
    from rich.console import Console

    return Console(file=stream, markup=False, emoji=False, highlight=False)
