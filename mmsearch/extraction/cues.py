"""Texts of a recording that have a time: embedded subtitles, sidecar subtitle files, timed lyrics."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from mmsearch.extraction.containers import has_program, run_program
from mmsearch.extraction.subtitles import decoded, parse_subtitles
from mmsearch.extraction.timed_text import parse_ass, parse_ttml
from mmsearch.filestat import open_regular
from mmsearch.types import Cue, Source

TEXT_CODECS = frozenset({"mov_text", "subrip", "srt", "ass", "ssa", "webvtt", "text"})
SUBTITLES_S = 60
SIDECAR_BYTES = 8 << 20
CUE_CHARACTERS = 2 << 20  # per asset: some forty hours of speech
CUE_COUNT = 50_000
LAST_LINE_S = 5.0  # the duration of the last line of lyrics
_LRC_LINE = re.compile(r"\s*((?:\[\d{1,3}:\d{1,2}(?:[.:]\d{1,3})?\]\s*)+)(.*)")
_LRC_TIME = re.compile(r"\[(\d{1,3}):(\d{1,2}(?:[.:]\d{1,3})?)\]")


def embedded_cues(source: Source, facts: dict[str, Any] | None) -> tuple[list[Cue], str]:
    """The cues of the container's text subtitles (the default stream, else the first one that isn't forced), without
    styling, and a note: empty, or a sentence about what was not read. `facts` are `containers.container_facts`."""
    if facts is None:
        missing = not has_program("ffprobe")
        return [], "Embedded subtitles were not read: the program ffprobe is missing." if missing else ""
    streams = [stream for stream in facts["streams"] if stream.get("codec_type") == "subtitle"]
    texts = [stream for stream in streams if stream.get("codec_name") in TEXT_CODECS]
    if not texts:
        return [], "The embedded subtitles are pictures; their words were not read." if streams else ""
    if not has_program("ffmpeg"):
        return [], "Embedded subtitles were not read: the program ffmpeg is missing."
    chosen = max(texts, key=lambda stream: _rank(stream.get("disposition", {})))
    outputs = ["-map", f"0:{chosen['index']}", "-vn", "-an", "-dn", "-f", "srt", "pipe:1"]
    options = ["-nostdin", "-timelimit", str(SUBTITLES_S)]
    answer, complete = run_program("ffmpeg", source, options, outputs, SUBTITLES_S)
    note = "" if complete else "Embedded subtitles could not be read to their end."
    return parse_subtitles(answer), note


def _rank(disposition: dict[str, int]) -> tuple[bool, bool]:
    return not disposition.get("forced"), bool(disposition.get("default"))


def sidecar_cues(source: Source) -> tuple[list[Cue], list[str]]:
    """The cues of the subtitle and lyrics files that belong to the source, and notes about those that were not read."""
    cues: list[Cue] = []
    notes = []
    for path in source.sidecars:
        parse = SIDECARS.get(path.rsplit(b".", 1)[-1].lower())
        if parse is not None:
            found = parse(decoded(_sidecar(path)))
            if not found:
                notes.append("No subtitles could be read from a file beside the recording.")
            cues += found
    return cues, notes


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
    """Cues by time as `[start, end, text]` for `Probe.details`, doubles dropped, and a note if there were too many."""
    packed: list[list[Any]] = []
    characters = 0
    for start, end, text in sorted({(cue.start_s, cue.end_s, cue.text) for cue in cues}):
        characters += len(text)
        if characters > CUE_CHARACTERS or len(packed) == CUE_COUNT:
            return packed, "There are too many subtitles; the later ones were left out."
        packed.append([round(start, 3), round(end, 3), text])
    return packed, ""


def cues_within(packed: Iterable[Iterable[Any]], start_s: float, end_s: float) -> tuple[Cue, ...]:
    """The packed cues that start in `[start_s, end_s)`: every cue belongs to one segment."""
    return tuple(Cue(start, end, text) for start, end, text in packed if start_s <= start < end_s)
