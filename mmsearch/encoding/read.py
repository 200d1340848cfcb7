"""The read stage: words out of pictures (OCR) and sound (speech), with workers of its own, off the device's way."""

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

SPEECH_RATE = 16_000  # Hz: what Whisper-class models hear
OCR_LIMIT_S = 120.0  # a page takes 1 to 4 s; a newspaper scan under load some ten times that


class Transcribes(Protocol):
    """What speech recognition must offer."""

    fingerprint: str  # says which weights wrote the words

    def transcribe(self, sound: np.ndarray, start_s: float = 0.0) -> Sequence[Cue]:
        """Timed words of mono float32 sound at 16 kHz that begins at `start_s`."""


@dataclass(slots=True, eq=False)
class _Open:
    """A piece whose pictures are being read, and how many of them are still out."""

    piece: SpanMedia
    missing: int


class ReadStage:
    """Sends pictures to the OCR workers and hands a piece on when all of its pictures are read.

    A picture that can't be read loses its words, not its segment: the piece goes on and says so in its chunk.
    """

    def __init__(
        self,
        pool: Callable[[], WorkerPool] | None,
        workers: int,
        engine: str,
        hear: Callable[[], Transcribes] | None,
        sound_rate: int,
        inbox: Channel,
        out: Channel,
        stopping: threading.Event,
    ) -> None:
        self._pool = pool
        self._ahead = workers * 2
        self._engine = engine
        self._hear = hear
        self._sound_rate = sound_rate  # Hz, of the sound that comes
        self._transcriber: Transcribes | None = None
        self.busy_s = 0.0
        self._in = inbox
        self._out = out
        self._stopping = stopping
        self._finished: queue.SimpleQueue[tuple[_Open, int, Future[Any]]] = queue.SimpleQueue()
        self.total = 0
        self.done = 0
        self.heard = 0  # stretches of sound

    def run(self) -> None:
        """Work until the inbox ends with None."""
        flying, more = 0, True
        while (more or flying) and not self._stopping.is_set():
            if more and flying < self._ahead:
                try:
                    piece = self._in.get(timeout=0.05 if flying else 0.2)
                except queue.Empty:
                    pass
                else:
                    if piece is None:
                        more = False
                    else:
                        flying += self._take(piece)
            flying -= self._collect(wait=flying >= self._ahead or (flying > 0 and not more))

    def _take(self, piece: SpanMedia) -> int:
        """Start reading a piece. Returns the number of images that went to the workers."""
        if self._hear is not None:
            self._listen(piece)
        pages = [one for one in piece.extracted if one.ocr_image is not None]
        if not pages or self._pool is None:
            self._out.put(piece)
            return 0
        opened = _Open(piece, len(pages))
        self.total += len(pages)
        for one in pages:
            assert one.ocr_image is not None
            future = self._pool().submit({"op": "read"}, [one.ocr_image], timeout_s=OCR_LIMIT_S)
            future.add_done_callback(partial(self._note, opened, one.segment.ordinal))
        return len(pages)

    def _note(self, opened: _Open, number: int, future: Future[Any]) -> None:
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
                    opened.piece.chunk.recognized.append(RecognizedText(number, "ocr", self._engine, text))
            except ExtractionError as error:
                sentence = f"The words in a picture could not be read: {error.sentence}"
                opened.piece.chunk.failure, opened.piece.chunk.kept = Failure(error.code, sentence), True
            if not opened.missing:
                opened.piece.chunk.recognized.sort(key=lambda recognized: recognized.ordinal)
                self._out.put(opened.piece)

    def _listen(self, piece: SpanMedia) -> None:
        """Recognise the speech of a piece as one stretch of sound, and give each stretch of words to the segment it
        lies in: recognisers work on 30 s, and windows of 10 s would cut words in two."""
        assert self._hear is not None
        heard = [one for one in piece.extracted if one.sound is not None and one.segment.locator.start_s is not None]
        if not heard:
            return
        import numpy as np

        self.total += 1
        began = time.monotonic()
        self._transcriber = self._transcriber or self._hear()
        start = float(heard[0].segment.locator.start_s or 0.0)
        stretches = [resampled(one.sound, self._sound_rate, SPEECH_RATE) for one in heard if one.sound is not None]
        sound = np.concatenate(stretches)
        try:
            cues = self._transcriber.transcribe(sound, start)
        except MemoryError:
            raise
        except Exception as error:  # whatever a model's library raises must cost this stretch of sound only
            sentence = f"The speech in it could not be recognised ({type(error).__name__})."
            piece.chunk.failure, piece.chunk.kept = Failure(FailureCode.MODEL, sentence), True
            cues = ()
        piece.chunk.readers["speech"] = self._transcriber.fingerprint
        for cue in cues:
            owner = _owner(heard, (cue.start_s + cue.end_s) / 2)
            piece.chunk.recognized.append(
                RecognizedText(
                    owner.segment.ordinal, "speech", self._transcriber.fingerprint, cue.text, cue.start_s, cue.end_s
                )
            )
        self.done += 1
        self.heard += 1
        self.busy_s += time.monotonic() - began


def _text(future: Future[Any]) -> str:
    """What an OCR worker has read. Raises `ExtractionError`, and `Stop` when the run ends."""
    try:
        header, _ = future.result()
        return str(header["pages"][0]["text"])
    except CancelledError as error:
        raise StopSignal from error
    except (WireError, LookupError, TypeError) as error:
        raise ExtractionError(FailureCode.CRASH, "The worker that read it sent a malformed reply.") from error


def _owner(heard: list[Extracted], time_s: float) -> Extracted:
    """The segment that a time in seconds lies in; in a gap, the nearest earlier one."""
    earlier = [one for one in heard if float(one.segment.locator.start_s or 0.0) <= time_s]
    return earlier[-1] if earlier else heard[0]
