"""Devices: precision, free memory, and the transfer of inputs to them and of results back."""

from __future__ import annotations

import os
import platform
import threading
import time
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from mmsearch.errors import UsageError

if TYPE_CHECKING:
    import numpy as np

CPU_FLAGS = ("amx_bf16", "avx512_bf16")  # x86 instructions that multiply bfloat16 numbers
LOWEST_COSINE = 0.999  # between vectors of the reduced precision and of float32
SAMPLE = (
    "Revenue rose by 12.5 % in the third quarter of 2024.",
    "A dog jumps over a fence in the rain.",
    "def main(argv): return 0",
    "Die Katze schläft auf dem warmen Dach.",
    "会议记录：下周一上午九点讨论预算。",
    "invoice",
    "The committee met in the town hall, heard both sides, and decided after a long debate to build the bridge "
    "further down the river, where the ground is firm and the road to the harbour is short. " * 3,
)

Features = dict[str, Any]  # tensors by name, and other values of a model's processor
Compute = Callable[[Features], Features]


class Precision(NamedTuple):
    """A device as torch names it, the name of a dtype (`float32`, `bfloat16`, `float16`), and the reason for them."""

    device: str
    dtype: str
    reason: str


def preferred(device: str | None = None) -> Precision:
    """The fastest precision of this machine, or of the device; whether a model keeps its results in it is to be checked
    on a sample. Raises `UsageError` for a device that is not on this machine."""
    import torch

    _check(device)
    if device is None:
        device = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    if device.startswith("cuda"):
        name = torch.cuda.get_device_name(device)
        if torch.cuda.is_bf16_supported(including_emulation=False):
            return Precision(device, "bfloat16", f"{name} supports it")
        return Precision(device, "float16", f"{name} supports it, but not bfloat16")
    if device == "cpu":
        flags = [flag for flag in CPU_FLAGS if flag in cpu_flags()]
        if flags:
            return Precision(device, "bfloat16", f"the CPU supports it ({flags[0]})")
        return Precision(device, "float32", "the CPU has no bfloat16 instructions")
    return Precision(device, "float32", f"no faster format is known to be safe on {device}")


def describe_precision(precision: Precision) -> str:
    """A precision as a sentence: `float32 on this CPU: the CPU has no bfloat16 instructions`."""
    device = {"cpu": "this CPU"}.get(precision.device, precision.device)
    return f"{precision.dtype} on {device}: {precision.reason}"


def further_devices(device: str) -> list[str]:
    """The other GPUs of this machine where `device` is any GPU; none beside a CPU or a numbered GPU."""
    if device != "cuda":
        return []
    import torch

    return [f"cuda:{number}" for number in range(1, torch.cuda.device_count())]


def _check(device: str | None) -> None:
    import torch

    if device is None:
        return
    try:
        kind = torch.device(device).type
    except RuntimeError:
        raise UsageError(f'"{device}" is no device.', "Use cpu, cuda, cuda:1 or mps.") from None
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not available.get(kind, True):
        raise UsageError(f"There is no {kind} on this machine, or PyTorch is not built for it.", "--device cpu")


def device_name(device: str) -> str:
    """The hardware of a device, as a key for what was measured on it: a GPU's name, or the number of cores."""
    if device.startswith("cuda"):
        import torch

        return str(torch.cuda.get_device_name(device))
    return f"{device} {os.cpu_count()} {platform.processor() or platform.machine()}"


@lru_cache
def cpu_flags() -> frozenset[str]:
    """The instruction sets that Linux reports for the first CPU; empty elsewhere."""
    try:
        lines = Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
    except OSError:
        return frozenset()
    return next((frozenset(line.split()) for line in lines if line.startswith("flags")), frozenset())


def total_memory() -> int | None:
    """Memory of this machine in bytes; None where the system does not report it."""
    total = _meminfo("MemTotal:")
    if total is None and "SC_PHYS_PAGES" in os.sysconf_names:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return total


def free_memory(device: str) -> int | None:
    """Free bytes of a device, of a CPU within the limit of the control group; None where they are not known."""
    if device.startswith("cuda"):
        import torch

        return int(torch.cuda.mem_get_info(device)[0])
    free = _meminfo("MemAvailable:")
    if free is None:
        return None
    group = Path("/sys/fs/cgroup")
    try:
        limit, used = (int((group / name).read_text()) for name in ("memory.max", "memory.current"))
        stat = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
        return min(free, limit - used + int(stat.get("inactive_file", 0)))
    except (OSError, ValueError):  # not there, or no limit
        return free


