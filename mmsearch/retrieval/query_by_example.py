"""Files of the index as queries: by their stored embeddings and words."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mmsearch.encoding.query_encoding import unit
from mmsearch.errors import UsageError
from mmsearch.retrieval.ranking import idf
from mmsearch.store.snapshot import Snapshot
from mmsearch.store.tokenization import tokens
from mmsearch.store.vocabulary import WORDS, Vocabulary
from mmsearch.types import View

if TYPE_CHECKING:
    import numpy as np

WORDS_ASKED = 40  # the most telling words of the example; more of them say nothing new
_PLACE = re.compile(rb"^(?P<path>.+?)#(?:page=(?P<page>\d+)|t=(?P<time>\d+(?:\.\d+)?)(?:,[\d.]*)?)$", re.DOTALL)


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """A file as a query: what was encoded of it by (space id, view), unit vectors, float32 (dimension,), its most
    telling words, and what of the index it is."""

    vectors: Mapping[tuple[int, View], np.ndarray] = field(default_factory=dict)
    words: tuple[str, ...] = ()
    asset: int | None = None
    segments: frozenset[int] = frozenset()  # of the whole asset


def is_place(target: bytes) -> bool:
    """Whether a target is written as a place in a file (`PATH#page=3`, `PATH#t=75`)."""
    return _PLACE.match(target) is not None


def stored(snapshot: Snapshot, target: bytes) -> Example | None:
    """A file of the index, or a place in one, as a query; None where the index holds no such file. Raises `UsageError`
    for a place that is not in it."""
    asset_id, own = _segments(snapshot, target)
    if asset_id is None:
        return None
    every = snapshot.connection.execute("SELECT id FROM segments WHERE asset_id = ?", (asset_id,)).fetchall()
    vectors = {}
    for space in snapshot.spaces():
        for view in space.views:
            matrix = snapshot.vectors(space.id, view, own)
            if len(matrix):
                vectors[space.id, View(view)] = unit(matrix.mean(axis=0))
    table = Vocabulary(snapshot.connection, WORDS, False)
    held = table.words(own[:200])
    words = _most_informative(table, (word for words in held.values() for word in words))
    return Example(vectors, words, asset_id, frozenset(row[0] for row in every))


def most_informative_terms(snapshot: Snapshot, passages: Iterable[str]) -> tuple[str, ...]:
    """The words of passages that tell most about them."""
    return _most_informative(Vocabulary(snapshot.connection, WORDS, False), tokens("\n".join(passages)))


def _segments(snapshot: Snapshot, target: bytes) -> tuple[int | None, list[int]]:
    """The asset that a target means, and those of its segments."""
    found = _file(snapshot, target)
    place = _PLACE.match(target) if found is None else None
    if place is not None:
        found = _file(snapshot, place["path"])
    if found is None:
        return None, []
    condition, values = "", [float(found)]
    if place is not None and place["page"]:
        condition, values = " AND page = ?", [found, int(place["page"])]
    elif place is not None:
        moment = float(place["time"])
        condition, values = " AND start_s <= ? AND end_s > ?", [found, moment, moment]
    ids = [
        row[0]
        for row in snapshot.connection.execute(
            f"SELECT id FROM segments WHERE asset_id = ?{condition} ORDER BY ordinal", values
        )
    ]
    if place is not None and not ids:
        raise UsageError(f"There is no such place: {os.fsdecode(target)!r}.", "Pages count from 1, times are seconds.")
    return found, ids


def _file(snapshot: Snapshot, path: bytes) -> int | None:
    """The asset of a path that the index holds."""
    for root in snapshot.roots.values():
        for wanted in (os.path.abspath(path), os.path.realpath(path)):
            if wanted == root.path or wanted.startswith(root.path.rstrip(b"/") + b"/"):
                relative = b"" if wanted == root.path else os.path.relpath(wanted, root.path)
                row = snapshot.connection.execute(
                    "SELECT asset_id FROM files WHERE root_id = ? AND path = ? AND asset_id IS NOT NULL",
                    (root.id, relative),
                ).fetchone()
                if row is not None:
                    return int(row[0])
    return None


def _most_informative(table: Vocabulary, words: Iterable[str]) -> tuple[str, ...]:
    """The words that tell most about an example: often here, in few segments of the index."""
    counts = Counter(words)
    weighed = {word: count * idf(table.rows, table.frequency(word)) for word, count in counts.most_common(400)}
    return tuple(sorted(weighed, key=lambda word: (-weighed[word], word))[:WORDS_ASKED])
