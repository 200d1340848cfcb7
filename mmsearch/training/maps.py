"""Street maps, maps of regions and heights, floor plans."""

import numpy as np
from PIL import Image, ImageDraw

from mmsearch.training import words
from mmsearch.training.canvas import Canvas, Point
from mmsearch.training.charts import Drawn
from mmsearch.training.diagrams import done, start
from mmsearch.training.rounds import levels
from mmsearch.training.style import Style, blend, ramp


def blob(rng: np.random.Generator, x: float, y: float, r: float, rough: float = 0.25, count: int = 60) -> list[Point]:
    """A closed irregular outline around a place."""
    turns = np.arange(count) * 2 * np.pi / count
    reach = np.ones(count)
    for k in range(2, 12):
        reach += rng.normal(0, rough / k) * np.sin(k * turns + rng.uniform(0, 6))
    return [(x + r * a * np.cos(t), y + r * a * np.sin(t)) for a, t in zip(np.maximum(reach, 0.2), turns, strict=True)]


def maps(rng: np.random.Generator) -> Drawn:
    """Street maps, maps of regions, heights; floor plans."""
    kind = str(rng.choice(["street map", "choropleth", "choropleth", "topographic map", "map", "floor plan"]))
    canvas, manner = start(rng, 220)
    w, h = canvas.width, canvas.height
    if kind == "street map":
        streets(canvas, manner, rng)
    elif kind == "choropleth":
        regions(canvas, manner, rng)
    elif kind == "topographic map":
        canvas.paste(levels(rng, manner, w, h, filled=rng.random() < 0.4), 0, 0, w, h)
        for _ in range(int(rng.integers(2, 8))):
            canvas.text(rng.uniform(0, w), rng.uniform(0, h), str(rng.integers(100, 3000)), 9, manner.ink)
    elif kind == "map":
        sea = ((170, 210, 240), (255, 255, 255), (30, 60, 110), (210, 230, 235))[rng.integers(4)]
        canvas.box(0, 0, w, h, fill=sea)
        land = blend(manner.palette[0], (240, 235, 210), 0.6)
        for _ in range(int(rng.integers(2, 7))):
            shape = blob(rng, rng.uniform(0, w), rng.uniform(0, h), rng.uniform(0.1, 0.35) * w, 0.5)
            canvas.polygon(shape, fill=land, outline=manner.ink)
        for _ in range(int(rng.integers(0, 9))):
            x, y = rng.uniform(10, w - 40), rng.uniform(10, h - 10)
            canvas.circle(x, y, 2.5, fill=(200, 30, 30))
            canvas.text(x + 5, y, words.pick(rng, words.GROUPS[6]), 9, (20, 20, 20))
    else:
        rooms(canvas, manner, rng, (10, 10, w - 10, h - 10), int(rng.integers(3, 8)))
    return done(canvas, manner, rng, kind)


def streets(canvas: Canvas, manner: Style, rng: np.random.Generator) -> None:
    """Blocks, parks, water and roads of two widths."""
    w, h = canvas.width, canvas.height
    canvas.box(0, 0, w, h, fill=blend(manner.background, (150, 140, 120), 0.12))
    for _ in range(int(rng.integers(1, 5))):
        tint = ((190, 225, 180), (170, 205, 240))[rng.integers(2)]
        canvas.polygon(blob(rng, rng.uniform(0, w), rng.uniform(0, h), rng.uniform(0.1, 0.25) * w), fill=tint)
    turn = float(rng.uniform(0, np.pi))
    small = blend(manner.background, (255, 255, 255), 0.8) if not manner.dark else (90, 90, 100)
    for k in range(int(rng.integers(12, 40))):
        angle = turn + (np.pi / 2 if k % 2 else 0) + rng.normal(0, 0.08)
        x, y, reach = rng.uniform(0, w), rng.uniform(0, h), rng.uniform(0.2, 1) * w
        a = (x - np.cos(angle) * reach, y - np.sin(angle) * reach)
        b = (x + np.cos(angle) * reach, y + np.sin(angle) * reach)
        canvas.line([a, b], small, float(rng.uniform(1.5, 4)))
    for _ in range(int(rng.integers(1, 4))):
        path = [(w * t, h * float(np.clip(0.5 + rng.normal(0, 0.25), 0, 1))) for t in (0, 0.3, 0.6, 1)]
        canvas.line(path, ((250, 200, 90), (240, 150, 110), (255, 230, 140))[rng.integers(3)], float(rng.uniform(4, 8)))
    for _ in range(int(rng.integers(2, 12))):
        name = f"{words.pick(rng, words.SURNAMES)} St"
        canvas.text(rng.uniform(0, w * 0.85), rng.uniform(0, h), name, float(rng.uniform(7, 10)), manner.ink)


