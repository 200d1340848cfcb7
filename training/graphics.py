"""Maps and floor plans, icons, emoji, logos, drawings, plain shapes, patterns, sheet music and crosswords."""

import numpy as np
from PIL import Image, ImageDraw

from training import vocabulary
from training.axes import colour_name
from training.canvas import Canvas, Colour, Point, Style, blend, family_members, font, ramp, style
from training.charts import Drawn
from training.diagrams import done, start
from training.radial_charts import levels
from training.vocabulary import COLOURS


def blob(rng: np.random.Generator, x: float, y: float, r: float, rough: float = 0.25, count: int = 60) -> list[Point]:
    """A closed irregular outline around a place."""
    turns = np.arange(count) * 2 * np.pi / count
    reach = np.ones(count)
    for k in range(2, 12):
        reach += rng.normal(0, rough / k) * np.sin(k * turns + rng.uniform(0, 6))
    return [(x + r * a * np.cos(t), y + r * a * np.sin(t)) for a, t in zip(np.maximum(reach, 0.2), turns, strict=True)]


def maps(rng: np.random.Generator) -> Drawn:
    """Street maps, maps of regions, heights; floor plans."""
    kind = str(rng.choice(["street map", "choropleth", "choropleth", "topographic map", "map", "floor plan"]))
    canvas, manner = start(rng, 220)
    w, h = canvas.width, canvas.height
    if kind == "street map":
        streets(canvas, manner, rng)
    elif kind == "choropleth":
        regions(canvas, manner, rng)
    elif kind == "topographic map":
        canvas.paste(levels(rng, manner, w, h, filled=rng.random() < 0.4), 0, 0, w, h)
        for _ in range(int(rng.integers(2, 8))):
            canvas.text(rng.uniform(0, w), rng.uniform(0, h), str(rng.integers(100, 3000)), 9, manner.ink)
    elif kind == "map":
        sea = ((170, 210, 240), (255, 255, 255), (30, 60, 110), (210, 230, 235))[rng.integers(4)]
        canvas.box(0, 0, w, h, fill=sea)
        land = blend(manner.palette[0], (240, 235, 210), 0.6)
        for _ in range(int(rng.integers(2, 7))):
            shape = blob(rng, rng.uniform(0, w), rng.uniform(0, h), rng.uniform(0.1, 0.35) * w, 0.5)
            canvas.polygon(shape, fill=land, outline=manner.ink)
        for _ in range(int(rng.integers(0, 9))):
            x, y = rng.uniform(10, w - 40), rng.uniform(10, h - 10)
            canvas.circle(x, y, 2.5, fill=(200, 30, 30))
            canvas.text(x + 5, y, vocabulary.pick(rng, vocabulary.GROUPS[6]), 9, (20, 20, 20))
    else:
        rooms(canvas, manner, rng, (10, 10, w - 10, h - 10), int(rng.integers(3, 8)))
    return done(canvas, manner, rng, kind)


def streets(canvas: Canvas, manner: Style, rng: np.random.Generator) -> None:
    """Blocks, parks, water and roads of two widths."""
    w, h = canvas.width, canvas.height
    canvas.box(0, 0, w, h, fill=blend(manner.background, (150, 140, 120), 0.12))
    for _ in range(int(rng.integers(1, 5))):
        tint = ((190, 225, 180), (170, 205, 240))[rng.integers(2)]
        canvas.polygon(blob(rng, rng.uniform(0, w), rng.uniform(0, h), rng.uniform(0.1, 0.25) * w), fill=tint)
    turn = float(rng.uniform(0, np.pi))
    small = blend(manner.background, (255, 255, 255), 0.8) if not manner.dark else (90, 90, 100)
    for k in range(int(rng.integers(12, 40))):
        angle = turn + (np.pi / 2 if k % 2 else 0) + rng.normal(0, 0.08)
        x, y, reach = rng.uniform(0, w), rng.uniform(0, h), rng.uniform(0.2, 1) * w
        a = (x - np.cos(angle) * reach, y - np.sin(angle) * reach)
        b = (x + np.cos(angle) * reach, y + np.sin(angle) * reach)
        canvas.line([a, b], small, float(rng.uniform(1.5, 4)))
    for _ in range(int(rng.integers(1, 4))):
        path = [(w * t, h * float(np.clip(0.5 + rng.normal(0, 0.25), 0, 1))) for t in (0, 0.3, 0.6, 1)]
        canvas.line(path, ((250, 200, 90), (240, 150, 110), (255, 230, 140))[rng.integers(3)], float(rng.uniform(4, 8)))
    for _ in range(int(rng.integers(2, 12))):
        name = f"{vocabulary.pick(rng, vocabulary.SURNAMES)} St"
        canvas.text(rng.uniform(0, w * 0.85), rng.uniform(0, h), name, float(rng.uniform(7, 10)), manner.ink)


