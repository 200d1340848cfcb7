"""Mail: headers, the best part of the text without what it quotes, and attachments, each at its place."""

from email.message import EmailMessage
from pathlib import Path

import pytest
from mail_reading import places, read_mail

from mmsearch.types import Segment

DETAILS = {
    "from": "Anna Svensson <anna@harbour.example>",
    "to": "Bob Ek <bob@quay.example>, crew@harbour.example",
    "subject": "Timetable of the ferries",
    "date": "2024-03-04 10:15",
    "sent": 1709543700,
}
LONG = "Boats leave at six from the northern pier. " * 3
HEAD = "Timetable of the ferries"


def letter(text: str = "", subject: str = "Timetable of the ferries") -> EmailMessage:
    message = EmailMessage()
    message["From"] = "Anna Svensson <anna@harbour.example>"
    message["To"] = "Bob Ek <bob@quay.example>"
    message["Cc"] = "crew@harbour.example"
    message["Subject"] = subject
    message["Date"] = "Mon, 04 Mar 2024 10:15:00 +0100"
    if text:
        message.set_content(text)
    return message


def only(path: Path, data: bytes) -> Segment:
    _, found = read_mail(path, data)
    assert len(found) == 1
    return found[0].segment


def body(path: Path, data: bytes) -> str:
    """The words below the headers."""
    return only(path, data).text.removeprefix(HEAD).strip()


def test_a_message_is_its_headers_and_its_text(tmp_path: Path) -> None:
    probe, found = read_mail(tmp_path / "a.eml", letter("The first boat leaves at six.\n").as_bytes())
    assert places(found) == [(None, f"{HEAD}\n\nThe first boat leaves at six.")]
    people = "Anna Svensson <anna@harbour.example>\nBob Ek <bob@quay.example>\ncrew@harbour.example\n2024-03-04 10:15"
    assert found[0].segment.details == {"mail": DETAILS, "spellings": [people]}
    assert probe.details == {"title": "Timetable of the ferries", "sent": 1709543700}
    assert probe.notes == ()


def test_later_passages_have_the_subject_as_their_title(tmp_path: Path) -> None:
    text = "\n\n".join(
        f"{number}. " + "The boats of the northern line call at every pier in summer. " * 5 for number in range(12)
    )
    _, found = read_mail(tmp_path / "a.eml", letter(text).as_bytes())
    assert len(found) > 2
    assert [one.segment.details.get("title") for one in found] == [None] + ["Timetable of the ferries"] * (
        len(found) - 1
    )


@pytest.mark.parametrize(
    ("plain", "page", "expected"),
    [
        ("Boats leave at six.", "<p>Boats leave at <b>six</b>.</p>", "Boats leave at six."),
        ("", "<p>Boats leave at <b>six</b>.</p>", "Boats leave at six."),
        ("See the page.", f"<p>{LONG}</p>", LONG),
    ],
)  # fmt: skip
def test_of_alternatives_the_one_that_says_more_is_the_text(
    tmp_path: Path, plain: str, page: str, expected: str
) -> None:
    message = letter(plain or " \n")
    message.add_alternative(page, subtype="html")
    assert body(tmp_path / "a.eml", message.as_bytes()) == expected.strip()


def test_attachments_are_read_by_the_extractor_of_their_kind(tmp_path: Path) -> None:
    message = letter("The list is attached.\n")
    message.add_attachment("pier,boats\nnorth,12\n", subtype="csv", filename="piers.csv")
    message.add_attachment(b"\0\1\2" * 50, maintype="application", subtype="octet-stream", filename="engine.bin")
    probe, found = read_mail(tmp_path / "a.eml", message.as_bytes())
    assert places(found) == [
        (None, f"{HEAD}\n\nThe list is attached."),
        ("piers.csv", "pier,boats\nnorth,12"),
    ]
    assert found[1].segment.locator.line_start == 1
    assert found[1].segment.details["mail"] == DETAILS | {"attachments": "piers.csv, engine.bin"}
    assert found[0].segment.details["spellings"][1] == "piers.csv piers csv\nengine.bin engine bin"
    assert probe.notes == ()


def test_of_sound_in_an_attachment_the_tags_are_words(tmp_path: Path) -> None:
    frame = b"\x03Whale Song"
    tag = b"TIT2" + len(frame).to_bytes(4, "big") + b"\0\0" + frame
    message = letter("A recording.\n")
    message.add_attachment(
        b"ID3\3\0\0" + bytes((0, 0, 0, len(tag))) + tag + b"\xff\xfb\x90\0" + bytes(600),
        "audio",
        "mpeg",
        filename="talk.mp3",
    )
    probe, found = read_mail(tmp_path / "a.eml", message.as_bytes())
    assert places(found)[1:] == [("talk.mp3", "Whale Song")]
    assert probe.notes == ("talk.mp3: Of a sound in an attachment only the tags are read.",)


def test_a_message_in_a_message_is_read_with_its_attachments(tmp_path: Path) -> None:
    inner = letter("Which boats sail on Sunday?\n", "Sunday boats")
    inner.add_attachment("None before noon.\n", filename="answer.txt")
    outer = letter("Please see below.\n")
    outer.add_attachment(inner)
    _, found = read_mail(tmp_path / "a.eml", outer.as_bytes())
    assert [section for section, _ in places(found)] == [None, "Sunday boats", "Sunday boats, answer.txt"]
    assert places(found)[2][1] == "None before noon."


def test_a_reply_does_not_repeat_what_it_answers(tmp_path: Path) -> None:
    quoted = "On 3 March 2024, Bob Ek wrote:\n> When does the boat leave?\n> From which pier?"
    text = f"At seven.\n\n{quoted}\n\nFrom the north.\n"
    assert body(tmp_path / "a.eml", letter(text, "Re: Boats").as_bytes()).endswith("At seven.\n\nFrom the north.")


def test_quoted_lines_stay_where_a_message_has_nothing_else(tmp_path: Path) -> None:
    text = "On 3 March 2024, Bob Ek wrote:\n> When does the boat leave?\n"
    assert body(tmp_path / "a.eml", letter(text, "Re: Boats").as_bytes()).endswith("When does the boat leave?")


def test_what_is_passed_on_stays(tmp_path: Path) -> None:
    text = "For you.\n\n-----Original Message-----\nFrom: Bob Ek\nSent: Monday\nSubject: Boats\n\nThe boat is new.\n"
    assert body(tmp_path / "a.eml", letter(text, "Fwd: Boats").as_bytes()).endswith("The boat is new.")
    assert body(tmp_path / "b.eml", letter(text, "Re: Boats").as_bytes()).endswith("For you.")
