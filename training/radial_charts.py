"""Radial charts (pies, rings, radars, gauges), and grids of coloured cells, treemaps and isolines."""

import numpy as np
from PIL import Image

from training import vocabulary
from training.axes import Box, Made, colour_bar, frame, legend
from training.canvas import Canvas, Style, blend, ramp


def pies(canvas: Canvas, style: Style, rng: np.random.Generator, box: Box, bare: bool = False) -> Made:
    """Pies and rings, labelled or with a legend; slices of equal or unequal radius."""
    count = int(rng.integers(2, 10))
    names = (vocabulary.groups(rng) * 5)[:count]
    hole = float(rng.uniform(0.4, 0.7)) if rng.random() < 0.35 else 0.0
    if not bare and rng.random() < 0.65:
        box = legend(canvas, style, rng, box, names, list(style.palette))
    if not bare and rng.random() < 0.35:
        canvas.text(
            (box[0] + box[2]) / 2, box[1] + 2, vocabulary.topic(rng), style.type_size * 1.2, style.ink, anchor="ma"
        )
        box = (box[0], box[1] + style.type_size * 2, box[2], box[3])
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    labelled = rng.random() < 0.45
    radius = min(box[2] - box[0], box[3] - box[1]) / 2 * (0.72 if labelled else 0.95)
    shares = rng.gamma(1.5, 1, count) + 0.1
    angle = float(rng.choice([-90, 0, rng.uniform(0, 360)]))
    uneven = rng.random() < 0.1
    for i, share in enumerate(shares / shares.sum() * 360):
        reach = radius * (float(rng.uniform(0.5, 1)) if uneven else 1)
        edge = style.background if style.edge is None and rng.random() < 0.5 else style.palette[i % len(style.palette)]
        fill = style.palette[i % len(style.palette)]
        canvas.wedge(x, y, reach, angle, angle + float(share), fill, edge)
        middle = np.radians(angle + share / 2)
        if labelled:
            spot = (x + np.cos(middle) * radius * 1.2, y + np.sin(middle) * radius * 1.2)
            text = names[i] if rng.random() < 0.6 else f"{share / 3.6:.0f}%"
            canvas.text(*spot, text, style.type_size, style.ink, anchor="mm")
        angle += float(share)
    if hole:
        canvas.circle(x, y, radius * hole, fill=style.background)
    return ("donut" if hole else "pie",), (f"{count} slices", f"{count} colors")


def radars(canvas: Canvas, style: Style, rng: np.random.Generator, box: Box, bare: bool = False) -> Made:
    """Radar charts and gauges."""
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    radius = min(box[2] - box[0], box[3] - box[1]) / 2 * 0.75
    if rng.random() < 0.35:
        start, end = 150.0, 390.0
        cut, share = int(rng.integers(1, 5)), float(rng.uniform(0.1, 0.9))
        for i in range(cut):
            a, b = start + (end - start) * i / cut, start + (end - start) * (i + 1) / cut
            canvas.wedge(x, y, radius, a, b, style.palette[i % len(style.palette)], style.background)
        canvas.circle(x, y, radius * 0.7, fill=style.background)
        turn = np.radians(start + (end - start) * share)
        canvas.line([(x, y), (x + np.cos(turn) * radius * 0.85, y + np.sin(turn) * radius * 0.85)], style.ink, 3)
        canvas.text(x, y + radius * 0.4, f"{share:.0%}", style.type_size * 2, style.ink, anchor="mm")
        return ("gauge",), ("a needle",)
    count, series = int(rng.integers(3, 9)), int(rng.integers(1, 4))
    turns = np.arange(count) * 2 * np.pi / count - np.pi / 2
    for level in range(1, 5):
        reach = radius * level / 4
        if rng.random() < 0.2:
            canvas.circle(x, y, reach, outline=style.grid)
        else:
            canvas.polygon([(x + np.cos(t) * reach, y + np.sin(t) * reach) for t in turns], outline=style.grid)
    for turn in turns:
        canvas.line([(x, y), (x + np.cos(turn) * radius, y + np.sin(turn) * radius)], style.grid)
        spot = (x + np.cos(turn) * radius * 1.15, y + np.sin(turn) * radius * 1.15)
        canvas.text(*spot, vocabulary.pick(rng, vocabulary.MEASURES), style.type_size, style.ink, anchor="mm")
    for i in range(series):
        values = rng.uniform(0.25, 1, count) * radius
        shape = [(x + np.cos(t) * v, y + np.sin(t) * v) for t, v in zip(turns, values, strict=True)]
        fill = blend(style.palette[i], style.background, 0.6) if i == 0 and rng.random() < 0.7 else None
        canvas.polygon(shape, fill=fill, outline=style.palette[i], width=style.stroke)
    return ("radar",), (f"{count} spokes",)


