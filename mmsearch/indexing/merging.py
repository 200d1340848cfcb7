"""Joining indexes of the same models into one: what several machines, or several folders, have indexed apart.

A merge is a run of the target index. It takes a bounded number of files in each transaction, so a merge that is killed
has lost nothing: the same command goes on, and finds what it has copied already.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from mmsearch import trust
from mmsearch.config import Settings
from mmsearch.encoding import grants as granting
from mmsearch.encoding.space_models import differs
from mmsearch.errors import ModelMismatch, UntrustedIndex, UsageError
from mmsearch.indexing.finalize import build_ann
from mmsearch.indexing.model_selection import open_models
from mmsearch.indexing.tally import Tally, total
from mmsearch.run_record import Event, Finished, Progress, Remark, RunOutcome, RunRecord
from mmsearch.store import transcripts
from mmsearch.store.catalogue import transaction, translate_sqlite_errors
from mmsearch.store.files import remove_orphans
from mmsearch.store.layout import IndexFolder
from mmsearch.store.merged_files import CatalogueFile, FileMerge, MergedAs, catalogue_files
from mmsearch.store.meta import ensure_id, index_id
from mmsearch.store.roots import (
    Root,
    add_root,
    guarded,
    is_below,
    mounts,
    roots,
    set_forgotten,
    set_guarded,
    set_mounts,
    set_rules,
)
from mmsearch.store.runs import begin_run, end_run
from mmsearch.store.segments import refresh_background
from mmsearch.store.snapshot import Snapshot
from mmsearch.store.spaces import BUILDING, SpaceRow, add_space, spaces
from mmsearch.store.writing import writing

StopAsked = Callable[[], str | None]


def merge(folder: Path, sources: Sequence[Path], settings: Settings, stop: StopAsked) -> Iterator[Event]:
    """Copy what the indexes in `sources` hold into the index in `folder`, which is made where there is none. Yields
    events, last a `Finished`. See `Index.merge`."""
    place = IndexFolder(folder)
    places = _distinct(place, sources)
    with contextlib.ExitStack() as held:
        snapshots = [held.enter_context(Snapshot(one)) for one in places]
        for snapshot in snapshots:
            _check_own(snapshot.folder, snapshot.connection)
        _check_models(snapshots)
        fresh = not place.exists()
        place.create()
        writer = held.enter_context(writing(place, "merge", settings.wait_s))
        held.enter_context(translate_sqlite_errors(place))
        fresh = fresh or _holds_nothing(writer.connection)  # the first merge was killed before it had begun
        run = _Merge(place, writer.connection, snapshots, stop)
        try:
            yield from (Remark(note) for note in writer.notes)
            yield from run.events(settings, fresh)
        finally:
            if fresh and not run.number:  # for example for other models: no empty index is left
                writer.connection.close()
                place.remove_catalogue()


@dataclass(slots=True)
class _Merge:
    """The state of one merge."""

    folder: IndexFolder
    connection: sqlite3.Connection
    sources: Sequence[Snapshot]
    stop: StopAsked
    tally: Tally = field(default_factory=Tally)
    outcome: RunOutcome = RunOutcome.DONE
    notes: list[str] = field(default_factory=list)
    number: int = 0  # of the run in the catalogue; 0 until it has begun
    total: int = 0  # files of all sources

    def events(self, settings: Settings, fresh: bool) -> Iterator[Event]:
        """The whole merge."""
        if not fresh:
            _check_own(self.folder, self.connection)
        _check_roots(
            [*roots(self.connection, self.folder), *(root for one in self.sources for root in one.roots.values())]
        )
        began = time.monotonic()
        named = self._prepare(fresh)
        self.total = sum(one.connection.execute("SELECT count(*) FROM files").fetchone()[0] for one in self.sources)
        try:
            for snapshot in self.sources:
                yield from self._take(snapshot, named)
            yield from self._settle(settings)
        except BaseException:
            self.outcome = RunOutcome.BROKEN_OFF
            raise
        finally:
            record = self._record(time.monotonic() - began)
            with transaction(self.connection, self.folder):
                end_run(self.connection, self.number, record)
        yield Finished(record)

    def _prepare(self, fresh: bool) -> dict[int, dict[int, int]]:
        """Begin the run, and make the spaces of a new index. Returns the id here of each space, by the number of the
        source and the id there."""
        rows = spaces(self.sources[0].connection)
        grants = granting.grants_of(self.sources[0].folder, self.sources[0].connection, rows)
        with transaction(self.connection, self.folder):
            if spaces(self.connection, BUILDING):
                raise UsageError(
                    f"The index {self.folder.path} is being rebuilt.", "Let `mmsearch index` finish that, then merge."
                )
            there = spaces(self.connection)
            if there:
                _compare(self.folder, there, self.sources[0].folder, rows)
            else:
                for row in rows:
                    recorded = {name: value for name, value in row.recorded.items() if name not in ("behind", "state")}
                    add_space(self.connection, row.name, row.fingerprint, recorded, row.dimension, row.views)
                transcripts.set_off(self.connection, all(transcripts.is_off(one.connection) for one in self.sources))
            number = ensure_id(self.connection)
            if fresh:  # before the spaces are committed, as a run does
                trust.register(self.folder.path, number)
            for grant in grants.values():
                trust.allow_model(self.folder.path, number, grant)
            for one in self.sources:
                for root in one.roots.values():
                    self._add_root(root, one)
            self.number = begin_run(self.connection, "merge")
        here = {row.name: row.id for row in spaces(self.connection)}
        return {at: {row.id: here[row.name] for row in spaces(one.connection)} for at, one in enumerate(self.sources)}

    def _take(self, snapshot: Snapshot, named: dict[int, dict[int, int]]) -> Iterator[Event]:
        """Copy the files of one source, some in each transaction."""
        at = next(number for number, one in enumerate(self.sources) if one is snapshot)
        yield from (Remark(f"{snapshot.folder.path}: {doubt}") for doubt in snapshot.doubts)
        into = FileMerge(snapshot.connection, self.connection, named[at], {})
        places = {root.path: root for root in roots(self.connection, self.folder)}
        for root in snapshot.roots.values():
            for some in catalogue_files(snapshot.connection, root.id):
                if (reason := self.stop()) is not None:
                    self.outcome = RunOutcome(reason)
                    return
                with transaction(self.connection, self.folder):
                    for file in some:
                        self._take_file(into, *_placed(places, root, file))
                    self._refresh()
                yield Progress(
                    planned=True,
                    seen=self.tally.seen,
                    done=self.tally.seen,
                    total=self.total,
                    done_bytes=0,
                    total_bytes=0,
                    failed=0,
                    segments=into.segments,
                    embeddings=into.embeddings,
                )
        self.tally.add("segments", number=into.segments)
        self.tally.add("embeddings", number=into.embeddings)

    def _take_file(self, into: FileMerge, root_id: int, file: CatalogueFile) -> None:
        self.tally.seen += 1
        outcome = into.take(root_id, file)
        if outcome is MergedAs.KNOWN:
            self.tally.unchanged += 1
        elif outcome is MergedAs.SKIPPED:
            suffix = os.path.splitext(file.facts.path)[1].decode("utf-8", "replace").lower()
            self.tally.add(outcome, suffix or "no extension")
        elif outcome is not MergedAs.PENDING:
            self.tally.add(outcome, file.code if outcome is MergedAs.FAILED else "")

    def _add_root(self, root: Root, snapshot: Snapshot) -> None:
        """Add a root of a source to the target, with what the source remembers of it. The share of a shard is not
        remembered: the next run takes what no shard held."""
        there = next((one for one in roots(self.connection, self.folder) if one.path == root.path), None)
        rules = replace(root.rules, shard=None)
        if there is None:
            there = add_root(self.connection, self.folder, root.path, root.walked, root.device)
            set_rules(self.connection, there.id, rules)
            set_mounts(self.connection, there.id, mounts(snapshot.connection, root))
        elif there.rules != rules:
            path = os.fsdecode(root.path)
            self.notes.append(f"{path} has other rules in {snapshot.folder.path}: those of the first index stay.")
        set_forgotten(self.connection, there.id, [*there.forgotten, *root.forgotten])
        missed = guarded(self.connection, there.id) | guarded(snapshot.connection, root.id)
        set_guarded(self.connection, there.id, missed)

    def _settle(self, settings: Settings) -> Iterator[Event]:
        """Make what is derived: background samples and FAISS files; then say what is missing."""
        with transaction(self.connection, self.folder):
            remove_orphans(self.connection)  # contents of files of which a newer state was taken
            self._refresh()
        if self.outcome is RunOutcome.DONE:
            models = open_models(self.folder, self.connection, settings, True)
            build_ann(self.connection, self.folder, models)
            yield from models.remarks()
            self.notes += _absent_shards(self.sources)
        yield from (Remark(note) for note in self.notes)

    def _refresh(self) -> None:
        for row in spaces(self.connection):
            for view in row.views:
                refresh_background(self.connection, row.id, view)

    def _record(self, seconds: float) -> RunRecord:
        record = total([self.tally])
        record.outcome, record.notes, record.seconds = self.outcome, self.notes, seconds
        record.pending = max(record.seen - record.accounted(), 0)
        return record


def _distinct(target: IndexFolder, sources: Sequence[Path]) -> list[IndexFolder]:
    """The folders to read. Raises `UsageError` for the target among them, and for one that is named twice."""
    found: dict[str, IndexFolder] = {}
    own = os.path.realpath(target.path)
    for source in sources:
        real = os.path.realpath(source)
        if real == own:
            raise UsageError(f"{source} is the index to merge into.", "Leave it out: what it holds stays.")
        if real in found:
            raise UsageError(f"{source} is named twice.", "Leave it out once.")
        found[real] = IndexFolder(source)
    if not found:
        raise UsageError("No index was named to merge.", "mmsearch merge INDEX... --into DIR")
    return list(found.values())


def _check_own(folder: IndexFolder, connection: sqlite3.Connection) -> None:
    """Raise `UntrustedIndex` for an index that is not the user's own: merged, its rows would count as that."""
    if not trust.standing(folder.path, index_id(connection)).is_own:
        raise UntrustedIndex(
            f"The index {folder.path} was not made here by your mmsearch, so it is not merged.",
            f"If you know where it is from, adopt it: mmsearch trust {shlex.quote(str(folder.path))}",
        )


