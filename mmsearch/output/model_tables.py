"""Models as tables and JSON: all models, one model in full, and the progress of a download."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from mmsearch.output import streams, text_layout
from mmsearch.output.formatting import escaped, size
from mmsearch.types import View

if TYPE_CHECKING:
    from mmsearch.models.advice import ModelFacts
    from mmsearch.models.hub import DownloadProgress

COLUMNS = tuple("name source role takes dimension parameters weights_bytes licence state reason bytes_here".split())
_USES = {"embedder": "index", "late": "late", "reranker": "--rerank", "speech": "--transcribe"}
_LICENCE = 16  # characters of a licence in the table
_TOLD_S = 5.0  # between two lines of progress where there is no terminal


def model_record(model: ModelFacts) -> dict[str, Any]:
    """One model, schema `mmsearch.model/1`."""
    return {"schema": "mmsearch.model/1", **asdict(model)}


def write_models(models: Sequence[ModelFacts]) -> None:
    """Write the table: name, role, views, dimension, weights, licence, state here, bytes on this disk. On a terminal
    that is too narrow for it, a block of two lines for each model."""
    rows = [("name", "for", "takes", "dim", "weights", "licence", "state", "here")]
    for model in models:
        rows.append(
            (
                model.name,
                _USES.get(model.role, model.role),
                " ".join(view for view in View if view in model.takes) or "?",
                str(model.dimension) if model.dimension else "?" if model.role == "embedder" else "",
                size(model.weights_bytes) if model.weights_bytes else _parameters(model),
                escaped(_short(model.licence or "?")),
                model.state,
                size(model.bytes_here) if model.bytes_here else "",
            )
        )
    columns = streams.width(sys.stdout)
    lines = text_layout.columns(rows, right=(3, 4))
    if columns is None or max(map(text_layout.cells, lines)) <= columns:
        streams.write_lines(lines)
        return
    for name, use, takes, dimension, weights, licence, state, here in rows[1:]:
        facts = [use, takes, f"{dimension} dimensions" if dimension.isdecimal() else "", weights, licence]
        facts.append(f"{here} here" if here else "")
        text = f"{state}: {', '.join(fact for fact in facts if fact.strip('?'))}"
        streams.write_lines(
            [*text_layout.wrapped(name, columns), *(f"  {row}" for row in text_layout.wrapped(text, columns - 2))]
        )


def _short(text: str) -> str:
    return text if len(text) <= _LICENCE else f"{text[: _LICENCE - 1]}…"


def _parameters(model: ModelFacts) -> str:
    """The size by parameters, where that of the files is not known."""
    if not model.parameters:
        return "?"
    millions = model.parameters / 1e6
    return f"{millions:,.0f}M par." if millions < 1000 else f"{millions / 1000:.1f}B par."


def write_model(model: ModelFacts) -> None:
    """Write all facts of one model, one a line."""
    lines = []
    for name, value in asdict(model).items():
        if name.endswith("bytes") or name == "bytes_here":
            text = size(value) if value else "unknown" if value is None else "none"
        elif name == "matryoshka" and value:
            text = f"{value[0]} to {value[1]}"
        elif isinstance(value, bool):
            text = "yes" if value else "no"
        elif isinstance(value, dict):
            text = ", ".join(f"{role}: {prompt!r}" for role, prompt in value.items()) or "its own files'"
        elif isinstance(value, tuple):
            text = ", ".join(value) or "none"
        else:
            text = "unknown" if value is None else f"{value:,}" if isinstance(value, int) else str(value)
        lines.append((name.replace("_", " "), escaped(text)))
    streams.write_lines(text_layout.pairs(lines, streams.width(sys.stdout)))


def show_download(events: Iterable[DownloadProgress], quiet: bool) -> None:
    """Show the progress of a download: on a terminal one line that is overwritten, else a line every few seconds."""
    told = 0.0
    moving = streams.is_terminal(sys.stderr)
    for event in events:
        if quiet or (time.monotonic() - told < (0.0 if moving else _TOLD_S) and event.done < event.total):
            continue
        told = time.monotonic()
        text = f"{event.source}: {size(event.done)} of {size(event.total)}"
        if moving:
            streams.overwrite_line(text, last=event.done >= event.total)
        else:
            streams.write_message(text)
