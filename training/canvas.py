"""A drawing surface with smooth edges and fonts, styles of drawing, and degradations of finished pictures.

Pillow draws at twice the size, reduced at the end. Degradations are margins, paper, tilt, shade, blur, noise, JPEG.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import pairwise
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

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


PALETTES: tuple[tuple[str, ...], ...] = tuple(
    tuple(line.split())
    for line in """1f77b4 ff7f0e 2ca02c d62728 9467bd 8c564b e377c2 7f7f7f
4c72b0 dd8452 55a868 c44e52 8172b3 937860 da8bc3 8c8c8c
4285f4 ea4335 fbbc04 34a853 ff6d01 46bdc6 7baaf7 f07b72
f8766d 7cae00 00bfc4 c77cff e58700 00bc59 ff65aa 00b0f6
4472c4 ed7d31 a5a5a5 ffc000 5b9bd5 70ad47 264478 9e480e
4b78a8 f18722 e34a4f 70b6b0 55a04a ecc744 b27ba2 ff9aa5
66c2a5 fc8d62 8da0cb e78ac3 a6d854 ffd92f e5c494 b3b3b3
e41a1c 377eb8 4daf4a 984ea3 ff7f00 ffff33 a65628 f781bf
264653 2a9d8f e9c46a f4a261 e76f51 8ab17d 287271 babb74
636efa ef553b 00cc96 ab63fa ffa15a 19d3f3 ff6692 b6e880
003f5c 58508d bc5090 ff6361 ffa600 2f4b7c 665191 a05195
222222 555555 888888 bbbbbb 333333 777777 aaaaaa 999999
08519c 3182bd 6baed6 9ecae1 c6dbef 2171b5 4292c6 084594
b10026 e31a1c fc4e2a fd8d3c feb24c fed976 bd0026 800026""".splitlines()
)


# Colour ramps for values, low to high.
RAMPS: tuple[tuple[str, ...], ...] = tuple(
    tuple(line.split())
    for line in """440154 3b528b 21918c 5ec962 fde725
