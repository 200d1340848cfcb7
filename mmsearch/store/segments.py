"""Committing results of the pipeline: segments, words and embeddings of a span become visible in one transaction."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mmsearch.errors import FailureCode
from mmsearch.store.files import link
from mmsearch.store.words import chunks, write_words
from mmsearch.types import AssetState, Cue, Failure, Fingerprint, Probe, Segment

if TYPE_CHECKING:
    import numpy as np

PASSING = (
    FailureCode.VANISHED,
    FailureCode.PERMISSION,
)  # failures that do not depend on the bytes: the next run tries again
MOST_NEIGHBOURS = 20_000  # segments that a phrase over their end is looked for in
SECTION = "json_extract(details, '$.section')"  # of the file in which a segment stands, or NULL
BACKGROUND_SIZE = 1000  # a mean and a spread need no more; 1,000 x 384 in float16 are read in a millisecond


@dataclass(frozen=True, slots=True)
class RecognizedText:
    """Text that was recognized in one segment's picture or sound."""

    ordinal: int
    reader: str  # ocr, speech
    engine: str
    text: str
    start_s: float | None = None
    end_s: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Vectors:
    """The embeddings of one view of one segment: float32 (parts, dimension), unit rows. In a late-interaction space
    `tokens` has by part the packed token vectors (see `store.token_vectors`); a part without is a further centroid of
    the part before."""

    ordinal: int
    space_id: int
    view: str
    matrix: np.ndarray
    tokens: Mapping[int, bytes] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class SpanResult:
    """One span of one asset on its way into the catalogue. With a `failure` the span is missing; without a span
    (None) the asset itself could not be opened."""

    asset_id: int
    key: str
    span: int | None
    probe: Probe | None = None  # None where the asset could not be opened
    segments: list[Segment] = field(default_factory=list)
    recognized: list[RecognizedText] = field(default_factory=list)
    vectors: list[Vectors] = field(default_factory=list)
    fingerprints: list[Fingerprint] = field(default_factory=list)
    readers: dict[str, str] = field(default_factory=dict)  # engine by reader that processed this span
    failure: Failure | None = None
    kept: bool = False  # with a failure: the segments are good all the same, only words of theirs are missing


def commit_span(connection: sqlite3.Connection, result: SpanResult, space_ids: Iterable[int]) -> str:
    """Write the result of a span, inside the caller's transaction. Returns the asset's state: pending while spans are
    missing, else complete, partial or failed; `later` for a failure that may pass, of which nothing is written. A span
    that is in already is left alone, so a repeated one is harmless.
    """
    row = connection.execute("SELECT state, visible FROM assets WHERE id = ?", (result.asset_id,)).fetchone()
    if row is None or row[0] != AssetState.PENDING:
        return "gone" if row is None else str(row[0])
    if result.failure is not None and result.failure.code in PASSING:
        return "later"
    if result.probe is not None:  # spans come in any order, so each brings it
        connection.execute(
            "UPDATE assets SET spans = ?, details = ? WHERE id = ? AND spans IS NULL",
            (
                len(result.probe.spans),
                json.dumps({**result.probe.details, "notes": result.probe.notes}),
                result.asset_id,
            ),
        )
    if result.span is None:
        return _finish(connection, result.asset_id, result.failure, space_ids)
    new = connection.execute(
        "INSERT OR IGNORE INTO spans (asset_id, span, code, reason) VALUES (?, ?, ?, ?)",
        (
            result.asset_id,
            result.span,
            *((result.failure.code, result.failure.sentence) if result.failure else (None, None)),
        ),
    )
    if new.rowcount and (result.failure is None or result.kept):
        _write(connection, result, visible=bool(row[1]))
    total, done = connection.execute(
        "SELECT spans, (SELECT count(*) FROM spans WHERE asset_id = a.id) FROM assets a WHERE id = ?",
        (result.asset_id,),
    ).fetchone()
    return _finish(connection, result.asset_id, None, space_ids) if done >= total else AssetState.PENDING


