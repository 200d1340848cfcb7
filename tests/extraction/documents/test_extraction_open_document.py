"""OpenDocument files: headings, slides and rows, packed and flat."""

import base64
from pathlib import Path

import pytest
from office_files import ODF, Members, kept, open_document, places, png, read

from mmsearch.errors import ExtractionError, FailureCode
from mmsearch.extraction.documents import sheet_rows
from mmsearch.types import Needs


def test_a_text_has_its_headings_tables_notes_and_comments(tmp_path: Path) -> None:
    body = (
        "<office:text><text:tracked-changes><text:p>deleted</text:p></text:tracked-changes>"
        '<text:h text:outline-level="1">Ferries</text:h><text:h text:outline-level="2">Fares</text:h>'
        "<text:p>Four<text:s/>euro<text:note><text:note-citation>1</text:note-citation><text:note-body>"
        "<text:p>Since May.</text:p></text:note-body></text:note> each<text:tab/>way.<office:annotation>"
        "<dc:creator>Ada</dc:creator><dc:date>2024</dc:date><text:p>Check.</text:p></office:annotation></text:p>"
        "<table:table><table:table-row><table:table-cell><text:p>North</text:p></table:table-cell>"
        "<table:table-cell><text:p>pier</text:p></table:table-cell></table:table-row></table:table>"
        '<text:h text:outline-level="1">Buses</text:h><text:p>None on <text:date>Sunday</text:date>.</text:p>'
        "</office:text>"
    )
    found = read(open_document(body, tmp_path / "a.odt"))[1]
    assert [(one.segment.locator.section, one.segment.details.get("title"), one.segment.text) for one in found] == [
        ("Fares", "Ferries › Fares", "Ferries\nFares\nFour euro each way.\nSince May.\nCheck.\nNorth | pier"),
        ("Buses", None, "Buses\nNone on Sunday."),
    ]


def test_headers_footers_and_properties(tmp_path: Path) -> None:
    styles = (
        f"<office:document-styles {ODF}><office:master-styles><s:header><text:p>Harbour office</text:p></s:header>"
        "<s:footer><text:p>Page</text:p></s:footer></office:master-styles></office:document-styles>"
    ).replace("<office:document-styles", '<office:document-styles xmlns:s="y"', 1)
    properties = "<dc:title>Fares</dc:title><meta:keyword xmlns:meta='m'>ferry</meta:keyword>"
    path = open_document(
        "<office:text><text:p>All.</text:p></office:text>", tmp_path / "a.odt", {"styles.xml": styles}, properties
    )
    assert places(path) == [
        (None, "All.\n\nTitle: Fares\nKeywords: ferry"),
        ("header", "Harbour office"),
        ("footer", "Page"),
    ]


def test_slides_have_their_numbers_titles_notes_and_pictures(tmp_path: Path) -> None:
    body = (
        '<office:presentation><draw:page><draw:frame presentation:class="title" xmlns:presentation="p"><draw:text-box>'
        "<text:p>Fares</text:p></draw:text-box></draw:frame></draw:page><draw:page><draw:frame><draw:image "
        'xlink:href="Pictures/a.png"/><svg:title>The pier</svg:title></draw:frame><draw:frame><draw:text-box>'
        "<text:p>Second</text:p></draw:text-box></draw:frame><p:notes xmlns:p='p'><draw:frame><draw:text-box>"
        "<text:p>Speak up.</text:p></draw:text-box></draw:frame></p:notes></draw:page></office:presentation>"
    )
    further: Members = {"Pictures/a.png": png()}
    found = read(open_document(body, tmp_path / "a.odp", further), Needs(2000))[1]
    assert [(one.segment.locator.section, one.segment.text, one.image is not None) for one in found] == [
        ("slide 1", "Fares", False),
        ("slide 2", "Second\nSpeak up.", False),
        ("slide 2", "The pier", True),
    ]


def sheet(rows: str) -> str:
    return f'<office:spreadsheet><table:table table:name="Fares">{rows}</table:table></office:spreadsheet>'


