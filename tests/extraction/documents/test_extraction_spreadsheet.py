"""Excel workbooks: every sheet by its rows, numbers as people see them."""

from itertools import pairwise
from pathlib import Path

import pytest
from office_files import kept, read, relations, row, workbook

from mmsearch.extraction.documents import sheet_rows
from mmsearch.extraction.documents.number_formats import shown_number
from mmsearch.types import Locator


def test_rows_have_their_numbers_and_the_header_above_them(tmp_path: Path) -> None:
    rows = row(2, "Route", "Fare") + "".join(
        row(number, f"Route {number} to the north pier", 4) for number in range(3, 90)
    )
    found = read(workbook({"Fares": rows, "Empty": "", "More": row(7, "End")}, tmp_path / "a.xlsx"))[1]
    first, *middle, last, more = found
    assert first.segment.text.startswith("Route | Fare\nRoute 3 to the north pier | 4\n")
    assert {one.segment.details["title"] for one in (first, *middle, last)} == {"Fares: Route, Fare"}
    places = [one.segment.locator for one in (first, *middle, last)]
    assert [place.section for place in places] == ["sheet Fares"] * len(places) and len(places) > 2
    assert places[0].line_start == 2 and places[-1].line_end == 89
    for one in found:
        start, end = one.segment.locator.line_start, one.segment.locator.line_end
        assert start is not None and end is not None
        assert len(one.segment.text.split("\n")) == end - start + 1
    for before, after in pairwise(places):
        assert before.line_end is not None and after.line_start == before.line_end + 1
    assert (more.segment.locator, more.segment.text) == (Locator(line_start=7, line_end=7, section="sheet More"), "End")


def test_cells_of_every_type(tmp_path: Path) -> None:
    cells = (
        '<row><c t="s"><v>1</v></c><c t="s"><v>99</v></c><c t="str"><f>A1</f><v>made</v></c><c t="b"><v>1</v></c>'
        '<c t="e"><v>#N/A</v></c><c><v>1234.5</v></c><c><v>0.30000000000000004</v></c><c s="7"><v>5</v></c>'
        '<c t="d"><v>2024-05-06T00:00:00</v></c><c/></row>'
        '<row><c t="inlineStr"><is><r><t>rich </t></r><r><t>text</t></r>'
        "<rPh><t>reading</t></rPh></is></c></row>"
    )
    strings = "<sst><si><t>zero</t></si><si><r><t>東京</t></r><rPh><t>トウキョウ</t></rPh></si></sst>"
    path = workbook({"A": cells}, tmp_path / "a.xlsx", {"xl/sharedStrings.xml": strings})
    (only,) = read(path)[1]
    assert only.segment.text == "東京 | made | TRUE | 1234.5 | 0.3 | 5 | 2024-05-06\nrich text"
    assert (only.segment.locator.line_start, only.segment.locator.line_end) == (1, 2)


def test_dates_and_percentages_are_in_the_format_of_their_cell(tmp_path: Path) -> None:
    styles = (
        '<styleSheet><numFmts><numFmt numFmtId="164" formatCode="d mmmm yyyy"/></numFmts><cellStyleXfs>'
        '<xf numFmtId="9"/></cellStyleXfs><cellXfs><xf numFmtId="0"/><xf numFmtId="164"/><xf numFmtId="9"/>'
        '<xf numFmtId="4"/></cellXfs></styleSheet>'
    )
    cells = '<row r="1"><c s="1"><v>45444</v></c><c s="2"><v>0.25</v></c><c s="3"><v>1234.5</v></c></row>'
    (one,) = read(workbook({"A": cells}, tmp_path / "a.xlsx", {"xl/styles.xml": styles}))[1]
    assert one.segment.text == "2024-06-01 | 25% | 1,234.50"
    assert one.segment.details == {"title": "A", "spellings": ["1 June 2024 0.25 1234.5"]}