f7fbff 9ecae1 3182bd 08306b
fff5eb fdae6b e6550d 7f2704
2166ac 92c5de f7f7f7 f4a582 b2182b
0d0887 9c179e ed7953 f0f921
ffffe5 78c679 004529
000004 721f81 f1605d fcfdbf
00007f 00bfff 7fff7f ffbf00 7f0000
ffffff 969696 000000
ffffcc 41b6c4 253494""".splitlines()
)


def colour(code: str) -> Colour:
    """RGB from six hexadecimal digits."""
    return (int(code[0:2], 16), int(code[2:4], 16), int(code[4:6], 16))


def blend(a: Colour, b: Colour, share: float) -> Colour:
    """`share` of b, the rest a."""
    return tuple(round(x + (y - x) * share) for x, y in zip(a, b, strict=True))  # type: ignore[return-value]


def ramp(stops: tuple[Colour, ...], at: float) -> Colour:
    """The colour at a place in [0, 1] of a ramp."""
    position = min(max(at, 0.0), 1.0) * (len(stops) - 1)
    index = min(int(position), len(stops) - 2)
    return blend(stops[index], stops[index + 1], position - index)


@dataclass(frozen=True, slots=True)
class Style:
    """One manner of drawing; colours RGB, lengths in final pixels."""

    background: Colour
    panel: Colour  # behind the data
    ink: Colour  # text and axes
    grid: Colour
    grid_lines: str  # "", "x", "y", "xy"
    grid_dash: float
    frame: str  # "box", "left", "none", "bottom"
    ticks: float  # length
    type_size: float
    palette: tuple[Colour, ...]
    stops: tuple[Colour, ...]  # a ramp for values
    stroke: float  # width of data lines
    edge: Colour | None  # around bars and wedges
    rounding: float
    dark: bool


def style(rng: np.random.Generator, type_size: float | None = None) -> Style:
    """A manner by chance; about one in eight is dark."""
    dark = rng.random() < 0.13
    if dark:
        background = colour(str(rng.choice("000000 111111 1e1e2e 222222 0d1b2a 2b2b2b 121826 1f2937".split())))
        ink: Colour = blend(background, (255, 255, 255), rng.uniform(0.6, 1.0))
    else:
        tints = "f8f9fa f5f5f0 fdf6e3 eef3f8 f0f0f0 fffaf0 e8eef2 dddddd"
        background = colour("ffffff" if rng.random() < 0.7 else str(rng.choice(tints.split())))
        ink = blend(colour(str(rng.choice("000000 333333 444444 2b3a55 555555 888888".split()))), background, 0.05)
    panel = background
    if rng.random() < 0.22:
        panel = blend(background, (255, 255, 255) if dark else (140, 150, 180), rng.uniform(0.05, 0.25))
    grid = (255, 255, 255) if panel != background and rng.random() < 0.6 and not dark else blend(panel, ink, 0.15)
    edge = (background, ink, None, None, None, None)[rng.integers(6)]
    palette = [colour(code) for code in PALETTES[rng.integers(len(PALETTES))]]
    start = int(rng.integers(4)) if rng.random() < 0.5 else 0
    ramps = [colour(code) for code in RAMPS[rng.integers(len(RAMPS))]]
    return Style(
        background=background,
        panel=panel,
        ink=ink,
        grid=grid,
        grid_lines=str(rng.choice(["", "", "y", "y", "xy", "xy", "xy", "x"])),
        grid_dash=float(rng.choice([0, 0, 0, 2, 4])),
        frame=str(rng.choice(["box", "box", "left", "left", "left", "none", "bottom"])),
        ticks=float(rng.choice([0, 3, 4, 5])),
        type_size=type_size or float(rng.uniform(7, 15)),
        palette=tuple(palette[start:] + palette[:start]),
        stops=tuple(ramps if rng.random() < 0.8 else reversed(ramps)),
        stroke=float(rng.choice([1, 1.5, 2, 2, 2.5, 3, 4])),
        edge=edge,
        rounding=float(rng.choice([0, 0, 0, 0, 3, 6])),
        dark=dark,
    )


def on_background(rng: np.random.Generator, sheet: Image.Image, most: float = 0.6) -> Image.Image:
    """A sheet on a larger ground (scanner bed, desk), up to `most` of its size wider and taller, perhaps tilted."""
    width = int(sheet.width * (1 + rng.uniform(0.02, most)))
    height = int(sheet.height * (1 + rng.uniform(0.02, most)))
    kind = rng.random()
    if kind < 0.65:
        light = int(rng.integers(225, 256))
        ground: Colour = (light, light, light)
    else:
        ground = tuple(int(v) for v in rng.integers(20, 235) + rng.integers(-20, 20, 3))  # type: ignore[assignment]
    large = Image.new("RGB", (width, height), ground)
    if kind > 0.8:
        large = grain(rng, large, 12)
    corner = (int(rng.uniform(0, 1) * (width - sheet.width)), int(rng.uniform(0, 1) * (height - sheet.height)))
    if rng.random() < 0.5:
        corner = ((width - sheet.width) // 2, (height - sheet.height) // 2)
    if rng.random() < 0.5:
        turned = sheet.convert("RGBA").rotate(float(rng.normal(0, 4)), Image.Resampling.BILINEAR, expand=True)
        large.paste(turned, corner, turned)
    else:
        large.paste(sheet, corner)
    return large


def scanned(rng: np.random.Generator, sheet: Image.Image) -> Image.Image:
    """Shade, yellowing, blur, grain, faded ink, or pure black and white, as scanners and copiers make them."""
    array: np.ndarray = np.asarray(sheet, np.float32)
    if rng.random() < 0.5:
        array = array * np.linspace(rng.uniform(0.75, 1), rng.uniform(0.85, 1), array.shape[0])[:, None, None]
    if rng.random() < 0.4:
        array = array * np.array([1, rng.uniform(0.92, 1), rng.uniform(0.75, 0.97)], np.float32)
    if rng.random() < 0.4:
        fade = rng.uniform(0, 0.4)
        array = array * (1 - fade) + 235 * fade
    picture = Image.fromarray(np.clip(array, 0, 255).astype(np.uint8))
    if rng.random() < 0.4:
        picture = picture.filter(ImageFilter.GaussianBlur(float(rng.uniform(0.3, 1.2))))
    if rng.random() < 0.6:
        picture = grain(rng, picture, float(rng.uniform(2, 14)))
    if rng.random() < 0.2:
        picture = picture.convert("L").point(lambda v: 255 if v > 150 else 0).convert("RGB")
    elif rng.random() < 0.4:
        picture = picture.convert("L").convert("RGB")
    return picture


def grain(rng: np.random.Generator, picture: Image.Image, amount: float) -> Image.Image:
    """Noise of a standard deviation in grey levels."""
    array = np.asarray(picture, np.float32)
    noise = rng.normal(0, amount, array.shape[:2]).astype(np.float32)
    return Image.fromarray(np.clip(array + noise[..., None], 0, 255).astype(np.uint8))


def jpeg(rng: np.random.Generator, picture: Image.Image, least: int = 25, most: int = 90) -> Image.Image:
    """Compressed at a quality between two, and decoded again."""
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=int(rng.integers(least, most)))
    return Image.open(buffer).convert("RGB")


def tilted(rng: np.random.Generator, picture: Image.Image) -> Image.Image:
    """Turned by up to 15 degrees, the corners filled."""
    fill = (255, 255, 255) if rng.random() < 0.6 else (0, 0, 0)
    turned = picture.rotate(float(rng.uniform(-15, 15)), Image.Resampling.BILINEAR, expand=True, fillcolor=fill)
    return turned


def photographed(rng: np.random.Generator, picture: Image.Image) -> Image.Image:
    """A photograph of a flat thing: perspective, shade from one side, blur at random."""
    width, height = picture.size
    shift = rng.uniform(-0.08, 0.08, 8) * np.array([width, height] * 4)
    corners = np.array([0, 0, 0, height, width, height, width, 0]) + shift
    turned = picture.transform(picture.size, Image.Transform.QUAD, tuple(corners.tolist()), Image.Resampling.BILINEAR)
    array: np.ndarray = np.asarray(turned, np.float32)
    across, down = np.meshgrid(np.linspace(-1, 1, width), np.linspace(-1, 1, height))
    shade = 0.85 + 0.25 * (across * rng.uniform(-1, 1) + down * rng.uniform(-1, 1))
    tint = rng.uniform(0.85, 1.05, 3)
    array = array * shade[..., None] * tint
    lit_picture = Image.fromarray(np.clip(array, 0, 255).astype(np.uint8))
    if rng.random() < 0.5:
        lit_picture = lit_picture.filter(ImageFilter.GaussianBlur(float(rng.uniform(0.3, 1.5))))
    return grain(rng, lit_picture, float(rng.uniform(1, 9)))


def resampled(rng: np.random.Generator, picture: Image.Image) -> Image.Image:
    """The pixels of another program: drawn smaller and enlarged, or larger and reduced, hard or soft, sharpened."""
    share = float(np.exp(rng.uniform(np.log(0.55), np.log(1.8))))
    size = tuple(max(24, int(length * share)) for length in picture.size)
    ways = (Image.Resampling.NEAREST, Image.Resampling.BILINEAR, Image.Resampling.BICUBIC, Image.Resampling.LANCZOS)
    first = ways[rng.choice(4, p=[0.15, 0.25, 0.3, 0.3])]
    changed = picture.resize(size, first)  # type: ignore[arg-type]
    chance = rng.random()
    if chance < 0.2:
        changed = changed.filter(ImageFilter.UnsharpMask(1, int(rng.integers(40, 180)), 0))
    elif chance < 0.35:
        changed = changed.filter(ImageFilter.GaussianBlur(float(rng.uniform(0.3, 0.9))))
    elif chance < 0.5:
        level = np.asarray(changed, np.float32) / 255
        changed = Image.fromarray((255 * level ** float(np.exp(rng.normal(0, 0.35)))).astype(np.uint8))
    elif chance < 0.58:
        changed = changed.quantize(int(rng.choice([8, 16, 32, 64]))).convert("RGB")
    return changed


def changed_copy(rng: np.random.Generator, picture: Image.Image) -> Image.Image:
    """A copy as it may come back: one to three changes of `CHANGES`, in any order."""
    for number in rng.choice(len(CHANGES), int(rng.integers(1, 4)), replace=False):
        picture = CHANGES[number](rng, picture)
    return picture


def cropped(rng: np.random.Generator, picture: Image.Image) -> Image.Image:
    """Up to a sixth cut from each side."""
    left, top, right, bottom = rng.uniform(0, 1 / 6, 4)
    w, h = picture.size
    x, y = int(w * left), int(h * top)
    return picture.crop((x, y, max(x + 4, int(w * (1 - right))), max(y + 4, int(h * (1 - bottom)))))


def shrunk(rng: np.random.Generator, picture: Image.Image) -> Image.Image:
    """At a quarter to six tenths of its size."""
    share = rng.uniform(0.25, 0.6)
    size = (max(8, int(picture.width * share)), max(8, int(picture.height * share)))
    return picture.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)


def recompressed(rng: np.random.Generator, picture: Image.Image) -> Image.Image:
    """As a JPEG of quality 30 to 75."""
    return jpeg(rng, picture, 30, 75)


def grey(_: np.random.Generator, picture: Image.Image) -> Image.Image:
    """Without colour."""
    return picture.convert("L").convert("RGB")


def darker(rng: np.random.Generator, picture: Image.Image) -> Image.Image:
    """At 40 to 85 hundredths of its brightness."""
    return Image.fromarray((np.asarray(picture) * rng.uniform(0.4, 0.85)).astype(np.uint8))


def brighter(rng: np.random.Generator, picture: Image.Image) -> Image.Image:
    """Up to half again as bright, clipped at white."""
    array = np.asarray(picture, np.float32) * rng.uniform(1.05, 1.5) + rng.uniform(-10, 25)
    return Image.fromarray(np.clip(array, 0, 255).astype(np.uint8))


def turned(rng: np.random.Generator, picture: Image.Image) -> Image.Image:
    """Turned by up to six degrees within its frame."""
    angle, fill = float(rng.uniform(-6, 6)), ((0, 0, 0), (255, 255, 255))[rng.integers(2)]
    return picture.rotate(angle, Image.Resampling.BILINEAR, fillcolor=fill)


def mirrored(_: np.random.Generator, picture: Image.Image) -> Image.Image:
    """Left and right exchanged."""
    return picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)


CHANGES = (cropped, shrunk, recompressed, grey, darker, turned, mirrored, brighter)
