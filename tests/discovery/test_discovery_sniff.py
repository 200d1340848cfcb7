"""What a file is, by its first bytes and its name."""

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mmsearch.sniff import HEAD_BYTES, extension, sniff
from mmsearch.types import Kind

COMPOUND = bytes.fromhex("d0cf11e0a1b11ae1") + bytes(600)
EBML = bytes.fromhex("1a45dfa3")
FTYP = b"\x00\x00\x00\x18ftyp"


@pytest.mark.parametrize("name", ["PNG", "JPEG", "GIF", "TIFF", "BMP", "WEBP", "AVIF", "PPM", "ICO", "JPEG2000", "TGA"])
def test_pictures_of_pillow_are_pictures(name: str) -> None:
    file = io.BytesIO()
    Image.new("RGB", (20, 20), (200, 10, 10)).save(file, name)
    head = file.getvalue()[:HEAD_BYTES]
    suffix = {"ICO": b".ico", "TGA": b".tga"}.get(name, b"")  # these have no signature of their own
    assert sniff(head, b"x" + suffix) == (Kind.IMAGE, name.lower())


@pytest.mark.parametrize(
    ("head", "name", "expected"),
    [
        (b"%PDF-1.7\n", b"x", (Kind.PDF, "pdf")),
        (b"junk before " * 20 + b"%PDF-1.4", b"x.bin", (Kind.PDF, "pdf")),
        (b"RIFF\x00\x00\x00\x00WAVEfmt ", b"x", (Kind.AUDIO, "wav")),
        (b"RF64\x00\x00\x00\x00WAVEfmt ", b"x", (Kind.AUDIO, "wav")),
        (b"RIFF\x00\x00\x00\x00AVI LIST", b"x", (Kind.VIDEO, "avi")),
        (b"RIFF\x00\x00\x00\x00ACONxxxx", b"x.ani", (None, "riff")),
        (b"FORM\x00\x00\x00\x00AIFF", b"x", (Kind.AUDIO, "aiff")),
        (b"fLaC\x00", b"x.mp3", (Kind.AUDIO, "flac")),
        (b"ID3\x04" + bytes(20), b"x", (Kind.AUDIO, "mp3")),
        (b"ID3\x04" + bytes(20), b"x.aac", (Kind.AUDIO, "aac")),
        (b"\xff\xfb\x90\x00" + bytes(20), b"x.mp3", (Kind.AUDIO, "mp3")),
        (b"\xff\xf1\x50\x80" + bytes(20), b"x.aac", (Kind.AUDIO, "aac")),
        (b"OggS" + bytes(24) + b"\x01vorbis", b"x.ogg", (Kind.AUDIO, "ogg")),
        (b"OggS" + bytes(24) + b"\x80theora", b"x.ogg", (Kind.VIDEO, "ogv")),
        (FTYP + b"isom\x00\x00\x02\x00isomiso2", b"x", (Kind.VIDEO, "mp4")),
        (FTYP + b"qt  \x00\x00\x02\x00qt  ", b"x.mp4", (Kind.VIDEO, "mov")),
        (FTYP + b"M4A \x00\x00\x02\x00M4A mp42", b"x.mp4", (Kind.AUDIO, "m4a")),
        (FTYP + b"heic\x00\x00\x00\x00mif1heic", b"x.jpg", (Kind.IMAGE, "heif")),
        (FTYP + b"mif1\x00\x00\x00\x00mif1avif", b"x", (Kind.IMAGE, "avif")),
        (FTYP + b"mif1\x00\x00\x00\x00mif1miaf", b"x", (Kind.IMAGE, "heif")),
        (EBML + bytes(20) + b"webm", b"x", (Kind.VIDEO, "webm")),
        (EBML + bytes(20) + b"matroska", b"x", (Kind.VIDEO, "matroska")),
        (EBML + bytes(20) + b"matroska", b"x.mka", (Kind.AUDIO, "matroska")),
        ((b"\x47" + bytes(187)) * 4, b"x.ts", (Kind.VIDEO, "mpegts")),
        (b"const x: number = 1;\n", b"x.ts", (Kind.TEXT, "code")),
        (b"\x00\x00\x01\xba" + bytes(20), b"x", (Kind.VIDEO, "mpeg")),
        (b"PK\x03\x04" + bytes(20), b"x.docx", (Kind.DOCUMENT, "docx")),
        (b"PK\x03\x04" + bytes(20), b"x.xlsm", (Kind.DOCUMENT, "xlsx")),
        (b"PK\x03\x04" + bytes(26) + b"ppt/presentation.xml", b"x.zip", (Kind.DOCUMENT, "pptx")),
        (b"PK\x03\x04" + bytes(26) + b"word/document.xml", b"x.pptx", (Kind.DOCUMENT, "docx")),
        (b"PK\x03\x04" + bytes(20), b"x.jar", (None, "zip")),
        (b"PK\x03\x04" + bytes(22) + b"\x08\0\0\0mimetypeapplication/epub+zipPK", b"x", (Kind.DOCUMENT, "epub")),
        (b"<?xml version='1.0'?><office:document xmlns:office='o'>", b"x.fods", (Kind.DOCUMENT, "fods")),
        (b"{\\rtf1 Hello}", b"x", (Kind.DOCUMENT, "rtf")),
        (COMPOUND, b"x.pptx", (Kind.DOCUMENT, "pptx")),
        (COMPOUND, b"x.xls", (Kind.DOCUMENT, "xls")),
        (b"\x09\x04\x06\x00\x00\x00\x10\x00", b"x.xls", (Kind.DOCUMENT, "xls")),
        (COMPOUND, b"x.doc", (Kind.DOCUMENT, "doc")),
        (COMPOUND, b"x.PPS", (None, "ppt")),
        (COMPOUND, b"x", (None, "binary")),
        (b"PK\x03\x04" + bytes(20), b"x.png", (None, "zip")),
        (b"SQLite format 3\x00" + bytes(20), b"x.txt", (None, "sqlite")),
        (b'// <!-- <mdb:mork:z v="1.4"/> -->\n', b"Inbox.msf", (None, "mork")),
        (b"\x7fELF" + bytes(20), b"x", (None, "program")),
        (b"", b"x.png", (None, "empty")),
        (b"\x00\x01\x02\x03" * 50, b"x", (None, "binary")),
        (b"\x00\x01\x02\x03" * 50, b"x.png", (Kind.IMAGE, "png")),  # its decoder says what is wrong with it
        (b"\x00\x01\x02\x03" * 50, b"x.txt", (Kind.TEXT, "text")),
        (b"plain words", b"x", (Kind.TEXT, "text")),
        (b"plain words", b"README", (Kind.TEXT, "text")),
        (b"plain words", b"x.MD", (Kind.TEXT, "markdown")),
        (b"plain words", b"x.dwg", (Kind.TEXT, "text")),
        (b"1\n00:00:01,000 --> 00:00:02,000\nHi\n", b"x.srt", (Kind.TEXT, "srt")),
        (b"{}", b"x.json", (Kind.TEXT, "json")),
        (b"a,b\n1,2\n", b"x.csv", (Kind.TEXT, "csv")),
        (b"def f(): ...\n", b"x.py", (Kind.TEXT, "code")),
        (b"<!DOCTYPE html><p>x", b"x", (Kind.TEXT, "html")),
        (b"\xef\xbb\xbf <html >", b"x.txt", (Kind.TEXT, "html")),
        ("über".encode("utf-16"), b"x", (Kind.TEXT, "text")),
        ("über".encode("latin-1"), b"x", (Kind.TEXT, "text")),
        (b"\x1b[31mred\x1b[0m log", b"x.log", (Kind.TEXT, "text")),
        (b"BM is a bank", b"x.txt", (Kind.TEXT, "text")),
        (b"P5 was a battleship", b"x.txt", (Kind.TEXT, "text")),
        (b"GIF is a format", b"x.txt", (Kind.TEXT, "text")),
    ],
)
def test_signatures_before_extensions(head: bytes, name: bytes, expected: tuple[Kind | None, str]) -> None:
    assert sniff(head, name) == expected


