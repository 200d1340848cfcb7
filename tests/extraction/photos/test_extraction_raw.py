"""RAW photos: the preview in the file is the picture, its metadata its words; hostile files end soon.

The files are made here, by the layouts of the cameras: none comes from a camera.
"""

from __future__ import annotations

import io
import os
import struct
from pathlib import Path

import made_raw
import numpy as np
import pytest
from PIL import Image

from mmsearch.errors import ExtractionError
from mmsearch.extraction.photos import image, raw_preview
from mmsearch.sniff import sniff
from mmsearch.types import Extracted, Kind, Needs, Probe, Source

NEEDS = Needs(image_pixels=512 * 512)


def read(path: Path, data: bytes) -> tuple[Probe, list[Extracted]]:
    path.write_bytes(data)
    kind, format_ = sniff(data[:4096], os.fsencode(path.name))
    assert (kind, format_) == (Kind.IMAGE, "raw")
    facts = path.stat()
    source = Source(os.fsencode(path), Kind.IMAGE, format_, (facts.st_size, facts.st_mtime_ns, facts.st_ino))
    probe = image.probe(source, NEEDS)
    return probe, list(image.extract(source, probe, 0, NEEDS))


def shows_preview(picture: np.ndarray | None, turned: bool = False) -> bool:
    if picture is None:
        return False
    across = picture.transpose(1, 0, 2)[:, ::-1] if turned else picture
    top, bottom = across[len(across) // 8].mean(0), across[len(across) * 7 // 8].mean(0)
    return bool(np.abs(top - (220, 20, 20)).max() < 12 and np.abs(bottom - (20, 20, 220)).max() < 12)


@pytest.mark.parametrize("ending", made_raw.RAW)
def test_the_preview_is_the_picture(tmp_path: Path, ending: str) -> None:
    probe, [one] = read(tmp_path / f"IMG_1.{ending}", made_raw.RAW[ending](made_raw.preview()))
    assert (probe.details["width"], probe.details["height"]) == (1200, 800)
    assert shows_preview(one.image) and one.fingerprints and probe.notes == ()


@pytest.mark.parametrize("ending", ["dng", "cr2", "nef", "arw", "orf", "rw2"])
def test_camera_and_date_are_those_of_the_file(tmp_path: Path, ending: str) -> None:
    probe, [one] = read(tmp_path / f"IMG_1.{ending}", made_raw.RAW[ending](made_raw.preview()))
    assert probe.details["taken"] == "2024-05-31T14:03:12"
    cameras = {"dng": "Acme One", "cr2": "Canon EOS 6D", "nef": "NIKON D850", "arw": "SONY ILCE-7M4"}
    camera = (cameras | {"orf": "OLYMPUS E-M1", "rw2": "Panasonic DC-GH5"})[ending]
    assert probe.details["camera"] == one.segment.details["capture"] == camera


def test_a_preview_is_turned_as_its_file_says(tmp_path: Path) -> None:
    _, [one] = read(tmp_path / "a.dng", made_raw.dng(made_raw.preview(), orientation=6))
    assert one.image is not None and one.image.shape[0] > one.image.shape[1]
    assert shows_preview(np.rot90(one.image))


def test_the_largest_of_several_is_taken(tmp_path: Path) -> None:
    small, large = made_raw.preview(400, 300), made_raw.preview(1600, 1200)
    probe, _ = read(tmp_path / "a.cr3", made_raw.cr3(small) + large)
    assert probe.details["width"] == 1600


def test_a_smaller_one_is_taken_where_the_largest_is_damaged(tmp_path: Path) -> None:
    broken = b"\xff\xd8\xff\xc0\x00\x11\x08\x09\x60\x0c\x80\x03"  # 3200 x 2400, and nothing of it
    probe, [one] = read(tmp_path / "a.cr3", made_raw.cr3(made_raw.preview(1600, 1200)) + broken)
    assert probe.details["width"] == 1600 and shows_preview(one.image)


@pytest.mark.parametrize(("orientation", "size"), [(1, (64, 48)), (6, (48, 64))])
def test_a_photo_without_a_preview_is_developed(tmp_path: Path, orientation: int, size: tuple[int, int]) -> None:
    probe, [one] = read(tmp_path / "a.dng", made_raw.bare_dng(orientation))
    assert (probe.details["width"], probe.details["height"]) == size
    assert (probe.details["taken"], probe.details["camera"]) == ("2024-05-31T14:03:12", "Acme One")
    assert one.image is not None
    picture = np.rot90(one.image) if orientation == 6 else one.image
    top, bottom = picture[len(picture) // 8].mean(0), picture[len(picture) * 7 // 8].mean(0)
    assert top[0] > 2 * top[2] and bottom[2] > 2 * bottom[0]


def test_a_tiff_is_no_raw_photo_without_such_a_name(tmp_path: Path) -> None:
    out = io.BytesIO()
    Image.new("RGB", (8, 8)).save(out, "TIFF")
    assert sniff(out.getvalue(), b"scan.tif") == (Kind.IMAGE, "tiff")
    assert sniff(made_raw.cr2(made_raw.preview())[:4096], b"photo") == (Kind.IMAGE, "raw")
    assert sniff(b"text", b"notes.raf") == (Kind.TEXT, "text")


def circular() -> bytes:
    tiff = made_raw.Tiff()
    at = len(tiff.data)
    return tiff.whole(tiff.directory([tiff.long(330, at, at, at)], at))


def deep() -> bytes:
    tiff, at = made_raw.Tiff(), 0
    for _ in range(3000):
        at = tiff.directory([tiff.long(330, at)] if at else [], at)
    return tiff.whole(at)


HOSTILE = {
    "empty": b"II*\0",
    "circular": circular(),
    "deep": deep(),
    "far": b"II*\0" + struct.pack("<I", 0xFFFFFFFF) + bytes(99),
    "many": b"II*\0" + struct.pack("<IH", 8, 65535) + b"\x4a\x01\x04\0\xff\xff\xff\xff\x08\0\0\0" * 65535,
    "beginnings": b"II*\0" + bytes(60) + b"\xff\xd8\xff" * 200_000,
    "raf": b"FUJIFILMCCD-RAW " + bytes(68) + b"\xff" * 8 + bytes(99),
    "lossless": made_raw.cr2(b"\xff\xd8\xff\xc3\x00\x11\x0c\x0f\xa0\x17\x70\x03" + bytes(400)),
    "frame": made_raw.arw(b"\xff\xd8\xff\xc0\x00\x11\x08\xff\xff\xff\xff\x03" + bytes(40)),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_fail_and_no_more(tmp_path: Path, name: str) -> None:
    with pytest.raises(ExtractionError) as caught:
        read(tmp_path / ("a.raf" if name == "raf" else "a.dng"), HOSTILE[name])
    assert caught.value.code in ("decode-error", "too-large")


def test_a_lying_length_gets_what_is_there(tmp_path: Path) -> None:
    jpeg = made_raw.preview()
    tiff = made_raw.Tiff()
    at = tiff.add(jpeg)
    first = tiff.directory([tiff.long(513, at), tiff.long(514, 0xFFFFFFF0)])
    assert shows_preview(read(tmp_path / "a.arw", tiff.whole(first))[1][0].image)


def test_directories_are_read_a_limited_number_of_times() -> None:
    class Counted(io.BytesIO):
        reads = 0

        def read(self, size: int | None = -1, /) -> bytes:
            self.reads += 1
            return super().read(size)

    for name in ("circular", "deep", "many"):
        file = Counted(HOSTILE[name])
        assert list(raw_preview._places(file, len(HOSTILE[name]), "<")) == []
        assert file.reads < raw_preview.DIRECTORIES * (raw_preview.ENTRIES + 4)
