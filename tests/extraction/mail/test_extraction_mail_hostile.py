"""Mail that attacks its reader: every message is read as far as it goes, with a note on what was left out."""

import io
from pathlib import Path

import pytest
from mail_reading import mail_source, places, read_mail

from mmsearch.errors import ExtractionError
from mmsearch.extraction.mail import mail, mailboxes
from mmsearch.types import Needs, Span

HEAD = b"From: a@b.example\nTo: c@d.example\nSubject: Boats\nMIME-Version: 1.0\n"
DEEP = "Parts of a message were left out: it has too many, or they lie too deep within each other."
MULTIPART = b"Content-Type: multipart/mixed; boundary=b\n\n"


def nested_multiparts(count: int) -> bytes:
    start = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (at, at) for at in range(count))
    return HEAD + start + b"Content-Type: text/plain\n\nharbour\n"


@pytest.mark.parametrize(
    ("data", "text", "notes"),
    [
        (nested_multiparts(5), "Boats\n\nharbour", ()),
        (nested_multiparts(10_000), "Boats", (DEEP,)),
        (HEAD + MULTIPART + b"--b\n\nharbour\n" * 5000, "", (DEEP,)),
        (HEAD + b"Content-Type: multipart/mixed; boundary=other\n\n--b\n\nharbour\n--b--\n", "Boats\n\nharbour", ()),
        (HEAD + b"Content-Type: multipart/mixed\n\nharbour\n", "Boats\n\nharbour", ()),
        (HEAD + MULTIPART + b"--b\n\nharbour without an end\n", "Boats\n\nharbour without an end", ()),
        (HEAD + b"".join(b"X-%d: y\n" % at for at in range(50_000)) + b"\nharbour\n", "Boats\n\nharbour", ()),
        (HEAD + b"Content-Type: text/plain; " + b';"' * 30_000 + b"\n\nharbour\n", "Boats\n\nharbour", ()),
        (HEAD + b"Content-Type: text/plain; charset=zip\n\nharbour \xe4\n", "Boats\n\nharbour ä", ()),
        (HEAD + b"Content-Type: text/plain; charset=idna\n\nharbour \xe4\n", "Boats\n\nharbour ä", ()),
        (HEAD + b"Content-Transfer-Encoding: base64\n\naGFyYm91\ncg!!\n", "Boats\n\nharbour", ()),
        (HEAD + b"Content-Transfer-Encoding: base64\n\naGFyYm91c", "Boats\n\nharbou", ()),
        (HEAD + b"Content-Transfer-Encoding: quoted-printable\n\nharb=6Fur =ZZ =\n", "Boats\n\nharbour =ZZ", ()),
        (HEAD, "Boats", ()),
        (b"Subject: Boats", "Boats", ()),
        (b"no headers at all, only words\n", "no headers at all, only words", ()),
    ],
)  # fmt: skip
def test_what_can_be_read_is_read(tmp_path: Path, data: bytes, text: str, notes: tuple[str, ...]) -> None:
    probe, found = read_mail(tmp_path / "a.eml", data)
    assert probe.notes == notes
    assert found[0].segment.text.startswith(text)
    assert text == "" or (len(found) == 1 and found[0].segment.text == text)


@pytest.mark.parametrize(
    "header",
    [
        b"From: " + b"(" * 15_000,
        b"From: " + b"<" * 15_000,
        b'From: "' + b"\\" * 15_001,
        b"Subject: " + b"=?a?q?" * 4000,
        b"Subject: " + b"=?utf-8?b?" + b"A" * 15_000 + b"?=",
        b"Date: " + b"9" * 15_000,
        b"Date: Mon, 99 Xyz 0000 99:99:99 +9999",
        b"Content-Type: " + b"text/plain; name*0*=" * 800,
        b"Content-Type: text/plain; charset*0*=utf-8''%FF%",
        b"Content-Type: /;;=\"",
        b"\xff\xfe: \x80\x81",
    ],
)  # fmt: skip
def test_a_damaged_header_costs_itself_only(tmp_path: Path, header: bytes) -> None:
    _, found = read_mail(tmp_path / "a.eml", header + b"\n" + HEAD + b"\nharbour\n")
    assert found[-1].segment.text.endswith("harbour")


