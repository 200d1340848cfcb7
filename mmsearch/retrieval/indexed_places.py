"""A place of the index by its id, without a query."""

from __future__ import annotations

from collections.abc import Sequence

from mmsearch.query import Hit
from mmsearch.retrieval.ordering import file_facts
from mmsearch.store.file_text import asset_of
from mmsearch.store.snapshot import Snapshot


def indexed_place(snapshot: Snapshot, segment_id: int) -> Hit | None:
    """The place as a hit without a score, whose snippet is its whole text. None for an id that the index lacks."""
    place = snapshot.places([segment_id]).get(segment_id)
    files = snapshot.files_of([place.asset_id]).get(place.asset_id) if place is not None else None
    if place is None or not files:
        return None
    size, modified_s, taken = file_facts(snapshot, [files[0][0]])[files[0][0]]
    words = [place.text, *(cue.text for cue in place.cues), *(cue.text for _, cue in place.read)]
    text = "\n".join(word for word in words if word)
    same = tuple(path for _, path in files[1:])
    return Hit(
        1, 0.0, files[0][1], place.kind, "", place.locator, text, (), segment_id, same,
        size=size, modified_s=modified_s, taken=taken,
    )  # fmt: skip


def first_places(snapshot: Snapshot, paths: Sequence[bytes]) -> list[int | None]:
    """The id of the first place of each file; None for a file that is known by name only."""
    found: list[int | None] = []
    for path in paths:
        _, asset_id = asset_of(snapshot.connection, snapshot.roots.values(), path)
        row = snapshot.connection.execute(
            "SELECT id FROM segments WHERE asset_id = ? ORDER BY ordinal LIMIT 1", (asset_id,)
        ).fetchone()
        found.append(None if row is None else int(row[0]))
    return found
