"""Pictures: upright RGB of the sizes asked for, their captions, and a sentence for what can't be decoded."""

import io
import os
import struct
import time
import zlib
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from PIL import Image, ImageDraw, PngImagePlugin
from PIL.TiffImagePlugin import TiffImageFile

from mmsearch.errors import ExtractionError
from mmsearch.extraction.photos import image
from mmsearch.types import Extracted, Kind, Needs, Probe, Source

NEEDS = Needs(image_pixels=10_000)
FORMATS = {
    "png": "PNG",
    "jpeg": "JPEG",
    "webp": "WEBP",
    "gif": "GIF",
    "tiff": "TIFF",
    "bmp": "BMP",
    "avif": "AVIF",
    "ppm": "PPM",
    "jpeg2000": "JPEG2000",
    "tga": "TGA",
    "ico": "ICO",
    "pcx": "PCX",
    "sgi": "SGI",
    "dds": "DDS",
    "qoi": "QOI",
}
XMP = """<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/"
 photoshop:City="Bergen"><dc:title><rdf:Alt><rdf:li xml:lang="x-default">The old harbour</rdf:li></rdf:Alt></dc:title>
<dc:subject><rdf:Bag><rdf:li>boats</rdf:li><rdf:li>rain</rdf:li></rdf:Bag></dc:subject></rdf:Description></rdf:RDF>
</x:xmpmeta>"""