def _write(connection: sqlite3.Connection, result: SpanResult, visible: bool) -> None:
    ids: dict[int, int] = {}
    for segment in result.segments:
        place, details = segment.locator, dict(segment.details)
        if place.section is not None:
            details["section"] = place.section
        if segment.cues:
            details["cues"] = [cue.packed() for cue in segment.cues]
        cursor = connection.execute(
            "INSERT INTO segments (asset_id, ordinal, page, start_s, end_s, line_start, line_end, text, details)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                result.asset_id,
                segment.ordinal,
                place.page,
                place.start_s,
                place.end_s,
                place.line_start,
                place.line_end,
                clean(segment.text),
                clean(json.dumps(details, ensure_ascii=False)),
            ),
        )
        ids[segment.ordinal] = int(cursor.lastrowid or 0)
    connection.executemany(
        "INSERT INTO recognized_text (segment_id, reader, engine, start_s, end_s, text) VALUES (?, ?, ?, ?, ?, ?)",
        [(ids[r.ordinal], r.reader, r.engine, r.start_s, r.end_s, clean(r.text)) for r in result.recognized],
    )
    connection.executemany(
        "INSERT OR IGNORE INTO fingerprints (asset_id, form, at, key, body) VALUES (?, ?, ?, ?, ?)",
        [(result.asset_id, one.form, one.at, one.key, one.body) for one in result.fingerprints],
    )
    for vectors in result.vectors:
        write_vectors(connection, result.key, ids[vectors.ordinal], vectors)
    if result.readers:
        readers = json.loads(
            connection.execute("SELECT readers FROM assets WHERE id = ?", (result.asset_id,)).fetchone()[0]
        )
        connection.execute(
            "UPDATE assets SET readers = ? WHERE id = ?", (json.dumps(readers | result.readers), result.asset_id)
        )
    _add_notes(connection, result)
    if visible:
        write_words(connection, list(ids.values()))


def write_vectors(connection: sqlite3.Connection, key: str, segment_id: int, vectors: Vectors) -> None:
    """Write the embeddings of one view of a segment, with their token vectors, inside the caller's transaction. `key`
    is the asset's."""
    place = (segment_id, vectors.space_id, vectors.view)
    connection.executemany(
        "INSERT INTO embeddings (segment_id, space_id, view, part, sampling_hash, vector) VALUES (?, ?, ?, ?, ?, ?)",
        [
            (*place, part, sampling_hash(key, vectors.ordinal, vectors.view, part), row.tobytes())
            for part, row in enumerate(vectors.matrix.astype("float16"))
        ],
    )
    connection.executemany(
        "INSERT INTO token_vectors (embedding_id, vectors) SELECT id, ? FROM embeddings"
        " WHERE segment_id = ? AND space_id = ? AND view = ? AND part = ?",
        [(packed, *place, part) for part, packed in vectors.tokens.items()],
    )


def _add_notes(connection: sqlite3.Connection, result: SpanResult) -> None:
    """Add the notes that decoding made on segments to those of the asset."""
    said = [str(segment.details["note"]) for segment in result.segments if segment.details.get("note")]
    if said:
        row = connection.execute("SELECT details FROM assets WHERE id = ?", (result.asset_id,)).fetchone()
        details = json.loads(row[0])
        details["notes"] = list(dict.fromkeys([*details.get("notes", ()), *said]))
        connection.execute("UPDATE assets SET details = ? WHERE id = ?", (json.dumps(details), result.asset_id))


