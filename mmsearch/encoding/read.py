"""The read stage: OCR of pictures, in workers of its own beside the encode stage."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass
from functools import partial
from typing import Any

from mmsearch.encoding.jobs import Channel, SpanMedia, StopSignal
from mmsearch.errors import ExtractionError, FailureCode
from mmsearch.extraction.pool import WorkerPool
from mmsearch.extraction.wire import WireError
from mmsearch.store.segments import RecognizedText
from mmsearch.types import Failure

OCR_LIMIT_S = 120.0  # a page takes 1 to 4 s; a newspaper scan under load some ten times that

MAX_ENGINE = 200  # characters of an engine's name


@dataclass(slots=True, eq=False)
class _SpanBeingRead:
    """A span whose pictures are being read, and the number of those without a result."""

    span: SpanMedia
    missing: int


class ReadStage:
    """Sends pictures to the OCR workers and passes a span on when all of its pictures are read.

    A picture that can't be read loses its words, not its segment: the result of the span notes the failure.
    """

    def __init__(
        self,
        pool: Callable[[], WorkerPool] | None,
        workers: int,
        engine: str,
        languages: str,
        inbox: Channel,
        out: Channel,
        stopping: threading.Event,
    ) -> None:
        self._pool = pool
        self._ahead = workers * 2
        self._engine = engine
        self._languages = languages
        self._in = inbox
        self._out = out
        self._stopping = stopping
        self._finished: queue.SimpleQueue[tuple[_SpanBeingRead, int, Future[Any]]] = queue.SimpleQueue()
        self.total = 0
        self.done = 0

    def run(self) -> None:
        """Work until the inbox ends with None."""
        flying, more = 0, True
        while (more or flying) and not self._stopping.is_set():
            if more and flying < self._ahead:
                try:
                    span = self._in.get(timeout=0.05 if flying else 0.2)
                except queue.Empty:
                    pass
                else:
                    if span is None:
                        more = False
                    else:
                        flying += self._take(span)
            flying -= self._collect(wait=flying >= self._ahead or (flying > 0 and not more))

    def _take(self, span: SpanMedia) -> int:
        """Start reading a span. Returns the number of images that went to the workers."""
        pages = [one for one in span.extracted if one.ocr_image is not None]
        if not pages or self._pool is None:
            self._out.put(span)
            return 0
        opened = _SpanBeingRead(span, len(pages))
        self.total += len(pages)
        request = {"op": "read", "languages": self._languages}
        for one in pages:
            assert one.ocr_image is not None
            future = self._pool().submit(request, [one.ocr_image], timeout_s=OCR_LIMIT_S)
            future.add_done_callback(partial(self._note, opened, one.segment.ordinal))
        return len(pages)

    def _note(self, opened: _SpanBeingRead, number: int, future: Future[Any]) -> None:
        self._finished.put((opened, number, future))

    def _collect(self, wait: bool) -> int:
        """Take in the results of the workers. Returns their number."""
        count = 0
        while True:
            try:
                opened, number, future = (
                    self._finished.get(timeout=0.1) if wait and not count else self._finished.get_nowait()
                )
            except queue.Empty:
                return count
            count += 1
            self.done += 1
            opened.missing -= 1
            try:
                text, engine = _answer(future)
                if text:
                    opened.span.result.recognized.append(RecognizedText(number, "ocr", engine or self._engine, text))
            except ExtractionError as error:
                sentence = f"The words in a picture could not be read: {error.sentence}"
                opened.span.result.failure, opened.span.result.kept = Failure(error.code, sentence), True
            if not opened.missing:
                opened.span.result.recognized.sort(key=lambda recognized: recognized.ordinal)
                self._out.put(opened.span)


def _answer(future: Future[Any]) -> tuple[str, str]:
    """The text that an OCR worker has recognized, and what recognized it where that isn't its own engine. Raises
    `ExtractionError`, and `StopSignal` when the run ends."""
    try:
        header, _ = future.result()
        page = header["pages"][0]
        return str(page["text"]), str(page.get("engine", ""))[:MAX_ENGINE]
    except CancelledError as error:
        raise StopSignal from error
    except (WireError, LookupError, TypeError) as error:
        raise ExtractionError(FailureCode.CRASH, "The worker that read it sent a malformed reply.") from error
