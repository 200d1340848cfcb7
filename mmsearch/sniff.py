"""The kind and format of a file: by its first bytes, and where they are ambiguous, by its extension."""

from __future__ import annotations

import os
import re

from mmsearch.office_formats import OLD_FORMATS, document_format
from mmsearch.types import Kind

HEAD_BYTES = 4096

# (offset, bytes, kind, format). Image formats are named as Pillow names its plugins, in lower case.
_MAGIC: tuple[tuple[int, bytes, Kind | None, str], ...] = (
    (0, b"\x89PNG\r\n\x1a\n", Kind.IMAGE, "png"),
    (0, b"\xff\xd8\xff", Kind.IMAGE, "jpeg"),
    (0, b"GIF87a", Kind.IMAGE, "gif"),
    (0, b"GIF89a", Kind.IMAGE, "gif"),
    (0, b"II*\x00", Kind.IMAGE, "tiff"),
    (0, b"MM\x00*", Kind.IMAGE, "tiff"),
    (0, b"II+\x00", Kind.IMAGE, "tiff"),
    (0, b"MM\x00+", Kind.IMAGE, "tiff"),
    (0, b"8BPS", Kind.IMAGE, "psd"),
    (0, b"\x00\x00\x00\x0cjP  \r\n\x87\n", Kind.IMAGE, "jpeg2000"),
    (0, b"\xff\x4f\xff\x51", Kind.IMAGE, "jpeg2000"),
    (0, b"DDS ", Kind.IMAGE, "dds"),
    (0, b"qoif", Kind.IMAGE, "qoi"),
    (0, b"icns", Kind.IMAGE, "icns"),
    (0, b"\x01\xda", Kind.IMAGE, "sgi"),
    (0, b"\x59\xa6\x6a\x95", Kind.IMAGE, "sun"),
    (0, b"BLP1", Kind.IMAGE, "blp"),
    (0, b"BLP2", Kind.IMAGE, "blp"),
    (0, b"DanM", Kind.IMAGE, "msp"),
    (0, b"LinS", Kind.IMAGE, "msp"),
    (0, b"/* XPM */", Kind.IMAGE, "xpm"),
    (0, b"SIMPLE  =", Kind.IMAGE, "fits"),
    (0, b"fLaC", Kind.AUDIO, "flac"),
    (0, b"ID3", Kind.AUDIO, "mp3"),
    (0, b"wvpk", Kind.AUDIO, "wavpack"),
    (0, b"MAC ", Kind.AUDIO, "ape"),
    (0, b"TTA1", Kind.AUDIO, "tta"),
    (0, b"#!AMR", Kind.AUDIO, "amr"),
    (0, b".snd", Kind.AUDIO, "au"),
    (0, b"FLV\x01", Kind.VIDEO, "flv"),
    (0, b"\x00\x00\x01\xba", Kind.VIDEO, "mpeg"),
    (0, b"\x00\x00\x01\xb3", Kind.VIDEO, "mpeg"),
    (4, b"moov", Kind.VIDEO, "mov"),
    (4, b"mdat", Kind.VIDEO, "mov"),
    (4, b"wide", Kind.VIDEO, "mov"),
    (0, b"%!PS", None, "postscript"),
    (0, b"\xc5\xd0\xd3\xc6", None, "postscript"),
    (0, b"PK\x03\x04", None, "zip"),
    (0, b"PK\x05\x06", None, "zip"),
    (0, b"\x1f\x8b", None, "gzip"),
    (0, b"BZh", None, "bzip2"),
    (0, b"\xfd7zXZ\x00", None, "xz"),
    (0, b"7z\xbc\xaf\x27\x1c", None, "7z"),
    (0, b"Rar!\x1a\x07", None, "rar"),
    (0, b"\x7fELF", None, "program"),
    (0, b"SQLite format 3\x00", None, "sqlite"),
    (0, b"\x78\x9f\x3e\x22", Kind.MAIL, "tnef"),  # winmail.dat
    (0, b"// <!-- <mdb:mork:", None, "mork"),  # where Thunderbird lists a mailbox's messages
    (257, b"ustar", None, "tar"),
)
_ASF = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_EBML = b"\x1a\x45\xdf\xa3"
_RIFF = {b"WAVE": (Kind.AUDIO, "wav"), b"WEBP": (Kind.IMAGE, "webp"), b"AVI ": (Kind.VIDEO, "avi")}
_IMAGE_BRANDS = {
    **dict.fromkeys((b"avif", b"avis"), "avif"),
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"), "heif"),
}
_AUDIO_BRANDS = (b"M4A ", b"M4B ", b"M4P ", b"F4A ", b"F4B ", b"aax ")

