"""Photos through CLIP ViT-B/32: ours, the plain way, the model alone, and what the sum of their parts allows."""

from __future__ import annotations

import os
import statistics
import sys
import time
from pathlib import Path

from benchmarks import clip_model, measure, ours, pictures
from benchmarks.measure import Setting
from benchmarks.table import Row, rates

SIDE = 224  # pixels of the model's input
DECODED = 24  # pictures that are decoded to see how long that takes


def big(setting: Setting) -> list[Row]:
    """Photos of 12 megapixels."""
    return _rows(setting, "12-MP photos", (4000, 3000), ours_files=1000, plain_files=64, least=(8.0, 4.0), share=0.75)


def small(setting: Setting) -> list[Row]:
    """Photos of a megapixel."""
    return _rows(setting, "1-MP photos", (1200, 900), ours_files=1000, plain_files=200, least=(2.0, 2.0), share=0.85)


def _rows(
    setting: Setting,
    work: str,
    size: tuple[int, int],
    ours_files: int,
    plain_files: int,
    least: tuple[float, float],
    share: float,
) -> list[Row]:
    """Two lines: against the plain way, and against the forward pass alone. `least` is the goal with bfloat16 on the
    CPU and without."""
    paths = pictures.make(setting.folder / f"photos-{size[0]}x{size[1]}", *size, ours_files)
    model = clip_model.vit_b_32(setting.folder / "vit-b-32")
    listed = setting.folder / f"photos-{plain_files}.txt"
    listed.write_text("".join(f"{path}\n" for path in paths[:plain_files]), "utf-8")
    measure.warm(paths)
    place = setting.folder / "index-photos"
    flags = ("--no-ocr", "--model", str(model))
    plain, mine, forward = [], [], []
    for _ in range(setting.turns):
        mine.append(ours.index(place, [paths[0].parent], setting.env, *flags))
        plain.append(measure.told("benchmarks.plain_encode", setting.env, "photos", str(model), str(listed)))
        forward.append(measure.told("benchmarks.forward", setting.env, str(model)))
    seconds, steady = ours.median(mine)
    _, plainly = measure.medians(plain)
    start = statistics.median(one["start_s"] for one in plain)
    alone = statistics.median(one["rate"] for one in forward)
    reduced = forward[0]["choice"].startswith("bfloat16")
    whole = start + ours_files / plainly
    note = (
        f"{forward[0]['choice'].split(',')[0]}; whole commands of {ours_files:,} files {seconds:.1f} s and "
        f"{whole:.1f} s (plain: start {start:.1f} s, the rest by its pace), {whole / seconds:.1f} times; "
        f"{mine[0].stages()}; {ours.work(mine, plain)}; {setting.turns} turns"
    )
    decode = decode_seconds(paths)
    ceiling = 1 / (1 / alone + decode / cores())
    size_note = f"{paths[0].stat().st_size / 1e6:.1f} MB a file"
    return [
        rates(f"{work}, CLIP ViT-B/32", steady, plainly, "pictures", least[0] if reduced else least[1], note),
        Row(
            f"{work}, share of forward-only",
            f"{steady:,.1f} pictures/s",
            f"{alone:,.1f} forward",
            steady / alone,
            share,
            None,
            f"ceiling {ceiling:.1f}/s with {1 / decode:.0f} draft-decoded pictures a core-second on {cores()} cores "
            f"({ceiling / alone:.2f} of forward-only), {steady / ceiling:.0%} of it reached; {size_note}",
        ),
    ]


def decode_seconds(paths: list[Path]) -> float:
    """Core-seconds that one file takes when it is decoded as small as the model can use it."""
    from PIL import Image

    best = []
    for path in paths[:DECODED]:
        began = time.process_time()
        with Image.open(path) as picture:
            picture.draft("RGB", (SIDE, SIDE))
            picture.load()
        best.append(time.process_time() - began)
    return statistics.median(best)


def cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
