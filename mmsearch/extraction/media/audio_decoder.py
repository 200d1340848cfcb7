"""Decoding sound at the rate that is needed, in ranges of a recording of any length.

torchcodec reads sound forward only (seeking in compressed sound shifts times by up to a second in VBR MP3, measured),
so reaching a late range means decoding all before it, at some 2,000 to 4,000 times real time.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, BinaryIO

from mmsearch.extraction.media.containers import DECODER_ERRORS, MediaFile

if TYPE_CHECKING:
    import numpy as np

MEASURING_RATE = 8000
CLOCK_S = 10.0  # of work on a damaged or mislabelled recording
STEP_S = 60.0  # between the places at which a recording's length is tried
BLOCK_S = 2.0  # of a damaged range; a block that does not decode is silent
GAP_S = 0.12  # left out between two blocks: more than a frame of most codecs, so the decoder needn't start over
SOUND_CLOCK_S = 60.0  # of work on the sound of a damaged range for speech recognition
TRIES = 1000  # packets before a range that may be damaged


def open_sound(handle: BinaryIO, rate: int | None = None) -> Any:
    """A torchcodec AudioDecoder, mono at `rate` Hz, of the best sound stream. Raises one of `DECODER_ERRORS`."""
    from torchcodec.decoders import AudioDecoder

    return AudioDecoder(MediaFile(handle), sample_rate=rate, num_channels=1)


def samples_between(
    decoder: Any, start_s: float, end_s: float, tries: int = 1, until: float = math.inf
) -> tuple[np.ndarray, float] | None:
    """float32 (samples,) that play in `[start_s, end_s)`, and the time of the first; None past the end of the sound.

    A damaged packet raises an error, and the next try continues after it; a try starts over only if sound of the range
    itself was decoded before. Raises the last of `DECODER_ERRORS` after `tries`, or past the time `until`
    (`time.monotonic`)."""
    for left in range(tries - 1, -1, -1):
        try:
            samples = decoder.get_samples_played_in_range(start_s, end_s)
            return samples.data.numpy()[0], float(samples.pts_seconds)
        except DECODER_ERRORS as error:
            if "No audio frames were decoded" in str(error):
                return None
            if left == 0 or time.monotonic() > until:
                raise
    return None


def sound_between(handle: BinaryIO, rate: int, start_s: float, end_s: float) -> np.ndarray | None:
    """float32 (samples,) mono at `rate` Hz, the first playing at `start_s`; it ends early where the sound does, and
    None stands for no sound at all. What is damaged is silent. Times are the container's own."""
    import numpy as np

    whole = np.zeros(round((end_s - start_s) * rate), np.float32)
    reached = 0
    for samples, first in _decode_blocks(handle, rate, start_s, end_s):
        at = max(round((first - start_s) * rate), 0)
        block = samples[: max(len(whole) - at, 0)]
        whole[at : at + len(block)] = block
        reached = max(reached, at + len(block))
    return whole[:reached] if reached else None


def sound_in_blocks(handle: BinaryIO, rate: int, start_s: float, end_s: float) -> np.ndarray | None:
    """As `sound_between`; where the range does not decode as a whole, a minute after the other, so that damage costs
    the words of its own minute only. Silent too: what `SOUND_CLOCK_S` seconds of work don't reach."""
    import numpy as np

    try:
        found = samples_between(open_sound(handle, rate), start_s, end_s)
    except DECODER_ERRORS:
        pass
    else:
        return None if found is None else _placed(found, rate, start_s, end_s)
    until = time.monotonic() + SOUND_CLOCK_S
    whole = np.zeros(round((end_s - start_s) * rate), np.float32)
    reached, position = 0, start_s
    while position < end_s and time.monotonic() < until:
        block = sound_between(handle, rate, position, min(position + STEP_S, end_s))
        if block is not None:
            at = round((position - start_s) * rate)
            whole[at : at + len(block)] = block[: len(whole) - at]
            reached = min(at + len(block), len(whole))
        position += STEP_S
    return whole[:reached] if reached else None


def _placed(found: tuple[np.ndarray, float], rate: int, start_s: float, end_s: float) -> np.ndarray:
    """Samples that begin at a time of their own, so that the first one plays at `start_s`."""
    import numpy as np

    samples, first = found
    at = max(round((first - start_s) * rate), 0)
    early = max(round((start_s - first) * rate), 0)
    kept = samples[early : early + round((end_s - start_s) * rate) - at]
    return np.concatenate([np.zeros(at, np.float32), kept]) if at else np.ascontiguousarray(kept)


def _decode_blocks(handle: BinaryIO, rate: int, start_s: float, end_s: float) -> Iterator[tuple[np.ndarray, float]]:
    """The range as one block where it decodes as a whole, else the blocks of it that do, each with its start time."""
    until = time.monotonic() + CLOCK_S
    try:
        found = samples_between(open_sound(handle, rate), start_s, end_s)
    except DECODER_ERRORS:
        pass
    else:
        if found is not None:
            yield found
        return
    try:
        decoder = open_sound(handle, rate)
        if start_s > 1:  # seek past the damage before it, then only read forward
            samples_between(decoder, start_s - 1.0, start_s - 0.9, TRIES, until)
    except DECODER_ERRORS:
        return
    position = start_s
    while position < end_s and time.monotonic() < until:
        try:
            found = samples_between(decoder, position, min(position + BLOCK_S, end_s))
        except DECODER_ERRORS:
            found = None
        if found is not None:
            yield found
        position += BLOCK_S + GAP_S


def samples_of(samples: np.ndarray | None, rate: int, start_s: float, end_s: float) -> np.ndarray | None:
    """The samples of `[start_s, end_s)` counted from the first one; None if less than a tenth of a second is left."""
    if samples is None:
        return None
    part = samples[round(start_s * rate) : round(end_s * rate)]
    return part if len(part) >= rate // 10 else None


def measure_end(handle: BinaryIO, origin_s: float, claimed_s: float, longest_s: float) -> tuple[float, bool]:
    """The seconds of sound after `origin_s`, at most `longest_s`, and whether that is certain: measured by decoding
    around the claimed end and, where that is wrong, by a search for the real one, which ends uncertain after `CLOCK_S`.
    Raises one of `DECODER_ERRORS` when the file can't be opened."""
    until = time.monotonic() + CLOCK_S
    place = max(0.0, min(claimed_s, longest_s) - 2.0)
    try:
        found = samples_between(open_sound(handle, MEASURING_RATE), origin_s + place, origin_s + place + 3.0)
    except DECODER_ERRORS:
        found = None
    end = _end_of(found, origin_s)
    if place < end < place + 3.0 - GAP_S:
        return min(end, longest_s), True
    decoder = open_sound(handle, MEASURING_RATE)
    last = place if end else 0.0
    try:
        while samples_between(decoder, origin_s + last + STEP_S, origin_s + last + STEP_S + 1.0, TRIES, until):
            last += STEP_S
            if last >= longest_s or time.monotonic() > until:
                return min(max(last, claimed_s), longest_s), last >= longest_s
        tail = sound_between(handle, MEASURING_RATE, origin_s + last, origin_s + last + STEP_S + 1.0)
    except DECODER_ERRORS:
        return min(max(last, claimed_s), longest_s), False
    return min(last + (0 if tail is None else len(tail) / MEASURING_RATE), longest_s), True


def _end_of(found: tuple[np.ndarray, float] | None, origin_s: float) -> float:
    return 0.0 if found is None else found[1] - origin_s + len(found[0]) / MEASURING_RATE
