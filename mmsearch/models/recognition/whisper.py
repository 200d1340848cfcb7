"""Whisper through CTranslate2: windows of at most 30 s of speech to timed words, by Whisper's own decoding rules.

Windows don't depend on each other: they are cut at pauses, and the words of one are no context for the next (text that
was misrecognised once would be repeated), so that several go through the model together.
"""

from __future__ import annotations

import hashlib
import importlib
import sys
import types
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mmsearch.errors import ModelUnavailable
from mmsearch.models.recognition.mel import log_mel
from mmsearch.types import Cue

# The thresholds that Whisper's authors decode with (Radford and others 2022, section 4.5).
TEMPERATURES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
MOST_COMPRESSION = 2.4  # of a text by zlib: repetitions compress well
LEAST_LOG_PROBABILITY = -1.0  # mean of the tokens
NO_SPEECH = 0.6
TICK_S = 0.02  # between two timestamp tokens
FIRST_TICK = 50  # a window's first words start within its first second
MOST_TOKENS = 224  # of a window, half of the decoder's positions, as Whisper samples
SURE_LANGUAGE = 0.8  # probability from which a window's language is taken as detected,
LIKELY_LANGUAGE = 0.5  # and from which it is if the recording has had that language before
SEED = 1
MARKER = "model.bin"  # of a folder with a model of CTranslate2


@dataclass(frozen=True, slots=True)
class Result:
    """The words of a window: cues in seconds from its start, their language, and how far the model got."""

    cues: tuple[Cue, ...]
    language: str
    probability: float  # of the language
    log_probability: float  # mean of the tokens
    no_speech: float  # probability that nobody speaks
    compression: float
    temperature: float = 0.0
    until_s: float = 0.0  # the words after this time are not in the cues


@dataclass(slots=True)
class _Try:
    """A window on its way through the temperatures."""

    number: int
    prompt: list[int]
    language: str
    probability: float
    best: Result | None = None


