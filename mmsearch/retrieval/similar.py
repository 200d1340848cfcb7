"""Places like one that is in the index already: its own embeddings and words are the query."""

from __future__ import annotations

import os
import re
import time
from collections import Counter

from mmsearch.errors import UsageError
from mmsearch.retrieval.parse import Parsed
from mmsearch.retrieval.ranking import idf
from mmsearch.retrieval.search import find
from mmsearch.retrieval.signals import Asked, Vector
from mmsearch.store.layout import IndexFolder
from mmsearch.store.snapshot import Snapshot
from mmsearch.store.vocabulary import WORDS, Vocabulary
from mmsearch.types import Answer, Query

WORDS_ASKED = 40  # the most telling words of the example; more of them say nothing new
_PLACE = re.compile(rb"^(?P<path>.+?)#(?:page=(?P<page>\d+)|t=(?P<time>\d+(?:\.\d+)?)(?:,[\d.]*)?)$", re.DOTALL)


def similar(folder: IndexFolder, target: bytes, query: Query) -> Answer:
    """The places most like a file of the index, or like one place in it (`PATH#page=3`, `PATH#t=75`), without those
    of the file itself. Raises `UsageError` when the index does not hold it."""
    import numpy as np

    began = time.monotonic()
    with Snapshot(folder, query.where) as snapshot:
        asset_id, own = _segments(snapshot, target)
        every = [
            row[0] for row in snapshot.connection.execute("SELECT id FROM segments WHERE asset_id = ?", (asset_id,))
        ]
        vectors = []
        for space in snapshot.spaces():
            for view in space.views:
                matrix = snapshot.vectors(space.id, view, own)
                if len(matrix):
                    mean = matrix.mean(axis=0)
                    vectors.append(Vector(space, view, mean / max(float(np.linalg.norm(mean)), 1e-9)))
        words = _telling_words(snapshot, own)
        if not vectors and not words:
            return Answer((), ("There is nothing in it that this index could compare.",), time.monotonic() - began)
        asked = Asked(Parsed("", words, (), ()), vectors, frozenset(every))
        hits = find(snapshot, asked, query)
    kept = tuple(hit for hit in hits if hit.segment_id is not None)
    return Answer(kept, (), time.monotonic() - began)


def _segments(snapshot: Snapshot, target: bytes) -> tuple[int, list[int]]:
    """The asset that a target means, and those of its segments."""
    found = _file(snapshot, target)
    place = _PLACE.match(target) if found is None else None
    if place is not None:
        found = _file(snapshot, place["path"])
    if found is None:
        raise UsageError(f"The index holds nothing of {os.fsdecode(target)!r}.", "Index it first: mmsearch index PATH")
    sql, values = "SELECT id FROM segments WHERE asset_id = ?", [found]
    if place is not None and place["page"]:
        sql, values = f"{sql} AND page = ?", [found, int(place["page"])]
    elif place is not None:
        moment = float(place["time"])
        sql, values = f"{sql} AND start_s <= ? AND end_s > ?", [found, moment, moment]  # type: ignore[list-item]
    ids = [row[0] for row in snapshot.connection.execute(f"{sql} ORDER BY ordinal", values)]
    if place is not None and not ids:
        raise UsageError(f"There is no such place: {os.fsdecode(target)!r}.", "Pages count from 1, times are seconds.")
    return found, ids


def _file(snapshot: Snapshot, path: bytes) -> int | None:
    """The asset of a path that the index holds."""
    for root in snapshot.roots.values():
        for wanted in (os.path.abspath(path), os.path.realpath(path)):
            if wanted == root.path or wanted.startswith(root.path.rstrip(b"/") + b"/"):
                relative = os.path.relpath(wanted, root.path)
                row = snapshot.connection.execute(
                    "SELECT asset_id FROM files WHERE root_id = ? AND path = ? AND asset_id IS NOT NULL",
                    (root.id, relative),
                ).fetchone()
                if row is not None:
                    return int(row[0])
    return None


def _telling_words(snapshot: Snapshot, segments: list[int]) -> tuple[str, ...]:
    """The words that tell most about these segments: often here, in few others."""
    table = Vocabulary(snapshot.connection, WORDS, False)
    counts = Counter(word for held in table.words(segments[:200]).values() for word in held)
    weighed = {word: count * idf(table.rows, table.frequency(word)) for word, count in counts.most_common(400)}
    return tuple(sorted(weighed, key=lambda word: (-weighed[word], word))[:WORDS_ASKED])
