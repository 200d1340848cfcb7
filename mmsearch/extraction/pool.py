"""A pool of worker processes that may die. Each slot is one process and one thread here that talks to it.

`concurrent.futures` fails all tasks of a pool when one of its processes is killed; here the death of a process costs
one try of one task. Usage:

    with WorkerPool(LIGHT, workers=2) as pool:
        reply, arrays = pool.submit({"op": "open", ...}).result()
"""

from __future__ import annotations

import queue
import signal
import threading
import time
from collections.abc import Sequence
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from dataclasses import astuple, dataclass, replace
from types import TracebackType
from typing import TYPE_CHECKING, Any

from mmsearch.errors import ExtractionError, FailureCode
from mmsearch.extraction.forkserver import WorkerKind
from mmsearch.extraction.resource_monitor import resident_bytes
from mmsearch.extraction.wire import Message
from mmsearch.extraction.worker_process import ForkServer, Worker, WorkerDied

if TYPE_CHECKING:
    import numpy as np

TRIES = 3  # of a task that crashes its workers
EXTERNAL_TRIES = 8  # of a task whose workers are killed by others (the kernel when memory is short, a user)


@dataclass(frozen=True, slots=True)
class PoolCounts:
    """Totals of a pool since its start. `busy_s` is summed over its workers."""

    tasks: int = 0
    failed: int = 0
    retries: int = 0
    deaths: int = 0
    busy_s: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class _Task:
    request: dict[str, Any]
    arrays: list[np.ndarray]
    timeout_s: float
    memory_bytes: int
    future: Future[Message]


class WorkerPool:
    """Workers of one kind, forked when first needed. Tasks start in the order of `submit`."""

    def __init__(self, worker_kind: WorkerKind, workers: int) -> None:
        self.worker_kind = worker_kind
        self._server = ForkServer(worker_kind)
        self._queue: queue.SimpleQueue[_Task | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._closed = False
        self._slots = [_Slot(self._server) for _ in range(workers)]
        self._threads = [
            threading.Thread(target=self._serve, args=(slot,), name=f"{worker_kind.name} worker", daemon=True)
            for slot in self._slots
        ]
        for thread in self._threads:
            thread.start()

    def submit(
        self,
        request: dict[str, Any],
        arrays: Sequence[np.ndarray] = (),
        timeout_s: float | None = None,
        memory_bytes: int | None = None,
    ) -> Future[Message]:
        """Queue a request (JSON values) with arrays for a worker; limits default to those of the worker kind.

        The future returns the handler's reply and arrays, or raises `ExtractionError` (a task that its handler, its
        limits or its crashes ended), `StoppedEarly` (workers can't be started), `WireError` (the request can't be
        sent), or `CancelledError` after `close`. Raises `RuntimeError` on a closed pool.
        """
        future: Future[Message] = Future()
        timeout_s = self.worker_kind.timeout_s if timeout_s is None else timeout_s
        memory_bytes = self.worker_kind.memory_bytes if memory_bytes is None else memory_bytes
        with self._lock:
            if self._closed:
                raise RuntimeError("the pool is closed")
            self._queue.put(_Task(request, list(arrays), timeout_s, memory_bytes, future))
        return future

    @property
    def counts(self) -> PoolCounts:
        """Totals since the start of the pool."""
        every = [slot.counts for slot in self._slots]
        return PoolCounts(*(sum(column) for column in zip(*map(astuple, every), strict=True)))

    @property
    def pids(self) -> tuple[int, ...]:
        """The process ids of the workers that were forked and not yet replaced."""
        return tuple(slot.worker.pid for slot in self._slots if slot.worker is not None)

    @property
    def server_pid(self) -> int:
        """The process id of the fork server."""
        return self._server.pid

    @property
    def not_loaded(self) -> tuple[str, ...]:
        """The modules that the fork server could not import beforehand; known after the first task."""
        return self._server.not_loaded

    @property
    def lacks(self) -> tuple[str, ...]:
        """A sentence for each restriction of the sandbox that this machine lacks; known after the first task."""
        return next((slot.worker.lacks for slot in self._slots if slot.worker is not None), ())

    def close(self) -> None:
        """End all workers at once. Queued tasks are cancelled, running ones raise `CancelledError`."""
        with self._lock:
            self._closed = True
        while not self._queue.empty():
            with suppress(queue.Empty):
                task = self._queue.get_nowait()
                if task is not None:
                    task.future.cancel()
        for _ in self._threads:
            self._queue.put(None)
        self._server.close()
        for thread in self._threads:
            thread.join()

    def __enter__(self) -> WorkerPool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _serve(self, slot: _Slot) -> None:
        """The loop of a slot's thread, until `close`."""
        while (task := self._queue.get()) is not None:
            if not task.future.set_running_or_notify_cancel():
                continue
            began = time.monotonic()
            try:
                answer, problem = slot.finish(task), None
            except BaseException as error:
                answer, problem = None, error
            slot.add(tasks=1, failed=int(problem is not None), busy_s=time.monotonic() - began)
            if answer is not None:
                task.future.set_result(answer)
            elif self._closed:
                task.future.set_exception(CancelledError())
            else:
                task.future.set_exception(problem)
            del task, answer, problem  # a waiting slot must not keep the last arrays alive
        slot.drop()


class _Slot:
    """The place of one worker, replaced when it ends. Only its own thread changes it."""

    def __init__(self, server: ForkServer) -> None:
        self.server = server
        self.worker: Worker | None = None
        self.counts = PoolCounts()

    def finish(self, task: _Task) -> Message:
        """The reply to a task, retried while workers die. Raises as the future of `submit`."""
        own = external = 0
        while True:
            worker = self.ready_worker()
            try:
                answer = worker.ask(task.request, task.arrays, task.timeout_s, task.memory_bytes)
            except WorkerDied as death:
                self.add(deaths=1)
                if death.status == -signal.SIGXCPU:
                    raise ExtractionError(
                        FailureCode.TIMEOUT, "Reading a part of this file took too much processor time."
                    ) from None
                external += death.external
                own += not death.external
                if own >= TRIES or external >= EXTERNAL_TRIES:
                    sentence = f"Reading this file ended its worker {own + external} times ({death})."
                    raise ExtractionError(FailureCode.CRASH, sentence) from None
                self.add(retries=1)
            else:
                if resident_bytes(worker.pid) > task.memory_bytes // 2:
                    self.drop()  # a leak of a library must not take memory from the next file
                return answer

    def ready_worker(self) -> Worker:
        """The worker of this slot, or a new one where that one can take no task."""
        if self.worker is not None and not self.worker.is_ready():
            self.add(deaths=1 if self.worker.sock.fileno() >= 0 else 0)
            self.drop()
        if self.worker is None:
            self.worker = Worker(self.server)
        return self.worker

    def drop(self) -> None:
        """End the worker."""
        if self.worker is not None:
            self.worker.end()
            self.worker = None

    def add(self, **more: float) -> None:
        """Add to the totals. They are replaced, not changed, so that other threads read consistent ones."""
        self.counts = replace(self.counts, **{name: getattr(self.counts, name) + value for name, value in more.items()})