@pytest.mark.parametrize(
    ("value", "code", "text", "also"),
    [
        (45444, "m/d/yyyy", "2024-06-01", "6/1/2024"),
        (45444.75, "dd.mm.yy hh:mm", "2024-06-01 18:00", "01.06.24 18:00"),
        (0.75, "h:mm AM/PM", "18:00", "6:00 PM"),
        (1.5, "[h]:mm:ss", "36:00:00", ""),
        (45444, "[$-407]dddd, d. mmmm yyyy", "2024-06-01", "Saturday, 1. June 2024"),
        (1, "yyyy-mm-dd", "1900-01-01", ""),
        (45444, r"yyyy\-mm\-dd", "2024-06-01", ""),
        (45444, 'd" de "mmmm" de "yyyy', "2024-06-01", "1 de June de 2024"),
        (0.256, "0.0%", "25.6%", "0.256"),
        (1234567.891, "#,##0.00 [$€-1]", "1,234,567.89", "1234567.891"),
        (5, "0.00", "5.00", "5"),
        (5.25, "General", "5.25", ""),
        (12, '0 "days"', "12", ""),
        (1e20, "0.00", "1e+20", ""),
        (-3.0, "yyyy-mm-dd", "-72:00:00", ""),
        (1e12, "yyyy-mm-dd", "1000000000000", ""),
        (float("nan"), "0", "", ""),
    ],
)
def test_number_formats(value: float, code: str, text: str, also: str) -> None:
    assert shown_number(value, code) == (text, also)


def test_dates_of_a_workbook_that_counts_from_1904(tmp_path: Path) -> None:
    styles = '<styleSheet><cellXfs><xf numFmtId="14"/></cellXfs></styleSheet>'
    path = workbook(
        {"A": '<row r="1"><c s="0"><v>43982</v></c></row>'},
        tmp_path / "a.xlsx",
        {"xl/styles.xml": styles},
        settings='<workbookPr date1904="1"/>',
    )
    assert [one.segment.text for one in read(path)[1]] == ["2024-06-01"]


def test_comments_stand_in_their_row_and_charts_below(tmp_path: Path) -> None:
    further = {
        "xl/worksheets/_rels/sheet1.xml.rels": relations(
            ("comments", "../comments1.xml"), ("drawing", "../drawings/d.xml")
        ),
        "xl/comments1.xml": '<comments><commentList><comment ref="B3"><text><t>Check this</t></text></comment>'
        "</commentList></comments>",
        "xl/drawings/d.xml": '<xdr:wsDr xmlns:xdr="x" xmlns:a="a"><a:p><a:r><a:t>In a box</a:t></a:r></a:p></xdr:wsDr>',
        "xl/drawings/_rels/d.xml.rels": relations(("chart", "../charts/c.xml")),
        "xl/charts/c.xml": '<c:chart xmlns:c="c" xmlns:a="a"><a:p><a:r><a:t>Guests</a:t></a:r></a:p></c:chart>',
    }
    (one,) = read(workbook({"A": row(1, "x", "y") + row(3, "z")}, tmp_path / "a.xlsx", further))[1]
    assert one.segment.text == "x | y\nz | Check this\nIn a box\nGuests"
    assert (one.segment.locator.line_start, one.segment.locator.line_end) == (1, 3)


def test_a_far_cell_costs_one_line(tmp_path: Path) -> None:
    far = '<row r="1048576"><c r="XFD1048576" t="inlineStr"><is><t>far</t></is></c></row>'
    (one,) = read(workbook({"A": row(1, "near") + far}, tmp_path / "a.xlsx"))[1]
    assert one.segment.text == "near\nfar"
    assert (one.segment.locator.line_start, one.segment.locator.line_end) == (1, 1_048_576)


def test_cells_are_bounded_and_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheet_rows, "CELLS", 3)
    probe, found = read(workbook({"A": row(1, "a", "b"), "B": row(1, "c", "d", "e")}, tmp_path / "a.xlsx"))
    assert [one.segment.text for one in found] == ["a | b", "c"]
    assert probe.notes == (sheet_rows.CUT,)


def test_a_string_that_every_cell_repeats_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheet_rows, "CHARACTERS", 1000)
    strings = f"<sst><si><t>{'long ' * 60}</t></si></sst>"
    cells = "".join(f'<row r="{number}"><c t="s"><v>0</v></c></row>' for number in range(1, 100))
    probe, found = read(workbook({"A": cells}, tmp_path / "a.xlsx", {"xl/sharedStrings.xml": strings}))
    assert sum(len(one.segment.text) for one in found) <= 1000 and probe.notes == (sheet_rows.CUT,)


def test_a_damaged_sheet_is_named(tmp_path: Path) -> None:
    path = workbook({"A": row(1, "one") + "<row r='2'><c><v>2</v></c>", "B": row(1, "three")}, tmp_path / "a.xlsx")
    assert kept(path) == (["one\n2", "three"], "The sheet A is damaged; what comes before the damage was read.")
