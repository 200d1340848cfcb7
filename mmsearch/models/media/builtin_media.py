"""The built-in embedders of pictures and sounds: pictures by kind, pictures by likeness, sounds by likeness."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Protocol

import numpy as np

from mmsearch.errors import ModelUnavailable, UsageError
from mmsearch.models.builtin import EARS, EYES, LIKENESS
from mmsearch.models.device import Precision
from mmsearch.models.embedder import Role, Throughput
from mmsearch.models.media import audio_features, picture_classifier
from mmsearch.types import View

MAX_PIXELS = 160_000  # of a picture as it is passed in; the classifier shrinks it to about 25,000
SOUND_SECONDS = 30.0  # of one part of a longer sound
AUDIO_VERSION = "log-mel statistics 1"  # raise the number when the audio features change


@lru_cache(maxsize=1)
def classifier_identity() -> dict[str, str]:
    """Name and SHA-256 of the picture classifier's weights, as fingerprints record them. Raises `ModelUnavailable`."""
    path = picture_classifier.folder() / "image" / "model.safetensors"
    try:
        with path.open("rb") as weights:
            return {"model": EYES, "weights": f"sha256:{hashlib.file_digest(weights, 'sha256').hexdigest()}"}
    except OSError as error:
        raise ModelUnavailable(
            "The weights of the built-in picture classifier are missing.", "Install mmsearch anew."
        ) from error


def picture_facts(dimension: int) -> dict[str, Any]:
    """The fingerprint of a built-in model of pictures."""
    return {**classifier_identity(), "dimension": dimension, "limits": {"max_pixels": MAX_PIXELS}}


class Encoder(Protocol):
    """An encoder of pictures."""

    def embed(self, pictures: Sequence[np.ndarray]) -> tuple[np.ndarray, ...]:
        """One array for each output, float32 (n, columns), rows as the pictures."""
        ...


class CachedEncoder:
    """An encoder that keeps the last result of each thread: two spaces embed the same pictures one after the other."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._last = threading.local()

    def embed(self, pictures: Sequence[np.ndarray]) -> tuple[np.ndarray, ...]:
        """The same as the encoder's."""
        last: list[np.ndarray] = getattr(self._last, "pictures", [])
        if not last or len(pictures) != len(last) or any(a is not b for a, b in zip(pictures, last, strict=True)):
            self._last.result = self._encoder.embed(pictures)
            self._last.pictures = list(pictures)
        result: tuple[np.ndarray, ...] = self._last.result
        return result


@lru_cache(maxsize=1)
def shared_classifier() -> CachedEncoder:
    """The picture classifier, loaded once per process for all spaces that use it."""
    return CachedEncoder(picture_classifier.PictureClassifier())


class BuiltinMediaEmbedder:
    """A built-in model of pictures or sounds; implements `Embedder`.

    `name` is EYES (pictures by kind, in the text space of all-MiniLM-L6-v2), LIKENESS (pictures) or EARS (sounds).
    """

    embeds_pairs = takes_instruction = False
    max_tokens = 0
    model = None
    precision = Precision("cpu", "float32", "it is small")

    def __init__(self, name: str) -> None:
        self.name = name
        self.throughput = Throughput()
        self.views = frozenset({View.AUDIO if name == EARS else View.IMAGE})
        self.dimension = {
            EYES: picture_classifier.TEXT_SIZE,
            LIKENESS: picture_classifier.LIKENESS_SIZE,
            EARS: audio_features.AudioFeatures.size + 1,
        }[name]

    def fingerprint(self) -> dict[str, dict[str, Any]]:
        """The facts that make vectors comparable, by view."""
        if self.name == EARS:
            limits = {"rate": audio_features.RATE, "seconds": SOUND_SECONDS}
            return {"audio": {"model": EARS, "weights": AUDIO_VERSION, "dimension": self.dimension, "limits": limits}}
        return {"image": picture_facts(self.dimension)}

    def describe_precision(self) -> str:
        """Empty: there is no choice of precision."""
        return ""

    def split_text(self, text: str) -> list[str]:
        """No parts: the model embeds no texts."""
        return []

    def embed(
        self, view: View, items: Sequence[Any], role: Role = "document", instruction: str | None = None
    ) -> np.ndarray:
        """Unit vectors, float32 (n, dimension). The last number of a sound's vector is 1 for silence, whose features
        are zeros, so that silence is similar to silence alone."""
        if view not in self.views or instruction is not None:
            raise UsageError(f"{self.name} can't embed that.", "`mmsearch models` shows what each model can.")
        began = time.monotonic()
        vectors = (
            _audio_vectors(items) if self.name == EARS else shared_classifier().embed(items)[self.name == LIKENESS]
        )
        self.throughput.computed_s += time.monotonic() - began
        return vectors

    def embed_pair(
        self, text: str, image: np.ndarray, role: Role = "query", instruction: str | None = None
    ) -> np.ndarray:
        """Raises `UsageError`: no built-in model takes pairs."""
        raise UsageError(f"{self.name} can't take a text and a picture as one query.")


def _audio_vectors(waves: Sequence[np.ndarray]) -> np.ndarray:
    """float32 (n, `AudioFeatures.size` + 1): features, and 1 for silence."""
    vectors = np.zeros((len(waves), audio_features.AudioFeatures.size + 1), np.float32)
    for row, wave in zip(vectors, waves, strict=True):
        row[:-1] = audio_features.AudioFeatures().extract(np.asarray(wave, np.float32))
        row[-1] = not row.any()
    return vectors
