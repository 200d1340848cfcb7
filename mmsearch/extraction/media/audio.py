"""Recordings: tags, windows of ten seconds with their words and sound."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

from mmsearch.errors import ExtractionError, FailureCode
from mmsearch.extraction.fingerprints import RATE, audio_fingerprint
from mmsearch.extraction.media import audio_decoder
from mmsearch.extraction.media.chapters import chapters_of, may_have_chapters, names_within, starts_within
from mmsearch.extraction.media.containers import (
    DECODER_ERRORS,
    check_container,
    container_facts,
    left_out,
    translate_decoder_errors,
)
from mmsearch.extraction.media.cues import cues_within, languages_of, lines_of, pack, parse_lrc, sidecar_cues
from mmsearch.extraction.media.stated_length import cut_note, packets_end_s, riff_length_s
from mmsearch.extraction.media.subtitle_tracks import embedded_cues
from mmsearch.extraction.media.tags import read_tags, tag_text
from mmsearch.extraction.source import open_source, ordinal
from mmsearch.types import Extracted, Fingerprint, Locator, Needs, Probe, Segment, Source, Span

WINDOW_S = 10.0
SHORTEST_S = 1.0  # a shorter rest belongs to the window before it
SPAN_S = 120.0
SPANS = 60  # a long recording has longer spans instead of more: each decodes all that lies before it
LONGEST_SPAN_S = 240.0  # 300 s took 240 MB at 48 kHz
FINGERPRINT_S = 120.0  # of the first and the last span
LONGEST_S = 24 * 3600.0
TRUSTED_S = 1800.0  # a longer recording's stated length is believed if it is plausible
LOWEST_BYTES_PER_S = 1000.0  # less than any codec needs for speech
CONTAINERS = frozenset(
    {"m4a", "matroska", "ogg", "mp4", "mov", "webm"}
)  # formats that may hold several tracks, and chapters
UNSTATED = frozenset({"mp3", "aac", "ac3", "amr"})  # formats whose length FFmpeg often has to guess


def probe(source: Source, needs: Needs) -> Probe:
    """Tags, length and spans. `details`: the tags by name, `duration_s`, `codec`, `channels`, `sample_rate`, `cues`.

    Raises `ExtractionError`: `decode-error` without a sound stream that decodes, `encrypted`, or as `open_source`."""
    notes: list[str] = []
    with open_source(source) as handle:
        check_container(handle)
        with translate_decoder_errors("sound"):
            try:
                decoder = audio_decoder.open_sound(handle)
            except ValueError as error:
                raise ExtractionError(FailureCode.DECODE_ERROR, "There is no sound in this file.") from error
            metadata = decoder.metadata
            origin = float(metadata.begin_stream_seconds or 0.0)
            if audio_decoder.samples_between(decoder, origin, origin + 1.0, tries=8) is None:
                raise ExtractionError(FailureCode.DECODE_ERROR, "There is no sound in this file that can be decoded.")
            duration = _duration(handle, source, origin, metadata.duration_seconds, notes)
        tags = read_tags(handle)
        chaptered = may_have_chapters(handle)
    cues, unread = sidecar_cues(source)
    sung = parse_lrc(tags.get("lyrics", ""))
    if sung:
        del tags["lyrics"]
    notes += unread
    chapters: list[list[Any]] = []
    if source.format in CONTAINERS or chaptered:
        container = container_facts(source)
        notes += left_out(container)
        chapters = chapters_of(container, origin)
        if container is not None:
            embedded, unread = embedded_cues(source, container)
            cues, notes = [*embedded, *cues], [*notes, *unread]
    packed, too_many = pack([*sung, *cues])
    notes += filter(None, [too_many])
    facts = {"codec": metadata.codec, "channels": metadata.num_channels, "sample_rate": metadata.sample_rate}
    details: dict[str, Any] = {**tags, "duration_s": round(duration, 3), "origin_s": origin, **facts, "cues": packed}
    if chapters:
        details["chapters"] = chapters
    if languages := languages_of(packed):
        details["languages"] = languages
    return Probe(_spans(duration), details, tuple(notes))


def _duration(handle: BinaryIO, source: Source, origin: float, stated: float | None, notes: list[str]) -> float:
    """The seconds of sound that exist: as stated where that is plausible and costly to check, else measured."""
    claimed = max(stated, 0.0) if stated is not None and math.isfinite(stated) else 0.0
    plausible = source.stat[0] >= claimed * LOWEST_BYTES_PER_S
    if claimed <= TRUSTED_S or not plausible or source.format in UNSTATED:
        duration, certain = audio_decoder.measure_end(handle, origin, claimed, LONGEST_S)
        if not certain:
            notes.append("The length is as the file states it; it could not be measured.")
        elif source.format not in UNSTATED or duration < claimed / 2:  # what is guessed may be a little wrong
            notes += filter(None, [cut_note(duration, max(claimed, riff_length_s(handle)))])
    else:
        duration = packets_end_s(source, origin, claimed)
        notes += filter(None, [cut_note(duration, max(claimed, riff_length_s(handle)))])
    if duration <= 0:
        raise ExtractionError(FailureCode.DECODE_ERROR, "There is no sound in this file that can be decoded.")
    if duration >= LONGEST_S:
        notes.append("Only the first 24 hours are indexed.")
    return min(duration, LONGEST_S)


def _spans(duration: float) -> tuple[Span, ...]:
    """Spans of whole windows; a rest that is too short for a window of its own stays with the last span."""
    length = min(LONGEST_SPAN_S, max(SPAN_S, math.ceil(duration / SPANS / WINDOW_S) * WINDOW_S))
    count = max(1, math.ceil((duration - SHORTEST_S) / length))
    return tuple(Span(i * length, duration if i == count - 1 else (i + 1) * length) for i in range(count))


def windows(span: Span, chapters: Iterable[Iterable[Any]] = ()) -> list[tuple[float, float]]:
    """`[start, end)` of the windows of a span: ten seconds each, the last one 1 to 11 unless the span is shorter, cut
    where a chapter begins."""
    count = max(1, math.ceil((span.stop - span.start - SHORTEST_S) / WINDOW_S))
    starts = [span.start + i * WINDOW_S for i in range(count)]
    cuts = starts_within(chapters, span.start, span.stop, SHORTEST_S)
    kept = [start for start in starts if all(start == span.start or abs(start - cut) >= SHORTEST_S for cut in cuts)]
    starts = sorted({*kept, *cuts})
    return list(zip(starts, [*starts[1:], span.stop], strict=True))


def extract(source: Source, probe: Probe, number: int, needs: Needs) -> Iterator[Extracted]:
    """The windows of span `number`: their cues as text, the tags with the first one, and sound when it is needed.

    Raises `ExtractionError` as `open_source` does. A window whose sound can't be decoded comes without it."""
    span = probe.spans[number]
    samples = None
    if needs.sound_rate > 0:
        with open_source(source) as handle:
            origin = float(probe.details.get("origin_s", 0.0))
            samples = audio_decoder.sound_between(handle, needs.sound_rate, origin + span.start, origin + span.stop)
    fingerprints = fingerprint_of(source, probe, number)
    for place, (start, end) in enumerate(windows(span, probe.details.get("chapters", ()))):
        cues = cues_within(probe.details.get("cues", ()), start, end)
        words = [tag_text(probe.details)] if number == 0 and place == 0 else []
        words += names_within(probe.details.get("chapters", ()), start, end)
        text = "\n".join(filter(None, [*words, *lines_of(cues)]))
        locator = Locator(start_s=round(start, 3), end_s=round(end, 3))
        segment = Segment(ordinal(number, place), locator, text, cues)
        sound = audio_decoder.samples_of(samples, needs.sound_rate, start - span.start, end - span.start)
        yield Extracted(segment, sound=sound, fingerprints=() if place else fingerprints)


def fingerprint_of(source: Source, probe: Probe, number: int) -> tuple[Fingerprint, ...]:
    """The fingerprint of the sound of the first or last span; empty for others, since reaching a span means decoding
    all before it, and where the sound can't be decoded."""
    if number not in (0, len(probe.spans) - 1):
        return ()
    span = probe.spans[number]
    origin = float(probe.details.get("origin_s", 0.0))
    try:
        with open_source(source) as handle:
            stop = min(span.stop, span.start + FINGERPRINT_S)
            samples = audio_decoder.sound_between(handle, RATE, origin + span.start, origin + stop)
    except DECODER_ERRORS:
        return ()
    made = audio_fingerprint(samples, span.start)
    return (made,) if made else ()
