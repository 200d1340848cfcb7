"""What happens to pictures on their way: margins, paper, tilt, shade, blur, noise, JPEG; and the same for copies."""

import io

import numpy as np
from PIL import Image, ImageFilter

from mmsearch.training.canvas import Colour


def on_ground(rng: np.random.Generator, sheet: Image.Image, most: float = 0.6) -> Image.Image:
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


def jpeg(rng: np.random.Generator, picture: Image.Image) -> Image.Image:
    """Compressed and decoded again."""
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=int(rng.integers(25, 90)))
    return Image.open(buffer).convert("RGB")


def tilted(rng: np.random.Generator, picture: Image.Image) -> Image.Image:
    """Turned by up to 15 degrees, the corners filled."""
    fill = (255, 255, 255) if rng.random() < 0.6 else (0, 0, 0)
    turned = picture.rotate(float(rng.uniform(-15, 15)), Image.Resampling.BILINEAR, expand=True, fillcolor=fill)
    return turned


def lit(rng: np.random.Generator, picture: Image.Image) -> Image.Image:
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
