"""The pipeline: extract > read > encode, each stage with threads and processes of its own and bounded queues between.

    jobs -> [extract light] -+-> [encode] -> results
            [extract av]    -+-> [read] -^

A span with pictures for OCR passes the read stage; all others go to the encode stage.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from mmsearch.encoding.contents import Space, media_bytes
from mmsearch.encoding.encode import EncodeStage
from mmsearch.encoding.extract import ExtractStage
from mmsearch.encoding.jobs import Channel, Job, SpanMedia, Stage, StopSignal
from mmsearch.encoding.read import ReadStage
from mmsearch.extraction.forkserver import WorkerKind
from mmsearch.extraction.pool import WorkerPool
from mmsearch.extraction.worker_tasks import AV, LIGHT
from mmsearch.models.recognition import tesseract
from mmsearch.run_record import StageProfile
from mmsearch.store.segments import SpanResult
from mmsearch.types import Kind, Needs, View

OCR = WorkerKind(
    "ocr",
    "mmsearch.models.recognition.ocr:handle",
    preload=("mmsearch.models.recognition.ocr", "numpy", "cv2", "onnxruntime", "rapidocr"),
    timeout_s=120,
    memory_bytes=3 << 30,
)
_TO_READ = 4  # spans that wait for OCR: each holds its pictures, and one picture takes a second
_AHEAD, _AHEAD_BYTES = 256, 96 << 20  # spans that wait for the device, and the bytes of their pictures and sounds
_RESULTS = 64  # that wait to be committed
_END = 0.8  # seconds that a batch may take to finish when the run is stopped


@dataclass(frozen=True, slots=True)
class Workers:
    """How many processes each pool has."""

    light: int
    av: int
    ocr: int


def first_pools(workers: Workers) -> dict[str, WorkerPool]:
    """The pools that nearly every run needs, to be started before there is a pipeline: their servers take a second."""
    return {"light": WorkerPool(LIGHT, workers.light)}


class Pipeline:
    """Turns jobs into results of spans. Processes are started when the first job needs their kind.

    `load` returns the spaces that take some views, with their embedders, in the encode stage's thread. `pools` are
    those that run already, by name; the pipeline closes them.
    """

    def __init__(
        self,
        needs: Needs,
        workers: Workers,
        load: Callable[[frozenset[View]], Sequence[Space]],
        ocr_engine: str,
        pools: Mapping[str, WorkerPool] | None = None,
        ocr_languages: str = "",
    ) -> None:
        self._early, self._now = threading.Event(), threading.Event()
        self._ended = False
        self._patience = 5.0  # seconds that a stage may take to end
        self._pools = dict(pools or {})
        self._pool_lock = threading.Lock()
        self._to_read = Channel(_TO_READ, self._early)
        self._to_encode = Channel(_AHEAD, self._now, _AHEAD_BYTES, media_bytes)
        self._out = Channel(_RESULTS, self._now)
        further = [tesseract.engine(ocr_languages)] if ocr_languages else []
        self._ocr_readers = ", ".join([ocr_engine, *further])
        ocr = partial(self._pool, "ocr", workers.ocr) if needs.ocr != "never" else None
        self.reading = ReadStage(
            ocr, workers.ocr, ocr_engine, ocr_languages, self._to_read, self._to_encode, self._early
        )
        self.encoding = EncodeStage(load, needs.sound_rate, self._to_encode, self._out, self._early)
        light = ExtractStage(
            partial(self._pool, "light", workers.light), workers.light, needs, self._route, self._early
        )
        av = ExtractStage(partial(self._pool, "av", workers.av), workers.av, needs, self._route, self._early)
        self._extracting = {"light": light, "av": av}
        self._extractors = len(self._extracting)
        self._workers = workers
        self._began = time.monotonic()
        self._depths: dict[str, int] = {}  # summed over all measurements of the queues
        self._measured = 0
        self._stages = [
            *(Stage(f"extract-{name}", partial(self._extract, stage)) for name, stage in self._extracting.items()),
            Stage("read", self._read),
            Stage("encode", self.encoding.run),
        ]
        for stage in self._stages:
            stage.start()

    def add(self, job: Job) -> None:
        """Queue an asset."""
        worker_kind = "av" if job.source.kind in (Kind.AUDIO, Kind.VIDEO) else "light"
        self._extracting[worker_kind].add(job)

    def offer(self, span: SpanMedia) -> bool:
        """Pass a span that needs neither extraction nor recognition to the encode stage, if there is room for it."""
        return self._to_encode.offer(span)

    def end_jobs(self) -> None:
        """There will be no more jobs."""
        for stage in self._extracting.values():
            stage.add(None)

    def poll(self, wait_s: float) -> list[SpanResult] | None:
        """Results that are ready, waiting at most `wait_s` seconds for the first; None when all is done.

        Raises the exception that ended a stage.
        """
        if self._ended:
            return None
        self._measure_queues()
        found: list[SpanResult] = []
        deadline = time.monotonic() + wait_s
        while True:
            for stage in self._stages:
                if stage.error is not None:
                    raise stage.error
            try:
                result = self._out.get(timeout=0.0 if found else min(0.1, max(deadline - time.monotonic(), 0.0)))
            except queue.Empty:
                if found or time.monotonic() >= deadline:
                    return found
                continue
            if result is None:
                self._ended = True
                return found or None
            found.append(result)

    def wind_up(self, loading: bool = False) -> list[SpanResult]:
        """Stop taking on work; returns the results that are finished within `_END` seconds. With `loading` a model is
        being loaded: before the first model is there nothing is finished, and the call does not wait."""
        self._early.set()
        self._patience = 0.1
        found: list[SpanResult] = []
        deadline = time.monotonic() + (0.0 if loading and not self.encoding.embedded else _END)
        while time.monotonic() < deadline:
            results = self.poll(0.1)
            if results is None:
                break
            found += results
        return found

    def close(self) -> None:
        """End all threads and processes at once."""
        self._early.set()
        self._now.set()
        with self._pool_lock:
            pools = list(self._pools.values())
        for pool in pools:
            pool.close()
        for stage in self._stages:
            stage.join(timeout=self._patience)

    def busy(self) -> dict[str, float]:
        """Busy seconds of each stage's workers so far."""
        seconds = {name: pool.counts.busy_s for name, pool in list(self._pools.items())}
        encoding = {"prepare": self.encoding.prepared_s, "encode": self.encoding.busy_s}
        return {**seconds, **encoding}

    def profile(self) -> list[StageProfile]:
        """The figures of the stages that have processed something."""
        counts = {name: pool.counts for name, pool in list(self._pools.items())}
        done = [
            (stage, counts[pool].tasks, getattr(self._workers, pool), counts[pool].busy_s)
            for stage, pool in (("extract", "light"), ("sound and film", "av"), ("read", "ocr"))
            if pool in counts
        ]
        encoding = self.encoding
        done.append(("prepare", encoding.embedded, encoding.lanes, encoding.prepared_s))
        done.append(("encode", encoding.embedded, encoding.replicas, encoding.busy_s))
        elapsed = time.monotonic() - self._began
        return [
            StageProfile(name, items, workers, busy, elapsed, self._depths.get(name, 0) / max(self._measured, 1))
            for name, items, workers, busy in done
            if items
        ]

    def _measure_queues(self) -> None:
        self._measured += 1
        depths = {
            "extract": self._extracting["light"].waiting(),
            "sound and film": self._extracting["av"].waiting(),
            "read": self._to_read.depth(),
            "encode": self._to_encode.depth(),
        }
        self._depths = {name: self._depths.get(name, 0) + depth for name, depth in depths.items()}

    def _pool(self, name: str, workers: int) -> WorkerPool:
        with self._pool_lock:
            if self._now.is_set():  # a pool made now would outlive the run
                raise StopSignal
            if name not in self._pools:
                worker_kind = {"light": LIGHT, "av": AV, "ocr": OCR}[name]
                self._pools[name] = WorkerPool(worker_kind, workers)
            return self._pools[name]

    def _route(self, span: SpanMedia) -> None:
        ordinals = {one.segment.ordinal for one in span.extracted}
        span.result.recognized += [text for text in span.job.read if text.ordinal in ordinals]
        if self._ocr_readers and span.job.source.kind in (Kind.IMAGE, Kind.PDF, Kind.VIDEO, Kind.MAIL, Kind.DOCUMENT):
            span.result.readers["ocr"] = self._ocr_readers  # also where OCR recognized nothing
        pictures = any(one.ocr_image is not None for one in span.extracted)
        (self._to_read if pictures else self._to_encode).put(span)

    def _extract(self, stage: ExtractStage) -> None:
        stage.run()
        with self._pool_lock:
            self._extractors -= 1
            last = self._extractors == 0
        if last:
            self._to_read.put(None)

    def _read(self) -> None:
        self.reading.run()
        self._to_encode.put(None)
