"""Charts over two numeric axes: lines, areas, points, candlesticks, and combinations."""

from itertools import pairwise

import numpy as np

from training import vocabulary
from training.axes import SIGNS, Axis, Box, Frame, Made, colour_name, frame, legend, sign
from training.canvas import Canvas, Point, Style, blend, ramp
from training.vocabulary import COLOURS


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
    result: np.ndarray = series
    return result


def lines(canvas: Canvas, style: Style, rng: np.random.Generator, box: Box, bare: bool = False) -> Made:
    """One or several lines; straight or stepped, dashed, with or without markers."""
    many = 1 if rng.random() < 0.5 else int(rng.integers(2, 8))
    count = int(rng.choice([2, 3, 5, 8, 12, 20, 40, 80, 160, 300], p=[0.05] + [0.1] * 5 + [0.1125] * 4))
    stepped, dashed, marked = rng.random() < 0.1, rng.random() < 0.15, rng.random() < 0.2 and count <= 40
    shift = rng.uniform(0, 2)
    series = np.stack([walk(rng, count) + shift * i for i in range(many)])
    low, high = float(series.min()), float(series.max())
    names = vocabulary.groups(rng)
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
    labels = ["multi-line" if many > 1 else "line"]
    labels += ["step line"] * stepped + ["dashed line"] * dashed + ["marker line", "?points"] * marked
    if rng.random() < 0.06:
        labels += band_marks(canvas, style, rng, made.box)
    hue = colour_name(style.palette[0])
    return tuple(labels), ((f"{many} lines", "a legend") if many > 1 else (f"a {hue} line", "a single line"))


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


AREA_KINDS = ("plain", "density", "step", "around zero", "folded", "overlaid", "stacked", "stream")
AREA_SHARES = (0.3, 0.1, 0.08, 0.07, 0.06, 0.09, 0.22, 0.08)


def area_bands(rng: np.random.Generator, kind: str) -> list[tuple[np.ndarray, np.ndarray]]:
    """The lower and upper edge of each filled band, float64 (count,) each; made-up series of one kind."""
    count = int(rng.choice([5, 8, 12, 20, 40, 100]))
    many = int(rng.integers(2, 8)) if kind in ("overlaid", "stacked", "stream") else 1
    if kind == "density":
        t = np.linspace(-3, 3, 60)
        heaps = [np.exp(-((t - rng.normal(0, 1)) ** 2) / rng.uniform(0.2, 2)) for _ in range(int(rng.integers(1, 4)))]
        series = np.sum(heaps, 0)[None]
    else:
        series = np.stack([walk(rng, count) for _ in range(many)])
    series = (series - series.min(1, keepdims=True)) / (np.ptp(series, 1)[:, None] + 1e-6)
    if kind != "density":
        series = series + rng.uniform(0.02, 0.6)
    zero = np.zeros_like(series[0])
    if kind == "around zero":
        return [(zero, series[0] - float(rng.uniform(0.3, 0.8)))]
    if kind == "folded":
        half = float(series.max()) / 2
        return [(zero, np.minimum(series[0], half)), (zero, np.maximum(series[0] - half, 0))]
    if kind not in ("stacked", "stream"):
        return [(zero, row) for row in series]
    if kind == "stacked" and rng.random() < 0.25:
        series = series / series.sum(0)
    edges = np.concatenate([zero[None], np.cumsum(series, 0)])
    edges -= edges[-1] / 2 if kind == "stream" else 0
    return list(pairwise(edges))


