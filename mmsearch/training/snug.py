"""Charts whose size follows from their data: a fixed step for each category, a small square for two measures, a low
strip for one; with thin marks, small type, real quantiles. Box plots and areas come in many more manners here."""

from collections.abc import Callable

import numpy as np

from mmsearch.training import words
from mmsearch.training.axes import Box, Frame, Made, frame, frame_of_names, legend
from mmsearch.training.bars import colour_name
from mmsearch.training.boxes import Turned
from mmsearch.training.canvas import Canvas, Colour
from mmsearch.training.charts import Drawn, cell
from mmsearch.training.lines import walk
from mmsearch.training.points import sign
from mmsearch.training.style import Style, blend, style


def categories(rng: np.random.Generator, most: int = 24) -> list[str]:
    """Names or numbers of groups: none, a few, or many."""
    kind = rng.random()
    if kind < 0.2:
        return [""]
    if kind < 0.75:
        return words.groups(rng)
    return [str(i) for i in range(int(rng.integers(2, most)))]


def room(rng: np.random.Generator, names: list[str], flat: bool, kind: str) -> tuple[float, float]:
    """Width and height of a chart with a fixed step for each name."""
    step = float(rng.choice([10, 14, 20, 20, 20, 28, 40, 60]))
    wide = len(names) * step * (1.8 if kind == "grouped" else 1) + float(rng.uniform(25, 60))
    long = float(rng.uniform(110, 340))
    return (long, wide) if flat else (wide, long)


def sample(rng: np.random.Generator) -> np.ndarray:
    """float64 (n,): a made-up measure of one group between about 0 and 10: even, skewed, or of two heaps."""
    count, kind = int(rng.choice([6, 15, 40, 150])), int(rng.integers(4))
    if kind == 0:
        return rng.normal(rng.uniform(3, 7), rng.uniform(0.3, 1.6), count)
    if kind == 1:
        return rng.gamma(rng.uniform(0.8, 3), rng.uniform(0.5, 1.5), count)
    if kind == 2:
        return 9.5 - rng.gamma(rng.uniform(0.8, 3), rng.uniform(0.4, 1.2), count)
    return rng.uniform(rng.uniform(0, 4), rng.uniform(5, 10), count)


class BoxManner:
    """How all boxes of one chart are drawn."""

    def __init__(self, style: Style, rng: np.random.Generator) -> None:
        self.half = float(rng.choice([0.15, 0.25, 0.35, 0.35, 0.42]))
        self.caps, self.hollow = rng.random() < 0.45, rng.random() < 0.2
        self.to_ends = rng.random() < 0.35  # whiskers to the least and the greatest, no outliers
        self.thin = float(rng.choice([0.7, 1, 1, 1.5]))
        self.middle = str(rng.choice(["white", "white", "ink", "contrast", "panel"]))
        self.tick = float(rng.choice([1, 1, 2, 3]))
        self.edged = rng.random() < 0.5
        self.grey = rng.random() < 0.6  # whiskers in ink, not in the box's colour
        self.far = str(rng.choice(["ring", "circle", "cross", "diamond"], p=[0.5, 0.3, 0.1, 0.1]))
        self.spots = rng.random() < 0.08  # the observations themselves beside the box
        self.notched = rng.random() < 0.06


def one_box(
    pen: Turned, style: Style, rng: np.random.Generator, place: float, half: float, hue: Colour, how: BoxManner
) -> None:
    """A box from real quantiles."""
    values = sample(rng)
    low, middle, high = np.percentile(values, (25, 50, 75)).tolist()
    reach = 1.5 * (high - low)
    inside = values if how.to_ends else values[(values >= low - reach) & (values <= high + reach)]
    least, greatest = float(inside.min()), float(inside.max())
    whisker = style.ink if how.grey else hue
    pen.line((place, least), (place, low), whisker, how.thin)
    pen.line((place, high), (place, greatest), whisker, how.thin)
    for end in (least, greatest) if how.caps else ():
        pen.line((place - half * 0.6, end), (place + half * 0.6, end), whisker, how.thin)
    edge = whisker if how.edged or how.hollow else None
    pen.box(place, half, low, high, None if how.hollow else hue, edge)
    ink = {
        "white": (255, 255, 255),
        "ink": style.ink,
        "contrast": blend(hue, (0, 0, 0), 0.6),
        "panel": style.panel,
    }[how.middle]
    pen.line((place - half, middle), (place + half, middle), hue if how.hollow else ink, how.tick)
    if how.notched:
        for side in (-half, half):
            pen.canvas.polygon(
                [
                    pen.at(place + side, middle - 0.4),
                    pen.at(place + side * 0.5, middle),
                    pen.at(place + side, middle + 0.4),
                ],
                fill=style.panel,
            )
    for value in () if how.to_ends else values[(values < low - reach) | (values > high + reach)].tolist():
        sign(pen.canvas, how.far, *pen.at(place, value), 2, hue if not how.grey else whisker, style.panel)
    for value in values.tolist() if how.spots else ():
        sign(pen.canvas, "circle", *pen.at(place + float(rng.uniform(-0.4, 0.4)), value), 1.2, style.ink, style.panel)


