"""The preview of a RAW photo: the largest picture in it that is a plain JPEG, as its camera developed it.

The directories of TIFF (DNG, CR2, NEF, ARW, ORF, RW2), the header of RAF and a search for the beginnings of JPEGs (CR3)
say where pictures lie. Where none is larger than a thumbnail, LibRaw looks for one, and develops the photo itself where
it finds none either. Directories are followed to a depth, a number and a size; each is read once.
"""

from __future__ import annotations

import contextlib
import io
import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from mmsearch.errors import ExtractionError, FailureCode

if TYPE_CHECKING:
    from PIL import Image

TRIED = 5  # JPEGs, the largest first
LEGIBLE = 800  # pixels of the longer side; smaller pictures are thumbnails
DIRECTORIES, ENTRIES, OFFSETS = 64, 500, 16  # read of one file, of one directory, of one entry
SEARCHED_BYTES = 16 << 20  # where beginnings of JPEGs are looked for
BEGINNINGS = 40
JPEG_BYTES = 64 << 20
LIBRAW_BYTES = 256 << 20  # a larger file is not given to LibRaw, which reads it as a whole
EXIF_BYTES = 4 << 20
SUB_DIRECTORIES, NEW_SUBFILE = 330, 254
STRIP, STRIP_BYTES = 273, 279
JPEG, JPEG_LENGTH, PANASONIC_JPEG = 513, 514, 0x2E
ORIENTATION, XMP, EXIF_IFD, GPS_IFD = 0x0112, 700, 0x8769, 0x8825
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 7: 1, 13: 4}  # bytes of a value by its type
_RAF = b"FUJIFILMCCD-RAW"
_PLAIN_FRAMES = (0xC0, 0xC1, 0xC2)  # baseline, extended, progressive; the sensor's data may be lossless JPEG


class TiffEntry(NamedTuple):
    """A value of a directory: its type, its number of values, the values as far as they are whole numbers that are
    needed, and where they lie."""

    number: int
    values: tuple[int, ...]
    at: int


def open_preview(file: BinaryIO) -> Image.Image:
    """The preview of an open RAW file, with the EXIF of the file. Raises `ExtractionError` where there is none."""
    from PIL import Image

    size = file.seek(0, io.SEEK_END)
    found = sorted(set(embedded_jpegs(file, size)), reverse=True)
    if not found or found[0][0] < LEGIBLE:
        picture = _by_libraw(file, size, not found)
        if picture is not None:
            return picture
    for _, length, start in found[:TRIED]:
        with contextlib.suppress(OSError, SyntaxError):
            picture = Image.open(io.BytesIO(_read_at(file, start, min(length, JPEG_BYTES))), formats=["JPEG"])
            with contextlib.suppress(Exception):  # damaged metadata is no reason to lose the picture
                add_exif(picture, file)
            return picture
    raise ExtractionError(FailureCode.DECODE_ERROR, "The photo is damaged, or of a camera that is not known.")


def embedded_jpegs(file: BinaryIO, size: int) -> Iterator[tuple[int, int, int]]:
    """The plain JPEGs of a RAW file: pixels of the longer side, bytes, offset."""
    head = _read_at(file, 0, 100)
    places = []
    if head.startswith(_RAF) and len(head) >= 92:
        places = [struct.unpack_from(">II", head, 84)]
    elif head[:2] in (b"II", b"MM"):
        places = list(_places(file, size, "<" if head[:2] == b"II" else ">"))
    found = 0
    for start, length in places:
        if 0 < start < size and (side := _jpeg_side(file, start)):
            found = max(found, side)
            yield side, min(length, size - start), start
    if found < LEGIBLE:
        data = _read_at(file, 0, SEARCHED_BYTES)
        start = data.find(b"\xff\xd8\xff")
        for _ in range(BEGINNINGS):
            if start < 0:
                break
            if side := _jpeg_side(file, start):
                yield side, size - start, start
            start = data.find(b"\xff\xd8\xff", start + 3)


def _places(file: BinaryIO, size: int, order: str) -> Iterator[tuple[int, int]]:
    """Offset and length of what may be JPEGs, by the directories of a TIFF file."""
    [first] = struct.unpack(f"{order}I", _read_at(file, 4, 4).ljust(4, b"\0"))
    pending, seen = [first], set[int]()
    while pending and len(seen) < DIRECTORIES:
        at = pending.pop()
        if at in seen or not 8 <= at < size:
            continue
        seen.add(at)
        entries, following = _directory(file, at, order)
        pending += [following, *(entries[SUB_DIRECTORIES].values if SUB_DIRECTORIES in entries else ())]
        if JPEG in entries and JPEG_LENGTH in entries:
            yield from zip(entries[JPEG].values[:1], entries[JPEG_LENGTH].values[:1], strict=False)
        if PANASONIC_JPEG in entries:
            yield entries[PANASONIC_JPEG].at, entries[PANASONIC_JPEG].number
        if STRIP in entries and STRIP_BYTES in entries and entries[STRIP].number == 1:
            yield from zip(entries[STRIP].values, entries[STRIP_BYTES].values, strict=False)


