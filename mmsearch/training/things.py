"""One thing before a white or plain ground, as in catalogues and collections: bodies with limbs, vessels, balls.

Photographs without a place in them are what a network takes for drawings or charts; these have texture, round shading
and soft edges, and nothing around them."""

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from mmsearch.training.charts import Drawn
from mmsearch.training.maps import blob
from mmsearch.training.nature import painted, shades
from mmsearch.training.scenes import camera, clouds, soft


def creature(rng: np.random.Generator, pen: ImageDraw.ImageDraw, parts: list[tuple[float, float, float]]) -> None:
    """Segments along an axis, limbs on both sides; appends (x, y, radius) of each part,
    whose number is its place in the list."""
    turn, limbs = rng.normal(0, 0.5), int(rng.choice([0, 2, 2, 3, 4]))
    c, s = np.cos(turn), np.sin(turn)
    side = pen.im.size[0]
    thick = rng.uniform(0.08, 0.24)

    def at(x: float, y: float) -> tuple[float, float]:
        return ((0.5 + x * c - y * s) * side, (0.5 + x * s + y * c) * side)

    for i in range(limbs):
        root = -0.2 + 0.4 * (i + 0.5) / max(limbs, 1)
        lean, long = rng.normal(root, 0.15), rng.uniform(0.2, 0.42)
        for sign in (-1, 1):
            parts.append((*at(root, 0), 0.2 * side))
            path = [at(root, 0), at(root + lean * 0.4, sign * long * 0.6), at(root + lean, sign * long)]
            pen.line(path, fill=len(parts) - 1, width=max(2, int(side * rng.uniform(0.012, 0.04))), joint="curve")
    x = -rng.uniform(0.25, 0.42)
    while x < 0.35:
        long, wide = rng.uniform(0.08, 0.35), thick * rng.uniform(0.5, 1.2)
        parts.append((*at(x + long / 2, 0), max(long, wide) * side / 2))
        around = np.linspace(0, 2 * np.pi, 40)
        outline = [at(x + long / 2 + long * 0.62 * np.cos(a), wide * np.sin(a)) for a in around]
        pen.polygon([(float(a), float(b)) for a, b in outline], fill=len(parts) - 1)
        x += long


def vessel(rng: np.random.Generator, pen: ImageDraw.ImageDraw, parts: list[tuple[float, float, float]]) -> None:
    """A turned body: bottles, vases, chess men, towers, lamps; a radius that changes with the height."""
    side, turn = pen.im.size[0], rng.normal(0, 0.15)
    knots = rng.uniform(0.05, 0.32, int(rng.integers(3, 9)))
    heights = np.linspace(-0.45, 0.45, 60)
    hard = rng.random() < 0.4
    radius = np.interp(heights, np.linspace(-0.45, 0.45, len(knots)), knots)
    if hard:
        radius = knots[np.minimum((np.arange(60) * len(knots)) // 60, len(knots) - 1)]
    c, s = np.cos(turn), np.sin(turn)
    right = [(r, y) for r, y in zip(radius, heights, strict=True)]
    outline = right + [(-r, y) for r, y in right[::-1]]
    placed = [((0.5 + x * c - y * s) * side, (0.5 + x * s + y * c) * side) for x, y in outline]
    parts.append((side / 2, side / 2, side * float(radius.max())))
    pen.polygon([(float(a), float(b)) for a, b in placed], fill=len(parts) - 1)


def lump(rng: np.random.Generator, pen: ImageDraw.ImageDraw, parts: list[tuple[float, float, float]]) -> None:
    """One to twelve round or ragged bodies that hide each other: fruit, stones, balls, bread, leaves."""
    side = pen.im.size[0]
    for _ in range(int(rng.choice([1, 1, 1, 2, 3, 6, 12]))):
        r = side * float(rng.uniform(0.12, 0.44))
        x, y = (float(v) for v in rng.normal(side / 2, side * 0.1, 2))
        parts.append((x, y, r))
        if rng.random() < 0.5:
            flat = rng.uniform(0.6, 1)
            pen.ellipse((x - r, y - r * flat, x + r, y + r * flat), fill=len(parts) - 1)
        else:
            pen.polygon(blob(rng, x, y, r, float(rng.uniform(0.1, 0.5))), fill=len(parts) - 1)


def plain_ground(rng: np.random.Generator, h: int, w: int) -> np.ndarray:
    """Pure white, or light and uneven, or any one colour; float32 (h, w, 3)."""
    if rng.random() < 0.45:
        return np.full((h, w, 3), 255, np.float32)
    base = rng.uniform(180, 255, 3) * 0.2 + rng.uniform(190, 250) * 0.8 if rng.random() < 0.7 else shades(rng, 1)[0]
    uneven = (clouds(rng, h, w, 0.3) - 0.5)[..., None] * rng.uniform(0, 50)
    return np.clip(base + uneven, 0, 255).astype(np.float32)


def thing(rng: np.random.Generator) -> Drawn:
    """A photograph-like picture of one thing, about 250 x 190 pixels."""
    w, h = int(rng.integers(150, 320)), int(rng.integers(150, 260))
    side = int(max(h, w) * rng.uniform(0.6, 1.15))
    labels, parts = Image.new("I", (side, side), 0), [(0.0, 0.0, float(side))]
    (creature, creature, vessel, lump)[rng.integers(4)](rng, ImageDraw.Draw(labels), parts)
    across, down = (float(share) for share in rng.uniform(0.6, 1, 2))
    small = np.asarray(labels.resize((int(side * across), int(side * down)), Image.Resampling.NEAREST))
    index = np.zeros((h, w), np.int64)
    top, left = (h - small.shape[0]) // 2, (w - small.shape[1]) // 2
    y0, x0, y1, x1 = max(0, top), max(0, left), min(h, top + small.shape[0]), min(w, left + small.shape[1])
    index[y0:y1, x0:x1] = small[y0 - top : y1 - top, x0 - left : x1 - left]
    x, y, radius = (np.array(values) for values in zip(*parts, strict=True))
    ground = plain_ground(rng, h, w)
    mask = Image.fromarray(((index > 0) * 255).astype(np.uint8))
    if rng.random() < 0.5:
        shadow = mask.filter(ImageFilter.GaussianBlur(float(rng.uniform(2, 12))))
        low = np.roll(np.asarray(shadow, np.float32), (int(rng.integers(0, 14)), int(rng.integers(-8, 8))), (0, 1))
        ground = ground * (1 - rng.uniform(0.1, 0.6) * low / 255)[..., None]
    made = painted(rng, index, x * across + left, y * down + top, np.maximum(radius, 4), None)
    if rng.random() < 0.3:
        made = soft(made, rng.uniform(0.3, 1))
    edge = np.asarray(mask.filter(ImageFilter.GaussianBlur(0.7)), np.float32)[..., None] / 255
    both = ground + (made - ground) * edge
    shot = camera(rng, both) if rng.random() < 0.5 else Image.fromarray(np.clip(both, 0, 255).astype(np.uint8))
    grey = rng.random() < 0.12
    if grey:
        shot = shot.convert("L").convert("RGB")
    looks = ("object photo", "photo", "?icon", "?drawing", "?logo", "?texture photo", *(["grey"] if grey else []))
    return shot, looks, "", ("one thing", "a plain background", "a camera picture")
