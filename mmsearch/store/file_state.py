"""What the catalogue knows of one file: what it holds of it, why not more, and the facts that filters ask for."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from mmsearch.errors import FailureCode
from mmsearch.store.files import HELD
from mmsearch.store.roots import Root, is_below
from mmsearch.store.transcripts import is_off, lacking


@dataclass(frozen=True, slots=True)
class FileState:
    """A file of the index. `held` is `content`, `skipped` (known by name only), `failed` or `pending` (nothing yet).
    `code` and `reason` say why it is not held as it is now; `partly` why a part of its content is missing."""

    file_id: int
    asset_id: int | None
    path: bytes  # absolute, as the index has it
    kind: str  # a Kind, or "other"
    format: str
    size: int
    mtime_ns: int
    held: str
    code: str
    reason: str
    partly: str
    lacks_speech: bool  # a recording that is not transcribed, or not to its end
    duration_s: float | None = None
    pages: int | None = None
    language: str | None = None
    taken: str | None = None  # when a photo or film was taken, see `mmsearch.date_taken`
    coordinates: tuple[float, float] | None = None  # where: latitude and longitude
    archive: bytes = b""  # of a file in an archive: that on disk, absolute, with its size and mtime_ns when indexed
    archive_stat: tuple[int, int] = (0, 0)


def file_state(connection: sqlite3.Connection, roots: Iterable[Root], path: bytes) -> FileState | None:
    """The state of the file at an absolute path; None for one that the index does not know."""
    for root in roots:
        if not is_below(path, root.path):
            continue
        relative = b"" if path == root.path else os.path.relpath(path, root.path)
        row = connection.execute(
            "SELECT f.id, f.asset_id, coalesce(f.kind, 'other'), f.format, f.size, f.mtime_ns, f.code, f.reason,"
            f" a.state, a.code, a.reason, a.details, {HELD}, c.path, c.size, c.mtime_ns FROM files f"
            " LEFT JOIN assets a ON a.id = f.asset_id LEFT JOIN files c ON c.id = f.archive_id"
            " WHERE f.root_id = ? AND f.path = ?",
            (root.id, relative),
        ).fetchone()
        if row is not None:
            *facts, archive, size, mtime_ns = row
            found = _state(connection, path, tuple(facts))
            if archive is None:
                return found
            return replace(found, archive=os.path.join(root.path, archive), archive_stat=(size, mtime_ns))
    return None


def _state(connection: sqlite3.Connection, path: bytes, row: tuple[Any, ...]) -> FileState:
    file_id, asset_id, kind, format_, size, mtime_ns, code, reason, state, asset_code, asset_reason, details, held = row
    facts = json.loads(details or "{}")
    spoken = kind in ("audio", "video") and not is_off(connection)
    place = _number(facts.get("latitude")), _number(facts.get("longitude"))
    return FileState(
        file_id=file_id,
        asset_id=asset_id,
        path=path,
        kind=kind,
        format=format_,
        size=size,
        mtime_ns=mtime_ns,
        held=held,
        code=code or (asset_code if state == "failed" else "") or "",
        reason=reason or (asset_reason if state == "failed" else "") or "",
        partly=(asset_reason or "") if state == "partial" and asset_code != FailureCode.NOTE else "",
        lacks_speech=spoken and any(one.asset_id == asset_id for one in lacking(connection)),
        duration_s=_number(facts.get("duration_s")),
        pages=facts.get("pages") if isinstance(facts.get("pages"), int) else None,
        language=_language(facts),
        taken=facts.get("taken") if isinstance(facts.get("taken"), str) else None,
        coordinates=None if None in place else (place[0] or 0.0, place[1] or 0.0),
    )


def _language(facts: dict[str, Any]) -> str | None:
    """The language of a text, or those of the subtitles of a film."""
    languages = facts.get("language") or facts.get("languages")
    if isinstance(languages, list):
        return ", ".join(str(language) for language in languages) or None
    return languages if isinstance(languages, str) else None


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None
