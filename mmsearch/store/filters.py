"""Filters before ranking: a typed `Filter` becomes two temporary tables, of files and of segments."""

from __future__ import annotations

import fnmatch
import math
import os
import sqlite3
import unicodedata
from collections.abc import Mapping, Sequence

from mmsearch.archive_paths import is_within
from mmsearch.date_taken import SQL as DATE_SQL
from mmsearch.date_taken import local_time
from mmsearch.filestat import HIGHEST, LOWEST
from mmsearch.query import Filter
from mmsearch.store.mail_filters import (
    asks_for_messages,
    concerns_messages,
    define_functions,
    holds_other_messages,
    message_condition,
)
from mmsearch.store.roots import Root, is_below

EARTH_KM = 6371.0
_TAKEN = DATE_SQL.format("json_extract(a.details, '$.taken')")


def allow(connection: sqlite3.Connection, roots: Mapping[int, Root], where: Filter) -> None:
    """Make `temp.allowed_files` and `temp.allowed_segments` from a filter. The connection may be read-only: temporary
    tables live outside the index."""
    ids = passing(connection, roots, where)
    connection.execute("CREATE TEMP TABLE allowed_files (id INTEGER PRIMARY KEY)")
    connection.executemany("INSERT INTO temp.allowed_files VALUES (?)", [(i,) for i in ids])
    connection.execute("CREATE TEMP TABLE allowed_segments (id INTEGER PRIMARY KEY)")
    condition, values = message_condition(where) if concerns_messages(where) else ("1", [])
    connection.execute(
        "INSERT OR IGNORE INTO temp.allowed_segments SELECT s.id FROM temp.allowed_files t"
        " CROSS JOIN files f ON f.id = t.id CROSS JOIN segments s ON s.asset_id = f.asset_id"
        f" WHERE f.kind IS NOT 'mail' OR {condition}",
        values,
    )
    for one in where.without:
        if concerns_messages(one):
            _drop_messages(connection, roots, one)


def passing(
    connection: sqlite3.Connection, roots: Mapping[int, Root], where: Filter, only: int | None = None
) -> list[int]:
    """The ids of the files that pass a filter, in ascending order; with `only` that one alone is tried."""
    define_functions(connection)
    conditions, values = _conditions(where)
    if where.near is not None:
        connection.create_function("distance_km", 4, distance_km, deterministic=True)
    if only is not None:
        conditions.append("f.id = ?")
        values.append(only)
    rows = connection.execute(
        "SELECT f.id, f.root_id, f.path FROM files f LEFT JOIN assets a ON a.id = f.asset_id"
        f" WHERE {' AND '.join(conditions) or '1'} ORDER BY f.id",
        values,
    )
    if where.within or where.folders or where.names:
        folders, names = [folded(place) for place in where.folders], [folded(name) for name in where.names]
        ids = [
            file_id
            for file_id, root, path in rows
            if _is_in(roots[root].path, path, where.within, folders)
            and (not names or _is_named(os.path.basename(path or roots[root].path), names))
        ]
    else:
        ids = [row[0] for row in rows]
    refused = {
        file_id
        for one in where.without
        for file_id in passing(connection, roots, one, only)
        if not (concerns_messages(one) and holds_other_messages(connection, file_id, one))
    }
    return [file_id for file_id in ids if file_id not in refused]


def _drop_messages(connection: sqlite3.Connection, roots: Mapping[int, Root], where: Filter) -> None:
    """Take the segments of the messages that pass a filter out of `temp.allowed_segments`."""
    condition, values = message_condition(where)
    connection.executemany(
        "DELETE FROM temp.allowed_segments WHERE id IN (SELECT s.id FROM files f JOIN segments s"
        f" ON s.asset_id = f.asset_id WHERE f.id = ? AND f.kind = 'mail' AND {condition})",
        [(file_id, *values) for file_id in passing(connection, roots, where)],
    )


def drop_allowed(connection: sqlite3.Connection) -> None:
    """Drop the tables that `allow` has made."""
    connection.execute("DROP TABLE IF EXISTS temp.allowed_files")
    connection.execute("DROP TABLE IF EXISTS temp.allowed_segments")


