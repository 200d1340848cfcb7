"""The drawn pictures: the same every time, labelled with looks that exist, of every kind."""

import numpy as np
import pytest

from mmsearch.training import looks, mixture, scores, unseen, words


@pytest.mark.parametrize(
    "kind", list(mixture.KINDS), ids=lambda kind: f"{kind.__module__.rsplit('.', 1)[1]}.{kind.__name__}"
)
def test_every_kind_draws_a_picture_with_known_looks(kind) -> None:
    for seed in range(3):
        picture, found, _, details = kind(np.random.default_rng(seed))
        assert picture.mode == "RGB"
        assert min(picture.size) >= 20
        assert not found[0].startswith("?")
        assert {look.lstrip("?") for look in found} <= set(looks.NAMES)
        assert all(isinstance(detail, str) for detail in details)


def test_a_number_gives_the_same_picture_every_time() -> None:
    for number in range(6):
        picture, labels, said = mixture.draw(3, number)
        again, same, repeated = mixture.draw(3, number)
        assert np.array_equal(np.asarray(picture), np.asarray(again))
        assert np.array_equal(labels, same)
        assert said == repeated
        assert len(said) == 3


def test_a_look_brings_its_ancestors_and_doubt_stays_doubt() -> None:
    row = dict(zip(looks.NAMES, looks.labels(("stacked bar", "?line", "?bar")), strict=True))
    assert row["stacked bar"] == row["bar"] == row["chart"] == 1
    assert row["line"] == -1
    assert row["pie"] == 0


def test_captions_speak_of_the_looks() -> None:
    rng = np.random.default_rng(0)
    allowed = {phrase for name in ("pie", "chart") for phrase in looks.PHRASES[name]}
    for text in looks.captions(rng, ("pie", "?bar"), words.topic(rng), ("five slices",), 30):
        assert any(phrase in text for phrase in allowed), text


@pytest.mark.parametrize("kind", unseen.KINDS)
def test_the_unseen_manner_draws(kind: str) -> None:
    assert unseen.picture(kind, 0).mode == "RGB"


def test_ranking_scores() -> None:
    similarity, relevant = np.array([0.9, 0.8, 0.7, 0.1]), np.array([True, False, True, False])
    assert scores.r_precision(similarity, relevant) == 0.5
    ideal = 1 + 1 / np.log2(3)
    assert scores.ndcg(similarity, relevant) == pytest.approx((1 + 1 / np.log2(4)) / ideal)
    low, high = scores.interval(50, scores.mean_of(np.arange(50) % 2.0))
    assert low < 0.5 < high
