"""The interface of a reranker."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from mmsearch.models.embedder import Clip
from mmsearch.types import View


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A query or a candidate: a text, a picture uint8 (height, width, 3) RGB, the frames of a part of a video.

    Where several are given they are views of the same segment.
    """

    text: str = ""
    image: np.ndarray | None = None
    frames: Clip | None = None

    @property
    def views(self) -> frozenset[View]:
        """The views that are given."""
        given = {View.TEXT: self.text.strip(), View.IMAGE: self.image is not None, View.VIDEO: self.frames is not None}
        return frozenset(view for view, present in given.items() if present)


class Reranker(Protocol):
    """A model that takes a query and a candidate together and scores how well the candidate answers the query.

    `views` are those that it takes of a candidate, `query_views` those of a query; `max_pixels` of a picture, `frames`
    of a video and `frame_pixels` of each frame are the largest numbers that it uses (0: none).
    """

    name: str
    views: frozenset[View]
    query_views: frozenset[View]
    max_pixels: int
    frames: int
    frame_pixels: int

    @property
    def takes_instruction(self) -> bool:
        """Whether an instruction changes the scores. Runs the model the first time."""

    def describe_precision(self) -> str:
        """The device and the precision in use, with the reason, as a sentence."""

    def score(self, query: Candidate, candidates: Sequence[Candidate], instruction: str | None = None) -> np.ndarray:
        """Scores float32 (n,) in 0..1, higher is better, in the order of the candidates.

        Views that the model does not take are ignored. Raises `UsageError` where no view is left of the query or of a
        candidate, `ExtractionError` (memory) where one pair alone does not fit the device.
        """


def restrict_views(candidate: Candidate, views: frozenset[View]) -> Candidate:
    """A candidate with these views only."""
    return replace(
        candidate,
        text=candidate.text if View.TEXT in views else "",
        image=candidate.image if View.IMAGE in views else None,
        frames=candidate.frames if View.VIDEO in views else None,
    )
