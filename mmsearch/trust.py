"""The user's own record of trust: which index folders this user's mmsearch made or adopted, and with which models.

An index is data: its catalogue alone never causes a model to be loaded. The models that may be loaded for it are listed
in this record, in the user's configuration folder, by the real path of the index folder, the id in its catalogue, and
the fingerprint of each model. The file has mode 0600, is replaced in one step, and is never read or written through a
link.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import stat
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from mmsearch.config import config_home, data_home
from mmsearch.durable import replaced
from mmsearch.errors import UsageError

_LONGEST = 16 << 20  # bytes of a record; a model takes some 400
_VERSION = 1
_LATEST = 253402300800  # the end of the year 9999, in seconds since 1970: later ones can't be shown
_writing = threading.Lock()  # a POSIX lock does not exclude other threads of the same process


class State(StrEnum):
    """Whether this user's mmsearch made or adopted an index."""

    OWN = "own"  # made or adopted at this path
    MOVED = "moved"  # made or adopted at another path
    FOREIGN = "foreign"  # neither


@dataclass(frozen=True, slots=True)
class Standing:
    """The state of an index for this user, and for a moved one the path at which it is recorded."""

    state: State
    moved_from: Path | None = None

    @property
    def is_own(self) -> bool:
        """Whether the index may be used without being named."""
        return self.state is State.OWN


@dataclass(frozen=True, slots=True)
class Grant:
    """A model that the user allowed for an index.

    source:      hub id, or absolute path of a local folder
    fingerprint: `digest` of the fingerprint that the space has in the catalogue
    options:     those that are recorded with the space (`ModelOptions.recorded`), as the user gave them
    remote_code: whether code of the model's own may run
    code:        SHA-256 over the Python files of a local folder when that was allowed; empty: none, or a hub id
    """

    source: str
    fingerprint: str
    options: Mapping[str, Any] = field(default_factory=dict)
    remote_code: bool = False
    code: str = ""


@dataclass(frozen=True, slots=True)
class TrustedIndex:
    """An index in the record: its real path, its id, when it was registered (seconds since 1970), and its models."""

    folder: Path
    index_id: str
    since: float
    models: tuple[Grant, ...] = ()


class RecordUnwritable(UsageError):
    """The record can't be written: later runs do not trust what was to be added."""


def new_id() -> str:
    """A fresh id for an index: 128 random bits, as hexadecimal digits."""
    return os.urandom(16).hex()


def digest(fingerprint: Mapping[str, Any]) -> str:
    """SHA-256 of a fingerprint, as hexadecimal digits."""
    return hashlib.sha256(json.dumps(fingerprint, sort_keys=True).encode()).hexdigest()


def record_file() -> Path:
    """Where the record lies."""
    return config_home() / "trust.json"


def record_signature() -> tuple[int, int, int, int] | None:
    """The stat signature of the record; None where there is none. It changes whenever the record is written."""
    try:
        facts = os.lstat(record_file())
    except (OSError, UsageError):
        return None
    return facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns, facts.st_ino


def standing(folder: Path, index_id: str | None) -> Standing:
    """The state of the index in `folder` for this user. `index_id` is the id in its catalogue; None where an older
    version made it, or where it can't be read.

    An index directly in the user's own data folder, or linked from there, is the user's own, whatever its id: nobody
    else writes there. At any other path the record must hold both path and id. Raises `UsageError` for a record that
    can't be read or is damaged.
    """
    place = _real(folder)
    if _real(folder.absolute().parent) == _real(data_home()):
        return Standing(State.OWN)
    known = _read()
    if place in known and known[place].index_id == index_id:
        return Standing(State.OWN)
    for other, entry in known.items():
        if index_id is not None and entry.index_id == index_id and other != place:
            return Standing(State.MOVED, Path(other))
    return Standing(State.FOREIGN)


def in_data_home(folder: Path) -> bool:
    """Whether the real path of a folder lies directly in the user's own data folder, and the user owns it."""
    place = Path(_real(folder))
    try:
        owner = place.stat().st_uid
    except OSError:
        owner = os.getuid()  # it does not exist yet
    return place.parent == Path(_real(data_home())) and owner == os.getuid()


def is_registered(folder: Path) -> bool:
    """Whether an index was made or adopted at this path, with any id. Raises `UsageError` as `standing`."""
    return _real(folder) in _read()


def register(folder: Path, index_id: str) -> None:
    """Record that the index with this id, at this path, is the user's own. Its models are kept where the id is the one
    that was recorded. Raises `RecordUnwritable`, and `UsageError` for a damaged record."""
    place = _real(folder)
    if (there := _read().get(place)) is not None and there.index_id == index_id:
        return
    with _changing() as known:
        before = known.get(place)
        if before is None or before.index_id != index_id:
            known[place] = TrustedIndex(Path(place), index_id, time.time())


def allow_model(folder: Path, index_id: str, grant: Grant) -> None:
    """Allow a model for a registered index; a grant of the same source and fingerprint is replaced. An index that is
    not registered at this path with this id is registered by it. Raises as `register`."""
    place = _real(folder)
    there = _read().get(place)
    if there is not None and there.index_id == index_id and grant in there.models:
        return
    with _changing() as known:
        entry = known.get(place)
        if entry is None or entry.index_id != index_id:
            entry = TrustedIndex(Path(place), index_id, time.time())
        others = [one for one in entry.models if (one.source, one.fingerprint) != (grant.source, grant.fingerprint)]
        known[place] = replace(entry, models=(*others, grant))


