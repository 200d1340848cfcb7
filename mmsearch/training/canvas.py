"""A drawing surface: Pillow at twice the size, reduced at the end, so that edges are smooth; and the fonts."""

from collections.abc import Sequence
from functools import cache, lru_cache
from itertools import pairwise
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

Colour = tuple[int, int, int]
Point = tuple[float, float]

SCALE = 2  # drawn at twice the size: Pillow's own lines and circles have no smooth edges
# Fonts are told apart by their file names. A family that is not installed is replaced by another of its group; the
# last entry of each group is the fallback that Pillow itself brings ("").
FAMILIES: dict[str, Sequence[str]] = {
    "sans": (
        "DejaVuSans LiberationSans-Regular OpenSans-Regular Roboto-Regular Lato-Regular Carlito-Regular "
        "RobotoCondensed-Regular Cantarell-Regular FreeSans Andika-Regular B612-Regular NotoSans-Regular Play-Regular "
        "Quicksand-Medium"
    ).split(),
    "bold": (
        "DejaVuSans-Bold LiberationSans-Bold OpenSans-Bold Roboto-Bold Lato-Bold Carlito-Bold Cantarell-Bold "
        "FreeSansBold Lato-Black Roboto-Black LiberationSerif-Bold cmunbx LinLibertine_RB"
    ).split(),
    "serif": (
        "DejaVuSerif LiberationSerif-Regular FreeSerif LinLibertine_R EBGaramond12-Regular Vollkorn-Regular cmunrm "
        "GFSDidot NotoSerif-Regular LiberationSerif-Italic"
    ).split(),
    "mono": (
        "DejaVuSansMono LiberationMono-Regular FreeMono FiraCode-Regular Hack-Regular Inconsolata B612Mono-Regular "
        "cmuntt NotoSansMono-Regular"
    ).split(),
    "hand": "dkg Ecolier-court Breip breipfont Kristi Rufscript010 ComicNeue-Regular Humor-Sans femkeklaver".split(),
    "icon": "fontawesome-webfont materialdesignicons-webfont elusiveicons-webfont Symbola_hint".split(),
    "emoji": ("NotoColorEmoji",),
}
FONT_FOLDERS: list[Path] = [Path("/usr/share/fonts"), Path.home() / ".local/share/fonts"]


@lru_cache(maxsize=1)
def installed() -> dict[str, Path]:
    """Font files by name without extension; the first folder wins."""
    found: dict[str, Path] = {}
    for folder in FONT_FOLDERS:
        for path in sorted(folder.rglob("*.[to]tf")):
            found.setdefault(path.stem, path)
    return found


@cache
def family_members(group: str) -> tuple[str, ...]:
    """Installed file names of a group of fonts, or ("",) for Pillow's own."""
    return tuple(name for name in FAMILIES[group] if name in installed()) or ("",)


