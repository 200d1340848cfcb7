"""Subtitles in the formats of SubStation Alpha (.ass, .ssa) and TTML (.ttml), parsed leniently."""

from __future__ import annotations

import re

from mmsearch.dehyphenation import join_words_of
from mmsearch.extraction.pages.markup import unescape
from mmsearch.types import Cue

CUE_CHARACTERS = 10_000
_EVENT = re.compile(r"Dialogue:\s*(.*)", re.IGNORECASE)
_FORMAT = re.compile(r"Format:\s*(.*)", re.IGNORECASE)
_FIELDS = ("layer", "start", "end", "style", "name", "marginl", "marginr", "marginv", "effect", "text")
_CLOCK = re.compile(r"(\d{1,4}):(\d{1,2}):(\d{1,2})(?:[.,](\d{1,9}))?", re.ASCII)
_OVERRIDE = re.compile(r"\{[^{}]{0,1000}\}")
_DRAWING = re.compile(r"\\p[1-9]")  # what follows is a shape, not words
_PARAGRAPH = re.compile(r"<(?:\w{1,20}:)?p\b([^<>]{0,2000})>(.*?)</(?:\w{1,20}:)?p\s{0,20}>", re.DOTALL)
_ATTRIBUTE = re.compile(r"""\b(begin|end|dur)\s{0,20}=\s{0,20}["']([^"']{1,40})["']""")
_OFFSET = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(h|m|s|ms)", re.ASCII)
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_BREAK = re.compile(r"<(?:\w{1,20}:)?br\s{0,20}/?>")
_TAG = re.compile(r"<[^<>]{0,2000}>")


def parse_ass(text: str) -> list[Cue]:
    """The dialogue of a SubStation Alpha file, without styling and drawings; empty for another text."""
    cues: list[Cue] = []
    fields: tuple[str, ...] = _FIELDS
    events = False
    for line in text.splitlines():
        if line.startswith("["):
            events = line.strip().lower() == "[events]"
        elif events and (match := _FORMAT.match(line)):
            named = tuple(name.strip().lower() for name in match[1].split(","))
            fields = named if {"start", "end", "text"} <= set(named) else _FIELDS
        elif match := _EVENT.match(line):
            values = dict(zip(fields, match[1].split(",", len(fields) - 1), strict=False))
            start, end = _clock_s(values.get("start", "")), _clock_s(values.get("end", ""))
            words = values.get("text", "")
            if start is not None and end is not None and not _DRAWING.search(words):
                cues += _cue(start, end, re.sub(r"\\[Nn]", "\n", _OVERRIDE.sub("", words)).replace("\\h", " "))
    return cues


def parse_ttml(text: str) -> list[Cue]:
    """The paragraphs of a TTML file that have a time; empty for another text."""
    cues: list[Cue] = []
    for match in _PARAGRAPH.finditer(text):
        times = {name: _clock_s(value) for name, value in _ATTRIBUTE.findall(match[1])}
        start, end, length = (times.get(name) for name in ("begin", "end", "dur"))
        if start is not None:
            end = end if end is not None else start + (length or 0.0)
            words = " ".join(_BREAK.sub("\x00", match[2]).split()).replace("\x00", "\n")
            cues += _cue(start, end, unescape(_TAG.sub("", words)))
    return cues


def _cue(start_s: float, end_s: float, words: str) -> list[Cue]:
    lines = [" ".join(line.split()) for line in words.split("\n")]
    text = " ".join(join_words_of("\n".join(filter(None, lines))).split("\n"))[:CUE_CHARACTERS]
    return [Cue(start_s, max(start_s, end_s), text)] if text else []


def _clock_s(value: str) -> float | None:
    """A time in seconds: `0:00:06.50` or `6.5s`; None for another text."""
    if match := _CLOCK.match(value.strip()):
        hours, minutes, seconds, fraction = match.groups()
        return round(int(hours) * 3600 + int(minutes) * 60 + int(seconds) + float(f"0.{fraction or 0}"), 3)
    if match := _OFFSET.fullmatch(value.strip()):
        return round(float(match[1]) * _UNITS[match[2]], 3)
    return None
