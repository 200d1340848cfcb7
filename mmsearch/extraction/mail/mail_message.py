"""A mail message as words, with its attachments: of the MIME formats (eml, emlx, mbox and Maildir)."""

from __future__ import annotations

import codecs
import mimetypes
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from mmsearch.extraction.attachments import Attachment
from mmsearch.extraction.mail import mail_body, tnef
from mmsearch.extraction.mail.mail_headers import Envelope, envelope_of
from mmsearch.extraction.mail.mime import MimePart, read_part
from mmsearch.extraction.pages.passages import Document
from mmsearch.types import Extracted, Locator, Segment

ATTACHMENTS = 200  # of a message that are read
ENCRYPTED = "The text of a message is encrypted; it is found by its headers."
DEEP = "Parts of a message were left out: it has too many, or they lie too deep within each other."
LONG = f"Only the first {mail_body.TEXT_BYTES >> 20} MB of the text of a message were read."
PACKED_BASE64 = b"eJ8+I"  # how a `winmail.dat` begins in base64
NAMES = 2000  # characters of the names of attachments that stand in the text


@dataclass(frozen=True, slots=True)
class MailMessage:
    """A message: its envelope, its words without what it quotes, its attachments, and notes on what is missing."""

    envelope: Envelope
    text: str
    attachments: tuple[Attachment, ...] = ()
    notes: tuple[str, ...] = ()

    def details(self) -> dict[str, Any]:
        """The fields by which its segments are filtered, and its thread is known. `topic` is the subject of a reply
        that does not say which message it answers."""
        names = ", ".join(one.name for one in self.attachments)[:NAMES]
        fields = {**self.envelope.details(), **({"attachments": names} if names else {})}
        if not self.envelope.references and mail_body.REPLY.match(self.envelope.subject):
            fields["topic"] = mail_body.without_reply_marks(self.envelope.subject)
        return {"mail": fields} if fields else {}

    def words(self) -> Iterator[Extracted]:
        """Its subject and its text as passages, numbered from 0, under its subject as their title. The people, the date
        and the names of the attachments are words of each passage, but no part of its text, which models embed."""
        subject, text = self.envelope.subject, self.text.strip("\n")
        if subject and text.lstrip().partition("\n")[0].strip() != subject:
            text = f"{subject}\n\n{text}"
        names = [" ".join((one.name, re.sub(r"[\W_]+", " ", one.name))) for one in self.attachments]
        aside = [part for part in (self.envelope.words(), "\n".join(names)[:NAMES]) if part]
        lines = range(1, text.count("\n") + 2)
        document = Document(text, lines, lines, subject).with_joined_words()
        passages = [one.segment for one in document.segments(0)] or [Segment(0, Locator())]
        for one in passages:
            spellings = [*one.details.get("spellings", ()), *aside]
            details = {**one.details, **self.details(), **({"spellings": spellings} if spellings else {})}
            yield Extracted(replace(one, locator=Locator(), details=details))


def read_message(data: bytes, unpacks: bool = True) -> MailMessage:
    """The message in these bytes. Never raises for damage: what can't be read is left out. With `unpacks` the files in
    a `winmail.dat` of Outlook are attachments of their own, and the text in it is that of a message without one."""
    top = read_part(data.removeprefix(codecs.BOM_UTF8))
    envelope, contents = envelope_of(top.headers), mail_body.contents_of(top)
    texts, room = list[str](), mail_body.TEXT_BYTES
    for part in contents.texts:
        texts.append(mail_body.plain_text(part, max(room, 0)))
        room -= part.stop - part.start
    text = "\n\n".join(one.strip("\n") for one in texts if one.strip())
    without_armor = mail_body.ARMOR.sub("", text)
    is_encrypted = contents.is_encrypted or without_armor != text
    if is_reply(envelope, top):
        without_armor = mail_body.without_quotes(without_armor)
    attachments = tuple(attachment_of(one, number) for number, one in enumerate(contents.attachments, 1))
    if unpacks and any(is_packed(one) for one in contents.attachments):
        attachments, packed = unpacked(contents.attachments, attachments)
        without_armor = without_armor if without_armor.strip() else packed
    notes = {ENCRYPTED: is_encrypted, DEEP: contents.is_cut, LONG: room < 0}
    return MailMessage(envelope, without_armor, attachments, tuple(note for note, applies in notes.items() if applies))


def is_packed(part: MimePart) -> bool:
    """Whether a part is a `winmail.dat`, by its first bytes: its type and its name differ."""
    encoding = str(part.headers.get("content-transfer-encoding", "")).strip().lower()
    start = part.data[part.start : part.start + 16].lstrip()
    return start.startswith(tnef.SIGNATURE) or (encoding.startswith("base64") and start.startswith(PACKED_BASE64))


def unpacked(parts: Sequence[MimePart], attachments: Sequence[Attachment]) -> tuple[tuple[Attachment, ...], str]:
    """The attachments with those that are packed in some of them, and the first text that is packed."""
    found, text = list[Attachment](), ""
    for part, attachment in zip(parts, attachments, strict=True):
        if not is_packed(part):
            found.append(attachment)
            continue
        inner = read_message(tnef.as_mime(part.content()), unpacks=False)
        found += inner.attachments
        text = text or inner.text
    return tuple(found), text


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