class Whisper:
    """A Whisper of CTranslate2 in `folder`, which also holds its `tokenizer.json`.

    `fingerprint` identifies the weights. Raises `ModelUnavailable`.
    """

    def __init__(self, folder: Path, name: str, device: str = "cpu", threads: int = 0) -> None:
        try:
            library = import_ctranslate2()
            from tokenizers import Tokenizer
        except ImportError as error:
            raise ModelUnavailable("CTranslate2 is not installed.", "pip install 'mmsearch[speech]'") from error
        if not (folder / "tokenizer.json").is_file():
            raise ModelUnavailable(f"{folder} has no tokenizer.json.", "Put the one of the original model there.")
        kind, _, number = device.partition(":")
        compute = "float16" if kind == "cuda" else "int8"
        try:
            self._model = library.models.Whisper(
                str(folder), device=kind, device_index=int(number or 0), compute_type=compute, intra_threads=threads
            )
            self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        except Exception as error:  # the library's RuntimeError, ValueError, and tokenizers' own
            said = (str(error).splitlines() or [""])[0]
            raise ModelUnavailable(f"The speech model in {folder} can't be loaded: {said}.", "") from error
        self._library = library
        self.fingerprint = f"{name} sha256:{_digest(folder / MARKER)}"
        self._start, self._end = self._id("<|startoftranscript|>"), self._id("<|endoftext|>")
        self._task = [self._id("<|transcribe|>")] if self._model.is_multilingual else []
        self._first_time = self._id("<|notimestamps|>") + 1

    def transcribe(self, windows: Sequence[np.ndarray], before: Mapping[str, float]) -> list[Result]:
        """Transcribe windows, each float32 (samples,) mono at 16 kHz of at most 30 s.

        `before` has the seconds of each language that the recording has had so far.
        """
        features = np.stack([log_mel(window, self._model.n_mels) for window in windows])
        encoded = self._model.encode(self._view(features))
        tries = [
            _Try(number, [self._start, *language_prompt, *self._task], language, probability)
            for number, (language, probability, language_prompt) in enumerate(self._languages(encoded, before))
        ]
        waiting = tries
        for temperature in TEMPERATURES:
            if temperature:
                encoded = self._view(features[[one.number for one in waiting]])
            lengths = [len(windows[one.number]) / 16_000 for one in waiting]
            for one, result in zip(waiting, self._generate(encoded, waiting, lengths, temperature), strict=True):
                if one.best is None or _is_better(result, one.best):
                    one.best = result
            waiting = [one for one in waiting if one.best is not None and not is_settled(one.best)]
            if not waiting:
                break
        return [one.best for one in tries if one.best is not None]

    def _languages(self, encoded: Any, before: Mapping[str, float]) -> list[tuple[str, float, list[int]]]:
        """Code, probability and token of the language of each window."""
        if not self._model.is_multilingual:
            return [("en", 1.0, []) for _ in range(encoded.shape[0])]
        main = max(before, key=lambda code: before[code], default="")
        found = []
        for ranked in self._model.detect_language(encoded):
            code, probability = ranked[0][0][2:-2], float(ranked[0][1])
            if main and probability < (LIKELY_LANGUAGE if code in before else SURE_LANGUAGE):
                code, probability = main, dict(ranked).get(f"<|{main}|>", 0.0)
            found.append((code, probability, [self._id(f"<|{code}|>")]))
        return found

    def _generate(
        self, encoded: Any, tries: Sequence[_Try], lengths: Sequence[float], temperature: float
    ) -> list[Result]:
        self._library.set_random_seed(SEED)  # the same sound has the same words every time
        found = self._model.generate(
            encoded,
            [one.prompt for one in tries],
            beam_size=1,
            max_length=MOST_TOKENS + len(tries[0].prompt),
            sampling_topk=0 if temperature else 1,
            sampling_temperature=temperature or 1.0,
            return_scores=True,
            return_no_speech_prob=True,
            suppress_blank=True,
            suppress_tokens=[-1],
            max_initial_timestamp_index=FIRST_TICK,
        )
        results = []
        for one, raw, length_s in zip(tries, found, lengths, strict=True):
            tokens = [token for token in raw.sequences_ids[0] if token != self._end]
            cues, until_s = self._cues(tokens, length_s)
            text = " ".join(cue.text for cue in cues)
            mean = float(raw.scores[0]) * len(raw.sequences_ids[0]) / (len(raw.sequences_ids[0]) + 1)
            results.append(
                Result(
                    cues,
                    one.language,
                    one.probability,
                    mean,
                    float(raw.no_speech_prob),
                    compression_ratio(text),
                    temperature,
                    until_s,
                )
            )
        return results

    def _cues(self, tokens: Sequence[int], length_s: float) -> tuple[tuple[Cue, ...], float]:
        """The cues of a window's tokens, and up to where its words are in them: words after the last of two times in a
        row are left to another window."""
        cues: list[Cue] = []
        begin_s, words = 0.0, list[int]()
        until_s = length_s
        for at, token in enumerate(tokens):
            if token < self._first_time:
                words.append(token)
                continue
            time_s = min((token - self._first_time) * TICK_S, length_s)
            if words:
                self._add(cues, words, begin_s, time_s)
                until_s = time_s if at + 1 < len(tokens) else length_s
            begin_s, words = max(time_s, begin_s), []
        if words and not cues:
            self._add(cues, words, begin_s, length_s)
        return tuple(cues), until_s

    def _add(self, cues: list[Cue], words: Sequence[int], begin_s: float, end_s: float) -> None:
        kept = [token for token in words if token < self._end]
        text = " ".join(self._tokenizer.decode(kept, skip_special_tokens=True).split())
        if text and end_s > begin_s:
            cues.append(Cue(round(begin_s, 2), round(end_s, 2), text))

    def _view(self, features: np.ndarray) -> Any:
        return self._library.StorageView.from_array(np.ascontiguousarray(features, np.float32))

    def _id(self, token: str) -> int:
        found = self._tokenizer.token_to_id(token)
        if found is None:
            raise ModelUnavailable(f"The tokenizer of this model lacks {token}: it is no Whisper.", "")
        return int(found)


def is_settled(result: Result) -> bool:
    """Whether a result needs no further try: its words are likely and not repeated, or nobody speaks."""
    unlikely = result.log_probability < LEAST_LOG_PROBABILITY
    if unlikely and result.no_speech > NO_SPEECH:
        return True
    return not unlikely and result.compression <= MOST_COMPRESSION


def has_words(result: Result) -> bool:
    """Whether the words of a settled or last try are to be believed."""
    return result.log_probability >= LEAST_LOG_PROBABILITY and result.compression <= MOST_COMPRESSION


def _is_better(new: Result, old: Result) -> bool:
    if has_words(new) != has_words(old):
        return has_words(new)
    return new.log_probability > old.log_probability


def compression_ratio(text: str) -> float:
    """The length of a text over that of its compressed form; high for repetitions, 0 for no text."""
    raw = text.encode()
    return len(raw) / len(zlib.compress(raw)) if raw else 0.0


def import_ctranslate2() -> Any:
    """The library without its converters, which import torch and transformers: 5 s and 500 MB."""
    for name in ("converters", "specs"):
        sys.modules.setdefault(f"ctranslate2.{name}", types.ModuleType(f"ctranslate2.{name}"))
    return importlib.import_module("ctranslate2")


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
