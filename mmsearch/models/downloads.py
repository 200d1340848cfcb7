"""Models on this machine: fetched from the hub once, checked that they load without it, measured, removed.

What a download tells of a model (commit, bytes, dimension, views, whether it loads) is kept in the user's data folder,
a JSON file for each; the files themselves lie in the hub's own cache, where other programs find them too.
"""

from __future__ import annotations

import fnmatch
import json
import os
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from mmsearch.config import data_home
from mmsearch.errors import ModelUnavailable, StoppedEarly, UsageError
from mmsearch.models.builtin import is_part
from mmsearch.models.cache import bytes_on_disk, hub_cache, model_folder
from mmsearch.models.load_check import check_loads
from mmsearch.models.model_catalogue import ModelSpec
from mmsearch.models.model_options import ModelOptions

WANTED = ("*.safetensors", "*.safetensors.index.json", "*.json", "*.txt", "*.model", "*.tiktoken", "*.jinja")
UNWANTED = ("onnx/*", "openvino/*", "coreml/*", "*.fp16.safetensors", "*.fp32*.safetensors", "*.msgpack")
_LOOK_S = 0.3  # between two looks at how much has come


class Fetched(NamedTuple):
    """How far a download is, in bytes of all that was chosen."""

    source: str
    done: int
    total: int


def pull(spec: ModelSpec, options: ModelOptions) -> Iterator[Fetched]:
    """Fetch a model, and the one that it is paired with; then load it without a network, and record what it is.

    Yields how far it is. What has come is kept when it is broken off, and the next pull goes on from there. Raises
    `UsageError`, `ModelUnavailable` (no such model, no network, weights of another kind than safetensors, one that
    does not load), `StoppedEarly` (the disk is full).
    """
    if is_part(spec.name) or Path(spec.source).is_dir():
        raise UsageError(f"{spec.name} is on this machine already.", "Models of the hub are pulled.")
    revision = options.revision or spec.revision
    for source, version in ((spec.source, revision), *([(spec.pair, None)] if spec.pair else [])):
        commit, sizes = _files(source, version, options.trust_remote_code)
        yield from _fetched(source, version, sizes)
        if source == spec.source:
            size = sum(sizes.values())
            facts = {"revision": version, "commit": commit, "bytes": size, "files": len(sizes)}
    record = {"name": spec.name, "source": spec.source, **facts, "pulled": round(time.time())}
    _write(spec, record)
    told = check_loads(spec, options, size)
    _write(spec, {**record, **told})
    if told["loads"] is False:
        hint = f"`mmsearch models rm {spec.name}` frees its place; `mmsearch models show {spec.name}` says more."
        raise ModelUnavailable(f"{spec.name} was fetched, but does not load: {told['reason']}", hint)


def recorded(spec: ModelSpec) -> dict[str, Any]:
    """What the last pull of a model told; empty where there was none."""
    try:
        found = json.loads(_place(spec).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def remove(spec: ModelSpec) -> int:
    """Take a model off this machine. Gives how many bytes that freed. Raises `UsageError` where it isn't there, or
    isn't ours to remove."""
    if is_part(spec.name) or Path(spec.source).is_dir():
        raise UsageError(f"{spec.name} was not pulled, so it stays.", "Remove its folder or package yourself.")
    folder = model_folder(spec.source)
    if not folder.is_dir():
        raise UsageError(f"{spec.name} is not on this machine.", "`mmsearch models` shows what is.")
    freed = bytes_on_disk(spec.source)
    shutil.rmtree(folder, ignore_errors=True)
    if folder.is_dir():
        raise ModelUnavailable(f"{folder} can't be removed.", "See whether another program uses it, or whose it is.")
    shutil.rmtree(hub_cache() / ".locks" / folder.name, ignore_errors=True)
    _place(spec).unlink(missing_ok=True)
    return freed


def _place(spec: ModelSpec) -> Path:
    return data_home() / "models" / f"{spec.source.replace('/', '--')}.json"


def _write(spec: ModelSpec, record: dict[str, Any]) -> None:
    place = _place(spec)
    place.parent.mkdir(parents=True, exist_ok=True)
    draft = place.with_suffix(f".{os.getpid()}.tmp")
    draft.write_text(json.dumps(record, indent=2) + "\n", "utf-8")
    os.replace(draft, place)


def _files(source: str, revision: str | None, code: bool) -> tuple[str, dict[str, int]]:
    """The commit that is due, and its files with their sizes that a model is loaded from."""
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
        one.rfilename: int(one.size or 0)
        for one in info.siblings or ()
        if _is_any(one.rfilename, (*WANTED, *(["*.py"] if code else []))) and not _is_any(one.rfilename, UNWANTED)
    }
    if not any(name.endswith(".safetensors") for name in sizes):
        raise ModelUnavailable(
            f"{source} has no weights in safetensors; other formats can run code and are not loaded.",
            "Look for a version of it that has them.",
        )
    return str(info.sha), sizes


def _is_any(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch.fnmatch(name, pattern) or fnmatch.fnmatch(name, f"*/{pattern}") for pattern in patterns)


def _unreachable(source: str, error: Exception) -> ModelUnavailable:
    return ModelUnavailable(
        f"{source} can't be fetched: {(str(error) or type(error).__name__).splitlines()[0]}.",
        "See whether there is a network (HF_ENDPOINT names another hub); what has come is kept.",
    )


def _fetched(source: str, revision: str | None, sizes: dict[str, int]) -> Iterator[Fetched]:
    """Download in a thread; how far it is, is seen on the disk, whatever way the bytes come."""
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
        yield Fetched(source, min(bytes_on_disk(source), total), total)
        thread.join(_LOOK_S)
    if failed:
        raise _unreachable(source, failed[0]) from failed[0]
    yield Fetched(source, total, total)
