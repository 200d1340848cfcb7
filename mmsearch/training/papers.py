"""Receipts with margins, invoices, forms, tickets, cards, calendars, bar codes."""

import numpy as np

from mmsearch.training import wear, words
from mmsearch.training.canvas import Canvas, Colour
from mmsearch.training.charts import Drawn
from mmsearch.training.style import blend, style


def receipt(rng: np.random.Generator) -> Drawn:
    """A till receipt: narrow or page-wide, tight or with wide margins, printed, faded, scanned or photographed."""
    size = float(rng.uniform(6, 9))
    width = size * float(rng.uniform(17, 32))
    items = int(rng.integers(1, 22))
    group = str(rng.choice(["mono", "mono", "sans"]))
    canvas = Canvas(width, size * 1.45 * (items + float(rng.uniform(16, 30))), paper(rng), rng)
    ink: Colour = blend((0, 0, 0), canvas.background, float(rng.choice([0, 0.1, 0.3, 0.5])))
    y = receipt_head(canvas, rng, size, ink, group)
    left, right, total = size * 1.2, width - size * 1.2, 0.0
    for _ in range(items):
        price = float(rng.gamma(1.5, 12))
        total += price
        canvas.text(left, y, f"{rng.integers(1, 4)} {words.pick(rng, words.ITEMS).upper()}", size, ink, group)
        canvas.text(right, y, f"{price:.2f}", size, ink, group, "ra")
        y += size * 1.45
        if rng.random() < 0.25:
            canvas.text(left + size, y, f"{rng.integers(10**7, 10**8)} @ {price:.2f}", size, ink, group)
            y += size * 1.45
    canvas.line([(left, y + 2), (right, y + 2)], ink, 0.8, 2)
    y += size
    for name, value in (("SUBTOTAL", total), ("TAX", total * 0.07), ("TOTAL", total * 1.07), ("CASH", total + 5)):
        bold = "bold" if name == "TOTAL" else group
        canvas.text(left, y, name, size * (1.2 if name == "TOTAL" else 1), ink, bold)
        canvas.text(right, y, f"{value:.2f}", size * (1.2 if name == "TOTAL" else 1), ink, bold, "ra")
        y += size * 1.6
    if rng.random() < 0.3:
        bars(canvas, rng, left + size * 2, y + 2, right - size * 2, y + size * 3)
        y += size * 4
    for text in ("THANK YOU", "Please come again", "Goods sold are not returnable")[: rng.integers(1, 4)]:
        canvas.text(width / 2, y + size, text, size, ink, group, "ma")
        y += size * 1.5
    picture = canvas.picture().crop((0, 0, int(width), int(min(y + size * rng.uniform(2, 8), canvas.height))))
    if rng.random() < 0.75:
        picture = wear.scanned(rng, picture)
    chance, looks = rng.random(), ["receipt", "?text page", "?scan"]
    if chance < 0.7:
        # Scans of receipts: the strip lies on a page of its own size up to three times its width.
        picture = wear.on_ground(rng, picture, float(rng.choice([0.2, 0.6, 1.2, 2.0])))
    if chance < 0.2:
        picture = wear.lit(rng, picture)
        looks.append("?photo")
    return picture, tuple(looks), "", ("prices and a total", "a list of items", "a shop's address")


def paper(rng: np.random.Generator) -> Colour:
    """White or nearly so."""
    return ((255, 255, 255), (255, 255, 255), (250, 250, 246), (240, 240, 238), (252, 248, 235))[rng.integers(5)]


