"""The pictures: drawn "photographs", a screenshot, a whiteboard, a map, a deck plan, a poster, a departure board.

Three of them carry what a camera or a picture archive writes into a file: an orientation, an EXIF description, an XMP
title and an IPTC caption. One photograph has neither words nor caption, so that only name and image can find it.
"""

from __future__ import annotations

import struct
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np
from charts import survey
from drawing import AMBER, GREEN, GREY, INK, NAVY, RED, RULE, TEAL, Canvas, Point, font, gradient, grain
from PIL import Image, ImageDraw, ImageFilter

ORIENTATION, DESCRIPTION, MAKER = 0x0112, 0x010E, 0x010F


def xmp(title: str, description: str) -> bytes:
    """An XMP packet with a Dublin Core title and description."""

    def entry(name: str, words: str) -> str:
        return f'<dc:{name}><rdf:Alt><rdf:li xml:lang="x-default">{escape(words)}</rdf:li></rdf:Alt></dc:{name}>'

    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/">'
        f"{entry('title', title)}{entry('description', description)}"
        '</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    ).encode()


def add_iptc(path: Path, title: str, caption: str, keywords: tuple[str, ...]) -> None:
    """Put an IPTC record (in UTF-8) behind the first marker of a JPEG; Pillow reads such records and writes none."""

    def dataset(record: int, number: int, value: bytes) -> bytes:
        return struct.pack(">BBBH", 0x1C, record, number, len(value)) + value

    record = dataset(1, 90, b"\x1b%G") + dataset(2, 5, title.encode()) + dataset(2, 120, caption.encode())
    record += b"".join(dataset(2, 25, word.encode()) for word in keywords)
    resource = b"8BIM\x04\x04\x00\x00" + struct.pack(">I", len(record)) + record + b"\x00" * (len(record) % 2)
    payload = b"Photoshop 3.0\x00" + resource
    jpeg = path.read_bytes()
    path.write_bytes(jpeg[:2] + b"\xff\xed" + struct.pack(">H", len(payload) + 2) + payload + jpeg[2:])


def ridge(rng: np.random.Generator, width: int, base: float, height: float) -> list[Point]:
    """The outline of a hill or a rock: a few sines of random phase."""
    phases = rng.uniform(0, 6.3, 5)
    x = np.arange(0, width + 12, 12)
    y = sum(np.sin(x / width * (k + 1) * 3.1 + p) / (k + 1) for k, p in enumerate(phases))
    return [(float(a), float(base - height * (0.5 + 0.3 * b))) for a, b in zip(x, y, strict=True)]


def sea(canvas: Canvas, top: int, shine: tuple[int, int, int], seed: int) -> None:
    """Short waves, wider apart towards the beholder."""
    rng = np.random.default_rng(seed)
    for _ in range(520):
        depth = rng.random() ** 1.6
        y = top + depth * (canvas.height - top)
        x, length = rng.random() * canvas.width, 8 + 70 * depth
        red, green, blue = (int(c * (0.55 + 0.45 * rng.random())) for c in shine)
        canvas.line([(x, y), (x + length, y + rng.normal(0, 0.7))], (red, green, blue), 0.7 + 1.6 * depth)


def on_sky(width: int, height: int, stops: list[tuple[float, tuple[int, int, int]]]) -> Canvas:
    """A canvas that begins as a sky."""
    canvas = Canvas(width, height)
    canvas.image.paste(gradient(width * 2, height * 2, stops))
    return canvas


