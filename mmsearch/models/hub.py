"""The model hub and its cache on this machine. The cache is read without importing huggingface_hub."""

from __future__ import annotations

import fnmatch
import os
import re
import shutil
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from mmsearch.errors import ModelUnavailable, StoppedEarly

COMMIT = re.compile(r"[0-9a-f]{40}")
WANTED = ("*.safetensors", "*.safetensors.index.json", "*.json", "*.txt", "*.model", "*.tiktoken", "*.jinja")
UNWANTED = ("onnx/*", "openvino/*", "coreml/*", "*.fp16.safetensors", "*.fp32*.safetensors", "*.msgpack")
_PROGRESS_INTERVAL_S = 0.3


class DownloadProgress(NamedTuple):
    """Progress of a download: bytes on disk and bytes of all chosen files."""

    source: str
    done: int
    total: int


def hub_cache() -> Path:
    """The folder in which huggingface_hub and transformers keep models."""
    home = os.environ.get("HF_HOME") or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "huggingface"
    )
    configured = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE")
    return Path(configured or os.path.join(home, "hub")).expanduser()


def model_folder(source: str) -> Path:
    """The cache folder of a hub id, whether it exists or not."""
    return hub_cache() / f"models--{source.replace('/', '--')}"


def commit_of(source: str, revision: str | None = None) -> str | None:
    """The cached commit of a revision (None: the main branch); None where it is not on this machine."""
    folder = model_folder(source)
    revision = revision or "main"
    if COMMIT.fullmatch(revision) and (folder / "snapshots" / revision).is_dir():
        return revision
    try:
        commit = (folder / "refs" / revision).read_text("utf-8").strip()
    except (OSError, ValueError):
        return None
    return commit if (folder / "snapshots" / commit).is_dir() else None


def usable_revision(source: str, revision: str | None, fallback: str | None) -> str | None:
    """The revision of a model to load: the first of the two that is on this machine with `modules.json`, which names
    the steps from a text to its vector; else `revision`."""
    for one in (revision, fallback):
        commit = commit_of(source, one) if one else None
        if commit and (model_folder(source) / "snapshots" / commit / "modules.json").is_file():
            return one
    return revision


def snapshots(source: str) -> Sequence[Path]:
    """The folders of all cached versions of a model."""
    return sorted((model_folder(source) / "snapshots").glob("*"))


def bytes_on_disk(source: str) -> int:
    """Bytes that the cache holds of a model, all versions together; 0 where it holds none."""
    total = 0
    for path in model_folder(source).rglob("*"):
        if path.is_file() and not path.is_symlink():
            total += path.stat().st_size
    return total


def list_files(source: str, revision: str | None, code: bool) -> tuple[str, dict[str, int]]:
    """The commit of a revision on the hub, and the sizes in bytes of the files that a model is loaded from; Python
    files are among them where `code` is true.

    Raises `ModelUnavailable`: no such model or revision, no access, no network, no weights in safetensors.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import (
        GatedRepoError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    try:
        info = HfApi().model_info(source, revision=revision, files_metadata=True)
    except GatedRepoError as error:
        hint = f"Accept its terms at https://huggingface.co/{source}, and log in: hf auth login"
        raise ModelUnavailable(f"{source} is only given to those who accept its terms.", hint) from error
    except RevisionNotFoundError as error:
        raise ModelUnavailable(
            f"{source} has no revision {revision}.", "Leave out --revision for the usual."
        ) from error
    except RepositoryNotFoundError as error:
        raise ModelUnavailable(f"The hub has no model {source}.", "Check its name.") from error
    except OfflineModeIsEnabled as error:
        raise ModelUnavailable(
            "HF_HUB_OFFLINE or TRANSFORMERS_OFFLINE is set: no downloads.", "Unset it for this command."
        ) from error
    except Exception as error:  # the hub client's own, and whatever its HTTP library raises
        raise _unreachable(source, error) from error
    sizes = {
        file.rfilename: int(file.size or 0)
        for file in info.siblings or ()
        if _matches(file.rfilename, (*WANTED, *(["*.py"] if code else []))) and not _matches(file.rfilename, UNWANTED)
    }
    if not any(name.endswith(".safetensors") for name in sizes):
        raise ModelUnavailable(
            f"{source} has no weights in safetensors; other formats can run code and are not loaded.",
            "Look for a version of it that has them.",
        )
    return str(info.sha), sizes


def download(source: str, revision: str | None, sizes: dict[str, int]) -> Iterator[DownloadProgress]:
    """Download the files in `sizes` into the cache, in a thread; yields the progress as the disk shows it.

    A download that is interrupted keeps its bytes; the next one resumes. Raises `StoppedEarly` where the disk is too
    small, `ModelUnavailable` where the download fails.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.utils import disable_progress_bars

    total, before = sum(sizes.values()), bytes_on_disk(source)
    hub_cache().mkdir(parents=True, exist_ok=True)
    if shutil.disk_usage(hub_cache()).free < total - before:
        raise StoppedEarly(f"There is no room for {source} in {hub_cache()}.", "Make room, or set HF_HOME.")
    disable_progress_bars()
    failed: list[Exception] = []

    def work() -> None:
        try:
            snapshot_download(source, revision=revision, allow_patterns=list(sizes))
        except Exception as error:  # the hub client's own, the HTTP client's, OSError
            failed.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    while thread.is_alive():
        yield DownloadProgress(source, min(bytes_on_disk(source), total), total)
        thread.join(_PROGRESS_INTERVAL_S)
    if failed:
        raise _unreachable(source, failed[0]) from failed[0]
    yield DownloadProgress(source, total, total)


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch.fnmatch(name, pattern) or fnmatch.fnmatch(name, f"*/{pattern}") for pattern in patterns)


def _unreachable(source: str, error: Exception) -> ModelUnavailable:
    return ModelUnavailable(
        f"{source} can't be fetched: {(str(error) or type(error).__name__).splitlines()[0]}.",
        "See whether there is a network (HF_ENDPOINT names another hub); what has come is kept.",
    )
