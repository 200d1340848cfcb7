"""Copies of pictures: how often an altered picture finds its original, and how often another is called a copy.

    python -m benchmarks.copies FOLDER... [--pictures 60] [--pairs 3] [--work DIR]

The pictures of the folders are altered in every way, and in pairs of ways; all are indexed without OCR, and each
altered one is looked for among the originals. `first`: the original is the first hit. `above`: no other picture stands
above it. `copy`: it is called a copy. `false`: another picture is called one, where the original is there, and where it
is not (among the other half of the pictures). Pictures of FOLDER that `mmsearch dupes` groups count as one. Figures are
percent with 95% intervals (Wilson).
"""

from __future__ import annotations

import argparse
import io
import math
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from mmsearch import Filter, Index, Query, Settings
from mmsearch.query import COPIES

ENDINGS = {".png", ".jpg", ".jpeg", ".webp", ".avif", ".gif", ".pgm", ".bmp", ".tif", ".tiff"}
MODELS = ("builtin:text", "builtin-images", "builtin-similarity")
LONGEST = 1600  # pixels, so that making the versions does not take longer than finding them


def jpeg(image: Image.Image) -> Image.Image:
    """Encoded with quality 55."""
    data = io.BytesIO()
    image.save(data, "JPEG", quality=55)
    return Image.open(data).convert("RGB")


def cropped(image: Image.Image) -> Image.Image:
    """Without a twelfth on each side."""
    across, down = image.width // 12, image.height // 12
    return ImageOps.crop(image, (across, down, across, down))


