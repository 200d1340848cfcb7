"""Inputs to a device and results back from it, so that the copies of one batch overlap the computing of another."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

Features = dict[str, Any]
Compute = Callable[[Features], Features]


class OrderedResults:
    """A device whose memory is read in place, or that copies in order (CPU, MPS): batches take turns."""

    def __init__(self, device: str) -> None:
        self._device = device
        self._turn = threading.Lock()

    def run(self, features: Features, compute: Compute) -> tuple[Features, float]:
        """What `compute` makes of the features, on the CPU, and the seconds that the device was busy with it."""
        with self._turn:
            began = time.perf_counter()
            there = {name: one.to(self._device) if _is_tensor(one) else one for name, one in features.items()}
            output = {name: one.cpu() if _is_tensor(one) else one for name, one in compute(there).items()}
            return output, time.perf_counter() - began


class Streams:
    """A CUDA device. Batches of several threads compute one after the other on the usual stream; what goes there comes
    from pinned memory by a stream of its own while the batch before it computes, and results leave by a third.

    `cuda` is `torch.cuda`, or something that takes its place in tests.
    """

    def __init__(self, device: str, cuda: Any) -> None:
        self._device = device
        self._cuda = cuda
        self._turn = threading.Lock()
        with cuda.device(device):
            self._to, self._from = cuda.Stream(device), cuda.Stream(device)

    def run(self, features: Features, compute: Compute) -> tuple[Features, float]:
        """See `Turns.run`. Memory of one stream that another one uses is marked as such: else it would be given to the
        next batch while this one still needs it."""
        cuda = self._cuda
        with cuda.device(self._device):
            usual = cuda.current_stream()
            there, arrived = self._sent(features, usual)
            began, ended, left = (cuda.Event(enable_timing=True) for _ in range(3))
            with self._turn:
                usual.wait_event(arrived)
                began.record(usual)
                output = compute(there)
                ended.record(usual)
            with cuda.stream(self._from):
                self._from.wait_event(ended)
                home = {name: _fetched(one, self._from) for name, one in output.items()}
                left.record(self._from)
            left.synchronize()  # of this batch alone: the next one computes already
            return home, began.elapsed_time(ended) / 1000.0

    def _sent(self, features: Features, usual: Any) -> tuple[Features, Any]:
        """The features on their way to the device, and the event of their arrival."""
        held = {name: one.pin_memory() if _is_tensor(one) else one for name, one in features.items()}
        with self._cuda.stream(self._to):
            there = {
                name: one.to(self._device, non_blocking=True) if _is_tensor(one) else one for name, one in held.items()
            }
            arrived = self._cuda.Event()
            arrived.record(self._to)
        for one in there.values():
            if _is_tensor(one):
                one.record_stream(usual)
        return there, arrived


def copies(device: str) -> OrderedResults | Streams:
    """How batches get to a device, as torch names it, and back."""
    if not device.startswith("cuda"):
        return OrderedResults(device)
    import torch

    return Streams(device, torch.cuda)


def _fetched(one: Any, stream: Any) -> Any:
    """A tensor on its way to pinned memory of the CPU: torch pins the target of a copy that does not block."""
    if not _is_tensor(one):
        return one
    one.record_stream(stream)
    return one.to("cpu", non_blocking=True)


def _is_tensor(one: Any) -> bool:
    return hasattr(one, "record_stream")
