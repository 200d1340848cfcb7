"""Transcripts of recordings: which recordings lack one, how far one has come, and committing a stretch of it.

What has been transcribed stands in an asset's details as `speech`: `until_s`, the second up to which its words are
there, `engine`, and `languages`, the seconds of each. When all is done, `readers` names the engine.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mmsearch.store.meta import get_meta, set_meta
from mmsearch.store.segments import SpanResult, Vectors, clean, refresh_background
from mmsearch.store.spaces import commit_vectors
from mmsearch.store.words import remove_words, write_words
from mmsearch.types import Cue, Failure, Kind

READER = "speech"
_OFF = "no speech"  # key of `meta`: whether speech is left out in this index


@dataclass(frozen=True, slots=True)
class Recording:
    """An asset with sound, and how far its transcript has come. Times are those of its segments: `origin_s` is what the
    container's own are ahead of them."""

    asset_id: int
    key: str
    kind: Kind
    format: str
    duration_s: float
    origin_s: float
    until_s: float = 0.0
    languages: Mapping[str, float] = field(default_factory=dict)

    @property
    def left_s(self) -> float:
        """Seconds that are not transcribed yet."""
        return max(self.duration_s - self.until_s, 0.0)


def is_off(connection: sqlite3.Connection) -> bool:
    """Whether an earlier run was told to leave speech out of this index."""
    return get_meta(connection, _OFF) == "1"


def set_off(connection: sqlite3.Connection, off: bool) -> None:
    """Remember whether speech is left out, inside the caller's transaction."""
    set_meta(connection, _OFF, "1" if off else "0")


def lacking(connection: sqlite3.Connection, engine: str = "", captioned: bool = False) -> list[Recording]:
    """The recordings without a whole transcript, the shortest first. Those with subtitles or timed lyrics are left out
    unless `captioned`. With an `engine`, also those that another one transcribed."""
    found = []
    only = "" if engine else " AND readers NOT LIKE '%\"speech\"%'"
    for asset_id, key, kind, format_, readers, details in connection.execute(
        "SELECT id, key, kind, format, readers, details FROM assets WHERE kind IN ('audio', 'video') AND visible = 1"
        f" AND state IN ('complete', 'partial'){only}"
    ):
        facts = _mapping(details)
        done = _mapping(readers).get(READER)
        if (done and (not engine or done == engine)) or (facts.get("cues") and not captioned):
            continue
        if (seconds := _number(facts.get("duration_s"))) <= 0:
            continue
        begun = {} if done else _object(facts.get(READER))
        if engine and begun.get("engine") != engine:
            begun = {}
        found.append(
            Recording(
                asset_id, key, Kind(kind), format_, seconds, _number(facts.get("origin_s")),
                min(_number(begun.get("until_s")), max(seconds - 0.1, 0.0)), _seconds(begun.get("languages")),
            )
        )  # fmt: skip
    return sorted(found, key=lambda one: (one.left_s, one.asset_id))


def transcribed(
    connection: sqlite3.Connection,
) -> Iterator[tuple[int, str, float, float, bool, dict[str, float]]]:
    """The recordings with a transcript or the first part of one: asset, engine, the second up to which its words are
    there, length in seconds, whether that is all, and the seconds of each language."""
    for asset_id, readers, details in connection.execute(
        "SELECT id, readers, details FROM assets WHERE kind IN ('audio', 'video') AND visible = 1 AND"
        " (readers LIKE '%\"speech\"%' OR json_type(details, '$.speech') = 'object') ORDER BY id"
    ):
        facts, engine = _mapping(details), str(_mapping(readers).get(READER, ""))
        begun = _object(facts.get(READER))
        seconds, languages = _number(facts.get("duration_s")), _seconds(begun.get("languages"))
        until_s = _number(begun.get("until_s")) if begun else seconds
        yield asset_id, engine or str(begun.get("engine", "")), until_s, seconds, bool(engine), languages


def begin_again(connection: sqlite3.Connection, asset_id: int) -> None:
    """Remove a transcript, inside the caller's transaction, and the embeddings of the words of its segments."""
    row = connection.execute("SELECT readers, details, visible FROM assets WHERE id = ?", (asset_id,)).fetchone()
    if row is None:
        return
    ids = [
        segment_id
        for (segment_id,) in connection.execute(
            "SELECT DISTINCT s.id FROM segments s JOIN recognized_text r ON r.segment_id = s.id"
            " WHERE s.asset_id = ? AND r.reader = 'speech'",
            (asset_id,),
        ).fetchall()
    ]
    spaces = [space_id for (space_id,) in connection.execute("SELECT id FROM spaces").fetchall()] if ids else []
    remove_words(connection, ids)
    for segment_id in ids:
        connection.execute("DELETE FROM recognized_text WHERE reader = 'speech' AND segment_id = ?", (segment_id,))
        for space_id in spaces:
            _remove_text_vectors(connection, segment_id, space_id)
    for space_id in spaces:
        refresh_background(connection, space_id, "text")
    if row[2]:
        write_words(connection, ids)
    readers, details = _mapping(row[0]), _mapping(row[1])
    readers.pop(READER, None)
    details.pop(READER, None)
    connection.execute(
        "UPDATE assets SET readers = ?, details = ? WHERE id = ?", (json.dumps(readers), json.dumps(details), asset_id)
    )


