"""What travels through the pipeline: a job for each asset, a piece of work for each of its spans."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from mmsearch.store.segments import Chunk, Reading
from mmsearch.types import Extracted, Source


@dataclass(frozen=True, slots=True)
class Job:
    """An asset to extract. `done` are the spans that an earlier run has committed, `read` what the catalogue already
    has of words that were read from it."""

    asset_id: int
    key: str
    source: Source
    done: frozenset[int] = frozenset()
    read: tuple[Reading, ...] = ()


@dataclass(slots=True, eq=False)
class Piece:
    """A span's segments with their media, and the chunk that is being made of them."""

    job: Job
    chunk: Chunk
    extracted: list[Extracted] = field(default_factory=list)

    def drop_media(self) -> None:
        """Let go of pictures and sound: they have been read and encoded."""
        self.extracted = []


class Stop(Exception):
    """Raised inside a stage's thread when the run is to end now."""


class Channel:
    """A bounded queue between two stages. Putting waits while it is full: that is how a slow stage slows the ones
    before it, and why memory does not grow with the corpus. Both sides give up when `stopping` is set."""

    def __init__(self, size: int, stopping: threading.Event) -> None:
        self._queue: queue.Queue[Any] = queue.Queue(size)
        self._stopping = stopping

    def put(self, item: Any) -> None:
        """Hand an item on; raises `Stop` when the run ends."""
        while True:
            if self._stopping.is_set():
                raise Stop
            try:
                self._queue.put(item, timeout=0.1)
                return
            except queue.Full:
                continue

    def offer(self, item: Any) -> bool:
        """Hand an item on if there is room for it now."""
        try:
            self._queue.put_nowait(item)
        except queue.Full:
            return False
        return True

    def get(self, timeout: float | None = None) -> Any:
        """The next item; raises `queue.Empty` after `timeout` seconds, `Stop` when the run ends."""
        waited = 0.0
        while True:
            if self._stopping.is_set():
                raise Stop
            step = 0.1 if timeout is None else min(0.1, max(timeout - waited, 0.0))
            try:
                return self._queue.get(timeout=step) if step else self._queue.get_nowait()
            except queue.Empty:
                waited += step
                if timeout is not None and waited >= timeout:
                    raise

    def depth(self) -> int:
        """How many items wait."""
        return self._queue.qsize()


class Stage(threading.Thread):
    """A thread that runs one stage. An exception in it is kept in `error` for the caller, who must look."""

    def __init__(self, name: str, work: Callable[[], None]) -> None:
        super().__init__(name=name, daemon=True)
        self._work = work
        self.error: BaseException | None = None

    def run(self) -> None:
        """Run the stage to its end."""
        try:
            self._work()
        except Stop:
            pass
        except BaseException as error:
            self.error = error
