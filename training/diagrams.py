"""Diagrams of boxes, arrows and nodes, and concept diagrams (mind maps, Venn diagrams, timelines, circuits)."""

from itertools import pairwise

import numpy as np
from PIL import Image

from training import vocabulary
from training.canvas import Canvas, Colour, Point, Style, blend, style
from training.charts import Drawn, size


def start(rng: np.random.Generator, least: int = 200) -> tuple[Canvas, Style]:
    """An empty canvas of a usual size and a manner."""
    width, height = size(rng)
    manner = style(rng, float(rng.uniform(8, 12)))
    return Canvas(max(width, least), max(height, int(least * 0.7)), manner.background, rng), manner


def done(canvas: Canvas, manner: Style, rng: np.random.Generator, label: str, *details: str) -> Drawn:
    """A finished diagram."""
    return canvas.picture(), (label, *(["dark"] if manner.dark else [])), vocabulary.topic(rng), details


def arrow(
    canvas: Canvas, a: Point, b: Point, ink: Colour, width: float = 1.2, head: float = 5, dash: float = 0
) -> None:
    """A straight line with a filled head."""
    canvas.line([a, b], ink, width, dash)
    turn = np.arctan2(b[1] - a[1], b[0] - a[0])
    wings = [(b[0] - head * 1.6 * np.cos(turn + s), b[1] - head * 1.6 * np.sin(turn + s)) for s in (-0.4, 0.4)]
    canvas.polygon([b, *wings], fill=ink)


def node(
    canvas: Canvas,
    manner: Style,
    rng: np.random.Generator,
    x: float,
    y: float,
    w: float,
    h: float,
    kind: str,
    fill: Colour | None,
) -> None:
    """A labelled shape around (x, y): box, rounded box, diamond, ellipse or slanted box."""
    ink = manner.ink
    if kind == "diamond":
        canvas.polygon([(x, y - h * 0.7), (x + w * 0.55, y), (x, y + h * 0.7), (x - w * 0.55, y)], fill, ink)
    elif kind == "slanted":
        canvas.polygon(
            [(x - w * 0.4, y - h / 2), (x + w / 2, y - h / 2), (x + w * 0.4, y + h / 2), (x - w / 2, y + h / 2)],
            fill,
            ink,
        )
    elif kind == "round":
        canvas.box(x - w / 2, y - h / 2, x + w / 2, y + h / 2, fill, ink, 1.2, h * 0.4)
    else:
        canvas.box(x - w / 2, y - h / 2, x + w / 2, y + h / 2, fill, ink, 1.2)
    canvas.text(x, y, vocabulary.pick(rng, vocabulary.ITEMS), manner.type_size, ink, anchor="mm")


def flowchart(rng: np.random.Generator) -> Drawn:
    """Steps and decisions joined by arrows, downwards or across."""
    canvas, manner = start(rng)
    down = canvas.height > canvas.width * 0.8 or rng.random() < 0.3
    steps, lanes = int(rng.integers(3, 8)), int(rng.integers(1, 4))
    long, wide = (canvas.height, canvas.width) if down else (canvas.width, canvas.height)
    w = min((wide / lanes if down else long / steps) * 0.75, 110)
    h = min((long / steps if down else wide / lanes) * 0.5, 46)
    coloured = rng.random() < 0.6
    last: list[Point] = []
    for step in range(steps):
        here = []
        for lane in range(lanes if step > 0 else 1):
            if lane and rng.random() < 0.4:
                continue
            a, b = (step + 0.5) * long / steps, (lane + 0.5) * wide / lanes
            here.append((b, a) if down else (a, b))
        for x, y in here:
            for px, py in last[:2] if len(last) == 1 or rng.random() < 0.5 else last[-1:]:
                tip = (x, y - h * 0.5) if down else (x - w * 0.5, y)
                tail = (px, py + h * 0.5) if down else (px + w * 0.5, py)
                if rng.random() < 0.5:
                    elbow = (tail[0], (tail[1] + tip[1]) / 2), (tip[0], (tail[1] + tip[1]) / 2)
                    canvas.line([tail, *elbow], manner.ink, 1.2)
                    arrow(canvas, elbow[1], tip, manner.ink)
                else:
                    arrow(canvas, tail, tip, manner.ink)
        last = here
        for x, y in here:
            kind = "round" if step in (0, steps - 1) else str(rng.choice(["box", "box", "diamond", "slanted"]))
            fill = blend(
                manner.palette[{"diamond": 1, "box": 0, "round": 2, "slanted": 3}[kind]], manner.background, 0.4
            )
            node(canvas, manner, rng, x, y, w, h, kind, fill if coloured else manner.background)
    return done(canvas, manner, rng, "flowchart", "boxes and arrows", "steps and decisions")


