"""Training: its rate and sizes over the steps, what its terms reward, and that a stopped run goes on."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from mmsearch.models import picture_network
from training import dataset, train, vocabulary
from training.train import Loss, Pictures, Plan

torch.set_num_threads(1)


def unit(array: np.ndarray) -> np.ndarray:
    rows: np.ndarray = (array / np.linalg.norm(array, axis=-1, keepdims=True)).astype(np.float32)
    return rows


def test_the_rate_rises_stays_and_falls_and_pictures_grow() -> None:
    plan = Plan(steps=1000, warmup=100)
    assert plan.rate_at(0) < plan.rate_at(50) < plan.rate_at(99) == plan.rate_at(500) == plan.rate
    assert plan.rate_at(999) < plan.rate_at(800) < plan.rate
    assert plan.size_at(0, 0) == plan.size_at(649, 0) == (96, 96)
    assert plan.size_at(650, 0) == plan.size_at(999, 0) == (112, 112)


def test_a_doubtful_label_costs_nothing_either_way() -> None:
    bank = unit(np.eye(3, 384))[None]
    loss = Loss(bank, np.arange(3))
    vectors = torch.from_numpy(unit(np.array([[1, 0, 1], [1, 0, -1]]) @ bank[0]))
    certain, doubtful = torch.tensor([[1, 0, 1]] * 2), torch.tensor([[1, 0, -1]] * 2)
    same = [float(loss.names(vector[None], doubtful[:1], 0).detach()) for vector in vectors]
    assert same[0] == pytest.approx(same[1])
    right, wrong = (float(loss.names(vector[None], certain[:1], 0).detach()) for vector in vectors)
    assert right < wrong


def test_likeness_rewards_copies_that_find_their_originals() -> None:
    rng = np.random.default_rng(0)
    rows = torch.from_numpy(unit(rng.normal(0, 1, (8, 64))))
    assert Loss.likeness(rows[:4], rows[:4], rows[4:]) < Loss.likeness(rows[:4], rows[[1, 2, 3, 0]], rows[4:])


def test_captions_of_one_meaning_are_no_negatives() -> None:
    texts = torch.from_numpy(unit(np.eye(4, 384)))
    twice = texts[[0, 0, 1, 2]]
    assert float(Loss.captions(twice, twice)) == pytest.approx(float(Loss.captions(twice[[1, 0, 2, 3]], twice)))


@pytest.fixture
def pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Fifty small pictures of two kinds in the folders that drawing fills, and a teacher of its own."""
    monkeypatch.setattr(train, "BATCH", 8)
    monkeypatch.setattr(train, "COPIES", 3)
    monkeypatch.setattr(picture_network, "WIDTHS", (8, 8, 16, 16))
    vectors = {name: row for name, row in zip(("bar chart", "photo"), unit(np.eye(2, 384)), strict=True)}
    monkeypatch.setattr(dataset.TextTargets, "encode", lambda self, texts: np.stack([vectors[text] for text in texts]))
    bank = np.stack(list(vectors.values()))[None]
    owner = np.array([vocabulary.LABELS.index("bar"), vocabulary.LABELS.index("photo")])
    monkeypatch.setattr(train, "bank_vectors", lambda targets: (bank, owner))
    folder, rng = tmp_path / "pictures", np.random.default_rng(0)
    folder.mkdir()
    kinds = np.arange(50) % 2
    stack = (
        rng.integers(0, 100, (50, *dataset.larger(dataset.DRAWN[0]), 3), np.uint8)
        + (kinds * 150).astype(np.uint8)[:, None, None, None]
    )
    np.save(folder / "00000-0.npy", stack)
    np.save(
        folder / "00000-labels.npy", np.stack([vocabulary.label_row((("bar",), ("photo",))[kind]) for kind in kinds])
    )
    said = ("bar chart", "photo")
    records = [{"shape": 0, "row": i, "captions": [said[kind]] * 3} for i, kind in enumerate(kinds)]
    (folder / "00000.json").write_text(json.dumps(records))
    return folder


def test_a_stopped_run_goes_on_from_its_checkpoint(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Plan, "size_at", lambda self, step, shape: (32, 32))
    taken: list[int] = []
    step = train.one_step
    monkeypatch.setattr(train, "one_step", lambda *args: taken.append(1) or step(*args))  # type: ignore[func-returns-value]
    out = tmp_path / "out"
    out.mkdir()
    train.train(pictures, out, Plan(steps=100, warmup=5))
    assert len(taken) == 100
    tower, _ = train.train(pictures, out, Plan(steps=104, warmup=5))
    assert len(taken) == 104
    data = Pictures(pictures, out)
    stack = torch.from_numpy(np.array(data.file(str(pictures / "00000-0.npy"))[:20, :32, :32])).permute(0, 3, 1, 2)
    with torch.no_grad():
        vectors = tower(stack)[0].numpy()
    assert ((vectors @ data.texts.T).argmax(1) == data.captions[:20, 0]).all()
