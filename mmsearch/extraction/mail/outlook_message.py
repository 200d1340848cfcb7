"""Messages of Outlook (.msg): an OLE2 file whose streams are properties, written anew as a MIME message.

What comes after is then the same for all mail. The MIME message is for our own reader: headers are UTF-8, bodies are
as they are, without an encoding for transport.
"""

from __future__ import annotations

import hashlib
import io
import struct
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING

from mmsearch.errors import ExtractionError, FailureCode
from mmsearch.extraction.attachments import DEPTH
from mmsearch.extraction.mail.compressed_rtf import decompressed
from mmsearch.extraction.mail.mail_headers import decoded

if TYPE_CHECKING:
    import olefile

Path = tuple[str, ...]  # of a storage: the names of those around it, and its own

BYTES = 200 << 20  # of all streams that are read: several entries of a hostile file may name one stream
ATTACHMENTS, RECIPIENTS = 200, 500
TEXT, HTML, RTF = "1000", "1013", "1009"
LANGUAGE_CODEPAGES = {  # by the lower ten bits of a language identifier, where it is not 1252
    0x01: 1256, 0x02: 1251, 0x04: 936, 0x05: 1250, 0x08: 1253, 0x0D: 1255, 0x0E: 1250, 0x11: 932, 0x12: 949, 0x15: 1250,
    0x18: 1250, 0x19: 1251, 0x1A: 1250, 0x1B: 1250, 0x1E: 874, 0x1F: 1254, 0x22: 1251, 0x23: 1251, 0x24: 1250,
    0x25: 1257, 0x26: 1257, 0x27: 1257, 0x29: 1256, 0x2A: 1258, 0x2F: 1251,
}  # fmt: skip
HEADER = {"__attach": 8, "__recip": 8}  # bytes before the properties of a storage; of a message 32, of one within 24
# Of the headers that the message came with.
COPIED = ("from", "to", "cc", "date", "message-id", "in-reply-to", "references")


def as_mime(data: bytes) -> bytes:
    """The message in an Outlook file as a MIME message. Raises `ExtractionError` (`decode-error`)."""
    import olefile

    try:
        with olefile.OleFileIO(io.BytesIO(data)) as file:
            tree: dict[Path, list[str]] = {}
            for entry in file.listdir(storages=True):
                tree.setdefault(tuple(entry[:-1]), []).append(entry[-1])
            return OutlookStorage(file, tree, (), [BYTES]).message()
    except ExtractionError:
        raise
    except Exception as error:  # `OSError`, `struct.error`, `IndexError`, `RecursionError` on damaged tables
        raise ExtractionError(FailureCode.DECODE_ERROR, "The Outlook message is damaged and can't be read.") from error


