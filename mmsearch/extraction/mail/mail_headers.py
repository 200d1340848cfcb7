"""The headers of a mail message as text: encoded words, names and addresses, dates."""

from __future__ import annotations

import binascii
import codecs
import email.message
import email.utils
import hashlib
import quopri
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from mmsearch.extraction.pages import charset

ESCAPED = ("iso-2022", "utf-7", "utf-16", "utf-32", "unicode-1-1", "hz", "csiso2022")  # not a superset of ASCII
DAMAGE = 50  # one character of so many may be damaged in the encoding that a text names
LONGEST = 20_000  # characters of one header that are read
ADDRESSES = 500  # of one header
REFERENCES = 12  # messages that a message answers: the first ones, which began the thread, and the last ones
SHOWN = 600  # characters of the senders of a message, and of an address that can't be taken apart

ENCODED_WORD = re.compile(r"=\?([^?\s]{1,60})\?([bBqQ])\?([^?\r\n]{0,4000})\?=")
BETWEEN_WORDS = re.compile(r"(\?=)\s+(?==\?[^?\s]{1,60}\?[bBqQ]\?)")
FOLDED = re.compile(r"\r?\n[ \t]*")
MESSAGE_ID = re.compile(r"<([^<>\s]{3,300})>")
CONTROLS = re.compile(r"[\x00-\x1f\x7f\ufeff\ud800-\udfff]+")
ALIASES = {  # by the names that programs write for them; the supersets that they mean
    "ascii": "cp1252",
    "us-ascii": "cp1252",
    "ansi_x3.4-1968": "cp1252",
    "iso-8859-1": "cp1252",
    "latin1": "cp1252",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "x-gbk": "gb18030",
    "shift_jis": "cp932",
    "shift-jis": "cp932",
    "x-sjis": "cp932",
    "iso-2022-jp": "iso2022_jp_ext",
    "ks_c_5601-1987": "cp949",
    "euc-kr": "cp949",
    "big5": "big5hkscs",
    "iso-8859-8-i": "iso8859_8",
    "iso-8859-9": "cp1254",
    "windows-874": "cp874",
    "tis-620": "cp874",
    "x-mac-roman": "mac_roman",
    "macintosh": "mac_roman",
    "unicode-1-1-utf-7": "utf-7",
    "utf8mb4": "utf-8",
}


@dataclass(frozen=True, slots=True)
class Envelope:
    """What the headers of a message say. `sent` is in seconds since 1970, None where no date can be read; addresses
    are as people read them: `Anna Smith <anna@example.org>`."""

    subject: str = ""
    sender: tuple[str, ...] = ()
    to: tuple[str, ...] = ()
    cc: tuple[str, ...] = ()
    sent: float | None = None
    date: str = ""  # as the sender's clock had it: 2024-03-01 10:15
    message_id: str = ""  # a hash of it, here and in the next one
    references: tuple[str, ...] = ()  # the messages that it answers, the first one of the thread first

    def words(self) -> str:
        """The people and the date, which are found as words; its subject and its text say what a message is about."""
        return "\n".join(dict.fromkeys(filter(None, (*self.sender, *self.to, *self.cc, self.date))))[:LONGEST]

    def details(self) -> dict[str, object]:
        """The fields by which messages are filtered, as JSON values."""
        fields = {
            "from": ", ".join(self.sender)[:SHOWN],
            "to": ", ".join((*self.to, *self.cc))[:LONGEST],
            "subject": self.subject,
            "date": self.date,
            "sent": None if self.sent is None else int(self.sent),
            "id": self.message_id,
            "references": list(self.references),
        }
        return {name: value for name, value in fields.items() if value not in ("", None, [])}


