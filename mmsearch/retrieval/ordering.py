"""The order of hits by date, name or size, and the files that pass a filter where a query asks for nothing else."""

from __future__ import annotations

import os
import time
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

from mmsearch.date_taken import taken_seconds
from mmsearch.query import Answer, Hit, Query
from mmsearch.retrieval.copies.duplicates import group_leaders
from mmsearch.retrieval.filter_facts import nothing_passes
from mmsearch.retrieval.picture_queries import seen_in
from mmsearch.retrieval.queries.query_parsing import parse
from mmsearch.retrieval.words.term_matching import snippet
from mmsearch.retrieval.words.word_scoring import Words
from mmsearch.store.mail_filters import concerns_messages
from mmsearch.store.snapshot import Snapshot
from mmsearch.store.words import chunks
from mmsearch.types import Locator

MOST_SORTED = 1000  # hits, the best by score, that are put into another order
_SENT = "CASE WHEN f.kind = 'mail' THEN json_extract(a.details, '$.sent') END"  # of a file that is one message
LISTED = "filters"  # the view of a hit that a query without words lists


class Listed(NamedTuple):
    """A file that passes a filter, with the facts that it is sorted by."""

    asset_id: int | None
    kind: str
    path: bytes
    size: int
    modified_s: float
    sent_s: float | None  # of a message
    taken: str
    message: tuple[int, int] | None = None  # of a message of a mailbox its number and first segment

    def date_s(self) -> float:
        """When it was sent or taken, else changed, in seconds since 1970."""
        own_s = taken_seconds(self.taken) if self.sent_s is None and self.taken else self.sent_s
        return self.modified_s if own_s is None else own_s


def is_listing(query: Query) -> bool:
    """Whether a query has a filter and asks for nothing else; words to leave out may be in it."""
    if not query.where or query.images or query.audios or query.videos or query.like or query.minus:
        return False
    return not parse(query.text, query.literal).text.strip()


def in_order(hits: Sequence[Hit], query: Query) -> tuple[Hit, ...]:
    """The first `k` hits in the order that a query asks for; those with equal values, and those that have none, by
    rank. Ranks stay what they are."""
    if query.sort == "score":
        found = sorted(hits, key=lambda hit: hit.rank, reverse=query.reverse)
    elif query.sort == "name":
        found = sorted(hits, key=lambda hit: _name_key(hit.path), reverse=query.reverse)
    elif query.sort == "date":
        found = sorted(hits, key=lambda hit: hit.date_s or 0.0, reverse=not query.reverse)
    else:
        found = sorted(hits, key=lambda hit: hit.size or 0, reverse=not query.reverse)
    return tuple(found[: query.k])


def file_facts(snapshot: Snapshot, file_ids: Sequence[int]) -> dict[int, tuple[int, float, str]]:
    """The size, the time of change in seconds since 1970, and the date taken of files, as the index has them."""
    facts: dict[int, tuple[int, float, str]] = {}
    for some in chunks(list(file_ids)):
        marks = ",".join("?" * len(some))
        for file_id, size, mtime_ns, taken in snapshot.connection.execute(
            "SELECT f.id, f.size, f.mtime_ns, json_extract(a.details, '$.taken') FROM files f"
            f" LEFT JOIN assets a ON a.id = f.asset_id WHERE f.id IN ({marks})",
            some,
        ):
            facts[file_id] = size, mtime_ns / 1e9, taken if isinstance(taken, str) else ""
    return facts


def list_files(snapshot: Snapshot, query: Query) -> Answer:
    """The files that the filter of a query lets through, by `sort`; with `score` the newest first. Each scores 1; its
    rank is its place in this order. Copies share a hit, as in other answers."""
    began = time.monotonic()
    by = "f.size DESC" if query.sort == "size" else "f.id"
    rows = snapshot.connection.execute(
        "SELECT f.id, f.asset_id, coalesce(f.kind, 'other'), f.root_id, f.path, f.size, f.mtime_ns,"
        f" {_SENT}, json_extract(a.details, '$.taken') FROM temp.allowed_files t JOIN files f ON f.id = t.id"
        f" LEFT JOIN assets a ON a.id = f.asset_id ORDER BY {by}, f.path, f.id"
    ).fetchall()
    refused = _refused(snapshot, query)
    files = [
        Listed(asset_id, kind, snapshot.absolute(root_id, path), size, mtime_ns / 1e9, sent, str(taken or ""))
        for file_id, asset_id, kind, root_id, path, size, mtime_ns, sent, taken in rows
        if file_id not in refused
    ]
    if concerns_messages(query.where):
        files = _with_messages(snapshot, files)
    if query.sort in ("score", "date"):
        files.sort(key=lambda file: (-file.date_s(), file.path))
    if query.sort == "name":
        files.sort(key=lambda file: _name_key(file.path))
    if query.reverse:
        files.reverse()
    held = [file.asset_id for file in files if file.asset_id is not None]
    leaders = group_leaders(snapshot, held, query.k) if query.fold else {}
    groups: dict[object, list[Listed]] = {}
    for number, file in enumerate(files):
        asset_id = file.asset_id
        key: object = -number - 1 if asset_id is None or not query.fold else leaders.get(asset_id, asset_id)
        if file.message is not None and query.fold:
            key = key, file.message[0]
        if key in groups or len(groups) < query.k:
            groups.setdefault(key, []).append(file)
    hits = _listed_hits(snapshot, list(groups.values()))
    notes = list(snapshot.notes)
    if not hits:
        notes.append(nothing_passes(snapshot, query.where) if snapshot.nothing_allowed() else "Every file is left out.")
    elif len(groups) < len(files) and len(groups) == query.k:
        what = "messages and files" if any(file.message for file in files) else "files"
        notes.append(f"The first {len(hits):,} of {len(files):,} {what} that pass the filters (-k N shows more).")
    return Answer(hits, tuple(notes), time.monotonic() - began)


