"""Charts over one axis of categories: bars, histograms, box plots, violins, dots, strips."""

from dataclasses import dataclass

import numpy as np

from training import vocabulary
from training.axes import Box, Frame, Made, colour_name, frame, legend, sign
from training.canvas import Canvas, Colour, Style, blend


@dataclass(frozen=True, slots=True)
class Categories:
    """Categories chosen before the chart, by callers that size the picture by them."""

    names: list[str]
    flat: bool  # the values run across and the categories upwards
    grouped: bool  # several marks for each category


Given = Categories | None  # None: the chart chooses them


@dataclass(frozen=True, slots=True)
class CategoryFrame:
    """A frame with one category axis, across or upwards: marks are drawn once for both directions."""

    canvas: Canvas
    frame: Frame
    flat: bool

    def at(self, place: float, value: float) -> tuple[float, float]:
        """Position of a value of a category, in pixels."""
        return (self.frame.x(value), self.frame.y(place)) if self.flat else (self.frame.x(place), self.frame.y(value))

    def line(self, a: tuple[float, float], b: tuple[float, float], ink: Colour, width: float) -> None:
        """Draw a straight line between two (place, value) pairs."""
        self.canvas.line([self.at(*a), self.at(*b)], ink, width)

    def box(
        self,
        place: float,
        half: float,
        low: float,
        high: float,
        fill: Colour | None,
        outline: Colour | None,
        width: float = 1.2,
        radius: float = 0,
    ) -> None:
        """Draw a rectangle of width `2 * half` around a place, between two values."""
        (x0, y0), (x1, y1) = self.at(place - half, low), self.at(place + half, high)
        self.canvas.box(x0, y0, x1, y1, fill=fill, outline=outline, width=width, radius=radius)


def category_frame(
    canvas: Canvas,
    style: Style,
    rng: np.random.Generator,
    box: Box,
    names: list[str],
    scale: tuple[float, float],
    flat: bool,
    bare: bool = False,
) -> CategoryFrame:
    """Draw a frame of categories and values; `flat` puts the categories on the vertical axis."""
    across, up = (scale, names) if flat else (names, scale)
    return CategoryFrame(canvas, frame(canvas, style, rng, box, across, up, bare), flat)


def observations(rng: np.random.Generator) -> np.ndarray:
    """float64 (n,): a made-up measure of one group between about 0 and 10: normal, skewed or uniform."""
    count, kind = int(rng.choice([6, 15, 40, 150])), int(rng.integers(4))
    if kind == 0:
        return rng.normal(rng.uniform(3, 7), rng.uniform(0.3, 1.6), count)
    if kind == 1:
        return rng.gamma(rng.uniform(0.8, 3), rng.uniform(0.5, 1.5), count)
    if kind == 2:
        return 9.5 - rng.gamma(rng.uniform(0.8, 3), rng.uniform(0.4, 1.2), count)
    return rng.uniform(rng.uniform(0, 4), rng.uniform(5, 10), count)


