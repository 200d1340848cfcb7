"""Decoding film: one frame at a time, by its time, at the size that is needed, upright and with square pixels."""

from __future__ import annotations

import itertools
import math
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, Literal

from mmsearch.extraction.containers import DECODER_ERRORS, MediaFile
from mmsearch.extraction.scenes import Sample, sample, suspected_cuts

if TYPE_CHECKING:
    import numpy as np

SeekMode = Literal["approximate", "exact"]
SEEK_MODES: tuple[SeekMode, ...] = ("approximate", "exact")
SAMPLE_S = 0.25
SMALL_EDGE = 160  # of the pictures that scenes are detected on
FAILURES = 8  # frames in a row that can't be decoded: here the film ends
END_PROBES = 14  # halvings in search of the end of a cut-off film


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


def frame_at(decoder: Any, time_s: float) -> tuple[np.ndarray, float] | None:
    """The frame (height, width, 3) that plays at a time of the container's clock, and its time, which is later where
    the decoder can't seek so exactly; None where nothing can be decoded."""
    try:
        frame = decoder.get_frame_played_at(time_s)
    except DECODER_ERRORS:
        return None
    # A copy: the tensor, however small it was made, keeps the decoder's frame of full size alive.
    return frame.data.numpy().copy(), max(time_s, float(frame.pts_seconds))


def inspect(handle: BinaryIO) -> Film | None:
    """The best video stream; None where there is none, or none of whose frames can be decoded.

    Seeks by the container's own index; reads all packets first (without decoding) where the header gives no length or
    that index fails."""
    for seek in SEEK_MODES:
        try:
            decoder = open_film(handle, seek)
        except DECODER_ERRORS:
            continue
        film = _described(decoder.metadata, seek)
        if film is None or frame_at(decoder, film.origin_s) is None:
            continue
        if seek == "exact" or frame_at(decoder, film.origin_s + max(film.duration_s - 0.5, 0.0)) is not None:
            return _with_real_end(decoder, film)
        stated = film.duration_s
        try:
            decoder = open_film(handle, "exact")
        except DECODER_ERRORS:
            return _with_real_end(decoder, film)
        film = _described(decoder.metadata, "exact", stated)
        return _with_real_end(decoder, film) if film else None
    return None


def _described(metadata: Any, seek: SeekMode, stated_s: float | None = None) -> Film | None:
    origin = float(metadata.begin_stream_seconds or 0.0)
    duration = float(metadata.end_stream_seconds or 0.0) - origin
    width, height = int(metadata.width or 0), int(metadata.height or 0)
    if not (math.isfinite(duration) and duration > 0 and width > 0 and height > 0):
        return None
    width, height = _square(width, height, metadata)
    fps = float(metadata.average_fps or 0.0)
    fps = fps if math.isfinite(fps) and 0.01 < fps < 1000 else 25.0
    stated = duration if stated_s is None else stated_s
    return Film(origin, duration, width, height, fps, str(metadata.codec or ""), seek, stated)


def _square(width: int, height: int, metadata: Any) -> tuple[int, int]:
    """The size with square pixels: the wider or higher side grows, as players do it."""
    ratio = float(metadata.pixel_aspect_ratio or 1)
    if not 0.1 < ratio < 10:
        return width, height
    if round(abs(metadata.rotation or 0)) % 180 == 90:
        ratio = 1 / ratio
    return (round(width * ratio), height) if ratio >= 1 else (width, round(height / ratio))


def _with_real_end(decoder: Any, film: Film) -> Film:
    """The film with a length up to which frames can be decoded, found by bisection where there is none at the stated
    end."""
    if frame_at(decoder, film.origin_s + max(film.duration_s - 0.5, 0.0)) is not None:
        return film
    low, high = 0.0, film.duration_s
    for _ in range(END_PROBES):
        middle = (low + high) / 2
        if frame_at(decoder, film.origin_s + middle) is None:
            high = middle
        else:
            low = middle
    low = max(low, 1 / film.fps)
    return Film(film.origin_s, low, film.width, film.height, film.fps, film.codec, film.seek, film.stated_s)


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
    decoder = open_film(handle, film.seek, (max(width, 16), max(height, 16)))
    if first:
        found = _samples_at(decoder, film, sorted({start_s, *first}), stop_s)
        between = [_samples_at(decoder, film, _steps(left, right)[1:], right) for left, right in suspected_cuts(found)]
        return sorted(itertools.chain(found, *between), key=lambda one: one.time_s)
    return _samples_at(decoder, film, _steps(start_s, stop_s), stop_s)


def _steps(start_s: float, stop_s: float) -> list[float]:
    return [start_s + i * SAMPLE_S for i in range(math.ceil((stop_s - start_s) / SAMPLE_S))]


def _samples_at(decoder: Any, film: Film, times: Sequence[float], stop_s: float) -> list[Sample]:
    """Samples at ascending times, or a little later, before `stop_s`."""
    found: list[Sample] = []
    failures = 0
    for time_s in times:
        if found and time_s <= found[-1].time_s:
            continue  # the decoder could only give a later frame
        frame = frame_at(decoder, film.origin_s + time_s)
        failures = 0 if frame else failures + 1
        if failures == FAILURES:
            break
        if frame and frame[1] - film.origin_s < stop_s:
            found.append(sample(max(frame[1] - film.origin_s, times[0]), frame[0]))
    return found
