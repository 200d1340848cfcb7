"""Images and frames for a reranker, decoded again from the file on disk in the sizes that the model takes."""

from __future__ import annotations

import os
from dataclasses import replace

from mmsearch.errors import ExtractionError, FailureCode
from mmsearch.filestat import stat_values
from mmsearch.models.embedder import Clip
from mmsearch.models.reranker import Candidate, Reranker
from mmsearch.retrieval.ad_hoc_files import Files
from mmsearch.store.access import may_open
from mmsearch.store.asset_sources import asset_sources
from mmsearch.store.snapshot import Place, Snapshot
from mmsearch.types import MEDIA_VIEWS, Extracted, Kind, Needs, Probe, Source, View


def needs_of(kind: Kind, reranker: Reranker, ocr: str = "never") -> Needs:
    """What a reranker needs of a file of this kind; `ocr` is when its pages are needed for OCR as well."""
    if kind is Kind.VIDEO and reranker.frames:
        return Needs(image_pixels=reranker.frame_pixels, frames=reranker.frames, ocr=ocr)
    return Needs(image_pixels=reranker.max_pixels, ocr=ocr)


def with_image(candidate: Candidate, extracted: Extracted | None, views: frozenset[View]) -> Candidate:
    """A candidate with the media of a segment: its frames where the model takes video, else its image."""
    if extracted is None:
        return candidate
    clip, image = candidate.frames, candidate.image
    if extracted.frames is not None and View.VIDEO in views:
        place = extracted.segment.locator
        clip = Clip(extracted.frames, (place.end_s or 0.0) - (place.start_s or 0.0))
    elif extracted.image is not None and View.IMAGE in views:
        image = extracted.image
    return Candidate(candidate.text, image, clip)


class NotOpened(ExtractionError):
    """A file that an index of somebody else names and that lies elsewhere."""


class RerankMedia:
    """The images and frames of an index's segments, for one query. Segments of one span are decoded together."""

    def __init__(self, snapshot: Snapshot, files: Files, reranker: Reranker) -> None:
        self._snapshot, self._files, self._reranker = snapshot, files, reranker
        self._probes: dict[int, tuple[Source, Probe]] = {}  # by asset
        self._spans: dict[tuple[int, int], list[Extracted]] = {}  # by asset and span

    def clear(self) -> None:
        """Free the decoded media."""
        self._spans.clear()

    def of(self, place: Place) -> Extracted | None:
        """A segment decoded from its file; None where the model takes nothing of its kind. Raises `ExtractionError`:
        `vanished` for a file that is gone or changed since it was indexed, `NotOpened`, else as decoding does."""
        kind = Kind(place.kind)
        if not self._reranker.views & MEDIA_VIEWS[kind]:
            return None
        row = self._snapshot.connection.execute(
            "SELECT ordinal FROM segments WHERE id = ?", (place.segment_id,)
        ).fetchone()
        ordinal = int(row[0])
        segments = self._span(place.asset_id, ordinal >> 20, needs_of(kind, self._reranker))
        return next((one for one in segments if one.segment.ordinal == ordinal), None)

    def _span(self, asset_id: int, number: int, needs: Needs) -> list[Extracted]:
        if (asset_id, number) not in self._spans and asset_id not in self._probes:
            source = self._source(asset_id)
            opened = self._files.open(source, needs if number == 0 else Needs(ocr="never"))
            self._probes[asset_id] = source, opened.probe
            if number == 0:
                self._spans[asset_id, 0] = opened.segments
        if (asset_id, number) not in self._spans:
            source, probe = self._probes[asset_id]
            there = number < len(probe.spans)
            self._spans[asset_id, number] = self._files.span(source, probe, number, needs).segments if there else []
        return self._spans[asset_id, number]

    def _source(self, asset_id: int) -> Source:
        """A file with the content of the asset, unchanged since it was indexed. Its inode may differ: a restored
        copy."""
        elsewhere = False
        for source in asset_sources(self._snapshot.connection, self._snapshot.roots, asset_id):
            try:
                now = stat_values(os.stat(source.path))[:3]
            except OSError:
                continue
            if now[:2] == source.stat[:2]:
                if not may_open(self._snapshot.folder, self._snapshot.connection, source.path):
                    elsewhere = True
                    continue
                return replace(source, path=os.path.realpath(source.path), stat=now, sidecars=())
        if elsewhere:
            raise NotOpened(FailureCode.PERMISSION, "The index is not yours, and the file lies elsewhere.")
        raise ExtractionError(FailureCode.VANISHED, "The file changed or went away since it was indexed.")