def areas(canvas: Canvas, style: Style, rng: np.random.Generator, box: Box, bare: bool = False) -> Made:
    """Filled areas: smooth or stepped, around zero, folded, overlaid, stacked, flowing; upright or turned."""
    kind = str(rng.choice(AREA_KINDS, p=AREA_SHARES))
    bands = area_bands(rng, kind)
    many = 1 if kind == "folded" else len(bands)
    low, high = min(float(a.min()) for a, _ in bands), max(float(b.max()) for _, b in bands)
    low = min(low, *(float(b.min()) for _, b in bands), 0.0) if kind != "stream" else low
    colours = [style.palette[i % len(style.palette)] for i in range(len(bands))]
    if kind == "folded":
        colours[1] = blend(colours[0], (0, 0, 0), 0.45)
    if many > 1 and not bare and rng.random() < 0.65:
        box = legend(canvas, style, rng, box, vocabulary.groups(rng, many), colours)
    turned = kind in ("plain", "stacked") and rng.random() < 0.07
    time: Axis = (0.0, len(bands[0][0]) - 1.0)
    value: Axis = (low, low + (high - low) * float(rng.uniform(1.0, 1.3)))
    made = frame(canvas, style, rng, box, *((value, time) if turned else (time, value)), bare=bare)
    edged, pale = rng.random() < 0.5, float(rng.choice([0, 0, 0.3, 0.5])) if kind != "overlaid" else 0.4
    for (bottom, top), ink in zip(bands, colours, strict=True):
        upper = area_edge(made, top, turned, kind == "step")
        if kind == "plain" and not turned and rng.random() < 0.15:
            shaded(canvas, style, made.box, upper, ink)
        else:
            lower = area_edge(made, bottom, turned, kind == "step")
            canvas.polygon(upper + lower[::-1], fill=blend(ink, style.panel, pale))
        if edged:
            canvas.line(upper, ink if pale else style.ink, style.stroke * 0.8)
        for x, y in upper if edged and len(upper) < 20 and style.ticks == 3 and kind != "step" else ():
            canvas.circle(x, y, 2.5, fill=ink)
    hue = colour_name(style.palette[0])
    labels = {"stacked": ("stacked area",), "stream": ("streamgraph",), "step": ("area", "?bar")}.get(kind, ("area",))
    return labels, (f"{many} colors", "a legend") if many > 1 else (f"{hue} area", f"filled with {hue}")


def area_edge(made: Frame, values: np.ndarray, turned: bool, stepped: bool) -> list[Point]:
    """The path of one edge of an area in pixels."""
    path = [(float(i), float(v)) for i, v in enumerate(values)]
    if stepped:
        path = [spot for (a, v), (b, _) in pairwise(path) for spot in ((a, v), (b, v))] + path[-1:]
    return [(made.x(v), made.y(i)) if turned else (made.x(i), made.y(v)) for i, v in path]


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
    names = [vocabulary.pick(rng, vocabulary.MEASURES) for _ in range(columns)]
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


