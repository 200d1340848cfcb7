"""Which models are recommended, by the machine and by what the index holds."""

from dataclasses import replace

import pytest

from mmsearch.index_status import Holdings
from mmsearch.models import advice, registry
from mmsearch.models.machine import Machine, measured_gflops
from mmsearch.types import View

SMALL, LAPTOP, DESK = Machine(2, 2 << 30), Machine(4, 8 << 30), Machine(8, 16_600_000_000)
GPU_8 = Machine(16, 64 << 30, "NVIDIA RTX", 8 << 30)
GPU_24 = Machine(16, 64 << 30, "NVIDIA L4", 24 << 30)
OLD_GPU = Machine(8, 16 << 30, "NVIDIA T400", 4 << 30)
APPLE = Machine(8, 16 << 30, "Apple GPU", None)
NOTHING = Holdings({}, 0, 0, 0, {}, 0.0)
PHOTOS = replace(NOTHING, by_kind={"image": 90, "text": 10}, segments=120)
SCANS = replace(NOTHING, by_kind={"pdf": 80, "text": 5}, segments=900, pages=800, scanned_pages=700)
PRINT = replace(SCANS, scanned_pages=3)
SOUNDS = replace(NOTHING, by_kind={"audio": 50, "text": 5}, recorded_s=36_000.0)
MIX = replace(NOTHING, by_kind={"image": 40, "pdf": 30, "audio": 20, "video": 10})
GERMAN = replace(PRINT, languages={"de": 60, "en": 10})


def names(machine: Machine, holdings: Holdings | None) -> list[str]:
    return [one.preset.name for one in advice.recommend(machine, holdings, 100.0)]


@pytest.mark.parametrize(
    ("machine", "holdings", "best"),
    [
        (SMALL, None, None),
        (LAPTOP, None, "photos"),
        (DESK, None, "everything"),
        (OLD_GPU, None, "everything"),
        (APPLE, None, "everything"),
        (Machine(8, None), None, "photos"),
        (GPU_8, None, "gpu"),
        (GPU_24, None, "everything-gpu"),
        (DESK, PHOTOS, "photos"),
        (GPU_8, PHOTOS, "photos-gpu"),
        (DESK, PRINT, "documents"),
        (DESK, SCANS, "documents"),
        (GPU_8, SCANS, "documents-gpu"),
        (DESK, SOUNDS, "sounds"),
        (GPU_8, SOUNDS, "sounds"),
        (GPU_24, SOUNDS, "sounds-gpu"),
        (DESK, MIX, "everything"),
        (LAPTOP, MIX, "photos"),
    ],
)
def test_the_best_preset_fits_the_machine_and_the_files(
    machine: Machine, holdings: Holdings | None, best: str | None
) -> None:
    found = names(machine, holdings)
    assert (found[0] if found else None) == best and len(found) <= advice.MOST and len(set(found)) == len(found)
    for name in found:
        preset = registry.presets()[name]
        assert preset.memory <= (machine.memory or advice.UNKNOWN_MEMORY)
        assert preset.gpu_memory <= (machine.gpu_memory or 0)


def test_files_in_other_languages_bring_the_preset_for_them() -> None:
    assert "languages" in names(DESK, GERMAN) and "languages" not in names(DESK, PRINT)


def test_one_command_takes_the_advice() -> None:
    best = advice.recommend(DESK, None, 100.0)[0]
    assert best.command == "mmsearch index --model everything --max-pixels 161280 --allow-download FOLDER"
    added = advice.recommend(DESK, PHOTOS, 100.0)[0]
    assert added.command == "mmsearch index --add-model siglip2:image --allow-download"
    assert [spec.name for spec in registry.resolve_all(["siglip2:image"])] == ["siglip2"]


def test_what_the_index_has_is_not_recommended_again() -> None:
    held = replace(PHOTOS, models=frozenset({registry.resolve("siglip2").source}))
    assert "photos" not in names(DESK, held)


def test_the_cost_follows_from_published_bytes_and_operations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(advice, "bytes_on_disk", lambda source: 0)
    cost = advice.recommend(DESK, PHOTOS, 72.0)[0].cost
    assert cost.download == 2 * 375_000_000 and cost.per_embedding == 2 * 768
    assert cost.seconds == {View.IMAGE: pytest.approx(36 / (72 * advice.MODEL_SHARE))}
    assert cost.items[View.IMAGE] == 90
    fewer = advice.recommend(DESK, None, 100.0)[0].cost
    assert fewer.seconds[View.IMAGE] == pytest.approx(220 / (100 * advice.MODEL_SHARE))  # of 161,280 pixels
    monkeypatch.setattr(advice, "bytes_on_disk", lambda source: 9)
    assert advice.recommend(DESK, PHOTOS, 72.0)[0].cost.download == 0


def test_the_speed_of_this_machine_is_measured() -> None:
    assert 0.1 < measured_gflops(1) < 1e5
