"""What is made of models once per user, in the cache folder: query encoders, the image encoder.

Beside the files of each lies the user's own record of them (`files.json`): their SHA-256, and what `stat` said of them.
Before an encoder is loaded `stat` is compared with the record, and where it differs the files are hashed again; what
does not match is thrown away and made again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mmsearch.config import cache_home
from mmsearch.durable import sync
from mmsearch.errors import ModelUnavailable, disk_full

NOTE = "encoder.json"
_RECORD = "files.json"
_LEFTOVER_S = 3600.0  # after which a draft is that of a process that was killed
_UNUSED_S = 90 * 86400.0  # after which an encoder that no query has used goes when another one is made
_DAY_S = 86400.0
_STAT = ("size", "mtime_ns", "ctime_ns", "inode")


class CacheUnwritable(ModelUnavailable):
    """The cache folder can't hold an encoder."""


def cache_place(key: Any) -> Path:
    """The folder of an encoder, by what identifies it: JSON values."""
    text = json.dumps(key, sort_keys=True)
    return cache_home() / "encoders" / hashlib.sha256(text.encode()).hexdigest()[:32]


def problem(place: Path, deep: bool = False, what: str = "query encoder") -> str:
    """What is wrong with an encoder's folder, as a sentence; empty where its files are those that were written. They
    are hashed where `stat` differs from the record, or with `deep`."""
    try:
        for folder in (place.parent, place):
            _check_folder(folder)
        record = json.loads(_plain_bytes(place / _RECORD))
        names = {name for name in os.listdir(place) if name != _RECORD}
        if names != record.keys() or NOTE not in names:
            return f"The exported {what} is incomplete."
        stats = {name: file_stat(place / name) for name in record}
        touched = [name for name in record if {key: record[name][key] for key in _STAT} != stats[name]]
        for name in record if deep else touched:
            if _sha256(place / name) != record[name]["sha256"]:
                return f"The exported {what} is damaged."
        if touched:  # for example by a restored backup
            with contextlib.suppress(OSError):
                _write_record(place, {name: {"sha256": record[name]["sha256"], **stats[name]} for name in record})
    except (FileNotFoundError, NotADirectoryError):
        return f"There is no exported {what}."
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return f"The exported {what} is damaged."
    return ""


@contextlib.contextmanager
def encoder_draft(place: Path) -> Iterator[Path]:
    """A name beside `place` to make a folder of; at the end its files are recorded, and it takes the place in one step.
    Where another process was quicker, its folder stays and this one goes. Raises `CacheUnwritable`."""
    try:
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _check_folder(place.parent)
        _remove_leftovers(place.parent)
        top = Path(tempfile.mkdtemp(dir=place.parent, prefix=f".{place.name[:8]}-"))
    except OSError as error:
        raise unwritable(error) from error
    try:
        draft = top / "encoder"
        yield draft
        try:
            draft.chmod(0o700)
            for path in draft.iterdir():
                path.chmod(0o600)
                sync(path)
            files = sorted(draft.iterdir())
            _write_record(draft, {path.name: {"sha256": _sha256(path), **file_stat(path)} for path in files})
            sync(draft)
            if os.path.lexists(place) and problem(place):
                place.rename(top / "damaged")  # a link is moved, not followed
            if not os.path.lexists(place):
                draft.rename(place)
                sync(place.parent)
            _remove_unused(place)
        except OSError as error:
            if problem(place):  # else another process made it in the same moment
                raise unwritable(error) from error
    finally:
        shutil.rmtree(top, ignore_errors=True)


def _remove_leftovers(folder: Path) -> None:
    """Remove what killed exports left in the folder of the encoders: drafts and records in which nothing has changed
    for `_LEFTOVER_S`. Links are removed, not followed."""
    oldest = time.time() - _LEFTOVER_S
    for left in folder.glob(".*-*"):
        with contextlib.suppress(OSError):
            is_folder = stat.S_ISDIR(left.lstat().st_mode)
            parts = [left, *left.rglob("*")] if is_folder else [left]
            if any(part.lstat().st_mtime > oldest for part in parts):
                continue
            if is_folder:
                shutil.rmtree(left, ignore_errors=True)
            else:
                left.unlink()


def note_use(place: Path) -> None:
    """Note in the modification time of an encoder's folder, to the day, that it is used."""
    with contextlib.suppress(OSError):
        if time.time() - place.stat().st_mtime > _DAY_S:
            os.utime(place)


def _remove_unused(place: Path) -> None:
    """Remove the encoders beside `place` that no query has used for 90 days, such as those of an older exporter or of a
    model that was replaced."""
    for other in place.parent.glob("[0-9a-f]" * 32):
        with contextlib.suppress(OSError):
            if other != place and time.time() - other.lstat().st_mtime > _UNUSED_S:
                shutil.rmtree(other, ignore_errors=True)


def unwritable(error: BaseException) -> CacheUnwritable:
    """The error for a cache folder that can't hold an encoder, with the reason and what helps."""
    where = cache_home() / "encoders"
    if disk_full(error) is not None:
        reason, hint = "no space left on its disk", "Make room there, or set XDG_CACHE_HOME to a folder that has room."
    else:
        reason = str(getattr(error, "strerror", None) or error)
        hint = "Give yourself the right to write there, or set XDG_CACHE_HOME to a folder of yours."
    return CacheUnwritable(f"The cache folder {where} can't hold a query encoder ({reason}).", hint)


def _check_folder(folder: Path) -> None:
    """Raise `OSError` unless a folder is one, not a link to one, and the user's own."""
    facts = os.lstat(folder)
    if not stat.S_ISDIR(facts.st_mode):
        raise PermissionError(13, "it is a link, or no folder", str(folder))
    if facts.st_uid != os.getuid() or facts.st_mode & 0o022:
        raise PermissionError(13, "other users can write there", str(folder))


def _write_record(folder: Path, record: Mapping[str, Any]) -> None:
    """Write the record of a folder's files beside them, in one step."""
    descriptor, draft = tempfile.mkstemp(dir=folder.parent, prefix=".record-")
    with open(descriptor, "w", encoding="utf-8") as file:
        json.dump(record, file, indent=1)
    os.replace(draft, folder / _RECORD)


def file_stat(path: Path) -> dict[str, int]:
    """Raises `OSError` for what is no plain file."""
    facts = os.lstat(path)
    if not stat.S_ISREG(facts.st_mode):
        raise OSError(f"{path} is no plain file")
    return dict(zip(_STAT, (facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns, facts.st_ino), strict=True))


def _plain_bytes(path: Path) -> bytes:
    file_stat(path)
    with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as file:
        return file.read()


def _sha256(path: Path) -> str:
    with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
