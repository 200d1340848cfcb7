"""What the vectors of the image encoder mean in words: queries for them, and the labels that they show.

A vector is a kind of picture and, for photographs, a mean of the embeddings of class names, weighed by how likely each
class is (`image_heads.py`). So the likeliest classes are told from the vector alone, by a decomposition into few
class embeddings with weights above 0, and an index holds nothing beside it.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mmsearch.models.images import image_weights
from mmsearch.models.media.picture_classifier import phrases_in, plain_words

if TYPE_CHECKING:
    from collections.abc import Sequence


class Scale(NamedTuple):
    """Cosines in a text space. Of a text and a picture: the one that counts for nothing (19 of 20 false pairs have
    less), and the one that is half a certainty, of objects and of kinds of pictures, to which cosines are larger. Of a
    text and the names that the encoder knows: the one below which it knows nothing of the text, and the one from which
    on it knows enough. Chosen on half of the captions and descriptions that `benchmarks/RESULTS.md` names."""

    nothing: float
    half: float
    half_kind: float
    unknown: float
    known: float


SCALES = {"minilm": Scale(0.10, 0.25, 0.40, 0.22, 0.34), "e5": Scale(0.07, 0.18, 0.34, 0.185, 0.295)}
NEAREST = 5  # names by which it is told whether the encoder knows a text
PHOTO_KINDS = frozenset({"photo", "drawing"})  # labels of kinds that say little of what is in a picture
OBJECT_KINDS = frozenset({"photo"})  # kinds of pictures, in words, whose objects are named
ATOMS, MOST_OBJECTS = 12, 4  # classes that a vector is decomposed into, and that are shown, at most
RIDGE = 1e-4  # keeps two classes of nearly the same name apart
LEAST_SHARE = 0.2  # of the weights, of a class that is shown


@lru_cache(maxsize=4)
def _common(text_space: str) -> np.ndarray:
    """What all texts share, float32 (dimension,) of length 1."""
    (common,) = image_weights.tensors(text_space, "common")
    vector = common.astype(np.float32)
    return np.asarray(vector / np.linalg.norm(vector), np.float32)


def as_query(text_space: str, vector: np.ndarray) -> np.ndarray:
    """The embedding of a text, a unit vector, as a query for pictures: without what all texts share."""
    common = _common(text_space)
    rest = vector - (vector @ common) * common
    return np.asarray(rest / max(float(np.linalg.norm(rest)), 1e-9), np.float32)


@lru_cache(maxsize=1)
def _kinds() -> dict[tuple[str, ...], tuple[str, str]]:
    """By the plain words of a phrase that names a kind of picture: the phrase, and the broadest kind that it is of."""
    known = json.loads((image_weights.folder() / "phrases.json").read_text("utf-8"))
    return {plain_words(phrase): (phrase, kind) for phrase, kind in known.items()}


def named_drawing(text: str) -> str | None:
    """The kinds of picture other than photographs that a text names, to be embedded in its place; None where it names
    none."""
    drawn = [phrase for phrase, kind in phrases_in(text, _kinds()) if kind not in PHOTO_KINDS]
    return ", ".join(dict.fromkeys(drawn)) or None


class Label(NamedTuple):
    """A kind of picture in words, and the broadest kind that it is of (its own name, for those)."""

    name: str
    kind: str


class PictureLabels:
    """What pictures show, by their vectors in one text space."""

    def __init__(
        self,
        labels: Sequence[Label],
        vectors: np.ndarray,
        thresholds: np.ndarray,
        objects: np.ndarray,
        scale: Scale = SCALES["minilm"],
    ) -> None:
        self.labels = labels
        self.vectors, self.thresholds = vectors, thresholds  # float32 (labels, dimension) and (labels,)
        self.objects = objects  # float32 (classes, dimension), unit rows
        self.scale = scale

    def coverage(self, query: np.ndarray) -> float:
        """How much of a query, float32 (dimension,) of length 1, the encoder can have seen, 0 to 1: by how near the
        nearest names of its classes and kinds are to it."""
        near = np.concatenate([self.objects @ query, self.vectors @ query])
        best = float(np.partition(near, -NEAREST)[-NEAREST:].mean())
        unknown, known = self.scale.unknown, self.scale.known
        return min(max((best - unknown) / (known - unknown), 0.0), 1.0)

    def of(self, vector: np.ndarray) -> tuple[str, ...]:
        """The kind of picture, a closer kind, and objects of a photograph, each where it is likely enough. `vector` is
        float32 (dimension,) of length 1."""
        kinds = self.kinds(vector)
        if kinds and kinds[0] not in OBJECT_KINDS:
            return kinds
        return (*kinds, *self.seen_objects(vector))

    def kinds(self, vector: np.ndarray) -> tuple[str, ...]:
        """The likeliest broad kind, and the likeliest closer one of it unless objects say more."""
        above = self.vectors @ vector - self.thresholds
        broad = [i for i, label in enumerate(self.labels) if label.name == label.kind and above[i] >= 0]
        if not broad:
            return ()
        kind = self.labels[max(broad, key=lambda i: above[i])].kind
        if kind in OBJECT_KINDS:
            return (kind,)
        close = [i for i, label in enumerate(self.labels) if label.kind == kind != label.name and above[i] >= 0]
        closer = [self.labels[max(close, key=lambda i: above[i])].name] if close else []
        return (kind, *closer)

    def seen_objects(self, vector: np.ndarray) -> tuple[str, ...]:
        """Names of the likeliest classes, likeliest first."""
        names = image_weights.class_names()
        found = decomposed(vector, self.objects, ATOMS)
        whole = sum(weight for _, weight in found) or 1.0
        likely = [(weight / whole, number) for number, weight in found if weight / whole >= LEAST_SHARE]
        return tuple(names[number] for _, number in sorted(likely, reverse=True)[:MOST_OBJECTS])


def decomposed(vector: np.ndarray, atoms: np.ndarray, most: int) -> list[tuple[int, float]]:
    """The vector as a sum of few rows of `atoms` with weights above 0: (row, weight). Rows are taken one after the
    other, the one that is nearest to what is not explained yet, and all weights are fitted anew."""
    chosen: list[int] = []
    weights = np.zeros(0)
    rest = vector
    for _ in range(most):
        near = atoms @ rest
        near[chosen] = -1.0
        best = int(near.argmax())
        if near[best] <= 0:
            break
        chosen.append(best)
        rows = atoms[chosen]
        weights = np.linalg.solve(rows @ rows.T + RIDGE * np.eye(len(rows)), rows @ vector)
        kept = weights > 0
        chosen = [row for row, good in zip(chosen, kept, strict=True) if good]
        weights = weights[kept]
        rest = vector - weights @ atoms[chosen]
    return [(row, float(weight)) for row, weight in zip(chosen, weights, strict=True)]


@lru_cache(maxsize=4)
def labels_for(text_space: str) -> PictureLabels:
    """The labels of a text space of `image_weights.SPACES`."""
    from safetensors.numpy import load_file

    folder = image_weights.folder()
    labels = [Label(*pair) for pair in json.loads((folder / "labels.json").read_text("utf-8"))]
    stored = load_file(folder / f"labels-{text_space}.safetensors")
    (objects,) = image_weights.tensors(text_space, "objects")
    common = _common(text_space)
    rows = objects.astype(np.float32)
    rows -= np.outer(rows @ common, common)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return PictureLabels(
        labels, stored["labels"].astype(np.float32), stored["thresholds"].astype(np.float32), rows, SCALES[text_space]
    )
