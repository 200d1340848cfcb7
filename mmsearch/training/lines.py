"""Line and area charts."""

from itertools import pairwise

import numpy as np

from mmsearch.training import words
from mmsearch.training.axes import Axis, Box, Made, frame, legend
from mmsearch.training.bars import colour_name
from mmsearch.training.canvas import Canvas, Point
from mmsearch.training.style import Style, blend


def walk(rng: np.random.Generator, count: int) -> np.ndarray:
    """float64 (count,): a made-up series: random walk, seasons, growth, or nearly flat with noise."""
    t = np.linspace(0, 1, count)
    kind = rng.integers(5)
    if kind == 0:
        series = np.cumsum(rng.normal(0.05, 1, count)) / np.sqrt(count)
    elif kind == 1:
        series = np.sin(t * rng.uniform(4, 40) + rng.uniform(0, 6)) + rng.normal(0, 0.1, count)
    elif kind == 2:
        series = np.exp(t * rng.uniform(0.5, 3)) + rng.normal(0, 0.15, count)
    elif kind == 3:
        series = t * rng.uniform(-2, 2) + rng.normal(0, rng.uniform(0.02, 0.4), count)
    else:
        series = np.cumsum(rng.normal(0, 1, count)) / np.sqrt(count) + np.sin(t * 20) * 0.3
    return series


def lines(canvas: Canvas, style: Style, rng: np.random.Generator, box: Box, bare: bool = False) -> Made:
    """One or several lines; straight or stepped, dashed, with or without markers."""
    many = 1 if rng.random() < 0.5 else int(rng.integers(2, 8))
    count = int(rng.choice([2, 3, 5, 8, 12, 20, 40, 80, 160, 300], p=[0.05] + [0.1] * 5 + [0.1125] * 4))
    stepped, dashed, marked = rng.random() < 0.1, rng.random() < 0.15, rng.random() < 0.2 and count <= 40
    shift = rng.uniform(0, 2)
    series = np.stack([walk(rng, count) + shift * i for i in range(many)])
    low, high = float(series.min()), float(series.max())
    names = words.groups(rng)
    if len(names) < many:
        many = len(names)
    if many > 1 and not bare and rng.random() < 0.7:
        box = legend(canvas, style, rng, box, names[:many], list(style.palette))
    made = frame(
        canvas, style, rng, box, (0.0, count - 1.0), (low - (high - low) * 0.1, high + (high - low) * 0.1), bare=bare
    )
    for i in range(many):
        path: list[Point] = []
        for j, value in enumerate(series[i]):
            if stepped and path:
                path.append((made.x(j), path[-1][1]))
            path.append((made.x(j), made.y(float(value))))
        ink = style.palette[i % len(style.palette)]
        dash = float(rng.choice([0, 3, 6])) if dashed else 0
        canvas.line(path, ink, style.stroke, dash or (4 if dashed and i == many - 1 else 0))
        for x, y in path if marked else ():
            canvas.circle(x, y, style.stroke + 1.5, fill=style.background if i % 2 else ink, outline=ink)
    if many > 1 and rng.random() < 0.15:
        for i in range(many):
            canvas.text(made.box[2] - 20, made.y(float(series[i, -1])), names[i], style.type_size, style.ink)
    looks = ["multi-line" if many > 1 else "line"]
    looks += ["step line"] * stepped + ["dashed line"] * dashed + ["marker line", "?points"] * marked
    if rng.random() < 0.06:
        looks += band_marks(canvas, style, rng, made.box)
    hue = colour_name(style.palette[0])
    return tuple(looks), ((f"{many} lines", "a legend") if many > 1 else (f"a {hue} line", "a single line"))


def band_marks(canvas: Canvas, style: Style, rng: np.random.Generator, box: Box) -> list[str]:
    """A marked stretch of time or a cursor over a line chart."""
    x0, y0, x1, y1 = box
    a, b = sorted(rng.uniform(x0, x1, 2))
    canvas.box(a, y0, b, y1, outline=style.grid, width=1)
    canvas.line([(a, y0), (a, y1)], style.ink, 1)
    return []


def banded(canvas: Canvas, style: Style, rng: np.random.Generator, box: Box, bare: bool = False) -> Made:
    """A line within a shaded band."""
    count = int(rng.integers(12, 80))
    series, reach = walk(rng, count), np.abs(rng.normal(0.5, 0.08, count)) * rng.uniform(0.4, 1)
    low, high = float((series - reach).min()), float((series + reach).max())
    made = frame(canvas, style, rng, box, (0.0, count - 1.0), (low, high), bare=bare)
    upper = [(made.x(i), made.y(float(v))) for i, v in enumerate(series + reach)]
    lower = [(made.x(i), made.y(float(v))) for i, v in enumerate(series - reach)]
    canvas.polygon(upper + lower[::-1], fill=blend(style.panel, style.palette[0], 0.3))
    canvas.line([(made.x(i), made.y(float(v))) for i, v in enumerate(series)], style.palette[0], style.stroke)
    return ("error band", "?area"), ("a shaded band",)


