"""The text of a PDF page: its text layer, with broken words joined, and its form fields and annotations."""

from __future__ import annotations

import ctypes
import itertools
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from mmsearch.dehyphenation import BROKEN_OFF, LETTER, join_broken_words

if TYPE_CHECKING:
    import pypdfium2

TEXT_CHARACTERS = 1_000_000  # of a page
LETTERS = 32  # fewer are a page number and a running title at best
LETTERS_ON_PICTURE = 200  # of a page that is mostly a picture: scanners write their own name over it
LETTERS_OF_PAGE = 800  # from which on nothing else is looked for
PICTURE_SHARE = 0.5  # of a page, from which on it is one
COVERED_SHARE, LINE_SPACE = 0.3, 0.7  # of a page's height; times the height of a line, to each side of it
DRAWN_LETTERS, LETTER_HEIGHT = 150, 40.0  # small filled paths; points
OBJECTS = 500  # of a page that are looked at
ANNOTATIONS = 1000  # of a page that are read, form fields among them
ANNOTATION_BYTES = 40_000

CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u00ad\ufeff\ufffe\uffff]")
SPACES = re.compile(r"[ \t\u00a0]+")
EMPTY_LINES = re.compile(r"\n(?: ?\n)+")
UNREADABLE = re.compile("[\ufffd\ue000-\uf8ff\U000f0000-\U0010ffff]")
LIGATURES = str.maketrans({"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"})
EDGE_LINES = 3  # at the foot and at the head of a page, among them page numbers and running titles
EDGE_CHARACTERS = 2000
CONTINUED = re.compile(rf"[ \t]{{0,99}}({LETTER}[\w'’\-]{{0,60}})")


def layer_text(page: pypdfium2.PdfPage) -> str:
    """The text layer as PDFium orders it; empty if it has none or it is damaged."""
    from pypdfium2 import PdfiumError

    try:
        layer = page.get_textpage()
    except PdfiumError:
        return ""
    try:
        text = layer.get_text_range()
        # Words across the edge belong to the page; of a part cut out of a larger page only those within do.
        within = layer.get_text_bounded()
        result: str = (within if 0 < len(within) * 4 < len(text) else text)[:TEXT_CHARACTERS]
        return result
    except (PdfiumError, ctypes.ArgumentError, AssertionError):
        return ""
    finally:
        layer.close()


def page_layer(document: pypdfium2.PdfDocument, index: int, page: pypdfium2.PdfPage) -> str:
    """The text layer of page `index`, cleaned only of what PDFium writes for line ends. A word that is broken at its
    end is completed from the next page."""
    text = _unix(layer_text(page))
    tail = text.rstrip()[-EDGE_CHARACTERS:].split("\n")[-EDGE_LINES:]
    place = next((at for at, line in enumerate(tail) if BROKEN_OFF.search(line) and not _goes_on(tail[at + 1 :])), None)
    if place is None or index + 1 >= len(document):
        return text
    after = document[index + 1]
    try:
        head = _unix(layer_text(after)).strip()[:EDGE_CHARACTERS].split("\n")[:EDGE_LINES]
    finally:
        after.close()
    found = next((match[1] for line in head if (match := CONTINUED.match(line)) and match[1][0].islower()), None)
    if found is None:
        return text
    rest = len("\n".join(tail[place + 1 :])) + (len(tail) - place > 1)
    broken = text.rstrip()
    cut = len(broken) - rest
    return f"{broken[:cut].rstrip()}\n{found}\n{broken[cut:].lstrip()}"


def _goes_on(lines: list[str]) -> bool:
    """Whether the next of some lines continues a word."""
    return bool(lines) and (match := CONTINUED.match(lines[0])) is not None and match[1][0].islower()


