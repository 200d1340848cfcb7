"""Documents as a whole: their spans, and hostile ones, one property each."""

import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from office_files import (
    MAIN_TYPES,
    TEXT_ONLY,
    Members,
    W,
    kept,
    open_xml,
    packed,
    paragraph,
    places,
    png,
    presentation,
    read,
    relations,
    row,
    shape,
    source_of,
    word,
    workbook,
    zip_that_claims,
)

from mmsearch.errors import ExtractionError, FailureCode
from mmsearch.extraction.documents import document, office_zip
from mmsearch.types import FingerprintForm, Needs

CUT_OFF = "The file is damaged or cut off; what could be unpacked of it was read."


def failure(path: Path) -> tuple[str, str]:
    with pytest.raises(ExtractionError) as caught:
        read(path)
    return caught.value.code, caught.value.sentence


def test_ordinals_ascend_and_do_not_depend_on_needs(tmp_path: Path) -> None:
    picture = '<p:pic><p:nvPicPr><p:cNvPr descr="Seen from above"/></p:nvPicPr><a:blip r:embed="rId1"/></p:pic>'
    further: dict[str, str | bytes] = {}
    for number in range(1, 13):
        further[f"ppt/slides/_rels/slide{number}.xml.rels"] = relations(("image", f"../media/{number}.png"))
        further[f"ppt/media/{number}.png"] = png(70 + number)
    path = presentation([shape(f"Slide {n}") + picture for n in range(12)], tmp_path / "a.pptx", further=further)
    probe, much = read(path, Needs(2000, ocr="always"))
    little = read(path, TEXT_ONLY)[1]
    assert [one.segment for one in much] == [one.segment for one in little] and len(much) == 24
    ordinals = [one.segment.ordinal for one in much]
    assert ordinals == sorted(set(ordinals)) and len(probe.spans) == 3
    assert [(span.start, span.stop) for span in probe.spans] == [(0, 9), (9, 17), (17, 24)]


def test_pictures_are_bounded_and_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document, "PICTURES", 2)
    names = [f"media/{number}.png" for number in range(3)]
    drawings = "".join(f'<w:p><a:blip r:embed="rId{number}"/></w:p>' for number in (1, 2, 3))
    further: dict[str, str | bytes] = {f"word/{name}": png() for name in names}
    further["word/_rels/document.xml.rels"] = relations(*(("image", name) for name in names))
    probe, found = read(word(drawings, tmp_path / "a.docx", further), Needs(2000))
    assert [one.image is not None for one in found] == [True, True]
    assert probe.notes == ("Only the first 2 pictures of the document were read.",)


def test_a_text_has_a_fingerprint_unless_there_are_pictures(tmp_path: Path) -> None:
    plain = read(word(paragraph("The same words."), tmp_path / "a.docx"))[1]
    other = read(word(paragraph("The same") + paragraph("words."), tmp_path / "b.docx"))[1]
    assert [one.form for one in plain[0].fingerprints] == [FingerprintForm.TEXT]
    assert plain[0].fingerprints[0].key == other[0].fingerprints[0].key
    further: Members = {"word/_rels/document.xml.rels": relations(("image", "media/a.png")), "word/media/a.png": png()}
    body = paragraph("The same words.") + '<w:p><a:blip r:embed="rId1"/></w:p>'
    assert [one.fingerprints for one in read(word(body, tmp_path / "c.docx", further), Needs(2000))[1]] == [(), ()]


def test_the_content_decides_and_not_the_name(tmp_path: Path) -> None:
    path = workbook({"A": row(1, "in a sheet")}, tmp_path / "misnamed.docx")
    assert places(path) == [("sheet A", "in a sheet")]
    assert places(word(paragraph("No name."), tmp_path / "without")) == [(None, "No name.")]


def test_a_document_without_words_has_no_spans(tmp_path: Path) -> None:
    probe, found = read(word("", tmp_path / "a.docx"))
    assert (probe.spans, found) == ((), [])


def test_only_properties_make_a_segment(tmp_path: Path) -> None:
    path = word("", tmp_path / "a.docx", properties="<dc:subject>Winter fares</dc:subject>")
    assert places(path) == [(None, "Subject: Winter fares")]


def test_an_encrypted_zip_is_called_so(tmp_path: Path) -> None:
    path = word(paragraph("secret"), tmp_path / "a.docx")
    data = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = data.find(signature)
        while at >= 0:
            data[at + offset] |= 1
            at = data.find(signature, at + 4)
    path.write_bytes(data)
    assert failure(path)[0] == FailureCode.ENCRYPTED


@pytest.mark.parametrize("share", [0.1, 0.4, 0.6, 0.9])
def test_a_file_that_was_cut_off_yields_what_is_there(tmp_path: Path, share: float) -> None:
    path = word("".join(paragraph(f"Sentence {number} of many.") for number in range(2000)), tmp_path / "a.docx")
    whole = places(path)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    texts, sentence = kept(path)
    assert sentence == (CUT_OFF if texts else office_zip.NOTHING_LEFT)
    assert "".join(text for _, text in whole).startswith("".join(texts)[:-40])
    assert bool(texts) == (share > 0.1)


def test_a_wrong_checksum_is_damage(tmp_path: Path) -> None:
    path = word(paragraph("Good words."), tmp_path / "a.docx")
    data = bytearray(path.read_bytes())
    at = data.find(b"PK\x01\x02", data.find(b"word/document.xml", data.find(b"PK\x01\x02")) - 60)
    data[at + 16] ^= 0xFF
    path.write_bytes(data)
    assert kept(path) == (["Good words."], CUT_OFF)


