"""Mind maps, Venn diagrams, timelines, system diagrams and circuits."""

import numpy as np
from PIL import Image

from mmsearch.training import words
from mmsearch.training.canvas import Canvas
from mmsearch.training.charts import Drawn
from mmsearch.training.diagrams import arrow, done, node, start
from mmsearch.training.style import Style, blend


def idea(rng: np.random.Generator) -> Drawn:
    """Mind maps, Venn diagrams, timelines, system diagrams, circuits."""
    canvas, manner = start(rng, 240)
    kind = str(rng.choice(list(IDEAS)))
    IDEAS[kind](canvas, manner, rng)
    return done(canvas, manner, rng, kind)


def mind_map(canvas: Canvas, manner: Style, rng: np.random.Generator) -> None:
    """A middle with branches."""
    w, h, p = canvas.width, canvas.height, manner.palette
    for i, turn in enumerate(np.arange(k := int(rng.integers(4, 9))) * 2 * np.pi / k + 0.3):
        x, y = w / 2 + np.cos(turn) * w * 0.34, h / 2 + np.sin(turn) * h * 0.36
        canvas.line([(w / 2, h / 2), (x, y)], p[i % len(p)], 2.5)
        node(canvas, manner, rng, x, y, 70, 24, "round", blend(p[i % len(p)], manner.background, 0.5))
    node(canvas, manner, rng, w / 2, h / 2, 90, 36, "round", p[0])


def venn(canvas: Canvas, manner: Style, rng: np.random.Generator) -> None:
    """Overlapping discs."""
    w, h, p = canvas.width, canvas.height, manner.palette
    r, many, hollow = min(w, h) * 0.28, int(rng.integers(2, 4)), rng.random() < 0.3
    array = np.asarray(canvas.picture(), np.float32)
    yy, xx = np.mgrid[0 : array.shape[0], 0 : array.shape[1]]
    for i in range(many):
        turn = i * 2 * np.pi / many + (0 if many == 2 else -np.pi / 2)
        x, y = w / 2 + np.cos(turn) * r * 0.6, h / 2 + np.sin(turn) * r * 0.6
        inside = (xx - x) ** 2 + (yy - y) ** 2 < r * r
        if not hollow:
            array[inside] = array[inside] * 0.5 + np.array(p[i]) * 0.5
    canvas.paste(Image.fromarray(array.astype(np.uint8)), 0, 0, w, h)
    for i in range(many):
        turn = i * 2 * np.pi / many + (0 if many == 2 else -np.pi / 2)
        x, y = w / 2 + np.cos(turn) * r * 0.6, h / 2 + np.sin(turn) * r * 0.6
        canvas.circle(x, y, r, outline=manner.ink)
        canvas.text(
            x + np.cos(turn) * r * 0.5,
            y + np.sin(turn) * r * 0.5,
            words.pick(rng, words.ITEMS),
            10,
            manner.ink,
            anchor="mm",
        )


def timeline(canvas: Canvas, manner: Style, rng: np.random.Generator) -> None:
    """Years along a line."""
    w, h, p = canvas.width, canvas.height, manner.palette
    canvas.line([(w * 0.05, h / 2), (w * 0.95, h / 2)], manner.ink, 3)
    for i in range(k := int(rng.integers(3, 8))):
        x, side = w * (0.1 + 0.8 * i / (k - 1)), 1 if i % 2 else -1
        canvas.circle(x, h / 2, 6, fill=p[i % len(p)])
        canvas.line([(x, h / 2), (x, h / 2 + side * h * 0.18)], manner.ink, 1)
        canvas.text(x, h / 2 + side * h * 0.24, str(1950 + i * 9), 11, manner.ink, "bold", "mm")
        canvas.text(x, h / 2 + side * h * 0.32, words.pick(rng, words.ITEMS), 9, manner.ink, anchor="mm")


def architecture(canvas: Canvas, manner: Style, rng: np.random.Generator) -> None:
    """Blocks on a ground, some joined."""
    w, h, p = canvas.width, canvas.height, manner.palette
    outer = (w * 0.04, h * 0.06, w * 0.96, h * 0.94)
    canvas.box(*outer, fill=blend(manner.background, p[0], 0.08), outline=manner.ink)
    columns, rows = int(rng.integers(2, 5)), int(rng.integers(2, 4))
    for i in range(columns):
        for j in range(rows):
            x, y = w * (0.06 + 0.88 * (i + 0.5) / columns), h * (0.1 + 0.82 * (j + 0.5) / rows)
            if i + 1 < columns and rng.random() < 0.7:
                arrow(canvas, (x, y), (x + w * 0.88 / columns * 0.66, y), manner.ink)
            node(
                canvas,
                manner,
                rng,
                x,
                y,
                w * 0.58 / columns,
                h * 0.45 / rows,
                "box",
                blend(p[j], manner.background, 0.5),
            )


def circuit(canvas: Canvas, manner: Style, rng: np.random.Generator) -> None:
    """Wires on a grid with resistors, condensers, sources and lamps."""
    cells, ink = 5, manner.ink
    for _ in range(int(rng.integers(10, 22))):
        i, j, flat = int(rng.integers(0, cells)), int(rng.integers(0, cells)), rng.random() < 0.5
        x, y = (i + 0.5) * canvas.width / (cells + 0.5), (j + 0.5) * canvas.height / (cells + 0.5)
        dx, dy = (canvas.width / (cells + 0.5), 0.0) if flat else (0.0, canvas.height / (cells + 0.5))
        if i + flat > cells - 1 or j + (not flat) > cells - 1:
            continue
        canvas.line([(x, y), (x + dx, y + dy)], ink, 1.3)
        mx, my, kind = x + dx / 2, y + dy / 2, rng.integers(5)
        if kind == 0:
            canvas.box(
                mx - 12 * flat - 5,
                my - 5 - 12 * (not flat),
                mx + 5 + 12 * flat,
                my + 5 + 12 * (not flat),
                manner.background,
                ink,
            )
        elif kind == 1:
            canvas.circle(mx, my, 10, manner.background, ink)
            canvas.text(mx, my, "V", 11, ink, anchor="mm")
        elif kind == 2:
            canvas.box(mx - 2, my - 2, mx + 2, my + 2, fill=manner.background)
            for s in (-3, 3):
                ends = [(mx + s, my - 9), (mx + s, my + 9)] if flat else [(mx - 9, my + s), (mx + 9, my + s)]
                canvas.line(ends, ink, 1.5)
        canvas.circle(x, y, 2.5, fill=ink)


IDEAS = {
    "mind map": mind_map,
    "venn": venn,
    "timeline": timeline,
    "architecture": architecture,
    "circuit": circuit,
}
