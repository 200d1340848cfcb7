"""Fits the two regressions by which the probability of an answer is estimated (`mmsearch/retrieval/relevance.py`).

    python -m benchmarks.relevance QUERIES.jsonl

Examples are the best hits of: the queries of every gallery, in its own index and in that of all galleries; of each
gallery in the indexes of others; single words of captions and of texts; all of these in indexes of a few files; and
the queries without an answer of `no_answer_fit.txt`. An example is right where a right file is among the first ten.
Queries whose right file is there and not found are left out: they are neither. Figures are cross-validated by gallery.
"""

from __future__ import annotations

import argparse
import json
import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.galleries import Galleries, are_translations, unanswered
from mmsearch.evaluation.runner import relative
from mmsearch.query import DEFAULT_OPTIONS, Query
from mmsearch.retrieval.answer_rows import evidence_of
from mmsearch.retrieval.query_building import build_query
from mmsearch.retrieval.query_encoding import QueryEncoders
from mmsearch.retrieval.relevance import FEATURES, features
from mmsearch.retrieval.search import ranked
from mmsearch.retrieval.words.word_scoring import Words
from mmsearch.store.layout import IndexFolder
from mmsearch.store.snapshot import Snapshot

OWN, PAIRED, SMALL = (
    150,
    20,
    40,
)  # queries of a gallery: at home and in all, elsewhere, in few files
SIZES = 3, 5, 8, 12, 25, 50  # files of small indexes
RIDGE = 1.0
SHARED_BY = 3  # captions of a photo that share a word
RAREST = 4  # texts at most that hold a word which is asked for alone
KEYWORDS = 160
FOLDS = 5  # of the queries without an answer, which are of no gallery
WEIGHT = 3.0  # of an example without an answer


class Asked(NamedTuple):
    """A query with the paths of its right files, and of files that are neither right nor wrong."""

    text: str
    right: frozenset[str]
    neither: frozenset[str] = frozenset()


class Example(NamedTuple):
    """The best hit of a query: the group of its weight and of its fold, where it was asked, the features of the hit,
    and whether there is a right one among the first ten."""

    group: str
    where: str
    text: str
    by_picture: bool
    values: list[float]
    right: bool


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.relevance", description=__doc__.partition("\n")[0])
    parser.add_argument("queries", help="judged queries with galleries, as `mmsearch eval` reads them")
    parser.add_argument("--base", help="where the answers' paths begin")
    parser.add_argument("--folder", type=Path, default=Path("build/quality"), help="for the indexes")
    options = parser.parse_args()
    galleries = Galleries(Path(options.queries), options.base, options.folder)
    kept = options.folder / "examples.json"
    if not kept.exists():
        kept.write_text(json.dumps([one for one in examples(galleries)]))
    report([Example(*one) for one in json.loads(kept.read_text())])


