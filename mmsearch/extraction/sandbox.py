"""The restrictions that a worker process accepts before it sees its first file.

Covered
- Memory: `RLIMIT_DATA` per task, so that one absurd allocation fails at once, beside the monitor of the pool, which
  kills a worker (with all that it started) whose resident memory passes the limit. Not `RLIMIT_AS`: torch reserves
  tens of gigabytes of addresses that it never touches. The out-of-memory killer of the kernel picks workers first.
- Processor: `RLIMIT_CPU` per task as the last resort behind the pool's clock, nice 19, idle I/O class.
- Files: nothing on any file system can be written, made, renamed or removed (Landlock, Linux 5.13 and newer); at most
  256 open files, at most 64 MB into any file, no core dumps, umask 077. Input is opened read-only and never through a
  link (`extraction.source`).
- Network: no socket of any family can be made (seccomp; a network namespace where there is no filter for the machine),
  so no host, no loopback service, no agent of the desktop is reached.
- Other processes: no ptrace, no reading or writing of their memory, no taking of their open files (seccomp), no signals
  to them (Landlock, Linux 6.12 and newer). No new privileges by setuid programs.
- Life: it dies with its fork server (`PR_SET_PDEATHSIG`), which dies with the main process; its session is
  not the terminal's, so a Ctrl-C there is the main process's to decide about; what it starts is killed when it ends.

Not covered
- Reading: a worker that was taken over by a file can read what the user can read. It has nowhere to send it but its
  answer, which the main process takes as text and pictures of that one file, size-limited and checked.
- Modes, owners and times of the user's files: Landlock does not guard them.
- Programs that a worker starts: ffmpeg runs under the same restrictions and limits, each process with its own count.
- The number of processes: `RLIMIT_NPROC` counts all of the user's, so a limit would fail innocents on a busy desktop.
- Vulnerabilities of the kernel itself, and timing or cache channels.
- macOS: there it is `RLIMIT_CPU`, open files, file size, no core dumps, nice, umask and the monitor of the pool; the
  kernel does not enforce `RLIMIT_DATA` and has no seccomp, Landlock, or death signal. A worker whose main process
  was killed ends when it next listens, or by the hand of its fork server, which notices within a second.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import sys

from mmsearch.extraction import kernel_restrictions

OPEN_FILES = 256
FILE_BYTES = 64 << 20
_CPU_MARGIN_S = 10
_DATA_MARGIN = 128 << 20  # stacks of decoder threads count as data though they are hardly touched
_PR_SET_PDEATHSIG = 1
_IOPRIO_SET = {"x86_64": 251, "aarch64": 30}
_IDLE_IO_CLASS = 3 << 13


def enter(parent: int) -> list[str]:
    """Give up for good what a worker does not need; `parent` is the process that it must not outlive.

    Returns a sentence for each restriction that this machine can't enforce."""
    os.umask(0o077)
    _die_with(parent)
    _limit(resource.RLIMIT_CORE, 0, 0)
    _limit(resource.RLIMIT_NOFILE, OPEN_FILES, OPEN_FILES)
    _limit(resource.RLIMIT_FSIZE, FILE_BYTES, FILE_BYTES)
    lacks = []
    _lowest_priority()
    if not kernel_restrictions.refuse_writes():
        lacks.append("Workers could write files: this system has no Landlock.")
    if not kernel_restrictions.refuse_calls() and not kernel_restrictions.leave_network():
        lacks.append("Workers could open network connections: this system has neither seccomp nor namespaces for us.")
    return lacks


def limit_task(timeout_s: float, memory_bytes: int, baseline: int) -> None:
    """Limit the next task: memory on top of the `baseline` bytes that the process had when it was new, and
    processor seconds for all threads. Limits can be raised again for a later task."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    seconds = used.ru_utime + used.ru_stime + timeout_s * (os.cpu_count() or 1) + _CPU_MARGIN_S
    _limit(resource.RLIMIT_CPU, int(seconds), resource.RLIM_INFINITY)
    _limit(resource.RLIMIT_DATA, baseline + memory_bytes + _DATA_MARGIN, resource.RLIM_INFINITY)


def data_bytes() -> int:
    """Bytes of this process's memory that `RLIMIT_DATA` counts; 0 where the system does not report them."""
    try:
        with open("/proc/self/status") as lines:
            for line in lines:
                if line.startswith("VmData:"):
                    return int(line.split()[1]) << 10
    except OSError:
        pass
    return 0


def _limit(which: int, soft: int, hard: int) -> None:
    """Set a limit, or the nearest value that an existing lower hard limit allows."""
    _, most = resource.getrlimit(which)
    if most != resource.RLIM_INFINITY:
        hard = most if hard == resource.RLIM_INFINITY else min(hard, most)
        soft = min(soft, hard)
    try:
        resource.setrlimit(which, (soft, hard))
    except (ValueError, OSError):
        return  # macOS refuses some values; the pool's monitor does not depend on them


def _die_with(parent: int) -> None:
    """Ask the kernel for a SIGKILL at the death of the parent; exit now if it has died already."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(0)


def _lowest_priority() -> None:
    os.nice(19)
    number = _IOPRIO_SET.get(os.uname().machine)
    if sys.platform.startswith("linux"):
        if number is not None:
            ctypes.CDLL(None).syscall(ctypes.c_long(number), 1, 0, _IDLE_IO_CLASS)
        with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as setting:
            setting.write("800")
