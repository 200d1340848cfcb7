"""Bar charts of all kinds, histograms, and the charts whose marks are filled rectangles."""

import numpy as np

from mmsearch.training import words
from mmsearch.training.axes import Box, Frame, Made, frame, frame_of_names, legend
from mmsearch.training.canvas import Canvas, Colour
from mmsearch.training.looks import COLOURS
from mmsearch.training.style import Style, blend


def colour_name(colour: Colour) -> str:
    """The nearest plain colour word."""
    return min(COLOURS, key=lambda name: sum((a - b) ** 2 for a, b in zip(COLOURS[name], colour, strict=True)))


def bar(
    canvas: Canvas, style: Style, made: Frame, flat: bool, at: float, wide: float, low: float, high: float, fill: Colour
) -> None:
    """One bar at a place of the scale of names, from low to high; `flat` lays it on its side."""
    if flat:
        corners = (made.x(low), made.y(at - wide / 2), made.x(high), made.y(at + wide / 2))
    else:
        corners = (made.x(at - wide / 2), made.y(low), made.x(at + wide / 2), made.y(high))
    canvas.box(*corners, fill=fill, outline=style.edge, width=0.7, radius=style.rounding)


def bars(canvas: Canvas, style: Style, rng: np.random.Generator, box: Box, bare: bool = False) -> Made:
    """Simple bars: upright or on their side, one or many, sorted or not, some below zero, some with a line on top."""
    flat = rng.random() < 0.4
    count = int(rng.choice([1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 24, 40], p=[0.03] + [0.09] * 3 + [0.1] * 7 + [0.0]))
    if rng.random() < 0.08:
        count = int(rng.integers(40, 110))
    names = words.groups(rng) if count <= 12 else [str(i) for i in range(count)]
    names = names[:count]
    values = rng.gamma(rng.uniform(1, 8), 1.0, len(names)) + 0.05
    shape = rng.random()
    if shape < 0.25:
        values = np.sort(values)[:: rng.choice([-1, 1])]
    elif shape < 0.35:
        values = values * 0.05 + rng.uniform(0.8, 1)  # nearly equal heights
    signed = rng.random() < 0.15
    if signed:
        values = values * rng.choice([-1, 1], len(names)) - (0 if rng.random() < 0.7 else 0.3)
    values *= 10 ** rng.uniform(-1, 4)
    low, high = min(0.0, float(values.min())) * 1.1, max(0.0, float(values.max())) * rng.uniform(1.02, 1.3)
    scale = (low, high)
    made = frame_of_names(canvas, style, rng, box, names, scale, flat, bare)
    many = rng.random() < 0.25
    wide = float(rng.choice([0.4, 0.6, 0.75, 0.8, 0.9, 0.95, 1.0]))
    marked = int(rng.integers(len(names))) if rng.random() < 0.12 else -1
    for i, value in enumerate(values):
        fill = style.palette[(i if many else 0) % len(style.palette)]
        if i == marked:
            fill = style.palette[1]
        bar(canvas, style, made, flat, i, wide, 0, float(value), fill)
    if rng.random() < 0.2 and len(names) < 15 and not flat:
        for i, value in enumerate(values):
            canvas.text(
                made.x(i), made.y(max(float(value), 0)) - 1, f"{value:.3g}", style.type_size, style.ink, anchor="mb"
            )
    looks = ["horizontal bar" if flat else "vertical bar", *(["negative bar"] if signed else [])]
    if rng.random() < 0.12:
        rule(canvas, style, made, flat, rng)
        looks.append("?line")
    hue = colour_name(style.palette[0])
    details = ("many colors",) if many else (f"{hue} bars", f"{hue} columns" if not flat else f"{hue} horizontal bars")
    return tuple(looks), details


def rule(canvas: Canvas, style: Style, made: Frame, flat: bool, rng: np.random.Generator) -> None:
    """A reference line across the bars."""
    share, ink = rng.uniform(0.3, 0.8), style.palette[2]
    x0, y0, x1, y1 = made.box
    if flat:
        canvas.line([(x0 + (x1 - x0) * share, y0), (x0 + (x1 - x0) * share, y1)], ink, 1.5)
    else:
        canvas.line([(x0, y0 + (y1 - y0) * share), (x1, y0 + (y1 - y0) * share)], ink, 1.5)


