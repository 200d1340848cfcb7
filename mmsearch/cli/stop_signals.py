"""SIGINT, SIGTERM and SIGHUP: a run ends within a time limit, any other command at once, with 128 + the signal.

Ending at any moment is safe: commits are atomic, and workers die with their parent.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterable, Iterator
from types import FrameType
from typing import TypeVar

from mmsearch.output.streams import is_terminal, write_message
from mmsearch.run_record import RunOutcome
from mmsearch.temporary_folders import remove_all

LIMIT_S = 1.5  # from a signal to the end of the process, whatever it is doing
IDLE_LIMIT_S = 0.5  # the same where nothing is under way that could be finished: libraries and models load, say
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_SHOW_CURSOR = "\x1b[?25h"  # the bar hides it, and nobody else would bring it back
_CLEAR_LINE = "\r\x1b[2K"  # the bar stands there; it draws itself again on the next line
_ENDED = "Interrupted. What was committed is kept; the same command goes on from here."


Event = TypeVar("Event")


class StopRequest:
    """Polled by a run: `interrupted` once a signal came. `exit_code` then is 128 and the signal, as shells have it."""

    def __init__(self) -> None:
        self.signal: int | None = None
        self._under_way = False

    def watched(self, events: Iterable[Event]) -> Iterator[Event]:
        """The events of a run. Before the first one a run may wait for the lock without polling `stop`: a signal
        then raises `KeyboardInterrupt`, as there is no batch to finish."""
        for event in events:
            self._under_way = True
            yield event

    def __call__(self) -> str | None:
        """What a run polls."""
        return None if self.signal is None else RunOutcome.INTERRUPTED

    @property
    def exit_code(self) -> int:
        """130, 143 or 129."""
        return 128 + (self.signal or signal.SIGINT)

    def handle(self, number: int, frame: FrameType | None) -> None:
        """The signal handler."""
        if self.signal is not None:
            end_now(self.exit_code)
        self.signal = number
        if not self._under_way:
            raise KeyboardInterrupt
        write_message((_CLEAR_LINE if is_terminal(sys.stderr) else "") + "Stopping; what was committed is kept.")

    def watch(self, reader: int) -> None:
        """End the process `LIMIT_S` or `IDLE_LIMIT_S` after the first signal that is read from a pipe: the handler
        above waits until the main thread comes out of a library (a model that loads, a FAISS file that is built). In a
        thread of its own."""
        while numbers := os.read(reader, 1):
            if numbers[0] in _SIGNALS:
                code = 128 + numbers[0]
                limit = LIMIT_S if self._under_way else IDLE_LIMIT_S
                timer = threading.Timer(limit, end_now, (code, _ENDED if self._under_way else ""))
                timer.daemon = True
                timer.start()
                return


def end_now(code: int, sentence: str = "") -> None:
    """End the process at once. Nothing is flushed but the sentence: a lock may be held by what hangs."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        shown = (_SHOW_CURSOR if is_terminal(sys.stderr) else "") + (f"{sentence}\n" if sentence else "")
        os.write(2, shown.encode("ascii"))
    remove_all()
    os._exit(code)


_active: list[StopRequest] = []  # of this process, at most one


@contextlib.contextmanager
def stoppable() -> Iterator[StopRequest]:
    """Catch SIGINT, SIGTERM and SIGHUP for the time of a command or a run. What the parent had us ignore (nohup) stays
    ignored. Once a signal came the process ends within `LIMIT_S`, also when this context has ended. Inside another one
    it is that one. For the main thread."""
    if _active:  # a run inside a command
        yield _active[0]
        return
    stop = StopRequest()
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    outer = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    watcher = threading.Thread(target=stop.watch, args=(reader,), name="signals", daemon=True)
    watcher.start()
    _active.append(stop)
    try:
        for number in _SIGNALS:
            if before[number] is not signal.SIG_IGN:
                signal.signal(number, stop.handle)
        yield stop
    finally:
        _active.clear()
        for number, handler in before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(outer)
        os.close(writer)  # which ends the watcher
        watcher.join()
        os.close(reader)