def test_members_are_bounded_by_what_they_inflate_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(office_zip, "WHOLE_BYTES", 1 << 20)
    path = word("<w:p>" + " " * (8 << 20) + "</w:p>" + paragraph("behind"), tmp_path / "a.docx")
    with path.open("rb") as file:
        package = office_zip.OfficeZip(file)
        assert sum(map(len, package.blocks("word/document.xml"))) <= 1 << 20
        assert package.notes == ["Only the first 1 MB of what is packed into the file were read."]


def test_a_size_that_lies_is_not_believed(tmp_path: Path) -> None:
    path = zip_that_claims(10, b"<a>" + b"x" * 5000 + b"</a>", "a.xml", tmp_path / "a.zip")
    with path.open("rb") as file:
        assert len(office_zip.OfficeZip(file).read("a.xml")) == 5007
    path = zip_that_claims(1 << 31, b"<a/>", "a.xml", tmp_path / "b.zip")
    with path.open("rb") as file:
        package = office_zip.OfficeZip(file)
        assert (package.read("a.xml"), package.damaged) == (b"<a/>", "")


def test_a_directory_that_lies_about_its_place_is_damage(tmp_path: Path) -> None:
    path = word(paragraph("a"), tmp_path / "a.docx")
    data = bytearray(path.read_bytes())
    at = data.rfind(b"PK\x05\x06")
    place = struct.unpack_from("<L", data, at + 16)[0]
    data[at + 16 : at + 20] = struct.pack("<L", place + 500)
    path.write_bytes(data)
    assert kept(path) == (["a"], CUT_OFF)


def test_a_directory_of_too_many_members_is_refused(tmp_path: Path) -> None:
    path = word(paragraph("a"), tmp_path / "a.docx")
    data = bytearray(path.read_bytes())
    at = data.rfind(b"PK\x05\x06")
    data[at + 8 : at + 12] = struct.pack("<2H", 65_000, 65_000)
    path.write_bytes(data)
    assert failure(path) == (FailureCode.TOO_LARGE, "The file is packed of more than 20,000 parts.")


ENTITIES = '<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>'
OUTSIDE = '<!DOCTYPE a [<!ENTITY a SYSTEM "file:///etc/passwd">]>'


@pytest.mark.parametrize("declared", [ENTITIES, OUTSIDE])
def test_entities_are_not_expanded(tmp_path: Path, declared: str) -> None:
    main = f"{declared}<w:document {W}><w:body>{paragraph('&a;')}</w:body></w:document>"
    path = open_xml("word/document.xml", {"word/document.xml": main}, tmp_path / "a.docx")
    assert failure(path) == (
        FailureCode.DECODE_ERROR,
        "Its XML declares entities of its own, which are not expanded.",
    )


@pytest.mark.parametrize("element", ["w:p", "w:tbl", "w:tr", "w:tc", "w:sdt"])
def test_absurd_nesting_is_refused(tmp_path: Path, element: str) -> None:
    path = word(f"<{element}>" * 5000 + f"</{element}>" * 5000, tmp_path / "a.docx")
    assert failure(path) == (FailureCode.DECODE_ERROR, "Its XML is nested more than 1,000 levels deep.")


def test_a_slide_that_is_shown_for_ever_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(office_zip, "WHOLE_BYTES", 1 << 20)
    path = presentation([shape("word " * 20_000)], tmp_path / "a.pptx", order=[1] * 3000)
    probe, found = read(path)
    assert sum(len(one.segment.text) for one in found) < 2 << 20
    assert probe.notes == ("Only the first 1 MB of what is packed into the file were read.",)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not xml",
        b"<a",
        b"\xff\xfe<\0",
        b"<w:document/>",
        b"<?xml version='1.0' encoding='no-such'?><a/>",
        b"\0" * 99,
    ],
)
@pytest.mark.parametrize("main", MAIN_TYPES)
def test_bad_xml_is_no_error_of_ours(tmp_path: Path, main: str, content: bytes) -> None:
    path = open_xml(main, {main: content}, tmp_path / "a.docx")
    try:
        assert read(path)[1] == []
    except ExtractionError as error:
        assert error.code == FailureCode.DECODE_ERROR


def without_main(path: Path) -> Path:
    return packed({"[Content_Types].xml": "<Types/>", "word/a.xml": "<a/>"}, path)


def of_itself(path: Path) -> Path:
    return packed({"_rels/.rels": relations(("officeDocument", "_rels/.rels"))}, path)


@pytest.mark.parametrize("make", [without_main, of_itself])
def test_a_zip_that_is_no_document_is_said_to_be_none(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    assert failure(make(tmp_path / "a.docx"))[0] == FailureCode.DECODE_ERROR


def test_a_document_that_changes_is_not_mixed_with_what_was(tmp_path: Path) -> None:
    path = word(paragraph("before"), tmp_path / "a.docx")
    source = source_of(path)
    probe = document.probe(source, TEXT_ONLY)
    word(paragraph("after, and longer"), path)
    document._load.cache_clear()
    with pytest.raises(ExtractionError) as caught:
        list(document.extract(source, probe, 0, TEXT_ONLY))
    assert caught.value.code == FailureCode.VANISHED
