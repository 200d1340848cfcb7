"""The words of a message: which of its parts are its text, and which lines of a reply repeat another message."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from mmsearch.extraction.mail.mail_headers import decoded
from mmsearch.extraction.mail.mime import MimePart
from mmsearch.extraction.pages.markup import DECLARED, MarkupText
from mmsearch.extraction.pages.passages import clean

TEXT_BYTES = 8 << 20  # of one part of the text
COMPARED = 128 << 10  # of each alternative, to choose between them
FEW_LETTERS, TIMES_MORE = 200, 4  # a plain text of fewer letters than this, next to a page of so many times more

QUOTED = re.compile(r"^\s{0,3}(?:>|[A-Za-z]{0,4}>+ ?)")
# The line above a quotation, in the words of common programs: On 3 March 2024 Anna Smith wrote:
WROTE = re.compile(
    r"^.{4,200}\b(?:wrote|writes|schrieb|schreef|escribi[oó]|a [ée]crit|ha scritto|escreveu|napisał\(?a?\)?|skrev"
    r"|kirjoitti|пишет|написал\(?а?\)?|写道|のメール)\s?.{0,60}[:：]\s*$",
    re.IGNORECASE,
)
ORIGINAL = re.compile(
    r"^\s*(?:-{3,}\s*(?:original message|ursprüngliche nachricht|message d.origine|mensaje original|messaggio originale"
    r"|oorspronkelijk bericht|oprindelig meddelelse|originalmeddelande|исходное сообщение|原始邮件)\s*-{2,}"
    r"|_{20,})\s*$",
    re.IGNORECASE,
)
OUTLOOK_FIELD = re.compile(r"^\*?(?:From|Von|De|Da|Van|Från|Fra|От|发件人)\s?[:：]\*?\s", re.IGNORECASE)
SENT_FIELD = re.compile(
    r"^\*?(?:Sent|Date|Gesendet|Datum|Envoyé|Enviado|Inviato|Data|Verzonden|Skickat|Sendt|Отправлено|发送时间)\s?[:：]",
    re.IGNORECASE,
)
REPLY = re.compile(r"^\s*(?:re|aw|sv|antw|odp|vs|ynt|rif|ref|回复|答复|返信)(?:\[\d+\])?\s?[:：]", re.IGNORECASE)
FORWARD = re.compile(r"^\s*(?:fwd?|wg|tr|rv|vb|doorst|i|enc|转发|転送)\s?[:：]", re.IGNORECASE)
BLOCKQUOTE = re.compile(r"<(/?)blockquote\b([^>]{0,500})>", re.IGNORECASE)
ARMOR = re.compile(r"-----BEGIN PGP MESSAGE-----.*?(?:-----END PGP MESSAGE-----|\Z)", re.DOTALL)
SIGNATURES = frozenset({"application/pgp-signature", "application/pkcs7-signature", "application/x-pkcs7-signature"})
ENCRYPTED = frozenset(
    "application/pkcs7-mime application/x-pkcs7-mime application/pgp-encrypted multipart/encrypted"
    " application/x-microsoft-rpmsg-message".split()
)
PGP_MESSAGE = b"-----BEGIN PGP MESSAGE-----"


def without_reply_marks(subject: str) -> str:
    """A subject without the `Re:` before it, however often it stands there."""
    while mark := REPLY.match(subject):
        subject = subject[mark.end() :]
    return subject.strip()


@dataclass(slots=True)
class MailContents:
    """What a message holds: the parts of its text in order, the other parts, and what can't be read."""

    texts: list[MimePart] = field(default_factory=list)
    attachments: list[MimePart] = field(default_factory=list)
    is_encrypted: bool = False
    is_cut: bool = False


def contents_of(part: MimePart, top: bool = True) -> MailContents:
    """The text and the attachments of a message. Of alternatives the plain text is its text, or the page where that
    says much more."""
    kind, found = part.content_type, MailContents(is_cut=part.is_cut)
    is_armored = not kind.startswith("text/") and part.data.startswith(PGP_MESSAGE, part.start)
    if is_armored or (kind in ENCRYPTED and part.parameter("smime-type") != "signed-data"):
        found.is_encrypted = True
    elif kind == "multipart/alternative":
        every = [contents_of(one, False) for one in part.parts]
        best = max((one.texts for one in every), key=_worth, default=[])
        found.texts = best
        found.attachments = [other for one in every for other in one.attachments]
        _note(found, every)
    elif kind.startswith("multipart/"):
        every = [contents_of(one, False) for one in part.parts]
        found.texts = [text for one in every for text in one.texts]
        found.attachments = [other for one in every for other in one.attachments]
        _note(found, every)
    elif kind in ("text/plain", "text/html") and part.disposition != "attachment" and (top or not part.name):
        found.texts = [part]
    elif kind not in SIGNATURES and (part.stop > part.start or part.name):
        found.attachments = [part]
    return found


