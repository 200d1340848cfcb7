"""The state of an index: its contents, the files that failed, and the results of `verify`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from mmsearch.types import Failure, FileRules


class FailedFileState(StrEnum):
    """Which content of a file with a failure an index holds. The values stand in JSON."""

    FAILED = "failed"  # none
    PARTIAL = "partial"  # all but a part
    OUTDATED = "outdated"  # an older one
    NOTE = "note"  # the whole; its failure, with code `note`, reports what was left out


@dataclass(frozen=True, slots=True)
class FailedFile:
    """A file that an index does not hold as it is, and the reason."""

    path: bytes
    state: FailedFileState
    failure: Failure


class FindingState(StrEnum):
    """The result of one check of `verify`. The values stand in JSON."""

    OK = "ok"
    REPAIRED = "repaired"
    DERIVED = "derived"  # broken, and can be rebuilt from the rest
    UNCHECKED = "unchecked"  # there is nothing to compare with; not known to be broken
    BROKEN = "broken"  # and can't be rebuilt


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of checking one invariant of an index; `sentence` describes what is broken or was repaired, `hint` the
    next step."""

    invariant: str  # as a sentence
    state: FindingState
    sentence: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class SpaceStatus:
    """A space of an index: its model, and per view its embeddings, how they are searched and which files they find."""

    name: str
    model: str
    dimension: int
    embeddings: Mapping[str, int]
    search: Mapping[str, str]  # view -> "exact", "flat file ...", "IVF, nprobe 16, recall@10 0.995"
    files: Mapping[str, Mapping[str, int]] = field(default_factory=dict)  # view -> kind -> files that it finds
    behind: int = 0  # files that it does not hold yet
    state: str = ""  # `building` where it is made beside those in use
    options: Mapping[str, Any] = field(default_factory=dict)  # set for its model by the user


@dataclass(frozen=True, slots=True)
class Transcribed:
    """A recording with its transcript: files of that content, how far it has come, and what wrote it."""

    paths: tuple[bytes, ...]
    until_s: float
    duration_s: float
    is_whole: bool
    languages: Mapping[str, float]  # seconds by language code
    engine: str


@dataclass(frozen=True, slots=True)
class SpeechStatus:
    """What an index holds of the speech in recordings. Recordings with captions of their own count only once they are
    transcribed."""

    done: int = 0  # recordings
    left: int = 0  # recordings that lack a transcript, or a part of it
    left_s: float = 0.0
    is_off: bool = False  # `--no-speech` is remembered
    languages: Mapping[str, int] = field(default_factory=dict)  # recordings by main language, the commonest first
    engines: Mapping[str, int] = field(default_factory=dict)  # recordings by what transcribed them
    recordings: tuple[Transcribed, ...] = ()


@dataclass(frozen=True, slots=True)
class Holdings:
    """What an index holds, as far as it decides which models are worth their time."""

    by_kind: Mapping[str, int]  # files with content
    segments: int
    pages: int  # of documents
    scanned_pages: int  # of these, those that OCR found words in
    languages: Mapping[str, int]  # files by language, where it is known
    recorded_s: float  # length of all recordings and films
    models: frozenset[str] = frozenset()  # the hub ids or folders of its spaces


@dataclass(frozen=True, slots=True)
class Status:
    """What an index holds, what is missing from it, and how its last run ended. `files` is the sum of `by_kind`,
    `skipped`, `failed` and `pending`; `partial`, `outdated` and `noted` count files of `by_kind`."""

    folder: str
    roots: tuple[bytes, ...]
    files: int
    by_kind: Mapping[str, int]  # files with content, by kind
    skipped: Mapping[str, int]  # files that are known by name only, by extension or reason
    segments: int
    read: Mapping[str, int]  # segments with recognized text, by reader
    failed: int  # files of which no content is held
    partial: int  # files of which a part is missing
    pending: int  # files that wait for their first content
    stale: int  # extracted by an older version of this program
    spaces: tuple[SpaceStatus, ...]
    bytes_on_disk: int
    last_run: Mapping[str, Any] | None  # started, ended (None: cut off), outcome and the record's counts
    writing: str = ""  # who holds the writer lock now
    notes: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()  # the notes that tell of damage
    by_words: Mapping[str, int] = field(default_factory=dict)  # files with words that are searched, by kind
    rules: Mapping[bytes, FileRules] = field(default_factory=dict)  # by root
    forgotten: Mapping[bytes, tuple[bytes, ...]] = field(default_factory=dict)  # by root: relative paths
    failed_by: Mapping[str, int] = field(default_factory=dict)  # files of which no content is held, by failure code
    outdated: int = 0  # files of which an older content is held
    noted: int = 0  # files of which something was left out
    speech: SpeechStatus = field(default_factory=SpeechStatus)