@lru_cache(maxsize=512)
def font(name: str, size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """A font at a size in drawn pixels."""
    return ImageFont.truetype(str(installed()[name]), size) if name else ImageFont.load_default(size)


class Canvas:
    """A picture being drawn; every coordinate is in final pixels, origin top left."""

    def __init__(self, width: float, height: float, background: Colour, rng: np.random.Generator) -> None:
        self.width, self.height, self.background = int(width), int(height), background
        self.image = Image.new("RGB", (self.width * SCALE, self.height * SCALE), background)
        self.draw = ImageDraw.Draw(self.image)
        # One picture, one typeface per group, as in real documents.
        self.faces = {group: str(rng.choice(family_members(group))) for group in FAMILIES}

    def line(self, points: list[Point], colour: Colour, width: float = 1, dash: float = 0) -> None:
        """An open path; `dash` is the length of its dashes, 0 for none."""
        scaled = [(x * SCALE, y * SCALE) for x, y in points]
        thick = max(1, round(width * SCALE))
        for piece in dashes(scaled, dash * SCALE) if dash else [scaled]:
            self.draw.line(piece, fill=colour, width=thick, joint="curve" if thick > 3 else None)

    def box(
        self,
        x0: float,
        y0: float,
        x1: float,
        y1: float,
        fill: Colour | None = None,
        outline: Colour | None = None,
        width: float = 1,
        radius: float = 0,
    ) -> None:
        """An upright rectangle in any corner order, with rounded corners if `radius` is given."""
        xs, ys = sorted((x0 * SCALE, x1 * SCALE)), sorted((y0 * SCALE, y1 * SCALE))
        corners, thick = (xs[0], ys[0], xs[1], ys[1]), max(1, round(width * SCALE))
        if radius and min(xs[1] - xs[0], ys[1] - ys[0]) > 2 * radius * SCALE:
            self.draw.rounded_rectangle(corners, radius * SCALE, fill=fill, outline=outline, width=thick)
        else:
            self.draw.rectangle(corners, fill=fill, outline=outline, width=thick)

    def circle(
        self, x: float, y: float, r: float, fill: Colour | None = None, outline: Colour | None = None, width: float = 1
    ) -> None:
        """A disc or ring around (x, y)."""
        corners = ((x - r) * SCALE, (y - r) * SCALE, (x + r) * SCALE, (y + r) * SCALE)
        self.draw.ellipse(corners, fill=fill, outline=outline, width=max(1, round(width * SCALE)))

    def wedge(self, x: float, y: float, r: float, start: float, end: float, fill: Colour, outline: Colour) -> None:
        """A slice of a disc, angles in degrees clockwise from three o'clock."""
        corners = ((x - r) * SCALE, (y - r) * SCALE, (x + r) * SCALE, (y + r) * SCALE)
        self.draw.pieslice(corners, start, end, fill=fill, outline=outline, width=SCALE)

    def polygon(
        self, points: list[Point], fill: Colour | None = None, outline: Colour | None = None, width: float = 1
    ) -> None:
        """A closed shape."""
        scaled = [(x * SCALE, y * SCALE) for x, y in points]
        self.draw.polygon(scaled, fill=fill, outline=outline, width=max(1, round(width * SCALE)))

    def text(
        self,
        x: float,
        y: float,
        words: str,
        size: float,
        colour: Colour,
        group: str = "sans",
        anchor: str = "la",
        angle: int = 0,
    ) -> None:
        """Words in one line; `anchor` as in Pillow; `angle` (90 or 270) turns them about (x, y) as their middle."""
        face = font(self.faces[group], max(5, round(size * SCALE)))
        if not angle:
            self.draw.text((x * SCALE, y * SCALE), words, fill=colour, font=face, anchor=anchor)
            return
        _, _, right, bottom = face.getbbox(words)
        mask = Image.new("L", (int(right) + 4, int(bottom) + 4))
        ImageDraw.Draw(mask).text((1, 1), words, fill=255, font=face)
        mask = mask.rotate(angle, expand=True)
        corner = (round(x * SCALE - mask.width / 2), round(y * SCALE - mask.height / 2))
        self.image.paste(Image.new("RGB", mask.size, colour), corner, mask)

    def text_width(self, words: str, size: float, group: str = "sans") -> float:
        """Width of a line of words in final pixels."""
        return font(self.faces[group], max(5, round(size * SCALE))).getlength(words) / SCALE

    def paste(self, picture: Image.Image, x0: float, y0: float, x1: float, y1: float) -> None:
        """Another picture, stretched to fill a rectangle."""
        size = (max(1, round((x1 - x0) * SCALE)), max(1, round((y1 - y0) * SCALE)))
        self.image.paste(picture.resize(size, Image.Resampling.BILINEAR), (round(x0 * SCALE), round(y0 * SCALE)))

    def picture(self) -> Image.Image:
        """The finished picture at its final size, RGB."""
        return self.image.reduce(SCALE)


def dashes(points: list[Point], length: float) -> list[list[Point]]:
    """Cut a path into dashes and gaps of equal length; returns the dashes."""
    pieces: list[list[Point]] = []
    at = 0.0
    for (x0, y0), (x1, y1) in pairwise(points):
        span = float(np.hypot(x1 - x0, y1 - y0))
        position = 0.0
        while position < span:
            step = min(length - at % length, span - position)
            if int(at / length) % 2 == 0:
                a, b = position / span, (position + step) / span
                pieces.append([(x0 + (x1 - x0) * a, y0 + (y1 - y0) * a), (x0 + (x1 - x0) * b, y0 + (y1 - y0) * b)])
            position += step
            at += step + 1e-6
    return pieces
