"""What an index holds and answers, to be held against another one."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import small_index

from benchmarks import torture_corpus
from mmsearch.index import Index
from mmsearch.store.layout import IndexFolder
from mmsearch.types import Query


def held(index: Path) -> set[tuple]:
    """Every segment of an index that has its words in the word table and its vectors: asset key and ordinal."""
    if not IndexFolder(index).exists():
        return set()
    sql = (
        "SELECT a.key, s.ordinal FROM segments s JOIN assets a ON a.id = s.asset_id WHERE (s.text = ''"
        " OR EXISTS (SELECT 1 FROM embeddings e WHERE e.segment_id = s.id))"
        " AND (s.text = '' OR a.visible = 0 OR EXISTS (SELECT 1 FROM words_fts w WHERE w.rowid = s.id))"
    )
    return set(small_index.rows(index, sql))


def answers(index: Path) -> list[list[tuple]]:
    """The top ten of the fixed queries; hits of the same score are put in the order of their paths."""
    opened = Index.open(index)
    return [
        sorted(
            (-round(hit.score, 4), hit.path, hit.locator.fragment())
            for hit in opened.search(Query(text, min_score=0.0)).hits
        )
        for text in torture_corpus.QUERIES
    ]


def similar(one: list[tuple], two: list[tuple]) -> bool:
    """Equal, but for vectors, whose cosine must be above 0.9999."""
    plain = [[tuple(v for v in row if not _is_vector(v)) for row in some] for some in (one, two)]
    found = [[v for row in some for v in row if _is_vector(v)] for some in (one, two)]
    if plain[0] != plain[1] or len(found[0]) != len(found[1]):
        return False
    vectors = [np.array([np.frombuffer(v, np.float16) for v in some], np.float64) for some in found]
    norms = np.linalg.norm(vectors[0], axis=1) * np.linalg.norm(vectors[1], axis=1)
    return bool((np.sum(vectors[0] * vectors[1], axis=1) > 0.9999 * norms).all())


def _is_vector(value: object) -> bool:
    return isinstance(value, bytes) and len(value) > 700
