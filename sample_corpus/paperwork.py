"""The paper documents: scanned receipts and a scanned invoice, a fax of three pages, a survey report.

Nothing here has a text layer; only OCR can read it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from drawing import font, grain, scanned
from PIL import Image, ImageDraw, ImageFilter

Words = tuple[str, ...]
MADE = datetime(2024, 11, 20, 9, 0, tzinfo=UTC).timetuple()  # PDF dates are fixed, so that the bytes are too


def receipt(lines: Words, seed: int, tilt: float) -> Image.Image:
    """A till receipt, photographed on a desk; a line that holds a "|" is set to both margins, "-" is a rule."""
    height = 90 + 34 * len(lines)
    paper = Image.new("RGB", (520, height), "#fbfaf5")
    pen = ImageDraw.Draw(paper)
    for row, line in enumerate(lines):
        y, face = 44 + 34 * row, font(22, "mono-bold" if row == 0 else "mono")
        if line == "-":
            pen.line((30, y + 14, 490, y + 14), fill="#444444", width=2)
        elif "|" in line:
            left, right = line.split("|")
            pen.text((30, y), left, fill="#222222", font=face)
            pen.text((490, y), right, fill="#222222", font=face, anchor="ra")
        else:
            pen.text((260, y), line, fill="#222222", font=face, anchor="ma")
    desk = Image.new("RGB", (640, height + 110), "#7a5c43")
    mask = Image.new("L", paper.size, 255)
    turned, edge = (part.rotate(tilt, Image.Resampling.BICUBIC, expand=True) for part in (paper, mask))
    shadow = Image.new("RGB", turned.size, "#4d3826")
    desk.paste(shadow, (58, 54), edge.filter(ImageFilter.GaussianBlur(6)))
    desk.paste(turned, (48, 42), edge)
    return grain(desk, 5, seed)


RECEIPTS: dict[str, tuple[Words, float]] = {
    "scan_0031.jpg": (
        (
            "CAFE BREAKWATER",
            "Quay Street 4, Port Aldern",
            "-",
            "9 x Cinnamon bun|20.70",
            "4 x Filter coffee|9.20",
            "2 x Hot chocolate|6.40",
            "-",
            "TOTAL EUR|36.30",
            "Cash|40.00",
            "Change|3.70",
            "-",
            "14.10.2024  10:52  Table 6",
            "Thank you!",
        ),
        1.6,
    ),
    "scan_0032.jpg": (
        (
            "FENNER CHANDLERY",
            "Boat supplies since 1952",
            "-",
            "Bow shackle 12 mm x6|41.40",
            "Hose clamp 60 mm x10|18.50",
            "Marine grease 400 g|12.95",
            "Signal flare, red x4|67.80",
            "-",
            "TOTAL EUR|140.65",
            "Card ending 0093|140.65",
            "-",
            "22.10.2024  15:07",
            "No exchange of flares",
        ),
        -1.2,
    ),
    "scan_0033.jpg": (
        (
            "PORT ALDERN FUEL DOCK",
            "Pump 2   Marine diesel",
            "-",
            "Litres|1,840.0",
            "Price per litre|0.76",
            "-",
            "TOTAL EUR|1,398.40",
            "Account: MV Razorbill",
            "-",
            "05.11.2024  06:18",
            "Receipt no. 77-20418",
        ),
        0.9,
    ),
}


def sheet(width: int, height: int, blocks: list[tuple[int, int, int, str, str]]) -> Image.Image:
    """A white page with these words on it: (x, y, size, face, words); lines are divided by newlines."""
    page = Image.new("RGB", (width, height), "white")
    pen = ImageDraw.Draw(page)
    for x, y, size, face, words in blocks:
        pen.multiline_text((x, y), words, fill="#111111", font=font(size, face), spacing=size * 0.55)
    return page


def table(page: Image.Image, top: int, columns: tuple[int, ...], rows: tuple[Words, ...], size: int = 22) -> None:
    """Ruled rows; the first is bold."""
    pen = ImageDraw.Draw(page)
    step = size * 2
    right = page.width - columns[0]
    for i, row in enumerate(rows):
        for x, cell in zip(columns, row, strict=True):
            pen.text((x + 10, top + i * step + 9), cell, fill="#111111", font=font(size, "bold" if i == 0 else "sans"))
        pen.line((columns[0], top + (i + 1) * step, right, top + (i + 1) * step), fill="#555555", width=1)
    pen.rectangle((columns[0], top, right, top + len(rows) * step), outline="#222222", width=2)


TERMS = "Payable within 30 days without deduction.\nThe ropes remain our property until paid in full."


def rope_invoice() -> Image.Image:
    """An invoice on paper."""
    page = sheet(
        1000,
        1300,
        [
            (80, 70, 38, "serif-bold", "Kranick & Daughters Ropewalk"),
            (80, 128, 22, "serif", "Hemp Lane 17, 4410 Little Fenn"),
            (80, 230, 24, "sans", "Ternsound Ferry Cooperative\nPier 1\nPort Aldern"),
            (620, 230, 24, "sans", "Invoice KR-55310\nDate: 7 October 2024\nDelivery note 8817"),
            (80, 400, 34, "bold", "INVOICE"),
            (
                80,
                860,
                24,
                "sans",
                TERMS,
            ),
            (80, 1010, 22, "serif", "Bank of the Outer Isles   Account 20-7731-09"),
        ],
    )
    rows = (
        ("Article", "Quantity", "Price", "Sum"),
        ("Mooring rope 40 mm, polyamide", "6 x 25 m", "182.00", "1,092.00"),
        ("Heaving line with monkey's fist", "8", "24.50", "196.00"),
        ("Splicing of 12 eyes", "12", "15.00", "180.00"),
        ("VAT 20 %", "", "", "293.60"),
        ("Total in euro", "", "", "1,761.60"),
    )
    table(page, 480, (80, 500, 660, 790), rows)
    return scanned(page, 31, -0.7)


FAX_STRIP = "12-NOV-2024 05:41   FROM COASTAL WEATHER BUREAU   P."
COVER = """\
To:       Harbour master, Port Aldern
From:   Coastal Weather Bureau, duty desk
Pages:  3 including this cover sheet


