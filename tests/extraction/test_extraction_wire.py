"""Messages to and from worker processes arrive whole, or are refused."""

import json
import math
import socket
import struct
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmsearch.errors import FailureCode
from mmsearch.extraction import serialization, wire
from mmsearch.extraction.wire import HungUp, Message, Oversized, WireError
from mmsearch.types import Cue, Extracted, Failure, Kind, Locator, Needs, Probe, Segment, Source, Span


def through(header: dict[str, Any], arrays: Sequence[np.ndarray] = ()) -> Message:
    """A message as it comes out of the other end of a connection."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        sender = threading.Thread(target=wire.send, args=(ours, header, arrays))
        sender.start()
        received = wire.receive(theirs)
        sender.join()
    return received


def fed(data: bytes) -> Message:
    """What `receive` makes of bytes after which the other side hangs up."""
    ours, theirs = socket.socketpair()

    def feed() -> None:
        with ours:
            try:
                ours.sendall(data)
            except OSError:
                return  # refused before the end

    with theirs:
        feeder = threading.Thread(target=feed)
        feeder.start()
        try:
            return wire.receive(theirs)
        finally:
            theirs.close()
            feeder.join()


def framed(body: bytes, array_bytes: int = 0, payload: bytes = b"") -> bytes:
    return struct.pack("<4sIQ", b"mms1", len(body), array_bytes) + body + payload


def test_header_and_arrays_arrive_as_they_were_sent() -> None:
    arrays: list[np.ndarray] = [
        np.arange(24, dtype=np.uint8).reshape(2, 4, 3),
        np.array([1.5, math.nan, -math.inf], np.float32),
        np.zeros((0, 3), np.float16),
        np.array(7, np.int64),
        np.arange(12, dtype=np.int16).reshape(3, 4)[:, ::2],
        np.asfortranarray(np.arange(6, dtype=np.float64).reshape(2, 3)),
    ]
    header = {"text": 'Zeilen\n"und" \\ ünïcödé 漢字 🎉 \x00', "number": 1.25, "deep": [{"a": None}, True]}
    got, results = through(header, arrays)
    assert got == header
    assert [(a.dtype, a.shape) for a in results] == [(a.dtype, a.shape) for a in arrays]
    for sent, received in zip(arrays, results, strict=True):
        np.testing.assert_array_equal(received, sent)


def test_received_arrays_can_be_written_to() -> None:
    _, (array,) = through({}, [np.zeros(3, np.float32)])
    array += 1
    assert array.tolist() == [1, 1, 1]


def test_many_megabytes_arrive_whole() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (3000, 2000, 3), np.uint8)
    _, (received,) = through({}, [picture])
    assert np.array_equal(received, picture)


def test_two_messages_in_a_row_keep_apart() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        wire.send(ours, {"n": 1}, [np.ones(3, np.uint8)])
        wire.send(ours, {"n": 2})
        assert wire.receive(theirs)[0] == {"n": 1}
        assert wire.receive(theirs) == ({"n": 2}, [])


def test_half_a_surrogate_pair_becomes_a_question_mark() -> None:
    assert through({"text": "a\ud83db"})[0] == {"text": "a?b"}


def test_text_about_surrogates_is_no_surrogate() -> None:
    text = '{"smile": "\\ud83d\\ude00"} \\\\ud83d'
    assert through({"text": text})[0] == {"text": text}


@pytest.mark.parametrize("value", [math.nan, math.inf, {1}, b"bytes", object()])
def test_a_header_that_json_cannot_hold_is_refused_before_anything_is_sent(value: object) -> None:
    with pytest.raises(WireError):
        wire.pack({"value": value})


@pytest.mark.parametrize("array", [np.array(["x"]), np.array([object()]), np.zeros(3, bool), np.zeros(2, ">i4")])
def test_arrays_of_other_types_are_not_sent(array: np.ndarray) -> None:
    with pytest.raises(WireError):
        wire.pack({}, [array])


def test_a_message_above_the_limit_is_not_sent() -> None:
    with pytest.raises(Oversized):
        wire.pack({}, [np.zeros(wire.ARRAYS_LIMIT + 1, np.uint8)])


def test_a_message_that_announces_too_much_is_refused_without_reading_it() -> None:
    with pytest.raises(Oversized):
        fed(struct.pack("<4sIQ", b"mms1", wire.JSON_LIMIT + 1, 0))
    with pytest.raises(Oversized):
        fed(struct.pack("<4sIQ", b"mms1", 2, wire.ARRAYS_LIMIT + 1))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"mms",
        struct.pack("<4sIQ", b"mms1", 10, 0) + b"{",
        framed(b'{"header":{},"arrays":[["uint8",[4]]]}', 4, b"12"),
    ],
    ids=["nothing", "half a prefix", "half a header", "half an array"],
)
def test_half_a_message_is_a_hang_up(data: bytes) -> None:
    with pytest.raises(HungUp):
        fed(data)


@pytest.mark.parametrize(
    ("body", "array_bytes"),
    [
        (b"not json", 0),
        (b"\xff\xfe", 0),
        (b"[" * 100_000, 0),
        (b"[]", 0),
        (b'{"header":{}}', 0),
        (b'{"header":[],"arrays":[]}', 0),
        (b'{"header":{},"arrays":{}}', 0),
        (b'{"header":{"x":NaN},"arrays":[]}', 0),
        (b'{"header":{"x":1e999},"arrays":[]}', 0),
        (b'{"header":{"x":' + b"9" * 5000 + b'},"arrays":[]}', 0),
        (b'{"header":{"x":"\\ud83d"},"arrays":[]}', 0),
        (b'{"header":{},"arrays":[["object",[1]]]}', 8),
        (b'{"header":{},"arrays":[["uint8",[-1]]]}', 0),
        (b'{"header":{},"arrays":[["uint8",[1.0]]]}', 1),
        (b'{"header":{},"arrays":[["uint8",[true]]]}', 1),
        (b'{"header":{},"arrays":[["uint8",[3]]]}', 2),
        (b'{"header":{},"arrays":[["uint8",[0,9999999999,9999999999]]]}', 0),
        (b'{"header":{},"arrays":[["uint8",[1,1,1,1,1,1,1,1,1]]]}', 1),
        (b'{"header":{},"arrays":[]}', 5),
    ],
)
def test_a_malformed_message_is_refused(body: bytes, array_bytes: int) -> None:
    with pytest.raises(WireError):
        fed(framed(body, array_bytes, bytes(array_bytes)))


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200))
def test_random_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(WireError):
        fed(data)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_damaged_message_is_refused_or_still_a_message(data: st.DataObject) -> None:
    whole = b"".join(wire.pack({"text": "ü", "list": [1, 2.5]}, [np.arange(6, dtype=np.float32).reshape(2, 3)]))
    place = data.draw(st.integers(0, len(whole) - 1))
    damaged = whole[:place] + bytes([data.draw(st.integers(0, 255))]) + whole[place + 1 :]
    try:
        header, arrays = fed(damaged)
    except WireError:
        return
    json.dumps(header, allow_nan=False).encode()
    assert sum(array.nbytes for array in arrays) == 24


def test_a_slow_sender_is_given_up_by_the_tick() -> None:
    ours, theirs = socket.socketpair()
    theirs.settimeout(0.01)
    ticks: list[int] = []

    def tick() -> None:
        ticks.append(1)
        if len(ticks) == 5:
            raise TimeoutError

    with ours, theirs, pytest.raises(TimeoutError):
        ours.send(b"mm")
        wire.receive(theirs, tick)


def test_a_reader_that_does_not_read_is_given_up_by_the_tick() -> None:
    ours, theirs = socket.socketpair()
    ours.settimeout(0.01)
    ticks: list[int] = []

    def tick() -> None:
        ticks.append(1)
        if len(ticks) == 50:
            raise TimeoutError

    with ours, theirs, pytest.raises(TimeoutError):
        wire.send(ours, {}, [np.zeros(50 << 20, np.uint8)], tick)


# Types as JSON


def as_json(value: Any) -> Any:
    return json.loads(json.dumps(value, allow_nan=False))


SOURCE = Source(b"/x/\xff\n-name", Kind.VIDEO, "mp4", (12, 1_700_000_000_123_456_789, 3), (b"/x/a.srt",))


def test_sources_needs_probes_and_failures_come_back_equal() -> None:
    needs = Needs(image_pixels=1, sound_rate=16_000, frames=8, frame_pixels=5, ocr="always")
    probe = Probe((Span(0, 1.5), Span(1.5, 3, 7)), {"title": "T", "tags": ["a"]}, ("A note.",))
    failure = Failure(FailureCode.ENCRYPTED, "The PDF is protected by a password.")
    assert serialization.load_source(as_json(serialization.dump_source(SOURCE))) == SOURCE
    assert serialization.load_needs(as_json(serialization.dump_needs(needs))) == needs
    assert serialization.load_probe(as_json(serialization.dump_probe(probe))) == probe
    assert serialization.load_failure(as_json(serialization.dump_failure(failure))) == failure
    assert serialization.load_failure(serialization.dump_failure(None)) is None


def test_a_file_from_before_1970_with_a_large_inode_comes_back_equal() -> None:
    source = Source(b"/x", Kind.TEXT, "text", (0, -(10**18), 2**63 - 1))
    assert serialization.load_source(as_json(serialization.dump_source(source))) == source


def picture(height: int = 2, width: int = 3) -> np.ndarray:
    return np.arange(height * width * 3, dtype=np.uint8).reshape(height, width, 3)


def segment(number: int = 5, **fields: Any) -> Segment:
    locator = Locator(page=2, start_s=0.5, end_s=2, line_start=3, line_end=4)
    return Segment(number, locator, "words", (Cue(0.5, 1.5, "hello"),), {"caption": "c", **fields})


def test_segments_come_back_with_their_media() -> None:
    sent = [
        Extracted(segment(1 << 20 | 3), image=picture(), sound=np.ones(4, np.float32)),
        Extracted(segment(6)),
        Extracted(segment(7), ocr_image=picture(4, 4), frames=np.stack([picture(), picture()])),
    ]
    entries, arrays = serialization.dump_extracted(sent)
    received = serialization.load_extracted(as_json(entries), arrays)
    assert [item.segment for item in received] == [item.segment for item in sent]
    for before, after in zip(sent, received, strict=True):
        for name in ("image", "ocr_image", "sound", "frames"):
            np.testing.assert_equal(getattr(after, name), getattr(before, name))


def test_sound_loses_what_is_not_a_number() -> None:
    sound = np.array([0.5, math.nan, math.inf, -math.inf], np.float32)
    entries, arrays = serialization.dump_extracted([Extracted(segment(), sound=sound)])
    received = cast(np.ndarray, serialization.load_extracted(as_json(entries), arrays)[0].sound)
    assert received.tolist() == [0.5, 0.0, 1.0, -1.0]


def broken(
    change: Callable[[dict[str, Any], list[np.ndarray]], object],
) -> tuple[list[dict[str, Any]], list[np.ndarray]]:
    """A worker's segments after somebody changed one entry."""
    entries, arrays = serialization.dump_extracted([Extracted(segment(), image=picture())])
    entry = as_json(entries)[0]
    change(entry, arrays)
    return [entry], arrays


