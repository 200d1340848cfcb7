"""Plain data that every part speaks: kinds, places, segments, hits, run records. A leaf: it imports nothing of ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    import numpy as np

EXTRACTOR_VERSION = 1  # raise it when extraction would give other segments, words or prints for the same bytes


class Kind(StrEnum):
    """What an asset is."""

    TEXT = "text"
    IMAGE = "image"
    PDF = "pdf"
    AUDIO = "audio"
    VIDEO = "video"


class View(StrEnum):
    """One way a segment is embedded, named after the modality that goes into the model."""

    TEXT = "text"
    IMAGE = "image"
    AUDIO = "audio"
    VIDEO = "video"


@dataclass(frozen=True, slots=True)
class Locator:
    """Where a segment lies in its file. Pages and lines count from 1, both ends of a line range belong to it;
    times are seconds, `[start_s, end_s)`. What does not apply is None."""

    page: int | None = None
    start_s: float | None = None
    end_s: float | None = None
    line_start: int | None = None
    line_end: int | None = None

    def fragment(self) -> str:
        """The place as it is written after a path: `#page=3`, `#t=12.5,20`, `:40-52`, or nothing."""
        if self.page is not None:
            return f"#page={self.page}"
        if self.start_s is not None:
            end = "" if self.end_s is None else f",{self.end_s:g}"
            return f"#t={self.start_s:g}{end}"
        if self.line_start is not None:
            return f":{self.line_start}-{self.line_end}"
        return ""


@dataclass(frozen=True, slots=True)
class Cue:
    """Words with their time, in seconds: a subtitle line or a stretch of recognised speech."""

    start_s: float
    end_s: float
    text: str


@dataclass(frozen=True, slots=True)
class Segment:
    """A searchable piece of an asset. `ordinal` is unique within the asset and depends on nothing but its bytes:
    the span's number in the upper bits, the place within the span in the lower 20."""

    ordinal: int
    locator: Locator
    text: str = ""  # the words that the file itself carries here
    cues: tuple[Cue, ...] = ()  # the same words by time, where the file gives times
    details: Mapping[str, Any] = field(default_factory=dict)  # JSON values only


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """A fingerprint by which a copy is known. Keys are compared first, bodies then decide; `extraction/prints.py` says
    what is in them. `at` is the page, counted from 1 (of a picture: 1), the second, or for words the span."""

    form: str  # look, frame (a look of film), sound, words
    at: float
    key: bytes
    body: bytes = b""


@dataclass(frozen=True, slots=True, eq=False)
class Extracted:
    """A segment on its way through the pipeline, with the media that the read and encode stages asked for.

    image:        uint8 (height, width, 3) RGB, upright, at most `Needs.image_pixels` pixels: for image views.
    ocr_image:    uint8 (height, width, 3) RGB, for OCR; None where no OCR is due or it could add nothing.
    sound:        float32 (samples,) mono at `Needs.sound_rate`: for audio views and speech recognition.
    frames:       uint8 (frames, height, width, 3) RGB, evenly spaced over the segment, each of at most
                  `Needs.frame_pixels` pixels: for video views.
    fingerprints: of what was decoded here, for finding copies; they depend on nothing but the file's bytes.
    """

    segment: Segment
    image: np.ndarray | None = None
    ocr_image: np.ndarray | None = None
    sound: np.ndarray | None = None
    frames: np.ndarray | None = None
    fingerprints: tuple[Fingerprint, ...] = ()


@dataclass(frozen=True, slots=True)
class Needs:
    """What a run wants from extraction besides words. Zero: not wanted."""

    image_pixels: int = 0
    sound_rate: int = 0  # Hz
    frames: int = 0  # frames per scene
    frame_pixels: int = 0  # of each of these; 0: as `image_pixels`
    ocr: str = "auto"  # auto | always | never


@dataclass(frozen=True, slots=True)
class FileRules:
    """Which files of a root an index covers. Globs have the syntax of .gitignore and are relative to the root."""

    include: tuple[str, ...] = ()  # empty: all
    exclude: tuple[str, ...] = ()
    hidden: bool = False  # hidden files and folders too
    ignore_files: bool = True  # .gitignore and .mmsearchignore hold
    max_bytes: int | None = None  # larger files are known by name only
    network: bool = False  # network and FUSE file systems that are mounted in the root are walked too


