"""Which folders of an index are watched."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from mmsearch.store.catalogue import open_reader, translate_sqlite_errors
from mmsearch.store.layout import IndexFolder
from mmsearch.store.roots import is_below, roots


def watched_folders(index: Path, named: Sequence[bytes] = ()) -> Mapping[bytes, bool]:
    """The folders of an index that a run walks, of these the `named` ones where any are, and whether hidden entries in
    them count. Files that were named one by one are looked at by the runs alone. Raises `IndexUnusable`."""
    folder = IndexFolder(index)
    with translate_sqlite_errors(folder), contextlib.closing(open_reader(folder)) as connection:
        walked = {root.path: root.rules.hidden for root in roots(connection, folder) if root.walked}
    if not named:
        return walked
    wanted = [os.path.realpath(path) for path in named]
    return {
        path: next((hidden for root, hidden in walked.items() if is_below(path, root)), False)
        for path in dict.fromkeys(wanted)
    }