def _directory(file: BinaryIO, at: int, order: str) -> tuple[dict[int, TiffEntry], int]:
    """The entries of a directory by tag, and the offset of the one that follows it."""
    raw = _read_at(file, at, 2)
    count = struct.unpack(f"{order}H", raw)[0] if len(raw) == 2 else 0
    block = _read_at(file, at + 2, count * 12 + 4)
    entries: dict[int, TiffEntry] = {}
    for number in range(min(count, ENTRIES, len(block) // 12)):
        tag, kind, values, inside = struct.unpack_from(f"{order}HHII", block, number * 12)
        width = _SIZES.get(kind, 0)
        fits = width * values <= 4
        start = at + 2 + number * 12 + 8 if fits else inside
        code = {2: "H", 4: "I"}.get(width, "")
        data = _read_at(file, start, width * min(values, OFFSETS)) if code and tag in _WANTED else b""
        numbers = (
            struct.unpack(f"{order}{len(data) // width}{code}", data[: len(data) // width * width]) if data else ()
        )
        entries[tag] = TiffEntry(values, numbers, start)
    following = struct.unpack_from(f"{order}I", block, count * 12)[0] if len(block) == count * 12 + 4 else 0
    return entries, following


_WANTED = frozenset({SUB_DIRECTORIES, STRIP, STRIP_BYTES, JPEG, JPEG_LENGTH})


def _jpeg_side(file: BinaryIO, start: int) -> int:
    """The longer side of the plain JPEG of three colours or one that begins at an offset; 0 where none does."""
    at = start + 2
    if _read_at(file, start, 3) != b"\xff\xd8\xff":
        return 0
    for _ in range(100):
        head = _read_at(file, at, 10)
        if len(head) < 10 or head[0] != 0xFF:
            return 0
        marker, length = head[1], struct.unpack_from(">H", head, 2)[0]
        if marker in _PLAIN_FRAMES:
            bits, height, width, colours = struct.unpack_from(">BHHB", head, 4)
            return max(width, height) if bits == 8 and colours in (1, 3) and min(width, height) > 0 else 0
        if marker in (0xD8, 0xD9, 0xDA) or (0xC3 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC)):
            return 0
        at += 1 if marker == 0xFF else 2 + length
    return 0


def _by_libraw(file: BinaryIO, size: int, may_develop: bool) -> Image.Image | None:
    """The preview that LibRaw finds, or where there is none and `may_develop` the photo as it develops it, at half of
    its size; None where it can't."""
    if size > LIBRAW_BYTES:
        return None
    import rawpy
    from PIL import Image

    try:
        with rawpy.imread(io.BytesIO(_read_at(file, 0, size))) as raw:
            picture = _extracted(raw)
            if picture is None and may_develop:
                picture = Image.fromarray(raw.postprocess(half_size=True, use_camera_wb=True))
                picture.getexif()[ORIENTATION] = 1  # LibRaw has turned it
    except (rawpy.LibRawError, OSError, ValueError, TypeError, SyntaxError):
        return None
    if picture is not None:
        with contextlib.suppress(Exception):
            add_exif(picture, file)
    return picture


def _extracted(raw: Any) -> Image.Image | None:
    """The preview of a photo that is open in LibRaw; None where that finds none."""
    import rawpy
    from PIL import Image

    try:
        found = raw.extract_thumb()
    except rawpy.LibRawError:
        return None
    if found.format == rawpy.ThumbFormat.JPEG:
        return Image.open(io.BytesIO(found.data), formats=["JPEG"])
    return Image.fromarray(found.data)


def add_exif(picture: Image.Image, file: BinaryIO) -> None:
    """Add to a preview what the EXIF and XMP of its RAW file say and its own do not."""
    from PIL import Image

    data = _read_at(file, 0, EXIF_BYTES)
    if data[:2] not in (b"II", b"MM"):
        return
    plain = b"II*\0" if data[:2] == b"II" else b"MM\0*"  # ORF and RW2 have signatures of their own
    whole = Image.Exif()
    whole.load_from_fp(io.BytesIO(plain + data[4:]))
    own: Any = picture.getexif()
    for tag in (EXIF_IFD, GPS_IFD):
        inner = own.get_ifd(tag)
        for key, value in whole.get_ifd(tag).items():
            inner.setdefault(key, value)
    for key, value in whole.items():
        if key not in own and key not in (EXIF_IFD, GPS_IFD) and isinstance(value, str | int | bytes | tuple):
            own[key] = value
    packet = whole.get(XMP)
    if isinstance(packet, bytes | str):
        picture.info.setdefault("xmp", packet)


def _read_at(file: BinaryIO, offset: int, size: int) -> bytes:
    file.seek(offset)
    return file.read(size)
