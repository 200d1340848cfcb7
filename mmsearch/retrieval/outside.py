"""A file that is not in the index, opened for a query: the words in its first spans."""

from __future__ import annotations

import os
import stat

from mmsearch.discovery.sniff import HEAD_BYTES, sniff
from mmsearch.errors import ExtractionError, ModelUnavailable, UsageError
from mmsearch.extraction.pool import WorkerPool
from mmsearch.extraction.worker import decoded, decoding, flavour_of, opened, opening
from mmsearch.types import Extracted, Kind, Needs, Source

SPANS = 3  # that are decoded at most, until there are words
ENOUGH = 2_000  # characters
PAGES_READ = 2  # pictures whose words are read


def passages_of(path: bytes, kind: Kind | None = None) -> list[str]:
    """The words of a file, passage by passage: its text and what OCR reads from its first pictures. Empty where there
    are none (a photo).

    The file is decoded in a worker process, as when indexing. Raises `UsageError` when it can't be, or is not of the
    `kind` asked for.
    """
    source = _source(path, kind)
    needs = Needs(ocr="always" if source.kind is Kind.IMAGE else "auto")
    with WorkerPool(flavour_of(source.kind), 1) as pool:
        try:
            probe, extracted, failure = opened(*pool.submit(opening(source, needs)).result())
            for number in range(1, min(SPANS, len(probe.spans))):
                if sum(len(one.segment.text) for one in extracted) >= ENOUGH:
                    break
                extracted += decoded(*pool.submit(decoding(source, probe, number, needs)).result()).segments
        except ExtractionError as error:
            raise _undecodable(path, error.sentence) from error
    if failure is not None and not extracted:
        raise _undecodable(path, failure.sentence)
    return _words(extracted)


def _words(extracted: list[Extracted]) -> list[str]:
    pages = [one.page for one in extracted if one.page is not None]
    said = [one.segment.text for one in extracted] + [_read(page) for page in pages[:PAGES_READ]]
    return [text for text in said if text.strip()]


def _source(path: bytes, kind: Kind | None) -> Source:
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
        what = "picture" if kind is Kind.IMAGE else "text, picture, PDF, sound or video"
        raise UsageError(f"{shown!r} is no {what}.", "Name another file, or say in words what to look for.")
    return Source(os.path.realpath(path), found, format_, (facts.st_size, facts.st_mtime_ns, facts.st_ino))


def _undecodable(path: bytes, sentence: str) -> UsageError:
    return UsageError(f"{os.fsdecode(path)!r} can't be decoded: {sentence}", "Try another file.")


def _read(page: object) -> str:
    from mmsearch.models.ocr import handle

    try:
        reply, _ = handle({"threads": 2}, [page])  # type: ignore[list-item]
    except ModelUnavailable:
        return ""
    return str(reply["pages"][0]["text"])
