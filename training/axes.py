"""A rectangle with scales, grid, ticks, titles and a legend, into which the marks of a chart are drawn."""

from dataclasses import dataclass

import numpy as np

from training import vocabulary
from training.canvas import Canvas, Colour, Style, blend, ramp
from training.vocabulary import COLOURS

Box = tuple[float, float, float, float]  # left, top, right, bottom


Made = tuple[tuple[str, ...], tuple[str, ...]]  # labels, the main one first; details for captions


Axis = list[str] | tuple[float, float] | None  # names, a range of values, or no scale


@dataclass(frozen=True, slots=True)
class Frame:
    """Where data goes: a rectangle and the ranges of its two scales. Names count 0, 1, 2 with half a step around."""

    box: Box
    across: tuple[float, float]
    up: tuple[float, float]

    def x(self, value: float) -> float:
        """Place of a value on the scale across."""
        low, high = self.across
        return self.box[0] + (value - low) / (high - low) * (self.box[2] - self.box[0])

    def y(self, value: float) -> float:
        """Place of a value on the scale upwards."""
        low, high = self.up
        return self.box[3] - (value - low) / (high - low) * (self.box[3] - self.box[1])


def span(axis: Axis) -> tuple[float, float]:
    """Range of a scale."""
    if axis is None:
        return (0.0, 1.0)
    if isinstance(axis, list):
        return (-0.5, len(axis) - 0.5)
    return (axis[0], axis[1]) if axis[1] > axis[0] else (axis[0], axis[0] + 1)


def steps(low: float, high: float, about: int) -> list[float]:
    """Round values between low and high, around `about` of them."""
    raw = (high - low) / max(about, 1)
    power = 10.0 ** np.floor(np.log10(raw))
    step = next(power * m for m in (1, 2, 2.5, 5, 10) if power * m >= raw * 0.999)
    first = np.ceil(low / step) * step
    return [float(first + i * step) for i in range(int((high - first) / step + 1e-6) + 1)]


def number_format(rng: np.random.Generator) -> str:
    """One way to write the numbers of a scale."""
    return str(rng.choice(["{:g}", "{:g}", "{:g}", "{:.1f}", "{:g}%", "${:g}", "{:g}k", "{:g} M"]))


def frame(
    canvas: Canvas, style: Style, rng: np.random.Generator, box: Box, across: Axis, up: Axis, bare: bool = False
) -> Frame:
    """Draw panel, grid, scales and titles within `box`; `bare` leaves out titles (small panels)."""
    size = style.type_size
    left, top, right, bottom = box
    titles = not bare and rng.random() < 0.75
    if not bare and rng.random() < 0.45:
        title = vocabulary.topic(rng).capitalize()
        middle = rng.random() < 0.5
        where = ((left + right) / 2, "ma") if middle else (left + 2, "la")
        bold = "bold" if rng.random() < 0.5 else "sans"
        canvas.text(where[0], top + 2, title, size * 1.25, style.ink, bold, where[1])
        top += size * 2
    up_labels = labels_of(up, rng, (bottom - top) / (size * 2.2))
    widest = max((canvas.text_width(text, size) for _, text in up_labels), default=0.0)
    inner_left = left + min(widest, (right - left) * 0.35) + 6 + (size * 1.4 if titles and up is not None else 0)
    inner_bottom = bottom - (size * 1.6 if across is not None else 4) - (size * 1.4 if titles and across else 0)
    inner = (inner_left, top + 4, right - 6, max(inner_bottom, top + 12))
    made = Frame(inner, span(across), span(up))
    across_labels = labels_of(across, rng, (inner[2] - inner[0]) / (size * 3.4))
    decorate(canvas, style, made, across_labels, up_labels)
    if titles:
        if across is not None:
            middle_x = (inner[0] + inner[2]) / 2 if rng.random() < 0.7 else inner[2] - 20
            canvas.text(middle_x, bottom - 2, vocabulary.pick(rng, vocabulary.MEASURES), size, style.ink, anchor="ms")
        if up is not None:
            canvas.text(
                left + size * 0.6,
                (inner[1] + inner[3]) / 2,
                vocabulary.pick(rng, vocabulary.MEASURES),
                size,
                style.ink,
                angle=90,
            )
    return made


def labels_of(axis: Axis, rng: np.random.Generator, room: float) -> list[tuple[float, str]]:
    """Places and texts along a scale, as many as fit into the room."""
    if axis is None:
        return []
    if isinstance(axis, list):
        every = max(1, int(np.ceil(len(axis) / max(room * 1.6, 1))))
        return [(float(i), name) for i, name in enumerate(axis) if i % every == 0]
    low, high = span(axis)
    pattern = number_format(rng)
    if high - low > 3 and rng.random() < 0.2:  # years
        return [(v, str(int(1990 + i * 5))) for i, v in enumerate(steps(low, high, min(int(room), 8)))]
    return [
        (v, pattern.format(round(v, 6))) for v in steps(low, high, int(min(max(room, 2.0), float(rng.integers(4, 11)))))
    ]


