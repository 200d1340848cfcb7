"""Places on the globe as they are typed: latitude and longitude in degrees, and a distance in kilometres."""

from __future__ import annotations

import re

_DEGREES = r"([+\-]?\d{1,3}(?:\.\d{1,12})?)"
_PLACE = re.compile(rf"\s*{_DEGREES}\s*[,;]\s*{_DEGREES}\s*[,;]\s*(\d{{1,5}}(?:\.\d{{1,6}})?)\s*(?:km)?\s*", re.ASCII)
PLACE_HINT = "A place is LAT,LON,KM, such as 48.86,2.29,5: within five kilometres of there."


def place_of(text: str) -> tuple[float, float, float] | None:
    """Latitude, longitude and distance of a text like `48.86,2.29,5`; None for one that is no such place."""
    match = _PLACE.fullmatch(text)
    if match is None:
        return None
    latitude, longitude, distance_km = (float(number) for number in match.groups())
    on_globe = abs(latitude) <= 90 and abs(longitude) <= 180
    return (latitude, longitude, distance_km) if on_globe and distance_km > 0 else None
