"""The words of a file as `mmsearch text` writes them: by place for people, as subtitles, or as JSON lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mmsearch.output.formatting import escaped, place
from mmsearch.types import KnownText

SHORTEST_S = 0.1  # of a subtitle


def text_lines(found: Sequence[KnownText]) -> Iterator[str]:
    """A heading for each place that has one, and its words below."""
    last = ""
    for one in found:
        where = place(one.locator)
        if one.locator.start_s is not None:
            language = f", {escaped(one.language)}" if one.language else ""
            yield f"[{where}{language}] {escaped(' '.join(one.text.split()))}"
            continue
        if where != last:
            yield f"[{where}]" if where else ""
            last = where
        yield from (escaped(line) for line in one.text.splitlines())


def timed(found: Sequence[KnownText]) -> list[KnownText]:
    """The words with times of their own: captions and speech."""
    return [one for one in found if one.origin in ("captions", "speech") and one.locator.end_s is not None]


def srt_lines(found: Sequence[KnownText]) -> Iterator[str]:
    """SubRip: number, times, words, an empty line."""
    for number, one in enumerate(timed(found), 1):
        start, end = _times(one)
        yield from (str(number), f"{_clock(start, ',')} --> {_clock(end, ',')}", _words(one), "")


def vtt_lines(found: Sequence[KnownText]) -> Iterator[str]:
    """WebVTT."""
    yield from ("WEBVTT", "")
    for one in timed(found):
        start, end = _times(one)
        words = _words(one).replace("&", "&amp;").replace("<", "&lt;")
        yield from (f"{_clock(start, '.')} --> {_clock(end, '.')}", words, "")


def _times(one: KnownText) -> tuple[float, float]:
    start = one.locator.start_s or 0.0
    return start, max(one.locator.end_s or 0.0, start + SHORTEST_S)


def _words(one: KnownText) -> str:
    """Words that can't be taken for the end of a subtitle or for its times."""
    return escaped(" ".join(one.text.split())).replace("-->", "→")


def _clock(seconds: float, point: str) -> str:
    thousandths = round(seconds * 1000)
    minutes, rest = divmod(thousandths, 60_000)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{rest // 1000:02d}{point}{rest % 1000:03d}"
