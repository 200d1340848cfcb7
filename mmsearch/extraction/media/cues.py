"""Texts of a recording that have a time, of all its tracks and sidecars: subtitle files, timed lyrics."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from mmsearch.extraction.media.frame_subtitles import parse_sub
from mmsearch.extraction.media.subtitles import decoded, parse_subtitles
from mmsearch.extraction.media.timed_text import parse_ass, parse_ttml
from mmsearch.filestat import open_regular
from mmsearch.language_tags import named_language
from mmsearch.types import Cue, Source

SIDECAR_BYTES = 8 << 20
CUE_CHARACTERS = 4 << 20  # per asset: some eighty hours of speech, or a film in forty languages
CUE_COUNT = 100_000
SAME_TIME_S = 0.5  # tracks for the deaf and hard of hearing show a line a little earlier or later
PACK_START = b"\x00\x00\x01\xba"  # of an MPEG program stream, in which VobSub keeps its pictures
LAST_LINE_S = 5.0  # the duration of the last line of lyrics
_LRC_LINE = re.compile(r"\s*((?:\[\d{1,3}:\d{1,2}(?:[.:]\d{1,3})?\]\s*)+)(.*)")
_LRC_TIME = re.compile(r"\[(\d{1,3}):(\d{1,2}(?:[.:]\d{1,3})?)\]")


def sidecar_cues(source: Source, fps: float = 0.0) -> tuple[list[Cue], list[str]]:
    """The cues of the subtitle and lyrics files that belong to the source, and notes about those that were not read.
    `fps` is the rate of the film, for subtitles that count its frames; 0: not known."""
    cues: list[Cue] = []
    notes = []
    for path in source.sidecars:
        ending = path.rsplit(b".", 1)[-1].lower()
        if ending != b"sub" and ending not in SIDECARS:
            continue
        data = _sidecar(path)
        if ending == b"sub" and data.startswith(PACK_START):
            notes.append("The subtitles in a file beside the recording are pictures; their words were not read.")
            continue
        text = decoded(data)
        found = parse_sub(text, fps) if ending == b"sub" else SIDECARS[ending](text)
        if not found:
            notes.append("No subtitles could be read from a file beside the recording.")
        language = named_language(path)
        cues += [Cue(cue.start_s, cue.end_s, cue.text, language) for cue in found]
    return cues, list(dict.fromkeys(notes))


def _sidecar(path: bytes) -> bytes:
    """The bytes of a sidecar file; none where it can't be read or is absurdly large."""
    try:
        descriptor = open_regular(path)
    except OSError:
        return b""
    with os.fdopen(descriptor, "rb") as handle:
        return handle.read() if os.fstat(descriptor).st_size <= SIDECAR_BYTES else b""


def parse_lrc(text: str) -> list[Cue]:
    """The lines of lyrics in LRC form (`[mm:ss.xx] words`, several times allowed), each until the next one starts;
    empty for lyrics without times."""
    timed = []
    for line in text.splitlines():
        match = _LRC_LINE.match(line)
        if match:
            for minutes, seconds in _LRC_TIME.findall(match[1]):
                timed.append((int(minutes) * 60 + float(seconds.replace(":", ".")), match[2].strip()))
    timed.sort(key=lambda pair: pair[0])
    ends = [start for start, _ in timed[1:]] + [timed[-1][0] + LAST_LINE_S] if timed else []
    return [Cue(start, end, words) for (start, words), end in zip(timed, ends, strict=True) if words]


SIDECARS: Mapping[bytes, Callable[[str], list[Cue]]] = {
    b"srt": parse_subtitles,
    b"vtt": parse_subtitles,
    b"ass": parse_ass,
    b"ssa": parse_ass,
    b"ttml": parse_ttml,
    b"lrc": parse_lrc,
}


def pack(cues: Iterable[Cue]) -> tuple[list[list[Any]], str]:
    """Cues by time, packed for `Probe.details`, and a note if there were too many. A line that stands in two tracks
    of the same language, or of one that is not known, at about the same time is kept once."""
    packed: list[list[Any]] = []
    characters = 0
    kept: dict[str, dict[str, float]] = {}  # by text and language, when it was last shown
    # of two at the same time the one with a language comes first
    for cue in sorted(set(cues), key=lambda cue: (cue.start_s, not cue.language, cue.language, cue.end_s, cue.text)):
        before = kept.setdefault(" ".join(cue.text.casefold().split()), {})
        twins = before.values() if not cue.language else [before[one] for one in (cue.language, "") if one in before]
        if any(cue.start_s - start_s <= SAME_TIME_S for start_s in twins):
            continue
        before[cue.language] = cue.start_s
        characters += len(cue.text)
        if characters > CUE_CHARACTERS or len(packed) == CUE_COUNT:
            return packed, "There are too many subtitles; the later ones were left out."
        packed.append(Cue(round(cue.start_s, 3), round(cue.end_s, 3), cue.text, cue.language).packed())
    return packed, ""


def languages_of(packed: Iterable[Sequence[Any]]) -> list[str]:
    """The languages of packed cues, as far as they are known, in alphabetical order."""
    return sorted({row[3] for row in packed if len(row) > 3})


def cues_within(packed: Iterable[Sequence[Any]], start_s: float, end_s: float) -> tuple[Cue, ...]:
    """The packed cues that start in `[start_s, end_s)`: every cue belongs to one segment."""
    return tuple(Cue(*row) for row in packed if start_s <= row[0] < end_s)


def lines_of(cues: Iterable[Cue]) -> list[str]:
    """The texts of cues by language, each in the order of its times, so that sentences that go on stay together."""
    return [cue.text for cue in sorted(cues, key=lambda cue: cue.language)]
