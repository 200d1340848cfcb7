"""Inspection of a file that is new or has changed: its format, and the hash that names its asset."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from io import FileIO

from mmsearch.discovery.walk import Entry
from mmsearch.errors import FailureCode
from mmsearch.extraction.archives.listing import ListedMember
from mmsearch.filestat import open_regular, stat_values
from mmsearch.indexing.archive_inspection import ArchiveContents, ArchiveInspector, WantedArchive
from mmsearch.office_formats import OLD_FORMATS
from mmsearch.sniff import HEAD_BYTES, sniff
from mmsearch.store.asset_sources import asset_key
from mmsearch.store.files import FileRow
from mmsearch.store.roots import Root
from mmsearch.types import Failure, Kind, extractor_version

_THREADS = 2  # hashing releases the interpreter lock; more threads only make a disk seek
_AHEAD = 64
_BLOCK = 1 << 20
_HOLLOW_BYTES = 1 << 30


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file to inspect. `row` is its row of the catalogue, if any; a file larger than `max_bytes` is not read. Of an
    archive whose files are indexed, `archive` says how."""

    root: Root
    entry: Entry
    row: FileRow | None
    max_bytes: int | None = None
    archive: WantedArchive | None = None


@dataclass(frozen=True, slots=True)
class Inspection:
    """The result of an inspection. `key` is None where there is nothing to extract; `failure` is the reason why the
    file could not be read, or with code `skipped` why it is left out. Of an archive `contents` are its files."""

    wanted: Wanted
    kind: Kind | None
    format: str
    key: str | None
    failure: Failure | None = None
    contents: ArchiveContents | None = None


class Inspector:
    """Inspects files in a few threads, a bounded number ahead of the caller who takes the results."""

    def __init__(self, wanted: Iterator[Wanted]) -> None:
        self._wanted = wanted
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="inspect")
        self._flying: list[Future[Inspection]] = []
        self._over = threading.Event()
        self._archives = ArchiveInspector()
        self.ended = False
        self._fill()

    def _fill(self) -> None:
        while len(self._flying) < _AHEAD:
            wanted = next(self._wanted, None)
            if wanted is None:
                break
            if wanted.archive is None:
                self._flying.append(self._pool.submit(inspect, wanted, self._over))
            else:
                self._flying.append(self._pool.submit(self._listed, wanted, wanted.archive))
        self.ended = not self._flying

    def _listed(self, wanted: Wanted, archive: WantedArchive) -> Inspection:
        """An archive with its files."""
        entry = wanted.entry
        path, stat = os.path.join(wanted.root.path, entry.path), (entry.size, entry.mtime_ns, entry.inode)
        contents = self._archives.contents(path, stat, entry.path, archive, self._over)
        return Inspection(wanted, None, "archive", None, contents.failure, contents)

    def ready(self, wait_s: float) -> list[Inspection]:
        """The inspections that are finished, in any order: a huge file does not delay the small ones after it. Waits at
        most `wait_s` seconds for the first one."""
        finished, flying = wait(self._flying, timeout=wait_s, return_when=FIRST_COMPLETED)
        found = [future.result() for future in self._flying if future in finished]  # in their order
        self._flying = [future for future in self._flying if future in flying]
        self._fill()
        return found

    def close(self) -> None:
        """Stop, also in the middle of a large file; files that wait are not inspected."""
        self._over.set()
        self._archives.close()
        self._pool.shutdown(wait=False, cancel_futures=True)


