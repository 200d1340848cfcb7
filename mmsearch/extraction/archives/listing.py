"""Listing an archive in a worker process: of each file its path, kind, format and hash, some hundreds at a time.

The main process asks again with the number of files that it has, until there are no more; the worker goes on where it
stopped, or from the beginning where it is another worker.
"""

from __future__ import annotations

import hashlib
import itertools
import time
from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple

from mmsearch.archive_paths import is_plain_name, leads_out
from mmsearch.errors import ExtractionError, FailureCode
from mmsearch.extraction.archives.archive_member import ArchiveMember, UnpackBudget
from mmsearch.extraction.archives.walking import MEMBER_BYTES, too_large, walked
from mmsearch.extraction.forkserver import WorkerKind
from mmsearch.extraction.planned_file import open_planned
from mmsearch.extraction.serialization import dump_failure, load_failure
from mmsearch.extraction.task_loop import failure_of
from mmsearch.extraction.wire import Message, WireError
from mmsearch.sniff import HEAD_BYTES, sniff
from mmsearch.types import Failure, Kind

ARCHIVES = WorkerKind(
    "archives",
    "mmsearch.extraction.archives.listing:handle",
    preload=("mmsearch.sniff", "mmsearch.extraction.archives.walking"),
    timeout_s=180,
    memory_bytes=2 << 30,
)
AT_ONCE, AT_ONCE_S = 500, 10.0  # files and seconds of one reply


class ListedMember(NamedTuple):
    """A file in an archive. `path` is that within it, `digest` the SHA-256 of the bytes in hex, empty for one of no
    kind that is indexed. `left_out` says what it is where it is no file, `failure` why it can't be read. `original` is
    its name in the archive where that leads out of it, else empty."""

    path: bytes
    size: int
    mtime_ns: int | None
    kind: Kind | None
    format: str
    digest: str
    left_out: str = ""
    failure: Failure | None = None
    is_archive: bool = False
    original: bytes = b""


class ListingReply(NamedTuple):
    """Some files of an archive, whether there are more, and why it can't be read to its end."""

    members: list[ListedMember]
    more: bool
    failure: Failure | None


Key = tuple[bytes, tuple[int, int, int]]
_walks: dict[Key, tuple[BinaryIO, Iterator[ArchiveMember], int]] = {}  # at most one, with the number of files given


def request(path: bytes, stat: tuple[int, int, int], start: int) -> dict[str, Any]:
    """The request for the files of an archive from number `start` on."""
    return {"path": path.hex(), "stat": list(stat), "start": start}


def handle(asked: dict[str, Any], arrays: list[Any]) -> Message:
    """Run a request in a worker."""
    size, mtime_ns, inode = asked["stat"]
    key, start = (bytes.fromhex(asked["path"]), (size, mtime_ns, inode)), asked["start"]
    file, walk, place = _walks.pop(key, None) or (None, iter(()), -1)
    if file is None or place != start:
        for other in (file, *(one[0] for one in _walks.values())):
            if other is not None:
                other.close()
        _walks.clear()
        file = open_planned(*key)
        walk = walked(file, key[0], UnpackBudget(size))
        next(itertools.islice(walk, start - 1, start), None) if start else None
    found: list[ListedMember] = []
    until, more, failure = time.monotonic() + AT_ONCE_S, True, None
    try:
        while more and len(found) < AT_ONCE and time.monotonic() < until:
            member = next(walk, None)
            more = member is not None
            found += [_listed(member)] if member is not None else []
    except Exception as error:
        more, failure = False, failure_of(error)
    if more:
        _walks[key] = (file, walk, start + len(found))
    else:
        file.close()
    return {"members": [_dump(one) for one in found], "more": more, "failure": dump_failure(failure)}, []


def _listed(member: ArchiveMember) -> ListedMember:
    """A member, read to its end where it is of a kind that is indexed. Raises what ends the whole archive."""
    original = member.name if leads_out(member.name) else b""
    result = ListedMember(
        member.path, member.size, member.mtime_ns, None, "", "", member.left_out, member.failure, member.is_archive
    )._replace(original=original)
    if member.left_out or member.failure or member.is_archive:
        return result
    blocks = member.blocks()
    try:
        head = b""
        for block in blocks:
            head += block
            if len(head) >= HEAD_BYTES:
                break
        kind, format_ = sniff(head[:HEAD_BYTES], member.path.rpartition(b"/")[2])
        result = result._replace(kind=kind, format=format_)
        if kind is None:
            return result
        if member.size > MEMBER_BYTES:
            return result._replace(failure=Failure(FailureCode.TOO_LARGE, too_large()))
        digest, size = hashlib.sha256(head), len(head)
        for block in blocks:
            digest.update(block)
            size += len(block)
            if size > MEMBER_BYTES:
                return result._replace(failure=Failure(FailureCode.TOO_LARGE, too_large()))
        return result._replace(digest=digest.hexdigest(), size=size)
    except ExtractionError as error:
        if type(error) is not ExtractionError:  # a limit of the whole archive
            raise
        return result._replace(failure=Failure(error.code, error.sentence))


def _dump(one: ListedMember) -> list[Any]:
    kind = None if one.kind is None else one.kind.value
    return [
        *(one.path.hex(), one.size, one.mtime_ns, kind, one.format, one.digest, one.left_out),
        *(dump_failure(one.failure), one.is_archive, one.original.hex()),
    ]


def parse_reply(reply: dict[str, Any]) -> ListingReply:
    """The reply to `request`; raises `ExtractionError` (crash) for a malformed one."""
    try:
        members = [_load(*values) for values in reply["members"]]
        more, failure = reply["more"], load_failure(reply["failure"])
        if not isinstance(more, bool) or (more and not members and failure):
            raise ValueError("no answer")
        return ListingReply(members, more, failure)
    except (KeyError, TypeError, ValueError, WireError) as error:
        raise ExtractionError(FailureCode.CRASH, "The worker that read this archive sent a malformed reply.") from error


def _load(
    path: str,
    size: int,
    mtime_ns: int | None,
    kind: str | None,
    format_: str,
    digest: str,
    left_out: str,
    failure: Any,
    is_archive: bool,
    original: str,
) -> ListedMember:
    name = bytes.fromhex(path)
    wrong = not is_plain_name(name) or len(digest) not in (0, 64)
    numbers = all(isinstance(one, int) and abs(one) < 1 << 63 for one in (size, mtime_ns or 0))
    if wrong or not numbers or size < 0 or left_out not in ("", "link", "special file") or len(format_) > 40:
        raise ValueError("no member")
    found = None if kind is None else Kind(kind)
    return ListedMember(
        *(name, size, mtime_ns, found, str(format_), str(digest), left_out, load_failure(failure), bool(is_archive)),
        original=bytes.fromhex(original),
    )
