"""Small pictures of hits: the picture, the page, the moment of a film. Files are decoded in the confined workers."""

from __future__ import annotations

import contextlib
import os
from types import TracebackType
from typing import TYPE_CHECKING

from mmsearch.errors import ExtractionError, UsageError
from mmsearch.extraction.wire import WireError
from mmsearch.query import Hit
from mmsearch.retrieval.queries.ad_hoc_files import Files, source_of
from mmsearch.types import Extracted, Kind, Locator, Needs, Probe

if TYPE_CHECKING:
    import numpy as np

PIXELS = 320 * 320  # of a thumbnail, about
_KINDS = {kind.value: kind for kind in (Kind.IMAGE, Kind.PDF, Kind.VIDEO)}


class Thumbnails:
    """Makes thumbnails, with worker processes that start when first needed. A context manager."""

    def __init__(self, pixels: int = PIXELS) -> None:
        self._needs = Needs(image_pixels=pixels, frames=1, frame_pixels=pixels, ocr="never")
        self._files = Files()

    def of(self, hit: Hit) -> np.ndarray | None:
        """uint8 (height, width, 3) RGB of the place of a hit. None for a kind that shows nothing, for a file that has
        gone or was changed since it was indexed, that lies in an archive, or that can't be decoded."""
        kind = _KINDS.get(hit.kind)
        if kind is None or hit.locator.section is not None or not _is_as_indexed(hit):
            return None
        with contextlib.suppress(UsageError, ExtractionError, WireError, OSError):
            source = source_of(hit.path, kind)
            probe, segments, _ = self._files.open(source, self._needs)
            number = _span_of(probe, hit.locator)
            if number:
                segments = self._files.span(source, probe, number, self._needs).segments
            return _picture(segments, hit.locator)
        return None

    def close(self) -> None:
        """End the workers."""
        self._files.close()

    def __enter__(self) -> Thumbnails:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def jpeg(picture: np.ndarray) -> bytes:
    """A picture, uint8 (height, width, 3) RGB, as the bytes of a JPEG file."""
    import io

    from PIL import Image

    data = io.BytesIO()
    Image.fromarray(picture).save(data, "JPEG", quality=80, optimize=True)
    return data.getvalue()


def _is_as_indexed(hit: Hit) -> bool:
    """Whether a file still has the size and the time of change that the index holds, as far as it holds them."""
    try:
        facts = os.stat(hit.path)
    except (OSError, ValueError):
        return False
    if hit.size is not None and facts.st_size != hit.size:
        return False
    return hit.modified_s is None or abs(facts.st_mtime - hit.modified_s) < 1e-3


def _span_of(probe: Probe, locator: Locator) -> int:
    """The number of the span that holds a place; 0 where there is none."""
    at = locator.page - 1 if locator.page is not None else locator.start_s or 0.0
    return next((number for number, span in enumerate(probe.spans) if span.start <= at < span.stop), 0)


def _picture(segments: list[Extracted], locator: Locator) -> np.ndarray | None:
    """The picture of the segment at a place: that of its page, else of the last segment that begins before it ends."""
    shown = [(one, picture) for one in segments if (picture := _shown(one)) is not None]
    if locator.page is not None:
        shown = [(one, picture) for one, picture in shown if one.segment.locator.page in (None, locator.page)]
    elif locator.start_s is not None:
        before = [each for each in shown if (each[0].segment.locator.start_s or 0.0) <= locator.start_s]
        shown = before[-1:] or shown
    return shown[0][1] if shown else None


def _shown(one: Extracted) -> np.ndarray | None:
    if one.image is not None:
        return one.image
    return one.frames[0] if one.frames is not None and len(one.frames) else None