ALL_FILES = FileRules()  # what holds where nothing was said


@dataclass(frozen=True, slots=True)
class Source:
    """A file to extract from. `path` is absolute; `stat` is (size, mtime_ns, inode) as it was planned, mapped by
    `filestat.stat_values`."""

    path: bytes
    kind: Kind
    format: str  # png, jpeg, pdf, mp4, html, text, ...
    stat: tuple[int, int, int]
    sidecars: tuple[bytes, ...] = ()  # absolute paths of .srt, .vtt, .xmp files that belong to it


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of an asset that one task decodes: bytes of a text, pages of a PDF or TIFF, seconds of sound or
    film, `[start, stop)`. `first` is what the span's first unit is called: its line number for text."""

    start: float
    stop: float
    first: int = 0


@dataclass(frozen=True, slots=True)
class Probe:
    """What opening an asset told: the plan of its spans, and facts that hold for all of it.

    details: JSON values: `title`, `duration_s`, `pages`, `width`, `height`, `language`, `encoding`, `tags` ...
    notes:   sentences about what is missing or was cut, for the user."""

    spans: tuple[Span, ...]
    details: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a file or a part of it could not be indexed: a stable code and a sentence."""

    code: str  # decode-error, timeout, memory, crash, too-large, encrypted, vanished, permission, model
    sentence: str


@dataclass(frozen=True, slots=True)
class Signal:
    """One signal's share in a hit. `raw` is on the signal's own scale, `score` on the calibrated one."""

    name: str  # "<space>:<view>", "words", "exact" (an identifier as it was typed), "minus" or "names"
    raw: float
    score: float
    rank: int
    contribution: float
    terms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Hit:
    """A ranked place in a file."""

    rank: int
    score: float
    path: bytes
    kind: str  # a Kind, or "other" for a file known by name only
    view: str  # the view or signal that spoke loudest
    locator: Locator
    snippet: str
    signals: tuple[Signal, ...]
    segment_id: int | None = None
    same: tuple[bytes, ...] = ()  # paths of copies, exact or nearly, that are folded into this hit
    more: tuple[Locator, ...] = ()  # further places in the same file, best first


@dataclass(frozen=True, slots=True)
class StageProfile:
    """How one stage of a run fared: what it has done, with how many workers, how many seconds they were at work in all
    of `elapsed_s`, and how much waited before it on average."""

    name: str  # extract, sound and film, read, speech, prepare, encode, commit
    items: int  # tasks, pictures, stretches of sound, embeddings, segments
    workers: int
    busy_s: float
    elapsed_s: float
    waiting: float

    @property
    def share(self) -> float:
        """How busy its workers were, 0..1."""
        return self.busy_s / (self.workers * self.elapsed_s) if self.elapsed_s else 0.0


@dataclass(slots=True)
class RunRecord:
    """What a run did. Every run ends in exactly one, printed, stored and given by `--summary-json`.

    `seen` counts directory entries: all but the folders that were walked. A folder that is left out, or that can't be
    listed, is one entry. Each entry has one of the `OUTCOMES`, so that their counts add up to `seen`; the counts by
    reason add up to the outcome they belong to."""

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
    caught_up: int = 0  # assets that were encoded for a space that came later
    caught_up_partly: int = 0  # of these, with a part missing
    behind: int = 0  # assets that such a space still lacks
    segments: int = 0
    embeddings: int = 0
    seconds: float = 0.0
    stages: dict[str, float] = field(default_factory=dict)  # busy seconds per stage
    skipped_by: dict[str, int] = field(default_factory=dict)  # reason or extension -> files
    excluded_by: dict[str, int] = field(default_factory=dict)  # reason -> entries
    failed_by: dict[str, int] = field(default_factory=dict)  # failure code -> files
    known_failures_by: dict[str, int] = field(default_factory=dict)  # failure code -> files
    removed_by: dict[str, int] = field(default_factory=dict)  # `gone`, or `left out now` by the rules -> files
    outcome: str = "done"  # done | interrupted | budget | guard | disk-full | broken-off (by an error)
    notes: list[str] = field(default_factory=list)
    profile: list[StageProfile] = field(default_factory=list)  # empty where there was nothing to do

    OUTCOMES: ClassVar[tuple[str, ...]] = (
        "unchanged", "indexed", "moved", "partial", "skipped", "excluded", "failed", "known_failures", "missing",
        "pending",
    )  # fmt: skip

    def count(self, outcome: str, reason: str, entries: int = 1) -> None:
        """Count entries with an outcome that has reasons: skipped, excluded, failed, known_failures; or removed
        files."""
        setattr(self, outcome, getattr(self, outcome) + entries)
        by: dict[str, int] = getattr(self, f"{outcome}_by")
        by[reason] = by.get(reason, 0) + entries

    def accounted(self) -> int:
        """The number of entries with an outcome: `seen`, once the run has ended."""
        return sum(getattr(self, outcome) for outcome in self.OUTCOMES)


@dataclass(frozen=True, slots=True)
class Remark:
    """Something a run has to say: a choice with its reason, a warning with what to do about it."""

    sentence: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class FileFailed:
    """A file that could not be indexed in this run, wholly (`partial` false) or in part. `missing`: it was named and is
    no file, so that the index has nothing to list."""

    path: bytes
    failure: Failure
    partial: bool = False
    missing: bool = False


@dataclass(frozen=True, slots=True)
class Work:
    """Work of one kind: units done and units in all, as far as they are known. Of text a unit is a byte, of pictures a
    picture, of PDFs a page, of sound and film a second, else a file."""

    kind: str
    done: float
    total: float

    @property
    def left(self) -> float:
        """Units to do."""
        return max(self.total - self.done, 0.0)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is. `total` and `total_bytes` count what is known to need work so far; `planned` says that the
    count is final."""

    planned: bool
    seen: int
    done: int
    total: int
    done_bytes: int
    total_bytes: int
    failed: int
    segments: int
    embeddings: int
    read_done: int = 0  # pictures and stretches of sound put through OCR or speech recognition
    read_total: int = 0
    work: tuple[Work, ...] = ()  # by kind; empty: it is not told
    waits_for: str = ""  # what keeps files from being done just now: `loading builtin`


