"""Batches grow while that pays, shrink when memory runs out, and what was learnt is kept for the next run."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmsearch.models import batching, device
from mmsearch.models.batching import Batches, Budget


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(batching, "cache_home", lambda: tmp_path / "cache")
    return tmp_path / "cache"


def feed(one: Budget, pace: Callable[[int], float], rounds: int = 40) -> list[int]:
    """The sizes of full batches, each taking as long as `pace` (tokens a second by size) says."""
    sizes = []
    for _ in range(rounds):
        sizes.append(one.tokens)
        one.record(one.tokens, one.tokens / pace(one.tokens))
    return sizes


def test_it_doubles_until_that_gains_nothing() -> None:
    one = Budget(100, most=100_000)
    sizes = feed(one, lambda tokens: min(tokens, 400))
    assert (sorted(set(sizes)), one.tokens, one.settled) == ([100, 200, 400, 800], 400, True)


def test_it_stays_where_twice_the_size_is_slower() -> None:
    one = Budget(100, most=100_000)
    feed(one, lambda tokens: 1000 / tokens)
    assert (one.tokens, one.settled) == (100, True)


def test_it_never_grows_beyond_the_most() -> None:
    one = Budget(100, most=350)
    feed(one, lambda tokens: tokens)
    assert (one.tokens, one.settled) == (200, True)


def test_small_batches_and_the_first_one_say_nothing() -> None:
    one = Budget(100, most=100_000)
    one.record(100, 9.0)  # slow: it warms the model up
    for _ in range(50):
        one.record(20, 0.001)
    assert (one.tokens, one.settled) == (100, False)


def test_a_size_that_ran_out_of_memory_is_not_tried_again(own_cache: Path) -> None:
    one = Budget(100, most=100_000, key="gpu/model/image")
    one.shrink(100)
    feed(one, lambda tokens: tokens)
    assert (one.tokens, Budget(100, 100_000, "gpu/model/image").tokens) == (50, 50)


def test_what_was_learnt_serves_the_next_run_of_the_same_model_alone(own_cache: Path) -> None:
    feed(Budget(100, most=100_000, key="cpu/a/text"), lambda tokens: min(tokens, 400))
    again, other = Budget(100, 100_000, "cpu/a/text"), Budget(100, 100_000, "cpu/b/text")
    assert (again.tokens, again.settled, other.tokens, other.settled) == (400, True, 100, False)
    assert json.loads((own_cache / "batches.json").read_text()) == {"cpu/a/text": 400}


@pytest.mark.parametrize("content", ["", "[1]", "null", '{"cpu/a/text": "many"}', '{"cpu/a/text": -5}', "\x00"])
def test_a_cache_of_nonsense_counts_as_none(content: str, own_cache: Path) -> None:
    own_cache.mkdir()
    (own_cache / "batches.json").write_text(content)
    assert Budget(100, 100_000, "cpu/a/text").tokens == 100


def test_a_cache_that_cannot_be_written_stops_nothing(own_cache: Path) -> None:
    own_cache.write_text("a file where the folder should be")
    one = Budget(100, 100_000, "cpu/a/text")
    one.shrink(100)
    assert one.tokens == 50


class Model:
    """Gives each input its own number back, and notes how many came at once."""

    device = "cpu"

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def preprocess(self, inputs: list[int], **how: Any) -> dict[str, Any]:
        return {"numbers": inputs}

    def __call__(self, features: dict[str, Any], task: object = None) -> dict[str, Any]:
        self.sizes.append(len(features["numbers"]))
        return {"numbers": features["numbers"]}


def rows(output: dict[str, Any]) -> list[np.ndarray]:
    return [np.array([number], np.float32) for number in output["numbers"]]


@pytest.fixture
def through() -> Callable[..., list[int]]:
    model = Model()

    def run(size: int | None = None, **budgets: Budget) -> list[int]:
        made = Batches(model, "cpu", rows, size, wanted=("numbers",))
        made.budgets.update(budgets)
        numbers = list(range(50))
        found = made.run(numbers, [10] * 50, list, "text")
        assert [int(row[0]) for row in found] == numbers
        return model.sizes

    return run


def test_batches_hold_as_many_tokens_as_the_budget(through: Callable[..., list[int]]) -> None:
    assert through(text=Budget(200, most=200)) == [20, 20, 10]


def test_a_batch_size_that_was_asked_for_is_kept(through: Callable[..., list[int]]) -> None:
    assert through(size=7) == [7] * 7 + [1]


def test_a_growing_budget_is_used_within_one_call(
    through: Callable[..., list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(range(10_000))
    monkeypatch.setattr(device.time, "perf_counter", lambda: next(clock))  # every batch takes as long: twice the pace
    assert max(through(text=Budget(20, most=100_000))) > 2
