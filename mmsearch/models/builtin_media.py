"""The built-in eyes and ears as embedders: pictures by their look, pictures by likeness, sounds by likeness."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from mmsearch.errors import ModelUnavailable, UsageError
from mmsearch.models import audio_features, picture_classifier
from mmsearch.models.builtin import EARS, EYES, LIKENESS
from mmsearch.models.device import Precision
from mmsearch.models.embedder import Role, Throughput
from mmsearch.types import View

LOOK_PIXELS = 160_000  # of a picture as it is handed in; the eyes shrink it to about 25,000
SOUND_SECONDS = 30.0  # of one part of a longer sound
HEARING = "log-mel statistics 1"  # raise it when the ears give other vectors


@lru_cache(maxsize=1)
def weights_identity() -> dict[str, str]:
    """What a fingerprint says about the eyes' weights. Raises `ModelUnavailable` where there are none."""
    path = picture_classifier.folder() / "image" / "model.safetensors"
    try:
        with path.open("rb") as weights:
            return {"model": EYES, "weights": f"sha256:{hashlib.file_digest(weights, 'sha256').hexdigest()}"}
    except OSError as error:
        raise ModelUnavailable("The built-in eyes have no weights here.", "Install mmsearch anew.") from error


def picture_facts(dimension: int) -> dict[str, Any]:
    """The fingerprint of a view of pictures."""
    return {**weights_identity(), "dimension": dimension, "limits": {"max_pixels": LOOK_PIXELS}}


@lru_cache(maxsize=1)
def opened_classifier() -> _Memory:
    """The eyes, opened once a process for every space that uses them."""
    return _Memory(picture_classifier.PictureClassifier())


class _Memory:
    """Eyes that remember the last pictures of each thread: two spaces ask for the same ones, one after the other."""

    def __init__(self, model: picture_classifier.PictureClassifier) -> None:
        self._model = model
        self._last = threading.local()

    def embed(self, pictures: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """See `picture_classifier.PictureClassifier.embed`."""
        seen: list[np.ndarray] = getattr(self._last, "seen", [])
        if not seen or len(pictures) != len(seen) or any(a is not b for a, b in zip(pictures, seen, strict=True)):
            self._last.found = self._model.embed(pictures)
            self._last.seen = list(pictures)
        found: tuple[np.ndarray, np.ndarray] = self._last.found
        return found


class BuiltinMediaEmbedder:
    """One sense without words. See `Embedder` for what the methods promise.

    `name` is EYES (looks, in the text space of all-MiniLM-L6-v2), LIKENESS (of pictures), or EARS (of sounds).
    """

    fuses = takes_instruction = False
    max_tokens = 0
    model = None
    precision = Precision("cpu", "float32", "it is small")

    def __init__(self, name: str) -> None:
        self.name = name
        self.pace = Throughput()
        self.views = frozenset({View.AUDIO if name == EARS else View.IMAGE})
        self.dimension = {
            EYES: picture_classifier.TEXT_SIZE,
            LIKENESS: picture_classifier.LIKENESS_SIZE,
            EARS: audio_features.AudioFeatures.size + 1,
        }[name]

    def fingerprint(self) -> dict[str, dict[str, Any]]:
        """See `Embedder`."""
        if self.name == EARS:
            limits = {"rate": audio_features.RATE, "seconds": SOUND_SECONDS}
            return {"audio": {"model": EARS, "weights": HEARING, "dimension": self.dimension, "limits": limits}}
        return {"image": picture_facts(self.dimension)}

    def choice(self) -> str:
        """See `Embedder`."""
        return ""

    def part_texts(self, text: str) -> list[str]:
        """See `Embedder`: it reads nothing."""
        return []

    def embed(
        self, view: View, items: Sequence[Any], role: Role = "document", instruction: str | None = None
    ) -> np.ndarray:
        """See `Embedder`. Silence is like silence alone: the last number of a sound's vector is its mark."""
        if view not in self.views or instruction is not None:
            raise UsageError(f"{self.name} can't embed that.", "`mmsearch models` shows what each model can.")
        began = time.monotonic()
        vectors = _heard(items) if self.name == EARS else opened_classifier().embed(items)[self.name == LIKENESS]
        self.pace.computed_s += time.monotonic() - began
        return vectors

    def fused(self, text: str, image: np.ndarray, role: Role = "query", instruction: str | None = None) -> np.ndarray:
        """See `Embedder`."""
        raise UsageError(f"{self.name} can't take a text and a picture as one query.")


def _heard(waves: Sequence[np.ndarray]) -> np.ndarray:
    """float32 (n, `Ears.size` + 1): likenesses, and the mark of silence."""
    vectors = np.zeros((len(waves), audio_features.AudioFeatures.size + 1), np.float32)
    for row, wave in zip(vectors, waves, strict=True):
        row[:-1] = audio_features.AudioFeatures().likeness(np.asarray(wave, np.float32))
        row[-1] = not row.any()
    return vectors
