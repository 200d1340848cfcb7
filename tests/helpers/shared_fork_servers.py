"""Fork servers that the pools of a test process take over from each other: one takes longer to start than a small run.

Each pool forks workers of its own and ends them. A server is taken over only where the environment and the import path
are those that it was started with. Tests that are about processes take the fixture `own_fork_servers`.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Iterator
from typing import Any, ClassVar

import pytest

from mmsearch.extraction import pool
from mmsearch.extraction.forkserver import WorkerKind
from mmsearch.extraction.worker_process import Closed, ForkServer

_KEPT = 4  # idle servers; the one that was idle for longest ends first


def _key(worker_kind: WorkerKind) -> tuple[Any, ...]:
    environment = {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}
    return worker_kind, tuple(sys.path), tuple(sorted(environment.items()))


class SharedForkServer:
    """Stands in for `ForkServer` in a pool: a server that an earlier pool used, or a new one."""

    idle: ClassVar[list[tuple[tuple[Any, ...], ForkServer]]] = []

    def __init__(self, worker_kind: WorkerKind) -> None:
        self._key = _key(worker_kind)
        self._lock = threading.Lock()
        self._workers: set[int] = set()
        self._closed = False
        held = next((one for one in self.idle if one[0] == self._key), None)
        if held is not None:
            self.idle.remove(held)
        self._server = ForkServer(worker_kind) if held is None else held[1]

    @property
    def pid(self) -> int:
        return self._server.pid

    @property
    def not_loaded(self) -> tuple[str, ...]:
        return self._server.not_loaded

    def fork(self) -> tuple[int, Any]:
        """As that of `ForkServer`."""
        with self._lock:
            if self._closed:
                raise Closed
            pid, sock = self._server.fork()
            self._workers.add(pid)
            return pid, sock

    def end(self, pid: int) -> int | None:
        """As that of `ForkServer`."""
        with self._lock:
            self._workers.discard(pid)
            return self._server.end(pid)

    def close(self) -> None:
        """End the workers of this pool and keep the server."""
        with self._lock:
            self._closed = True
            for pid in self._workers:
                self._server.end(pid)
            self._workers.clear()
        self.idle.append((self._key, self._server))
        self.end_idle(_KEPT)

    @classmethod
    def end_idle(cls, kept: int = 0) -> None:
        """End idle servers, those that were used last excepted."""
        while len(cls.idle) > kept:
            cls.idle.pop(0)[1].close()


@contextlib.contextmanager
def shared() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pool, "ForkServer", SharedForkServer)
        yield
    SharedForkServer.end_idle()
