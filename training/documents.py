"""Invoices, forms, tickets, cards, calendars, bar codes, printed and handwritten pages, tables and slides."""

import numpy as np
from PIL import Image

from training import vocabulary
from training.axes import Box
from training.canvas import Canvas, Colour, blend, on_background, photographed, scanned, style
from training.charts import Drawn, chart_in


def paper(rng: np.random.Generator) -> Colour:
    """White or nearly so."""
    return ((255, 255, 255), (255, 255, 255), (250, 250, 246), (240, 240, 238), (252, 248, 235))[rng.integers(5)]


def barcode(canvas: Canvas, rng: np.random.Generator, x0: float, y0: float, x1: float, y1: float) -> None:
    """A bar code."""
    x, unit = x0, max(0.7, (x1 - x0) / 95)
    while x < x1:
        wide = unit * float(rng.integers(1, 4))
        canvas.box(x, y0, min(x + wide - unit * 0.3, x1), y1, fill=(0, 0, 0))
        x += wide + unit * float(rng.integers(1, 4))


def matrix_code(canvas: Canvas, rng: np.random.Generator, x0: float, y0: float, side: float) -> None:
    """A matrix code with its three finder matrix_code."""
    cells = int(rng.choice([21, 25, 29, 33]))
    unit, grid = side / cells, rng.random((cells, cells)) < 0.5
    for i in range(cells):
        for j in range(cells):
            if grid[i, j]:
                canvas.box(
                    x0 + i * unit, y0 + j * unit, x0 + (i + 1) * unit - 0.5, y0 + (j + 1) * unit - 0.5, fill=(0, 0, 0)
                )
    for x, y in ((x0, y0), (x0 + (cells - 7) * unit, y0), (x0, y0 + (cells - 7) * unit)):
        for inset, fill in ((0, 0), (1, 255), (2, 0)):
            far = (7 - inset) * unit
            canvas.box(x + inset * unit, y + inset * unit, x + far, y + far, fill=(fill, fill, fill))


def codes(rng: np.random.Generator) -> Drawn:
    """A bar code or a matrix code alone."""
    if rng.random() < 0.5:
        side = int(rng.integers(80, 300))
        canvas = Canvas(side, side, (255, 255, 255), rng)
        margin = side * float(rng.uniform(0.03, 0.2))
        matrix_code(canvas, rng, margin, margin, side - 2 * margin)
        return canvas.picture(), ("qr code",), "", ("black and white matrix_code",)
    width, height = int(rng.integers(160, 400)), int(rng.integers(70, 220))
    canvas = Canvas(width, height, (255, 255, 255), rng)
    barcode(canvas, rng, width * 0.1, height * 0.1, width * 0.9, height * 0.8)
    canvas.text(width / 2, height * 0.82, str(rng.integers(10**11, 10**12)), 11, (0, 0, 0), "mono", "ma")
    return canvas.picture(), ("barcode",), "", ("black vertical lines",)


def invoice(rng: np.random.Generator) -> Drawn:
    """Invoices on a page: letterhead, a table of items, a total."""
    tall = float(rng.uniform(380, 560))
    canvas, manner, size = Canvas(tall * 0.72, tall, paper(rng), rng), style(rng), tall / 60
    width, ink = canvas.width, (20, 20, 20)
    left, right = width * 0.1, width * 0.9
    canvas.text(
        left,
        size * 4,
        str(vocabulary.pick(rng, vocabulary.SURNAMES)).upper() + " LTD",
        size * 1.8,
        manner.palette[0],
        "bold",
    )
    canvas.text(right, size * 4, "INVOICE", size * 2.2, ink, "bold", "ra")
    for i in range(3):
        canvas.text(left, size * (9 + i * 1.5), vocabulary.person(rng), size, ink)
        canvas.text(right, size * (9 + i * 1.5), vocabulary.date(rng), size, ink, anchor="ra")
    y, rows = size * 18, int(rng.integers(2, 12))
    canvas.box(left, y - 3, right, y + size * 1.4, fill=blend(canvas.background, manner.palette[0], 0.5))
    for i in range(rows + 1):
        canvas.text(left + 4, y, "Description" if i == 0 else vocabulary.pick(rng, vocabulary.ITEMS), size, ink)
        canvas.text(width * 0.65, y, "Qty" if i == 0 else str(rng.integers(1, 20)), size, ink, anchor="ra")
        canvas.text(right - 4, y, "Amount" if i == 0 else vocabulary.money(rng, 900), size, ink, anchor="ra")
        y += size * 2
        canvas.line([(left, y - size * 0.4), (right, y - size * 0.4)], (190, 190, 190), 0.7)
    canvas.text(width * 0.65, y + size, "Total", size * 1.2, ink, "bold", "ra")
    canvas.text(right - 4, y + size, vocabulary.money(rng, 9000), size * 1.2, ink, "bold", "ra")
    picture = canvas.picture()
    if rng.random() < 0.4:
        picture = scanned(rng, picture)
    return picture, ("invoice", "?receipt", "?table", "?scan", "?text page"), "", ("a table of items and a total",)


