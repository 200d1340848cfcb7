"""When a photo or film was taken, as cameras and programs write it, in one form.

That form is ISO 8601 in the time of the place: `2024-05-31T14:03:12`, with the offset from UTC where it is known
(`+02:00`); `2024-05-31T12:03:12Z` where only UTC is known, as in most films; `2024-05-31` where only the day is.
"""

from __future__ import annotations

import re
from datetime import datetime

_WRITTEN = re.compile(
    r"\s*(\d{4})[:\-/.]?(\d{2})[:\-/.]?(\d{2})"
    r"(?:[T\s]{1,2}(\d{2}):?(\d{2})(?::?(\d{2}))?(?:[.,]\d{1,9})?\s?(Z|[+\-]\d{2}:?\d{2})?)?",
    re.ASCII,
)
_OFFSET = re.compile(r"\s*([+\-])(\d{2}):?(\d{2})", re.ASCII)
DAY_CHARACTERS = 10
SQL = (  # of a stored date: the local time of the place; of UTC alone that of this machine; of a day alone its noon
    "CASE WHEN {0} IS NULL THEN NULL WHEN length({0}) = 10 THEN {0} || 'T12:00:00'"
    " WHEN substr({0}, -1) = 'Z' THEN strftime('%Y-%m-%dT%H:%M:%S', {0}, 'localtime') ELSE substr({0}, 1, 19) END"
)


def date_taken(written: str, offset: str = "") -> str:
    """A date in the form above; `offset` is that of the place where it is given beside the date. Empty for what is no
    date, and for the zeros and the beginnings of clocks that a camera without a set clock writes."""
    match = _WRITTEN.match(written)
    if match is None:
        return ""
    year, month, day, hour, minute, second, zone = match.groups()
    try:
        moment = datetime(int(year), int(month), int(day), int(hour or 0), int(minute or 0), min(int(second or 0), 59))
    except ValueError:
        return ""
    if hour is None:
        return moment.date().isoformat()
    if moment in (datetime(1904, 1, 1), datetime(1970, 1, 1)):
        return ""
    zone = zone or offset
    known = _OFFSET.match(zone)
    return moment.isoformat() + ("Z" if zone == "Z" else f"{known[1]}{known[2]}:{known[3]}" if known else "")


def taken_seconds(taken: str) -> float | None:
    """A stored date in seconds since 1970: of a local time without an offset in the time zone of this machine, of a day
    its noon; None for what is no such date."""
    try:
        moment = datetime.fromisoformat(taken if len(taken) > DAY_CHARACTERS else f"{taken}T12:00:00")
        return moment.timestamp()
    except (ValueError, OverflowError, OSError):
        return None


def local_time(moment_s: float) -> str:
    """Seconds since 1970 as the local time that stored dates are compared with; a text before or after all of them for
    what the calendar does not have."""
    try:
        return datetime.fromtimestamp(moment_s).isoformat(timespec="seconds")
    except (ValueError, OverflowError, OSError):
        return "" if moment_s < 0 else "A"
