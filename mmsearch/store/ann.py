"""FAISS files: derived from the catalogue, one per space and view, memory-mapped by readers, replaced as a whole.

Up to `FLAT_UP_TO` vectors a file is an exact scan over float16 codes; past that an inverted file (IVF) over the same
codes, whose `nprobe` is set by recall measured against the exact answer when it is built. Only this module and
`ann_build` use FAISS.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmsearch.durable import replaced
from mmsearch.errors import StoppedEarly
from mmsearch.store import ann_build
from mmsearch.store.catalogue import BadRow, transaction
from mmsearch.store.layout import IndexFolder, Signature

if TYPE_CHECKING:
    import numpy as np

FLAT_UP_TO = 50_000  # an exact scan of 384 dimensions takes some 5 ms there
REBUILD_ROWS = 20_000  # rows not in the file, which a reader scans by brute force, before a writer builds anew
KEPT_GENERATIONS = 2  # a reader that started before the last build still finds its file
_SAMPLED = 16  # vectors of a file that are compared with the catalogue before it is believed


@dataclass(frozen=True, slots=True)
class Generation:
    """An ann file as the catalogue knows it."""

    id: int
    file: str
    shape: str  # flat, ivf
    size: int
    last_embedding_id: int
    nprobe: int | None
    recall: float | None
    sha256: str


def generations(connection: sqlite3.Connection, space_id: int, view: str) -> list[Generation]:
    """The ann files of a view, newest first. Raises `BadRow` for one that names another file."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM generations WHERE space_id = ? AND view = ? ORDER BY id DESC", (space_id, view)
    )
    return [_generation(row) for row in rows]


def every_generation(connection: sqlite3.Connection) -> list[Generation]:
    """The ann files of all views, by id. Raises `BadRow` for one that names another file."""
    return [_generation(row) for row in connection.execute(f"SELECT {_COLUMNS} FROM generations ORDER BY id")]


_COLUMNS = "id, file, shape, size, last_embedding_id, nprobe, recall, sha256"
_NAME = re.compile(r"ann-\d+-[a-z]+-\d+\.faiss")


def _generation(row: tuple[Any, ...]) -> Generation:
    found = Generation(*row)
    if not (isinstance(found.file, str) and _NAME.fullmatch(found.file) and found.shape in ("flat", "ivf")):
        raise BadRow("an ann file has a name or a shape that none can have")
    if not all(isinstance(value, int) and value >= 0 for value in (found.size, found.last_embedding_id, found.id)):
        raise BadRow("an ann file has a size that none can have")
    if found.shape == "ivf" and not (isinstance(found.nprobe, int) and isinstance(found.recall, float)):
        raise BadRow("an ann file lacks its nprobe or its recall")
    return found


def is_as_written(folder: IndexFolder, generation: Generation, recorded: Mapping[str, Signature]) -> bool:
    """Whether an ann file has the bytes that mmsearch wrote: by its stat signature as `recorded` in the sums, else by
    its SHA-256. A crafted file can crash FAISS."""
    signature = folder.signature(generation.file)
    if signature is None:
        return False
    if recorded.get(generation.file) == signature:
        return True
    try:
        return digest(folder, generation.file) == generation.sha256
    except OSError:
        return False


