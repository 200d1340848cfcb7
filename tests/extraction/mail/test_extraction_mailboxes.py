"""Mailboxes: every message at its number, wherever blocks and spans are cut."""

import mailbox
from email.message import EmailMessage
from io import BytesIO
from pathlib import Path

import pytest
from mail_reading import places, read_mail
from PIL import Image

from mmsearch.extraction.mail import mailboxes
from mmsearch.sniff import sniff
from mmsearch.types import Kind, Needs


def letter(number: int, text: str = "") -> EmailMessage:
    message = EmailMessage()
    message["From"], message["Subject"] = "anna@harbour.example", f"Boat {number}"
    message.set_content(text or f"The boat of hour {number}.\n")
    return message


def written(path: Path, *letters: EmailMessage) -> bytes:
    box = mailbox.mbox(path)
    for one in letters:
        box.add(one)
    box.close()
    data = path.read_bytes()
    path.unlink()
    return data


@pytest.mark.parametrize("ends", [b"\n", b"\r\n"])
@pytest.mark.parametrize(("block", "span"), [(4 << 20, 1 << 20), (1, 1), (97, 300), (700, 150)])
def test_every_message_is_found_at_its_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ends: bytes, block: int, span: int
) -> None:
    monkeypatch.setattr(mailboxes, "BLOCK", block)
    monkeypatch.setattr(mailboxes, "SPAN", span)
    data = written(tmp_path / "Inbox", *(letter(number) for number in range(1, 21)))
    _, found = read_mail(tmp_path / "Inbox", data.replace(b"\n", ends))
    assert places(found) == [
        (f"message {number}", f"Boat {number}\n\nThe boat of hour {number}.") for number in range(1, 21)
    ]


def test_a_line_of_a_text_that_begins_with_from_separates_nothing(tmp_path: Path) -> None:
    text = "Boats:\n\nFrom here on all boats leave at 10:00 as in 2024.\nFrom a to b.\n\nFrom now: on\n"
    _, found = read_mail(tmp_path / "Inbox", written(tmp_path / "Inbox", letter(1, text), letter(2)))
    assert places(found)[0] == ("message 1", f"Boat 1\n\n{text.strip()}")
    assert len(found) == 2


def test_unquoted_lines_that_begin_with_from_separate_nothing_either(tmp_path: Path) -> None:
    data = b"From a@b.example Mon Mar  4 10:15:00 2024\nSubject: Boats\n\nBoats:\n\nFrom here on\nall is well\n"
    _, found = read_mail(tmp_path / "Inbox", data)
    assert places(found) == [("message 1", "Boats\n\nBoats:\n\nFrom here on\nall is well")]


def test_attachments_are_placed_in_their_message(tmp_path: Path) -> None:
    second = letter(2)
    second.add_attachment("Boats are blue.\n", filename="colours.txt")
    _, found = read_mail(tmp_path / "Inbox", written(tmp_path / "Inbox", letter(1), second, letter(3)))
    assert [section for section, _ in places(found)] == [
        "message 1",
        "message 2",
        "message 2, colours.txt",
        "message 3",
    ]
    assert found[2].segment.text == "Boats are blue."


def test_what_thunderbird_holds_as_deleted_is_left_out(tmp_path: Path) -> None:
    first, second = letter(1), letter(2)
    first["X-Mozilla-Status"], second["X-Mozilla-Status"] = "0009", "0001"
    _, found = read_mail(tmp_path / "Inbox", written(tmp_path / "Inbox", first, second))
    assert [section for section, _ in places(found)] == ["message 2"]


def test_a_mailbox_has_pictures_of_so_many_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    letters = []
    for number in range(1, 4):
        picture = BytesIO()
        Image.new("RGB", (300, 300), (number, 80, 90)).save(picture, "PNG")
        letters.append(letter(number))
        letters[-1].add_attachment(picture.getvalue(), maintype="image", subtype="png", filename="boat.png")
    monkeypatch.setattr("mmsearch.extraction.mail.mail.PICTURE_BYTES", 300_000)
    _, found = read_mail(
        tmp_path / "Inbox", written(tmp_path / "Inbox", *letters), Needs(image_pixels=90_000, ocr="never")
    )
    assert [one.image is not None for one in found] == [False, True, False, True, False, False]
    assert [one.segment.locator.section for one in found[1::2]] == [f"message {at}, boat.png" for at in (1, 2, 3)]


def test_the_message_of_apple_mail_ends_before_its_property_list(tmp_path: Path) -> None:
    message = letter(1).as_bytes()
    _, found = read_mail(
        tmp_path / "1.emlx", b"%d\n" % len(message) + message + b'<?xml version="1.0"?><plist></plist>'
    )
    assert places(found) == [(None, "Boat 1\n\nThe boat of hour 1.")]


HEADERS = b"Return-Path: <a@b.example>\nReceived: by mx\nFrom: a@b.example\nSubject: x\n\nwords\n"
BOX = b"From a@b.example Mon Mar  4 10:15:00 2024\n" + HEADERS


@pytest.mark.parametrize(
    ("name", "data", "expected"),
    [
        ("a.eml", HEADERS, "eml"),
        ("a.eml", b"words alone\n", "eml"),
        ("a.eml", BOX, "eml"),
        ("a.emlx", b"90\n" + HEADERS, "emlx"),
        ("a.mbox", BOX, "mbox"),
        ("a.mbox", HEADERS, "eml"),
        ("Inbox", BOX, "mbox"),
        ("Archive.2019", BOX, "mbox"),
        ("1700000000.M1P2.host:2,S", HEADERS, "eml"),
        ("1700000000.M1P2.host.py", HEADERS, "eml"),
        ("message", HEADERS, "eml"),
        ("a.msg", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "msg"),
        ("saved", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "__substg1.0_0037".encode("utf-16-le"), "msg"),
    ],
)  # fmt: skip
def test_mail_is_known_by_content_and_name(name: str, data: bytes, expected: str) -> None:
    assert sniff(data, name.encode()) == (Kind.MAIL, expected)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("notes", b"From: the pier\nTo: the boat\n\nwords\n"),
        ("notes.txt", HEADERS),
        ("fix.patch", BOX),
        ("header.py", HEADERS),
        ("letter", b"From here at 10:15 in 2024 we\nwrite\n"),
        ("a.msg", b"Subject of a message catalogue\n"),
    ],
)  # fmt: skip
def test_text_that_looks_like_mail_stays_text(name: str, data: bytes) -> None:
    assert sniff(data, name.encode())[0] is Kind.TEXT
