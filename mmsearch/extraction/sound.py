"""Decoding sound: straight to the rate that is wanted, in stretches, however long the recording is.

torchcodec reads sound forward only (seeking in compressed sound shifts times by up to a second in VBR MP3, measured),
so reaching a late stretch means decoding all before it, without keeping it: some 2,000 to 4,000 times real time.
"""

from __future__ import annotations

import itertools
import time
from typing import TYPE_CHECKING, Any, BinaryIO

from mmsearch.extraction.streams import DECODER_ERRORS, MediaFile

if TYPE_CHECKING:
    import numpy as np

MEASURING_RATE = 8000
MEASURING_S = 20.0  # clock time; a recording that takes longer is believed
STEP_S = 60.0
PIECE_S = 10.0
GAP_S = 0.2  # more than any codec's frame, so that the decoder goes on instead of starting over
ATTEMPTS = 8


def open_sound(handle: BinaryIO, rate: int | None = None) -> Any:
    """A torchcodec AudioDecoder, mono at `rate` Hz, of the best sound stream. Raises one of `DECODER_ERRORS`."""
    from torchcodec.decoders import AudioDecoder

    return AudioDecoder(MediaFile(handle), sample_rate=rate, num_channels=1)


def samples_between(decoder: Any, start_s: float, end_s: float) -> tuple[np.ndarray, float] | None:
    """float32 (samples,) that play in `[start_s, end_s)`, and the time of the first; None past the end of the sound.

    Damaged packets before the stretch are stepped over. Raises one of `DECODER_ERRORS` for damage within it."""
    for attempt in range(ATTEMPTS):
        try:
            samples = decoder.get_samples_played_in_range(start_s, end_s)
            return samples.data.numpy()[0], float(samples.pts_seconds)
        except DECODER_ERRORS as error:
            if "No audio frames were decoded" in str(error):
                return None
            if attempt == ATTEMPTS - 1:
                raise
    return None


def sound_between(handle: BinaryIO, rate: int, start_s: float, end_s: float) -> np.ndarray | None:
    """float32 (samples,) mono at `rate` Hz, the first playing at `start_s`; it ends early where the sound does, and
    None stands for no sound at all. Silence stands for pieces of ten seconds in which something is damaged. Times are
    the container's own."""
    import numpy as np

    try:
        decoder = open_sound(handle, rate)
    except DECODER_ERRORS:
        return None
    whole = np.zeros(round((end_s - start_s) * rate), np.float32)
    reached = 0
    waiting = [(start_s, end_s)]
    while waiting:
        start, end = waiting.pop(0)
        try:
            found = samples_between(decoder, start, end)
        except DECODER_ERRORS:
            if end - start > PIECE_S:
                edges = [*np.arange(start, end, PIECE_S).tolist(), end]
                waiting = list(itertools.pairwise(edges))
            continue
        if found is None:
            break
        at = max(round((found[1] - start_s) * rate), 0)
        piece = found[0][: max(len(whole) - at, 0)]
        whole[at : at + len(piece)] = piece
        reached = at + len(piece)
    return whole[:reached] if reached else None


def part(samples: np.ndarray | None, rate: int, start_s: float, end_s: float) -> np.ndarray | None:
    """The samples of `[start_s, end_s)` counted from the first one; None if less than a tenth of a second is left."""
    if samples is None:
        return None
    piece = samples[round(start_s * rate) : round(end_s * rate)]
    return piece if len(piece) >= rate // 10 else None


def measure_end(handle: BinaryIO, origin_s: float, claimed_s: float, longest_s: float) -> tuple[float, bool]:
    """How many seconds of sound follow `origin_s`, found by decoding around the claimed end, and whether that is
    certain: not when it is damaged or takes longer than `MEASURING_S`. Never more than `longest_s`.

    Raises one of `DECODER_ERRORS` when the file can't be opened."""
    decoder = open_sound(handle, MEASURING_RATE)
    deadline = time.monotonic() + MEASURING_S
    position, step, end = max(0.0, min(claimed_s, longest_s) - 2.0), 3.0, 0.0
    try:
        found = samples_between(decoder, origin_s + position, origin_s + position + step)
        if found is None and position > 0:  # it ends earlier: walk there from the start
            decoder, position, step = open_sound(handle, MEASURING_RATE), 0.0, STEP_S
            found = samples_between(decoder, origin_s, origin_s + step)
        while found is not None:
            end = found[1] - origin_s + len(found[0]) / MEASURING_RATE
            if end < position + step - GAP_S or end >= longest_s:
                return min(end, longest_s), True
            if time.monotonic() > deadline:
                return min(max(end, claimed_s), longest_s), False
            position, step = position + step + GAP_S, STEP_S
            found = samples_between(decoder, origin_s + position, origin_s + position + step)
    except DECODER_ERRORS:
        return min(max(end, claimed_s), longest_s), False
    return end, True
