"""Mail: a message is its headers and its text as passages, and its attachments by the extractors of their kinds.

The first span of a file with one message is that message; the further ones are spans of its attachments, and
`Span.first` is the number of the attachment. The spans of a mailbox are bytes that hold whole messages, and
`Span.first` is the number of the first of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from itertools import count

from mmsearch.errors import ExtractionError, FailureCode
from mmsearch.extraction import attachments
from mmsearch.extraction.mail import mailboxes, outlook_message, tnef
from mmsearch.extraction.mail.mail_message import ATTACHMENTS, MailMessage, read_message
from mmsearch.extraction.source import open_source, ordinal
from mmsearch.types import Extracted, Needs, Probe, Source, Span

MESSAGE_BYTES = 100 << 20  # of a message that are read
CUT = f"Only the first {MESSAGE_BYTES >> 20} MB of a message were read."
MANY = f"Only the first {ATTACHMENTS} attachments of a message were read."
PICTURE_BYTES = 200 << 20  # of the pictures of a span of a mailbox, after which its attachments come without theirs
ATTACHMENT_SPANS = 25  # of an attachment in a mailbox: 100 pages of a PDF


def probe(source: Source, needs: Needs) -> Probe:
    """The plan of a message with its attachments, or of a mailbox.

    Raises `ExtractionError` (`decode-error`) for what is no mail.
    """
    if source.format == "mbox":
        with open_source(source) as file:
            return Probe(tuple(mailboxes.spans(file, source.stat[0])))
    message = load(source)
    envelope, notes = message.envelope, list(message.notes)
    spans = [Span(0, 1)]
    for number, attachment in enumerate(message.attachments[:ATTACHMENTS], 1):
        parts, remarks = attachments.plan(attachment, needs)
        spans += [Span(at, at + 1, number) for at in range(parts)]
        notes += remarks
    if len(message.attachments) > ATTACHMENTS:
        notes.append(MANY)
    if source.stat[0] > MESSAGE_BYTES:
        notes.append(CUT)
    details = {"title": envelope.subject, "sent": None if envelope.sent is None else int(envelope.sent)}
    return Probe(tuple(spans), {key: value for key, value in details.items() if value not in ("", None)}, tuple(notes))


def extract(source: Source, probe: Probe, number: int, needs: Needs) -> Iterator[Extracted]:
    """The segments of span `number`."""
    span = probe.spans[number]
    if source.format == "mbox":
        found = mailbox_segments(source, span, needs)
    else:
        message = load(source)
        found = message.words() if not span.first else attached(message, span.first, int(span.start), needs)
    for place, one in enumerate(found):
        yield replace(one, segment=replace(one.segment, ordinal=ordinal(number, place)))


@lru_cache(maxsize=1)  # the spans of a file are mostly decoded one after the other
def load(source: Source) -> MailMessage:
    """The message of a file that holds one."""
    with open_source(source) as file:
        data = file.read(MESSAGE_BYTES)
    if source.format == "msg":
        return read_message(outlook_message.as_mime(data))
    if source.format == "tnef":
        return read_message(tnef.as_mime(data))
    if source.format == "emlx":
        data = mailboxes.without_frame(data)
    if data.count(0) * 20 > len(data):
        raise ExtractionError(FailureCode.DECODE_ERROR, "This looks like binary data, not like a mail message.")
    return read_message(data)


def attached(message: MailMessage, number: int, span: int, needs: Needs) -> Iterator[Extracted]:
    """The segments of a span of attachment `number` of a message, counted from 1."""
    for one in attachments.segments(message.attachments[number - 1], span, needs):
        details = {**one.segment.details, **message.details()}
        yield replace(one, segment=replace(one.segment, details=details))


def mailbox_segments(source: Source, span: Span, needs: Needs) -> Iterator[Extracted]:
    """The segments of the messages in a span of a mailbox, with their attachments."""
    with open_source(source) as file:
        found = list(mailboxes.messages(file, int(span.start), int(span.stop), MESSAGE_BYTES))
    pictures = 0
    for number, data in zip(count(span.first), found, strict=False):
        if mailboxes.is_deleted(data):
            continue
        message = read_message(data)
        if len(data) >= MESSAGE_BYTES - mailboxes.LINE:
            message = replace(message, notes=(*message.notes, CUT))
        for one in message_segments(message, needs, PICTURE_BYTES - pictures):
            pictures += picture_bytes(one)
            section = ", ".join(part for part in (f"message {number}", one.segment.locator.section) if part)
            locator = replace(one.segment.locator, section=section)
            details = {**one.segment.details, "mail": {**one.segment.details.get("mail", {}), "number": number}}
            yield replace(one, segment=replace(one.segment, locator=locator, details=details))


def message_segments(message: MailMessage, needs: Needs, room: int) -> Iterator[Extracted]:
    """All segments of a message, with pictures of at most `room` bytes."""
    notes, parts = list(message.notes), list[int]()
    for attachment in message.attachments[:ATTACHMENTS]:
        spans, remarks = attachments.plan(attachment, needs)
        parts.append(min(spans, ATTACHMENT_SPANS))
        notes += remarks
        if spans > ATTACHMENT_SPANS:
            notes.append(f"{attachment.name}: Only its first part was read, since it lies in a mailbox.")
    if len(message.attachments) > ATTACHMENTS:
        notes.append(MANY)
    for place, one in enumerate(message.words()):
        details = {**one.segment.details, "note": " ".join(notes)} if notes and not place else one.segment.details
        yield replace(one, segment=replace(one.segment, details=details))
    without_pictures = replace(needs, image_pixels=0, ocr="never")
    for number, spans in enumerate(parts, 1):
        for at in range(spans):
            for one in attached(message, number, at, needs if room > 0 else without_pictures):
                room -= picture_bytes(one)
                yield one


def picture_bytes(one: Extracted) -> int:
    """The memory of the pictures of a segment."""
    return sum(array.nbytes for array in (one.image, one.ocr_image) if array is not None)