def regions(canvas: Canvas, manner: Style, rng: np.random.Generator) -> None:
    """A country cut into regions (nearest of random seeds within an outline), coloured by value."""
    w, h = canvas.width, canvas.height
    mask = Image.new("L", (w, h), 0)
    pen = ImageDraw.Draw(mask)
    for k in range(int(rng.integers(1, 4))):
        x, y = w * rng.uniform(0.4, 0.6) if k == 0 else w * rng.uniform(0.1, 0.9), h * rng.uniform(0.4, 0.6)
        pen.polygon(blob(rng, x, y, min(w, h) * (0.42 if k == 0 else 0.15), 0.45, 120), fill=255)
    count = int(rng.integers(6, 60))
    seeds = rng.uniform(0, 1, (count, 2)) * (w, h)
    yy, xx = np.mgrid[0:h, 0:w]
    wobble = 4 * np.sin(yy / 7.0) + 3 * np.cos(xx / 5.0)
    nearest = np.argmin([(xx + wobble - a) ** 2 + (yy + wobble - b) ** 2 for a, b in seeds], 0)
    table = np.array([ramp(manner.stops, float(v)) for v in rng.uniform(0, 1, count)], np.uint8)
    if rng.random() < 0.3:
        table = np.array([manner.palette[int(i) % len(manner.palette)] for i in range(count)], np.uint8)
    picture = table[nearest]
    edge = np.zeros((h, w), bool)
    edge[:, 1:] |= nearest[:, 1:] != nearest[:, :-1]
    edge[1:] |= nearest[1:] != nearest[:-1]
    picture[edge] = manner.background if rng.random() < 0.6 else manner.ink
    picture[np.asarray(mask) == 0] = manner.background
    canvas.paste(Image.fromarray(picture), 0, 0, w, h)


def rooms(
    canvas: Canvas, manner: Style, rng: np.random.Generator, box: tuple[float, float, float, float], count: int
) -> None:
    """Walls, doors and names of rooms."""
    x0, y0, x1, y1 = box
    canvas.box(x0, y0, x1, y1, outline=manner.ink, width=3)
    if count <= 1 or min(x1 - x0, y1 - y0) < 40:
        name = words.pick(rng, ("Kitchen", "Bath", "Bedroom", "Living room", "Hall", "Office"))
        canvas.text((x0 + x1) / 2, (y0 + y1) / 2, name, 9, manner.ink, anchor="mm")
        canvas.box(x0 + 12, y1 - 3, x0 + 26, y1 + 3, fill=manner.background)
        canvas.draw.arc(
            [(x0 + 12) * 2, (y1 - 14) * 2, (x0 + 40) * 2, (y1 + 14) * 2], 180, 270, fill=manner.ink, width=2
        )
        return
    cut = float(rng.uniform(0.35, 0.65))
    if x1 - x0 > y1 - y0:
        rooms(canvas, manner, rng, (x0, y0, x0 + (x1 - x0) * cut, y1), count // 2)
        rooms(canvas, manner, rng, (x0 + (x1 - x0) * cut, y0, x1, y1), count - count // 2)
    else:
        rooms(canvas, manner, rng, (x0, y0, x1, y0 + (y1 - y0) * cut), count // 2)
        rooms(canvas, manner, rng, (x0, y0 + (y1 - y0) * cut, x1, y1), count - count // 2)
