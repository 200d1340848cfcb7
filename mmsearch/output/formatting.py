"""Values formatted for people: names made safe for a terminal, places, durations, sizes, counts."""

from __future__ import annotations

import os
import re
from datetime import datetime

from mmsearch.types import Locator

# Never written to a terminal as they are: control characters (they can hide, move or rewrite text), separators that end
# a line, the bidirectional embeddings, overrides and isolates (they can make a name look like another), and surrogates
# (bytes that are no UTF-8). Joiners and direction marks stay: Persian names and emoji need them.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
_SHEET = "sheet "  # with which the name of a section begins whose lines are rows
_LONGEST_NAME = 120  # characters
_SPACES = re.compile(r"\s+")


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    if 0xDC80 <= code <= 0xDCFF:  # how os.fsdecode represents a byte that is no UTF-8
        return f"\\x{code - 0xDC00:02x}"
    named = {"\n": "\\n", "\t": "\\t", "\r": "\\r"}.get(match[0])
    return named or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}")


def escaped(text: str) -> str:
    """`text` on one line, with every character escaped that could control a terminal."""
    return _UNSAFE.sub(_escape, text)


def model_name(text: str) -> str:
    """The name of a model, escaped, of 120 characters at most: it may be from the catalogue of an index of others."""
    name = escaped(text)
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…"


def display_path(path: bytes, base: bytes | None = None) -> str:
    """A path for people: relative to the folder `base` (the working directory) where it lies below, and safe."""
    base = os.getcwdb() if base is None else base
    inside = base.rstrip(b"/") + b"/"
    short = path[len(inside) :] if path.startswith(inside) and len(path) > len(inside) else path
    return escaped(os.fsdecode(short))


def one_line(text: str) -> str:
    """A snippet on one line: runs of white space become a space, the rest is made safe."""
    return escaped(_SPACES.sub(" ", text).strip())


def clock(seconds: float) -> str:
    """A moment in a recording: `1:15`, `1:02:03`, and with tenths where it has them: `0:12.5`."""
    tenths = round(seconds * 10)
    whole, rest = divmod(tenths, 10)
    minutes, second = divmod(whole, 60)
    hours, minute = divmod(minutes, 60)
    text = f"{hours}:{minute:02d}:{second:02d}" if hours else f"{minute}:{second:02d}"
    return f"{text}.{rest}" if rest else text


def place(locator: Locator) -> str:
    """Where in its file a hit lies: `p. 3`, `1:15–1:20`, `lines 40–52`, `sheet Sales, rows 3–40`, or nothing."""
    return ", ".join(each for each in (escaped(locator.section or ""), _within(locator)) if each)


def _within(locator: Locator) -> str:
    """The place within the file or its section."""
    if locator.page is not None:
        return f"p. {locator.page}"
    if locator.start_s is not None:
        end = "" if locator.end_s is None else f"–{clock(locator.end_s)}"
        return f"{clock(locator.start_s)}{end}"
    if locator.line_start is not None:
        unit = "row" if (locator.section or "").startswith(_SHEET) else "line"
        if locator.line_end in (None, locator.line_start):
            return f"{unit} {locator.line_start}"
        return f"{unit}s {locator.line_start}–{locator.line_end}"
    return ""


def duration(seconds: float) -> str:
    """A length of time in its two largest units: `0.4 s`, `12 s`, `3 min 12 s`, `2 h 5 min`, `40 days`."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s" if whole % 60 else f"{whole // 60} min"
    minutes = round(whole / 60)
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60} min" if minutes % 60 else f"{minutes // 60} h"
    return f"{round(minutes / 1440)} days"


def day(seconds: float | None) -> str:
    """The local day of a moment in seconds since 1970: `2024-05-31`; nothing for one that the calendar lacks."""
    try:
        return "" if seconds is None else datetime.fromtimestamp(seconds).date().isoformat()
    except (ValueError, OverflowError, OSError):
        return ""


def approximate_duration(seconds: float) -> str:
    """A length of time that is only estimated, as a round figure in one unit."""
    for unit, size, step in (("days", 86400, 1), ("h", 3600, 1), ("min", 600, 5), ("min", 60, 1)):
        if seconds >= 1.5 * size:
            number = round(seconds / (60 if unit == "min" else size) / step) * step
            return f"about {number} {unit}"
    if seconds >= 55:
        return "about a minute"
    return f"about {max(round(seconds / 10), 1) * 10} s" if seconds >= 8 else "a few seconds"


def speech_left(seconds: float, remaining: float) -> str:
    """How much sound is not transcribed yet: `speech: 3 h of recordings left, about 25 min`."""
    time_left = f", {approximate_duration(remaining)}" if remaining else ""
    return f"speech: {duration(seconds)} of recordings left{time_left}"


def size(count: int) -> str:
    """Bytes in decimal units: `812 bytes`, `3.4 MB`."""
    if count < 1000:
        return counted(count, "byte")
    value, unit = count / 1000, "kB"
    for larger in ("MB", "GB", "TB"):
        if value >= 999.5:
            value, unit = value / 1000, larger
    return f"{value:.1f} {unit}" if value < 9.95 else f"{value:,.0f} {unit}"


def counted(number: int, noun: str) -> str:
    """`1 file`, `2,114 files`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
