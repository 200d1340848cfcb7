"""What the index knows of a file in words, by place: its own text, captions, OCR, speech."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable

from mmsearch.store.roots import Root, is_below
from mmsearch.store.segments import cues_of
from mmsearch.types import KnownText, Locator


def asset_of(connection: sqlite3.Connection, roots: Iterable[Root], path: bytes) -> tuple[bool, int | None]:
    """Whether the index knows the file at an absolute path, and the asset that searches see of it."""
    for root in roots:
        if not is_below(path, root.path):
            continue
        relative = b"" if path == root.path else os.path.relpath(path, root.path)
        row = connection.execute(
            "SELECT asset_id FROM files WHERE root_id = ? AND path = ?", (root.id, relative)
        ).fetchone()
        if row is not None:
            return True, row[0]
    return False, None


def known_text(connection: sqlite3.Connection, asset_id: int) -> list[KnownText]:
    """All words that the index holds of an asset, in the order of their places."""
    found: list[KnownText] = []
    for row in connection.execute(
        "SELECT id, page, start_s, end_s, line_start, line_end, text, details FROM segments WHERE asset_id = ?"
        " ORDER BY ordinal",
        (asset_id,),
    ):
        place, text = Locator(*row[1:6]), row[6]
        for cue in cues_of(json.loads(row[7])):
            text = text.replace(cue.text, "", 1)
            found.append(KnownText(Locator(start_s=cue.start_s, end_s=cue.end_s), "captions", cue.text))
        if text.strip():
            found.append(KnownText(place, "file", text.strip()))
        for reader, engine, start_s, end_s, words in connection.execute(
            "SELECT reader, engine, start_s, end_s, text FROM recognized_text WHERE segment_id = ? ORDER BY id",
            (row[0],),
        ):
            spoken = place if start_s is None else Locator(start_s=start_s, end_s=end_s)
            found.append(KnownText(spoken, reader, words, engine))
    return sorted(found, key=lambda one: one.locator.start_s or 0.0)
