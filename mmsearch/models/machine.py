"""What this machine is good for, found out without torch: cores, memory, GPU, and the preset that fits."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

GPU_BYTES = 8 << 30  # what the publisher of the gpu preset's model asks for
PHOTO_BYTES = 4 << 30  # CLIP takes 0.6 GB; with torch and the workers beside it a machine of 4 GB has no air left


class Machine(NamedTuple):
    """Cores that we may use, memory in bytes (None: unknown), the GPU's name and memory."""

    cores: int
    memory: int | None
    gpu: str = ""
    gpu_memory: int | None = None


def probe() -> Machine:
    """This machine."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    name, memory = _gpu()
    return Machine(cores, memory_bytes(), name, memory)


def memory_bytes(available: bool = False) -> int | None:
    """Memory of this machine, or what of it is free; None where the system does not say."""
    wanted = "MemAvailable:" if available else "MemTotal:"
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith(wanted):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    if available or "SC_PHYS_PAGES" not in os.sysconf_names:
        return None
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def recommended(machine: Machine) -> tuple[str, str]:
    """The preset (or `builtin`) for a machine, and why, as a sentence."""
    cores = f"{machine.cores} core{'' if machine.cores == 1 else 's'}"
    memory = f"{machine.memory / (1 << 30):.0f} GB of memory" if machine.memory else "unknown memory"
    if machine.gpu_memory is not None and machine.gpu_memory >= GPU_BYTES:
        size = f"{machine.gpu_memory / (1 << 30):.0f} GB"
        return "gpu", f"{machine.gpu} with {size}: qwen3-vl-2b asks for 8 GB, and one model then takes all but sound"
    gpu = f"{machine.gpu}, too small for a large model" if machine.gpu else "no GPU that could be found"
    if machine.memory is not None and machine.memory < PHOTO_BYTES:
        return "builtin", f"{cores}, {memory}, {gpu}: a second model would leave too little room"
    return (
        "photos",
        f"{cores}, {memory}, {gpu}: CLIP looks at pictures at 0.6 GB, larger models are too slow without one",
    )


def _gpu() -> tuple[str, int | None]:
    """The largest NVIDIA GPU; on a Mac its own chip, whose memory is the machine's."""
    if sys.platform == "darwin" and os.uname().machine == "arm64":
        return "Apple GPU", None
    program = shutil.which("nvidia-smi")
    if program is None:
        return "", None
    try:
        said = subprocess.run(
            [program, "--query-gpu=name,memory.total", "--format=csv,noheader,nounits"],
            capture_output=True, text=True, timeout=10, check=True,
        ).stdout  # fmt: skip
        found = [line.rsplit(",", 1) for line in said.splitlines() if "," in line]
        name, size = max(found, key=lambda pair: float(pair[1]))
        return name.strip(), int(float(size)) << 20
    except (OSError, ValueError, subprocess.SubprocessError):
        return "", None
