"""Token vectors of late-interaction spaces: packed as int8, unpacked and checked, and read for scoring.

The vectors of a part of a segment (a page, a picture, a passage) are one blob: the CRC-32 of the rest (4 bytes), a
float16 scale for each vector, then an int8 for each number. Vectors have unit length, so a page of 300 vectors of 128
numbers takes 300 * (128 + 2) + 4 = 39,004 bytes. The blob belongs to the part's first embedding and goes with it.
"""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING, NamedTuple

from mmsearch.store.catalogue import BadRow
from mmsearch.store.words import chunks

if TYPE_CHECKING:
    import numpy as np

    from mmsearch.store.snapshot import Snapshot

_LEVELS = 127  # of int8, on each side of 0


class PartVectors(NamedTuple):
    """The token vectors of a part: `values` int8 (vectors, width), a `scales` float32 (vectors,) for each, and the
    number of what the part belongs to."""

    owner: int
    values: np.ndarray
    scales: np.ndarray


def packed(vectors: np.ndarray) -> bytes:
    """Token vectors, float32 (vectors, width), as a blob. Raises `ValueError` for none and for what is no number."""
    import numpy as np

    largest = np.abs(vectors).max(axis=1) if len(vectors) else np.zeros(0, np.float32)
    if not len(vectors) or not np.isfinite(largest).all():
        raise ValueError("there are no token vectors, or they are no numbers")
    scales = np.maximum(largest / _LEVELS, 6e-5).astype("<f2")  # not below the normal range of float16
    values = np.clip(np.rint(vectors / scales.astype(np.float32)[:, None]), -_LEVELS, _LEVELS).astype(np.int8)
    body = scales.tobytes() + values.tobytes()
    return struct.pack("<I", zlib.crc32(body)) + body


def unpacked(blob: bytes, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Values int8 (vectors, width) and scales float32 (vectors,) of a blob. Raises `BadRow` where its bytes are not
    those that were written."""
    import numpy as np

    count, rest = divmod(len(blob) - 4, width + 2) if isinstance(blob, bytes) else (0, 1)
    if count < 1 or rest or zlib.crc32(memoryview(blob)[4:]) != struct.unpack_from("<I", blob)[0]:
        raise BadRow("the token vectors of a page are damaged")
    scales = np.frombuffer(blob, "<f2", count, 4).astype(np.float32)
    return np.frombuffer(blob, np.int8, offset=4 + 2 * count).reshape(count, width), scales


def of_segments(snapshot: Snapshot, space_id: int, view: str, segment_ids: list[int], width: int) -> list[PartVectors]:
    """The token vectors of those of these segments that have any in a view of a space; `owners` are the segments."""
    found: list[tuple[int, bytes]] = []
    for some in chunks(segment_ids):
        found += snapshot.connection.execute(
            "SELECT e.segment_id, t.vectors FROM embeddings e JOIN token_vectors t ON t.embedding_id = e.id"
            f" WHERE e.segment_id IN ({','.join('?' * len(some))}) AND e.space_id = ? AND e.view = ?"
            " ORDER BY e.segment_id, e.part",
            (*some, space_id, view),
        ).fetchall()
    return [PartVectors(owner, *unpacked(blob, width)) for owner, blob in found]


def of_background(snapshot: Snapshot, space_id: int, view: str, count: int, width: int) -> list[PartVectors]:
    """The token vectors of the first `count` parts of a view's background sample; `owners` are the embeddings."""
    found = snapshot.connection.execute(
        "SELECT b.embedding_id, t.vectors FROM background b JOIN token_vectors t ON t.embedding_id = b.embedding_id"
        " WHERE b.space_id = ? AND b.view = ? ORDER BY b.sampling_hash LIMIT ?",
        (space_id, view, count),
    ).fetchall()
    return [PartVectors(owner, *unpacked(blob, width)) for owner, blob in found]


def segments_with(snapshot: Snapshot, space_id: int, view: str, segment_ids: list[int]) -> set[int]:
    """Those of these segments that have embeddings in a view of a space."""
    found: set[int] = set()
    for some in chunks(segment_ids):
        found |= {
            row[0]
            for row in snapshot.connection.execute(
                f"SELECT DISTINCT segment_id FROM embeddings WHERE segment_id IN ({','.join('?' * len(some))})"
                " AND space_id = ? AND view = ?",
                (*some, space_id, view),
            )
        }
    return found
