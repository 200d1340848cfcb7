"""Fuzz targets for files that hold others: messages, mailboxes and archives."""

from __future__ import annotations

import hashlib
import json
import os
import random
import warnings
from typing import Any

import packed_files
from hypothesis import strategies as st

from benchmarks.fuzz_targets import fuzzed, harm, quick, scratch
from mmsearch.archive_paths import is_plain_name
from mmsearch.errors import ExtractionError, FailureCode
from mmsearch.extraction import worker_tasks
from mmsearch.extraction.archives import archive_member, listing, member_bytes, walking
from mmsearch.extraction.mail import mail_message, tnef
from mmsearch.filestat import stat_values
from mmsearch.types import Kind, Needs, Source

HARM = st.sampled_from(["none", "flip", "cut", "zero", "swap", "grow"])
HEADER_NAMES = st.sampled_from(
    "From To Cc Subject Date Message-ID References In-Reply-To Content-Type Content-Transfer-Encoding"
    " Content-Disposition MIME-Version X-Mozilla-Status Status".split()
)
VALUES = st.sampled_from(
    [
        "Ann <ann@example.org>",
        '"Bob, the Ek" <bob@example.org>, undisclosed:;',
        "=?utf-8?B?w6Q=?= =?bogus?X?_?= =?utf-8?q?=C3",
        "Re: Re: Fwd: the boat",
        "Tue, 31 Feb 2026 25:61:61 +9999",
        "<a@b> <c@d>" * 30,
        "text/plain; charset=utf-7",
        'text/html; charset="no-such"; format=flowed',
        "multipart/mixed; boundary=b",
        'multipart/alternative; boundary="b"',
        'multipart/signed; boundary=""',
        "message/rfc822",
        "image/png; name*0*=utf-8''%C3%A4; name*1=.png",
        "attachment; filename=\"../../x.pdf\"; filename*=utf-8''%ff%00.eml",
        "base64",
        "quoted-printable",
        "uuencode",
    ]
) | st.text(max_size=40)
LINES = st.sampled_from(
    [
        "",
        "--b",
        "--b--",
        "From ann@example.org Tue Jan  1 00:00:00 2026",
        ">From here on",
        "> quoted",
        "On Tuesday Ann wrote:",
        "-----Original Message-----",
        "<html><body><blockquote>q</blockquote><p>Boats</p>",
        "=C3=A4=\r",
        "aGVsbG8gd29ybGQ=",
        "begin 644 x.txt",
        "end",
        "\0\x1b$B",
    ]
) | st.text(max_size=60)
PARTS = st.lists(
    st.tuples(st.lists(st.tuples(HEADER_NAMES, VALUES), max_size=6), st.lists(LINES, max_size=12)),
    min_size=1,
    max_size=6,
)
MEMBER_NAMES = st.sampled_from(
    ["a.txt", "b/c.txt", "../x.txt", "/etc/passwd", "C:\\x.txt", "b\\d.txt", "ä.txt", "a.txt/", "", ".", "x.zip!/y.txt"]
) | st.text(max_size=20)
CONTENTS = st.binary(max_size=300) | st.sampled_from([b"The otter swims. " * 400, bytes(5000)])
MEMBERS = st.lists(st.tuples(MEMBER_NAMES, CONTENTS), max_size=6)


@fuzzed(PARTS, st.sampled_from(["eml", "mbox", "emlx"]), st.sampled_from(["\n", "\r\n"]), HARM, st.integers(0, 1 << 30))
def mail(parts: list[Any], format_: str, end: str, how: str, seed: int) -> None:
    """Any message or mailbox is read, or refused with a code of the list; places of its segments are named once."""
    lines = []
    for headers, body in parts:
        lines += [f"{name}: {value}" for name, value in headers] + ["", *body]
        lines += ["--b"] if format_ != "mbox" else ["", "From ann@example.org Tue Jan  1 00:00:00 2026"]
    path = scratch() / "mail"
    path.write_bytes(end.join(lines).encode("utf-8", "surrogatepass"))
    if how != "none":
        harm(random.Random(seed), path, how, 5)
    facts = stat_values(path.stat())[:3]
    source = Source(os.fsencode(path), Kind.MAIL, format_, facts)
    needs = Needs(image_pixels=10_000)
    with quick():
        try:
            opened = worker_tasks.parse_open_reply(*_sent(worker_tasks.open_request(source, needs)))
        except ExtractionError as error:
            assert error.code in set(FailureCode)
            return
        for number in range(len(opened.probe.spans)):
            found = worker_tasks.parse_span_reply(
                *_sent(worker_tasks.span_request(source, opened.probe, number, needs))
            )
            assert found.failure is None or found.failure.code in set(FailureCode)
            ordinals = [one.segment.ordinal for one in found.segments]
            assert len(set(ordinals)) == len(ordinals)


