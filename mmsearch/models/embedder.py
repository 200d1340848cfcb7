"""The interface of an embedder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from mmsearch.models.device import Precision
from mmsearch.types import View

if TYPE_CHECKING:
    import numpy as np

Role = Literal["document", "query"]


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """A part of a video: `frames` uint8 (frames, height, width, 3) RGB, evenly spaced over its `seconds`."""

    frames: np.ndarray
    seconds: float


class TitledText(str):
    """A text with the title of its file, for a model whose document prompt has a place for one."""

    file_title: str

    def __new__(cls, text: str, title: str) -> TitledText:
        found = super().__new__(cls, text)
        found.file_title = title
        return found


@dataclass(slots=True)
class Throughput:
    """Seconds in which a model's inputs were prepared, and in which its device was busy, summed over all threads."""

    prepared_s: float = 0.0
    computed_s: float = 0.0


class Embedder(Protocol):
    """A model that embeds texts, pictures, sound or video in one space.

    `views` are those it can embed; `dimension` is that of its vectors; `max_tokens` the length of the longest text that
    it embeds whole, special tokens and prompt included. `embeds_pairs` is whether it takes a text and a picture as one
    input, `takes_instruction` whether queries can carry one. `throughput` grows as the model computes.

    Several threads may call `embed` at once: the device computes one batch after the other while others are prepared.
    """

    name: str
    views: frozenset[View]
    dimension: int
    max_tokens: int
    embeds_pairs: bool
    takes_instruction: bool
    model: Any  # the library's own object, for the exporter

    @property
    def precision(self) -> Precision:
        """The device and the number format in use, with the reason."""

    @property
    def throughput(self) -> Throughput:
        """The time that the model has used so far."""

    def fingerprint(self) -> dict[str, dict[str, Any]]:
        """The facts that make vectors comparable, by view: hub id, commit or hash of the weights, dimension, prompts,
        pooling, preprocessing limits. JSON values only. dtype and device are not part of it.

        `limits` are `{"max_tokens"}` of a text, `{"max_pixels"}` (and `"min_pixels"`) of a picture, `{"rate",
        "seconds"}` of a sound in Hz and its longest duration, `{"frames", "max_pixels"}` of a video, per frame."""

    def describe_precision(self) -> str:
        """`precision` as a sentence; empty where there was no choice."""

    def split_text(self, text: str) -> list[str]:
        """The text itself if it is within `max_tokens`, else consecutive parts that are, split at ends of sentences or
        words. No part is empty; a blank text has no parts."""

    def embed(
        self, view: View, items: Sequence[Any], role: Role = "document", instruction: str | None = None
    ) -> np.ndarray:
        """Unit vectors, float32 (n, dimension), in the order of the items.

        Items: `str` for text (`TitledText` where its file has a title), uint8 (height, width, 3) RGB for image, float32
        (samples,) mono at the rate of the limits for audio, `Clip` for video. Texts beyond `max_tokens` and sounds
        beyond the limit are truncated: see `split_text`. Raises `UsageError` for a view that the model does not have
        and for an instruction where it takes none, `ExtractionError` (memory) where one item alone does not fit the
        device.
        """

    def embed_pair(
        self, text: str, image: np.ndarray, role: Role = "query", instruction: str | None = None
    ) -> np.ndarray:
        """The unit vector, float32 (dimension,), of a text and a picture, uint8 (height, width, 3) RGB, as one input.
        Raises `UsageError` unless the model `embeds_pairs`."""
