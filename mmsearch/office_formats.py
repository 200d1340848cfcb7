"""The formats of office documents and books: by the content of their containers, else by the extension."""

from __future__ import annotations

import re
import zlib

# In zips; by extension, where the content does not say what it is.
_PACKED = {
    **dict.fromkeys(("docx", "docm", "dotx", "dotm"), "docx"),
    **dict.fromkeys(("pptx", "pptm", "potx", "potm", "ppsx", "ppsm"), "pptx"),
    **dict.fromkeys(("xlsx", "xlsm", "xltx", "xltm", "xlam"), "xlsx"),
    "xlsb": "xlsb",
    **{name: name for name in ("odt", "odp", "ods", "epub")},
    **dict.fromkeys(("ott", "odm", "oth"), "odt"),
    **dict.fromkeys(("otp", "odg", "otg"), "odp"),
    "ots": "ods",
}
_BY_EXTENSION = {f".{extension}": format_ for extension, format_ in _PACKED.items()}
_FLAT = {".fodt": "fodt", ".fodp": "fodp", ".fods": "fods", ".fodg": "fodp"}  # OpenDocument as one XML
_MEDIA_TYPES = (  # of OpenDocument and EPUB, at the start of the file
    (b"application/vnd.oasis.opendocument.text", "odt"),
    (b"application/vnd.oasis.opendocument.presentation", "odp"),
    (b"application/vnd.oasis.opendocument.graphics", "odp"),
    (b"application/vnd.oasis.opendocument.spreadsheet", "ods"),
    (b"application/epub+zip", "epub"),
)
# Old Office files, in OLE2 containers, that are found by their name only: their short name, and the next step.
OLD_FORMATS = {
    "ppt": (
        "old PowerPoint format",
        "It is in the old PowerPoint format, of which only the name is searched; save it as .pptx.",
    ),
}
_OLD = {
    **dict.fromkeys((".doc", ".dot", ".wbk"), "doc"),
    **dict.fromkeys((".ppt", ".pot", ".pps", ".ppa"), "ppt"),
}
_WORKBOOKS = frozenset({".xls", ".xlt", ".xla", ".xlm"})
# The first record of a workbook before Excel 5, which has no container.
_FIRST_RECORDS = (b"\x09\x00\x04\x00", b"\x09\x02\x06\x00", b"\x09\x04\x06\x00")
_MAIL = frozenset({".eml", ".emlx", ".mbox", ".mbx", ".msg"})
_RECOGNIZED = frozenset({*_BY_EXTENSION, *_FLAT, *_WORKBOOKS, ".rtf", *_MAIL})
_COMPOUND = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_MAIN_TYPES = (
    (b"wordprocessingml.", b"word/document.xml", "docx"),
    (b"presentationml.", b"ppt/presentation.xml", "pptx"),
    (b"sheet.binary", b"xl/workbook.bin", "xlsb"),
    (b"spreadsheetml.", b"xl/workbook.xml", "xlsx"),
)
_CONTENT_TYPES = b"[Content_Types].xml"
_INFLATED = 1 << 16  # bytes of a member that are looked at
# What earlier versions took these files for, which had no readers of documents and mail.
_TAKEN_FOR = frozenset({"zip", "binary", "text"})


def document_format(head: bytes, suffix: str) -> str:
    """The format of a document by its first bytes and its extension with the dot; empty for any other file. Those of
    old Office formats are `OLD_FORMATS`."""
    if head.startswith(b"PK\x03\x04"):
        return _packed_format(head) or _BY_EXTENSION.get(suffix, "")
    if head.startswith(_COMPOUND):
        return _compound_format(head, suffix)
    if head.startswith(b"{\\rtf"):
        return "rtf"
    if suffix in _WORKBOOKS and head.startswith(_FIRST_RECORDS):
        return "xls"
    if b"<office:document" in head and head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"<?xml", b"<office:document")):
        return _FLAT.get(suffix) or next((f"f{name}" for media, name in _MEDIA_TYPES if media in head), "")
    return ""


def is_recognized_since(format_: str, suffix: str) -> bool:
    """Whether an earlier version may have taken a document or mail for this format."""
    return format_ in _TAKEN_FOR and suffix in _RECOGNIZED


def _packed_format(head: bytes) -> str:
    """The format of a zip by its first members."""
    name_length = int.from_bytes(head[26:28], "little")
    first = head[30 : 30 + name_length]
    if first == b"mimetype":
        start = 30 + name_length + int.from_bytes(head[28:30], "little")
        return next((format_ for media, format_ in _MEDIA_TYPES if head.startswith(media, start)), "")
    if first == _CONTENT_TYPES:
        start = 30 + name_length + int.from_bytes(head[28:30], "little")
        try:
            types = zlib.decompressobj(-zlib.MAX_WBITS).decompress(head[start:], _INFLATED)
        except zlib.error:
            types = b""
        for media, _, format_ in _MAIN_TYPES:
            if re.search(
                re.escape(media) + rb"[\w.\-]{0,40}main\+xml|" + re.escape(media) + rb"[\w.]{0,40}\.main", types
            ):
                return format_
    return next((format_ for _, member, format_ in _MAIN_TYPES if member in head), "")


def _compound_format(head: bytes, suffix: str) -> str:
    """The format of an OLE2 container. Under the extension of a packed document it is that document, encrypted."""
    if suffix in _WORKBOOKS or "Workbook".encode("utf-16-le") in head:
        return "xls"
    return _BY_EXTENSION.get(suffix) or _OLD.get(suffix, "")
