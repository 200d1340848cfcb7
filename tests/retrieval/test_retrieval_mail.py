"""Mail in an index: found by its words, people and dates, message by message also within one mailbox."""

import mailbox
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from small_index import run, use_word_model

from mmsearch.index import Index
from mmsearch.query import Answer, Filter, Query

LETTERS = (
    ("Anna Svensson <anna@harbour.example>", "Bob Ek <bob@quay.example>", "Timetable", "2024-01-10", "Boats leave."),
    ("Bob Ek <bob@quay.example>", "Anna Svensson <anna@harbour.example>", "Re: Timetable", "2024-02-10", "Late boats."),
    ("Joanna Marsh <jo@marsh.example>", "crew@harbour.example", "Budget", "2024-03-10", "Boats cost too much."),
    ("山田太郎 <taro@minato.example>", "Bob Ek <bob@quay.example>", "時刻表", "2024-04-10", "Boats are on time."),
)  # fmt: skip


def letter(sender: str, to: str, subject: str, day: str, text: str) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, to, subject
    message["Date"] = format_datetime(datetime.fromisoformat(f"{day}T12:00").replace(tzinfo=UTC))
    message.set_content(text)
    return message


@pytest.fixture(scope="module")
def mail_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index of these letters: as a mailbox, and each as a file of a Maildir."""
    top = tmp_path_factory.mktemp("mail")
    (top / "media").mkdir()
    box = mailbox.mbox(top / "media" / "Inbox")
    folder = mailbox.Maildir(top / "media" / "Maildir")
    for one in LETTERS:
        box.add(letter(*one))
        folder.add(letter(*one))
    box.close()
    for number, path in enumerate(sorted((top / "media" / "Maildir" / "new").iterdir())):
        path.rename(path.with_name(f"170000000{number}.M1P2.host:2,S"))
    with pytest.MonkeyPatch.context() as patch:
        use_word_model(patch.setattr)
        record = run(top / "index", top / "media")
    assert (record.indexed, record.failed) == (5, 0)
    return top / "index"


@pytest.fixture
def index(mail_once: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    use_word_model(monkeypatch.setattr)
    return mail_once


def search(index: Path, text: str, **query: Any) -> Answer:
    return Index.open(index).search(Query(text, **{"min_score": 0.0, "k": 50, "all_segments": True} | query))


def found(answer: Answer) -> set[str]:
    """The numbers of the letters: those of the mailbox as `message 2`, those of the Maildir as `2`."""
    return {hit.locator.section or str(int(hit.path.split(b"/")[-1].split(b".")[0]) % 10 + 1) for hit in answer.hits}


def both(*numbers: int) -> set[str]:
    return {f"message {number}" for number in numbers} | {str(number) for number in numbers}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("boats", both(1, 2, 3, 4)),
        ("boats from:anna", both(1)),
        ("boats from:ANNA", both(1)),
        ('boats from:"anna svensson"', both(1)),
        ("boats from:anna@harbour.example", both(1)),
        ("boats from:harbour.example", both(1)),
        ("boats from:山田", both(4)),
        ("boats from:太郎", both(4)),
        ("boats from:anna from:bob", both(1, 2)),
        ("boats to:bob", both(1, 4)),
        ("boats to:bob from:anna", both(1)),
        ("boats subject:timetable", both(1, 2)),
        ("boats subject:timetable -from:anna", both(2)),
        ("boats -subject:timetable", both(3, 4)),
        ("boats after:2024-02-01 before:2024-04-01", both(2, 3)),
        ("boats after:2024-02-01 subject:timetable", both(2)),
        ("boats near:2024-03", both(3)),
        ("boats -after:2024-02", both(1)),
        ("boats from:nobody", set()),
        ('boats "from:anna"', set()),
        ("boats kind:text", set()),
        ("boats kind:email from:bob", both(2)),
    ],
)
def test_operators_keep_messages(index: Path, text: str, expected: set[str]) -> None:
    assert found(search(index, text)) == expected


def test_options_and_operators_find_the_same(index: Path) -> None:
    where = Filter(senders=("anna",), recipients=("bob",))
    assert found(search(index, "boats", where=where)) == found(search(index, "boats from:anna to:bob")) == both(1)


def test_operators_alone_list_the_files(index: Path) -> None:
    listed = search(index, "from:bob").hits
    assert [(hit.path.split(b"/")[-1], hit.locator.section) for hit in listed] == [
        (b"Inbox", "message 2"),
        (b"1700000001.M1P2.host:2,S", None),
    ]
    assert search(index, "from:nobody").notes == (
        "No file of the index passes the filters: no message is from 'nobody'.",
    )


def test_a_listing_has_each_message_of_a_mailbox(index: Path) -> None:
    answer = search(index, "subject:timetable name:inbox", all_segments=False)
    assert [(hit.locator.section, hit.snippet) for hit in answer.hits] == [
        ("message 2", "Re: Timetable Late boats."),
        ("message 1", "Timetable Boats leave."),
    ]
    first = search(index, "after:2024-01 name:inbox", all_segments=False, k=3)
    assert [hit.locator.section for hit in first.hits] == ["message 4", "message 3", "message 2"]
    assert first.notes == ("The first 3 of 4 messages and files that pass the filters (-k N shows more).",)


def test_messages_are_sorted_by_the_date_on_which_they_were_sent(index: Path) -> None:
    hits = search(index, "boats", sort="date", where=Filter(names=("1700",))).hits
    assert [hit.dated_s for hit in hits] == sorted((hit.dated_s or 0.0 for hit in hits), reverse=True)
    assert found(Answer(hits[:1])) == {"4"}
    assert hits[0].dated_s == datetime(2024, 4, 10, 12, tzinfo=UTC).timestamp()


def test_a_message_that_two_folders_hold_is_one_hit(index: Path, tmp_path: Path) -> None:
    for name, status in (
        ("sent.eml", "Status: RO"),
        ("inbox.eml", "Received: by quay.example; Mon, 1 Jan 2024 00:00:00 +0000"),
    ):
        text = "The boats of the northern line call at every pier in summer, and at two of them in winter. " * 3
        data = letter("anna@harbour.example", "bob@quay.example", "Piers", "2024-01-10", text).as_bytes()
        (tmp_path / "media").mkdir(exist_ok=True)
        (tmp_path / "media" / name).write_bytes(status.encode() + b"\n" + data)
    run(tmp_path / "index", tmp_path / "media")
    hits = search(tmp_path / "index", "piers", all_segments=False).hits
    assert len(hits) == 1 and len(hits[0].same) == 1