def cell(text: str, **values: str) -> str:
    said = "".join(
        f' {"office" if "repeated" not in key else "table"}:{key.replace("_", "-")}="{value}"'
        for key, value in values.items()
    )
    return f"<table:table-cell{said}><text:p>{text}</text:p></table:table-cell>"


def test_rows_have_their_numbers_and_repeated_ones_count(tmp_path: Path) -> None:
    rows = (
        f"<table:table-row>{cell('Route')}{cell('Day')}</table:table-row>"
        '<table:table-row table:number-rows-repeated="7"><table:table-cell table:number-columns-repeated="9"/>'
        f"</table:table-row><table:table-row>{cell('North')}"
        f"{cell('1 June', value_type='date', date_value='2024-06-01')}"
        f"{cell('25%', value_type='percentage', value='0.25')}"
        f"{cell('7', value_type='float', value='7', number_columns_repeated='2')}</table:table-row>"
        '<table:table-row table:number-rows-repeated="1048000"><table:table-cell/></table:table-row>'
    )
    (one,) = read(open_document(sheet(rows), tmp_path / "a.ods"))[1]
    assert one.segment.text == "Route | Day\nNorth | 2024-06-01 | 25% | 7 | 7"
    assert one.segment.details == {"title": "Fares: Route, Day", "spellings": ["1 June 0.25"]}
    assert (one.segment.locator.section, one.segment.locator.line_start, one.segment.locator.line_end) == (
        "sheet Fares",
        1,
        9,
    )


def test_repeated_cells_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheet_rows, "CELLS", 20)
    row = f"<table:table-row>{cell('x', number_columns_repeated='16384')}</table:table-row>"
    probe, found = read(open_document(sheet(row * 3), tmp_path / "a.ods"))
    assert sum(one.segment.text.count("x") for one in found) <= 20 and probe.notes == (sheet_rows.CUT,)


def test_a_flat_file_is_read_with_its_pictures(tmp_path: Path) -> None:
    coded = base64.b64encode(png()).decode()
    path = tmp_path / "a.fodt"
    path.write_text(
        f"<?xml version='1.0'?><office:document {ODF}><office:meta><dc:title>Fares</dc:title></office:meta>"
        "<office:body>"
        "<office:text><text:p>All <text:title>of them</text:title>.<draw:frame><draw:image><office:binary-data>"
        f"{coded}</office:binary-data></draw:image><svg:desc>The pier</svg:desc></draw:frame></text:p></office:text>"
        "</office:body></office:document>"
    )
    text, picture = read(path, Needs(2000))[1]
    assert text.segment.text == "All of them.\n\nTitle: Fares"
    assert picture.segment.text == "The pier" and picture.image is not None


def test_a_picture_that_is_no_base64_is_left_out(tmp_path: Path) -> None:
    picture = "<draw:image><office:binary-data>caf\u00e9</office:binary-data></draw:image>"
    body = f"<text:p>There.<draw:frame>{picture}</draw:frame></text:p>"
    path = tmp_path / "a.fodt"
    path.write_text(
        f"<office:document {ODF}><office:body><office:text>{body}</office:text></office:body></office:document>"
    )
    assert places(path) == [(None, "There.")]


def test_an_encrypted_document_is_called_so(tmp_path: Path) -> None:
    manifest = '<m:manifest xmlns:m="m"><m:file-entry><m:encryption-data/></m:file-entry></m:manifest>'
    path = open_document("", tmp_path / "a.odt", {"META-INF/manifest.xml": manifest})
    with pytest.raises(ExtractionError) as caught:
        read(path)
    assert caught.value.code == FailureCode.ENCRYPTED


def test_what_comes_before_the_damage_is_kept(tmp_path: Path) -> None:
    path = open_document("<office:text><text:p>First.</text:p><text:p>Second</text:h>", tmp_path / "a.odt")
    texts, sentence = kept(path)
    assert texts == ["First."]
    assert sentence == "The document is damaged; what comes before the damage was read."
