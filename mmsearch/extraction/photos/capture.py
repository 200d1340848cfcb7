"""Where, when and with what a photo or film was taken: coordinates and camera as EXIF, XMP and QuickTime write them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from mmsearch.date_taken import date_taken
from mmsearch.extraction.photos.gazetteer import place_names

GPS_IFD = 0x8825
_CAMERA = ("make", "model")
LATITUDE, LONGITUDE = (1, 2), (3, 4)  # of that directory: the reference (N, S; E, W), and the value
MODEL_CHARACTERS = 100
SILENT_MAKES = frozenset({"apple"})  # whose models are called by their own names; "apple" is a fruit, too
_XMP_DEGREES = re.compile(r"(\d{1,3})(?:,(\d{1,2}(?:\.\d{1,12})?))?(?:,(\d{1,2}(?:\.\d{1,12})?))?([NSEW])", re.ASCII)
_ISO_6709 = re.compile(r"([+\-]\d{1,2}(?:\.\d{1,12})?)([+\-]\d{1,3}(?:\.\d{1,12})?)", re.ASCII)


def coordinates(latitude: float | None, longitude: float | None) -> tuple[float, float] | None:
    """Degrees if both lie on the globe; None for nothing, and for the zeros that a receiver without a fix writes."""
    if latitude is None or longitude is None or not (abs(latitude) <= 90 and abs(longitude) <= 180):
        return None
    return (round(latitude, 6), round(longitude, 6)) if latitude or longitude else None


def exif_coordinates(gps: Mapping[int, Any]) -> tuple[float, float] | None:
    """The coordinates of a GPS directory of EXIF."""
    found = []
    for (reference, value), negative in ((LATITUDE, "S"), (LONGITUDE, "W")):
        parts = [float(part) for part in gps.get(value) or ()][:3]
        if not parts or not all(math.isfinite(part) and part >= 0 for part in parts):
            return None
        degrees = sum(part / 60**place for place, part in enumerate(parts))
        side = gps.get(reference)
        side = side.decode("ascii", "replace") if isinstance(side, bytes) else str(side or "")
        found.append(-degrees if side.strip("\0 ").upper() == negative else degrees)
    return coordinates(*found)


def xmp_degrees(value: str) -> float | None:
    """A latitude or longitude of XMP: `48,51.4999N`, `48,51,30N` or `48.8583`; None for another text."""
    if match := _XMP_DEGREES.fullmatch(value.strip()):
        degrees = float(match[1]) + float(match[2] or 0) / 60 + float(match[3] or 0) / 3600
        return -degrees if match[4] in "SW" else degrees
    try:
        degrees = float(value)
    except ValueError:
        return None
    return degrees if math.isfinite(degrees) else None


def camera_name(make: str, model: str) -> str:
    """A camera by its maker and model, the maker once: `Canon EOS R5`, `NIKON D850`, `iPhone 12 Pro`."""
    make, model = " ".join(make.split())[:MODEL_CHARACTERS], " ".join(model.split())[:MODEL_CHARACTERS]
    first = make.split()[0].lower() if make else ""
    if model and (not first or first in SILENT_MAKES or model.lower().startswith(first)):
        return model
    return f"{make} {model}".strip()


def capture_words(place: tuple[float, float] | None, camera: str) -> str:
    """The names of a place and of a camera, a line each. They are words to search for, and no part of what a model
    reads as the text of a segment: ten thousand photos of one phone would have the same."""
    return "\n".join(filter(None, [", ".join(place_names(*place)) if place else "", camera]))


def film_capture(facts: Mapping[str, Any] | None) -> dict[str, Any]:
    """The details of a film from the tags of `containers.container_facts`, as far as it has them: `taken`, `latitude`,
    `longitude`, `camera`, `capture`."""
    raw = ((facts or {}).get("format") or {}).get("tags") or {}
    tags = {str(name).lower(): str(value) for name, value in raw.items()}
    found: dict[str, Any] = {}
    dates = (date_taken(tags.get(name, "")) for name in ("com.apple.quicktime.creationdate", "creation_time"))
    if taken := next(filter(None, dates), ""):
        found["taken"] = taken
    for name in ("com.apple.quicktime.location.iso6709", "location", "location-eng"):
        if match := _ISO_6709.match(tags.get(name, "")):
            if place := coordinates(float(match[1]), float(match[2])):
                found["latitude"], found["longitude"] = place
            break
    names = [tags.get(f"com.apple.quicktime.{name}") or tags.get(f"com.android.{name}", "") for name in _CAMERA]
    if camera := camera_name(*names):
        found["camera"] = camera
    place = (found["latitude"], found["longitude"]) if "latitude" in found else None
    if words := capture_words(place, camera):
        found["capture"] = words
    return found
