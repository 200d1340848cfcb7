"""Ranking files and texts that belong to no index, by a reranker or by an embedder.

The score of a file is that of its best segment. A reranker's score is the model's, 0..1 (see `models/reranker.py`). An
embedder's score is the cosine of query and segment, at least 0. Without an index there is no background sample to
calibrate it, so it orders inputs of one kind; cosines of texts and cosines of images are not comparable.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mmsearch.errors import ExtractionError, UsageError
from mmsearch.models.reranker import Candidate, Reranker, restrict_views
from mmsearch.retrieval.ad_hoc.ad_hoc_embedding import (
    AdHocInput,
    Embedded,
    Embedding,
    InputSegment,
    SkippedFile,
    segments_of,
)
from mmsearch.retrieval.model_reranking import needs_of, with_image
from mmsearch.retrieval.queries.ad_hoc_files import Files
from mmsearch.types import Kind, Locator, View

if TYPE_CHECKING:
    from mmsearch.models.embedder import Embedder

AT_ONCE = 16  # segments whose media are held in memory
QUERY_VIEWS = (View.VIDEO, View.IMAGE, View.AUDIO, View.TEXT)  # a query file is compared by the first that it has


@dataclass(frozen=True, slots=True)
class RankedInput:
    """The input with this index, with the score, view and place of its best segment."""

    input_index: int
    score: float
    kind: Kind
    view: str
    locator: Locator
    words: str


@dataclass(slots=True)
class InputRanking:
    """Inputs, best first, each once; those that were skipped; and notes."""

    ranked: list[RankedInput] = field(default_factory=list)
    skipped: list[SkippedFile] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def keep_best(self, places: Sequence[RankedInput]) -> None:
        """Keep the best place of each input; ties stay in the order of the inputs."""
        best: dict[int, RankedInput] = {}
        for one in places:
            if one.input_index not in best or one.score > best[one.input_index].score:
                best[one.input_index] = one
        self.ranked = sorted(best.values(), key=lambda one: (-one.score, one.input_index))


def reranked(
    reranker: Reranker, query: AdHocInput, inputs: Sequence[AdHocInput], instruction: str | None, ocr: str
) -> InputRanking:
    """Rank inputs by a reranker. OCR reads images for a model that takes text only. Raises `UsageError` for a query
    that the model can't take, and for an instruction where it takes none."""
    if instruction and not reranker.takes_instruction:
        raise UsageError(f"{reranker.name} takes no instruction.", "Leave out --instruct.")
    ranking, places = InputRanking(), list[RankedInput]()
    reads = "never" if View.IMAGE in reranker.views else ocr
    with Files() as files:
        query_candidate = Candidate()
        for segment in segments_of(files, [query], lambda kind: needs_of(kind, reranker, reads)):
            if isinstance(segment, SkippedFile):
                raise UsageError(segment.sentence, "Ask by another file, or by words.")
            query_candidate = _candidate(segment, reranker.query_views)
            break
        waiting: list[InputSegment] = []
        for one in segments_of(files, inputs, lambda kind: needs_of(kind, reranker, reads)):
            if isinstance(one, SkippedFile):
                ranking.skipped.append(one)
                continue
            waiting.append(one)
            if len(waiting) == AT_ONCE:
                places += _scored(reranker, query_candidate, waiting, instruction)
                waiting = []
        places += _scored(reranker, query_candidate, waiting, instruction)
    ranking.keep_best(places)
    known = {one.input_index for one in ranking.ranked} | {one.input_index for one in ranking.skipped}
    for number, item in enumerate(inputs):
        if number not in known:
            sentence = f"There is nothing in {item.shown!r} that {reranker.name} could judge."
            ranking.skipped.append(SkippedFile(number, sentence))
    return ranking


def _candidate(segment: InputSegment, views: frozenset[View]) -> Candidate:
    return restrict_views(with_image(Candidate(segment.words), segment.extracted, views), views)


def _scored(
    reranker: Reranker, query_candidate: Candidate, segments: Sequence[InputSegment], instruction: str | None
) -> list[RankedInput]:
    pairs = [(segment, _candidate(segment, reranker.views)) for segment in segments]
    pairs = [(segment, candidate) for segment, candidate in pairs if candidate.views]
    if not pairs:
        return []
    try:
        scores = reranker.score(query_candidate, [candidate for _, candidate in pairs], instruction).tolist()
    except ExtractionError:
        if len(pairs) == 1:
            return []
        return [one for segment, _ in pairs for one in _scored(reranker, query_candidate, [segment], instruction)]
    return [
        RankedInput(
            segment.input_index, score, segment.kind, "rerank", segment.extracted.segment.locator, segment.words
        )
        for (segment, _), score in zip(pairs, scores, strict=True)
    ]


def ranked_by_embedding(
    embedder: Embedder,
    views: frozenset[View] | None,
    query: AdHocInput,
    inputs: Sequence[AdHocInput],
    instruction: str | None,
    ocr: str,
) -> InputRanking:
    """Rank inputs by their cosine to the query. Raises `UsageError` for a query that the model can't take, and for an
    instruction where it takes none."""
    ranking, embedding = InputRanking(), Embedding(embedder, views, ocr)
    with Files() as files:
        query_candidate = None
        # A query is embedded by all views of its model, also where the inputs are limited to some.
        for one in Embedding(embedder, None, ocr).embed(files, [query], "query", instruction):
            if isinstance(one, SkippedFile):
                raise UsageError(one.sentence, "Ask by another file, or by words.")
            if query_candidate is None or QUERY_VIEWS.index(one.view) < QUERY_VIEWS.index(query_candidate.view):
                query_candidate = one
        assert query_candidate is not None
        places, seen = list[RankedInput](), set[bool]()
        for one in embedding.embed(files, inputs):
            if isinstance(one, SkippedFile):
                ranking.skipped.append(one)
                continue
            seen.add(one.view is View.TEXT)
            places.append(_compared(query_candidate, one))
    ranking.keep_best(places)
    if len(seen) > 1:
        ranking.notes.append("Some were compared by their words, some by their images: these scores don't compare.")
    return ranking


def _compared(query_candidate: Embedded, one: Embedded) -> RankedInput:
    cosine = float(query_candidate.vector @ one.vector)
    return RankedInput(one.input_index, min(max(cosine, 0.0), 1.0), one.kind, str(one.view), one.locator, one.words)
