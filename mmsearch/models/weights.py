"""Which weights a model has: its commit on the hub, or a hash of its files."""

from __future__ import annotations

import hashlib
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
