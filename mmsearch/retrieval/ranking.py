"""From signals to one score: what the words found, what the meaning found, and their mean.

    score = (found + rest * token_coverage * meaning) / (has_terms + token_coverage)          0..1

found     the share of the query's information whose words stand in the segment: BM25 over its own ceiling, 0.3 of it
          paid for exact words, 0.7 for any form of them (see `word_scoring`); stop words carry none.
rest      1 - the largest coverage of the query's words by any candidate: the meaning decides what the words leave
          unexplained. One value per query: one per segment lost nDCG@10 0.03 on German.
has_terms 1 for a query with words, else 0.
meaning   z^2 / (z^2 + HALF^2), z being the similarity above the query's usual one to the view, in units of the view's
          spread; of a text that is compared with pictures, in units of the spread of just these similarities. Several
          views of a segment add their z^2. A view that is missing adds nothing and costs nothing.
token_coverage
          the share of the query's letters in known tokens (near 0 for Arabic with MiniLM): a model that can't read the
          query neither adds to the score nor divides it.

A query of several parts (typed words, files to be like) has one `found` and one coverage: the mean of the parts', by
weight. Parts of different modalities have one z in a view: their mean, by weight. Words of `--minus` are a penalty, not
an exclusion: what they find is taken off at the same rate, as a contribution below 0. An identifier, or a whole query
of some words, that stands as it was typed lifts the score by EXACT of what is missing to 1.

In a space of many languages (`cross_language.py`) a text in another language than the query's has the score s of its
meaning alone where that is more (less than that where the words leave less than UNEXPLAINED of the query, nothing where
one text holds them all), and all texts have s^2 / (s + caution), times what leaves the best as it was.

The z against a background is centring by modality (GR-CLIP, arXiv 2507.19054) with a scale and with what an offset does
to lengths undone (`Offset`); the fusion is our own, chosen on the galleries that `benchmarks/RESULTS.md` lists beside
what was tried and lost. Nothing here reads the index.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mmsearch.retrieval.words.word_scoring import Found

Floats = npt.NDArray[np.float64]

UNIT = 0.12  # spread of the cosines of unrelated texts, as a share of the view's own spread
ACROSS = 1.4  # standard deviations of a query's cosines that make a unit: UNIT is 1.3 to 1.6 of them for MiniLM
ACROSS_SPREAD, LEAST_WIDE = 0.03, 0.003  # such a deviation where nothing is known, and the least that is believed
LEAST = 0.05  # a z below which similarities are noise
FAINT = 1e-4  # a score that such a z alone can't reach; what scores less is shown only when everything is asked for
HALF = 5.0  # the z that counts as half a certainty
MOST_ALIKE = 0.95  # mean cosine of a view's embeddings, beyond which it counts as this
SHAPED = 400  # embeddings from which the directions of a view are taken; more cost time
FACTORS = 0.5, 1.5  # of a cosine, at most
SAME, SAME_Z = 0.95, 15.0  # cosine beyond which two of a kind show the same; z of two that are identical
PRIOR_COUNT, PRIOR_MEAN = 10, 0.05  # imagined similarities that steady the mean of a tiny view
UNEXPLAINED = 0.2  # of the query's information: with less left, the text that holds the words is the one that is meant
CAUTION, MANY = 0.135, 50  # of the score of texts in a space of many languages; texts of which the half is enough
EXACT = 0.97  # of what is missing to 1, for a segment that holds the identifier that was typed


@dataclass(frozen=True, slots=True)
class ViewScores:
    """One (space, view) signal over n candidates: `z` float64 (n,), NaN where a segment has no such view;
    `token_coverage` in 0..1."""

    name: str
    z: Floats
    token_coverage: float = 1.0


@dataclass(frozen=True, slots=True)
class Ranking:
    """Scores (n,), at most 1 (below 0 only where unwanted words outweigh the others), and by signal its contribution
    (n,); contributions sum to the score."""

    score: Floats
    contributions: dict[str, Floats]


def view_spread(background: npt.NDArray[np.floating]) -> float:
    """Root mean squared distance of a view's embeddings, unit rows (n, dimension), from their mean: 1 for a view that
    fills its space, less for one in a narrow cone; 1 for a single embedding."""
    count = len(background)
    if count < 2:
        return 1.0
    total = background.astype(np.float64).sum(axis=0)
    between = (float(total @ total) - count) / (count * (count - 1))  # mean cosine of two different ones
    return math.sqrt(1.0 - min(max(between, 0.0), MOST_ALIKE))


@dataclass(frozen=True, slots=True, eq=False)
class Offset:
    """What all embeddings of a view share beside their meaning: `pull`, float64 (dimension,), is its direction and
    strength (0 where there is none), `usual` how far an embedding of the view usually lies along it."""

    pull: Floats
    usual: float

    def factor(self, rows: npt.NDArray[np.floating]) -> Floats:
        """What brings the cosines of embeddings, unit rows (n, dimension), back to one length of meaning, float64 (n,).

        An offset that is added before normalising (the modality gap) makes the part of an embedding that means
        something shorter, most for those that lie along it already; 1 for an embedding as near to it as usual."""
        if not self.pull.any():
            return np.ones(len(rows))
        return np.clip(1.0 + rows @ self.pull - self.usual, *FACTORS)


def view_offset(background: npt.NDArray[np.floating]) -> Offset:
    """The offset of a view, estimated from its embeddings, unit rows (n, dimension).

    Their mean is an offset and a mean meaning. A meaning lies where the embeddings differ, an offset anywhere: so the
    mean is shrunk along the directions in which they vary, as a ridge regression does, and by what chance alone gives
    a mean of n."""
    count, dimension = background.shape
    if count < 2:
        return Offset(np.zeros(dimension), 0.0)
    rows = background.astype(np.float64)
    mean = rows.mean(axis=0)
    square = float(mean @ mean)
    between = (count * square - 1.0) / (count - 1)  # mean cosine of two different ones
    if between <= 0.0:
        return Offset(np.zeros(dimension), 0.0)
    some = rows[:SHAPED] - mean
    kernel = some @ some.T
    total = float(np.trace(kernel))
    weights = np.linalg.solve(kernel + max(total / dimension, 1e-9) * np.eye(len(some)), some @ mean)
    pull = (mean - some.T @ weights) * (between / square) / (1.0 - min(between, MOST_ALIKE))
    return Offset(pull, float(mean @ pull))


def standardise_across(similarities: Floats, background: Floats, others: Floats) -> Floats:
    """z of similarities (n,) to embeddings of another modality than the query's, against the query's similarities (m,)
    to the view's background. `others` are such similarities of other queries of its modality, any shape: the prior as
    long as the background is small, with little weight beyond PRIOR_COUNT.

    A query lies outside the cone of such a view (the modality gap), so the view's own spread does not predict the
    spread of these similarities: for CLIP, photos differ by 0.3 from each other, but by 0.03 to a text."""
    prior, wide = (float(others.mean()), float(others.std())) if others.size > 1 else (PRIOR_MEAN, ACROSS_SPREAD)
    count = PRIOR_COUNT / max(len(background) / PRIOR_COUNT, 1.0)  # a gap lies nearer to some queries than to others
    mean = (float(background.sum()) + count * prior) / (len(background) + count)
    squares = float(((background - background.mean()) ** 2).sum()) if len(background) else 0.0
    squares += count * max(wide, LEAST_WIDE) ** 2
    spread = math.sqrt(squares / (len(background) + count))
    return (similarities - mean) / (ACROSS * spread)


def standardise(similarities: Floats, background: Floats, spread: float, prior: float = PRIOR_MEAN) -> Floats:
    """z of similarities (n,) against the query's similarities (m,) to the view's background. `prior` is their expected
    mean, as long as the background is small."""
    mean = (float(background.sum()) + PRIOR_COUNT * prior) / (len(background) + PRIOR_COUNT)
    return (similarities - mean) / (UNIT * spread)


def strength(z: Floats) -> Floats:
    """The strength of a z (n,): itself; a z below LEAST counts next to nothing, but keeps its order."""
    return np.where(z > LEAST, z, LEAST * np.exp(np.minimum(z - LEAST, 0.0)))


def identical_media(cosines: Floats) -> Floats:
    """z of cosines (n,) between two pictures, sounds or films: 0 up to SAME, then rising to SAME_Z. Where all of a view
    are alike, the background can't separate them, and yet the query itself must be found."""
    return SAME_Z * np.maximum(cosines - SAME, 0.0) / (1.0 - SAME)


