"""The quality of rankings on judged galleries, beside that of their single signals.

    python -m benchmarks.quality QUERIES.jsonl [TABLE...]

signals      nDCG@10 of mmsearch, of BM25 over the words alone (as FTS5 computes it), of the embeddings alone (cosine),
             all over the same texts, and the points gained over the better part, with paired 95% bootstrap intervals
mixed        nDCG@10 of each gallery's queries in one index of all files, and the right hits that an answer keeps there
no-answer    all ordered pairs but translations: the share of one gallery's queries that find anything in the index of
             another; on the diagonal, of its own queries with a right hit in the first ten, those that keep hits; then
             the same of queries that nothing answers, put to the index of all files
tail         how many hits an answer shows, of queries with one right file, and the recall that is lost by that
reliability  the scores of best hits beside the share of such queries that have a right hit
half         every second file of a gallery is taken out of its index: the same two shares, of the queries whose right
             files are gone and of those whose right files stay
similar      altered pictures of the galleries that hold pictures: how often each finds its original (`copies.py`)
inflection   other forms of words: the share of pairs that are found (`inflection.py`)

Each table is followed by the seconds that it took; the first holds the indexing. Names of files are switched off, and
files without a judgement (translations of a right answer) are dropped before scoring.
"""

from __future__ import annotations

import argparse
import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from benchmarks import copies, inflection
from benchmarks.galleries import FEWEST, Galleries, K, are_translations, unanswered
from mmsearch.config import Settings
from mmsearch.evaluation.metrics import bootstrap, scores
from mmsearch.evaluation.runner import RankedAnswer, relative
from mmsearch.index import Index
from mmsearch.query import DEFAULT_OPTIONS, Query
from mmsearch.retrieval import relevance
from mmsearch.retrieval.query_building import build_query
from mmsearch.retrieval.query_encoding import QueryEncoders
from mmsearch.store.layout import IndexFolder
from mmsearch.store.snapshot import Snapshot
from mmsearch.store.vocabulary import WORDS, Vocabulary, quoted
from mmsearch.types import Locator, View

DEEP = 1_000  # places that a plain part ranks


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality", description=__doc__.partition("\n")[0])
    parser.add_argument("queries", help="judged queries with galleries, as `mmsearch eval` reads them")
    parser.add_argument("tables", nargs="*", choices=[[], *TABLES], help="which tables; all without any")
    parser.add_argument("--gallery", action="append", help=f"only these; else all with {FEWEST} queries or more")
    parser.add_argument("--base", help="where the answers' paths begin")
    parser.add_argument("--folder", type=Path, default=Path("build/quality"), help="for the indexes")
    options = parser.parse_args()
    lab = Galleries(Path(options.queries), options.base, options.folder, options.gallery)
    for name in options.tables or TABLES:
        print(f"\n{name}", flush=True)
        began = time.monotonic()
        for cells in TABLES[name](lab):
            print("| " + " | ".join(cells) + " |", flush=True)
        print(f"{time.monotonic() - began:.0f} s", flush=True)


def signals(lab: Galleries) -> Iterator[tuple[str, ...]]:
    """The table of rankings and their parts."""
    yield "gallery", "queries", "mmsearch", "words", "meaning", "points gained over the better"
    for gallery in lab.judged:
        ours = per_query(lab.answers(gallery))
        words, meaning = (per_query(one) for one in plain(lab, gallery))
        better = max(words, meaning, key=lambda values: values.mean())
        low, high = bootstrap(ours - better)
        gain = f"{100 * (ours - better).mean():+.1f} [{100 * low:+.1f}, {100 * high:+.1f}]"
        yield gallery, f"{len(ours)}", *(spanned(values, 3) for values in (ours, words, meaning)), gain


def per_query(ranked: Sequence[RankedAnswer]) -> np.ndarray:
    """nDCG@10 by query."""
    found = scores(ranked, K)
    return np.array([found[one.judged.qid].get(f"nDCG@{K}", 0.0) for one in ranked])


