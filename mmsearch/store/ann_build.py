"""Building an ann file from the catalogue's vectors, which are streamed: an exact scan, or an inverted file whose
`nprobe` is set by recall measured against the exact answer."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

WANTED_RECALL = 0.99  # recall@10 on text queries
_BATCH = 50_000
_TRAIN_PER_LIST = 40  # FAISS asks for 39 vectors a list


def faiss_module() -> Any:
    """FAISS, untyped: its stubs do not know the arguments that its Python layer adds."""
    import faiss

    return faiss


def flat(connection: sqlite3.Connection, space_id: int, view: str, dimension: int, last: int) -> Any:
    """An exact scan over the float16 codes of a view's embeddings up to id `last`."""
    faiss = faiss_module()

    codes = faiss.IndexScalarQuantizer(dimension, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
    index = faiss.IndexIDMap(codes)  # its Python wrapper keeps `codes` alive
    for ids, vectors in _stream(connection, space_id, view, last):
        index.add_with_ids(vectors, ids)
    return index


def ivf(
    connection: sqlite3.Connection, space_id: int, view: str, dimension: int, total: int, last: int, queries: np.ndarray
) -> tuple[Any, int, float]:
    """An inverted file over the `total` embeddings of a view up to id `last`, its `nprobe` and the recall@10 that was
    measured with it. `queries`: float32 (n, dimension), unit vectors."""
    import numpy as np

    faiss = faiss_module()

    lists = 2 ** round(math.log2(4 * math.sqrt(total)))
    sample = connection.execute(
        "SELECT vector FROM embeddings WHERE space_id = ? AND view = ? ORDER BY sampling_hash LIMIT ?",
        (space_id, view, lists * _TRAIN_PER_LIST),
    ).fetchall()
    training = np.frombuffer(b"".join(row[0] for row in sample), np.float16).reshape(len(sample), -1).astype(np.float32)
    quantizer = faiss.IndexFlatIP(dimension)
    index = faiss.IndexIVFScalarQuantizer(
        quantizer, dimension, lists, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT
    )
    index.by_residual = False  # codes are the catalogue's own float16 vectors, by which a file is known as this index's
    index.train(training)
    del training, sample
    exact = _Exact(queries)
    for ids, vectors in _stream(connection, space_id, view, last):
        index.add_with_ids(vectors, ids)
        exact.add(ids, vectors)
    nprobe, recall = _choose_nprobe(index, lists, queries, exact.ids)
    return index, nprobe, recall


class _Exact:
    """The exact ten nearest of each query, gathered batch by batch."""

    def __init__(self, queries: np.ndarray) -> None:
        import numpy as np

        self.queries = queries.astype(np.float32)
        self.ids = np.full((len(queries), 10), -1, np.int64)
        self.scores = np.full((len(queries), 10), -np.inf, np.float32)

    def add(self, ids: np.ndarray, vectors: np.ndarray) -> None:
        import numpy as np

        scores = np.concatenate([self.scores, self.queries @ vectors.T], axis=1)
        every = np.concatenate([self.ids, np.broadcast_to(ids, (len(self.queries), len(ids)))], axis=1)
        best = np.argpartition(-scores, 9, axis=1)[:, :10]
        self.ids, self.scores = np.take_along_axis(every, best, 1), np.take_along_axis(scores, best, 1)


def _choose_nprobe(index: Any, lists: int, queries: np.ndarray, truth: np.ndarray) -> tuple[int, float]:
    """The smallest power of two whose recall@10 reaches `WANTED_RECALL`, and that recall."""
    faiss = faiss_module()

    nprobe, recall = 1, 0.0
    if not len(queries):  # nothing to measure with: search all lists
        return lists, 1.0
    while True:
        parameters: Any = faiss.SearchParametersIVF()
        parameters.nprobe = nprobe
        found = index.search(queries, 10, params=parameters)[1]
        recall = float(
            sum(len(set(a) & set(b)) for a, b in zip(found.tolist(), truth.tolist(), strict=True)) / truth.size
        )
        if recall >= WANTED_RECALL or nprobe >= lists:
            return nprobe, recall
        nprobe = min(nprobe * 2, lists)


def _stream(
    connection: sqlite3.Connection, space_id: int, view: str, last: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Ids int64 (n,) and vectors float32 (n, dimension) of a view, in batches, in the order of ids."""
    import numpy as np

    after = 0
    while True:
        rows = connection.execute(
            "SELECT id, vector FROM embeddings WHERE space_id = ? AND view = ? AND id > ? AND id <= ?"
            " ORDER BY id LIMIT ?",
            (space_id, view, after, last, _BATCH),
        ).fetchall()
        if not rows:
            return
        after = rows[-1][0]
        matrix = np.frombuffer(b"".join(row[1] for row in rows), np.float16).reshape(len(rows), -1)
        yield np.array([row[0] for row in rows], np.int64), matrix.astype(np.float32)
