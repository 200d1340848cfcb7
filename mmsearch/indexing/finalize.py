"""The end of a run: ann files that are due, spaces that were built beside the old ones put in use, the profile."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

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
    """Queries as users put them: words of names and first sentences. An index's own vectors would flatter it."""
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
    """Put spaces that were built in use when they lack nothing, and remove those whose place they took: a None for each
    batch of these that is gone."""
    built = spaces.spaces(connection, spaces.BUILDING)
    if built and not spaces.lacking(connection, [row.id for row in built]):
        spaces.swap(connection, folder)
        yield Remark(f"The rebuilt index is in use: {', '.join(spaces.plain_name(row) for row in built)}.")
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
    """What queries are like in a space that takes no words: what it holds."""
    import numpy as np

    found = connection.execute(
        "SELECT vector FROM background WHERE space_id = ? ORDER BY sampling_hash LIMIT ?", (row.id, PROBES)
    ).fetchall()
    return np.stack([np.frombuffer(vector, np.float16) for (vector,) in found]).astype(np.float32)
