"""Numbers of spreadsheets as people see them: dates, times, percentages, decimals and thousands.

A format is reduced to what changes how a number is read: `date`, `time`, `datetime`, `duration`, `%`, decimals and a
thousands separator. Colours, currency signs and texts around a number are left out.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

BUILT_IN: Mapping[int, str] = {  # formats that files name by their number alone
    **{1: "0", 2: "0.00", 3: "#,##0", 4: "#,##0.00", 9: "0%", 10: "0.00%"},
    **{5: "#,##0", 6: "#,##0", 7: "#,##0.00", 8: "#,##0.00", 37: "#,##0", 38: "#,##0", 39: "#,##0.00", 40: "#,##0.00"},
    **{14: "m/d/yyyy", 15: "d-mmm-yy", 16: "d-mmm", 17: "mmm-yy", 18: "h:mm AM/PM", 19: "h:mm:ss AM/PM"},
    **{20: "h:mm", 21: "h:mm:ss", 22: "m/d/yyyy h:mm", 45: "mm:ss", 46: "[h]:mm:ss", 47: "mm:ss.0"},
    **dict.fromkeys((27, 28, 29, 30, 31, 34, 35, 36, 50, 51, 52, 53, 54, 57, 58), "yyyy-mm-dd"),  # of East Asia
    **dict.fromkeys((41, 42), "#,##0"),
    **dict.fromkeys((43, 44), "#,##0.00"),
}
_LITERAL = re.compile(r'"[^"]*"|\\.|_.|\*.|\[(?!h|m|s)[^\]]*\]', re.IGNORECASE)
_ESCAPED = re.compile(r'"([^"]*)"|\\(.)|_.|\*.|\[(?!h|m|s)[^\]]*\]', re.IGNORECASE)
_KEPT = "\0"  # before each letter of a text within a format
_TOKEN = re.compile(r"\0.|AM/PM|A/P|y+|m+|d+|h+|s+|\.0+|.", re.IGNORECASE)
_MONTHS = "January February March April May June July August September October November December".split()
_DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
_EPOCH_1900, _EPOCH_1904 = datetime(1899, 12, 30), datetime(1904, 1, 1)
_LAST_DAY = 2_958_466  # 10000-01-01


class ShownNumber(NamedTuple):
    """A number as text, and other ways to write it by which people may look for it."""

    text: str
    also: str = ""


class _Format(NamedTuple):
    kind: str  # number | date | time | datetime | duration
    code: str = ""  # without texts
    decimals: int | None = None
    thousands: bool = False
    percent: bool = False


@lru_cache(maxsize=4096)
def _parsed(code: str) -> _Format:
    bare = _LITERAL.sub("", code.split(";")[0])
    lower = bare.lower()
    if lower in ("", "general", "@", "standard"):
        return _Format("number")
    letters = lower.replace("am/pm", "h").replace("general", "")
    has_time = bool(re.search("[hs]", letters))
    has_date = bool(re.search("[yd]", letters)) or ("m" in letters and not has_time)
    if ("[" in letters and has_time) or re.search(r"\[m+\]", letters):
        return _Format("duration")
    if (has_date or has_time) and not re.search("[#0?]", re.sub(r"\.0+", "", letters)):
        kind = "datetime" if has_date and has_time else "date" if has_date else "time"
        return _Format(kind, _ESCAPED.sub(_unescaped, code.split(";")[0]))
    if "e+" in lower or "e-" in lower or "/" in lower:
        return _Format("number")
    whole, _, fraction = lower.partition(".")
    decimals = len(re.findall("[0#?]", fraction)) if re.search("[0#?]", lower) else None
    return _Format("number", "", decimals, bool(re.search("[#0?],[#0?]", whole)), "%" in lower)


def _unescaped(match: re.Match[str]) -> str:
    return "".join(_KEPT + letter for letter in match[1] or match[2] or "")


def shown_number(value: float, code: str, epoch_1904: bool = False) -> ShownNumber:
    """A number in a number format of a spreadsheet."""
    if not math.isfinite(value):
        return ShownNumber("")
    format_ = _parsed(code)
    if format_.kind == "number":
        return _number(value, format_)
    if format_.kind == "duration" or not 0 <= value < _LAST_DAY:
        return _duration(value) if abs(value) < _LAST_DAY else ShownNumber(plain_number(value))
    return _moment(value, format_.kind, format_.code, epoch_1904)


@lru_cache(maxsize=1 << 14)  # the dates of a column are few
def _moment(value: float, kind: str, code: str, epoch_1904: bool) -> ShownNumber:
    moment = (_EPOCH_1904 if epoch_1904 else _EPOCH_1900) + timedelta(seconds=round(value * 86_400))
    if not epoch_1904 and value < 60:
        moment += timedelta(days=1 if value >= 1 else 0)  # that calendar has a 29 February 1900
    pattern = {"time": "%H:%M:%S", "date": "%Y-%m-%d"}.get(kind, "%Y-%m-%d %H:%M:%S")
    text, shown = moment.strftime(pattern), _in_format(moment, code)
    text = text if kind == "date" else text.removesuffix(":00")
    return ShownNumber(text, "" if shown == text else shown)


def plain_number(value: float) -> str:
    """A number with the 15 digits that spreadsheets keep, without the noise behind them."""
    if abs(value) < 1e15 and value == int(value):
        return str(int(value))
    return format(value, ".15g")


def _number(value: float, format_: _Format) -> ShownNumber:
    plain = plain_number(value)
    if format_.percent:
        return ShownNumber(f"{plain_number(round(value * 100, min(format_.decimals or 0, 15)))}%", plain)
    if format_.decimals is None or format_.decimals > 15 or abs(value) >= 1e15:
        return ShownNumber(plain)
    text = f"{value:,.{format_.decimals}f}" if format_.thousands else f"{value:.{format_.decimals}f}"
    return ShownNumber(text, "" if text == plain else plain)


def _duration(value: float) -> ShownNumber:
    seconds = round(abs(value) * 86_400)
    return ShownNumber(f"{'-' * (value < 0)}{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}")


def _in_format(moment: datetime, code: str) -> str:
    """A date or time as its cell shows it, in English."""
    signs, half = _signs(code)
    return "".join(_token(moment, sign, len(token), token, half) for sign, token in signs).strip()


@lru_cache(maxsize=256)
def _signs(code: str) -> tuple[list[tuple[str, str]], bool]:
    """The parts of a format, each with what it stands for (`m` after hours or before seconds is minutes), and whether
    hours are counted to twelve."""
    tokens = _TOKEN.findall(code)[:40]
    signs = [token[0].lower() if token[0].isalpha() else "" for token in tokens]  # none of kept letters
    found = []
    for at, (sign, token) in enumerate(zip(signs, tokens, strict=True)):
        if sign == "m":
            before = next((other for other in reversed(signs[:at]) if other in ("h", "s", "d", "y", "m")), "")
            after = next((other for other in signs[at + 1 :] if other in ("h", "s", "d", "y", "m")), "")
            sign = "minute" if before == "h" or after == "s" else "m"
        found.append((sign, token))
    return found, any(token.lower() in ("am/pm", "a/p") for token in tokens)


def _token(moment: datetime, sign: str, length: int, token: str, half: bool) -> str:
    match sign:
        case "y":
            return str(moment.year) if length > 2 else f"{moment.year % 100:02}"
        case "m" if length >= 3:
            name = _MONTHS[moment.month - 1]
            return name if length == 4 else name[0] if length == 5 else name[:3]
        case "m":
            return f"{moment.month:0{min(length, 2)}}"
        case "d" if length >= 3:
            return _DAYS[moment.weekday()] if length > 3 else _DAYS[moment.weekday()][:3]
        case "d":
            return f"{moment.day:0{min(length, 2)}}"
        case "h":
            return f"{(moment.hour + 11) % 12 + 1 if half else moment.hour:0{min(length, 2)}}"
        case "minute":
            return f"{moment.minute:0{min(length, 2)}}"
        case "s":
            return f"{moment.second:0{min(length, 2)}}"
        case "a":
            return "PM" if moment.hour >= 12 else "AM"
    return "" if token.startswith(".0") else token.removeprefix(_KEPT)
