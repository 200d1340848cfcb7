"""PDFs: a segment a page with its words, and its picture when someone wants to see it or has to read from it."""

import os
from pathlib import Path

import numpy as np
import pytest

from mmsearch.errors import ExtractionError
from mmsearch.extraction.pages import pdf, pdf_text
from mmsearch.types import Extracted, Kind, Needs, Probe, Source

SENTENCE = "The garden opens at nine and closes when the lamps are lit."


def build(
    path: Path,
    pages: list[bytes],
    box: bytes = b"0 0 300 200",
    more: bytes = b"",
    extra: bytes = b"",
    info: bytes = b"",
) -> None:
    """A small PDF: one content stream a page, `more` in each page's dictionary, `extra` in the trailer, where the
    document's information is object 4."""
    count = len(pages)
    kids = b" ".join(b"%d 0 R" % (5 + 2 * number) for number in range(count))
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Count %d/Kids[%s]>>" % (count, kids),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>",
        b"<<%s>>" % info,
    ]
    for number, content in enumerate(pages):
        resources = b"/Resources<</Font<</F 3 0 R>>>>"
        page = b"<</Type/Page/Parent 2 0 R/MediaBox[%s]%s/Contents %d 0 R%s>>"
        objects.append(page % (box, resources, 6 + 2 * number, more))
        objects.append(b"<</Length %d>>stream\n%s\nendstream" % (len(content), content))
    out, offsets = b"%PDF-1.7\n", []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    xref = b"xref\n0 %d\n0000000000 65535 f \n%s" % (len(objects) + 1, table)
    trailer = b"trailer<</Size %d/Root 1 0 R/Info 4 0 R%s>>\nstartxref\n%d\n%%%%EOF" % (
        len(objects) + 1,
        extra,
        len(out),
    )
    path.write_bytes(out + xref + trailer)


def lines(*said: str) -> bytes:
    shown = b" ".join(b"(%s) Tj 0 -14 Td" % line.encode("cp1252") for line in said)
    return b"BT /F 10 Tf 10 180 Td " + shown + b" ET"


def read(path: Path, needs: Needs) -> tuple[Probe, list[Extracted]]:
    facts = path.stat()
    source = Source(os.fsencode(path), Kind.PDF, "pdf", (facts.st_size, facts.st_mtime_ns, facts.st_ino))
    probe = pdf.probe(source, needs)
    return probe, [one for number in range(len(probe.spans)) for one in pdf.extract(source, probe, number, needs)]


def test_every_page_is_a_segment_with_its_words(tmp_path: Path) -> None:
    build(tmp_path / "a.pdf", [lines(f"Page number {number}.", SENTENCE) for number in range(1, 11)])
    probe, extracted = read(tmp_path / "a.pdf", Needs())
    assert probe.details == {"pages": 10} and probe.notes == ()
    assert [one.segment.locator.page for one in extracted] == list(range(1, 11))
    assert [one.segment.text for one in extracted] == [f"Page number {n}.\n{SENTENCE}" for n in range(1, 11)]
    ordinals = [one.segment.ordinal for one in extracted]
    assert ordinals == sorted(set(ordinals))
    assert all(one.image is None and one.ocr_image is None for one in extracted)


def test_broken_words_are_joined_and_compounds_kept(tmp_path: Path) -> None:
    build(tmp_path / "a.pdf", [lines("He studied immuno-", "logy in the Anglo-", "Saxon world")])
    text = read(tmp_path / "a.pdf", Needs())[1][0].segment.text
    assert text == "He studied immunology in the Anglo-Saxon world"


def test_a_page_without_words_goes_to_ocr(tmp_path: Path) -> None:
    drawing = b"0 0 0 rg 20 20 100 60 re f"
    build(tmp_path / "a.pdf", [lines(SENTENCE), drawing, b"", lines("7")])
    pages = [one.ocr_image for one in read(tmp_path / "a.pdf", Needs())[1]]
    assert [page is not None for page in pages] == [False, True, False, True]  # the third is empty
    assert pages[1] is not None and pages[1].dtype == np.uint8 and pages[1].shape[2] == 3
    assert pages[1][-150:, 150:300].min() == 0 and pages[1].max() == 255
    assert [one.ocr_image for one in read(tmp_path / "a.pdf", Needs(ocr="never"))[1]] == [None] * 4
    always = [one.ocr_image is not None for one in read(tmp_path / "a.pdf", Needs(ocr="always"))[1]]
    assert always == [True, True, False, True]


