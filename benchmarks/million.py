"""Search in a large index: latency, recall and filters at as many embeddings as asked for.

The vectors are noise around real MiniLM vectors, the words are drawn by Zipf's law from an invented vocabulary, and all
of it is committed by the program's own store. Queries go through the program's own snapshot, warm, one at a time.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import corpus, measure
from benchmarks.measure import ROOT, Setting
from benchmarks.table import Row

if TYPE_CHECKING:
    import numpy as np

    from mmsearch.store.layout import IndexFolder
    from mmsearch.store.snapshot import Snapshot

DIMENSION = 384
NOISE = 0.6  # length of the noise beside a unit vector: neighbours of one text have a cosine of 0.73 to each other
A_ASSET = 1000  # segments of one file
WORDS = 60  # of a passage
VOCABULARY = 60_000
QUERIES = 200


def make(folder: Path, passages: int) -> None:
    """Make the index with `passages` segments of one embedding each; nothing to do where it is."""
    from mmsearch.models import builtin
    from mmsearch.models.registry import load, resolve
    from mmsearch.store import ann, sums
    from mmsearch.store.catalogue import open_writer
    from mmsearch.store.layout import IndexFolder
    from mmsearch.types import View

    ready = folder / "ready"
    if ready.is_file():
        register(IndexFolder(folder))
        return
    shutil.rmtree(folder, ignore_errors=True)  # what an interrupted run has left
    place = IndexFolder(folder)
    place.create()
    connection = open_writer(place)
    embedder = load(resolve("builtin"))
    real = embedder.embed(View.TEXT, corpus.texts())
    _fill(connection, place, passages, real, builtin.fingerprint())
    began = time.monotonic()
    ann.build(connection, place, 1, "text", DIMENSION, lambda: embedder.embed(View.TEXT, _questions(0), "query"))
    print(f"ann file of {passages:,} vectors built in {time.monotonic() - began:.0f} s", file=sys.stderr)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    sums.seal(place, None)
    register(place)
    ready.touch()


def register(place: IndexFolder) -> None:
    """Record the index as this user's own: the ann files of another one are not loaded."""
    from mmsearch import trust
    from mmsearch.store.catalogue import open_reader
    from mmsearch.store.meta import index_id

    connection = open_reader(place)
    number = index_id(connection)
    connection.close()
    assert number is not None
    trust.register(place.path.absolute(), number)


def figures(folder: Path) -> dict[str, float]:
    """Medians in seconds, recall@10 and the share of filtered segments that were found."""
    import numpy as np

    from mmsearch.models.registry import load, resolve
    from mmsearch.query import Filter
    from mmsearch.store.layout import IndexFolder
    from mmsearch.store.snapshot import Snapshot
    from mmsearch.types import View

    queries = load(resolve("builtin")).embed(View.TEXT, _questions(1), "query")
    place = IndexFolder(folder)
    with Snapshot(place) as snapshot:
        truth = _exact(snapshot, queries)
        found = [snapshot.nearest(1, "text", query, 10) for query in queries]
        hits = sum(len({i for i, _ in one} & set(other)) for one, other in zip(found, truth, strict=True))
        nearest = _median(lambda query: snapshot.nearest(1, "text", query, 300), list(queries))
        texts = _word_queries()
        words = _median(lambda text: _best(snapshot, text), texts)
        generation = snapshot._view(1, "text", DIMENSION)[0]
    with Snapshot(place, Filter(within=("*/five.txt",))) as snapshot:
        few = [snapshot.nearest(1, "text", query, 10) for query in queries[:20]]
        filtered = _median(lambda query: snapshot.nearest(1, "text", query, 10), list(queries[:50]))
    return {
        "nearest_s": nearest,
        "words_s": words,
        "filtered_s": filtered,
        "recall": hits / (10 * len(queries)),
        "nprobe": float(generation.nprobe or 0) if generation else 0.0,
        "filtered_found": float(np.mean([len(one) for one in few])) / 5,
    }


