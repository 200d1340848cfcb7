"""A picture as a query: for a model that can't see, the words in it."""

from __future__ import annotations

import os
from pathlib import Path

from mmsearch.discovery.sniff import HEAD_BYTES, sniff
from mmsearch.errors import ExtractionError, ModelUnavailable, UsageError
from mmsearch.extraction.pool import WorkerPool
from mmsearch.extraction.worker import LIGHT, opened, opening
from mmsearch.types import Kind, Needs, Source


def words_of(path: bytes) -> tuple[str, str]:
    """The words in a picture file, and a note for the user about how it is searched for.

    The file is decoded in a worker process, as when indexing. Raises `UsageError` when it is no picture.
    """
    shown = os.fsdecode(path)
    try:
        with open(path, "rb") as file:
            facts = os.fstat(file.fileno())
            kind, format_ = sniff(file.read(HEAD_BYTES), os.path.basename(path))
    except OSError as error:
        raise UsageError(f"The picture {shown!r} can't be read: {error.strerror}.", "Check the path.") from error
    if kind is not Kind.IMAGE:
        raise UsageError(f"{shown!r} is no picture.", "Name a picture file: --image photo.jpg")
    source = Source(os.path.realpath(path), kind, format_, (facts.st_size, facts.st_mtime_ns, facts.st_ino))
    with WorkerPool(LIGHT, 1) as pool:
        try:
            answer = opened(*pool.submit(opening(source, Needs(ocr="always"))).result())
        except ExtractionError as error:
            raise UsageError(
                f"The picture {shown!r} can't be decoded: {error.sentence}", "Try another picture."
            ) from error
    page = answer.segments[0].page if answer.segments else None
    text = "" if page is None else _read(page)
    caption = answer.segments[0].segment.text if answer.segments else ""
    words = "\n".join(part for part in (caption, text) if part.strip())
    name = Path(shown).name
    if not words:
        return "", f"The built-in model can't see, and there are no words in {name} to search by."
    return words, f"The built-in model can't see: {name} is searched for by the words in it."


def _read(page: object) -> str:
    from mmsearch.models.ocr import handle

    try:
        reply, _ = handle({"threads": 2}, [page])  # type: ignore[list-item]
    except ModelUnavailable:
        return ""
    return str(reply["pages"][0]["text"])
