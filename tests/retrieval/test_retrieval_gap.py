"""A modality gap of known size is calibrated away: passages embedded by the built-in model, cut into two views that are
each shifted by an offset of their own, are ranked as they were without it."""

import hashlib
import re
from collections.abc import Callable

import numpy as np
import pytest

from mmsearch.models import registry
from mmsearch.models.model_options import ModelOptions
from mmsearch.retrieval.ranking import UNIT, standardise, view_offset, view_spread
from mmsearch.types import View

SEEDS = 20
WANTED = 0.95


@pytest.fixture(scope="module")
def passages(pytestconfig: pytest.Config) -> np.ndarray:
    """Unit rows, float64 (400, 384): paragraphs of Python's own help. They are embedded once for all runs."""
    from pydoc_data.topics import topics

    every = (" ".join(one.split()) for topic in sorted(topics) for one in re.split(r"\n\s*\n", topics[topic]))
    texts = [one for one in dict.fromkeys(every) if 50 < len(one) < 200 and one[0].isalpha()][:400]
    identity = registry.resolve("builtin").name + "\0".join(texts)
    kept = pytestconfig.cache.mkdir("gap") / f"{hashlib.sha256(identity.encode()).hexdigest()}.npy"
    if not kept.exists():
        model = registry.load(registry.resolve("builtin"), ModelOptions(device="cpu"))
        np.save(kept, model.embed(View.TEXT, texts))
    return unit(np.load(kept).astype(np.float64))


def unit(rows: np.ndarray) -> np.ndarray:
    unit_rows: np.ndarray = rows / np.linalg.norm(rows, axis=-1, keepdims=True)
    return unit_rows


def shifted(rows: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """All rows pushed in one random direction by 0.5 to 1.5, and brought back to length 1."""
    return unit(rows + random.uniform(0.5, 1.5) * unit(random.normal(size=(rows.shape[1],))))


def raw(views: list[np.ndarray], query: np.ndarray) -> np.ndarray:
    return np.concatenate([rows @ query for rows in views])


def centred(views: list[np.ndarray], query: np.ndarray) -> np.ndarray:
    return np.concatenate([(rows - rows.mean(axis=0)) @ query for rows in views])


def calibrated(views: list[np.ndarray], query: np.ndarray) -> np.ndarray:
    """As a search does: z of the cosines, each brought back to one length of meaning."""
    scores = []
    for rows in views:
        even = (rows @ query) * view_offset(rows).factor(rows)
        scores.append(standardise(even, even, view_spread(rows)))
    return np.concatenate(scores)


def overlap(scores: np.ndarray, others: np.ndarray) -> float:
    best = [set(np.argsort(-one)[:10].tolist()) for one in (scores, others)]
    return len(best[0] & best[1]) / 10


def mean_overlap(passages: np.ndarray, ranking: Callable[[list[np.ndarray], np.ndarray], np.ndarray]) -> float:
    """Of the first ten with the ranking of the same views before the shift, over seeds and queries."""
    queries = passages[::20]
    others = np.delete(passages, np.s_[::20], axis=0)
    found = []
    for seed in range(SEEDS):
        random = np.random.default_rng(seed)
        order = random.permutation(len(others))
        views = [others[order[: len(order) // 2]], others[order[len(order) // 2 :]]]
        pushed = [shifted(rows, random) for rows in views]
        found += [overlap(ranking(pushed, query), raw(views, query)) for query in queries]
    return float(np.mean(found))


def test_a_gap_between_two_views_leaves_the_ranking_as_it_was(passages: np.ndarray) -> None:
    ours = mean_overlap(passages, calibrated)
    assert ours >= WANTED
    assert mean_overlap(passages, raw) < 0.85, "without calibration the gap must do harm, or this test shows nothing"
    assert mean_overlap(passages, centred) < ours


def test_without_a_gap_hardly_anything_moves(passages: np.ndarray) -> None:
    queries, others = passages[::20], np.delete(passages, np.s_[::20], axis=0)
    assert np.mean([overlap(calibrated([others], one), raw([others], one)) for one in queries]) >= 0.97


def made(count: int, norm: float, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Unit rows that vary in a few directions, shifted by a known offset: rows, offset."""
    offset = norm * unit(random.normal(size=64))
    spread = random.normal(size=(count, 64)) * np.linspace(2, 0.2, 64)
    return unit(spread), offset


@pytest.mark.parametrize("norm", [0.5, 1.0, 1.5])
def test_the_factor_undoes_what_an_offset_does_to_lengths(norm: float) -> None:
    random = np.random.default_rng(0)
    rows, offset = made(1000, norm, random)
    pushed = rows + offset
    lengths = np.linalg.norm(pushed, axis=1)
    factor = view_offset(unit(pushed)).factor(unit(pushed))
    left = np.std(np.log(factor / lengths))
    assert left < 0.6 * np.std(np.log(lengths))


def test_rows_that_share_nothing_get_no_factor() -> None:
    rows = np.concatenate([np.eye(8), -np.eye(8)])
    assert (view_offset(rows).factor(rows) == 1).all()


@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_small_views_get_finite_moderate_factors(count: int) -> None:
    rows = unit(np.random.default_rng(count).normal(size=(count, 8)) + 1)
    factor = view_offset(rows).factor(rows)
    assert factor.shape == (count,)
    assert ((factor >= 0.5) & (factor <= 1.5)).all()
    z = standardise((rows @ np.ones(8) / 8**0.5) * factor, np.full(count, 0.4), view_spread(rows))
    assert np.isfinite(z).all() and (np.abs(z) < 2 / (UNIT * 0.2)).all()