def envelope_of(headers: email.message.Message) -> Envelope:
    """The envelope that the headers of a message describe."""
    values = {name: _values(headers, name) for name in ("subject", "from", "sender", "to", "cc", "bcc", "date")}
    sent, date = date_of(next(iter(values["date"]), "") or _received(headers))
    answered = message_ids([*_values(headers, "references"), *_values(headers, "in-reply-to")])
    return Envelope(
        subject=header_text(next(iter(values["subject"]), "")),
        sender=addresses(values["from"] or values["sender"]),
        to=addresses(values["to"]),
        cc=addresses([*values["cc"], *values["bcc"]]),
        sent=sent,
        date=date,
        message_id=next(iter(message_ids(_values(headers, "message-id"))), ""),
        references=tuple([*answered[: REFERENCES // 2], *answered[REFERENCES // 2 :][-REFERENCES // 2 :]]),
    )


def message_ids(values: Iterable[str]) -> list[str]:
    """The message IDs in headers, each once, as hashes: they are compared and never shown."""
    found = dict.fromkeys(one for value in values for one in MESSAGE_ID.findall(value))
    return [hashlib.blake2b(one.encode("utf-8", "replace"), digest_size=8).hexdigest() for one in found]


def _values(headers: email.message.Message, name: str) -> list[str]:
    return [str(value)[:LONGEST] for value in headers.get_all(name, [])][:20]


def _received(headers: email.message.Message) -> str:
    """The date at which the last server received a message that has none of its own."""
    return next((value.rpartition(";")[2] for value in _values(headers, "received")), "")


def block_text(block: bytes) -> str:
    """A block of headers as text: ASCII, or whatever encoding its raw letters are in."""
    if block.isascii():
        escapes = any(escape in block for escape in charset.SEVEN_BIT_JAPANESE)
        return decoded(block, "iso-2022-jp") if escapes else block.decode("ascii")
    try:
        return block.decode("utf-8")
    except UnicodeDecodeError:
        return block.decode(charset.guess(block), "replace")


def header_text(value: str) -> str:
    """A header as one line of text, its encoded words decoded."""
    value = BETWEEN_WORDS.sub(r"\1", FOLDED.sub(" ", value[:LONGEST]))
    # Neighbours in one encoding are decoded together: some programs cut them in the middle of a character.
    text, run, name, end = list[str](), b"", "", 0
    for match in ENCODED_WORD.finditer(value):
        if run and (match.start() > end or match[1].lower() != name):
            text.append(decoded(run, name))
            run = b""
        text.append(value[end : match.start()])
        run, name, end = run + _word_bytes(match[2], match[3]), match[1].lower(), match.end()
    if run:
        text.append(decoded(run, name))
    text.append(value[end:])
    return " ".join(CONTROLS.sub(" ", "".join(text)).split())


def _word_bytes(form: str, content: str) -> bytes:
    data = content.encode("utf-8", "replace")
    if form in "qQ":
        return quopri.decodestring(data, header=True)
    try:
        return binascii.a2b_base64(data + b"=" * (-len(data) % 4))
    except binascii.Error:
        return b""


def decoded(data: bytes, name: str) -> str:
    """Bytes as text, in the encoding that they name if they can be in it, else in UTF-8, else in the likeliest."""
    name = name.partition("*")[0].strip().lower()  # a language may follow
    known = next((one for one in (ALIASES.get(name, name), name) if _is_encoding(one)), "")
    if known and name.startswith(ESCAPED):
        return data.decode(known, "replace")
    try:
        return data.decode("utf-8")  # hardly ever by chance
    except UnicodeDecodeError:
        if known in ("", "utf-8") and charset.mostly_utf8(data[: charset.SAMPLE]):
            return data.decode("utf-8", "replace")
    for one in (known, name) if known and known != "utf-8" else ():
        text = data.decode(one, "replace") if _is_encoding(one) else ""
        if text.count("\ufffd") * DAMAGE <= len(text):
            return text
    return data.decode(charset.guess(data[: charset.SAMPLE]), "replace")


def _is_encoding(name: str) -> bool:
    """Whether this is an encoding of text that Python knows: neither `zip` nor `rot13`."""
    try:
        b"a".decode(name, "replace")  # not all encodings forgive damage
        return bool(codecs.lookup(name)._is_text_encoding)
    except (LookupError, ValueError, UnicodeError):
        return False


def addresses(values: Iterable[str]) -> tuple[str, ...]:
    """Names and addresses, each once."""
    found: list[str] = []
    for value in values:
        try:
            pairs = email.utils.getaddresses([FOLDED.sub(" ", value)])
        except Exception:  # nested comments raise `RecursionError`, damaged ones `IndexError`
            pairs = [("", value)]
        shown = [_person(header_text(name), header_text(address)) for name, address in pairs[:ADDRESSES]]
        # Python refuses a whole list for one address that could be two; the words are worth keeping.
        found += [one for one in shown if one] or [header_text(value)[:SHOWN]]
    return tuple(dict.fromkeys(one for one in found if one))[:ADDRESSES]


def _person(name: str, address: str) -> str:
    return f"{name} <{address}>" if name and address and name != address else name or address


def date_of(value: str) -> tuple[float | None, str]:
    """A date as seconds since 1970, and as its own clock shows it; None and nothing for what is none."""
    try:
        moment = email.utils.parsedate_to_datetime(header_text(value))
        seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        if not 0 <= seconds < datetime(2200, 1, 1, tzinfo=UTC).timestamp():
            return None, ""
        return seconds, f"{moment:%Y-%m-%d %H:%M}"
    except Exception:  # `ValueError`, `TypeError`, `OverflowError`, `IndexError` on damaged dates
        return None, ""
