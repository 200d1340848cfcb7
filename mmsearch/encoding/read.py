"""The read stage: OCR of pictures and speech recognition, in workers of its own beside the encode stage."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from mmsearch.encoding.fitting import resampled
from mmsearch.encoding.jobs import Channel, SpanMedia, StopSignal
from mmsearch.errors import ExtractionError, FailureCode
from mmsearch.extraction.pool import WorkerPool
from mmsearch.extraction.wire import WireError
from mmsearch.store.segments import RecognizedText
from mmsearch.types import Cue, Extracted, Failure

if TYPE_CHECKING:
    import numpy as np

SPEECH_RATE = 16_000  # Hz: the input of Whisper-class models
OCR_LIMIT_S = 120.0  # a page takes 1 to 4 s; a newspaper scan under load some ten times that


class Transcribes(Protocol):
    """A speech recognizer."""

    fingerprint: str  # of its weights

    def transcribe(self, sound: np.ndarray, start_s: float = 0.0) -> Sequence[Cue]:
        """Timed words of mono float32 sound at 16 kHz that begins at `start_s`."""


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
        load_transcriber: Callable[[], Transcribes] | None,
        sound_rate: int,
        inbox: Channel,
        out: Channel,
        stopping: threading.Event,
    ) -> None:
        self._pool = pool
        self._ahead = workers * 2
        self._engine = engine
        self._load_transcriber = load_transcriber
        self._sound_rate = sound_rate  # Hz, of the sound that comes
        self._transcriber: Transcribes | None = None
        self.busy_s = 0.0
        self._in = inbox
        self._out = out
        self._stopping = stopping
        self._finished: queue.SimpleQueue[tuple[_SpanBeingRead, int, Future[Any]]] = queue.SimpleQueue()
        self.total = 0
        self.done = 0
        self.transcribed = 0  # sounds

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
        if self._load_transcriber is not None:
            self._listen(span)
        pages = [one for one in span.extracted if one.ocr_image is not None]
        if not pages or self._pool is None:
            self._out.put(span)
            return 0
        opened = _SpanBeingRead(span, len(pages))
        self.total += len(pages)
        for one in pages:
            assert one.ocr_image is not None
            future = self._pool().submit({"op": "read"}, [one.ocr_image], timeout_s=OCR_LIMIT_S)
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
                if text := _text(future):
                    opened.span.result.recognized.append(RecognizedText(number, "ocr", self._engine, text))
            except ExtractionError as error:
                sentence = f"The words in a picture could not be read: {error.sentence}"
                opened.span.result.failure, opened.span.result.kept = Failure(error.code, sentence), True
            if not opened.missing:
                opened.span.result.recognized.sort(key=lambda recognized: recognized.ordinal)
                self._out.put(opened.span)

    def _listen(self, span: SpanMedia) -> None:
        """Recognize the speech of a span as one sound, and add each stretch of words to the segment that it lies in:
        recognizers take windows of 30 s, and segments of 10 s would cut words in two."""
        assert self._load_transcriber is not None
        sounds = [one for one in span.extracted if one.sound is not None and one.segment.locator.start_s is not None]
        if not sounds:
            return
        import numpy as np

        self.total += 1
        began = time.monotonic()
        self._transcriber = self._transcriber or self._load_transcriber()
        start = float(sounds[0].segment.locator.start_s or 0.0)
        stretches = [resampled(one.sound, self._sound_rate, SPEECH_RATE) for one in sounds if one.sound is not None]
        sound = np.concatenate(stretches)
        try:
            cues = self._transcriber.transcribe(sound, start)
        except MemoryError:
            raise
        except Exception as error:  # whatever a model's library raises must cost this stretch of sound only
            sentence = f"The speech in it could not be recognised ({type(error).__name__})."
            span.result.failure, span.result.kept = Failure(FailureCode.MODEL, sentence), True
            cues = ()
        span.result.readers["speech"] = self._transcriber.fingerprint
        for cue in cues:
            owner = _owner(sounds, (cue.start_s + cue.end_s) / 2)
            span.result.recognized.append(
                RecognizedText(
                    owner.segment.ordinal, "speech", self._transcriber.fingerprint, cue.text, cue.start_s, cue.end_s
                )
            )
        self.done += 1
        self.transcribed += 1
        self.busy_s += time.monotonic() - began


def _text(future: Future[Any]) -> str:
    """The text that an OCR worker has recognized. Raises `ExtractionError`, and `StopSignal` when the run ends."""
    try:
        header, _ = future.result()
        return str(header["pages"][0]["text"])
    except CancelledError as error:
        raise StopSignal from error
    except (WireError, LookupError, TypeError) as error:
        raise ExtractionError(FailureCode.CRASH, "The worker that read it sent a malformed reply.") from error


def _owner(sounds: list[Extracted], time_s: float) -> Extracted:
    """The segment that a time in seconds lies in; in a gap, the nearest earlier one."""
    earlier = [one for one in sounds if float(one.segment.locator.start_s or 0.0) <= time_s]
    return earlier[-1] if earlier else sounds[0]