@dataclass(frozen=True, slots=True)
class Finished:
    """The last event of every run."""

    record: RunRecord


Event = Remark | FileFailed | Progress | Finished


@dataclass(frozen=True, slots=True)
class Filter:
    """What a query may find, applied before ranking. Empty: everything."""

    kinds: tuple[str, ...] = ()
    within: tuple[str, ...] = ()  # paths (files or folders, absolute) or globs over the path
    since: float | None = None  # seconds since 1970, of the file's modification
    before: float | None = None
    min_bytes: int | None = None
    max_bytes: int | None = None
    languages: tuple[str, ...] = ()
    min_duration_s: float | None = None
    max_duration_s: float | None = None
    min_pages: int | None = None
    max_pages: int | None = None

    def __bool__(self) -> bool:
        return self != Filter()


@dataclass(frozen=True, slots=True)
class Part:
    """What is added to a query or taken off it: words, or else a file or a place in one (`PATH#page=3`, `PATH#t=75`).
    Its weight is above 0; the query's own words weigh 1."""

    text: str = ""
    file: bytes | None = None
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Query:
    """What is searched for: words, pictures, sounds, films, files to be like; and what should be less like it."""

    text: str = ""
    images: tuple[bytes, ...] = ()  # paths of files, here and in the next two; they need not be in the index
    audios: tuple[bytes, ...] = ()
    videos: tuple[bytes, ...] = ()
    k: int = 10
    all_segments: bool = False  # every place, not one row a file
    fold: bool = True  # same contents in one row
    min_score: float | None = None  # of every hit; None: a default that the best hit must reach; 0: everything
    where: Filter = Filter()
    names: bool = True  # False: by contents alone, as if files had none
    like: tuple[Part, ...] = ()  # files or places, of the index or not; they are not among the hits
    minus: tuple[Part, ...] = ()  # words or files
    rerank: str | None = None  # `builtin`, or a reranker's name: the best candidates are judged again
    rerank_top: int = 50  # how many places it judges at most
    rerank_seconds: float | None = None  # and how long, once it is loaded; None: as long as it takes
    device: str = "auto"  # of a reranker, here and below: cpu, cuda, cuda:1, mps
    dtype: str = "auto"  # float32, bfloat16, float16
    allow_download: bool = False  # else what is not on this machine can't be used
    trust_remote_code: tuple[str, ...] = ()  # models that may run code of their own
    instruct: str = ""  # what the search is for, for models that take an instruction
    query_encoder: str = "auto"  # of words: auto (the exported one, else torch), onnx, torch


