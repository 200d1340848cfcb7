"""Inspection of an archive whose files are indexed: a worker process lists them, and the rules of the root apply."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mmsearch.archive_paths import archive_suffix, is_within, member_path
from mmsearch.discovery.ignore import Globs
from mmsearch.discovery.walk import Entry
from mmsearch.errors import ExtractionError, FailureCode
from mmsearch.extraction.archives import listing
from mmsearch.extraction.archives.listing import ListedMember
from mmsearch.extraction.pool import WorkerPool
from mmsearch.store.files import FileRow
from mmsearch.store.roots import is_below
from mmsearch.types import Failure, FileRules

UNREAD = frozenset({FailureCode.VANISHED, FailureCode.PERMISSION})  # the archive was not opened at all


@dataclass(frozen=True, slots=True, eq=False)
class WantedArchive:
    """How to take the files of an archive: the rules of its root, what was forgotten there, and the rows of the files
    that the catalogue has of it, by path."""

    rules: FileRules
    forgotten: Sequence[bytes]
    known: Mapping[bytes, FileRow]


@dataclass(slots=True, eq=False)
class ArchiveContents:
    """The files of an archive that the rules let in, how many are left out, by reason, and names that lead out of the
    archive, with the paths that their files got instead."""

    members: list[ListedMember] = field(default_factory=list)
    excluded: Counter[str] = field(default_factory=Counter)
    renamed: list[tuple[bytes, bytes]] = field(default_factory=list)
    failure: Failure | None = None


class ArchiveInspector:
    """Lists archives in a worker process, which is started for the first one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pool: WorkerPool | None = None
        self._closed = False

    def contents(
        self, path: bytes, stat: tuple[int, int, int], shown: bytes, wanted: WantedArchive, over: threading.Event
    ) -> ArchiveContents:
        """The files of the archive at an absolute path; `shown` is its path within its root. Never raises for a bad
        archive. When `over` is set it returns early, and the result is not used."""
        result = ArchiveContents()
        globs = Globs.of(wanted.rules.include, wanted.rules.exclude)
        if os.path.lexists(path + b"!"):
            name = os.fsdecode(os.path.basename(path))
            sentence = f"{name}! lies beside it, and the paths of its files would be in there."
            result.failure = Failure(FailureCode.DECODE_ERROR, sentence)
            return result
        start, more = 0, True
        try:
            while more and not over.is_set():
                future = self._started().submit(listing.request(path, stat, start))
                reply, _ = future.result()
                members, more, result.failure = listing.parse_reply(reply)
                start += len(members)
                for member in members:
                    _take(result, member, shown, wanted, globs)
        except ExtractionError as error:
            result.failure = Failure(error.code, error.sentence)
        return result

    def close(self) -> None:
        """End the worker."""
        with self._lock:
            self._closed = True
            if self._pool is not None:
                self._pool.close()

    def _started(self) -> WorkerPool:
        with self._lock:
            if self._pool is None and not self._closed:
                self._pool = WorkerPool(listing.ARCHIVES, 1)
            if self._pool is None:
                raise ExtractionError(FailureCode.VANISHED, "The run has ended.")
            return self._pool


def _take(result: ArchiveContents, member: ListedMember, shown: bytes, wanted: WantedArchive, globs: Globs) -> None:
    reason = member.left_out or left_out(member.path, shown, wanted, globs)
    if reason:
        result.excluded[reason] += 1
        return
    if member.original:
        result.renamed.append((member.original, member_path(shown, member.path)))
    result.members.append(member)


def left_out(name: bytes, archive: bytes, wanted: WantedArchive, globs: Globs) -> str:
    """Why a file of an archive is not taken; empty where it is."""
    path = member_path(archive, name)
    if not wanted.rules.hidden and any(part.startswith(b".") for part in name.split(b"/")):
        return "hidden"
    if any(is_below(path, place) or is_within(path, place) for place in wanted.forgotten):
        return "forgotten"
    return "excluded" if globs.leaves_out(path) else ""


def rules_hash(wanted: WantedArchive, archive: bytes) -> str:
    """A hash of all that decides which files of an archive are taken."""
    rules = wanted.rules
    forgotten = sorted(place.hex() for place in wanted.forgotten if place.startswith(archive + b"!"))
    facts = [rules.include, rules.exclude, rules.hidden, rules.max_bytes, forgotten]
    return hashlib.sha256(json.dumps(facts).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def is_opened(entry: Entry, row: FileRow | None, wanted: FileRules, keep: bool) -> bool:
    """Whether the files of an entry are indexed: it is an archive, and the rules say so, or with `keep`, for a file
    that was named, the catalogue has files of it."""
    if not archive_suffix(entry.path) or entry.owner:
        return False
    if wanted.max_bytes is not None and entry.size > wanted.max_bytes:
        return False
    return wanted.archives or (keep and row is not None and row.members is not None)
