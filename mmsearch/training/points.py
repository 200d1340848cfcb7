"""Charts of points: scatter plots of every kind, strips of ticks, ranged dots."""

import numpy as np

from mmsearch.training import words
from mmsearch.training.axes import Axis, Box, Made, frame, frame_of_names, legend
from mmsearch.training.bars import colour_name
from mmsearch.training.canvas import Canvas, Colour
from mmsearch.training.lines import walk
from mmsearch.training.style import Style, blend, ramp

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
    names = words.groups(rng, 6)
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
    looks = ["bubble" if sized else "coloured points" if grouped else "points"]
    if line:
        slope, base = np.polyfit(xs, ys, 1)
        ends = [(made.x(float(x)), made.y(float(slope * x + base))) for x in (xs.min(), xs.max())]
        canvas.line(ends, style.palette[3], style.stroke)
        looks += ["regression", "?line"]
    hue = colour_name(style.palette[0])
    return tuple(looks), (("a legend", "points in several colors") if grouped else (f"{hue} points", f"{hue} dots"))


def dots(canvas: Canvas, style: Style, rng: np.random.Generator, box: Box, bare: bool = False) -> Made:
    """Dots by category: one a row, jittered columns, stacked dots, punch cards."""
    names = words.groups(rng)
    kind = str(rng.choice(["rows", "jitter", "stacked", "punch", "ranged", "ranged"]))
    if kind == "stacked":
        return stacked_dots(canvas, style, rng, box, bare)
    if kind == "punch":
        return punchcard(canvas, style, rng, box, bare)
    flat = kind in ("rows", "ranged") or rng.random() < 0.5
    scale = (0.0, 10.0)
    made = frame_of_names(canvas, style, rng, box, names, scale, flat, bare)
    for i in range(len(names)):
        count = {"rows": 1, "ranged": 2, "jitter": int(rng.integers(8, 50))}[kind]
        values = np.clip(rng.normal(rng.uniform(2, 8), 1.5, count), 0.1, 9.9)
        offsets = rng.uniform(-0.3, 0.3, count) if kind == "jitter" else np.zeros(count)
        spots = [
            (made.x(v), made.y(i + o)) if flat else (made.x(i + o), made.y(v))
            for v, o in zip(values.tolist(), offsets.tolist(), strict=True)
        ]
        if kind == "ranged":
            canvas.line(spots, style.grid, style.stroke)
        for j, spot in enumerate(spots):
            canvas.circle(*spot, 4 if kind != "jitter" else 2.5, fill=style.palette[j if kind == "ranged" else 0])
    looks = (
        ("dumbbell",) if kind == "ranged" else ("dot plot",) if kind == "rows" else ("points", "?dot plot", "?strip")
    )
    return looks, ("dots in rows" if flat else "dots in columns",)


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
    rows = words.groups(rng, 8)
    columns = [str(i) for i in range(int(rng.integers(6, 25)))]
    made = frame(canvas, style, rng, box, columns, rows, bare=bare)
    cell = min((made.box[2] - made.box[0]) / len(columns), (made.box[3] - made.box[1]) / len(rows))
    for i in range(len(columns)):
        for j in range(len(rows)):
            canvas.circle(made.x(i), made.y(j), cell * float(rng.uniform(0.03, 0.48)), fill=style.palette[0])
    return ("punchcard",), ("discs of different sizes",)


def strips(canvas: Canvas, style: Style, rng: np.random.Generator, box: Box, bare: bool = False) -> Made:
    """Short ticks along a line, one row or several."""
    flat = rng.random() < 0.75
    names = words.groups(rng) if rng.random() < 0.65 else [""]
    made = frame_of_names(canvas, style, rng, box, names, (0.0, 10.0), flat, bare)
    half = float(rng.uniform(0.2, 0.45))
    for i in range(len(names)):
        values = rng.normal(rng.uniform(3, 7), rng.uniform(0.5, 2), int(rng.integers(10, 60)))
        for v in np.clip(values, 0.05, 9.95).tolist():
            ends = [(made.x(v), made.y(i - half)), (made.x(v), made.y(i + half))]
            if not flat:
                ends = [(made.x(i - half), made.y(v)), (made.x(i + half), made.y(v))]
            canvas.line(ends, style.palette[0], float(rng.choice([0.7, 1])))
    return ("strip",), ("short ticks",)


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
