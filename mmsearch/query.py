"""A query, how its models run, and the answer: the data of `Index.search`."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from mmsearch.config import Settings
from mmsearch.date_taken import taken_seconds
from mmsearch.errors import UsageError
from mmsearch.types import FilePath, Locator, chosen

QUERY_ENCODERS = ("auto", "onnx", "torch")
SORTS = ("score", "date", "name", "size")


@dataclass(frozen=True, slots=True)
class Filter:
    """Which files a query may find; it is applied before ranking. Empty: all files."""

    kinds: tuple[str, ...] = ()
    within: tuple[str, ...] = ()  # absolute paths of files or folders, or globs over the absolute path
    since: float | None = None  # seconds since 1970: taken, sent, or where neither is known changed at or after this
    before: float | None = None  # and before this
    min_bytes: int | None = None
    max_bytes: int | None = None
    languages: tuple[str, ...] = ()
    min_duration_s: float | None = None
    max_duration_s: float | None = None
    min_pages: int | None = None
    max_pages: int | None = None
    folders: tuple[str, ...] = ()  # beside `within`: names of folders (or files) on the way from the root, any case
    near: tuple[float, float, float] | None = None  # taken within so many kilometres of a latitude and longitude
    names: tuple[str, ...] = ()  # parts of the file's name, or globs over it, of any case; one of them
    senders: tuple[str, ...] = ()  # names or addresses, or their beginnings, of any case: messages from one of them
    recipients: tuple[str, ...] = ()  # and to one of them, also as a copy
    subjects: tuple[str, ...] = ()  # words of the subject; one of them
    without: tuple[Filter, ...] = ()  # files that pass one of these are left out

    def __bool__(self) -> bool:
        return self != Filter()


@dataclass(frozen=True, slots=True)
class Part:
    """Words, or a file or a place in one (`PATH#page=3`, `PATH#t=75`), that a query adds or subtracts.
    The weight is above 0; the query's own text weighs 1."""

    text: str = ""
    file: FilePath | None = None
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Query:
    """What is searched for, in which files, and how the hits are grouped and ordered. One that has only a filter lists
    the files that pass it."""

    text: str = ""  # operators in it (`kind:image`, see `retrieval.query_operators`) become a part of the filter
    literal: bool = False  # nothing in the text is an operator, a quoted phrase or an exclusion
    images: Sequence[FilePath] = ()  # paths of files, here and in the next two; they need not be in the index
    audios: Sequence[FilePath] = ()
    videos: Sequence[FilePath] = ()
    k: int = 10  # hits at most
    all_segments: bool = False  # every place is a hit, not one hit a file
    fold: bool = True  # files with the same content are one hit, and so are messages of a thread
    min_score: float | None = None  # of every hit; None: a default that the best hit must reach; 0: no limit
    where: Filter = Filter()
    names: bool = True  # False: file names do not count
    like: tuple[Part, ...] = ()  # files or places, in the index or not; they are not among the hits, their copies are
    minus: tuple[Part, ...] = ()  # words or files
    sort: str = "score"  # score: best first; date: newest first; name: A first; size: largest first
    reverse: bool = False  # the other way round

    def __post_init__(self) -> None:
        if self.k < 1:
            raise UsageError(f"A query can't ask for {self.k} hits.", "Ask for 1 or more.")
        if self.sort not in SORTS:
            raise UsageError(f"--sort can't be {self.sort!r}.", f"Choose {chosen(SORTS)}.")


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How the models of a query run, and which reranker reorders its best places.

    Raises `UsageError` for a device, a precision or a query encoder that does not exist."""

    device: str = "auto"  # cpu, cuda, cuda:1, mps
    dtype: str = "auto"  # float32, bfloat16, float16
    allow_download: bool = False  # False: a model that is not on this machine can't be used
    trust_remote_code: tuple[str, ...] = ()  # models that may run code of their own
    query_encoder: str = "auto"  # of text: auto (the exported one, else torch), onnx, torch
    instruct: str = ""  # what the search is for, for models that take an instruction
    rerank: str | None = None  # `builtin`, or a reranker's name
    rerank_top: int = 50  # places that it scores at most
    rerank_seconds: float | None = None  # time limit once it is loaded; None: no limit

    def __post_init__(self) -> None:
        self.settings()
        if self.query_encoder not in QUERY_ENCODERS:
            raise UsageError(f"--query-encoder can't be {self.query_encoder!r}.", "Choose auto, onnx or torch.")

    def settings(self) -> Settings:
        """The settings that a model is loaded with."""
        return Settings(device=self.device, dtype=self.dtype, allow_download=self.allow_download)


DEFAULT_QUERY, DEFAULT_OPTIONS = Query(), RunOptions()


class Match(StrEnum):
    """Why a hit answers a query that consists of files, the surest reason first."""

    SAME_BYTES = "same bytes"
    COPY = "copy"  # the same picture, page, sound, film or text in another form
    LIKENESS = "alike"  # in what it shows or sounds like; of texts, in what they say
    WORDS = "words"  # in the words in it alone


COPIES = (Match.SAME_BYTES, Match.COPY)


@dataclass(frozen=True, slots=True)
class Signal:
    """One signal's share in a hit. `raw` is on the signal's own scale, `score` on the calibrated one."""

    name: (
        str  # "<space>:<view>", "words", "exact" (an identifier as it was typed), "minus", "names", "copy" or "rerank"
    )
    raw: float
    score: float
    rank: int
    contribution: float
    terms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FilePlace:
    """A place in a file."""

    path: bytes
    locator: Locator


@dataclass(frozen=True, slots=True)
class Hit:
    """A ranked place in a file."""

    rank: int  # by score, from 1, in whatever order hits are
    score: float
    path: bytes
    kind: str  # a Kind, or "other" for a file known by name only
    view: str  # the view or signal that contributes most
    locator: Locator
    snippet: str
    signals: tuple[Signal, ...]
    segment_id: int | None = None
    same: tuple[bytes, ...] = ()  # paths of exact and near duplicates that are collapsed into this hit
    more: tuple[Locator, ...] = ()  # further places in the same file, best first
    seen: tuple[str, ...] = ()  # what its picture shows, as the image encoder knows it: kind, then objects
    modified_s: float | None = None  # when the file was changed, in seconds since 1970; None: not known
    size: int | None = None  # bytes of the file
    dated_s: float | None = None  # when a message was sent, in seconds since 1970; None: it has no date of its own
    taken: str = ""  # when the photo or film was taken, see `mmsearch.date_taken`; empty: not known
    match: Match | None = None  # of a query that consists of files
    thread: tuple[FilePlace, ...] = ()  # other messages of its thread that are collapsed into this hit, best first

    @property
    def date_s(self) -> float | None:
        """The date by which hits are sorted: when it was sent or taken, else when its file was changed."""
        own_s = taken_seconds(self.taken) if self.dated_s is None and self.taken else self.dated_s
        return self.modified_s if own_s is None else own_s


@dataclass(frozen=True, slots=True)
class Answer:
    """Hits, best first, and notes for the user about how they were found."""

    hits: tuple[Hit, ...]
    notes: tuple[str, ...] = ()
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class WhyNot:
    """Why a file is not among the hits of a query, or which hit it is: a code, a sentence, and the next step.

    Codes: `hit`, `copy` (shown with another file), `thread` (with another message of its thread), `limit` (beyond the
    first k), `cutoff`, `no-match`, `phrase`, `excluded-words`, `example` (it is a part of the query), `filtered`; of
    files without content in the index `failed`, `skipped`, `pending`; of files that it does not know `outside`,
    `excluded`, `ignored`, `hidden`, `forgotten`, `link`, `special`, `mount`, `index`, `pending`."""

    path: bytes
    code: str
    sentence: str
    hint: str = ""
    notes: tuple[str, ...] = ()  # what else keeps it from being found, a sentence each
    pattern: str = ""  # that leaves it out
    filters: tuple[str, ...] = ()  # fields of `Filter` that it does not pass
    copy_of: bytes | None = None  # the file whose hit shows it
    rank: int | None = None
    score: float | None = None
    signals: tuple[Signal, ...] = ()


def file_paths(paths: FilePath | Iterable[FilePath]) -> list[bytes]:
    """Paths as bytes; a single path is a list of one."""
    if isinstance(paths, str | bytes | os.PathLike):
        return [os.fsencode(paths)]
    return [os.fsencode(path) for path in paths]
