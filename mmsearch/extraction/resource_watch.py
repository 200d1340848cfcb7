"""The eye on a worker at its task: how long it has really been at it, and how much memory it holds."""

from __future__ import annotations

import os
import subprocess
import sys
import time

from mmsearch.errors import ExtractionError, FailureCode

LOOK_EVERY_S = 0.2
_LONGEST_STEP_S = 1.0
_HARD_FACTOR = 60
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Watch:
    """Called at least every `LOOK_EVERY_S` while a task runs; raises `ExtractionError` when the task has to end.

    Time that the worker stood in the queue for a processor does not count (workers run at the lowest priority, and an
    innocent file must not fail because the machine was busy), nor time in which nobody looked because this process
    was stopped. Sixty times the limit ends a task in any case; one that spins ends long before by `RLIMIT_CPU`.
    """

    def __init__(self, pid: int, timeout_s: float, memory_bytes: int) -> None:
        self.pid = pid
        self.timeout_s = timeout_s
        self.memory_bytes = memory_bytes
        self.elapsed = 0.0
        self.starved = 0.0
        self.waited_before: dict[str, float] | None = None
        self.looked = time.monotonic()

    def __call__(self) -> None:
        """Looks, unless it looked just now."""
        now = time.monotonic()
        if now - self.looked < LOOK_EVERY_S:
            return
        self.elapsed += min(now - self.looked, _LONGEST_STEP_S)
        self.looked = now
        self._look_at_memory()
        self._look_at_clock()

    def _look_at_memory(self) -> None:
        if resident_bytes(self.pid) > self.memory_bytes:
            limit = f"{self.memory_bytes / (1 << 30):.3g} GiB"
            raise ExtractionError(
                FailureCode.MEMORY, f"Reading a part of this file needed more than {limit} of memory."
            )

    def _look_at_clock(self) -> None:
        waited = _waited(self.pid)
        if self.waited_before is None:
            self.waited_before = waited
        before = self.waited_before
        self.starved = max([self.starved, *(wait - before.get(thread, 0.0) for thread, wait in waited.items())])
        if self.elapsed - self.starved > self.timeout_s or self.elapsed > _HARD_FACTOR * self.timeout_s:
            raise ExtractionError(
                FailureCode.TIMEOUT, f"Reading a part of this file took longer than {self.timeout_s:g} seconds."
            )


def resident_bytes(pid: int) -> int:
    """Resident memory of a process and of all that it started; 0 for one that is gone."""
    if not sys.platform.startswith("linux"):
        return _resident_by_ps(pid)
    total = 0
    for member in _family(pid):
        try:
            with open(f"/proc/{member}/statm", "rb") as file:
                total += int(file.read().split()[1]) * _PAGE
        except (OSError, IndexError):
            continue
    return total


def _resident_by_ps(pid: int) -> int:
    """The same by the standard tool, for systems without /proc; of the process alone."""
    found = subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return int(found.stdout.strip() or 0) << 10


def _family(pid: int) -> list[str]:
    """A process and its descendants."""
    members, found = [str(pid)], []
    while members:
        member = members.pop()
        found.append(member)
        for thread in _threads(member):
            try:
                with open(f"/proc/{member}/task/{thread}/children") as file:
                    members += file.read().split()
            except OSError:
                continue
    return found


def _waited(pid: int) -> dict[str, float]:
    """Seconds that each thread of a process and of its descendants has stood ready to run and not run."""
    waits = {}
    for member in _family(pid) if sys.platform.startswith("linux") else []:
        for thread in _threads(member):
            try:
                with open(f"/proc/{member}/task/{thread}/schedstat") as file:
                    waits[thread] = int(file.read().split()[1]) / 1e9
            except (OSError, IndexError):
                continue
    return waits


def _threads(pid: str) -> list[str]:
    try:
        return os.listdir(f"/proc/{pid}/task")
    except OSError:
        return []