def _finish(connection: sqlite3.Connection, asset_id: int, failure: Failure | None, space_ids: Iterable[int]) -> str:
    """All spans are done with: settle the asset's state and let it take its predecessor's place."""
    missing = connection.execute(
        "SELECT code, reason, span FROM spans WHERE asset_id = ? AND code IS NOT NULL ORDER BY span", (asset_id,)
    ).fetchall()
    if failure is None and missing:
        total = connection.execute("SELECT count(*) FROM spans WHERE asset_id = ?", (asset_id,)).fetchone()[0]
        lost = f" ({len(missing)} of {total} parts are concerned)" if total > 1 else ""
        failure = Failure(missing[0][0], missing[0][1] + lost)
    there = connection.execute("SELECT 1 FROM segments WHERE asset_id = ? LIMIT 1", (asset_id,)).fetchone()
    state = AssetState.COMPLETE if failure is None else AssetState.PARTIAL if there else AssetState.FAILED
    connection.execute(
        "UPDATE assets SET state = ?, code = ?, reason = ?, attempts = attempts + 1 WHERE id = ?",
        (state, failure.code if failure else None, failure.sentence if failure else None, asset_id),
    )
    connection.executemany(
        "INSERT OR IGNORE INTO encoded (asset_id, space_id) VALUES (?, ?)", [(asset_id, space) for space in space_ids]
    )
    waiting = connection.execute("SELECT id FROM files WHERE next_asset_id = ?", (asset_id,)).fetchall()
    for (file_id,) in waiting:
        link(connection, file_id, asset_id)  # what it replaces is hidden; a moved file may still want it
    return state


def sampling_hash(key: str, ordinal: int, view: str, part: int) -> int:
    """The hash of an embedding by which the background is sampled: a number of 63 bits, which SQLite holds as an
    integer. It depends on the asset and the place in it, never on the order of work."""
    digest = hashlib.blake2b(f"{key}/{ordinal}/{view}/{part}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def refresh_background(connection: sqlite3.Connection, space_id: int, view: str) -> None:
    """Update the background sample of a view: its `BACKGROUND_SIZE` embeddings with the smallest sampling hashes."""
    where = "space_id = ? AND view = ?"
    wanted = connection.execute(
        f"SELECT sampling_hash, id FROM embeddings WHERE {where} ORDER BY sampling_hash, id LIMIT {BACKGROUND_SIZE}",
        (space_id, view),
    ).fetchall()
    there = connection.execute(
        f"SELECT sampling_hash, embedding_id FROM background WHERE {where}", (space_id, view)
    ).fetchall()
    connection.executemany(
        f"DELETE FROM background WHERE {where} AND sampling_hash = ? AND embedding_id = ?",
        [(space_id, view, *pair) for pair in set(there) - set(wanted)],
    )
    connection.executemany(
        "INSERT INTO background SELECT space_id, view, sampling_hash, id, vector FROM embeddings WHERE id = ?",
        [(pair[1],) for pair in set(wanted) - set(there)],
    )


def clean(text: str) -> str:
    """Text that SQLite can hold: lone surrogates replaced, NUL left out (it would end a string in FTS5)."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode()


def cues_of(details: dict[str, object]) -> tuple[Cue, ...]:
    """The timed words that `_write` put into a segment's details."""
    raw = details.get("cues")
    return tuple(Cue(*row) for row in raw) if isinstance(raw, list) else ()


def neighbours(
    connection: sqlite3.Connection, firsts: set[int], seconds: set[int]
) -> list[tuple[tuple[int, str], tuple[int, str]]]:
    """The pairs of segments of a file that follow each other, one of `firsts` and one of `seconds`: id and text of
    each. Of many only MOST_NEIGHBOURS are looked at."""
    by_first = len(firsts) <= len(seconds)
    found = []
    for some in chunks(sorted(firsts if by_first else seconds)[:MOST_NEIGHBOURS]):
        rows = connection.execute(
            "SELECT a.id, a.text, b.id, b.text FROM segments a JOIN segments b"
            " ON b.asset_id = a.asset_id AND b.ordinal = a.ordinal + 1"
            f" WHERE {'a' if by_first else 'b'}.id IN ({','.join('?' * len(some))})",
            some,
        )
        found += [((row[0], row[1]), (row[2], row[3])) for row in rows if row[0] in firsts and row[2] in seconds]
    return found
