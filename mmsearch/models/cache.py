"""Which models of the hub lie on this machine, and where: the cache of huggingface_hub, read without its import."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

COMMIT = re.compile(r"[0-9a-f]{40}")


def hub_cache() -> Path:
    """The folder that huggingface_hub and transformers keep models in."""
    home = os.environ.get("HF_HOME") or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "huggingface"
    )
    named = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE")
    return Path(named or os.path.join(home, "hub")).expanduser()


def model_folder(source: str) -> Path:
    """What the cache keeps of a hub id, whether there is any or not."""
    return hub_cache() / f"models--{source.replace('/', '--')}"


def commit_of(source: str, revision: str | None = None) -> str | None:
    """The commit that a revision (None: the main branch) means on this machine; None where it is not here."""
    folder = model_folder(source)
    revision = revision or "main"
    if COMMIT.fullmatch(revision) and (folder / "snapshots" / revision).is_dir():
        return revision
    try:
        commit = (folder / "refs" / revision).read_text("utf-8").strip()
    except (OSError, ValueError):
        return None
    return commit if (folder / "snapshots" / commit).is_dir() else None


def snapshots(source: str) -> Sequence[Path]:
    """Every version of a model that is here."""
    return sorted((model_folder(source) / "snapshots").glob("*"))


def bytes_on_disk(source: str) -> int:
    """What the cache holds of a model, all versions together, in bytes; 0 where it holds none."""
    total = 0
    for path in model_folder(source).rglob("*"):
        if path.is_file() and not path.is_symlink():
            total += path.stat().st_size
    return total
