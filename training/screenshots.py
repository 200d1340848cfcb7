"""Screenshots: pages in a browser, windows, desktops, dialogs, phones, code and terminals, in light and dark."""

import numpy as np

from training import vocabulary
from training.canvas import Canvas, Colour, Style, blend, style
from training.charts import Drawn, chart_in
from training.photo_objects import photo
from training.photo_scenes import natural, scene

KEYWORDS = "def class import return if else for while in from try except function const let var public void int".split()


def screen(rng: np.random.Generator, width: float, height: float) -> tuple[Canvas, Style]:
    """An empty screen and its manner."""
    manner = style(rng, 10)
    return Canvas(width, height, manner.background, rng), manner


def done(canvas: Canvas, manner: Style, label: str, *details: str) -> Drawn:
    """A finished screenshot."""
    return canvas.picture(), (label, *(["dark"] if manner.dark else [])), "", details


def button(
    canvas: Canvas, manner: Style, rng: np.random.Generator, x: float, y: float, text: str, main: bool = True
) -> None:
    """A push button."""
    fill = manner.palette[0] if main else blend(manner.background, manner.ink, 0.1)
    canvas.box(x, y, x + 62, y + 22, fill=fill, radius=4 if rng.random() < 0.7 else 0)
    canvas.text(x + 31, y + 11, text, 10, (255, 255, 255) if main else manner.ink, anchor="mm")


def web_page(rng: np.random.Generator) -> Drawn:
    """A browser window or a bare page: bar, menu, headline, columns, pictures, links."""
    canvas, manner = screen(rng, 480, float(rng.uniform(260, 700)))
    w, h, ink, y = canvas.width, canvas.height, manner.ink, 0.0
    if rng.random() < 0.5:
        canvas.box(0, 0, w, 34, fill=blend(manner.background, (130, 130, 140), 0.35))
        for i, hue in enumerate(((237, 106, 94), (245, 191, 79), (98, 197, 84))):
            canvas.circle(12 + i * 14, 17, 4.5, fill=hue)
        canvas.box(70, 8, w - 40, 27, fill=manner.background, radius=8)
        canvas.text(80, 17, f"https://www.{vocabulary.pick(rng, vocabulary.SUBJECTS)}.example", 9, ink, anchor="lm")
        y = 34
    canvas.box(0, y, w, y + 30, fill=manner.palette[0] if rng.random() < 0.5 else manner.background)
    canvas.text(12, y + 15, vocabulary.pick(rng, vocabulary.SUBJECTS).title(), 14, ink, "bold", "lm")
    for i in range(5):
        canvas.text(w * 0.42 + i * 54, y + 15, vocabulary.pick(rng, vocabulary.ITEMS), 9, ink, anchor="lm")
    y += 40
    if rng.random() < 0.5:
        canvas.paste(scene(rng)[0], 0, y, w, y + 110)
        canvas.text(w / 2, y + 55, vocabulary.topic(rng).title(), 22, (255, 255, 255), "bold", "mm")
        y += 122
    side = w * 0.24 if rng.random() < 0.5 else 0
    for i in range(int((h - y) / 18)) if side else ():
        canvas.text(12, y + i * 18, vocabulary.pick(rng, vocabulary.SUBJECTS), 9, manner.palette[0])
    columns = int(rng.integers(1, 4))
    wide = (w - side - 20) / columns
    for column in range(columns):
        x, down = side + 12 + column * wide, y
        while down < h - 20:
            if rng.random() < 0.4 and columns > 1:
                canvas.paste(scene(rng)[0], x, down, x + wide - 12, down + wide * 0.5)
                down += wide * 0.5 + 6
            canvas.text(x, down, vocabulary.topic(rng).capitalize(), 12, ink, "bold")
            down += 18
            for _ in range(int(rng.integers(2, 6))):
                canvas.text(x, down, vocabulary.sentence(rng, max(2, int(wide / 28))), 8, ink)
                down += 12
            down += 14
    return done(canvas, manner, "web page", "a menu and a headline")