def bars(
    canvas: Canvas, style: Style, rng: np.random.Generator, box: Box, bare: bool = False, given: Given = None
) -> Made:
    """Bars: simple, grouped or stacked, upright or lying, with negative values, value labels or a reference line."""
    several = given.grouped if given else rng.random() < 0.45
    stacked = several and rng.random() < 0.6
    flat = given.flat if given else rng.random() < 0.38
    names = given.names if given else bar_names(rng, several, stacked)
    series = vocabulary.groups(rng, 6) if several else [""]
    values = bar_values(rng, len(names), len(series), stacked)
    fills = [style.palette[j % len(style.palette)] for j in range(len(series))]
    if several and not bare and rng.random() < 0.75:
        box = legend(canvas, style, rng, box, series, fills)
    tops = values.sum(1) if stacked else values
    low, high = min(0.0, float(tops.min())) * 1.1, max(0.0, float(tops.max())) * rng.uniform(1.0, 1.3)
    pen = category_frame(canvas, style, rng, box, names, (low, high), flat, bare)
    many = not several and rng.random() < 0.25
    draw_bars(pen, style, rng, values, fills, stacked, many)
    if not several and not flat and len(names) < 15 and rng.random() < 0.2:
        for i, value in enumerate(values[:, 0].tolist()):
            x, y = pen.at(i, max(value, 0))
            canvas.text(x, y - 1, f"{value:.3g}", style.type_size, style.ink, anchor="mb")
    labels = ["horizontal bar" if flat else "vertical bar"]
    if several:
        return (("stacked bar" if stacked else "grouped bar"), *labels), (f"{len(series)} colors", "a legend")
    labels += ["negative bar"] * bool(values.min() < 0)
    if rng.random() < 0.12:
        level = low + (high - low) * float(rng.uniform(0.3, 0.8))
        pen.line((-0.5, level), (len(names) - 0.5, level), style.palette[2], 1.5)
        labels.append("?line")
    hue = colour_name(style.palette[0])
    one = (f"{hue} bars", f"{hue} horizontal bars" if flat else f"{hue} columns")
    return tuple(labels), ("many colors",) if many else one


def bar_names(rng: np.random.Generator, several: bool, stacked: bool) -> list[str]:
    """Category names: one to a dozen words, or up to a hundred numbers."""
    if several:
        return vocabulary.groups(rng)[: 1 if stacked and rng.random() < 0.1 else None]
    count = (
        int(rng.integers(40, 110)) if rng.random() < 0.08 else int(rng.choice([1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 24]))
    )
    return vocabulary.groups(rng)[:count] if count <= 12 else [str(i) for i in range(count)]


def bar_values(rng: np.random.Generator, count: int, series: int, stacked: bool) -> np.ndarray:
    """float64 (count, series): heights; of one series also sorted, nearly equal, or partly negative."""
    values = rng.gamma(rng.uniform(1, 8), 1.0, (count, series)) + 0.05
    if stacked and rng.random() < 0.3:
        result: np.ndarray = values / values.sum(1, keepdims=True)
        return result
    shape = rng.random()
    if series == 1 and shape < 0.25:
        values = np.sort(values, 0)[:: rng.choice([-1, 1])]
    elif series == 1 and shape < 0.35:
        values = values * 0.05 + rng.uniform(0.8, 1)
    if series == 1 and rng.random() < 0.15:
        values = values * rng.choice([-1, 1], (count, 1)) - (0 if rng.random() < 0.7 else 0.3)
    return values * 10 ** rng.uniform(-1, 4)


def draw_bars(
    pen: CategoryFrame,
    style: Style,
    rng: np.random.Generator,
    values: np.ndarray,
    fills: list[Colour],
    stacked: bool,
    many: bool,
) -> None:
    """Draw heights (categories, series) side by side or stacked; `many` gives each category its own colour."""
    half, series = float(rng.choice([0.2, 0.25, 0.3, 0.38, 0.4, 0.45, 0.48, 0.5])), values.shape[1]
    marked = int(rng.integers(len(values))) if rng.random() < 0.12 else -1
    for i, row in enumerate(values.tolist()):
        base = 0.0
        for j, value in enumerate(row):
            fill = fills[j]
            if series == 1 and (many or i == marked):
                fill = style.palette[(i if many else 1) % len(style.palette)]
            place, reach = (i, half) if stacked else (i + half * ((2 * j + 1) / series - 1), half / series)
            pen.box(place, reach, base, base + value, fill, style.edge, 0.7, style.rounding)
            base += value if stacked else 0.0


