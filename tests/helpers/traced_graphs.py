"""Graphs of query encoders that torch has traced in this test session: tracing a tiny model takes it five seconds.

Only the tracing is saved; whatever optimises, compares, records and stores a graph runs each time.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from mmsearch.models import export
from mmsearch.models.embedder import Embedder

trace = export._write_graph  # by torch


def _name(embedder: Embedder) -> str:
    """A name for all that a graph depends on: the weights, their class, the pooling, the limits and the dimension."""
    texts = embedder.fingerprint()["text"]
    facts = {name: value for name, value in texts.items() if name not in ("model", "prompts")}
    return "graph-" + hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


@contextlib.contextmanager
def traced_once(folder: Path) -> Iterator[None]:
    """Let each model be traced once by all processes that have this folder."""

    def write_graph(embedder: Embedder, target: Path) -> None:
        kept = folder / _name(embedder)
        if not kept.exists():
            trace(embedder, target)
            with tempfile.NamedTemporaryFile(dir=folder, delete=False) as draft:
                draft.write(target.read_bytes())
            os.replace(draft.name, kept)
        else:
            shutil.copyfile(kept, target)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(export, "_write_graph", write_graph)
        yield
