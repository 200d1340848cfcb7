"""The chapters of a recording: names of places in it. A segment begins where a chapter does."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, BinaryIO

CHAPTERS = 1000
NAME_CHARACTERS = 200
HEAD_BYTES = 1 << 20
SIGNS = (b"CHAP", b"CHAPTER0")  # of ID3, and of Vorbis comments


def may_have_chapters(handle: BinaryIO) -> bool:
    """Whether a file of music may hold chapters, by the frames that its head names."""
    handle.seek(0)
    head = handle.read(HEAD_BYTES)
    return any(sign in head for sign in SIGNS)


def chapters_of(facts: Mapping[str, Any] | None, origin_s: float) -> list[list[Any]]:
    """The chapters with a name as `[start, name]`, ascending, in seconds from `origin_s` of the container's clock.
    `facts` are `containers.container_facts`."""
    found: list[list[Any]] = []
    for chapter in (facts or {}).get("chapters", ())[:CHAPTERS]:
        try:
            start = float(chapter["start_time"]) - origin_s
            name = " ".join(str(chapter["tags"]["title"]).split())[:NAME_CHARACTERS]
        except (KeyError, TypeError, ValueError):
            continue
        if name and math.isfinite(start):
            found.append([round(max(start, 0.0), 3), name])
    return sorted(found, key=lambda one: one[0])


def names_within(chapters: Iterable[Iterable[Any]], start_s: float, end_s: float) -> list[str]:
    """The names of the chapters that begin in `[start_s, end_s)`."""
    return [name for start, name in chapters if start_s <= start < end_s]


def starts_within(chapters: Iterable[Iterable[Any]], start_s: float, end_s: float, apart_s: float) -> list[float]:
    """Where chapters begin inside of `[start_s, end_s)`, at least `apart_s` from each other and from both ends."""
    found: list[float] = []
    for start, _ in chapters:
        if start - (found[-1] if found else start_s) >= apart_s and end_s - start >= apart_s:
            found.append(start)
    return found
