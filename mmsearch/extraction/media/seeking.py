"""The frame that a film shows at a time: what the decoder says of a frame's time is checked after every seek.

Seeking in a transport stream lands where it can, often behind the time asked for, and behind the key frame that is
needed; torchcodec then returns the next frame that decodes. Where frames are held for seconds, as in recorded slides,
it returns the next one, too, since it trusts a duration that containers state wrongly. Both are told by a frame that is
later than asked. Then decoding starts earlier, and earlier again, until it is not, and goes on frame by frame.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from mmsearch.extraction.media.containers import DECODER_ERRORS

LATE_FRAMES = 1.5  # a frame may be later by, for times are rounded; its own time is what counts
STEPS_BACK_S = (0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0)  # before the time asked for, to start at
FORWARD_S = 3.0  # of film that are decoded frame by frame rather than skipped by a seek
FORWARD_CALLS = 80  # frame by frame, before seeking is tried again
LONGEST_FORWARD_S = 40.0  # of film, in search of one frame
TRIES = 4  # packets in a row that don't decode
SHORTEST_HOLD_S = 1.0  # of the last frame
HOLD = 2.0  # times the longest of the last gaps between frames, for which the last frame may be held
GAPS = 8


class Shown(NamedTuple):
    """A decoded frame, (height, width, 3) uint8, and the time at which its showing begins, on the container's clock."""

    data: Any
    since_s: float


class FrameSeeker:
    """Finds frames by time. `opener` opens the film anew, at its first frame; `begin_s` is the time of that, `fps` the
    mean rate."""

    def __init__(self, opener: Callable[[], Any], begin_s: float, fps: float) -> None:
        self._opener = opener
        self._decoder: Any = opener()
        self._begin, self._late = begin_s, min(LATE_FRAMES / fps, 0.1)
        self._shown: Shown | None = None
        self._next: Shown | None = None
        self._gaps: list[float] = []
        self._calls = 0  # left to answer frame by frame
        self._back = 0.0

    def at(self, time_s: float) -> tuple[np.ndarray, float] | None:
        """The frame (height, width, 3) that is shown at a time of the container's clock, and that time, or the frame's
        own where it is later by rounding; None where nothing can be decoded, or the film has ended."""
        if self._calls <= 0:
            found = self._played_at(time_s)
            if found is not None and found.since_s <= time_s + self._late:
                return _copied(found, time_s)
            self._calls, self._shown, self._next = FORWARD_CALLS, None, None
        self._calls -= 1
        shown = self._forward_to(time_s)
        return None if shown is None else _copied(shown, time_s)

    def last_after(self, time_s: float) -> float | None:
        """When the showing of the last frame begins, by decoding what comes after a time; None where nothing does."""
        shown = self._forward_to(time_s)
        while shown is not None and shown.since_s - time_s < LONGEST_FORWARD_S:
            after = self._next or self._following()
            self._next = None
            if after is None:
                break
            shown = after
        self._shown = None
        return None if shown is None else shown.since_s

    def _forward_to(self, time_s: float) -> Shown | None:
        """The last frame that begins by a time."""
        near = self._shown is not None and 0 <= time_s - self._shown.since_s <= FORWARD_S
        held = self._shown is not None and self._next is not None and self._shown.since_s <= time_s < self._next.since_s
        if not (near or held) and not self._start_before(time_s):
            return None
        assert self._shown is not None
        until = self._shown.since_s + LONGEST_FORWARD_S
        while self._next is None or self._next.since_s <= time_s:
            if self._next is not None:
                self._gaps = [*self._gaps[1 - GAPS :], self._next.since_s - self._shown.since_s]
                self._shown, self._next = self._next, None
            following = self._following()
            if following is None:
                longest = max(SHORTEST_HOLD_S, HOLD * max(self._gaps, default=0.0))
                return self._shown if time_s - self._shown.since_s <= longest else None
            if following.since_s > self._shown.since_s:  # not a frame that damage has brought out of order
                self._next = following
            if self._shown.since_s > until:
                return None
        return self._shown

    def _start_before(self, time_s: float) -> bool:
        """Start at a frame that is no later than a time, or at the first one."""
        self._next, self._gaps = None, []
        for back in sorted({self._back, *STEPS_BACK_S}):
            if back < self._back:
                continue
            place = time_s - back
            found = self._played_at(place) if place > self._begin else None
            if found is not None and found.since_s <= time_s:
                self._back, self._shown = back, found
                return True
            if place <= self._begin:
                break
        self._back = 0.0
        return time_s - self._begin <= LONGEST_FORWARD_S and self._rewind(time_s)

    def _rewind(self, time_s: float) -> bool:
        """Start at the first frame of the film, if it is no later than a time."""
        self._decoder = None
        try:
            self._decoder = self._opener()
        except DECODER_ERRORS:
            return False
        self._shown = self._following()
        return self._shown is not None and self._shown.since_s <= time_s + self._late

    def _played_at(self, time_s: float) -> Shown | None:
        """What the decoder returns for a time: perhaps a later frame."""
        if self._decoder is None:
            return None
        try:
            frame = self._decoder.get_frame_played_at(time_s)
        except DECODER_ERRORS:
            return None
        return Shown(frame.data, float(frame.pts_seconds))

    def _following(self) -> Shown | None:
        """The frame after the one that was decoded last; None at the end."""
        from torchcodec import _core as core

        for _ in range(TRIES):
            try:
                data, since_s, _ = core.get_next_frame(self._decoder._decoder)
            except DECODER_ERRORS as error:
                if "no more frames" in str(error):
                    return None
                continue
            return Shown(data, float(since_s))
        return None


def _copied(frame: Shown, time_s: float) -> tuple[np.ndarray, float]:
    """A copy: the tensor, however small it was made, keeps the decoder's frame of full size alive."""
    return np.array(frame.data.numpy()), max(time_s, frame.since_s)
