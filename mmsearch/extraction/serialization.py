"""Requests and results of extraction as JSON values and back, for the messages to and from a worker process.

A decoder that a hostile file has taken over may return anything, so the loaders check every field and raise
`WireError`; the dumpers trust their caller. Path bytes are encoded in base64.
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from mmsearch.errors import FailureCode
from mmsearch.extraction.wire import WireError
from mmsearch.filestat import LOWEST
from mmsearch.types import (
    Cue,
    Extracted,
    Failure,
    Fingerprint,
    FingerprintForm,
    Kind,
    Locator,
    Needs,
    Probe,
    Segment,
    Source,
    Span,
)

if TYPE_CHECKING:
    import numpy as np

_MEDIA = {"image": ("uint8", 3), "ocr_image": ("uint8", 3), "sound": ("float32", 1), "frames": ("uint8", 4)}
_FINGERPRINT_BYTES = 1 << 17
_COUNT_LIMIT = 1 << 53  # integers up to here are exact in every JSON reader
_FAILURE_CODES = frozenset(FailureCode) - {FailureCode.SKIPPED, FailureCode.NOTE}


def dump_source(source: Source) -> dict[str, Any]:
    """A source as JSON values."""
    return {
        "path": _coded(source.path),
        "kind": source.kind.value,
        "format": source.format,
        "stat": list(source.stat),
        "sidecars": [_coded(path) for path in source.sidecars],
        "archive": _coded(source.archive),
        "archive_stat": list(source.archive_stat),
    }


def load_source(data: Any) -> Source:
    """The source that `dump_source` wrote."""
    fields = _fields(data, "path", "kind", "format", "stat", "sidecars", "archive", "archive_stat")
    return Source(
        path=_bytes(fields["path"]),
        kind=_kind(fields["kind"]),
        format=_text(fields["format"]),
        stat=_stat(fields["stat"]),
        sidecars=tuple(_bytes(value) for value in _list(fields["sidecars"])),
        archive=_bytes(fields["archive"]),
        archive_stat=_stat(fields["archive_stat"]),
    )


def _stat(value: Any) -> tuple[int, int, int]:
    size, mtime_ns, inode = (_whole(number, LOWEST) for number in _list(value, length=3))
    return size, mtime_ns, inode


def dump_needs(needs: Needs) -> dict[str, Any]:
    """What a run needs, as JSON values."""
    return asdict(needs)


def load_needs(data: Any) -> Needs:
    """The needs that `dump_needs` wrote."""
    fields = _fields(data, "image_pixels", "sound_rate", "frames", "frame_pixels", "ocr")
    return Needs(
        image_pixels=_whole(fields["image_pixels"]),
        sound_rate=_whole(fields["sound_rate"]),
        frames=_whole(fields["frames"]),
        frame_pixels=_whole(fields["frame_pixels"]),
        ocr=_text(fields["ocr"]),
    )


def dump_probe(probe: Probe) -> dict[str, Any]:
    """A probe as JSON values."""
    return {
        "spans": [[span.start, span.stop, span.first] for span in probe.spans],
        "details": dict(probe.details),
        "notes": list(probe.notes),
    }


def load_probe(data: Any) -> Probe:
    """The probe that `dump_probe` wrote."""
    fields = _fields(data, "spans", "details", "notes")
    spans = []
    for entry in _list(fields["spans"]):
        start, stop, first = _list(entry, length=3)
        spans.append(Span(_number(start), _number(stop), _whole(first)))
    return Probe(tuple(spans), _object(fields["details"]), tuple(_text(note) for note in _list(fields["notes"])))


def dump_failure(failure: Failure | None) -> list[str] | None:
    """A failure as JSON values; None stays None."""
    return None if failure is None else [failure.code, failure.sentence]


def load_failure(data: Any) -> Failure | None:
    """The failure that `dump_failure` wrote, with a code of the stable list."""
    if data is None:
        return None
    code, sentence = (_text(value) for value in _list(data, length=2))
    if code not in _FAILURE_CODES:
        raise WireError(f"{code!r} is no failure code")
    return Failure(code, sentence[:500])


def dump_extracted(items: Iterable[Extracted]) -> tuple[list[dict[str, Any]], list[np.ndarray]]:
    """Segments as JSON values, and their media in one list that they point into."""
    entries: list[dict[str, Any]] = []
    arrays: list[np.ndarray] = []
    for item in items:
        media: dict[str, int] = {}
        for name in _MEDIA:
            array = getattr(item, name)
            if array is not None:
                media[name] = len(arrays)
                arrays.append(_finite(array))
        fingerprints = [[one.form, one.at, _coded(one.key), _coded(one.body)] for one in item.fingerprints]
        entries.append({"segment": _dump_segment(item.segment), "media": media, "fingerprints": fingerprints})
    return entries, arrays


def load_extracted(data: Any, arrays: Sequence[np.ndarray]) -> list[Extracted]:
    """The segments that `dump_extracted` wrote; ordinals are unique, sound is finite, shapes are as in `Extracted`."""
    items = []
    for entry in _list(data):
        fields = _fields(entry, "segment", "media", "fingerprints")
        media = _object(fields["media"])
        if not set(media) <= set(_MEDIA):
            raise WireError("a segment has media of an unknown kind")
        chosen = {name: _array(arrays, index, *_MEDIA[name]) for name, index in media.items()}
        fingerprints = tuple(_load_fingerprint(each) for each in _list(fields["fingerprints"]))
        items.append(Extracted(_load_segment(fields["segment"]), **chosen, fingerprints=fingerprints))
    if len({item.segment.ordinal for item in items}) != len(items):
        raise WireError("two segments have the same ordinal")
    return items


def _dump_segment(segment: Segment) -> dict[str, Any]:
    place = segment.locator
    return {
        "ordinal": segment.ordinal,
        "locator": [place.page, place.start_s, place.end_s, place.line_start, place.line_end, place.section],
        "text": segment.text,
        "cues": [[cue.start_s, cue.end_s, cue.text, cue.language] for cue in segment.cues],
        "details": dict(segment.details),
    }


def _load_segment(data: Any) -> Segment:
    fields = _fields(data, "ordinal", "locator", "text", "cues", "details")
    page, start_s, end_s, line_start, line_end, section = _list(fields["locator"], length=6)
    locator = Locator(
        page=None if page is None else _whole(page),
        start_s=None if start_s is None else _number(start_s),
        end_s=None if end_s is None else _number(end_s),
        line_start=None if line_start is None else _whole(line_start),
        line_end=None if line_end is None else _whole(line_end),
        section=None if section is None else _text(section),
    )
    cues = []
    for entry in _list(fields["cues"]):
        start, end, text, language = _list(entry, length=4)
        cues.append(Cue(_number(start), _number(end), _text(text), _text(language)))
    return Segment(_whole(fields["ordinal"]), locator, _text(fields["text"]), tuple(cues), _object(fields["details"]))


def _load_fingerprint(data: Any) -> Fingerprint:
    form, at, key, body = _list(data, length=4)
    if form not in set(FingerprintForm):
        raise WireError("a fingerprint of another form")
    made = Fingerprint(FingerprintForm(form), _number(at), _bytes(key), _bytes(body))
    if not made.key or len(made.key) + len(made.body) > _FINGERPRINT_BYTES:
        raise WireError("a fingerprint of another size")
    return made


def _coded(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _finite(array: np.ndarray) -> np.ndarray:
    """The array with NaN as 0 and infinities as 1 and -1: float WAV files hold them, and they spoil every vector."""
    import numpy as np

    if array.dtype.kind != "f" or bool(np.isfinite(array).all()):
        return array
    result: np.ndarray = np.nan_to_num(array, nan=0.0, posinf=1.0, neginf=-1.0)
    return result


def _array(arrays: Sequence[np.ndarray], index: Any, dtype: str, dimensions: int) -> np.ndarray:
    import numpy as np

    if type(index) is not int or not 0 <= index < len(arrays):
        raise WireError("a segment points to media that did not arrive")
    array = arrays[index]
    if array.dtype != dtype or array.ndim != dimensions or array.size == 0:
        raise WireError(f"media of {array.dtype} {array.shape} where {dtype} with {dimensions} dimensions is due")
    if dtype == "uint8" and array.shape[-1] != 3:
        raise WireError("a picture without three channels")
    if dtype == "float32" and not bool(np.isfinite(array).all()):
        raise WireError("sound that is not finite")
    result: np.ndarray = array
    return result


def _fields(data: Any, *names: str) -> dict[str, Any]:
    if not isinstance(data, dict) or set(data) != set(names):
        raise WireError(f"expected the fields {', '.join(names)}")
    return data


def _object(data: Any) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise WireError("expected an object")
    return data


def _list(data: Any, length: int | None = None) -> list[Any]:
    if not isinstance(data, list) or (length is not None and len(data) != length):
        raise WireError("expected a list" if length is None else f"expected a list of {length}")
    return data


def _text(data: Any) -> str:
    if not isinstance(data, str):
        raise WireError("expected text")
    return data


def _number(data: Any) -> float:
    if type(data) not in (int, float) or not abs(data) < _COUNT_LIMIT or not math.isfinite(data):
        raise WireError("expected a number")
    result: float = data
    return result


def _whole(data: Any, low: int = 0) -> int:
    if type(data) is not int or not low <= data < 1 << 63:
        raise WireError("expected a whole number")
    return data


def _bytes(data: Any) -> bytes:
    try:
        return base64.b64decode(_text(data), validate=True)
    except binascii.Error as error:
        raise WireError("expected base64") from error


def _kind(data: Any) -> Kind:
    try:
        return Kind(data)
    except ValueError as error:
        raise WireError("expected a kind") from error
