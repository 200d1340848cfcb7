"""Models as tables and JSON: all models, one model in full, and the progress of a download."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from mmsearch.models.model_facts import IN_BOX
from mmsearch.output import streams, text_layout
from mmsearch.output.formatting import escaped, size
from mmsearch.types import View

if TYPE_CHECKING:
    from mmsearch.models.hub import DownloadProgress
    from mmsearch.models.model_facts import ModelFacts

COLUMNS = tuple("name source role takes dimension parameters weights_bytes licence state reason bytes_here".split())
_USES = {"embedder": "index", "late": "late", "reranker": "--rerank", "speech": "--transcribe"}
_SECTIONS = {
    "box": "In the box, without a download:",
    "text": "Texts:",
    "media": "Pictures, sounds and films, with texts in the same space:",
    "late": "Pages by late interaction:",
    "query": "Text queries into the space of another model:",
    "reranker": "Rerankers, for `mmsearch query --rerank NAME`:",
    "speech": "Speech, for `mmsearch index --transcribe NAME`:",
    "unusable": "Named in announcements, but they can't serve here:",
}
_LICENCE = 16  # characters of a licence in the table
_TOLD_S = 5.0  # between two lines of progress where there is no terminal


def model_record(model: ModelFacts) -> dict[str, Any]:
    """One model, schema `mmsearch.model/1`."""
    return {"schema": "mmsearch.model/1", **asdict(model)}


def write_models(models: Sequence[ModelFacts]) -> None:
    """Write the table: name, role, views, dimension, weights, licence, state here, bytes on this disk. On a terminal a
    table for each use, without the licences where it is narrow, and last the models that can't serve, with reasons."""
    columns = streams.width(sys.stdout)
    if columns is None:
        head = ("name", "for", "takes", "dim", "weights", "licence", "state", "here")
        streams.write_lines(text_layout.columns([head, *map(_row, models)], right=(3, 4)))
        return
    lines: list[str] = []
    for title, section in _sections(models):
        lines += ["", *text_layout.wrapped(title, columns)]
        rows = [_row(model) for model in section if not model.instead]
        lines += _fitted(rows, columns) if rows else []
        reasons: dict[tuple[str, str], list[str]] = {}
        for model in section:
            if model.instead:
                reasons.setdefault((model.reason, model.instead), []).append(model.name)
        for (reason, nearest), names in reasons.items():
            text = f"{', '.join(names)}: {reason} Nearest: {nearest}."
            lines += [f"  {row}" for row in text_layout.wrapped(text, columns - 4, indent=2)]
    streams.write_lines(lines[1:])


def _sections(models: Sequence[ModelFacts]) -> list[tuple[str, list[ModelFacts]]]:
    """Models by what they are used for, each with a heading."""
    found: dict[str, list[ModelFacts]] = {title: [] for title in _SECTIONS.values()}
    for model in models:
        if model.instead:
            use = "unusable"
        elif model.facts_from == IN_BOX:
            use = "box"
        elif model.role == "embedder":
            use = "text" if set(model.takes) == {View.TEXT} else "media"
        else:
            use = model.role if model.role in _SECTIONS else "media"
        found[_SECTIONS[use]].append(model)
    return [(title, section) for title, section in found.items() if section]


def _row(model: ModelFacts) -> tuple[str, ...]:
    takes = " ".join(view for view in View if view in model.takes)
    return (
        model.name,
        _USES.get(model.role, model.role),
        takes or "?",
        str(model.dimension) if model.dimension else "?" if model.role == "embedder" else "",
        size(model.weights_bytes) if model.weights_bytes else _parameters(model),
        escaped(_short(model.licence or "?")),
        model.state,
        size(model.bytes_here) if model.bytes_here else "",
    )


def _fitted(rows: Sequence[tuple[str, ...]], columns: int) -> list[str]:
    """Rows as a table that fits the terminal, else as a block of two lines for each model."""
    short = [
        (
            f"  {name}",
            "all four" if takes.count(" ") == len(View) - 1 else takes,
            dimension,
            weights,
            licence,
            f"{state}, {here} here" if here else state,
        )
        for name, _, takes, dimension, weights, licence, state, here in rows
    ]
    for table in (short, [row[:4] + row[5:] for row in short]):
        lines = text_layout.columns(table, right=(2, 3))
        if max(map(text_layout.cells, lines)) <= columns:
            return lines
    lines = []
    for name, _, takes, dimension, weights, licence, state, here in rows:
        facts = [takes, f"{dimension} dimensions" if dimension.isdecimal() else "", weights, licence]
        facts.append(f"{here} here" if here else "")
        text = f"{state}: {', '.join(fact for fact in facts if fact.strip('?'))}"
        lines += text_layout.wrapped(name, columns)
        lines += [f"  {row}" for row in text_layout.wrapped(text, columns - 2)]
    return lines


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