def histogram(canvas: Canvas, style: Style, rng: np.random.Generator, box: Box, bare: bool = False) -> Made:
    """Counts in bins, bars touching."""
    bins = int(rng.integers(6, 40))
    sample = rng.normal(0, 1, 400) if rng.random() < 0.5 else rng.gamma(rng.uniform(0.8, 3), 1, 400)
    if rng.random() < 0.2:
        sample = np.concatenate([sample, rng.normal(4, 0.7, 250)])
    counts, edges = np.histogram(sample, bins)
    made = frame(canvas, style, rng, box, (float(edges[0]), float(edges[-1])), (0.0, counts.max() * 1.08), bare=bare)
    gap = float(rng.choice([0, 0, 0.08]))
    edge = style.edge or (blend(style.palette[0], style.background, 0.8) if gap == 0 and rng.random() < 0.6 else None)
    for count, a, b in zip(counts, edges, edges[1:], strict=False):
        inset = (b - a) * gap
        corners = (made.x(a + inset), made.y(0), made.x(b - inset), made.y(float(count)))
        canvas.box(*corners, fill=style.palette[0], outline=edge, width=0.6)
    labels: tuple[str, ...] = ("histogram", "vertical bar")
    if rng.random() < 0.15:
        xs = np.linspace(edges[0], edges[-1], 60)
        ys = counts.max() * np.exp(-((xs - sample.mean()) ** 2) / 2 / sample.var())
        canvas.line([(made.x(x), made.y(y)) for x, y in zip(xs, ys, strict=True)], style.palette[1], style.stroke)
        labels = (*labels, "?line")
    return labels, (f"{colour_name(style.palette[0])} bars",)


def gantt(canvas: Canvas, style: Style, rng: np.random.Generator, box: Box, bare: bool = False) -> Made:
    """Bars from a start to an end, one row a task; or steps of a waterfall."""
    if rng.random() < 0.35:
        return waterfall(canvas, style, rng, box, bare)
    count = int(rng.integers(3, 12))
    tasks = [f"Task {i + 1}" for i in range(count)] if rng.random() < 0.6 else vocabulary.groups(rng)
    starts = np.cumsum(rng.uniform(0, 2, len(tasks)))
    ends = starts + rng.uniform(0.6, 4, len(tasks))
    pen = category_frame(canvas, style, rng, box, tasks[::-1], (0.0, float(ends.max()) * 1.05), True, bare)
    many, half = rng.random() < 0.4, float(rng.uniform(0.25, 0.4))
    for i, (a, b) in enumerate(zip(starts.tolist(), ends.tolist(), strict=True)):
        fill = style.palette[(i if many else 0) % len(style.palette)]
        pen.box(len(tasks) - 1 - i, half, a, b, fill, style.edge, 0.7, style.rounding)
    return ("gantt", "horizontal bar"), ("tasks", "start and end")


def waterfall(canvas: Canvas, style: Style, rng: np.random.Generator, box: Box, bare: bool = False) -> Made:
    """Gains and losses, each bar beginning where the last ended."""
    names = vocabulary.groups(rng)
    changes = rng.normal(0.4, 2, len(names))
    changes[0] = abs(changes[0]) + 3
    ends = np.concatenate([[0], np.cumsum(changes)])
    scale = (float(min(0, ends.min())) - 0.2, float(ends.max()) * 1.1)
    pen = category_frame(canvas, style, rng, box, names, scale, False, bare)
    for i, change in enumerate(changes.tolist()):
        fill = vocabulary.COLOURS["green" if change > 0 else "red"]
        pen.box(i, 0.35, float(ends[i]), float(ends[i]) + change, fill, style.edge, 0.7, style.rounding)
    return ("waterfall",), ("gains and losses", "green and red bars")


def error_bars(canvas: Canvas, style: Style, rng: np.random.Generator, box: Box, bare: bool = False) -> Made:
    """Means with whiskers, as dots or on bars."""
    names, flat = vocabulary.groups(rng), rng.random() < 0.4
    means, spread = rng.uniform(2, 8, len(names)), rng.uniform(0.3, 1.6, len(names))
    pen = category_frame(canvas, style, rng, box, names, (0.0, float((means + spread).max() * 1.1)), flat, bare)
    on_bars, caps = rng.random() < 0.4, rng.random() < 0.6
    ink = style.ink if on_bars else style.palette[0]
    for i, (mean, reach) in enumerate(zip(means.tolist(), spread.tolist(), strict=True)):
        if on_bars:
            pen.box(i, 0.35, 0, mean, style.palette[0], style.edge, 0.7, style.rounding)
        else:
            canvas.circle(*pen.at(i, mean), 3.5, fill=ink)
        pen.line((i, mean - reach), (i, mean + reach), ink, style.stroke)
        for end in (mean - reach, mean + reach) if caps else ():
            pen.line((i - 0.12, end), (i + 0.12, end), ink, style.stroke)
    side = "horizontal bar" if flat else "vertical bar"
    return (("error bars", side) if on_bars else ("error bars", "?points", "?box")), ("whiskers", "means")


