"""What cameras and programs write into metadata is dropped; what people write is kept, whatever words it has."""

import pytest

from mmsearch.extraction.boilerplate import is_image_boilerplate, is_sound_boilerplate


@pytest.mark.parametrize(
    "value",
    [
        "OLYMPUS DIGITAL CAMERA",
        "SONY DSC",
        "SAMSUNG DIGITAL CAMERA",
        "KONICA MINOLTA DIGITAL CAMERA",
        "Exif_JPEG_PICTURE",
        "DCIM\\100GOPRO",
        "DSC01234",
        "cof",
        "Created with GIMP",
        "Created with The GIMP",
        "CREATOR: gd-jpeg v1.0 (using IJG JPEG v62), quality = 90",
        "Optimized by JPEGmini 3.13.0.7",
        "Compressed by jpeg-recompress",
        "File written by Adobe Photoshop® 5.0",
        "LEAD Technologies Inc. V1.01",
        "Intel(R) JPEG Library, version 1,5,4,36",
        "AppleMark",
        "ScanSnap Manager #S1500",
        "<Digimax i5, Samsung #1>",
        "GIF edited with ezgif.com",
        "Lavc59.37.100",
        "Untitled",
        "000",
        " ",
    ],
)
def test_captions_of_cameras_and_programs_are_dropped(value: str) -> None:
    assert is_image_boilerplate(value)


@pytest.mark.parametrize(
    "value",
    [
        "The software team at the summer party in Lisbon",
        "Compression socks for the marathon runner Zita",
        "hardware",
        "software",
        "Digital camera museum",
        "SONY DSC users meet at the lake",
        "None of us",
        "Image of a saint",
        "Unknown soldier",
        "Created with love for Anna",
        "Untitled masterpieces",
        "Optimised for speed",
        "2019",
        "Grandma, 1984",
    ],
)
def test_captions_of_people_are_kept(value: str) -> None:
    assert not is_image_boilerplate(value)


@pytest.mark.parametrize(
    "value",
    [
        "Lavf58.29.100",
        "libmp3lame",
        "LAME 3.97",
        "iTunNORM",
        " 00000A2B 00000A2B 00003E8C 00003E8C",
        "HandBrake 1.6.1 2023012300",
        "encoded by LAME 3.97",
        "Encoded by FLAC v1.1.2a with FLAC Frontend v1.7.1",
        "Core Media Video",
        "VideoHandler",
        "ExactAudioCopy v0.99pb5",
        "unknown",
    ],
)
def test_tags_of_encoders_are_dropped(value: str) -> None:
    assert is_sound_boilerplate(value)


@pytest.mark.parametrize(
    "value",
    [
        "Encoding and Decoding in Whale Song",
        "Handbrake Sisters",
        "Handbrake",
        "Unknown Pleasures",
        "Lame Ducks",
        "1999",
    ],
)
def test_tags_of_people_are_kept(value: str) -> None:
    assert not is_sound_boilerplate(value)


def test_hostile_values_are_judged_at_once() -> None:
    assert not is_image_boilerplate("created with gimp 1" + " 1" * 100_000 + "!")
    assert not is_sound_boilerplate("0000000a " * 30 + "!")