def allowed(folder: Path, index_id: str | None, source: str, fingerprint: Mapping[str, Any]) -> Grant | None:
    """The grant of a model for the index with this id at this path; None where the model with this fingerprint was
    never allowed for it. Raises `UsageError` for a damaged record."""
    entry = _read().get(_real(folder))
    if entry is None or index_id is None or entry.index_id != index_id:
        return None
    wanted = (source, digest(fingerprint))
    return next((one for one in entry.models if (one.source, one.fingerprint) == wanted), None)


def forget(folder: Path) -> bool:
    """Take an index out of the record; False where it was not in it. Raises as `register`."""
    place = _real(folder)
    if place not in _read():
        return False
    with _changing() as known:
        return known.pop(place, None) is not None


def entries() -> list[TrustedIndex]:
    """Every index in the record, by path. Raises `UsageError` for a damaged record."""
    known = _read()
    return [known[place] for place in sorted(known)]


def _real(folder: Path) -> str:
    return os.path.realpath(folder)


def _damaged(why: str) -> UsageError:
    return UsageError(
        f"The record of trusted indexes {record_file()} {why}; nothing is trusted until that is mended.",
        "Look at it, and move it away if it is not yours; then adopt your indexes again: mmsearch trust DIR",
    )


def _read() -> dict[str, TrustedIndex]:
    """The record by real path; empty where there is none. Raises `UsageError` for one that is no plain file of the
    user's, or is damaged."""
    try:
        descriptor = os.open(record_file(), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        link = record_file().is_symlink()
        raise _damaged("is a link" if link else f"can't be read ({error.strerror})") from error
    try:
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode):
            raise _damaged("is no plain file")
        if facts.st_uid != os.getuid():
            raise _damaged("belongs to another user")
        if facts.st_mode & 0o022:
            raise _damaged("can be written by other users")
        with open(descriptor, "rb", closefd=False) as file:
            data = file.read(_LONGEST + 1)
    except OSError as error:
        raise _damaged(f"can't be read ({error.strerror})") from error
    finally:
        os.close(descriptor)
    try:
        return _parsed(data)
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError) as error:
        raise _damaged("is damaged") from error


def _parsed(data: bytes) -> dict[str, TrustedIndex]:
    """The record from its bytes. Raises `ValueError`, `TypeError`, `KeyError` or `AttributeError` for bytes that this
    module has not written."""
    if len(data) > _LONGEST:
        raise ValueError("too long")
    whole = json.loads(data)
    if whole["version"] != _VERSION:
        raise ValueError("another version")
    found = {}
    for place, facts in whole["indexes"].items():
        models = tuple(_grant(one) for one in facts["models"])
        if not os.path.isabs(place) or b"\0" in os.fsencode(place):
            raise ValueError("not a path")
        found[place] = TrustedIndex(Path(place), _text(facts["id"]), _time(facts["since"]), models)
    return found


def _grant(facts: Any) -> Grant:
    options, remote_code = facts["options"], facts["remote_code"]
    if not isinstance(options, dict) or not isinstance(remote_code, bool):
        raise TypeError("not a grant")
    return Grant(_text(facts["source"]), _text(facts["fingerprint"]), options, remote_code, _text(facts["code"]))


def _time(value: Any) -> float:
    if type(value) not in (int, float) or not 0 <= value < _LATEST:
        raise ValueError("not a time")
    return float(value)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value


@contextlib.contextmanager
def _changing() -> Iterator[dict[str, TrustedIndex]]:
    """The record to change, under the lock; written at the end if it has changed."""
    folder = record_file().parent
    with _writing, contextlib.ExitStack() as held:
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(folder / "trust.lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            held.callback(os.close, lock)
            fcntl.lockf(lock, fcntl.LOCK_EX)
        except OSError as error:
            raise _unwritable(error) from error
        known = _read()
        before = dict(known)
        yield known
        if known != before:
            try:
                _write(known)
            except OSError as error:
                raise _unwritable(error) from error


def _unwritable(error: OSError) -> RecordUnwritable:
    return RecordUnwritable(
        f"The record of trusted indexes {record_file()} can't be written ({error.strerror}).",
        "Give yourself the right to write there, or set XDG_CONFIG_HOME to a folder of yours.",
    )


def _write(known: Mapping[str, TrustedIndex]) -> None:
    """Replace the record in one step."""
    whole = {
        "version": _VERSION,
        "indexes": {
            place: {"id": entry.index_id, "since": entry.since, "models": [_facts(one) for one in entry.models]}
            for place, entry in sorted(known.items())
        },
    }
    with replaced(record_file()) as draft:
        draft.write_text(json.dumps(whole, indent=1), "ascii")


def _facts(grant: Grant) -> dict[str, Any]:
    return {
        "source": grant.source,
        "fingerprint": grant.fingerprint,
        "options": dict(grant.options),
        "remote_code": grant.remote_code,
        "code": grant.code,
    }
