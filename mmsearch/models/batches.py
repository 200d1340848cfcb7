"""Inputs through a model in batches: within a budget of tokens that grows and shrinks, prepared ahead."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from mmsearch.errors import ExtractionError
from mmsearch.models.budget import CPU_TOKENS, GPU_TOKENS, MOST_CPU_TOKENS, MOST_GPU_TOKENS, Budget

AHEAD = 4  # threads that make batches ready while a GPU computes
ROUND = 8  # batches that are planned at once
OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "Cannot allocate memory")


class Batches:
    """Runs a model of sentence-transformers. A batch holds as many tokens as the budget of its kind of input allows, or
    `size` inputs where that is given. `rows` takes what the model gives apart, one array for each input: by default its
    vectors."""

    def __init__(
        self,
        model: Any,
        device: str,
        rows: Callable[[Any], list[np.ndarray]] | None = None,
        size: int | None = None,
    ) -> None:
        self.budgets: dict[str, Budget] = {}
        self._size = size
        self._key = ""
        self._model = model
        self._device = device
        self._rows = rows or (lambda output: list(output["sentence_embedding"].float().cpu().numpy()))

    def run(
        self,
        items: Sequence[Any],
        costs: Sequence[int],
        prepare: Callable[[list[Any]], list[Any]],
        kind: str = "",
        **how: Any,
    ) -> list[np.ndarray]:
        """What the model makes of each item, float32, in the order of the items.

        `costs` are the tokens of each item, `prepare` makes the library's inputs of a batch, `kind` is the view, and
        `how` (`prompt`, `task`) goes with all of them. Raises `ExtractionError("memory", ...)` where one item alone is
        too large.
        """
        budget = self._budget(kind)
        order = sorted(range(len(items)), key=lambda number: -costs[number])  # what does not fit shows at once
        found: dict[int, np.ndarray] = {}
        while order:  # a few batches at a time: by then the budget may be another
            batches: list[list[int]] = []
            while order and len(batches) < ROUND:
                count = self._size or max(1, budget.tokens // max(1, costs[order[0]]))
                batches.append(order[:count])
                order = order[count:]
            jobs = [([items[number] for number in batch], costs[batch[0]] * len(batch)) for batch in batches]
            for batch, rows in zip(batches, self._run(jobs, budget, prepare, how), strict=True):
                found.update(zip(batch, rows, strict=True))
        return [found[number] for number in range(len(items))]

    def remember(self, key: str) -> None:
        """Take up and keep the budgets of what `key` names: a model in a precision on a device. What was learnt before,
        from samples, counts no more."""
        self._key = key
        self.budgets.clear()

    def _budget(self, kind: str) -> Budget:
        if kind not in self.budgets:
            start, most = (CPU_TOKENS, MOST_CPU_TOKENS) if self._device == "cpu" else (GPU_TOKENS, MOST_GPU_TOKENS)
            self.budgets[kind] = Budget(start, most, f"{self._key}/{kind}" if self._key else "")
        return self.budgets[kind]

    def _run(
        self,
        jobs: Sequence[tuple[list[Any], int]],
        budget: Budget,
        prepare: Callable[[list[Any]], list[Any]],
        how: dict[str, Any],
    ) -> Iterator[list[np.ndarray]]:
        if self._device == "cpu" or len(jobs) == 1:  # on a CPU there is nothing to overlap with
            for items, tokens in jobs:
                yield self._measured(prepare(items), tokens, budget, how)
            return
        with ThreadPoolExecutor(AHEAD, "prepare") as pool:
            waiting = deque((pool.submit(self._ready, items, prepare, how), tokens) for items, tokens in jobs)
            while waiting:
                future, tokens = waiting.popleft()
                inputs, features = future.result()
                yield self._measured(inputs, tokens, budget, how, features)

    def _ready(
        self, items: list[Any], prepare: Callable[[list[Any]], list[Any]], how: dict[str, Any]
    ) -> tuple[list[Any], Any]:
        inputs = prepare(items)
        return inputs, self._model.preprocess(inputs, **how)

    def _measured(
        self, inputs: list[Any], tokens: int, budget: Budget, how: dict[str, Any], features: Any = None
    ) -> list[np.ndarray]:
        """One batch, whose pace the budget learns from."""
        began = time.perf_counter()
        rows = self._forward(inputs, budget, how, features)
        budget.note(tokens, time.perf_counter() - began)
        return rows

    def _forward(
        self, inputs: list[Any], budget: Budget, how: dict[str, Any], features: Any = None
    ) -> list[np.ndarray]:
        """One batch, halved as often as the device's memory asks for."""
        import torch
        from sentence_transformers.util import batch_to_device

        try:
            with torch.inference_mode():
                made = self._model.preprocess(inputs, **how) if features is None else features
                output = self._model(batch_to_device(made, self._model.device), task=how.get("task"))
                return self._rows(output)
        except RuntimeError as error:
            if not any(sign in str(error) for sign in OUT_OF_MEMORY):
                raise
        features = made = output = None
        if self._device.startswith("cuda"):
            torch.cuda.empty_cache()
        if len(inputs) == 1:
            raise ExtractionError("memory", "This alone does not fit the memory of the device.")
        budget.shrink()
        half = len(inputs) // 2
        return self._forward(inputs[:half], budget, how) + self._forward(inputs[half:], budget, how)
