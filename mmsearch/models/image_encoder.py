"""The image encoder: pictures into a text space, into likeness vectors, and into ImageNet's classes, by ONNX Runtime.

The backbone's weights come in an installed package, the heads with this program; `build` joins them into one ONNX file.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

from mmsearch.models.picture_classifier import fit

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

# Height and width that a picture is fitted to, by its proportions: about 260 x 260 pixels each, so that wide and tall
# pictures keep their detail; multiples of 32, as the backbone's strides ask. Pictures are stretched, never padded.
SHAPES: tuple[tuple[int, int], ...] = (
    (256, 256), (224, 288), (288, 224), (192, 352), (352, 192), (128, 512), (512, 128),
)  # fmt: skip
SPACES = ("minilm", "e5")  # text spaces that there are heads for
BATCH = 8  # pictures of one shape a run


class ImageEncoder:
    """Runs the file that `build` wrote."""

    def __init__(self, file: Path, threads: int = 1) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        self.session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
        self.sizes = tuple(output.shape[1] for output in self.session.get_outputs())

    def embed(self, pictures: Sequence[np.ndarray]) -> tuple[np.ndarray, ...]:
        """One array for each output of the file, in its order, rows as the pictures: float32 (n, columns).

        Pictures are uint8 (height, width, 3) of any size. The outputs are unit vectors in the text space, unit
        likeness vectors, and the probabilities of ImageNet's classes.
        """
        found = tuple(np.zeros((len(pictures), size), np.float32) for size in self.sizes)
        shapes = np.array([nearest_shape(*picture.shape[:2]) for picture in pictures], int)
        for shape, size in enumerate(SHAPES):
            rows = np.flatnonzero(shapes == shape)
            for start in range(0, len(rows), BATCH):
                some = rows[start : start + BATCH]
                pixels = np.stack([fit(pictures[row], size) for row in some])
                for array, part in zip(found, self.session.run(None, {"pixels": pixels}), strict=True):
                    array[some] = part
        return found


def nearest_shape(height: int, width: int) -> int:
    """Index of the shape with the nearest proportions."""
    wanted = np.log(max(width, 1) / max(height, 1))
    return int(np.argmin([abs(np.log(w / h) - wanted) for h, w in SHAPES]))


def folder() -> Path:
    """Where the shipped heads and names are."""
    from pathlib import Path

    return Path(__file__).parent / "image_encoder_weights"


def class_names() -> list[str]:
    """English names of ImageNet's 1,000 classes, in the order of the backbone's outputs."""
    names = json.loads((folder() / "classes.json").read_text("utf-8"))
    return [str(name) for name in names]


def build(file: Path, space: str = "minilm") -> None:
    """Write the encoder for a text space of `SPACES`: about 30 MB.

    Raises `ModelUnavailable` where the backbone's package is missing or holds other weights.
    """
    from mmsearch.models import efficientnet, image_heads

    network = efficientnet.load(efficientnet.locate())
    heads = image_heads.load(folder() / f"heads-{space}.safetensors")
    image_heads.write_onnx(network, heads, file)
