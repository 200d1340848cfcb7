"""Trying a model: loaded in a process of its own that may not use the network, so that a crash costs nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from mmsearch.models.machine import memory_bytes
from mmsearch.models.model_catalogue import ModelSpec
from mmsearch.models.model_options import ModelOptions

LOADING_S = 900.0
MEMORY_SHARE = 0.8  # of the free memory that weights may take


def check_loads(spec: ModelSpec, options: ModelOptions, size: int) -> dict[str, Any]:
    """Load a model of `size` bytes and tell what it is: `loads` (None: not tried), `reason`, `versions` of the
    libraries, and of an embedder `dimension` and `views`."""
    free = memory_bytes(available=True)
    if free is not None and size > MEMORY_SHARE * free:
        reason = f"{size / 1e9:.1f} GB of weights, {free / 1e9:.1f} GB of free memory: it was not loaded to try it"
        return {"loads": None, "reason": reason}
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
    asked = [spec.source, options.revision or "", "trust" if options.trust_remote_code else ""]
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder) / "answer.json"
        command = [sys.executable, "-c", "from mmsearch.models.load_check import answer; answer()", str(answer), *asked]
        try:
            subprocess.run(command, env=environment, capture_output=True, timeout=LOADING_S, check=False)
            told = dict(json.loads(answer.read_text("utf-8")))
        except (subprocess.TimeoutExpired, OSError, ValueError):
            told = {"loads": False, "reason": "the process that loaded it came to no end"}
    return {**told, "versions": _versions()}


def answer() -> None:
    """What the process of its own does: load the model that its arguments name, and write what it is to a file."""
    place, source, revision, trust = sys.argv[1:5]
    from mmsearch.errors import MmsearchError
    from mmsearch.models.registry import resolve

    spec = resolve(source)
    options = ModelOptions(revision=revision or spec.revision, trust_remote_code=bool(trust))
    try:
        told = {"loads": True, "reason": "", **_loaded(spec, options)}
    except MmsearchError as error:
        told = {"loads": False, "reason": error.sentence}
    except Exception as error:  # whatever the libraries raise on files they don't know
        told = {"loads": False, "reason": f"{type(error).__name__}: {error}".splitlines()[0]}
    Path(place).write_text(json.dumps(told), "utf-8")


def _loaded(spec: ModelSpec, options: ModelOptions) -> dict[str, Any]:
    if spec.role == "speech":
        from mmsearch.models.speech import Transcriber

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

    found = {}
    for name in ("torch", "transformers", "sentence-transformers"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
