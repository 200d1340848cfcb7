"""The extract stage: worker processes, which may die, turn jobs into spans. One thread for each kind of worker."""

from __future__ import annotations

import itertools
import queue
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from typing import Any

from mmsearch.encoding.jobs import Job, SpanMedia, StopSignal
from mmsearch.errors import ExtractionError, FailureCode
from mmsearch.extraction.pool import WorkerPool
from mmsearch.extraction.wire import WireError
from mmsearch.extraction.worker_tasks import open_request, parse_open_reply, parse_span_reply, span_request
from mmsearch.store.segments import SpanResult
from mmsearch.types import Extracted, Failure, Kind, Needs, Probe

Task = tuple[Job, Probe | None, int | None]  # a None span: open the asset, which returns its first span too

QUICKEST_FIRST = (Kind.TEXT, Kind.MAIL, Kind.DOCUMENT, Kind.PDF, Kind.IMAGE, Kind.AUDIO, Kind.VIDEO)
TIME_LIMITS_S = {
    Kind.TEXT: 60.0,
    Kind.IMAGE: 60.0,
    Kind.PDF: 60.0,
    Kind.AUDIO: 120.0,
    Kind.VIDEO: 180.0,
    Kind.MAIL: 60.0,
    Kind.DOCUMENT: 60.0,
}


class ExtractStage:
    """Keeps every worker of one pool busy and passes on their results, asset by asset.

    A job whose file is long becomes one task a span; its tasks go before those of later jobs, so that assets are
    completed one after the other and a kill loses little.
    """

    def __init__(
        self,
        pool: Callable[[], WorkerPool],
        workers: int,
        needs: Needs,
        hand_on: Callable[[SpanMedia], None],
        stopping: threading.Event,
    ) -> None:
        self._jobs: queue.PriorityQueue[tuple[int, int, Job | None]] = queue.PriorityQueue()
        self._added = itertools.count()
        self._pool = pool
        self._ahead = workers + 2  # tasks in flight: no worker waits for us, and little is held in memory
        self._needs = needs
        self._out = hand_on
        self._stopping = stopping
        self._tasks: deque[Task] = deque()
        self._finished: queue.SimpleQueue[tuple[Task, Future[Any]]] = queue.SimpleQueue()

    def add(self, job: Job | None) -> None:
        """Queue a job; None: there will be no more. Quick kinds go first, so that much is found early in a long run."""
        rank = QUICKEST_FIRST.index(job.source.kind) if job is not None else len(QUICKEST_FIRST)
        self._jobs.put((rank, next(self._added), job))

    def waiting(self) -> int:
        """How many jobs and tasks wait for a worker."""
        return self._jobs.qsize() + len(self._tasks)

    def run(self) -> None:
        """Work until the jobs end."""
        flying, more = 0, True
        while (more or self._tasks or flying) and not self._stopping.is_set():
            while flying < self._ahead and (more or self._tasks):
                if not self._tasks:
                    job = self._next_job(wait=flying == 0)
                    if job is None:
                        more = False
                        break
                    if job is _NOTHING_YET:
                        break
                    self._tasks.append((job, None, None))
                self._submit(self._tasks.popleft())
                flying += 1
            try:
                task, future = self._finished.get(timeout=0.1)
            except queue.Empty:
                continue
            flying -= 1
            self._take(task, future)

    def _next_job(self, wait: bool) -> Job | None:
        try:
            job: Job | None = (self._jobs.get(timeout=0.1) if wait else self._jobs.get_nowait())[2]
        except queue.Empty:
            job = _NOTHING_YET
        return job

    def _submit(self, task: Task) -> None:
        job, probe, span = task
        if probe is None or span is None:
            request = open_request(job.source, self._needs)
        else:
            request = span_request(job.source, probe, span, self._needs)
        future = self._pool().submit(request, timeout_s=TIME_LIMITS_S[job.source.kind])
        future.add_done_callback(lambda done: self._finished.put((task, done)))

    def _take(self, task: Task, future: Future[Any]) -> None:
        job, probe, span = task
        try:
            reply = future.result()
            if probe is not None and span is not None:
                self._hand_on(job, probe, span, *parse_span_reply(*reply))
                return
            probe, first, failure = parse_open_reply(*reply)
        except CancelledError as error:  # the pool was closed: the run ends now
            raise StopSignal from error
        except (ExtractionError, WireError) as error:
            failure = _failure(error)
            self._out(SpanMedia(job, SpanResult(job.asset_id, job.key, span, probe, failure=failure)))
            return
        if not probe.spans:
            self._out(SpanMedia(job, SpanResult(job.asset_id, job.key, None, probe, failure=failure)))
            return
        rest = [number for number in range(1, len(probe.spans)) if number not in job.done]
        self._tasks.extendleft((job, probe, number) for number in reversed(rest))
        self._hand_on(job, probe, 0, *((first, failure) if 0 not in job.done else ([], None)))

    def _hand_on(self, job: Job, probe: Probe, span: int, extracted: list[Extracted], failure: Failure | None) -> None:
        if any(one.segment.ordinal >> 20 != span for one in extracted):  # it could be another span's segment
            extracted, failure = (
                [],
                Failure(FailureCode.CRASH, "The worker that read this file sent a malformed reply."),
            )
        segments = [one.segment for one in extracted]
        result = SpanResult(job.asset_id, job.key, span, probe, segments, failure=failure, kept=bool(segments))
        result.fingerprints = [each for one in extracted for each in one.fingerprints]
        self._out(SpanMedia(job, result, extracted))


def _failure(error: ExtractionError | WireError) -> Failure:
    if isinstance(error, ExtractionError):
        return Failure(error.code, error.sentence)
    return Failure(FailureCode.CRASH, f"It can't be handed to a worker: {error}.")


_NOTHING_YET: Any = object()
