"""Subtitles in .sub files: MicroDVD, which counts frames, and SubViewer."""

from __future__ import annotations

import re

from mmsearch.dehyphenation import join_words_of
from mmsearch.types import Cue

CUE_CHARACTERS = 10_000
_MICRODVD = re.compile(r"\{(\d{1,9})\}\{(\d{0,9})\}(.*)", re.ASCII)
_RATE = re.compile(r"(\d{1,3}(?:[.,]\d{1,6})?)", re.ASCII)
_CODE = re.compile(r"\{[a-zA-Z]{1,2}:[^{}]{0,100}\}")  # {y:i}, {c:$0000ff}
_SUBVIEWER = re.compile(r"(\d{1,3}):(\d{2}):(\d{2})\.(\d{2,3}),(\d{1,3}):(\d{2}):(\d{2})\.(\d{2,3})\s{0,9}", re.ASCII)
LAST_LINE_S = 5.0  # the duration of a line without an end


def parse_sub(text: str, fps: float) -> list[Cue]:
    """The cues of a MicroDVD or SubViewer file; empty for another text. MicroDVD may give its own frame rate in the
    first line, else it is `fps`; without either its times are not known and there are no cues."""
    return _microdvd(text, fps) or _subviewer(text)


def _microdvd(text: str, fps: float) -> list[Cue]:
    cues: list[Cue] = []
    first = True
    for line in text.splitlines():
        match = _MICRODVD.match(line.strip().lstrip("\ufeff"))
        if match is None:
            continue
        start, end, words = int(match[1]), int(match[2] or 0), match[3]
        rate = _RATE.fullmatch(words.strip()) if first and start <= 1 and end <= 1 else None
        first = False
        if rate is not None:
            fps = float(rate[1].replace(",", ".")) or fps
        elif fps > 0:
            end_s = end / fps if end >= start else start / fps + LAST_LINE_S
            cues += _cue(start / fps, end_s, _CODE.sub("", words).replace("|", "\n"))
    return cues


def _subviewer(text: str) -> list[Cue]:
    cues: list[Cue] = []
    lines = text.splitlines()
    for number, line in enumerate(lines):
        if match := _SUBVIEWER.fullmatch(line):
            start, end = _clock_s(*match.groups()[:4]), _clock_s(*match.groups()[4:])
            words = []
            for below in lines[number + 1 : number + 20]:
                if not below.strip() or _SUBVIEWER.fullmatch(below):
                    break
                words.append(below)
            cues += _cue(start, end, "\n".join(words).replace("[br]", "\n"))
    return cues


def _clock_s(hours: str, minutes: str, seconds: str, fraction: str) -> float:
    return int(hours) * 3600 + int(minutes) * 60 + int(seconds) + float(f"0.{fraction}")


def _cue(start_s: float, end_s: float, words: str) -> list[Cue]:
    lines = [" ".join(line.lstrip("/").split()) for line in words.split("\n")]
    text = " ".join(join_words_of("\n".join(filter(None, lines))).split("\n"))[:CUE_CHARACTERS]
    return [Cue(round(start_s, 3), round(max(start_s, end_s), 3), text)] if text else []
