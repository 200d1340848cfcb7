"""RAW photos that tests make: the containers of the cameras around a JPEG preview, without the data of a sensor."""

from __future__ import annotations

import io
import struct

from PIL import Image

SHORT, LONG, BYTES, TEXT, UNDEFINED = 3, 4, 1, 2, 7
Entries = list[tuple[int, int, int, bytes]]


def preview(width: int = 1200, height: int = 800, quality: int = 85) -> bytes:
    """A JPEG, red above and blue below."""
    picture = Image.new("RGB", (width, height), (220, 20, 20))
    picture.paste((20, 20, 220), (0, height // 2, width, height))
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=quality)
    return out.getvalue()


class Tiff:
    """A TIFF-like file whose parts refer to each other by offsets: `add` data first, then directories."""

    def __init__(self, order: str = "<", magic: bytes = b"") -> None:
        self.order = order
        self.data = bytearray(magic or ((b"II*\0" if order == "<" else b"MM\0*") + bytes(4)))

    def add(self, data: bytes) -> int:
        """Append data, and return its offset."""
        self.data += bytes(len(self.data) % 2)
        self.data += data
        return len(self.data) - len(data)

    def short(self, tag: int, *values: int) -> tuple[int, int, int, bytes]:
        return tag, SHORT, len(values), struct.pack(f"{self.order}{len(values)}H", *values)

    def long(self, tag: int, *values: int) -> tuple[int, int, int, bytes]:
        return tag, LONG, len(values), struct.pack(f"{self.order}{len(values)}I", *values)

    def text(self, tag: int, value: str) -> tuple[int, int, int, bytes]:
        return tag, TEXT, len(value) + 1, value.encode() + b"\0"

    def directory(self, entries: Entries, following: int = 0) -> int:
        """Append a directory and what does not fit into it, and return its offset."""
        block = struct.pack(f"{self.order}H", len(entries))
        for tag, kind, count, value in sorted(entries):
            inside = value.ljust(4, b"\0") if len(value) <= 4 else struct.pack(f"{self.order}I", self.add(value))
            block += struct.pack(f"{self.order}HHI", tag, kind, count) + inside
        return self.add(block + struct.pack(f"{self.order}I", following))

    def whole(self, first: int) -> bytes:
        """The file with its first directory."""
        self.data[4:8] = struct.pack(f"{self.order}I", first)
        return bytes(self.data)


def _camera(tiff: Tiff, make: str, model: str) -> Entries:
    date = tiff.directory([tiff.text(0x9003, "2024:05:31 14:03:12")])
    return [tiff.text(0x010F, make), tiff.text(0x0110, model), tiff.long(0x8769, date)]


def dng(jpeg: bytes, orientation: int = 1) -> bytes:
    """A thumbnail and the sensor's data in the first directory and its subdirectory, the preview in another one."""
    tiff = Tiff()
    at, small = tiff.add(jpeg), tiff.add(preview(160, 107))
    sensor = tiff.add(bytes(64 * 48 * 2))
    size = [tiff.long(256, 64), tiff.long(257, 48), tiff.short(258, 16), tiff.short(259, 1), tiff.short(262, 32803)]
    mosaic = [tiff.short(33421, 2, 2), (33422, BYTES, 4, bytes([0, 1, 1, 2])), tiff.short(277, 1), tiff.long(278, 48)]
    strip = [tiff.long(254, 0), tiff.long(273, sensor), tiff.long(279, 64 * 48 * 2)]
    subs = [tiff.directory([*size, *mosaic, *strip])]
    subs.append(tiff.directory([tiff.long(254, 1), tiff.short(259, 7), tiff.long(273, at), tiff.long(279, len(jpeg))]))
    first = [tiff.long(254, 1), tiff.long(256, 160), tiff.long(257, 107), tiff.short(258, 8, 8, 8), tiff.short(259, 7)]
    first += [tiff.short(262, 6), tiff.short(277, 3), tiff.long(278, 107), tiff.short(0x0112, orientation)]
    first += [tiff.long(273, small), tiff.long(279, len(preview(160, 107))), tiff.long(330, *subs)]
    first += [(50706, BYTES, 4, bytes([1, 4, 0, 0])), tiff.text(50708, "Acme One"), *_camera(tiff, "Acme", "Acme One")]
    return tiff.whole(tiff.directory(first))


def bare_dng(orientation: int = 1) -> bytes:
    """The data of a sensor, 128 x 96, without a preview: red above, blue below."""
    tiff = Tiff()
    rows = [[(60000, 2000), (2000, 2000)]] * 24 + [[(2000, 2000), (2000, 60000)]] * 24  # red, green; green, blue
    data = b"".join(struct.pack("<2H", *line) * 64 for row in rows for line in row)
    size = [tiff.long(254, 0), tiff.long(256, 128), tiff.long(257, 96), tiff.short(258, 16), tiff.short(259, 1)]
    mosaic = [tiff.short(262, 32803), tiff.short(277, 1), tiff.long(278, 96), tiff.short(33421, 2, 2)]
    mosaic += [(33422, BYTES, 4, bytes([0, 1, 1, 2])), tiff.long(273, tiff.add(data)), tiff.long(279, len(data))]
    names = [(50706, BYTES, 4, bytes([1, 4, 0, 0])), tiff.text(50708, "Acme One"), tiff.short(0x0112, orientation)]
    return tiff.whole(tiff.directory([*size, *mosaic, *names, *_camera(tiff, "Acme", "Acme One")]))


def cr2(jpeg: bytes) -> bytes:
    """Canon: the preview is the strip of the first directory; the sensor's lossless JPEG that of a later one."""
    tiff = Tiff(magic=b"II*\0" + bytes(4) + b"CR\x02\0" + bytes(4))
    at, sensor = tiff.add(jpeg), tiff.add(b"\xff\xd8\xff\xc3\x00\x11\x0c\x0f\xa0\x17\x70\x03" + bytes(400))
    last = tiff.directory([tiff.short(259, 6), tiff.long(273, sensor), tiff.long(279, 412)])
    first = [tiff.short(259, 6), tiff.long(273, at), tiff.long(279, len(jpeg)), *_camera(tiff, "Canon", "Canon EOS 6D")]
    return tiff.whole(tiff.directory(first, last))


def nef(jpeg: bytes) -> bytes:
    """Nikon: the preview in a subdirectory, by the tags of JPEG interchange; the numbers big-endian."""
    tiff = Tiff(">")
    at = tiff.add(jpeg)
    sub = tiff.directory([tiff.short(259, 6), tiff.long(513, at), tiff.long(514, len(jpeg))])
    first = [tiff.long(330, sub), tiff.short(0x0112, 1), *_camera(tiff, "NIKON CORPORATION", "NIKON D850")]
    return tiff.whole(tiff.directory(first))


def arw(jpeg: bytes) -> bytes:
    """Sony: the preview by the tags of JPEG interchange in the first directory."""
    tiff = Tiff()
    at = tiff.add(jpeg)
    first = [tiff.long(513, at), tiff.long(514, len(jpeg)), *_camera(tiff, "SONY", "ILCE-7M4")]
    return tiff.whole(tiff.directory(first))


def orf(jpeg: bytes) -> bytes:
    """Olympus: a signature of its own; the preview lies in the maker's notes, which have no form that is known."""
    tiff = Tiff(magic=b"IIRO" + bytes(4))
    notes = tiff.add(b"OLYMPUS\0II\x03\0" + bytes(60) + jpeg)
    return tiff.whole(tiff.directory([tiff.long(0x927C, notes), *_camera(tiff, "OLYMPUS", "E-M1")]))


def rw2(jpeg: bytes) -> bytes:
    """Panasonic: a signature of its own; the preview is the value of a tag."""
    tiff = Tiff(magic=b"IIU\0" + bytes(4))
    return tiff.whole(tiff.directory([(0x2E, UNDEFINED, len(jpeg), jpeg), *_camera(tiff, "Panasonic", "DC-GH5")]))


def raf(jpeg: bytes) -> bytes:
    """Fujifilm: offset and length of the preview stand in the header."""
    head = b"FUJIFILMCCD-RAW 0201FF383501" + b"X-T4".ljust(56, b"\0")
    return head + struct.pack(">II", 160, len(jpeg)) + bytes(160 - len(head) - 8) + jpeg + bytes(200)


def cr3(jpeg: bytes) -> bytes:
    """Canon: boxes of ISO media, the preview in one of their own."""

    def box(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content) + 8) + name + content

    return (
        box(b"ftyp", b"crx \0\0\0\x01crx isom") + box(b"uuid", bytes(24) + box(b"PRVW", bytes(16) + jpeg)) + bytes(64)
    )


RAW = {"dng": dng, "cr2": cr2, "nef": nef, "arw": arw, "orf": orf, "rw2": rw2, "raf": raf, "cr3": cr3}
