"""The key of an asset, and the files that have its content, as sources to extract from."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from mmsearch.archive_paths import is_within
from mmsearch.store.catalogue import BadRow
from mmsearch.store.roots import Root, is_plain_path
from mmsearch.types import Kind, Source


def asset_key(digest: str, format_: str, version: int, sidecars: Iterable[str] = ()) -> str:
    """The key of an asset: everything that decides what extraction returns. `digest` is the SHA-256 of the bytes in
    hex, `sidecars` are those of the files that belong to them; `version` is that of the extractor."""
    return hashlib.sha256("/".join([digest, format_, str(version), *sidecars]).encode()).hexdigest()


def asset_sources(connection: sqlite3.Connection, roots: Mapping[int, Root], asset_id: int) -> Iterator[Source]:
    """The files that an asset belongs to or will belong to, with kind, format and properties as the catalogue has
    them, in the order in which they were added. Raises `BadRow` for a path or
    sidecars that no file can have."""
    for root_id, path, kind, format_, size, mtime_ns, inode, sidecars, *archive in connection.execute(
        "SELECT f.root_id, f.path, a.kind, a.format, f.size, f.mtime_ns, f.inode, f.sidecars, c.path, c.size,"
        " c.mtime_ns, c.inode FROM files f LEFT JOIN files c ON c.id = f.archive_id AND c.root_id = f.root_id"
        " JOIN assets a ON a.id = ? WHERE f.asset_id = a.id OR f.next_asset_id = a.id ORDER BY f.id",
        (asset_id,),
    ):
        if not is_plain_path(path):
            raise BadRow("a file has a path that none can have")
        root = roots[root_id].path
        absolute = root.rstrip(b"/") + b"/" + path if path else root
        folder = os.path.dirname(absolute)
        try:
            names = [name.encode("utf-8", "surrogateescape") for name, *_ in json.loads(sidecars)]
        except (ValueError, TypeError, AttributeError) as error:
            raise BadRow("a file has sidecars that none can have") from error
        beside = tuple(os.path.join(folder, name) for name in names)
        source = Source(absolute, Kind(kind), format_, (size, mtime_ns, inode), beside)
        if archive[0] is not None:
            if not is_plain_path(archive[0]) or not is_within(path, archive[0]):
                raise BadRow("a file lies in an archive that it can't lie in")
            outer = root.rstrip(b"/") + b"/" + archive[0] if archive[0] else root
            source = replace(source, archive=outer, archive_stat=(archive[1], archive[2], archive[3]))
        yield source