def form(rng: np.random.Generator) -> Drawn:
    """Forms with labelled fields and boxes to tick, empty or filled in by hand."""
    tall = float(rng.uniform(340, 560))
    canvas, size = Canvas(tall * float(rng.uniform(0.65, 0.9)), tall, paper(rng), rng), tall / 50
    width, ink, filled = canvas.width, (20, 20, 20), rng.random() < 0.5
    canvas.text(width / 2, size * 2, vocabulary.topic(rng).title(), size * 1.6, ink, "bold", "ma")
    y = size * 6
    while y < tall - size * 5:
        label = vocabulary.pick(rng, vocabulary.MEASURES).capitalize()
        kind = rng.integers(4)
        canvas.text(width * 0.07, y, f"{label}:", size, ink)
        if kind == 0:
            for i in range(4):
                x = width * (0.3 + i * 0.16)
                canvas.box(x, y, x + size, y + size, outline=ink)
                canvas.text(x + size * 1.4, y, vocabulary.pick(rng, ("yes", "no", "other", "n/a")), size, ink)
                if filled and rng.random() < 0.4:
                    canvas.text(x, y - 2, "X", size * 1.3, (20, 30, 120), "hand")
        elif kind == 1:
            canvas.box(width * 0.3, y - 3, width * 0.93, y + size * 1.6, outline=ink)
        elif kind == 2:
            for i in range(12):
                canvas.box(
                    width * (0.3 + i * 0.05), y - 2, width * (0.35 + i * 0.05), y + size * 1.6, outline=ink, width=0.7
                )
        else:
            canvas.line([(width * 0.3, y + size), (width * 0.93, y + size)], ink, 0.8)
        if filled and kind in (1, 3):
            canvas.text(width * 0.33, y - size * 0.3, vocabulary.person(rng), size * 1.3, (20, 30, 120), "hand")
        y += size * float(rng.uniform(2.4, 4))
    picture = canvas.picture()
    worn = rng.random() < 0.4
    labels = ("form", "?text page", "?table", *(["scan"] if worn else []), *(["?handwriting"] if filled else []))
    return scanned(rng, picture) if worn else picture, labels, "", ("fields and boxes to tick", "empty fields")


def card(rng: np.random.Generator) -> Drawn:
    """Business and identity cards, tickets."""
    manner = style(rng)
    ticket = rng.random() < 0.4
    canvas = Canvas(330, 130 if ticket else 200, manner.background, rng)
    width, height, ink = canvas.width, canvas.height, manner.ink
    canvas.box(0, 0, width, height * 0.22, fill=manner.palette[0])
    canvas.text(width * 0.05, height * 0.05, vocabulary.topic(rng).upper(), 12, (255, 255, 255), "bold")
    if ticket:
        canvas.line([(width * 0.75, 0), (width * 0.75, height)], ink, 1, 4)
        barcode(canvas, rng, width * 0.8, height * 0.3, width * 0.95, height * 0.9)
        for i, text in enumerate(
            (vocabulary.person(rng), vocabulary.date(rng), f"SEAT {rng.integers(1, 40)}B   GATE {rng.integers(1, 30)}")
        ):
            canvas.text(width * 0.06, height * (0.33 + i * 0.2), text, 13, ink, "bold" if i == 2 else "sans")
    else:
        left = width * 0.05
        if rng.random() < 0.6:
            canvas.box(left, height * 0.3, left + 75, height * 0.88, fill=blend(manner.background, ink, 0.3))
            canvas.circle(left + 37, height * 0.48, 17, fill=(224, 190, 160))
            canvas.box(left + 12, height * 0.62, left + 63, height * 0.88, fill=manner.palette[1], radius=10)
            left += 90
        canvas.text(left, height * 0.33, vocabulary.person(rng), 17, ink, "bold")
        for i in range(4):
            canvas.text(
                left,
                height * (0.47 + i * 0.11),
                vocabulary.pick(rng, vocabulary.MEASURES) + " " + vocabulary.date(rng),
                10,
                ink,
            )
    picture = canvas.picture()
    if rng.random() < 0.3:
        picture = photographed(rng, on_background(rng, picture, 0.6))
    return picture, ("ticket" if ticket else "card", "?photo"), "", ()