def lighthouse(path: Path) -> None:
    """A lighthouse at dusk with its name on a board, stored on its side as a camera held upright stores it."""
    canvas = on_sky(720, 1000, [(0, (38, 46, 92)), (0.35, (190, 98, 96)), (0.55, (250, 186, 110)), (1, (40, 62, 92))])
    sea(canvas, 590, (236, 168, 120), 3)
    canvas.polygon([*ridge(np.random.default_rng(5), 720, 800, 210), (720, 1000), (0, 1000)], "#2b2a33")
    canvas.polygon([(318, 760), (402, 760), (384, 330), (336, 330)], "#efe8dd")
    for y in (400, 520, 640):
        half = 24 + (y - 330) * 0.042
        box = [(360 - half, y), (360 + half, y), (360 + half + 3, y + 58), (360 - half - 3, y + 58)]
        canvas.polygon(box, "#a93226")
    canvas.box(322, 312, 398, 332, "#2b2a33")
    canvas.box(340, 262, 380, 312, "#ffe9a8", "#2b2a33")
    canvas.polygon([(334, 262), (386, 262), (360, 226)], "#7b241c")
    canvas.polygon([(380, 280), (720, 196), (720, 330), (380, 298)], "#d99a7e")
    canvas.box(196, 822, 524, 906, "#f4f1e6", "#4a3b2a", 6, 4)
    canvas.text(360, 864, "SKERRA LIGHT 1894", 24, "#2b2a33", "bold", "mm")
    photo = grain(canvas.finish().filter(ImageFilter.GaussianBlur(0.5)), 4, 1)
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    exif[MAKER] = "Drawn by a script"
    exif[DESCRIPTION] = "Our lighthouse in the last light, taken from the evening cruise on 3 September 2024"
    packet = xmp("Evening at the lighthouse", "The lamp has just been lit; the tower was repainted in spring.")
    photo.transpose(Image.Transpose.ROTATE_90).save(path, quality=84, exif=exif, xmp=packet)


def puffins(path: Path) -> None:
    """Birds on a cliff, described by an IPTC caption and keywords only."""
    canvas = on_sky(1000, 680, [(0, (150, 190, 214)), (0.5, (205, 222, 226)), (1, (58, 104, 124))])
    sea(canvas, 360, (140, 180, 190), 7)
    rng = np.random.default_rng(9)
    canvas.polygon([*ridge(rng, 1000, 560, 220), (1000, 680), (0, 680)], "#6f8a4e")
    canvas.polygon([*ridge(rng, 1000, 690, 180), (1000, 680), (0, 680)], "#56703c")
    for x, y, size in ((210, 470, 1.0), (330, 520, 1.25), (505, 480, 0.95), (640, 540, 1.4), (800, 500, 1.1)):
        canvas.ellipse(x - 26 * size, y - 44 * size, x + 26 * size, y + 44 * size, "#20242a")
        canvas.ellipse(x - 17 * size, y - 28 * size, x + 17 * size, y + 44 * size, "#f3f1ea")
        canvas.disc(x, y - 52 * size, 21 * size, "#20242a")
        canvas.disc(x + 4 * size, y - 52 * size, 14 * size, "#f3f1ea")
        beak = [(x + 14 * size, y - 64 * size), (x + 42 * size, y - 50 * size), (x + 14 * size, y - 42 * size)]
        canvas.polygon(beak, "#e2762b")
        canvas.disc(x + 7 * size, y - 56 * size, 3 * size, "#20242a")
        for foot in (-10, 8):
            canvas.line([(x + foot * size, y + 42 * size), (x + foot * size, y + 54 * size)], "#e2762b", 4)
    grain(canvas.finish().filter(ImageFilter.GaussianBlur(0.7)), 5, 2).save(path, quality=82)
    caption = "Puffins in front of their burrows on Little Fenn; 214 breeding pairs were counted in June 2024."
    add_iptc(path, "Puffin colony", caption, ("seabirds", "puffin", "Little Fenn", "breeding season"))