Please pass the attached pages to all skippers
and confirm receipt by telephone."""
GALE = """\
Sea area Fenn Bank and the outer sound.

South-westerly wind increasing to force 9
by noon, veering north-west in the evening.
Waves of four to five metres off Skerra.
Visibility poor in heavy showers.

Small craft should remain in port until
Wednesday morning."""
TIDES = (
    ("Day", "High water", "Height", "Low water", "Height"),
    ("Tue 12", "04:52", "3.1", "11:03", "0.9"),
    ("Wed 13", "05:44", "3.4", "11:58", "0.7"),
    ("Thu 14", "06:31", "3.7", "12:46", "0.5"),
    ("Fri 15", "07:15", "3.9", "13:31", "0.3"),
    ("Sat 16", "07:58", "4.1", "14:15", "0.2"),
    ("Sun 17", "08:41", "4.1", "14:58", "0.2"),
    ("Mon 18", "09:25", "3.9", "15:42", "0.4"),
)


def fax(path: Path) -> None:
    """A weather bureau's fax: cover, gale warning, tide table; black and white, Group 4, as fax servers store it."""
    titles = ((90, "FAX", COVER), (52, "GALE WARNING No. 46", GALE), (46, "Tide table, 12 to 18 November", ""))
    bits = []
    for number, (size, title, body) in enumerate(titles, start=1):
        strip = (80, 30, 20, "mono", f"{FAX_STRIP}{number}/3")
        page = sheet(1100, 1400, [strip, (80, 120, size, "bold", title), (80, 270, 30, "sans", body)])
        if number == 3:
            table(page, 230, (80, 260, 490, 660, 880), TIDES, 28)
        bits.append(page.convert("L").point(lambda v: 255 if v > 140 else 0).convert("1"))
    bits[0].save(path, save_all=True, append_images=bits[1:], compression="group4", dpi=(150, 150))


