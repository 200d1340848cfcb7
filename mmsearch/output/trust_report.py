"""An index to be trusted, and the record of trust, as text and JSON."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmsearch.output.formatting import display_path, escaped
from mmsearch.output.records import path_record
from mmsearch.output.streams import write_text

if TYPE_CHECKING:
    from mmsearch.indexing.adoption import Described
    from mmsearch.trust import Grant, TrustedIndex


def write_index(found: Described) -> None:
    """Write the facts about an index, one a line."""
    lines = [("index", escaped(str(found.folder))), ("belongs to", escaped(found.owner))]
    lines += [("made", _time(found.made))] if found.made is not None else []
    lines += [("folder", display_path(root)) for root in found.roots]
    lines += [("model", f"{escaped(name)}: {escaped(what)}") for name, what in found.models]
    _put(lines)


def write_entries(found: Sequence[TrustedIndex]) -> None:
    """Write the record of trust: an index a line, its models below it."""
    lines = []
    for entry in found:
        there = "" if entry.folder.is_dir() else ", not there any more"
        lines.append(("index", f"{escaped(str(entry.folder))} (since {_time(entry.since)}{there})"))
        lines += [("model", escaped(_model(grant))) for grant in entry.models]
    _put(lines)


def index_record(found: Described) -> dict[str, Any]:
    """An index that was adopted, schema `mmsearch.trust/1`."""
    return {
        "schema": "mmsearch.trust/1",
        **folder_record(found.folder),
        "id": found.index_id,
        "state": str(found.standing.state),
        "owner": found.owner,
        "made": found.made,
        "roots": [path_record(root) for root in found.roots],
        "models": [{"name": name, "loads": what} for name, what in found.models],
    }


def entry_record(entry: TrustedIndex) -> dict[str, Any]:
    """An entry of the record of trust, schema `mmsearch.trusted/1`."""
    return {
        "schema": "mmsearch.trusted/1",
        **folder_record(entry.folder),
        "id": entry.index_id,
        "since": entry.since,
        "models": [
            {"source": grant.source, "options": dict(grant.options), "remote_code": grant.remote_code}
            for grant in entry.models
        ],
    }


def folder_record(folder: Path) -> dict[str, Any]:
    """A folder in JSON."""
    return path_record(os.fsencode(folder))


def _model(grant: Grant) -> str:
    options = "".join(f", {name} {value}" for name, value in sorted(grant.options.items()))
    return f"{grant.source}{options}{', with code of its own' if grant.remote_code else ''}"


def _time(moment: float) -> str:
    try:
        return datetime.fromtimestamp(moment).strftime("%Y-%m-%d %H:%M")
    except (ValueError, OverflowError, OSError):
        return "unknown"


def _put(lines: Sequence[tuple[str, str]]) -> None:
    width = max((len(label) for label, _ in lines), default=0)
    write_text("".join(f"{label:<{width}}  {text}\n" for label, text in lines))
