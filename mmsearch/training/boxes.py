"""Box plots, violins and candlesticks."""

import numpy as np

from mmsearch.training import words
from mmsearch.training.axes import Box, Frame, Made, frame, frame_of_names
from mmsearch.training.bars import colour_name
from mmsearch.training.canvas import Canvas, Colour
from mmsearch.training.looks import COLOURS
from mmsearch.training.style import Style, blend


class Turned:
    """A frame whose scale of names may lie across or upwards: marks are drawn once for both."""

    def __init__(self, canvas: Canvas, made: Frame, flat: bool) -> None:
        self.canvas, self.made, self.flat = canvas, made, flat

    def at(self, place: float, value: float) -> tuple[float, float]:
        """Where a value of a category lies."""
        return (self.made.x(value), self.made.y(place)) if self.flat else (self.made.x(place), self.made.y(value))

    def line(self, a: tuple[float, float], b: tuple[float, float], ink: Colour, width: float) -> None:
        """A straight line between two (place, value) pairs."""
        self.canvas.line([self.at(*a), self.at(*b)], ink, width)

    def box(self, place: float, half: float, low: float, high: float, fill: Colour | None, ink: Colour | None) -> None:
        """A rectangle around a place, between two values."""
        (x0, y0), (x1, y1) = self.at(place - half, low), self.at(place + half, high)
        self.canvas.box(x0, y0, x1, y1, fill=fill, outline=ink, width=1.2)


def box_plots(canvas: Canvas, style: Style, rng: np.random.Generator, box: Box, bare: bool = False) -> Made:
    """Boxes with a median and whiskers: capped or not, filled or hollow, with outliers, in groups, one or many."""
    flat = rng.random() < 0.5
    names = words.groups(rng) if rng.random() < 0.8 else [""]
    if rng.random() < 0.12:
        names = [str(i) for i in range(int(rng.integers(12, 26)))]
    grouped = len(names) > 1 and rng.random() < 0.2
    scale = (float(rng.uniform(-2, 0)), float(rng.uniform(10, 13)))
    made = frame_of_names(canvas, style, rng, box, names, scale, flat, bare)
    pen = Turned(canvas, made, flat)
    half, caps = float(rng.uniform(0.12, 0.42)), rng.random() < 0.6
    hollow, many = rng.random() < 0.35, rng.random() < 0.35
    inner = str(rng.choice(["contrast", "white", "ink"]))
    for i in range(len(names)):
        for j in (-0.25, 0.25) if grouped else (0.0,):
            hue = style.palette[(i if many else int(j > 0)) % len(style.palette)]
            one_box(pen, style, rng, i + j, half / (2 if grouped else 1), hue, hollow, caps, inner)
    side = "horizontal box" if flat else "vertical box"
    details = ("median and quartiles", "whiskers and outliers", f"{colour_name(style.palette[0])} boxes")
    return (side,), (*details, f"{len(names)} boxes" if len(names) > 1 else "a single box")


def one_box(
    pen: Turned,
    style: Style,
    rng: np.random.Generator,
    place: float,
    half: float,
    hue: Colour,
    hollow: bool,
    caps: bool,
    inner: str,
) -> None:
    """One box with its whiskers."""
    middle, reach = float(rng.uniform(2.5, 7.5)), float(rng.uniform(0.4, 1.7))
    low, high = middle - reach * float(rng.uniform(0.4, 1)), middle + reach * float(rng.uniform(0.4, 1))
    end_low, end_high = low - float(rng.uniform(0.3, 2.2)), high + float(rng.uniform(0.3, 2.5))
    edge = hue if hollow else (style.ink if style.edge is None else style.edge)
    whisker = edge if hollow or rng.random() < 0.7 else hue
    pen.line((place, end_low), (place, low), whisker, 1.2)
    pen.line((place, high), (place, end_high), whisker, 1.2)
    for end in (end_low, end_high) if caps else ():
        pen.line((place - half * 0.5, end), (place + half * 0.5, end), whisker, 1.2)
    pen.box(place, half, low, high, None if hollow else hue, edge if hollow or rng.random() < 0.6 else None)
    ink = {"white": (255, 255, 255), "ink": style.ink, "contrast": blend(hue, (0, 0, 0), 0.6)}[inner]
    pen.line((place - half, middle), (place + half, middle), hue if hollow else ink, 2)
    for _ in range(int(rng.integers(0, 4)) if rng.random() < 0.5 else 0):
        value = end_high + float(rng.uniform(0.2, 1.5)) if rng.random() < 0.6 else end_low - float(rng.uniform(0.2, 1))
        pen.canvas.circle(*pen.at(place, value), 2.2, outline=edge, width=1)


def violins(canvas: Canvas, style: Style, rng: np.random.Generator, box: Box, bare: bool = False) -> Made:
    """Mirrored densities, with or without a box inside."""
    flat = rng.random() < 0.35
    names = words.groups(rng, 7)
    made = frame_of_names(canvas, style, rng, box, names, (0.0, 10.0), flat, bare)
    pen = Turned(canvas, made, flat)
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