def decorate(
    canvas: Canvas,
    style: Style,
    made: Frame,
    across: list[tuple[float, str]],
    up: list[tuple[float, str]],
) -> None:
    """Panel, grid, frame, ticks and labels."""
    x0, y0, x1, y1 = made.box
    size, ink = style.type_size, style.ink
    if style.panel != style.background:
        canvas.box(x0, y0, x1, y1, fill=style.panel)
    turned = bool(across) and max(canvas.text_width(t, size) for _, t in across) > (x1 - x0) / max(len(across), 1)
    for value, text in across:
        x = made.x(value)
        if "x" in style.grid_lines:
            canvas.line([(x, y0), (x, y1)], style.grid, 1, style.grid_dash)
        if style.ticks:
            canvas.line([(x, y1), (x, y1 + style.ticks)], ink, 0.7)
        if turned:
            width = min(canvas.text_width(text, size), 40)
            canvas.text(x, y1 + style.ticks + width / 2 + 1, text, size, ink, angle=90)
        else:
            canvas.text(x, y1 + style.ticks + 1, text, size, ink, anchor="ma")
    for value, text in up:
        y = made.y(value)
        if "y" in style.grid_lines:
            canvas.line([(x0, y), (x1, y)], style.grid, 1, style.grid_dash)
        if style.ticks:
            canvas.line([(x0 - style.ticks, y), (x0, y)], ink, 0.7)
        canvas.text(x0 - style.ticks - 2, y, text, size, ink, anchor="rm")
    axis = blend(ink, style.background, 0.3)
    if style.frame == "box":
        canvas.box(x0, y0, x1, y1, outline=axis, width=0.7)
    if style.frame in ("left", "bottom"):
        canvas.line([(x0, y1), (x1, y1)], axis, 0.8)
    if style.frame == "left":
        canvas.line([(x0, y0), (x0, y1)], axis, 0.8)


def legend(
    canvas: Canvas, style: Style, rng: np.random.Generator, box: Box, names: list[str], colours: list[Colour]
) -> Box:
    """A legend at the right, the left, above or below; returns what is left of the box."""
    size = style.type_size
    left, top, right, bottom = box
    wide = max(canvas.text_width(name, size) for name in names) + size * 2
    place = str(rng.choice(["right", "right", "right", "top", "bottom", "left", "inside"]))
    tall = (len(names) + 2) * size * 1.5
    if wide > (right - left) * 0.4 or (place in ("right", "left", "inside") and tall > bottom - top):
        return box
    x, y = right - wide, top + 6
    if place == "left":
        x = left + 2
    if place in ("top", "bottom"):
        x, y = left + 10, top + 2 if place == "top" else bottom - size * 1.5
    elif rng.random() < 0.6:
        canvas.text(x, y, vocabulary.pick(rng, vocabulary.MEASURES), size, style.ink, "bold")
        y += size * 1.6
    round_key = rng.random() < 0.4
    for name, key in zip(names, colours, strict=False):
        if round_key:
            canvas.circle(x + size * 0.5, y + size * 0.5, size * 0.4, fill=key)
        else:
            canvas.box(x, y, x + size * 0.9, y + size * 0.9, fill=key)
        canvas.text(x + size * 1.3, y + size * 0.5, name, size, style.ink, anchor="lm")
        if place in ("top", "bottom"):
            x += canvas.text_width(name, size) + size * 2.4
            if x > right - size * 3:
                break
        else:
            y += size * 1.5
    return {
        "right": (left, top, right - wide - 4, bottom),
        "left": (left + wide + 4, top, right, bottom),
        "top": (left, top + size * 1.8, right, bottom),
        "bottom": (left, top, right, bottom - size * 1.8),
    }.get(place, box)


def colour_bar(canvas: Canvas, style: Style, box: Box) -> Box:
    """A scale of colours at the right; returns what is left of the box."""
    left, top, right, bottom = box
    wide = 10 + style.type_size * 2.5
    x, y0, y1 = right - wide, top + 8, min(bottom - 8, top + 140)
    for i in range(24):
        a, b = y0 + (y1 - y0) * i / 24, y0 + (y1 - y0) * (i + 1) / 24
        canvas.box(x, a, x + 10, b, fill=ramp(style.stops, 1 - i / 23))
    for i in range(4):
        canvas.text(x + 13, y0 + (y1 - y0) * i / 3, str((3 - i) * 10), style.type_size * 0.9, style.ink, anchor="lm")
    return (left, top, right - wide - 6, bottom)


def colour_name(colour: Colour) -> str:
    """The nearest plain colour word."""
    return min(COLOURS, key=lambda name: sum((a - b) ** 2 for a, b in zip(COLOURS[name], colour, strict=True)))


SIGNS = ("circle", "ring", "square", "diamond", "cross", "triangle", "star")


def sign(canvas: Canvas, kind: str, x: float, y: float, r: float, ink: Colour, paper: Colour) -> None:
    """One marker."""
    if kind == "circle":
        canvas.circle(x, y, r, fill=ink)
    elif kind == "ring":
        canvas.circle(x, y, r, outline=ink, width=max(1, r * 0.3))
    elif kind == "square":
        canvas.box(x - r, y - r, x + r, y + r, fill=ink)
    elif kind == "cross":
        canvas.line([(x - r, y - r), (x + r, y + r)], ink, 1.2)
        canvas.line([(x - r, y + r), (x + r, y - r)], ink, 1.2)
    else:
        corners = {"diamond": 4, "triangle": 3, "star": 10}[kind]
        turn = np.arange(corners) * 2 * np.pi / corners - np.pi / 2
        reach = r * 1.2 * np.where((np.arange(corners) % 2 == 1) & (kind == "star"), 0.45, 1)
        canvas.polygon([(x + a * np.cos(t), y + a * np.sin(t)) for a, t in zip(reach, turn, strict=True)], fill=ink)