def window(rng: np.random.Generator) -> Drawn:
    """Desktop programs: file lists, settings with switches, dialogs with buttons, sign-in forms."""
    kind = str(rng.choice(["desktop window", "settings", "dialog", "login"]))
    width, height = (float(rng.uniform(240, 380)), float(rng.uniform(120, 220)))
    if kind in ("desktop window", "settings"):
        width, height = 440.0, float(rng.uniform(260, 360))
    canvas, manner = screen(rng, width, height if kind != "login" else height * 1.6)
    w, h, ink = canvas.width, canvas.height, manner.ink
    canvas.box(0, 0, w - 1, h - 1, outline=manner.grid)
    canvas.box(0, 0, w, 24, fill=blend(manner.background, manner.palette[0] if rng.random() < 0.5 else ink, 0.25))
    canvas.text(10, 12, vocabulary.topic(rng).capitalize(), 10, ink, "bold", "lm")
    canvas.text(w - 10, 12, "_  □  ×", 11, ink, anchor="rm")
    if kind == "dialog":
        canvas.circle(34, 66, 15, fill=manner.palette[1])
        canvas.text(34, 66, str(rng.choice(list("!?i"))), 18, (255, 255, 255), "bold", "mm")
        for i in range(2):
            canvas.text(64, 50 + i * 18, vocabulary.sentence(rng, 5), 11, ink)
        button(canvas, manner, rng, w - 76, h - 34, "OK")
        button(canvas, manner, rng, w - 146, h - 34, "Cancel", False)
    elif kind == "login":
        canvas.text(w / 2, 50, "Sign in", 20, ink, "bold", "ma")
        for i, name in enumerate(("User name", "Password")):
            canvas.text(w * 0.15, 92 + i * 48, name, 9, ink)
            canvas.box(w * 0.15, 104 + i * 48, w * 0.85, 126 + i * 48, outline=manner.grid, radius=3)
        canvas.text(w * 0.18, 165, "••••••••", 10, ink, anchor="lm")
        button(canvas, manner, rng, w / 2 - 31, 190, "Log in")
    else:
        canvas.box(0, 24, w * 0.28, h, fill=blend(manner.background, ink, 0.06))
        for i in range(int((h - 40) / 22)):
            y = 36 + i * 22
            canvas.text(14, y, vocabulary.pick(rng, vocabulary.SUBJECTS), 10, ink)
            canvas.text(w * 0.32, y, vocabulary.topic(rng), 10, ink)
            if kind == "settings":
                on = rng.random() < 0.5
                canvas.box(w - 50, y, w - 22, y + 13, fill=manner.palette[0] if on else manner.grid, radius=6)
                canvas.circle(w - 29 if on else w - 43, y + 6.5, 5, fill=(255, 255, 255))
            else:
                canvas.text(w - 12, y, f"{rng.integers(1, 900)} KB", 9, ink, anchor="ra")
                canvas.box(w * 0.295, y, w * 0.295 + 9, y + 10, fill=manner.palette[int(rng.integers(3))])
    return done(canvas, manner, kind, "buttons" if kind == "dialog" else "a list")


def phone(rng: np.random.Generator) -> Drawn:
    """Tall screens: messages, lists, tiles."""
    canvas, manner = screen(rng, 230, float(rng.uniform(400, 500)))
    w, h, ink = canvas.width, canvas.height, manner.ink
    canvas.text(12, 10, f"{rng.integers(0, 24)}:{rng.integers(10, 60)}", 9, ink, anchor="lm")
    canvas.box(w - 30, 6, w - 12, 14, outline=ink)
    canvas.box(0, 20, w, 54, fill=manner.palette[0] if rng.random() < 0.6 else manner.background)
    canvas.text(w / 2, 37, vocabulary.person(rng), 13, ink, "bold", "mm")
    chat, y = rng.random() < 0.5, 66.0
    while y < h - 60:
        if chat:
            own, lines = rng.random() < 0.5, int(rng.integers(1, 4))
            wide = float(rng.uniform(0.35, 0.7)) * w
            x = w - wide - 8 if own else 8.0
            fill = manner.palette[0] if own else blend(manner.background, ink, 0.12)
            canvas.box(x, y, x + wide, y + 12 + lines * 13, fill=fill, radius=9)
            for i in range(lines):
                text = vocabulary.sentence(rng, max(2, int(wide / 32)))
                canvas.text(x + 8, y + 7 + i * 13, text, 8.5, (255, 255, 255) if own else ink)
            y += 22 + lines * 13
        else:
            canvas.circle(26, y + 18, 13, fill=manner.palette[int(rng.integers(6)) % len(manner.palette)])
            canvas.text(48, y + 8, vocabulary.person(rng), 11, ink, "bold")
            canvas.text(48, y + 22, vocabulary.sentence(rng, 4), 8.5, ink)
            canvas.line([(48, y + 38), (w, y + 38)], manner.grid)
            y += 42
    if chat:
        canvas.box(10, h - 36, w - 10, h - 12, outline=manner.grid, radius=11)
    else:
        for i in range(4):
            canvas.circle((i + 0.5) * w / 4, h - 24, 8, outline=ink, width=1.5)
    return done(canvas, manner, "chat" if chat else "phone screen", "speech bubbles" if chat else "a list of rows")


