"""Plain data that every part speaks: kinds, places, segments, hits, run records. A leaf: it imports nothing of ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

EXTRACTOR_VERSION = 1  # raise it when extraction would give other segments or words for the same bytes


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


@dataclass(frozen=True, slots=True, eq=False)
class Extracted:
    """A segment on its way through the pipeline, with the media that the read and encode stages asked for.

    look:   uint8 (height, width, 3) RGB, upright, at most `Needs.look_pixels` pixels: for image views.
    page:   uint8 (height, width, 3) RGB, for OCR; None where no OCR is due or it could add nothing.
    sound:  float32 (samples,) mono at `Needs.sound_rate`: for audio views and speech recognition.
    frames: uint8 (frames, height, width, 3) RGB, evenly spaced over the segment: for video views.
    """

    segment: Segment
    look: np.ndarray | None = None
    page: np.ndarray | None = None
    sound: np.ndarray | None = None
    frames: np.ndarray | None = None


@dataclass(frozen=True, slots=True)
class Needs:
    """What a run wants from extraction besides words. Zero: not wanted."""

    look_pixels: int = 0
    sound_rate: int = 0  # Hz
    frames: int = 0  # frames per scene
    ocr: str = "auto"  # auto | always | never
    tokenizer: str = ""  # path of the tokenizer.json that passages are measured with


@dataclass(frozen=True, slots=True)
class Source:
    """A file to extract from. `path` is absolute; `stat` is (size, mtime_ns, inode) as it was planned."""

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

    name: str  # "<space>:<view>", "words" or "names"
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
    same: tuple[bytes, ...] = ()  # other paths with the same content, folded into this hit
    more: tuple[Locator, ...] = ()  # further places in the same file, best first


@dataclass(slots=True)
class RunRecord:
    """What a run did. Every run ends in exactly one, printed, stored and given by `--summary-json`."""

    seen: int = 0
    unchanged: int = 0
    indexed: int = 0
    moved: int = 0
    removed: int = 0
    skipped: int = 0
    failed: int = 0  # in this run
    known_failures: int = 0  # failed in an earlier run, bytes unchanged, not tried again
    partial: int = 0  # indexed in this run with a part missing
    pending: int = 0
    segments: int = 0
    embeddings: int = 0
    seconds: float = 0.0
    stages: dict[str, float] = field(default_factory=dict)  # busy seconds per stage
    skipped_by: dict[str, int] = field(default_factory=dict)  # reason or extension -> files
    outcome: str = "done"  # done | interrupted | budget | guard | disk-full
    notes: list[str] = field(default_factory=list)


def chosen(values: Sequence[str]) -> str:
    """A list of choices as it stands in a sentence: `a, b or c`."""
    return values[0] if len(values) == 1 else f"{', '.join(values[:-1])} or {values[-1]}"
