"""Types that all layers share: kinds, locators, segments, sources, queries and hits. Imports no other module."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    import numpy as np

FilePath = str | os.PathLike[str] | bytes  # a path as callers of the Python API write it


class Kind(StrEnum):
    """The medium of an asset."""

    TEXT = "text"
    IMAGE = "image"
    PDF = "pdf"
    AUDIO = "audio"
    VIDEO = "video"
    MAIL = "mail"
    DOCUMENT = "document"  # office documents and books


class AssetState(StrEnum):
    """How far the content of an asset is held. The values are stored in the index."""

    PENDING = "pending"
    COMPLETE = "complete"
    PARTIAL = "partial"  # a part could not be extracted or encoded
    FAILED = "failed"  # nothing could be extracted


class View(StrEnum):
    """One way a segment is embedded, named after the modality that goes into the model."""

    TEXT = "text"
    IMAGE = "image"
    AUDIO = "audio"
    VIDEO = "video"


# the views that are made of decoded media, by kind; text views are made of words, which every kind may have
MEDIA_VIEWS: Mapping[Kind, frozenset[View]] = {
    Kind.TEXT: frozenset(),
    Kind.IMAGE: frozenset({View.IMAGE}),
    Kind.PDF: frozenset({View.IMAGE}),
    Kind.AUDIO: frozenset({View.AUDIO}),
    Kind.VIDEO: frozenset({View.IMAGE, View.AUDIO, View.VIDEO}),
    Kind.MAIL: frozenset({View.IMAGE}),  # of attachments
    Kind.DOCUMENT: frozenset({View.IMAGE}),  # of the pictures in it
}


# To be raised when extraction yields other segments, text or fingerprints for the same bytes; only files of this kind
# then become stale, less those of a format with a version of its own.
EXTRACTOR_VERSIONS: Mapping[Kind, int] = {
    Kind.TEXT: 2,
    Kind.IMAGE: 3,
    Kind.PDF: 2,
    Kind.AUDIO: 3,
    Kind.VIDEO: 3,
    Kind.MAIL: 2,
    Kind.DOCUMENT: 1,
}
FORMAT_EXTRACTOR_VERSIONS: Mapping[str, int] = {"code": 1, "csv": 1, "json": 1}


def extractor_version(kind: str, format_: str) -> int:
    """The version of the extractor that reads files of this kind and format."""
    return FORMAT_EXTRACTOR_VERSIONS.get(format_) or EXTRACTOR_VERSIONS[Kind(kind)]


@dataclass(frozen=True, slots=True)
class Locator:
    """The place of a segment in its file. Pages and lines count from 1, a line range includes both ends, times are
    seconds, `[start_s, end_s)`. `section` names the part of the file in which pages, lines and times count:
    `slide 3`, `sheet Sales` (whose lines are rows), `message 41, report.pdf`. Fields that do not apply are None."""

    page: int | None = None
    start_s: float | None = None
    end_s: float | None = None
    line_start: int | None = None
    line_end: int | None = None
    section: str | None = None

    def fragment(self) -> str:
        """The place in the form that follows a path: `#page=3`, `#t=12.5,20`, `:40-52`, `#slide%203`, or nothing."""
        if self.section is not None:
            return f"#{quote(self.section)}"
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
    """Text with its time, in seconds: a subtitle or a stretch of recognized speech. `language` is a code such as `de`,
    or empty where it is not known."""

    start_s: float
    end_s: float
    text: str
    language: str = ""

    def packed(self) -> list[Any]:
        """The values for JSON; `Cue(*values)` is the cue again."""
        values: list[Any] = [self.start_s, self.end_s, self.text]
        return [*values, self.language] if self.language else values


@dataclass(frozen=True, slots=True)
class Segment:
    """A searchable part of an asset. `ordinal` is unique within the asset and depends only on its bytes: the number of
    the span in the upper bits, the place within the span in the lower 20."""

    ordinal: int
    locator: Locator
    text: str = ""  # text that the file itself has at this place
    cues: tuple[Cue, ...] = ()  # the same text by time, where the file has times
    details: Mapping[str, Any] = field(default_factory=dict)  # JSON values only


class FingerprintForm(StrEnum):
    """What a fingerprint was made of. The values are stored in the index."""

    IMAGE = "look"
    FRAME = "frame"  # an image of a film
    AUDIO = "sound"
    TEXT = "words"


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """A fingerprint by which copies of a file are found: keys are compared first, then bodies (for their content see
    `extraction.fingerprints`). `at` is the page, counted from 1 (of a picture: 1), the second, or for text the span."""

    form: FingerprintForm
    at: float
    key: bytes
    body: bytes = b""


@dataclass(frozen=True, slots=True, eq=False)
class Extracted:
    """A segment on its way through the pipeline, with the media that the read and encode stages need.

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
    """The media that a run needs from extraction besides text. Zero: not needed."""

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
    ignore_files: bool = True  # .gitignore and .mmsearchignore are obeyed
    max_bytes: int | None = None  # larger files are known by name only
    network: bool = False  # network and FUSE file systems that are mounted in the root are walked too
    archives: bool = False  # the files in archives too
    shard: tuple[int, int] | None = None  # the share of its files that is taken: number, from 1, and how many there are


