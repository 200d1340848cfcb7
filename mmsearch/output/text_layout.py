"""Text layout for the columns of a terminal: lines broken at words, paths cut in their middle, blocks of facts.

Widths are cells: a Chinese character or an emoji takes two, a combining mark none. A width of None means no terminal:
no text is then broken, as programs that read it expect.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_GAP = 2  # spaces between two columns
_LEAST = 24  # cells that a text needs beside its label; with less it goes below
# What is not broken: words, and commands in backticks with what follows them.
_WORDS = re.compile(r"`[^`\n]+`\S*|\S+")


def cells(text: str) -> int:
    """How many columns of a terminal a text takes."""
    from rich.cells import cell_len

    return cell_len(text)


def wrapped(text: str, width: int | None, indent: int = 0) -> list[str]:
    """`text` in lines of at most `width` cells, broken between words; lines after the first begin with `indent` spaces.

    What is longer than a line is broken in itself: a command between its words, a path after a slash, and any other
    word where the line ends.
    """
    if width is None or cells(text) <= width:
        return [text]
    margin = " " * min(indent, max(width - _LEAST, 0))
    lines = [""]
    for gap, unit in _units(text, max(width - len(margin), 1)):
        joined = lines[-1] + (gap if lines[-1].strip() else "") + unit
        if cells(joined) <= width or not lines[-1].strip():
            lines[-1] = joined
        else:
            lines.append(margin + unit)
    return [line.rstrip() for line in lines]


def _units(text: str, width: int) -> list[tuple[str, str]]:
    """The unbreakable units of a text, each with the space before it (none after a break within a word)."""
    found: list[tuple[str, str]] = []
    end = 0
    for match in _WORDS.finditer(text):
        gap, end = text[end : match.start()], match.end()
        parts = [match[0]]
        if cells(match[0]) > width and match[0].startswith("`"):
            parts = re.findall(r"\s*\S+", match[0])
        for number, part in enumerate(parts):
            space = gap if number == 0 else part[: len(part) - len(part.lstrip())]
            for at, unit in enumerate(_broken(part.lstrip(), width)):
                found.append((space if at == 0 else "", unit))
    return found


def _broken(word: str, width: int) -> list[str]:
    """A word in units of at most `width` cells: broken after its slashes, without these where the line ends."""
    from rich.cells import chop_cells

    if cells(word) <= width:
        return [word]
    units: list[str] = []
    for part in re.findall(r"[^/]*/|[^/]+", word):
        if units and cells(units[-1] + part) <= width:
            units[-1] += part
        else:
            units += chop_cells(part, width)
    return units


def clipped(text: str, width: int) -> str:
    """A text on one line of at most `width` cells: what is longer ends with `…`."""
    from rich.cells import set_cell_size

    line = " ".join(text.split())
    return line if cells(line) <= width else set_cell_size(line, max(width - 1, 0)).rstrip() + "…"


def fitted_path(path: str, width: int | None) -> str:
    """A path in at most `width` cells: folders in its middle are replaced by `…`, the file's name is never cut. Of the
    folders that stay, at least half are at the start."""
    if width is None or cells(path) <= width or "/" not in path.strip("/"):
        return path
    folder, _, name = path.rstrip("/").rpartition("/")
    name += "/" * path.endswith("/")
    lead = "/" * path.startswith("/")
    parts = folder.strip("/").split("/")
    for kept in range(len(parts) - 1, 0, -1):
        for last in range(kept // 2, -1, -1):  # folders kept at the end: fewer where a long one does not fit
            head, tail = parts[: kept - last], parts[len(parts) - last :]
            short = lead + "/".join([*head, "…", *tail, name])
            if cells(short) <= width:
                return short
    return f"…/{name}"


def pairs(lines: Sequence[tuple[str, str]], width: int | None) -> list[str]:
    """Facts, each a label and a text that is wrapped beside it."""
    left = max((cells(label) for label, _ in lines), default=0)
    if width is not None and width - left - _GAP < _LEAST:
        left = min(left, 4)
    found: list[str] = []
    for label, text in lines:
        start = label + " " * (left - cells(label) + _GAP)
        rows = wrapped(text, None if width is None else max(width - left - _GAP, 1))
        if cells(start) > left + _GAP:  # a label with no room beside it
            found.append(label)
            start = " " * (left + _GAP)
        found += [f"{start if number == 0 else ' ' * (left + _GAP)}{row}".rstrip() for number, row in enumerate(rows)]
    return found


def columns(rows: Sequence[Sequence[str]], right: Sequence[int] = (), notes: Sequence[Sequence[str]] = ()) -> list[str]:
    """Aligned columns, two spaces apart; those in `right` are numbers. `notes` are lines below each row."""
    if not rows:
        return []
    widths = [max(cells(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for number, row in enumerate(rows):
        padded = []
        for column, cell in enumerate(row):
            gap = " " * (widths[column] - cells(cell))
            padded.append(gap + cell if column in right else cell + gap)
        lines.append((" " * _GAP).join(padded).rstrip())
        lines += notes[number] if notes else []
    return lines