def slipway(path: Path) -> None:
    """A boat on a slipway in the morning: no words, no caption, only a name."""
    canvas = on_sky(960, 640, [(0, (118, 156, 198)), (0.4, (250, 222, 178)), (0.6, (214, 190, 160)), (1, (96, 88, 80))])
    canvas.disc(690, 250, 46, "#fff3cf")
    sea(canvas, 300, (232, 206, 170), 13)
    canvas.polygon([(0, 640), (0, 470), (520, 320), (640, 330), (520, 640)], "#8b8379")
    for i in range(8):
        x = 40 + i * 62
        canvas.line([(x, 474 - i * 18), (x + 90, 640)], "#6f675e", 3)
    canvas.polygon([(170, 420), (560, 400), (510, 490), (230, 500)], "#b03a2e")
    canvas.polygon([(170, 420), (560, 400), (552, 416), (180, 437)], "#f4f1e6")
    canvas.box(300, 330, 430, 412, "#f4f1e6", "#5c6b75", 5)
    canvas.box(322, 348, 408, 380, "#7fb3d5")
    canvas.line([(365, 330), (365, 230)], "#3c3c3c", 4)
    grain(canvas.finish().filter(ImageFilter.GaussianBlur(0.8)), 5, 3).save(path, quality=84, method=4)


def booking(path: Path) -> None:
    """The screen of a booking application that refuses a card."""
    canvas = Canvas(1120, 720, "#f6f8f9")
    canvas.box(0, 0, 1120, 56, "#22313f")
    for i, colour in enumerate((RED, AMBER, GREEN)):
        canvas.disc(28 + i * 26, 28, 8, colour)
    canvas.box(130, 12, 1080, 44, "#3a4b5c", radius=6)
    canvas.text(150, 28, "booking.ternsound.example/checkout", 16, "#d8e1e8", anchor="lm")
    canvas.box(0, 56, 230, 720, "#e6ecef")
    for i, entry in enumerate(("Sailings", "My trips", "Season tickets", "Vehicles", "Help")):
        canvas.text(34, 100 + i * 48, entry, 19, NAVY if i == 0 else INK, "bold" if i == 0 else "sans")
    canvas.text(270, 88, "Checkout: Port Aldern to Morrow Island", 26, face="bold")
    canvas.text(270, 132, "Saturday 16 November 2024, departure 09:40, returning 17:15", 18, GREY)
    rows = (("2 adults", "28.00"), ("1 child", "7.00"), ("1 car under 5 metres", "34.50"), ("1 dog", "3.00"))
    for i, (what, price) in enumerate(rows):
        canvas.text(290, 190 + i * 42, what, 19)
        canvas.text(760, 190 + i * 42, price, 19, anchor="ra")
        canvas.line([(270, 222 + i * 42), (780, 222 + i * 42)], RULE, 1)
    canvas.text(290, 372, "Total in euro", 21, face="bold")
    canvas.text(760, 372, "72.50", 21, face="bold", anchor="ra")
    canvas.box(270, 430, 1070, 548, "#fdecea", RED, 8)
    canvas.text(296, 448, "Payment declined", 23, RED, "bold")
    canvas.text(296, 488, "Error E-409: the card issuer did not answer in time. Nothing was charged.", 18)
    canvas.text(296, 516, "Please try again or pay at the ticket office.", 18)
    canvas.box(270, 590, 440, 640, NAVY, radius=8)
    canvas.text(355, 615, "Try again", 20, "white", "bold", "mm")
    canvas.box(464, 590, 664, 640, "white", NAVY, 8)
    canvas.text(564, 615, "Pay in person", 20, NAVY, "bold", "mm")
    canvas.finish().quantize(128, dither=Image.Dither.NONE).save(path, optimize=True)


