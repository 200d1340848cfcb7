"""Running a speech model: in a worker process, whose end costs the run nothing; beside the run where it has to be.

A model on a GPU can't be opened in a worker, which may not write to devices, and the models of transformers write to
their caches when they are loaded: these run in a thread here.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmsearch.errors import ExtractionError, FailureCode, ModelUnavailable
from mmsearch.extraction.forkserver import WorkerKind
from mmsearch.extraction.pool import WorkerPool
from mmsearch.extraction.wire import Message
from mmsearch.models.recognition.whisper_weights import SpeechModel
from mmsearch.types import Cue

if TYPE_CHECKING:
    import numpy as np

RATE = 16_000  # Hz, of the sound that speech models take
SPEECH = WorkerKind(
    "speech",
    "mmsearch.models.recognition.speech_worker:handle",
    preload=("mmsearch.models.recognition.speech_worker", "numpy", "onnxruntime", "tokenizers"),
    timeout_s=900,
    memory_bytes=3 << 30,
)
_MEMORY_PER_BYTE = 4  # of a model's file: read as float16, held as int8, with room for what it computes


class SpeechRecognition:
    """A speech model that is loaded and transcribes one stretch of sound after the other.

    `fingerprint` is known once `load` is done.
    """

    def __init__(self, model: SpeechModel, detector: Path, device: str, threads: int, allow_download: bool) -> None:
        self._model = {
            **asdict(model),
            "detector": str(detector),
            "device": device,
            "threads": threads,
            "allow_download": allow_download,
        }
        self._pool: WorkerPool | None = None
        self._memory = SPEECH.memory_bytes
        if model.is_ctranslate2 and device == "cpu":
            file = Path(model.source) / "model.bin"
            self._memory += _MEMORY_PER_BYTE * (file.stat().st_size if file.is_file() else 0)
            self._pool = WorkerPool(SPEECH, 1)
        self.fingerprint = ""

    def load(self) -> Future[Message]:
        """Begin to load the model; `loaded` takes the result."""
        return self._submit({"op": "load"}, [])

    def loaded(self, reply: Message) -> None:
        """Take the reply to `load`. Raises `ModelUnavailable`."""
        _check(reply)
        self.fingerprint = str(reply[0]["fingerprint"])

    def transcribe(
        self, sound: np.ndarray, start_s: float, last: bool, languages: Mapping[str, float]
    ) -> Future[Message]:
        """Begin to transcribe a stretch; `transcript_of` takes the result. For the arguments see `speech_worker`."""
        request = {"op": "transcribe", "start_s": start_s, "last": last, "languages": dict(languages)}
        return self._submit(request, [sound])

    def close(self) -> None:
        """End the worker at once."""
        if self._pool is not None:
            self._pool.close()

    def _submit(self, request: dict[str, Any], arrays: list[np.ndarray]) -> Future[Message]:
        request = {**request, "model": self._model}
        if self._pool is not None:
            return self._pool.submit(request, arrays, memory_bytes=self._memory)
        future: Future[Message] = Future()
        threading.Thread(target=_run, args=(future, request, arrays), name="speech", daemon=True).start()
        return future


def _run(future: Future[Message], request: dict[str, Any], arrays: list[np.ndarray]) -> None:
    from mmsearch.models.recognition.speech_worker import handle

    try:
        future.set_result(handle(request, arrays))
    except Exception as error:  # whatever a model's library raises must cost this stretch of sound only
        future.set_exception(
            ExtractionError(FailureCode.MODEL, f"The speech model can't take it ({type(error).__name__}).")
        )


def transcript_of(reply: Message, stop_s: float) -> tuple[list[Cue], float, dict[str, float]]:
    """The words of a stretch that ends at second `stop_s`, up to which second they are, and the seconds of each
    language. Raises `ModelUnavailable`, and `ExtractionError` for a malformed reply."""
    _check(reply)
    header = reply[0]
    try:
        cues = [Cue(float(start), float(end), str(text)) for start, end, text in header["cues"]]
        languages = {str(code): float(seconds) for code, seconds in header["languages"].items()}
        return cues, min(float(header["until_s"]), stop_s), languages
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise ExtractionError(FailureCode.CRASH, "The speech worker sent a malformed reply.") from error


def _check(reply: Message) -> None:
    if problem := reply[0].get("problem"):
        raise ModelUnavailable(*problem)


def cores() -> int:
    """The number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def has_cuda() -> bool:
    """Whether there is a GPU that torch computes on. Imports torch only where there is a driver."""
    if not Path("/dev/nvidiactl").exists():
        return False
    from mmsearch.models.device import preferred

    return preferred(None).device.startswith("cuda")
