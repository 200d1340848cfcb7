"""Workbooks that are records: those of Excel 2 to 2003 and binary ones."""

import struct
from pathlib import Path

import pytest
from excel_files import binary_record, binary_workbook, compound, long_text, old_workbook, record, wide
from office_files import Members, kept, read, relations

from mmsearch.errors import ExtractionError, FailureCode
from mmsearch.extraction.documents import sheet_rows
from mmsearch.extraction.documents.excel_records import rk_number
from mmsearch.extraction.documents.old_workbook import summary_properties


def label(row: int, text: str) -> bytes:
    return record(0x204, struct.pack("<3H", row, 0, 0) + wide(text))


def rows(path: Path) -> list[tuple[str | None, int | None, int | None, str]]:
    found = [(one.segment.locator, one.segment.text) for one in read(path)[1]]
    return [(place.section, place.line_start, place.line_end, text) for place, text in found]


def failure(path: Path) -> tuple[str, str]:
    with pytest.raises(ExtractionError) as caught:
        read(path)
    return caught.value.code, caught.value.sentence


def test_cells_of_every_type(tmp_path: Path) -> None:
    settings = (
        record(0x41E, struct.pack("<HHB", 164, 10, 0) + b"yyyy-mm-dd")
        + record(0xE0, struct.pack("<2H", 0, 0))
        + record(0xE0, struct.pack("<2H", 0, 164))
        + record(
            0xFC, struct.pack("<2L", 2, 2) + struct.pack("<HB", 5, 0) + b"alpha" + struct.pack("<HB", 4, 0) + b"be"
        )
        + record(0x3C, b"\x01" + "та".encode("utf-16-le"))
    )
    cells = (
        record(0xFD, struct.pack("<3HL", 0, 0, 0, 0))
        + record(0xFD, struct.pack("<3HL", 0, 1, 0, 1))
        + record(0xFD, struct.pack("<3HL", 0, 2, 0, 99))
        + record(0x203, struct.pack("<3Hd", 2, 0, 1, 45444))
        + record(
            0xBD,
            struct.pack("<2H", 2, 1)
            + struct.pack("<HL", 0, 7 << 2 | 2)
            + struct.pack("<HL", 0, 725 << 2 | 3)
            + b"\2\0",
        )
        + record(0x06, struct.pack("<3H", 2, 3, 0) + b"\0\0\0\0\0\0\xff\xff" + bytes(8))
        + record(0x207, wide("made"))
        + record(0x205, struct.pack("<3H2B", 3, 0, 0, 1, 0))
        + record(0x205, struct.pack("<3H2B", 3, 1, 0, 42, 1))
        + record(0x06, struct.pack("<3Hd", 3, 2, 0, 2.5) + bytes(8))
    )
    path = compound({"Workbook": old_workbook({"Fares": cells, "Empty": b""}, settings)}, tmp_path / "a.xls")
    assert rows(path) == [("sheet Fares", 1, 4, "alpha | beта\n2024-06-01 | 7 | 7.25 | made\nTRUE | 2.5")]


def test_comments_stand_in_their_row_and_other_texts_below(tmp_path: Path) -> None:
    def text(number: int, said: bytes) -> bytes:
        return (
            record(0x5D, struct.pack("<4H", 0x15, 18, 25, number))
            + record(0x1B6, bytes(10) + struct.pack("<H", len(said)) + bytes(6))
            + record(0x3C, b"\0" + said)
        )

    cells = (
        label(4, "here") + text(1, b"Says\nwho?") + text(2, b"In a box") + record(0x1C, struct.pack("<4H", 4, 0, 0, 1))
    )
    path = compound({"Workbook": old_workbook({"A": cells})}, tmp_path / "a.xls")
    assert rows(path) == [("sheet A", 5, 5, "here | Says who?\nIn a box")]


def summary(count: int, *values: tuple[int, bytes]) -> bytes:
    """A stream of summary information that announces so many properties."""
    places, content, at = b"", b"", 8 + 8 * len(values)
    for number, value in values:
        places += struct.pack("<2L", number, at + len(content))
        content += value
    return bytes(44) + struct.pack("<L", 48) + struct.pack("<2L", 0, count) + places + content


def test_properties_are_words_of_the_workbook(tmp_path: Path) -> None:
    title = struct.pack("<2L", 30, 8) + "Тарифы".encode("cp1251") + b"\0\0"
    author = struct.pack("<2L", 31, 4) + "Ada\0".encode("utf-16-le")
    saved = struct.pack("<LQ", 64, (154_000 * 86_400 + 5) * 10_000_000)
    made = summary(4, (1, struct.pack("<LHxx", 2, 1251)), (2, title), (4, author), (13, saved))
    book = old_workbook({"A": label(0, "There")})
    path = compound({"Workbook": book, "\x05SummaryInformation": made}, tmp_path / "a.xls")
    assert [text for *_, text in rows(path)] == ["There\n\nTitle: Тарифы\nAuthor: Ada\nDate: 2022-08-22"]


def test_absurd_properties_are_bounded(tmp_path: Path) -> None:
    assert summary_properties(summary(1 << 31, (2, struct.pack("<2L", 0x101E, 1 << 31)))) == {}
    assert summary_properties(b"\xff" * 100) == {} == summary_properties(b"")
    many = summary(
        3, (2, struct.pack("<2L", 30, 1 << 31) + b"x" * 9000), (13, struct.pack("<LQ", 64, (1 << 64) - 1)), (3, b"")
    )
    assert summary_properties(many) == {"title": "x" * 4088}


