"""Dates as people write them, as periods of local time: ISO dates, `last summer`, `march 2024`, `vor drei Wochen`.

Numeric forms, seasons, quarters, decades and weekends are read here; other words are given to dateparser, which is
imported only then.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from mmsearch.retrieval.queries.season_words import (
    DECADES,
    FILLERS,
    LAST,
    ORDINALS,
    QUARTERS,
    SEASONS,
    THIS,
    UNITS,
    WEEKENDS,
    YEARS,
)

LANGUAGES = tuple("en de fr es it pt nl ru uk pl cs sv da tr ar he zh ja ko".split())  # tried for every date
DATE_HINT = 'Write 2024, 2024-05, 2024-05-31, 2024-05-31T14:00, 7d, "march 2024" or "last summer".'
LONGEST = 60  # characters of a date
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_S = (datetime(1, 1, 1, tzinfo=UTC) - _EPOCH).total_seconds()  # no file is older
_UNITS = {"s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_LAST_YEAR, _THIS_YEAR = re.compile("去年的?|昨年の?|작년"), re.compile("今年的?の?|올해")
_COUNTS = frozenset("one two three four five six seven eight nine ten eleven twelve".split())


@dataclass(frozen=True, slots=True)
class Period:
    """The time that a date means, in seconds since 1970, `[start, end)`. `begin` is where `--since` begins and
    `--before` ends: of most dates the start, of `3 weeks ago` the day itself and not its week."""

    start: float
    end: float
    begin: float


def period_of(text: str, now: datetime | None = None, languages: Sequence[str] = ()) -> Period | None:
    """The period that a date means, in the local time of `now`; None for text that is no date.

    An ISO date or time (local time without an offset) means the day, or the minute; `2024`, `2024-05`, `march 2024`,
    `last summer`, `Q3 2023`, `last week` mean the whole of it; `7d` and `3 weeks ago` a moment. A month, weekday or
    season without a year is the latest that has begun. `languages` are codes of languages to try first.
    """
    now = (now or datetime.now()).replace(tzinfo=None)
    value = " ".join(text.strip().casefold().split())
    if not value or len(value) > LONGEST or value[0] in "+-":
        return None
    if value in ("today", "yesterday"):
        return _day(_midnight(now) - timedelta(days=value == "yesterday"))
    try:
        found = _numeric(value, text.strip()) or _ago(value, now) or _named(value, now) or _last_units(value, now)
        return found or _in_words(value, now, languages)
    except (ValueError, OverflowError):  # a day or year that the calendar does not have
        return None


def _numeric(value: str, typed: str) -> Period | None:
    """Years, months and days in figures, and ISO moments."""
    if match := re.fullmatch(r"(\d{4})", value):
        return _year(int(match[1]))
    if match := re.fullmatch(r"(\d{4})[-/.](\d{1,2})|(\d{1,2})[/.](\d{4})", value):
        return _month(int(match[1] or match[4]), int(match[2] or match[3]))
    if match := re.fullmatch(r"(\d{4})([-/.]?)(\d\d|(?<=\D)\d)\2(\d\d|(?<=\D)\d)", value):
        return _day(datetime(int(match[1]), int(match[3]), int(match[4])))
    if match := re.fullmatch(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4})", value):
        first, second = int(match[1]), int(match[3])
        if match[2] != "." and first != second and max(first, second) <= 12:
            return None  # whether the day or the month is first is not known
        month_first = match[2] != "." and second > 12
        return _day(datetime(int(match[4]), *((first, second) if month_first else (second, first))))
    if re.match(r"\d{4}-\d\d-", value):
        moment = datetime.fromisoformat(typed)
        return _between(moment, _later(moment, timedelta(minutes=1)))
    return None


def is_ambiguous(text: str) -> bool:
    """Whether a date in figures is no date only because the day and the month could be either: `3/4/2024`."""
    match = re.fullmatch(r"(\d{1,2})[-/](\d{1,2})[-/](\d{4})", text.strip())
    return match is not None and all(1 <= int(part) <= 12 for part in match.groups()[:2])


def _ago(value: str, now: datetime) -> Period | None:
    """A duration before now: `7d`, `1h30m`. The period is the day, week or minute that it leads to."""
    # The group is atomic, (?>...): without that, matching takes time exponential in the number of digits.
    if not re.fullmatch(r"(?>\d+(?:\.\d+)?\s*(?:min|[smhdw])\s*)+", value) or re.fullmatch(r"[12]\d\d0s", value):
        return None
    parts = re.findall(r"(\d+(?:\.\d+)?)\s*(min|[smhdw])", value)
    begin = max(now.timestamp() - sum(float(number) * _UNITS[unit] for number, unit in parts), _FIRST_S)
    if begin == _FIRST_S:
        return Period(begin, begin + 86400, begin)
    moment = datetime.fromtimestamp(begin)
    unit = {"d": "day", "w": "week"}.get(parts[-1][1], "time")
    around = _unit(moment, unit)
    return Period(around.start, around.end, begin)


def _named(value: str, now: datetime) -> Period | None:
    """Seasons, quarters, weekends and decades, alone, with a year, or as the last or this one."""
    tokens = re.findall(r"[^\W\d_]+|\d+", _LAST_YEAR.sub(f" {now.year - 1} ", _THIS_YEAR.sub(f" {now.year} ", value)))
    if match := re.fullmatch(r"(?:the )?([12]\d)?(\d)0(?:['’]?s|er)", value):
        first = int(match[1] or 19) * 100 + int(match[2]) * 10
        return _between(datetime(first, 1, 1), datetime(first + 10, 1, 1))
    if DECADES & set(tokens):
        return None
    seasons = [season for token in tokens if (season := SEASONS.get(token))]
    rest = [token for token in tokens if token not in SEASONS and token not in FILLERS]
    if len(seasons) == 1:
        return _latest([_season(year, seasons[0]) for year in range(now.year - 2, now.year + 1)], rest, now)
    if WEEKENDS & set(tokens):
        rest = [token for token in rest if token not in WEEKENDS]
        monday = _midnight(now) - timedelta(days=now.weekday())
        weekends = [
            (monday + timedelta(days=5 - 7 * back), monday + timedelta(days=7 - 7 * back)) for back in (2, 1, 0)
        ]
        return None if any(token.isdigit() for token in rest) else _latest(weekends, rest, now)
    if len(rest) == 2 and (unit := next((unit for token in rest if (unit := UNITS.get(token))), "")):
        around = _unit(now, unit)
        back = set(rest) & LAST
        if not back and not set(rest) & THIS:
            return None
        return _unit(datetime.fromtimestamp(around.start - 1), unit) if back else around
    number = _quarter_number(tokens)
    if number is None:
        return None
    rest = [token for token in rest if token not in QUARTERS and token not in ORDINALS and len(token) != 1]
    rest = [token for token in rest if not re.fullmatch(r"[1-4]|st|nd|rd|th|er|e|º", token)]
    if number == 0:  # which one is not said
        this = (now.month - 1) // 3
        last_two = [_quarter(now.year, this - 1), _quarter(now.year, this)]
        return _latest(last_two, rest, now) if set(rest) & (LAST | THIS) else None
    return _latest([_quarter(year, number - 1) for year in range(now.year - 2, now.year + 1)], rest, now)


def _quarter_number(tokens: Sequence[str]) -> int | None:
    """Which quarter words name: 1 to 4, 0 for none in particular; None where they name no quarter."""
    joined = "".join(tokens)
    if match := re.fullmatch(r"(?:\d{4})?[qt]([1-4])(?:\d{4})?", joined):
        return int(match[1])
    if not QUARTERS & set(tokens):
        return None
    figures = [int(token) for token in tokens if re.fullmatch("[1-4]", token)]
    words = [ORDINALS[token] for token in tokens if token in ORDINALS]
    return next(iter(figures + words), 0)


def _latest(periods: list[tuple[datetime, datetime]], rest: Sequence[str], now: datetime) -> Period | None:
    """The period of a year, or without one the latest: `last` has ended, `this` is that of this year or week."""
    begun = [period for period in periods if period[0] <= now]
    if not rest:
        return _between(*begun[-1])
    if len(rest) == 1 and rest[0] in LAST:
        return _between(*[period for period in begun if period[1] <= now][-1])
    if len(rest) == 1 and rest[0] in THIS:
        return _between(*periods[-1])
    years = [int(token) for token in rest if re.fullmatch(r"\d{4}", token)]
    if len(rest) == 2 and set(rest) <= LAST | YEARS:  # the summer of last year
        years, rest = [now.year - 1], [str(now.year - 1)]
    if years and len(rest) in (1, 2) and all(token.isdigit() for token in rest):  # winter 2023/24
        start, end = periods[-1]
        shift = years[0] - start.year
        return _between(start.replace(year=start.year + shift), end.replace(year=end.year + shift))
    return None


def _season(year: int, season: int) -> tuple[datetime, datetime]:
    """Three months: 1 spring from March, 2 summer, 3 autumn, 4 winter from December into the next year."""
    month = 3 * season
    return datetime(year, month, 1), datetime(year + (season == 4), (month + 2) % 12 + 1, 1)


def _quarter(year: int, number: int) -> tuple[datetime, datetime]:
    """A quarter from 0; also those before and after the year's."""
    year, number = year + number // 4, number % 4
    return datetime(year, 3 * number + 1, 1), datetime(year + (number == 3), (3 * number + 3) % 12 + 1, 1)


