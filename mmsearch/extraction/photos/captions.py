"""Metadata of pictures that holds text: titles, captions, keywords, names and places of EXIF, IPTC, XMP and PNG."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from mmsearch.date_taken import date_taken
from mmsearch.extraction.boilerplate import is_image_boilerplate
from mmsearch.extraction.photos.capture import (
    GPS_IFD,
    camera_name,
    capture_words,
    coordinates,
    exif_coordinates,
    xmp_degrees,
)
from mmsearch.filestat import open_regular
from mmsearch.types import Source

if TYPE_CHECKING:
    from PIL import Image

XMP_BYTES = 1 << 20
FIELD_CHARACTERS = 4000
KEYWORDS = 200

EXIF_TITLE, EXIF_CAPTION, EXIF_ARTIST = (0x9C9B,), (0x010E, 0x9C9C, 0x9C9F), (0x013B, 0x9C9D)
EXIF_KEYWORDS, EXIF_IFD, EXIF_COMMENT = 0x9C9E, 0x8769, 0x9286
EXIF_TAKEN = ((0x9003, 0x9011), (0x9004, 0x9012))  # taken, digitized: the date, and the offset of the place from UTC
EXIF_MAKE, EXIF_MODEL, EXIF_LENS = 0x010F, 0x0110, 0xA434
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
IPTC_TAKEN, IPTC_TIME = (2, 55), (2, 60)
_REGIONS = "{http://www.metadataworkinggroup.com/schemas/regions/}Name"
XMP_FIELDS = {
    "title": "title",
    "Headline": "title",
    "description": "caption",
    "AltTextAccessibility": "caption",
    "ExtDescrAccessibility": "caption",
    "UserComment": "caption",
    "subject": "keywords",
    "creator": "artist",
    "hierarchicalSubject": "levels",  # Lightroom, with | between the levels
    "TagsList": "levels",  # digiKam, with /
    "LastKeywordXMP": "levels",  # Microsoft, with /
    "CatalogSets": "levels",  # iView, with |
    "PersonInImage": "people",
    "PersonDisplayName": "people",  # of a region of Microsoft
    "City": "place",
    "State": "place",
    "ProvinceState": "place",
    "Country": "place",
    "CountryName": "place",
    "Location": "place",
    "Sublocation": "place",
    "Lens": "lens",
    "LensModel": "lens",
    "GPSLatitude": "latitude",
    "GPSLongitude": "longitude",
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
SPACE = re.compile(r"\s+")
_CORRECTED = frozenset({"taken", "latitude", "longitude"})


class Captions:
    """The texts in a picture's metadata, each once, in the order of their sources."""

    def __init__(self) -> None:
        names = ("title", "caption", "keywords", "people", "place", "artist", "camera", "lens")
        self.found: dict[str, list[str]] = {name: [] for name in names}
        self.taken = ""
        self.degrees: dict[str, float] = {}

    def add(self, field: str, value: Any) -> None:
        """Add a value, unless it is empty, a program's boilerplate, or present already."""
        words = SPACE.sub(" ", printable(value))[:FIELD_CHARACTERS].strip()
        if field == "taken":
            self.taken = self.taken or date_taken(words)
            return
        if field in ("latitude", "longitude"):
            if (degrees := xmp_degrees(words)) is not None:
                self.degrees.setdefault(field, degrees)
            return
        if field == "levels":
            for level in re.split(r"[|/]", words):
                self.add("keywords", level)
            return
        there = self.found[field]
        if not is_image_boilerplate(words) and words not in there and len(there) < KEYWORDS:
            there.append(words)

    def text(self) -> str:
        """All texts that people wrote, one a line; keywords, names and places on one line each."""
        lines = [*self.found["title"], *self.found["caption"]]
        fields = ("keywords", "people", "place", "artist")
        lines += [", ".join(self.found[field]) for field in fields if self.found[field]]
        return "\n".join(lines)

    def camera(self) -> str:
        """The camera and its lens, as far as they are known; that of a phone names it."""
        camera, lens = (next(iter(self.found[field]), "") for field in ("camera", "lens"))
        return lens if camera and lens.startswith(camera) else ", ".join(filter(None, [camera, lens]))

    def details(self) -> dict[str, Any]:
        """JSON values for `Probe.details`: `title`, `tags`, `people`, `artist`, `camera`, `taken` (see `date_taken`),
        `latitude` and `longitude` (degrees), `capture` (see `capture.capture_words`), as far as known."""
        title, artist = next(iter(self.found["title"]), ""), ", ".join(self.found["artist"])
        details = {"title": title[:200], "tags": self.found["keywords"], "people": self.found["people"]}
        place = coordinates(self.degrees.get("latitude"), self.degrees.get("longitude"))
        details |= {"artist": artist[:200], "camera": self.camera(), "taken": self.taken}
        details["capture"] = capture_words(place, self.camera())
        known = {key: value for key, value in details.items() if value}
        return known if place is None else known | {"latitude": place[0], "longitude": place[1]}


