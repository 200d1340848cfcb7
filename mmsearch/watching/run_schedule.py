"""When a watched index is brought up to date: after changes, once they have ended; after the machine slept; by time."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

QUIET_S = 1.5  # without a change, after which files are taken as whole
LONGEST_S = 60.0  # from the first change to a run, however many follow
CHECK_S = 5.0  # between two checks of the folders themselves and at the clock
SCAN_S = 60.0  # between two runs where changes are not reported
WHOLE_S = 3600.0  # between two runs where they are: for what was not reported
SLEPT_S = 10.0  # by which the clock is ahead after a sleep of the machine


class Changes(Protocol):
    """What tells of changes."""

    problem: str

    def poll(self, wait_s: float) -> set[str]:
        """The paths that have changed since the last call."""

    def folders_changed(self) -> bool:
        """Whether a folder has come or gone since the last call."""


@dataclass(frozen=True, slots=True)
class RunClock:
    """The time, for tests another one."""

    monotonic: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time

    def ahead(self) -> float:
        """Seconds by which the wall clock is ahead of the one that stands still while the machine sleeps."""
        return self.wall() - self.monotonic()


def next_run(changes: Changes, stop: Callable[[], bool], lasted_s: float = 0.0, clock: RunClock = RunClock()) -> str:
    """Wait until a run is due, and return its reason; empty where `stop` said yes. `lasted_s` is the length of the run
    before: the next one begins no sooner than that after it, so that files that change all the time take half of the
    time at most."""
    began = looked = clock.monotonic()
    ahead = clock.ahead()
    first = last = 0.0
    reason = ""
    while not stop():
        now = clock.monotonic()
        if reason and now - began >= lasted_s and (now - last >= QUIET_S or now - first >= LONGEST_S):
            return reason
        changed = changes.poll(0.5 if reason else CHECK_S)
        now = clock.monotonic()
        if changed:
            first, last = first if reason else now, now
            reason = reason or "changes"
        if now - looked >= CHECK_S:
            looked = now
            if abs(clock.ahead() - ahead) >= SLEPT_S:
                return "the clock has jumped"
            if changes.folders_changed():
                first, last, reason = first if reason else now, now, reason or "folders"
        if not reason and now - began >= (SCAN_S if changes.problem else WHOLE_S):
            return "time"
    return ""