def is_due(connection: sqlite3.Connection, space_id: int, view: str, run_ends: bool) -> bool:
    """Whether a writer should build a view's ann file anew: when a reader has more than `REBUILD_ROWS` or 10% of the
    rows to scan beside it; at the end of a run, when it has a tenth of that."""
    total: int = connection.execute(
        "SELECT count(*) FROM embeddings WHERE space_id = ? AND view = ?", (space_id, view)
    ).fetchone()[0]
    found = generations(connection, space_id, view)
    if not found:
        return total > REBUILD_ROWS // (10 if run_ends else 1)
    dead = connection.execute("SELECT count(*) FROM tombstones WHERE generation_id = ?", (found[0].id,)).fetchone()[0]
    unindexed: int = total - (found[0].size - dead) + dead
    return unindexed > max(REBUILD_ROWS, total // 10) / (10 if run_ends else 1)


def build(
    connection: sqlite3.Connection,
    folder: IndexFolder,
    space_id: int,
    view: str,
    dimension: int,
    queries: Callable[[], np.ndarray],
) -> None:
    """Build a view's ann file from the catalogue and make it the newest generation.

    `queries` returns float32 (n, dimension) unit vectors of text queries, to set `nprobe` by; asked for only where an
    IVF is built. The vectors are streamed: they are held once, as float16 codes. The file is complete, synced and
    named before the catalogue refers to it; older generations beyond `KEPT_GENERATIONS` are deleted.
    """
    total, last = connection.execute(
        "SELECT count(*), coalesce(max(id), 0) FROM embeddings WHERE space_id = ? AND view = ?", (space_id, view)
    ).fetchone()
    if total <= FLAT_UP_TO:
        index, nprobe, recall = ann_build.flat(connection, space_id, view, dimension, last), None, None
    else:
        index, nprobe, recall = ann_build.ivf(connection, space_id, view, dimension, total, last, queries())
    number = (
        1 + (connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'generations'").fetchone() or (0,))[0]
    )
    path = folder.ann(space_id, view, number)
    _write(index, path)
    with transaction(connection, folder):
        connection.execute(
            "INSERT INTO generations"
            " (id, space_id, view, file, sha256, shape, size, last_embedding_id, nprobe, recall, created)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                number,
                space_id,
                view,
                path.name,
                digest(folder, path.name),
                "flat" if nprobe is None else "ivf",
                index.ntotal,
                last,
                nprobe,
                recall,
                time.time(),
            ),
        )
        old = generations(connection, space_id, view)[KEPT_GENERATIONS:]
        for generation in old:
            drop(connection, generation.id)
    for generation in old:
        (folder.path / generation.file).unlink(missing_ok=True)


def drop(connection: sqlite3.Connection, generation_id: int) -> None:
    """Remove the row of a generation, inside the caller's transaction."""
    connection.execute("DELETE FROM tombstones WHERE generation_id = ?", (generation_id,))
    connection.execute("DELETE FROM generations WHERE id = ?", (generation_id,))


def drop_bad(connection: sqlite3.Connection, folder: IndexFolder, recorded: Mapping[str, Signature]) -> list[str]:
    """Remove the rows of ann files that are gone or have other bytes than were written, so that they are built again.
    Returns their names."""
    bad = [one for one in every_generation(connection) if not is_as_written(folder, one, recorded)]
    if bad:
        with transaction(connection, folder):
            for generation in bad:
                drop(connection, generation.id)
    return [generation.file for generation in bad]


def leftovers(connection: sqlite3.Connection, folder: IndexFolder) -> list[Path]:
    """What a killed run left behind: ann files that no row names, and half-written ones."""
    named = {row[0] for row in connection.execute("SELECT file FROM generations")}
    drafts = [*folder.path.glob(".ann-*.tmp"), *folder.path.glob(".catalogue.sums.*.tmp")]
    found = [*folder.path.glob("ann-*.faiss"), *drafts]
    return [path for path in found if path.name not in named]


def sweep(connection: sqlite3.Connection, folder: IndexFolder) -> None:
    """Remove what killed runs left, and the query encoders that older versions kept here; of a link the link alone. The
    caller holds the writer lock."""
    old = [folder.encoders] if os.path.lexists(folder.encoders) else []
    for path in [*leftovers(connection, folder), *old]:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def load(folder: IndexFolder, generation: Generation, dimension: int, recorded: Mapping[str, Signature]) -> Any | None:
    """The memory-mapped FAISS index of a generation; None when its file is gone, damaged or another index's."""
    if not is_as_written(folder, generation, recorded):
        return None
    faiss = ann_build.faiss_module()

    path = folder.path / generation.file
    flag = faiss.IO_FLAG_MMAP_IFC if generation.shape == "flat" else faiss.IO_FLAG_MMAP
    before = folder.signature(generation.file)
    try:
        if before is None or before[0] < generation.size * (dimension * 2 + 8):  # codes and ids: FAISS crashes on less
            return None
        index = faiss.read_index(str(path), flag)
        if generation.shape == "ivf":
            faiss.extract_index_ivf(index)
        elif not isinstance(index, faiss.IndexIDMap):
            return None
    except (OSError, RuntimeError, MemoryError):
        return None
    if index.d != dimension or index.ntotal != generation.size or folder.signature(generation.file) != before:
        return None
    return index


def agrees(connection: sqlite3.Connection, generation: Generation, index: Any) -> bool:
    """Whether an ann file holds this catalogue's vectors, by a few of them: another index's file of the same size would
    return its ids."""
    for embedding_id, code in _some_codes(index, generation):
        row = connection.execute("SELECT vector FROM embeddings WHERE id = ?", (embedding_id,)).fetchone()
        if row is not None and row[0] != code:
            return False
        if (
            row is None
            and not connection.execute(
                "SELECT 1 FROM tombstones WHERE generation_id = ? AND embedding_id = ?", (generation.id, embedding_id)
            ).fetchone()
        ):
            return False
    return True


def _some_codes(index: Any, generation: Generation) -> Iterator[tuple[int, bytes]]:
    """Ids of some vectors of an ann file with their float16 codes."""
    faiss = ann_build.faiss_module()

    width = index.d * 2
    if generation.shape == "flat":
        codes = faiss.rev_swig_ptr(faiss.downcast_index(index.index).codes.data(), index.ntotal * width)  # a view
        for at in sorted({(index.ntotal - 1) * step // _SAMPLED for step in range(_SAMPLED + 1)}):
            yield int(index.id_map.at(at)), codes[at * width : (at + 1) * width].tobytes()
        return
    lists = faiss.extract_index_ivf(index).invlists
    for number in range(0, lists.nlist, max(lists.nlist // _SAMPLED, 1)):
        if lists.list_size(number):
            first = faiss.rev_swig_ptr(lists.get_ids(number), 1)
            yield int(first[0]), faiss.rev_swig_ptr(lists.get_codes(number), width).tobytes()


def search(
    index: Any,
    generation: Generation,
    query: np.ndarray,
    k: int,
    allowed: np.ndarray | None,
    refused: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """The `k` nearest embeddings to a query, float32 (dimension,): int64 ids and float32 cosines, best first.

    `allowed` and `refused` are int64 embedding ids (allowed None: all). A filter is applied inside the search; with
    one, an IVF searches all of its lists, so that few survivors are all found.
    """
    import numpy as np

    faiss = ann_build.faiss_module()

    selector: Any = None
    if allowed is not None:
        selector = faiss.IDSelectorBatch(np.setdiff1d(allowed, refused).astype(np.int64))
    elif len(refused):
        selector = faiss.IDSelectorNot(faiss.IDSelectorBatch(refused.astype(np.int64)))
    if generation.shape == "ivf":
        nlist = faiss.extract_index_ivf(index).nlist
        parameters = faiss.SearchParametersIVF(
            sel=selector, nprobe=nlist if allowed is not None else generation.nprobe or 1
        )
    else:
        parameters = faiss.SearchParameters(sel=selector)
    scores, ids = index.search(query[None].astype(np.float32), k, params=parameters)
    found = ids[0] >= 0
    return ids[0][found], scores[0][found]


def digest(folder: IndexFolder, name: str) -> str:
    """SHA-256 of a part, in hex. Raises `OSError`."""
    with open(folder.open_part(name, os.O_RDONLY), "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write(index: Any, path: Path) -> None:
    faiss = ann_build.faiss_module()

    try:
        with replaced(path) as temporary:
            faiss.write_index(index, str(temporary))
    except (RuntimeError, OSError) as error:
        raise StoppedEarly(
            f"{path.name} can't be written; queries go on without it.", "See whether the disk is full, and run again."
        ) from error