def _unix(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def clean(text: str) -> tuple[str, list[str]]:
    """Lines of words: broken words joined, ligatures taken apart, control characters and empty lines left out; and
    other spellings of these words."""
    joined = join_broken_words(_unix(text))
    text = SPACES.sub(" ", CONTROLS.sub(" ", joined.text.translate(LIGATURES)))
    return EMPTY_LINES.sub("\n\n", text).strip(), list(dict.fromkeys(words for _, words in joined.spellings))


def has_complete_text(page: pypdfium2.PdfPage, text: str) -> bool:
    """Whether a text layer holds the text of its page: enough letters, few of them undefined, and not just a stamp on a
    page that is a picture, or whose letters are drawn."""
    letters = sum(map(str.isalnum, text))
    unreadable = len(UNREADABLE.findall(text))
    if letters < LETTERS or unreadable * 5 > letters:
        return False
    return letters >= LETTERS_OF_PAGE or not _shows_more(page, letters)


def _shows_more(page: pypdfium2.PdfPage, letters: int) -> bool:
    """Whether a page likely shows much more text than the letters of its layer: pictures cover most of it, and the
    layer little of that; or hundreds of small filled paths are drawn on it, as letters are."""
    from pypdfium2 import PdfiumError, raw

    width, height = page.get_size()
    pictures, drawn, fill, stroke = 0.0, 0, ctypes.c_int(), ctypes.c_int()
    try:
        for item in itertools.islice(page.get_objects(max_depth=3), OBJECTS):
            if item.type not in (raw.FPDF_PAGEOBJ_IMAGE, raw.FPDF_PAGEOBJ_PATH):
                continue
            left, bottom, right, top = item.get_bounds()
            across, along = min(right, width) - max(left, 0), min(top, height) - max(bottom, 0)
            if item.type == raw.FPDF_PAGEOBJ_IMAGE:
                pictures += max(across, 0) * max(along, 0)
            elif 2 < along < LETTER_HEIGHT and 0.5 < across < LETTER_HEIGHT:
                raw.FPDFPath_GetDrawMode(item, fill, stroke)
                drawn += fill.value != raw.FPDF_FILLMODE_NONE and raw.FPDFPath_CountSegments(item) > 4
        if drawn >= DRAWN_LETTERS and drawn >= 2 * letters:
            return True
        if pictures <= PICTURE_SHARE * width * height:
            return False
        return letters < LETTERS_ON_PICTURE or _height_of_text(page) < COVERED_SHARE * height
    except PdfiumError:
        return False


def _height_of_text(page: pypdfium2.PdfPage) -> float:
    """The height of a page, in points, along which its text layer has lines, with the space between them."""
    layer = page.get_textpage()
    try:
        count = min(layer.count_rects(), OBJECTS)
        spans = sorted((bottom, top) for _, bottom, _, top in (layer.get_rect(at) for at in range(count)))
    finally:
        layer.close()
    covered, reached = 0.0, -1e9
    for bottom, top in spans:
        around = LINE_SPACE * (top - bottom)
        low, high = max(bottom - around, reached), top + around
        covered += max(high - low, 0.0)
        reached = max(reached, high)
    return covered


def annotations_of(document: pypdfium2.PdfDocument, page: pypdfium2.PdfPage) -> list[str]:
    """The texts of form fields and annotations, each once, in the order of the page."""
    from pypdfium2 import raw

    found: dict[str, None] = {}
    for index in range(min(raw.FPDFPage_GetAnnotCount(page), ANNOTATIONS)):
        annotation = raw.FPDFPage_GetAnnot(page, index)
        if not annotation:
            continue
        try:
            if raw.FPDFAnnot_GetSubtype(annotation) != raw.FPDF_ANNOT_WIDGET:
                words = _wide(lambda *room, of=annotation: raw.FPDFAnnot_GetStringValue(of, b"Contents", *room))
            elif document.formenv:
                field = (document.formenv, annotation)
                words = _wide(lambda *room, of=field: raw.FPDFAnnot_GetFormFieldValue(*of, *room))
            else:
                continue
        finally:
            raw.FPDFPage_CloseAnnot(annotation)
        if words := clean(words)[0]:
            found[words] = None
    return [words for words in found if len(words) > 3 or words.isdecimal()]  # not "Off", "Yes", "1a"


def _wide(call: Callable[..., int]) -> str:
    """The string that a PDFium function writes into a buffer of UTF-16; called without one it returns its size in
    bytes."""
    size = call(None, 0)
    if not 2 < size <= ANNOTATION_BYTES:
        return ""
    buffer = (ctypes.c_ushort * ((size + 1) // 2))()
    call(buffer, size)
    return bytes(buffer).decode("utf-16-le", "replace").rstrip("\0")
