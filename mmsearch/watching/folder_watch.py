"""What tells that files below some folders have changed: notifications of the system, else nothing but the time."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mmsearch.discovery.ignore import IGNORE_FILES
from mmsearch.discovery.mounts import is_network, mount_points, type_at
from mmsearch.errors import UsageError

_STEP_MS = 400  # between two checks by the library of its own list: two and a half wake-ups a second


class FolderWatch:
    """Watches folders below which any change counts, but in hidden entries where the folder leaves them out, and in
    the `left_out` folder, the index itself. `problem` says why nothing is told by the system; empty where it tells."""

    def __init__(self, folders: Mapping[bytes, bool], left_out: bytes, stop: Callable[[], bool]) -> None:
        """`folders` are absolute paths; the value says whether hidden entries count."""
        self.folders = dict(folders)
        self.problem = ""
        self._left_out = os.fsdecode(left_out)
        self._stop = _Stop(stop)
        self._notify: Any = None
        self._state: tuple[Any, ...] = ()
        self._open()

    def poll(self, wait_s: float) -> set[str]:
        """The paths that have changed since the last call, after at most about `wait_s` seconds. A change that the
        library can't name is the change of a whole folder."""
        if self._notify is None:
            self._stop.wait(wait_s)
            return set()
        try:
            found = self._notify.watch(_STEP_MS, _STEP_MS, max(1, round(wait_s * 1000)), self._stop)
        except RuntimeError:  # a name that is no UTF-8, or a queue that ran over
            self._open()
            return {os.fsdecode(folder) for folder in self.folders}
        if found == "signal":
            raise KeyboardInterrupt
        return set() if isinstance(found, str) else {path for _, path in found if self._counts(path)}

    def folders_changed(self) -> bool:
        """Whether a folder has come, has gone, or has been replaced (mounted, unmounted) since the last call. Then the
        new ones are watched."""
        if self._state == self._identities():
            return False
        self._open()
        return True

    def close(self) -> None:
        """Stop watching."""
        if self._notify is not None:
            self._notify.close()
        self._notify = None

    def _open(self) -> None:
        from watchfiles._rust_notify import RustNotify

        self.close()
        self._state = self._identities()
        present = [folder for folder in self.folders if os.path.isdir(folder)]
        self.problem = _unseen(present)
        if self.problem or not present:
            return
        try:
            self._notify = RustNotify([os.fsdecode(folder) for folder in present], False, False, 0, True, True)
        except (OSError, RuntimeError, UnicodeError) as error:
            reason = "a limit of inotify is reached" if "limit" in str(error).lower() else _first_line(error)
            self.problem = f"The system does not report changes here: {reason}."

    def _identities(self) -> tuple[Any, ...]:
        """Which folders are there, as the system tells them apart."""
        found: list[tuple[int, int] | None] = []
        for folder in self.folders:
            place = None
            with contextlib.suppress(OSError):
                facts = os.stat(folder)
                place = (facts.st_dev, facts.st_ino)
            found.append(place)
        return tuple(found)

    def _counts(self, path: str) -> bool:
        if path == self._left_out or path.startswith(self._left_out + os.sep):
            return False
        for folder, hidden in self.folders.items():
            top = os.fsdecode(folder).rstrip(os.sep) + os.sep
            if path.startswith(top):
                parts = path[len(top) :].split(os.sep)
                is_hidden = any(part.startswith(".") for part in parts)
                if hidden or not is_hidden or (os.fsencode(parts[-1]) in IGNORE_FILES and not _any_hidden(parts[:-1])):
                    return True
        return path.encode("utf-8", "surrogateescape") in self.folders


class _Stop:
    """An event, as the library asks for it."""

    def __init__(self, asked: Callable[[], bool]) -> None:
        self.is_set = asked

    def wait(self, wait_s: float) -> None:
        import time

        end = time.monotonic() + wait_s
        while not self.is_set() and (left := end - time.monotonic()) > 0:
            time.sleep(min(left, _STEP_MS / 1000))


def require_library() -> None:
    """Raise `UsageError` where the library is missing."""
    try:
        import watchfiles  # noqa: F401
    except ImportError as error:
        raise UsageError("Watching folders needs watchfiles.", "pip install 'mmsearch[watch]'") from error


def _any_hidden(parts: Sequence[str]) -> bool:
    return any(part.startswith(".") for part in parts)


def _unseen(folders: Sequence[bytes]) -> str:
    """Why changes in one of the folders are not reported; empty where they are."""
    points = mount_points()
    for folder in folders:
        if is_network(type_at(os.path.realpath(folder), points)):
            return f"{os.fsdecode(folder)} lies on a network or FUSE file system, which reports no changes."
    return ""


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
