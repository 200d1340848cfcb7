"""Errors of the operating system (a full disk, a missing permission) as errors with a hint."""

from __future__ import annotations

import errno
import os

from mmsearch.errors import MmsearchError, StoppedEarly, UsageError, chain, disk_full

_REFUSED = (
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.ENAMETOOLONG,
    errno.ENOTDIR,
    errno.ELOOP,
    errno.EISDIR,
)
_LACKING = (errno.EMFILE, errno.ENFILE, errno.EAGAIN, errno.ENOMEM)


def translate(error: BaseException) -> MmsearchError | None:
    """The error to show for one that left a command; None where it may be a bug."""
    if isinstance(error, StoppedEarly):  # it says which disk
        return None
    if (full := disk_full(error)) is not None:
        return StoppedEarly(
            f"The disk is full{_at(full)}; what was committed is kept.",
            "Make room, or keep the index on another disk (--index DIR/); TMPDIR names the temporary folder.",
        )
    if isinstance(error, MmsearchError):
        return None
    if any("No usable temporary directory" in str(one) for one in chain(error)):
        return StoppedEarly("No temporary folder can be written.", "Set TMPDIR to one that has room.")
    if isinstance(error, FileNotFoundError) and not _has_working_directory():
        return UsageError("The working directory does not exist any more.", "Change to another one.")
    if isinstance(error, RuntimeError) and "home directory" in str(error):
        return UsageError("There is no home folder: HOME is not set.", "Set HOME.")
    if isinstance(error, MemoryError):
        return StoppedEarly("There is not enough memory.", "Close other programs, or set fewer --workers.")
    if isinstance(error, OSError) and error.errno in _LACKING:
        return StoppedEarly(
            f"A resource of the system is exhausted: {error.strerror}.", "`ulimit -a` shows this shell's limits."
        )
    if isinstance(error, OSError) and error.errno in _REFUSED and error.filename is not None:
        return UsageError(
            f"{os.fsdecode(error.filename)} can't be used: {error.strerror}.",
            "Give yourself the right to it, or choose another place: --index, HOME, XDG_CACHE_HOME, TMPDIR.",
        )
    return None


def _at(error: BaseException) -> str:
    name = getattr(error, "filename", None)
    return f" at {os.fsdecode(name)}" if isinstance(name, str | bytes) else ""


def _has_working_directory() -> bool:
    try:
        os.getcwd()
    except FileNotFoundError:
        return False
    return True
