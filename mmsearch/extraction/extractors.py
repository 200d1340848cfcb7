"""The extractors: for each kind of file the module that decodes it."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Protocol, cast

from mmsearch.types import Extracted, Kind, Needs, Probe, Source

MODULES = {
    Kind.TEXT: "pages.text",
    Kind.PDF: "pages.pdf",
    Kind.IMAGE: "photos.image",
    Kind.AUDIO: "media.audio",
    Kind.VIDEO: "media.video",
    Kind.DOCUMENT: "documents.document",
    Kind.MAIL: "mail.mail",
}


class Extractor(Protocol):
    """What such a module offers. Both functions raise `ExtractionError` for a file that can't be decoded."""

    def probe(self, source: Source, needs: Needs) -> Probe:
        """The plan of a file: its spans, and facts about the whole."""

    def extract(self, source: Source, probe: Probe, number: int, needs: Needs) -> Iterator[Extracted]:
        """The segments of span `number`, counted from 0."""


def extractor_of(kind: Kind) -> Extractor:
    """The extractor of a kind; imported here, so that a worker loads no more than the kind needs."""
    return cast(Extractor, importlib.import_module(f"mmsearch.extraction.{MODULES[kind]}"))
