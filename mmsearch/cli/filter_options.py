"""The filter that the options of `query` and `similar` describe."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from mmsearch.cli.locations import absolute
from mmsearch.cli.option_values import byte_count, page_count, period, range_ends, seconds
from mmsearch.errors import UsageError
from mmsearch.query import Filter
from mmsearch.types import chosen


def build_filter(
    kinds: Sequence[str] | None = None,
    within: Sequence[str] | None = None,
    since: str | None = None,
    before: str | None = None,
    size: str | None = None,
    languages: Sequence[str] | None = None,
    min_duration: str | None = None,
    max_duration: str | None = None,
    pages: str | None = None,
    near: str | None = None,
    senders: Sequence[str] | None = None,
    recipients: Sequence[str] | None = None,
) -> Filter:
    """The filter of these option values. Raises `UsageError` for a value that can't be parsed, and for a range whose
    end lies before its start."""
    from mmsearch.retrieval.queries.place_parsing import place_of

    low_size, high_size = range_ends(size) if size else (None, None)
    low_pages, high_pages = range_ends(pages) if pages else (None, None)
    languages = [language.strip().lower() for language in languages or ()]
    place = place_of(near) if near else None
    within_time = period(near, "--near", languages) if near and place is None else None
    begins = [period(since, "--since", languages).begin] if since else []
    ends = [period(before, "--before", languages).begin] if before else []
    if within_time is not None:
        begins.append(within_time.start)
        ends.append(within_time.end)
    where = Filter(
        kinds=tuple(_kind(kind) for kind in kinds or ()),
        within=tuple(_path_or_glob(path) for path in within or ()),
        since=max(begins, default=None),
        before=min(ends, default=None),
        near=place,
        min_bytes=byte_count(low_size, "--size") if low_size is not None else None,
        max_bytes=byte_count(high_size, "--size") if high_size is not None else None,
        languages=tuple(languages),
        min_duration_s=seconds(min_duration, "--min-duration") if min_duration else None,
        max_duration_s=seconds(max_duration, "--max-duration") if max_duration else None,
        min_pages=page_count(low_pages, "--pages") if low_pages is not None else None,
        max_pages=page_count(high_pages, "--pages") if high_pages is not None else None,
        senders=tuple(senders or ()),
        recipients=tuple(recipients or ()),
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


def _kind(value: str) -> str:
    from mmsearch.retrieval.queries.query_operators import KINDS, kind_of

    kind = kind_of(value)
    if kind is None:
        raise UsageError(f"--kind can't be {value!r}.", f"Choose {chosen(KINDS)}.")
    return kind


def _path_or_glob(value: str) -> str:
    """An absolute path; a glob stays unchanged unless a file of exactly that name exists."""
    if re.search(r"[*?\[]", value) and not os.path.lexists(value):
        return value
    return os.fsdecode(absolute(value))
