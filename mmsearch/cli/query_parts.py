"""The files and weighted parts of a query: values of `--image`, `--audio`, `--video`, `--like` and `--minus`."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mmsearch.cli.locations import absolute, existing_file
from mmsearch.errors import UsageError
from mmsearch.query import Part

if TYPE_CHECKING:
    import tempfile

MOST_WEIGHT = 100  # of a part of a query; its text has weight 1


class QueryFiles:
    """Query files that are named, fetched from a URL, or read from standard input. A context manager: what is fetched
    or read lies in a temporary folder, which is removed at its end."""

    def __init__(self) -> None:
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._read_stdin = False

    def __enter__(self) -> QueryFiles:
        return self

    def __exit__(self, *_: object) -> None:
        if self._folder is not None:
            self._folder.cleanup()

    def paths(self, values: Sequence[str] | None, option: str) -> tuple[bytes, ...]:
        """The absolute paths of the values of an option: file names, URLs, or `-`. Raises `UsageError`."""
        return tuple(self._path(value, option) for value in values or ())

    def _path(self, value: str, option: str) -> bytes:
        import tempfile

        from mmsearch.retrieval import fetch

        if value != "-" and not fetch.is_url(value):
            return existing_file(value, option)
        if value == "-" and (self._read_stdin or sys.stdin is None or sys.stdin.isatty()):
            reason = "was read already" if self._read_stdin else "is a terminal"
            raise UsageError(
                f"{option} -: standard input {reason}.", f"Name a file, or redirect one: {option} - < FILE"
            )
        self._folder = self._folder or tempfile.TemporaryDirectory(prefix="mmsearch-")
        folder = Path(tempfile.mkdtemp(dir=self._folder.name))
        if value != "-":
            return fetch.fetch(value, folder)
        self._read_stdin = True
        return fetch.received(sys.stdin.buffer, folder)


def split_weight(value: str, option: str) -> tuple[str, float]:
    """`value` without its `@WEIGHT`, and the weight, 1 by default. The name of an existing file is not split. Raises
    `UsageError` for a weight that is not above 0 and at most `MOST_WEIGHT`."""
    match = re.fullmatch(r"(.*[^\s@])\s*@(\d*\.?\d+)", value, re.DOTALL)
    if match is None or os.path.lexists(value):
        return value, 1.0
    weight = float(match[2])
    if not 0 < weight <= MOST_WEIGHT:
        raise UsageError(
            f"{option} can't have the weight {match[2]}.",
            f"Write a weight above 0, at most {MOST_WEIGHT}: FILE@0.5",
        )
    return match[1], weight


def like_part(value: str) -> Part:
    """The part of a query for a `--like`: a file or a place in one, with its weight."""
    target, weight = split_weight(value, "--like")
    return Part(file=absolute(target), weight=weight)


def minus_part(value: str) -> Part:
    """The part of a query for a `--minus`: a file where one of that name exists or the value names a place in one
    (`FILE#page=3`), otherwise text."""
    target, weight = split_weight(value, "--minus")
    if not target.strip():
        raise UsageError("--minus is empty.", "Write words, or the name of a file.")
    if os.path.isfile(target) or re.search(r"\S#(page=\d+|t=\d+(\.\d+)?)$", target):
        return Part(file=absolute(target), weight=weight)
    return Part(text=os.fsencode(target).decode("utf-8", "replace"), weight=weight)