def _with_messages(snapshot: Snapshot, files: Sequence[Listed]) -> list[Listed]:
    """The files, and in place of each mailbox its messages that pass the filter."""
    messages: dict[int, dict[int, tuple[int, float | None]]] = {}
    for some in chunks([file.asset_id for file in files if file.kind == "mail" and file.asset_id is not None]):
        for segment_id, asset_id, number, sent in snapshot.connection.execute(
            "SELECT id, asset_id, json_extract(details, '$.mail.number'), json_extract(details, '$.mail.sent')"
            f" FROM segments WHERE asset_id IN ({','.join('?' * len(some))}) AND id IN temp.allowed_segments"
            " ORDER BY ordinal",
            some,
        ):
            if number is not None:
                messages.setdefault(asset_id, {}).setdefault(number, (segment_id, sent))
    found: list[Listed] = []
    for file in files:
        of = messages.get(file.asset_id or 0, {})
        found += [file._replace(sent_s=sent, message=(number, one)) for number, (one, sent) in of.items()] or [file]
    return found


def _refused(snapshot: Snapshot, query: Query) -> set[int]:
    """The files with a word in their text or name that the query leaves out."""
    parsed = parse(query.text, query.literal)
    if not parsed.refused:
        return set()
    words = Words(snapshot, ())
    files = words.names.matching(parsed.refused)
    for some in chunks(sorted(words.table.matching(parsed.refused))):
        marks = ",".join("?" * len(some))
        files |= {
            row[0]
            for row in snapshot.connection.execute(
                f"SELECT f.id FROM segments s JOIN files f ON f.asset_id = s.asset_id WHERE s.id IN ({marks})", some
            )
        }
    return files


def _listed_hits(snapshot: Snapshot, groups: Sequence[list[Listed]]) -> tuple[Hit, ...]:
    own = [group[0].message[1] for group in groups if group[0].message is not None]
    assets = [group[0].asset_id for group in groups if group[0].asset_id is not None]
    first: dict[int, int] = {}
    for some in chunks(assets):
        marks = ",".join("?" * len(some))
        first |= dict(
            snapshot.connection.execute(
                "SELECT s.asset_id, s.id FROM segments s JOIN (SELECT asset_id, min(ordinal) AS first FROM segments"
                f" WHERE asset_id IN ({marks}) AND id IN temp.allowed_segments GROUP BY asset_id) m"
                " ON m.asset_id = s.asset_id AND m.first = s.ordinal",
                some,
            ).fetchall()
        )
    places = snapshot.places([*first.values(), *own])
    seen = seen_in(snapshot, list(first.values()))
    hits = []
    for number, group in enumerate(groups, 1):
        file = group[0]
        place = places.get(file.message[1] if file.message else first.get(file.asset_id or 0, 0))
        shows = seen.get(place.segment_id, ()) if place is not None else ()
        text = snippet(place, {}) if place is not None else ""
        hits.append(
            Hit(
                rank=number,
                score=1.0,
                path=file.path,
                kind=file.kind,
                view=LISTED,
                locator=Locator(section=place.locator.section if place and file.kind == "mail" else None),
                snippet=text or (f"seen: {', '.join(shows)}" if shows else ""),
                signals=(),
                same=tuple(sorted({other.path for other in group[1:]})),
                seen=shows,
                modified_s=file.modified_s,
                dated_s=file.sent_s,
                size=file.size,
                taken=file.taken,
            )
        )
    return tuple(hits)


def _name_key(path: bytes) -> tuple[str, bytes]:
    """Sorts by the file's name without case, then by its path."""
    name = os.fsdecode(os.path.basename(path))
    return unicodedata.normalize("NFKD", name).casefold(), path