def _note(found: MailContents, every: list[MailContents]) -> None:
    found.is_encrypted = any(one.is_encrypted for one in every)
    found.is_cut = found.is_cut or any(one.is_cut for one in every)


def _worth(texts: list[MimePart]) -> tuple[int, int]:
    """How good an alternative is: a plain text before a page, but not a line that says that there is one."""
    if not texts:
        return 0, 0
    letters = sum(sum(map(str.isalnum, plain_text(one, COMPARED))) for one in texts[:5])
    if all(one.content_type == "text/plain" for one in texts):
        return (3, letters) if letters >= FEW_LETTERS else (2 if letters else 0, letters)
    return (2, letters // TIMES_MORE) if letters else (1, 0)


def plain_text(part: MimePart, limit: int = TEXT_BYTES) -> str:
    """The text of a part, of a page its text without tags; of its first `limit` bytes."""
    data = part.content()[:limit]
    name = part.parameter("charset")
    if part.content_type == "text/html":
        declared = DECLARED.search(data[:4096])
        page = decoded(data, name or (declared[1].decode("ascii", "replace") if declared else ""))
        return page_text(page)
    text = clean(decoded(data, name))
    return _unfolded(text, part.parameter("delsp").lower() == "yes") if _is_flowed(part) else text


def page_text(page: str) -> str:
    """The text of an HTML page, the lines of quotations marked by a `>`."""
    parts, depth, end = list[str](), 0, 0
    page = clean(page)
    for match in BLOCKQUOTE.finditer(page):
        opens = not match[1]
        if opens and (depth or "cite" in match[2].lower() or "quote" in match[2].lower()):
            depth += 1
            if depth == 1:
                parts.append(_lines(page[end : match.start()]))
                end = match.end()
        elif not opens and depth:
            depth -= 1
            if depth == 0:
                parts.append("\n".join(f"> {line}" for line in _lines(page[end : match.start()]).split("\n")))
                end = match.end()
    last = _lines(page[end:])
    parts.append("\n".join(f"> {line}" for line in last.split("\n")) if depth else last)
    return "\n\n".join(part for part in parts if part.strip())


def _lines(page: str) -> str:
    return MarkupText(page).read().text


def _is_flowed(part: MimePart) -> bool:
    return part.parameter("format").lower() == "flowed"


def _unfolded(text: str, without_space: bool) -> str:
    """The text of `format=flowed` with its soft line ends joined (RFC 3676)."""
    lines: list[str] = []
    is_open = False
    for line in text.split("\n"):
        line = line[1:] if line.startswith(" ") else line
        quoted = line.startswith(">")
        if is_open and not quoted and line != "-- ":
            lines[-1] = (lines[-1].rstrip(" ") if without_space else lines[-1]) + line
        else:
            lines.append(line)
        is_open = line.endswith(" ") and line != "-- " and not quoted
    return "\n".join(lines)


def without_quotes(text: str) -> str:
    """A reply without what it repeats of the message that it answers; the whole text where that is all it holds."""
    kept: list[str] = []
    lines = text.split("\n")
    for number, line in enumerate(lines):
        if ORIGINAL.match(line) and _is_header_block(lines[number + 1 : number + 8]):
            break
        if OUTLOOK_FIELD.match(line) and _is_header_block(lines[number : number + 7]) and number:
            break
        if QUOTED.match(line):
            _drop_introduction(kept)
            continue
        kept.append(line)
    own = "\n".join(kept).strip()
    return own if any(map(str.isalnum, own)) else text


def _is_header_block(lines: list[str]) -> bool:
    """Whether lines name the sender and the date of a message, as Outlook puts them over it."""
    return any(OUTLOOK_FIELD.match(line) for line in lines) and any(SENT_FIELD.match(line) for line in lines)


def _drop_introduction(kept: list[str]) -> None:
    """Take the line or two above a quotation, `On ... wrote:`, out of the lines before it."""
    while kept and not kept[-1].strip():
        kept.pop()
    for count in (1, 2):
        if len(kept) >= count and WROTE.match(" ".join(line.strip() for line in kept[-count:])):
            del kept[-count:]
            return
