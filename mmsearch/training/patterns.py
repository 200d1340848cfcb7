"""Patterns, sheet music and crosswords."""

import numpy as np
from PIL import Image

from mmsearch.training.bars import colour_name
from mmsearch.training.canvas import Canvas, Colour
from mmsearch.training.charts import Drawn
from mmsearch.training.figures import ground, ink_on


def pattern(rng: np.random.Generator) -> Drawn:
    """Stripes, checks, dots, gradients, noise, one plain colour."""
    kind = str(rng.choice(["stripes", "checkerboard", "polka dots", "gradient", "noise", "plain"]))
    paper = ground(rng)
    canvas = Canvas(float(rng.uniform(80, 260)), float(rng.uniform(80, 220)), paper, rng)
    ink, step = ink_on(rng, paper), float(rng.uniform(7, 40))
    if kind in ("gradient", "noise"):
        picture = blended(rng, canvas, paper, ink, kind == "noise")
        return picture, (kind,), "", (f"{colour_name(ink)} and {colour_name(paper)}",)
    if kind != "plain":
        repeated(rng, canvas, ink, step, kind)
    said = (colour_name(paper),) if kind == "plain" else (f"{colour_name(ink)} and {colour_name(paper)}",)
    return canvas.picture(), (kind,), "", said


def repeated(rng: np.random.Generator, canvas: Canvas, ink: Colour, step: float, kind: str) -> None:
    """Stripes, checks or dots over the whole canvas."""
    w, h = canvas.width, canvas.height
    if kind == "stripes":
        slant = float(rng.choice([0, 0, 0.6, 50]))
        for i in range(-40, 60):
            a, b = i * step * 2, i * step * 2 + step
            if slant == 50:
                canvas.box(0, a, w, b, fill=ink)
            else:
                canvas.polygon([(a, 0), (b, 0), (b + slant * h, h), (a + slant * h, h)], fill=ink)
    elif kind == "checkerboard":
        for i in range(int(w / step) + 1):
            for j in range(int(h / step) + 1):
                if (i + j) % 2:
                    canvas.box(i * step, j * step, (i + 1) * step - 0.5, (j + 1) * step - 0.5, fill=ink)
    else:
        for j in range(int(h / step) + 2):
            for i in range(int(w / step) + 2):
                canvas.circle((i + j % 2 / 2) * step, j * step, step * 0.28, fill=ink)


def blended(rng: np.random.Generator, canvas: Canvas, paper: Colour, ink: Colour, noise: bool) -> Image.Image:
    """Two colours running into each other, straight or round, or mixed at random."""
    w, h = canvas.width, canvas.height
    yy, xx = np.mgrid[0 : canvas.height, 0 : canvas.width].astype(np.float32)
    turn = rng.uniform(0, 6)
    field = xx / w * np.cos(turn) + yy / h * np.sin(turn)
    if rng.random() < 0.3:
        field = np.hypot(xx - w / 2, yy - h / 2)
    if noise:
        field = rng.random(field.shape)
    field = (field - field.min()) / (np.ptp(field) + 1e-6)
    array = np.array(paper) + (np.array(ink) - np.array(paper)) * field[..., None]
    return Image.fromarray(array.astype(np.uint8))


def sheet_music(rng: np.random.Generator) -> Drawn:
    """Staves with notes; or crosswords."""
    paper: Colour = (255, 255, 255) if rng.random() < 0.7 else (248, 242, 225)
    if rng.random() < 0.3:
        return crossword(rng, paper)
    canvas = Canvas(float(rng.uniform(240, 420)), float(rng.uniform(100, 480)), paper, rng)
    gap = float(rng.uniform(4, 6.5))
    for top in np.arange(gap * 4, canvas.height - gap * 6, gap * 11):
        for k in range(5):
            canvas.line([(10, top + k * gap), (canvas.width - 10, top + k * gap)], (0, 0, 0), 0.7)
        canvas.text(14, top + gap * 2, "𝄞", gap * 6, (0, 0, 0), "icon", "lm")
        x = 46.0
        while x < canvas.width - 20:
            y, up = top + gap * float(rng.integers(-1, 10)) / 2, rng.random() < 0.5
            canvas.circle(x, y, gap * 0.55, fill=(0, 0, 0) if rng.random() < 0.75 else paper, outline=(0, 0, 0))
            side = gap * 0.5 if up else -gap * 0.5
            canvas.line([(x + side, y), (x + side, y - 3.4 * gap if up else y + 3.4 * gap)], (0, 0, 0), 1)
            x += float(rng.uniform(9, 24))
            if rng.random() < 0.15:
                canvas.line([(x - 5, top), (x - 5, top + 4 * gap)], (0, 0, 0), 1)
    return canvas.picture(), ("sheet music",), "", ("five lines with notes",)


def crossword(rng: np.random.Generator, paper: Colour) -> Drawn:
    """A grid of white and black squares, some numbered."""
    cells = int(rng.integers(6, 16))
    canvas = Canvas(cells * 14 + 8, cells * 14 + 8, paper, rng)
    for i in range(cells):
        for j in range(cells):
            x, y, black = 4 + i * 14, 4 + j * 14, rng.random() < 0.2
            canvas.box(x, y, x + 14, y + 14, fill=(0, 0, 0) if black else paper, outline=(0, 0, 0), width=0.8)
            if not black and rng.random() < 0.3:
                canvas.text(x + 2, y + 1, str(rng.integers(1, 40)), 5, (0, 0, 0))
    return canvas.picture(), ("crossword",), "", ("black and white squares",)