def calendar(rng: np.random.Generator) -> Drawn:
    """A month, with or without ruled days."""
    manner = style(rng, 11)
    canvas = Canvas(300, float(rng.uniform(200, 320)), manner.background, rng)
    top, wide, tall = 50.0, (canvas.width - 16) / 7, (canvas.height - 60) / 6
    canvas.text(
        canvas.width / 2,
        10,
        f"{vocabulary.pick(rng, vocabulary.GROUPS[1])} {rng.integers(1990, 2030)}",
        18,
        manner.ink,
        "bold",
        "ma",
    )
    first, ruled = int(rng.integers(0, 7)), rng.random() < 0.6
    for i, name in enumerate(vocabulary.GROUPS[2]):
        canvas.text(8 + (i + 0.5) * wide, top - 14, name, 9, manner.palette[0], "bold", "ma")
    for day in range(int(rng.integers(28, 32))):
        column, row = (first + day) % 7, (first + day) // 7
        x, y = 8 + column * wide, top + row * tall
        if ruled:
            canvas.box(x, y, x + wide, y + tall, outline=manner.grid)
        if rng.random() < 0.06:
            canvas.box(x + 2, y + 2, x + wide - 2, y + tall - 2, fill=manner.palette[1])
        canvas.text(x + wide / 2, y + tall / 2, str(day + 1), 11, manner.ink, anchor="mm")
    return canvas.picture(), ("calendar", "?table", *(["dark"] if manner.dark else [])), "", ("days of a month",)


INKS: tuple[Colour, ...] = ((0, 0, 0), (0, 0, 0), (40, 40, 40), (30, 30, 60), (60, 40, 20))
PAPERS: tuple[Colour, ...] = ((255, 255, 255),) * 6 + ((250, 248, 240), (245, 240, 225), (240, 240, 240))


def sheet(rng: np.random.Generator) -> Canvas:
    """An empty page, upright mostly; letter, A4, book or square."""
    tall = float(rng.uniform(300, 560))
    aspect = float(rng.choice([0.707, 0.707, 0.773, 0.65, 0.65, 0.8, 1.0, 1.35]))
    return Canvas(tall * aspect, tall, PAPERS[rng.integers(len(PAPERS))], rng)


def finish(
    rng: np.random.Generator, canvas: Canvas, labels: tuple[str, ...], topic: str, details: tuple[str, ...]
) -> Drawn:
    """A page as it is, scanned, cut out, or photographed on a desk."""
    picture, chance = canvas.picture(), rng.random()
    if chance < 0.15:
        x, y = int(picture.width * rng.uniform(0, 0.3)), int(picture.height * rng.uniform(0, 0.5))
        return picture.crop((x, y, x + int(picture.width * 0.7), y + int(picture.height * 0.5))), labels, topic, details
    if chance < 0.4:
        worn = scanned(rng, picture)
        return on_background(rng, worn, 0.15) if rng.random() < 0.4 else worn, (*labels, "scan"), topic, details
    if chance < 0.5:
        return photographed(rng, on_background(rng, picture, 0.5)), (*labels, "desk photo", "?photo"), topic, details
    return picture, labels, topic, details


def paragraph(
    canvas: Canvas, rng: np.random.Generator, box: Box, size: float, ink: Colour, group: str, leading: float = 1.35
) -> float:
    """Justified or ragged running text until the box is full or the paragraph ends; returns where it stopped."""
    x0, y, x1, y1 = box
    per_line = max(2, int((x1 - x0) / (size * 0.5) / 5.6))
    lines = int(rng.integers(2, 14))
    for number in range(lines):
        if y + size > y1:
            break
        count = per_line if number < lines - 1 else int(rng.integers(1, per_line + 1))
        text = vocabulary.sentence(rng, count)
        while canvas.text_width(text, size, group) > x1 - x0 and " " in text:
            text = text.rsplit(" ", 1)[0]
        canvas.text(x0 + (size * 1.5 if number == 0 and lines % 2 else 0), y, text, size, ink, group)
        y += size * leading
    return y