def _fill(
    connection: object, place: object, passages: int, real: np.ndarray, fingerprint: Mapping[str, object]
) -> None:
    """Commit files of `A_ASSET` segments, and one of five for the filter."""
    import sqlite3

    from mmsearch.store import files
    from mmsearch.store.catalogue import transaction
    from mmsearch.store.layout import IndexFolder
    from mmsearch.store.segments import SpanResult, Vectors, commit_span, refresh_background
    from mmsearch.types import Locator, Probe, Segment, Span

    assert isinstance(connection, sqlite3.Connection) and isinstance(place, IndexFolder)
    connection.execute("INSERT INTO roots (path, relative, walked, device) VALUES (x'2f64', 0, 1, 0)")
    connection.execute(
        "INSERT INTO spaces (name, fingerprint, recorded, dimension, views)"
        " VALUES ('builtin', ?, '{}', ?, '[\"text\"]')",
        (json.dumps(fingerprint), DIMENSION),
    )
    texts, matrix = _texts(), _vectors(real)
    sizes = [A_ASSET] * (passages // A_ASSET) + [5]
    for number, size in enumerate(sizes):
        name = "five.txt" if size == 5 else f"{number // 100:03d}/text {number:05d}.txt"
        with transaction(connection, place):
            facts = files.FileFacts(name.encode(), 10, number, number, "text", "text")
            file_id = files.put_file(connection, 1, facts)
            asset_id, _ = files.put_asset(connection, f"key{number}", "text", "text")
            files.link(connection, file_id, asset_id)
            segments = [Segment(at, Locator(line_start=at + 1, line_end=at + 1), next(texts)) for at in range(size)]
            chunk = SpanResult(asset_id, f"key{number}", 0, Probe((Span(0, 1),)), segments)
            chunk.vectors = [Vectors(at, 1, "text", next(matrix)[None]) for at in range(size)]
            commit_span(connection, chunk, [1])
            if number % 100 == 0 or size == 5:
                refresh_background(connection, 1, "text")


def _texts() -> Iterator[str]:
    """Endless passages; a word's chance falls with its rank."""
    import numpy as np

    chance = np.random.default_rng(7)
    vocabulary = np.array(_vocabulary())
    weights = 1 / np.arange(1, VOCABULARY + 1)
    borders = np.cumsum(weights / weights.sum())
    while True:
        drawn = np.searchsorted(borders, chance.random((A_ASSET, WORDS)))
        for row in vocabulary[np.minimum(drawn, VOCABULARY - 1)]:
            yield " ".join(row)


def _vocabulary() -> list[str]:
    """Invented words, common ones short."""
    chance = random.Random(11)
    syllables = [a + b for a in "bdfgklmnprstvz" for b in "aeiou"]
    words: dict[str, None] = {}
    while len(words) < VOCABULARY:
        words["".join(chance.choice(syllables) for _ in range(3 + len(words) // 20_000))] = None
    return list(words)


def _vectors(real: np.ndarray) -> Iterator[np.ndarray]:
    """Endless unit vectors, float32 (384,), around real ones."""
    import numpy as np

    chance = np.random.default_rng(3)
    while True:
        noise = chance.standard_normal(real.shape).astype(np.float32) * (NOISE / DIMENSION**0.5)
        yield from (real + noise) / np.linalg.norm(real + noise, axis=1, keepdims=True)


def _questions(which: int) -> list[str]:
    """Queries about single sentences: 0 for those that the file is tuned by, 1 for those that it is measured by."""
    return [f"which {text.split('. ')[1].lower()}" for text in corpus.texts()[which :: corpus.DISTINCT // QUERIES]]


def _word_queries() -> list[str]:
    """Two to five words, most of them rare, as people ask."""
    chance, words = random.Random(5), _vocabulary()
    return [
        " ".join(words[min(int(10 ** chance.uniform(1, 4.7)), VOCABULARY - 1)] for _ in range(chance.randint(2, 5)))
        for _ in range(100)
    ]


def _exact(snapshot: Snapshot, queries: np.ndarray) -> list[list[int]]:
    """The ten nearest segments of each query, by a scan over the catalogue."""
    import numpy as np

    scores = np.full((len(queries), 10), -2.0, np.float32)
    ids = np.zeros((len(queries), 10), np.int64)
    rows = snapshot.connection.execute("SELECT segment_id, vector FROM embeddings WHERE space_id = 1")
    while batch := rows.fetchmany(50_000):
        matrix = np.frombuffer(b"".join(row[1] for row in batch), np.float16).reshape(len(batch), -1)
        every = np.concatenate([scores, queries @ matrix.astype(np.float32).T], axis=1)
        names = np.concatenate([ids, np.tile([row[0] for row in batch], (len(queries), 1))], axis=1)
        best = np.argpartition(-every, 9, axis=1)[:, :10]
        scores, ids = np.take_along_axis(every, best, 1), np.take_along_axis(names, best, 1)
    return [list(map(int, row)) for row in ids]


def _best(snapshot: Snapshot, text: str) -> None:
    """The words signal's candidates."""
    from mmsearch.retrieval.queries.query_parsing import parse
    from mmsearch.retrieval.signals import POOL
    from mmsearch.retrieval.words.word_scoring import Words

    words = Words(snapshot, parse(text).words)
    words.table.best(words.expression(), POOL)


def _median(call: Callable[..., object], inputs: Sequence[object]) -> float:
    seconds = []
    for one in [*inputs[:5], *inputs]:
        began = time.perf_counter()
        call(one)
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds[5:])


def rows(setting: Setting, passages: int) -> list[Row]:
    """A line for each goal. The index is made once."""
    arguments = ("--passages", str(passages), "--folder", str(setting.folder))
    told = measure.told("benchmarks.million", setting.env, *arguments)
    nprobe = f"IVF, nprobe {told['nprobe']:.0f}" if told["nprobe"] else "exact"
    work = f"search, {passages:,} x {DIMENSION}"

    def line(what: str, shown: str, value: float, least: float | None, most: float | None, note: str) -> Row:
        return Row(f"{work}: {what}", shown, "-", value, least, most, note)

    nearest, words, filtered = (told[f"{name}_s"] * 1000 for name in ("nearest", "words", "filtered"))
    return [
        line("vectors, ms", f"{nearest:.1f} ms", nearest, None, 10.0, f"p50 of 300 nearest, warm; {nprobe}"),
        line("recall@10", f"{told['recall']:.4f}", told["recall"], 0.99, None, f"of {QUERIES} text queries"),
        line("filter to 5", f"{filtered:.1f} ms", told["filtered_found"], 1.0, None, "share of the 5 that are found"),
        line("words, ms", f"{words:.1f} ms", words, None, 30.0, "p50 of 100 queries of two to five words"),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.million", description=__doc__)
    parser.add_argument("--passages", type=int, default=1_000_000, help="how many (1000000)")
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "bench", help="for the index")
    options = parser.parse_args()
    folder = options.folder.absolute() / f"passages-{options.passages}"
    make(folder, options.passages)
    print(json.dumps(figures(folder)))


if __name__ == "__main__":
    main()
