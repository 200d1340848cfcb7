"""The eyes as a Sentence Transformers model: a route for texts and one for pictures, into one space."""
# ruff: noqa: TID253, E402 - classes of torch modules need torch when the file is read; nothing light imports this file

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mmsearch.models import builtin, picture_classifier
from mmsearch.models.libraries import mend_torchvision
from mmsearch.models.picture_network import PictureTower, load, save

mend_torchvision()
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import InputModule


class PictureRoute(InputModule):
    """The image route of the Sentence Transformers model: pictures in, text-space vectors out."""

    save_in_root = False

    def __init__(self, tower: PictureTower | None = None) -> None:
        super().__init__()
        self.tower = tower or PictureTower(folded=True)

    @property
    def modalities(self) -> list[Any]:
        """Pictures only."""
        return ["image"]

    def preprocess(self, inputs: Sequence[Any], prompt: str | None = None, **kwargs: Any) -> dict[str, Any]:
        """Pictures (Pillow, arrays, paths) to one uint8 tensor (n, 3, h, w) a shape, and their places in the batch."""
        arrays = [picture_classifier.as_array(item) for item in inputs]
        features: dict[str, Any] = {"count": len(arrays)}
        for shape, size in enumerate(picture_classifier.SHAPES):
            rows = [i for i, array in enumerate(arrays) if picture_classifier.nearest_shape(*array.shape[:2]) == shape]
            if rows:
                stack = np.stack([picture_classifier.fit(arrays[i], size) for i in rows])
                features[f"pixels_{shape}"] = torch.from_numpy(stack).permute(0, 3, 1, 2)
                features[f"rows_{shape}"] = torch.tensor(rows)
        return features

    def forward(self, features: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
        """Adds `sentence_embedding`, float32 (n, 384), and `likeness`, float32 (n, 640)."""
        pieces = [k for k in range(len(picture_classifier.SHAPES)) if f"pixels_{k}" in features]
        outputs = [self.tower(features[f"pixels_{k}"]) for k in pieces]
        order = torch.argsort(torch.cat([features[f"rows_{k}"] for k in pieces]))
        features["sentence_embedding"] = torch.cat([vectors for vectors, _ in outputs])[order]
        features["likeness"] = torch.cat([likeness for _, likeness in outputs])[order]
        return features

    def save(self, output_path: str, *args: Any, **kwargs: Any) -> None:
        """Weights only; the architecture is this file."""
        save(self.tower, Path(output_path) / "model.safetensors")

    @classmethod
    def load(cls, model_name_or_path: str, subfolder: str = "", *args: Any, **kwargs: Any) -> "PictureRoute":
        """From a folder written by `save`."""
        return cls(load(Path(model_name_or_path) / subfolder / "model.safetensors"))


class InstalledMiniLM(InputModule):
    """The text route: all-MiniLM-L6-v2 from its installed package. Its 90 MB are not copied into this model."""

    save_in_root = False

    def __init__(self) -> None:
        super().__init__()
        self.model = SentenceTransformer(str(builtin.locate()), device="cpu")

    def preprocess(self, inputs: Sequence[Any], prompt: str | None = None, **kwargs: Any) -> dict[str, Any]:
        """Tokens."""
        return self.model.preprocess(list(inputs), prompt=prompt)

    def forward(self, features: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
        """Adds `sentence_embedding`, float32 (n, 384)."""
        return self.model(features)

    def save(self, output_path: str, *args: Any, **kwargs: Any) -> None:
        """A note in place of the weights."""
        Path(output_path, "README.txt").write_text(picture_classifier.TEXT_NOTE)

    @classmethod
    def load(cls, model_name_or_path: str, subfolder: str = "", *args: Any, **kwargs: Any) -> "InstalledMiniLM":
        """From the installed package."""
        return cls()


def sentence_transformer(path: Path | None = None) -> SentenceTransformer:
    """The whole model, text and pictures in one space: `model.encode("bar chart")`, `model.encode(picture)`.

    The same as `SentenceTransformer(path, trust_remote_code=True)`, which the library asks for because the two routes
    are classes of this file, not of its own; no code is read from the folder.
    """
    return SentenceTransformer(str(path or picture_classifier.folder()), trust_remote_code=True, device="cpu")
