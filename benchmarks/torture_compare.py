"""The contents and answers of an index, for comparison with another one."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "helpers"))

import small_index

from benchmarks import torture_corpus
from mmsearch.index import Index
from mmsearch.query import Query
from mmsearch.store.layout import IndexFolder

SCORE = 0.01  # difference of two scores that are the same


def held(index: Path) -> set[tuple[Any, ...]]:
    """Every segment of an index that has its words in the word table and its vectors: asset key and ordinal."""
    if not IndexFolder(index).exists():
        return set()
    sql = (
        "SELECT a.key, s.ordinal FROM segments s JOIN assets a ON a.id = s.asset_id WHERE (s.text = ''"
        " OR EXISTS (SELECT 1 FROM embeddings e WHERE e.segment_id = s.id))"
        " AND (s.text = '' OR a.visible = 0 OR EXISTS (SELECT 1 FROM words_fts w WHERE w.rowid = s.id))"
    )
    return set(small_index.rows(index, sql))


def answers(index: Path) -> list[dict[bytes, float]]:
    """The scores of the files that the fixed queries find, the best ten of each."""
    opened = Index.open(index)
    return [
        {hit.path: hit.score for hit in opened.search(Query(text, min_score=0.0)).hits}
        for text in torture_corpus.QUERIES
    ]


def same_answers(one: list[dict[bytes, float]], two: list[dict[bytes, float]]) -> bool:
    """Whether the same files are found with the same scores. A probability changes by more than an embedding that was
    computed in another batch, and two places of a file that score alike may change places."""
    return len(one) == len(two) and all(
        a.keys() == b.keys() and all(abs(a[path] - b[path]) <= SCORE for path in a)
        for a, b in zip(one, two, strict=True)
    )


def similar(one: list[tuple[Any, ...]], two: list[tuple[Any, ...]]) -> bool:
    """Equal, but for vectors, the last of their rows, whose cosine must be above 0.9999."""
    return len(one) == len(two) and all(
        a[:-1] == b[:-1] and (a[-1] == b[-1] or _point_alike(a[-1], b[-1])) for a, b in zip(one, two, strict=True)
    )


def _point_alike(one: object, two: object) -> bool:
    if not (isinstance(one, bytes) and isinstance(two, bytes) and len(one) == len(two)):
        return False
    a, b = (np.frombuffer(each, np.float16).astype(np.float64) for each in (one, two))
    return bool(a @ b > 0.9999 * np.linalg.norm(a) * np.linalg.norm(b))
