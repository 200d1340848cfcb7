"""Decoding film: one frame at a time, by its time, at the size that is needed, upright and with square pixels."""

from __future__ import annotations

import itertools
import math
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, BinaryIO, Literal, NamedTuple

from mmsearch.extraction.media.containers import DECODER_ERRORS, MediaFile
from mmsearch.extraction.media.scenes import Sample, sample, suspected_cuts
from mmsearch.extraction.media.seeking import SHORTEST_HOLD_S, FrameSeeker

SeekMode = Literal["approximate", "exact"]
SEEK_MODES: tuple[SeekMode, ...] = ("approximate", "exact")
SAMPLE_S = 0.25
SMALL_EDGE = 160  # of the pictures that scenes are detected on
FAILURES = 8  # frames in a row that can't be decoded: here the film ends
SHORTEST_DELAY_S, LONGEST_DELAY_S = 0.1, 600.0  # of the first frame behind the sound; more is a mistake
END_PROBES = 14  # halvings in search of the end of a cut-off film


class Clock(NamedTuple):
    """Where a container begins and ends on its own clock, in seconds."""

    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Film:
    """The properties of a video stream. Frames play in `[origin_s, origin_s + duration_s)` of the container's clock;
    width and height are those of the upright picture with square pixels. `seek` is torchcodec's seek mode."""

    origin_s: float
    duration_s: float
    width: int
    height: int
    fps: float
    codec: str
    seek: SeekMode
    stated_s: float  # the length according to the header
    first_s: float = 0.0  # the first frame, counted from the origin: later than 0 where the sound begins before it


def open_film(handle: BinaryIO, seek: SeekMode, size: tuple[int, int] | None = None) -> Any:
    """A torchcodec VideoDecoder with frames (height, width, 3) uint8, resized to `size` (width, height) if given.
    Raises one of `DECODER_ERRORS`."""
    from torchcodec.decoders import VideoDecoder
    from torchcodec.transforms import Resize

    transforms = [Resize((size[1], size[0]))] if size else None
    with _without_torchvision():
        return VideoDecoder(
            MediaFile(handle), seek_mode=seek, dimension_order="NHWC", num_ffmpeg_threads=1, transforms=transforms
        )


@contextmanager
def _without_torchvision() -> Iterator[None]:
    """Keep torchcodec from importing torchvision to check for transforms of it, of which we use none: the import takes
    a second, and with a torch of another build it fails with an error that torchcodec does not handle."""
    if "torchvision" in sys.modules:
        yield
        return
    sys.modules["torchvision"] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules["torchvision"]


def seeker_of(handle: BinaryIO, film: Film, size: tuple[int, int] | None) -> FrameSeeker:
    """The frames of a film by time, resized to `size` (width, height) if given. Raises one of `DECODER_ERRORS`."""
    return FrameSeeker(lambda: open_film(handle, film.seek, size), film.origin_s + film.first_s, film.fps)


def inspect(handle: BinaryIO, clock: Clock | None = None) -> Film | None:
    """The best video stream; None where there is none, or none of whose frames can be decoded. `clock` is that of
    the container, if it is known.

    Seeks by the container's own index; reads all packets first (without decoding) where the header gives no length or
    that index fails."""
    for seek in SEEK_MODES:
        film, seeker = _opened(handle, seek, clock)
        if film is None or seeker is None:
            continue
        if seek == "exact" or _shows_its_end(seeker, film):
            return _extended(seeker, _with_real_end(seeker, film), clock)
        exact, other = _opened(handle, "exact", clock)
        if exact is None or other is None:
            return _with_real_end(seeker, film)
        return _with_real_end(other, replace(exact, stated_s=film.duration_s))
    return None


def _opened(handle: BinaryIO, seek: SeekMode, clock: Clock | None) -> tuple[Film | None, FrameSeeker | None]:
    """A film as its header describes it, with its frames; nothing where its first frame can't be decoded."""
    try:
        film = _described(open_film(handle, seek).metadata, seek, clock)
        if film is None:
            return None, None
        width, height = fitted(film.width, film.height, SMALL_EDGE)
        seeker = seeker_of(handle, film, (max(width, 16), max(height, 16)))
    except DECODER_ERRORS:
        return None, None
    return (film, seeker) if seeker.at(film.origin_s + film.first_s) is not None else (None, None)


