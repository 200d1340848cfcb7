"""The rows of a sheet as lines: filled cells beside each other, the header row as words of every passage."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from mmsearch.extraction.documents.document_parts import DocumentPart, section_name
from mmsearch.extraction.documents.number_formats import shown_number
from mmsearch.extraction.documents.text_lines import CELL_BORDER

CELLS = 2_000_000  # filled ones, of a workbook
CHARACTERS = 64 << 20  # of their texts
CUT = f"Only the first {CELLS:,} filled cells of the workbook, or {CHARACTERS >> 20} MB of their text, were read."
CELL_CHARACTERS = 32_767  # the most that spreadsheets keep
HEADER_ROWS = 10  # in which a header is looked for
HEADER_CHARACTERS = 600


class Cell(NamedTuple):
    """A filled cell: its text as people see it, other spellings of it, and whether it is a number or a date."""

    text: str
    also: str = ""
    is_number: bool = False


def number_cell(value: float, code: str, epoch_1904: bool = False) -> Cell:
    """A number in a number format (its code; empty for the general one)."""
    text, also = shown_number(value, code, epoch_1904)
    return Cell(text, also, True)


@dataclass(slots=True)
class SheetRows:
    """The filled cells of a sheet, row by row as they come. Rows count from 1; empty ones take no place, however far
    away a cell is."""

    name: str
    rows: dict[int, list[Cell]] = field(default_factory=dict)
    comments: dict[int, list[str]] = field(default_factory=dict)

    def add(self, row: int, cell: Cell) -> None:
        """Add the next cell of a row, counted from 1."""
        if cell.text and not cell.text.isspace():
            if (cells := self.rows.get(row)) is not None:
                cells.append(cell)
            else:
                self.rows[row] = [cell]

    def part(self, further: Iterable[str] = ()) -> DocumentPart:
        """The sheet as a part of its document, with further lines below its rows."""
        lines: list[str] = []
        numbers: list[int] = []
        spellings: list[tuple[int, str]] = []
        for row in sorted(self.rows.keys() | self.comments.keys()):
            cells = self.rows.get(row, [])
            said = [cell.text[:CELL_CHARACTERS] for cell in cells] + self.comments.get(row, [])
            words = CELL_BORDER.join(" ".join(each.split()) for each in said)
            if also := " ".join(cell.also for cell in cells if cell.also):
                spellings.append((len(lines), also))
            lines.append(words)
            numbers.append(row)
        for line in further:
            lines.append(" ".join(line.split()))
            numbers.append(numbers[-1] if numbers else 1)
        section = section_name(f"sheet {self.name}")
        return DocumentPart(section, self._title(), "\n".join(lines), numbers, spellings)

    def _title(self) -> str:
        """The name of the sheet and its header row, if one of the first rows looks like one."""
        header = ""
        for row in sorted(self.rows)[:HEADER_ROWS]:
            cells = self.rows[row]
            if len(cells) > 1 and not any(cell.is_number for cell in cells):
                header = ", ".join(" ".join(cell.text.split()) for cell in cells)[:HEADER_CHARACTERS]
                break
        return f"{self.name}: {header}" if header else self.name


class CellCount:
    """Counts the filled cells of a workbook."""

    def __init__(self) -> None:
        self._cells, self._characters = CELLS, CHARACTERS

    @property
    def is_over(self) -> bool:
        """Whether some cells were left out."""
        return self._cells < 0 or self._characters < 0

    def take(self, cell: Cell) -> bool:
        """Count a cell; False where it is not to be read any more."""
        self._cells -= 1
        self._characters -= len(cell.text) + len(cell.also)
        return self._cells >= 0 and self._characters >= 0
