"""What a run does: the record that it ends with, and the events that it reports on its way."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar

from mmsearch.types import Failure


class RunOutcome(StrEnum):
    """How a run ends. The values are stored in the index and stand in JSON."""

    DONE = "done"
    INTERRUPTED = "interrupted"  # by a signal
    BUDGET = "budget"  # the time budget is used up
    GUARD = "guard"  # a removal of many files was refused
    DISK_FULL = "disk-full"
    BROKEN_OFF = "broken-off"  # by an error


@dataclass(frozen=True, slots=True)
class StageProfile:
    """The load of one stage of a run."""

    name: str  # extract, sound and film, read, speech, prepare, encode, commit
    items: int  # what it has processed: tasks, pictures, stretches of sound, embeddings, segments
    workers: int
    busy_s: float  # summed over its workers
    elapsed_s: float
    waiting: float  # mean length of the queue before it

    @property
    def share(self) -> float:
        """The share of the time in which its workers are busy, 0..1."""
        return self.busy_s / (self.workers * self.elapsed_s) if self.elapsed_s else 0.0


@dataclass(slots=True)
class RunRecord:
    """What a run did. Every run ends with exactly one, which is printed, stored and written by `--summary-json`.

    `seen` counts directory entries, except folders that are walked; a folder that is left out, or that can't be listed,
    is one entry. Each entry has one of the `OUTCOMES`, so that their counts add up to `seen`. The counts by reason add
    up to the count of their outcome."""

    seen: int = 0
    unchanged: int = 0
    indexed: int = 0
    moved: int = 0
    partial: int = 0  # indexed in this run with a part missing
    skipped: int = 0  # known by name only
    excluded: int = 0  # left out of the index by a rule: hidden, ignored, excluded, a link, a special file ...
    failed: int = 0  # in this run
    known_failures: int = 0  # failed in an earlier run, bytes unchanged, not tried again
    missing: int = 0  # named one by one, and not there or no files
    pending: int = 0
    removed: int = 0  # from the index: they are gone, or left out now
    kept: int = 0  # files that were not found and stay in the index, because a guard refused their removal
    lost_commits: int = 0  # of the run before, whose log was deleted or damaged
    caught_up: int = 0  # assets that were encoded for a space that was added later
    caught_up_partly: int = 0  # of these, with a part missing
    behind: int = 0  # assets that such a space still lacks
    transcribed: int = 0  # recordings whose transcript was completed
    transcribed_partly: int = 0  # recordings of which a part could not be transcribed
    untranscribed: int = 0  # recordings that still lack one, though a speech model is installed
    untranscribed_s: float = 0.0  # seconds of these
    speech_remaining_s: float = 0.0  # that they will take at the pace of this run; 0 where that is not known
    segments: int = 0
    embeddings: int = 0
    seconds: float = 0.0
    stages: dict[str, float] = field(default_factory=dict)  # busy seconds per stage
    skipped_by: dict[str, int] = field(default_factory=dict)  # reason or extension -> files
    excluded_by: dict[str, int] = field(default_factory=dict)  # reason -> entries
    failed_by: dict[str, int] = field(default_factory=dict)  # failure code -> files
    known_failures_by: dict[str, int] = field(default_factory=dict)  # failure code -> files
    removed_by: dict[str, int] = field(default_factory=dict)  # `gone`, or `left out now` by the rules -> files
    outcome: RunOutcome = RunOutcome.DONE
    notes: list[str] = field(default_factory=list)
    profile: list[StageProfile] = field(default_factory=list)  # empty where there was nothing to do

    OUTCOMES: ClassVar[tuple[str, ...]] = (
        "unchanged",
        "indexed",
        "moved",
        "partial",
        "skipped",
        "excluded",
        "failed",
        "known_failures",
        "missing",
        "pending",
    )

    def accounted(self) -> int:
        """The number of entries with an outcome: `seen`, once the run has ended."""
        return sum(getattr(self, outcome) for outcome in self.OUTCOMES)


@dataclass(frozen=True, slots=True)
class Remark:
    """A message of a run to the user: a choice with its reason, or a warning with the next step as its hint."""

    sentence: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class FileFailed:
    """A file that could not be indexed in this run: wholly, or with `partial` in part. With `missing` it was named and
    there is no such file, so that the index has nothing to list."""

    path: bytes
    failure: Failure
    partial: bool = False
    missing: bool = False


@dataclass(frozen=True, slots=True)
class Work:
    """Work of one kind in units: done, and in all as far as it is known. The unit is a byte of text, a picture, a page
    of a PDF, a second of sound or film, a part of a document, otherwise a file."""

    kind: str
    done: float
    total: float

    @property
    def left(self) -> float:
        """Units to do."""
        return max(self.total - self.done, 0.0)


@dataclass(frozen=True, slots=True)
class Progress:
    """The state of a run under way. `total` and `total_bytes` count the files that are known to need work so far; they
    are final when `planned` is true."""

    planned: bool
    seen: int
    done: int
    total: int
    done_bytes: int
    total_bytes: int
    failed: int
    segments: int
    embeddings: int
    read_done: int = 0  # pictures put through OCR
    read_total: int = 0
    work: tuple[Work, ...] = ()  # by kind; empty where it is not known
    speech_left_s: float = 0.0  # seconds of recordings that are not transcribed yet, once that is the work
    speech_remaining_s: float = 0.0  # that they will take; 0 while that is not known
    waits_for: str = ""  # what holds up the files at present: `loading builtin`


@dataclass(frozen=True, slots=True)
class Finished:
    """The last event of every run."""

    record: RunRecord


Event = Remark | FileFailed | Progress | Finished