def whiteboard(path: Path) -> None:
    """A planning meeting's whiteboard, photographed."""
    canvas = Canvas(1200, 820, "#c9cdd0")
    canvas.box(30, 26, 1170, 780, "#fbfbf9", "#8a9196", 8, 8)
    canvas.box(420, 780, 780, 800, "#8a9196", radius=4)
    canvas.text(80, 60, "Winter refit – who does what?", 38, NAVY, "hand")
    canvas.line([(80, 116), (700, 112)], NAVY, 4)
    columns = (
        (80, "To do", ("Replace radar mast", "New galley floor", "Order paint (blue)"), RED),
        (450, "Doing", ("Rewire the bridge", "Sew seat covers"), AMBER),
        (820, "Done", ("Empty bilge tanks", "Book the crane", "Insurance letter"), GREEN),
    )
    for x, name, notes, colour in columns:
        canvas.text(x, 150, name, 32, colour, "hand")
        for i, note in enumerate(notes):
            tilt = (i % 2) * 6
            canvas.box(x, 210 + i * 118 + tilt, x + 300, 302 + i * 118 + tilt, "#fff3b0" if i % 2 else "#d7ecf5")
            canvas.text(x + 18, 256 + i * 118 + tilt, note, 26, INK, "hand", "lm")
    canvas.line([(800, 600), (1100, 600), (1100, 720), (800, 720), (800, 600)], RED, 4)
    canvas.text(950, 640, "Deadline:", 30, RED, "hand", "mm")
    canvas.text(950, 684, "28 February!", 30, RED, "hand", "mm")
    canvas.text(80, 640, "Budget 64,000  →  crane alone 9,500", 30, NAVY, "hand")
    canvas.text(80, 696, "ask the volunteers for two weekends", 30, NAVY, "hand")
    board = canvas.finish().rotate(-0.8, Image.Resampling.BICUBIC, fillcolor=(150, 150, 148))
    light = Image.new("L", board.size, 0)
    ImageDraw.Draw(light).ellipse((700, -200, 1300, 300), fill=90)
    board.paste(Image.new("RGB", board.size, "white"), mask=light.filter(ImageFilter.GaussianBlur(90)))
    grain(board, 3, 4).save(path, quality=80)


def harbour_map(path: Path) -> None:
    """The harbour from above, every quay and building named."""
    canvas = Canvas(1150, 800, "#bcd9e6")
    land = [(0, 0), (1150, 0), (1150, 170), (930, 210), (860, 330), (520, 300), (430, 250), (300, 330), (0, 360)]
    canvas.polygon(land, "#e8e2cc")
    canvas.polygon([(0, 800), (0, 690), (260, 720), (420, 800)], "#e8e2cc")
    canvas.line([(0, 150), (400, 140), (760, 120), (1150, 60)], "white", 16)
    canvas.line([(620, 130), (640, 300)], "white", 10)
    for x, name in ((545, "Pier 1"), (680, "Pier 2"), (812, "Pier 3")):
        canvas.box(x - 16, 280, x + 16, 500, "#a3927a")
        canvas.text(x, 522, name, 20, INK, "bold", "ma")
    canvas.line([(930, 210), (1040, 420), (1010, 610)], "#857a69", 22)
    canvas.text(1020, 640, "Breakwater", 20, INK, "bold", "ma")
    blocks = (
        (440, 178, 602, 236, "Ticket office", NAVY),
        (680, 178, 850, 236, "Customs shed", NAVY),
        (90, 210, 250, 268, "Ice factory", "#8a6d3b"),
        (900, 92, 1090, 150, "Fish market", "#8a6d3b"),
        (230, 44, 390, 102, "Bus station", TEAL),
        (690, 32, 850, 90, "Museum", TEAL),
    )
    for x0, y0, x1, y1, name, colour in blocks:
        canvas.box(x0, y0, x1, y1, colour, radius=4)
        canvas.text((x0 + x1) / 2, (y0 + y1) / 2, name, 19, "white", "bold", "mm")
    canvas.disc(70, 742, 20, RED)
    canvas.text(110, 742, "Seal bank", 20, INK, "bold", "lm")
    canvas.line([(540, 560), (520, 640), (470, 800)], "white", 3)
    canvas.text(440, 680, "to Morrow Island", 18, NAVY, anchor="rm")
    canvas.line([(695, 560), (760, 660), (900, 800)], "white", 3)
    canvas.text(850, 700, "to Skerra", 18, NAVY, anchor="lm")
    canvas.box(20, 380, 400, 500, "white", INK, 4)
    canvas.text(40, 396, "Port Aldern harbour", 30, face="bold")
    canvas.line([(40, 470), (240, 470)], INK, 4)
    canvas.text(255, 470, "200 metres", 17, anchor="lm")
    canvas.polygon([(1090, 700), (1108, 764), (1090, 748), (1072, 764)], INK)
    canvas.text(1090, 670, "N", 24, face="bold", anchor="ma")
    canvas.finish().quantize(64, dither=Image.Dither.NONE).save(path, optimize=True)