def test_page_images_are_rendered_when_asked_for_and_in_their_size(tmp_path: Path) -> None:
    build(tmp_path / "a.pdf", [b"1 0 0 rg 0 100 300 100 re f", lines(SENTENCE)])
    extracted = read(tmp_path / "a.pdf", Needs(image_pixels=15_000))[1]
    looks = [one.image for one in extracted if one.image is not None]
    assert all(look.shape[0] * look.shape[1] <= 15_000 for look in looks)
    assert [abs(look.shape[0] - 100) + abs(look.shape[1] - 150) < 3 for look in looks] == [True, True]
    assert looks[0][10, 75].tolist() == [255, 0, 0] and looks[0][90, 75].tolist() == [255, 255, 255]


def test_segments_do_not_depend_on_what_is_wanted(tmp_path: Path) -> None:
    build(tmp_path / "a.pdf", [lines(SENTENCE)] * 9)
    much, little = (read(tmp_path / "a.pdf", needs)[1] for needs in (Needs(10_000, ocr="always"), Needs(ocr="never")))
    assert [one.segment for one in much] == [one.segment for one in little]


@pytest.mark.parametrize(
    "box",
    [
        b"0 0 2147483648 2147483648",
        b"0 0 2147483648 1",
        b"0 0 0 0",
        b"0 0 0.001 0.001",
        b"5 5 -7 -9",
        b"0 0 nan inf",
        b"",
        b"0 0 14400 3",
    ],
)
def test_absurd_pages_are_segments_within_the_limits(tmp_path: Path, box: bytes) -> None:
    build(tmp_path / "a.pdf", [b"0 0 1 rg 0 0 100 100 re f"], box)
    (one,) = read(tmp_path / "a.pdf", Needs(image_pixels=40_000, ocr="always"))[1]
    assert one.segment.locator.page == 1
    assert one.image is None or one.image.shape[0] * one.image.shape[1] <= 40_000
    assert one.ocr_image is None or max(one.ocr_image.shape) <= 2000


def test_titles_that_people_wrote_are_told(tmp_path: Path) -> None:
    build(tmp_path / "a.pdf", [lines(SENTENCE)], info=b"/Title(Annual report)/Author(Ann Example)")
    probe, extracted = read(tmp_path / "a.pdf", Needs())
    assert probe.details == {"pages": 1, "title": "Annual report", "artist": "Ann Example"}
    assert extracted[0].segment.details == {"title": "Annual report"}


@pytest.mark.parametrize("title", [b"untitled", b"Untitled-2", b"Microsoft Word - Document1", b"Slide 1", b"  - 1"])
def test_titles_that_programs_wrote_are_not(tmp_path: Path, title: bytes) -> None:
    build(tmp_path / "a.pdf", [lines(SENTENCE)], info=b"/Title(%s)" % title)
    assert read(tmp_path / "a.pdf", Needs())[0].details == {"pages": 1}


def test_remarks_are_words_of_their_page(tmp_path: Path) -> None:
    remark = b"/Annots[<</Type/Annot/Subtype/Text/Rect[10 10 30 30]/Contents(Check the lamps again)>>]"
    build(tmp_path / "a.pdf", [lines(SENTENCE)], more=remark)
    assert read(tmp_path / "a.pdf", Needs())[1][0].segment.text == f"{SENTENCE}\n\nCheck the lamps again"


def test_a_stamp_on_a_scan_does_not_keep_ocr_away(tmp_path: Path) -> None:
    picture = b"q 300 0 0 200 0 0 cm BI /W 2 /H 2 /CS /G /BPC 8 ID \x00\xff\xff\x00 EI Q "
    build(tmp_path / "a.pdf", [picture + lines(SENTENCE), picture + lines(*[SENTENCE] * 6)])
    assert [one.ocr_image is not None for one in read(tmp_path / "a.pdf", Needs())[1]] == [True, False]


