"""What an embedder is to the rest of the program."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Protocol

import numpy as np

from mmsearch.types import View

Role = Literal["document", "query"]


class Embedder(Protocol):
    """A model that puts texts, pictures, sound or video into one space.

    `views` are those it can embed; `dimension` is that of its vectors; `max_tokens` the longest text it reads in one
    piece, special tokens and prompt included.
    """

    name: str
    views: frozenset[View]
    dimension: int
    max_tokens: int
    model: Any  # the library's own object, for the exporter

    def fingerprint(self) -> dict[str, dict[str, Any]]:
        """What makes vectors comparable, by view: hub id, commit or hash of the weights, dimension, prompts, pooling,
        preprocessing limits. JSON values only. dtype and device are not part of it."""

    def choice(self) -> str:
        """The device and precision in use, with the reason, as a sentence."""

    def part_texts(self, text: str) -> list[str]:
        """The text itself if the model can read it whole, else consecutive parts that it can, cut where sentences or
        words end. Never empty strings: no parts for a blank text."""

    def embed(self, view: View, items: Sequence[Any], role: Role = "document") -> np.ndarray:
        """Unit vectors, float32 (n, dimension), in the order of the items.

        Items: `str` for text. Texts beyond `max_tokens` are cut: see `part_texts`.
        Raises `UsageError` for a view that the model does not have, `ExtractionError("memory", ...)` where one item
        alone does not fit the device.
        """