def cloud(rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Two float64 (count,): a made-up relation between two measures."""
    kind, x = rng.integers(5), rng.uniform(0, 1, count)
    if kind == 0:
        return x, rng.uniform(0, 1, count)
    if kind == 1:
        return x, x * rng.choice([-1, 1]) + rng.normal(0, rng.uniform(0.05, 0.3), count)
    if kind == 2:
        return x, 1 / (x + 0.25) + rng.normal(0, rng.uniform(0.05, 0.4), count)
    if kind == 3:
        middle = rng.normal(0, 1, (4, 2))[rng.integers(0, 4, count)]
        return middle[:, 0] + rng.normal(0, 0.3, count), middle[:, 1] + rng.normal(0, 0.3, count)
    return np.round(x * rng.integers(3, 9)), rng.normal(0, 1, count)


def points(canvas: Canvas, style: Style, rng: np.random.Generator, box: Box, bare: bool = False) -> Made:
    """A scatter plot: signs, sizes, groups, a regression line."""
    count = int(rng.choice([3, 10, 25, 60, 120, 250, 400]))
    kind = str(rng.choice(SIGNS, p=[0.4, 0.28, 0.08, 0.06, 0.08, 0.05, 0.05]))
    sized, grouped, line = rng.random() < 0.22, rng.random() < 0.4, rng.random() < 0.1
    xs, ys = cloud(rng, count)
    names = vocabulary.groups(rng, 6)
    if grouped and not bare and rng.random() < 0.7:
        box = legend(canvas, style, rng, box, names, list(style.palette))
    margin = 0.06
    across: tuple[float, float] = (float(xs.min() - np.ptp(xs) * margin), float(xs.max() + np.ptp(xs) * margin + 0.01))
    up: Axis = (float(ys.min() - np.ptp(ys) * margin), float(ys.max() + np.ptp(ys) * margin + 0.01))
    if rng.random() < 0.25:
        across = (across[0] - np.ptp(xs) * 0.5, across[1])  # scales that begin at zero leave a side empty
    made = frame(canvas, style, rng, box, across, up, bare=bare)
    radius = float(rng.uniform(1.5, 5.5)) * (0.7 if count > 200 or bare else 1)
    pale = float(rng.choice([0, 0, 0.3, 0.5]))
    by_value = grouped and rng.random() < 0.25
    for i, (x, y) in enumerate(zip(xs, ys, strict=True)):
        ink = ramp(style.stops, (y - ys.min()) / (np.ptp(ys) + 1e-6)) if by_value else style.palette[0]
        if grouped and not by_value:
            ink = style.palette[int(rng.integers(len(names))) % len(style.palette)]
        reach = radius * float(rng.uniform(0.4, 3.5)) if sized else radius
        mark = SIGNS[i % 3] if grouped and kind == "cross" else kind
        sign(canvas, mark, made.x(float(x)), made.y(float(y)), reach, blend(ink, style.panel, pale), style.panel)
    labels = ["bubble" if sized else "coloured points" if grouped else "points"]
    if line:
        slope, base = np.polyfit(xs, ys, 1)
        ends = [(made.x(float(x)), made.y(float(slope * x + base))) for x in (xs.min(), xs.max())]
        canvas.line(ends, style.palette[3], style.stroke)
        labels += ["regression", "?line"]
    hue = colour_name(style.palette[0])
    return tuple(labels), (("a legend", "points in several colors") if grouped else (f"{hue} points", f"{hue} dots"))


def combined(canvas: Canvas, style: Style, rng: np.random.Generator, box: Box, bare: bool = False) -> Made:
    """Two kinds of marks on one frame: bars with a line, points with a line, an area with a line."""
    count = int(rng.integers(6, 16))
    made = frame(canvas, style, rng, box, [str(i + 1) for i in range(count)], (0.0, 10.0), bare=bare)
    kind = str(rng.choice(["bar", "points", "area"]))
    heights = np.clip(walk(rng, count) * 2 + 4, 0.5, 9.5)
    if kind == "bar":
        for i, v in enumerate(heights):
            canvas.box(made.x(i - 0.38), made.y(0), made.x(i + 0.38), made.y(float(v)), fill=style.palette[0])
    elif kind == "points":
        for _ in range(int(rng.integers(40, 200))):
            at = float(rng.uniform(0, count - 1))
            level = float(np.clip(np.interp(at, np.arange(count), heights) + rng.normal(), 0.2, 9.8))
            spot = (made.x(at), made.y(level))
            canvas.circle(*spot, 2, fill=blend(style.palette[0], style.panel, 0.4))
    else:
        top = [(made.x(i), made.y(float(v))) for i, v in enumerate(heights)]
        canvas.polygon([(top[0][0], made.box[3]), *top, (top[-1][0], made.box[3])], fill=style.palette[0])
    line = np.clip(heights if kind == "points" else walk(rng, count) * 2 + 5, 0.5, 9.5)
    canvas.line([(made.x(i), made.y(float(v))) for i, v in enumerate(line)], style.palette[1], style.stroke + 0.5)
    if kind != "points" and rng.random() < 0.5:
        x = made.box[2]
        canvas.line([(x, made.box[1]), (x, made.box[3])], style.ink, 1)
        for v in range(0, 11, 2):
            canvas.text(x - 3, made.y(v), str(v * 7), style.type_size, style.palette[1], anchor="rm")
    return ("combined", kind, "line"), ("a line on top",)


def candles(canvas: Canvas, style: Style, rng: np.random.Generator, box: Box, bare: bool = False) -> Made:
    """Open, high, low and close of a made-up share, as candles or bars."""
    count = int(rng.integers(10, 70))
    close = np.cumsum(rng.normal(0, 1, count + 1)) + 50
    high = np.maximum(close[1:], close[:-1]) + rng.gamma(1, 0.5, count)
    low = np.minimum(close[1:], close[:-1]) - rng.gamma(1, 0.5, count)
    made = frame(
        canvas, style, rng, box, (-1.0, float(count)), (float(low.min()) - 1, float(high.max()) + 1), bare=bare
    )
    step = (made.box[2] - made.box[0]) / (count + 1)
    ticks = rng.random() < 0.25
    for i in range(count):
        rise = close[i + 1] > close[i]
        ink = COLOURS["green"] if rise else COLOURS["red"]
        x = made.x(i)
        canvas.line([(x, made.y(float(low[i]))), (x, made.y(float(high[i])))], ink, 1)
        if ticks:
            canvas.line([(x - step * 0.35, made.y(float(close[i]))), (x, made.y(float(close[i])))], ink, 1)
            canvas.line([(x, made.y(float(close[i + 1]))), (x + step * 0.35, made.y(float(close[i + 1])))], ink, 1)
        else:
            corners = (x - step * 0.35, made.y(float(close[i])), x + step * 0.35, made.y(float(close[i + 1])))
            canvas.box(*corners, fill=ink)
    return ("candlestick",), ("green and red candles",)