def test_a_file_of_excel_4_has_one_sheet(tmp_path: Path) -> None:
    path = tmp_path / "a.xls"
    path.write_bytes(
        record(0x409, struct.pack("<3H", 0, 0x10, 0))
        + record(0x42, struct.pack("<H", 1251))
        + record(0x204, struct.pack("<4H", 7, 0, 0, 6) + "Привет".encode("cp1251"))
        + record(0x203, struct.pack("<3Hd", 7, 1, 0, 12.5))
        + record(0x0A)
    )
    assert rows(path) == [("sheet Sheet 1", 8, 8, "Привет | 12.5")]


def test_a_protected_workbook_is_called_so(tmp_path: Path) -> None:
    book = old_workbook({"A": b""}, record(0x2F, bytes(6)))
    assert failure(compound({"Workbook": book}, tmp_path / "a.xls")) == (
        FailureCode.ENCRYPTED,
        "The workbook is protected by a password.",
    )


@pytest.mark.parametrize("name", ["a.docx", "a.xlsx", "a.xlsb", "a.xls"])
def test_an_encrypted_package_is_called_so(tmp_path: Path, name: str) -> None:
    assert failure(compound({"EncryptedPackage": b"secret"}, tmp_path / name)) == (
        FailureCode.ENCRYPTED,
        "The document is protected by a password.",
    )


def test_an_old_document_under_a_new_name_is_called_so(tmp_path: Path) -> None:
    path = compound({"PowerPoint Document": b"words"}, tmp_path / "a.pptx")
    assert failure(path) == (FailureCode.DECODE_ERROR, "The file is in the old PowerPoint format.")


@pytest.mark.parametrize("content", [b"", b"\xff" * 600, bytes(5000)])
def test_a_damaged_container_is_called_so(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.xls"
    path.write_bytes(bytes.fromhex("d0cf11e0a1b11ae1") + content)
    assert failure(path)[0] == FailureCode.DECODE_ERROR


def test_a_sheet_that_is_missing_is_named(tmp_path: Path) -> None:
    beyond = record(0x85, struct.pack("<LHBB", 9_999_999, 0, 1, 0) + b"B")
    path = compound({"Workbook": old_workbook({"A": label(0, "there")}, beyond)}, tmp_path / "a.xls")
    assert kept(path) == (["there"], "The sheet B is missing: the file is cut off.")


def test_a_far_cell_costs_one_line_and_cells_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    far = record(0x203, struct.pack("<3Hd", 65_535, 255, 0, 5))
    path = compound({"Workbook": old_workbook({"A": label(0, "near") + far})}, tmp_path / "a.xls")
    assert rows(path) == [("sheet A", 1, 65_536, "near\n5")]
    monkeypatch.setattr(sheet_rows, "CELLS", 1)
    path = compound({"Workbook": old_workbook({"A": label(0, "near") + far})}, tmp_path / "b.xls")
    probe, found = read(path)
    assert [one.segment.text for one in found] == ["near"] and probe.notes == (sheet_rows.CUT,)


@pytest.mark.parametrize(
    ("value", "number"),
    [(0x3FF00000, 1.0), (7 << 2 | 2, 7.0), (0xFFFFFFFE, -1.0), (725 << 2 | 3, 7.25), (0x3FF00001, 0.01)],
)
def test_short_numbers(value: int, number: float) -> None:
    assert rk_number(value) == number


def test_a_binary_workbook_has_cells_of_every_type(tmp_path: Path) -> None:
    def cell(kind: int, column: int, content: bytes, style: int = 0) -> bytes:
        return binary_record(kind, struct.pack("<LL", column, style) + content)

    def start(row: int) -> bytes:
        return binary_record(0, struct.pack("<L", row) + bytes(9))

    styles = (
        binary_record(44, struct.pack("<H", 164) + long_text("0.0%"))
        + binary_record(617)
        + binary_record(47, struct.pack("<2H", 0, 0))
        + binary_record(47, struct.pack("<2H", 0, 164))
        + binary_record(618)
    )
    records = [
        start(0),
        cell(7, 0, struct.pack("<L", 0)),
        cell(7, 1, struct.pack("<L", 99)),
        cell(6, 2, long_text("Fare")),
        start(1_048_575),
        cell(5, 0, struct.pack("<d", 0.256), style=1),
        cell(2, 1, struct.pack("<L", 7 << 2 | 2)),
        cell(4, 2, b"\1"),
        cell(3, 3, b"\x2a"),
        cell(8, 4, long_text("made") + bytes(4)),
        cell(62, 16_383, b"\0" + long_text("rich")),
    ]
    further: Members = {
        "xl/strings.bin": binary_record(159, bytes(8)) + binary_record(19, b"\0" + long_text("Route " * 60)),
        "xl/styles.bin": styles,
        "xl/worksheets/_rels/sheet1.bin.rels": relations(("comments", "../comments1.bin")),
        "xl/comments1.bin": binary_record(635, struct.pack("<5L", 0, 0, 0, 0, 0))
        + binary_record(637, b"\0" + long_text("Why?")),
    }
    path = binary_workbook({"Fares": records, "Empty": []}, tmp_path / "a.xlsb", further)
    routes = " ".join(["Route"] * 60)
    assert rows(path) == [("sheet Fares", 1, 1_048_576, f"{routes} | Fare | Why?\n25.6% | 7 | TRUE | made | rich")]


def test_damaged_binary_records_end_the_sheet(tmp_path: Path) -> None:
    head = binary_record(0, bytes(13)) + binary_record(6, bytes(8) + long_text("there"))
    path = binary_workbook({"A": [head, b"\x06\xff\xff\xff\x7f" + b"x" * 99]}, tmp_path / "a.xlsb")
    assert rows(path) == [("sheet A", 1, 1, "there")]
