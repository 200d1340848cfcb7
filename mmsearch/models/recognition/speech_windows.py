"""Windows for speech recognition: parts with speech, packed until the 30 s of the model are nearly full.

A recogniser takes as long for a second of sound as for thirty. So parts that lie apart share a window, with the pause
between them left out; times in a window are translated back by what was left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mmsearch.models.recognition.voice_activity import RATE, STEP, SpeechPart

LONGEST = int(28.5 * RATE)  # samples of a window: less than 30 s, since models lose words at the very end
SEARCH = 8 * RATE  # a part that is too long is cut where speech is least likely in so many samples before the limit
KEPT_PAUSE = 1 * RATE  # a pause up to this length stays in its window
LONG_PAUSE = 2 * RATE  # such a pause ends a window with so much speech: another speaker or language may follow
LEAST_FULL = 8 * RATE
SHORTEST = RATE // 2  # of a rest that is worth a window
QUIET = RATE // 10  # samples whose energy tells whether somebody pauses


@dataclass(frozen=True, slots=True)
class Window:
    """Stretches of a sound, `[start, stop)` in samples, in order; `probability` is the mean one of speech in them."""

    stretches: tuple[tuple[int, int], ...]
    probability: float

    @property
    def length(self) -> int:
        """Samples of all stretches."""
        return sum(stop - start for start, stop in self.stretches)

    def samples(self, sound: np.ndarray) -> np.ndarray:
        """The stretches of a sound, one after the other."""
        return np.concatenate([sound[start:stop] for start, stop in self.stretches])

    def time_of(self, second: float, is_end: bool = False) -> float:
        """The second of the sound at a second of this window; at a seam the earlier one for an end."""
        left = round(second * RATE)
        for start, stop in self.stretches:
            if left < stop - start or (is_end and left == stop - start):
                return (start + left) / RATE
            left -= stop - start
        return self.stretches[-1][1] / RATE

    def after(self, second: float) -> Window | None:
        """What follows a second of this window; None where that is too short to hold a word."""
        left = round(second * RATE)
        rest = []
        for start, stop in self.stretches:
            if left < stop - start:
                rest.append((start + max(left, 0), stop))
            left -= stop - start
        window = Window(tuple(rest), self.probability)
        return window if window.length >= SHORTEST else None

    def halves(self, sound: np.ndarray) -> list[Window]:
        """This window of `sound`, float32 (samples,), cut at the longest of the pauses that were left out; where there
        is none, at the quietest moment of its middle third."""
        if len(self.stretches) < 2:
            start, stop = self.stretches[0]
            third = (stop - start) // 3
            frames = sound[start + third : start + third + third // QUIET * QUIET].reshape(-1, QUIET)
            if not len(frames):
                return [self]
            cut = start + third + int(np.argmin(np.square(frames).mean(axis=1))) * QUIET + QUIET // 2
            return [Window(((start, cut),), self.probability), Window(((cut, stop),), self.probability)]
        pairs = zip(self.stretches, self.stretches[1:], strict=False)
        gaps = [after[0] - before[1] for before, after in pairs]
        at = int(np.argmax(gaps)) + 1
        return [Window(part, self.probability) for part in (self.stretches[:at], self.stretches[at:])]


def pack(parts: Sequence[SpeechPart], probabilities: np.ndarray) -> list[Window]:
    """The windows of parts with speech, which are in order; `probabilities` are those of the frames of the sound."""
    windows: list[list[SpeechPart]] = []
    for short in (short for part in parts for short in _cut(part, probabilities)):
        if windows and _fits(windows[-1], short):
            windows[-1].append(short)
        else:
            windows.append([short])
    return [_window(group) for group in windows]


def _fits(group: Sequence[SpeechPart], part: SpeechPart) -> bool:
    pause = part.start - group[-1].stop
    length = _window(group).length
    if pause >= LONG_PAUSE and length >= LEAST_FULL:
        return False
    return length + (pause if pause <= KEPT_PAUSE else 0) + part.stop - part.start <= LONGEST


def _window(group: Sequence[SpeechPart]) -> Window:
    stretches = [(group[0].start, group[0].stop)]
    for part in group[1:]:
        if part.start - stretches[-1][1] <= KEPT_PAUSE:
            stretches[-1] = (stretches[-1][0], part.stop)
        else:
            stretches.append((part.start, part.stop))
    lengths = [part.stop - part.start for part in group]
    mean = sum(part.probability * length for part, length in zip(group, lengths, strict=True)) / sum(lengths)
    return Window(tuple(stretches), mean)


def _cut(part: SpeechPart, probabilities: np.ndarray) -> list[SpeechPart]:
    """A part as parts that fit a window."""
    found = []
    start = part.start
    while part.stop - start > LONGEST:
        first, last = (start + LONGEST - SEARCH) // STEP, (start + LONGEST) // STEP
        stop = (first + int(np.argmin(probabilities[first:last]))) * STEP + STEP // 2
        found.append(SpeechPart(start, stop, part.probability))
        start = stop
    return [*found, SpeechPart(start, part.stop, part.probability)]