SURVEY_COVER = """\
Report number HS-2291
Surveyor: Anselm Torvik-Lade
Place: Norrholt dry dock, 14 March 2023


The vessel was drained, washed and examined from keel
to bulwark in the presence of the chief engineer.

In general the hull is in sound condition for its age.
Three matters need attention before the next season:
thin plates near the bow thruster, a worn stern tube
seal and wasted anodes. Details are on the next pages."""
PLATING = """\
Measured by ultrasound at 48 points. Original plates: 8 mm.
The class allows a loss of twenty per cent.









Frames 4 to 6 on the port side, beside the bow thruster
tunnel, are below the limit. Two plates of about one
square metre have to be cropped and renewed."""
PROPELLERS = """\
Both propellers show cavitation pitting on the back of
the blades, up to 2 mm deep. The starboard propeller has
a bent tip, probably from driftwood.

The stern tube seal on the starboard side leaks: about
half a litre of oil was found in the drain cup. The rubber
lip is hardened and must be replaced.

Shaft clearance was measured at 0.6 mm, which is within
the maker's limit of 1.1 mm."""
ADVICE = """\
All 14 zinc anodes are wasted by more than half and are
to be renewed. The antifouling paint has failed along the
waterline; barnacles cover about a fifth of the bottom.

Recommended before the certificate is issued:

   a)  renew the plates at frames 4 to 6
   b)  replace the starboard seal
   c)  fit 14 new anodes
   d)  two coats of antifouling

Estimated cost: 38,200 euro. Next survey due March 2026."""
PLATES = (
    ("Place", "Port (mm)", "Starboard (mm)", "Verdict"),
    ("Frames 1 to 3", "7.4", "7.5", "good"),
    ("Frames 4 to 6", "6.1", "6.9", "renew port"),
    ("Frames 7 to 15", "7.2", "7.1", "good"),
    ("Engine room", "7.6", "7.6", "good"),
    ("Stern", "6.8", "6.7", "watch"),
)


def survey_report(path: Path) -> None:
    """The surveyor's report after the dry dock: four scanned pages and no text layer."""
    title, vessel = (90, 120, 44, "serif-bold", "Report of hull survey"), "Motor vessel Razorbill, built 1998"
    pages = [sheet(1000, 1400, [title, (90, 200, 30, "serif", vessel), (90, 300, 26, "serif", SURVEY_COVER)])]
    chapters = (
        ("1  Thickness of the plating", PLATING),
        ("2  Propellers and shafts", PROPELLERS),
        ("3  Anodes, paint and recommendations", ADVICE),
    )
    for number, (heading, body) in enumerate(chapters, start=2):
        head = f"Survey of MV Razorbill, dry dock March 2023                          page {number}"
        blocks = [(90, 90, 20, "serif", head), (90, 150, 34, "serif-bold", heading), (90, 230, 25, "serif", body)]
        if number == 4:
            blocks += [(90, 1010, 34, "hand", "A. Torvik-Lade"), (90, 1070, 22, "serif", "Signature of the surveyor")]
        pages.append(sheet(1000, 1400, blocks))
    table(pages[1], 330, (90, 320, 470, 730), PLATES, 24)
    tilts = (0.8, -1.1, 1.3, -0.6)
    scans = [scanned(page, 60 + i, tilt) for i, (page, tilt) in enumerate(zip(pages, tilts, strict=True))]
    scans[0].save(
        path, save_all=True, append_images=scans[1:], resolution=120, quality=52, creationDate=MADE, modDate=MADE
    )


def make(folder: Path) -> None:
    """Print, crumple and scan every paper into this folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed, (name, (lines, tilt)) in enumerate(RECEIPTS.items(), start=41):
        receipt(lines, seed, tilt).save(folder / name, quality=72)
    rope_invoice().save(folder / "scan_0034.jpg", quality=60)
    fax(folder / "fax-in-20241112.tif")
    survey_report(folder / "razorbill_survey.pdf")