def _last_units(value: str, now: datetime) -> Period | None:
    """`last 3 days`, `letzte 2 Wochen`: from then until now."""
    first, _, rest = value.removeprefix("the ").removeprefix("in the ").removeprefix("die ").partition(" ")
    if first not in LAST or not re.match(r"\d", rest):
        return None
    found = _dateparser(rest, now, ("relative-time",), ())
    return _between(found[0], now) if found is not None and found[0] < now else None


def _in_words(value: str, now: datetime, languages: Sequence[str]) -> Period | None:
    """What dateparser knows."""
    words = set(value.split())
    if not re.search(r"[^\W\d_]{2}|[^\W\d_a-z]", value) or value in _COUNTS or DECADES & words or len(value) < 2:
        return None
    if (found := _dateparser(value, now, ("absolute-time",), languages)) is not None:
        moment, unit = found
        if unit == "time":  # the day must stand there, too: another would be made up
            whole = _dateparser(value, now, ("absolute-time",), languages, ("day", "month"))
            return None if whole is None else _between(moment, moment + timedelta(minutes=1))
        return _unit(moment, unit)
    found = _dateparser(value, now, ("relative-time",), languages)
    if found is None:
        return None
    moment, unit = found
    around = _unit(moment, unit)
    this = _unit(now, unit)
    if unit == "time" and abs((now - moment).total_seconds()) < 86400:
        return Period(around.start, around.end, moment.timestamp())
    if unit in ("week", "month", "year") and _unit(datetime.fromtimestamp(this.start - 1), unit).start > around.start:
        return Period(around.start, around.end, _midnight(moment).timestamp())
    return around