def box_plots(
    canvas: Canvas, style: Style, rng: np.random.Generator, box: Box, names: list[str], flat: bool, kind: str
) -> Made:
    """Box plots of one manner: single, in rows, in groups."""
    how, inner = BoxManner(style, rng), int(rng.integers(2, 5)) if kind == "grouped" else 1
    many = inner > 1 or rng.random() < 0.3
    if inner > 1 and rng.random() < 0.6:
        box = legend(canvas, style, rng, box, words.groups(rng)[:inner], list(style.palette))
    made = frame_of_names(
        canvas, style, rng, box, names, (float(rng.uniform(-1.5, 0)), float(rng.uniform(10, 12))), flat, kind == "bare"
    )
    pen = Turned(canvas, made, flat)
    for i in range(len(names)):
        for j in range(inner):
            place = i + (j - (inner - 1) / 2) * 0.8 / inner
            hue = style.palette[(j if inner > 1 else i if many else 0) % len(style.palette)]
            one_box(pen, style, rng, place, how.half * (0.9 / inner if inner > 1 else 1), hue, how)
    looks = ("horizontal box" if flat else "vertical box", *(["?points", "?strip"] if how.spots else []))
    details = (
        "median and quartiles",
        "whiskers and outliers",
        f"{len(names)} boxes" if len(names) > 1 else "a single box",
    )
    return looks, details


def dots(
    canvas: Canvas, style: Style, rng: np.random.Generator, box: Box, names: list[str], flat: bool, kind: str
) -> Made:
    """Observations as signs or ticks in a row or column for each name."""
    ticks = rng.random() < 0.3
    what = str(rng.choice(["circle", "ring", "ring", "square", "cross"]))
    made = frame_of_names(canvas, style, rng, box, names, (-0.5, 10.5), flat, kind == "bare")
    pen, size = Turned(canvas, made, flat), float(rng.uniform(1.5, 4))
    for i in range(len(names)):
        for value in sample(rng).tolist():
            if ticks:
                pen.line((i - 0.35, value), (i + 0.35, value), style.palette[0], 1)
            else:
                sign(canvas, what, *pen.at(i, value), size, style.palette[0], style.panel)
    if ticks:
        return ("strip",), ("short ticks",)
    return ("points", "?dot plot", "?strip"), ("dots in rows" if flat else "dots in columns",)


def bars(
    canvas: Canvas, style: Style, rng: np.random.Generator, box: Box, names: list[str], flat: bool, kind: str
) -> Made:
    """Narrow or wide bars, one for each name, or stacked."""
    values = rng.gamma(rng.uniform(1, 6), 1.0, (len(names), int(rng.integers(2, 5)) if kind == "grouped" else 1))
    made = frame_of_names(
        canvas, style, rng, box, names, (0.0, float(values.sum(1).max()) * rng.uniform(1, 1.2)), flat, kind == "bare"
    )
    pen, half = Turned(canvas, made, flat), float(rng.choice([0.25, 0.4, 0.45, 0.5]))
    for i, parts in enumerate(values):
        for j, top in enumerate(np.cumsum(parts)):
            pen.box(i, half, float(top - parts[j]), float(top), style.palette[j % len(style.palette)], style.edge)
    side = "horizontal bar" if flat else "vertical bar"
    return (side, *(["stacked bar"] if kind == "grouped" else [])), (f"{colour_name(style.palette[0])} bars",)


Sided = Callable[[Canvas, Style, np.random.Generator, Box, list[str], bool, str], Made]


