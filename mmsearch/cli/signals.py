"""Ctrl-C and its relatives during a run: the first asks it to end well, the second ends it now.

Ending now is safe at any moment: commits are atomic, and workers die with their parent.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterable, Iterator
from types import FrameType
from typing import TypeVar

from mmsearch.output.screen import is_terminal, say

_SHOW_CURSOR = "\x1b[?25h"  # the bar hides it, and nobody else would bring it back
_CLEAR_LINE = "\r\x1b[2K"  # the bar stands there; it draws itself again on the next line


Event = TypeVar("Event")


class Stop:
    """Polled by a run: `interrupted` once a signal came. `exit_code` then is 128 and the signal, as shells have it;
    a hang-up counts as SIGTERM."""

    def __init__(self) -> None:
        self.signal: int | None = None
        self._under_way = False

    def watched(self, events: Iterable[Event]) -> Iterator[Event]:
        """The events of a run. Before the first one a run may wait for the lock, deaf to `stop`: a signal then
        raises `KeyboardInterrupt`, as there is no batch to finish."""
        for event in events:
            self._under_way = True
            yield event

    def __call__(self) -> str | None:
        """What a run polls."""
        return None if self.signal is None else "interrupted"

    @property
    def exit_code(self) -> int:
        """130 or 143."""
        return 130 if self.signal in (None, signal.SIGINT) else 143

    def handle(self, number: int, frame: FrameType | None) -> None:
        """The signal handler."""
        if self.signal is not None:
            if is_terminal(sys.stderr):
                say(_SHOW_CURSOR)
            os._exit(self.exit_code)
        self.signal = number
        if not self._under_way:
            raise KeyboardInterrupt
        say(
            (_CLEAR_LINE if is_terminal(sys.stderr) else "")
            + "Stopping after this batch; once more stops now. Either way what was committed is kept."
        )


@contextlib.contextmanager
def stoppable() -> Iterator[Stop]:
    """Catch SIGINT, SIGTERM and SIGHUP for the time of a run. What the parent had us ignore (nohup) stays ignored."""
    stop = Stop()
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.getsignal(number) for number in numbers}
    try:
        for number in numbers:
            if before[number] is not signal.SIG_IGN:
                signal.signal(number, stop.handle)
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
