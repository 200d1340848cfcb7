"""Dates in figures and in words mean the right period, and what is no date means none."""

import subprocess
import sys
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmsearch.retrieval.queries.date_parsing import Period, period_of

NOW = datetime(2026, 11, 26, 14, 30)  # a Thursday
DAY = timedelta(days=1)


def days(first: str, last: str, begin: str = "") -> Period:
    """The period from one day to another, both included."""
    start, end = datetime.fromisoformat(first), datetime.fromisoformat(last) + DAY
    return Period(start.timestamp(), end.timestamp(), datetime.fromisoformat(begin or first).timestamp())


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2024", "2024-01-01", "2024-12-31"),
        ("2024-02", "2024-02-01", "2024-02-29"),
        ("02/2024", "2024-02-01", "2024-02-29"),
        ("20240531", "2024-05-31", "2024-05-31"),
        ("31.5.2024", "2024-05-31", "2024-05-31"),
        ("5/31/2024", "2024-05-31", "2024-05-31"),
        ("the 1990s", "1990-01-01", "1999-12-31"),
        ("90er", "1990-01-01", "1999-12-31"),
    ],
)
def test_figures(text: str, first: str, last: str) -> None:
    assert period_of(text, NOW) == days(first, last)


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("last summer", "2026-06-01", "2026-08-31"),
        ("Summer", "2026-06-01", "2026-08-31"),
        ("summer of 2023", "2023-06-01", "2023-08-31"),
        ("last autumn", "2025-09-01", "2025-11-30"),
        ("this autumn", "2026-09-01", "2026-11-30"),
        ("winter 2023", "2023-12-01", "2024-02-29"),
        ("winter 2023/24", "2023-12-01", "2024-02-29"),
        ("last winter", "2025-12-01", "2026-02-28"),
        ("summer last year", "2025-06-01", "2025-08-31"),
        ("l'été dernier", "2026-06-01", "2026-08-31"),
        ("l’été 2019", "2019-06-01", "2019-08-31"),
        ("im letzten Sommer", "2026-06-01", "2026-08-31"),
        ("el verano de 2020", "2020-06-01", "2020-08-31"),
        ("прошлым летом", "2026-06-01", "2026-08-31"),
        ("去年夏天", "2025-06-01", "2025-08-31"),
        ("Q3 2023", "2023-07-01", "2023-09-30"),
        ("2023-Q3", "2023-07-01", "2023-09-30"),
        ("third quarter of 2023", "2023-07-01", "2023-09-30"),
        ("3. Quartal 2023", "2023-07-01", "2023-09-30"),
        ("2e trimestre 2024", "2024-04-01", "2024-06-30"),
        ("last quarter", "2026-07-01", "2026-09-30"),
        ("last weekend", "2026-11-21", "2026-11-22"),
    ],
)
def test_seasons_quarters_and_weekends(text: str, first: str, last: str) -> None:
    assert period_of(text, NOW) == days(first, last)


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("march 2024", "2024-03-01", "2024-03-31"),
        ("März 2024", "2024-03-01", "2024-03-31"),
        ("апрель 2024", "2024-04-01", "2024-04-30"),
        ("2024年3月", "2024-03-01", "2024-03-31"),
        ("march", "2026-03-01", "2026-03-31"),
        ("December", "2025-12-01", "2025-12-31"),
        ("3 March 2024", "2024-03-03", "2024-03-03"),
        ("yesterday", "2026-11-25", "2026-11-25"),
        ("gestern", "2026-11-25", "2026-11-25"),
        ("昨天", "2026-11-25", "2026-11-25"),
        ("last friday", "2026-11-20", "2026-11-20"),
        ("last week", "2026-11-16", "2026-11-22"),
        ("last month", "2026-10-01", "2026-10-31"),
        ("l'année dernière", "2025-01-01", "2025-12-31"),
        ("прошлый месяц", "2026-10-01", "2026-10-31"),
    ],
)
def test_words_of_many_languages(text: str, first: str, last: str) -> None:
    assert period_of(text, NOW) == days(first, last)


@pytest.mark.parametrize(
    ("text", "first", "last", "begin"),
    [
        ("3 weeks ago", "2026-11-02", "2026-11-08", "2026-11-05"),
        ("vor drei Wochen", "2026-11-02", "2026-11-08", "2026-11-05"),
        ("two years ago", "2024-01-01", "2024-12-31", "2024-11-26"),
        ("il y a 3 mois", "2026-08-01", "2026-08-31", "2026-08-26"),
        ("7d", "2026-11-19", "2026-11-19", "2026-11-19 14:30"),
    ],
)
def test_a_distance_begins_at_its_day_and_means_its_week_month_or_year(
    text: str, first: str, last: str, begin: str
) -> None:
    assert period_of(text, NOW) == days(first, last, begin)


def test_the_last_days_end_now() -> None:
    for text in ("last 3 days", "in the past 3 days", "die letzten 3 Tage"):
        found = period_of(text, NOW)
        assert found is not None and found.end == NOW.timestamp()
        assert found.begin == found.start == (NOW - 3 * DAY).timestamp()


@pytest.mark.parametrize(
    "text",
    """foo|the beginning|lunch|one|a|5|12:30|noon|last|the|in|last decade|2024-13|2024-02-30|30 feb 2024|32.01.2024
    |march 2024 10:30|3/4/2024|summer summer|summer foo 2023|foo summer|q5 2024|quarter|2023 2024 2025|-5d|+1d
    |5000 years ago|99999999 years ago|last christmas|\x00|\u202e|last 99999999999 days|0000""".split("|"),
)
def test_what_is_no_date_means_none(text: str) -> None:
    assert period_of(text.strip(" \n"), NOW) is None


@pytest.mark.parametrize("text", ["", " ", "1" * 61, "last summer " * 10_000, "9" * 100_000 + "d"])
def test_nothing_and_very_long_texts_are_no_dates(text: str) -> None:
    assert period_of(text, NOW) is None


@settings(deadline=None, max_examples=60)
@given(st.text(max_size=30) | st.from_regex(r"(last |vor |Q)?[0-9]{1,4}[-/. ]?[a-z]{0,6}[0-9]{0,4}", fullmatch=True))
def test_any_text_is_a_period_that_ends_after_it_starts_or_none(text: str) -> None:
    found = period_of(text, NOW)
    assert found is None or found.start <= found.begin <= max(found.end, found.begin)


def test_dateparser_is_imported_only_for_words_that_need_it() -> None:
    plain = "; ".join(
        f"period_of({text!r})" for text in ("2024-05", "7d", "yesterday", "last summer", "Q3 2023", "1990s")
    )
    loaded = "import sys; print('dateparser' in sys.modules)"
    begin = "from mmsearch.retrieval.queries.date_parsing import period_of"
    code = f"{begin}; {plain}; {loaded}; period_of('march 2024'); {loaded}"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.split() == ["False", "True"]
