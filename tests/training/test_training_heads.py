"""Heads of the image encoder: features are computed once, what is trained is learnt, languages are taken out."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import cast

import numpy as np
import pytest
import torch
from PIL import Image

from mmsearch.models.images.image_heads import FEATURES
from training import canvas, dataset, heads, vocabulary
from training.dataset import TextTargets
from training.heads import Features, HeadPlan
from training.train import Loss

torch.set_num_threads(1)


def unit(array: np.ndarray) -> np.ndarray:
    rows: np.ndarray = (array / np.linalg.norm(array, axis=-1, keepdims=True)).astype(np.float32)
    return rows


class Targets:
    """A text space of its own: every text has a fixed random direction, beside one that all share."""

    def __init__(self, size: int = 384) -> None:
        self.size = size

    def embed(self, texts: list[str]) -> np.ndarray:
        rows = [np.random.default_rng(list(text.encode())).normal(0, 1, self.size) for text in texts]
        return unit(np.stack(rows) + 20 * np.eye(self.size)[0])


@pytest.mark.parametrize("change", canvas.CHANGES, ids=lambda change: change.__name__)
def test_a_changed_picture_stays_a_picture(change: Callable[..., Image.Image]) -> None:
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8))
    changed = change(np.random.default_rng(1), picture)
    assert changed.mode == "RGB"
    assert min(changed.size) >= 8
    assert changed.tobytes() != picture.tobytes()


def test_features_are_drawn_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Encoder:
        def __init__(self, file: Path) -> None:
            self.file = file

        def embed(self, pictures: list[np.ndarray]) -> tuple[np.ndarray, ...]:
            return (np.stack([np.full(FEATURES, picture.mean()) for picture in pictures]),)

    monkeypatch.setattr(heads, "CHUNK", 3)
    monkeypatch.setattr(heads, "ImageEncoder", Encoder)
    assert [heads.draw_features((tmp_path, tmp_path / "backbone.onnx", chunk)) for chunk in (0, 1)] == [0, 1]
    found = heads.read_features(tmp_path)
    assert found.rows.shape == (6, 2, FEATURES)
    assert found.labels.shape == (6, len(vocabulary.LABELS))
    assert len(found.captions) == 6
    first = np.asarray(dataset.draw_picture(heads.SEED, 4)[0]).mean()
    assert found.rows[4, 0, 0] == pytest.approx(first, rel=1e-3)
    monkeypatch.setattr(dataset, "draw_picture", lambda *_: pytest.fail("a chunk that exists is drawn again"))
    assert heads.draw_features((tmp_path, tmp_path / "backbone.onnx", 1)) == 1
    assert json.loads((tmp_path / "00001.json").read_text()) == found.captions[3:]


@pytest.fixture(scope="module")
def features() -> Features:
    """A hundred pictures of two kinds whose features differ along one direction; copies lie near their originals."""
    rng = np.random.default_rng(0)
    kinds = np.arange(100) % 2
    rows = rng.normal(0, 1, (100, 1, FEATURES)) + np.where(kinds, 1, -1)[:, None, None] * rng.normal(0, 1, FEATURES)
    both = np.concatenate([rows, rows + rng.normal(0, 0.3, rows.shape)], 1).astype(np.float32)
    labels = np.stack([vocabulary.label_row((("bar",), ("photo",))[kind]) for kind in kinds])
    return Features(both, labels, [[("bar chart", "photo")[kind]] * 3 for kind in kinds])


def test_heads_learn_kinds_the_gate_and_copies(features: Features, monkeypatch: pytest.MonkeyPatch) -> None:
    targets = cast(TextTargets, Targets())
    owner = np.array([vocabulary.LABELS.index("bar"), vocabulary.LABELS.index("photo")])
    bank = targets.embed(["bar chart", "photo"])[None]
    monkeypatch.setattr(heads, "bank_vectors", lambda _: (bank, owner))
    trained = heads.train_heads(features, targets, HeadPlan(epochs=20, batch=20))
    flat = torch.from_numpy(features.rows[:, 0])
    with torch.no_grad():
        x = trained.standardized(flat)
        vectors, likeness = trained(flat, torch.full((100, 1000), 1e-3))
        kinds = trained.kinds(x).numpy() @ heads.without(bank[0], trained.common.numpy()).T
        gate = trained.gate(x)[:, 0].numpy()
        copies = trained(torch.from_numpy(features.rows[:, 1]), torch.full((100, 1000), 1e-3))[1]
    assert (kinds.argmax(1) == np.arange(100) % 2).all()
    assert ((gate > 0) == np.arange(100) % 2).all()
    assert ((copies @ likeness.T).argmax(1) == torch.arange(100)).float().mean() > 0.95
    assert np.abs(vectors.numpy() @ trained.common.numpy()).max() < 1e-5


def test_objects_do_not_vote_on_kinds() -> None:
    targets = cast(TextTargets, Targets())
    names = targets.embed([f"object {i}" for i in range(40)])
    found = heads.object_vectors(names, targets)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    tops = [label for label in vocabulary.LABELS if len(vocabulary.FAMILY[label]) == 1]
    kinds = np.stack([targets.embed(list(vocabulary.PHRASES[label])).mean(0) for label in tops])
    assert np.abs(found @ (kinds - kinds.mean(0)).T).max() < 1e-4


def test_without_takes_out_a_direction() -> None:
    rows = np.random.default_rng(0).normal(0, 1, (2, 3, 5))
    common = unit(np.ones(5))
    found = heads.without(rows, common)
    np.testing.assert_allclose(np.linalg.norm(found, axis=-1), 1, atol=1e-5)
    np.testing.assert_allclose(found @ common, 0, atol=1e-6)


def test_a_card_has_the_figures_of_each_space(tmp_path: Path) -> None:
    heads.write_card(tmp_path, {"minilm": ["one 0.5"], "e5": ["two 0.6"]})
    card = (tmp_path / "README.md").read_text()
    assert card.index("one 0.5") < card.index("two 0.6")
    assert f"{heads.PICTURES:,} pictures" in card


def test_loss_of_copy_matching_needs_no_other_pictures() -> None:
    rows = torch.from_numpy(unit(np.random.default_rng(0).normal(0, 1, (4, 8))))
    assert float(Loss.likeness(rows, rows, rows[:0])) < float(Loss.likeness(rows, rows[[1, 2, 3, 0]], rows[:0]))