def text_page(rng: np.random.Generator) -> Drawn:
    """Running text in one or two columns, with headings, page numbers, sometimes a figure or a table."""
    canvas = sheet(rng)
    ink, group = INKS[rng.integers(len(INKS))], str(rng.choice(["serif", "serif", "sans", "mono"]))
    size, margin = float(rng.uniform(5, 10)), canvas.width * float(rng.uniform(0.05, 0.15))
    columns = 1 if rng.random() < 0.6 else int(rng.choice([2, 2, 2, 3]))
    y = margin
    if rng.random() < 0.6:
        canvas.text(canvas.width / 2, y, vocabulary.topic(rng).title(), size * 1.9, ink, "bold", "ma")
        y += size * 3.2
        if rng.random() < 0.6:
            canvas.text(
                canvas.width / 2, y, f"{vocabulary.person(rng)}, {vocabulary.person(rng)}", size, ink, group, "ma"
            )
            y += size * 2.5
    wide = (canvas.width - 2 * margin - (columns - 1) * size * 2) / columns
    illustrated = rng.random() < 0.2
    for column in range(columns):
        x, down = margin + column * (wide + size * 2), y
        if illustrated and column == columns - 1 and wide > 90:
            chart_in(canvas, style(rng, size), rng, (x, down, x + wide, down + wide * 0.7))
            down += wide * 0.75
        while down < canvas.height - margin - size:
            if rng.random() < 0.2:
                canvas.text(x, down, vocabulary.topic(rng).capitalize(), size * 1.25, ink, "bold")
                down += size * 2
            down = paragraph(canvas, rng, (x, down, x + wide, canvas.height - margin), size, ink, group) + size * 0.7
    if rng.random() < 0.5:
        canvas.text(canvas.width / 2, canvas.height - margin / 2, str(rng.integers(1, 300)), size, ink, group, "mm")
    labels = ("two columns",) if columns > 1 else ("text page",)
    details = ("a figure",) if illustrated else ("headings and paragraphs", "paragraphs of text")
    return finish(rng, canvas, (*labels, "?chart") if illustrated else labels, vocabulary.topic(rng), details)


def special_page(rng: np.random.Generator) -> Drawn:
    """Letters, title pages, tables of contents, formulas."""
    canvas = sheet(rng)
    ink, group, size = INKS[rng.integers(len(INKS))], str(rng.choice(["serif", "sans"])), float(rng.uniform(6, 11))
    width, height, margin = canvas.width, canvas.height, canvas.width * 0.12
    kind = str(rng.choice(["letter", "title page", "contents", "formulas"]))
    if kind == "letter":
        for i in range(3):
            canvas.text(margin, margin + i * size * 1.4, vocabulary.person(rng), size, ink, group)
        canvas.text(width - margin, margin + size * 6, vocabulary.date(rng), size, ink, group, "ra")
        canvas.text(margin, margin + size * 9, f"Dear {vocabulary.person(rng)},", size, ink, group)
        y = margin + size * 11.5
        for _ in range(int(rng.integers(1, 5))):
            y = paragraph(canvas, rng, (margin, y, width - margin, height * 0.8), size, ink, group) + size
        canvas.text(margin, y + size, "Yours sincerely", size, ink, group)
        canvas.text(margin, y + size * 3, vocabulary.person(rng), size * 2, (20, 30, 120), "hand")
    elif kind == "title page":
        if rng.random() < 0.4:
            canvas.box(0, 0, width, height, fill=style(rng).palette[0])
            ink = (255, 255, 255)
        canvas.text(
            width / 2, height * 0.3, vocabulary.pick(rng, vocabulary.SUBJECTS).title(), size * 3.5, ink, "bold", "mm"
        )
        canvas.text(width / 2, height * 0.4, vocabulary.topic(rng).title(), size * 1.5, ink, group, "mm")
        canvas.text(width / 2, height * 0.75, vocabulary.person(rng), size * 1.3, ink, group, "mm")
        canvas.text(width / 2, height * 0.9, vocabulary.date(rng), size, ink, group, "mm")
    elif kind == "contents":
        canvas.text(margin, margin, "Contents", size * 2, ink, "bold")
        for i in range(int((height - 2 * margin) / size / 1.7) - 3):
            y, inset = margin + size * (4 + i * 1.7), size * 2 * int(rng.integers(0, 3))
            canvas.text(margin + inset, y, vocabulary.topic(rng).capitalize(), size, ink, group)
            canvas.line(
                [(margin + width * 0.5, y + size * 0.8), (width - margin - size * 2, y + size * 0.8)], ink, 0.7, 2
            )
            canvas.text(width - margin, y, str(i * 7 + 1), size, ink, group, "ra")
    else:
        y = margin
        while y < height - margin - size * 4:
            y = paragraph(canvas, rng, (margin, y, width - margin, height - margin), size, ink, "serif") + size
            symbols = rng.choice(list("xyzabcnkαβγλμσπθ∑∫√=+−()²³₁₂ij∂∞≤≥·/"), int(rng.integers(8, 26)))
            canvas.text(width / 2, y, " ".join(symbols), size * 1.5, ink, "sans", "ma")
            if rng.random() < 0.5:
                canvas.line([(width * 0.35, y + size * 1.9), (width * 0.6, y + size * 1.9)], ink)
                canvas.text(width * 0.47, y + size * 2.1, " ".join(symbols[:6]), size * 1.4, ink, "sans", "ma")
            y += size * 5
    return finish(rng, canvas, (kind,), vocabulary.topic(rng), ())