def across_languages(
    parts: Mapping[str, Floats],
    alone: Mapping[str, Floats],
    foreign: npt.NDArray[np.bool_],
    has_words: npt.NDArray[np.bool_],
    texts: int,
) -> dict[str, Floats]:
    """The contributions of signals, (n,) each, where the texts are of several languages. `alone` are those of meaning
    without words, which a `foreign` text takes where they are more.

    That tells which text is nearest, not how near it is: all texts are scaled so that the best score is what it was
    without. And unrelated texts are less far apart in such a space than in that of one language: by CAUTION a score
    means the same as there, the more of it the more `texts` there are in the background, for the best of many unrelated
    ones is nearer than the best of few."""
    before = sum(parts.values(), np.zeros(len(foreign)))
    better = foreign & (sum(alone.values(), np.zeros(len(foreign))) > before)
    lifted = {name: np.where(better, alone.get(name, 0.0), part) for name, part in parts.items()}
    after = sum(lifted.values(), np.zeros(len(foreign)))
    best = max(after[has_words], default=0.0)
    scale = max(before[has_words], default=0.0) / best if best > 0 else 1.0
    score = scale * after
    caution = CAUTION * texts / (texts + MANY)
    factor = np.where(has_words, scale * score / np.maximum(score + caution, 1e-9), 1.0)
    return {name: part * factor for name, part in lifted.items()}


