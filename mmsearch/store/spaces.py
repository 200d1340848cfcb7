"""The spaces of an index as rows: adding one, what each still lacks, and putting new ones in the place of the old.

A space is in use, `building` (being made by a rebuild beside those in use; not searched) or `leaving` (replaced; its
embeddings are deleted in batches, so that no transaction is long). The state is stored in `recorded`; a row that is not
in use has a mark before its name, which is unique.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mmsearch.errors import DamagedIndex
from mmsearch.store import ann
from mmsearch.store.catalogue import transaction
from mmsearch.store.layout import IndexFolder
from mmsearch.store.segments import SECTION, RecognizedText, SpanResult, write_vectors
from mmsearch.store.words import chunks
from mmsearch.types import Failure, Locator, Segment, View

_VIEWS = [str(view) for view in View]
BUILDING, LEAVING = "building", "leaving"
_REMOVED = 20_000  # embeddings that go in one transaction


@dataclass(frozen=True, slots=True)
class SpaceRow:
    """A space as the catalogue has it."""

    id: int
    name: str
    fingerprint: dict[str, Any]
    recorded: dict[str, Any]
    dimension: int
    views: tuple[str, ...]


def spaces(connection: sqlite3.Connection, state: str = "") -> list[SpaceRow]:
    """The spaces of an index that are in use, in the order in which they were added; with a `state` those in it (see
    `store.spaces`)."""
    return [row for row in all_spaces(connection) if row.recorded.get("state", "") == state]


def all_spaces(connection: sqlite3.Connection) -> list[SpaceRow]:
    """Every space, also those that are being built beside the others, or are on their way out."""
    rows = connection.execute("SELECT id, name, fingerprint, recorded, dimension, views FROM spaces ORDER BY id")
    return [_space(i, n, json.loads(f), json.loads(r), d, json.loads(v)) for i, n, f, r, d, v in rows]


def _space(number: int, name: str, fingerprint: Any, recorded: Any, dimension: int, views: Any) -> SpaceRow:
    """A space from its row. Raises `DamagedIndex` for values that no version has written."""
    right = (
        isinstance(name, str)
        and isinstance(fingerprint, dict)
        and all(isinstance(facts, dict) for facts in fingerprint.values())
        and isinstance(recorded, dict)
        and isinstance(recorded.get("options", {}), dict)
        and isinstance(recorded.get("model", ""), str)
        and isinstance(dimension, int)
        and isinstance(views, list)
        and isinstance(recorded.get("query_views", []), list)
        and all(view in _VIEWS for view in [*views, *recorded.get("query_views", []), *fingerprint])
    )
    if not right:
        raise DamagedIndex(
            f"The catalogue's row of space {number} makes no sense.",
            "Delete the index folder and index the files again, or use another index: --index NAME",
        )
    return SpaceRow(number, name, fingerprint, recorded, dimension, tuple(views))


def add_space(
    connection: sqlite3.Connection,
    name: str,
    fingerprint: Mapping[str, Any],
    recorded: Mapping[str, Any],
    dimension: int,
    views: Iterable[str],
    state: str = "",
) -> int:
    """Write a space, inside the caller's transaction. Returns its id.

    Assets that an earlier run has begun and not finished are noted as `behind`: their first spans lack this space."""
    begun = connection.execute(
        "SELECT DISTINCT a.id FROM assets a JOIN spans p ON p.asset_id = a.id WHERE a.state = 'pending'"
    ).fetchall()
    facts = {
        **recorded,
        **({"state": state} if state else {}),
        **({"behind": [row[0] for row in begun]} if begun else {}),
    }
    cursor = connection.execute(
        "INSERT INTO spaces (name, fingerprint, recorded, dimension, views) VALUES (?, ?, ?, ?, ?)",
        (_marked(name, state), json.dumps(fingerprint), json.dumps(facts), dimension, json.dumps(sorted(views))),
    )
    return int(cursor.lastrowid or 0)


def _marked(name: str, state: str) -> str:
    return f"{state} {name}" if state else name


def plain_name(row: SpaceRow) -> str:
    """A space's name without the mark of its state."""
    state = row.recorded.get("state", "")
    return row.name.removeprefix(f"{state} ") if state else row.name


def is_late(row: SpaceRow) -> bool:
    """Whether a space is one of late interaction: its segments have token vectors."""
    return any("late" in facts for facts in row.fingerprint.values())


def document_views(row: SpaceRow) -> tuple[str, ...]:
    """The views that a space's model can embed of files: all of its fingerprint but those of queries alone."""
    return tuple(view for view, facts in row.fingerprint.items() if "late" not in facts or "factor" in facts["late"])


def behind(row: SpaceRow) -> frozenset[int]:
    """Assets whose first spans were committed before this space was there."""
    return frozenset(row.recorded.get("behind", ()))