def _described(metadata: Any, seek: SeekMode, clock: Clock | None) -> Film | None:
    begin = float(metadata.begin_stream_seconds or 0.0)
    origin = begin if clock is None or not SHORTEST_DELAY_S < begin - clock.start_s < LONGEST_DELAY_S else clock.start_s
    duration = float(metadata.end_stream_seconds or 0.0) - origin
    width, height = int(metadata.width or 0), int(metadata.height or 0)
    if not (math.isfinite(duration) and duration > begin - origin and width > 0 and height > 0):
        return None
    width, height = _square(width, height, metadata)
    fps = float(metadata.average_fps or 0.0)
    fps = fps if math.isfinite(fps) and 0.01 < fps < 1000 else 25.0
    first = round(begin - origin, 3)
    return Film(origin, duration, width, height, fps, str(metadata.codec or ""), seek, duration, first)


def _square(width: int, height: int, metadata: Any) -> tuple[int, int]:
    """The size with square pixels: the wider or higher side grows, as players do it."""
    ratio = float(metadata.pixel_aspect_ratio or 1)
    if not 0.1 < ratio < 10:
        return width, height
    if round(abs(metadata.rotation or 0)) % 180 == 90:
        ratio = 1 / ratio
    return (round(width * ratio), height) if ratio >= 1 else (width, round(height / ratio))


def _shows_its_end(seeker: FrameSeeker, film: Film) -> bool:
    return seeker.at(film.origin_s + max(film.duration_s - 0.5, film.first_s)) is not None


def _with_real_end(seeker: FrameSeeker, film: Film) -> Film:
    """The film with a length up to which frames can be decoded, found by bisection where there is none at the stated
    end."""
    if _shows_its_end(seeker, film):
        return film
    low, high = film.first_s, film.duration_s
    for _ in range(END_PROBES):
        middle = (low + high) / 2
        if seeker.at(film.origin_s + middle) is None:
            high = middle
        else:
            low = middle
    return replace(film, duration_s=max(low, film.first_s + 1 / film.fps))


def _extended(seeker: FrameSeeker, film: Film, clock: Clock | None) -> Film:
    """The film with the length of its container, where that is longer and frames come after the end that the stream
    states: of slides, some containers count no more than the frames."""
    end = 0.0 if clock is None else clock.end_s - film.origin_s
    if end - film.duration_s < SHORTEST_HOLD_S:
        return film
    stated = film.origin_s + film.duration_s
    last = seeker.last_after(stated - 0.5)
    return film if last is None or last <= stated else replace(film, duration_s=end, stated_s=end)


def fitted(width: int, height: int, long_edge: float = math.inf, pixels: float = math.inf) -> tuple[int, int]:
    """The size of the same shape that keeps both limits; never larger than it was."""
    shrink = min(1.0, long_edge / max(width, height), math.sqrt(pixels / (width * height)))
    return max(1, int(width * shrink)), max(1, int(height * shrink))


def samples_of(
    handle: BinaryIO, film: Film, start_s: float, stop_s: float, first: Sequence[float] = ()
) -> list[Sample]:
    """Four samples a second of `[start_s, stop_s)`, times counted from the start of the film; with times in
    `first`, samples at these, and four a second only between two that suggest a cut.

    Raises one of `DECODER_ERRORS` when the file can't be opened."""
    width, height = fitted(film.width, film.height, SMALL_EDGE)
    seeker = seeker_of(handle, film, (max(width, 16), max(height, 16)))
    if first:
        found = _samples_at(seeker, film, sorted({start_s, *first}), stop_s)
        between = [_samples_at(seeker, film, _steps(left, right)[1:], right) for left, right in suspected_cuts(found)]
        return sorted(itertools.chain(found, *between), key=lambda one: one.time_s)
    return _samples_at(seeker, film, _steps(start_s, stop_s), stop_s)


def _steps(start_s: float, stop_s: float) -> list[float]:
    return [start_s + i * SAMPLE_S for i in range(math.ceil((stop_s - start_s) / SAMPLE_S))]


def _samples_at(seeker: FrameSeeker, film: Film, times: Sequence[float], stop_s: float) -> list[Sample]:
    """Samples at ascending times, or a little later, before `stop_s`."""
    found: list[Sample] = []
    failures = 0
    for time_s in dict.fromkeys(max(time_s, film.first_s) for time_s in times):
        if found and time_s <= found[-1].time_s:
            continue  # the decoder could only give a later frame
        frame = seeker.at(film.origin_s + time_s)
        failures = 0 if frame else failures + 1
        if failures == FAILURES:
            break
        if frame and frame[1] - film.origin_s < stop_s:
            found.append(sample(max(frame[1] - film.origin_s, times[0]), frame[0]))
    return found