class OutlookStorage:
    """A message, a recipient or an attachment: the values of its properties by their number, four digits in hex.
    `tree` has the names in each storage of the file, `budget` how many bytes of it may still be read."""

    def __init__(
        self, file: olefile.OleFileIO, tree: Mapping[Path, Sequence[str]], path: Path, budget: list[int]
    ) -> None:
        self.file, self.tree, self.path, self.budget = file, tree, path, budget
        self.children = dict.fromkeys(tree.get(path, ()))
        self.streams = {name[12:16].upper(): name for name in self.children if name.startswith("__substg1.0_")}
        self.fixed = dict(self._fixed_values())

    def message(self) -> bytes:
        """This message as MIME."""
        text, html, rtf = self.text(TEXT), self.html(), b""
        if not text.strip() and not html:
            rtf = decompressed(self.data(RTF)) if RTF in self.streams else b""
        bodies = [("text/plain; charset=utf-8", text.encode())] if text.strip() else []
        bodies += [html] if html else []
        bodies += [('application/rtf; name="message.rtf"', rtf)] if rtf else []
        body = multipart("alternative", bodies) if len(bodies) > 1 else bodies[0] if bodies else ("text/plain", b"")
        parts = [body, *self.attachments()]
        kind, content = multipart("mixed", parts) if len(parts) > 1 else body
        lines = [f"{name}: {header_line(value)}" for name, value in self.headers() if value]
        return "\n".join([*lines, f"Content-Type: {kind}", "", ""]).encode("utf-8", "replace") + content

    def headers(self) -> Iterator[tuple[str, str]]:
        """The headers of this message: as it was sent, else from its properties."""
        import email.parser

        sent = email.parser.HeaderParser().parsestr(self.text("007D")[: 256 << 10])
        yield "Subject", self.text("0037")
        found = {name: str(sent.get(name, "")) for name in COPIED}
        named = {"from": self.sender(), "date": self.date(), **self.recipients()}
        named |= {"message-id": self.text("1035"), "in-reply-to": self.text("1042"), "references": self.text("1039")}
        for name in COPIED:
            yield name, found[name] or named.get(name, "")

    def sender(self) -> str:
        """The sender as a header has it."""
        name = self.text("0C1A") or self.text("0042")
        address = next((one for one in map(self.text, ("5D01", "5D02", "0C1F", "0065")) if "@" in one), "")
        return _address(name, address)

    def recipients(self) -> dict[str, str]:
        """The recipients as headers have them."""
        found: dict[str, list[str]] = {"to": [], "cc": []}
        storages = [name for name in self.children if name.startswith("__recip_version1.0_#")]
        for name in storages[:RECIPIENTS]:
            one = self.below(name)
            address = next((each for each in map(one.text, ("39FE", "3003")) if "@" in each), "")
            kind = one.fixed.get("0C15", b"\1")[0]
            found["to" if kind == 1 else "cc"].append(_address(one.text("3001") or one.text("5FF6"), address))
        shown = {"to": self.text("0E04"), "cc": self.text("0E03")}
        return {name: ", ".join(filter(None, values)) or shown[name] for name, values in found.items()}

    def date(self) -> str:
        """When the message was sent, received or made, as a header has it."""
        for number in ("0039", "0E06", "3007"):
            ticks = int.from_bytes(self.fixed.get(number, b""), "little")
            if 0 < ticks < 1 << 60:
                return format_datetime(datetime(1601, 1, 1, tzinfo=UTC) + timedelta(microseconds=ticks // 10))
        return ""

    def html(self) -> tuple[str, bytes] | None:
        """The page of the message with its type."""
        name = self.streams.get(HTML, "")
        if name.endswith("0102"):
            page = self.data(HTML)
            number = int.from_bytes(self.fixed.get("3FDE", b"")[:4], "little")
            return ("text/html" + (f"; charset={codepage(number)}" if number else ""), page) if page.strip() else None
        page = self.text(HTML).encode()
        return ("text/html; charset=utf-8", page) if page.strip() else None

    def attachments(self) -> Iterator[tuple[str, bytes]]:
        """The type and the bytes of each attachment."""
        storages = [name for name in self.children if name.startswith("__attach_version1.0_#")]
        for number, name in enumerate(storages[:ATTACHMENTS], 1):
            one = self.below(name)
            title = header_line(one.text("3707") or one.text("3704") or one.text("3001")).replace('"', "'")
            if "__substg1.0_3701000D" in one.children:
                if len(self.path) < 2 * DEPTH:
                    inner = one.below("__substg1.0_3701000D")
                    if "__properties_version1.0" in inner.children:
                        yield f'message/rfc822; name="{title}"', inner.message()
                continue
            kind = header_line(one.text("370E")).partition(";")[0] or "application/octet-stream"
            if kind == "multipart/signed":  # the whole message as it was signed
                kind = "message/rfc822"
            elif kind.startswith("multipart/"):
                kind = "application/octet-stream"
            yield f'{kind}; name="{title or f"attachment {number}"}"', one.data("3701")

    def below(self, name: str) -> OutlookStorage:
        """A storage in this one."""
        return OutlookStorage(self.file, self.tree, (*self.path, name), self.budget)

    def data(self, number: str) -> bytes:
        """The bytes of a property; empty where it is missing."""
        name = self.streams.get(number)
        if name is None:
            return b""
        path = [*self.path, name]
        self.budget[0] -= self.file.get_size(path)
        if self.budget[0] < 0:
            raise ExtractionError(FailureCode.TOO_LARGE, f"The message holds more than {BYTES >> 20} MB.")
        found: bytes = self.file.openstream(path).read()
        return found

    def text(self, number: str) -> str:
        """A property of text; empty where it is missing."""
        data, name = self.data(number), self.streams.get(number, "")
        if name.endswith("001F"):
            return data.decode("utf-16-le", "replace").rstrip("\0")
        return decoded(data.rstrip(b"\0"), self.encoding()) if name.endswith(("001E", "0102")) else ""

    def encoding(self) -> str:
        """The encoding of text that is not Unicode."""
        number = int.from_bytes(self.fixed.get("3FFD", b"")[:4], "little")
        language = int.from_bytes(self.fixed.get("3FF1", b"")[:4], "little")
        return codepage(number or LANGUAGE_CODEPAGES.get(language & 0x3FF, 1252))

    def _fixed_values(self) -> Iterator[tuple[str, bytes]]:
        """The values of eight bytes that stand in the table of properties itself."""
        if "__properties_version1.0" not in self.children:
            return
        table = self.file.openstream([*self.path, "__properties_version1.0"]).read(1 << 20)
        skipped = next((size for start, size in HEADER.items() if self.path and self.path[-1].startswith(start)), 0)
        for at in range(skipped or (24 if self.path else 32), len(table) - 15, 16):
            _, number, _, value = struct.unpack_from("<HHL8s", table, at)
            yield f"{number:04X}", value


def codepage(number: int) -> str:
    """The name of an encoding by the number that Windows has for it."""
    return {65001: "utf-8", 20127: "us-ascii", 50220: "iso-2022-jp", 20866: "koi8-r", 21866: "koi8-u"}.get(
        number, f"iso-8859-{number - 28590}" if 28591 <= number <= 28606 else f"cp{number}"
    )


def _address(name: str, address: str) -> str:
    name = header_line(name).replace('"', "'")
    return f'"{name}" <{address}>' if name and address and name != address else address or (f'"{name}"' if name else "")


def header_line(value: str) -> str:
    """A text as the one line of a header."""
    return " ".join(value.split())


def multipart(kind: str, parts: Sequence[tuple[str, bytes]]) -> tuple[str, bytes]:
    """The type and the body of a multipart. Its boundary is a hash of all that stands in it."""
    digest = hashlib.sha256()
    for _, content in parts:
        digest.update(content)
    boundary = digest.hexdigest()
    written = [f"--{boundary}\nContent-Type: {each}\n\n".encode("utf-8", "replace") + one for each, one in parts]
    return f"multipart/{kind}; boundary={boundary}", b"\n".join([*written, f"--{boundary}--\n".encode()])
