"""The formula of ranking.py, against its own definition in plain Python, and what it promises."""

import math

import numpy as np
import pytest

from mmsearch.retrieval.query_encoding import token_coverage
from mmsearch.retrieval.ranking import (
    ACROSS,
    FAINT,
    HALF,
    PRIOR_COUNT,
    PRIOR_MEAN,
    UNIT,
    ViewScores,
    fuse,
    identical_media,
    standardise,
    standardise_across,
    view_spread,
)
from mmsearch.retrieval.words.word_scoring import Found


def plain_strength(z: float | None) -> float:
    """A z counts as itself; below 0.05 it fades to nothing without losing its order."""
    if z is None:
        return 0.0
    return z if z > 0.05 else 0.05 * math.exp(z - 0.05)


def plain_score(
    found: list[float], coverage: list[float], words: list[bool], views: list[tuple[list[float | None], float]]
) -> list[float]:
    """The docstring's formula for one query, without numpy: views are (z or None by candidate, readable)."""
    token_coverage = max((share for z, share in views if any(one is not None for one in z)), default=0.0)
    explained = max(coverage, default=0.0)
    scores = []
    for at, own in enumerate(words):
        power = sum(plain_strength(z[at]) ** 2 * (share / (token_coverage or 1.0)) for z, share in views)
        rest = 1 - explained if own else 1.0
        meaning = rest * token_coverage * power / (power + HALF**2)
        scores.append(((found[at] if own else 0.0) + meaning) / (1 + token_coverage))
    return scores


@pytest.mark.parametrize("seed", range(20))
def test_scores_are_the_formula_in_0_to_1_and_contributions_sum_to_them(seed: int) -> None:
    rng = np.random.default_rng(seed)
    count = int(rng.integers(1, 12))
    coverage = rng.random(count)
    found = coverage * rng.random(count)
    words = rng.random(count) < 0.7
    views = []
    for name in ("a:text", "a:image"):
        z = rng.normal(2, 4, count)
        z[rng.random(count) < 0.4] = np.nan
        views.append(ViewScores(name, z, float(rng.random())))
    ranking = fuse(Found(found, coverage, [()] * count), words, views)
    plain = [([None if math.isnan(one) else one for one in view.z.tolist()], view.token_coverage) for view in views]
    assert ranking.score == pytest.approx(plain_score(found.tolist(), coverage.tolist(), words.tolist(), plain))
    assert sum(ranking.contributions.values()) == pytest.approx(ranking.score)
    assert ((ranking.score >= 0) & (ranking.score <= 1)).all()


def test_a_photo_without_words_beats_mediocre_passages_when_its_image_is_strong() -> None:
    nan = math.nan
    found = Found(np.array([0.2, 0.15, 0.0]), np.array([0.4, 0.3, 0.0]), [()] * 3)
    views = [ViewScores("a:text", np.array([2.0, 1.0, nan])), ViewScores("b:image", np.array([nan, nan, 8.0]))]
    score = fuse(found, np.array([True, True, False]), views).score
    assert score.argmax() == 2


def test_a_missing_view_changes_nothing() -> None:
    found = Found(np.array([0.5, 0.1]), np.array([0.6, 0.2]), [()] * 2)
    text = ViewScores("a:text", np.array([3.0, 5.0]))
    absent = ViewScores("b:image", np.full(2, math.nan))
    words = np.array([True, True])
    assert fuse(found, words, [text, absent]).score == pytest.approx(fuse(found, words, [text]).score)


def test_a_query_that_the_model_cannot_read_is_ranked_by_its_words() -> None:
    found = Found(np.array([0.1, 0.5, 0.3]), np.array([0.2, 0.6, 0.4]), [()] * 3)
    views = [ViewScores("a:text", np.array([9.0, 0.0, 3.0]), token_coverage=0.0)]
    assert fuse(found, np.ones(3, bool), views).score == pytest.approx(found.found)


def test_one_kind_is_ranked_as_by_its_cosines() -> None:
    rng = np.random.default_rng(1)
    vectors = rng.normal(size=(50, 32)) + 1
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    cosines = vectors @ vectors[7]
    z = standardise(cosines, cosines, view_spread(vectors))
    score = fuse(None, np.zeros(50, bool), [ViewScores("a:image", z)]).score
    assert (np.argsort(-score) == np.argsort(-cosines)).all(), "also of what is less alike than usual"
    assert (score[z <= 0] < FAINT).all() and (score[z > 0.5] > FAINT).all()