def receipt_head(canvas: Canvas, rng: np.random.Generator, size: float, ink: Colour, group: str) -> float:
    """Shop, address, date; returns where the items begin."""
    middle, y = canvas.width / 2, size * float(rng.uniform(1, 5))
    shop = f"{words.pick(rng, words.SURNAMES)} {words.pick(rng, ('Market', 'Cafe', 'Stores', 'Hardware', 'Bakery'))}"
    canvas.text(middle, y, shop.upper(), size * float(rng.uniform(1.2, 2)), ink, "bold", "ma")
    y += size * 2.6
    for text in (
        f"{rng.integers(1, 300)} Main Street",
        words.pick(rng, words.GROUPS[17]),
        "TEL 0" + str(rng.integers(10**8)),
    ):
        canvas.text(middle, y, text, size, ink, group, "ma")
        y += size * 1.4
    canvas.text(
        middle, y + size, str(rng.choice(["RECEIPT", "TAX INVOICE", "CASH BILL", ""])), size * 1.2, ink, "bold", "ma"
    )
    y += size * 3.4
    canvas.text(size * 1.2, y, f"{words.date(rng)}  {rng.integers(8, 21)}:{rng.integers(10, 60)}", size, ink, group)
    canvas.line([(size, y + size * 1.8), (canvas.width - size, y + size * 1.8)], ink, 0.8, 2)
    return y + size * 2.5


def bars(canvas: Canvas, rng: np.random.Generator, x0: float, y0: float, x1: float, y1: float) -> None:
    """A bar code."""
    x, unit = x0, max(0.7, (x1 - x0) / 95)
    while x < x1:
        wide = unit * float(rng.integers(1, 4))
        canvas.box(x, y0, min(x + wide - unit * 0.3, x1), y1, fill=(0, 0, 0))
        x += wide + unit * float(rng.integers(1, 4))


def squares(canvas: Canvas, rng: np.random.Generator, x0: float, y0: float, side: float) -> None:
    """A matrix code with its three finder squares."""
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
        squares(canvas, rng, margin, margin, side - 2 * margin)
        return canvas.picture(), ("qr code",), "", ("black and white squares",)
    width, height = int(rng.integers(160, 400)), int(rng.integers(70, 220))
    canvas = Canvas(width, height, (255, 255, 255), rng)
    bars(canvas, rng, width * 0.1, height * 0.1, width * 0.9, height * 0.8)
    canvas.text(width / 2, height * 0.82, str(rng.integers(10**11, 10**12)), 11, (0, 0, 0), "mono", "ma")
    return canvas.picture(), ("barcode",), "", ("black vertical lines",)


def invoice(rng: np.random.Generator) -> Drawn:
    """Invoices on a page: letterhead, a table of items, a total."""
    tall = float(rng.uniform(380, 560))
    canvas, manner, size = Canvas(tall * 0.72, tall, paper(rng), rng), style(rng), tall / 60
    width, ink = canvas.width, (20, 20, 20)
    left, right = width * 0.1, width * 0.9
    canvas.text(
        left, size * 4, str(words.pick(rng, words.SURNAMES)).upper() + " LTD", size * 1.8, manner.palette[0], "bold"
    )
    canvas.text(right, size * 4, "INVOICE", size * 2.2, ink, "bold", "ra")
    for i in range(3):
        canvas.text(left, size * (9 + i * 1.5), words.person(rng), size, ink)
        canvas.text(right, size * (9 + i * 1.5), words.date(rng), size, ink, anchor="ra")
    y, rows = size * 18, int(rng.integers(2, 12))
    canvas.box(left, y - 3, right, y + size * 1.4, fill=blend(canvas.background, manner.palette[0], 0.5))
    for i in range(rows + 1):
        canvas.text(left + 4, y, "Description" if i == 0 else words.pick(rng, words.ITEMS), size, ink)
        canvas.text(width * 0.65, y, "Qty" if i == 0 else str(rng.integers(1, 20)), size, ink, anchor="ra")
        canvas.text(right - 4, y, "Amount" if i == 0 else words.money(rng, 900), size, ink, anchor="ra")
        y += size * 2
        canvas.line([(left, y - size * 0.4), (right, y - size * 0.4)], (190, 190, 190), 0.7)
    canvas.text(width * 0.65, y + size, "Total", size * 1.2, ink, "bold", "ra")
    canvas.text(right - 4, y + size, words.money(rng, 9000), size * 1.2, ink, "bold", "ra")
    picture = canvas.picture()
    if rng.random() < 0.4:
        picture = wear.scanned(rng, picture)
    return picture, ("invoice", "?receipt", "?table", "?scan", "?text page"), "", ("a table of items and a total",)


