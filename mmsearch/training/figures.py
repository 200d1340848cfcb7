"""Icons, emoji, logos, drawings, plain shapes and patterns."""

import numpy as np
from PIL import Image, ImageDraw

from mmsearch.training import words
from mmsearch.training.bars import colour_name
from mmsearch.training.canvas import Canvas, Colour, Point, family_members, font
from mmsearch.training.charts import Drawn
from mmsearch.training.looks import COLOURS
from mmsearch.training.maps import blob
from mmsearch.training.style import blend, style

COUNTS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
# Private-use code points of icon fonts hold their pictures; the ranges are those of Font Awesome 4 and its like.
ICON_RANGE = (0xF000, 0xF200)
SMILEYS = tuple(range(0x1F600, 0x1F640))
EMOJI = tuple(range(0x1F300, 0x1F321)) + tuple(range(0x1F330, 0x1F37D)) + tuple(range(0x1F380, 0x1F394)) + tuple(
    range(0x1F400, 0x1F4FD)
) + tuple(range(0x1F680, 0x1F6C6)) + tuple(range(0x1F90D, 0x1F9FF))  # fmt: skip


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
    name = words.pick(rng, words.SURNAMES) if rng.random() < 0.6 else words.pick(rng, words.ITEMS).lower()
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
        "cross": [(-0.3, -1), (0.3, -1), (0.3, -0.3), (1, -0.3), (1, 0.3), (0.3, 0.3), (0.3, 1), (-0.3, 1), (-0.3, 0.3),
                  (-1, 0.3), (-1, -0.3), (-0.3, -0.3)],
    }  # fmt: skip
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
    looks = ("line drawing",) if lines_only else ("drawing", "?photo")
    return canvas.picture(), (*looks, "?icon"), "", ("black lines",) if lines_only else ("flat colors",)