@pytest.mark.parametrize(
    ("text", "readable"),
    [
        ("word " * 60, True),
        ("word " * 60 + "\ufffd" * 60, False),
        ("\ue012\ue013 " * 300, False),
        ("word " * 60 + "\ue012", True),
    ],
)
def test_a_text_layer_that_nothing_can_read_is_none(tmp_path: Path, text: str, readable: bool) -> None:
    import pypdfium2

    build(tmp_path / "a.pdf", [b""])
    assert pdf_text.has_complete_text(pypdfium2.PdfDocument(tmp_path / "a.pdf")[0], text) is readable


def test_a_page_that_is_gone_costs_only_itself(tmp_path: Path) -> None:
    build(tmp_path / "a.pdf", [lines(SENTENCE)] * 3)
    data = (tmp_path / "a.pdf").read_bytes().replace(b"/Kids[5 0 R 7 0 R", b"/Kids[5 0 R 9999 ")
    (tmp_path / "a.pdf").write_bytes(data)
    extracted = read(tmp_path / "a.pdf", Needs(image_pixels=1000))[1]
    assert len(extracted) == 3 and extracted[0].segment.text == SENTENCE
    broken = [one for one in extracted if one.segment.text == ""]
    assert len(broken) >= 1 and all("note" in one.segment.details for one in broken)


def test_more_pages_than_the_limit_are_left_out_with_a_note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf, "PAGES", 6)
    build(tmp_path / "a.pdf", [lines(SENTENCE)] * 9)
    probe, extracted = read(tmp_path / "a.pdf", Needs())
    assert len(extracted) == 6 and probe.notes == ("Only the first 6 pages were read.",)


def test_a_password_is_asked_for(tmp_path: Path) -> None:
    zeros = b"<" + b"00" * 32 + b">"
    locked = b"/Encrypt<</Filter/Standard/V 2/R 3/Length 128/P -4/O %s/U %s>>/ID[<01><01>]" % (zeros, zeros)
    build(tmp_path / "a.pdf", [lines(SENTENCE)], extra=locked)
    with pytest.raises(ExtractionError) as caught:
        read(tmp_path / "a.pdf", Needs())
    assert (caught.value.code, caught.value.sentence) == ("encrypted", "The PDF is protected by a password.")


@pytest.mark.parametrize("data", [b"", b"%PDF-1.7\n", b"%PDF-1.7\n" + b"\xff" * 5000, b"no pdf at all"])
def test_what_is_no_pdf_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.pdf").write_bytes(data)
    with pytest.raises(ExtractionError) as caught:
        read(tmp_path / "a.pdf", Needs())
    assert caught.value.code == "decode-error"


def test_words_that_are_broken_between_columns_and_pages_are_joined(tmp_path: Path) -> None:
    columns = lines("The captain of the", "Donau-") + b" BT /F 10 Tf 160 180 Td (dampfschiff slept.) Tj ET"
    first = lines(SENTENCE, "He praised the Leucht-") + b" BT /F 10 Tf 150 5 Td (- 2 -) Tj ET"
    second = b"BT /F 10 Tf 10 190 Td (Annual report) Tj ET " + lines("turm of the harbour.", SENTENCE)
    last = lines(SENTENCE, "A trunca-")
    build(tmp_path / "a.pdf", [columns, first, second, last])
    texts = [one.segment.text for one in read(tmp_path / "a.pdf", Needs())[1]]
    assert "The captain of the\nDonaudampfschiff slept." in texts[0]
    assert "He praised the Leuchtturm" in texts[1] and "- 2 -" in texts[1]
    assert texts[2].startswith("Annual report\nturm of the harbour.") and texts[3].endswith("A trunca-")


def test_compounds_are_kept_with_both_spellings(tmp_path: Path) -> None:
    build(tmp_path / "a.pdf", [lines("He was twenty-", "five and came from Nord-", "Hessen with a data-", "base")])
    segment = read(tmp_path / "a.pdf", Needs())[1][0].segment
    assert "twenty-five" in segment.text and "Nord-Hessen" in segment.text and "database" in segment.text
    assert segment.details["spellings"] == ["twentyfive", "NordHessen", "data-base"]


