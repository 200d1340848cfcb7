"""The files of archives as entries of a run: those that a listing has found, and those that the catalogue has."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping

from mmsearch.archive_paths import SEPARATOR, member_path
from mmsearch.config import Settings
from mmsearch.discovery.walk import Entry
from mmsearch.errors import FailureCode
from mmsearch.extraction.archives.listing import ListedMember
from mmsearch.indexing.archive_inspection import ArchiveContents, WantedArchive, rules_hash
from mmsearch.office_formats import OLD_FORMATS, is_recognized_since
from mmsearch.run_record import Remark
from mmsearch.sniff import extension
from mmsearch.store.files import ArchiveFacts, FileRow
from mmsearch.types import extractor_version

ARCHIVE = "It is an archive: its files are indexed one by one."
SHOWN = 3  # names in a remark


def member_entry(archive: Entry, member: ListedMember) -> Entry:
    """A file that was found in an archive."""
    mtime_ns = archive.mtime_ns if member.mtime_ns is None else member.mtime_ns
    return _entry(archive, member_path(archive.path, member.path), member.size, mtime_ns)


def known_entry(archive: Entry, path: bytes, row: FileRow) -> Entry:
    """A file of an archive as the catalogue has it."""
    return _entry(archive, path, row.size, row.mtime_ns)


def _entry(archive: Entry, path: bytes, size: int, mtime_ns: int) -> Entry:
    return Entry(path, size, mtime_ns, 0, archive.ctime_ns, archive=archive[:4])


def by_archive(known: Mapping[bytes, FileRow]) -> tuple[dict[bytes, FileRow], dict[int, dict[bytes, FileRow]]]:
    """The files on disk of those that the catalogue has, and by the row of their archive those in archives."""
    on_disk: dict[bytes, FileRow] = {}
    members: dict[int, dict[bytes, FileRow]] = {}
    for path, row in known.items():
        if row.archive is None:
            on_disk[path] = row
        else:
            members.setdefault(row.archive, {})[path] = row
    return on_disk, members


def is_to_be_listed(entry: Entry, row: FileRow | None, wanted: WantedArchive, settings: Settings) -> bool:
    """Whether an archive whose stat is as it was is read again all the same: by other rules, or for files in it."""
    if row is None or row.members is None or settings.recheck:
        return True
    if ArchiveFacts.load(row.members).rules != rules_hash(wanted, entry.path):
        return True
    failed = [row.code, *(one.code for one in wanted.known.values())]
    if settings.retry_failed and any(code not in (None, FailureCode.SKIPPED) for code in failed):
        return True
    return any(
        is_recognized_since(one.format or "", extension(path)) or (settings.refresh and is_stale(one))
        for path, one in wanted.known.items()
    )


def is_stale(row: FileRow) -> bool:
    """Whether an older version of the extractor has read a file's asset."""
    return row.extractor is not None and row.extractor < extractor_version(row.kind or "", row.format or "")


def skipped_reason(row: FileRow) -> str:
    """Why a file of an archive is known by its name only; empty where its extension says it."""
    if row.code != FailureCode.SKIPPED:
        return ""
    if row.format in OLD_FORMATS:
        return OLD_FORMATS[row.format][0]
    return "archive" if row.format == "archive" else "larger than --max-size"


def renamed_remarks(path: bytes, contents: ArchiveContents) -> Iterator[Remark]:
    """A remark about the names of an archive that lead out of it."""
    if contents.renamed:
        shown = ", ".join(_shown(pair) for pair in contents.renamed[:SHOWN])
        more = f" and {len(contents.renamed) - SHOWN:,} more" if len(contents.renamed) > SHOWN else ""
        yield Remark(f"{os.fsdecode(path)} has names that lead out of it, which its files do not get: {shown}{more}.")


def _shown(pair: tuple[bytes, bytes]) -> str:
    return f"{os.fsdecode(pair[0])!r} is {os.fsdecode(pair[1].rpartition(SEPARATOR)[2])!r}"


def archives_of(paths: Iterable[bytes], known: Mapping[bytes, FileRow]) -> dict[bytes, FileRow]:
    """The rows of some files, with those of the files in them where they are archives."""
    named = {path: known[path] for path in paths if path in known}
    ids = {row.id for row in named.values() if row.members is not None}
    return named | {path: row for path, row in known.items() if row.archive in ids} if ids else named
