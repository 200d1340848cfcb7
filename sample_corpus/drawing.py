"""What every drawing of the sample collection needs: fonts, an antialiased canvas, noise, and the effects of a scanner.

Pillow draws lines without smoothing, so a `Canvas` draws everything at twice its size and shrinks it at the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

Colour = str | tuple[int, int, int]
Point = tuple[float, float]

INK, GREY, RULE = "#1d2b36", "#5c6b75", "#d5dce0"
NAVY, TEAL, AMBER, RED, GREEN, PLUM = "#1f4e79", "#2a9d8f", "#e9a23b", "#c8453b", "#6a994e", "#7d4f8c"
PALETTE = (NAVY, TEAL, AMBER, RED, GREEN, PLUM)

FONT_FILES = {
    "sans": ("DejaVuSans.ttf", "NotoSans-Regular.ttf"),
    "bold": ("DejaVuSans-Bold.ttf", "NotoSans-Bold.ttf"),
    "serif": ("DejaVuSerif.ttf", "NotoSerif-Regular.ttf"),
    "serif-bold": ("DejaVuSerif-Bold.ttf", "NotoSerif-Bold.ttf"),
    "mono": ("DejaVuSansMono.ttf", "NotoSansMono-Regular.ttf"),
    "mono-bold": ("DejaVuSansMono-Bold.ttf", "NotoSansMono-Bold.ttf"),
    "hand": ("DejaVuSans-Oblique.ttf", "NotoSans-Italic.ttf"),
}


@cache
def font(size: float, face: str = "sans") -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """The font at this size, from those that the system has, else Pillow's own."""
    for name in FONT_FILES[face]:
        try:
            return ImageFont.truetype(name, size)
        except OSError:
            continue
    return ImageFont.load_default(size)


class Canvas:
    """A picture drawn in its own units and smoothed when it is finished."""

    def __init__(self, width: int, height: int, background: Colour = "white", scale: int = 2) -> None:
        self.width, self.height, self.scale = width, height, scale
        self.image = Image.new("RGB", (width * scale, height * scale), background)
        self.pen = ImageDraw.Draw(self.image)

    def _points(self, points: Sequence[Point]) -> list[Point]:
        return [(x * self.scale, y * self.scale) for x, y in points]

    def line(self, points: Sequence[Point], fill: Colour = INK, width: float = 1.5) -> None:
        """A polyline through these points."""
        self.pen.line(self._points(points), fill=fill, width=max(1, round(width * self.scale)), joint="curve")

    def polygon(self, points: Sequence[Point], fill: Colour, outline: Colour | None = None) -> None:
        """A filled polygon."""
        self.pen.polygon(self._points(points), fill=fill, outline=outline)

    def box(
        self,
        x0: float,
        y0: float,
        x1: float,
        y1: float,
        fill: Colour | None = None,
        outline: Colour | None = None,
        radius: float = 0,
        width: float = 1.5,
    ) -> None:
        """A rectangle, with round corners if a radius is given."""
        s = self.scale
        edges = (x0 * s, y0 * s, x1 * s, y1 * s)
        self.pen.rounded_rectangle(edges, radius * s, fill=fill, outline=outline, width=max(1, round(width * s)))

    def disc(
        self, x: float, y: float, radius: float, fill: Colour | None = None, outline: Colour | None = None
    ) -> None:
        """A circle around (x, y)."""
        self.ellipse(x - radius, y - radius, x + radius, y + radius, fill, outline)

    def ellipse(
        self, x0: float, y0: float, x1: float, y1: float, fill: Colour | None = None, outline: Colour | None = None
    ) -> None:
        """An ellipse inside this box."""
        s = self.scale
        self.pen.ellipse((x0 * s, y0 * s, x1 * s, y1 * s), fill=fill, outline=outline, width=round(1.5 * s))

    def pie(self, x: float, y: float, radius: float, start: float, end: float, fill: Colour) -> None:
        """A slice between two angles in degrees, clockwise from three o'clock."""
        s = self.scale
        edges = ((x - radius) * s, (y - radius) * s, (x + radius) * s, (y + radius) * s)
        self.pen.pieslice(edges, start, end, fill=fill, outline="white", width=2 * s)

    def text(
        self,
        x: float,
        y: float,
        words: str,
        size: float = 16,
        fill: Colour = INK,
        face: str = "sans",
        anchor: str = "la",
    ) -> None:
        """Words at a point; `anchor` is Pillow's (la: left and top, mm: the middle, ra: right and top)."""
        self.pen.text(
            (x * self.scale, y * self.scale), words, fill=fill, font=font(size * self.scale, face), anchor=anchor
        )

    def upright_text(self, x: float, y: float, words: str, size: float = 16, fill: Colour = INK) -> None:
        """Words that run upwards along the left of a chart, centred on (x, y)."""
        letters = font(size * self.scale)
        left, top, right, bottom = (round(v) for v in letters.getbbox(words))
        label = Image.new("L", (right - left + 8, bottom - top + 8), 0)
        ImageDraw.Draw(label).text((4 - left, 4 - top), words, fill=255, font=letters)
        label = label.rotate(90, expand=True)
        corner = (round(x * self.scale - label.width / 2), round(y * self.scale - label.height / 2))
        self.image.paste(Image.new("RGB", label.size, fill), corner, label)

    def finish(self) -> Image.Image:
        """The picture at its own size."""
        return self.image.resize((self.width, self.height), Image.Resampling.LANCZOS)


def gradient(width: int, height: int, stops: list[tuple[float, tuple[int, int, int]]]) -> Image.Image:
    """A vertical run of colours; each stop is a height between 0 and 1 and its colour."""
    places = [place for place, _ in stops]
    rows = np.linspace(0, 1, height)
    channels = [np.interp(rows, places, [colour[i] for _, colour in stops]) for i in range(3)]
    column = np.stack(channels, axis=1)[:, None, :]
    return Image.fromarray(np.broadcast_to(column, (height, width, 3)).round().astype(np.uint8))


def grain(image: Image.Image, amount: float, seed: int) -> Image.Image:
    """The picture with the sensor noise of a camera or scanner."""
    rng = np.random.default_rng(seed)
    pixels = np.asarray(image, dtype=np.float32)
    noise = rng.normal(0, amount, pixels.shape[:2]).astype(np.float32)
    noisy = pixels + (noise[..., None] if pixels.ndim == 3 else noise)
    return Image.fromarray(noisy.clip(0, 255).astype(np.uint8))


def scanned(page: Image.Image, seed: int, tilt: float) -> Image.Image:
    """The page as from an office scanner: grey, slightly rotated and blurred, with specks and a shadow at one edge."""
    rng = np.random.default_rng(seed)
    grey = page.convert("L").rotate(tilt, Image.Resampling.BICUBIC, fillcolor=246).filter(ImageFilter.GaussianBlur(0.6))
    pixels = np.asarray(grey, dtype=np.float32)
    height, width = pixels.shape
    pixels = 22 + pixels * 0.88  # neither black nor white is pure on paper
    pixels -= 34 * np.exp(-np.arange(width) / (0.016 * width))[None, :]
    pixels += rng.normal(0, 3.2, pixels.shape)
    for _ in range(40):
        y, x = int(rng.integers(height - 3)), int(rng.integers(width - 3))
        pixels[y : y + 2, x : x + 2] -= 90
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
