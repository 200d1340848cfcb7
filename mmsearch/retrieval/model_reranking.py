"""Reranking by a model: it scores the best places of a query by their words, from the index, and by their images and
frames, which are decoded again from the files on disk in the sizes that the model takes.

Places are scored best first, as many as the time limit allows. The scores of the model replace those of the places that
it scored, and reorder these among the ranks that they hold. All others keep their ranks: those beyond `--rerank-top`,
those that the time limit excludes or that the model can't take (a photo without words for a text-only model), and those
found by the very name or number that was typed, which a model does not know.
"""

from __future__ import annotations

import contextlib
import functools
import os
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from mmsearch.errors import ExtractionError, FailureCode, UsageError
from mmsearch.filestat import stat_values
from mmsearch.models.embedder import Clip
from mmsearch.models.model_options import ModelOptions
from mmsearch.models.reranker import Candidate, Reranker, restrict_views
from mmsearch.query import Query, RunOptions, file_paths
from mmsearch.retrieval.queries.ad_hoc_files import Files, source_of
from mmsearch.store.access import may_open
from mmsearch.store.asset_sources import asset_sources
from mmsearch.store.snapshot import Place, Snapshot
from mmsearch.types import MEDIA_VIEWS, Extracted, Kind, Needs, Probe, Source, View

AT_ONCE = 16  # places whose pictures are held in memory


