"""What was typed is one thing, what it means is another: paths, times, sizes and ranges of the command line.

Every function raises `UsageError` with the option's name for words that can't be meant.
"""

from __future__ import annotations

import errno
import math
import os
import re
import stat
import sys
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from mmsearch.cli.options import ListFormat
from mmsearch.errors import UsageError
from mmsearch.types import Filter, Kind, Part, chosen

if TYPE_CHECKING:
    import tempfile

MOST_WEIGHT = 100  # of a part of a query; its words weigh 1


def list_format(asked: ListFormat, null: bool) -> ListFormat:
    """The format of a list: `-0` means paths."""
    if null and asked not in (ListFormat.TABLE, ListFormat.PATHS):
        raise UsageError(f"-0 writes paths, and --format {asked} was asked for too.", "Leave one of them out.")
    return ListFormat.PATHS if null else asked


def index_folder(index: str | None, here: bool = False) -> Path:
    """The index folder that is meant. Raises `UsageError` for one that no file system can have, for a file of that
    name, and where the working directory is gone; `UntrustedIndex` for an index that was found, not named, and not made
    here by this user's mmsearch."""
    from mmsearch import config

    if index is not None and "\0" in index:
        raise UsageError(f"--index can't be {index!r}.", "Leave out the NUL character.")
    try:
        folder = config.index_folder(index, here)
    except FileNotFoundError as error:
        raise UsageError("The working directory does not exist any more.", "Change to another one.") from error
    problem = ""
    try:
        if not stat.S_ISDIR(os.stat(folder).st_mode):
            problem = "there is a file of that name"
    except OSError as error:
        if error.errno in (errno.ENAMETOOLONG, errno.ENOTDIR, errno.ELOOP):
            problem = str(error.strerror)
    if problem:
        shown = str(folder) if len(str(folder)) <= _LONGEST_SHOWN else f"{str(folder)[:_LONGEST_SHOWN]}..."
        raise UsageError(f"--index can't be {shown}: {problem}.", "Choose another place for the index.")
    if index is None and folder.parent != config.data_home():
        from mmsearch.indexing.adoption import require_own

        require_own(folder, here)
    return folder


def absolute(path: str | bytes) -> bytes:
    """A typed path, absolute, as bytes: links are kept, `..` is resolved."""
    if not path:
        raise UsageError("A path is empty.", "Write `.` for the working directory.")
    return os.path.abspath(os.fsencode(path))


_TIME_UNITS = {"s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0, "": 1.0}
_LONGEST_S = 1e10  # three centuries
_LONGEST_TYPED = 60  # characters of a number
_LONGEST_SHOWN = 100  # characters of a path in a message about its length
_BYTE_UNITS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}


def seconds(text: str, option: str) -> float:
    """A length of time: `90`, `90s`, `20m`, `1h30m`, `2d`, `1:30`, `1:02:03`; at most three centuries."""
    typed = text.strip().lower()
    total = math.inf
    if len(typed) > _LONGEST_TYPED:
        pass
    elif re.fullmatch(r"\d+(:[0-5]?\d){1,2}", typed):
        total = 0.0
        for part in typed.split(":"):
            total = total * 60 + int(part)
    # Atomic, (?>...): a number is taken whole. Trying all ways to cut one in pieces takes for ever.
    elif re.fullmatch(r"(?>\d+(?:\.\d+)?\s*(?:min|[smhdw]?)\s*)+", typed):
        parts = re.findall(r"(\d+(?:\.\d+)?)\s*(min|[smhdw]?)\s*", typed)
        total = sum(float(number) * _TIME_UNITS[unit] for number, unit in parts)
    if total > _LONGEST_S:
        raise UsageError(f"{option} can't be {text!r}.", "Write a time as 90s, 20m, 1h30m, 2d or 1:30.")
    return total