def plain(lab: Galleries, gallery: str) -> tuple[list[RankedAnswer], list[RankedAnswer]]:
    """The same queries by BM25 alone and by cosine alone; a file is as good as its best place."""
    folder = IndexFolder(lab.index(gallery))
    ranked: tuple[list[RankedAnswer], list[RankedAnswer]] = ([], [])
    with Snapshot(folder) as snapshot:
        table, encoders = Vocabulary(snapshot.connection, WORDS, False), QueryEncoders(folder)
        for one in lab.judged[gallery]:
            asked, _ = build_query(encoders, snapshot, Query(one.text), DEFAULT_OPTIONS)
            expression = " OR ".join(map(quoted, dict.fromkeys(asked.parsed.words)))
            texts = next((one for one in asked.vectors if one.view == View.TEXT), None)
            near = snapshot.nearest(texts.space.id, texts.view, texts.vector, DEEP) if texts else []
            for places, into in zip((table.best(expression, DEEP), [i for i, _ in near]), ranked, strict=True):
                files = [path for path in files_of(snapshot, places, lab.base) if one.judges(path)][:K]
                into.append(RankedAnswer(one, tuple((path, Locator()) for path in files), (0.0,) * len(files), 0.0))
    return ranked


def files_of(snapshot: Snapshot, segments: list[int], base: bytes) -> list[str]:
    """The files of segments, in their order, each once."""
    places = snapshot.places(segments)
    shown = snapshot.files_of(sorted({place.asset_id for place in places.values()}))
    paths = (path for one in segments if one in places for _, path in shown.get(places[one].asset_id, ()))
    return [path for path in dict.fromkeys(relative(one, (base,)) for one in paths) if path is not None]


def no_answer(lab: Galleries) -> Iterator[tuple[str, ...]]:
    """The table of pairs, and all of them together; then the queries that nothing answers, put to all galleries."""
    yield "queries of, in the index of", *lab.judged
    kept: list[float] = []
    false: list[float] = []
    for asked in lab.judged:
        cells = []
        for other in lab.judged:
            if are_translations(asked, other):
                cells.append("")
                continue
            ranked = lab.answers(asked) if asked == other else lab.asked(asked, lab.index(other))
            into = kept if asked == other else false
            measure = "kept" if asked == other else "false hits"
            values = [row[measure] for row in scores(ranked, K).values() if measure in row]
            into += values
            cells.append(f"{'kept ' if asked == other else ''}{100 * np.mean(values):.0f}% of {len(values)}")
        yield asked, *cells
    yield "all", f"kept {shared(kept)}", f"false {shared(false)}"
    with Index.open(lab.mixed()) as index:
        for name in ("no_answer_fit", "no_answer"):
            found = [float(bool(index.search(Query(text, names=False)).hits)) for text in unanswered(name)]
            yield name, f"false {shared(found)}"


def mixed(lab: Galleries) -> Iterator[tuple[str, ...]]:
    """The table of all galleries in one index."""
    yield "gallery", "nDCG@10", "right hits kept"
    for gallery in lab.judged:
        rows = scores(lab.asked(gallery, lab.mixed()), K).values()
        values = np.array([row.get(f"nDCG@{K}", 0.0) for row in rows])
        yield gallery, spanned(values, 3), shared([row["kept"] for row in rows if "kept" in row])


def tail(lab: Galleries) -> Iterator[tuple[str, ...]]:
    """The table of how many hits an answer shows, of queries with one right file, and what that loses."""
    yield "gallery", "hits shown, median", "recall@10 of all hits", "points lost by the cut"
    for gallery in lab.judged:
        one = [each for each in lab.answers(gallery) if sum(g > 0 for g in each.judged.grades.values()) == 1]
        counts = [relevance.tail(each.scores) if each.passes else 0 for each in one]
        at = [
            next((i for i, (path, _) in enumerate(each.files) if each.judged.grades.get(path, 0) > 0), K)
            for each in one
        ]
        whole = np.array([float(i < K) for i in at])
        cut = np.array([float(i < count) for i, count in zip(at, counts, strict=True)])
        if len(one):
            yield gallery, f"{np.median(counts):.0f}", spanned(whole, 3), spanned(100 * (whole - cut), 1)