def read_captions(picture: Image.Image, source: Source) -> Captions:
    """The captions of an open picture (its header is enough) and of its `.xmp` sidecars. Never raises: fields that
    can't be read are left out."""
    captions = Captions()
    beside = [path for path in source.sidecars if path.lower().endswith(b".xmp")]
    for path in beside:  # what was corrected later stands in a sidecar
        with contextlib.suppress(OSError, ElementTree.ParseError, ValueError):
            for field, value in xmp(_sidecar_bytes(path)):
                if field in _CORRECTED:
                    captions.add(field, value)
    with contextlib.suppress(Exception):
        for field, value in _capture_of(picture):
            captions.add(field, value)
    for reader in (_xmp_of, _iptc_of, _exif_of, _texts_of):
        # Parsed from hostile bytes; damaged metadata does not fail the picture.
        with contextlib.suppress(Exception):
            for field, value in reader(picture):
                captions.add(field, value)
    for path in beside:
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
            if field := _xmp_field(name):
                yield field, value
        if field := _xmp_field(element.tag):
            items = [item for item in element.iter() if _local(item.tag) == "li"]
            for item in items or [element]:
                yield field, item.text or ""


def _xmp_field(name: Any) -> str | None:
    return "people" if name == _REGIONS else XMP_FIELDS.get(_local(name))


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

    found: Any = IptcImagePlugin.getiptcinfo(picture) or {}
    day, time = (printable(found.get(key)) for key in (IPTC_TAKEN, IPTC_TIME))
    yield "taken", f"{day[:4]}-{day[4:6]}-{day[6:8]} {time}" if day.isdecimal() else ""
    for key, value in found.items():
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
    comment = exif.get_ifd(EXIF_IFD).get(EXIF_COMMENT)
    if isinstance(comment, bytes):  # eight bytes name its character set
        coding = "utf-16-be" if comment.startswith(b"UNICODE\0") and comment[8:9] == b"\0" else "utf-16-le"
        comment = comment[8:].decode(coding, "replace") if comment.startswith(b"UNICODE\0") else comment[8:]
    yield "caption", comment


def _capture_of(picture: Image.Image) -> Iterator[tuple[str, Any]]:
    """Where, when and with what a picture was taken, as EXIF has it."""
    exif = picture.getexif()
    inner = exif.get_ifd(EXIF_IFD)
    yield "camera", camera_name(printable(exif.get(EXIF_MAKE)), printable(exif.get(EXIF_MODEL)))
    yield "lens", inner.get(EXIF_LENS)
    for date, offset in EXIF_TAKEN:
        yield "taken", date_taken(printable(inner.get(date)), printable(inner.get(offset)))
    if place := exif_coordinates(exif.get_ifd(GPS_IFD)):
        yield from zip(("latitude", "longitude"), map(str, place), strict=True)


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
