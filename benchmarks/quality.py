"""The quality of rankings on judged galleries, beside that of their single signals.

    python -m benchmarks.quality QUERIES.jsonl [signals] [no-answer] [half]

signals   nDCG@10 of mmsearch, of BM25 over the words alone (as FTS5 computes it), of the embeddings alone (cosine),
          all over the same texts, and the points gained over the better part, with paired 95% bootstrap intervals
no-answer all ordered pairs: the share of one gallery's queries that find anything above the default cutoff in the
          index of another; on the diagonal, of its own queries with a right hit in the first ten, those that keep hits
half      every second file of a gallery is taken out of its index: the same two shares, of the queries whose right
          files are gone and of those whose right files stay

Each gallery has an index of its own, made on the first run. Names of files are switched off, and files without a
judgement (translations of a right answer) are dropped before scoring.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from mmsearch.config import Settings
from mmsearch.evaluation.judgements import JudgedQuery, read_queries
from mmsearch.evaluation.metrics import bootstrap, scores
from mmsearch.evaluation.runner import RankedAnswer, base_folder, relative, run
from mmsearch.index import Index
from mmsearch.query import DEFAULT_OPTIONS, Query
from mmsearch.retrieval.query_building import build_query
from mmsearch.retrieval.query_encoding import QueryEncoders
from mmsearch.store.layout import IndexFolder
from mmsearch.store.snapshot import Snapshot
from mmsearch.store.vocabulary import WORDS, Vocabulary, quoted
from mmsearch.types import Locator

K = 10
DEEP = 1_000  # places that a plain part ranks
FEWEST = 20  # queries of a gallery that is measured without being named


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality", description=__doc__.partition("\n")[0])
    parser.add_argument("queries", help="judged queries with galleries, as `mmsearch eval` reads them")
    parser.add_argument("tables", nargs="*", choices=[[], *TABLES], help="which tables; all without any")
    parser.add_argument("--gallery", action="append", help=f"only these; else all with {FEWEST} queries or more")
    parser.add_argument("--base", help="where the answers' paths begin")
    parser.add_argument("--folder", type=Path, default=Path("build/quality"), help="for the indexes")
    options = parser.parse_args()
    lab = Lab(Path(options.queries), options.base, options.folder, options.gallery)
    for name in options.tables or TABLES:
        print(f"\n{name}", flush=True)
        for cells in TABLES[name](lab):
            print("| " + " | ".join(cells) + " |", flush=True)


class Lab:
    """Galleries with their queries of words and their indexes."""

    def __init__(self, queries: Path, base: str | None, folder: Path, wanted: Sequence[str] | None) -> None:
        self.base, self.folder = base_folder(str(queries), base), folder
        self.judged: dict[str, list[JudgedQuery]] = {}
        for one in read_queries(queries):
            if one.text and one.gallery:
                self.judged.setdefault(one.gallery.strip("/"), []).append(one)
        least = {name for name, asked in self.judged.items() if len(asked) >= FEWEST}
        self.judged = {name: self.judged[name] for name in wanted or sorted(least)}
        self.own: dict[str, list[RankedAnswer]] = {}

    def index(self, gallery: str) -> Path:
        """The index of a gallery, made where there is none."""
        folder = self.folder / gallery.replace("/", "-")
        if not folder.exists():
            print(f"indexing {gallery}", file=sys.stderr, flush=True)
            target = os.path.join(self.base, os.fsencode(gallery))
            for _ in Index.update(folder, [target], Settings()):
                pass
        return folder

    def asked(self, gallery: str, folder: Path) -> list[RankedAnswer]:
        """What an index answers to a gallery's queries."""
        with Index.open(folder) as index:
            return list(run(index, self.judged[gallery], self.base, K, names=False))

    def answers(self, gallery: str) -> list[RankedAnswer]:
        """What a gallery's own index answers."""
        if gallery not in self.own:
            self.own[gallery] = self.asked(gallery, self.index(gallery))
        return self.own[gallery]


def signals(lab: Lab) -> Iterator[tuple[str, ...]]:
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


def plain(lab: Lab, gallery: str) -> tuple[list[RankedAnswer], list[RankedAnswer]]:
    """The same queries by BM25 alone and by cosine alone; a file is as good as its best place."""
    folder = IndexFolder(lab.index(gallery))
    ranked: tuple[list[RankedAnswer], list[RankedAnswer]] = ([], [])
    with Snapshot(folder) as snapshot:
        table, encoders = Vocabulary(snapshot.connection, WORDS, False), QueryEncoders(folder)
        for one in lab.judged[gallery]:
            asked, _ = build_query(encoders, snapshot, Query(one.text), DEFAULT_OPTIONS)
            expression = " OR ".join(map(quoted, dict.fromkeys(asked.parsed.words)))
            texts = next((one for one in asked.vectors if one.space.name == "builtin"), None)
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


def no_answer(lab: Lab) -> Iterator[tuple[str, ...]]:
    """The table of pairs, and all of them together."""
    yield "queries of, in the index of", *lab.judged
    kept: list[float] = []
    false: list[float] = []
    for asked in lab.judged:
        cells = []
        for other in lab.judged:
            ranked = lab.answers(asked) if asked == other else lab.asked(asked, lab.index(other))
            into = kept if asked == other else false
            measure = "kept" if asked == other else "false hits"
            values = [row[measure] for row in scores(ranked, K).values() if measure in row]
            into += values
            cells.append(f"{'kept ' if asked == other else ''}{100 * np.mean(values):.0f}% of {len(values)}")
        yield asked, *cells
    yield "all", f"kept {shared(kept)}", f"false {shared(false)}"


def half(lab: Lab) -> Iterator[tuple[str, ...]]:
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


TABLES = {"signals": signals, "no-answer": no_answer, "half": half}

if __name__ == "__main__":
    main()
