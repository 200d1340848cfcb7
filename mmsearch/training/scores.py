"""How good a ranking is, with intervals. Pure functions of arrays."""

from collections.abc import Callable

import numpy as np


def interval(count: int, score: Callable[[np.ndarray], float], draws: int = 1000, seed: int = 0) -> tuple[float, float]:
    """95% bootstrap interval of a score of item numbers: items are drawn with replacement, the percentiles taken."""
    rng = np.random.default_rng(seed)
    values = [score(rng.integers(0, count, count)) for _ in range(draws)]
    low, high = np.nanpercentile(values, (2.5, 97.5))
    return float(low), float(high)


def mean_of(values: np.ndarray) -> Callable[[np.ndarray], float]:
    """The mean of some items' values, as a score for `interval`."""
    return lambda rows: float(values[rows].mean())


def r_precision(similarity: np.ndarray, relevant: np.ndarray) -> float:
    """Share of the relevant among the first R, R being how many there are; (n,) and bool (n,)."""
    count = int(relevant.sum())
    if count == 0:
        return float("nan")
    best = np.argsort(-similarity, kind="stable")[:count]
    return float(relevant[best].mean())


def ndcg(similarity: np.ndarray, relevant: np.ndarray, at: int = 10) -> float:
    """nDCG@k with one grade of relevance; (n,) and bool (n,)."""
    order = np.argsort(-similarity, kind="stable")[:at]
    weights = 1 / np.log2(np.arange(2, at + 2))
    ideal = weights[: min(int(relevant.sum()), at)].sum()
    return float((relevant[order] * weights[: len(order)]).sum() / ideal) if ideal else float("nan")


def told_apart(similarity: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """bool (n,): whether the best of the classes is the right one; (n, classes) and int (n,)."""
    return similarity.argmax(1) == truth


def standardised(similarity: np.ndarray) -> np.ndarray:
    """Each query's similarities (queries, items) against their own mean and spread."""
    spread = similarity.std(1, keepdims=True)
    return (similarity - similarity.mean(1, keepdims=True)) / np.maximum(spread, 1e-6)


def line(name: str, value: float, low: float, high: float, goal: str = "") -> str:
    """One printed figure."""
    return f"{name:<58} {value:.3f} [{low:.3f}, {high:.3f}]" + (f"   goal {goal}" if goal else "")