def form(rng: np.random.Generator) -> Drawn:
    """Forms with labelled fields and boxes to tick, empty or filled in by hand."""
    tall = float(rng.uniform(340, 560))
    canvas, size = Canvas(tall * float(rng.uniform(0.65, 0.9)), tall, paper(rng), rng), tall / 50
    width, ink, filled = canvas.width, (20, 20, 20), rng.random() < 0.5
    canvas.text(width / 2, size * 2, words.topic(rng).title(), size * 1.6, ink, "bold", "ma")
    y = size * 6
    while y < tall - size * 5:
        label = words.pick(rng, words.MEASURES).capitalize()
        kind = rng.integers(4)
        canvas.text(width * 0.07, y, f"{label}:", size, ink)
        if kind == 0:
            for i in range(4):
                x = width * (0.3 + i * 0.16)
                canvas.box(x, y, x + size, y + size, outline=ink)
                canvas.text(x + size * 1.4, y, words.pick(rng, ("yes", "no", "other", "n/a")), size, ink)
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
            canvas.text(width * 0.33, y - size * 0.3, words.person(rng), size * 1.3, (20, 30, 120), "hand")
        y += size * float(rng.uniform(2.4, 4))
    picture = canvas.picture()
    worn = rng.random() < 0.4
    looks = ("form", "?text page", "?table", *(["scan"] if worn else []), *(["?handwriting"] if filled else []))
    return wear.scanned(rng, picture) if worn else picture, looks, "", ("fields and boxes to tick", "empty fields")


def card(rng: np.random.Generator) -> Drawn:
    """Business and identity cards, tickets."""
    manner = style(rng)
    ticket = rng.random() < 0.4
    canvas = Canvas(330, 130 if ticket else 200, manner.background, rng)
    width, height, ink = canvas.width, canvas.height, manner.ink
    canvas.box(0, 0, width, height * 0.22, fill=manner.palette[0])
    canvas.text(width * 0.05, height * 0.05, words.topic(rng).upper(), 12, (255, 255, 255), "bold")
    if ticket:
        canvas.line([(width * 0.75, 0), (width * 0.75, height)], ink, 1, 4)
        bars(canvas, rng, width * 0.8, height * 0.3, width * 0.95, height * 0.9)
        for i, text in enumerate(
            (words.person(rng), words.date(rng), f"SEAT {rng.integers(1, 40)}B   GATE {rng.integers(1, 30)}")
        ):
            canvas.text(width * 0.06, height * (0.33 + i * 0.2), text, 13, ink, "bold" if i == 2 else "sans")
    else:
        left = width * 0.05
        if rng.random() < 0.6:
            canvas.box(left, height * 0.3, left + 75, height * 0.88, fill=blend(manner.background, ink, 0.3))
            canvas.circle(left + 37, height * 0.48, 17, fill=(224, 190, 160))
            canvas.box(left + 12, height * 0.62, left + 63, height * 0.88, fill=manner.palette[1], radius=10)
            left += 90
        canvas.text(left, height * 0.33, words.person(rng), 17, ink, "bold")
        for i in range(4):
            canvas.text(
                left, height * (0.47 + i * 0.11), words.pick(rng, words.MEASURES) + " " + words.date(rng), 10, ink
            )
    picture = canvas.picture()
    if rng.random() < 0.3:
        picture = wear.lit(rng, wear.on_ground(rng, picture, 0.6))
    return picture, ("ticket" if ticket else "card", "?photo"), "", ()


def calendar(rng: np.random.Generator) -> Drawn:
    """A month, with or without ruled days."""
    manner = style(rng, 11)
    canvas = Canvas(300, float(rng.uniform(200, 320)), manner.background, rng)
    top, wide, tall = 50.0, (canvas.width - 16) / 7, (canvas.height - 60) / 6
    canvas.text(
        canvas.width / 2,
        10,
        f"{words.pick(rng, words.GROUPS[1])} {rng.integers(1990, 2030)}",
        18,
        manner.ink,
        "bold",
        "ma",
    )
    first, ruled = int(rng.integers(0, 7)), rng.random() < 0.6
    for i, name in enumerate(words.GROUPS[2]):
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