def _dateparser(
    value: str, now: datetime, parsers: Sequence[str], languages: Sequence[str], required: Sequence[str] = ()
) -> tuple[datetime, str] | None:
    """A moment and the unit that it stands for, by dateparser. `required` are units that the text must name."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from dateparser.data.languages_info import language_order
        from dateparser.date import DateDataParser

        own = (os.environ.get("LC_ALL") or os.environ.get("LC_TIME") or os.environ.get("LANG") or "")[:2].lower()
        tried = [code for code in (*languages, own, *LANGUAGES) if code in language_order]
        settings = {
            "RELATIVE_BASE": now,
            "PREFER_DATES_FROM": "past",
            "PREFER_DAY_OF_MONTH": "first",
            "PREFER_MONTH_OF_YEAR": "first",
            "RETURN_TIME_AS_PERIOD": True,
            "TIMEZONE": "UTC",  # the moment stays in the local time of `now`
            "PARSERS": list(parsers),
            "REQUIRE_PARTS": list(required),
        }
        if parsers[0] == "relative-time":
            del settings["PREFER_DAY_OF_MONTH"], settings["PREFER_MONTH_OF_YEAR"]
        parser = DateDataParser(
            languages=list(dict.fromkeys(tried)), settings=settings, try_previous_locales=False, use_given_order=True
        )
        try:
            found = parser.get_date_data(value)
        except Exception:  # whatever it raises for odd text: the text is no date
            return None
    moment = found.date_obj
    if moment is None or found.period == "quarter":  # it takes q5 for q4
        return None
    return moment, str(found.period)


def _unit(moment: datetime, unit: str) -> Period:
    """The day, week, month, quarter or year that a moment lies in; of a time the hour around it."""
    day = _midnight(moment)
    if unit == "week":
        monday = day - timedelta(days=day.weekday())
        return _between(monday, monday + timedelta(days=7))
    if unit == "month":
        return _month(day.year, day.month)
    if unit == "year":
        return _year(day.year)
    if unit == "time":
        return _between(moment - timedelta(minutes=30), moment + timedelta(minutes=30))
    return _day(day)


def _midnight(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def _year(year: int) -> Period:
    return _between(datetime(year, 1, 1), datetime(year + 1, 1, 1) if year < datetime.max.year else datetime.max)


def _month(year: int, month: int) -> Period:
    is_last = (year, month) == (datetime.max.year, 12)
    end = datetime.max if is_last else datetime(year + month // 12, month % 12 + 1, 1)
    return _between(datetime(year, month, 1), end)


def _day(day: datetime) -> Period:
    return _between(day, _later(day, timedelta(days=1)))


def _later(moment: datetime, by: timedelta) -> datetime:
    """A moment some time later, or the last one of the calendar."""
    last = datetime.max.replace(tzinfo=moment.tzinfo)
    return moment + by if last - moment > by else last


def _between(start: datetime, end: datetime) -> Period:
    return Period(_since_epoch(start), _since_epoch(end), _since_epoch(start))


def _since_epoch(moment: datetime) -> float:
    """A moment in seconds since 1970. The local time of the first and the last days of the calendar is not known to the
    system: UTC stands in for it."""
    try:
        return moment.timestamp()
    except (ValueError, OverflowError, OSError):
        return (moment.replace(tzinfo=UTC) - _EPOCH).total_seconds()