def inspect(wanted: Wanted, over: threading.Event) -> Inspection:
    """Sniff a file and, where it is of a kind that is indexed, hash it and its sidecars. Never raises for a bad file.
    When `over` is set it returns early, and the result is not used."""
    entry = wanted.entry
    path = os.path.join(wanted.root.path, entry.path)
    if entry.owner:
        owner = entry.owner.decode("utf-8", "replace")
        return Inspection(
            wanted,
            None,
            "sidecar",
            None,
            Failure(FailureCode.SKIPPED, f"It belongs to {owner} and is searched with it."),
        )
    if wanted.max_bytes is not None and entry.size > wanted.max_bytes:
        return Inspection(
            wanted, None, "too-large", None, Failure(FailureCode.SKIPPED, "It is larger than --max-size.")
        )
    try:
        with _opened(path) as file:
            head = file.read(HEAD_BYTES)
            kind, format_ = sniff(head, os.path.basename(entry.path))
            if format_ in OLD_FORMATS:
                return Inspection(wanted, None, format_, None, Failure(FailureCode.SKIPPED, OLD_FORMATS[format_][1]))
            if kind is None:
                return Inspection(wanted, None, format_, None)
            if _is_hollow(os.fstat(file.fileno())):
                hollow = Failure(FailureCode.SKIPPED, "It is a sparse file: nearly all of it is a hole.")
                return Inspection(wanted, None, "sparse", None, hollow)
            digest = _digest(file, head, over)
            facts = os.fstat(file.fileno())
    except OSError as error:
        return _unreadable(wanted, error)
    if stat_values(facts)[:2] != (entry.size, entry.mtime_ns):
        return Inspection(
            wanted,
            kind,
            format_,
            None,
            Failure(FailureCode.VANISHED, "It changed while it was read; the next run takes it up."),
        )
    return Inspection(wanted, kind, format_, _key(digest, kind, format_, wanted, over))


def member_inspection(member: ListedMember, wanted: Wanted) -> Inspection:
    """The inspection of a file in an archive, which the listing of the archive has read."""
    if member.is_archive:
        failure = member.failure or Failure(FailureCode.SKIPPED, "It is an archive: its files are indexed one by one.")
        return Inspection(wanted, None, "archive", None, failure)
    if member.failure is not None:
        return Inspection(wanted, member.kind, member.format, None, member.failure)
    if wanted.max_bytes is not None and member.size > wanted.max_bytes:
        return Inspection(
            wanted, None, "too-large", None, Failure(FailureCode.SKIPPED, "It is larger than --max-size.")
        )
    if member.format in OLD_FORMATS:
        sentence = OLD_FORMATS[member.format][1]
        return Inspection(wanted, None, member.format, None, Failure(FailureCode.SKIPPED, sentence))
    if member.kind is None or not member.digest:
        return Inspection(wanted, None, member.format, None)
    key = asset_key(member.digest, member.format, extractor_version(member.kind, member.format))
    return Inspection(wanted, member.kind, member.format, key)


def _digest(file: FileIO, head: bytes, over: threading.Event) -> str:
    """SHA-256 of what was read of a file and of its rest, in hex."""
    digest = hashlib.sha256(head)
    while not over.is_set() and (block := file.read(_BLOCK)):
        digest.update(block)
    return digest.hexdigest()


def _is_hollow(facts: os.stat_result) -> bool:
    """Whether a file is sparse: it has gigabytes in name and next to none on disk, as an unfinished or a malicious
    download has. Reading the zeros of a terabyte would take an hour."""
    return facts.st_size > _HOLLOW_BYTES and facts.st_blocks * 512 < facts.st_size // 100


def _opened(path: bytes) -> FileIO:
    """A regular file, for reading; raises `OSError` for a link or a special file that has taken its place."""
    return FileIO(open_regular(path))


def _key(digest: str, kind: Kind, format_: str, wanted: Wanted, over: threading.Event) -> str:
    """The asset's key: everything that decides what extraction yields."""
    folder = os.path.dirname(os.path.join(wanted.root.path, wanted.entry.path))
    sidecars = []
    for name, _, _ in wanted.entry.sidecars:
        try:
            with _opened(os.path.join(folder, name)) as file:
                sidecars.append(_digest(file, b"", over))
        except OSError:
            sidecars.append("unreadable")
    return asset_key(digest, format_, extractor_version(kind, format_), sidecars)


def _unreadable(wanted: Wanted, error: OSError) -> Inspection:
    if isinstance(error, PermissionError):
        failure = Failure(FailureCode.PERMISSION, "No permission to read it.")
    elif isinstance(error, FileNotFoundError):
        failure = Failure(FailureCode.VANISHED, "It went away during the run.")
    else:
        failure = Failure(FailureCode.VANISHED, f"It can't be read: {error.strerror or type(error).__name__}.")
    return Inspection(wanted, None, "unreadable", None, failure)
