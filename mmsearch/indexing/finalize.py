"""The end of a run: it builds ann files that are due, activates rebuilt spaces, and makes the profile."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from mmsearch.encoding.grants import shown_name
from mmsearch.indexing.run_models import Models
from mmsearch.run_record import Remark, StageProfile
from mmsearch.store import ann, spaces
from mmsearch.store.layout import IndexFolder
from mmsearch.store.spaces import SpaceRow

if TYPE_CHECKING:
    import numpy as np

PROBES = 200  # queries that an ann file's recall is measured with


def build_ann(connection: sqlite3.Connection, folder: IndexFolder, models: Models) -> None:
    """Build the ann files that are due."""
    ann.sweep(connection, folder)
    for row in models.rows:
        for view in row.views:
            if ann.is_due(connection, row.id, view, run_ends=True):
                ann.build(connection, folder, row.id, view, row.dimension, partial(_probes, connection, models, row))


def _probes(connection: sqlite3.Connection, models: Models, row: SpaceRow) -> np.ndarray:
    """Text queries like those of users, from words of names and first sentences: the recall for an index's own vectors
    would be too high."""
    if "text" not in row.recorded.get("query_views", row.fingerprint):
        return _own_vectors(connection, row)
    texts = [
        text.split(". ")[0][:120]
        for (text,) in connection.execute(
            "SELECT text FROM (SELECT id, text FROM segments UNION ALL SELECT segment_id, text FROM recognized_text)"
            " WHERE text <> '' ORDER BY id % 7919, id LIMIT ?",
            (PROBES,),
        )
    ]
    return models.probes(row, texts)


def swap(connection: sqlite3.Connection, folder: IndexFolder, stopped: Callable[[], bool]) -> Iterator[Remark | None]:
    """Activate rebuilt spaces when they are complete, and remove those that they replace. Yields None for each batch
    that is removed."""
    built = spaces.spaces(connection, spaces.BUILDING)
    if built and not spaces.lacking(connection, [row.id for row in built]):
        spaces.swap(connection, folder)
        yield Remark(f"The rebuilt index is in use: {', '.join(shown_name(row) for row in built)}.")
    for _ in spaces.remove_leaving(connection, folder):
        yield None
        if stopped():
            return


def profile(stages: list[StageProfile], segments: int, commit_s: float) -> list[StageProfile]:
    """The pipeline's stages, and the commits of its `segments`, which took `commit_s` seconds."""
    if not stages:
        return []
    elapsed = stages[0].elapsed_s
    spent = min(commit_s, elapsed)
    return [*stages, StageProfile("commit", segments, 1, spent, elapsed, 0.0)]


def _own_vectors(connection: sqlite3.Connection, row: SpaceRow) -> np.ndarray:
    """Vectors in place of queries, for a space that takes no words: those that it holds."""
    import numpy as np

    found = connection.execute(
        "SELECT vector FROM background WHERE space_id = ? ORDER BY sampling_hash LIMIT ?", (row.id, PROBES)
    ).fetchall()
    return np.stack([np.frombuffer(vector, np.float16) for (vector,) in found]).astype(np.float32)