def _conditions(where: Filter) -> tuple[list[str], list[object]]:
    """The parts of a filter that SQL decides, with their values."""
    conditions: list[str] = []
    values: list[object] = []

    def need(condition: str, *given: object) -> None:
        conditions.append(condition)
        values.extend(given)

    if where.kinds:
        kinds = [kind for kind in where.kinds if kind != "other"]
        other = " OR f.kind IS NULL" if "other" in where.kinds else ""
        need(f"(f.kind IN ({','.join('?' * len(kinds))}){other})", *kinds)
    if where.since is not None or where.before is not None:
        changed, taken = _between(where.since, where.before), _taken_between(where.since, where.before)
        own = f"CASE WHEN {_TAKEN} IS NULL THEN {changed[0]} ELSE {taken[0]} END"
        need(f"(f.kind = 'mail' AND f.asset_id IS NOT NULL OR {own})", *changed[1], *taken[1])
    if where.near is not None:
        need(
            "json_extract(a.details, '$.latitude') IS NOT NULL AND distance_km(json_extract(a.details, '$.latitude'),"
            " json_extract(a.details, '$.longitude'), ?, ?) <= ?",
            *where.near,
        )
    if concerns_messages(where):
        least = "0" if asks_for_messages(where) else "(f.kind IS NOT 'mail' OR f.asset_id IS NULL)"
        condition, given = message_condition(where)
        held = f"EXISTS (SELECT 1 FROM segments s WHERE s.asset_id = f.asset_id AND {condition})"
        need(f"({least} OR f.kind = 'mail' AND {held})", *given)
    if where.min_bytes is not None:
        need("f.size >= ?", where.min_bytes)
    if where.max_bytes is not None:
        need("f.size <= ?", where.max_bytes)
    if where.languages:
        marks = ",".join("?" * len(where.languages))
        need(
            f"(json_extract(a.details, '$.language') IN ({marks})"
            f" OR EXISTS (SELECT 1 FROM json_each(a.details, '$.languages') l WHERE l.value IN ({marks})))",
            *where.languages,
            *where.languages,
        )
    for name, low, high in (
        ("duration_s", where.min_duration_s, where.max_duration_s),
        ("pages", where.min_pages, where.max_pages),
    ):
        if low is not None:
            need(f"json_extract(a.details, '$.{name}') >= ?", low)
        if high is not None:
            need(f"json_extract(a.details, '$.{name}') <= ?", high)
    return conditions, values


def _between(since: float | None, before: float | None) -> tuple[str, list[object]]:
    """The condition that a file was changed in a time, with its values."""
    conditions, values = ["1"], list[object]()
    if since is not None and (least := since * 1e9) > LOWEST:
        conditions.append("f.mtime_ns >= ?")
        values.append(HIGHEST if least >= HIGHEST else int(least))
    if before is not None and (most := before * 1e9) <= HIGHEST:
        conditions.append("f.mtime_ns < ?")
        values.append(LOWEST if most <= LOWEST else int(most))
    return f"({' AND '.join(conditions)})", values


def _taken_between(since: float | None, before: float | None) -> tuple[str, list[object]]:
    """The condition that a photo or film was taken in a time, with its values. The time is that of the place where it
    was taken; of a day, where that is all that is known, the noon."""
    conditions, values = ["1"], list[object]()
    for moment, sign in ((since, ">="), (before, "<")):
        if moment is not None:
            conditions.append(f"{_TAKEN} {sign} ?")
            values.append(local_time(moment))
    return f"({' AND '.join(conditions)})", values


def distance_km(latitude: object, longitude: object, other_latitude: float, other_longitude: float) -> float:
    """The distance of two places on the globe, along its surface; infinite where the first is none."""
    if not isinstance(latitude, int | float) or not isinstance(longitude, int | float):
        return math.inf
    one, other = math.radians(latitude), math.radians(other_latitude)
    across = math.radians(longitude - other_longitude)
    part = math.sin((one - other) / 2) ** 2 + math.cos(one) * math.cos(other) * math.sin(across / 2) ** 2
    return 2 * EARTH_KM * math.asin(min(math.sqrt(max(part, 0.0)), 1.0))


def _absolute(root: bytes, path: bytes) -> bytes:
    return root.rstrip(b"/") + b"/" + path if path else root


def folded(text: str) -> str:
    """A part of a path without case, letters with marks in their composed form."""
    return unicodedata.normalize("NFC", text.casefold())


def _is_in(root: bytes, path: bytes, within: tuple[str, ...], folders: Sequence[str]) -> bool:
    """Whether a file lies in one of the places, or on its way from the root (which counts) are the parts of one of the
    `folders`, in a row."""
    if not within and not folders:
        return True
    if within and _is_within(_absolute(root, path), within):
        return True
    way = "/" + folded(os.fsdecode(os.path.join(os.path.basename(root), path)).strip("/")) + "/"
    return any(f"/{place.strip('/')}/" in way for place in folders)


def _is_named(name: bytes, wanted: Sequence[str]) -> bool:
    """Whether a file's name holds one of the texts or matches one of the globs."""
    own = folded(os.fsdecode(name))
    return any(fnmatch.fnmatchcase(own, one) if any(s in one for s in "*?[") else one in own for one in wanted)


def _is_within(path: bytes, wanted: tuple[str, ...]) -> bool:
    """Whether a path lies in one of the folders or archives, is one of the files, or matches one of the globs. A glob
    without a slash is matched against the file's name."""
    for place in wanted:
        raw = os.fsencode(place)
        if is_below(path, raw) or is_within(path, raw):  # also where the folder's own name holds a sign of globs
            return True
        if any(sign in place for sign in "*?["):
            subject = path if "/" in place else os.path.basename(path)
            if fnmatch.fnmatchcase(subject, raw):
                return True
    return False