def test_messages_within_messages_end(tmp_path: Path) -> None:
    data = (HEAD + b"Content-Type: message/rfc822\n\n") * 3000 + HEAD + b"\nharbour\n"
    probe, found = read_mail(tmp_path / "a.eml", data)
    assert [section for section, _ in places(found)] == [None, *(", ".join(["Boats"] * count) for count in range(1, 6))]
    assert probe.notes == (f"{'Boats: ' * 6}It lies too deep within other files.",)


def test_a_message_has_so_many_attachments_and_so_much_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mmsearch.extraction.mail.mail.ATTACHMENTS", 3)
    monkeypatch.setattr("mmsearch.extraction.mail.mail_body.TEXT_BYTES", 100)
    parts = b"".join(b"--b\nContent-Type: text/plain; name=%d.txt\n\nharbour\n" % at for at in range(5))
    probe, found = read_mail(
        tmp_path / "a.eml", HEAD + MULTIPART + b"--b\n\n" + b"sea " * 100 + b"\n" + parts + b"--b--\n"
    )
    assert [section for section, _ in places(found)] == [None, "0.txt", "1.txt", "2.txt"]
    assert [note.partition(" of ")[0] for note in probe.notes] == [
        "Only the first 8 MB",
        "Only the first 200 attachments",
    ]
    assert len(found[0].segment.text) < 120


def test_binary_data_named_as_mail_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ExtractionError, match="looks like binary data"):
        mail.probe(mail_source(tmp_path / "a.eml", HEAD + b"\n" + bytes(3000)), Needs())


@pytest.mark.parametrize(
    "part",
    [
        b"Content-Type: multipart/encrypted; protocol=x; boundary=b\n\n--b\n\nVersion: 1\n--b\n\nsecret\n--b--\n",
        b"Content-Type: application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m\n\nsecret\n",
        b"\n-----BEGIN PGP MESSAGE-----\nsecret\n-----END PGP MESSAGE-----\n",
    ],
)  # fmt: skip
def test_encrypted_text_is_found_by_its_headers_and_a_note_says_so(tmp_path: Path, part: bytes) -> None:
    probe, found = read_mail(tmp_path / "a.eml", HEAD + part)
    assert places(found) == [(None, "Boats")]
    assert probe.notes == ("The text of a message is encrypted; it is found by its headers.",)


def test_a_damaged_attachment_costs_itself_only(tmp_path: Path) -> None:
    parts = (
        b"--b\nContent-Type: application/pdf; name=a.pdf\n\n%PDF-1.4 damaged\n"
        b"--b\nContent-Type: audio/mpeg; name=a.mp3\n\nID3\n--b\nContent-Type: text/plain; name=a.txt\n\nharbour\n"
    )
    probe, found = read_mail(tmp_path / "a.eml", HEAD + MULTIPART + parts + b"--b--\n")
    assert places(found) == [(None, "Boats"), ("a.txt", "harbour")]
    assert probe.notes == (
        "a.pdf: The PDF is damaged and can't be opened.",
        "a.mp3: Of a sound in an attachment only the tags are read.",
    )


def test_a_mailbox_of_separators_is_cut_in_blocks() -> None:
    line = b"From a@b.example Mon Mar  4 10:15:00 2024\nFrom: x\n\n"
    data = line * 100_000
    found = list(mailboxes.spans(io.BytesIO(data), len(data)))
    assert found[0] == Span(0, 20_561 * len(line), 1)
    assert [one.stop for one in found[:-1]] == [one.start for one in found[1:]]
    assert found[-1].stop == len(data)
    assert found[1].first == 20_562