def code(rng: np.random.Generator) -> Drawn:
    """Source code with coloured words and line numbers; terminals with prompts."""
    terminal = rng.random() < 0.45
    dark = rng.random() < (0.8 if terminal else 0.55)
    grounds = ((30, 30, 30), (0, 0, 0), (40, 42, 54), (0, 43, 54), (48, 10, 36), (13, 17, 23))
    papers = ((255, 255, 255), (253, 246, 227), (246, 248, 250))
    background: Colour = grounds[rng.integers(6)] if dark else papers[rng.integers(3)]
    ink: Colour = (215, 215, 215) if dark else (40, 40, 40)
    if terminal and dark and rng.random() < 0.25:
        ink = (80, 240, 100)
    canvas = Canvas(float(rng.uniform(260, 520)), float(rng.uniform(130, 400)), background, rng)
    hues = [blend(colour, ink, 0.25) for colour in style(rng).palette[:5]]
    size, y = float(rng.uniform(7.5, 12)), 8.0
    if rng.random() < 0.5:
        canvas.box(0, 0, canvas.width, 20, fill=blend(background, (128, 128, 128), 0.4))
        for i, hue in enumerate(((237, 106, 94), (245, 191, 79), (98, 197, 84))):
            canvas.circle(12 + i * 14, 10, 4.5, fill=hue)
        y = 28
    numbers, indent, number = not terminal and rng.random() < 0.6, 0, 1
    while y < canvas.height - size:
        x = 8.0
        if numbers:
            canvas.text(x, y, f"{number:3}", size, blend(ink, background, 0.5), "mono")
            x += size * 2.6
        if terminal:
            x = terminal_line(canvas, rng, x, y, size, ink, hues)
        elif rng.random() > 0.12:
            x += indent * size * 1.3
            for _ in range(int(rng.integers(1, 7))):
                word, hue = (
                    vocabulary.pick(rng, vocabulary.MEASURES) + str(rng.choice(["", "()", " =", ":", ".", ","])),
                    ink,
                )
                if rng.random() < 0.4:
                    word, hue = vocabulary.pick(rng, KEYWORDS), hues[0]
                elif rng.random() < 0.3:
                    word, hue = f'"{word}"', hues[1]
                canvas.text(x, y, word, size, hue, "mono")
                x += canvas.text_width(word + " ", size, "mono")
            indent = int(np.clip(indent + rng.integers(-1, 2), 0, 4))
        y += size * 1.4
        number += 1
    labels = ("terminal" if terminal else "code", *(["dark"] if dark else []))
    return canvas.picture(), labels, "", ("coloured words",) if not terminal else ("a prompt",)


def terminal_line(
    canvas: Canvas, rng: np.random.Generator, x: float, y: float, size: float, ink: Colour, hues: list[Colour]
) -> float:
    """A prompt with a command, or a line of output."""
    if rng.random() < 0.3:
        prompt = str(rng.choice(["$ ", "> ", "user@host:~$ ", "root# ", "C:\\> "]))
        canvas.text(x, y, prompt, size, hues[0], "mono")
        command = vocabulary.pick(rng, ("ls -la", "cd", "git status", "make", "cat", "ssh", "python"))
        text = f"{command} {vocabulary.pick(rng, vocabulary.ITEMS).lower()}"
        canvas.text(x + canvas.text_width(prompt, size, "mono"), y, text, size, ink, "mono")
    elif rng.random() < 0.3:
        month, name = vocabulary.pick(rng, vocabulary.GROUPS[1]), vocabulary.pick(rng, vocabulary.ITEMS)
        text = f"-rw-r--r-- 1 user {rng.integers(10, 99999):6} {month} {name.lower()}"
        canvas.text(x, y, text, size, ink, "mono")
    else:
        canvas.text(
            x,
            y,
            vocabulary.sentence(rng, int(rng.integers(1, 9))).lower(),
            size,
            ink if rng.random() < 0.8 else hues[1],
            "mono",
        )
    return x


def app(rng: np.random.Generator) -> Drawn:
    """A program window that shows a chart with its controls."""
    canvas, manner = screen(rng, 460, 320)
    canvas.box(0, 0, canvas.width, 24, fill=blend(manner.background, manner.ink, 0.2))
    canvas.text(10, 12, "File   Edit   View   Tools   Help", 10, manner.ink, anchor="lm")
    made, _ = chart_in(canvas, manner, rng, (110, 32, canvas.width - 10, canvas.height - 10))
    for i in range(6):
        button(canvas, manner, rng, 16, 40 + i * 34, vocabulary.pick(rng, vocabulary.ITEMS), i == 0)
    hidden = tuple(f"?{label.lstrip('?')}" for label in made)
    return (
        canvas.picture(),
        ("desktop window", *hidden, *(["dark"] if manner.dark else [])),
        "",
        ("a chart and buttons",),
    )