@dataclass(frozen=True, slots=True)
class Answer:
    """Hits, best first, and what the user should know about how they were found."""

    hits: tuple[Hit, ...]
    notes: tuple[str, ...] = ()
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Copy:
    """A file of a group of copies. Those of a group with the same `content` number have the same bytes."""

    path: bytes
    kind: str
    size: int
    content: int


@dataclass(frozen=True, slots=True)
class CopyGroup:
    """Files that are the same thing, the largest first; `exact` where all have the same bytes."""

    files: tuple[Copy, ...]
    exact: bool


@dataclass(frozen=True, slots=True)
class FailedFile:
    """A file that an index does not hold as it is, and why.

    state: `failed` (nothing of it is held), `partial` (a part is missing), `outdated` (an older content is held), or
           `note` (it is held, and its failure says with code `note` what was left out)."""

    path: bytes
    state: str
    failure: Failure


@dataclass(frozen=True, slots=True)
class Finding:
    """What `verify` has to say of one promise: it holds, was repaired, or is broken (and what is lost)."""

    promise: str
    state: str  # ok, repaired, derived (broken, but can be rebuilt), broken
    sentence: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class SpaceStatus:
    """A space of an index: its model, and per view how many embeddings, how they are searched, and which files they
    find."""

    name: str
    model: str
    dimension: int
    embeddings: Mapping[str, int]
    search: Mapping[str, str]  # view -> "exact", "flat file ...", "IVF, nprobe 16, recall@10 0.995"
    files: Mapping[str, Mapping[str, int]] = field(default_factory=dict)  # view -> kind -> files that it finds
    behind: int = 0  # files that it has not taken in yet
    state: str = ""  # building, where it is made beside those in use
    options: Mapping[str, Any] = field(default_factory=dict)  # what was set of its model


@dataclass(frozen=True, slots=True)
class Status:
    """What an index holds, what is missing from it, and how its last run ended. `files` is the sum of `by_kind`,
    `skipped`, `failed` and `pending`; `partial`, `outdated` and `noted` are files of `by_kind`."""

    folder: str
    roots: tuple[bytes, ...]
    files: int
    by_kind: Mapping[str, int]  # files with content, by kind
    skipped: Mapping[str, int]  # files that are known by name only, by extension or reason
    segments: int
    read: Mapping[str, int]  # segments with words read, by reader
    failed: int  # files of which nothing is held
    partial: int  # files of which a part is missing
    pending: int  # files that wait for their first content
    stale: int  # extracted by an older version of this program
    spaces: tuple[SpaceStatus, ...]
    bytes_on_disk: int
    last_run: Mapping[str, Any] | None  # started, ended (None: cut off), outcome and the record's counts
    writing: str = ""  # who holds the writer lock now
    notes: tuple[str, ...] = ()
    by_words: Mapping[str, int] = field(default_factory=dict)  # files with words that are searched, by kind
    rules: Mapping[bytes, FileRules] = field(default_factory=dict)  # by root
    forgotten: Mapping[bytes, tuple[bytes, ...]] = field(default_factory=dict)  # by root: relative paths
    failed_by: Mapping[str, int] = field(default_factory=dict)  # files of which nothing is held, by failure code
    outdated: int = 0  # files of which an older content is held
    noted: int = 0  # files of which something was left out


def chosen(values: Sequence[str]) -> str:
    """A list of choices as it stands in a sentence: `a, b or c`."""
    return values[0] if len(values) == 1 else f"{', '.join(values[:-1])} or {values[-1]}"