def funnel(canvas: Canvas, style: Style, rng: np.random.Generator, box: Box, bare: bool = False) -> Made:
    """Centred bars growing narrower, or sloping pieces."""
    count = int(rng.integers(3, 7))
    widths = np.sort(rng.uniform(0.15, 1, count))[::-1]
    x0, y0, x1, y1 = box
    middle, tall, sloping = (x0 + x1) / 2, (y1 - y0 - 10) / count, rng.random() < 0.5
    for i in range(count):
        half, after = (
            (x1 - x0) * 0.42 * widths[i],
            (x1 - x0) * 0.42 * (widths[i + 1] if i + 1 < count else widths[i] * 0.7),
        )
        top, bottom = y0 + 5 + i * tall, y0 + 5 + (i + 1) * tall - 2
        low = after if sloping else half
        corners = [(middle - half, top), (middle + half, top), (middle + low, bottom), (middle - low, bottom)]
        canvas.polygon(corners, fill=style.palette[i % len(style.palette)])
        canvas.text(
            middle, (top + bottom) / 2, vocabulary.pick(rng, vocabulary.ITEMS), style.type_size, style.ink, anchor="mm"
        )
    return ("funnel",), ("narrowing stages",)


class BoxStyle:
    """How all boxes of one chart are drawn."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.half = float(rng.choice([0.15, 0.25, 0.35, 0.35, 0.42]))
        self.caps, self.hollow = rng.random() < 0.5, rng.random() < 0.25
        self.to_ends = rng.random() < 0.35  # whiskers to the least and the greatest, no outliers
        self.thin = float(rng.choice([0.7, 1, 1, 1.5]))
        self.middle = str(rng.choice(["white", "white", "ink", "contrast", "panel"]))
        self.tick = float(rng.choice([1, 1, 2, 3]))
        self.edged = rng.random() < 0.5
        self.grey = rng.random() < 0.6  # whiskers in ink, not in the box's colour
        self.outlier = str(rng.choice(["ring", "circle", "cross", "diamond"], p=[0.5, 0.3, 0.1, 0.1]))
        self.points = rng.random() < 0.08  # the observations themselves beside the box
        self.notched = rng.random() < 0.06


def one_box(
    pen: CategoryFrame, style: Style, rng: np.random.Generator, place: float, half: float, hue: Colour, how: BoxStyle
) -> None:
    """Draw a box of the quartiles of made-up observations, with whiskers and outliers."""
    values = observations(rng)
    low, middle, high = np.percentile(values, (25, 50, 75)).tolist()
    reach = 1.5 * (high - low)
    inside = values if how.to_ends else values[(values >= low - reach) & (values <= high + reach)]
    least, greatest = float(inside.min()), float(inside.max())
    whisker = style.ink if how.grey else hue
    pen.line((place, least), (place, low), whisker, how.thin)
    pen.line((place, high), (place, greatest), whisker, how.thin)
    for end in (least, greatest) if how.caps else ():
        pen.line((place - half * 0.6, end), (place + half * 0.6, end), whisker, how.thin)
    pen.box(place, half, low, high, None if how.hollow else hue, whisker if how.edged or how.hollow else None)
    inks = {"white": (255, 255, 255), "ink": style.ink, "contrast": blend(hue, (0, 0, 0), 0.6), "panel": style.panel}
    pen.line((place - half, middle), (place + half, middle), hue if how.hollow else inks[how.middle], how.tick)
    for side in (-half, half) if how.notched else ():
        notch = [(place + side, middle - 0.4), (place + side * 0.5, middle), (place + side, middle + 0.4)]
        pen.canvas.polygon([pen.at(*corner) for corner in notch], fill=style.panel)
    for value in () if how.to_ends else values[(values < low - reach) | (values > high + reach)].tolist():
        sign(pen.canvas, how.outlier, *pen.at(place, value), 2, whisker if how.grey else hue, style.panel)
    for value in values.tolist() if how.points else ():
        sign(pen.canvas, "circle", *pen.at(place + float(rng.uniform(-0.4, 0.4)), value), 1.2, style.ink, style.panel)


def box_plots(
    canvas: Canvas, style: Style, rng: np.random.Generator, box: Box, bare: bool = False, given: Given = None
) -> Made:
    """Box plots of one style: a single box, a row of boxes, or groups of boxes."""
    flat = given.flat if given else rng.random() < 0.5
    names = given.names if given else sized_names(rng, 26, alone=0.2)
    grouped = given.grouped if given else len(names) > 1 and rng.random() < 0.2
    how, inner = BoxStyle(rng), int(rng.integers(2, 5)) if grouped else 1
    many = inner > 1 or rng.random() < 0.3
    if inner > 1 and rng.random() < 0.6:
        box = legend(canvas, style, rng, box, vocabulary.groups(rng)[:inner], list(style.palette))
    scale = (float(rng.uniform(-1.5, 0)), float(rng.uniform(10, 12)))
    pen = category_frame(canvas, style, rng, box, names, scale, flat, bare)
    for i in range(len(names)):
        for j in range(inner):
            place = i + (j - (inner - 1) / 2) * 0.8 / inner
            hue = style.palette[(j if inner > 1 else i if many else 0) % len(style.palette)]
            one_box(pen, style, rng, place, how.half * (0.9 / inner if inner > 1 else 1), hue, how)
    labels = ("horizontal box" if flat else "vertical box", *(["?points", "?strip"] if how.points else []))
    boxes = f"{len(names)} boxes" if len(names) > 1 else "a single box"
    return labels, ("median and quartiles", "whiskers and outliers", f"{colour_name(style.palette[0])} boxes", boxes)


def sized_names(rng: np.random.Generator, most: int = 24, alone: float = 0.2) -> list[str]:
    """Names or numbers of groups: none (with the probability `alone`), a few, or many."""
    kind = rng.random()
    if kind < alone:
        return [""]
    if kind < 0.75:
        return vocabulary.groups(rng)
    return [str(i) for i in range(int(rng.integers(2, most)))]


def violins(canvas: Canvas, style: Style, rng: np.random.Generator, box: Box, bare: bool = False) -> Made:
    """Mirrored densities, with or without a box inside."""
    names = vocabulary.groups(rng, 7)
    pen = category_frame(canvas, style, rng, box, names, (0.0, 10.0), rng.random() < 0.35, bare)
    inner = rng.random() < 0.5
    for i in range(len(names)):
        values = np.linspace(0.6, 9.4, 40)
        a, b = rng.uniform(2.5, 7.5, 2)
        width = np.exp(-((values - a) ** 2) / rng.uniform(0.8, 5)) + rng.uniform(0, 0.7) * np.exp(-((values - b) ** 2))
        width = 0.42 * width / width.max()
        shape = [pen.at(i + w, v) for w, v in zip(width, values, strict=True)]
        shape += [pen.at(i - w, v) for w, v in zip(width[::-1], values[::-1], strict=True)]
        canvas.polygon(shape, fill=style.palette[i % len(style.palette)], outline=style.edge)
        if inner:
            pen.line((i, a - 2), (i, a + 2), style.ink, 1)
            pen.box(i, 0.06, a - 0.8, a + 0.8, style.ink, None)
    return ("violin", "?box"), ("mirrored densities",)


def dots(
    canvas: Canvas, style: Style, rng: np.random.Generator, box: Box, bare: bool = False, given: Given = None
) -> Made:
    """Dots by category: one or two a row, all observations, stacked dots, punch cards."""
    kind = "observed" if given else str(rng.choice(["row", "observed", "stacked", "punch", "ranged", "ranged"]))
    if kind == "stacked":
        return stacked_dots(canvas, style, rng, box, bare)
    if kind == "punch":
        return punchcard(canvas, style, rng, box, bare)
    names = given.names if given else vocabulary.groups(rng)
    flat = given.flat if given else kind != "observed" or rng.random() < 0.5
    pen = category_frame(canvas, style, rng, box, names, (-0.5, 10.5), flat, bare)
    marker, size = str(rng.choice(["circle", "circle", "ring", "ring", "square", "cross"])), float(rng.uniform(1.5, 4))
    spread = 0.3 if rng.random() < 0.4 else 0.0
    for i in range(len(names)):
        if kind == "observed":
            for value in observations(rng).tolist():
                spot = pen.at(i + float(rng.uniform(-spread, spread)), value)
                sign(canvas, marker, *spot, size, style.palette[0], style.panel)
            continue
        values = np.clip(rng.normal(rng.uniform(2, 8), 1.5, 1 if kind == "row" else 2), 0.1, 9.9).tolist()
        pen.line((i, values[0]), (i, values[-1]), style.grid, style.stroke)
        for j, value in enumerate(values):
            canvas.circle(*pen.at(i, value), 4, fill=style.palette[j])
    labels = {"ranged": ("dumbbell",), "row": ("dot plot",), "observed": ("points", "?dot plot", "?strip")}[kind]
    return labels, ("dots in rows" if flat else "dots in columns",)


def strips(
    canvas: Canvas, style: Style, rng: np.random.Generator, box: Box, bare: bool = False, given: Given = None
) -> Made:
    """Observations as short ticks along a line, one row or several."""
    flat = given.flat if given else rng.random() < 0.75
    names = given.names if given else sized_names(rng, 12, alone=0.35)
    pen = category_frame(canvas, style, rng, box, names, (-0.5, 10.5), flat, bare)
    half = float(rng.uniform(0.2, 0.45))
    for i in range(len(names)):
        for value in observations(rng).tolist():
            pen.line((i - half, value), (i + half, value), style.palette[0], float(rng.choice([0.7, 1])))
    return ("strip",), ("short ticks",)


def stacked_dots(canvas: Canvas, style: Style, rng: np.random.Generator, box: Box, bare: bool) -> Made:
    """Every observation a dot, stacked over its value."""
    bins = int(rng.integers(8, 25))
    counts = rng.poisson(6 * np.exp(-((np.arange(bins) - bins / 2) ** 2) / bins), bins)
    made = frame(canvas, style, rng, box, (-1.0, float(bins)), None if rng.random() < 0.6 else (0.0, 12.0), bare=bare)
    step = min((made.box[2] - made.box[0]) / (bins + 1), (made.box[3] - made.box[1]) / (counts.max() + 1))
    for i, count in enumerate(counts):
        for j in range(int(count)):
            canvas.circle(made.x(i), made.box[3] - step * (j + 0.5), step * 0.42, fill=style.palette[0])
    return ("dot plot",), ("stacked dots",)


def punchcard(canvas: Canvas, style: Style, rng: np.random.Generator, box: Box, bare: bool) -> Made:
    """A grid of discs sized by value."""
    rows = vocabulary.groups(rng, 8)
    columns = [str(i) for i in range(int(rng.integers(6, 25)))]
    made = frame(canvas, style, rng, box, columns, rows, bare=bare)
    cell = min((made.box[2] - made.box[0]) / len(columns), (made.box[3] - made.box[1]) / len(rows))
    for i in range(len(columns)):
        for j in range(len(rows)):
            canvas.circle(made.x(i), made.y(j), cell * float(rng.uniform(0.03, 0.48)), fill=style.palette[0])
    return ("punchcard",), ("discs of different sizes",)