def handwriting(rng: np.random.Generator) -> Drawn:
    """Notes in handwriting-like letters on plain, ruled or squared paper."""
    canvas = sheet(rng)
    ink = ((20, 30, 120), (10, 10, 10), (40, 40, 60), (120, 20, 20))[rng.integers(4)]
    size, rule = float(rng.uniform(11, 22)), rng.integers(3)
    pale = blend(canvas.background, (90, 130, 200), 0.4)
    for i in range(int(canvas.height / size / 1.5)) if rule else ():
        canvas.line([(0, i * size * 1.5), (canvas.width, i * size * 1.5)], pale, 0.7)
    for i in range(int(canvas.width / size / 1.5)) if rule == 2 else ():
        canvas.line([(i * size * 1.5, 0), (i * size * 1.5, canvas.height)], pale, 0.7)
    y = size
    while y < canvas.height * rng.uniform(0.5, 1) - size:
        text = vocabulary.sentence(rng, int(rng.integers(2, 8)))
        canvas.text(size + rng.uniform(0, 6), y + rng.uniform(-2, 2), text, size * rng.uniform(0.9, 1.1), ink, "hand")
        y += size * 1.5
    return finish(rng, canvas, ("handwriting",), vocabulary.topic(rng), ("ruled paper",) if rule else ("plain paper",))


