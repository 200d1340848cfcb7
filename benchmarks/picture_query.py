"""A picture that is not in the index, as a query of a fresh process, against a plain script that reads its words only.

python -m benchmarks.picture_query FILE     reads the words of a picture
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from benchmarks import measure
from benchmarks.measure import Setting
from benchmarks.table import Row, times

PICTURES = 20
SIDES = (720, 960)  # pixels


def rows(setting: Setting) -> list[Row]:
    """Whole processes: as a multiple of the plain script's time, in seconds, and in seconds of a core."""
    folder = setting.folder / "picture-query"
    index, asked = setting.folder / "picture-query-index", setting.folder / "picture-query.png"
    _draw(folder, asked)
    start = [sys.executable, "-m", "mmsearch"]
    measure.run([*start, "index", "--quiet", "--no-ocr", "--index", str(index), str(folder)], setting.env)
    ours = [*start, "query", "--index", str(index), "--image", str(asked)]
    plain = [sys.executable, "-m", "benchmarks.picture_query", str(asked)]
    medians = measure.alternate({"ours": ours, "plain": plain}, setting.repeats, setting.env)
    before = measure.core_seconds()
    measure.run(ours, setting.env)
    core = measure.core_seconds() - before
    note = f"plain: rapidocr reads the picture; median of {setting.repeats}"
    return [
        times("picture query, a file outside the index", medians["ours"], medians["plain"], 1.5, note),
        Row("the same, in seconds", f"{medians['ours']:.3f} s", "-", medians["ours"], None, 3.0, "on an idle machine"),
        Row("the same, in seconds of a core", f"{core:.3f} s", "-", core),
    ]


def _draw(folder: Path, asked: Path) -> None:
    """Pictures of coloured fields with a few words, always the same ones."""
    from PIL import Image, ImageDraw, ImageFont

    folder.mkdir(parents=True, exist_ok=True)
    chance = np.random.default_rng(11)
    font = ImageFont.load_default(32)
    for path in (*(folder / f"{number}.png" for number in range(PICTURES)), asked):
        fields = chance.integers(0, 256, (6, 8, 3), dtype=np.uint8)
        picture = Image.fromarray(fields).resize(SIDES[::-1], Image.Resampling.BICUBIC)
        ImageDraw.Draw(picture).text((60, 60), f"Ferry to pier {chance.integers(1, 99)}", "white", font)
        picture.save(path)


def read(path: str) -> None:
    """Print the words of a picture."""
    from rapidocr import RapidOCR

    print(getattr(RapidOCR(params={"Global.log_level": "critical"})(path), "txts", ()))


if __name__ == "__main__":
    read(sys.argv[1])