def lacking(connection: sqlite3.Connection, space_ids: Sequence[int]) -> list[int]:
    """The assets that at least one of these spaces has not wholly encoded, by id."""
    if not space_ids:
        return []
    marks = ",".join("?" * len(space_ids))
    rows = connection.execute(
        "SELECT id FROM assets a WHERE state IN ('complete', 'partial') AND"
        f" (SELECT count(*) FROM encoded e WHERE e.asset_id = a.id AND e.space_id IN ({marks})) < ? ORDER BY id",
        (*space_ids, len(space_ids)),
    )
    return [row[0] for row in rows]


def stored_words(connection: sqlite3.Connection, asset_id: int) -> tuple[list[Segment], list[RecognizedText]]:
    """An asset's segments and all that was read from them, as when they were committed."""
    found = connection.execute(
        f"SELECT id, ordinal, page, start_s, end_s, line_start, line_end, {SECTION}, text FROM segments"
        " WHERE asset_id = ? ORDER BY ordinal",
        (asset_id,),
    ).fetchall()
    ordinals = {row[0]: row[1] for row in found}
    read: list[RecognizedText] = []
    for some in chunks(list(ordinals)):
        marks = ",".join("?" * len(some))
        read += [
            RecognizedText(ordinals[segment_id], reader, engine, text, start, end)
            for segment_id, reader, engine, start, end, text in connection.execute(
                "SELECT segment_id, reader, engine, start_s, end_s, text FROM recognized_text"
                f" WHERE segment_id IN ({marks}) ORDER BY id",
                some,
            )
        ]
    return [Segment(row[1], Locator(*row[2:8]), row[8]) for row in found], read


def commit_vectors(connection: sqlite3.Connection, chunk: SpanResult) -> int:
    """Write the vectors of segments that are there already, inside the caller's transaction; a view that a segment has
    is left alone. Returns the number of embeddings."""
    ids = dict(connection.execute("SELECT ordinal, id FROM segments WHERE asset_id = ?", (chunk.asset_id,)).fetchall())
    count = 0
    for vectors in chunk.vectors:
        segment_id = ids.get(vectors.ordinal)
        place = (segment_id, vectors.space_id, vectors.view)
        if (
            segment_id is None
            or connection.execute(
                "SELECT 1 FROM embeddings WHERE segment_id = ? AND space_id = ? AND view = ?", place
            ).fetchone()
        ):
            continue
        write_vectors(connection, chunk.key, segment_id, vectors)
        count += len(vectors.matrix)
    return count


def note_encoded(
    connection: sqlite3.Connection, asset_id: int, space_ids: Iterable[int], failure: Failure | None
) -> None:
    """An asset is done with in these spaces; with a `failure` a part of it could not be encoded."""
    connection.executemany(
        "INSERT OR IGNORE INTO encoded (asset_id, space_id) VALUES (?, ?)", [(asset_id, space) for space in space_ids]
    )
    if failure is not None:
        connection.execute(
            "UPDATE assets SET state = 'partial', code = ?, reason = ? WHERE id = ?",
            (failure.code, failure.sentence, asset_id),
        )


def swap(connection: sqlite3.Connection, folder: IndexFolder) -> None:
    """Replace the spaces in use by those that were built, in one transaction."""
    with transaction(connection, folder):
        for row in spaces(connection):
            _set_state(connection, row, LEAVING)
            for generation in connection.execute("SELECT id FROM generations WHERE space_id = ?", (row.id,)).fetchall():
                ann.drop(connection, generation[0])
        for row in spaces(connection, BUILDING):
            _set_state(connection, row, "")


def abandon(connection: sqlite3.Connection, folder: IndexFolder) -> None:
    """Abandon the spaces that are being built."""
    with transaction(connection, folder):
        for row in spaces(connection, BUILDING):
            _set_state(connection, row, LEAVING)
            for generation in connection.execute("SELECT id FROM generations WHERE space_id = ?", (row.id,)).fetchall():
                ann.drop(connection, generation[0])


def _set_state(connection: sqlite3.Connection, row: SpaceRow, state: str) -> None:
    recorded = {**row.recorded, "state": state}
    if not state:
        del recorded["state"]
    name = plain_name(row)
    mark = f"{state} {row.id}" if state == LEAVING else state  # several of one name may be leaving
    connection.execute(
        "UPDATE spaces SET name = ?, recorded = ? WHERE id = ?", (_marked(name, mark), json.dumps(recorded), row.id)
    )


def remove_leaving(connection: sqlite3.Connection, folder: IndexFolder) -> Iterator[None]:
    """Remove replaced spaces, one transaction at a time; yields between two."""
    for row in spaces(connection, LEAVING):
        more = True
        while more:
            with transaction(connection, folder):
                connection.execute("DELETE FROM background WHERE space_id = ?", (row.id,))
                gone = connection.execute(
                    "DELETE FROM embeddings WHERE id IN"
                    " (SELECT id FROM embeddings WHERE space_id = ? ORDER BY view, sampling_hash LIMIT ?)",
                    (row.id, _REMOVED),
                )
                more = gone.rowcount == _REMOVED
                if not more:
                    connection.execute("DELETE FROM encoded WHERE space_id = ?", (row.id,))
                    connection.execute("DELETE FROM spaces WHERE id = ?", (row.id,))
            yield
