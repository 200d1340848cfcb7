"""What an embedder is to the rest of the program."""

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
    """A stretch of film: `frames` uint8 (frames, height, width, 3) RGB, evenly spaced over its `seconds`."""

    frames: np.ndarray
    seconds: float


@dataclass(slots=True)
class Throughput:
    """The seconds that a model's inputs took to be prepared, and that its device was busy, summed over all threads."""

    prepared_s: float = 0.0
    computed_s: float = 0.0


class Embedder(Protocol):
    """A model that puts texts, pictures, sound or video into one space.

    `views` are those it can embed; `dimension` is that of its vectors; `max_tokens` the longest text it reads in one
    piece, special tokens and prompt included. `fuses` says whether it takes a text and a picture as one input,
    `takes_instruction` whether queries can carry one. `precision` is what it computes in, and `pace` grows as it does.

    Several threads may call `embed` at once: the device serves one after the other while the others prepare.
    """

    name: str
    views: frozenset[View]
    dimension: int
    max_tokens: int
    fuses: bool
    takes_instruction: bool
    model: Any  # the library's own object, for the exporter

    @property
    def precision(self) -> Precision:
        """The device and the number format in use, with the reason."""

    @property
    def pace(self) -> Throughput:
        """What the model has done so far."""

    def fingerprint(self) -> dict[str, dict[str, Any]]:
        """What makes vectors comparable, by view: hub id, commit or hash of the weights, dimension, prompts, pooling,
        preprocessing limits. JSON values only. dtype and device are not part of it.

        `limits` are `{"max_tokens"}` of a text, `{"max_pixels"}` (and `"min_pixels"`) of a picture, `{"rate",
        "seconds"}` of a sound in Hz and at most so long, `{"frames", "max_pixels"}` of a video, per frame."""

    def choice(self) -> str:
        """The same as `precision`, as a sentence; empty where there was nothing to choose."""

    def part_texts(self, text: str) -> list[str]:
        """The text itself if the model can read it whole, else consecutive parts that it can, cut where sentences or
        words end. Never empty strings: no parts for a blank text."""

    def embed(
        self, view: View, items: Sequence[Any], role: Role = "document", instruction: str | None = None
    ) -> np.ndarray:
        """Unit vectors, float32 (n, dimension), in the order of the items.

        Items: `str` for text, uint8 (height, width, 3) RGB for image, float32 (samples,) mono at the rate of the limits
        for audio, `Clip` for video. Texts beyond `max_tokens` and sounds beyond the limit are cut: see `part_texts`.
        Raises `UsageError` for a view that the model does not have and for an instruction where it takes none,
        `ExtractionError` (memory) where one item alone does not fit the device.
        """

    def fused(self, text: str, image: np.ndarray, role: Role = "query", instruction: str | None = None) -> np.ndarray:
        """The unit vector, float32 (dimension,), of a text and a picture as one input, uint8 (height, width, 3) RGB.
        Raises `UsageError` unless the model `fuses`."""