def halves(width: int = 64, height: int = 48) -> Image.Image:
    """Red above, blue below."""
    picture = Image.new("RGB", (width, height), (220, 20, 20))
    picture.paste((20, 20, 220), (0, height // 2, width, height))
    return picture


def source_of(path: Path, format: str, sidecars: tuple[bytes, ...] = ()) -> Source:
    facts = path.stat()
    stat = (facts.st_size, facts.st_mtime_ns, facts.st_ino)
    return Source(os.fsencode(path), Kind.IMAGE, format, stat, sidecars)


def read(path: Path, format: str, needs: Needs = NEEDS) -> tuple[Probe, list[Extracted]]:
    source = source_of(path, format)
    probe = image.probe(source, needs)
    return probe, [one for number in range(len(probe.spans)) for one in image.extract(source, probe, number, needs)]


def refused(path: Path, format: str) -> str:
    with pytest.raises(ExtractionError) as caught:
        read(path, format)
    return caught.value.code


def shows_halves(picture: np.ndarray | None) -> bool:
    assert picture is not None and picture.dtype == np.uint8 and picture.ndim == 3 and picture.shape[2] == 3
    above, below = picture[2, 5].astype(int), picture[-3, 5].astype(int)
    return bool(above[0] > 150 > 100 > above[2] and below[2] > 150 > 100 > below[0])


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_is_decoded_to_its_picture(tmp_path: Path, format: str) -> None:
    path = tmp_path / "a"
    halves().save(path, FORMATS[format], **({"sizes": [(64, 48)]} if format == "ico" else {}))
    probe, extracted = read(path, format)
    assert (probe.details["width"], probe.details["height"], len(extracted)) == (64, 48, 1)
    assert shows_halves(extracted[0].image) and shows_halves(extracted[0].ocr_image)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGBA", "LA", "CMYK", "YCbCr", "I;16", "I", "F", "LAB"])
def test_every_mode_becomes_rgb(tmp_path: Path, mode: str) -> None:
    grey = Image.fromarray(np.repeat(np.linspace(0, 255, 64, dtype=np.uint8)[None], 48, axis=0))
    if mode in ("I;16", "I"):
        picture = Image.fromarray(np.asarray(grey).astype(np.uint16 if mode == "I;16" else np.int32) * 257)
    elif mode == "LAB":
        picture = Image.merge("LAB", [grey, Image.new("L", grey.size, 128), Image.new("L", grey.size, 128)])
    else:
        picture = grey.convert("RGB").convert(mode) if mode != "F" else grey.convert("F")
    path = tmp_path / "a.tif"
    picture.save(path, "TIFF")
    look = read(path, "tiff")[1][0].image
    assert look is not None and look.shape == (48, 64, 3)
    assert look[:, :4].mean() < 40 and look[:, -4:].mean() > 215


def test_twelve_bits_in_sixteen_are_not_black(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(np.repeat(np.linspace(0, 4095, 64, dtype=np.uint16)[None], 48, axis=0)).save(path)
    look = read(path, "png")[1][0].image
    assert look is not None and look.max() == 255


@pytest.mark.parametrize(("ink", "ground"), [((0, 0, 0), 255), ((255, 255, 255), 0)])
def test_transparent_parts_let_the_picture_be_seen(tmp_path: Path, ink: tuple[int, int, int], ground: int) -> None:
    picture = Image.new("RGBA", (60, 60), (0, 0, 0, 0))
    picture.paste((*ink, 255), (20, 20, 40, 40))
    picture.save(tmp_path / "a.png")
    look = read(tmp_path / "a.png", "png")[1][0].image
    assert look is not None and look[30, 30].tolist() == list(ink) and look[2, 2].tolist() == [ground] * 3


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["jpeg", "tiff", "png", "webp"])
def test_pictures_stand_upright(tmp_path: Path, format: str, orientation: int) -> None:
    upright = halves(64, 48)
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # the transposition that each orientation asks to undo
    stored = upright.transpose(Image.Transpose(undo[orientation])) if orientation > 1 else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.save(tmp_path / "a", FORMATS[format], exif=exif)
    look = read(tmp_path / "a", format)[1][0].image
    assert look is not None and look.shape[:2] == (48, 64) and shows_halves(look)


@pytest.mark.parametrize("size", [(3000, 40), (40, 3000), (1, 5000), (700, 700), (101, 99), (1, 1)])
def test_sizes_stay_within_what_was_asked(tmp_path: Path, size: tuple[int, int]) -> None:
    halves(*size).save(tmp_path / "a.png")
    one = read(tmp_path / "a.png", "png")[1][0]
    assert one.image is not None and one.image.shape[0] * one.image.shape[1] <= 10_000 and min(one.image.shape) >= 1
    assert (one.ocr_image is None) == (min(size) < 20) and (one.ocr_image is None or max(one.ocr_image.shape) <= 2000)


def test_nothing_is_enlarged_and_nothing_is_given_unasked(tmp_path: Path) -> None:
    halves().save(tmp_path / "a.png")
    one = read(tmp_path / "a.png", "png", Needs(image_pixels=10**6, ocr="always"))[1][0]
    assert one.image is not None and one.ocr_image is not None and one.image.shape == one.ocr_image.shape == (48, 64, 3)
    one = read(tmp_path / "a.png", "png", Needs(ocr="never"))[1][0]
    assert one.image is None and one.ocr_image is None


def test_an_empty_picture_is_not_given_to_ocr(tmp_path: Path) -> None:
    Image.new("RGB", (300, 200), (250, 250, 245)).save(tmp_path / "a.png")
    one = read(tmp_path / "a.png", "png")[1][0]
    assert one.image is not None and one.ocr_image is None


def test_every_page_of_a_tiff_is_a_segment(tmp_path: Path) -> None:
    pages = [Image.new("RGB", (20, 20), (number * 20, 0, 0)) for number in range(11)]
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
    probe, extracted = read(tmp_path / "a.tif", "tiff")
    assert probe.details["pages"] == 11 and len(probe.spans) == 3
    assert [one.segment.locator.page for one in extracted] == list(range(1, 12))
    assert [int(one.image[0, 0, 0]) for one in extracted if one.image is not None] == list(range(0, 220, 20))
    ordinals = [one.segment.ordinal for one in extracted]
    assert ordinals == sorted(set(ordinals))


def test_segments_do_not_depend_on_what_is_wanted(tmp_path: Path) -> None:
    pages = [halves() for _ in range(9)]
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
    much, little = (read(tmp_path / "a.tif", "tiff", needs)[1] for needs in (NEEDS, Needs(ocr="never")))
    assert [one.segment for one in much] == [one.segment for one in little]


def test_a_damaged_page_costs_only_itself(tmp_path: Path) -> None:
    noise = [Image.fromarray(np.random.default_rng(n).integers(0, 255, (64, 64, 3), np.uint8)) for n in range(3)]
    noise[0].save(tmp_path / "a.tif", save_all=True, append_images=noise[1:], compression="tiff_lzw")
    data = bytearray((tmp_path / "a.tif").read_bytes())
    with Image.open(tmp_path / "a.tif") as opened:
        picture = cast(TiffImageFile, opened)
        picture.seek(1)
        offset = picture.tag_v2[273][0]
    data[offset : offset + 2000] = b"\xff" * 2000
    (tmp_path / "a.tif").write_bytes(data)
    extracted = read(tmp_path / "a.tif", "tiff")[1]
    assert [one.image is not None for one in extracted] == [True, False, True]
    assert [sorted(one.segment.details) for one in extracted] == [[], ["note"], []]


def test_an_animation_is_its_first_frame_that_shows_something(tmp_path: Path) -> None:
    empty = Image.new("RGB", (64, 48), "white")
    empty.save(tmp_path / "a.gif", save_all=True, append_images=[empty.copy(), halves(), empty.rotate(0)])
    extracted = read(tmp_path / "a.gif", "gif")[1]
    assert len(extracted) == 1 and shows_halves(extracted[0].image)


def test_the_frames_of_an_animation_are_not_counted(tmp_path: Path) -> None:
    Image.new("P", (8, 8)).save(tmp_path / "a.gif")
    frame = bytes.fromhex("21f9040001000000 2c0000000008000800 00 020284 5100".replace(" ", ""))
    (tmp_path / "a.gif").write_bytes((tmp_path / "a.gif").read_bytes()[:-1] + frame * 500_000 + b";")
    begin = time.thread_time()
    assert len(read(tmp_path / "a.gif", "gif")[1]) == 1
    assert time.thread_time() - begin < 1


def test_captions_of_every_kind_are_words(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010E], exif[0x013B] = "Boats in the rain", "Ann Example"
    exif.get_ifd(0x8769)[0x9003] = "2019:07:14 10:11:12"
    halves().save(tmp_path / "a.jpg", exif=exif, xmp=XMP.encode())
    probe, extracted = read(tmp_path / "a.jpg", "jpeg")
    assert extracted[0].segment.text == "The old harbour\nBoats in the rain\nboats, rain\nBergen\nAnn Example"
    told = {
        "title": "The old harbour",
        "tags": ["boats", "rain"],
        "artist": "Ann Example",
        "taken": "2019-07-14T10:11:12",
    }
    assert probe.details == {"width": 64, "height": 48, **told}
    assert extracted[0].segment.details == {"title": "The old harbour"}


def test_iptc_captions_are_words(tmp_path: Path) -> None:
    def record(number: int, value: str) -> bytes:
        return b"\x1c\x02" + bytes([number]) + struct.pack(">H", len(value.encode())) + value.encode()

    block = record(5, "Große Brücke") + record(25, "river") + record(25, "evening") + record(120, "Seen from below")
    block = b"8BIM\x04\x04\0\0" + struct.pack(">I", len(block)) + block + b"\0" * (len(block) % 2)
    halves().save(tmp_path / "a.jpg")
    data = (tmp_path / "a.jpg").read_bytes()
    app13 = b"\xff\xed" + struct.pack(">H", len(block) + 16) + b"Photoshop 3.0\0" + block
    (tmp_path / "a.jpg").write_bytes(data[:2] + app13 + data[2:])
    assert read(tmp_path / "a.jpg", "jpeg")[1][0].segment.text == "Große Brücke\nSeen from below\nriver, evening"


def test_text_chunks_of_png_are_words(tmp_path: Path) -> None:
    told = PngImagePlugin.PngInfo()
    told.add_text("Title", "Quarterly revenue")
    told.add_itxt("Description", "Umsätze nach Region")
    told.add_text("Software", "some program 1.2")
    halves().save(tmp_path / "a.png", pnginfo=told)
    assert read(tmp_path / "a.png", "png")[1][0].segment.text == "Quarterly revenue\nUmsätze nach Region"


def test_what_cameras_write_is_no_caption(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010E] = "OLYMPUS DIGITAL CAMERA         "
    halves().save(tmp_path / "a.jpg", exif=exif, comment=b"CREATOR: gd-jpeg v1.0")
    assert read(tmp_path / "a.jpg", "jpeg")[1][0].segment.text == ""


def test_a_sidecar_speaks_for_its_picture(tmp_path: Path) -> None:
    halves().save(tmp_path / "a.png")
    (tmp_path / "a.xmp").write_text(XMP)
    source = source_of(tmp_path / "a.png", "png", (os.fsencode(tmp_path / "a.xmp"), b"/nowhere/b.xmp"))
    probe = image.probe(source, NEEDS)
    assert probe.details["title"] == "The old harbour"
    assert next(image.extract(source, probe, 0, NEEDS)).segment.text == "The old harbour\nboats, rain\nBergen"


@pytest.mark.parametrize(
    "xmp",
    [b"<x", b"", XMP.replace("<x:", '<!DOCTYPE a [<!ENTITY b "c">]><x:', 1).encode(), b"<a>" * 200_000, b"\xff" * 999],
)
def test_hostile_metadata_costs_no_picture(tmp_path: Path, xmp: bytes) -> None:
    halves().save(tmp_path / "a.png")
    (tmp_path / "a.xmp").write_bytes(xmp)
    source = source_of(tmp_path / "a.png", "png", (os.fsencode(tmp_path / "a.xmp"),))
    one = next(image.extract(source, image.probe(source, NEEDS), 0, NEEDS))
    assert one.segment.text == "" and shows_halves(one.image)


def noise_png() -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(1).integers(0, 255, (200, 200, 3), np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def test_most_of_a_picture_is_kept_with_a_note(tmp_path: Path) -> None:
    data = noise_png()
    (tmp_path / "a.png").write_bytes(data[: len(data) * 8 // 10])
    one = read(tmp_path / "a.png", "png")[1][0]
    assert one.segment.details == {"note": "The picture is damaged; a part of it may be missing."}
    assert one.image is not None and one.image[:50].std() > 20 > one.image[95:].std()


@pytest.mark.parametrize("keep", [0.0, 0.005, 0.3])
def test_little_of_a_picture_is_refused(tmp_path: Path, keep: float) -> None:
    data = noise_png()
    (tmp_path / "a.png").write_bytes(data[: 8 + int(len(data) * keep)])
    assert refused(tmp_path / "a.png", "png") == "decode-error"


@pytest.mark.parametrize("format", ["eps", "wmf", "postscript", "unheard-of"])
def test_formats_that_run_programs_are_refused(tmp_path: Path, format: str) -> None:
    (tmp_path / "a").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n")
    assert refused(tmp_path / "a", format) == "decode-error"


def test_a_picture_is_opened_by_its_own_plugin_only(tmp_path: Path) -> None:
    halves().save(tmp_path / "a.png")
    assert refused(tmp_path / "a.png", "jpeg") == "decode-error"


def test_a_picture_that_would_fill_the_memory_is_refused(tmp_path: Path) -> None:
    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0))
    data = b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    (tmp_path / "a.png").write_bytes(data)
    assert refused(tmp_path / "a.png", "png") == "too-large"


def test_heic_is_decoded() -> None:
    pytest.importorskip("pi_heif")
    shared = Path(__file__).parents[4] / "shared/hostile/pillow/avif/hopper.heif"
    if not shared.exists():
        pytest.skip("no HEIC encoder is at hand, and the shared files are not beside the checkout")
    one = read(shared, "heif")[1][0]
    assert one.image is not None and one.image.std() > 30


def board(number: int, size: tuple[int, int] = (240, 80)) -> Image.Image:
    image = Image.new("RGB", size, "white")
    ImageDraw.Draw(image).text((10, 20), f"Board number {number * 1111}", fill="black", font_size=24)
    return image


@pytest.mark.parametrize("size", [(1, 1), (2, 1), (1, 300), (3, 3)])
def test_an_animation_of_a_few_pixels_is_read(tmp_path: Path, size: tuple[int, int]) -> None:
    frames = [Image.new("RGB", size, colour) for colour in ("black", "red", "white")]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:], duration=500)
    extracted = read(tmp_path / "a.gif", "gif")[1]
    assert extracted[0].segment.locator.start_s in (None, 0.0)


@pytest.mark.parametrize("format", ["gif", "webp", "png"])
def test_frames_of_an_animation_that_differ_are_segments_with_their_times(tmp_path: Path, format: str) -> None:
    frames = [board(1), board(1), board(2), board(3), board(3), board(3)]
    frames[0].save(
        tmp_path / f"a.{format}", save_all=True, append_images=frames[1:], duration=[500, 500, 1500, 400, 400, 400]
    )
    extracted = read(tmp_path / f"a.{format}", format)[1]
    places = [one.segment.locator for one in extracted]
    assert [(place.page, place.start_s, place.end_s) for place in places] == [
        (None, 0.0, 1.0),
        (None, 1.0, 2.5),
        (None, 2.5, 3.7),
    ]
    for number, one in enumerate(extracted, 1):
        assert one.ocr_image is not None and one.fingerprints == ()
        assert np.abs(one.ocr_image.astype(int) - np.asarray(board(number)).astype(int)).mean() < 3
    assert len({one.segment.ordinal for one in extracted}) == 3


def test_a_movement_has_few_frames_and_a_long_animation_says_what_is_left_out(tmp_path: Path) -> None:
    moving = [board(0).rotate(4 * number, fillcolor="white") for number in range(40)]
    moving[0].save(tmp_path / "a.gif", save_all=True, append_images=moving[1:], duration=50)
    extracted = read(tmp_path / "a.gif", "gif")[1]
    assert [one.segment.locator.start_s for one in extracted] == [0.0, 1.0]
    assert "note" not in extracted[0].segment.details
    quick = [board(number) for number in range(1, 5)]
    quick[0].save(tmp_path / "c.gif", save_all=True, append_images=quick[1:])
    starts = [one.segment.locator.start_s for one in read(tmp_path / "c.gif", "gif")[1]]
    assert starts == pytest.approx([0.0, 0.1, 0.2, 0.3])
    many = [board(number) for number in range(1, 30)]
    many[0].save(tmp_path / "b.gif", save_all=True, append_images=many[1:], duration=1000)
    extracted = read(tmp_path / "b.gif", "gif")[1]
    assert len(extracted) == 12
    assert extracted[0].segment.details["note"] == "Only the first part of the animation was read."


def test_damage_in_a_later_frame_costs_only_what_follows(tmp_path: Path) -> None:
    frames = [board(number) for number in range(1, 5)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:], duration=1000)
    data = (tmp_path / "a.gif").read_bytes()
    (tmp_path / "a.gif").write_bytes(data[: len(data) * 6 // 10])
    extracted = read(tmp_path / "a.gif", "gif")[1]
    assert 1 <= len(extracted) < 4 and all(one.image is not None for one in extracted)