def byte_count(text: str, option: str) -> int:
    """A number of bytes: `812`, `10k`, `1.5M`, `2GB`, `1MiB`; k is 1,000 and Ki is 1,024. Less than 2**63."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)b?", text.strip().lower()[: _LONGEST_TYPED + 1])
    count = float(match[1]) * (1024 if match[3] else 1000) ** _BYTE_UNITS[match[2]] if match else math.inf
    if count >= 2**63:
        raise UsageError(f"{option} can't be {text!r}.", "Write a size as 812, 10k, 1.5M or 2G.")
    return round(count)


def between(text: str, option: str) -> tuple[str | None, str | None]:
    """The ends of a range as they were typed: `+A` from, `-B` to, `A..B` both, `A` just that."""
    typed = text.strip()
    if typed.startswith("+"):
        return typed[1:], None
    if typed.startswith("-"):
        return None, typed[1:]
    low, dots, high = typed.partition("..")
    if dots:
        return low or None, high or None
    return typed, typed


def page_count(text: str, option: str) -> int:
    """A number of pages."""
    if not re.fullmatch(r"\d{1,9}", text.strip()):
        raise UsageError(f"{option} can't be {text!r}.", "Write 12, +10 (at least), -3 (at most) or 2..5.")
    return int(text)


def moment(text: str, option: str, now: datetime | None = None) -> float:
    """A moment, in seconds since 1970: an ISO date or time (local unless it says otherwise), a year, a month, `today`,
    `yesterday`, or a length of time before now (`7d`, `2w`)."""
    now = now or datetime.now()
    typed = text.strip()
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if typed.lower() in ("today", "yesterday"):
        return (midnight - timedelta(days=typed.lower() == "yesterday")).timestamp()
    try:
        if re.fullmatch(r"\d{4}(-\d\d)?", typed):
            return datetime.fromisoformat(f"{typed}-01-01"[:10]).timestamp()
        if re.match(r"\d{4}-\d\d-", typed):
            return datetime.fromisoformat(typed).timestamp()
        if re.search(r"[smhdw]$|min$", typed.lower()):
            return now.timestamp() - seconds(typed, option)
    except (ValueError, OverflowError, OSError, UsageError):
        pass
    raise UsageError(f"{option} can't be {text!r}.", "Write 2024, 2024-05, 2024-05-31, 2024-05-31T14:00, today or 7d.")


def finite(value: float | None, option: str) -> float | None:
    """A number, or None. Python would take `nan` and infinities too."""
    if value is not None and not math.isfinite(value):
        raise UsageError(f"{option} can't be {value}.", "Write a plain number.")
    return value


def existing_file(path: str, option: str) -> bytes:
    """The absolute path of a file that is there."""
    whole = absolute(path)
    if not os.path.isfile(whole):
        what = "is no file" if os.path.lexists(whole) else "is not there"
        raise UsageError(f"{option}: {path} {what}.", "Check the path.")
    return whole


class Given:
    """Files that are typed as a query: named, fetched from a URL, or read from standard input. What is fetched lies in
    a temporary folder until the end of the `with`."""

    def __init__(self) -> None:
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._read = False

    def __enter__(self) -> Given:
        return self

    def __exit__(self, *_: object) -> None:
        if self._folder is not None:
            self._folder.cleanup()

    def files(self, typed: Sequence[str] | None, option: str) -> tuple[bytes, ...]:
        """The absolute paths of what an option names. Raises `UsageError`."""
        return tuple(self._file(one, option) for one in typed or ())

    def _file(self, typed: str, option: str) -> bytes:
        import tempfile

        from mmsearch.retrieval import fetch

        if typed != "-" and not fetch.is_url(typed):
            return existing_file(typed, option)
        if typed == "-" and (self._read or sys.stdin is None or sys.stdin.isatty()):
            why = "was read already" if self._read else "is a terminal"
            raise UsageError(f"{option} -: standard input {why}.", f"Name a file, or send one: {option} - < FILE")
        self._folder = self._folder or tempfile.TemporaryDirectory(prefix="mmsearch-")
        place = Path(tempfile.mkdtemp(dir=self._folder.name))
        if typed != "-":
            return fetch.fetch(typed, place)
        self._read = True
        return fetch.received(sys.stdin.buffer, place)


def weighed(typed: str, option: str) -> tuple[str, float]:
    """What was typed without its `@WEIGHT`, and the weight: 1 where there is none. A file whose name ends like that is
    meant as a whole."""
    match = re.fullmatch(r"(.*[^\s@])\s*@(\d*\.?\d+)", typed, re.DOTALL)
    if match is None or os.path.lexists(typed):
        return typed, 1.0
    weight = float(match[2])
    if not 0 < weight <= MOST_WEIGHT:
        raise UsageError(
            f"{option} can't weigh {match[2]}.", f"Write a weight above 0, at most {MOST_WEIGHT}: FILE@0.5"
        )
    return match[1], weight


def like_part(typed: str) -> Part:
    """A `--like`: a file or a place in one, with its weight."""
    target, weight = weighed(typed, "--like")
    return Part(file=absolute(target), weight=weight)


def minus_part(typed: str) -> Part:
    """A `--minus`: a file where there is one of that name (or it is written as a place in one), else words."""
    target, weight = weighed(typed, "--minus")
    if not target.strip():
        raise UsageError("--minus is empty.", "Write words, or the name of a file.")
    if os.path.isfile(target) or re.search(r"\S#(page=\d+|t=\d+(\.\d+)?)$", target):
        return Part(file=absolute(target), weight=weight)
    return Part(text=os.fsencode(target).decode("utf-8", "replace"), weight=weight)


def filter_of(
    kinds: Sequence[str] | None = None,
    within: Sequence[str] | None = None,
    since: str | None = None,
    before: str | None = None,
    size: str | None = None,
    languages: Sequence[str] | None = None,
    min_duration: str | None = None,
    max_duration: str | None = None,
    pages: str | None = None,
) -> Filter:
    """The filter that the options of `query` and `similar` describe. Ranges that no file can be in are refused."""
    low_size, high_size = between(size, "--size") if size else (None, None)
    low_pages, high_pages = between(pages, "--pages") if pages else (None, None)
    where = Filter(
        kinds=tuple(_kind(kind) for kind in kinds or ()),
        within=tuple(_within(path) for path in within or ()),
        since=moment(since, "--since") if since else None,
        before=moment(before, "--before") if before else None,
        min_bytes=byte_count(low_size, "--size") if low_size is not None else None,
        max_bytes=byte_count(high_size, "--size") if high_size is not None else None,
        languages=tuple(language.strip().lower() for language in languages or ()),
        min_duration_s=seconds(min_duration, "--min-duration") if min_duration else None,
        max_duration_s=seconds(max_duration, "--max-duration") if max_duration else None,
        min_pages=page_count(low_pages, "--pages") if low_pages is not None else None,
        max_pages=page_count(high_pages, "--pages") if high_pages is not None else None,
    )
    for name, low, high in (
        ("--since and --before", where.since, where.before),
        ("--size", where.min_bytes, where.max_bytes),
        ("--min-duration and --max-duration", where.min_duration_s, where.max_duration_s),
        ("--pages", where.min_pages, where.max_pages),
    ):
        if low is not None and high is not None and low > high:
            raise UsageError(f"No file can match: {name} ends before it begins.", "Exchange the two ends.")
    return where


def _kind(typed: str) -> str:
    known = [*Kind, "other"]
    if typed.strip().lower() not in known:
        raise UsageError(f"--kind can't be {typed!r}.", f"Choose {chosen(known)}.")
    return typed.strip().lower()


def _within(typed: str) -> str:
    """A path made absolute; a pattern stays as it was typed, unless there is a file of just that name."""
    if re.search(r"[*?\[]", typed) and not os.path.lexists(typed):
        return typed
    return os.fsdecode(absolute(typed))
