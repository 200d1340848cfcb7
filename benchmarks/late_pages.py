"""Late interaction at many pages: bytes a page on disk, and the latency of a query that scores 200 candidates.

Pages are made of token vectors as a model leaves them after pooling (300 of 128 numbers, noise around a few subjects of
the page) and are committed by the program's own store. Queries of 24 token vectors go through the program's own nearest
neighbours and scoring, one at a time.

python -m benchmarks.late_pages FOLDER PAGES     prints the figures
"""

from __future__ import annotations

import json
import shutil
import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import measure, million
from benchmarks.measure import Setting
from benchmarks.table import Row

if TYPE_CHECKING:
    import sqlite3

    import numpy as np

    from mmsearch.store.layout import IndexFolder

PAGES = 20_000
VECTORS, WIDTH = 300, 128  # of a page: 3,000 patches pooled by 10
QUERY = 24  # token vectors of a query
QUERIES = 50
A_FILE = 200  # pages
DRAWN = 256  # different pages; the catalogue holds each of them many times
FINGERPRINT = {"image": {"late": {"similarity": "meanmaxsim", "factor": 10, "bits": 8, "centroids": 4}}}


def rows(setting: Setting) -> list[Row]:
    """In a fresh process, with the threads of the setting."""
    command = [sys.executable, "-m", "benchmarks.late_pages", str(setting.folder / f"late-{PAGES}"), str(PAGES)]
    found = json.loads(measure.run(command, setting.env)[1].stdout)
    work = f"late interaction, {PAGES:,} pages of {VECTORS} x {WIDTH}"
    return [
        Row(
            f"{work}: bytes", f"{found['bytes']:,.0f}", "-", found["bytes"], None, 45_000, "a page; catalogue and FAISS"
        ),
        Row(
            f"{work}: query, ms",
            f"{found['query_ms']:.1f} ms",
            "-",
            found["query_ms"],
            None,
            150,
            f"p50 of {QUERIES}, 200 candidates; {found['cpu_ms']:.1f} ms of processor time; of the median"
            f" {found['first_ms']:.1f} ms find the nearest pages",
        ),
    ]


def make(folder: Path, pages: int) -> None:
    """Make the index with so many pages; nothing to do where it is."""
    from mmsearch.store import ann, sums
    from mmsearch.store.catalogue import open_writer
    from mmsearch.store.layout import IndexFolder

    if (folder / "ready").is_file():
        million.register(IndexFolder(folder))
        return
    shutil.rmtree(folder, ignore_errors=True)  # what an interrupted run has left
    place = IndexFolder(folder)
    place.create()
    connection = open_writer(place)
    _fill(connection, place, pages)
    ann.build(connection, place, 1, "image", WIDTH, lambda: _queries()[:, 0])
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    sums.seal(place, None)
    million.register(place)
    (folder / "ready").touch()


def _fill(connection: sqlite3.Connection, place: IndexFolder, pages: int) -> None:
    from mmsearch.models.token_pooling import pooled
    from mmsearch.store import files
    from mmsearch.store.catalogue import transaction
    from mmsearch.store.segments import SpanResult, Vectors, commit_span, refresh_background
    from mmsearch.store.token_vectors import packed
    from mmsearch.types import Locator, Probe, Segment, Span

    connection.execute("INSERT INTO roots (path, relative, walked, device) VALUES (x'2f64', 0, 1, 0)")
    connection.execute(
        "INSERT INTO spaces (name, fingerprint, recorded, dimension, views) VALUES ('late', ?, '{}', ?, '[\"image\"]')",
        (json.dumps(FINGERPRINT), WIDTH),
    )
    drawn = [(packed(one), pooled(one, 1).centroids) for one in _pages()]
    for number in range(-(-pages // A_FILE)):
        with transaction(connection, place):
            facts = files.FileFacts(f"{number:05d}.pdf".encode(), 10, number, number, "pdf", "pdf")
            file_id = files.put_file(connection, 1, facts)
            asset_id, _ = files.put_asset(connection, f"key{number}", "pdf", "pdf")
            files.link(connection, file_id, asset_id)
            places = range(min(A_FILE, pages - number * A_FILE))
            result = SpanResult(asset_id, f"key{number}", 0, Probe((Span(0, 1),)))
            result.segments = [Segment(at, Locator(page=at + 1)) for at in places]
            for at in places:
                blob, centroids = drawn[(number * A_FILE + at) % DRAWN]
                result.vectors.append(Vectors(at, 1, "image", centroids, {0: blob}))
            commit_span(connection, result, [1])
    with transaction(connection, place):
        refresh_background(connection, 1, "image")


def _pages() -> list[np.ndarray]:
    """Token vectors of pages: twelve subjects each, and noise around them."""
    import numpy as np

    chance = np.random.default_rng(3)
    subjects = chance.standard_normal((DRAWN, 12, 1, WIDTH)) + 0.5 * chance.standard_normal(
        (DRAWN, 12, VECTORS // 12, WIDTH)
    )
    whole = subjects.reshape(DRAWN, VECTORS, WIDTH).astype(np.float32)
    return list(whole / np.linalg.norm(whole, axis=2, keepdims=True))


def _queries() -> np.ndarray:
    """Unit rows, float32 (queries, vectors, width)."""
    import numpy as np

    drawn = np.random.default_rng(5).standard_normal((QUERIES, QUERY, WIDTH)).astype(np.float32)
    return np.asarray(drawn / np.linalg.norm(drawn, axis=2, keepdims=True))


def figures(folder: Path, pages: int) -> dict[str, float]:
    """Bytes a page and medians in milliseconds."""
    import numpy as np

    from mmsearch.models.late_embedder import mean_vector
    from mmsearch.retrieval.late_scoring import CANDIDATES, best_of, late_view
    from mmsearch.retrieval.signals import POOL
    from mmsearch.store.layout import IndexFolder
    from mmsearch.store.snapshot import Snapshot

    place = IndexFolder(folder)
    chance = np.random.default_rng(7)
    whole, first, busy = [], [], []
    with Snapshot(place) as snapshot:
        (space,) = snapshot.spaces()
        for query in _queries():
            others = (1 + chance.choice(pages, POOL, replace=False)).tolist()  # as words and other spaces would find
            began, used = time.perf_counter(), time.process_time()
            nearest = [i for i, _ in snapshot.nearest(space.id, "image", mean_vector(query), POOL)]
            found = time.perf_counter()
            ids = list(dict.fromkeys([*nearest, *others]))
            late_view(snapshot, space, "image", query, ids, [nearest, others])
            whole.append(time.perf_counter() - began)
            busy.append(time.process_time() - used)
            first.append(found - began)
            assert len(best_of(snapshot, space, "image", ids, [nearest, others])) == CANDIDATES
    size = sum(path.stat().st_size for path in folder.iterdir())
    return {
        "bytes": size / pages,
        "query_ms": 1000 * statistics.median(whole),
        "first_ms": 1000 * statistics.median(first),
        "cpu_ms": 1000 * statistics.median(busy),
        "slowest_ms": 1000 * max(whole),
    }


if __name__ == "__main__":
    target, count = Path(sys.argv[1]), int(sys.argv[2])
    make(target, count)
    print(json.dumps(figures(target, count)))
