"""The encode stage: embeds spans in batches of one view and adds the vectors to their results.

Several lanes (threads) each take a load of spans from one queue and process it: while one lane's inputs are in the
model, the next lane prepares its own and a third one gathers. Lanes are assigned to the replicas of a model, one for
each GPU, in turn, so that a faster device takes more loads and no device waits for another.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from mmsearch.encoding.contents import Space, contents, media_bytes, present, read_words
from mmsearch.encoding.jobs import Channel, SpanMedia, Stage
from mmsearch.errors import ExtractionError, FailureCode
from mmsearch.models.embedder import Embedder
from mmsearch.store.segments import Vectors
from mmsearch.store.token_vectors import packed
from mmsearch.types import Extracted, Failure, View

if TYPE_CHECKING:
    import numpy as np

GATHER_ITEMS = 256  # parts that are sorted by length and batched together: enough to fill batches of equal length
GATHER_GPU_ITEMS = 2048
GATHER_BYTES, GATHER_GPU_BYTES = 64 << 20, 256 << 20  # of media in one load
GATHER_S = 0.5  # and no longer than this, so that hits become visible while a run goes on
FIRST_LOAD = 16  # parts, while the pace is unknown
LOAD_S = 2.0  # that a load may take: who stops a run loses as much
LANES, GPU_LANES = 2, 3  # for each replica


@dataclass(slots=True, eq=False)
class _Item:
    """One input of a model: a part of one view of one segment, for one space."""

    span: SpanMedia | None  # None: of words alone
    ordinal: int
    space: Space
    view: View
    part: int
    content: Any
    vectors: np.ndarray | None = None  # float32 (n, dimension); one but for the centroids of a late-interaction space
    tokens: bytes = b""  # of such a space, packed


class EncodeStage:
    """Gathers spans, embeds their contents view by view, and passes on their results with the vectors.

    `load` returns the spaces that take one of some views, with their embedders; it is called in a thread of the stage:
    importing and loading a model overlaps with extraction, and a model without inputs is never loaded. Sound comes at
    `sound_rate` Hz. When `stopping` is set the stage finishes the spans in its queue and ends.
    """

    def __init__(
        self,
        load: Callable[[frozenset[View]], Sequence[Space]],
        sound_rate: int,
        inbox: Channel,
        out: Channel,
        stopping: threading.Event,
    ) -> None:
        self._load = load
        self._sound_rate = sound_rate
        self._in = inbox
        self._out = out
        self._stopping = stopping
        self._gathering, self._loading, self._counting = threading.Lock(), threading.Lock(), threading.Lock()
        self._ended = False
        self._most = FIRST_LOAD
        self._most_items, self._most_bytes = GATHER_ITEMS, GATHER_BYTES
        self._embedders: dict[int, Embedder] = {}  # by their ids
        self.lanes = self.replicas = 1  # threads, and devices that compute at the same time
        self.embedded = 0

    @property
    def busy_s(self) -> float:
        """The seconds that devices were busy, summed over them."""
        return sum(embedder.throughput.computed_s for embedder in list(self._embedders.values()))

    @property
    def prepared_s(self) -> float:
        """The seconds that preparing took, summed over the lanes."""
        return sum(embedder.throughput.prepared_s for embedder in list(self._embedders.values()))

    def run(self) -> None:
        """Work until the inbox ends with None. Raises the exception that ended a lane."""
        lanes: list[Stage] = []
        while not lanes or any(lane.is_alive() for lane in lanes):
            while len(lanes) < self.lanes:
                lanes.append(Stage(f"encode-{len(lanes)}", partial(self._lane, len(lanes))))
                lanes[-1].start()
            next((lane for lane in lanes if lane.is_alive()), lanes[0]).join(0.1)
            for lane in lanes:
                if lane.error is not None:
                    raise lane.error
        self._out.put(None)

    def _lane(self, number: int) -> None:
        while True:
            with self._gathering:  # one at a time: two half loads would take longer than a whole one
                if self._ended:
                    return
                spans, more = self._gather()
                self._ended = not more
            if views := present(spans):
                self._encode(spans, self._spaces(views), number)
            for span in spans:
                span.drop_media()
                self._out.put(span.result)

    def _spaces(self, views: frozenset[View]) -> Sequence[Space]:
        """The spaces for what is there, and as many lanes as their replicas can use."""
        with self._loading:
            found = self._load(views)
            for embedder in (embedder for space in found for embedder in space.replicas):
                self._embedders[id(embedder)] = embedder
            self.replicas = max([self.replicas, *(len(space.replicas) for space in found)])
            if any(embedder.precision.device != "cpu" for embedder in self._embedders.values()):
                self._most_items, self._most_bytes = GATHER_GPU_ITEMS, GATHER_GPU_BYTES
                self.lanes = GPU_LANES * self.replicas
            else:
                self.lanes = LANES * self.replicas
            return found

    def _gather(self) -> tuple[list[SpanMedia], bool]:
        """The next spans, and whether there may be more."""
        spans: list[SpanMedia] = []
        weight, held, wait = 0, 0, 0.2
        while weight < min(self._most, self._most_items) and held < self._most_bytes:
            try:
                span = self._in.get(timeout=wait)
            except queue.Empty:
                if spans or self._stopping.is_set():
                    return spans, not self._stopping.is_set()
                continue
            if span is None:
                return spans, False
            spans.append(span)
            weight += max(len(span.extracted), 1)
            held += media_bytes(span)
            wait = GATHER_S if len(spans) == 1 else 0.05
        return spans, True

    def _encode(self, spans: Sequence[SpanMedia], spaces: Sequence[Space], lane: int) -> None:
        began = time.monotonic()
        groups: dict[tuple[int, View], list[_Item]] = {}
        for span in spans:
            words = read_words(span)
            for one in span.extracted:
                for space in spaces:
                    for item in self._items(span, one, words.get(one.segment.ordinal, ""), space):
                        groups.setdefault((space.id, item.view), []).append(item)
        for items in groups.values():
            replicas = items[0].space.replicas
            embed_items(items, replicas[lane % len(replicas)])
        by_place: dict[tuple[int, int, int, View], list[_Item]] = {}
        for items in groups.values():
            for item in items:
                by_place.setdefault((id(item.span), item.ordinal, item.space.id, item.view), []).append(item)
        for found in by_place.values():
            _put_vectors(found)
        with self._counting:
            self.embedded += sum(len(items) for items in groups.values())
            weight = sum(max(len(span.extracted), 1) for span in spans)
            pace = weight / max(time.monotonic() - began, 1e-6)
            self._most = max(1, min(int(pace * LOAD_S), 4 * self._most))

    def _items(self, span: SpanMedia, one: Extracted, words: str, space: Space) -> list[_Item]:
        parts: dict[View, int] = {}
        items = []
        for view, content in contents(one, words, space, self._sound_rate):
            items.append(_Item(span, one.segment.ordinal, space, view, parts.setdefault(view, 0), content))
            parts[view] += 1
        return items


def embed_items(items: list[_Item], embedder: Embedder) -> None:
    """Embed items of one space and view. When a batch fails it is halved until the failing item is alone; only its
    span is lost, with the reason."""
    try:
        _embed_batch(items, embedder)
    except MemoryError:
        raise
    except Exception as error:
        if len(items) > 1:
            embed_items(items[: len(items) // 2], embedder)
            embed_items(items[len(items) // 2 :], embedder)
            return
        assert items[0].span is not None
        items[0].span.result.failure = _failure(error)


def _embed_batch(items: list[_Item], embedder: Embedder) -> None:
    """Embed items of one space and view. Raises what the model raises."""
    from mmsearch.models.late_embedder import LateInteractionEmbedder

    view, inputs = items[0].view, [item.content for item in items]
    if isinstance(embedder, LateInteractionEmbedder):
        for item, pooled in zip(items, embedder.document_vectors(view, inputs), strict=True):
            item.vectors, item.tokens = pooled.centroids, packed(pooled.vectors)
    else:
        for item, vector in zip(items, embedder.embed(view, inputs), strict=True):
            item.vectors = vector[None]


def text_vectors(words: Mapping[int, str], spaces: Sequence[Space]) -> list[Vectors]:
    """The embeddings of the words of segments, by ordinal, in the spaces that take text. Raises what a model raises."""

    found = []
    for space in (space for space in spaces if View.TEXT in space.views):
        parts = [(ordinal, part) for ordinal, text in words.items() for part in space.embedder.split_text(text)]
        if not parts:
            continue
        items = [_Item(None, ordinal, space, View.TEXT, number, part) for number, (ordinal, part) in enumerate(parts)]
        _embed_batch(items, space.embedder)
        rows: dict[int, list[_Item]] = {}
        for item in items:
            rows.setdefault(item.ordinal, []).append(item)
        found += [_joined(own) for own in rows.values()]
    return found


def _failure(error: Exception) -> Failure:
    if isinstance(error, ExtractionError):
        return Failure(error.code, error.sentence)
    first = str(error).splitlines()[0] if str(error) else ""
    return Failure(FailureCode.MODEL, f"The model can't take it ({type(error).__name__}: {first}).")


def _put_vectors(items: list[_Item]) -> None:
    span = items[0].span
    if span is not None and all(item.vectors is not None for item in items):
        span.result.vectors.append(_joined(items))


def _joined(items: list[_Item]) -> Vectors:
    """The vectors of all items of one view of a segment."""
    import numpy as np

    matrices: list[np.ndarray] = []
    tokens, count = {}, 0
    for item in sorted(items, key=lambda item: item.part):
        assert item.vectors is not None
        if item.tokens:
            tokens[count] = item.tokens
        matrices.append(item.vectors)
        count += len(item.vectors)
    first = items[0]
    return Vectors(first.ordinal, first.space.id, str(first.view), np.concatenate(matrices), tokens)