ALTERATIONS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "third": lambda image: image.resize(
        (max(image.width // 3, 1), max(image.height // 3, 1)), Image.Resampling.LANCZOS
    ),
    "crop": cropped,
    "jpeg 55": jpeg,
    "grey": lambda image: image.convert("L").convert("RGB"),
    "darker": lambda image: Image.eval(image, lambda level: int(level * 0.6)),
    "turn 3": lambda image: image.rotate(3, Image.Resampling.BICUBIC),
    "mirror": ImageOps.mirror,
}


@dataclass(slots=True)
class Outcomes:
    """Outcomes of the queries of one alteration, 0 or 1 each."""

    first: list[bool] = field(default_factory=list)
    above: list[bool] = field(default_factory=list)
    copy: list[bool] = field(default_factory=list)
    false: list[bool] = field(default_factory=list)
    false_elsewhere: list[bool] = field(default_factory=list)

    def cells(self) -> list[str]:
        """The shares in percent with their intervals."""
        return [share(each) for each in (self.first, self.above, self.copy, self.false, self.false_elsewhere)]


def share(outcomes: Sequence[bool]) -> str:
    """A share in percent with its 95% interval."""
    count = len(outcomes)
    if not count:
        return "-"
    z, p = 1.96, sum(outcomes) / count
    middle = (p + z * z / (2 * count)) / (1 + z * z / count)
    half = z * math.sqrt(p * (1 - p) / count + z * z / (4 * count * count)) / (1 + z * z / count)
    return f"{100 * p:.1f} [{100 * max(middle - half, 0):.1f}, {100 * min(middle + half, 1):.1f}]"


def opened(path: Path) -> Image.Image:
    """A picture as RGB on white."""
    image = ImageOps.exif_transpose(Image.open(path))
    if image.mode in ("RGBA", "LA", "PA", "P"):
        ground = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(ground, image.convert("RGBA"))
    image = image.convert("RGB")
    image.thumbnail((LONGEST, LONGEST))
    return image


def make(folders: Sequence[Path], work: Path, pictures: int, pairs: int) -> list[tuple[str, Path, Path]]:
    """Write originals and altered versions below `work`: alteration, altered file, original."""
    chance = np.random.default_rng(7)
    paths = sorted(path for top in folders for path in top.rglob("*") if path.suffix.lower() in ENDINGS)
    chosen = [paths[row] for row in sorted(chance.permutation(len(paths))[:pictures])]
    both = list(combinations(ALTERATIONS, 2))
    made: list[tuple[str, Path, Path]] = []
    for number, path in enumerate(chosen):
        image = opened(path)
        original = work / "originals" / str(number % 2) / f"{number:04}.png"
        original.parent.mkdir(parents=True, exist_ok=True)
        image.save(original)
        (work / "altered").mkdir(exist_ok=True)
        ways = [(name,) for name in ALTERATIONS] + [both[row] for row in chance.permutation(len(both))[:pairs]]
        for way in ways:
            altered = image
            for name in way:
                altered = ALTERATIONS[name](altered)
            file = work / "altered" / f"{number:04} {' + '.join(way)}.png"
            altered.save(file)
            made.append((" + ".join(way) if len(way) == 1 else "two of them", file, original))
    return made


def measure(index: Index, work: Path, made: Sequence[tuple[str, Path, Path]]) -> dict[str, Outcomes]:
    """The outcomes by alteration."""
    twins: dict[bytes, set[bytes]] = {}
    for group in index.duplicates([bytes(work / "originals")]):
        paths = {one.path for one in group.files if b"/originals/" in one.path}
        twins |= dict.fromkeys(paths, paths)
    tallies: dict[str, Outcomes] = {}
    for name, file, original in made:
        tally, own = tallies.setdefault(name, Outcomes()), twins.get(bytes(original), {bytes(original)})
        half = original.parent.name
        found = list(hits(index, file, work / "originals"))
        others = [place for place, (path, _) in enumerate(found) if path not in own]
        at = next((place for place, (path, _) in enumerate(found) if path in own), None)
        tally.first.append(at == 0)
        tally.above.append(at is not None and at < min(others, default=len(found)))
        tally.copy.append(at is not None and found[at][1])
        tally.false.append(any(found[place][1] for place in others))
        elsewhere = hits(index, file, work / "originals" / ("1" if half == "0" else "0"))
        tally.false_elsewhere.append(any(copy for path, copy in elsewhere if path not in own))
    return tallies


def hits(index: Index, file: Path, within: Path) -> Iterator[tuple[bytes, bool]]:
    """The paths that are found for a file within a folder, and whether each is called a copy."""
    query = Query(k=20, min_score=0.0, fold=False, where=Filter(within=(os.fspath(within),)))
    for hit in index.similar(file, query).hits:
        yield hit.path, hit.match in COPIES


def table(folders: Sequence[Path], work: Path, pictures: int, pairs: int) -> Iterator[tuple[str, ...]]:
    """The table of alterations, all together, and the time of a query; files and index are kept below `work`."""
    made = make(folders, work, pictures, pairs)
    settings = Settings(models=MODELS, ocr="never")
    for _ in Index.update(work / "index", [work / "originals", work / "altered"], settings):
        pass
    began = time.monotonic()
    with Index.open(work / "index") as index:
        tallies = measure(index, work, made)
    seconds = (time.monotonic() - began) / (2 * len(made))
    yield "alteration", "queries", "first", "above", "copy", "false", "false elsewhere"
    for name, tally in tallies.items():
        yield name, f"{len(tally.first)}", *tally.cells()
    whole = Outcomes(
        *([one for tally in tallies.values() for one in getattr(tally, part)] for part in Outcomes.__slots__)
    )
    yield "all", f"{len(whole.first)}", *whole.cells()
    yield "time of a query", f"{seconds * 1000:.0f} ms"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.copies", description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path, help="folders of pictures, none a copy of another")
    parser.add_argument("--pictures", type=int, default=60, help="how many are taken (60)")
    parser.add_argument("--pairs", type=int, default=3, help="pairs of alterations of each picture (3)")
    parser.add_argument("--work", type=Path, help="where the pictures and the index are kept (a temporary folder)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        work = (options.work or Path(temporary)).absolute()
        for row in table(options.folders, work, options.pictures, options.pairs):
            print("".join(f"{cell:<20}" if column else f"{cell:<14}" for column, cell in enumerate(row)).rstrip())


if __name__ == "__main__":
    main()