def several_bars(canvas: Canvas, style: Style, rng: np.random.Generator, box: Box, bare: bool = False) -> Made:
    """Grouped or stacked bars with a legend."""
    flat, stacked = rng.random() < 0.35, rng.random() < 0.6
    names, series = words.groups(rng), words.groups(rng, 6)
    if stacked and rng.random() < 0.1:
        names = names[:1]  # one bar cut into shares
    values = rng.gamma(2, 1.0, (len(names), len(series))) + 0.1
    if stacked and rng.random() < 0.3:
        values /= values.sum(1, keepdims=True)
    high = float(values.sum(1).max() if stacked else values.max()) * rng.uniform(1.0, 1.15)
    colours = [style.palette[i % len(style.palette)] for i in range(len(series))]
    if not bare and rng.random() < 0.75:
        box = legend(canvas, style, rng, box, series, colours)
    scale = (0.0, high)
    made = frame_of_names(canvas, style, rng, box, names, scale, flat, bare)
    wide = float(rng.uniform(0.5, 0.95))
    for i in range(len(names)):
        base = 0.0
        for j in range(len(series)):
            value = float(values[i, j])
            if stacked:
                bar(canvas, style, made, flat, i, wide, base, base + value, colours[j])
                base += value
            else:
                step = wide / len(series)
                bar(canvas, style, made, flat, i - wide / 2 + step * (j + 0.5), step, 0, value, colours[j])
    kind = "stacked bar" if stacked else "grouped bar"
    return (kind, "horizontal bar" if flat else "vertical bar"), (f"{len(series)} colors", "a legend")


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
    looks: tuple[str, ...] = ("histogram", "vertical bar")
    if rng.random() < 0.15:
        xs = np.linspace(edges[0], edges[-1], 60)
        ys = counts.max() * np.exp(-((xs - sample.mean()) ** 2) / 2 / sample.var())
        canvas.line([(made.x(x), made.y(y)) for x, y in zip(xs, ys, strict=True)], style.palette[1], style.stroke)
        looks = (*looks, "?line")
    return looks, (f"{colour_name(style.palette[0])} bars",)


def gantt(canvas: Canvas, style: Style, rng: np.random.Generator, box: Box, bare: bool = False) -> Made:
    """Bars from a start to an end, one row a task; or steps of a waterfall."""
    if rng.random() < 0.35:
        return waterfall(canvas, style, rng, box, bare)
    tasks = [f"Task {i + 1}" for i in range(int(rng.integers(3, 12)))] if rng.random() < 0.6 else words.groups(rng)
    starts = np.cumsum(rng.uniform(0, 2, len(tasks)))
    ends = starts + rng.uniform(0.6, 4, len(tasks))
    made = frame(canvas, style, rng, box, (0.0, float(ends.max()) * 1.05), tasks[::-1], bare=bare)
    many = rng.random() < 0.4
    for i, (a, b) in enumerate(zip(starts, ends, strict=True)):
        fill = style.palette[(i if many else 0) % len(style.palette)]
        bar(canvas, style, made, True, len(tasks) - 1 - i, float(rng.uniform(0.5, 0.8)), float(a), float(b), fill)
    return ("gantt", "horizontal bar"), ("tasks", "start and end")


def waterfall(canvas: Canvas, style: Style, rng: np.random.Generator, box: Box, bare: bool = False) -> Made:
    """Gains and losses, each bar beginning where the last ended."""
    names = words.groups(rng)
    changes = rng.normal(0.4, 2, len(names))
    changes[0] = abs(changes[0]) + 3
    totals = np.cumsum(changes)
    ends = np.concatenate([[0], totals])
    made = frame(canvas, style, rng, box, names, (float(min(0, ends.min())) - 0.2, float(ends.max()) * 1.1), bare=bare)
    for i, change in enumerate(changes):
        fill = COLOURS["green"] if change > 0 else COLOURS["red"]
        bar(canvas, style, made, False, i, 0.7, float(ends[i]), float(ends[i] + change), fill)
    return ("waterfall",), ("gains and losses", "green and red bars")


def error_bars(canvas: Canvas, style: Style, rng: np.random.Generator, box: Box, bare: bool = False) -> Made:
    """Means with whiskers, as dots, or on bars."""
    names = words.groups(rng)
    means, spread = rng.uniform(2, 8, len(names)), rng.uniform(0.3, 1.6, len(names))
    flat = rng.random() < 0.4
    scale = (0.0, float((means + spread).max() * 1.1))
    made = frame_of_names(canvas, style, rng, box, names, scale, flat, bare)
    on_bars, caps = rng.random() < 0.4, rng.random() < 0.6
    for i, (mean, reach) in enumerate(zip(means, spread, strict=True)):
        if on_bars:
            bar(canvas, style, made, flat, i, 0.7, 0, float(mean), style.palette[0])
        place = (lambda v, i=i: (made.x(v), made.y(i))) if flat else (lambda v, i=i: (made.x(i), made.y(v)))
        ink = style.ink if on_bars else style.palette[0]
        a, b = place(mean - reach), place(mean + reach)
        canvas.line([a, b], ink, style.stroke)
        for x, y in (a, b) if caps else ():
            canvas.line([(x, y - 4), (x, y + 4)] if flat else [(x - 4, y), (x + 4, y)], ink, style.stroke)
        if not on_bars:
            canvas.circle(*place(mean), 3.5, fill=ink)
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
        canvas.text(middle, (top + bottom) / 2, words.pick(rng, words.ITEMS), style.type_size, style.ink, anchor="mm")
    return ("funnel",), ("narrowing stages",)
