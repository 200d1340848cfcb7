"""Pages of printed text through OCR: indexing against a loop over the library, and whether both read the same words.

python -m benchmarks.ocr_pages LIST     the plain loop over the files named in LIST, one a line; prints a JSON object
"""

from __future__ import annotations

import json
import random
import re
import sqlite3
import sys
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

from benchmarks import corpus, measure, ours
from benchmarks.measure import Setting
from benchmarks.table import Row, rates

PAGES = 16
WIDTH, HEIGHT = 1240, 1754  # A4 at 150 dots an inch


def rows(setting: Setting) -> list[Row]:
    """The pace of both without their start, and the share of words that both read."""
    folder = setting.folder / f"scans-{PAGES}"
    paths = _make(folder)
    listed = setting.folder / "scans.txt"
    listed.write_text("".join(f"{path}\n" for path in paths), "utf-8")
    place = setting.folder / "index-scans"
    mine, plain = [], []
    for _ in range(max(1, setting.turns - 1)):
        mine.append(ours.index(place, [folder], setting.env, table="recognized_text"))
        plain.append(measure.told("benchmarks.ocr_pages", setting.env, str(listed)))
    seconds, steady = ours.median(mine)
    whole, plainly = measure.medians(plain)
    read, theirs = _words(_readings(place)), _words(plain[0]["texts"])
    truth = _words([_printed(path).read_text("utf-8") for path in paths])
    note = (
        f"whole commands {seconds:.1f} s and {whole:.1f} s; {_shared(read, theirs):.1%} of the words the same; of the "
        f"printed words ours has {_shared(truth, read):.1%}, the plain loop {_shared(truth, theirs):.1%}; "
        f"{mine[0].stages()}; {ours.work(mine, plain)}; {len(mine)} turns"
    )
    return [rates("OCR of pages", steady, plainly, "pages", 1.5, note)]


def _make(folder: Path) -> list[Path]:
    """Pages of text like those of a scanner: grey paper, a slight rotation, noise."""
    paths = [folder / f"scan {number:02d}.png" for number in range(PAGES)]
    if all(path.is_file() for path in paths):
        return paths
    import numpy as np
    from PIL import Image, ImageDraw, ImageFont

    folder.mkdir(parents=True, exist_ok=True)
    _printed(paths[0]).parent.mkdir(exist_ok=True)
    for number, path in enumerate(paths):
        chance, noise = random.Random(number), np.random.default_rng(number)
        page = Image.new("L", (WIDTH, HEIGHT), 244)
        pen, y = ImageDraw.Draw(page), 110
        said: list[str] = []
        while y < HEIGHT - 150:
            size = chance.choice((22, 24, 26)) if said else 44
            line = corpus.paragraph(chance, 14)[: int(1000 / size * 1.9)]
            line = line.rsplit(" ", 1)[0]
            pen.text((110, y), line, 20, ImageFont.load_default(size))
            said.append(line)
            y += size * 5 // 3 + (30 if chance.random() < 0.12 else 0)
        page = page.rotate(chance.uniform(-0.7, 0.7), Image.Resampling.BICUBIC, fillcolor=244)
        grainy = np.asarray(page, np.float32) + noise.normal(0, 4, (HEIGHT, WIDTH))
        _printed(path).write_text("\n".join(said), "utf-8")
        Image.fromarray(np.clip(grainy, 0, 255).astype(np.uint8)).save(path, compress_level=1)
    return paths


def _printed(scan: Path) -> Path:
    """Where the words of a scan stand: not beside it, where they would be indexed."""
    return scan.parent.with_name(f"{scan.parent.name}-words") / f"{scan.stem}.txt"


def _readings(place: Path) -> list[str]:
    with closing(sqlite3.connect(f"{(place / 'catalogue.db').as_uri()}?mode=ro", uri=True)) as connection:
        return [text for (text,) in connection.execute("SELECT text FROM recognized_text WHERE reader = 'ocr'")]


def _words(texts: list[str]) -> Counter[str]:
    return Counter(word.lower() for text in texts for word in re.findall(r"\w+", text))


def _shared(wanted: Counter[str], found: Counter[str]) -> float:
    """The share of the wanted words that were found, each as often as it is there."""
    return (wanted & found).total() / max(wanted.total(), 1)


def main() -> None:
    began = time.perf_counter()
    from rapidocr import RapidOCR

    read: Any = RapidOCR()
    ready = time.perf_counter()
    texts: list[str] = []
    for path in Path(sys.argv[1]).read_text("utf-8").splitlines():
        texts.append("\n".join(read(path).txts or ()))
    told = {"items": len(texts), "seconds": time.perf_counter() - ready, "start_s": ready - began}
    print(json.dumps({**told, "texts": texts}))


if __name__ == "__main__":
    main()
