"""The eyes in torch: the picture tower, a plain residual network of 3x3 convolutions. The program itself runs the
exported tower (`eyes.py`); this file is for training and for others."""
# ruff: noqa: TID253, E402 - classes of torch modules need torch when the file is read; nothing light imports this file

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from mmsearch.models import builtin, picture_classifier
from mmsearch.models.libraries import mend_torchvision

mend_torchvision()
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import InputModule

WIDTHS = (64, 128, 256, 384)  # channels at an eighth, ... of the picture's side; see `Tower`
DEPTHS = (1, 2, 2, 1)  # residual blocks at each width
TEXT_SIZE = 384  # of all-MiniLM-L6-v2
# Channel statistics with which pictures are standardised; round numbers, not measured on anybody's pictures.
MEAN, SPREAD = 0.5, 0.25
HIDDEN = 512
GAIN = 16.0  # brings unit vectors to the size that a linear layer's usual start expects


def convolution(inside: int, outside: int, stride: int = 1, folded: bool = False) -> nn.Sequential:
    """A 3x3 convolution with its normalisation; `folded`: the normalisation has become the convolution's bias."""
    if folded:
        return nn.Sequential(nn.Conv2d(inside, outside, 3, stride, 1))
    return nn.Sequential(nn.Conv2d(inside, outside, 3, stride, 1, bias=False), nn.BatchNorm2d(outside))


class Block(nn.Module):
    """Two convolutions beside a shortcut."""

    def __init__(self, width: int, folded: bool = False) -> None:
        super().__init__()
        self.first, self.second = (convolution(width, width, 1, folded) for _ in range(2))
        if not folded:
            scale = self.second[1].weight
            assert isinstance(scale, torch.Tensor)
            nn.init.zeros_(scale)  # begins as the identity: steadier at the start

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float (n, width, h, w) to the same."""
        return functional.relu(x + self.second(functional.relu(self.first(x))))


class PictureTower(nn.Module):
    """uint8 or float pixels (n, 3, h, w), 0 to 255, to a text-space vector (n, 384) and a likeness (n, 640)."""

    def __init__(self, folded: bool = False) -> None:
        super().__init__()
        self.stem = nn.Sequential(convolution(3, 32, 2, folded), nn.ReLU())
        stages, before = [], 32
        for width, depth in zip(WIDTHS, DEPTHS, strict=True):
            blocks = [Block(width, folded) for _ in range(depth)]
            stages.append(nn.Sequential(convolution(before, width, 2, folded), nn.ReLU(), *blocks))
            before = width
        self.stages = nn.ModuleList(stages)
        pooled = before + WIDTHS[-2]
        self.project = nn.Sequential(nn.Linear(pooled, HIDDEN), nn.GELU(), nn.Linear(HIDDEN, TEXT_SIZE))

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Both outputs have unit length; the likeness is the pooled features of the last two stages, unprojected."""
        x = self.stem((pixels.float() / 255 - MEAN) / SPREAD)
        pooled = []
        for stage in self.stages:
            x = stage(x)
            pooled.append(x.float().mean((2, 3)))
        # Each stage has equal weight in the likeness; less its own mean, or all pictures look alike: none is < 0.
        parts = [functional.normalize(part - part.mean(1, keepdim=True), dim=1) for part in pooled[-2:]]
        likeness = torch.cat(parts, 1) / len(parts) ** 0.5
        return functional.normalize(self.project(likeness * GAIN), dim=1), likeness


def fold(tower: PictureTower) -> PictureTower:
    """The same function with every normalisation folded into the convolution before it."""
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
    """A folded tower's weights in float16 as safetensors."""
    from safetensors.torch import save_file

    save_file({name: value.half().contiguous() for name, value in tower.state_dict().items()}, path)


def load(path: Path) -> PictureTower:
    """A folded tower with saved weights, in float32, ready for use."""
    from safetensors.torch import load_file

    tower = PictureTower(folded=True)
    tower.load_state_dict({name: value.float() for name, value in load_file(path).items()})
    return tower.eval()


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