@pytest.mark.parametrize("count", [1, 2, 5])
def test_small_views_give_finite_steady_figures(count: int) -> None:
    background = np.eye(8)[:count]
    spread = view_spread(background)
    assert spread == pytest.approx(1.0)
    usual = np.full(count, 0.4)
    mean = (count * 0.4 + PRIOR_COUNT * PRIOR_MEAN) / (count + PRIOR_COUNT)
    assert standardise(np.array([0.4]), usual, spread) == pytest.approx([(0.4 - mean) / UNIT])
    assert 0.05 < view_spread(np.ones((count, 4)) / 2) <= 1.0  # all the same: no division by zero


@pytest.mark.parametrize(
    ("text", "tokens", "share"),
    [
        ("storm tide", ["storm", "tide"], 1.0),
        ("буря", ["б", "##у", "##р", "##я"], 0.0),
        ("风暴", ["[UNK]", "暴"], 0.0),
        ("storm 风暴", ["storm", "[UNK]", "暴"], 5 / 7),
        ("1959 !", ["1959", "!"], 1.0),
        ("", [], 1.0),
    ],
)
def test_token_coverage_counts_letters_in_tokens_of_two_or_more(text: str, tokens: list[str], share: float) -> None:
    offsets, at = [], 0
    for token in tokens:
        length = 1 if token == "[UNK]" else len(token.removeprefix("##"))
        at = at + (text[at : at + 1] == " ")
        offsets.append((at, at + length))
        at += length
    assert token_coverage(text, tokens, offsets) == pytest.approx(share)


@pytest.mark.parametrize(
    ("text", "tokens", "single_characters", "share"),
    [
        ("the cat", [("the</w>", 0, 3), ("cat</w>", 4, 7)], False, 1.0),  # CLIP
        ("кот", [("Ð", 0, 1), ("º", 0, 1), ("Ð¾", 1, 2), ("ÑĤ</w>", 2, 3)], False, 0.0),  # CLIP: byte by byte
        ("кот", [("ÐºÐ¾ÑĤ", 0, 3)], False, 1.0),  # Qwen
        ("a 猫", [("▁a", 0, 1), ("▁", 1, 2), ("猫", 2, 3)], True, 0.5),  # SentencePiece, many languages
        ("a 猫", [("▁a", 0, 1), ("▁", 1, 2), ("猫", 2, 3)], False, 0.0),
        ("猫", [("<unk>", 0, 1)], True, 0.0),
        ("猫", [("<0xE7>", 0, 1), ("<0x8C>", 0, 1), ("<0xAB>", 0, 1)], True, 0.0),  # Gemma: byte by byte
        ("猫です", [("çĮ«", 0, 1), ("ãģ§ãģĻ", 1, 3)], True, 1.0),  # Qwen: bytes of one sign are one piece
        ("猫", [("çĮ", 0, 1), ("«", 0, 1)], True, 0.0),  # and here two
    ],
)
def test_token_coverage_holds_for_every_kind_of_tokenizer(
    text: str, tokens: list[tuple[str, int, int]], single_characters: bool, share: float
) -> None:
    offsets = [(start, end) for _, start, end in tokens]
    assert token_coverage(text, [token for token, _, _ in tokens], offsets, single_characters) == pytest.approx(share)


def test_similarities_across_the_modality_gap_are_measured_by_their_own_spread() -> None:
    rng = np.random.default_rng(0)
    photos = rng.normal(0.2, 0.03, 400)  # what CLIP gives an unrelated text and photos
    z = standardise_across(np.array([0.32, 0.2]), photos, np.empty(0))
    assert z[0] == pytest.approx((0.32 - (photos.sum() + PRIOR_COUNT * PRIOR_MEAN) / 410) / (ACROSS * 0.03), rel=0.05)
    assert z[0] > 2.5 and abs(z[1]) < 0.3
    for few in (np.empty(0), np.array([0.2])):
        assert np.isfinite(standardise_across(np.array([0.3]), few, np.empty(0))).all()


def test_the_query_itself_is_found_among_others_that_are_nearly_the_same() -> None:
    cosines = np.array([1.0, 0.999, 0.96, 0.9, 0.2, np.nan])
    z = identical_media(cosines)
    assert z[0] ** 2 / (z[0] ** 2 + HALF**2) == pytest.approx(0.9)
    assert (np.diff(z[:3]) < 0).all() and (z[3:5] == 0).all() and np.isnan(z[5])


@pytest.mark.parametrize("count", [1, 2, 5])
def test_in_a_small_view_other_texts_say_what_is_usual(count: int) -> None:
    rng = np.random.default_rng(count)
    usual, others = rng.normal(0.2, 0.03, count), rng.normal(0.2, 0.03, (40, count))
    right, wrong = standardise_across(np.array([0.32, 0.2]), usual, others)
    assert right > 2 and abs(wrong) < 0.7
    same = standardise_across(np.array([0.2]), np.full(count, 0.2), np.full((40, count), 0.2))
    assert same == pytest.approx([0.0], abs=1e-9)