def heatmaps(canvas: Canvas, style: Style, rng: np.random.Generator, box: Box, bare: bool = False) -> Made:
    """Cells coloured by value, with or without numbers; months of days; correlations."""
    by_day = rng.random() < 0.2
    rows = (
        ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
        if by_day
        else (vocabulary.groups(rng) * 2)[: rng.integers(3, 16)]
    )
    columns = [str(i + 1) for i in range(int(rng.integers(25, 53) if by_day else rng.integers(3, 25)))]
    if not bare and rng.random() < 0.6:
        box = colour_bar(canvas, style, box)
    made = frame(canvas, style, rng, box, columns, rows, bare=bare)
    smooth = rng.random() < 0.5
    grid = rng.uniform(0, 1, (len(rows), len(columns)))
    if smooth:
        a, b = np.meshgrid(np.linspace(0, 3, len(columns)), np.linspace(0, 3, len(rows)))
        grid = 0.5 + 0.35 * np.sin(a * rng.uniform(1, 3)) * np.cos(b * rng.uniform(1, 3)) + 0.1 * grid
    if not by_day and len(rows) == len(columns) and rng.random() < 0.5:
        np.fill_diagonal(grid, 1)
    gap = float(rng.choice([0, 0, 0.04, 0.1]))
    numbers = not by_day and len(columns) < 11 and rng.random() < 0.4
    for j in range(len(rows)):
        for i in range(len(columns)):
            value = float(grid[j, i])
            if by_day and rng.random() < 0.08:
                continue
            corners = (made.x(i - 0.5 + gap), made.y(j - 0.5 + gap), made.x(i + 0.5 - gap), made.y(j + 0.5 - gap))
            canvas.box(*corners, fill=ramp(style.stops, value))
            if numbers:
                ink = (255, 255, 255) if sum(ramp(style.stops, value)) < 380 else (0, 0, 0)
                canvas.text(made.x(i), made.y(j), f"{value:.1f}", style.type_size * 0.9, ink, anchor="mm")
    return ("calendar heatmap" if by_day else "heatmap",), ("colored cells", "a color scale")


def treemaps(canvas: Canvas, style: Style, rng: np.random.Generator, box: Box, bare: bool = False) -> Made:
    """Rectangles cut into rectangles."""

    def cut(area: Box, weights: list[float], depth: int) -> None:
        x0, y0, x1, y1 = area
        if len(weights) == 1:
            fill = style.palette[int(rng.integers(len(style.palette)))]
            canvas.box(x0, y0, x1, y1, fill=fill, outline=style.background, width=1.5)
            if x1 - x0 > 35 and y1 - y0 > 14:
                canvas.text(x0 + 4, y0 + 3, vocabulary.pick(rng, vocabulary.ITEMS), style.type_size, (255, 255, 255))
            return
        half = len(weights) // 2
        share = sum(weights[:half]) / sum(weights)
        if x1 - x0 > y1 - y0:
            middle = x0 + (x1 - x0) * share
            parts = ((x0, y0, middle, y1), (middle, y0, x1, y1))
        else:
            middle = y0 + (y1 - y0) * share
            parts = ((x0, y0, x1, middle), (x0, middle, x1, y1))
        cut(parts[0], weights[:half], depth + 1)
        cut(parts[1], weights[half:], depth + 1)

    weights = sorted(rng.gamma(1, 1, int(rng.integers(6, 40))).tolist(), reverse=True)
    cut((box[0] + 3, box[1] + 3, box[2] - 3, box[3] - 3), weights, 0)
    return ("treemap",), ("nested rectangles",)


def contours(canvas: Canvas, style: Style, rng: np.random.Generator, box: Box, bare: bool = False) -> Made:
    """Level curves or filled levels of a smooth surface in a frame."""
    made = frame(canvas, style, rng, box, (-3.0, 3.0), (-3.0, 3.0), bare=bare)
    x0, y0, x1, y1 = (round(v) for v in made.box)
    if x1 - x0 < 8 or y1 - y0 < 8:
        return ("chart",), ()
    canvas.paste(levels(rng, style, x1 - x0, y1 - y0, filled=rng.random() < 0.5), x0, y0, x1, y1)
    return ("contour plot",), ("level curves",)


def levels(rng: np.random.Generator, style: Style, width: int, height: int, filled: bool) -> Image.Image:
    """A picture of a surface's levels, as curves or as bands of colour."""
    a, b = np.meshgrid(np.linspace(-3, 3, width), np.linspace(-3, 3, height))
    surface = np.zeros_like(a)
    for _ in range(int(rng.integers(2, 7))):
        x, y, w = rng.uniform(-2.5, 2.5), rng.uniform(-2.5, 2.5), rng.uniform(0.5, 3)
        surface += rng.uniform(0.3, 1) * np.exp(-((a - x) ** 2 + (b - y) ** 2) / w) * rng.choice([1, 1, -1])
    count = int(rng.integers(5, 16))
    bands = np.floor((surface - surface.min()) / (np.ptp(surface) + 1e-6) * count).astype(int)
    if filled:
        table = np.array([ramp(style.stops, i / count) for i in range(count + 1)], np.uint8)
        return Image.fromarray(table[bands])
    picture = np.empty((height, width, 3), np.uint8)
    picture[:] = style.panel
    edge = np.zeros((height, width), bool)
    edge[:, 1:] |= bands[:, 1:] != bands[:, :-1]
    edge[1:] |= bands[1:] != bands[:-1]
    picture[edge] = style.palette[0]
    return Image.fromarray(picture)
