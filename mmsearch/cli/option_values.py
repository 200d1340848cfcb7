"""Option values that are times, sizes, ranges and numbers, parsed from text.

Every function raises `UsageError` with the name of the option for text that it can't parse.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import datetime

from mmsearch.errors import UsageError
from mmsearch.retrieval.queries.date_parsing import DATE_HINT, Period, is_ambiguous, period_of
from mmsearch.retrieval.queries.place_parsing import PLACE_HINT

_TIME_UNITS = {"s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0, "": 1.0}
_LONGEST_S = 1e10  # three centuries
_LONGEST_TEXT = 60  # characters of a number
_BYTE_UNITS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}


def seconds(text: str, option: str) -> float:
    """A duration in seconds: `90`, `90s`, `20m`, `1h30m`, `2d`, `1:30`, `1:02:03`; at most three centuries."""
    total = _duration(text)
    if total is None:
        raise UsageError(f"{option} can't be {text!r}.", "Write a time as 90s, 20m, 1h30m, 2d or 1:30.")
    if total > _LONGEST_S:
        raise UsageError(f"{option} can't be {text!r}: that is more than three centuries.", "Write a shorter time.")
    return total


def _duration(text: str) -> float | None:
    """A duration of any length in seconds; None for text that is none."""
    value = text.strip().lower()
    if len(value) > _LONGEST_TEXT:
        return None
    if re.fullmatch(r"\d+(:[0-5]?\d){1,2}", value):
        total = 0.0
        for part in value.split(":"):
            total = total * 60 + int(part)
        return total
    # The group is atomic, (?>...): without that, matching takes time exponential in the number of digits.
    if re.fullmatch(r"(?>\d+(?:\.\d+)?\s*(?:min|[smhdw]?)\s*)+", value):
        parts = re.findall(r"(\d+(?:\.\d+)?)\s*(min|[smhdw]?)\s*", value)
        return sum(float(number) * _TIME_UNITS[unit] for number, unit in parts)
    return None


def byte_count(text: str, option: str) -> int:
    """A number of bytes: `812`, `10k`, `1.5M`, `2GB`, `1MiB`; k is 1,000 and Ki is 1,024. Less than 2**63."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)b?", text.strip().lower()[: _LONGEST_TEXT + 1])
    count = float(match[1]) * (1024 if match[3] else 1000) ** _BYTE_UNITS[match[2]] if match else math.inf
    if count >= 2**63:
        raise UsageError(f"{option} can't be {text!r}.", "Write a size as 812, 10k, 1.5M or 2G.")
    return round(count)


def shard(text: str, option: str) -> tuple[int, int]:
    """A share of the files: `3/16` is the third of 16."""
    match = re.fullmatch(r"(\d{1,9})/(\d{1,9})", text.strip())
    if match is None:
        raise UsageError(f"{option} can't be {text!r}.", "Write 3/16 for the third of 16.")
    return int(match[1]), int(match[2])


def range_ends(text: str) -> tuple[str | None, str | None]:
    """The two ends of a range, unparsed: `+A` is (A, None), `-B` is (None, B), `A..B` is (A, B), `A` is (A, A)."""
    value = text.strip()
    if value.startswith("+"):
        return value[1:], None
    if value.startswith("-"):
        return None, value[1:]
    low, dots, high = value.partition("..")
    if dots:
        return low or None, high or None
    return value, value


def page_count(text: str, option: str) -> int:
    """A number of pages, at most nine digits."""
    if not re.fullmatch(r"\d{1,9}", text.strip()):
        raise UsageError(f"{option} can't be {text!r}.", "Write 12, +10 (at least), -3 (at most) or 2..5.")
    return int(text)


def period(text: str, option: str, languages: Sequence[str] = (), now: datetime | None = None) -> Period:
    """The time that a date means: an ISO date or time, a year, a month, a duration before `now` (`7d`), or words such
    as `last summer`, in any of the `languages` (codes, tried first) or the usual ones."""
    found = period_of(text, now, languages)
    if found is not None:
        return found
    if is_ambiguous(text):
        raise UsageError(
            f"{option} can't be {text!r}: it could be either of two days.", "Write 2024-05-31 or 31 May 2024."
        )
    hint = f"{DATE_HINT} {PLACE_HINT}" if option == "--near" else DATE_HINT
    raise UsageError(f"{option} can't be {text!r}: that is no date.", hint)


def least_score(min_score: float | None, all: bool) -> float | None:
    """The score that a hit needs: 0 with `--all`. Raises `UsageError` where both options are given."""
    if not all:
        return finite(min_score, "--min-score")
    if min_score:
        raise UsageError("--all and --min-score contradict each other.", "Leave one of them out.")
    return 0.0


def finite(value: float | None, option: str) -> float | None:
    """`value`, unless it is `nan` or infinite, which Python's float() accepts."""
    if value is not None and not math.isfinite(value):
        raise UsageError(f"{option} can't be {value}.", "Write a plain number.")
    return value
