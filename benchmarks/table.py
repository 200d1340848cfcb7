"""A line of the table, how it is printed, and how it is kept in RESULTS.md."""

from __future__ import annotations

import datetime
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import measure

RESULTS = Path(__file__).with_name("RESULTS.md")
MARK = "<!-- new rows above this line -->"
INFINITE = float("inf")
TITLES = ("work", "ours", "plain", "value", "goal", "met")


@dataclass(frozen=True, slots=True)
class Row:
    """A comparison: its name, the figures of mmsearch and of the plain way, and the goal.

    `value` is compared with the goal: a ratio where there is a plain way, else a figure. `least` and `most` bound it;
    a row with neither has no goal. A row without a `value` was skipped, for the reason in its note.
    """

    work: str
    ours: str = "-"
    plain: str = "-"
    value: float | None = None
    least: float | None = None
    most: float | None = None
    note: str = ""

    @property
    def goal(self) -> str:
        """As it stands in the table."""
        if self.least is not None:
            return f"≥ {self.least:g}"
        return "-" if self.most is None else f"≤ {self.most:g}"

    @property
    def met(self) -> str:
        """`yes`, `no`, or `-` without a goal or a value."""
        if self.value is None or (self.least is None and self.most is None):
            return "-"
        low = -INFINITE if self.least is None else self.least
        high = INFINITE if self.most is None else self.most
        return "yes" if low <= self.value <= high else "no"

    def cells(self) -> tuple[str, ...]:
        """The line, in the order of `TITLES`."""
        digits = 0 if self.value is None or self.value >= 100 else 2 if self.value >= 1 else 3
        value = "-" if self.value is None else f"{self.value:,.{digits}f}"
        return (self.work, self.ours, self.plain, value, self.goal, self.met)


def rates(work: str, ours: float, plain: float, unit: str, least: float | None, note: str = "") -> Row:
    """A row of two paces in `unit` a second; the ratio is that of mmsearch to the plain way."""
    return Row(work, f"{ours:,.1f} {unit}/s", f"{plain:,.1f} {unit}/s", ours / plain, least, None, note)


def times(work: str, ours: float, plain: float, most: float | None, note: str = "") -> Row:
    """A row of two times in seconds; the ratio is that of mmsearch to the plain way."""
    return Row(work, f"{ours:.3f} s", f"{plain:.3f} s", ours / plain, None, most, note)


def printed(rows: Sequence[Row]) -> str:
    """The table as text: a line a row, its note below."""
    lines = [TITLES, *(row.cells() for row in rows)]
    widths = [max(_width(line[column]) for line in lines) for column in range(len(TITLES))]
    said = []
    for line, row in zip(lines, (None, *rows), strict=True):
        cells = (cell + " " * (width - _width(cell)) for cell, width in zip(line, widths, strict=True))
        said.append("  ".join(cells).rstrip())
        if row and row.note:
            said.append(f"    {row.note}")
    return "\n".join(said)


def record(row: Row) -> None:
    """Add a row to the kept results."""
    where = [datetime.date.today().isoformat(), measure.commit(), measure.machine(), f"{measure.busy():.1f}"]
    text = RESULTS.read_text("utf-8")
    RESULTS.write_text(text.replace(MARK, f"| {' | '.join([*where, *row.cells(), row.note])} |\n{MARK}"), "utf-8")


def _width(text: str) -> int:
    return sum(1 + (unicodedata.east_asian_width(letter) in "WF") for letter in text)
