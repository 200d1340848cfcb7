"""Pictures of an unseen manner, for measuring only: other code, other fonts, hard edges. Never used for training."""

from itertools import pairwise

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from mmsearch.training import words

KINDS = ("page", "screenshot", "drawing", "table", "diagram")


def picture(kind: str, number: int) -> Image.Image:
    """One picture of a kind."""
    rng = np.random.default_rng([99, KINDS.index(kind), number])
    return globals()[f"draw_{kind}"](rng)


def face(size: float) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Pillow's own font, which the training pictures use only where no other is installed."""
    return ImageFont.load_default(size)


def blank(rng: np.random.Generator, least: int = 300, most: int = 700) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    """An empty light picture."""
    size = (int(rng.integers(least, most)), int(rng.integers(least, most)))
    tone = int(rng.integers(235, 256))
    image = Image.new("RGB", size, (tone, tone, min(255, tone + 3)))
    return image, ImageDraw.Draw(image)


def draw_page(rng: np.random.Generator) -> Image.Image:
    """Paragraphs with drop capitals, ragged right."""
    width = int(rng.integers(380, 620))
    image = Image.new("RGB", (width, int(width * 1.35)), (254, 253, 249))
    pen, size = ImageDraw.Draw(image), int(rng.integers(11, 17))
    lines = [words.sentence(rng, int(rng.integers(4, width // size // 3))) for _ in range(80)]
    for i in range(0, 80, int(rng.integers(5, 14))):
        lines[i] = ""
    pen.text((width // 9, width // 9), "\n".join(lines), (25, 25, 25), face(size), spacing=size // 2)
    pen.text((width // 9, width // 25), words.topic(rng).upper(), (25, 25, 25), face(size * 1.6))
    pen.rectangle((0, image.height - width // 10, width, image.height), (254, 253, 249))
    return image


def draw_screenshot(rng: np.random.Generator) -> Image.Image:
    """A grey desktop with raised windows and buttons of the nineties."""
    image = Image.new("RGB", (640, 480), tuple(int(v) for v in rng.integers(0, 160, 3)))
    pen = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(1, 4))):
        x, y = int(rng.integers(0, 250)), int(rng.integers(0, 160))
        x1, y1 = x + int(rng.integers(250, 390)), y + int(rng.integers(180, 300))
        pen.rectangle((x, y, x1, y1), (192, 192, 192), (255, 255, 255))
        pen.rectangle((x + 3, y + 3, x1 - 3, y + 22), (0, 0, 128))
        pen.text((x + 8, y + 6), words.topic(rng), (255, 255, 255), face(13))
        pen.rectangle((x + 8, y + 44, x1 - 8, y1 - 40), (255, 255, 255), (90, 90, 90))
        for row in range(y + 50, y1 - 58, 18):
            pen.text((x + 14, row), f"{words.person(rng)}   {words.topic(rng)}", (0, 0, 0), face(12))
        pen.text((x + 8, y + 26), "File   Edit   View   Help", (0, 0, 0), face(12))
        for i in range(3):
            left = x1 - 90 * (i + 1)
            pen.rectangle((left, y1 - 32, left + 78, y1 - 8), (200, 200, 200), (60, 60, 60))
            pen.text((left + 18, y1 - 28), ("OK", "Cancel", "Apply")[i], (0, 0, 0), face(12))
    pen.rectangle((0, 452, 640, 480), (192, 192, 192))
    pen.text((10, 458), "Start", (0, 0, 0), face(14))
    return image


def draw_drawing(rng: np.random.Generator) -> Image.Image:
    """Figures of thick outlines: a fish, a boat, a face, a snowman, a car."""
    image, pen = blank(rng)
    w, h = image.size
    hues = [tuple(int(v) for v in rng.integers(40, 256, 3)) for _ in range(5)]
    kind, s = int(rng.integers(5)), min(w, h) // 3
    x, y, black = w // 2, h // 2, (0, 0, 0)
    pen.rectangle((0, y + s // 2, w, h), hues[4])
    if kind == 0:
        pen.polygon((x - s, y - s // 2, x - s, y + s // 2, x - s // 2, y), hues[1], black, 4)
        pen.ellipse((x - s * 0.7, y - s * 0.5, x + s, y + s * 0.5), hues[0], black, 4)
        pen.ellipse((x + s * 0.5, y - s * 0.2, x + s * 0.65, y - s * 0.05), black)
    elif kind == 1:
        pen.polygon((x - s, y, x + s, y, x + s // 2, y + s // 2, x - s // 2, y + s // 2), hues[0], black, 4)
        pen.polygon((x, y - s, x, y - 10, x + s * 0.7, y - 10), hues[1], black, 4)
    elif kind == 2:
        pen.ellipse((x - s, y - s, x + s, y + s), hues[0], black, 5)
        for side in (-1, 1):
            pen.ellipse((x + side * s * 0.4 - 12, y - s * 0.3 - 12, x + side * s * 0.4 + 12, y - s * 0.3 + 12), black)
        pen.arc((x - s // 2, y - s // 4, x + s // 2, y + s // 2), 10, 170, black, 6)
    elif kind == 3:
        for i, r in enumerate((0.55, 0.4, 0.28)):
            pen.ellipse(
                (x - s * r, y + s * (0.5 - i * 0.7) - s * r, x + s * r, y + s * (0.5 - i * 0.7) + s * r),
                (255, 255, 255),
                black,
                4,
            )
        pen.polygon((x, y - s, x + s // 3, y - s * 0.9, x, y - s * 0.85), (255, 140, 0))
    else:
        pen.rounded_rectangle((x - s, y - s // 4, x + s, y + s // 3), 20, hues[0], black, 4)
        pen.polygon(
            (x - s // 2, y - s // 4, x - s // 3, y - s * 0.7, x + s // 3, y - s * 0.7, x + s // 2, y - s // 4),
            hues[2],
            black,
            4,
        )
        for side in (-1, 1):
            pen.ellipse((x + side * s * 0.55 - 25, y + s * 0.2, x + side * s * 0.55 + 25, y + s * 0.2 + 50), black)
    return image


def draw_table(rng: np.random.Generator) -> Image.Image:
    """Cells of unequal width, double rules, centred numbers."""
    rows, columns = int(rng.integers(4, 18)), int(rng.integers(3, 8))
    widths = rng.integers(55, 130, columns)
    image = Image.new("RGB", (int(widths.sum()) + 40, rows * 26 + 60), (255, 255, 255))
    pen, x = ImageDraw.Draw(image), 20
    pen.text((20, 6), words.topic(rng), (0, 0, 0), face(15))
    for j, width in enumerate(widths.tolist()):
        for i in range(rows):
            y = 34 + i * 26
            pen.rectangle((x, y, x + width, y + 26), (225, 235, 225) if i == 0 else None, (120, 120, 120))
            text = words.pick(rng, words.SUBJECTS) if i == 0 or j == 0 else str(int(rng.integers(0, 9999)))
            pen.text((x + width / 2, y + 13), text, (0, 0, 0), face(12), anchor="mm")
        x += width
    pen.rectangle((18, 32, x + 2, 36 + rows * 26), None, (0, 0, 0), 2)
    return image


def draw_diagram(rng: np.random.Generator) -> Image.Image:
    """Ellipses and boxes in rows, joined by lines with corners and filled heads."""
    image, pen = blank(rng, 380)
    w, h = image.size
    rows = int(rng.integers(2, 5))
    counts = [int(rng.integers(1, 4)) for _ in range(rows)]
    places = [[((j + 0.5) * w / n, (i + 0.5) * h / rows) for j in range(n)] for i, n in enumerate(counts)]
    for upper, lower in pairwise(places):
        for a, b in upper:
            for x, y in lower:
                pen.line((a, b + 22, a, (b + y) / 2, x, (b + y) / 2, x, y - 22), (60, 60, 60), 3)
                pen.polygon((x, y - 20, x - 7, y - 34, x + 7, y - 34), (60, 60, 60))
    for x, y in (place for row in places for place in row):
        hue = tuple(int(v) for v in rng.integers(150, 256, 3))
        shape = pen.ellipse if rng.random() < 0.5 else pen.rectangle
        shape((x - 48, y - 22, x + 48, y + 22), hue, (0, 0, 0), 2)
        pen.text((x, y), words.pick(rng, words.ITEMS), (0, 0, 0), face(12), anchor="mm")
    return image