def _holds_nothing(connection: sqlite3.Connection) -> bool:
    tables = ("roots", "files", "assets", "spaces", "runs")
    return not any(connection.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone() for table in tables)


def _check_models(snapshots: Sequence[Snapshot]) -> None:
    first = snapshots[0]
    for other in snapshots[1:]:
        _compare(first.folder, spaces(first.connection), other.folder, spaces(other.connection))


def _compare(one: IndexFolder, rows: Sequence[SpaceRow], other: IndexFolder, others: Sequence[SpaceRow]) -> None:
    """Raise `ModelMismatch` unless two indexes have the same spaces, made by the same models."""
    hint = "Index the files of one of them again with the models of the other: --model"
    names, there = {row.name: row for row in rows}, {row.name: row for row in others}
    if names.keys() != there.keys():
        raise ModelMismatch(
            f"{one.path} has the models {', '.join(sorted(names))}, {other.path} has {', '.join(sorted(there))}.", hint
        )
    for name, row in names.items():
        what = differs(row.fingerprint, there[name].fingerprint)
        if not what and (row.dimension, sorted(row.views)) != (there[name].dimension, sorted(there[name].views)):
            what = "the views"
        if what:
            raise ModelMismatch(
                f"{granting.shown_name(row)} is another one in {other.path} than in {one.path} (different: {what}).",
                hint,
            )


