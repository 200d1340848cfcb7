"""Which of the files that a catalogue names may be opened for it, without the user having named them."""

from __future__ import annotations

import os
import sqlite3

from mmsearch.store.layout import IndexFolder
from mmsearch.store.meta import is_own
from mmsearch.store.roots import is_below


def folder_beside(folder: IndexFolder) -> bytes:
    """The real path of the folder that an index folder lies in: what came with an index lies there or below."""
    return os.path.realpath(os.fsencode(folder.path.absolute().parent))


def may_open(folder: IndexFolder, connection: sqlite3.Connection, path: bytes) -> bool:
    """Whether a file that the catalogue names may be opened: for an index of the user's own every file, for another one
    what lies, with links followed, at or below `folder_beside`."""
    return is_own(folder, connection) or is_below(os.path.realpath(path), folder_beside(folder))
