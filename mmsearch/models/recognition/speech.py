"""Speech recognition by Whisper-class models of transformers, for those that were not converted for CTranslate2."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mmsearch.errors import ModelUnavailable
from mmsearch.models.device import preferred
from mmsearch.models.libraries import quiet
from mmsearch.models.model_files import weights_identity
from mmsearch.models.recognition.mel import RATE
from mmsearch.models.recognition.whisper import Result, compression_ratio
from mmsearch.types import Cue

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

    def transcribe(self, windows: Sequence[np.ndarray], before: Mapping[str, float]) -> list[Result]:
        """Transcribe windows of at most 30 s, each float32 (samples,) mono at 16 kHz; see `speech_worker.Recognizer`.

        Cues are in order, within their window, and never empty. The library tells no probabilities.
        """
        results = []
        for window, ids in zip(windows, self._generate(windows), strict=True):
            cues = tuple(self._cues(ids, len(window) / RATE))
            ratio = compression_ratio(" ".join(cue.text for cue in cues))
            results.append(Result(cues, self._language or "", 1.0, 0.0, 0.0, ratio))
        return results

    def _generate(self, windows: Sequence[np.ndarray]) -> list[Any]:
        import torch

        features = self._processor(
            list(windows), sampling_rate=RATE, return_tensors="pt", return_attention_mask=True
        ).to(self._device, self._model.dtype)
        options: dict[str, Any] = {"return_timestamps": True, "num_beams": 1, "do_sample": False}
        if getattr(self._model.generation_config, "is_multilingual", False):
            options |= {"task": "transcribe", "language": self._language}
        limit = min(MOST_TOKENS, int(self._model.config.max_target_positions) - 8)
        with torch.inference_mode():
            return list(self._model.generate(**features, max_new_tokens=limit, **options).cpu())

    def _cues(self, ids: Any, length_s: float) -> list[Cue]:
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
                cues.append(Cue(round(begin, 2), round(end, 2), text))
        return cues


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
