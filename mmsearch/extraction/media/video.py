"""Films: scenes with their key frame, subtitles and sound."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, BinaryIO

from mmsearch.errors import ExtractionError, FailureCode
from mmsearch.extraction.fingerprints import image_fingerprint
from mmsearch.extraction.media import audio, audio_decoder
from mmsearch.extraction.media.chapters import chapters_of, names_within, starts_within
from mmsearch.extraction.media.containers import check_container, container_facts, left_out, translate_decoder_errors
from mmsearch.extraction.media.cues import cues_within, languages_of, lines_of, pack, sidecar_cues
from mmsearch.extraction.media.keyframes import key_times
from mmsearch.extraction.media.scenes import FLAT_LEVEL, SHORTEST_S, Sample, cuts, is_same_picture, key_sample, split
from mmsearch.extraction.media.stated_length import cut_note, riff_length_s
from mmsearch.extraction.media.subtitle_tracks import embedded_cues
from mmsearch.extraction.media.tags import container_tags, read_tags, tag_text
from mmsearch.extraction.media.video_decoder import SAMPLE_S, Clock, Film, fitted, inspect, samples_of, seeker_of
from mmsearch.extraction.photos.capture import film_capture
from mmsearch.extraction.source import open_source, ordinal
from mmsearch.types import Cue, Extracted, Fingerprint, FingerprintForm, Locator, Needs, Probe, Segment, Source, Span

if TYPE_CHECKING:
    import numpy as np

LONGEST_S = 24 * 3600.0
LARGEST_PIXELS = 8192 * 8192
SPAN_PIXELS = 2e9  # decoded per span: some five seconds of work
SHORTEST_SPAN_S, LONGEST_SPAN_S = 20.0, 120.0
OCR_LONG_EDGE = 2000
FRAME_PIXELS = 640 * 360  # of frames for video views, when no picture size is given
SOUND_S = 30.0
FINGERPRINT_FRAMES = 16  # of a film, at most
COVER_CODECS = frozenset({"mjpeg", "png", "bmp", "gif", "webp"})


def probe(source: Source, needs: Needs) -> Probe:
    """Length, size, tags, cues and spans. `details`: `duration_s`, `width`, `height`, `fps`, `codec`, the tags by
    name, `cues`; of a container with sound only those of `audio.probe` and `pictures: false`.

    Raises `ExtractionError`: `decode-error`, `encrypted`, `too-large`, or as `open_source`."""
    facts = None
    with open_source(source) as handle:
        check_container(handle)
        facts = container_facts(source)
        film = None if _only_covers(facts) else _inspected(handle, _clock(facts))
        if film is not None:
            film = replace(film, stated_s=max(film.stated_s, riff_length_s(handle)))
        tags = read_tags(handle)
    if film is None or (facts is None and _is_cover(film)):
        return _without_FrameReader(source, needs, facts)
    embedded, unread = embedded_cues(source, facts)
    sidecar, notes = sidecar_cues(source, film.fps)
    packed, too_many = pack([*embedded, *sidecar])
    notes += [note for note in (*unread, too_many, _length_note(film), *left_out(facts)) if note]
    film = replace(film, duration_s=min(film.duration_s, LONGEST_S))
    details = {**tags, **container_tags(facts), **_details(film), "cues": packed}
    if chapters := chapters_of(facts, film.origin_s):
        details["chapters"] = chapters
    if languages := languages_of(packed):
        details["languages"] = languages
    details |= film_capture(facts)
    return Probe(_spans(film), details, tuple(notes))


def _clock(facts: Mapping[str, Any] | None) -> Clock | None:
    """The clock of a container, which begins with the first of its streams."""
    try:
        start, length = (float((facts or {})["format"][name]) for name in ("start_time", "duration"))
        return Clock(start, start + length)
    except (KeyError, TypeError, ValueError):
        return None


def _inspected(handle: BinaryIO, clock: Clock | None) -> Film | None:
    with translate_decoder_errors("film"):
        film = inspect(handle, clock)
    if film is not None and film.width * film.height > LARGEST_PIXELS:
        raise ExtractionError(
            FailureCode.TOO_LARGE, f"The film's pictures are too large ({film.width} x {film.height})."
        )
    return film


def _only_covers(facts: Mapping[str, Any] | None) -> bool:
    """Whether the container surely has no moving pictures: no video stream but attached covers."""
    if facts is None:
        return False
    films = [stream for stream in facts["streams"] if stream.get("codec_type") == "video"]
    return all(stream.get("disposition", {}).get("attached_pic") for stream in films)


def _is_cover(film: Film) -> bool:
    return film.codec in COVER_CODECS and film.duration_s * film.fps <= 1


def _without_FrameReader(source: Source, needs: Needs, facts: Mapping[str, Any] | None) -> Probe:
    try:
        found = audio.probe(source, needs)
    except ExtractionError as error:
        if error.code != FailureCode.DECODE_ERROR:
            raise
        sentence = "Neither pictures nor sound of this film can be decoded; it is damaged or of an unknown format."
        raise ExtractionError(FailureCode.DECODE_ERROR, sentence) from error
    notes = tuple(dict.fromkeys([*found.notes, *left_out(facts)]))
    return replace(found, details={**found.details, **container_tags(facts), "pictures": False}, notes=notes)


def _length_note(film: Film) -> str:
    if film.duration_s > LONGEST_S:
        return "Only the first 24 hours are indexed."
    return cut_note(film.duration_s, film.stated_s)


def _details(film: Film) -> dict[str, Any]:
    facts = {"duration_s": round(film.duration_s, 3), "stated_s": round(film.stated_s, 3), "origin_s": film.origin_s}
    size = {"width": film.width, "height": film.height, "fps": round(film.fps, 3)}
    return {**facts, **size, "codec": film.codec, "seek": film.seek, "first_s": film.first_s}


def _film(details: Mapping[str, Any]) -> Film:
    names = ("origin_s", "duration_s", "width", "height", "fps", "codec", "seek", "stated_s", "first_s")
    return Film(**{name: details[name] for name in names})


def _spans(film: Film) -> tuple[Span, ...]:
    """Spans of equal length, shorter the more pixels a second has; a rest under two seconds joins the last one."""
    seconds = SPAN_PIXELS / (film.width * film.height * film.fps)
    length = float(round(min(max(seconds, SHORTEST_SPAN_S), LONGEST_SPAN_S)))
    count = max(1, math.ceil((film.duration_s - 2.0) / length))
    return tuple(Span(i * length, film.duration_s if i == count - 1 else (i + 1) * length) for i in range(count))


def extract(source: Source, probe: Probe, number: int, needs: Needs) -> Iterator[Extracted]:
    """The scenes of span `number`, each with `details["key_s"]`, the time of its key frame (missing where nothing of
    the scene can be decoded), its cues as text, and the media that `needs` asks for.

    Raises `ExtractionError`: `decode-error`, or as `open_source`."""
    if probe.details.get("pictures") is False:
        yield from audio.extract(source, probe, number, needs)
        return
    film, span = _film(probe.details), probe.spans[number]
    with open_source(source) as handle, translate_decoder_errors("film"):
        samples = samples_of(handle, film, span.start, span.stop, _first_times(source, film, span))
    sound = _sound(source, film, span, needs)
    fingerprints = (*frame_fingerprints(film, samples), *audio.fingerprint_of(source, probe, number))
    before: Sample | None = None
    with _FrameReader(source, film, needs) as frames:
        for place, (start, end) in enumerate(split(span.start, span.stop, _edges(probe, span, cuts(samples)))):
            key = key_sample(samples, start, end)
            segment = _segment(probe, number, place, start, end, key)
            media: dict[str, Any] = {} if key is None else frames.media(key, before, start, end)
            if needs.sound_rate > 0:
                last = min(end, start + SOUND_S) - span.start
                media["sound"] = audio_decoder.samples_of(sound, needs.sound_rate, start - span.start, last)
            before = key or before
            yield Extracted(segment, **media, fingerprints=() if place else fingerprints)


def _first_times(source: Source, film: Film, span: Span) -> list[float]:
    """The times to sample first: key frames, where there are enough, and the times of fingerprints; empty: all
    times."""
    keys = key_times(source, film, span.start, span.stop)
    if not keys:
        return []
    step = _fingerprint_step(film)
    every = (number * step for number in range(math.ceil(span.start / step), math.ceil(span.stop / step)))
    return keys + [time_s for time_s in every if min(abs(time_s - key) for key in keys) >= SAMPLE_S / 2]


def _fingerprint_step(film: Film) -> float:
    """Seconds between fingerprints: a quarter of a second times a power of two, so that a film has some 8 to 16."""
    step = SAMPLE_S
    while film.duration_s > step * FINGERPRINT_FRAMES:
        step *= 2
    return step


def frame_fingerprints(film: Film, samples: Sequence[Sample]) -> Iterator[Fingerprint]:
    """Fingerprints of frames at multiples of a step, so that copies have them at the same times."""
    from PIL import Image

    step = _fingerprint_step(film)
    seen = -1
    for one in samples:
        number = round(one.time_s / step)
        if number > seen and abs(one.time_s - number * step) < SAMPLE_S / 2:
            seen = number
            if made := image_fingerprint(Image.fromarray(one.picture), number * step, FingerprintForm.FRAME):
                yield made


def _segment(probe: Probe, number: int, place: int, start: float, end: float, key: Sample | None) -> Segment:
    cues: tuple[Cue, ...] = cues_within(probe.details.get("cues", ()), start, end)
    words = [tag_text(probe.details)] if number == 0 and place == 0 else []
    words += names_within(probe.details.get("chapters", ()), start, end)
    text = "\n".join(filter(None, [*words, *lines_of(cues)]))
    details: dict[str, Any] = {} if key is None else {"key_s": round(key.time_s, 3)}
    if number == 0 and place == 0 and "capture" in probe.details:
        details["capture"] = probe.details["capture"]
    return Segment(ordinal(number, place), Locator(start_s=round(start, 3), end_s=round(end, 3)), text, cues, details)


def _edges(probe: Probe, span: Span, found: Sequence[float]) -> list[float]:
    """The cuts of a span, with the beginnings of chapters in place of those that are near to one."""
    chapters = starts_within(probe.details.get("chapters", ()), span.start, span.stop, SHORTEST_S)
    return sorted([*chapters, *(cut for cut in found if all(abs(cut - one) >= SHORTEST_S for one in chapters))])


def _sound(source: Source, film: Film, span: Span, needs: Needs) -> np.ndarray | None:
    if needs.sound_rate <= 0:
        return None
    with open_source(source) as handle:
        return audio_decoder.sound_between(
            handle, needs.sound_rate, film.origin_s + span.start, film.origin_s + span.stop
        )


class _FrameReader:
    """Decodes the frames of a span at full size; opened once, read forward, closed with its file."""

    def __init__(self, source: Source, film: Film, needs: Needs) -> None:
        self._film, self._needs = film, needs
        ocr_size = fitted(film.width, film.height, long_edge=OCR_LONG_EDGE) if needs.ocr != "never" else (0, 0)
        image_size = fitted(film.width, film.height, pixels=needs.image_pixels) if needs.image_pixels > 0 else (0, 0)
        pixels = needs.frame_pixels or needs.image_pixels or FRAME_PIXELS
        frame_size = fitted(film.width, film.height, pixels=pixels) if needs.frames else (0, 0)
        self._ocr_size, self._image_size, self._frame_size = ocr_size, image_size, frame_size
        self._handle = open_source(source)
        size = max(ocr_size, image_size, frame_size)
        with translate_decoder_errors("film"):
            self._seeker = seeker_of(self._handle, film, size) if size[0] else None

    def __enter__(self) -> _FrameReader:
        return self

    def __exit__(self, *reason: object) -> None:
        self._seeker = None
        self._handle.close()

    def media(self, key: Sample, before: Sample | None, start: float, end: float) -> dict[str, np.ndarray | None]:
        """`ocr_image`, `image` and `frames` of a scene, as far as they are needed and can be decoded."""
        import numpy as np

        if self._seeker is None:
            return {}
        count = self._needs.frames
        times = [start + (end - start) * (i + 0.5) / count for i in range(count)]
        picture, frames = None, []
        for time_s in sorted({*times, key.time_s}):  # forward, each once: going back decodes from the last key frame
            found = self._seeker.at(self._film.origin_s + max(time_s, self._film.first_s))
            if found is not None and time_s == key.time_s:
                picture = found[0]
            if found is not None and time_s in times:
                frames.append(_shrunk(found[0], self._frame_size))
            elif frames and time_s in times:
                frames.append(frames[-1])  # a damaged frame repeats the one before it
        legible = float(key.luma.std()) > FLAT_LEVEL and not (before and is_same_picture(before, key))
        needs_ocr = legible and self._ocr_size[0] > 0
        return {
            "ocr_image": _shrunk(picture, self._ocr_size) if picture is not None and needs_ocr else None,
            "image": _shrunk(picture, self._image_size) if picture is not None and self._image_size[0] else None,
            "frames": np.stack([frames[0]] * (count - len(frames)) + frames) if frames else None,
        }


def _shrunk(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The picture at `size` (width, height)."""
    import numpy as np
    from PIL import Image

    if picture.shape[1::-1] == size:
        return picture
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0))
