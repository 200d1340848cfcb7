"""What neat drawings lack: crumpled receipts, crowded screens, and the pixels of other programs."""

import numpy as np
from PIL import Image, ImageFilter

from mmsearch.training import nature, papers, screens, wear, words
from mmsearch.training.canvas import Canvas, Colour
from mmsearch.training.charts import Drawn
from mmsearch.training.scenes import clouds, natural
from mmsearch.training.style import blend, style


def crumpled(rng: np.random.Generator) -> Drawn:
    """A receipt on a scanner: folds and shade, ink that fades by places, wide margins, stamps and notes by hand."""
    picture, looks, topic, details = papers.receipt(rng)
    array: np.ndarray = np.asarray(picture, np.float32)
    h, w = array.shape[:2]
    if rng.random() < 0.6:
        array = array * (1 - rng.uniform(0.05, 0.35) * clouds(rng, h, w, 0.5))[..., None]
    if rng.random() < 0.5:
        fade = rng.uniform(0.2, 0.9) * clouds(rng, h, w, 0.4)[..., None]
        array = array + (array.max((0, 1)) - array) * fade
    picture = Image.fromarray(np.clip(array, 0, 255).astype(np.uint8))
    if rng.random() < 0.35:
        picture = noted(rng, picture)
    if rng.random() < 0.5:
        picture = wear.on_ground(rng, picture, float(rng.choice([0.1, 0.5, 1.0])))
    if rng.random() < 0.4:
        picture = picture.filter(ImageFilter.GaussianBlur(float(rng.uniform(0.4, 2))))
    return picture, looks, topic, details


def noted(rng: np.random.Generator, picture: Image.Image) -> Image.Image:
    """Numbers and words by hand, underlines, a round or square stamp, in pen colours."""
    canvas = Canvas(picture.width, picture.height, (255, 255, 255), rng)
    canvas.paste(picture, 0, 0, picture.width, picture.height)
    for _ in range(int(rng.integers(1, 4))):
        ink: Colour = ((20, 30, 120), (180, 20, 30), (15, 15, 15))[rng.integers(3)]
        x, y, s = rng.uniform(0, 0.7) * canvas.width, rng.uniform(0, 1) * canvas.height, rng.uniform(10, 30)
        if rng.random() < 0.3:
            canvas.circle(x + s, y, s, outline=ink, width=2)
            canvas.text(x + s, y, words.pick(rng, ("PAID", "COPY", "VOID")), s * 0.5, ink, "bold", "mm")
        else:
            canvas.text(x, y, words.money(rng) if rng.random() < 0.5 else words.person(rng), s, ink, "hand")
    return canvas.picture()


def desktop(rng: np.random.Generator) -> Drawn:
    """A whole screen: a ground, a bar, icons, and windows over each other, raised or flat."""
    manner = style(rng, 10)
    canvas = Canvas(float(rng.uniform(420, 640)), float(rng.uniform(300, 440)), manner.background, rng)
    w, h = canvas.width, canvas.height
    canvas.box(0, 0, w, h, fill=tuple(int(v) for v in natural(rng)))  # type: ignore[arg-type]
    if rng.random() < 0.4:
        canvas.paste(nature.photo(rng)[0], 0, 0, w, h)
    bar, grey = 22.0, blend(manner.background, (128, 128, 128), rng.uniform(0, 0.5))
    for i in range(int(rng.integers(0, 7))):
        canvas.box(14, 14 + i * 46, 38, 38 + i * 46, fill=manner.palette[i % len(manner.palette)], radius=4)
        canvas.text(26, 42 + i * 46, words.pick(rng, words.ITEMS), 8, (255, 255, 255), anchor="ma")
    for _ in range(int(rng.integers(1, 4))):
        if rng.random() < 0.4:
            inner = (screens.window, screens.web_page, screens.code, screens.app)[rng.integers(4)](rng)[0]
            x, y = rng.uniform(40, w * 0.4), rng.uniform(0, h * 0.3)
            canvas.paste(inner, x, y, min(x + w * rng.uniform(0.4, 0.7), w), min(y + h * rng.uniform(0.5, 0.75), h))
        else:
            raised(canvas, rng, grey)
    top = h - bar if rng.random() < 0.6 else 0.0
    canvas.box(0, top, w, top + bar, fill=grey)
    for i in range(int(rng.integers(1, 6))):
        canvas.text(8 + i * 70, top + bar / 2, words.pick(rng, words.ITEMS), 10, manner.ink, anchor="lm")
    canvas.text(w - 8, top + bar / 2, f"{rng.integers(0, 24)}:{rng.integers(10, 60)}", 10, manner.ink, anchor="rm")
    return canvas.picture(), ("desktop window", "?dialog", "?web page", "?code", "?settings"), "", ("several windows",)


def raised(canvas: Canvas, rng: np.random.Generator, grey: Colour) -> None:
    """A window with a title bar, a menu, a list or fields, and buttons."""
    x, y = rng.uniform(30, canvas.width * 0.45), rng.uniform(5, canvas.height * 0.35)
    x1, y1 = x + rng.uniform(0.35, 0.6) * canvas.width, y + rng.uniform(0.35, 0.55) * canvas.height
    title, ink = tuple(int(v) for v in rng.integers(0, 200, 3)), (10, 10, 10) if sum(grey) > 380 else (240, 240, 240)
    canvas.box(x, y, x1, y1, fill=grey, outline=blend(grey, ink, 0.5), width=1.5)
    canvas.box(x + 2, y + 2, x1 - 2, y + 19, fill=title)  # type: ignore[arg-type]
    canvas.text(x + 8, y + 10, words.topic(rng).title(), 10, (255, 255, 255), "bold", "lm")
    for i in range(3):
        canvas.box(x1 - 16 * (i + 1), y + 5, x1 - 16 * i - 5, y + 16, fill=grey)
    for i in range(int(rng.integers(2, 6))):
        canvas.text(x + 8 + i * 34, y + 28, words.pick(rng, words.ITEMS), 9, ink, anchor="lm")
    inside = (250, 250, 250) if sum(grey) > 380 else (30, 30, 30)
    canvas.box(x + 8, y + 38, x1 - 8, y1 - 32, fill=inside, outline=blend(grey, ink, 0.4))
    for row in range(int((y1 - y - 78) / 14)):
        text = words.sentence(rng, 4) if rng.random() < 0.5 else f"{words.person(rng)}   {words.date(rng)}"
        canvas.text(x + 14, y + 44 + row * 14, text, 9, ink)
    for i, text in enumerate(("OK", "Cancel", "Help")[: rng.integers(0, 4)]):
        left = x1 - 66 * (i + 1)
        canvas.box(left, y1 - 26, left + 58, y1 - 8, fill=blend(grey, (255, 255, 255), 0.3), outline=ink)
        canvas.text(left + 29, y1 - 17, text, 9, ink, anchor="mm")


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