def network(rng: np.random.Generator) -> Drawn:
    """Nodes and edges."""
    canvas, manner = start(rng)
    count = int(rng.integers(5, 60))
    if rng.random() < 0.3:
        turns = np.arange(count) * 2 * np.pi / count
        spots = np.stack([0.5 + 0.42 * np.cos(turns), 0.5 + 0.42 * np.sin(turns)], 1)
    else:
        spots = rng.uniform(0.06, 0.94, (count, 2))
    places = [(float(a) * canvas.width, float(b) * canvas.height) for a, b in spots]
    directed, labelled = rng.random() < 0.25, rng.random() < 0.5
    r = float(rng.uniform(3, 14)) if count < 25 else float(rng.uniform(2, 5))
    for i in range(count):
        distance = ((spots - spots[i]) ** 2).sum(1)
        for j in np.argsort(distance)[1 : int(rng.integers(2, 5))]:
            (arrow if directed else canvas_line)(
                canvas, places[i], places[int(j)], manner.grid if count > 30 else manner.ink
            )
    hollow = rng.random() < 0.3
    for i, (x, y) in enumerate(places):
        ink = manner.palette[int(rng.integers(4)) if rng.random() < 0.5 else 0]
        canvas.circle(x, y, r * float(rng.uniform(0.7, 1.4)), manner.background if hollow else ink, ink)
        if labelled:
            canvas.text(x, y, chr(65 + i % 26), max(r, 6), manner.ink, anchor="mm")
    return done(canvas, manner, rng, "network", "nodes and edges", f"{count} nodes")


def canvas_line(canvas: Canvas, a: Point, b: Point, ink: Colour) -> None:
    """An edge without a head."""
    canvas.line([a, b], ink, 1)