def commit_transcript(
    connection: sqlite3.Connection,
    recording: Recording,
    engine: str,
    cues: Sequence[tuple[int, Cue]],
    vectors: Sequence[Vectors],
    whole: bool,
) -> int:
    """Write a stretch of a transcript, inside the caller's transaction: the words up to `recording.until_s`, each cue
    with the ordinal of its segment, and the embeddings of these segments' words, which take the place of older ones.
    `whole`: nothing is left to transcribe. Returns the number of embeddings."""
    row = connection.execute(
        "SELECT readers, details, visible FROM assets WHERE id = ?", (recording.asset_id,)
    ).fetchone()
    if row is None:
        return 0
    ids = dict(
        connection.execute("SELECT ordinal, id FROM segments WHERE asset_id = ?", (recording.asset_id,)).fetchall()
    )
    connection.executemany(
        "INSERT INTO recognized_text (segment_id, reader, engine, start_s, end_s, text) VALUES (?, ?, ?, ?, ?, ?)",
        [(ids[ordinal], READER, engine, cue.start_s, cue.end_s, clean(cue.text)) for ordinal, cue in cues],
    )
    if row[2]:
        write_words(connection, sorted({ids[ordinal] for ordinal, _ in cues}))
    for one in vectors:
        _remove_text_vectors(connection, ids[one.ordinal], one.space_id)
    count = commit_vectors(connection, SpanResult(recording.asset_id, recording.key, None, vectors=list(vectors)))
    for space_id, view in {(one.space_id, one.view) for one in vectors}:
        refresh_background(connection, space_id, view)
    readers, details = _mapping(row[0]), _mapping(row[1])
    details[READER] = {
        "until_s": round(recording.until_s, 2), "engine": engine, "languages": dict(recording.languages)
    }  # fmt: skip
    if recording.languages and not details.get("language"):
        details["language"] = main_language(recording.languages)
    if whole:
        readers[READER] = engine
    connection.execute(
        "UPDATE assets SET readers = ?, details = ? WHERE id = ?",
        (json.dumps(readers), clean(json.dumps(details, ensure_ascii=False)), recording.asset_id),
    )
    return count


def note_failure(connection: sqlite3.Connection, asset_id: int, failure: Failure) -> None:
    """Say of a recording that a part of its speech is missing, inside the caller's transaction."""
    connection.execute(
        "UPDATE assets SET state = 'partial', code = ?, reason = ? WHERE id = ? AND state = 'complete'",
        (failure.code, failure.sentence, asset_id),
    )


def main_language(languages: Mapping[str, float]) -> str:
    """The language that most seconds are in; nothing where there are none."""
    return max(languages, key=lambda code: languages[code], default="")


def _remove_text_vectors(connection: sqlite3.Connection, segment_id: int, space_id: int) -> None:
    """Remove the embeddings of a segment's words. Ann files that still hold them get tombstones."""
    place = (segment_id, space_id)
    where = "segment_id = ? AND space_id = ? AND view = 'text'"
    connection.execute(
        "INSERT OR IGNORE INTO tombstones SELECT g.id, e.id FROM embeddings e JOIN generations g"
        " ON g.space_id = e.space_id AND g.view = e.view AND e.id <= g.last_embedding_id"
        " WHERE e.segment_id = ? AND e.space_id = ? AND e.view = 'text'",
        place,
    )
    connection.execute(
        "DELETE FROM background WHERE (space_id, view, sampling_hash, embedding_id) IN"
        f" (SELECT space_id, view, sampling_hash, id FROM embeddings WHERE {where})",
        place,
    )
    connection.execute(f"DELETE FROM embeddings WHERE {where}", place)


def _mapping(text: str | None) -> dict[str, Any]:
    """A JSON object of the catalogue; empty for anything else."""
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return {}
    return _object(found)


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) and value >= 0 else 0.0


def _seconds(value: Any) -> dict[str, float]:
    return {str(code): _number(seconds) for code, seconds in _object(value).items()}
