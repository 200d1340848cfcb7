"""This machine: cores, memory, GPU, and how fast it multiplies. Nothing of torch is imported."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from typing import NamedTuple

from mmsearch.models.device import total_memory

_SIDE = 64  # of the matrices of the sample: so small that one thread multiplies them, whatever else runs
_SAMPLE_S = 0.15


class Machine(NamedTuple):
    """Cores that this process may use, memory in bytes (None: unknown), the GPU's name and its memory in bytes."""

    cores: int
    memory: int | None
    gpu: str = ""
    gpu_memory: int | None = None


def probe() -> Machine:
    """This machine."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    name, memory = _gpu()
    return Machine(cores, total_memory(), name, memory)


def measured_gflops(cores: int) -> float:
    """10^9 operations a second in float32 products of matrices on the CPU: the fastest of one core in a sample of
    0.2 s, times the cores."""
    import numpy as np

    one = np.ones((_SIDE, _SIDE), np.float32)
    product = np.empty_like(one)
    best, ends = 0.0, time.perf_counter() + _SAMPLE_S
    while not best or time.perf_counter() < ends:
        began = time.perf_counter()
        np.matmul(one, one, out=product)
        best = max(best, 2 * _SIDE**3 / max(time.perf_counter() - began, 1e-9) / 1e9)
    return best * cores


def _gpu() -> tuple[str, int | None]:
    """The largest NVIDIA GPU; on a Mac its own chip, whose memory is the machine's."""
    if sys.platform == "darwin" and os.uname().machine == "arm64":
        return "Apple GPU", None
    program = shutil.which("nvidia-smi")
    if program is None:
        return "", None
    try:
        command = [program, "--query-gpu=name,memory.total", "--format=csv,noheader,nounits"]
        output = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout
        gpus = [line.rsplit(",", 1) for line in output.splitlines() if "," in line]
        name, size = max(gpus, key=lambda gpu: float(gpu[1]))
        return name.strip(), int(float(size)) << 20
    except (OSError, ValueError, subprocess.SubprocessError):
        return "", None