def regions(canvas: Canvas, manner: Style, rng: np.random.Generator) -> None:
    """A country cut into regions (nearest of random seeds within an outline), coloured by value."""
    w, h = canvas.width, canvas.height
    mask = Image.new("L", (w, h), 0)
    pen = ImageDraw.Draw(mask)
    for k in range(int(rng.integers(1, 4))):
        x, y = w * rng.uniform(0.4, 0.6) if k == 0 else w * rng.uniform(0.1, 0.9), h * rng.uniform(0.4, 0.6)
        pen.polygon(blob(rng, x, y, min(w, h) * (0.42 if k == 0 else 0.15), 0.45, 120), fill=255)
    count = int(rng.integers(6, 60))
    seeds = rng.uniform(0, 1, (count, 2)) * (w, h)
    yy, xx = np.mgrid[0:h, 0:w]
    wobble = 4 * np.sin(yy / 7.0) + 3 * np.cos(xx / 5.0)
    nearest = np.argmin([(xx + wobble - a) ** 2 + (yy + wobble - b) ** 2 for a, b in seeds], 0)
    table = np.array([ramp(manner.stops, float(v)) for v in rng.uniform(0, 1, count)], np.uint8)
    if rng.random() < 0.3:
        table = np.array([manner.palette[int(i) % len(manner.palette)] for i in range(count)], np.uint8)
    picture = table[nearest]
    edge = np.zeros((h, w), bool)
    edge[:, 1:] |= nearest[:, 1:] != nearest[:, :-1]
    edge[1:] |= nearest[1:] != nearest[:-1]
    picture[edge] = manner.background if rng.random() < 0.6 else manner.ink
    picture[np.asarray(mask) == 0] = manner.background
    canvas.paste(Image.fromarray(picture), 0, 0, w, h)