def deck_plan(path: Path) -> None:
    """The car deck and the saloon of a ship, seen from above."""
    canvas = Canvas(1200, 620, "#fdfdfb")
    canvas.text(48, 26, "MV Guillemot – general arrangement", 30, face="bold")
    for top, name in ((110, "Upper deck"), (360, "Car deck")):
        canvas.text(48, top - 6, name, 20, NAVY, "bold")
        canvas.polygon(
            [(60, top + 30), (1010, top + 30), (1150, top + 115), (1010, top + 200), (60, top + 200)], "#e4edf2"
        )
        hull = [(60, top + 30), (1010, top + 30), (1150, top + 115), (1010, top + 200), (60, top + 200), (60, top + 30)]
        canvas.line(hull, INK, 3)
    rooms = (
        (80, 155, 300, 295, "Sun deck"),
        (310, 155, 600, 295, "Saloon, 120 seats"),
        (610, 155, 760, 220, "Galley"),
        (610, 230, 760, 295, "First aid"),
        (770, 155, 990, 295, "Wheelhouse"),
    )
    for x0, y0, x1, y1, name in rooms:
        canvas.box(x0, y0, x1, y1, "white", NAVY, 4)
        canvas.text((x0 + x1) / 2, (y0 + y1) / 2, name, 20, anchor="mm")
    for lane in range(3):
        y = 402 + lane * 52
        for i in range(9):
            canvas.box(90 + i * 88, y, 160 + i * 88, y + 38, "#cfd8dc", GREY, 8)
    canvas.text(960, 475, "27 cars", 22, face="bold", anchor="mm")
    canvas.text(48, 582, "Length 48.6 m     Beam 11.2 m     Draught 2.4 m     Speed 13 knots", 20, GREY)
    canvas.finish().save(path, quality=70, speed=8)


def poster(path: Path) -> None:
    """A festival poster."""
    canvas = on_sky(800, 1120, [(0, (14, 20, 52)), (0.6, (64, 38, 92)), (1, (12, 16, 36))])
    rng = np.random.default_rng(21)
    for _ in range(46):
        x, y, size = rng.random() * 800, 330 + rng.random() * 420, 8 + rng.random() * 22
        canvas.ellipse(
            x - size, y - size * 1.25, x + size, y + size * 1.25, "#f5b041" if rng.random() > 0.4 else "#ec7063"
        )
    canvas.polygon([(120, 800), (680, 800), (620, 880), (190, 880)], "#0b0f24")
    canvas.box(270, 730, 520, 800, "#0b0f24")
    for x in range(290, 510, 40):
        canvas.box(x, 750, x + 22, 775, "#f9e79f")
    canvas.text(400, 120, "Lantern Night", 78, "#f9e79f", "serif-bold", "mm")
    canvas.text(400, 210, "on the water", 46, "#f9e79f", "serif", "mm")
    canvas.text(400, 940, "Saturday 31 August, from 20:30", 32, "white", "bold", "mm")
    canvas.text(400, 990, "Pier 3  ·  music, fish soup, fireworks at 23:00", 26, "white", "sans", "mm")
    canvas.text(400, 1050, "Free for members of the Ternsound Ferry Cooperative", 22, "#d5d8dc", "sans", "mm")
    canvas.finish().save(path, quality=80, method=4)


