"""Ranking files and texts that belong to no index: a reranker judges each, or an embedder compares each.

A file scores as its best place does. A reranker's score is the model's, 0..1 (see `models/reranker.py`). An embedder's
is the cosine of query and place, 0 where it is below: without an index there is no background to read it against, so it
tells an order, and how far apart two things of the same kind are. Cosines of texts and of pictures don't compare.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mmsearch.errors import ExtractionError, UsageError
from mmsearch.models.reranker import Candidate, Reranker, restrict_views
from mmsearch.retrieval.ad_hoc_embedding import AdHocInput, Embedded, Embedding, InputSegment, SkippedFile, segments_of
from mmsearch.retrieval.ad_hoc_files import Files
from mmsearch.retrieval.rerank_media import needs_of, with_image
from mmsearch.types import Kind, Locator, View

if TYPE_CHECKING:
    from mmsearch.models.embedder import Embedder

AT_ONCE = 16  # pieces whose pictures are held in memory
QUERY_VIEWS = (
    View.VIDEO,
    View.IMAGE,
    View.AUDIO,
    View.TEXT,
)  # what of a file as a query is compared: its first of these


@dataclass(frozen=True, slots=True)
class RankedInput:
    """A thing with the score of its best place."""

    thing: int
    score: float
    kind: Kind
    view: str
    locator: Locator
    words: str


@dataclass(slots=True)
class InputRanking:
    """Things, best first, each once; what went wrong with others; and what there is to say."""

    ranked: list[RankedInput] = field(default_factory=list)
    troubles: list[SkippedFile] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def settle(self, places: Sequence[RankedInput]) -> None:
        """Keep the best place of each thing; what ties stands as it was named."""
        best: dict[int, RankedInput] = {}
        for one in places:
            if one.thing not in best or one.score > best[one.thing].score:
                best[one.thing] = one
        self.ranked = sorted(best.values(), key=lambda one: (-one.score, one.thing))


def reranked(
    reranker: Reranker, query: AdHocInput, things: Sequence[AdHocInput], instruction: str | None, ocr: str
) -> InputRanking:
    """Things as a reranker judges them. Words in pictures are read for a model that can't see. Raises `UsageError` for
    a query that the model can't take, and for an instruction where it takes none."""
    if instruction and not reranker.takes_instruction:
        raise UsageError(f"{reranker.name} takes no instruction.", "Leave out --instruct.")
    ranking, places = InputRanking(), list[RankedInput]()
    reads = "never" if View.IMAGE in reranker.views else ocr
    with Files() as files:
        asked = Candidate()
        for piece in segments_of(files, [query], lambda kind: needs_of(kind, reranker, reads)):
            if isinstance(piece, SkippedFile):
                raise UsageError(piece.sentence, "Ask by another file, or by words.")
            asked = _candidate(piece, reranker.query_views)
            break
        waiting: list[InputSegment] = []
        for one in segments_of(files, things, lambda kind: needs_of(kind, reranker, reads)):
            if isinstance(one, SkippedFile):
                ranking.troubles.append(one)
                continue
            waiting.append(one)
            if len(waiting) == AT_ONCE:
                places += _scored(reranker, asked, waiting, instruction)
                waiting = []
        places += _scored(reranker, asked, waiting, instruction)
    ranking.settle(places)
    known = {one.thing for one in ranking.ranked} | {one.thing for one in ranking.troubles}
    for number, thing in enumerate(things):
        if number not in known:
            sentence = f"There is nothing in {thing.shown!r} that {reranker.name} could judge."
            ranking.troubles.append(SkippedFile(number, sentence))
    return ranking


def _candidate(piece: InputSegment, views: frozenset[View]) -> Candidate:
    return restrict_views(with_image(Candidate(piece.words), piece.extracted, views), views)


def _scored(
    reranker: Reranker, asked: Candidate, pieces: Sequence[InputSegment], instruction: str | None
) -> list[RankedInput]:
    pairs = [(piece, _candidate(piece, reranker.views)) for piece in pieces]
    pairs = [(piece, candidate) for piece, candidate in pairs if candidate.views]
    if not pairs:
        return []
    try:
        scores = reranker.score(asked, [candidate for _, candidate in pairs], instruction).tolist()
    except ExtractionError:
        if len(pairs) == 1:
            return []
        return [one for piece, _ in pairs for one in _scored(reranker, asked, [piece], instruction)]
    return [
        RankedInput(piece.thing, score, piece.kind, "rerank", piece.extracted.segment.locator, piece.words)
        for (piece, _), score in zip(pairs, scores, strict=True)
    ]


def ranked_by_embedding(
    embedder: Embedder,
    views: frozenset[View] | None,
    query: AdHocInput,
    things: Sequence[AdHocInput],
    instruction: str | None,
    ocr: str,
) -> InputRanking:
    """Things by their cosine to the query. Raises `UsageError` for a query that the model can't take, and for an
    instruction where it takes none."""
    ranking, embedding = InputRanking(), Embedding(embedder, views, ocr)
    with Files() as files:
        asked = None
        # A query is embedded by all views of its model, also where the things are limited to some.
        for one in Embedding(embedder, None, ocr).embed(files, [query], "query", instruction):
            if isinstance(one, SkippedFile):
                raise UsageError(one.sentence, "Ask by another file, or by words.")
            if asked is None or QUERY_VIEWS.index(one.view) < QUERY_VIEWS.index(asked.view):
                asked = one
        assert asked is not None
        places, seen = list[RankedInput](), set[bool]()
        for one in embedding.embed(files, things):
            if isinstance(one, SkippedFile):
                ranking.troubles.append(one)
                continue
            seen.add(one.view is View.TEXT)
            places.append(_compared(asked, one))
    ranking.settle(places)
    if len(seen) > 1:
        ranking.notes.append("Some were compared by their words, some by their looks: their scores don't compare well.")
    return ranking


def _compared(asked: Embedded, one: Embedded) -> RankedInput:
    cosine = float(asked.vector @ one.vector)
    return RankedInput(one.thing, min(max(cosine, 0.0), 1.0), one.kind, str(one.view), one.locator, one.words)
