"""The last stage of a run: recordings are transcribed when everything else is committed and can be searched.

A recording is decoded in ranges, and its words are committed with their embeddings a stretch at a time: who stops a run
loses the work of a few seconds, and the next run goes on from there. The recordings with least to do come first.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from mmsearch.config import Settings
from mmsearch.encoding.jobs import StopSignal
from mmsearch.encoding.speech_process import RATE, SpeechRecognition, cores, has_cuda, transcript_of
from mmsearch.errors import ExtractionError, FailureCode, ModelUnavailable
from mmsearch.extraction.pool import WorkerPool
from mmsearch.extraction.wire import Message
from mmsearch.extraction.worker_tasks import AV, sound_request
from mmsearch.indexing.run_models import Models
from mmsearch.indexing.scope import Reach, present_source
from mmsearch.indexing.tally import Tally
from mmsearch.indexing.transcript_words import placed_words, word_vectors
from mmsearch.models.recognition import whisper_weights
from mmsearch.models.recognition.whisper_weights import SpeechModel
from mmsearch.models.registry import resolve
from mmsearch.run_record import FileFailed, Remark, RunRecord, Work
from mmsearch.store import segments, transcripts
from mmsearch.store.catalogue import transaction
from mmsearch.store.layout import IndexFolder
from mmsearch.store.segments import Vectors
from mmsearch.store.transcripts import Recording
from mmsearch.types import Cue, Failure, Source

if TYPE_CHECKING:
    import numpy as np

RANGE_S = 300.0  # of a recording that is decoded at once: reaching a range means decoding all before it
AHEAD_S = 1200.0  # that is decoded before it is transcribed
STRETCH_S = 120.0  # that is transcribed and committed at once
SILENT_RANGES = 3  # without any sound, one after the other: the recording is over, whatever length it states
TIMEOUT_S = 300.0  # to decode a range
LEAST_S = 30.0  # of sound that an estimate rests on

Said = FileFailed | Remark | None


@dataclass(slots=True)
class _Open:
    """A recording under way: the samples that wait for the next stretch, which begin at `at_s`."""

    recording: Recording
    source: Source
    at_s: float
    samples: np.ndarray
    is_new: bool  # nothing of its transcript is committed yet
    silent: int = 0
    failure: Failure | None = None
    is_over: bool = False


_Range = tuple[_Open, float, float]  # a part of a recording: start and end in seconds


@dataclass(slots=True)
class Transcription:
    """What is done for the recordings of an index that lack a transcript."""

    folder: IndexFolder
    connection: sqlite3.Connection
    models: Models
    settings: Settings
    stopped: Callable[[], bool]
    reach: Reach
    tally: Tally = field(default_factory=Tally)
    total_s: float = 0.0
    done_s: float = 0.0  # of recordings, in this run
    busy_s: float = 0.0
    left: dict[int, float] = field(default_factory=dict)  # seconds to do, by asset
    is_installed: bool = True
    committed: bool = False
    _began: float = 0.0
    _recognition: SpeechRecognition | None = None

    def steps(self) -> Iterator[Said]:
        """Do it, until all is done or the run is to stop; yields what there is to say, and None for a sign of life."""
        captioned = bool(self.settings.transcribe)
        wanted = transcripts.lacking(self.connection, "", captioned)
        if not wanted and not self.settings.refresh:
            return
        self._note_left(wanted)
        try:
            model = self._model()
            if self.settings.refresh:
                self._recognition = yield from self._load(model)
                wanted = transcripts.lacking(self.connection, self._recognition.fingerprint, captioned)
                self._note_left(wanted)
            yield from self._all(wanted, model)
        except whisper_weights.SpeechNotInstalled as error:
            self.is_installed = False
            yield Remark(f"{error.sentence} {_count(len(self.left))} by name and sound only.", error.hint)
        except ModelUnavailable as error:
            yield Remark(f"{error.sentence} {_count(len(self.left))} by name and sound only.", error.hint)
        except ExtractionError as error:  # its worker can't be kept alive
            yield Remark(
                f"The speech model can't be loaded: {error.sentence}", "`mmsearch doctor` says what is missing."
            )
        except (StopSignal, CancelledError):
            return
        finally:
            if self._recognition is not None:
                self._recognition.close()

    def work(self) -> list[Work]:
        """What is done and what there is, in seconds of recordings."""
        return [Work("speech", self.done_s, self.total_s)] if self.total_s else []

    def remaining_s(self) -> float:
        """The seconds that the rest will take at the pace so far; 0 while that is not known."""
        left = sum(self.left.values())
        return left * self.busy_s / self.done_s if self.done_s >= LEAST_S else 0.0

    def complete(self, record: RunRecord) -> None:
        """Write into the record of a run what is left, where it is not for want of a package."""
        if self.is_installed:
            record.untranscribed, record.untranscribed_s = len(self.left), round(sum(self.left.values()), 1)
            record.speech_remaining_s = round(self.remaining_s(), 1)

    def _note_left(self, wanted: Sequence[Recording]) -> None:
        self.left = {one.asset_id: one.left_s for one in wanted}
        self.total_s = sum(self.left.values())

    def _model(self) -> SpeechModel:
        """The speech model that was asked for. Raises `ModelUnavailable`."""
        if self.settings.transcribe:
            spec = resolve(self.settings.transcribe)
            return whisper_weights.find(spec.source, spec.name)
        return whisper_weights.builtin()

    def _load(self, model: SpeechModel) -> Generator[None, None, SpeechRecognition]:
        """A speech model, loaded. Raises `ModelUnavailable`."""
        detector = whisper_weights.detector()
        devices = [self.settings.device]
        if self.settings.device == "auto":
            devices = ["cuda", "cpu"] if has_cuda() else ["cpu"]
        for device in devices:
            recognition = SpeechRecognition(
                model, detector, device, self.settings.workers or cores(), self.settings.allow_download
            )
            try:
                recognition.loaded((yield from self._wait(recognition.load())))
                return recognition
            except BaseException as error:
                recognition.close()
                if device == devices[-1] or not isinstance(error, ModelUnavailable | ExtractionError):
                    raise
        raise AssertionError("there is a last device")

    def _wait(self, future: Future[Message]) -> Generator[None, None, Message]:
        """The result of a future. Raises `StopSignal` when the run is to stop, and what the future raises."""
        while True:
            try:
                return future.result(timeout=0.1)
            except TimeoutError:
                if self.stopped():
                    raise StopSignal from None
                yield None

    def _all(self, wanted: Sequence[Recording], model: SpeechModel) -> Iterator[Said]:
        """Go through the ranges of all recordings, decoded a batch at a time."""
        self._began = time.monotonic()
        ranges = self._ranges(wanted)
        while batch := (yield from self._decoded(ranges)):
            if self._recognition is None:
                self._recognition = yield from self._load(model)
            while batch:
                (opened, start_s, stop_s), future = batch.popleft()
                if opened.is_over:
                    continue
                try:
                    yield from self._range(opened, _sound_of(future.result()), start_s, stop_s, self._recognition)
                except ExtractionError as error:
                    opened.is_over = True
                    if error.code not in segments.PASSING:  # else the next run tries again
                        opened.failure = Failure(error.code, error.sentence)
                        yield from self._commit(opened, [], self._recognition.fingerprint, True)

    def _decoded(self, ranges: Iterator[_Range]) -> Generator[None, None, deque[tuple[_Range, Future[Message]]]]:
        """The next ranges, decoded. Their worker ends before the speech model loads or goes on: both at once would take
        300 MB more, and its start takes two seconds, so that it decodes `AHEAD_S` at a time."""
        decoded: deque[tuple[_Range, Future[Message]]] = deque()
        ahead_s = 0.0
        with contextlib.ExitStack() as held:
            pool: WorkerPool | None = None
            for one in ranges:
                pool = pool or held.enter_context(WorkerPool(AV, 1))
                decoded.append((one, self._decode(one, pool)))
                ahead_s += one[2] - one[1]
                if ahead_s >= AHEAD_S:
                    break
            for _, future in decoded:
                with contextlib.suppress(ExtractionError):  # told in its turn
                    yield from self._wait(future)
        return decoded

    def _ranges(self, wanted: Sequence[Recording]) -> Iterator[_Range]:
        """The ranges of recordings: start and end in seconds."""
        import numpy as np

        for recording in wanted:
            source = present_source(
                self.connection, self.folder, self.reach, recording.asset_id, recording.kind, recording.format
            )
            opened = _Open(recording, source, recording.until_s, np.zeros(0, np.float32), recording.until_s == 0.0)
            start = recording.until_s
            while not opened.is_over and start < recording.duration_s:
                stop = min(start + RANGE_S, recording.duration_s)
                yield opened, start, stop
                start = stop

    def _decode(self, wanted: _Range, pool: WorkerPool) -> Future[Message]:
        opened, start_s, stop_s = wanted
        origin = opened.recording.origin_s
        request = sound_request(opened.source, RATE, origin + start_s, origin + stop_s)
        return pool.submit(request, timeout_s=TIMEOUT_S)

    def _range(
        self, opened: _Open, sound: np.ndarray | None, start_s: float, stop_s: float, recognition: SpeechRecognition
    ) -> Iterator[Said]:
        """Transcribe a decoded range, together with what was left of the one before it."""
        import numpy as np

        opened.silent = opened.silent + 1 if sound is None else 0
        ends = stop_s >= opened.recording.duration_s or opened.silent >= SILENT_RANGES
        whole = round((stop_s - start_s) * RATE)
        found = np.zeros(0, np.float32) if sound is None else sound[:whole]
        if not ends:  # a gap is silence
            found = np.concatenate([found, np.zeros(whole - len(found), np.float32)])
        opened.samples = np.concatenate([opened.samples, found])
        size = round(STRETCH_S * RATE)
        while len(opened.samples) >= size or (ends and len(opened.samples)):
            stretch = opened.samples[:size]
            last = ends and len(stretch) == len(opened.samples)
            yield from self._stretch(opened, stretch, last, recognition)
        if ends and not opened.is_over:
            opened.is_over = True
            yield from self._commit(opened, [], recognition.fingerprint, True)

    def _stretch(
        self, opened: _Open, stretch: np.ndarray, last: bool, recognition: SpeechRecognition
    ) -> Iterator[Said]:
        """Transcribe and commit a stretch. One that can't be transcribed is left out, with the reason."""
        yield None
        if self.stopped():
            raise StopSignal
        recording = opened.recording
        until_s = stop_s = opened.at_s + len(stretch) / RATE
        cues: list[Cue] = []
        languages = dict(recording.languages)
        try:
            future = recognition.transcribe(stretch, opened.at_s, last, languages)
            cues, until_s, more = transcript_of((yield from self._wait(future)), stop_s)
            for code, seconds in more.items():
                languages[code] = round(languages.get(code, 0.0) + seconds, 2)
        except ExtractionError as error:
            sentence = f"The speech in a part of it could not be recognized: {error.sentence}"
            opened.failure = opened.failure or Failure(error.code, sentence)
        if last or until_s <= opened.at_s:
            until_s = stop_s
        opened.samples = opened.samples[round((until_s - opened.at_s) * RATE) :]
        opened.at_s = until_s
        opened.recording = replace(recording, until_s=until_s, languages=languages)
        opened.is_over = last
        yield from self._commit(opened, cues, recognition.fingerprint, last)

    def _commit(self, opened: _Open, cues: Sequence[Cue], engine: str, whole: bool) -> Iterator[Said]:
        """Write what is there of a recording, in one transaction."""
        recording = opened.recording
        placed, words = placed_words(self.connection, recording.asset_id, cues, opened.is_new)
        vectors: list[Vectors] = []
        try:
            vectors = word_vectors(self.connection, self.models, words)
        except MemoryError:
            raise
        except Exception as error:  # whatever a model raises must not cost the words
            sentence = f"Its transcript is found by words only: the model can't take it ({type(error).__name__})."
            opened.failure = opened.failure or Failure(FailureCode.MODEL, sentence)
        yield from self.models.remarks()
        with transaction(self.connection, self.folder):
            if opened.is_new:
                transcripts.begin_again(self.connection, recording.asset_id)
            count = transcripts.commit_transcript(self.connection, recording, engine, placed, vectors, whole)
            if whole and opened.failure is not None:
                transcripts.note_failure(self.connection, recording.asset_id, opened.failure)
        opened.is_new = False
        self.committed = True
        self.tally.add("embeddings", number=count)
        self.done_s += self.left.pop(recording.asset_id) - (0.0 if whole else recording.left_s)
        self.busy_s = time.monotonic() - self._began
        if not whole:
            self.left[recording.asset_id] = recording.left_s
        elif opened.failure is None:
            self.tally.add("transcribed")
        else:
            self.tally.add("transcribed_partly")
            yield FileFailed(opened.source.path, opened.failure, partial=True)


def _sound_of(reply: Message) -> np.ndarray | None:
    """The sound of a decoded range, finite and within [-1, 1]. Raises `ExtractionError` for a malformed reply."""
    import numpy as np

    _, arrays = reply
    if not arrays:
        return None
    if arrays[0].ndim != 1 or arrays[0].dtype != np.float32:
        raise ExtractionError(FailureCode.CRASH, "The worker that read this file sent a malformed reply.")
    finite = np.nan_to_num(arrays[0], nan=0.0, posinf=0.0, neginf=0.0)
    return np.asarray(np.clip(finite, -1.0, 1.0), np.float32)


def _count(recordings: int) -> str:
    return "1 recording is found" if recordings == 1 else f"{recordings:,} recordings are found"
