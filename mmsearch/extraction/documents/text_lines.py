"""The lines of a story with tables: a paragraph is a line, and so is a row of a table, with its cells beside each
other. What stands in a cell, down to further tables, is one line of the row."""

from __future__ import annotations

CELL_BORDER = " | "


class TextLines:
    """Collects lines. Rows and cells are told of as they begin and end; those that never began are ignored."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._cells: list[list[str]] = []  # lines of the open cells
        self._rows: list[list[str]] = []  # cells of the open rows

    @property
    def in_cell(self) -> bool:
        """Whether a cell is open."""
        return bool(self._cells)

    def add(self, line: str) -> None:
        """Add a line, in one spacing; an empty one is left out."""
        if line := " ".join(line.split()):
            (self._cells[-1] if self._cells else self.lines).append(line)

    def start_row(self) -> None:
        """A row begins."""
        self._rows.append([])

    def start_cell(self) -> None:
        """A cell begins."""
        self._cells.append([])

    def end_cell(self) -> None:
        """The innermost cell ends."""
        if self._cells:
            words = " ".join(self._cells.pop())
            if self._rows:
                self._rows[-1].append(words)
            else:
                self.add(words)

    def end_row(self) -> None:
        """The innermost row ends."""
        if self._rows:
            self.add(row_line(self._rows.pop()))

    def finish(self) -> list[str]:
        """The lines, with those of cells and rows that are still open."""
        while self._cells or self._rows:
            if len(self._cells) >= len(self._rows):
                self.end_cell()
            else:
                self.end_row()
        return self.lines


def row_line(cells: list[str]) -> str:
    """The cells of a row as a line; empty where all are."""
    filled = [" ".join(cell.split()) for cell in cells]
    return CELL_BORDER.join(filled).strip(" |") if any(filled) else ""
