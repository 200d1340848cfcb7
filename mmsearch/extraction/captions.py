"""Metadata of pictures that holds text: titles, captions, keywords, names and places of EXIF, IPTC, XMP and PNG."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from mmsearch.extraction.boilerplate import is_image_boilerplate
from mmsearch.filestat import open_regular
from mmsearch.types import Source

if TYPE_CHECKING:
    from PIL import Image

XMP_BYTES = 1 << 20
FIELD_CHARACTERS = 4000
KEYWORDS = 200

EXIF_TITLE, EXIF_CAPTION, EXIF_ARTIST = (0x9C9B,), (0x010E, 0x9C9C, 0x9C9F), (0x013B, 0x9C9D)
EXIF_KEYWORDS, EXIF_IFD, EXIF_COMMENT, EXIF_TAKEN = 0x9C9E, 0x8769, 0x9286, 0x9003
IPTC_FIELDS = {
    (2, 5): "title",
    (2, 105): "title",
    (2, 120): "caption",
    (2, 25): "keywords",
    (2, 80): "artist",
    (2, 90): "place",
    (2, 92): "place",
    (2, 95): "place",
    (2, 101): "place",
}
XMP_FIELDS = {
    "title": "title",
    "Headline": "title",
    "description": "caption",
    "AltTextAccessibility": "caption",
    "ExtDescrAccessibility": "caption",
    "UserComment": "caption",
    "subject": "keywords",
    "creator": "artist",
    "PersonInImage": "keywords",
    "Name": "keywords",
    "City": "place",
    "State": "place",
    "Country": "place",
    "Location": "place",
    "DateTimeOriginal": "taken",
    "DateCreated": "taken",
}
PNG_FIELDS = {
    "title": "title",
    "description": "caption",
    "comment": "caption",
    "author": "artist",
    "keywords": "keywords",
    "parameters": "caption",
    "subject": "caption",
}
DATE = re.compile(r"(\d{4})[:\-/](\d{2})[:\-/](\d{2})")
SPACE = re.compile(r"\s+")


class Captions:
    """The texts in a picture's metadata, each once, in the order of their sources."""

    def __init__(self) -> None:
        self.found: dict[str, list[str]] = {"title": [], "caption": [], "keywords": [], "artist": [], "place": []}
        self.taken = ""

    def add(self, field: str, value: Any) -> None:
        """Add a value, unless it is empty, a program's boilerplate, or present already."""
        words = SPACE.sub(" ", printable(value))[:FIELD_CHARACTERS].strip()
        if field == "taken":
            match = DATE.match(words)
            self.taken = self.taken or (match and match[1] != "0000" and "-".join(match.groups())) or ""
            return
        there = self.found[field]
        if not is_image_boilerplate(words) and words not in there and len(there) < KEYWORDS:
            there.append(words)

    def text(self) -> str:
        """All texts, one a line; keywords, names and places on one line each."""
        lines = [*self.found["title"], *self.found["caption"]]
        lines += [", ".join(self.found[field]) for field in ("keywords", "place", "artist") if self.found[field]]
        return "\n".join(lines)

    def details(self) -> dict[str, Any]:
        """JSON values for `Probe.details`: `title`, `tags`, `artist`, `taken` (YYYY-MM-DD), as far as known."""
        title, artist = next(iter(self.found["title"]), ""), ", ".join(self.found["artist"])
        details = {"title": title[:200], "tags": self.found["keywords"], "artist": artist[:200], "taken": self.taken}
        return {key: value for key, value in details.items() if value}


def read_captions(picture: Image.Image, source: Source) -> Captions:
    """The captions of an open picture (its header is enough) and of its `.xmp` sidecars. Never raises: fields that
    can't be read are left out."""
    captions = Captions()
    for reader in (_xmp_of, _iptc_of, _exif_of, _texts_of):
        # Parsed from hostile bytes; damaged metadata does not fail the picture.
        with contextlib.suppress(Exception):
            for field, value in reader(picture):
                captions.add(field, value)
    for path in source.sidecars:
        if path.lower().endswith(b".xmp"):
            with contextlib.suppress(OSError, ElementTree.ParseError, ValueError):
                for field, value in xmp(_sidecar_bytes(path)):
                    captions.add(field, value)
    return captions


