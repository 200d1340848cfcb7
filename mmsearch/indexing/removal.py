"""Removal of files from an index on the user's request, which later runs respect."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from mmsearch.archive_paths import is_within
from mmsearch.config import Settings, require_index
from mmsearch.errors import UsageError
from mmsearch.store.catalogue import transaction
from mmsearch.store.files import known_files, remove_file, remove_orphans
from mmsearch.store.layout import IndexFolder
from mmsearch.store.roots import is_below, remove_root, roots, set_forgotten
from mmsearch.store.writing import writing


def forget(
    folder: Path, targets: Sequence[bytes], settings: Settings, report: Callable[[str], None] | None = None
) -> int:
    """Remove every file at or below the targets, or in an archive among them (absolute paths, which need not exist any
    more). A root that is named is removed; a path within one is stored, so that later walks leave it out. Returns the
    number of files that were removed. `report` gets a sentence for each damaged part of the index that was rebuilt
    before."""
    require_index(folder)
    place = IndexFolder(folder)
    with writing(place, "forget", settings.wait_s) as writer:
        connection = writer.connection
        if report is not None:
            for note in writer.notes:
                report(note)
        with transaction(connection, place):
            removed = 0
            for target in targets:
                count = 0
                for root in roots(connection, place):
                    for path, row in known_files(connection, root.id).items():
                        absolute = os.path.join(root.path, path) if path else root.path
                        if is_below(absolute, target) or is_within(absolute, target):
                            remove_file(connection, row.id)
                            count += 1
                    if is_below(root.path, target):
                        remove_root(connection, root.id)
                        count += not count
                    elif root.walked and is_below(target, root.path):
                        gone = os.path.relpath(target, root.path)
                        set_forgotten(connection, root.id, [*root.forgotten, gone])
                if not count:
                    raise UsageError(
                        f"The index does not hold {os.fsdecode(target)!r}.", "`mmsearch status` lists what it covers."
                    )
                removed += count
            remove_orphans(connection)
        return removed
