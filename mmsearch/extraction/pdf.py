"""PDFs: every page a segment, with its text layer, and its image where a view, OCR or a fingerprint needs it."""

from __future__ import annotations

import ctypes
import itertools
import math
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from mmsearch.errors import ExtractionError, FailureCode
from mmsearch.extraction import pixels
from mmsearch.extraction.fingerprints import image_fingerprint
from mmsearch.extraction.source import open_source, ordinal
from mmsearch.types import Extracted, Locator, Needs, Probe, Segment, Source, Span

if TYPE_CHECKING:
    import pypdfium2
    from PIL import Image

PAGES = 20_000
SPAN_PAGES = 4  # with their pictures some 50 MB; always the same, so that a page's ordinal doesn't depend on needs
TEXT_CHARACTERS = 1_000_000  # of a page
LETTERS = 32  # fewer are a page number and a running title at best
LETTERS_ON_PICTURE = 200  # of a page that is mostly a picture: scanners write their own name over it
PICTURE_SHARE = 0.5
OBJECTS = 500  # of a page that are checked for such a picture
ANNOTATIONS = 1000  # of a page that are read, form fields among them
ANNOTATION_BYTES = 40_000
FINGERPRINT_PAGES = 100  # of a document that have a fingerprint of their image
FINGERPRINT_EDGE = 1024  # pixels of a page that is rendered for its fingerprint alone
SCALE = 300 / 72  # 300 dots per inch: smaller pages have no more detail

# PDFium writes U+0002 or U+FFFE for a hyphen at the end of a line that it knows to be one.
BROKEN_WORD = re.compile(r"(?<=[^\W\d_])(?:[\x02\ufffe]\n?|[-\u00ad\u2010]\n)(?=[^\W\d_])")
CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u00ad\ufeff\ufffe\uffff]")
SPACES = re.compile(r"[ \t\u00a0]+")
EMPTY_LINES = re.compile(r"\n(?: ?\n)+")
UNREADABLE = re.compile("[\ufffd\ue000-\uf8ff\U000f0000-\U0010ffff]")
LIGATURES = str.maketrans({"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"})
UNTITLED = re.compile(r"(?:untitled|microsoft (?:word|powerpoint|excel) - ).*|.*\.[a-z]{2,5}|[\W\d_]*", re.IGNORECASE)


def probe(source: Source, needs: Needs) -> Probe:
    """The plan of a PDF: spans of pages, counted from 0.

    Raises `ExtractionError`: `encrypted` where a password is asked for, `decode-error` for a damaged PDF or none.
    """
    with open_document(source) as document:
        count = len(document)
        details: dict[str, Any] = {"pages": count}
        for key, name in (("Title", "title"), ("Author", "artist"), ("Subject", "subject"), ("Keywords", "tags")):
            value = " ".join(clean(metadata(document, key)).split())[:200]
            if value and not UNTITLED.fullmatch(value):
                details[name] = [value] if name == "tags" else value
    notes = (f"Only the first {PAGES:,} pages were read.",) if count > PAGES else ()
    pages = min(count, PAGES)
    return Probe(tuple(Span(at, min(at + SPAN_PAGES, pages)) for at in range(0, pages, SPAN_PAGES)), details, notes)


def extract(source: Source, probe: Probe, number: int, needs: Needs) -> Iterator[Extracted]:
    """The pages of span `number`. A damaged page is a segment without words; `Segment.details["note"]` says so."""
    span = probe.spans[number]
    title = {"title": probe.details["title"]} if "title" in probe.details else {}
    with open_document(source) as document:
        for index in range(int(span.start), int(span.stop)):
            text, image, note, fingerprint = "", None, {}, None
            try:
                text, image, complete = read_page(document, index, needs)
                fingerprint = (
                    image_fingerprint(image, index + 1.0) if image is not None and index < FINGERPRINT_PAGES else None
                )
            except ExtractionError:
                raise
            except MemoryError as error:
                raise ExtractionError(FailureCode.MEMORY, "A page takes more memory than it may.") from error
            except Exception:  # PdfiumError mostly; a damaged page does not fail the file
                note = {"note": "This page is damaged and could not be read."}
            locator = Locator(page=index + 1)
            segment = Segment(ordinal(number, index - int(span.start)), locator, text, (), title | note)
            fingerprints = (fingerprint,) if fingerprint else ()
            if image is None:
                yield Extracted(segment, fingerprints=fingerprints)
            else:
                due = needs.ocr == "always" or (needs.ocr == "auto" and not complete)
                page = pixels.ocr_image(image, needs) if due else None
                yield Extracted(segment, pixels.view_image(image, needs), page, fingerprints=fingerprints)