PROPERTY_TYPES = st.sampled_from([0x2, 0x3, 0x5, 0xB, 0xD, 0x14, 0x1E, 0x1F, 0x40, 0x48, 0x102, 0x1003, 0x101F, 0x77])
PROPERTIES = st.lists(
    st.tuples(
        PROPERTY_TYPES,
        st.sampled_from([0x0037, 0x1000, 0x1009, 0x1013, 0x3701, 0x3704, 0x3707, 0x3FDE, 0x8001]),
        st.integers(0, 3) | st.integers(0, 0xFFFFFFFF),
        st.binary(max_size=60) | st.just(bytes(16) + tnef.SIGNATURE + bytes(40)),
    ),
    max_size=6,
)
ATTRIBUTES = st.lists(
    st.tuples(
        st.sampled_from([0x8000, 0x8004, 0x800C, 0x800F, 0x8010, 0x9002, 0x9003, 0x9005, 0x9007]),
        PROPERTIES,
        st.binary(max_size=80),
        st.integers(-2, 2),
    ),
    max_size=12,
)


@fuzzed(ATTRIBUTES)
def winmail(attributes: list[Any]) -> None:
    """Any TNEF file becomes a MIME message, in a time that its size bounds."""
    made = tnef.SIGNATURE + bytes(2)
    for number, properties, data, wrong in attributes:
        if number in (0x9003, 0x9005):
            data = len(properties).to_bytes(4, "little") + b"".join(_property(*one) for one in properties)
        length = max(len(data) + wrong, 0) if wrong else len(data)
        made += b"\1" + number.to_bytes(2, "little") + b"\6\0" + length.to_bytes(4, "little") + data + b"\0\0"
    with quick():
        assert mail_message.read_message(tnef.as_mime(made)) is not None


def _property(kind: int, number: int, count: int, data: bytes) -> bytes:
    head = kind.to_bytes(2, "little") + number.to_bytes(2, "little")
    name = bytes(16) + bytes(8) if number >= 0x8000 else b""
    if kind in (0xD, 0x1E, 0x1F, 0x102) or kind & 0x1000:
        data = count.to_bytes(4, "little") + len(data).to_bytes(4, "little") + data + bytes(-len(data) % 4)
    return head + name + data


def _sent(request: dict[str, Any]) -> tuple[dict[str, Any], list[Any]]:
    """The reply to a request, as it comes through the socket."""
    reply, arrays = worker_tasks.handle(json.loads(json.dumps(request)), [])
    return json.loads(json.dumps(reply)), list(arrays)


@fuzzed(
    MEMBERS,
    MEMBERS,
    st.sampled_from(["zip", "tar", "tar.gz", "tar.bz2", "tar.xz"]),
    HARM,
    st.integers(0, 1 << 30),
    st.integers(1, 30),
)
def archives(outer: list[Any], inner: list[Any], ending: str, how: str, seed: int, times: int) -> None:
    """Any archive is listed with a plain path of its own for each file, and each file that the list has read is read
    again with the same bytes; what can't be read is refused with a code of the list."""
    lots = random.Random(seed)
    data = _packed([*outer, ("in.zip", _packed(inner, "zip"))], ending)
    path = scratch() / f"packed.{ending}"
    path.write_bytes(data)
    if how != "none":
        harm(lots, path, how, times)
    for module in (walking, listing):
        vars(module)["MEMBER_BYTES"] = 4000
    archive_member.FREE_BYTES = 60_000
    stat, members, more = stat_values(path.stat())[:3], list[listing.ListedMember](), True
    is_damaged = False
    with quick():
        while more:
            try:
                reply, _ = listing.handle(listing.request(os.fsencode(path), stat, len(members)), [])
            except ExtractionError as error:
                assert error.code in set(FailureCode)
                break
            found, more, failure = listing.parse_reply(json.loads(json.dumps(reply)))
            assert failure is None or failure.code in set(FailureCode)
            members, is_damaged = [*members, *found], failure is not None
        paths = [one.path for one in members]
        assert len(set(paths)) == len(paths) and all(is_plain_name(one) for one in paths)
        lots.shuffle(members)
        for one in members:
            if one.digest and one.failure is None:
                place = os.fsencode(path) + b"!/" + one.path
                source = Source(place, one.kind or Kind.TEXT, one.format, (one.size, 0, 0), (), os.fsencode(path), stat)
                try:
                    assert hashlib.sha256(member_bytes.bytes_of_member(source)).hexdigest() == one.digest
                except ExtractionError:  # decompressors differ in how far before damage they come, by what is read
                    assert is_damaged and "." in ending


def _packed(members: list[Any], ending: str) -> bytes:
    """An archive of members, as far as their names can be in one."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of names that stand in it twice
        if ending == "zip":
            named = [(name.encode("utf-8", "replace").decode().partition("\0")[0] or "x", one) for name, one in members]
            return packed_files.zipped_pairs(named)
        return packed_files.tarred(dict(members), "w" + ending.removeprefix("tar").replace(".", ":"))