@given(st.binary(max_size=600), st.binary(max_size=20))
@settings(max_examples=500, deadline=None)
def test_any_bytes_have_a_verdict(head: bytes, name: bytes) -> None:
    kind, format_ = sniff(head, name)
    assert (kind is None or kind in Kind, bool(format_)) == (True, True)


@given(
    st.sampled_from(
        [b"RIFF", b"FORM", b"\x00\x00\x00\x18ftyp", EBML, b"OggS", b"BM", b"\x47", b"\xff", b"P6", b"\x00\x00\x01"]
    ),
    st.binary(max_size=40),
    st.sampled_from([b"x", b"x.mp3", b"x.ico", b"x.fli", b"x.ts"]),
)
@settings(max_examples=500, deadline=None)
def test_signatures_cut_short_have_a_verdict(start: bytes, rest: bytes, name: bytes) -> None:
    for length in range(1, len(start) + 1):
        assert sniff(start[:length] + rest, name)[1]


@pytest.mark.parametrize(
    ("name", "suffix"),
    [(b"a.PNG", ".png"), (b"a", ""), (b".hidden", ""), (b"a.b.c", ".c"), (b"a.\xff", ".\ufffd"), (b"a.\n", ".\n")],
)
def test_extensions(name: bytes, suffix: str) -> None:
    assert extension(name) == suffix