@dataclass(slots=True)
class RerankScores:
    """The scores of a model, by segment id, in 0..1, and notes about them."""

    scores: dict[int, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def rerank_by_model(
    snapshot: Snapshot, text: str, query: Query, options: RunOptions, segment_ids: Sequence[int]
) -> RerankScores:
    """Score the places of these segments, which come best first. Raises `UsageError` and `ModelUnavailable` for a model
    that does not exist, is not on this machine or is no reranker; nothing is downloaded unless `options` allow it."""
    assert options.rerank is not None
    reranker = _loaded(options.rerank, _model_options(options))
    with Files() as files:
        query_candidate = _query_candidate(files, reranker, text, query)
        if not restrict_views(query_candidate, reranker.query_views).views:
            return RerankScores(notes=[f"There is nothing in the query that {reranker.name} could judge by."])
        return _Reranking(snapshot, files, reranker, query_candidate, options).rerank_by_model(segment_ids)


def _model_options(options: RunOptions) -> ModelOptions:
    from mmsearch.models.registry import resolve

    trusted = {resolve(name).source for name in options.trust_remote_code}
    return ModelOptions.of(
        device=options.device,
        dtype=options.dtype,
        trust_remote_code=bool(trusted) and resolve(options.rerank or "").source in trusted,
        allow_download=options.allow_download,
    )


@functools.lru_cache(maxsize=1)
def _loaded(name: str, options: ModelOptions) -> Reranker:
    """The reranker, loaded once per process."""
    from mmsearch.models.registry import resolve
    from mmsearch.models.rerankers import load_reranker

    return load_reranker(resolve(name), options)


def _query_candidate(files: Files, reranker: Reranker, text: str, query: Query) -> Candidate:
    """The query as the reranker sees it: its words, its first picture, its first film."""
    query_candidate = Candidate(text)
    for kind, view, paths in ((Kind.IMAGE, View.IMAGE, query.images), (Kind.VIDEO, View.VIDEO, query.videos)):
        if view in reranker.query_views:
            for path in file_paths(paths)[:1]:
                query_candidate = with_image(query_candidate, _first(files, path, kind, reranker), reranker.query_views)
    return query_candidate


def _first(files: Files, path: bytes, kind: Kind, reranker: Reranker) -> Extracted | None:
    try:
        segments = files.read(source_of(path, kind), needs_of(kind, reranker), spans=1).segments
    except ExtractionError as error:
        raise UsageError(f"{os.fsdecode(path)!r} can't be decoded: {error.sentence}", "Try another file.") from error
    return segments[0] if segments else None


def needs_of(kind: Kind, reranker: Reranker, ocr: str = "never") -> Needs:
    """What a reranker needs of a file of this kind; `ocr` is when its pages are needed for OCR as well."""
    if kind is Kind.VIDEO and reranker.frames:
        return Needs(image_pixels=reranker.frame_pixels, frames=reranker.frames, ocr=ocr)
    return Needs(image_pixels=reranker.max_pixels, ocr=ocr)


def with_image(candidate: Candidate, extracted: Extracted | None, views: frozenset[View]) -> Candidate:
    """A candidate with the media of a segment: its frames where the model takes video, else its image."""
    if extracted is None:
        return candidate
    clip, image = candidate.frames, candidate.image
    if extracted.frames is not None and View.VIDEO in views:
        place = extracted.segment.locator
        clip = Clip(extracted.frames, (place.end_s or 0.0) - (place.start_s or 0.0))
    elif extracted.image is not None and View.IMAGE in views:
        image = extracted.image
    return Candidate(candidate.text, image, clip)


class NotOpened(ExtractionError):
    """A file that an index of somebody else names and that lies elsewhere."""


class RerankMedia:
    """The images and frames of an index's segments, for one query. Segments of one span are decoded together."""

    def __init__(self, snapshot: Snapshot, files: Files, reranker: Reranker) -> None:
        self._snapshot, self._files, self._reranker = snapshot, files, reranker
        self._probes: dict[int, tuple[Source, Probe]] = {}  # by asset
        self._spans: dict[tuple[int, int], list[Extracted]] = {}  # by asset and span

    def clear(self) -> None:
        """Free the decoded media."""
        self._spans.clear()

    def of(self, place: Place) -> Extracted | None:
        """A segment decoded from its file; None where the model takes nothing of its kind. Raises `ExtractionError`:
        `vanished` for a file that is gone or changed since it was indexed, `NotOpened`, else as decoding does."""
        kind = Kind(place.kind)
        if not self._reranker.views & MEDIA_VIEWS[kind]:
            return None
        row = self._snapshot.connection.execute(
            "SELECT ordinal FROM segments WHERE id = ?", (place.segment_id,)
        ).fetchone()
        ordinal = int(row[0])
        segments = self._span(place.asset_id, ordinal >> 20, needs_of(kind, self._reranker))
        return next((one for one in segments if one.segment.ordinal == ordinal), None)

    def _span(self, asset_id: int, number: int, needs: Needs) -> list[Extracted]:
        if (asset_id, number) not in self._spans and asset_id not in self._probes:
            source = self._source(asset_id)
            opened = self._files.open(source, needs if number == 0 else Needs(ocr="never"))
            self._probes[asset_id] = source, opened.probe
            if number == 0:
                self._spans[asset_id, 0] = opened.segments
        if (asset_id, number) not in self._spans:
            source, probe = self._probes[asset_id]
            there = number < len(probe.spans)
            self._spans[asset_id, number] = self._files.span(source, probe, number, needs).segments if there else []
        return self._spans[asset_id, number]

    def _source(self, asset_id: int) -> Source:
        """A file with the content of the asset, unchanged since it was indexed. Its inode may differ: a restored
        copy."""
        elsewhere = False
        for source in asset_sources(self._snapshot.connection, self._snapshot.roots, asset_id):
            try:
                now = stat_values(os.stat(source.on_disk[0]))[:3]
            except OSError:
                continue
            if now[:2] == source.on_disk[1][:2]:
                if not may_open(self._snapshot.folder, self._snapshot.connection, source.on_disk[0]):
                    elsewhere = True
                    continue
                if source.archive:
                    return replace(source, archive=os.path.realpath(source.archive), archive_stat=now)
                return replace(source, path=os.path.realpath(source.path), stat=now, sidecars=())
        if elsewhere:
            raise NotOpened(FailureCode.PERMISSION, "The index is not yours, and the file lies elsewhere.")
        raise ExtractionError(FailureCode.VANISHED, "The file changed or went away since it was indexed.")


class _Reranking:
    """The reranking of one query."""

    def __init__(
        self, snapshot: Snapshot, files: Files, reranker: Reranker, query_candidate: Candidate, options: RunOptions
    ) -> None:
        self._snapshot, self._reranker = snapshot, reranker
        self._query_candidate, self._options = query_candidate, options
        self._media = RerankMedia(snapshot, files, reranker)
        self._problems: Counter[str] = Counter()

    def rerank_by_model(self, segment_ids: Sequence[int]) -> RerankScores:
        """Score in batches. A batch that would exceed the time limit at the rate of the batch before is not begun. The
        first batch, a single place, does not measure that rate: it includes the start of workers and model."""
        result, limit = RerankScores(), self._options.rerank_seconds
        places = self._snapshot.places(list(segment_ids))
        waiting = [places[one] for one in segment_ids if one in places]
        if waiting and limit is not None:
            with contextlib.suppress(ExtractionError):  # counted when the place is scored
                self._media.of(waiting[0])  # starts the workers
        began = time.monotonic()
        size, batches = 1 if limit is not None else AT_ONCE, 0
        while waiting:
            started = time.monotonic()
            batch, waiting = waiting[:size], waiting[size:]
            self._take(result, batch)
            batches += 1
            if limit is not None:
                left = limit - (time.monotonic() - began)
                each = (time.monotonic() - started) / len(batch)
                size = min(2 * size, AT_ONCE, int(left / max(each, 1e-6))) if batches > 1 else int(left > 0)
                if size < 1:
                    break
        if waiting:
            count = len(segment_ids) - len(waiting)
            result.notes.append(
                f"{self._reranker.name} had time for {count} of {len(segment_ids)} places; the others keep theirs."
            )
        result.notes += [f"{self._reranker.name} {problem.format(n=n)}" for problem, n in self._problems.items()]
        return result

    def _take(self, result: RerankScores, places: Sequence[Place]) -> None:
        pairs = [(place.segment_id, restrict_views(self._candidate(place), self._reranker.views)) for place in places]
        self._media.clear()
        visible = [(number, candidate) for number, candidate in pairs if candidate.views]
        if len(visible) < len(pairs):
            self._problems[_WORDLESS if self._reranker.views == {View.TEXT} else _UNSEEN] += len(pairs) - len(visible)
        if not visible:
            return
        for number, score in zip(
            [number for number, _ in visible], self._scores([one for _, one in visible]), strict=True
        ):
            if score is not None:
                result.scores[number] = score

    def _scores(self, candidates: list[Candidate]) -> list[float | None]:
        """A score for each candidate; None for one that alone is too large for the device's memory."""
        instruction = self._options.instruct if self._options.instruct and self._reranker.takes_instruction else None
        try:
            scores = self._reranker.score(self._query_candidate, candidates, instruction)
        except ExtractionError:
            if len(candidates) == 1:
                self._problems[_TOO_LARGE] += 1
                return [None]
            return [score for one in candidates for score in self._scores([one])]
        return [float(score) for score in scores]

    def _candidate(self, place: Place) -> Candidate:
        """A place's words, and its image or frames where the reranker takes them and the file is unchanged."""
        words = "\n".join(part for part in (place.text, *(cue.text for _, cue in place.read)) if part.strip())
        try:
            extracted = self._media.of(place)
        except ExtractionError as error:
            gone = error.code in (FailureCode.VANISHED, FailureCode.PERMISSION)
            self._problems[_ELSEWHERE if isinstance(error, NotOpened) else _CHANGED if gone else _BROKEN] += 1
            extracted = None
        return with_image(Candidate(words), extracted, self._reranker.views)


_WORDLESS = "could not judge {n} of them, which have no words for it; they keep their place."
_UNSEEN = "could not judge {n} of them, which show nothing that it takes; they keep their place."
_CHANGED = "judged {n} of them by their words alone: the files changed or went away since they were indexed."
_BROKEN = "judged {n} of them by their words alone: the files can't be decoded."
_ELSEWHERE = "judged {n} of them by their words alone: the index is not yours, and names files that lie elsewhere."
_TOO_LARGE = "had no memory for {n} of them; they keep their place."


def merge_into_ranks(scores: Sequence[float], model_scores: Sequence[float | None]) -> list[tuple[int, float]]:
    """The new order of rows, best first with their `scores`, by the `model_scores` of some of them (None: not scored):
    (number of the row, its new score), best first. A model's score is limited by the scores of the neighbours without
    one, so that scores never rise from rank to rank."""
    scored = [number for number, one in enumerate(model_scores) if one is not None]
    best = iter(sorted(scored, key=lambda number: (-(model_scores[number] or 0.0), number)))
    order = [number if model_scores[number] is None else next(best) for number in range(len(scores))]
    floors = [0.0] * len(order)  # the best score of what follows and has no model score
    for at in range(len(order) - 2, -1, -1):
        after = order[at + 1]
        floors[at] = floors[at + 1] if model_scores[after] is not None else max(scores[after], floors[at + 1])
    result, ceiling = [], 1.0
    for at, number in enumerate(order):
        model_score = model_scores[number]
        if model_score is None:
            ceiling = min(ceiling, scores[number])
            result.append((number, scores[number]))
        else:
            result.append((number, min(max(model_score, floors[at]), ceiling)))
    return result
