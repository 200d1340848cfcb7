"""How many tokens a batch holds: doubled while that makes the model quicker, halved when memory runs out, and kept for
the next run of the same model on the same device."""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import tempfile
from pathlib import Path

from mmsearch.config import cache_home

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
