"""The index: what the command line, a server and a user's own program call. One class; values in, values out."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mmsearch.config import Settings
from mmsearch.errors import FailureCode, IndexUnusable, UsageError
from mmsearch.index_status import FailedFile, FailedFileState, Finding, Status
from mmsearch.run_record import Event
from mmsearch.store.layout import IndexFolder
from mmsearch.types import Answer, CopyGroup, Failure, Query

if TYPE_CHECKING:
    from types import TracebackType


def _never() -> None:
    return None


class Index:
    """An index opened for reading. Every query sees one moment of it, also while another process writes.

    Raises on opening: `NoIndex`, `NewerSchema`, `DamagedIndex`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = IndexFolder(folder)

    @classmethod
    def open(cls, folder: Path) -> Index:
        """The index in a folder."""
        from mmsearch.store.catalogue import open_reader

        index = cls(folder)
        open_reader(index.folder).close()
        return index

    @classmethod
    def update(
        cls,
        folder: Path,
        targets: Sequence[bytes] | None,
        settings: Settings,
        *,
        listed: bool = False,
        command: str = "index",
        stop: Callable[[], str | None] = _never,
    ) -> Iterator[Event]:
        """Bring an index up to date with the files it covers, and make it where there is none.

        `targets` are paths, as bytes: folders become roots, files are taken one by one; None refreshes all roots;
        with `listed` every target is a single file. `stop` is asked often: a value of `RunOutcome` from it ends the
        run after the batch under way. Yields events as they happen, last `Finished` with the run's record.

        An index that is not the user's own (see `mmsearch/trust.py`) is data: of its roots only those beside or below
        it are walked, and those that are named here, and no model outside the box is loaded for it.

        Raises `LockHeld`, `UsageError`, `ModelMismatch`, `ModelUnavailable`, `IndexUnusable`. Closing the iterator
        early loses nothing that was committed.
        """
        from mmsearch.indexing.run import update

        return update(folder, targets, settings, listed, command, stop)

    def search(self, query: Query) -> Answer:
        """The best places for a query. Raises `UsageError` for a query that asks nothing, a picture that is none, a
        file that is not there or holds nothing to compare."""
        from mmsearch.retrieval.search import search
        from mmsearch.store.catalogue import translate_sqlite_errors

        with translate_sqlite_errors(self.folder):
            return search(self.folder, query)

    def similar(self, target: bytes, query: Query) -> Answer:
        """The places most like a file, or like a place in it (`PATH#page=3`, `PATH#t=75`): `query` with it as a `like`.
        The file itself is not among them; one that is not in the index is compared by the words in it. Raises
        `UsageError` for a file that is not there, or that holds nothing to compare."""
        from mmsearch.retrieval.search import similar
        from mmsearch.store.catalogue import translate_sqlite_errors

        with translate_sqlite_errors(self.folder):
            return similar(self.folder, target, query)

    def duplicates(self, within: Sequence[bytes] = (), *, exact: bool = False) -> list[CopyGroup]:
        """The groups of files that are the same thing: the same bytes, the same picture or pages at other sizes and
        encodings, the same sound or film encoded anew, the same text with other line breaks or letters of another
        charset; with `exact` the same bytes only. `within` are absolute paths: groups with a file there or below."""
        from mmsearch.retrieval.duplicates import groups
        from mmsearch.store.catalogue import translate_sqlite_errors
        from mmsearch.store.snapshot import Snapshot

        with translate_sqlite_errors(self.folder), Snapshot(self.folder) as snapshot:
            return groups(snapshot, within, exact)

    def paths(self) -> set[bytes]:
        """The absolute paths of all files that a query could find, by content or by name."""
        from mmsearch.store.catalogue import translate_sqlite_errors
        from mmsearch.store.snapshot import Snapshot

        with translate_sqlite_errors(self.folder), Snapshot(self.folder) as snapshot:
            return snapshot.paths()

    def status(self) -> Status:
        """What the index holds, what is missing, how the last run ended."""
        from mmsearch.encoding.encoder_checks import wrong_encoders
        from mmsearch.store.catalogue import translate_sqlite_errors
        from mmsearch.store.status_report import status

        with translate_sqlite_errors(self.folder):
            found = status(self.folder)
            return replace(found, notes=(*found.notes, *wrong_encoders(self.folder)))

    def failed(self, notes: bool = False) -> list[FailedFile]:
        """Files that could not be indexed, wholly or in part, by path; with `notes` then those of which something was
        left out, once for each thing."""
        from mmsearch.store.catalogue import translate_sqlite_errors
        from mmsearch.store.files import failed_files, noted_files
        from mmsearch.store.snapshot import Snapshot

        with translate_sqlite_errors(self.folder), Snapshot(self.folder) as snapshot:
            found = failed_files(snapshot.connection)
            if notes:
                noted = noted_files(snapshot.connection)
                found += [
                    (root, path, FailedFileState.NOTE, FailureCode.NOTE, sentence) for root, path, sentence in noted
                ]
            return [
                FailedFile(snapshot.absolute(root, path), FailedFileState(state), Failure(code, reason))
                for root, path, state, code, reason in found
            ]

    @classmethod
    def forget(cls, folder: Path, targets: Sequence[bytes], settings: Settings) -> int:
        """Take files or whole folders out of the index, and leave them alone from now on; gives how many files went.
        Raises `UsageError` for a path that the index does not hold, `LockHeld`."""
        from mmsearch.indexing.removal import forget

        if not targets:
            raise UsageError("Nothing was named to forget.", "mmsearch forget PATH...")
        return forget(folder, [os.path.abspath(target) for target in targets], settings)

    @classmethod
    def verify(cls, folder: Path, repair: bool = False, deep: bool = False) -> list[Finding]:
        """Hold every promise of the index against what is there. `deep` reads all vectors and files; `repair` makes
        derived things again. Raises `NoIndex`, `LockHeld` (with `repair`)."""
        from mmsearch.encoding.encoder_checks import verified
        from mmsearch.store.catalogue import translate_sqlite_errors
        from mmsearch.store.verify import verify

        place = IndexFolder(folder)
        findings = verify(place, repair, deep)
        with contextlib.suppress(IndexUnusable), translate_sqlite_errors(place):  # a damaged catalogue is told above
            findings.append(verified(place, repair, deep))
        return findings

    def close(self) -> None:
        """Nothing is held between queries; here for symmetry with `open`."""

    def __enter__(self) -> Index:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
