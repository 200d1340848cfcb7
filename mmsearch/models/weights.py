"""Which weights a model has, how they are stored, and whether they fit into memory."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any


def identity(model: str, commit: str | None) -> dict[str, Any]:
    """What a fingerprint says about a model's origin. `commit` is the hub's, where it came from there.

    A local folder is known by its weights and not by its path, so that it may move."""
    folder = Path(model)
    if folder.is_dir():
        return {"model": folder.resolve().name, "weights": f"sha256:{weights_hash(folder)}"}
    return {"model": model, "commit": commit or "unknown"}


def weights_hash(folder: Path) -> str:
    """SHA-256 over names and bytes of all safetensors files below the folder (about 1 GB/s)."""
    total = hashlib.sha256()
    for path in sorted(folder.rglob("*.safetensors")):
        with path.open("rb") as file:
            total.update(path.relative_to(folder).as_posix().encode())
            total.update(hashlib.file_digest(file, "sha256").digest())
    return total.hexdigest()


def stored(folder: Path) -> dict[str, int]:
    """How many numbers the safetensors files below a folder hold, by their type as the files call it (`F32`, `BF16`).
    Only headers are read. Raises `ValueError` for a file that is damaged or cut short."""
    counts: dict[str, int] = {}
    for path in sorted(folder.rglob("*.safetensors")):
        for tensor in _header(path).values():
            size = 1
            for side in tensor["shape"]:
                size *= side
            counts[tensor["dtype"]] = counts.get(tensor["dtype"], 0) + size
    return counts


def _header(path: Path) -> dict[str, Any]:
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if not 2 <= length <= size - 8:
            raise ValueError(f"{path.name} is damaged.")
        found = json.loads(file.read(length))
    found.pop("__metadata__", None)
    if max((tensor["data_offsets"][1] for tensor in found.values()), default=0) > size - 8 - length:
        raise ValueError(f"{path.name} is cut short.")
    return dict(found)


def pickled(folder: Path) -> Path | None:
    """A weights file that would have to be unpickled, which can run any code: one without safetensors beside it."""
    for pattern in ("pytorch_model*.bin", "model*.bin", "*.pt", "*.pth", "*.ckpt"):
        for path in sorted(folder.rglob(pattern)):
            if not list(path.parent.glob("*.safetensors")):
                return path
    return None


def free_memory(device: str) -> int | None:
    """Bytes that a device has left for a model; None where that can't be told."""
    if device.startswith("cuda"):
        import torch

        return int(torch.cuda.mem_get_info(device)[0])
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        left = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration):
        return None
    group = Path("/sys/fs/cgroup")
    try:
        limit, used = (int((group / name).read_text()) for name in ("memory.max", "memory.current"))
        stat = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
        return min(left, limit - used + int(stat.get("inactive_file", 0)))
    except (OSError, ValueError):  # not there, or no limit
        return left
