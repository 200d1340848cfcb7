"""The tiny embedders of a test session, and inputs for them."""

from pathlib import Path
from typing import Any

import numpy as np
from replicas import tiny_clip, tiny_minilm
from replicas_chat import tiny_omni, tiny_qwen3_vl
from replicas_text import (
    tiny_gemma3,
    tiny_harrier,
    tiny_modernbert,
    tiny_own_code,
    tiny_qwen3,
    tiny_static,
    tiny_xlmr,
)
from replicas_towers import tiny_clap, tiny_metaclip, tiny_neomme_dense, tiny_siglip, tiny_student, tiny_tips

from mmsearch.models.embedder import Clip
from mmsearch.models.model_catalogue import ModelSpec
from mmsearch.models.model_options import ModelOptions
from mmsearch.models.sentence_transformer import SentenceTransformerEmbedder

MAKERS = {
    "clip": tiny_clip,
    "siglip": tiny_siglip,
    "clap": tiny_clap,
    "qwen": tiny_qwen3_vl,
    "omni": tiny_omni,
    "minilm": tiny_minilm,
    "student": tiny_student,
    "modernbert": tiny_modernbert,
    "gemma3": tiny_gemma3,
    "harrier": tiny_harrier,
    "qwen3": tiny_qwen3,
    "xlmr": tiny_xlmr,
    "static": tiny_static,
    "metaclip": tiny_metaclip,
    "tips": tiny_tips,
    "neomme-dense": tiny_neomme_dense,
    "own-code": tiny_own_code,
}
TEXTS = ["A dog in the rain", "invoice 4711", "/etc/passwd", "https://example.org/cat.jpg", "a " * 30]
EXACT = ModelOptions(device="cpu", dtype="float32")


class Families:
    """Folders of replicas and embedders on them, each made once."""

    def __init__(self, top: Path) -> None:
        self._top = top
        self._embedders: dict[str, SentenceTransformerEmbedder] = {}

    def folder(self, name: str) -> Path:
        """A replica's folder. Not to be written to."""
        folder = self._top / name
        return folder if folder.exists() else MAKERS[name](folder)

    def embedder(self, name: str) -> SentenceTransformerEmbedder:
        """An embedder on it, in float32 on the CPU."""
        if name not in self._embedders:
            pair = str(self.folder("clip")) if name == "student" else None
            self._embedders[name] = load(self.folder(name), spec=ModelSpec(name, str(self.folder(name)), pair=pair))
        return self._embedders[name]

    def plain_model(self, name: str) -> Any:
        """The library's own object, untouched by us."""
        from mmsearch.models.libraries import quiet

        quiet(offline=True)
        from sentence_transformers import SentenceTransformer

        return SentenceTransformer(str(self.folder(name)), device="cpu")


def load(folder: Path, options: ModelOptions = EXACT, spec: ModelSpec | None = None) -> SentenceTransformerEmbedder:
    """An embedder on a folder."""
    return SentenceTransformerEmbedder(folder, name=folder.name, options=options, spec=spec)


def pictures() -> list[np.ndarray]:
    """Noise of three sizes."""
    rng = np.random.default_rng(1)
    return [rng.integers(0, 256, (high, wide, 3), dtype=np.uint8) for high, wide in ((40, 60), (64, 48), (50, 50))]


def sounds(rate: int) -> list[np.ndarray]:
    """Tones of three seconds and of one."""
    times = np.arange(rate * 3) / rate
    return [np.sin(times[: int(rate * length)] * tone).astype(np.float32) / 3 for length, tone in ((3, 900), (1, 4000))]


def clips() -> list[Clip]:
    """Noise of four frames and of eight, four seconds each."""
    rng = np.random.default_rng(2)
    return [Clip(rng.integers(0, 256, (count, 36, 64, 3), dtype=np.uint8), 4.0) for count in (4, 8)]


def same(found: np.ndarray, expected: np.ndarray) -> None:
    """Unit vectors in the direction of the expected ones."""
    expected = np.asarray(expected, np.float32)
    assert found.dtype == np.float32 and found.shape == expected.shape
    assert np.allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    unit = expected / np.linalg.norm(expected, axis=1, keepdims=True)
    assert (found * unit).sum(axis=1).min() >= 0.9999