# Extensions that are the names of their formats; other extensions have an entry below.
_IMAGE_EXTENSIONS = "png gif bmp webp avif psd pcx dds qoi ico cur icns im msp blp xbm xpm dib"
_AUDIO_EXTENSIONS = "mp3 wav flac ogg opus aac wma aiff ac3 amr au ape"
_BY_EXTENSION: dict[str, tuple[Kind, str]] = {
    **dict.fromkeys((".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"), (Kind.IMAGE, "jpeg")),
    **dict.fromkeys((".tif", ".tiff"), (Kind.IMAGE, "tiff")),
    **dict.fromkeys((".heic", ".heif", ".hif"), (Kind.IMAGE, "heif")),
    **dict.fromkeys((".jp2", ".j2k", ".jpc", ".jpx"), (Kind.IMAGE, "jpeg2000")),
    **dict.fromkeys((".tga", ".vda", ".icb", ".vst"), (Kind.IMAGE, "tga")),
    **dict.fromkeys((".ppm", ".pgm", ".pbm", ".pnm", ".pfm"), (Kind.IMAGE, "ppm")),
    **dict.fromkeys((".sgi", ".rgb", ".rgba", ".bw"), (Kind.IMAGE, "sgi")),
    **dict.fromkeys((".fli", ".flc"), (Kind.IMAGE, "fli")),
    **{f".{name}": (Kind.IMAGE, name) for name in _IMAGE_EXTENSIONS.split()},
    ".ras": (Kind.IMAGE, "sun"),
    ".pdf": (Kind.PDF, "pdf"),
    **{f".{name}": (Kind.AUDIO, name) for name in _AUDIO_EXTENSIONS.split()},
    **dict.fromkeys((".m4a", ".m4b", ".aax"), (Kind.AUDIO, "m4a")),
    **dict.fromkeys((".aif", ".aifc"), (Kind.AUDIO, "aiff")),
    ".oga": (Kind.AUDIO, "ogg"),
    ".mka": (Kind.AUDIO, "matroska"),
    **dict.fromkeys((".mp4", ".m4v", ".3gp", ".3g2"), (Kind.VIDEO, "mp4")),
    **dict.fromkeys((".mov", ".qt"), (Kind.VIDEO, "mov")),
    **dict.fromkeys((".mpg", ".mpeg", ".vob", ".m2v"), (Kind.VIDEO, "mpeg")),
    **dict.fromkeys((".ts", ".m2ts", ".mts"), (Kind.VIDEO, "mpegts")),
    ".mkv": (Kind.VIDEO, "matroska"),
    **{f".{name}": (Kind.VIDEO, name) for name in ("webm", "avi", "wmv", "flv", "ogv")},
}
_RAW_EXTENSIONS = frozenset(".dng .cr2 .nef .nrw .arw .sr2 .raf .orf .rw2 .pef .srw .cr3".split())
_MARKUP = {".html", ".htm", ".xhtml", ".xht", ".shtml", ".svg", ".xml"}
_TEXT_FORMATS = {
    ".md": "markdown",
    ".markdown": "markdown",
    ".mdown": "markdown",
    ".rst": "rst",
    ".csv": "csv",
    ".tsv": "csv",
    ".json": "json",
    ".jsonl": "text",
    ".srt": "srt",
    ".vtt": "vtt",
}
_CODE = frozenset(
    ".py .pyi .js .mjs .jsx .ts .tsx .c .h .cc .cpp .hpp .cs .java .kt .go .rs .rb .php .pl .pm .lua .r .jl .swift .m "
    ".scala .hs .clj .ex "
    ".erl .sh .bash .zsh .fish .ps1 .bat .sql .css .scss .less .vue .toml .yaml .yml .ini .cfg .conf .tex "
    ".cmake .gradle .dockerfile .make .mk .proto .graphql".split()
)
_PLAIN = frozenset(".txt .text .log .org .adoc .asc .nfo .me .diff .patch .bib .ics .vcf .lrc".split())
_MARKUP_START = re.compile(rb"^(?:\xef\xbb\xbf)?\s*<(?:!doctype\s+html|html[\s>]|svg[\s>])", re.IGNORECASE)
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_OUTLOOK = tuple(name.encode("utf-16-le") for name in ("__properties_version1.0", "__substg1.0_"))
_MAIL_EXTENSIONS = {".eml": "eml", ".emlx": "emlx", ".mbox": "mbox", ".mbx": "mbox"}
_HEADERS = re.compile(rb"(?:[A-Za-z][A-Za-z0-9-]{1,60}:[^\n]*+\n(?:[ \t][^\n]*+\n)*+)++")
_MAIL_HEADER = re.compile(
    rb"^(return-path|delivered-to|received|message-id|from|to|subject|date|mime-version|x-mozilla-status):",
    re.IGNORECASE | re.MULTILINE,
)
_SENDING = frozenset({b"return-path", b"received", b"message-id", b"from"})
_MBOX_START = re.compile(
    rb"\s{0,9}From [^\n]{0,300}?\d{1,2}:\d{2}[^\n]{0,60}\d{4}[^\n]{0,60}\n(?:[!-9;-~]{1,70}:|\r?\n)"
)
_MAILDIR_NAME = re.compile(rb"\d{5,}\.[^/]+")
_PNM_START = re.compile(rb"^P[1-7fF]\s+(?:#|\d|WIDTH)")
_CONTROL = frozenset(range(32)) - {7, 8, 9, 10, 11, 12, 13, 27}


