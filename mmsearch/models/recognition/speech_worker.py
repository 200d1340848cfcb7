"""The tasks of a speech worker: load a model, then transcribe stretches of sound, voice activity first.

Every request has `model`, the fields of `SpeechModel` with `detector` (the voice detector's file), `device`, `threads`
and `allow_download`: a worker that took the place of a dead one loads it anew. `{"op": "load"}` is answered by
`{"fingerprint"}`, or by `{"problem": [sentence, hint]}`. `{"op": "transcribe", "start_s", "last", "languages"}` with
one array, float32 (samples,) mono at 16 kHz, is answered by `{"cues", "until_s", "languages"}`: the words up to
`until_s`; sound after it belongs to a sentence that goes on, and comes again at the start of the next stretch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from mmsearch.errors import ModelUnavailable
from mmsearch.models.recognition.speech_windows import Window, pack
from mmsearch.models.recognition.voice_activity import RATE, VoiceDetector, speech_parts
from mmsearch.models.recognition.whisper import NO_SPEECH, Result, has_words
from mmsearch.types import Cue

BATCH = 1  # windows that go through the model together: two are hardly quicker on a CPU, and take 140 MB more
REST = 30 * RATE  # a window that begins within so many samples of the end waits for the next stretch
TOUCHES = RATE // 3  # speech that ends so close to the end of a stretch goes on in the next one
UNSURE_LANGUAGE = 0.5  # a window below it is cut at its longest pause, and each half has its own language
LONG = 8 * RATE  # samples of a window that is worth cutting
LEAST_VOICE = 0.6  # mean probability of speech in a window
MOST_CHARACTERS_PER_S = 40.0  # nobody speaks faster


class Recognizer(Protocol):
    """A loaded speech model; `fingerprint` identifies its weights."""

    fingerprint: str

    def transcribe(self, windows: Sequence[np.ndarray], before: Mapping[str, float]) -> list[Result]:
        """Transcribe windows of at most 30 s, each float32 (samples,) mono at 16 kHz."""


@dataclass(frozen=True, slots=True)
class Transcript:
    """The words of a stretch of sound, in seconds of its file, up to `until_s`, and the seconds of each language."""

    cues: tuple[Cue, ...]
    until_s: float
    languages: Mapping[str, float]


def handle(request: dict[str, Any], arrays: list[np.ndarray]) -> tuple[dict[str, Any], list[np.ndarray]]:
    """Worker handler."""
    try:
        recognizer, detector = _load(**request["model"])
    except ModelUnavailable as error:
        return {"problem": [error.sentence, error.hint]}, []
    if request["op"] == "load":
        return {"fingerprint": recognizer.fingerprint}, []
    found = transcribe(
        recognizer, detector, arrays[0], float(request["start_s"]), bool(request["last"]), request["languages"]
    )
    cues = [[cue.start_s, cue.end_s, cue.text] for cue in found.cues]
    return {"cues": cues, "until_s": found.until_s, "languages": dict(found.languages)}, []


@lru_cache(maxsize=1)
def _load(
    name: str, source: str, is_ctranslate2: bool, detector: str, device: str, threads: int, allow_download: bool
) -> tuple[Recognizer, VoiceDetector]:
    """Load the model and the detector in the process that uses them."""
    recognizer: Recognizer
    if is_ctranslate2:
        from mmsearch.models.recognition.whisper import Whisper

        recognizer = Whisper(Path(source), name, device, threads)
    else:
        from mmsearch.models.recognition.speech import Transcriber

        recognizer = Transcriber(source, device=device, allow_download=allow_download)
    return recognizer, VoiceDetector(Path(detector))


def transcribe(
    recognizer: Recognizer,
    detector: VoiceDetector,
    sound: np.ndarray,
    start_s: float,
    last: bool,
    languages: Mapping[str, float],
) -> Transcript:
    """Transcribe a stretch of sound, float32 (samples,) mono at 16 kHz, that begins at second `start_s` of its file.

    Unless it is the `last` one, speech at its end is left for the next stretch. `languages` has the seconds of each
    language that the file has had so far.
    """
    probabilities = detector.probabilities(sound)
    parts = speech_parts(probabilities, len(sound))
    until = len(sound)
    if not last and parts and parts[-1].stop > len(sound) - TOUCHES and parts[-1].start > max(len(sound) - REST, 0):
        until = parts.pop().start
    windows = [window for window in pack(parts, probabilities) if window.probability >= LEAST_VOICE]
    if not last and windows and windows[-1].stretches[0][0] > max(len(sound) - REST, 0):
        until = min(until, windows.pop().stretches[0][0])
    cues: list[Cue] = []
    seconds: dict[str, float] = {}
    for window, result in _results(recognizer, sound, windows, languages):
        known = result.language in languages or result.language in seconds
        if is_believable(result, window.length / RATE, known):
            if result.language:
                seconds[result.language] = round(seconds.get(result.language, 0.0) + window.length / RATE, 2)
            cues += [
                Cue(round(start_s + begin, 2), round(start_s + end, 2), cue.text)
                for cue in result.cues
                if (begin := window.time_of(cue.start_s)) < (end := window.time_of(cue.end_s, is_end=True))
            ]
    cues.sort(key=lambda cue: cue.start_s)
    return Transcript(tuple(cues), start_s + until / RATE, seconds)


def _results(
    recognizer: Recognizer, sound: np.ndarray, windows: Sequence[Window], languages: Mapping[str, float]
) -> list[tuple[Window, Result]]:
    """The results of windows. What a result leaves out at its end is a window of its own. A window whose language is
    unsure is cut in two, once; a long one whose words are unlikely or repeat themselves, as often as it is long."""
    waiting = [(window, False) for window in windows]
    found: list[tuple[Window, Result]] = []
    while waiting:
        batch, waiting = waiting[:BATCH], waiting[BATCH:]
        results = recognizer.transcribe([window.samples(sound) for window, _ in batch], languages)
        for (window, is_half), result in zip(batch, results, strict=True):
            is_unsure = result.probability < UNSURE_LANGUAGE and not is_half and len(window.stretches) > 1
            is_unlikely = window.length > LONG and result.no_speech <= NO_SPEECH and not has_words(result)
            halves = window.halves(sound) if is_unsure or is_unlikely else []
            if len(halves) > 1:
                waiting = [*((half, True) for half in halves), *waiting]
                continue
            found.append((window, result))
            rest = window.after(result.until_s) if result.until_s > 0 else None
            if rest is not None and result.cues:
                waiting.insert(0, (rest, True))
    return found


def is_believable(result: Result, length_s: float, known: bool = False) -> bool:
    """Whether the words of a window were spoken: likely ones, not repeated, in a language that is recognized or `known`
    of the recording, and no more than can be said in its seconds."""
    characters = sum(len(cue.text) for cue in result.cues)
    return (
        has_words(result)
        and result.no_speech <= NO_SPEECH
        and (known or result.probability >= UNSURE_LANGUAGE)
        and 0 < characters <= MOST_CHARACTERS_PER_S * length_s
    )
