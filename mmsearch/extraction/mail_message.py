"""A mail message as words, with its attachments: of the MIME formats (eml, emlx, mbox and Maildir)."""

from __future__ import annotations

import codecs
import mimetypes
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from mmsearch.extraction import mail_body
from mmsearch.extraction.attachments import Attachment
from mmsearch.extraction.mail_headers import Envelope, envelope_of
from mmsearch.extraction.mime import MimePart, read_part
from mmsearch.extraction.passages import Document
from mmsearch.types import Extracted, Locator

ATTACHMENTS = 200  # of a message that are read
ENCRYPTED = "The text of a message is encrypted; it is found by its headers."
DEEP = "Parts of a message were left out: it has too many, or they lie too deep within each other."
NAMES = 2000  # characters of the names of attachments that stand in the text


@dataclass(frozen=True, slots=True)
class MailMessage:
    """A message: its envelope, its words without what it quotes, its attachments, and notes on what is missing."""

    envelope: Envelope
    text: str
    attachments: tuple[Attachment, ...] = ()
    notes: tuple[str, ...] = ()

    def details(self) -> dict[str, Any]:
        """The fields by which its segments are filtered."""
        fields = self.envelope.details()
        return {"mail": fields} if fields else {}

    def words(self) -> Iterator[Extracted]:
        """Its headers and its text as passages, numbered from 0, under its subject as their title."""
        names = ", ".join(one.name for one in self.attachments)[:NAMES]
        head = "\n".join(part for part in (self.envelope.text(), f"Attachments: {names}" if names else "") if part)
        text = "\n\n".join(part for part in (head, self.text.strip("\n")) if part.strip())
        lines = range(1, text.count("\n") + 2)
        document = Document(text, lines, lines, self.envelope.subject).with_joined_words()
        for one in document.segments(0):
            details = {**one.segment.details, **self.details()}
            yield replace(one, segment=replace(one.segment, locator=Locator(), details=details))


def read_message(data: bytes) -> MailMessage:
    """The message in these bytes. Never raises for damage: what can't be read is left out."""
    top = read_part(data.removeprefix(codecs.BOM_UTF8))
    envelope, contents = envelope_of(top.headers), mail_body.contents_of(top)
    texts = [mail_body.plain_text(one) for one in contents.texts]
    text = "\n\n".join(one.strip("\n") for one in texts if one.strip())
    without_armor = mail_body.ARMOR.sub("", text)
    is_encrypted = contents.is_encrypted or without_armor != text
    if is_reply(envelope, top):
        without_armor = mail_body.without_quotes(without_armor)
    attachments = tuple(attachment_of(one, number) for number, one in enumerate(contents.attachments, 1))
    notes = [note for note, applies in ((ENCRYPTED, is_encrypted), (DEEP, contents.is_cut)) if applies]
    return MailMessage(envelope, without_armor, attachments, tuple(notes))


def is_reply(envelope: Envelope, top: MimePart) -> bool:
    """Whether a message answers another one, whose text is in the mailbox as well. What is passed on may be nowhere
    else."""
    if mail_body.FORWARD.match(envelope.subject):
        return False
    return bool(mail_body.REPLY.match(envelope.subject)) or "in-reply-to" in top.headers or "references" in top.headers


def attachment_of(part: MimePart, number: int) -> Attachment:
    """A part as an attachment. One without a name has the subject of the message in it, or a number."""
    is_message = part.content_type in ("message/rfc822", "message/global")
    name = part.name
    if not name and is_message:
        subject = envelope_of(read_part(part.content()[: 64 << 10]).headers).subject
        name = " ".join(subject.replace("/", " ").replace("\\", " ").split())[:80] or f"message {number}"
    elif not name:
        name = f"attachment {number}{mimetypes.guess_extension(part.content_type) or ''}"
    return Attachment(name, partial(MimePart.content, part), is_message)