def read_page(document: pypdfium2.PdfDocument, index: int, needs: Needs) -> tuple[str, Image.Image | None, bool]:
    """A page's text; its image, if it is needed; and whether the text layer is complete, so that OCR would add
    nothing."""
    page = document[index]
    try:
        text = clean(layer_text(page))
        complete = has_complete_text(page, text)
        if UNREADABLE.search(text) and not complete:
            text = " ".join(UNREADABLE.sub(" ", text).split())  # the rest of a text layer with a broken font
        annotations = annotations_of(document, page)
        text = "\n\n".join(part for part in (text, "\n".join(annotations)) if part)
        ocr = needs.ocr == "always" or (needs.ocr == "auto" and not complete)
        return text, render(page, needs, ocr, index < FINGERPRINT_PAGES), complete
    finally:
        page.close()


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


def clean(text: str) -> str:
    """Lines of words: hyphens at line ends undone, ligatures taken apart, control characters and empty lines left
    out."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = BROKEN_WORD.sub(_joined, text).translate(LIGATURES)
    text = SPACES.sub(" ", CONTROLS.sub(" ", text))
    return EMPTY_LINES.sub("\n\n", text).strip()


def _joined(match: re.Match[str]) -> str:
    """The replacement of a hyphen at a line end: empty, except in a compound whose second part has a capital."""
    sure = match[0][0] in "\x02\ufffe\u00ad"
    return "" if sure or match.string[match.end()].islower() else match[0]


def has_complete_text(page: pypdfium2.PdfPage, text: str) -> bool:
    """Whether a text layer holds the text of its page: enough letters, few of them undefined, and not just a stamp on a
    page that is a picture."""
    letters = sum(map(str.isalnum, text))
    unreadable = len(UNREADABLE.findall(text))
    if letters < LETTERS or unreadable * 5 > letters:
        return False
    return letters >= LETTERS_ON_PICTURE or not is_picture(page)


def is_picture(page: pypdfium2.PdfPage) -> bool:
    """Whether one picture covers most of the page."""
    from pypdfium2 import PdfiumError, raw

    width, height = page.get_size()
    try:
        for item in itertools.islice(page.get_objects(max_depth=3), OBJECTS):
            if item.type == raw.FPDF_PAGEOBJ_IMAGE:
                left, bottom, right, top = item.get_bounds()
                if (right - left) * (top - bottom) > PICTURE_SHARE * width * height:
                    return True
    except PdfiumError:
        return False
    return False


def render(page: pypdfium2.PdfPage, needs: Needs, ocr: bool, fingerprint: bool) -> Image.Image | None:
    """The page as RGB, as large as OCR, an image view or its fingerprint needs; None if none is due or it has no
    size."""
    width, height = page.get_size()
    if not (ocr or fingerprint or needs.image_pixels) or not (0 < width < math.inf and 0 < height < math.inf):
        return None
    view = math.sqrt(needs.image_pixels / width / height)
    edge = pixels.OCR_LONG_EDGE if ocr else FINGERPRINT_EDGE if fingerprint else 0
    scale = min(SCALE, max(view, edge / max(width, height)))
    # Of a page a thousand times as long as wide, neither edge may leave the range of a bitmap.
    scale = min(scale, 4 * pixels.OCR_LONG_EDGE / max(width, height))
    result: Image.Image | None = page.render(scale=scale, rev_byteorder=True).to_pil().convert("RGB")
    return result


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
        if words := clean(words):
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


def metadata(document: pypdfium2.PdfDocument, key: str) -> str:
    """A value of the document's information; empty if there is none or it is damaged."""
    try:
        result: str = document.get_metadata_value(key)
        return result
    except Exception:  # a damaged title does not fail the document
        return ""


@contextmanager
def open_document(source: Source) -> Iterator[pypdfium2.PdfDocument]:
    """The document, with its form fields where it has any. Raises as `probe` says."""
    import pypdfium2

    with open_source(source) as file:
        try:
            document = pypdfium2.PdfDocument(file)
        except pypdfium2.PdfiumError as error:
            if error.err_code in (pypdfium2.raw.FPDF_ERR_PASSWORD, pypdfium2.raw.FPDF_ERR_SECURITY):
                raise ExtractionError(FailureCode.ENCRYPTED, "The PDF is protected by a password.") from error
            raise ExtractionError(FailureCode.DECODE_ERROR, "The PDF is damaged and can't be opened.") from error
        try:
            _with_forms(document)
            yield document
        finally:
            document.close()


def _with_forms(document: pypdfium2.PdfDocument) -> None:
    """Load the form fields, if possible; a page can be rendered and read without them."""
    import logging
    import warnings

    from pypdfium2 import PdfiumError

    logging.getLogger("pypdfium2").setLevel(logging.ERROR)  # XFA forms that can't be rendered
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            document.init_forms()
    except PdfiumError:
        return
