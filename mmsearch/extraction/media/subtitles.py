"""Subtitles in SubRip (.srt) and WebVTT (.vtt), parsed leniently: every time line followed by text is a cue."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass

from mmsearch.dehyphenation import join_words_of
from mmsearch.errors import ExtractionError
from mmsearch.extraction.pages import charset
from mmsearch.extraction.pages.markup import unescape
from mmsearch.extraction.pages.passages import clean
from mmsearch.types import Cue

TIME = r"(?:(\d{1,4}):)?(\d{1,3}):(\d{1,2})(?:[.,:](\d{1,9}))?"
TIMES = re.compile(rf"\s*{TIME}\s*-{{1,3}}>\s*{TIME}", re.ASCII)
LINE_BREAK = re.compile(r"<br ?/?>|\\[Nn]", re.IGNORECASE)  # in SubRip and ASS, as some programs convert it
TAG = re.compile(r"<[^<>\n]{0,200}>|\{\\[^{}\n]{0,200}\}")  # <i>, <c.yellow>, <00:01.000>, {\an8}
SPACE = re.compile(r"\s+")
CUE_CHARACTERS = 10_000


@dataclass(frozen=True, slots=True)
class CueLines:
    """A cue and its lines in the file, from its time line to its last line of text, counted from 1."""

    cue: Cue
    first: int
    last: int


def parse_subtitles(data: bytes | str) -> list[Cue]:
    """All cues by time; bytes in any encoding. Never raises: garbage gives none. Linear in the length of the data."""
    text = decoded(data) if isinstance(data, bytes) else data
    return sorted((each.cue for each in cue_lines(text)), key=lambda cue: (cue.start_s, cue.end_s))


def decoded(data: bytes) -> str:
    """A text of any encoding; empty for bytes that are none."""
    try:
        encoding = charset.detect(io.BytesIO(data), len(data))
    except ExtractionError:
        return ""
    return data[encoding.mark :].decode(encoding.name, "replace")


def cue_lines(text: str) -> list[CueLines]:
    """All cues in the order of the file, with their lines.

    An end before its start is moved to the start. Lines that a rolling caption repeats from the cue before are left
    out, cues that have no words then too.
    """
    lines = clean(text).split("\n")
    found: list[CueLines] = []
    before: list[str] = []
    number = 0
    while number < len(lines):
        match = TIMES.match(lines[number][:200])
        number += 1
        if match is None:
            continue
        start, end = seconds(*match.groups()[:4]), seconds(*match.groups()[4:])
        first = last = number
        words: list[str] = []
        while number < len(lines) and lines[number].strip() and not TIMES.match(lines[number][:200]):
            words.append(lines[number])
            number += 1
            last = number
        # Without an empty line between them, the next cue's number ends this one's words.
        if words and words[-1].strip().isdecimal() and number < len(lines) and TIMES.match(lines[number][:200]):
            words.pop()
            last -= 1
        rows = [row for line in words for row in LINE_BREAK.split(line)]
        spoken = [line for line in map(plain, rows) if line]
        fresh = [line for line in spoken if line not in before[-3:]]
        before = spoken or before
        if fresh:
            cue_text = " ".join(join_words_of("\n".join(fresh)).split("\n"))[:CUE_CHARACTERS]
            found.append(CueLines(Cue(start, max(start, end), cue_text), first, last))
    return found


def plain(line: str) -> str:
    """A line of a cue without tags and entities."""
    return SPACE.sub(" ", unescape(TAG.sub("", line))).strip()


def seconds(hours: str | None, minutes: str, whole: str, fraction: str | None) -> float:
    """The parts of a time stamp in seconds, to the millisecond."""
    return round(int(hours or 0) * 3600 + int(minutes) * 60 + int(whole) + float(f"0.{fraction or 0}"), 3)
