"""The inputs and results of the pipeline's stages, and the queues between them."""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from mmsearch.store.segments import RecognizedText, SpanResult
from mmsearch.types import Extracted, Source

_POLL_S = 0.1  # between two checks whether the run ends


@dataclass(frozen=True, slots=True)
class Job:
    """An asset to extract. `done` are the spans that an earlier run has committed, `read` the recognized text that the
    catalogue already holds of it."""

    asset_id: int
    key: str
    source: Source
    done: frozenset[int] = frozenset()
    read: tuple[RecognizedText, ...] = ()


@dataclass(slots=True, eq=False)
class SpanMedia:
    """A span's segments with their media, and the result that is being made of them."""

    job: Job
    result: SpanResult
    extracted: list[Extracted] = field(default_factory=list)

    def drop_media(self) -> None:
        """Free pictures and sound, which have been read and encoded."""
        self.extracted = []


class StopSignal(Exception):
    """Raised inside a stage's thread when the run is to end now."""


class Channel:
    """A bounded queue between two stages: of `size` items and, where `weigh` returns the bytes of an item, of `most`
    bytes, or of one item that alone has more. `put` waits while it is full: a slow stage so slows the stages before it,
    and memory does not grow with the corpus. Both sides raise `StopSignal` when `stopping` is set."""

    def __init__(
        self,
        size: int,
        stopping: threading.Event,
        most: int = 0,
        weigh: Callable[[Any], int] = lambda item: 0,
    ) -> None:
        self._size = size
        self._most = most
        self._weigh = weigh
        self._stopping = stopping
        self._items: deque[tuple[Any, int]] = deque()
        self._held = 0
        self._changed = threading.Condition()

    def put(self, item: Any) -> None:
        """Hand an item on; raises `StopSignal` when the run ends."""
        with self._changed:
            while not self._placed(item):
                if self._stopping.is_set():
                    raise StopSignal
                self._changed.wait(_POLL_S)

    def offer(self, item: Any) -> bool:
        """Hand an item on if there is room for it now."""
        with self._changed:
            return self._placed(item)

    def get(self, timeout: float | None = None) -> Any:
        """The next item; raises `queue.Empty` after `timeout` seconds, `StopSignal` when the run ends."""
        until = None if timeout is None else time.monotonic() + timeout
        with self._changed:
            while True:
                if self._stopping.is_set():
                    raise StopSignal
                if self._items:
                    item, weight = self._items.popleft()
                    self._held -= weight
                    self._changed.notify_all()
                    return item
                left = _POLL_S if until is None else min(_POLL_S, until - time.monotonic())
                if left <= 0:
                    raise queue.Empty
                self._changed.wait(left)

    def depth(self) -> int:
        """How many items wait."""
        return len(self._items)

    def _placed(self, item: Any) -> bool:
        """Whether there was room, with the lock held."""
        weight = 0 if item is None else self._weigh(item)
        if len(self._items) >= self._size or (self._items and self._held + weight > self._most > 0):
            return False
        self._items.append((item, weight))
        self._held += weight
        self._changed.notify_all()
        return True


class Stage(threading.Thread):
    """A thread that runs one stage. An exception in it is kept in `error`, which the caller must check."""

    def __init__(self, name: str, work: Callable[[], None]) -> None:
        super().__init__(name=name, daemon=True)
        self._work = work
        self.error: BaseException | None = None

    def run(self) -> None:
        """Run the stage to its end."""
        try:
            self._work()
        except StopSignal:
            pass
        except BaseException as error:
            self.error = error