def xmp(data: bytes) -> Iterator[tuple[str, str]]:
    """`(field, words)` of an XMP packet. Raises `ParseError` or `ValueError` for bytes that are none."""
    # XMP has no entities, by which XML could expand without limit.
    if len(data) > XMP_BYTES or b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        raise ValueError("no XMP of a picture")
    for element in ElementTree.fromstring(data.strip(b"\0 \r\n\t")).iter():
        for name, value in element.attrib.items():
            if field := XMP_FIELDS.get(_local(name)):
                yield field, value
        if field := XMP_FIELDS.get(_local(element.tag)):
            items = [item for item in element.iter() if _local(item.tag) == "li"]
            for item in items or [element]:
                yield field, item.text or ""


def printable(value: Any) -> str:
    """A metadata value as text: bytes are UTF-8, else Windows' Latin letters."""
    if isinstance(value, (tuple, list)):
        return ", ".join(printable(item) for item in value[:KEYWORDS])
    if isinstance(value, bytes):
        try:
            value = value.decode("utf-8")
        except UnicodeDecodeError:
            value = value.decode("cp1252", "replace")
    if not isinstance(value, str):
        return ""
    return "".join(character if character.isprintable() else " " for character in value[: FIELD_CHARACTERS * 2])


def _xmp_of(picture: Image.Image) -> Iterable[tuple[str, str]]:
    packet = picture.info.get("xmp") or picture.info.get("XML:com.adobe.xmp")
    if isinstance(packet, tuple):
        packet = packet[0]
    if isinstance(packet, str):
        packet = packet.encode()
    return xmp(packet) if packet else ()


def _iptc_of(picture: Any) -> Iterator[tuple[str, Any]]:
    from PIL import IptcImagePlugin

    for key, value in (IptcImagePlugin.getiptcinfo(picture) or {}).items():
        if field := IPTC_FIELDS.get(key):
            for item in value if isinstance(value, list) else [value]:
                yield field, item


def _exif_of(picture: Image.Image) -> Iterator[tuple[str, Any]]:
    exif = picture.getexif()
    fields = [(tag, "title") for tag in EXIF_TITLE] + [(tag, "caption") for tag in EXIF_CAPTION]
    for tag, field in [*fields, *((tag, "artist") for tag in EXIF_ARTIST), (EXIF_KEYWORDS, "keywords")]:
        value = exif.get(tag)
        if tag >= 0x9C9B and isinstance(value, bytes):  # the tags of Windows Explorer are UTF-16
            value = value.decode("utf-16-le", "replace").rstrip("\0")
        for part in printable(value).split(";") if field == "keywords" else [value]:
            yield field, part
    inner = exif.get_ifd(EXIF_IFD)
    yield "taken", inner.get(EXIF_TAKEN)
    comment = inner.get(EXIF_COMMENT)
    if isinstance(comment, bytes):  # eight bytes name its character set
        coding = "utf-16-be" if comment.startswith(b"UNICODE\0") and comment[8:9] == b"\0" else "utf-16-le"
        comment = comment[8:].decode(coding, "replace") if comment.startswith(b"UNICODE\0") else comment[8:]
    yield "caption", comment


def _texts_of(picture: Image.Image) -> Iterator[tuple[str, Any]]:
    """The text chunks of PNG and the comments of GIF and JPEG."""
    for key, value in list(picture.info.items())[:100]:
        if isinstance(key, str) and (field := PNG_FIELDS.get(key.lower())):
            yield field, printable(value)


def _local(name: Any) -> str:
    """An XML name without its namespace."""
    return name.rsplit("}", 1)[-1] if isinstance(name, str) else ""


def _sidecar_bytes(path: bytes) -> bytes:
    """A sidecar's bytes, at most one more than a packet may have."""
    with os.fdopen(open_regular(path), "rb") as file:
        return file.read(XMP_BYTES + 1)
