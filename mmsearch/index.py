"""The index: what the command line, a server and a user's own program call. One class; values in, values out."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mmsearch.archive_paths import outermost
from mmsearch.config import Settings
from mmsearch.errors import FailureCode, IndexUnusable, UsageError
from mmsearch.index_status import FailedFile, FailedFileState, Finding, Holdings, Status
from mmsearch.query import (
    DEFAULT_OPTIONS,
    DEFAULT_QUERY,
    Answer,
    Filter,
    Hit,
    Part,
    Query,
    RunOptions,
    WhyNot,
    file_paths,
)
from mmsearch.run_record import Event
from mmsearch.store.layout import IndexFolder
from mmsearch.types import CopyGroup, Failure, FilePath, KnownText

if TYPE_CHECKING:
    from types import TracebackType

    from mmsearch.retrieval.query_encoding import QueryEncoders
    from mmsearch.store.snapshot import Snapshot


def _never() -> None:
    return None


class Index:
    """An index opened for reading, for one query or thousands: it keeps a snapshot of the catalogue, which is renewed
    when the index has changed, and the loaded query encoders. Several threads may share it: one is served at a time.

    Raises on opening: `NoIndex`, `NewerSchema`, `DamagedIndex`, `UsageError`.
    """

    def __init__(self, folder: FilePath) -> None:
        self.folder = _index_folder(folder)
        self._lock = threading.Lock()
        self._snapshot: Snapshot | None = None
        self._encoders: QueryEncoders | None = None

    @classmethod
    def open(cls, folder: FilePath) -> Index:
        """The index in a folder."""
        from mmsearch.store.catalogue import open_reader

        index = cls(folder)
        open_reader(index.folder).close()
        return index

    @classmethod
    def update(
        cls,
        folder: FilePath,
        targets: FilePath | Sequence[FilePath] | None,
        settings: Settings,
        *,
        listed: bool = False,
        command: str = "index",
        stop: Callable[[], str | None] = _never,
    ) -> Iterator[Event]:
        """Bring an index up to date with the files it covers, and make it where there is none.

        `targets` are paths: folders become roots, files are taken one by one; None refreshes all roots;
        with `listed` every target is a single file. `stop` is asked often: a value of `RunOutcome` from it ends the
        run after the batch under way. Yields events as they happen, last `Finished` with the run's record.

        An index that is not the user's own (see `mmsearch/trust.py`) is data: of its roots only those beside or below
        it are walked, and those that are named here, and of models that do not come with mmsearch none is loaded.

        Raises `LockHeld`, `UsageError`, `ModelMismatch`, `ModelUnavailable`, `IndexUnusable`. Closing the iterator
        early loses nothing that was committed.
        """
        from mmsearch.indexing.run import update

        paths = None if targets is None else file_paths(targets)
        return update(_index_folder(folder).path, paths, settings, listed, command, stop)

    def search(self, query: Query, options: RunOptions = DEFAULT_OPTIONS) -> Answer:
        """The best places for a query; of one that has only a filter, the files that pass it, newest first. Operators
        in the text (`kind:image`) belong to the filter. Raises `UsageError` for a query that searches for nothing, an
        operator whose value is none, a picture that is none, a file that is not there or holds nothing to compare;
        `ModelUnavailable`, `ModelMismatch`; and as on opening where the index has gone or was damaged since."""
        from mmsearch.retrieval.queries.query_operators import with_operators
        from mmsearch.retrieval.query_encoding import QueryEncoders
        from mmsearch.retrieval.search import search

        query = with_operators(query)
        with self._query(query.where) as snapshot:
            if self._encoders is None:
                self._encoders = QueryEncoders(self.folder)
            return search(snapshot, self._encoders, query, options)

    def why_not(self, query: Query, file: FilePath, options: RunOptions = DEFAULT_OPTIONS) -> WhyNot:
        """Why a file is not among the hits of a query, or which hit it is. Raises `UsageError` for a file that is not
        there and that the index does not know, and for a folder; otherwise as `search`."""
        from mmsearch.indexing.absence import why_absent
        from mmsearch.retrieval.queries.query_operators import with_operators
        from mmsearch.retrieval.why_not import filtered, searched, state_notes
        from mmsearch.store.file_state import file_state

        query, path = with_operators(query), os.path.abspath(os.fsencode(file))
        with self._query(Filter()) as snapshot:
            paths = dict.fromkeys((path, os.path.realpath(path)))
            roots = snapshot.roots.values()
            state = next((found for one in paths if (found := file_state(snapshot.connection, roots, one))), None)
            refused = filtered(snapshot, state, query.where) if state is not None else None
        if state is None:
            if not os.path.lexists(path):
                is_member = os.path.isfile(outermost(path))
                hint = "Take in the files of archives: mmsearch index --archives" if is_member else "Check the path."
                raise UsageError(f"There is no file {os.fsdecode(path)!r}, and the index does not know one.", hint)
            if os.path.isdir(path):
                raise UsageError(f"{os.fsdecode(path)!r} is a folder.", "Name a file in it.")
            why = why_absent(roots, path)
            return WhyNot(path, why.code, why.sentence, why.hint, pattern=why.pattern)
        why_not = refused or searched(lambda one: self.search(one, options), state, query)
        return replace(why_not, notes=state_notes(state, why_not))

    def place(self, segment_id: int) -> Hit | None:
        """The place with the id that a hit has as `segment_id`, its whole text as its snippet and no score. None for an
        id that the index lacks. Raises as `search` where the index has gone or was damaged."""
        from mmsearch.retrieval.indexed_places import indexed_place

        with self._query(Filter()) as snapshot:
            return indexed_place(snapshot, segment_id)

    def first_places(self, paths: Sequence[FilePath]) -> list[int | None]:
        """The id of the first place of each file, for `place`; None for a file without content in the index."""
        from mmsearch.retrieval.indexed_places import first_places

        with self._query(Filter()) as snapshot:
            return first_places(snapshot, file_paths(paths))

    def similar(self, target: FilePath, query: Query = DEFAULT_QUERY, options: RunOptions = DEFAULT_OPTIONS) -> Answer:
        """The places most like a file, or like a place in it (`PATH#page=3`, `PATH#t=75`): `query` with it as a `like`.
        The file itself is not among them; one that is not in the index is compared by the words in it. Raises
        `UsageError` for a file that is not there, or that holds nothing to compare, and as `search`."""
        return self.search(replace(query, like=(Part(file=target), *query.like)), options)

    def duplicates(self, within: FilePath | Sequence[FilePath] = (), *, exact: bool = False) -> list[CopyGroup]:
        """The groups of files with the same content: the same bytes, the same picture or pages at other sizes and
        encodings, the same sound or film encoded anew, the same text with other line breaks or letters of another
        charset; with `exact` the same bytes only. `within` are absolute paths: groups with a file there or below."""
        from mmsearch.retrieval.copies.duplicates import groups
        from mmsearch.store.catalogue import translate_sqlite_errors
        from mmsearch.store.snapshot import Snapshot

        with translate_sqlite_errors(self.folder), Snapshot(self.folder) as snapshot:
            return groups(snapshot, file_paths(within), exact)

    def may_open(self, path: FilePath) -> bool:
        """Whether a file that the index names may be opened for the user, who has not named it: any file for an index
        of the user's own, else one that lies beside or below the index."""
        from mmsearch.store.access import may_open
        from mmsearch.store.catalogue import open_reader, translate_sqlite_errors

        with translate_sqlite_errors(self.folder), contextlib.closing(open_reader(self.folder)) as connection:
            return may_open(self.folder, connection, os.fsencode(path))

    def paths(self) -> set[bytes]:
        """The absolute paths of all files that a query could find, by content or by name."""
        from mmsearch.store.catalogue import translate_sqlite_errors
        from mmsearch.store.snapshot import Snapshot

        with translate_sqlite_errors(self.folder), Snapshot(self.folder) as snapshot:
            return snapshot.paths()

    def status(self) -> Status:
        """What the index holds, what is missing, how the last run ended."""
        from mmsearch.retrieval.query_encoding import wrong_encoders
        from mmsearch.store.catalogue import translate_sqlite_errors
        from mmsearch.store.status_report import status

        with translate_sqlite_errors(self.folder):
            found = status(self.folder)
            return replace(found, notes=(*found.notes, *wrong_encoders(self.folder)))

    def holdings(self) -> Holdings:
        """What the index holds, as far as it decides which models are worth their time."""
        from mmsearch.store.status_report import holdings

        with self._query(Filter()) as snapshot:
            return holdings(snapshot)

    def failed(self, notes: bool = False) -> list[FailedFile]:
        """Files that could not be indexed, wholly or in part, by path; with `notes` followed by those of which
        something was left out, once for each note."""
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
    def forget(
        cls,
        folder: FilePath,
        targets: FilePath | Sequence[FilePath],
        settings: Settings,
        *,
        report: Callable[[str], None] | None = None,
    ) -> int:
        """Remove files or whole folders from the index, and leave them out of later runs. Returns the number of files
        removed. `report` gets a sentence for each damaged part of the index that was rebuilt before. Raises
        `UsageError` for a path that the index does not hold, `LockHeld`."""
        from mmsearch.indexing.removal import forget

        paths = [os.path.abspath(path) for path in file_paths(targets)]
        if not paths:
            raise UsageError("Nothing was named to forget.", "mmsearch forget PATH...")
        return forget(_index_folder(folder).path, paths, settings, report)

    @classmethod
    def merge(
        cls,
        folder: FilePath,
        sources: FilePath | Sequence[FilePath],
        settings: Settings,
        *,
        stop: Callable[[], str | None] = _never,
    ) -> Iterator[Event]:
        """Copy what other indexes hold into an index, and make it where there is none. All of them are the user's own,
        and have the same models. Files are joined by their paths, contents by their hashes; of a path that several
        indexes have, the file that changed last stays. Nothing is decoded or embedded. Yields events as `update` does.

        Raises `UsageError` for folders that lie in each other, `ModelMismatch`, `UntrustedIndex`, `UntrustedModel`,
        `LockHeld`, `NoIndex`, `DamagedIndex`. Closing the iterator early loses nothing that was committed."""
        from mmsearch.indexing.merging import merge

        places = [Path(os.fsdecode(path)) for path in file_paths(sources)]
        return merge(_index_folder(folder).path, places, settings, stop)

    @classmethod
    def verify(cls, folder: FilePath, repair: bool = False, deep: bool = False) -> list[Finding]:
        """Check every invariant of the index. `deep` reads all vectors and files; `repair` rebuilds derived data.
        Raises `NoIndex`, `LockHeld` (with `repair`)."""
        from mmsearch.encoding.space_models import checked_libraries
        from mmsearch.retrieval.query_encoding import verified
        from mmsearch.store.catalogue import translate_sqlite_errors
        from mmsearch.store.snapshot import Snapshot
        from mmsearch.store.verify import verify

        place = _index_folder(folder)
        findings = verify(place, repair, deep)
        with contextlib.suppress(IndexUnusable), translate_sqlite_errors(place):  # `findings` hold the damage already
            findings.append(verified(place, repair, deep))
            with Snapshot(place) as snapshot:
                findings.append(checked_libraries(snapshot.spaces()))
        return findings

    def text(self, file: FilePath) -> list[KnownText]:
        """The words that the index holds of a file, by place. Raises `UsageError` for a file that it does not know."""
        from mmsearch.store.catalogue import translate_sqlite_errors
        from mmsearch.store.file_text import asset_of, known_text
        from mmsearch.store.snapshot import Snapshot

        path = os.path.abspath(os.fsencode(file))
        with translate_sqlite_errors(self.folder), Snapshot(self.folder) as snapshot:
            for wanted in (path, os.path.realpath(path)):
                is_known, asset_id = asset_of(snapshot.connection, snapshot.roots.values(), wanted)
                if is_known:
                    return [] if asset_id is None else known_text(snapshot.connection, asset_id)
        raise UsageError(f"The index does not know {os.fsdecode(path)!r}.", "`mmsearch index PATH` takes it in.")

    def doubts(self) -> list[str]:
        """What is wrong with the index, though it can be read: a sentence each, as the notes of an answer say it."""
        from mmsearch.store.catalogue import translate_sqlite_errors
        from mmsearch.store.snapshot import Snapshot

        with translate_sqlite_errors(self.folder), Snapshot(self.folder) as snapshot:
            return list(snapshot.notes)

    def why_no_text(self, file: FilePath) -> str:
        """Why `text` has no words of a file that the index knows, as a clause; empty where there are none in it."""
        from mmsearch.store.catalogue import translate_sqlite_errors
        from mmsearch.store.file_text import why_no_text
        from mmsearch.store.snapshot import Snapshot

        path = os.path.abspath(os.fsencode(file))
        with translate_sqlite_errors(self.folder), Snapshot(self.folder) as snapshot:
            roots, connection = snapshot.roots.values(), snapshot.connection
            return why_no_text(connection, roots, path) or why_no_text(connection, roots, os.path.realpath(path))

    def close(self) -> None:
        """Free the snapshot and the query encoders. A later query opens them again."""
        with self._lock:
            self._drop_snapshot()
            if self._encoders is not None:
                self._encoders.close()

    @contextlib.contextmanager
    def _query(self, where: Filter) -> Iterator[Snapshot]:
        """The snapshot for one query: the kept one, or a new one where the index has changed since."""
        from mmsearch.store.catalogue import translate_sqlite_errors
        from mmsearch.store.snapshot import Snapshot

        with self._lock, translate_sqlite_errors(self.folder):
            try:
                if self._snapshot is None or not self._snapshot.begin(where):
                    self._drop_snapshot()
                    self._snapshot = Snapshot(self.folder, where)
                yield self._snapshot
                self._snapshot.end()
            except BaseException:
                self._drop_snapshot()
                raise

    def _drop_snapshot(self) -> None:
        if self._snapshot is not None:
            self._snapshot.close()
        self._snapshot = None

    def __enter__(self) -> Index:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _index_folder(folder: FilePath) -> IndexFolder:
    """A folder as a caller writes it, absolute. Raises `UsageError` for one that no file system can have."""
    path = os.fsdecode(folder)
    if not path or "\0" in path:
        raise UsageError(f"An index can't be at {path!r}.", "Name a folder.")
    return IndexFolder(Path(os.path.abspath(path)))