def departure_board(path: Path) -> None:
    """A board of five sailings, whose remarks change from picture to picture."""
    sailings = [("09:40", "Morrow Island", "1"), ("10:15", "Skerra", "2"), ("11:00", "Little Fenn", "3")]
    sailings += [("12:20", "Morrow Island", "1"), ("13:05", "Seal safari", "4")]
    remarks = (
        ("boarding", "on time", "on time", "on time", "sold out"),
        ("closed", "boarding", "on time", "delayed", "sold out"),
    )
    frames = []
    for turn in range(2):
        frame = Image.new("RGB", (760, 400), "#101418")
        pen = ImageDraw.Draw(frame)
        pen.text((32, 24), "DEPARTURES", fill="#f7c948", font=font(34, "mono-bold"))
        pen.text((728, 34), ("09:31", "10:02")[turn], fill="#f7c948", font=font(26, "mono-bold"), anchor="ra")
        for i, (time, place, pier) in enumerate(sailings):
            y = 94 + i * 58
            pen.text((32, y), time, fill="white", font=font(26, "mono"))
            pen.text((150, y), place, fill="white", font=font(26, "mono"))
            pen.text((430, y), f"pier {pier}", fill="white", font=font(26, "mono"))
            colour = "#ff7b6b" if remarks[turn][i] in ("delayed", "sold out") else "#7ddc8a"
            pen.text((728, y), remarks[turn][i], fill=colour, font=font(26, "mono"), anchor="ra")
        frames.append(frame.quantize(16, dither=Image.Dither.NONE))
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=1800, loop=0)


def knots(path: Path) -> None:
    """An old BMP from a training sheet: three knots and what each is for."""
    canvas = Canvas(640, 300, "white")
    canvas.text(24, 16, "Knots every deckhand must know", 22, face="bold")
    for i, (name, use) in enumerate(
        (("Bowline", "a loop that holds"), ("Clove hitch", "fenders"), ("Sheet bend", "joins two ropes"))
    ):
        x = 110 + i * 210
        turns = np.arange(110) / 9
        across, down = 60 * np.cos(turns) * (1 - turns / 18), 42 * np.sin(turns * (2 + i * 0.5))
        canvas.line(list(zip(x + across, 130 + down, strict=True)), "#b9770e", 7)
        canvas.text(x, 206, name, 20, NAVY, "bold", "ma")
        canvas.text(x, 238, use, 17, GREY, anchor="ma")
    canvas.finish().quantize(32, dither=Image.Dither.NONE).save(path)


def projected(slide: Image.Image, path: Path) -> None:
    """A slide, photographed from the third row of a dark hall."""
    hall = gradient(1100, 760, [(0, (30, 27, 34)), (1, (14, 12, 16))])
    corners = (-60, -40, -30, slide.height + 90, slide.width + 70, slide.height + 130, slide.width + 110, -120)
    beam = Image.new("L", slide.size, 236)
    size, how = (900, 560), (Image.Transform.QUAD, corners, Image.Resampling.BICUBIC)
    hall.paste(slide.transform(size, *how), (110, 60), beam.transform(size, *how))
    canvas = ImageDraw.Draw(hall)
    for x in range(60, 1100, 190):
        canvas.ellipse((x, 640, x + 96, 752), fill=(8, 7, 10))
        canvas.rounded_rectangle((x - 34, 726, x + 130, 800), 30, fill=(8, 7, 10))
    grain(hall, 6, 6).save(path, quality=80)


def shrunk(source: Path, path: Path) -> None:
    """A smaller version for the web, in another format."""
    with Image.open(source) as picture:
        picture.convert("RGB").resize((400, 560), Image.Resampling.LANCZOS).save(path, quality=80)


def make(folder: Path) -> None:
    """Draw every picture into this folder."""
    (folder / "web").mkdir(parents=True, exist_ok=True)
    lighthouse(folder / "IMG_0412.jpg")
    puffins(folder / "IMG_0435.jpg")
    slipway(folder / "Sunrise over the slipway.webp")
    booking(folder / "Screenshot 2024-11-12 at 18.04.png")
    whiteboard(folder / "IMG_0501.jpg")
    harbour_map(folder / "map.png")
    deck_plan(folder / "ga-plan.avif")
    poster(folder / "poster_final2.webp")
    departure_board(folder / "board.gif")
    knots(folder / "sheet7.bmp")
    projected(survey(), folder / "IMG_0488.jpg")
    shrunk(folder / "poster_final2.webp", folder / "web" / "poster_400.jpg")
