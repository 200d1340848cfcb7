"""What the index knows of a file in words, by place: its own text, captions, OCR, speech."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from mmsearch.store import transcripts
from mmsearch.store.files import HELD
from mmsearch.store.roots import Root, is_below
from mmsearch.store.segments import SECTION, cues_of
from mmsearch.store.words import with_capture
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


def why_no_text(connection: sqlite3.Connection, roots: Iterable[Root], path: bytes) -> str:
    """Why the index holds no words of a file at an absolute path, as a clause; empty where it has none to hold."""
    for root in roots:
        if not is_below(path, root.path):
            continue
        row = connection.execute(
            f"SELECT a.id, {HELD}, coalesce(f.code, a.code), coalesce(f.reason, a.reason), f.format"
            " FROM files f LEFT JOIN assets a ON a.id = f.asset_id WHERE f.root_id = ? AND f.path = ?",
            (root.id, b"" if path == root.path else os.path.relpath(path, root.path)),
        ).fetchone()
        if row is None:
            continue
        asset_id, held, code, reason, format_ = row
        if held == "failed":
            return f"it could not be indexed: {reason} ({code})"
        if held == "pending":
            return "it is not indexed yet"
        if held == "skipped":
            return "it is empty" if format_ == "empty" else reason or "it is of no kind that is read"
        if not transcripts.is_off(connection) and any(
            one.asset_id == asset_id for one in transcripts.lacking(connection)
        ):
            return "its speech is not transcribed yet"
    return ""


def known_text(connection: sqlite3.Connection, asset_id: int) -> list[KnownText]:
    """All words that the index holds of an asset, in the order of their places."""
    found: list[KnownText] = []
    shown: dict[str, Any] = {}
    for row in connection.execute(
        f"SELECT id, page, start_s, end_s, line_start, line_end, {SECTION}, text, details FROM segments"
        " WHERE asset_id = ? ORDER BY ordinal",
        (asset_id,),
    ):
        place, details = Locator(*row[1:7]), json.loads(row[8])
        text = with_capture(row[7], details)
        message = details.get("mail", {})
        if message and message != shown:
            shown = message
            found.append(KnownText(place, "headers", "\n".join(_headers(message))))
        for cue in cues_of(details):
            text = text.replace(cue.text, "", 1)
            timed = Locator(start_s=cue.start_s, end_s=cue.end_s, section=place.section)
            found.append(KnownText(timed, "captions", cue.text, language=cue.language))
        if text.strip():
            found.append(KnownText(place, "file", text.strip()))
        for reader, engine, start_s, end_s, words in connection.execute(
            "SELECT reader, engine, start_s, end_s, text FROM recognized_text WHERE segment_id = ? ORDER BY id",
            (row[0],),
        ):
            spoken = place if start_s is None else Locator(start_s=start_s, end_s=end_s, section=place.section)
            found.append(KnownText(spoken, reader, words, engine))
    return sorted(found, key=lambda one: one.locator.start_s or 0.0)


def _headers(message: Mapping[str, Any]) -> Iterator[str]:
    """The people, the date and the attachments of a message; its subject stands over its text."""
    for label, name in (("From", "from"), ("To", "to"), ("Date", "date"), ("Attachments", "attachments")):
        if isinstance(message.get(name), str):
            yield f"{label}: {message[name]}"