def extension(name: bytes) -> str:
    """The extension of a file name in lower case with its dot, or nothing."""
    return os.path.splitext(name.decode("utf-8", "replace"))[1].lower()


def sniff(head: bytes, name: bytes) -> tuple[Kind | None, str]:
    """Kind and format of a file from its first `HEAD_BYTES` bytes and its name.

    The kind is None for a file that is not indexed; the format then describes it (`zip`, `empty`, `binary`, ...).
    """
    if not head:
        return None, "empty"
    suffix = extension(name)
    if (suffix == ".sub" and head.startswith(b"\x00\x00\x01\xba")) or head.startswith(b"# VobSub index file"):
        return None, "vobsub"  # subtitles as pictures, in a stream without a film
    if document := document_format(head, suffix):
        return None if document in OLD_FORMATS else Kind.DOCUMENT, document
    found = _by_magic(head, suffix)
    if found is not None:
        return found
    is_text = _is_text(head)
    if (mail := _mail_format(head, name, suffix)) is not None:
        return Kind.MAIL, mail
    if suffix in _BY_EXTENSION and not (is_text and suffix in _CODE):  # .ts is film or TypeScript
        return _BY_EXTENSION[suffix]  # no signature: the decoder reports what is wrong
    if is_text:
        return _text_format(head, suffix)
    if suffix in _PLAIN or suffix in _CODE or suffix in _TEXT_FORMATS or suffix in _MARKUP:
        return _text_format(head, suffix)  # extraction decides by the whole file
    return None, "binary"


def _is_raw(head: bytes, suffix: str) -> bool:
    """Whether a file is a photo as the sensor of a camera recorded it: by a signature of its own, or that of TIFF with
    a name of such photos."""
    if head.startswith((b"FUJIFILMCCD-RAW", b"IIRO", b"IIRS", b"MMOR", b"IIU\x00")) or head[4:12] == b"ftypcrx ":
        return True
    is_tiff = head.startswith((b"II*\x00", b"MM\x00*"))
    return is_tiff and (suffix in _RAW_EXTENSIONS or head[8:10] == b"CR")


def _by_magic(head: bytes, suffix: str) -> tuple[Kind | None, str] | None:
    if _is_raw(head, suffix):
        return Kind.IMAGE, "raw"
    for offset, magic, kind, name in _MAGIC:
        if head.startswith(magic, offset):
            return (kind, name) if name != "mp3" or suffix not in (".aac", ".flac") else (kind, suffix[1:])
    if b"%PDF-" in head[: 5 if suffix in _MAIL_EXTENSIONS else 1024]:
        return Kind.PDF, "pdf"
    if head[:4] == b"RIFF" or head[:4] == b"RF64":
        return _RIFF.get(head[8:12], (None, "riff"))
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return Kind.AUDIO, "aiff"
    if head[4:8] == b"ftyp":
        return _by_brand(head)
    if head[:4] == _EBML:
        return _matroska(head, suffix)
    if head[:4] == b"OggS":
        return (Kind.VIDEO, "ogv") if b"theora" in head[:512] or suffix == ".ogv" else (Kind.AUDIO, "ogg")
    if head[:16] == _ASF:
        return (Kind.AUDIO, "wma") if suffix == ".wma" else (Kind.VIDEO, "wmv")
    if head[:8] == _OLE and (suffix == ".msg" or any(name in head for name in _OUTLOOK)):
        return Kind.MAIL, "msg"
    return _weak_magic(head, suffix)


