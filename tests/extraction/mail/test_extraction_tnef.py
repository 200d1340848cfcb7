"""winmail.dat: the attachments that Outlook packs into one file are attachments of their own."""

import random
from email.message import EmailMessage
from pathlib import Path

import pytest
from mail_reading import places, read_mail
from tnef_files import BINARY, LONG, SHORT, TIME, Property, text, tnef

from mmsearch.extraction.mail.tnef import as_mime

HTML = 0x1013


def letter(packed: bytes, body: str = "See the file.") -> bytes:
    message = EmailMessage()
    message["From"], message["Subject"] = "anna@harbour.example", "Fares"
    message.set_content(body)
    message.add_attachment(packed, "application", "ms-tnef", filename="winmail.dat")
    return message.as_bytes()


def test_packed_files_are_attachments(tmp_path: Path) -> None:
    packed = tnef({"Überfahrt nach Süden.txt": b"A walrus on board.", "list.csv": b"name,fare\nAnna,3\n"})
    probe, found = read_mail(tmp_path / "a.eml", letter(packed))
    assert places(found) == [
        (None, "Fares\n\nSee the file."),
        ("Überfahrt nach Süden.txt", "A walrus on board."),
        ("list.csv", "name,fare\nAnna,3"),
    ]
    assert found[0].segment.details["mail"]["attachments"] == "Überfahrt nach Süden.txt, list.csv"
    assert probe.notes == ()


def test_the_packed_text_is_that_of_a_message_without(tmp_path: Path) -> None:
    values: list[Property] = [
        (0x0017, LONG, b"\1\0\0\0"),
        (0x0E06, TIME, bytes(8)),
        (0x8001, SHORT, b"\1\0"),
        text(0x0037, "Inner"),
        (HTML, BINARY, b"<p>The ferry leaves <b>at seven</b>.</p>"),
    ]
    _, found = read_mail(tmp_path / "a.eml", letter(tnef(values=values), ""))
    assert places(found) == [(None, "Fares\n\nThe ferry leaves at seven.")]


def test_a_packed_message_is_read_with_its_own_files(tmp_path: Path) -> None:
    inner = tnef({"inner.txt": b"An osprey."}, [text(0x0037, "Birds"), text(0x1000, "Look at this bird.")])
    _, found = read_mail(tmp_path / "a.eml", letter(tnef(messages={"Birds": inner})))
    assert places(found)[1:] == [("Birds", "Birds\n\nLook at this bird."), ("Birds, inner.txt", "An osprey.")]


def test_a_saved_winmail_dat_is_a_message(tmp_path: Path) -> None:
    packed = tnef({"walrus.txt": b"A walrus on board."}, [text(0x0037, "Fares"), text(0x1000, "See the file.")])
    _, found = read_mail(tmp_path / "winmail.dat", packed)
    assert places(found) == [(None, "Fares\n\nSee the file."), ("walrus.txt", "A walrus on board.")]


@pytest.mark.parametrize("seed", range(5))
def test_damage_costs_only_what_it_hits(seed: int) -> None:
    whole = tnef({"a.txt": b"A walrus." * 9}, [text(0x1000, "See the file."), (HTML, BINARY, b"<p>x")], {"b": tnef()})
    chance = random.Random(seed)
    for _ in range(300):
        damaged = bytearray(whole)
        for _ in range(chance.randrange(1, 6)):
            damaged[chance.randrange(6, len(damaged))] = chance.choice((0, 1, 0x1F, 0x7F, 0xFF))
        assert as_mime(bytes(damaged[: chance.randrange(6, len(damaged) + 1)]))


def test_messages_within_each_other_are_bounded() -> None:
    packed = tnef({"deep.txt": b"deep"})
    for _ in range(50):
        packed = tnef(messages={"in": packed})
    assert b"deep.txt" not in as_mime(packed)
