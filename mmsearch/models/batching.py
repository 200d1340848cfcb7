"""Batches of inputs through a model, within a budget of tokens that grows with throughput and shrinks with memory.

Several threads may use a batcher at once: while one of them computes, the others prepare and copy.
"""

from __future__ import annotations

import contextlib
import copy
import json
import os
import queue
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mmsearch.config import cache_home
from mmsearch.errors import ExtractionError, FailureCode
from mmsearch.models.device import transfer_for
from mmsearch.models.embedder import Throughput

CPU_TOKENS, MOST_CPU_TOKENS = 2048, 16384  # of a batch, padding included
GPU_TOKENS, MOST_GPU_TOKENS = 65536, 1 << 22
FULL = 0.7  # share of the budget below which a batch is not measured
ROUNDS = 3  # measured batches before a budget is changed
GAIN = 1.05  # factor of throughput by which a doubled budget pays for its memory
OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "Cannot allocate memory", "ALLOC_FAILED")


class Budget:
    """The tokens of a batch: doubled while that raises throughput, halved when memory runs out, stored for later runs.

    `key` names the model, device and kind of input that the budget holds for; without a key nothing is stored.
    `settled` is whether it no longer changes by measurement.
    """

    def __init__(self, tokens: int, most: int, key: str = "") -> None:
        self.tokens = tokens
        self._most = most
        self._key = key
        self._rates: list[float] = []
        self._previous: float | None = None  # tokens a second at half the budget
        self._warm = False
        self.settled = tokens >= most
        if key and (stored := _stored_budgets().get(key)):
            self.tokens, self.settled = min(stored, most), True

    def record(self, tokens: int, seconds: float) -> None:
        """Record a batch of so many tokens; the first one warms up the device and is not measured."""
        if self.settled or seconds <= 0 or tokens < FULL * self.tokens:
            return
        if not self._warm:
            self._warm = True
            return
        self._rates.append(tokens / seconds)
        if len(self._rates) < ROUNDS:
            return
        rate, self._rates = statistics.median(self._rates), []
        if self._previous is not None and rate < GAIN * self._previous:
            self.tokens //= 2
            self._settle()
        elif self.tokens * 2 > self._most:
            self._settle()
        else:
            self._previous, self.tokens = rate, self.tokens * 2

    def shrink(self, tokens: int) -> None:
        """Halve the budget after a batch of so many tokens did not fit the memory."""
        self.tokens = max(min(self.tokens, tokens // 2), 1)
        self._settle()

    def _settle(self) -> None:
        self.settled = True
        if self._key:
            _store_budget(self._key, self.tokens)


def budget_for(device: str, key: str = "") -> Budget:
    """The budget of a device, as torch names it."""
    return Budget(CPU_TOKENS, MOST_CPU_TOKENS, key) if device == "cpu" else Budget(GPU_TOKENS, MOST_GPU_TOKENS, key)


def _budgets_path() -> Path:
    return cache_home() / "batches.json"


def _stored_budgets() -> dict[str, int]:
    """Tokens by key; empty where the file is missing or invalid."""
    try:
        stored = json.loads(_budgets_path().read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(stored, dict):
        return {}
    return {key: value for key, value in stored.items() if isinstance(value, int) and value > 0}


def _store_budget(key: str, tokens: int) -> None:
    """Store a budget for later runs. A cache that can't be written does not stop a run."""
    with contextlib.suppress(OSError):
        _budgets_path().parent.mkdir(parents=True, exist_ok=True)
        descriptor, draft = tempfile.mkstemp(dir=_budgets_path().parent, prefix=".batches-")
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(_stored_budgets() | {key: tokens}, file, indent=1)
        os.replace(draft, _budgets_path())


class Batches:
    """Runs a model of sentence-transformers in batches.

    A batch holds as many tokens as the budget of its kind of input, or `size` inputs where that is given. `rows` makes
    one array for each input from the model's outputs of the names in `wanted`, tensors on the CPU; by default these
    are its vectors.
    """

    def __init__(
        self,
        model: Any,
        device: str,
        rows: Callable[[Any], list[np.ndarray]] | None = None,
        size: int | None = None,
        wanted: tuple[str, ...] = ("sentence_embedding",),
    ) -> None:
        self.budgets: dict[str, Budget] = {}
        self.throughput = Throughput()
        self._size = size
        self._key = ""
        self._model = model
        self._device = device
        self._transfer = transfer_for(device)
        self._rows = rows or (lambda output: list(output["sentence_embedding"].float().numpy()))
        self._wanted = wanted
        self._lock = threading.Lock()  # of the budgets and the throughput
        self._preparers: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._preparers.put(model)

    def run(
        self,
        items: Sequence[Any],
        costs: Sequence[int],
        prepare: Callable[[list[Any]], list[Any]],
        kind: str = "",
        **options: Any,
    ) -> list[np.ndarray]:
        """The model's float32 output for each item, in the order of the items.

        `costs` are the tokens of each item, `prepare` makes the library's inputs of a batch, `kind` is the view, and
        `options` (`prompt`, `task`) hold for all items. Raises `ExtractionError` (memory) where one item alone
        is too large.
        """
        budget = self._budget(kind)
        order = sorted(range(len(items)), key=lambda number: -costs[number])  # a lack of memory shows at once
        results: dict[int, np.ndarray] = {}
        while order:
            count = self._size or max(1, budget.tokens // max(1, costs[order[0]]))
            batch, order = order[:count], order[count:]
            began = time.perf_counter()
            inputs = prepare([items[number] for number in batch])
            with self._lock:
                self.throughput.prepared_s += time.perf_counter() - began
            rows = self._forward(inputs, costs[batch[0]] * len(batch), budget, options)
            results.update(zip(batch, rows, strict=True))
        return [results[number] for number in range(len(items))]

    def restore_budgets(self, key: str) -> None:
        """Use and store the budgets of `key`, which names a model in a precision on a device, from now on. Budgets and
        throughput measured before, on samples, are dropped."""
        self._key = key
        self.budgets.clear()
        self.throughput = Throughput()

    def _budget(self, kind: str) -> Budget:
        with self._lock:
            if kind not in self.budgets:
                self.budgets[kind] = budget_for(self._device, f"{self._key}/{kind}" if self._key else "")
            return self.budgets[kind]

    def _forward(self, inputs: list[Any], tokens: int, budget: Budget, options: dict[str, Any]) -> list[np.ndarray]:
        """One batch, halved until it fits the device's memory."""
        try:
            output, seconds = self._transfer.run(self._features(inputs, options), self._compute(options))
        except RuntimeError as error:
            if not any(sign in str(error) for sign in OUT_OF_MEMORY):
                raise
        else:
            with self._lock:
                budget.record(tokens, seconds)
                self.throughput.computed_s += seconds
            return self._rows(output)
        if self._device.startswith("cuda"):
            import torch

            torch.cuda.empty_cache()
        if len(inputs) == 1:
            raise ExtractionError(FailureCode.MEMORY, "This alone does not fit the memory of the device.")
        with self._lock:
            budget.shrink(tokens)
        half = len(inputs) // 2
        first = self._forward(inputs[:half], tokens // 2, budget, options)
        return first + self._forward(inputs[half:], tokens - tokens // 2, budget, options)

    def _features(self, inputs: list[Any], options: dict[str, Any]) -> dict[str, Any]:
        """The output of the model's own processor."""
        with self._preparer() as preparer:
            began = time.perf_counter()
            features: dict[str, Any] = preparer.preprocess(inputs, **options)
            seconds = time.perf_counter() - began
        with self._lock:
            self.throughput.prepared_s += seconds
        return features

    @contextlib.contextmanager
    def _preparer(self) -> Iterator[Any]:
        """A model whose processor this thread has for itself, because a tokenizer keeps padding and truncation of the
        call in progress: the model, or a copy that shares its weights, made once per concurrent thread."""
        try:
            preparer = self._preparers.get_nowait()
        except queue.Empty:
            preparer = self._copy_model() or self._preparers.get()
        try:
            yield preparer
        finally:
            self._preparers.put(preparer)

    def _copy_model(self) -> Any:
        """A copy of the model that shares its weights; None for one that can't be copied."""
        weights = [*self._model.parameters(), *self._model.buffers()]
        try:
            return copy.deepcopy(self._model, {id(one): one for one in weights})
        except Exception:  # a processor of a model's own code may hold anything
            return None

    def _compute(self, options: dict[str, Any]) -> Callable[[dict[str, Any]], dict[str, Any]]:
        import torch

        def compute(features: dict[str, Any]) -> dict[str, Any]:
            with torch.inference_mode():
                output = self._model(features, task=options.get("task"))
                return {name: output[name] for name in self._wanted}

        return compute
