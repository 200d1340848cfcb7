"""The exceptions that mmsearch raises on purpose, each with a sentence, a hint and an exit code.

MmsearchError                 exit code 1..70, by class
├── UsageError            2   bad arguments or configuration
├── IndexUnusable         3   no index here, or not usable
│   ├── NoIndex
│   ├── UntrustedIndex
│   ├── UntrustedModel
│   ├── ModelMismatch
│   ├── NewerSchema
│   └── DamagedIndex
├── LockHeld              6   another run writes this index
├── ModelUnavailable      2   a model that can't be found or loaded
├── StoppedEarly          5   disk full: what was committed is kept
└── ExtractionError           one file: never leaves a run, becomes a Failure
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from enum import StrEnum

_FULL = (errno.ENOSPC, errno.EDQUOT)
_FULL_SENTENCES = ("No space left on device", "Disk quota exceeded", "database or disk is full")


class MmsearchError(Exception):
    """A sentence for the user, a hint for the next step, and the exit code of the command that meets it."""

    exit_code = 70

    def __init__(self, sentence: str, hint: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.hint = hint


class UsageError(MmsearchError):
    """Arguments or configuration that are not valid."""

    exit_code = 2


class ModelUnavailable(MmsearchError):
    """A model that is unknown, not on this machine, or not loadable with the installed libraries."""

    exit_code = 2


class IndexUnusable(MmsearchError):
    """There is no index here, or it can't be used as it is."""

    exit_code = 3


class NoIndex(IndexUnusable):
    """There is no index at the place that was searched."""


class UntrustedIndex(IndexUnusable):
    """An index that the user did not name, and that was not made at this place by this user's mmsearch."""


class UntrustedModel(IndexUnusable):
    """A model that an index names and that the user has not allowed for this index."""


class ModelMismatch(IndexUnusable):
    """The index was built with another model than the requested one."""


class NewerSchema(IndexUnusable):
    """The index was written by a newer mmsearch."""


class DamagedIndex(IndexUnusable):
    """The catalogue can't be read, or breaks an invariant that can't be restored."""


class StoppedEarly(MmsearchError):
    """The run had to stop. Everything committed is kept, and the next run continues."""

    exit_code = 5


class LockHeld(MmsearchError):
    """Another run is writing this index."""

    exit_code = 6


class FailureCode(StrEnum):
    """Why a file or a part of it could not be indexed. The values are stored in the index and stand in JSON."""

    DECODE_ERROR = "decode-error"
    TIMEOUT = "timeout"
    MEMORY = "memory"
    CRASH = "crash"
    TOO_LARGE = "too-large"
    ENCRYPTED = "encrypted"
    VANISHED = "vanished"  # gone, or changed during the run
    PERMISSION = "permission"
    MODEL = "model"
    SKIPPED = "skipped"  # no failure: known by name only, for a reason that is stated
    NOTE = "note"  # no failure: indexed, and something was left out


class ExtractionError(MmsearchError):
    """A file, or a part of it, that can't be read. The run records it as a `Failure` and goes on."""

    def __init__(self, code: FailureCode, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


def chain(error: BaseException) -> Iterator[BaseException]:
    """An error, its cause or context, the cause or context of that, and so on."""
    seen: set[int] = set()
    found: BaseException | None = error
    while found is not None and id(found) not in seen:
        seen.add(id(found))
        yield found
        found = found.__cause__ or found.__context__


def disk_full(error: BaseException) -> BaseException | None:
    """The error in a chain that reports a full disk or an exceeded quota; None where there is none."""
    for one in chain(error):
        if getattr(one, "errno", None) in _FULL or any(words in str(one) for words in _FULL_SENTENCES):
            return one
    return None