def test_letters_that_are_spaced_out_are_closed_up(tmp_path: Path) -> None:
    spaced = b"BT /F 14 Tf 10 150 Td 12 Tc (RECHNUNG) Tj 0 Tc 0 -30 Td (Z A H L B A R) Tj ET"
    build(tmp_path / "a.pdf", [spaced])
    text = read(tmp_path / "a.pdf", Needs())[1][0].segment.text
    assert "RECHNUNG" in text and "ZAHLBAR" in text


@pytest.mark.parametrize(
    ("written", "title"),
    [
        (b"Microsoft Word - Insurance certificate.doc", "Insurance certificate"),
        (b"Untitled masterpieces", "Untitled masterpieces"),
        (b"How we built example.com", "How we built example.com"),
        (b"report.indd", "report"),
    ],
)
def test_titles_of_people_are_kept(tmp_path: Path, written: bytes, title: str) -> None:
    build(tmp_path / "a.pdf", [lines(SENTENCE)], info=b"/Title(%s)" % written)
    assert read(tmp_path / "a.pdf", Needs())[0].details == {"pages": 1, "title": title}


CERTIFICATE = (
    "Insurance certificate for the year 2025",
    "The member is insured against theft, fire and water.",
    "The annual premium is payable by standing order in January.",
)


def shifted(line: str, by: int) -> str:
    return "".join(chr((ord(c) - 97 + by) % 26 + 97) if "a" <= c <= "z" else c for c in line.lower())


@pytest.mark.parametrize("by", [1, 3, 25])
def test_a_text_layer_in_no_language_is_read_by_ocr_instead(tmp_path: Path, by: int) -> None:
    build(tmp_path / "a.pdf", [lines(*CERTIFICATE), lines(*(shifted(line, by) for line in CERTIFICATE))])
    good, cipher = read(tmp_path / "a.pdf", Needs())[1]
    assert good.segment.text == "\n".join(CERTIFICATE) and good.ocr_image is None and not good.segment.details
    assert cipher.segment.text == "" and cipher.ocr_image is not None
    assert cipher.segment.details == {"note": pdf.NO_LANGUAGE}
    kept = read(tmp_path / "a.pdf", Needs(ocr="never"))[1][1]
    assert kept.segment.text.startswith(shifted(CERTIFICATE[0], by))
    assert kept.segment.details == {"note": pdf.NO_LANGUAGE_KEPT}


def test_a_layer_that_covers_little_of_a_scan_does_not_keep_ocr_away(tmp_path: Path) -> None:
    picture = b"q 300 0 0 100 0 %d cm BI /W 2 /H 2 /CS /G /BPC 8 ID \x00\xff\xff\x00 EI Q "
    scan = picture % 0 + picture % 100
    stamp = b"BT /F 2 Tf 10 190 Td " + b" ".join(b"(%s) Tj 0 -2 Td" % SENTENCE.encode() for _ in range(6)) + b" ET"
    build(tmp_path / "a.pdf", [scan + stamp, scan + lines(*[SENTENCE] * 8)])
    assert [one.ocr_image is not None for one in read(tmp_path / "a.pdf", Needs())[1]] == [True, False]


def test_letters_that_are_drawn_are_read_by_ocr(tmp_path: Path) -> None:
    glyph = b"%d %d m %d %d l %d %d l %d %d l %d %d l f\n"
    drawn = b"".join(
        glyph % (x, y, x + 5, y, x + 5, y + 8, x + 2, y + 8, x, y + 4)
        for x in range(10, 290, 8)
        for y in range(20, 150, 15)
    )
    line = b"0 0 m 300 0 l S\n" * 200
    build(tmp_path / "a.pdf", [drawn + lines(SENTENCE), line + lines(SENTENCE)])
    assert [one.ocr_image is not None for one in read(tmp_path / "a.pdf", Needs())[1]] == [True, False]
