"""Files within a file, such as the attachments of a message: read by the extractor of their own kind."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

from mmsearch.errors import ExtractionError, FailureCode
from mmsearch.extraction.extractors import extractor_of
from mmsearch.extraction.media.tags import read_tags, tag_text
from mmsearch.extraction.source import held_depth, held_in_memory
from mmsearch.sniff import HEAD_BYTES, sniff
from mmsearch.types import Extracted, Kind, Locator, Needs, Probe, Segment, Source

DEPTH = 5  # of files within files
BYTES = 100 << 20  # of one that is read
RECORDINGS = {Kind.AUDIO: "sound", Kind.VIDEO: "film"}  # whose decoders run in other workers


@dataclass(frozen=True, slots=True, eq=False)
class Attachment:
    """A file within another one: its name for people, and a function that returns its bytes. `is_message` is whether
    it is known to be a mail message."""

    name: str
    read: Callable[[], bytes]
    is_message: bool = False

    def format(self, data: bytes) -> tuple[Kind | None, str]:
        """Its kind and format."""
        return (Kind.MAIL, "eml") if self.is_message else sniff(data[:HEAD_BYTES], self.name.encode("utf-8", "replace"))


def plan(attachment: Attachment, needs: Needs) -> tuple[int, tuple[str, ...]]:
    """The number of spans that an attachment is read in, and notes about what is not read. 0 for a file that is found
    by its name only."""
    data = attachment.read()
    kind, format_ = attachment.format(data)
    if kind is None:
        return 0, ()
    try:
        if kind in RECORDINGS:
            note = f"{attachment.name}: Of a {RECORDINGS[kind]} in an attachment only the tags are read."
            return int(bool(_tags(data))), (note,)
        if len(data) > BYTES:
            raise ExtractionError(FailureCode.TOO_LARGE, f"It has more than {BYTES >> 20} MB.")
        if held_depth() >= DEPTH:
            raise ExtractionError(FailureCode.TOO_LARGE, "It lies too deep within other files.")
        with held_in_memory(data, kind, format_) as source:
            probe = probe_of(source, needs)
    except Exception as error:  # of any decoder, on any damage: the message around it is still good
        return 0, (f"{attachment.name}: {sentence_of(error)}",)
    return len(probe.spans), tuple(f"{attachment.name}: {note}" for note in probe.notes)


def segments(attachment: Attachment, number: int, needs: Needs) -> Iterator[Extracted]:
    """The segments of span `number` of an attachment, with its name as their section, without fingerprints: these are
    of whole assets."""
    data = attachment.read()
    kind, format_ = attachment.format(data)
    if kind is None:
        return
    if kind in RECORDINGS:
        yield Extracted(Segment(0, Locator(section=attachment.name), _tags(data)))
        return
    with held_in_memory(data, kind, format_) as source:
        probe = probe_of(source, needs)
        for one in extractor_of(kind).extract(source, probe, number, needs):
            inner = one.segment.locator.section
            section = f"{attachment.name}, {inner}" if inner else attachment.name
            locator = replace(one.segment.locator, section=section)
            yield replace(one, segment=replace(one.segment, locator=locator), fingerprints=())


def _tags(data: bytes) -> str:
    """The words of a recording's tags."""
    return tag_text(read_tags(io.BytesIO(data)))


@lru_cache(maxsize=4)  # the spans of an attachment are mostly decoded one after the other
def probe_of(source: Source, needs: Needs) -> Probe:
    """The plan of a file in memory, by the extractor of its kind."""
    return extractor_of(source.kind).probe(source, needs)


def sentence_of(error: Exception) -> str:
    """Why an attachment could not be read."""
    if isinstance(error, ExtractionError):
        return error.sentence
    return f"It can't be decoded ({type(error).__name__})."
