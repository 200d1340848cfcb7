"""Pictures, pages and melodies that tests make, and encode in several ways."""

import io
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

RATE = 8000


def photo(seed: int, size: tuple[int, int] = (640, 480)) -> Image.Image:
    """Something like a photo: blurred noise with light and shade."""
    noise = np.random.default_rng(seed).integers(0, 256, (24, 32, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC).filter(ImageFilter.GaussianBlur(2))


def page(*lines: str, size: tuple[int, int] = (1000, 1400)) -> Image.Image:
    """Words on paper."""
    image = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(image)
    for number, line in enumerate(lines):
        draw.text((80, 80 + 60 * number), line, fill="black", font_size=34)
    return image


def invoice(number: str, total: str) -> Image.Image:
    rows = [f"Item {row}    {row * 17 + 3}.00" for row in range(8)]
    return page("Example Works", "12 Harbour Street", f"Invoice No. {number}", *rows, f"Total {total}", "Thank you")


def encoded(image: Image.Image, format: str, **options: Any) -> Image.Image:
    data = io.BytesIO()
    image.save(data, format, **options)
    return Image.open(data).convert("RGB")


def melody(seed: int, seconds: float = 8.0) -> np.ndarray:
    """Notes with overtones, float32 at 8 kHz."""
    rng = np.random.default_rng(seed)
    times = np.arange(int(RATE * 0.25)) / RATE
    notes = []
    for _ in range(int(seconds * 4)):
        pitch = 220 * 2 ** (rng.integers(0, 30) / 12)
        tone = sum(np.sin(2 * np.pi * pitch * k * times) / k for k in (1, 2, 3, 5) if pitch * k < 3900)
        notes.append(tone * np.hanning(len(times)) * rng.uniform(0.3, 1))
    return (np.concatenate(notes) * 0.2).astype(np.float32)