def fuse(
    found: Found | None,
    has_words: npt.NDArray[np.bool_],
    views: Sequence[ViewScores],
    penalty: Floats | None = None,
    exact: Floats | None = None,
    foreign: npt.NDArray[np.bool_] | None = None,
    texts: int = 0,
) -> Ranking:
    """Join the signals over n candidates.

    `found` is None for a query without words (a picture). `has_words` (n,) marks the segments that own any: a photo
    without words is not scaled by what the words of others explain. `penalty` (n,), 0 or more, is what unwanted words
    found; `exact` (n,), in 0..1, the share of the query that stands there as it was typed. `foreign` (n,) marks the
    segments in another language than the query, `texts` is how many the background of their space has.
    """
    count = len(has_words)
    token_coverage = max((view.token_coverage for view in views if not np.isnan(view.z).all()), default=0.0)
    power = {
        view.name: np.where(np.isnan(view.z), 0.0, strength(view.z) ** 2)
        * (view.token_coverage / (token_coverage or 1.0))
        for view in views
    }
    together = sum(power.values(), np.zeros(count))
    native = np.ones(count, bool) if foreign is None else ~foreign
    explained = float(found.coverage[native].max()) if found is not None and native.any() else 0.0
    divisor = ((found is not None) + token_coverage) or 1.0
    rest = np.where(has_words, 1.0 - explained, 1.0)
    parts = {name: rest * token_coverage * share / (together + HALF**2) / divisor for name, share in power.items()}
    if found is not None:
        parts = {"words": np.where(has_words, found.found, 0.0) / divisor, **parts}
    if foreign is not None:
        left = min((1.0 - explained) / UNEXPLAINED, 1.0)
        alone = {name: left * share / (together + HALF**2) for name, share in power.items()}
        parts = across_languages(parts, alone, foreign, has_words, texts)
    if exact is not None:
        parts["exact"] = EXACT * exact * (1.0 - np.minimum(sum(parts.values(), np.zeros(count)), 1.0))
    if penalty is not None:
        parts["minus"] = -penalty / divisor
    return Ranking(sum(parts.values(), np.zeros(count)), parts)