def examples(galleries: Galleries) -> Iterator[Example]:
    """All examples, index by index."""
    own = {
        name: some([asked(one.text, one.grades, one.unjudged) for one in each], OWN)
        for name, each in galleries.judged.items()
    }
    words = single_words(galleries, own)
    everything = own | words
    home = {name: name for name in own} | {name: name.partition(" ")[0] for name in words}
    none = [Asked(text, frozenset()) for text in unanswered("no_answer_fit")]
    print("mixed", flush=True)
    yield from best_hits(galleries, galleries.mixed(), "mixed", everything | {"none": none})
    for gallery in own:
        print(gallery, flush=True)
        put = {name: each for name, each in everything.items() if home[name] == gallery}
        put |= {
            name: some(each, PAIRED)
            for name, each in own.items()
            if not are_translations(name, gallery) and name != gallery
        }
        yield from best_hits(galleries, galleries.index(gallery), gallery, put)
    for size in SIZES:
        folder, paths = galleries.small(size)
        put = {}
        for name, each in everything.items():
            held = [one for one in each if one.right & paths]
            other = [one for one in each if not (one.right | one.neither) & paths] if name in own else []
            put[name] = some(held, SMALL) + some(other, SMALL // 6)
        yield from best_hits(galleries, folder, f"small-{size}", put)


def asked(text: str, grades: Mapping[str, int], unjudged: frozenset[str]) -> Asked:
    return Asked(text, frozenset(path for path, grade in grades.items() if grade > 0), unjudged)


def some(each: Sequence[Asked], most: int) -> list[Asked]:
    """So many of the queries, drawn by chance."""
    return random.Random(3).sample(list(each), min(most, len(each)))


def single_words(galleries: Galleries, own: dict[str, list[Asked]]) -> dict[str, list[Asked]]:
    """Words as queries: those that several captions of a photo share, and one to three rare words of a text."""
    result: dict[str, list[Asked]] = {}
    for name, each in own.items():
        by_file: dict[str, Counter[str]] = defaultdict(Counter)
        for one in each:
            if len(one.right) == 1:
                by_file[next(iter(one.right))].update(set(re.findall(r"[^\W\d_]{3,}", one.text.lower())))
        if name.startswith("photos/"):
            right: dict[str, set[str]] = defaultdict(set)
            for path, words in by_file.items():
                for word, count in words.items():
                    if count >= SHARED_BY and word not in ("the", "and", "with", "two", "there", "are", "from", "his"):
                        right[word].add(path)
            result[f"{name} words"] = [Asked(word, frozenset(paths)) for word, paths in sorted(right.items())]
        elif name == "text/xquad/en":
            result[f"{name} words"] = some(_rare_words(galleries, name), KEYWORDS)
    return {name: each for name, each in result.items() if each}


def _rare_words(galleries: Galleries, gallery: str) -> list[Asked]:
    folder = Path(galleries.base.decode()) / gallery
    texts = {f"{gallery}/{path.name}": path.read_text("utf-8").lower() for path in sorted(folder.glob("*.txt"))}
    held = {path: set(re.findall(r"[a-z]{4,}", text)) for path, text in texts.items()}
    count = Counter(word for words in held.values() for word in words)
    lots = random.Random(1)
    result = []
    for words in held.values():
        rare = sorted(word for word in words if count[word] <= RAREST)
        for number in (1, lots.choice((1, 2, 3))):
            if len(rare) >= number:
                query = lots.sample(rare, number)
                result.append(Asked(" ".join(query), frozenset(path for path in held if held[path] >= set(query))))
    return result


def best_hits(galleries: Galleries, folder: Path, index: str, put: dict[str, list[Asked]]) -> Iterator[Example]:
    """The best hit of each query of some groups in an index."""
    place = IndexFolder(folder)
    encoders = QueryEncoders(place)
    with Snapshot(place) as snapshot:
        here = {relative(path, (galleries.base,)) for path in snapshot.paths()}
        for name, each in put.items():
            for one in each:
                query = Query(one.text, names=False, min_score=0.0)
                encoded, _ = build_query(encoders, snapshot, query, DEFAULT_OPTIONS)
                rows, scored = ranked(snapshot, encoded, Words(snapshot, encoded.parsed.words), query)
                paths = [relative(row.files[0][1], (galleries.base,)) or "" for row in rows]
                judged = [number for number, path in enumerate(paths) if path not in one.neither]
                if not judged:
                    continue
                first = list(dict.fromkeys(paths[number] for number in judged))[:10]
                right = bool(set(first) & one.right)
                if not right and one.right & here:
                    continue
                evidence = evidence_of([rows[judged[0]]], scored)
                values = features(evidence)[0].tolist()
                yield Example(name, index, one.text, bool(evidence.by_picture[0]), values, right)


def fit(values: np.ndarray, right: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Coefficients, float64 (1 + features,), the constant first, of a logistic regression with a ridge on standardised
    features, by Newton's method."""
    mean, spread = values.mean(axis=0), values.std(axis=0)
    spread[spread < 1e-9] = np.inf  # a feature that never changes says nothing
    rows = np.column_stack([np.ones(len(values)), (values - mean) / spread])
    ridge = RIDGE * np.diag([1e-6, *np.ones(values.shape[1])])
    found = np.zeros(rows.shape[1])
    for _ in range(50):
        chance = 1.0 / (1.0 + np.exp(-np.clip(rows @ found, -30, 30)))
        slope = rows.T @ (weights * (chance - right)) + ridge @ found
        curve = (rows * (weights * chance * (1 - chance))[:, None]).T @ rows + ridge
        found -= np.linalg.solve(curve, slope)
    plain = found[1:] / spread
    return np.array([found[0] - plain @ mean, *plain])


def report(every: list[Example]) -> None:
    """Fit both regressions, and print them with their figures."""
    right = np.array([one.right for one in every], float)
    values = np.array([one.values for one in every])
    picture = np.array([one.by_picture for one in every])
    count = Counter((one.group, one.where == "mixed", one.right) for one in every)
    weights = np.array([count[one.group, one.where == "mixed", one.right] ** -0.5 for one in every])
    weights *= len(every) / weights.sum()
    none = np.array([one.group == "none" for one in every])
    weights[none] *= WEIGHT
    fold = np.array(
        [f"{number % FOLDS}" if one.group == "none" else one.group.split(" ")[0] for number, one in enumerate(every)]
    )
    held_out = np.zeros(len(every))
    for name, part, columns in (("BY_TEXT", ~picture, list(range(len(FEATURES)))), ("BY_PICTURE", picture, [0])):
        found = fit(values[part][:, columns], right[part], weights[part])
        print(f"{name} = ({', '.join(f'{value:.3f}' for value in found)})  # {int(part.sum())} examples")
        for left_out in sorted(set(fold)):
            train, test = part & (fold != left_out), part & (fold == left_out)
            if test.any():
                found = fit(values[train][:, columns], right[train], weights[train])
                held_out[test] = chances(found, values[test][:, columns])
    print("\ncross-validated by gallery")
    pairs = np.array([not one.right and one.group != "none" and not one.where.startswith("small") for one in every])
    small = np.array([not one.right and one.where.startswith("small") for one in every])
    own = np.array([one.right and one.where != "mixed" and not one.where.startswith("small") for one in every])
    mixed = np.array([one.right and one.where == "mixed" for one in every])
    few = np.array([one.right and one.where.startswith("small") for one in every])
    shares = {
        "pairs": pairs,
        "small, none": small,
        "none": none,
        "kept, own": own,
        "kept, mixed": mixed,
        "kept, small": few,
    }
    print("| cutoff | " + " | ".join(shares) + " |")
    for cutoff in (0.3, 0.4, 0.5, 0.6, 0.7):
        print(
            f"| {cutoff} | " + " | ".join(f"{(held_out[part] >= cutoff).mean():.3f}" for part in shares.values()) + " |"
        )
        groups = sorted({one.group for one in every if one.right})
        for name, part in (("own", own), ("mixed", mixed)):
            cells = {g: np.array([one.group == g for one in every]) & part for g in groups}
            print(
                f"    {name} "
                + ", ".join(f"{g} {(held_out[c] >= cutoff).mean():.2f}" for g, c in cells.items() if c.any())
            )
    print("\nreliability")
    for low in np.arange(0, 1, 0.1):
        part = (held_out >= low) & (held_out < low + 0.1 + 1e-9)
        if part.any():
            print(f"| {low:.1f} | {int(part.sum())} | {held_out[part].mean():.2f} | {right[part].mean():.2f} |")
    print("\nnone, most probable")
    for number in np.argsort(-held_out * none)[:20]:
        print(
            f"{held_out[number]:.2f}",
            every[number].text,
            every[number].by_picture,
            [round(v, 2) for v in every[number].values],
        )


def chances(found: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Probabilities of examples, float64 (n,)."""
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(found[0] + values @ found[1:], -30, 30))))


if __name__ == "__main__":
    main()
