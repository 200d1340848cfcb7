"""Receipts of many shops: a head, ruled parts, tables of two to five columns, sums, taxes, codes; worn or clean."""

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageFilter

from training import vocabulary
from training.canvas import Canvas, Colour, blend, on_background, photographed, scanned
from training.charts import Drawn
from training.documents import barcode, matrix_code, paper
from training.photo_scenes import clouds

HEADS = (
    ("QTY", "PRICE", "AMOUNT"),
    ("ITEM", "QTY", "TOTAL"),
    ("DESCRIPTION", "AMT"),
    ("CODE", "QTY", "U/P", "DISC", "TOTAL"),
)


FIELDS = "DATE TIME CASHIER TABLE NO BILL INVOICE COUNTER MEMBER STAFF TERMINAL PAX ORDER REF SALESPERSON".split()
SUMS = "SUBTOTAL,TAX 6%,SERVICE,ROUNDING,TOTAL,NET TOTAL,CASH,CARD,CHANGE,DISCOUNT,TOTAL QTY,PAID,BALANCE DUE".split(
    ","
)


ENDS = (
    "THANK YOU",
    "PLEASE COME AGAIN",
    "GOODS SOLD ARE NOT RETURNABLE",
    "NO REFUND WITHOUT THIS SLIP",
    "HAVE A NICE DAY",
    "CUSTOMER COPY",
    "KEEP THIS BILL FOR EXCHANGE WITHIN 7 DAYS",
    "FOLLOW US FOR OFFERS",
)


TITLES = ("RECEIPT", "TAX INVOICE", "CASH BILL", "SIMPLIFIED INVOICE", "SALES SLIP", "ORDER BILL")