def areas(canvas: Canvas, style: Style, rng: np.random.Generator, box: Box, bare: bool = False) -> Made:
    """Filled areas: one, several on top of each other, or flowing around a middle; upright or turned."""
    many = 1 if rng.random() < 0.55 else int(rng.integers(2, 8))
    flow = many > 1 and rng.random() < 0.25
    count = int(rng.choice([5, 8, 12, 20, 40, 100]))
    series = np.stack([walk(rng, count) for _ in range(many)])
    series = series - series.min(1, keepdims=True) + rng.uniform(0.05, 1)
    if many > 1 and not flow and rng.random() < 0.25:
        series /= series.sum(0)
    edges = np.concatenate([np.zeros((1, count)), np.cumsum(series, 0)])
    if flow:
        edges -= edges[-1] / 2
    names = words.groups(rng, many)
    colours = list(style.palette)
    if many > 1 and not bare and rng.random() < 0.7:
        box = legend(canvas, style, rng, box, names, colours)
    turned = rng.random() < 0.08
    time: Axis = (0.0, count - 1.0)
    value: Axis = (float(edges.min()), float(edges.max()) * rng.uniform(1.0, 1.2))
    made = frame(canvas, style, rng, box, *((value, time) if turned else (time, value)), bare=bare)
    edged, pale = rng.random() < 0.5, float(rng.choice([0, 0, 0.3, 0.5]))
    for i in range(many):
        path = [(j, v) for j, v in enumerate(edges[i + 1])] + [(j, v) for j, v in reversed(list(enumerate(edges[i])))]
        points = [(made.x(float(v)), made.y(j)) if turned else (made.x(j), made.y(float(v))) for j, v in path]
        ink = colours[i % len(colours)]
        if many == 1 and rng.random() < 0.15:
            shaded(canvas, style, made.box, points[:count], ink)
        else:
            canvas.polygon(points, fill=blend(ink, style.panel, pale))
        if edged:
            canvas.line(points[:count], ink if pale else style.ink, style.stroke * 0.8)
    looks = ["streamgraph" if flow else "stacked area" if many > 1 else "area"]
    hue = colour_name(style.palette[0])
    return tuple(looks), ((f"{many} colors", "a legend") if many > 1 else (f"{hue} area", f"filled with {hue}"))


def shaded(canvas: Canvas, style: Style, box: Box, top: list[Point], ink: tuple[int, int, int]) -> None:
    """An area filled with a gradient that fades downwards."""
    for (xa, ya), (xb, yb) in pairwise(top):
        for k in range(8):
            low = box[3]
            fill = blend(ink, style.panel, k / 9)
            canvas.polygon(
                [
                    (xa, ya + (low - ya) * k / 8),
                    (xb, yb + (low - yb) * k / 8),
                    (xb, yb + (low - yb) * (k + 1) / 8),
                    (xa, ya + (low - ya) * (k + 1) / 8),
                ],
                fill=fill,
            )


def slopes(canvas: Canvas, style: Style, rng: np.random.Generator, box: Box, bare: bool = False) -> Made:
    """A slope graph of two columns, or parallel coordinates of several."""
    parallel = rng.random() < 0.5
    columns = int(rng.integers(3, 8)) if parallel else 2
    rows = int(rng.integers(20, 120)) if parallel else int(rng.integers(3, 12))
    names = [words.pick(rng, words.MEASURES) for _ in range(columns)]
    made = frame(canvas, style, rng, box, names, None if parallel else (0.0, 1.0), bare=bare)
    groups = int(rng.integers(1, 4))
    values = np.clip(rng.normal(0.5, 0.2, (rows, columns)) + (np.arange(rows) % groups * 0.15)[:, None], 0, 1)
    for i in range(columns):
        canvas.line([(made.x(i), made.box[1]), (made.x(i), made.box[3])], style.grid if not parallel else style.ink, 1)
    for i in range(rows):
        ink = style.palette[(i % groups if parallel else i) % len(style.palette)]
        path = [(made.x(j), made.y(float(v))) for j, v in enumerate(values[i])]
        canvas.line(path, ink, 0.7 if parallel else style.stroke)
        for x, y in () if parallel else path:
            canvas.circle(x, y, 3, fill=ink)
    return ("parallel" if parallel else "slope", "multi-line"), (f"{columns} vertical axes",)


def sparkline(canvas: Canvas, style: Style, rng: np.random.Generator, box: Box, bare: bool = False) -> Made:
    """A line without axes, or rows of them."""
    x0, y0, x1, y1 = box
    rows = int(rng.choice([1, 1, 3, 6]))
    for row in range(rows):
        top, tall = y0 + (y1 - y0) * row / rows + 4, (y1 - y0) / rows - 8
        series = walk(rng, int(rng.integers(15, 80)))
        series = (series - series.min()) / (np.ptp(series) + 1e-6)
        path = [(x0 + 6 + (x1 - x0 - 12) * i / (len(series) - 1), top + tall * (1 - v)) for i, v in enumerate(series)]
        canvas.line(path, style.palette[0], style.stroke)
        if rng.random() < 0.5:
            canvas.circle(*path[-1], 3, fill=style.palette[1])
    return ("sparkline",), ("no axes",)
