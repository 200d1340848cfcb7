"""Messages of Outlook: properties become headers, text, attachments and messages within messages."""

import struct
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from mail_reading import mail_source, places, read_mail
from ole_files import message_tree, ole_file, outlook_message

from mmsearch.errors import ExtractionError
from mmsearch.extraction.mail import mail
from mmsearch.extraction.mail.compressed_rtf import decompressed
from mmsearch.types import Needs

SENT = int((datetime(2024, 3, 4, 9, 15, tzinfo=UTC) - datetime(1601, 1, 1, tzinfo=UTC)).total_seconds()) * 10**7
HEAD = "Tide tables"
STREAMS: dict[str, bytes | str] = {
    "0037": "Tide tables",
    "0C1A": "Anna Svensson",
    "5D01": "anna@harbour.example",
    "1000": "High water is at noon.\r\n",
}


def recipient(name: str, address: str, kind: int) -> dict[str, Any]:
    return message_tree({"3001": name, "39FE": address}, {0x0C15: kind}, 8)


def attachment(name: str, data: bytes) -> dict[str, Any]:
    return message_tree({"3707": name, "37010102": data}, {}, 8)


def test_properties_become_headers_and_text(tmp_path: Path) -> None:
    data = outlook_message(
        STREAMS,
        {0x0039: SENT},
        {
            "__recip_version1.0_#00000000": recipient("Bob Ek", "bob@quay.example", 1),
            "__recip_version1.0_#00000001": recipient("Crew", "crew@harbour.example", 2),
        },
    )
    probe, found = read_mail(tmp_path / "tides.msg", data)
    assert found[0].segment.details["mail"] == {
        "from": "Anna Svensson <anna@harbour.example>",
        "to": "Bob Ek <bob@quay.example>, Crew <crew@harbour.example>",
        "subject": HEAD,
        "date": "2024-03-04 09:15",
        "sent": 1709543700,
    }
    assert places(found) == [(None, f"{HEAD}\n\nHigh water is at noon.")]
    assert probe.details == {"title": "Tide tables", "sent": 1709543700}


def test_attachments_and_messages_within_are_read(tmp_path: Path) -> None:
    inner = message_tree({"0037": "Older tables", "1000": "Low water was at six."}, {}, 24)
    data = outlook_message(
        STREAMS,
        {},
        {
            "__attach_version1.0_#00000000": attachment("piers.txt", b"The north pier is closed. " * 300),
            "__attach_version1.0_#00000001": message_tree({"3001": "Older tables"}, {0x3705: 5}, 8)
            | {"__substg1.0_3701000D": inner},
        },
    )
    _, found = read_mail(tmp_path / "tides.msg", data)
    assert {section for section, _ in places(found)} == {None, "piers.txt", "Older tables"}
    assert places(found)[0][1] == f"{HEAD}\n\nHigh water is at noon."
    assert places(found)[-1][1] == "Older tables\n\nLow water was at six."


def test_text_of_an_old_message_is_read_in_its_codepage(tmp_path: Path) -> None:
    streams: dict[str, bytes | str] = {
        "0037001E": "Прилив".encode("cp1251"), "1000001E": "Вода поднимется в полдень.".encode("cp1251")
    }  # fmt: skip
    for fixed in ({0x3FFD: 1251}, {0x3FF1: 1049}):
        _, found = read_mail(tmp_path / "tides.msg", outlook_message(streams, fixed))
        assert places(found) == [(None, "Прилив\n\nВода поднимется в полдень.")]


def test_a_page_is_the_text_where_there_is_no_other(tmp_path: Path) -> None:
    page = "<p>Høj vande ved middag.</p>".encode("cp1252")
    data = outlook_message({"0037": "Tides", "10130102": page}, {0x3FDE: 1252})
    _, found = read_mail(tmp_path / "tides.msg", data)
    assert places(found) == [(None, "Tides\n\nHøj vande ved middag.")]


def test_compressed_rtf_is_the_example_of_its_specification() -> None:
    example = bytes.fromhex(
        "2d0000002b0000004c5a4675f1c5c7a703000a007263706731323542320af32068656c090020627705b06c647d0a800fa0"
    )
    assert decompressed(example) == b"{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n"


@pytest.mark.parametrize("cut", [600, 1500, 2600])
def test_a_cut_file_is_refused_in_a_sentence(tmp_path: Path, cut: int) -> None:
    data = outlook_message(STREAMS | {"1000": "High water. " * 2000})[:cut]
    with pytest.raises(ExtractionError, match=r"damaged and can't be read|more than") as caught:
        mail.probe(mail_source(tmp_path / "cut.msg", data), Needs())
    assert caught.value.code in ("decode-error", "too-large")


def test_streams_that_share_their_bytes_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mmsearch.extraction.mail.outlook_message.BYTES", 20_000)
    data = outlook_message(STREAMS, {}, {"__attach_version1.0_#00000000": attachment("a.bin", bytes(30_000))})
    with pytest.raises(ExtractionError, match="The message holds more than"):
        mail.probe(mail_source(tmp_path / "big.msg", data), Needs())


def test_a_storage_that_holds_itself_ends(tmp_path: Path) -> None:
    data = bytearray(ole_file({"a": {"b": b"x"}, "__properties_version1.0": bytes(32)}))
    directory = data.find("Root Entry".encode("utf-16-le"))
    struct.pack_into("<L", data, directory + 128 + 76, 1)  # the child of the storage is the storage
    (tmp_path / "loop.msg").write_bytes(data)
    source = mail_source(tmp_path / "loop.msg", bytes(data))
    try:
        assert mail.probe(source, Needs()).details == {}
    except ExtractionError as error:
        assert error.code == "decode-error"
