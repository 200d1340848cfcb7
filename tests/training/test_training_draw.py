"""The drawn pictures: the same every time, labelled with labels that exist, of every kind."""

import ast
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from training import dataset, measure, vocabulary


@pytest.mark.parametrize(
    "kind", list(dataset.KINDS), ids=lambda kind: f"{kind.__module__.rsplit('.', 1)[1]}.{kind.__name__}"
)
def test_every_kind_draws_a_picture_with_known_labels(kind: Callable[[np.random.Generator], Any]) -> None:
    for seed in range(3):
        picture, found, _, details = kind(np.random.default_rng(seed))
        assert picture.mode == "RGB"
        assert min(picture.size) >= 20
        assert not found[0].startswith("?")
        assert {label.lstrip("?") for label in found} <= set(vocabulary.LABELS)
        assert all(isinstance(detail, str) for detail in details)


def test_a_number_draws_the_same_picture_every_time() -> None:
    for number in range(6):
        picture, labels, said = dataset.draw_picture(3, number)
        again, same, repeated = dataset.draw_picture(3, number)
        assert np.array_equal(np.asarray(picture), np.asarray(again))
        assert np.array_equal(labels, same)
        assert said == repeated
        assert len(said) == 3


def test_a_label_brings_its_ancestors_and_doubt_stays_doubt() -> None:
    row = dict(zip(vocabulary.LABELS, vocabulary.label_row(("stacked bar", "?line", "?bar")), strict=True))
    assert row["stacked bar"] == row["bar"] == row["chart"] == 1
    assert row["line"] == -1
    assert row["pie"] == 0


def test_captions_name_the_labels() -> None:
    rng = np.random.default_rng(0)
    allowed = {phrase for name in ("pie", "chart") for phrase in vocabulary.PHRASES[name]}
    for text in vocabulary.captions(rng, ("pie", "?bar"), vocabulary.topic(rng), ("five slices",), 30):
        assert any(phrase in text for phrase in allowed), text


@pytest.mark.parametrize("kind", dataset.UNSEEN_KINDS)
def test_the_unseen_style_draws(kind: str) -> None:
    assert dataset.unseen_picture(kind, 0).mode == "RGB"


def test_ranking_scores() -> None:
    similarity, relevant = np.array([0.9, 0.8, 0.7, 0.1]), np.array([True, False, True, False])
    assert measure.r_precision(similarity, relevant) == 0.5
    ideal = 1 + 1 / np.log2(3)
    assert measure.ndcg(similarity, relevant) == pytest.approx((1 + 1 / np.log2(4)) / ideal)
    low, high = measure.interval(50, measure.mean_of(np.arange(50) % 2.0))
    assert low < 0.5 < high


def test_the_package_does_not_import_the_recipe() -> None:
    package = Path(__file__).parents[2] / "mmsearch"
    named = [
        path.name
        for path in package.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if (isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "training")
        or (isinstance(node, ast.Import) and any(alias.name.split(".")[0] == "training" for alias in node.names))
    ]
    assert not named
