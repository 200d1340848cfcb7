"""Slides stand where they are shown, and their frames show them: every container by every pattern of times."""

import os
from pathlib import Path

import pytest
from timed_films import COLOURS, CONTAINERS, PATTERNS, SLIDE_S, colour_at, make_films, slide_in

from mmsearch.extraction.media import video
from mmsearch.sniff import HEAD_BYTES, sniff
from mmsearch.types import Extracted, Kind, Needs, Source

NAMES = [f"{pattern}.{ending}" for ending in CONTAINERS for pattern in PATTERNS]
NAMES += [f"{pattern}.{ending}" for ending in ("mp4", "mov") for pattern in ("edited", "turned")]
WANTED = Needs(image_pixels=10_000, ocr="never")


@pytest.fixture(scope="session")
def films(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, float]]:
    return make_films(tmp_path_factory.mktemp("films"))


def scenes_of(path: Path) -> list[Extracted]:
    facts = path.stat()
    kind, format_ = sniff(path.read_bytes()[:HEAD_BYTES], os.fsencode(path.name))
    assert kind == Kind.VIDEO
    source = Source(os.fsencode(path), kind, format_, (facts.st_size, facts.st_mtime_ns, facts.st_ino))
    probe = video.probe(source, WANTED)
    assert not any("can't" in note or "could not" in note for note in probe.notes)
    return [one for number in range(len(probe.spans)) for one in video.extract(source, probe, number, WANTED)]


@pytest.mark.parametrize("name", NAMES)
def test_every_slide_is_a_scene_at_its_time(films: dict[str, tuple[Path, float]], name: str) -> None:
    path, start_s = films[name]
    scenes = scenes_of(path)
    first = max(-int(start_s / SLIDE_S), 0)
    shown = [slide_in(one.image) for one in scenes if one.image is not None]
    keys = [one.segment.details["key_s"] for one in scenes]
    assert shown == [colour_at(key, start_s) for key in keys]
    assert set(shown) == set(range(first, len(COLOURS)))
    starts = [one.segment.locator.start_s or 0.0 for one in scenes]
    for number in range(first + 1, len(COLOURS)):
        assert min(abs(start_s + SLIDE_S * number - start) for start in starts) <= 0.3, number
