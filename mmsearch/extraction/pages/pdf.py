"""PDFs: every page a segment, with its text layer, and its image where a view, OCR or a fingerprint needs it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from mmsearch.errors import ExtractionError, FailureCode
from mmsearch.extraction.fingerprints import image_fingerprint
from mmsearch.extraction.language_check import is_language
from mmsearch.extraction.pages.pdf_text import UNREADABLE, annotations_of, clean, has_complete_text, page_layer
from mmsearch.extraction.photos import pixels
from mmsearch.extraction.source import open_source, ordinal
from mmsearch.types import Extracted, Locator, Needs, Probe, Segment, Source, Span

if TYPE_CHECKING:
    import pypdfium2
    from PIL import Image

PAGES = 20_000
SPAN_PAGES = 4  # with their pictures some 50 MB; always the same, so that a page's ordinal doesn't depend on needs
FINGERPRINT_PAGES = 100  # of a document that have a fingerprint of their image
FINGERPRINT_EDGE = 1024  # pixels of a page that is rendered for its fingerprint alone
SCALE = 300 / 72  # 300 dots per inch: smaller pages have no more detail

NO_LANGUAGE = "The text layer of some pages is in no language, as if enciphered; they were read by OCR instead."
NO_LANGUAGE_KEPT = "The text layer of some pages is in no language, as if enciphered, and OCR is switched off."
# A title that a program wrote; of a printed document its name is left.
UNTITLED = re.compile(
    r"(?:untitled|document|dokument|presentation|powerpoint[ -]presentation|powerpoint-präsentation|slide|book|scan)"
    r"[\W\d_]*|[\W\d_]*",
    re.IGNORECASE,
)
PRINTED = re.compile(
    r"^microsoft (?:word|powerpoint|excel) - |\.(?:docx?|pptx?|xlsx?|od[tps]|indd|qxd|pdf|rtf|tex|dvi)$", re.I
)


def probe(source: Source, needs: Needs) -> Probe:
    """The plan of a PDF: spans of pages, counted from 0.

    Raises `ExtractionError`: `encrypted` where a password is asked for, `decode-error` for a damaged PDF or none.
    """
    with open_document(source) as document:
        count = len(document)
        details: dict[str, Any] = {"pages": count}
        for key, name in (("Title", "title"), ("Author", "artist"), ("Subject", "subject"), ("Keywords", "tags")):
            value = PRINTED.sub("", " ".join(clean(metadata(document, key))[0].split())[:200])
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
            fingerprint = None
            try:
                page = read_page(document, index, needs)
                if page.image is not None and index < FINGERPRINT_PAGES:
                    fingerprint = image_fingerprint(page.image, index + 1.0)
            except ExtractionError:
                raise
            except MemoryError as error:
                raise ExtractionError(FailureCode.MEMORY, "A page takes more memory than it may.") from error
            except Exception:  # PdfiumError mostly; a damaged page does not fail the file
                page = Page("", note="This page is damaged and could not be read.")
            details = {"spellings": page.spellings, "note": page.note}
            segment = Segment(
                ordinal(number, index - int(span.start)),
                Locator(page=index + 1),
                page.text,
                details=title | {key: value for key, value in details.items() if value},
            )
            fingerprints = (fingerprint,) if fingerprint else ()
            if page.image is None:
                yield Extracted(segment, fingerprints=fingerprints)
            else:
                ocr_image = pixels.ocr_image(page.image, needs) if page.ocr else None
                yield Extracted(segment, pixels.view_image(page.image, needs), ocr_image, fingerprints=fingerprints)


class Page(NamedTuple):
    """What a page holds: its text; other spellings of words in it; its image, if it is needed; whether OCR is due; and
    a sentence about what is missing."""

    text: str
    spellings: Sequence[str] = ()
    image: Image.Image | None = None
    ocr: bool = False
    note: str = ""


def read_page(document: pypdfium2.PdfDocument, index: int, needs: Needs) -> Page:
    """Page `index`, counted from 0. Raises `PdfiumError` and others for a damaged one."""
    page = document[index]
    try:
        text, spellings = clean(page_layer(document, index, page))
        complete, note = has_complete_text(page, text), ""
        if complete and not is_language(text):
            complete = False
            note = NO_LANGUAGE_KEPT if needs.ocr == "never" else NO_LANGUAGE
            text, spellings = (text, spellings) if needs.ocr == "never" else ("", [])
        if UNREADABLE.search(text) and not complete:
            text = " ".join(UNREADABLE.sub(" ", text).split())  # the rest of a text layer with a broken font
        annotations = annotations_of(document, page)
        text = "\n\n".join(part for part in (text, "\n".join(annotations)) if part)
        ocr = needs.ocr == "always" or (needs.ocr == "auto" and not complete)
        return Page(text, spellings, render(page, needs, ocr, index < FINGERPRINT_PAGES), ocr, note)
    finally:
        page.close()


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
