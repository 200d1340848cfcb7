"""Which device and which number format a model computes in, and why."""

from __future__ import annotations

import os
import platform
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from mmsearch.errors import UsageError

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


class Precision(NamedTuple):
    """A device as torch names it, the name of a dtype, and the reason for them."""

    device: str
    dtype: str
    reason: str


def preferred(device: str | None = None) -> Precision:
    """What this machine computes fastest in. Whether a model bears it is for the caller to check on a sample. Raises
    `UsageError` for a device that is not here."""
    import torch

    _check(device)
    if device is None:
        device = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    if device.startswith("cuda"):
        name = torch.cuda.get_device_name(device)
        if torch.cuda.is_bf16_supported(including_emulation=False):
            return Precision(device, "bfloat16", f"{name} computes in it")
        return Precision(device, "float16", f"{name} computes in it, but not in bfloat16")
    if device == "cpu":
        flags = [flag for flag in CPU_FLAGS if flag in cpu_flags()]
        if flags:
            return Precision(device, "bfloat16", f"this CPU computes in it ({flags[0]})")
        return Precision(device, "float32", "this CPU has no bfloat16 instructions")
    return Precision(device, "float32", f"no faster format is known to be safe on {device}")


def further_devices(device: str) -> list[str]:
    """The other GPUs of this machine, where no certain one was asked for; none beside a CPU or a numbered GPU."""
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
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not there.get(kind, True):
        raise UsageError(f"There is no {kind} on this machine, or PyTorch is not built for it.", "--device cpu")


def device_name(device: str) -> str:
    """What computes, so that what was measured there is not taken for another: a GPU's name, or how many cores."""
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


def lowest_cosine(one: Any, other: Any) -> float:
    """The smallest cosine between rows of unit vectors, both float32 (n, d)."""
    return float((one * other).sum(axis=1).min())


def sample_pictures() -> list[Any]:
    """A slope of colours, stripes, and noise: uint8 (224, 224, 3) each."""
    import numpy as np

    down, across = np.mgrid[0:224, 0:224]
    slope = np.stack([down, across, 224 - down], axis=-1)
    stripes = np.repeat((((down + across) // 16 % 2) * 220)[..., None], 3, axis=2)
    noise = np.random.default_rng(0).integers(0, 256, (224, 224, 3))
    return [picture.astype(np.uint8) for picture in (slope, stripes, noise)]
