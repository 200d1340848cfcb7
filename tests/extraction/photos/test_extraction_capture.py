"""What photos and films tell about people, places, cameras and dates, in all the ways in which programs write it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from mmsearch.date_taken import date_taken, local_time, taken_seconds
from mmsearch.extraction.media import video
from mmsearch.extraction.photos import image
from mmsearch.extraction.photos.capture import camera_name, coordinates, exif_coordinates, xmp_degrees
from mmsearch.types import Kind, Needs, Source

NEEDS = Needs(ocr="never")
SPACES = {
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "mwg-rs": "http://www.metadataworkinggroup.com/schemas/regions/",
    "MP": "http://ns.microsoft.com/photo/1.2/",
    "MPRI": "http://ns.microsoft.com/photo/1.2/t/RegionInfo#",
    "MPReg": "http://ns.microsoft.com/photo/1.2/t/Region#",
    "ext": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
    "core": "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/",
    "lr": "http://ns.adobe.com/lightroom/1.0/",
    "digiKam": "http://www.digikam.org/ns/1.0/",
    "photoshop": "http://ns.adobe.com/photoshop/1.0/",
    "exif": "http://ns.adobe.com/exif/1.0/",
    "aux": "http://ns.adobe.com/exif/1.0/aux/",
    "crs": "http://ns.adobe.com/camera-raw-settings/1.0/",
}


def xmp(body: str, attributes: str = "") -> bytes:
    names = " ".join(f'xmlns:{prefix}="{address}"' for prefix, address in SPACES.items())
    inner = f"<rdf:Description {names} {attributes}>{body}</rdf:Description>"
    return f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF {names}>{inner}</rdf:RDF></x:xmpmeta>'.encode()


def bag(name: str, *values: str) -> str:
    return f"<{name}><rdf:Bag>{''.join(f'<rdf:li>{value}</rdf:li>' for value in values)}</rdf:Bag></{name}>"


def photo(path: Path, packet: bytes = b"", exif: Image.Exif | None = None, sidecar: bytes = b"") -> dict[str, Any]:
    """The details of a photo with this metadata, and what is read as its text under `words`."""
    Image.new("RGB", (32, 24), "teal").save(path, xmp=packet, exif=exif or Image.Exif())
    beside = path.with_name(f"{path.name}.xmp")
    if sidecar:
        beside.write_bytes(sidecar)
    facts = path.stat()
    sidecars = (os.fsencode(beside),) if sidecar else ()
    given = Source(os.fsencode(path), Kind.IMAGE, "jpeg", (facts.st_size, facts.st_mtime_ns, facts.st_ino), sidecars)
    found = image.probe(given, NEEDS)
    [one] = image.extract(given, found, 0, NEEDS)
    return {**found.details, "words": one.segment.text}


REGION = (
    "<mwg-rs:Regions><rdf:Description><mwg-rs:RegionList><rdf:Bag><rdf:li><rdf:Description mwg-rs:Name='Ada Brown'"
    " mwg-rs:Type='Face'/></rdf:li><rdf:li rdf:parseType='Resource'><mwg-rs:Name>Ben Green</mwg-rs:Name></rdf:li>"
    "</rdf:Bag></mwg-rs:RegionList></rdf:Description></mwg-rs:Regions>"
)
MICROSOFT = (
    "<MP:RegionInfo><rdf:Description><MPRI:Regions><rdf:Bag><rdf:li><rdf:Description MPReg:Rectangle='0, 0, 1, 1'"
    " MPReg:PersonDisplayName='Cleo Grey'/></rdf:li></rdf:Bag></MPRI:Regions></rdf:Description></MP:RegionInfo>"
)


@pytest.mark.parametrize("beside", [False, True])
def test_people_are_words_and_details_in_the_forms_of_all_programs(tmp_path: Path, beside: bool) -> None:
    packet = xmp(REGION + MICROSOFT + bag("ext:PersonInImage", "Dora White", "Ada Brown"))
    found = photo(tmp_path / "a.jpg", b"" if beside else packet, sidecar=packet if beside else b"")
    assert found["people"] == ["Ada Brown", "Ben Green", "Cleo Grey", "Dora White"]
    assert found["words"] == "Ada Brown, Ben Green, Cleo Grey, Dora White"


def test_levels_of_keywords_are_keywords(tmp_path: Path) -> None:
    packet = xmp(
        bag("lr:hierarchicalSubject", "Animals|Birds|Heron") + bag("digiKam:TagsList", "Trips/Norway", "Trips")
    )
    found = photo(tmp_path / "a.jpg", packet)
    assert found["tags"] == ["Animals", "Birds", "Heron", "Trips", "Norway"]


def test_the_name_of_a_camera_profile_is_no_person(tmp_path: Path) -> None:
    packet = xmp("<crs:Look><rdf:Description crs:Name='Adobe Color'/></crs:Look>")
    assert photo(tmp_path / "a.jpg", packet)["words"] == ""


def test_places_are_words(tmp_path: Path) -> None:
    shown = "<ext:LocationShown><rdf:Bag><rdf:li rdf:parseType='Resource'><ext:Sublocation>Old Town</ext:Sublocation>"
    shown += "<ext:City>Tallinn</ext:City><ext:ProvinceState>Harju</ext:ProvinceState></rdf:li></rdf:Bag>"
    shown += "</ext:LocationShown>"
    found = photo(tmp_path / "a.jpg", xmp(shown, "photoshop:Country='Estonia' core:Location='Town Hall'"))
    assert set(found["words"].split(", ")) == {"Old Town", "Tallinn", "Harju", "Estonia", "Town Hall"}


def exif_of(values: dict[int, Any], gps: dict[int, Any] | None = None, **first: str) -> Image.Exif:
    exif = Image.Exif()
    exif[0x010F], exif[0x0110] = first.get("make", ""), first.get("model", "")
    exif.get_ifd(0x8769).update(values)
    exif.get_ifd(0x8825).update(gps or {})
    return exif


PARIS = {1: "N", 2: (48.0, 51.0, 30.0), 3: "E", 4: (2.0, 17.0, 40.0)}


def test_camera_date_and_place_of_exif(tmp_path: Path) -> None:
    values = {0x9003: "2024:05:31 14:03:12", 0x9011: "+02:00", 0xA434: "RF24-70mm F2.8 L IS USM"}
    found = photo(tmp_path / "a.jpg", exif=exif_of(values, PARIS, make="Canon", model="Canon EOS R5"))
    assert found["taken"] == "2024-05-31T14:03:12+02:00"
    assert (found["latitude"], found["longitude"]) == (48.858333, 2.294444)
    assert found["camera"] == "Canon EOS R5, RF24-70mm F2.8 L IS USM"
    assert found["capture"] == "Paris, Île-de-France, France\nCanon EOS R5, RF24-70mm F2.8 L IS USM"
    assert found["words"] == ""  # no text for models: it would be the same for all photos of a camera


def test_a_date_and_place_in_a_sidecar_correct_those_of_the_camera(tmp_path: Path) -> None:
    exif = exif_of({0x9003: "2009:01:01 00:00:07"}, PARIS)
    attributes = "exif:GPSLatitude='59,26.2N' exif:GPSLongitude='24,45.0E' exif:DateTimeOriginal='2024-05-31T14:03:12'"
    found = photo(tmp_path / "a.jpg", exif=exif, sidecar=xmp("", attributes))
    assert (found["taken"], found["latitude"], found["longitude"]) == ("2024-05-31T14:03:12", 59.436667, 24.75)


@pytest.mark.parametrize(
    "gps",
    [
        {1: "N", 2: (0.0, 0.0, 0.0), 3: "E", 4: (0.0, 0.0, 0.0)},
        {1: "N", 2: (91.0, 0.0, 0.0), 3: "E", 4: (0.0, 0.0, 0.0)},
        {2: (48.0, 51.0, 30.0)},
        {2: (float("nan"),), 4: (1.0,)},
    ],
)
def test_what_is_no_place_on_the_globe_is_none(gps: dict[int, Any]) -> None:
    assert exif_coordinates(gps) is None


def test_the_south_and_the_west_are_negative() -> None:
    assert exif_coordinates({1: b"S\0", 2: (33.0, 30.0), 3: "w", 4: (70.0, 0.0, 36.0)}) == (-33.5, -70.01)
    assert (xmp_degrees("33,30.0S"), xmp_degrees("70,0,36W"), xmp_degrees("-33.5")) == (-33.5, -70.01, -33.5)
    assert [xmp_degrees(text) for text in ("", "N", "1,2,3,4N", "nan", "48°N")] == [None] * 5
    assert coordinates(None, 1.0) is None


def test_the_lens_of_a_phone_names_it(tmp_path: Path) -> None:
    exif = exif_of({0xA434: "iPhone 14 Pro back camera 6.86mm f/1.78"}, make="Apple", model="iPhone 14 Pro")
    assert photo(tmp_path / "a.jpg", exif=exif)["camera"] == "iPhone 14 Pro back camera 6.86mm f/1.78"


@pytest.mark.parametrize(
    ("make", "model", "name"),
    [
        ("NIKON CORPORATION", "NIKON D850", "NIKON D850"),
        ("SONY", "ILCE-7M4", "SONY ILCE-7M4"),
        ("Apple", "iPhone 12 Pro", "iPhone 12 Pro"),
        ("Canon", "", "Canon"),
        ("", "", ""),
    ],
)
def test_a_camera_is_named_once(make: str, model: str, name: str) -> None:
    assert camera_name(make, model) == name


@pytest.mark.parametrize(
    ("written", "offset", "taken"),
    [
        ("2024:05:31 14:03:12", "", "2024-05-31T14:03:12"),
        ("2024:05:31 14:03:12", "+02:00", "2024-05-31T14:03:12+02:00"),
        ("2024-05-31T14:03:12.25-0330", "", "2024-05-31T14:03:12-03:30"),
        ("2024-05-31T12:03:12.000000Z", "", "2024-05-31T12:03:12Z"),
        ("2024-05-31T14:03", "", "2024-05-31T14:03:00"),
        ("2024-05-31", "", "2024-05-31"),
        ("20240531 140312+0200", "", "2024-05-31T14:03:12+02:00"),
        ("0000:00:00 00:00:00", "", ""),
        ("1904-01-01T00:00:00.000000Z", "", ""),
        ("1970:01:01 00:00:00", "", ""),
        ("2024:13:31 14:03:12", "", ""),
        ("    :  :     :  :  ", "", ""),
        ("soon", "", ""),
    ],
)
def test_dates_have_one_form(written: str, offset: str, taken: str) -> None:
    assert date_taken(written, offset) == taken


def test_dates_become_moments() -> None:
    assert taken_seconds("2024-05-31T14:03:12+02:00") == taken_seconds("2024-05-31T12:03:12Z") == 1717156992.0
    assert taken_seconds("2024-05-31") == taken_seconds("2024-05-31T12:00:00")
    assert taken_seconds("x") is None and taken_seconds("0001-01-01") is None
    assert local_time(taken_seconds("2024-05-31T14:03:12") or 0.0) == "2024-05-31T14:03:12"
    assert (local_time(-1e18), local_time(1e18)) == ("", "A")


def test_a_film_knows_when_and_where_it_was_taken(tmp_path: Path) -> None:
    tags = {
        "creation_time": "2024-05-31T12:03:12Z",
        "com.apple.quicktime.creationdate": "2024-05-31T14:03:12+0200",
        "com.apple.quicktime.location.ISO6709": "+48.8584+002.2945+035.0/",
        "com.apple.quicktime.make": "Apple",
        "com.apple.quicktime.model": "iPhone 12 Pro",
    }
    for name, more in (("phone.mov", tags), ("plain.mp4", {"creation_time": tags["creation_time"]})):
        given = [part for key, value in more.items() for part in ("-metadata", f"{key}={value}")]
        made = ["-f", "lavfi", "-i", "testsrc2=s=64x48:r=5:d=2", "-movflags", "use_metadata_tags", *given]
        command = ["ffmpeg", "-nostdin", "-v", "error", "-y", *made, str(tmp_path / name)]
        subprocess.run(command if name == "phone.mov" else [*command[:-1], "-movflags", "0", command[-1]], check=True)
    found = []
    for name in ("phone.mov", "plain.mp4"):
        facts = (tmp_path / name).stat()
        stat = (facts.st_size, facts.st_mtime_ns, facts.st_ino)
        found.append(video.probe(Source(os.fsencode(tmp_path / name), Kind.VIDEO, name[-3:], stat), NEEDS).details)
    assert (found[0]["taken"], found[1]["taken"]) == ("2024-05-31T14:03:12+02:00", "2024-05-31T12:03:12Z")
    assert (found[0]["latitude"], found[0]["longitude"], found[0]["camera"]) == (48.8584, 2.2945, "iPhone 12 Pro")
    assert "latitude" not in found[1]
