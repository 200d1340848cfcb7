"""Limits on the time and memory of a worker's task, checked from the main process."""

from __future__ import annotations

import os
import subprocess
import sys
import time

from mmsearch.errors import ExtractionError, FailureCode

CHECK_INTERVAL_S = 0.2
_LONGEST_STEP_S = 1.0
_HARD_FACTOR = 60
_PAGE = os.sysconf("SC_PAGE_SIZE")


class ResourceMonitor:
    """Checks a running task; call it at least every `CHECK_INTERVAL_S`. Raises `ExtractionError` (timeout or memory)
    when the task exceeds a limit.

    Time in which the worker waits for a processor does not count: workers run at the lowest priority, and a file must
    not fail because the machine is busy. Nor does time in which this process was stopped. A task ends in any case after
    60 times the limit; one that computes all the time ends long before that by `RLIMIT_CPU`.
    """

    def __init__(self, pid: int, timeout_s: float, memory_bytes: int) -> None:
        self.pid = pid
        self.timeout_s = timeout_s
        self.memory_bytes = memory_bytes
        self.elapsed = 0.0
        self.starved = 0.0
        self.waited_at_start: dict[str, float] | None = None
        self.checked = time.monotonic()

    def __call__(self) -> None:
        """Check the limits, unless they were checked within the last `CHECK_INTERVAL_S`."""
        now = time.monotonic()
        if now - self.checked < CHECK_INTERVAL_S:
            return
        self.elapsed += min(now - self.checked, _LONGEST_STEP_S)
        self.checked = now
        self._check_memory()
        self._check_time()

    def _check_memory(self) -> None:
        if resident_bytes(self.pid) > self.memory_bytes:
            limit = f"{self.memory_bytes / (1 << 30):.3g} GiB"
            raise ExtractionError(
                FailureCode.MEMORY, f"Reading a part of this file needed more than {limit} of memory."
            )

    def _check_time(self) -> None:
        waited = _processor_waits(self.pid)
        if self.waited_at_start is None:
            self.waited_at_start = waited
        before = self.waited_at_start
        self.starved = max([self.starved, *(wait - before.get(thread, 0.0) for thread, wait in waited.items())])
        if self.elapsed - self.starved > self.timeout_s or self.elapsed > _HARD_FACTOR * self.timeout_s:
            raise ExtractionError(
                FailureCode.TIMEOUT, f"Reading a part of this file took longer than {self.timeout_s:g} seconds."
            )


def resident_bytes(pid: int) -> int:
    """Resident memory of a process and its descendants, in bytes; 0 for a process that has ended."""
    if not sys.platform.startswith("linux"):
        return _resident_by_ps(pid)
    total = 0
    for member in _process_tree(pid):
        try:
            with open(f"/proc/{member}/statm", "rb") as file:
                total += int(file.read().split()[1]) * _PAGE
        except (OSError, IndexError):
            continue
    return total


def _resident_by_ps(pid: int) -> int:
    """The resident memory of one process as `ps` reports it, for systems without /proc."""
    found = subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return int(found.stdout.strip() or 0) << 10


def _process_tree(pid: int) -> list[str]:
    """The process ids of a process and its descendants."""
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


def _processor_waits(pid: int) -> dict[str, float]:
    """Seconds for which each thread of a process and its descendants was ready to run and did not run."""
    waits = {}
    for member in _process_tree(pid) if sys.platform.startswith("linux") else []:
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
