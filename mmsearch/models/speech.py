"""Speech recognition: timed text by Whisper-class models through transformers."""

from __future__ import annotations

from typing import Any

import numpy as np

from mmsearch.errors import ModelUnavailable
from mmsearch.models.device import preferred
from mmsearch.models.libraries import quiet
from mmsearch.models.model_files import weights_identity
from mmsearch.types import Cue

RATE = 16_000  # Hz, of the sound that these models take
WINDOW_S = 30.0  # the length that they were trained on
SEARCH_S = 5.0  # a window may end so much earlier, where the sound is quietest
SILENCE = 0.001  # peak amplitude below which these models invent words
BATCH = 4
MOST_TOKENS = 440  # per window, below the decoder's 448 positions


class Transcriber:
    """A speech model from a hub id or a local folder.

    `name` is the requested name, `fingerprint` identifies the weights. Raises `ModelUnavailable`."""

    def __init__(
        self, model: str, *, language: str | None = None, device: str | None = None, allow_download: bool = False
    ) -> None:
        """`language` is a code such as `de`; with None the model detects it for each window."""
        self.name = model
        self._language = language
        precision = preferred(device)
        self._device = precision.device
        dtype = precision.dtype if precision.device.startswith("cuda") else "float32"
        self._processor, self._model = _load(model, dtype, allow_download)
        self._model.to(self._device)
        facts = weights_identity(model, getattr(self._model.config, "_commit_hash", None))
        self.fingerprint = " ".join(str(value) for value in facts.values())

    def transcribe(self, sound: np.ndarray, start_s: float = 0.0) -> list[Cue]:
        """Transcribe `sound`, float32 (samples,) mono at 16 kHz, which begins at second `start_s` of its file.

        Cues are in order, within the sound, and never empty. Silence has none.
        """
        windows = [
            (first, window)
            for first, window in _windows(np.asarray(sound, np.float32))
            if np.abs(window).max() >= SILENCE
        ]
        cues: list[Cue] = []
        for at in range(0, len(windows), BATCH):
            batch = windows[at : at + BATCH]
            for (first, window), ids in zip(batch, self._generate([window for _, window in batch]), strict=True):
                cues += self._cues(ids, start_s + first / RATE, len(window) / RATE)
        return cues

    def _generate(self, windows: list[np.ndarray]) -> list[Any]:
        import torch

        features = self._processor(windows, sampling_rate=RATE, return_tensors="pt", return_attention_mask=True).to(
            self._device, self._model.dtype
        )
        options: dict[str, Any] = {"return_timestamps": True, "num_beams": 1, "do_sample": False}
        if getattr(self._model.generation_config, "is_multilingual", False):
            options |= {"task": "transcribe", "language": self._language}
        limit = min(MOST_TOKENS, int(self._model.config.max_target_positions) - 8)
        with torch.inference_mode():
            return list(self._model.generate(**features, max_new_tokens=limit, **options).cpu())

    def _cues(self, ids: Any, start_s: float, length_s: float) -> list[Cue]:
        offsets = self._processor.tokenizer.decode(ids, output_offsets=True, skip_special_tokens=True)["offsets"]
        cues = []
        latest = 0.0
        for offset in offsets:
            text = " ".join(offset["text"].split())
            begin, end = offset["timestamp"]
            begin = min(max(begin or 0.0, latest), length_s)
            end = min(max(length_s if end is None else end, begin), length_s)
            latest = end
            if text and end > begin:
                cues.append(Cue(round(start_s + begin, 2), round(start_s + end, 2), text))
        return cues


def _windows(sound: np.ndarray) -> list[tuple[int, np.ndarray]]:
    """First sample and samples of consecutive windows of at most 30 s, which end at the quietest 50 ms of their last
    5 s."""
    size, search, step = (int(seconds * RATE) for seconds in (WINDOW_S, SEARCH_S, 0.05))
    windows = []
    first = 0
    while len(sound) - first > size:
        tail = sound[first + size - search : first + size]
        loudness = np.square(tail.reshape(-1, step)).mean(axis=1)
        quietest = len(loudness) - 1 - int(np.argmin(loudness[::-1]))  # the last of equals
        last = first + size - search + quietest * step + step // 2
        windows.append((first, sound[first:last]))
        first = last
    if len(sound) > first:
        windows.append((first, sound[first:]))
    return windows


def _load(model: str, dtype: str, allow_download: bool) -> tuple[Any, Any]:
    quiet(offline=not allow_download)
    import torch
    from transformers import AutoConfig, WhisperForConditionalGeneration, WhisperProcessor

    where: dict[str, Any] = {"local_files_only": not allow_download}
    try:
        kind = AutoConfig.from_pretrained(model, **where).model_type
        if kind != "whisper":
            raise ModelUnavailable(
                f"{model} is no speech model with timestamps: it is of type {kind}.", "Use a Whisper-class model."
            )
        processor = WhisperProcessor.from_pretrained(model, **where)
        loaded = WhisperForConditionalGeneration.from_pretrained(
            model, dtype=getattr(torch, dtype), use_safetensors=True, **where
        )
    except (OSError, ValueError, ImportError, RuntimeError) as error:
        hint = f"Download it with `mmsearch models pull {model}`, or name a local folder that holds it."
        raise ModelUnavailable(f"The speech model {model} is not on this machine or can't be loaded.", hint) from error
    return processor, loaded.eval()
