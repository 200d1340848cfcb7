"""The encode stage: one thread that owns the models, batches of one view, vectors into the chunks."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mmsearch.encoding.fitting import fewer, in_parts, resampled
from mmsearch.encoding.jobs import Channel, Piece
from mmsearch.models.embedder import Clip, Embedder
from mmsearch.store.segments import Vectors
from mmsearch.types import Extracted, Failure, View

if TYPE_CHECKING:
    import numpy as np

GATHER_ITEMS = 256  # parts that are sorted by length and batched together: enough to fill batches of equal length
GATHER_S = 0.5  # and no longer than this, so that hits become visible while a run goes on


@dataclass(frozen=True, slots=True)
class Space:
    """A space of the index with the embedder that fills it: with these views, within the limits of its fingerprint."""

    id: int
    embedder: Embedder
    views: frozenset[View]
    fingerprint: Mapping[str, Mapping[str, Any]]

    def limit(self, view: View, name: str) -> float:
        """A limit of the model; 0 where it has none."""
        return float(self.fingerprint[view].get("limits", {}).get(name) or 0)


@dataclass(slots=True, eq=False)
class _Item:
    """One thing to embed: a part of one view of one segment, for one space."""

    piece: Piece
    ordinal: int
    space: Space
    view: View
    part: int
    content: Any
    vector: np.ndarray | None = None


class EncodeStage:
    """Gathers pieces, embeds what they hold view by view, and hands them on with their vectors.

    `load` gives the spaces that take one of some views, with their embedders; it is called in the stage's own thread:
    importing and loading a model overlaps with extraction, and what nothing asks for is never loaded. Sound comes at
    `sound_rate` Hz. When `stopping` is set the stage finishes what waits for it and ends.
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
        self.embedded = 0
        self.busy_s = 0.0

    def run(self) -> None:
        """Work until the inbox ends with None."""
        more = True
        while more:
            pieces, more = self._gather()
            if present := _present(pieces):
                spaces = self._load(present)
                began = time.monotonic()
                self._encode(pieces, spaces)
                self.busy_s += time.monotonic() - began
            for piece in pieces:
                piece.drop_media()
                self._out.put(piece.chunk)
        self._out.put(None)

    def _gather(self) -> tuple[list[Piece], bool]:
        """The next pieces, and whether there may be more."""
        pieces: list[Piece] = []
        weight, wait = 0, 0.2
        while weight < GATHER_ITEMS:
            try:
                piece = self._in.get(timeout=wait)
            except queue.Empty:
                if pieces or self._stopping.is_set():
                    return pieces, not self._stopping.is_set()
                continue
            if piece is None:
                return pieces, False
            pieces.append(piece)
            weight += max(len(piece.extracted), 1)
            wait = GATHER_S if len(pieces) == 1 else 0.05
        return pieces, True

    def _encode(self, pieces: Sequence[Piece], spaces: Sequence[Space]) -> None:
        groups: dict[tuple[int, View], list[_Item]] = {}
        for piece in pieces:
            words = read_words(piece)
            for one in piece.extracted:
                for space in spaces:
                    for item in self._items(piece, one, words.get(one.segment.ordinal, ""), space):
                        groups.setdefault((space.id, item.view), []).append(item)
        for items in groups.values():
            embed_items(items)
            self.embedded += len(items)
        by_place: dict[tuple[int, int, int, View], list[_Item]] = {}
        for items in groups.values():
            for item in items:
                by_place.setdefault((id(item.piece), item.ordinal, item.space.id, item.view), []).append(item)
        for found in by_place.values():
            _put_vectors(found)

    def _items(self, piece: Piece, one: Extracted, words: str, space: Space) -> list[_Item]:
        parts: dict[View, int] = {}
        items = []
        for view, content in contents(one, words, space, self._sound_rate):
            items.append(_Item(piece, one.segment.ordinal, space, view, parts.setdefault(view, 0), content))
            parts[view] += 1
        return items


def _present(pieces: Sequence[Piece]) -> frozenset[View]:
    """What there is to embed in some pieces."""
    every = [one for piece in pieces for one in piece.extracted]
    texts = (text for piece in pieces for text in read_words(piece).values())
    there = {
        View.TEXT: any(texts),
        View.IMAGE: any(one.look is not None for one in every),
        View.AUDIO: any(one.sound is not None for one in every),
        View.VIDEO: any(one.frames is not None for one in every),
    }
    return frozenset(view for view, found in there.items() if found)


def read_words(piece: Piece) -> dict[int, str]:
    """By ordinal, all words of each segment of a piece: its own, then those read from it."""
    words = {one.segment.ordinal: [one.segment.text] for one in piece.extracted}
    for reading in piece.chunk.readings:
        words[reading.ordinal].append(reading.text)
    return {number: "\n".join(part for part in parts if part.strip()) for number, parts in words.items()}


def contents(one: Extracted, words: str, space: Space, sound_rate: int) -> list[tuple[View, Any]]:
    """What a space can take of a segment, view by view; parts of one view follow each other."""
    found: list[tuple[View, Any]] = []
    if View.TEXT in space.views and words:
        found += [(View.TEXT, part) for part in space.embedder.part_texts(words)]
    if View.AUDIO in space.views and one.sound is not None:
        rate = int(space.limit(View.AUDIO, "rate")) or sound_rate
        heard = resampled(one.sound, sound_rate, rate)
        found += [(View.AUDIO, part) for part in in_parts(heard, space.limit(View.AUDIO, "seconds") * rate)]
    if View.VIDEO in space.views and one.frames is not None:
        place = one.segment.locator
        seconds = (place.end_s or 0.0) - (place.start_s or 0.0)
        found.append((View.VIDEO, Clip(fewer(one.frames, int(space.limit(View.VIDEO, "frames"))), seconds)))
    elif View.IMAGE in space.views and one.look is not None:  # of a scene its key frame, for who watches no video
        found.append((View.IMAGE, one.look))
    return found


def embed_items(items: list[_Item]) -> None:
    """Embed items of one space and view. When a batch fails it is halved until the guilty item stands alone; only
    its span is lost, with the reason."""
    try:
        matrix = items[0].space.embedder.embed(items[0].view, [item.content for item in items])
    except MemoryError:
        raise
    except Exception as error:
        if len(items) > 1:
            embed_items(items[: len(items) // 2])
            embed_items(items[len(items) // 2 :])
            return
        sentence = (
            f"The model can't take it ({type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''})."
        )
        items[0].piece.chunk.failure = Failure("model", sentence)
        return
    for item, vector in zip(items, matrix, strict=True):
        item.vector = vector


def _put_vectors(items: list[_Item]) -> None:
    import numpy as np

    vectors = [item.vector for item in sorted(items, key=lambda item: item.part) if item.vector is not None]
    if len(vectors) == len(items):
        first = items[0]
        first.piece.chunk.vectors.append(Vectors(first.ordinal, first.space.id, str(first.view), np.stack(vectors)))