def table(rng: np.random.Generator) -> Drawn:
    """Tables: ruled, striped, bare, with a header row; and spreadsheets with letters and row numbers."""
    rows, columns = int(rng.integers(3, 26)), int(rng.integers(2, 10))
    size = float(rng.uniform(7, 12))
    tall, wide = size * float(rng.uniform(1.4, 2.4)), size * float(rng.uniform(5, 9))
    manner = style(rng, size)
    canvas = Canvas(columns * wide + 16, rows * tall + 16, manner.background, rng)
    sheet_like = rng.random() < 0.3
    rules, header, striped = str(rng.choice(["all", "rows", "none"])), rng.random() < 0.85, rng.random() < 0.4
    line = blend(manner.background, manner.ink, float(rng.uniform(0.15, 0.9)))
    if sheet_like:
        rules, header, striped = "all", True, False
    for i in range(rows):
        y = 8 + i * tall
        if header and i == 0:
            fill = blend(manner.background, manner.ink, 0.12) if sheet_like or rng.random() < 0.5 else manner.palette[0]
            canvas.box(8, y, canvas.width - 8, y + tall, fill=fill)
        elif striped and i % 2:
            canvas.box(8, y, canvas.width - 8, y + tall, fill=blend(manner.background, manner.ink, 0.07))
        for j in range(columns):
            cell_text(canvas, rng, manner.ink, 8 + j * wide, y, wide, tall, size, i, j, sheet_like)
    for i in range(rows + 1) if rules != "none" else (0, 1, rows):
        canvas.line([(8, 8 + i * tall), (canvas.width - 8, 8 + i * tall)], line, 0.8)
    for j in range(columns + 1) if rules == "all" else ():
        canvas.line([(8 + j * wide, 8), (8 + j * wide, 8 + rows * tall)], line, 0.8)
    labels = ("spreadsheet" if sheet_like else "table", *(["dark"] if manner.dark else []))
    picture = canvas.picture()
    if rng.random() < 0.3:
        page = Image.new(
            "RGB", (int(picture.width * 1.2), int(picture.height * rng.uniform(1.1, 1.8))), manner.background
        )
        page.paste(picture, (picture.width // 10, int(rng.uniform(0, page.height - picture.height))))
        picture = page
    return picture, labels, vocabulary.topic(rng), (f"{columns} columns", f"{rows} rows", "numbers in rows and columns")


def cell_text(
    canvas: Canvas,
    rng: np.random.Generator,
    ink: Colour,
    x: float,
    y: float,
    wide: float,
    tall: float,
    size: float,
    row: int,
    column: int,
    sheet_like: bool,
) -> None:
    """One cell: a heading, a name or a number."""
    if sheet_like and (row == 0 or column == 0):
        text = chr(64 + column) if row == 0 and column else str(row or "")
        canvas.text(x + wide / 2, y + tall / 2, text, size, ink, anchor="mm")
    elif sheet_like and rng.random() < 0.35:
        return
    elif row == 0:
        canvas.text(x + 4, y + tall / 2, vocabulary.pick(rng, vocabulary.MEASURES), size, ink, "bold", "lm")
    elif column == 0:
        canvas.text(x + 4, y + tall / 2, vocabulary.pick(rng, vocabulary.ITEMS), size, ink, anchor="lm")
    else:
        number = f"{rng.gamma(1, 300):.{rng.integers(0, 3)}f}"
        canvas.text(x + wide - 4, y + tall / 2, number, size, ink, anchor="rm")


def slide(rng: np.random.Generator) -> Drawn:
    """Presentation slides: titles, bullets, a chart or a big number, wide or 4:3."""
    manner = style(rng, 11)
    width = 480.0
    canvas = Canvas(width, width / float(rng.choice([16 / 9, 16 / 9, 4 / 3])), manner.background, rng)
    height, ink, accent = canvas.height, manner.ink, manner.palette[0]
    if rng.random() < 0.35:
        canvas.box(0, 0, width, height * 0.17, fill=accent)
    elif rng.random() < 0.5:
        canvas.box(0, 0, rng.uniform(8, 60), height, fill=accent)
    if rng.random() < 0.4:
        canvas.box(0, height - 14, width, height, fill=blend(accent, manner.background, 0.3))
    kind = str(rng.choice(["title", "bullets", "bullets", "chart", "two"]))
    extra: tuple[str, ...] = ()
    if kind == "title":
        canvas.text(width / 2, height * 0.42, vocabulary.topic(rng).title(), 26, ink, "bold", "mm")
        canvas.text(width / 2, height * 0.6, vocabulary.person(rng), 14, ink, anchor="mm")
    else:
        canvas.text(width * 0.1, height * 0.05, vocabulary.topic(rng).capitalize(), 22, ink, "bold")
        if kind in ("bullets", "two"):
            for i in range(int(rng.integers(3, 7))):
                y = height * 0.25 + i * 26
                canvas.circle(width * 0.12, y + 7, 3, fill=accent)
                count = int(rng.integers(2, 4 if kind == "two" else 8))
                canvas.text(width * 0.15, y, vocabulary.sentence(rng, count), 13, ink)
        if kind in ("chart", "two"):
            left = width * (0.55 if kind == "two" else 0.12)
            made, _ = chart_in(canvas, manner, rng, (left, height * 0.22, width * 0.94, height * 0.9))
            extra = tuple(f"?{label.lstrip('?')}" for label in made)
    labels = ("bullet slide" if kind == "bullets" else "slide", *extra, *(["dark"] if manner.dark else []))
    return canvas.picture(), labels, vocabulary.topic(rng), ("a chart",) if extra else ("a large title",)
