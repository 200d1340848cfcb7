"""Messages of a thread share a row: by the IDs in their headers, else by their subject and people."""

import mailbox
from collections.abc import Sequence
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from small_index import run, use_word_model

from mmsearch.index import Index
from mmsearch.output.table import _named
from mmsearch.query import Answer, Hit, Query

ANNA, BOB, JO = "Anna Svensson <anna@harbour.example>", "bob@quay.example", "jo@marsh.example"
WORDS = "herring smoke barrels cellar winter summer pier"


@pytest.fixture(autouse=True)
def word_model(monkeypatch: pytest.MonkeyPatch) -> None:
    use_word_model(monkeypatch.setattr)


def letter(text: str, subject: str = "Fish", sender: str = ANNA, to: str = BOB, **headers: str) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, to, subject
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    message.set_content(text)
    return message


def index_of(folder: Path, **letters: EmailMessage) -> Path:
    (folder / "media").mkdir()
    for name, message in letters.items():
        (folder / "media" / f"{name}.eml").write_bytes(message.as_bytes())
    run(folder / "index", folder / "media")
    return folder / "index"


def search(index: Path, text: str, **query: Any) -> Answer:
    return Index.open(index).search(Query(text, **{"min_score": 0.0, "k": 50} | query))


def rows(hits: Sequence[Hit]) -> list[list[str]]:
    """The messages of each row, by the names of their files and their places, in order."""
    found = []
    for hit in hits:
        others = [(hit.path, hit.locator), *((one.path, one.locator) for one in hit.thread)]
        found.append(sorted(f"{Path(path.decode()).stem} {place.section or ''}".strip() for path, place in others))
    return sorted(found)


def test_messages_that_answer_each_other_share_a_row(tmp_path: Path) -> None:
    index = index_of(
        tmp_path,
        question=letter("Is there herring?", Message_ID="<1@a>"),
        answer=letter("There is herring.", "Re: Fish", Message_ID="<2@a>", In_Reply_To="<1@a>"),
        thanks=letter("Herring, how good.", "Re: Fish", Message_ID="<3@a>", References="<1@a> <2@a>"),
        aside=letter("No herring on Monday.", "Menu", Message_ID="<4@a>", References="<2@a>"),
        other=letter("Herring costs more.", "Fish", Message_ID="<5@a>"),
    )
    assert rows(search(index, "herring").hits) == [["answer", "aside", "question", "thanks"], ["other"]]
    assert rows(search(index, "herring", fold=False).hits) == [
        ["answer"],
        ["aside"],
        ["other"],
        ["question"],
        ["thanks"],
    ]


def test_messages_that_answer_one_that_is_gone_share_a_row(tmp_path: Path) -> None:
    index = index_of(
        tmp_path,
        one=letter("Smoke the herring.", "Re: Fish", Message_ID="<2@a>", In_Reply_To="<1@a>"),
        two=letter("Salt the herring.", "Re: Fish", Message_ID="<3@a>", In_Reply_To="<1@a>"),
    )
    assert rows(search(index, "herring").hits) == [["one", "two"]]


def test_a_reply_without_references_belongs_to_its_subject_and_people(tmp_path: Path) -> None:
    index = index_of(
        tmp_path,
        question=letter("Is there herring?", "Fish for Sunday"),
        answer=letter("There is herring.", "AW: Re: Fish  for Sunday", BOB, ANNA),
        stranger=letter("My herring is for you.", "Re: Fish for Sunday", JO, "crew@marsh.example"),
    )
    assert rows(search(index, "herring").hits) == [["answer", "question"], ["stranger"]]


def test_messages_of_one_subject_that_are_no_replies_keep_their_rows(tmp_path: Path) -> None:
    index = index_of(tmp_path, may=letter("Herring in May.", "Menu"), june=letter("Herring in June.", "Menu"))
    assert rows(search(index, "herring").hits) == [["june"], ["may"]]


def test_a_mailbox_has_a_row_for_each_thread(tmp_path: Path) -> None:
    (tmp_path / "media").mkdir()
    box = mailbox.mbox(tmp_path / "media" / "Inbox")
    for message in (
        letter("Is there herring?", Message_ID="<1@a>"),
        letter("Herring in barrels.", "Cellar", Message_ID="<2@a>"),
        letter("There is herring.", "Re: Fish", BOB, ANNA, Message_ID="<3@a>", In_Reply_To="<1@a>"),
    ):
        box.add(message)
    box.close()
    run(tmp_path / "index", tmp_path / "media")
    assert rows(search(tmp_path / "index", "herring").hits) == [
        ["Inbox message 1", "Inbox message 3"],
        ["Inbox message 2"],
    ]
    single = [["Inbox message 1"], ["Inbox message 2"], ["Inbox message 3"]]
    assert rows(search(tmp_path / "index", "herring", fold=False).hits) == single


def test_a_mailbox_that_is_named_is_one_row(tmp_path: Path) -> None:
    (tmp_path / "media").mkdir()
    box = mailbox.mbox(tmp_path / "media" / "walrus.mbox")
    for word in WORDS.split():
        box.add(letter(f"About {word}.", f"The {word}"))
    box.close()
    run(tmp_path / "index", tmp_path / "media")
    hits = search(tmp_path / "index", "walrus").hits
    assert [(hit.path.rpartition(b"/")[2], hit.thread) for hit in hits] == [(b"walrus.mbox", ())]


def test_the_same_message_in_two_folders_is_no_thread(tmp_path: Path) -> None:
    index = index_of(
        tmp_path,
        sent=letter("Is there herring?", Message_ID="<1@a>"),
        received=letter("Is there herring?\nThis came over a list.", Message_ID="<1@a>"),
    )
    (hit,) = search(index, "herring").hits
    assert (len(hit.same), hit.thread) == (1, ())


def test_a_row_names_the_other_messages_of_its_thread(tmp_path: Path) -> None:
    replies = {
        f"r{n}": letter(f"Herring {n}.", "Re: Fish", Message_ID=f"<{n}@b>", In_Reply_To="<1@a>") for n in range(5)
    }
    index = index_of(tmp_path, question=letter("Herring herring herring?", Message_ID="<1@a>"), **replies)
    (hit,) = search(index, "herring").hits
    shown = _named(hit, "score").partition("(")[2]
    assert shown.startswith("+5 of its thread: ") and shown.endswith(".eml and 2 more)")


def test_why_not_says_that_a_thread_shares_a_row(tmp_path: Path) -> None:
    index = index_of(
        tmp_path,
        question=letter("Is there herring?", Message_ID="<1@a>"),
        answer=letter("There is herring.", "Re: Fish", Message_ID="<2@a>", In_Reply_To="<1@a>"),
    )
    (hit,) = search(index, "herring").hits
    why = Index.open(index).why_not(Query("herring", min_score=0.0), hit.thread[0].path)
    assert (why.code, why.rank) == ("thread", 1)
    assert "the messages of a thread share a row" in why.sentence
