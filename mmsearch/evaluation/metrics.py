"""Figures from rankings: standard measures, their uncertainty, and the comparison of two runs.

hit@1      the first hit is a right file (Success@1)
right@1    and at a right place of it, where the judgements name a page or a time: over all queries
place@1    the same, over the queries whose judgements name a place
recall@k   share of the right files among the first k
nDCG@k     by rank and grade
MRR        1 / rank of the first right file, over the first k
kept       the default cutoff leaves hits: over the queries with a right file among the first k
false hits the same, over the queries for which the index holds no right file: the fewer, the better

Intervals are 95% percentile bootstrap intervals over queries. The paired test is a two-sided sign-flip permutation test
of the mean difference (Fisher's randomisation test; Smucker, Allan and Carterette 2007 compare it with others).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mmsearch.evaluation.measures import ndcg, recall, reciprocal_rank, success
from mmsearch.evaluation.runner import RankedAnswer

FALSE = "false hits"
RESAMPLES = 2_000
FLIPS = 10_000
_BLOCK = 1 << 22  # random numbers drawn at a time

Scores = dict[str, float]  # by measure


@dataclass(frozen=True, slots=True)
class Figure:
    """A mean over queries with its 95% interval."""

    mean: float
    low: float
    high: float
    queries: int


@dataclass(frozen=True, slots=True)
class GroupFigures:
    """The figures of some of the queries, and their latency in seconds."""

    by: str  # overall, gallery or modality
    name: str
    queries: int
    figures: Mapping[str, Figure]
    p50_s: float
    p95_s: float


@dataclass(frozen=True, slots=True)
class Difference:
    """The change of a measure against another run, over the queries of both: means, the 95% interval of the difference,
    and its p-value."""

    measure: str
    queries: int
    before: float
    now: float
    low: float
    high: float
    p: float

    @property
    def change(self) -> float:
        """The mean of the differences."""
        return self.now - self.before


def measures(k: int) -> tuple[str, ...]:
    """The names of all figures, in the order in which they are shown."""
    return ("hit@1", f"recall@{k}", f"nDCG@{k}", "MRR", "place@1", "right@1", "kept", FALSE)


def scores(ranked: Sequence[RankedAnswer], k: int) -> dict[str, Scores]:
    """The measures of every query, by query id; a measure that is not defined for a query is missing."""
    answerable = {
        one.judged.qid: one
        for one in ranked
        if one.first_right is not None and any(grade > 0 for grade in one.judged.grades.values())
    }
    result: dict[str, Scores] = {}
    for qid, one in answerable.items():
        ranking, grades = [path for path, _ in one.files], one.judged.grades
        result[qid] = {
            "hit@1": success(ranking, grades, 1),
            f"recall@{k}": recall(ranking, grades, k),
            f"nDCG@{k}": ndcg(ranking, grades, k),
            "MRR": reciprocal_rank(ranking, grades, k),
        }
    for qid, one in answerable.items():
        result[qid]["right@1"] = float(bool(one.first_right))
        if one.judged.places:
            result[qid]["place@1"] = float(bool(one.first_right))
        if any(one.judged.grades.get(path, 0) > 0 for path, _ in one.files):
            result[qid]["kept"] = float(one.passes)
    result |= {one.judged.qid: {FALSE: float(one.passes)} for one in ranked if not one.answerable}
    return result


def grouped(ranked: Sequence[RankedAnswer], found: Mapping[str, Scores], k: int) -> list[GroupFigures]:
    """The figures over all queries, by gallery and by modality. A grouping with a single group is left out."""
    groups = [_group("overall", "all", ranked, found, k)]
    keys: dict[str, Callable[[RankedAnswer], str]] = {
        "gallery": lambda one: one.judged.gallery,
        "modality": lambda one: one.judged.modality,
    }
    for by, key in keys.items():
        members: defaultdict[str, list[RankedAnswer]] = defaultdict(list)
        for one in ranked:
            members[key(one)].append(one)
        if len(members) > 1:
            groups += [_group(by, name or "-", members[name], found, k) for name in sorted(members)]
    return groups


def _group(by: str, name: str, ranked: Sequence[RankedAnswer], found: Mapping[str, Scores], k: int) -> GroupFigures:
    figures = {}
    for measure in measures(k):
        values = [found[one.judged.qid][measure] for one in ranked if measure in found.get(one.judged.qid, {})]
        if values:
            figures[measure] = figure(values)
    seconds = [one.seconds for one in ranked]
    p50, p95 = np.percentile(seconds, [50, 95]) if seconds else (0.0, 0.0)
    return GroupFigures(by, name, len(ranked), figures, float(p50), float(p95))


def figure(values: Sequence[float]) -> Figure:
    """The mean of per-query values with its bootstrap interval. The same values give the same interval."""
    low, high = bootstrap(np.asarray(values, np.float64))
    return Figure(float(np.mean(values)), low, high, len(values))


def bootstrap(values: np.ndarray) -> tuple[float, float]:
    """The 95% percentile interval of the mean of values, float64 (n,)."""
    random = np.random.default_rng(0)
    means = [
        values[random.integers(0, len(values), (rows, len(values)))].mean(axis=1)
        for rows in _blocks(RESAMPLES, len(values))
    ]
    low, high = np.percentile(np.concatenate(means), [2.5, 97.5])
    return float(low), float(high)


def compare(now: Mapping[str, Scores], before: Mapping[str, Scores], k: int) -> list[Difference]:
    """Each measure over the queries that both runs have."""
    found = []
    for measure in measures(k):
        both = sorted(qid for qid in now if measure in now[qid] and measure in before.get(qid, {}))
        if not both:
            continue
        new, old = (np.array([run[qid][measure] for qid in both]) for run in (now, before))
        low, high = bootstrap(new - old)
        found.append(
            Difference(measure, len(both), float(old.mean()), float(new.mean()), low, high, sign_flip(new - old))
        )
    return found


def sign_flip(differences: np.ndarray) -> float:
    """The p-value of the mean of differences, float64 (n,): the share of random sign flips whose mean is as large."""
    random = np.random.default_rng(0)
    moved = differences[differences != 0]
    if not len(moved):
        return 1.0
    seen = abs(moved.sum()) - 1e-12
    reached = sum(
        int((np.abs(random.choice((-1.0, 1.0), (rows, len(moved))) @ moved) >= seen).sum())
        for rows in _blocks(FLIPS, len(moved))
    )
    return (reached + 1) / (FLIPS + 1)


def _blocks(rows: int, width: int) -> list[int]:
    step = max(1, _BLOCK // max(width, 1))
    return [min(step, rows - start) for start in range(0, rows, step)]
