"""Decoded pictures of every mode as upright RGB in the sizes that encoders and OCR want."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from mmsearch.types import Needs

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

OCR_LONG_EDGE = 2000  # pixels: OCR finds no more words in larger pictures
MIN_OCR_EDGE = 12  # pixels: no legible letter is smaller
CONTRAST = 16  # of 255: what differs less is noise on an empty page
# Pixels asked of a decoder when no image view is needed, for the fingerprint.
SMALLEST_EDGE = 500
# A JPEG decoder shrinks by 2, 4 or 8 while it decodes; accepting a little less than asked for lets it take the larger
# step. OCR gets the full size.
SPARED = 0.9


def draft_size(width: int, height: int, needs: Needs) -> tuple[int, int]:
    """Width and height that a decoder which shrinks in steps must not fall below."""
    wanted = scale_for(width, height, needs) * (SPARED if needs.ocr == "never" else 1.0)
    return math.ceil(width * wanted), math.ceil(height * wanted)


def scale_for(width: int, height: int, needs: Needs) -> float:
    """How far a picture may be shrunk and still serve `needs`: a factor in (0, 1]."""
    view = math.sqrt(needs.image_pixels / (width * height))
    edge = SMALLEST_EDGE if needs.ocr == "never" else OCR_LONG_EDGE
    return min(1.0, max(view, edge / max(width, height)))


def rgb(picture: Image.Image, width: int, height: int) -> Image.Image:
    """A loaded picture, shrunk to that size if it is larger, as RGB. Transparent parts become white, or black where
    white would hide everything."""
    import numpy as np

    mode = picture.mode
    if mode.startswith("I") or mode == "F":
        picture = _eight_bits(picture)
    elif mode == "LAB":
        picture = picture.getchannel(0)  # its lightness
    elif mode in ("LA", "La", "PA", "RGBa") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
    elif mode == "1":
        picture = picture.convert("L")
    elif mode in ("P", "RGBX"):
        picture = picture.convert("RGB")
    picture = shrunk(picture, width, height)
    if picture.mode != "RGBA":
        return picture.convert("RGB")
    on_white, on_black = _over(picture, "white"), _over(picture, "black")
    return on_black if blank(np.asarray(on_white)) and not blank(np.asarray(on_black)) else on_white


def shrunk(image: Image.Image, width: int, height: int) -> Image.Image:
    """The image at most that large, never enlarged, at least one pixel each way."""
    from PIL import Image

    size = max(1, min(width, image.width)), max(1, min(height, image.height))
    return image if size == image.size else image.resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0)


def view_image(image: Image.Image, needs: Needs) -> np.ndarray | None:
    """uint8 (height, width, 3) of at most `image_pixels` pixels; None if no image view is wanted."""
    import numpy as np

    if needs.image_pixels <= 0:
        return None
    factor = min(1.0, math.sqrt(needs.image_pixels / (image.width * image.height)))
    width, height = max(1, int(image.width * factor)), max(1, int(image.height * factor))
    return np.array(shrunk(image, min(width, needs.image_pixels // height or 1), min(height, needs.image_pixels)))


def ocr_image(image: Image.Image, needs: Needs) -> np.ndarray | None:
    """uint8 (height, width, 3) with a long edge of at most 2,000 pixels; None where OCR is not wanted or can't find
    anything: in tiny and in empty pictures."""
    import numpy as np

    if needs.ocr == "never":
        return None
    factor = min(1.0, OCR_LONG_EDGE / max(image.size))
    page = np.array(shrunk(image, int(image.width * factor), int(image.height * factor)))
    return None if min(page.shape[:2]) < MIN_OCR_EDGE or blank(page) else page


def blank(page: np.ndarray) -> bool:
    """Whether a picture (height, width, channels) has no contrast."""
    return bool((page.max(axis=(0, 1)).astype(int) - page.min(axis=(0, 1))).max() < CONTRAST)


def filled_share(image: Image.Image) -> float:
    """The share of rows above the band of one colour at the foot, in [0, 1]: decoders leave flat what they miss."""
    import numpy as np

    pixels = np.asarray(image)
    filled = np.flatnonzero((pixels != pixels[-1, 0]).any(axis=(1, 2)))
    return float(filled[-1] + 1) / len(pixels) if len(filled) else 0.0


def _over(picture: Image.Image, colour: str) -> Image.Image:
    from PIL import Image

    ground = Image.new("RGB", picture.size, colour)
    ground.paste(picture, mask=picture.getchannel("A"))
    return ground


def _eight_bits(picture: Image.Image) -> Image.Image:
    """Grey of more than 8 bits as L. Cameras and scanners store 10, 12 or 14 bits in 16: the scale is the smallest
    that holds the brightest pixel. What exceeds 16 bits or is fractional is stretched over its own range."""
    import numpy as np
    from PIL import Image

    values: Any = np.asarray(picture)
    if values.dtype.kind in "iu" and values.min() >= 0 and values.max() < 1 << 16:
        bits = max(8, int(values.max()).bit_length() + 1 & ~1)
        return Image.fromarray((values >> (bits - 8)).astype(np.uint8))
    values = np.nan_to_num(values.astype(np.float32), posinf=0, neginf=0)
    low, high = float(values.min()), float(values.max())
    if low >= 0 and high <= 1:
        low, high = 0.0, 1.0
    return Image.fromarray(((values - low) * (255 / max(high - low, 1e-30))).astype(np.uint8))