def tree(rng: np.random.Generator) -> Drawn:
    """A hierarchy downwards or to the right, with boxes or bare."""
    canvas, manner = start(rng)
    boxed, right, levels_ = rng.random() < 0.7, rng.random() < 0.3, int(rng.integers(2, 5))
    long, wide = (canvas.width, canvas.height) if right else (canvas.height, canvas.width)
    fill = blend(manner.palette[0], manner.background, float(rng.uniform(0, 0.7)))
    rows: list[list[Point]] = []
    count = 1
    for level in range(levels_):
        rows.append([((i + 0.5) * wide / count, (level + 0.5) * long / levels_) for i in range(count)])
        count = min(count * int(rng.integers(2, 4)), 12)
    turn = (lambda p: (p[1], p[0])) if right else (lambda p: p)
    for upper, lower in pairwise(rows):
        for i, child in enumerate(lower):
            parent = upper[i * len(upper) // len(lower)]
            middle = (parent[1] + child[1]) / 2
            path = [parent, (parent[0], middle), (child[0], middle), child] if boxed else [parent, child]
            canvas.line([turn(p) for p in path], manner.ink, 1.2)
    for row in rows:
        for place in row:
            x, y = turn(place)
            w = (long / levels_ if right else wide / len(row)) * 0.8
            h = (wide / len(row) if right else long / levels_) * 0.45
            if boxed:
                node(canvas, manner, rng, x, y, min(w, 100), min(h, 34), "box", fill)
            else:
                canvas.circle(x, y, min(w, h, 12) * 0.5, fill=manner.palette[0], outline=manner.ink)
    return done(canvas, manner, rng, "tree diagram", "boxes joined by lines", "a hierarchy")


def records(rng: np.random.Generator) -> Drawn:
    """Classes or tables with their fields; or actors with messages over time."""
    canvas, manner = start(rng, 280)
    if rng.random() < 0.45:
        return sequence(canvas, manner, rng)
    count, s = int(rng.integers(2, 7)), manner.type_size
    boxes = []
    for i in range(count):
        fields = int(rng.integers(2, 7))
        x = (i % 3 + 0.12) * canvas.width / min(count, 3)
        y = (i // 3 + float(rng.uniform(0.05, 0.2))) * canvas.height / (1 + (count - 1) // 3)
        boxes.append((x, y, x + min(canvas.width / min(count, 3) * 0.65, 120), y + s * 1.5 * (fields + 1)))
    for a, b in pairwise(boxes):
        arrow(canvas, (a[2], a[1] + 10), (b[0], b[1] + 10), manner.ink, dash=float(rng.choice([0, 3])))
    for x0, y0, x1, y1 in boxes:
        canvas.box(x0, y0, x1, y1, manner.background, manner.ink)
        canvas.box(x0, y0, x1, y0 + s * 1.5, blend(manner.palette[0], manner.background, 0.4), manner.ink)
        canvas.text(
            (x0 + x1) / 2, y0 + 2, vocabulary.pick(rng, vocabulary.SUBJECTS).title(), s, manner.ink, "bold", "ma"
        )
        for k in range(int((y1 - y0) / s / 1.5 - 1 + 0.5)):
            canvas.text(
                x0 + 4,
                y0 + s * 1.5 * (k + 1) + 2,
                f"{vocabulary.pick(rng, vocabulary.MEASURES)}: int",
                s * 0.9,
                manner.ink,
                "mono",
            )
    return done(canvas, manner, rng, "class diagram", "boxes with fields")


def sequence(canvas: Canvas, manner: Style, rng: np.random.Generator) -> Drawn:
    """Life lines with messages."""
    actors, messages = int(rng.integers(2, 6)), int(rng.integers(4, 12))
    xs = [(i + 0.5) * canvas.width / actors for i in range(actors)]
    for x in xs:
        node(
            canvas,
            manner,
            rng,
            x,
            16,
            min(canvas.width / actors * 0.7, 90),
            22,
            "box",
            blend(manner.palette[0], manner.background, 0.5),
        )
        canvas.line([(x, 28), (x, canvas.height - 6)], manner.ink, 1, 4)
    for i in range(messages):
        y = 42 + i * (canvas.height - 55) / messages
        a, b = rng.choice(actors, 2, replace=False)
        arrow(canvas, (xs[a], y), (xs[b], y), manner.ink, dash=float(rng.choice([0, 0, 3])))
        canvas.text(
            (xs[a] + xs[b]) / 2,
            y - 2,
            vocabulary.pick(rng, vocabulary.MEASURES),
            manner.type_size * 0.9,
            manner.ink,
            anchor="ms",
        )
    return done(canvas, manner, rng, "sequence diagram", "vertical life lines and messages")


def concept_diagram(rng: np.random.Generator) -> Drawn:
    """Mind maps, Venn diagrams, timelines, system diagrams, circuits."""
    canvas, manner = start(rng, 240)
    kind = str(rng.choice(list(CONCEPTS)))
    CONCEPTS[kind](canvas, manner, rng)
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
            vocabulary.pick(rng, vocabulary.ITEMS),
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
        canvas.text(x, h / 2 + side * h * 0.32, vocabulary.pick(rng, vocabulary.ITEMS), 9, manner.ink, anchor="mm")


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


CONCEPTS = {
    "mind map": mind_map,
    "venn": venn,
    "timeline": timeline,
    "architecture": architecture,
    "circuit": circuit,
}
