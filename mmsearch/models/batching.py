"""Batches of inputs within a budget of tokens, which doubles while throughput rises and halves when memory runs out."""

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
FULL = 0.7  # of the budget: smaller batches say nothing about it
ROUNDS = 3  # batches that are measured before a size is judged
GAIN = 1.05  # how much quicker twice the size must be to be worth its memory


class Budget:
    """The tokens of a batch. `key` names the model, device and kind of input that it is good for."""

    def __init__(self, tokens: int, most: int, key: str = "") -> None:
        self.tokens = tokens
        self._most = most
        self._key = key
        self._rates: list[float] = []
        self._before: float | None = None  # tokens a second at half the size
        self._warm = False
        self.settled = tokens >= most
        if key and (kept := _remembered().get(key)):
            self.tokens, self.settled = min(kept, most), True

    def note(self, tokens: int, seconds: float) -> None:
        """A batch has gone through the model. The first one only warms it up."""
        if self.settled or seconds <= 0 or tokens < FULL * self.tokens:
            return
        if not self._warm:
            self._warm = True
            return
        self._rates.append(tokens / seconds)
        if len(self._rates) < ROUNDS:
            return
        rate, self._rates = statistics.median(self._rates), []
        if self._before is not None and rate < GAIN * self._before:
            self.tokens //= 2
            self._settle()
        elif self.tokens * 2 > self._most:
            self._settle()
        else:
            self._before, self.tokens = rate, self.tokens * 2

    def shrink(self, tokens: int) -> None:
        """Memory ran out at a batch of so many tokens: at most half of them from now on."""
        self.tokens = max(min(self.tokens, tokens // 2), 1)
        self._settle()

    def _settle(self) -> None:
        self.settled = True
        if self._key:
            _remember(self._key, self.tokens)


def budget_for(device: str, key: str = "") -> Budget:
    """The budget of a device, as torch names it."""
    return Budget(CPU_TOKENS, MOST_CPU_TOKENS, key) if device == "cpu" else Budget(GPU_TOKENS, MOST_GPU_TOKENS, key)


def _file() -> Path:
    return cache_home() / "batches.json"


def _remembered() -> dict[str, int]:
    """Tokens by key; nothing where the file is missing or none of ours."""
    try:
        found = json.loads(_file().read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {key: value for key, value in found.items() if isinstance(value, int) and value > 0}


def _remember(key: str, tokens: int) -> None:
    """Keep a size for the next run. A cache that can't be written is no reason to stop."""
    with contextlib.suppress(OSError):
        _file().parent.mkdir(parents=True, exist_ok=True)
        descriptor, draft = tempfile.mkstemp(dir=_file().parent, prefix=".batches-")
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(_remembered() | {key: tokens}, file, indent=1)
        os.replace(draft, _file())


OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "Cannot allocate memory", "ALLOC_FAILED")


class Batches:
    """Runs a model of sentence-transformers. A batch holds as many tokens as the budget of its kind of input allows, or
    `size` inputs where that is given. `rows` takes what the model gives under the names of `wanted`, tensors of the
    CPU, apart, one array for each input: by default its vectors."""

    def __init__(
        self,
        model: Any,
        device: str,
        rows: Callable[[Any], list[np.ndarray]] | None = None,
        size: int | None = None,
        wanted: tuple[str, ...] = ("sentence_embedding",),
    ) -> None:
        self.budgets: dict[str, Budget] = {}
        self.pace = Throughput()
        self._size = size
        self._key = ""
        self._model = model
        self._device = device
        self._transfer = transfer_for(device)
        self._rows = rows or (lambda output: list(output["sentence_embedding"].float().numpy()))
        self._wanted = wanted
        self._noting = threading.Lock()
        self._fronts: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._fronts.put(model)

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
        `how` (`prompt`, `task`) goes with all of them. Raises `ExtractionError` (memory) where one item alone is
        too large.
        """
        budget = self._budget(kind)
        order = sorted(range(len(items)), key=lambda number: -costs[number])  # what does not fit shows at once
        found: dict[int, np.ndarray] = {}
        while order:
            count = self._size or max(1, budget.tokens // max(1, costs[order[0]]))
            batch, order = order[:count], order[count:]
            began = time.perf_counter()
            inputs = prepare([items[number] for number in batch])
            with self._noting:
                self.pace.prepared_s += time.perf_counter() - began
            rows = self._forward(inputs, costs[batch[0]] * len(batch), budget, how)
            found.update(zip(batch, rows, strict=True))
        return [found[number] for number in range(len(items))]

    def remember(self, key: str) -> None:
        """Take up and keep the budgets of what `key` names: a model in a precision on a device. What was learnt before,
        from samples, counts no more."""
        self._key = key
        self.budgets.clear()
        self.pace = Throughput()

    def _budget(self, kind: str) -> Budget:
        with self._noting:
            if kind not in self.budgets:
                self.budgets[kind] = budget_for(self._device, f"{self._key}/{kind}" if self._key else "")
            return self.budgets[kind]

    def _forward(self, inputs: list[Any], tokens: int, budget: Budget, how: dict[str, Any]) -> list[np.ndarray]:
        """One batch, halved as often as the device's memory asks for."""
        try:
            output, seconds = self._transfer.run(self._features(inputs, how), self._computed(how))
        except RuntimeError as error:
            if not any(sign in str(error) for sign in OUT_OF_MEMORY):
                raise
        else:
            with self._noting:
                budget.note(tokens, seconds)
                self.pace.computed_s += seconds
            return self._rows(output)
        if self._device.startswith("cuda"):
            import torch

            torch.cuda.empty_cache()
        if len(inputs) == 1:
            raise ExtractionError(FailureCode.MEMORY, "This alone does not fit the memory of the device.")
        with self._noting:
            budget.shrink(tokens)
        half = len(inputs) // 2
        first = self._forward(inputs[:half], tokens // 2, budget, how)
        return first + self._forward(inputs[half:], tokens - tokens // 2, budget, how)

    def _features(self, inputs: list[Any], how: dict[str, Any]) -> dict[str, Any]:
        """What the model's own processor makes of inputs."""
        with self._front() as front:
            began = time.perf_counter()
            found: dict[str, Any] = front.preprocess(inputs, **how)
            spent = time.perf_counter() - began
        with self._noting:
            self.pace.prepared_s += spent
        return found

    @contextlib.contextmanager
    def _front(self) -> Iterator[Any]:
        """The model as this thread may prepare inputs with it, for tokenizers keep the padding and the longest length
        of the call that they are in: the model itself, else a copy that shares its weights, made once for each thread
        that comes at the same time."""
        try:
            mine = self._fronts.get_nowait()
        except queue.Empty:
            mine = self._copied() or self._fronts.get()
        try:
            yield mine
        finally:
            self._fronts.put(mine)

    def _copied(self) -> Any:
        """A copy of the model that shares its weights; None for one that can't be copied."""
        weights = [*self._model.parameters(), *self._model.buffers()]
        try:
            return copy.deepcopy(self._model, {id(one): one for one in weights})
        except Exception:  # a processor of a model's own code may hold anything
            return None

    def _computed(self, how: dict[str, Any]) -> Callable[[dict[str, Any]], dict[str, Any]]:
        import torch

        def compute(features: dict[str, Any]) -> dict[str, Any]:
            with torch.inference_mode():
                output = self._model(features, task=how.get("task"))
                return {name: output[name] for name in self._wanted}

        return compute
