"""Images of PDF pages through CLIP ViT-B/32: indexing against rendering and encoding one by one."""

from __future__ import annotations

import math
import random
import textwrap
import zlib
from pathlib import Path

from benchmarks import clip_model, corpus, measure, ours
from benchmarks.measure import Setting
from benchmarks.table import Row, rates

OURS, PLAIN = 240, 60  # pages: of ours more, so that its start counts little
LINES = 30
LETTERS = 92  # of a line


def rows(setting: Setting) -> list[Row]:
    """The pace of both, without their start."""
    model = clip_model.vit_b_32(setting.folder / "vit-b-32")
    long, short = (pdf(setting.folder / f"pages-{pages}.pdf", pages) for pages in (OURS, PLAIN))
    place = setting.folder / "index-pages"
    mine, plain = [], []
    for _ in range(setting.turns):
        mine.append(ours.index(place, [long], setting.env, "--no-ocr", "--model", f"{model}:image"))
        plain.append(measure.told("benchmarks.plain_encode", setting.env, "pages", str(model), str(short)))
    seconds, steady = ours.median(mine)
    _, plainly = measure.medians(plain)
    note = (
        f"plain: PDFium at 144 dpi, then encode; ours {seconds:.1f} s for {OURS} pages; {mine[0].stages()}; "
        f"{ours.work(mine, plain)}"
    )
    return [rates("PDF pages, CLIP ViT-B/32", steady, plainly, "pages", None, f"{note}; {setting.turns} turns")]


def pdf(path: Path, pages: int) -> Path:
    """A PDF with a chart and lines of text on each page, another on each; written once."""
    if path.is_file():
        return path
    chance = random.Random(pages)
    first = 4  # objects 1 to 3 are the catalogue, the list of pages and the font
    kids = " ".join(f"{first + 2 * number} 0 R" for number in range(pages))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {pages} >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for number in range(pages):
        data = zlib.compress(_page(chance, number + 1).encode("ascii"))
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << /Font << /F1 3 0 R >> >> "
            b"/Contents %d 0 R >>" % (first + 2 * number + 1)
        )
        objects.append(b"<< /Length %d /Filter /FlateDecode >>\nstream\n%b\nendstream" % (len(data), data))
    draft = path.with_suffix(".part")
    draft.write_bytes(_file(objects))
    draft.rename(path)
    return path


def _file(objects: list[bytes]) -> bytes:
    """The objects, where each of them lies, and which is the first."""
    data, places = b"%PDF-1.4\n", []
    parts = [data]
    at = len(data)
    for number, each in enumerate(objects, 1):
        part = b"%d 0 obj\n%b\nendobj\n" % (number, each)
        places.append(at)
        parts.append(part)
        at += len(part)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    count = len(objects) + 1
    end = b"xref\n0 %d\n0000000000 65535 f \n%btrailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n"
    return b"".join(parts) + end % (count, table, count, at)


def _page(chance: random.Random, number: int) -> str:
    """The operators of a page: a heading, a chart of bars, a curve and points, and text below."""
    drawn = [f"BT /F1 16 Tf 60 790 Td (Report of the harbour office, page {number}) Tj ET"]
    for bar in range(14):
        red, green, blue = (chance.random() for _ in range(3))
        drawn.append(f"{red:.2f} {green:.2f} {blue:.2f} rg {70 + 32 * bar} 520 24 {chance.uniform(20, 230):.1f} re f")
    drawn.append("0.2 0.2 0.6 RG 1.5 w 70 600 m")
    phase = chance.uniform(0, 6)
    drawn += [f"{70 + 2.2 * x} {640 + 80 * math.sin(phase + x / 17):.1f} l" for x in range(1, 200)]
    drawn.append("S 0 0 0 RG 0.5 w")
    drawn += [f"70 {520 + 25 * line} m 520 {520 + 25 * line} l S" for line in range(10)]
    drawn.append("0.8 0.1 0.1 rg")
    drawn += [f"{chance.uniform(70, 515):.1f} {chance.uniform(525, 745):.1f} 3 3 re f" for _ in range(80)]
    lines = textwrap.wrap(corpus.paragraph(chance, LINES * 17), LETTERS)[:LINES]
    drawn.append("0 0 0 rg BT /F1 10 Tf 14 TL 60 490 Td")
    drawn += [f"({line}) Tj T*" for line in lines]
    return "\n".join([*drawn, "ET"])