def desktop(rng: np.random.Generator) -> Drawn:
    """A whole screen: a ground, a bar, icons, and windows over each other, raised or flat."""
    manner = style(rng, 10)
    canvas = Canvas(float(rng.uniform(420, 640)), float(rng.uniform(300, 440)), manner.background, rng)
    w, h = canvas.width, canvas.height
    canvas.box(0, 0, w, h, fill=tuple(int(v) for v in natural(rng)))  # type: ignore[arg-type]
    if rng.random() < 0.4:
        canvas.paste(photo(rng)[0], 0, 0, w, h)
    bar, grey = 22.0, blend(manner.background, (128, 128, 128), rng.uniform(0, 0.5))
    for i in range(int(rng.integers(0, 7))):
        canvas.box(14, 14 + i * 46, 38, 38 + i * 46, fill=manner.palette[i % len(manner.palette)], radius=4)
        canvas.text(26, 42 + i * 46, vocabulary.pick(rng, vocabulary.ITEMS), 8, (255, 255, 255), anchor="ma")
    for _ in range(int(rng.integers(1, 4))):
        if rng.random() < 0.4:
            inner = (window, web_page, code, app)[rng.integers(4)](rng)[0]
            x, y = rng.uniform(40, w * 0.4), rng.uniform(0, h * 0.3)
            canvas.paste(inner, x, y, min(x + w * rng.uniform(0.4, 0.7), w), min(y + h * rng.uniform(0.5, 0.75), h))
        else:
            raised(canvas, rng, grey)
    top = h - bar if rng.random() < 0.6 else 0.0
    canvas.box(0, top, w, top + bar, fill=grey)
    for i in range(int(rng.integers(1, 6))):
        canvas.text(8 + i * 70, top + bar / 2, vocabulary.pick(rng, vocabulary.ITEMS), 10, manner.ink, anchor="lm")
    canvas.text(w - 8, top + bar / 2, f"{rng.integers(0, 24)}:{rng.integers(10, 60)}", 10, manner.ink, anchor="rm")
    return canvas.picture(), ("desktop window", "?dialog", "?web page", "?code", "?settings"), "", ("several windows",)


def raised(canvas: Canvas, rng: np.random.Generator, grey: Colour) -> None:
    """A window with a title bar, a menu, a list or fields, and buttons."""
    x, y = rng.uniform(30, canvas.width * 0.45), rng.uniform(5, canvas.height * 0.35)
    x1, y1 = x + rng.uniform(0.35, 0.6) * canvas.width, y + rng.uniform(0.35, 0.55) * canvas.height
    title, ink = tuple(int(v) for v in rng.integers(0, 200, 3)), (10, 10, 10) if sum(grey) > 380 else (240, 240, 240)
    canvas.box(x, y, x1, y1, fill=grey, outline=blend(grey, ink, 0.5), width=1.5)
    canvas.box(x + 2, y + 2, x1 - 2, y + 19, fill=title)  # type: ignore[arg-type]
    canvas.text(x + 8, y + 10, vocabulary.topic(rng).title(), 10, (255, 255, 255), "bold", "lm")
    for i in range(3):
        canvas.box(x1 - 16 * (i + 1), y + 5, x1 - 16 * i - 5, y + 16, fill=grey)
    for i in range(int(rng.integers(2, 6))):
        canvas.text(x + 8 + i * 34, y + 28, vocabulary.pick(rng, vocabulary.ITEMS), 9, ink, anchor="lm")
    inside = (250, 250, 250) if sum(grey) > 380 else (30, 30, 30)
    canvas.box(x + 8, y + 38, x1 - 8, y1 - 32, fill=inside, outline=blend(grey, ink, 0.4))
    for row in range(int((y1 - y - 78) / 14)):
        text = (
            vocabulary.sentence(rng, 4) if rng.random() < 0.5 else f"{vocabulary.person(rng)}   {vocabulary.date(rng)}"
        )
        canvas.text(x + 14, y + 44 + row * 14, text, 9, ink)
    for i, text in enumerate(("OK", "Cancel", "Help")[: rng.integers(0, 4)]):
        left = x1 - 66 * (i + 1)
        canvas.box(left, y1 - 26, left + 58, y1 - 8, fill=blend(grey, (255, 255, 255), 0.3), outline=ink)
        canvas.text(left + 29, y1 - 17, text, 9, ink, anchor="mm")