def _check_roots(found: Sequence[Root]) -> None:
    """Raise `UsageError` for a folder that one index walks as a root and another within a root."""
    walked = sorted({root.path for root in found if root.walked})
    for inner in walked:
        outer = next((one for one in walked if one != inner and is_below(inner, one)), None)
        if outer is not None:
            raise UsageError(
                f"One index covers {os.fsdecode(outer)!r}, and another one {os.fsdecode(inner)!r} in it.",
                "Index the same folder in each: mmsearch index --shard 1/2 FOLDER",
            )


def _placed(places: Mapping[bytes, Root], root: Root, file: CatalogueFile) -> tuple[int, CatalogueFile]:
    """The id of the root in the target to which a file belongs, and the file as it is there. A file that one index has
    by its own name may lie in a folder that another one walks."""
    if not root.walked:
        path = os.path.join(root.path, file.facts.path)
        outer = next((one for one in places.values() if one.walked and is_below(path, one.path)), None)
        if outer is not None:
            return outer.id, replace(file, facts=replace(file.facts, path=os.path.relpath(path, outer.path)))
    return places[root.path].id, file


def _absent_shards(sources: Sequence[Snapshot]) -> list[str]:
    """A sentence for each root of which shards are missing."""
    there: dict[tuple[bytes, int], set[int]] = {}
    for snapshot in sources:
        for root in snapshot.roots.values():
            if root.rules.shard is not None:
                number, count = root.rules.shard
                there.setdefault((root.path, count), set()).add(number)
    said = []
    for (path, count), numbers in there.items():
        absent = [number for number in range(1, count + 1) if number not in numbers]
        if absent:
            shown = ", ".join(map(str, absent[:8])) + (" and more" if len(absent) > 8 else "")
            said.append(
                f"Of {os.fsdecode(path)} the shards {shown} of {count} are missing: the next `mmsearch index` takes in"
                " their files."
            )
    return said
