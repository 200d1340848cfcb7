"""Downloaded models: fetched from the hub, checked that they load without it, recorded, removed.

The record of a download (commit, bytes, dimension, views, whether the model loads) is a JSON file in the user's data
folder. The model's files are in the hub's own cache, where other programs find them too.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mmsearch.config import data_home
from mmsearch.errors import ModelUnavailable, UsageError
from mmsearch.models.builtin import is_builtin
from mmsearch.models.device import free_memory
from mmsearch.models.hub import DownloadProgress, bytes_on_disk, download, hub_cache, list_files, model_folder
from mmsearch.models.model_catalogue import ModelSpec
from mmsearch.models.model_options import ModelOptions
from mmsearch.temporary_folders import temporary_folder

LOADING_S = 900.0
MEMORY_SHARE = 0.8  # of the free memory that weights may take


def pull(spec: ModelSpec, options: ModelOptions) -> Iterator[DownloadProgress]:
    """Download a model and the one that it is paired with, check that it loads without a network, and record it.

    Yields the progress. A download that is interrupted is resumed by the next pull. Raises `UsageError`,
    `ModelUnavailable` (no such model, no network, no weights in safetensors, a model that does not load) and
    `StoppedEarly` (the disk is full).
    """
    if is_builtin(spec.name) or Path(spec.source).is_dir():
        raise UsageError(f"{spec.name} is on this machine already.", "Models of the hub are pulled.")
    revision = options.revision or spec.revision
    facts: dict[str, Any] = {}
    for source, version in ((spec.source, revision), *([(spec.pair, None)] if spec.pair else [])):
        commit, sizes = list_files(source, version, options.trust_remote_code)
        if source == spec.source and spec.fallback and not options.revision and "modules.json" not in sizes:
            version = spec.fallback
            commit, sizes = list_files(source, version, options.trust_remote_code)
        yield from download(source, version, sizes)
        if source == spec.source:
            facts = {"revision": version, "commit": commit, "bytes": sum(sizes.values()), "files": len(sizes)}
    record = {"name": spec.name, "source": spec.source, **facts, "pulled": round(time.time())}
    _write(spec, record)
    result = check_loads(spec, options, facts["bytes"])
    _write(spec, {**record, **result})
    if result["loads"] is False:
        hint = f"`mmsearch models rm {spec.name}` frees its place; `mmsearch models show {spec.name}` says more."
        raise ModelUnavailable(f"{spec.name} was fetched, but does not load: {result['reason']}", hint)


def recorded(spec: ModelSpec) -> dict[str, Any]:
    """The record of the last pull of a model; empty where there is none."""
    try:
        record = json.loads(_record_path(spec).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def remove(spec: ModelSpec) -> int:
    """Remove a model from this machine and return how many bytes that freed. Raises `UsageError` where the model is
    not here or was not downloaded, `ModelUnavailable` where its folder can't be removed."""
    if is_builtin(spec.name) or Path(spec.source).is_dir():
        raise UsageError(f"{spec.name} was not pulled, so it stays.", "Remove its folder or package yourself.")
    folder = model_folder(spec.source)
    if not folder.is_dir():
        raise UsageError(f"{spec.name} is not on this machine.", "`mmsearch models` shows what is.")
    freed = bytes_on_disk(spec.source)
    shutil.rmtree(folder, ignore_errors=True)
    if folder.is_dir():
        raise ModelUnavailable(f"{folder} can't be removed.", "See whether another program uses it, or whose it is.")
    shutil.rmtree(hub_cache() / ".locks" / folder.name, ignore_errors=True)
    _record_path(spec).unlink(missing_ok=True)
    return freed


def _record_path(spec: ModelSpec) -> Path:
    return data_home() / "models" / f"{spec.source.replace('/', '--')}.json"


def _write(spec: ModelSpec, record: dict[str, Any]) -> None:
    path = _record_path(spec)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(f".{os.getpid()}.tmp")
    draft.write_text(json.dumps(record, indent=2) + "\n", "utf-8")
    os.replace(draft, path)


def check_loads(spec: ModelSpec, options: ModelOptions, size: int) -> dict[str, Any]:
    """Load a model of `size` bytes in a process of its own, which has no network and whose crash costs nothing.

    Returns `loads` (None: not tried, too large for the free memory), `reason`, `versions` of the libraries, and of an
    embedder `dimension` and `views`.
    """
    free = free_memory("cpu")
    if free is not None and size > MEMORY_SHARE * free:
        reason = f"{size / 1e9:.1f} GB of weights, {free / 1e9:.1f} GB of free memory: it was not loaded to try it"
        return {"loads": None, "reason": reason}
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
    arguments = [spec.source, options.revision or "", "trust" if options.trust_remote_code else ""]
    code = "from mmsearch.models.downloads import check_loads_main; check_loads_main()"
    with temporary_folder() as folder:
        path = folder / "result.json"
        command = [sys.executable, "-c", code, str(path), *arguments]
        try:
            subprocess.run(command, env=environment, capture_output=True, timeout=LOADING_S, check=False)
            result = dict(json.loads(path.read_text("utf-8")))
        except (subprocess.TimeoutExpired, OSError, ValueError):
            result = {"loads": False, "reason": "the process that loaded it came to no end"}
    return {**result, "versions": _versions()}


def check_loads_main() -> None:
    """Entry point of the process that `check_loads` starts: loads the model that the arguments name and writes the
    result to a file."""
    path, source, revision, trust = sys.argv[1:5]
    from mmsearch.errors import MmsearchError
    from mmsearch.models.registry import resolve, revision_of

    spec = resolve(source)
    options = ModelOptions(revision=revision or revision_of(spec), trust_remote_code=bool(trust))
    try:
        result = {"loads": True, "reason": "", **_load_facts(spec, options)}
    except MmsearchError as error:
        result = {"loads": False, "reason": error.sentence}
    except Exception as error:  # whatever the libraries raise on files they don't know
        result = {"loads": False, "reason": f"{type(error).__name__}: {error}".splitlines()[0]}
    Path(path).write_text(json.dumps(result), "utf-8")


def _load_facts(spec: ModelSpec, options: ModelOptions) -> dict[str, Any]:
    """Load a model; returns the dimension and the views of an embedder, nothing of another model."""
    if spec.role == "speech":
        from mmsearch.models.recognition.speech import Transcriber

        Transcriber(spec.source)
        return {}
    if spec.role in ("reranker", "late"):
        from mmsearch.models.rerankers import load_reranker

        load_reranker(spec, options)
        return {}
    from mmsearch.models.registry import load

    embedder = load(spec, options)
    return {"dimension": embedder.dimension, "views": sorted(str(view) for view in embedder.views)}


def _versions() -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, version

    versions = {}
    for name in ("torch", "transformers", "sentence-transformers"):
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions
