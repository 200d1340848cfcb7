"""Photograph-like pictures of things: occluding shapes, random networks, strands, trees, people, single objects.

After known statistics of natural images: shapes of every size that hide each other (Lee, Mumford and Huang 2001,
"Occlusion models for natural images") and random networks (Baradad and others 2021, "Learning to see by looking at
noise"). A single object before a plain ground has texture, round shading and soft edges, and nothing around it.
"""

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from training.charts import Drawn
from training.graphics import blob
from training.photo_scenes import camera, clouds, landscape, natural, ray_traced, soft, tint

Picture = np.ndarray  # float32 (height, width, 3), 0 to 255


def shades(rng: np.random.Generator, count: int) -> np.ndarray:
    """float64 (count, 3): the colours of one scene, variations of two to five natural ones."""
    bases = np.stack([natural(rng) for _ in range(int(rng.integers(2, 6)))])
    light = np.exp(rng.normal(0, rng.uniform(0.1, 0.5), (count, 1)))
    return np.clip(bases[rng.integers(0, len(bases), count)] * light + rng.normal(0, 9, (count, 3)), 0, 255)


def leaves(rng: np.random.Generator, h: int, w: int, back: Picture | None = None) -> Picture:
    """Shapes with sizes after a power law, each hiding what lies behind it, each with its own texture and shade."""
    count, kind = int(rng.choice([30, 100, 300, 700])), int(rng.integers(5))
    least, most = 2.0, min(h, w) * float(rng.uniform(0.1, 0.5))
    numbers = Image.new("I", (w, h), 0)
    pen = ImageDraw.Draw(numbers)
    radius = (least**-1.5 + rng.random(count) * (most**-1.5 - least**-1.5)) ** (-1 / 1.5)
    x, y = rng.uniform(0, w, count), rng.uniform(0, h, count)
    if rng.random() < 0.4:  # things on a ground: nearer ones are lower and larger
        y = np.sort(h * (0.25 + 0.75 * rng.random(count)))
        radius *= 0.3 + 1.2 * y / h
    if back is not None:  # a group before a background
        x, y = (
            rng.normal(rng.uniform(0.3, 0.7) * w, w * 0.2, count),
            rng.normal(rng.uniform(0.4, 0.8) * h, h * 0.2, count),
        )
    turn = rng.uniform(0, 2 * np.pi) if rng.random() < 0.4 else rng.uniform(0, 2 * np.pi, count)
    turn = np.broadcast_to(turn, count) + rng.normal(0, 0.3, count)
    for i, r in enumerate(radius.tolist()):
        some = kind if kind < 4 else int(rng.integers(4))
        if some == 0:
            pen.ellipse((x[i] - r, y[i] - r, x[i] + r, y[i] + r * rng.uniform(0.3, 1)), fill=i + 1)
        elif some == 1:
            pen.polygon(blob(rng, x[i], y[i], r, 0.4), fill=i + 1)
        else:
            long, thick = r * (1.6 if some == 2 else 3.5), r * (0.8 if some == 2 else 0.25)
            corners = np.array([(-long, -thick), (long, -thick * 0.8), (long, thick), (-long, thick * 0.8)])
            c, s = np.cos(turn[i]), np.sin(turn[i])
            turned = corners @ np.array([[c, s], [-s, c]]) + (x[i], y[i])
            pen.polygon([(float(a), float(b)) for a, b in turned], fill=i + 1)
    index = np.asarray(numbers)
    return painted(rng, index, np.append(0, x), np.append(0, y), np.append(max(h, w), radius), back)


def painted(
    rng: np.random.Generator, index: np.ndarray, x: np.ndarray, y: np.ndarray, radius: np.ndarray, back: Picture | None
) -> Picture:
    """Colours, textures and shades for numbered shapes with these middles and sizes; number 0 is the background."""
    h, w = index.shape
    colours, light = shades(rng, len(x)), rng.uniform(0, 2 * np.pi)
    yy, xx = np.mgrid[0:h, 0:w]
    slope = ((xx - x[index]) * np.cos(light) + (yy - y[index]) * np.sin(light)) / radius[index]
    fields = np.stack([clouds(rng, h, w, float(rng.uniform(0.4, 1)), int(rng.choice([2, 6, 16]))) for _ in range(3)])
    grain = np.take_along_axis(fields, (index % 3)[None], 0)[0]
    depth = rng.uniform(0, 0.9, len(x))[index] * (grain - 0.5)
    round_ = rng.uniform(0, 0.6) * np.clip(slope, -1.2, 1.2)
    made = colours[index] * np.clip(1 + depth * 1.2 + round_, 0.05, 2)[..., None]
    if back is not None:
        made = np.where((index > 0)[..., None], made, back)
    result: Picture = made.astype(np.float32)
    return result


def dream(rng: np.random.Generator, h: int, w: int) -> Picture:
    """What a network of random weights makes of noise: smooth bodies, edges and textures that belong together."""
    width = 12
    x = rng.normal(0, 1, (5, 6, width)).astype(np.float32)
    for _ in range(5):
        size = (min(h, x.shape[0] * 2), min(w, x.shape[1] * 2))
        planes = [
            Image.fromarray(x[..., k]).resize((size[1], size[0]), Image.Resampling.BILINEAR) for k in range(width)
        ]
        x = np.stack([np.asarray(plane) for plane in planes], 2)
        mixed = np.zeros_like(x)
        for dy, dx in ((0, 0), (0, 1), (1, 0), (0, -1), (-1, 0)):
            kernel = rng.normal(0, 1 / np.sqrt(5 * width), (width, width)).astype(np.float32)
            mixed += np.roll(x, (dy, dx), (0, 1)) @ kernel
        noise = rng.normal(0, float(rng.uniform(0, 0.5)), (*size, 1)).astype(np.float32)
        x = mixed + noise * rng.normal(0, 1, width).astype(np.float32)
        x = np.where(x > 0, x, 0.2 * x)
        x = (x - x.mean((0, 1))) / (x.std((0, 1)) + 1e-3)
    grey, hue = x @ rng.normal(0, 1, width), x @ rng.normal(0, 1, (width, 3))
    raw = np.asarray(natural(rng)) + 55 * (grey / grey.std())[..., None] + rng.uniform(3, 22) * hue / hue.std()
    planes = [
        Image.fromarray(raw[..., k].astype(np.float32)).resize((w, h), Image.Resampling.BICUBIC) for k in range(3)
    ]
    return np.stack([np.asarray(plane) for plane in planes], 2)


def strands(rng: np.random.Generator, h: int, w: int) -> Picture:
    """Grass, fur, straw, waves: thousands of short strokes that follow a flow, or grow upwards from the ground."""
    under = tint(rng, clouds(rng, h, w))
    image = Image.fromarray(np.clip(under * 0.6, 0, 255).astype(np.uint8))
    pen, turn = ImageDraw.Draw(image), clouds(rng, h, w, 0.4) * rng.uniform(1, 7) + rng.uniform(0, 6)
    light, count = clouds(rng, h, w, 0.5), int(rng.integers(700, 3500))
    hues = shades(rng, count)
    grass, long = rng.random() < 0.4, float(rng.uniform(4, 22))
    ys = np.sort(rng.uniform(0, h, count)) if grass else rng.uniform(0, h, count)
    for hue, x, y in zip(hues, rng.uniform(0, w, count), ys, strict=True):
        at = (int(min(y, h - 1)), int(min(x, w - 1)))
        angle = -1.57 + rng.normal(0, 0.35) if grass else turn[at] + rng.normal(0, 0.15)
        reach = long * (0.4 + 1.2 * y / h if grass else 1)
        ink = tuple(int(v) for v in np.clip(hue * (0.4 + light[at]), 0, 255))
        pen.line((x, y, x + reach * np.cos(angle), y + reach * np.sin(angle)), fill=ink, width=int(rng.integers(1, 3)))
    return np.asarray(image, np.float32).copy()


def branches(rng: np.random.Generator, h: int, w: int) -> Picture:
    """Bare or leafy trees, poles and wires before a bright sky."""
    sky = landscape(rng, h, w, str(rng.choice(["sky", "sunset", "landscape"])))
    image = Image.fromarray(np.clip(sky, 0, 255).astype(np.uint8))
    pen, bark = ImageDraw.Draw(image), natural(rng) * rng.uniform(0.15, 0.8)
    leaf = shades(rng, 40)
    leafy = rng.random() < 0.6
    ends: list[tuple[float, float, float, float, float]] = []
    for _ in range(int(rng.integers(1, 4))):
        ends.append((rng.uniform(0, w), h * rng.uniform(0.8, 1.1), -1.57, h * rng.uniform(0.15, 0.3), w * 0.03))
    while ends:
        x, y, angle, long, wide = ends.pop()
        a, b = x + long * np.cos(angle), y + long * np.sin(angle)
        pen.line((x, y, a, b), fill=tuple(int(v) for v in bark), width=max(1, int(wide)))
        if long < h * 0.035:
            for _ in range(6 if leafy else 0):
                p, q, r = a + rng.normal(0, 4), b + rng.normal(0, 4), rng.uniform(1, 3.5)
                pen.ellipse((p - r, q - r, p + r, q + r), fill=tuple(int(v) for v in leaf[rng.integers(40)]))
            continue
        for _ in range(int(rng.integers(2, 4))):
            ends.append((a, b, angle + rng.normal(0, 0.5), long * rng.uniform(0.6, 0.85), wide * 0.6))
    if rng.random() < 0.3:
        for _ in range(int(rng.integers(1, 6))):
            y = rng.uniform(0, h)
            pen.line((0, y, w, y + rng.normal(0, h * 0.15)), fill=(30, 30, 35), width=1)
    return soft(np.asarray(image), rng.uniform(0, 0.8))


def people(rng: np.random.Generator, h: int, w: int) -> Picture:
    """One to a dozen people: heads, hair and shoulders of shaded ovals before a blurred place."""
    picture = soft(some_place(rng, h, w), rng.uniform(0.5, 5))
    crowd = rng.random() < 0.35
    for i in range(int(rng.integers(4, 13)) if crowd else int(rng.integers(1, 3))):
        r = h * float(rng.uniform(0.05, 0.1) if crowd else rng.uniform(0.1, 0.28))
        x, y = rng.uniform(0.1, 0.9) * w, h * rng.uniform(0.2, 0.6) + (i * h * 0.03 if crowd else 0)
        skin = np.array((215, 165, 135)) * rng.uniform(0.3, 1.15) + rng.normal(0, 8, 3)
        cloth, hair = natural(rng), np.array((90, 65, 45)) * rng.uniform(0.2, 2)
        oval(rng, picture, x, y + 3.1 * r, 1.7 * r, 2.1 * r, cloth)
        oval(rng, picture, x, y - 0.25 * r, 0.95 * r, 1.15 * r, hair)
        oval(rng, picture, x, y + 0.9 * r, 0.4 * r, 0.6 * r, skin * 0.8)
        oval(rng, picture, x, y, 0.75 * r, r, skin)
        for side in (-0.3, 0.3):
            oval(rng, picture, x + side * r, y - 0.1 * r, 0.13 * r, 0.08 * r, skin * 0.3)
        oval(rng, picture, x, y + 0.5 * r, 0.25 * r, 0.07 * r, skin * np.array((0.8, 0.5, 0.5)))
    return picture


def oval(rng: np.random.Generator, picture: Picture, x: float, y: float, a: float, b: float, hue: np.ndarray) -> None:
    """A shaded, softly edged, textured oval, in place."""
    h, w = picture.shape[:2]
    x0, x1, y0, y1 = max(0, int(x - a - 2)), min(w, int(x + a + 3)), max(0, int(y - b - 2)), min(h, int(y + b + 3))
    if x1 - x0 < 2 or y1 - y0 < 2:
        return
    yy, xx = np.mgrid[y0:y1, x0:x1]
    away = ((xx - x) / a) ** 2 + ((yy - y) / b) ** 2
    alpha = np.clip((1 - away) * min(a, b) / 2, 0, 1)[..., None]
    grain = clouds(rng, y1 - y0, x1 - x0, 0.8, 4) * 0.5 + 0.75
    made = hue * (grain * (1.05 - 0.35 * away + 0.3 * (xx - x) / a))[..., None]
    part = picture[y0:y1, x0:x1]
    part += (made - part) * alpha


def some_place(rng: np.random.Generator, h: int, w: int) -> Picture:
    """A background of any kind."""
    kind = int(rng.integers(5))
    if kind == 0:
        return landscape(rng, h, w, str(rng.choice(["landscape", "sea", "sky", "sunset"])))
    if kind == 1:
        return ray_traced(rng, h, w)
    if kind == 2:
        return leaves(rng, h, w)
    return dream(rng, h, w) if kind == 3 else tint(rng, clouds(rng, h, w, 0.4)).astype(np.float32)


def mixed(rng: np.random.Generator, h: int, w: int) -> Picture:
    """Things before a place, one of both out of focus; or two places, one above the other."""
    back = some_place(rng, h, w)
    if rng.random() < 0.3:
        edge = clouds(rng, 2, w, 0.5)[0] * h * 0.4 + rng.uniform(0.2, 0.6) * h
        low = np.arange(h)[:, None] > edge[None]
        return np.where(low[..., None], some_place(rng, h, w), back)
    return leaves(rng, h, w, soft(back, rng.uniform(0, 6)))


def product(rng: np.random.Generator, h: int, w: int) -> Picture:
    """A few things before white or a smooth ground, as in catalogues, in snow and in fog."""
    light = rng.uniform(190, 255)
    ground = light + (clouds(rng, h, w, 0.3) - 0.5)[..., None] * rng.uniform(0, 50) + rng.normal(0, 4, 3)
    return leaves(rng, h, w, ground) if rng.random() < 0.6 else people(rng, h, w) * 0.4 + ground * 0.6


KINDS = {leaves: 3.0, dream: 2.5, strands: 1.2, branches: 1.2, people: 2.0, mixed: 3.0, ray_traced: 4.0, product: 1.5}


def developed(rng: np.random.Generator, picture: Picture) -> Picture:
    """Brightness and colour as in photographs: black and white points, a curve, mostly muted colours."""
    grey = picture.mean(2, keepdims=True)
    low, high = np.percentile(grey, (1, 99))
    black, white = rng.uniform(0, 50), rng.uniform(150, 262)
    level = np.clip((grey - low) / max(high - low, 20.0), 0, 1.1) ** np.exp(rng.normal(0, 0.3))
    chroma = picture - grey
    wanted = float(np.exp(rng.normal(np.log(16), 0.6)))  # standard deviation in levels
    chroma *= min(wanted / (float(chroma.std()) + 1e-3), 3)
    result: Picture = (black + (white - black) * level + chroma).astype(np.float32)
    return result


def photo(rng: np.random.Generator) -> Drawn:
    """One photograph-like picture of about 250 x 190 pixels; what is in it cannot be said."""
    w, h = int(rng.integers(150, 320)), int(rng.integers(150, 260))
    weights = np.array(list(KINDS.values()))
    kind = list(KINDS)[int(rng.choice(len(KINDS), p=weights / weights.sum()))]
    shot = camera(rng, developed(rng, kind(rng, h, w)))
    grey = rng.random() < 0.15
    if grey:
        shot = shot.convert("L").convert("RGB")
    doubtful = ("?landscape", "?sky", "?sea", "?sunset", "?object photo", "?texture photo", "?bokeh", "?night")
    labels = ("photo", *doubtful, *(["grey"] if grey else []), *(["?dark"] if np.asarray(shot).mean() < 70 else []))
    return shot, labels, "", ("natural light", "shadows", "a camera picture")


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


def object_photo(rng: np.random.Generator) -> Drawn:
    """A photograph-like picture of one object_photo, about 250 x 190 pixels."""
    w, h = int(rng.integers(150, 320)), int(rng.integers(150, 260))
    side = int(max(h, w) * rng.uniform(0.6, 1.15))
    numbers, parts = Image.new("I", (side, side), 0), [(0.0, 0.0, float(side))]
    (creature, creature, vessel, lump)[rng.integers(4)](rng, ImageDraw.Draw(numbers), parts)
    across, down = (float(share) for share in rng.uniform(0.6, 1, 2))
    small = np.asarray(numbers.resize((int(side * across), int(side * down)), Image.Resampling.NEAREST))
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
    labels = ("object photo", "photo", "?icon", "?drawing", "?logo", "?texture photo", *(["grey"] if grey else []))
    return shot, labels, "", ("one object_photo", "a plain background", "a camera picture")
