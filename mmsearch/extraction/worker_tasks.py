"""The tasks of extraction workers: open an asset (its plan, with its first span decoded at once) or decode one span.

The main process makes a request with `open_request` or `span_request` and reads the reply with `parse_open_reply` or
`parse_span_reply`; `handle` runs in the worker. Of a span that is damaged, the segments before the damage arrive with
the failure beside them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from mmsearch.errors import ExtractionError, FailureCode
from mmsearch.extraction.extractors import Extractor, extractor_of
from mmsearch.extraction.forkserver import WorkerKind
from mmsearch.extraction.serialization import (
    dump_extracted,
    dump_failure,
    dump_needs,
    dump_probe,
    dump_source,
    load_extracted,
    load_failure,
    load_needs,
    load_probe,
    load_source,
)
from mmsearch.extraction.task_loop import failure_of
from mmsearch.extraction.wire import ARRAYS_LIMIT, Message, WireError
from mmsearch.types import Extracted, Failure, Kind, Needs, Probe, Source

if TYPE_CHECKING:
    import numpy as np

_HANDLER = "mmsearch.extraction.worker_tasks:handle"

LIGHT = WorkerKind(
    "light",
    _HANDLER,
    preload=(
        "mmsearch.extraction.pages.text",
        "mmsearch.extraction.pages.markup",
        "mmsearch.extraction.mail.mail",
        "mmsearch.extraction.photos.image",
        "mmsearch.extraction.pages.pdf",
        "mmsearch.extraction.documents.document",
        "numpy",
        "PIL.Image",
        "pi_heif",
        "pypdfium2",
        "charset_normalizer",
        "semantic_text_splitter",
    ),
    timeout_s=60,
    memory_bytes=2 << 30,
)
AV = WorkerKind(
    "av",
    _HANDLER,
    preload=(
        "mmsearch.extraction.media.audio",
        "mmsearch.extraction.media.video",
        "numpy",
        "PIL.Image",
        "torchcodec.decoders",
    ),
    timeout_s=120,
    memory_bytes=3 << 30,
)


class OpenedAsset(NamedTuple):
    """An asset's plan with the segments of its span 0, and the failure that ended the decoding of that span."""

    probe: Probe
    segments: list[Extracted]
    failure: Failure | None


class DecodedSpan(NamedTuple):
    """The segments of a span, and the failure that ended its decoding."""

    segments: list[Extracted]
    failure: Failure | None


def worker_kind_of(kind: Kind) -> WorkerKind:
    """The kind of worker that decodes files of this kind."""
    return AV if kind in (Kind.AUDIO, Kind.VIDEO) else LIGHT


def open_request(source: Source, needs: Needs) -> dict[str, Any]:
    """The request to open an asset."""
    return {"op": "open", "source": dump_source(source), "needs": dump_needs(needs)}


def span_request(source: Source, probe: Probe, number: int, needs: Needs) -> dict[str, Any]:
    """The request to decode span `number`."""
    return {
        "op": "span",
        "source": dump_source(source),
        "probe": dump_probe(probe),
        "number": number,
        "needs": dump_needs(needs),
    }


def sound_request(source: Source, rate: int, start_s: float, stop_s: float) -> dict[str, Any]:
    """The request for the sound of `[start_s, stop_s)`, in times of the container, for speech recognition. Its reply
    has one array, float32 (samples,) mono at `rate` Hz, or none where there is no sound."""
    return {"op": "sound", "source": dump_source(source), "rate": rate, "start_s": start_s, "stop_s": stop_s}


def parse_open_reply(reply: dict[str, Any], arrays: Sequence[np.ndarray]) -> OpenedAsset:
    """The reply to `open_request`; raises `ExtractionError` (crash) for a malformed reply."""
    try:
        probe = load_probe(reply.get("probe"))
    except WireError as error:
        raise _malformed_reply() from error
    return OpenedAsset(probe, *parse_span_reply(reply, arrays))


def parse_span_reply(reply: dict[str, Any], arrays: Sequence[np.ndarray]) -> DecodedSpan:
    """The reply to `span_request`; raises as `parse_open_reply`."""
    try:
        return DecodedSpan(load_extracted(reply.get("segments"), arrays), load_failure(reply.get("failure")))
    except WireError as error:
        raise _malformed_reply() from error


def handle(request: dict[str, Any], arrays: list[np.ndarray]) -> Message:
    """Run a request in a worker. Raises `ExtractionError` where not even the plan can be made."""
    if request["op"] == "sound":
        return _sound(load_source(request["source"]), request["rate"], request["start_s"], request["stop_s"])
    source, needs = load_source(request["source"]), load_needs(request["needs"])
    extractor = extractor_of(source.kind)
    if request["op"] == "open":
        probe, number = extractor.probe(source, needs), 0
        reply = {"probe": dump_probe(probe)}
    else:
        probe, number = load_probe(request["probe"]), request["number"]
        reply = {}
    segments, failure = _decode(extractor, source, probe, number, needs) if number < len(probe.spans) else ([], None)
    entries, media = dump_extracted(segments)
    return {**reply, "segments": entries, "failure": dump_failure(failure)}, media


def _sound(source: Source, rate: int, start_s: float, stop_s: float) -> Message:
    from mmsearch.extraction.media.audio_decoder import sound_in_blocks
    from mmsearch.extraction.source import open_source

    with open_source(source) as handle:
        found = sound_in_blocks(handle, rate, start_s, stop_s)
    return {}, [] if found is None else [found]


def _decode(
    extractor: Extractor, source: Source, probe: Probe, number: int, needs: Needs
) -> tuple[list[Extracted], Failure | None]:
    """The segments of a span that can be decoded, and the failure that ended it, if any."""
    segments: list[Extracted] = []
    size = 0
    try:
        for item in extractor.extract(source, probe, number, needs):
            media = (item.image, item.ocr_image, item.sound, item.frames)
            size += sum(array.nbytes for array in media if array is not None)
            if size > ARRAYS_LIMIT:
                sentence = f"What one part of this file holds takes more than {ARRAYS_LIMIT >> 20} MB."
                return segments, Failure(FailureCode.TOO_LARGE, sentence)
            segments.append(item)
    except Exception as error:
        return segments, failure_of(error)
    return _with_text_fingerprint(source, segments, number), None


def _with_text_fingerprint(source: Source, segments: list[Extracted], number: int) -> list[Extracted]:
    """The segments of a whole span, the first with the fingerprint of their text. A drawing has none, since its text
    does not identify it, nor have pictures and recordings, whose copies may carry other text; those of documents are
    made by their extractor."""
    if source.kind not in (Kind.TEXT, Kind.PDF, Kind.MAIL) or source.format == "svg" or not segments:
        return segments
    from mmsearch.extraction.fingerprints import text_fingerprint

    made = text_fingerprint((one.segment.text for one in segments), number, lines=source.format in ("code", "csv"))
    return [replace(segments[0], fingerprints=(*segments[0].fingerprints, made)), *segments[1:]] if made else segments


def _malformed_reply() -> ExtractionError:
    return ExtractionError(FailureCode.CRASH, "The worker that read this file sent a malformed reply.")
