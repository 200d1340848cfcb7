"""Inputs through a model in batches: within a budget of tokens, halved when memory runs out, prepared ahead."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np

from mmsearch.errors import ExtractionError

CPU_TOKENS = 2048  # of a batch, padding included
GPU_TOKENS = 65536
AHEAD = 4  # batches that are made ready while a GPU computes, each in its thread
OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "Cannot allocate memory")


class Batches:
    """Runs a model of sentence-transformers. `budget` is how many tokens a batch may hold; it shrinks as the memory
    demands. `rows` takes what the model gives apart, one array for each input: by default its vectors."""

    def __init__(self, model: Any, device: str, rows: Callable[[Any], list[np.ndarray]] | None = None) -> None:
        self.budget = CPU_TOKENS if device == "cpu" else GPU_TOKENS
        self._model = model
        self._device = device
        self._rows = rows or (lambda output: list(output["sentence_embedding"].float().cpu().numpy()))

    def run(
        self, items: Sequence[Any], costs: Sequence[int], prepare: Callable[[list[Any]], list[Any]], **how: Any
    ) -> list[np.ndarray]:
        """What the model makes of each item, float32, in the order of the items.

        `costs` are the tokens of each item, `prepare` makes the library's inputs of a batch, and `how` (`prompt`,
        `task`) goes with all of them. Raises `ExtractionError("memory", ...)` where one item alone is too large.
        """
        order = sorted(range(len(items)), key=lambda number: -costs[number])  # what does not fit shows at once
        batches = []
        while order:
            count = max(1, self.budget // max(1, costs[order[0]]))
            batches.append(order[:count])
            order = order[count:]
        found: dict[int, np.ndarray] = {}
        jobs = [[items[number] for number in batch] for batch in batches]
        for batch, rows in zip(batches, self._run(jobs, prepare, how), strict=True):
            found.update(zip(batch, rows, strict=True))
        return [found[number] for number in range(len(items))]

    def _run(
        self, jobs: Sequence[list[Any]], prepare: Callable[[list[Any]], list[Any]], how: dict[str, Any]
    ) -> Iterator[list[np.ndarray]]:
        if self._device == "cpu" or len(jobs) == 1:  # on a CPU there is nothing to overlap with
            for items in jobs:
                yield self._forward(prepare(items), how)
            return
        with ThreadPoolExecutor(AHEAD, "prepare") as pool:
            waiting: deque[Future[tuple[list[Any], Any]]] = deque()
            for items in jobs:
                waiting.append(pool.submit(self._ready, items, prepare, how))
                if len(waiting) > AHEAD:
                    inputs, features = waiting.popleft().result()
                    yield self._forward(inputs, how, features)
            for future in waiting:
                inputs, features = future.result()
                yield self._forward(inputs, how, features)

    def _ready(
        self, items: list[Any], prepare: Callable[[list[Any]], list[Any]], how: dict[str, Any]
    ) -> tuple[list[Any], Any]:
        inputs = prepare(items)
        return inputs, self._model.preprocess(inputs, **how)

    def _forward(self, inputs: list[Any], how: dict[str, Any], features: Any = None) -> list[np.ndarray]:
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
        self.budget = max(self.budget // 2, 1)
        half = len(inputs) // 2
        return self._forward(inputs[:half], how) + self._forward(inputs[half:], how)
