"""The built-in embedders of pictures: by kind and objects in a text space, and by what copies have in common."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from mmsearch.errors import UsageError
from mmsearch.models.builtin import IMAGES, SIMILARITY, SPECS
from mmsearch.models.device import Precision
from mmsearch.models.embedder import Role, Throughput
from mmsearch.models.images import image_encoder, image_weights
from mmsearch.models.media.builtin_media import CachedEncoder
from mmsearch.types import View

MAX_PIXELS = 160_000  # of a picture as it is passed in; the encoder fits it to about 66,000
OUTPUTS = {IMAGES: 0, SIMILARITY: 1}  # of the encoder, by space
NVIDIA = "/proc/driver/nvidia/version"  # is there where the driver of such a GPU is


@lru_cache(maxsize=8)
def shared_encoder(text_space: str, device: str) -> CachedEncoder:
    """The image encoder on a device, loaded once per process for both spaces: ONNX Runtime on the CPU, torch on GPUs.
    Raises `ModelUnavailable`."""
    if device == "cpu":
        return CachedEncoder(image_encoder.opened(text_space))
    from mmsearch.models.images import efficientnet, image_heads

    network = efficientnet.load(image_weights.locate())
    heads = image_heads.load(image_weights.heads_file(text_space))
    return CachedEncoder(image_heads.TorchImageEncoder(network, heads, device))


def computing_device(device: str | None) -> str:
    """`cpu`, or the NVIDIA GPU to use as torch names it. torch is imported only where there is one, or one is asked
    for. Raises `UsageError` for a GPU that is not there."""
    wanted = device.startswith("cuda") if device else os.path.exists(NVIDIA)
    if not wanted:
        return "cpu"
    from mmsearch.models.device import preferred

    found = preferred(device).device
    return found if found.startswith("cuda") else "cpu"


class BuiltinImageEmbedder:
    """A built-in model of pictures; implements `Embedder`. `name` is IMAGES (in the text space `text_space`) or
    SIMILARITY. Raises `ModelUnavailable` where the encoder can't be had."""

    embeds_pairs = takes_instruction = False
    max_tokens = 0
    model = None

    def __init__(self, name: str, text_space: str, device: str | None = None) -> None:
        if (error := image_weights.lacking(text_space)) is not None:
            raise error
        self.name, self.text_space = name, text_space
        self.views = frozenset({View.IMAGE})
        self.dimension = int(SPECS[name].dimension or 0)
        self.throughput = Throughput()
        self.precision = Precision(computing_device(device), "float32", "it is small")

    def fingerprint(self) -> dict[str, dict[str, Any]]:
        """The facts that make vectors comparable, by view."""
        return {"image": facts(self.name, self.text_space)}

    def describe_precision(self) -> str:
        """Empty: there is no choice of precision."""
        return ""

    def split_text(self, text: str) -> list[str]:
        """No parts: the model embeds no texts."""
        return []

    def embed(
        self, view: View, items: Sequence[Any], role: Role = "document", instruction: str | None = None
    ) -> np.ndarray:
        """Unit vectors, float32 (n, dimension), of pictures uint8 (height, width, 3)."""
        if view not in self.views or instruction is not None:
            raise UsageError(f"{self.name} can't embed that.", "`mmsearch models` shows what each model can.")
        began = time.monotonic()
        vectors = shared_encoder(self.text_space, self.precision.device).embed(items)[OUTPUTS[self.name]]
        self.throughput.computed_s += time.monotonic() - began
        return vectors

    def embed_pair(
        self, text: str, image: np.ndarray, role: Role = "query", instruction: str | None = None
    ) -> np.ndarray:
        """Raises `UsageError`: no built-in model takes pairs."""
        raise UsageError(f"{self.name} can't take a text and a picture as one query.")


def facts(name: str, text_space: str) -> dict[str, Any]:
    """The fingerprint of a built-in model of pictures."""
    made_of = image_weights.identity(text_space)
    if name == SIMILARITY:
        own = {"heads": f"sha256:{image_weights.copies_sha256()}"}
    else:
        own = {"heads": made_of["heads"], "text_space": text_space}
    shared = {"model": name, "weights": made_of["backbone"], "dimension": SPECS[name].dimension}
    return {**shared, **own, "limits": {"max_pixels": MAX_PIXELS}}