def _meminfo(field: str) -> int | None:
    """Bytes of a field of /proc/meminfo."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(field))
    except (OSError, ValueError, StopIteration):
        return None


def lowest_cosine(first: np.ndarray, second: np.ndarray) -> float:
    """The smallest cosine between rows of unit vectors, both float32 (n, dimension)."""
    return float((first * second).sum(axis=1).min())


def sample_pictures() -> list[np.ndarray]:
    """A colour gradient, stripes and noise, each uint8 (224, 224, 3)."""
    import numpy as np

    y, x = np.mgrid[0:224, 0:224]
    gradient = np.stack([y, x, 224 - y], axis=-1)
    stripes = np.repeat((((y + x) // 16 % 2) * 220)[..., None], 3, axis=2)
    noise = np.random.default_rng(0).integers(0, 256, (224, 224, 3))
    return [picture.astype(np.uint8) for picture in (gradient, stripes, noise)]


class OrderedResults:
    """Transfer to a device whose memory is read in place or that copies in order (CPU, MPS): one batch at a time."""

    def __init__(self, device: str) -> None:
        self._device = device
        self._lock = threading.Lock()

    def run(self, features: Features, compute: Compute) -> tuple[Features, float]:
        """The output of `compute` for the features, on the CPU, and the seconds that the device was busy."""
        with self._lock:
            began = time.perf_counter()
            sent = {name: one.to(self._device) if _is_tensor(one) else one for name, one in features.items()}
            output = {name: one.cpu() if _is_tensor(one) else one for name, one in compute(sent).items()}
            return output, time.perf_counter() - began


class Streams:
    """Transfer to a CUDA device, so that the copies of one batch overlap the computing of another.

    Batches of several threads compute one after the other on the default stream. Inputs are copied from pinned memory
    on a stream of their own, results on a third. `cuda` is `torch.cuda`, or its substitute in tests.
    """

    def __init__(self, device: str, cuda: Any) -> None:
        self._device = device
        self._cuda = cuda
        self._lock = threading.Lock()
        with cuda.device(device):
            self._to, self._from = cuda.Stream(device), cuda.Stream(device)

    def run(self, features: Features, compute: Compute) -> tuple[Features, float]:
        """The same as `OrderedResults.run`.

        Memory of one stream that another one uses is recorded as such: else the allocator would reuse it for the next
        batch while this one still needs it.
        """
        cuda = self._cuda
        with cuda.device(self._device):
            default = cuda.current_stream()
            sent, arrived = self._send(features, default)
            began, ended, copied = (cuda.Event(enable_timing=True) for _ in range(3))
            with self._lock:
                default.wait_event(arrived)
                began.record(default)
                output = compute(sent)
                ended.record(default)
            with cuda.stream(self._from):
                self._from.wait_event(ended)
                result = {name: _fetch(one, self._from) for name, one in output.items()}
                copied.record(self._from)
            copied.synchronize()  # of this batch alone: the next one computes already
            return result, began.elapsed_time(ended) / 1000.0

    def _send(self, features: Features, default: Any) -> tuple[Features, Any]:
        """Start the copy of the features to the device; returns them and the event of their arrival."""
        pinned = {name: one.pin_memory() if _is_tensor(one) else one for name, one in features.items()}
        with self._cuda.stream(self._to):
            sent = {
                name: one.to(self._device, non_blocking=True) if _is_tensor(one) else one
                for name, one in pinned.items()
            }
            arrived = self._cuda.Event()
            arrived.record(self._to)
        for one in sent.values():
            if _is_tensor(one):
                one.record_stream(default)
        return sent, arrived


def transfer_for(device: str) -> OrderedResults | Streams:
    """The transfer that suits a device, as torch names it."""
    if not device.startswith("cuda"):
        return OrderedResults(device)
    import torch

    return Streams(device, torch.cuda)


def _fetch(one: Any, stream: Any) -> Any:
    """Start the copy of a tensor to the CPU: torch pins the target of a copy that does not block."""
    if not _is_tensor(one):
        return one
    one.record_stream(stream)
    return one.to("cpu", non_blocking=True)


def _is_tensor(one: Any) -> bool:
    return hasattr(one, "record_stream")
