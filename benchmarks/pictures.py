"""Photos for the benchmarks: smooth shapes, texture and the noise of a sensor, saved as cameras save them.

python -m benchmarks.pictures FOLDER WIDTH HEIGHT FILES
"""

from __future__ import annotations

import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

DISTINCT = 48  # drawn; further files are these with another comment inside, which costs decoders nothing
QUALITY = 88
OCTAVES = ((10, 60), (40, 30), (160, 20), (640, 14), (1600, 7))  # cells across, and how many grey levels up and down
COLOUR = 0.3  # of that, each colour on its own
SENSOR = 2.5  # standard deviation of the noise in grey levels


def make(folder: Path, width: int, height: int, files: int) -> list[Path]:
    """The first `files` photos of a folder, which are made where they are missing."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"photo {number:04d}.jpg" for number in range(files)]
    missing = [number for number, path in enumerate(paths) if not path.is_file()]
    if not missing:
        return paths
    print(f"Drawing {len(missing)} photos of {width} x {height} into {folder.name}.", file=sys.stderr)
    drawn = sorted({number % DISTINCT for number in missing})
    with ProcessPoolExecutor() as pool:
        data = dict(zip(drawn, pool.map(_jpeg, *zip(*((width, height, n) for n in drawn), strict=True)), strict=True))
    for number in missing:
        draft = paths[number].with_suffix(".part")
        draft.write_bytes(_numbered(data[number % DISTINCT], number))
        draft.rename(paths[number])
    return paths


def _jpeg(width: int, height: int, seed: int) -> bytes:
    from io import BytesIO

    file = BytesIO()
    draw(width, height, seed).save(file, "JPEG", quality=QUALITY)
    return file.getvalue()


def draw(width: int, height: int, seed: int) -> Image.Image:
    """A picture that is like another only if both its arguments and `seed` are: a PIL image, RGB."""
    import numpy as np
    from PIL import Image

    chance = np.random.default_rng(seed)
    scene = np.asarray(_shapes(chance, width, height), np.int16).copy()
    for cells, strength in OCTAVES:
        size = (cells * height // width, cells)
        small = 128 + strength * (chance.uniform(-1, 1, (*size, 1)) + COLOUR * chance.uniform(-1, 1, (*size, 3)))
        layer = Image.fromarray(small.astype(np.uint8)).resize((width, height), Image.Resampling.BICUBIC)
        scene += np.asarray(layer, np.int16)
        scene -= 128
    noise = (chance.standard_normal((height + 64, width), np.float32) * SENSOR).astype(np.int16)
    for colour in range(3):  # the same noise, shifted: what a sensor's own colours give after interpolation
        scene[:, :, colour] += noise[colour * 32 : colour * 32 + height]
    return Image.fromarray(np.clip(scene, 0, 255).astype(np.uint8))


def _shapes(chance: np.random.Generator, width: int, height: int) -> Image.Image:
    """A sky that darkens downwards, and shapes with sharp edges in front of it."""
    from PIL import Image, ImageDraw

    scene = Image.linear_gradient("L").resize((width, height)).convert("RGB")
    pen = ImageDraw.Draw(scene)
    for _ in range(60):
        x, y = chance.uniform(0, width), chance.uniform(0, height)
        across, down = chance.uniform(0.01, 0.15, 2) * width
        colour = tuple(int(level) for level in chance.integers(20, 236, 3))
        place = (x - across, y - down, x + across, y + down)
        (pen.ellipse if chance.random() < 0.5 else pen.rectangle)(place, fill=colour)
    return scene


def _numbered(jpeg: bytes, number: int) -> bytes:
    """The same picture in another file: with a comment of its own behind the first marker."""
    comment = f"{number:08d}".encode()
    return jpeg[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + jpeg[2:]


if __name__ == "__main__":
    make(Path(sys.argv[1]), *map(int, sys.argv[2:]))