class Roll:
    """A strip of paper with a pen that goes down line by line."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng, self.size = rng, float(rng.uniform(6, 9))
        self.gap = self.size * float(rng.uniform(1.25, 1.8))
        width = self.size * float(rng.uniform(17, 38))
        self.canvas = Canvas(width, self.size * 130, paper(rng), rng)
        self.ink: Colour = blend((0, 0, 0), self.canvas.background, float(rng.choice([0, 0, 0.15, 0.35, 0.55])))
        self.face = str(rng.choice(["mono", "mono", "sans", "sans", "serif"]))
        edge = self.size * float(rng.choice([0.3, 1, 3]))
        self.left, self.right, self.y = edge, width - edge, self.size * float(rng.uniform(0.5, 5))

    def say(self, text: str, x: float, anchor: str = "la", times: float = 1.0, bold: bool = False) -> None:
        """Words on this line; those that would run over the edge are cut."""
        face = "bold" if bold else self.face
        while len(text) > 3 and self.canvas.text_width(text, self.size * times, face) > self.right - self.left:
            text = text[:-2]
        self.canvas.text(x, self.y, text, self.size * times, self.ink, face, anchor)

    def down(self, lines: float = 1.0) -> None:
        """To the next line."""
        self.y += self.gap * lines

    def rule(self) -> None:
        """A line across: whole, dashed, or of characters; or none."""
        kind = int(self.rng.integers(4))
        if kind < 2:
            at = self.y + self.size * 0.4
            self.canvas.line([(self.left, at), (self.right, at)], self.ink, 0.8, 2.0 * kind)
        elif kind == 2:
            self.say(str(self.rng.choice(["-", "=", "*"])) * 80, self.left)
        self.down(0.8)


def head(roll: Roll) -> None:
    """Shop, address, numbers, in the middle or at the left."""
    rng = roll.rng
    x, anchor = (((roll.left + roll.right) / 2, "ma"), (roll.left, "la"))[int(rng.random() < 0.15)]
    kind = vocabulary.pick(
        rng, ("Market", "Trading", "Stationery", "Restaurant", "Hardware", "Bakery", "Pharmacy", "Mart")
    )
    roll.say(
        f"{vocabulary.pick(rng, vocabulary.SURNAMES)} {kind}".upper(),
        x,
        anchor,
        float(rng.uniform(1, 2.2)),
        rng.random() < 0.7,
    )
    roll.down(float(rng.uniform(1.3, 2)))
    for _ in range(int(rng.integers(2, 8))):
        street = vocabulary.pick(rng, vocabulary.SURNAMES).upper()
        line = (
            f"(CO. NO. {rng.integers(10**5, 10**7)}-{'ABKW'[rng.integers(4)]})",
            f"NO. {rng.integers(1, 99)}, {street} ROAD {rng.integers(1, 30)}",
            f"{rng.integers(10**4, 10**5)} {vocabulary.pick(rng, vocabulary.GROUPS[17])}".upper(),
            f"TEL: 0{rng.integers(1, 9)}-{rng.integers(10**6, 10**8)}",
            f"TAX ID: {rng.integers(10**8, 10**12)}",
        )[rng.integers(5)]
        roll.say(line, x, anchor)
        roll.down()
    if rng.random() < 0.8:
        roll.down(0.5)
        roll.say(str(rng.choice(TITLES)), x, anchor, float(rng.uniform(1, 1.4)), rng.random() < 0.6)
        roll.down(1.6)


def fields(roll: Roll) -> None:
    """Date, cashier and so on, one or two a line."""
    rng = roll.rng
    two = rng.random() < 0.4
    for _ in range(int(rng.integers(1, 6))):
        for x in (roll.left, (roll.left + roll.right) / 2)[: 1 + two]:
            value = vocabulary.date(rng) if rng.random() < 0.4 else str(rng.integers(10, 10**6))
            room = "" if two else " " * int(rng.integers(0, 6))
            roll.say(f"{vocabulary.pick(rng, FIELDS)}{room}: {value}", x)
        roll.down()


def items(roll: Roll) -> None:
    """What was bought: a table with its head, or name and price; long names take a line of their own."""
    rng = roll.rng
    names = HEADS[rng.integers(len(HEADS))]
    own_line, few = rng.random() < 0.5, int(rng.choice([1, 1, 2, 3, 5, 9, 14]))
    ends = [roll.right - (roll.right - roll.left) * k / (len(names) + 0.6) for k in range(len(names) - 1)][::-1]
    if rng.random() < 0.8:
        roll.say(names[0], roll.left)
        for name, x in zip(names[1:], ends, strict=True):
            roll.say(name, x, "ra")
        roll.down()
        roll.rule()
    for _ in range(few):
        item, word = vocabulary.pick(rng, vocabulary.ITEMS), vocabulary.pick(rng, vocabulary.COMMON)
        name = f"{item} {word} {rng.integers(1, 999)}".upper()
        roll.say(name if own_line else name[:14], roll.left)
        if own_line:
            roll.down()
            roll.say(str(rng.integers(10**5, 10**7)), roll.left + roll.size)
        for x in ends[:-1]:
            roll.say(str(rng.integers(1, 30)), x, "ra")
        roll.say(f"{rng.gamma(1.5, 12):.2f}", ends[-1], "ra")
        roll.down(float(rng.choice([1, 1, 1.6])))


def sums(roll: Roll) -> None:
    """Sums with their names at the left, or both at the right."""
    rng = roll.rng
    x, anchor = ((roll.left, "la"), (roll.left + (roll.right - roll.left) * 0.66, "ra"))[int(rng.random() < 0.45)]
    for i in sorted(rng.choice(len(SUMS), int(rng.integers(2, 8)), replace=False).tolist()):
        large = "TOTAL" in SUMS[i] and rng.random() < 0.6
        roll.say(SUMS[i] + ":" * int(rng.integers(2)), x, anchor, 1.2 if large else 1, large)
        roll.say(f"{rng.gamma(1.5, 30):.2f}", roll.right, "ra", 1.2 if large else 1, large)
        roll.down(1.3 if large else 1)


def taxes(roll: Roll) -> None:
    """A small table in a frame."""
    rng, top = roll.rng, roll.y
    roll.say("TAX SUMMARY", roll.left + roll.size)
    roll.down(1.2)
    for first, other in (
        ("CODE", "AMOUNT"),
        *(("SR ZR"[3 * i : 3 * i + 2], f"{rng.gamma(1, 30):.2f}") for i in range(2)),
    ):
        roll.say(first, roll.left + roll.size)
        roll.say(other, (roll.left + roll.right) / 2, "ma")
        roll.say(other if first != "CODE" else "TAX", roll.right - roll.size, "ra")
        roll.down()
    roll.canvas.box(roll.left, top - 2, roll.right, roll.y + 1, outline=roll.ink)
    roll.down(0.6)


def codes_part(roll: Roll) -> None:
    """A bar code or a matrix code."""
    middle, half = (roll.left + roll.right) / 2, (roll.right - roll.left) * float(roll.rng.uniform(0.2, 0.45))
    if roll.rng.random() < 0.7:
        barcode(roll.canvas, roll.rng, middle - half, roll.y, middle + half, roll.y + roll.size * 3.5)
        roll.y += roll.size * 4.5
    else:
        matrix_code(roll.canvas, roll.rng, middle - half / 2, roll.y, half)
        roll.y += half + roll.size


def annotated(rng: np.random.Generator, picture: Image.Image) -> Image.Image:
    """Numbers and words by hand, underlines, a round or square stamp, in pen colours."""
    canvas = Canvas(picture.width, picture.height, (255, 255, 255), rng)
    canvas.paste(picture, 0, 0, picture.width, picture.height)
    for _ in range(int(rng.integers(1, 4))):
        ink: Colour = ((20, 30, 120), (180, 20, 30), (15, 15, 15))[rng.integers(3)]
        x, y, s = rng.uniform(0, 0.7) * canvas.width, rng.uniform(0, 1) * canvas.height, rng.uniform(10, 30)
        if rng.random() < 0.3:
            canvas.circle(x + s, y, s, outline=ink, width=2)
            canvas.text(x + s, y, vocabulary.pick(rng, ("PAID", "COPY", "VOID")), s * 0.5, ink, "bold", "mm")
        else:
            canvas.text(x, y, vocabulary.money(rng) if rng.random() < 0.5 else vocabulary.person(rng), s, ink, "hand")
    return canvas.picture()


PARTS: tuple[tuple[Callable[[Roll], None], float], ...] = (
    (head, 1.0),
    (codes_part, 0.12),
    (fields, 0.9),
    (items, 1.0),
    (sums, 0.95),
    (taxes, 0.35),
    (fields, 0.2),
    (codes_part, 0.2),
)


def receipt(rng: np.random.Generator) -> Drawn:
    """A receipt as a clean print, a scan to the edge of the paper, a strip on a larger page, or a photograph."""
    roll = Roll(rng)
    for part, chance in PARTS:
        if rng.random() < chance:
            part(roll)
            if rng.random() < 0.6:
                roll.rule()
    for text in rng.choice(ENDS, int(rng.integers(0, 4)), replace=False).tolist():
        roll.say(text, (roll.left + roll.right) / 2, "ma")
        roll.down()
    end = min(roll.y + roll.size * float(rng.choice([0.3, 2, 8])), roll.canvas.height)
    picture = roll.canvas.picture().crop((0, 0, roll.canvas.width, int(end)))
    labels = ["receipt", "?text page", "?scan", "?table", "?form"]
    if rng.random() < 0.25:
        picture = annotated(rng, picture)
    if rng.random() < 0.3:
        picture = crumpled(rng, picture)
    if rng.random() < 0.7:
        picture = scanned(rng, picture)
    if rng.random() < 0.55:
        picture = on_background(rng, picture, float(rng.choice([0.05, 0.2, 0.6, 1.2, 2.0])))
    if rng.random() < 0.12:
        picture = photographed(rng, picture)
        labels.append("?photo")
    return picture, tuple(labels), "", ("prices and a total", "a list of items", "a shop's address")


def crumpled(rng: np.random.Generator, picture: Image.Image) -> Image.Image:
    """Folds and shade, ink that fades by places, blur."""
    array: np.ndarray = np.asarray(picture, np.float32)
    h, w = array.shape[:2]
    if rng.random() < 0.7:
        array = array * (1 - rng.uniform(0.05, 0.35) * clouds(rng, h, w, 0.5))[..., None]
    if rng.random() < 0.6:
        fade = rng.uniform(0.2, 0.9) * clouds(rng, h, w, 0.4)[..., None]
        array = array + (array.max((0, 1)) - array) * fade
    worn = Image.fromarray(np.clip(array, 0, 255).astype(np.uint8))
    return worn.filter(ImageFilter.GaussianBlur(float(rng.uniform(0.4, 2)))) if rng.random() < 0.4 else worn
