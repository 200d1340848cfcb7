"""`query --queries-from`: every line is answered as it is read, and every message names its line."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

from mmsearch.cli import exit_codes, input_files, locations
from mmsearch.cli.options import ListFormat
from mmsearch.cli.rendering import write_hits_as
from mmsearch.errors import UsageError
from mmsearch.output import records, streams
from mmsearch.output.formatting import one_line
from mmsearch.query import Query, RunOptions

_LONGEST = 1 << 20  # bytes of a query
_SHOWN = 40  # characters of a query in a message
_NAMED = 10  # numbers of lines in the last message


def answer_lines(
    source: str,
    one: Query,
    options: RunOptions,
    index: str | None,
    format: ListFormat,
    null: bool,
    explain: bool,
    quiet: bool,
) -> int:
    """Answer every line of a file, or of standard input for `-`; with `null` queries end with a NUL byte.

    Each answer is written before the next line is read, JSON as one array at the end. A query that is refused is
    reported and the others are answered; the exit code is then 2. Returns the exit code.
    """
    from mmsearch.index import Index

    found, refused, seen = False, list[int](), set[bytes]()
    asked = 0
    whole: list[dict[str, Any]] = []
    with ExitStack() as held:
        file = _opened(source, held)
        opened = held.enter_context(Index.open(locations.index_folder(index)))
        for number, text in _queries(file, source, b"\0" if null else b"\n"):
            asked += 1
            name = f"line {number} ({_short(text)})"
            try:
                answer = opened.search(replace(one, text=text), options)
            except UsageError as error:
                refused.append(number)
                streams.write_note(f"{name}: {error.sentence}", error.hint)
                continue
            found = found or bool(answer.hits)
            if format is ListFormat.JSON:
                whole.append(records.answer_record(answer, text))
            else:
                write_hits_as(answer, format, null, explain, (text, asked - len(refused)), seen, one.sort)
            if not quiet:
                for note in (*answer.notes, *([] if answer.hits else ["Nothing found."])):
                    streams.write_note(f"{name}: {note}")
    if not asked:
        raise UsageError(f"There is no query in {source}.", "Write one a line.")
    if format is ListFormat.JSON:
        records.write_json(whole)
    if refused:
        numbers = ", ".join(map(str, refused[:_NAMED])) + (", ..." if len(refused) > _NAMED else "")
        lines = f"line{'s' * (len(refused) > 1)} {numbers}"
        streams.write_message(
            f"{len(refused)} of {asked} {'query' if asked == 1 else 'queries'} were refused: {lines}."
        )
        return exit_codes.USAGE
    return exit_codes.DONE if found else exit_codes.NOTHING_FOUND


def _opened(source: str, held: ExitStack) -> IO[bytes]:
    if source == "-":
        if sys.stdin is None:
            raise UsageError("--queries-from - reads standard input, which is closed.", "Give a file instead.")
        return sys.stdin.buffer
    try:
        with input_files.announced(source):  # until there is a writer
            return held.enter_context(Path(source).open("rb"))
    except (OSError, ValueError) as error:
        raise _unreadable(source, error) from error


def _queries(file: IO[bytes], source: str, end: bytes) -> Iterator[tuple[int, str]]:
    """The queries of a stream with their numbers from 1, each as soon as it is read; empty ones are counted only."""
    rest, number, more = b"", 0, True
    while more:
        try:
            data = file.read1(1 << 16)  # type: ignore[attr-defined]
        except (OSError, ValueError) as error:
            raise _unreadable(source, error) from error
        more = bool(data)
        *lines, rest = (rest + data).split(end) if more else [rest, b""]
        if len(rest) > _LONGEST:
            raise UsageError(
                f"--queries-from: line {number + len(lines) + 1} of {source} is longer than 1 MB, so it is no query.",
                "Give a text file with a query a line.",
            )
        for line in lines:
            number += 1
            if text := line.decode("utf-8", "replace").strip():
                yield number, text


def _unreadable(source: str, error: OSError | ValueError) -> UsageError:
    reason = getattr(error, "strerror", None) or error
    return UsageError(f"--queries-from can't be read from {source}: {reason}.", "Give a file, or - for stdin.")


def _short(text: str) -> str:
    line = one_line(text)
    return f'"{line if len(line) <= _SHOWN else line[: _SHOWN - 1] + "…"}"'