def by_name(rng: np.random.Generator, mark: Sided) -> Drawn:
    """One chart of a mark with a fixed step for each name; sometimes several below or beside each other."""
    names, flat, kind = categories(rng), rng.random() < 0.5, str(rng.choice(["full", "full", "bare", "grouped"]))
    width, height = room(rng, names, flat, kind)
    manner = style(rng, float(rng.uniform(7, 11)))
    panels = int(rng.integers(2, 5)) if rng.random() < 0.12 else 1
    columns, rows = (panels, 1) if width < height else (1, panels)
    margin = manner.type_size * float(rng.uniform(1, 5))
    canvas = Canvas((width + margin) * columns, max(height + margin * 0.7, 34) * rows, manner.background, rng)
    state = int(rng.integers(2**32))
    looks: tuple[str, ...] = ()
    details: tuple[str, ...] = ()
    for number in range(panels):
        box = cell(canvas, columns, rows, number % columns, number // columns, 4)
        looks, details = mark(canvas, manner, np.random.default_rng([state, number]), box, names, flat, kind)
    looks = (*looks, *(["small multiples"] if panels > 1 else []), *(["dark"] if manner.dark else []))
    return canvas.picture(), looks, words.topic(rng), details


def box(rng: np.random.Generator) -> Drawn:
    """Box plots."""
    return by_name(rng, box_plots)


def others(rng: np.random.Generator) -> Drawn:
    """Bars and dots of the same sizes."""
    return by_name(rng, bars if rng.random() < 0.5 else dots)


def small(rng: np.random.Generator) -> tuple[Canvas, Style, Box]:
    """A small square or a low strip for two measures."""
    manner = style(rng, float(rng.uniform(7, 11)))
    width, height = float(rng.choice([200, 200, 300, 400, 150])), float(rng.choice([200, 200, 150, 100, 60]))
    canvas = Canvas(width + rng.uniform(30, 70), height + rng.uniform(25, 50), manner.background, rng)
    return canvas, manner, (3.0, 3.0, canvas.width - 3.0, canvas.height - 3.0)


def area(rng: np.random.Generator) -> Drawn:
    """Filled curves: smooth, stepped, around zero, one before another, folded into bands, with a line and points."""
    canvas, manner, box = small(rng)
    kind = str(rng.choice(["plain", "plain", "density", "step", "zero", "before", "folded", "stacked"]))
    count = int(rng.choice([8, 15, 40, 120]))
    series = walk(rng, count)
    if kind == "density":
        t = np.linspace(-3, 3, 60)
        heaps = [np.exp(-((t - rng.normal(0, 1)) ** 2) / rng.uniform(0.2, 2)) for _ in range(int(rng.integers(1, 4)))]
        series = np.sum(heaps, 0)
    series = (series - series.min()) / (np.ptp(series) + 1e-6) + (0 if kind == "density" else rng.uniform(0, 0.5))
    if kind == "zero":
        series = series - float(rng.uniform(0.3, 0.8))
    curves = [series]
    if kind in ("before", "stacked"):
        for _ in range(int(rng.integers(1, 5))):
            more = np.abs(walk(rng, len(series)))
            curves.append(curves[-1] * (kind == "stacked") + more / (more.max() + 1e-6))
    low = min(0.0, *(float(c.min()) for c in curves))
    high = max(float(c.max()) for c in curves) * float(rng.uniform(1, 1.3))
    up = (low, high if kind != "folded" else high / 2)
    if len(curves) > 1 and rng.random() < 0.6:
        box = legend(canvas, manner, rng, box, words.groups(rng), list(manner.palette))
    made = frame(canvas, manner, rng, box, (0.0, len(series) - 1.0), up, rng.random() < 0.3)
    order = list(enumerate(curves))
    pale = float(rng.choice([0, 0, 0.3, 0.6]))
    for i, curve in reversed(order) if kind == "stacked" else order:
        filled(
            canvas,
            manner,
            made,
            curve,
            manner.palette[i % len(manner.palette)],
            pale if kind != "before" else 0.4,
            kind,
        )
    if kind == "folded":
        filled(canvas, manner, made, np.maximum(series - up[1], 0), blend(manner.palette[0], (0, 0, 0), 0.45), 0, kind)
    looks = ("stacked area",) if kind == "stacked" else ("area", *(["?bar"] if kind == "step" else []))
    hue = colour_name(manner.palette[0])
    return (
        canvas.picture(),
        (*looks, *(["dark"] if manner.dark else [])),
        words.topic(rng),
        (f"filled with {hue}", f"{hue} area"),
    )


def filled(canvas: Canvas, style: Style, made: Frame, curve: np.ndarray, hue: Colour, pale: float, kind: str) -> None:
    """One curve filled down to zero, with or without an edge and points."""
    level = np.clip(curve, made.up[0], made.up[1])
    top = [(made.x(i), made.y(float(v))) for i, v in enumerate(level)]
    if kind == "step":
        top = [
            spot for (xa, ya), (xb, _) in zip(top, [*top[1:], top[-1]], strict=True) for spot in ((xa, ya), (xb, ya))
        ]
    zero = made.y(0.0)
    canvas.polygon([(top[0][0], zero), *top, (top[-1][0], zero)], fill=blend(hue, style.panel, pale))
    if style.edge is not None or pale > 0.2:
        canvas.line(top, hue if pale > 0.2 else style.ink, style.stroke * 0.7)
    if style.ticks == 3 and len(top) < 20:
        for x, y in top:
            canvas.circle(x, y, 2.5, fill=hue)