def _weak_magic(head: bytes, suffix: str) -> tuple[Kind | None, str] | None:
    """Signatures of two or three bytes, which need a further check or the extension."""
    if (
        head[:2] == b"BM"
        and len(head) >= 18
        and int.from_bytes(head[14:18], "little") in (12, 16, 40, 52, 56, 64, 108, 124)
    ):
        return Kind.IMAGE, "bmp"
    if head[:4] in (b"\x00\x00\x01\x00", b"\x00\x00\x02\x00") and suffix in (".ico", ".cur"):
        return Kind.IMAGE, suffix[1:]
    if _PNM_START.match(head):
        return Kind.IMAGE, "ppm"
    if head[4:6] in (b"\x11\xaf", b"\x12\xaf") and suffix in (".fli", ".flc"):
        return Kind.IMAGE, "fli"
    if head[0] == 0x47 and len(head) > 376 and head[188] == 0x47 and head[376] == 0x47:
        return Kind.VIDEO, "mpegts"
    if head[0] == 0xFF and head[1:2] and head[1] & 0xE0 == 0xE0 and suffix in (".mp3", ".mp2", ".mpga", ".aac"):
        return Kind.AUDIO, "aac" if suffix == ".aac" else "mp3"
    return None


def _by_brand(head: bytes) -> tuple[Kind, str]:
    size = min(max(int.from_bytes(head[:4], "big"), 16), len(head))
    brands = [head[8:12], *(head[i : i + 4] for i in range(16, size - 3, 4))]
    if brands[0] in (b"mif1", b"msf1"):  # says only "HEIF container": what is inside stands among the others
        brands = [brand for brand in brands if brand in (b"avif", b"avis")] or brands
    if brands[0] in _IMAGE_BRANDS:
        return Kind.IMAGE, _IMAGE_BRANDS[brands[0]]
    if brands[0] in _AUDIO_BRANDS:
        return Kind.AUDIO, "m4a"
    return Kind.VIDEO, "mov" if brands[0] == b"qt  " else "mp4"


def _matroska(head: bytes, suffix: str) -> tuple[Kind, str]:
    if suffix == ".mka":
        return Kind.AUDIO, "matroska"
    return Kind.VIDEO, "webm" if b"webm" in head[:64] else "matroska"


def _is_text(head: bytes) -> bool:
    """Whether a head is probably text: it has a byte order mark, or hardly a control character."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf", b"\x00\x00\xfe\xff")):
        return True
    controls = sum(byte in _CONTROL for byte in head)
    return controls * 100 <= len(head) and b"\x00" not in head


def _mail_format(head: bytes, name: bytes, suffix: str) -> str | None:
    """The format of mail: by the extension, or by the headers of a file whose name has no extension that is known."""
    known = _MAIL_EXTENSIONS.get(suffix)
    if known in ("eml", "emlx"):
        return known
    if _MBOX_START.match(head) and (known or not _names_another_kind(suffix)):
        return "mbox"
    if known is not None:
        return "eml"  # a message whose file is called a mailbox
    block = _HEADERS.match(head)
    if block is None or (_names_another_kind(suffix) and not _MAILDIR_NAME.match(name)):
        return None
    found = {one.lower() for one in _MAIL_HEADER.findall(block[0])}
    return "eml" if len(found) > 2 and found & _SENDING else None


def _names_another_kind(suffix: str) -> bool:
    return (
        suffix in _PLAIN or suffix in _CODE or suffix in _TEXT_FORMATS or suffix in _MARKUP or suffix in _BY_EXTENSION
    )


def _text_format(head: bytes, suffix: str) -> tuple[Kind | None, str]:
    if suffix in _MARKUP or _MARKUP_START.match(head):
        return Kind.TEXT, "html" if suffix not in (".svg", ".xml") else suffix[1:]
    if suffix in _TEXT_FORMATS:
        return Kind.TEXT, _TEXT_FORMATS[suffix]
    return Kind.TEXT, "code" if suffix in _CODE else "text"
