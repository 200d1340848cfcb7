"""Single files opened for a query, not for the index: worker processes decode their text, images, frames and sound, as
they do for indexing."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Sequence
from types import TracebackType
from typing import NamedTuple

from mmsearch.errors import ExtractionError, FailureCode, ModelUnavailable, UsageError
from mmsearch.extraction.forkserver import WorkerKind
from mmsearch.extraction.pool import WorkerPool
from mmsearch.extraction.worker_tasks import (
    DecodedSpan,
    OpenedAsset,
    open_request,
    parse_open_reply,
    parse_span_reply,
    span_request,
    worker_kind_of,
)
from mmsearch.filestat import stat_values
from mmsearch.sniff import HEAD_BYTES, sniff
from mmsearch.types import Extracted, Failure, Kind, Needs, Probe, Source

TIME_LIMIT_S = 60.0  # for one span; shorter than when indexing, since a user waits
OCR_THREADS = 2


class Contents(NamedTuple):
    """The probe of a file, the segments of the first `spans` spans, and why some of these could not be decoded."""

    source: Source
    probe: Probe
    segments: list[Extracted]
    failure: Failure | None
    spans: int


class Files:
    """Worker processes for single files, one of each kind, started when first needed. A context manager."""

    def __init__(self) -> None:
        self._pools: dict[WorkerKind, WorkerPool] = {}

    def read(self, source: Source, needs: Needs, spans: int | None = None, enough: int | None = None) -> Contents:
        """The segments of the first `spans` spans of a file (None: of all), until its text has `enough` characters.

        Raises `ExtractionError` for a file that can't be opened or of which nothing can be decoded."""
        probe, segments, failure = self.open(source, needs)
        done, most = 1, len(probe.spans) if spans is None else min(spans, len(probe.spans))
        for number in range(1, most):
            if enough is not None and sum(len(extracted.segment.text) for extracted in segments) >= enough:
                break
            done += 1
            more = self.span(source, probe, number, needs)
            segments += more.segments
            failure = failure or more.failure
        if failure is not None and not segments:
            raise ExtractionError(FailureCode(failure.code), failure.sentence)
        return Contents(source, probe, segments, failure, done)

    def open(self, source: Source, needs: Needs) -> OpenedAsset:
        """The probe of a file and the segments of its first span. Raises `ExtractionError`."""
        return parse_open_reply(
            *self._pool(source).submit(open_request(source, needs), timeout_s=TIME_LIMIT_S).result()
        )

    def span(self, source: Source, probe: Probe, number: int, needs: Needs) -> DecodedSpan:
        """The segments of another span. Raises `ExtractionError`."""
        request = span_request(source, probe, number, needs)
        return parse_span_reply(*self._pool(source).submit(request, timeout_s=TIME_LIMIT_S).result())

    def close(self) -> None:
        """End the workers."""
        while self._pools:
            self._pools.popitem()[1].close()

    def __enter__(self) -> Files:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _pool(self, source: Source) -> WorkerPool:
        worker_kind = worker_kind_of(source.kind)
        if worker_kind not in self._pools:
            self._pools[worker_kind] = WorkerPool(worker_kind, 1)
        return self._pools[worker_kind]


def source_of(path: bytes, kind: Kind | None = None) -> Source:
    """A file as the source of an extraction. Raises `UsageError` when it can't be read, is no regular file, or not of
    the `kind` (None: of any kind that is indexed)."""
    shown = os.fsdecode(path)
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # opening a pipe would wait
            raise UsageError(f"{shown!r} is no file.", "Name a single file.")
        with open(path, "rb") as file:
            facts = os.fstat(file.fileno())
            found, format_ = sniff(file.read(HEAD_BYTES), os.path.basename(path))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"{shown!r} can't be read: {reason}.", "Check the path.") from error
    if found is None or kind not in (None, found):
        what = _NAMES[kind] if kind is not None else "text, picture, PDF, document, sound or video"
        raise UsageError(f"{shown!r} is no {what}.", "Name another file, or say in words what to look for.")
    return Source(os.path.realpath(path), found, format_, stat_values(facts)[:3])


_NAMES = {
    Kind.TEXT: "text",
    Kind.IMAGE: "picture",
    Kind.PDF: "PDF",
    Kind.AUDIO: "sound",
    Kind.VIDEO: "video",
    Kind.MAIL: "mail",
    Kind.DOCUMENT: "document",
}


def ocr_loading() -> contextlib.AbstractContextManager[None]:
    """Load the OCR engine in a thread while the `with` block runs, for `words_of` after it."""
    from mmsearch.models.recognition.ocr import loading

    return loading(OCR_THREADS)


def words_of(segments: Sequence[Extracted], pictures: int | None = None) -> list[str]:
    """All words of each segment: its own text and what OCR recognizes in its image, in the first `pictures` images only
    where given. Empty strings where there are none. Without an OCR engine there is only the own text."""
    words = []
    for extracted in segments:
        parts = [extracted.segment.text]
        if extracted.ocr_image is not None and (pictures is None or pictures > 0):
            parts.append(_read(extracted))
            pictures = None if pictures is None else pictures - 1
        words.append("\n".join(part for part in parts if part.strip()))
    return words


def _read(extracted: Extracted) -> str:
    from mmsearch.models.recognition.ocr import handle

    assert extracted.ocr_image is not None
    try:
        reply, _ = handle({"threads": OCR_THREADS}, [extracted.ocr_image])
    except ModelUnavailable:
        return ""
    return str(reply["pages"][0]["text"])
