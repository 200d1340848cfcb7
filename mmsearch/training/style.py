"""The manner of a picture: colours, type sizes, grid, frame. Every manner can meet every kind of picture."""

from dataclasses import dataclass

import numpy as np

from mmsearch.training.canvas import Colour

PALETTES: tuple[tuple[str, ...], ...] = tuple(
    tuple(line.split())
    for line in """1f77b4 ff7f0e 2ca02c d62728 9467bd 8c564b e377c2 7f7f7f
4c72b0 dd8452 55a868 c44e52 8172b3 937860 da8bc3 8c8c8c
4285f4 ea4335 fbbc04 34a853 ff6d01 46bdc6 7baaf7 f07b72
f8766d 7cae00 00bfc4 c77cff e58700 00bc59 ff65aa 00b0f6
4472c4 ed7d31 a5a5a5 ffc000 5b9bd5 70ad47 264478 9e480e
4b78a8 f18722 e34a4f 70b6b0 55a04a ecc744 b27ba2 ff9aa5
66c2a5 fc8d62 8da0cb e78ac3 a6d854 ffd92f e5c494 b3b3b3
e41a1c 377eb8 4daf4a 984ea3 ff7f00 ffff33 a65628 f781bf
264653 2a9d8f e9c46a f4a261 e76f51 8ab17d 287271 babb74
636efa ef553b 00cc96 ab63fa ffa15a 19d3f3 ff6692 b6e880
003f5c 58508d bc5090 ff6361 ffa600 2f4b7c 665191 a05195
222222 555555 888888 bbbbbb 333333 777777 aaaaaa 999999
08519c 3182bd 6baed6 9ecae1 c6dbef 2171b5 4292c6 084594
b10026 e31a1c fc4e2a fd8d3c feb24c fed976 bd0026 800026""".splitlines()
)
# Colour ramps for values, low to high.
RAMPS: tuple[tuple[str, ...], ...] = tuple(
    tuple(line.split())
    for line in """440154 3b528b 21918c 5ec962 fde725
f7fbff 9ecae1 3182bd 08306b
fff5eb fdae6b e6550d 7f2704
2166ac 92c5de f7f7f7 f4a582 b2182b
0d0887 9c179e ed7953 f0f921
ffffe5 78c679 004529
000004 721f81 f1605d fcfdbf
00007f 00bfff 7fff7f ffbf00 7f0000
ffffff 969696 000000
ffffcc 41b6c4 253494""".splitlines()
)


def colour(code: str) -> Colour:
    """RGB from six hexadecimal digits."""
    return (int(code[0:2], 16), int(code[2:4], 16), int(code[4:6], 16))


def blend(a: Colour, b: Colour, share: float) -> Colour:
    """`share` of b, the rest a."""
    return tuple(round(x + (y - x) * share) for x, y in zip(a, b, strict=True))  # type: ignore[return-value]


def ramp(stops: tuple[Colour, ...], at: float) -> Colour:
    """The colour at a place in [0, 1] of a ramp."""
    position = min(max(at, 0.0), 1.0) * (len(stops) - 1)
    index = min(int(position), len(stops) - 2)
    return blend(stops[index], stops[index + 1], position - index)


@dataclass(frozen=True, slots=True)
class Style:
    """One manner of drawing; colours RGB, lengths in final pixels."""

    background: Colour
    panel: Colour  # behind the data
    ink: Colour  # text and axes
    grid: Colour
    grid_lines: str  # "", "x", "y", "xy"
    grid_dash: float
    frame: str  # "box", "left", "none", "bottom"
    ticks: float  # length
    type_size: float
    palette: tuple[Colour, ...]
    stops: tuple[Colour, ...]  # a ramp for values
    stroke: float  # width of data lines
    edge: Colour | None  # around bars and wedges
    rounding: float
    dark: bool


def style(rng: np.random.Generator, type_size: float | None = None) -> Style:
    """A manner by chance; about one in eight is dark."""
    dark = rng.random() < 0.13
    if dark:
        background = colour(str(rng.choice("000000 111111 1e1e2e 222222 0d1b2a 2b2b2b 121826 1f2937".split())))
        ink: Colour = blend(background, (255, 255, 255), rng.uniform(0.6, 1.0))
    else:
        tints = "f8f9fa f5f5f0 fdf6e3 eef3f8 f0f0f0 fffaf0 e8eef2 dddddd"
        background = colour("ffffff" if rng.random() < 0.7 else str(rng.choice(tints.split())))
        ink = blend(colour(str(rng.choice("000000 333333 444444 2b3a55 555555 888888".split()))), background, 0.05)
    panel = background
    if rng.random() < 0.22:
        panel = blend(background, (255, 255, 255) if dark else (140, 150, 180), rng.uniform(0.05, 0.25))
    grid = (255, 255, 255) if panel != background and rng.random() < 0.6 and not dark else blend(panel, ink, 0.15)
    edge = (background, ink, None, None, None, None)[rng.integers(6)]
    palette = [colour(code) for code in PALETTES[rng.integers(len(PALETTES))]]
    start = int(rng.integers(4)) if rng.random() < 0.5 else 0
    ramps = [colour(code) for code in RAMPS[rng.integers(len(RAMPS))]]
    return Style(
        background=background,
        panel=panel,
        ink=ink,
        grid=grid,
        grid_lines=str(rng.choice(["", "", "y", "y", "xy", "xy", "xy", "x"])),
        grid_dash=float(rng.choice([0, 0, 0, 2, 4])),
        frame=str(rng.choice(["box", "box", "left", "left", "left", "none", "bottom"])),
        ticks=float(rng.choice([0, 3, 4, 5])),
        type_size=type_size or float(rng.uniform(7, 15)),
        palette=tuple(palette[start:] + palette[:start]),
        stops=tuple(ramps if rng.random() < 0.8 else reversed(ramps)),
        stroke=float(rng.choice([1, 1.5, 2, 2, 2.5, 3, 4])),
        edge=edge,
        rounding=float(rng.choice([0, 0, 0, 0, 3, 6])),
        dark=dark,
    )