ALL_FILES = FileRules()  # the defaults


@dataclass(frozen=True, slots=True)
class Source:
    """A file to extract from. `path` is absolute; `stat` is (size, mtime_ns, inode) at planning, as
    `filestat.stat_values` maps them. Of a file in an archive the two are its own, its inode is 0, and `archive` and
    `archive_stat` are those of the archive on disk."""

    path: bytes
    kind: Kind
    format: str  # png, jpeg, pdf, mp4, html, text, ...
    stat: tuple[int, int, int]
    sidecars: tuple[bytes, ...] = ()  # absolute paths of subtitles, lyrics and .xmp files that belong to it
    archive: bytes = b""
    archive_stat: tuple[int, int, int] = (0, 0, 0)

    @property
    def on_disk(self) -> tuple[bytes, tuple[int, int, int]]:
        """The file to open, with its properties: the archive of a file in one."""
        return (self.archive, self.archive_stat) if self.archive else (self.path, self.stat)


@dataclass(frozen=True, slots=True)
class Span:
    """The part `[start, stop)` of an asset that one task decodes: bytes of a text, pages of a PDF or TIFF, seconds of
    sound or film, passages and pictures of a document. `first` is the line number of the first line of text."""

    start: float
    stop: float
    first: int = 0


@dataclass(frozen=True, slots=True)
class Probe:
    """The result of opening an asset: its spans, and facts about the whole.

    details: JSON values: `title`, `duration_s`, `pages`, `width`, `height`, `language`, `encoding`, `tags` ...
    notes:   sentences for the user about what is missing or was left out."""

    spans: tuple[Span, ...]
    details: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a file or a part of it could not be indexed: a stable code and a sentence for people."""

    code: str  # a `FailureCode`; an index that a newer mmsearch wrote may hold others
    sentence: str


@dataclass(frozen=True, slots=True)
class KnownText:
    """Text that an index holds of a place in a file. `origin` is `file` (its own text), `headers` (of a message),
    `captions`, `ocr` or `speech`; `engine` names what recognized it;
    `language` is the code of captions whose language the file states."""

    locator: Locator
    origin: str
    text: str
    engine: str = ""
    language: str = ""


@dataclass(frozen=True, slots=True)
class Copy:
    """A file of a group of copies. Those of a group with the same `content` number have the same bytes."""

    path: bytes
    kind: str
    size: int
    content: int


@dataclass(frozen=True, slots=True)
class CopyGroup:
    """Files with the same content, the largest first; `exact` where all have the same bytes."""

    files: tuple[Copy, ...]
    exact: bool


def chosen(values: Sequence[str]) -> str:
    """A list of choices as it stands in a sentence: `a, b or c`."""
    return values[0] if len(values) == 1 else f"{', '.join(values[:-1])} or {values[-1]}"