def rooms(
    canvas: Canvas, manner: Style, rng: np.random.Generator, box: tuple[float, float, float, float], count: int
) -> None:
    """Walls, doors and names of rooms."""
    x0, y0, x1, y1 = box
    canvas.box(x0, y0, x1, y1, outline=manner.ink, width=3)
    if count <= 1 or min(x1 - x0, y1 - y0) < 40:
        name = vocabulary.pick(rng, ("Kitchen", "Bath", "Bedroom", "Living room", "Hall", "Office"))
        canvas.text((x0 + x1) / 2, (y0 + y1) / 2, name, 9, manner.ink, anchor="mm")
        canvas.box(x0 + 12, y1 - 3, x0 + 26, y1 + 3, fill=manner.background)
        canvas.draw.arc(
            [(x0 + 12) * 2, (y1 - 14) * 2, (x0 + 40) * 2, (y1 + 14) * 2], 180, 270, fill=manner.ink, width=2
        )
        return
    cut = float(rng.uniform(0.35, 0.65))
    if x1 - x0 > y1 - y0:
        rooms(canvas, manner, rng, (x0, y0, x0 + (x1 - x0) * cut, y1), count // 2)
        rooms(canvas, manner, rng, (x0 + (x1 - x0) * cut, y0, x1, y1), count - count // 2)
    else:
        rooms(canvas, manner, rng, (x0, y0, x1, y0 + (y1 - y0) * cut), count // 2)
        rooms(canvas, manner, rng, (x0, y0 + (y1 - y0) * cut, x1, y1), count - count // 2)


COUNTS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
# Private-use code points of icon fonts hold their pictures; the ranges are those of Font Awesome 4 and its like.
ICON_RANGE = (0xF000, 0xF200)
SMILEYS = tuple(range(0x1F600, 0x1F640))
EMOJI = (
    *range(0x1F300, 0x1F321),
    *range(0x1F330, 0x1F37D),
    *range(0x1F380, 0x1F394),
    *range(0x1F400, 0x1F4FD),
    *range(0x1F680, 0x1F6C6),
    *range(0x1F90D, 0x1F9FF),
)


def ground(rng: np.random.Generator) -> Colour:
    """A plain background, white most often."""
    if rng.random() < 0.6:
        return (255, 255, 255)
    return tuple(int(v) for v in rng.integers(0, 256, 3))  # type: ignore[return-value]


def ink_on(rng: np.random.Generator, paper: Colour) -> Colour:
    """A colour that can be seen on a background."""
    for _ in range(20):
        ink: Colour = tuple(int(v) for v in rng.integers(0, 256, 3))  # type: ignore[assignment]
        if rng.random() < 0.4:
            ink = (20, 20, 20) if sum(paper) > 380 else (245, 245, 245)
        if sum(abs(a - b) for a, b in zip(ink, paper, strict=True)) > 200:
            return ink
    return (0, 0, 0) if sum(paper) > 380 else (255, 255, 255)


def glyph(rng: np.random.Generator) -> Drawn:
    """One icon or emoji, or a sheet of them."""
    paper = ground(rng)
    side = int(rng.integers(60, 260))
    several = rng.random() < 0.2
    canvas = Canvas(side, side if not several or rng.random() < 0.5 else side * 0.6, paper, rng)
    ink = ink_on(rng, paper)
    if rng.random() < 0.45 and family_members("emoji") != ("",):
        smiley = rng.random() < 0.4
        source = SMILEYS if smiley else EMOJI
        for i in range(9 if several else 1):
            picture = emoji(chr(source[int(rng.integers(len(source)))]), paper)
            s = canvas.height / 3.2 if several else canvas.height * float(rng.uniform(0.6, 0.98))
            x = (i % 3) * canvas.width / 3 if several else (canvas.width - s) / 2
            y = (i // 3) * canvas.height / 3 if several else (canvas.height - s) / 2
            canvas.paste(picture, x, y, x + s, y + s)
        return canvas.picture(), ("smiley" if smiley else "emoji", "?icon"), "", ("several",) if several else ()
    if not several and rng.random() < 0.35:
        inset, ink = side * 0.06, (255, 255, 255)
        canvas.box(
            inset,
            inset,
            side - inset,
            side - inset,
            fill=ink_on(rng, (255, 255, 255)),
            radius=side * float(rng.uniform(0, 0.3)),
        )
    columns, rows = (int(rng.integers(3, 7)), int(rng.integers(2, 6))) if several else (1, 1)
    size = min(canvas.width / columns, canvas.height / rows) * 0.6
    for i in range(columns * rows):
        x, y = (i % columns + 0.5) * canvas.width / columns, (i // columns + 0.5) * canvas.height / rows
        canvas.text(x, y, chr(int(rng.integers(*ICON_RANGE))), size, ink, "icon", "mm")
    return (
        canvas.picture(),
        ("icon set" if several else "icon", "?shape", "?emoji", "?logo"),
        "",
        (f"{colour_name(ink)} icon",),
    )


def emoji(character: str, paper: Colour) -> Image.Image:
    """A colour emoji, 128 pixels; the font has one size of bitmaps only."""
    picture = Image.new("RGB", (136, 128), paper)
    ImageDraw.Draw(picture).text((0, 0), character, font=font(family_members("emoji")[0], 109), embedded_color=True)
    return picture


def logo(rng: np.random.Generator) -> Drawn:
    """A mark of one or two shapes with a name."""
    paper = ground(rng)
    canvas = Canvas(float(rng.uniform(140, 320)), float(rng.uniform(90, 200)), paper, rng)
    w, h, ink = canvas.width, canvas.height, ink_on(rng, paper)
    x, y, r = w * 0.25, h / 2, h * 0.3
    for i in range(int(rng.integers(1, 4))):
        some_shape(
            canvas,
            rng,
            str(rng.choice(["circle", "square", "triangle", "hexagon", "star"])),
            x,
            y,
            r * (1 - 0.28 * i),
            ink if i % 2 == 0 else paper,
        )
    name = (
        vocabulary.pick(rng, vocabulary.SURNAMES)
        if rng.random() < 0.6
        else vocabulary.pick(rng, vocabulary.ITEMS).lower()
    )
    size = min(h * 0.3, w * 0.55 / len(name) * 1.6)
    canvas.text(w * 0.47, h / 2, name, size, ink, str(rng.choice(["bold", "sans", "serif", "hand"])), "lm")
    return canvas.picture(), ("logo", "?icon", "?shape"), "", ("a name beside a mark",)


def some_shape(
    canvas: Canvas, rng: np.random.Generator, kind: str, x: float, y: float, r: float, fill: Colour, turn: float = 0
) -> None:
    """One filled shape around a place."""
    if kind == "circle":
        canvas.circle(x, y, r, fill=fill)
        return
    if kind == "heart":
        t = np.linspace(0, 2 * np.pi, 60)
        a, b = 16 * np.sin(t) ** 3, 13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)
        canvas.polygon([(x + u * r / 16, y - v * r / 16) for u, v in zip(a, b, strict=True)], fill=fill)
        return
    outlines: dict[str, list[Point]] = {
        "rectangle": [(-1, -0.5), (1, -0.5), (1, 0.5), (-1, 0.5)],
        "arrow": [(-1, -0.25), (0.2, -0.25), (0.2, -0.6), (1, 0), (0.2, 0.6), (0.2, 0.25), (-1, 0.25)],
        "cross": [
            (-0.3, -1),
            (0.3, -1),
            (0.3, -0.3),
            (1, -0.3),
            (1, 0.3),
            (0.3, 0.3),
            (0.3, 1),
            (-0.3, 1),
            (-0.3, 0.3),
            (-1, 0.3),
            (-1, -0.3),
            (-0.3, -0.3),
        ],
    }  # fmt: skip  (an outline a line)
    if kind in outlines:
        points = outlines[kind]
    else:
        corners = {"triangle": 3, "square": 4, "hexagon": 6, "star": 10}[kind]
        angles = np.arange(corners) * 2 * np.pi / corners - (np.pi / 2 if kind != "square" else np.pi / 4)
        reach = np.where((np.arange(corners) % 2 == 1) & (kind == "star"), 0.42, 1)
        points = [(float(a * np.cos(t)), float(a * np.sin(t))) for a, t in zip(reach, angles, strict=True)]
    c, s = np.cos(turn), np.sin(turn)
    canvas.polygon([(x + r * (a * c - b * s), y + r * (a * s + b * c)) for a, b in points], fill=fill)


def shapes(rng: np.random.Generator) -> Drawn:
    """One to nine shapes of one kind and colour."""
    paper = ground(rng)
    names = [name for name in COLOURS if sum(abs(a - b) for a, b in zip(COLOURS[name], paper, strict=True)) > 150]
    hue = str(rng.choice(names or ["black"]))
    kind = str(rng.choice(["circle", "square", "rectangle", "triangle", "star", "heart", "hexagon", "arrow", "cross"]))
    count = 1 if rng.random() < 0.5 else int(rng.integers(2, 10))
    canvas = Canvas(float(rng.uniform(90, 300)), float(rng.uniform(90, 240)), paper, rng)
    across = int(np.ceil(np.sqrt(count * canvas.width / canvas.height)))
    down = -(-count // across)
    cell_w, cell_h = canvas.width / across, canvas.height / down
    r = min(cell_w, cell_h) * float(rng.uniform(0.2, 0.46))
    for i in range(count):
        x, y = (i % across + 0.5) * cell_w, (i // across + 0.5) * cell_h
        turn = float(rng.uniform(0, 6)) if rng.random() < 0.2 else 0.0
        some_shape(canvas, rng, kind, x, y, r, COLOURS[hue], turn)
    plural = kind + ("es" if kind == "cross" else "s")
    said = (
        (f"a {hue} {kind}", f"{hue} {kind}")
        if count == 1
        else (f"{COUNTS[count]} {hue} {plural}", f"{COUNTS[count]} {plural}", plural)
    )
    return canvas.picture(), (kind, "?icon"), "", said


def drawing(rng: np.random.Generator) -> Drawn:
    """Houses, trees, people, animals, flowers of simple parts; filled as clip art or as lines only."""
    paper, lines_only = ground(rng), rng.random() < 0.4
    canvas = Canvas(float(rng.uniform(120, 300)), float(rng.uniform(110, 240)), paper, rng)
    w, h, ink = canvas.width, canvas.height, (20, 20, 20) if sum(paper) > 380 else (240, 240, 240)
    manner = style(rng)

    def part(points: list[tuple[float, float]], number: int) -> None:
        wobble = [(x + rng.normal(0, 0.6), y + rng.normal(0, 0.6)) for x, y in points]
        fill = None if lines_only else manner.palette[number % len(manner.palette)]
        edge = ink if lines_only or rng.random() < 0.6 else None
        canvas.polygon(wobble, fill=fill, outline=edge, width=1.6)

    if not lines_only and rng.random() < 0.5:
        canvas.box(0, 0, w, h, fill=blend(manner.palette[3], (255, 255, 255), 0.6))
        canvas.box(0, h * 0.75, w, h, fill=(120, 180, 90))
    for _ in range(int(rng.integers(1, 4))):
        x, s, kind = float(rng.uniform(0.2, 0.8)) * w, float(rng.uniform(0.2, 0.45)) * h, rng.integers(5)
        y = h * 0.55
        if kind == 0:  # house
            part([(x - s, y), (x + s, y), (x + s, y + s), (x - s, y + s)], 0)
            part([(x - s * 1.2, y), (x, y - s), (x + s * 1.2, y)], 1)
            part(
                [(x - s * 0.2, y + s * 0.4), (x + s * 0.2, y + s * 0.4), (x + s * 0.2, y + s), (x - s * 0.2, y + s)], 2
            )
        elif kind == 1:  # tree
            part([(x - s * 0.12, y), (x + s * 0.12, y), (x + s * 0.15, y + s), (x - s * 0.15, y + s)], 5)
            part(blob(rng, x, y - s * 0.3, s * 0.7, 0.3), 2)
        elif kind == 2:  # person
            part(blob(rng, x, y - s, s * 0.25, 0.03), 0)
            part(
                [
                    (x - s * 0.3, y - s * 0.7),
                    (x + s * 0.3, y - s * 0.7),
                    (x + s * 0.35, y + s * 0.2),
                    (x - s * 0.35, y + s * 0.2),
                ],
                1,
            )
            for side in (-1, 1):
                canvas.line([(x + side * s * 0.15, y + s * 0.2), (x + side * s * 0.2, y + s)], ink, 3)
                canvas.line([(x + side * s * 0.3, y - s * 0.6), (x + side * s * 0.6, y)], ink, 3)
        elif kind == 3:  # animal
            part(blob(rng, x, y, s * 0.6, 0.15), 0)
            part(blob(rng, x + s * 0.6, y - s * 0.5, s * 0.32, 0.08), 0)
            part([(x + s * 0.4, y - s * 0.7), (x + s * 0.45, y - s * 1.1), (x + s * 0.6, y - s * 0.8)], 1)
            canvas.circle(x + s * 0.68, y - s * 0.55, 2.5, fill=ink)
            for leg in (-0.4, -0.1, 0.2, 0.4):
                canvas.line([(x + leg * s, y + s * 0.4), (x + leg * s, y + s)], ink, 3)
        else:  # flower
            canvas.line([(x, y), (x, y + s)], (60, 140, 60), 3)
            for turn in np.arange(6) * np.pi / 3:
                part(blob(rng, x + np.cos(turn) * s * 0.35, y + np.sin(turn) * s * 0.35, s * 0.25, 0.05), 1)
            part(blob(rng, x, y, s * 0.2, 0.02), 3)
    labels = ("line drawing",) if lines_only else ("drawing", "?photo")
    return canvas.picture(), (*labels, "?icon"), "", ("black lines",) if lines_only else ("flat colors",)


def pattern(rng: np.random.Generator) -> Drawn:
    """Stripes, checks, dots, gradients, noise, one plain colour."""
    kind = str(rng.choice(["stripes", "checkerboard", "polka dots", "gradient", "noise", "plain"]))
    paper = ground(rng)
    canvas = Canvas(float(rng.uniform(80, 260)), float(rng.uniform(80, 220)), paper, rng)
    ink, step = ink_on(rng, paper), float(rng.uniform(7, 40))
    if kind in ("gradient", "noise"):
        picture = blended(rng, canvas, paper, ink, kind == "noise")
        return picture, (kind,), "", (f"{colour_name(ink)} and {colour_name(paper)}",)
    if kind != "plain":
        repeated(rng, canvas, ink, step, kind)
    said = (colour_name(paper),) if kind == "plain" else (f"{colour_name(ink)} and {colour_name(paper)}",)
    return canvas.picture(), (kind,), "", said


def repeated(rng: np.random.Generator, canvas: Canvas, ink: Colour, step: float, kind: str) -> None:
    """Stripes, checks or dots over the whole canvas."""
    w, h = canvas.width, canvas.height
    if kind == "stripes":
        slant = float(rng.choice([0, 0, 0.6, 50]))
        for i in range(-40, 60):
            a, b = i * step * 2, i * step * 2 + step
            if slant == 50:
                canvas.box(0, a, w, b, fill=ink)
            else:
                canvas.polygon([(a, 0), (b, 0), (b + slant * h, h), (a + slant * h, h)], fill=ink)
    elif kind == "checkerboard":
        for i in range(int(w / step) + 1):
            for j in range(int(h / step) + 1):
                if (i + j) % 2:
                    canvas.box(i * step, j * step, (i + 1) * step - 0.5, (j + 1) * step - 0.5, fill=ink)
    else:
        for j in range(int(h / step) + 2):
            for i in range(int(w / step) + 2):
                canvas.circle((i + j % 2 / 2) * step, j * step, step * 0.28, fill=ink)


def blended(rng: np.random.Generator, canvas: Canvas, paper: Colour, ink: Colour, noise: bool) -> Image.Image:
    """Two colours running into each other, straight or round, or mixed at random."""
    w, h = canvas.width, canvas.height
    yy, xx = np.mgrid[0 : canvas.height, 0 : canvas.width].astype(np.float32)
    turn = rng.uniform(0, 6)
    field = xx / w * np.cos(turn) + yy / h * np.sin(turn)
    if rng.random() < 0.3:
        field = np.hypot(xx - w / 2, yy - h / 2)
    if noise:
        field = rng.random(field.shape)
    field = (field - field.min()) / (np.ptp(field) + 1e-6)
    array = np.array(paper) + (np.array(ink) - np.array(paper)) * field[..., None]
    return Image.fromarray(array.astype(np.uint8))


def sheet_music(rng: np.random.Generator) -> Drawn:
    """Staves with notes; or crosswords."""
    paper: Colour = (255, 255, 255) if rng.random() < 0.7 else (248, 242, 225)
    if rng.random() < 0.3:
        return crossword(rng, paper)
    canvas = Canvas(float(rng.uniform(240, 420)), float(rng.uniform(100, 480)), paper, rng)
    gap = float(rng.uniform(4, 6.5))
    for top in np.arange(gap * 4, canvas.height - gap * 6, gap * 11):
        for k in range(5):
            canvas.line([(10, top + k * gap), (canvas.width - 10, top + k * gap)], (0, 0, 0), 0.7)
        canvas.text(14, top + gap * 2, "𝄞", gap * 6, (0, 0, 0), "icon", "lm")
        x = 46.0
        while x < canvas.width - 20:
            y, up = top + gap * float(rng.integers(-1, 10)) / 2, rng.random() < 0.5
            canvas.circle(x, y, gap * 0.55, fill=(0, 0, 0) if rng.random() < 0.75 else paper, outline=(0, 0, 0))
            side = gap * 0.5 if up else -gap * 0.5
            canvas.line([(x + side, y), (x + side, y - 3.4 * gap if up else y + 3.4 * gap)], (0, 0, 0), 1)
            x += float(rng.uniform(9, 24))
            if rng.random() < 0.15:
                canvas.line([(x - 5, top), (x - 5, top + 4 * gap)], (0, 0, 0), 1)
    return canvas.picture(), ("sheet music",), "", ("five lines with notes",)


def crossword(rng: np.random.Generator, paper: Colour) -> Drawn:
    """A grid of white and black squares, some numbered."""
    cells = int(rng.integers(6, 16))
    canvas = Canvas(cells * 14 + 8, cells * 14 + 8, paper, rng)
    for i in range(cells):
        for j in range(cells):
            x, y, black = 4 + i * 14, 4 + j * 14, rng.random() < 0.2
            canvas.box(x, y, x + 14, y + 14, fill=(0, 0, 0) if black else paper, outline=(0, 0, 0), width=0.8)
            if not black and rng.random() < 0.3:
                canvas.text(x + 2, y + 1, str(rng.integers(1, 40)), 5, (0, 0, 0))
    return canvas.picture(), ("crossword",), "", ("black and white squares",)