@pytest.mark.parametrize(
    "change",
    [
        lambda entry, arrays: entry.pop("media"),
        lambda entry, arrays: entry.update(more=1),
        lambda entry, arrays: entry["media"].update(image=1),
        lambda entry, arrays: entry["media"].update(image=-1),
        lambda entry, arrays: entry["media"].update(image=True),
        lambda entry, arrays: entry["media"].update(smell=0),
        lambda entry, arrays: entry["media"].update(sound=0),
        lambda entry, arrays: arrays.__setitem__(0, np.zeros((2, 2, 4), np.uint8)),
        lambda entry, arrays: arrays.__setitem__(0, np.zeros((0, 2, 3), np.uint8)),
        lambda entry, arrays: entry["segment"].update(ordinal=-1),
        lambda entry, arrays: entry["segment"].update(ordinal=1 << 63),
        lambda entry, arrays: entry["segment"].update(ordinal="1"),
        lambda entry, arrays: entry["segment"].update(text=None),
        lambda entry, arrays: entry["segment"].update(details=[]),
        lambda entry, arrays: entry["segment"].update(locator=[1]),
        lambda entry, arrays: entry["segment"].update(locator=["1", None, None, None, None]),
        lambda entry, arrays: entry["segment"].update(locator=[None, "0", None, None, None]),
        lambda entry, arrays: entry["segment"].update(locator=[None, 1e300, None, None, None]),
        lambda entry, arrays: entry["segment"].update(cues=[[0, 1]]),
        lambda entry, arrays: entry["segment"].update(cues=[[0, 1, 2]]),
    ],
)
def test_segments_of_another_form_are_refused(change: Callable[..., object]) -> None:
    with pytest.raises(WireError):
        serialization.load_extracted(*broken(change))


def test_two_segments_of_one_ordinal_are_refused() -> None:
    entries, arrays = serialization.dump_extracted([Extracted(segment(1)), Extracted(segment(1))])
    with pytest.raises(WireError):
        serialization.load_extracted(as_json(entries), arrays)


def test_sound_that_is_not_finite_is_refused_from_a_worker() -> None:
    entries, arrays = serialization.dump_extracted([Extracted(segment(), sound=np.ones(3, np.float32))])
    arrays[0] = np.array([math.nan], np.float32)
    with pytest.raises(WireError):
        serialization.load_extracted(as_json(entries), arrays)


def test_an_unknown_failure_code_is_refused() -> None:
    with pytest.raises(WireError):
        serialization.load_failure(["invented", "A sentence."])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.sampled_from(["segment", "media", "spans"]), inner),
    max_leaves=10,
)


@settings(max_examples=150, deadline=None)
@given(JSON)
def test_loaders_refuse_whatever_else_arrives(value: object) -> None:
    for load in (serialization.load_source, serialization.load_needs, serialization.load_probe):
        with pytest.raises(WireError):
            load(value)
    with suppress(WireError):
        assert serialization.load_extracted(value, []) == []
