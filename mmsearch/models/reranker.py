"""What a reranker is to the rest of the program."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from mmsearch.models.embedder import Clip
from mmsearch.types import View


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A query, or what may answer it: words, a picture uint8 (height, width, 3) RGB, the frames of a stretch of film.
    Several of them together are one thing seen in several ways."""

    text: str = ""
    image: np.ndarray | None = None
    frames: Clip | None = None

    @property
    def views(self) -> frozenset[View]:
        """What there is of it."""
        held = {View.TEXT: self.text.strip(), View.IMAGE: self.image is not None, View.VIDEO: self.frames is not None}
        return frozenset(view for view, there in held.items() if there)


class Reranker(Protocol):
    """A model that looks at a query and a candidate together and says how well the one answers the other.

    `views` are those it can look at in a candidate, `query_views` those in a query; `max_pixels` of a picture, `frames`
    of a film and `frame_pixels` of each are as many as it makes use of (0: none).
    """

    name: str
    views: frozenset[View]
    query_views: frozenset[View]
    max_pixels: int
    frames: int
    frame_pixels: int

    @property
    def takes_instruction(self) -> bool:
        """Whether `score` heeds one. Asks the model the first time."""

    def choice(self) -> str:
        """The device and precision in use, with the reason, as a sentence."""

    def score(self, query: Candidate, candidates: Sequence[Candidate], instruction: str | None = None) -> np.ndarray:
        """How well each candidate answers, float32 (n,) in 0..1, higher is better, in the order of the candidates.

        What a candidate has beyond the model's views is not looked at. Raises `UsageError` where nothing is left of the
        query or of a candidate, `ExtractionError` (memory) where one pair alone does not fit the device.
        """


def visible(candidate: Candidate, views: frozenset[View]) -> Candidate:
    """What of a candidate a model with these views can look at."""
    return replace(
        candidate,
        text=candidate.text if View.TEXT in views else "",
        image=candidate.image if View.IMAGE in views else None,
        frames=candidate.frames if View.VIDEO in views else None,
    )
