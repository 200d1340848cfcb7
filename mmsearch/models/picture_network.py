"""The picture classifier in torch: a residual network of 3x3 convolutions, and its routes for Sentence Transformers.

The program itself runs the exported network (`picture_classifier.py`); this module serves the training recipe and those
who load the model with Sentence Transformers.
"""
# ruff: noqa: TID253, E402 - torch module classes need torch at import; no other module imports this one

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from mmsearch.models import builtin
from mmsearch.models.libraries import repair_torchvision
from mmsearch.models.media import picture_classifier

repair_torchvision()
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import InputModule

WIDTHS = (64, 128, 256, 384)  # channels of the stages, from a quarter of the picture's side downwards
DEPTHS = (1, 2, 2, 1)  # residual blocks at each width
TEXT_SIZE = 384  # of all-MiniLM-L6-v2
# Mean and deviation by which pixels are standardised; round numbers, not measured on pictures.
MEAN, SPREAD = 0.5, 0.25
HIDDEN = 512
GAIN = 16.0  # scales unit vectors to the range that a linear layer's usual initialisation expects


def convolution(width_in: int, width_out: int, stride: int = 1, folded: bool = False) -> nn.Sequential:
    """A 3x3 convolution with its normalisation; `folded`: the normalisation is part of the convolution."""
    if folded:
        return nn.Sequential(nn.Conv2d(width_in, width_out, 3, stride, 1))
    return nn.Sequential(nn.Conv2d(width_in, width_out, 3, stride, 1, bias=False), nn.BatchNorm2d(width_out))


class ResidualBlock(nn.Module):
    """Two convolutions beside a shortcut."""

    def __init__(self, width: int, folded: bool = False) -> None:
        super().__init__()
        self.first, self.second = (convolution(width, width, 1, folded) for _ in range(2))
        if not folded:
            scale = self.second[1].weight
            assert isinstance(scale, torch.Tensor)
            nn.init.zeros_(scale)  # an identity at first, which steadies the start of the training

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float (n, width, h, w) to the same."""
        return functional.relu(x + self.second(functional.relu(self.first(x))))


class PictureTower(nn.Module):
    """The encoder: uint8 or float pixels (n, 3, h, w), 0..255, to text-space vectors (n, 384) and likeness vectors
    (n, 640)."""

    def __init__(self, folded: bool = False) -> None:
        super().__init__()
        self.stem = nn.Sequential(convolution(3, 32, 2, folded), nn.ReLU())
        stages, before = [], 32
        for width, depth in zip(WIDTHS, DEPTHS, strict=True):
            blocks = [ResidualBlock(width, folded) for _ in range(depth)]
            stages.append(nn.Sequential(convolution(before, width, 2, folded), nn.ReLU(), *blocks))
            before = width
        self.stages = nn.ModuleList(stages)
        pooled = before + WIDTHS[-2]
        self.project = nn.Sequential(nn.Linear(pooled, HIDDEN), nn.GELU(), nn.Linear(HIDDEN, TEXT_SIZE))

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Text-space vectors and likeness vectors at unit length; the latter are the pooled features of the last two
        stages."""
        x = self.stem((pixels.float() / 255 - MEAN) / SPREAD)
        pooled = []
        for stage in self.stages:
            x = stage(x)
            pooled.append(x.float().mean((2, 3)))
        # Stages have equal weight. They are centred, because features are never negative and all would be similar.
        parts = [functional.normalize(part - part.mean(1, keepdim=True), dim=1) for part in pooled[-2:]]
        likeness = torch.cat(parts, 1) / len(parts) ** 0.5
        return functional.normalize(self.project(likeness * GAIN), dim=1), likeness


def fold(tower: PictureTower) -> PictureTower:
    """The same network with every normalisation folded into the convolution before it."""
    folded = PictureTower(folded=True)
    source = dict(tower.named_modules())
    for name, module in folded.named_modules():
        if isinstance(module, nn.Conv2d):
            fused = fuse_conv_bn_eval(source[name].eval(), source[name[:-1] + "1"].eval())
            module.load_state_dict(fused.state_dict())
        elif isinstance(module, nn.Linear):
            module.load_state_dict(source[name].state_dict())
    return folded.eval()


def save(tower: PictureTower, path: Path) -> None:
    """Write a folded tower's weights as safetensors in float16."""
    from safetensors.torch import save_file

    save_file({name: value.half().contiguous() for name, value in tower.state_dict().items()}, path)


def load(path: Path) -> PictureTower:
    """A folded tower with saved weights, in float32 and in evaluation mode."""
    from safetensors.torch import load_file

    tower = PictureTower(folded=True)
    tower.load_state_dict({name: value.float() for name, value in load_file(path).items()})
    return tower.eval()


class PictureRoute(InputModule):
    """The image route of the Sentence Transformers model."""

    save_in_root = False

    def __init__(self, tower: PictureTower | None = None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.tower = tower or PictureTower(folded=True)

    @property
    def modalities(self) -> list[Any]:
        """The modalities of the route."""
        return ["image"]

    def preprocess(self, inputs: Sequence[Any], prompt: str | None = None, **kwargs: Any) -> dict[str, Any]:
        """Pictures (Pillow, arrays, paths) as one uint8 tensor (n, 3, h, w) per shape, and their positions in the
        batch."""
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
        shapes = [k for k in range(len(picture_classifier.SHAPES)) if f"pixels_{k}" in features]
        outputs = [self.tower(features[f"pixels_{k}"]) for k in shapes]
        order = torch.argsort(torch.cat([features[f"rows_{k}"] for k in shapes]))
        features["sentence_embedding"] = torch.cat([vectors for vectors, _ in outputs])[order]
        features["likeness"] = torch.cat([likeness for _, likeness in outputs])[order]
        return features

    def save(self, output_path: str, *args: Any, **kwargs: Any) -> None:
        """Write the weights; the architecture is this module."""
        save(self.tower, Path(output_path) / "model.safetensors")

    @classmethod
    def load(cls, model_name_or_path: str, subfolder: str = "", *args: Any, **kwargs: Any) -> "PictureRoute":
        """Load a folder written by `save`."""
        return cls(load(Path(model_name_or_path) / subfolder / "model.safetensors"))


class InstalledMiniLM(InputModule):
    """The text route: all-MiniLM-L6-v2 from its installed package, whose 90 MB are not copied into this model."""

    save_in_root = False

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.model = SentenceTransformer(str(builtin.locate()), device="cpu")

    def preprocess(self, inputs: Sequence[Any], prompt: str | None = None, **kwargs: Any) -> dict[str, Any]:
        """Texts as tokens."""
        return self.model.preprocess(list(inputs), prompt=prompt)

    def forward(self, features: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
        """Adds `sentence_embedding`, float32 (n, 384)."""
        result: dict[str, Any] = self.model(features)
        return result

    def save(self, output_path: str, *args: Any, **kwargs: Any) -> None:
        """Write a note in place of the weights."""
        Path(output_path, "README.txt").write_text(picture_classifier.TEXT_NOTE)

    @classmethod
    def load(cls, model_name_or_path: str, subfolder: str = "", *args: Any, **kwargs: Any) -> "InstalledMiniLM":
        """Load the installed package."""
        return cls()


def sentence_transformer(path: Path | None = None) -> SentenceTransformer:
    """The whole model, texts and pictures in one space: `model.encode("bar chart")`, `model.encode(picture)`.

    The library demands `trust_remote_code` because the two routes are classes of this module and not its own; no code
    is read from the folder.
    """
    return SentenceTransformer(str(path or picture_classifier.folder()), trust_remote_code=True, device="cpu")