def first_right(ranked: RankedAnswer) -> int:
    """The number of the first right file, from 0; K where there is none among the first K."""
    return next((i for i, (path, _) in enumerate(ranked.files) if ranked.judged.grades.get(path, 0) > 0), K)


def reliability(lab: Galleries) -> Iterator[tuple[str, ...]]:
    """The table of scores of best hits, and how many of such queries have a right file among the first ten: queries of
    each gallery in its own index and in that of all, and those that nothing answers."""
    yield "score", "queries", "mean score", "with a right hit"
    best: list[tuple[float, float]] = []
    for gallery in lab.judged:
        for each in (*lab.answers(gallery), *lab.asked(gallery, lab.mixed())):
            right = any(each.judged.grades.get(path, 0) > 0 for path, _ in each.files)
            best += [(each.scores[0], float(right))] if each.scores else []
    with Index.open(lab.mixed()) as index:
        for text in unanswered("no_answer"):
            hits = index.search(Query(text, names=False, min_score=0.0, k=1)).hits
            best += [(hits[0].score, 0.0)] if hits else []
    values = np.array(best)
    for low in np.arange(0.0, 1.0, 0.1):
        rows = values[(values[:, 0] >= low) & (values[:, 0] < low + 0.1 + 1e-9)]
        if len(rows):
            yield (
                f"{low:.1f} to {low + 0.1:.1f}",
                f"{len(rows)}",
                f"{rows[:, 0].mean():.2f}",
                f"{rows[:, 1].mean():.2f}",
            )


def half(lab: Galleries) -> Iterator[tuple[str, ...]]:
    """The table of galleries of which every second file is gone."""
    yield "gallery", "right files gone: still find something", "right files there: keep it"
    for gallery in lab.judged:
        folder = lab.folder / "half"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(lab.index(gallery), folder)
        with Index.open(folder) as index:
            gone = sorted(index.paths())[::2]
        Index.forget(folder, gone, Settings())
        rows = scores(lab.asked(gallery, folder), K).values()
        yield gallery, *(shared([row[name] for row in rows if name in row]) for name in ("false hits", "kept"))
        shutil.rmtree(folder)


def similar(lab: Galleries) -> Iterator[tuple[str, ...]]:
    """The table of altered pictures, of the galleries in which there are any."""
    base = Path(os.fsdecode(lab.base))
    folders = [
        base / name for name in lab.judged if any(one.suffix in copies.ENDINGS for one in (base / name).iterdir())
    ]
    work = lab.folder / "copies"
    shutil.rmtree(work, ignore_errors=True)
    yield from copies.table(folders, work.absolute(), pictures=30, pairs=3)


def inflected(lab: Galleries) -> Iterator[tuple[str, ...]]:
    """The table of other forms of words, which needs no gallery."""
    yield from inflection.table()


def spanned(values: np.ndarray, digits: int) -> str:
    """A mean with its 95% interval."""
    low, high = bootstrap(values)
    return f"{values.mean():.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"


def shared(values: Sequence[float]) -> str:
    """A share in per cent with its interval."""
    if not values:
        return "-"
    low, high = bootstrap(np.asarray(values))
    return f"{100 * np.mean(values):.1f}% [{100 * low:.1f}, {100 * high:.1f}] of {len(values):,}"


TABLES: dict[str, Callable[[Galleries], Iterator[tuple[str, ...]]]] = {
    "signals": signals,
    "mixed": mixed,
    "no-answer": no_answer,
    "tail": tail,
    "reliability": reliability,
    "half": half,
    "similar": similar,
    "inflection": inflected,
}

if __name__ == "__main__":
    main()
