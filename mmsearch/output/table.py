"""Hits and other lists for people.

On a terminal: a Rich table, with the place behind each name, clickable names, and the words that matched highlighted.
Anywhere else: the same facts in aligned columns, one row a line, without frames, colour, links or cut-off text, so that
output piped into `grep` or `less` resembles that on the terminal. The formats for programs (json, jsonl, paths, csv)
do not depend on the terminal.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import quote

from mmsearch.index_status import FailedFile
from mmsearch.output import text_layout
from mmsearch.output.formatting import counted, day, display_path, escaped, one_line, place, size
from mmsearch.output.streams import console, is_terminal, width, write_lines, write_text
from mmsearch.query import COPIES, Hit, Signal, WhyNot
from mmsearch.types import CopyGroup

if TYPE_CHECKING:
    from rich.text import Text


NAMED = 3  # messages of a thread that a row names


def write_hits(hits: Sequence[Hit], explain: bool = False, by: str = "score") -> None:
    """The hits of one query on stdout; nothing at all where there are none. Those that are in the order of dates or
    sizes show these."""
    if not hits:
        return
    if is_terminal(sys.stdout):
        _put_rich_hits(hits, explain, by)
        return
    write_columns(
        [_row(hit, by) for hit in hits], right=(0, 1), notes=[_explained(hit) if explain else [] for hit in hits]
    )


def write_columns(rows: Sequence[Sequence[str]], right: Sequence[int] = (), notes: Sequence[list[str]] = ()) -> None:
    """Aligned columns on stdout, two spaces apart; those in `right` are numbers. `notes` are lines below each row."""
    write_lines(text_layout.columns(rows, right, notes))


def write_why_not(one: WhyNot) -> None:
    """Why a file is not among the hits, or which it is: the sentence, then a line for each signal, note and hint."""
    lines = [f"{display_path(one.path)}: {escaped(one.sentence)}", *_signal_lines(one.signals)]
    lines += [f"  {escaped(note)}" for note in one.notes]
    columns = width(sys.stdout)
    if one.hint:
        lines.append(f"  hint: {escaped(one.hint)}")
    write_lines(lines if columns is None else [row for line in lines for row in text_layout.wrapped(line, columns)])


def write_failed(files: Sequence[FailedFile]) -> None:
    """Write files that failed, one a line: path, state, code, sentence. On a terminal, a block for each: the path, and
    the other facts below."""
    columns = width(sys.stdout)
    if columns is None:
        rows = [
            (display_path(file.path), file.state, escaped(file.failure.code), escaped(file.failure.sentence))
            for file in files
        ]
        write_lines(text_layout.columns(rows))
        return
    for file in files:
        what = f"{file.state}, {escaped(file.failure.code)}: {escaped(file.failure.sentence)}"
        path = text_layout.fitted_path(display_path(file.path), columns)
        write_lines(
            [*text_layout.wrapped(path, columns), *(f"  {row}" for row in text_layout.wrapped(what, columns - 2))]
        )


def write_groups(groups: Sequence[CopyGroup]) -> None:
    """Write groups of copies on stdout, separated by an empty line: the number of files, then one file a line."""
    for number, group in enumerate(groups):
        alike = "the same bytes" if group.exact else "copies"
        write_text(f"{chr(10) if number else ''}{counted(len(group.files), 'file')}, {alike}\n")
        columns = width(sys.stdout)
        for one in group.files:
            start = f"  {size(one.size):>8}  {one.kind:<5}  "
            left = None if columns is None else columns - text_layout.cells(start)
            write_lines([start + text_layout.fitted_path(display_path(one.path), left)])


def _row(hit: Hit, by: str) -> list[str]:
    what = ": ".join(part for part in (str(hit.match or ""), one_line(hit.snippet)) if part)
    return [str(hit.rank), _value(hit, by), str(hit.kind), _named(hit, by), what]


def _named(hit: Hit, by: str) -> str:
    """The path, its place, and what the row collapses: `talk.mp4 1:15–1:20 (+2 same)`."""
    return " ".join(part for part in (display_path(hit.path), *_aside(hit, by)) if part)


def _aside(hit: Hit, by: str) -> list[str]:
    same = f"(+{len(hit.same)} same)" if hit.same else ""
    more = f"(also {', '.join(map(place, hit.more))})" if hit.more else ""
    sorted_by = "" if _is_listed(hit) else _sorted_by(hit, by)
    return [part for part in (place(hit.locator), sorted_by, same, more, _thread(hit)) if part]


def _thread(hit: Hit) -> str:
    """The other messages of a thread: those of the same mailbox by their place, others by their file's name."""
    if not hit.thread:
        return ""
    names = [
        " ".join(
            part
            for part in (
                "" if one.path == hit.path else display_path(os.path.basename(one.path)),
                place(one.locator),
            )
            if part
        )
        for one in hit.thread[:NAMED]
    ]
    rest = len(hit.thread) - len(names)
    more = f" and {rest:,} more" if rest else ""
    return f"(+{len(hit.thread):,} of its thread: {', '.join(names)}{more})"


def _is_listed(hit: Hit) -> bool:
    """Whether a hit is one of the files that filters alone let through."""
    return hit.view == "filters"


def _value(hit: Hit, by: str) -> str:
    """The score of a hit; of a file that is only listed its size or the day of its change."""
    return (_sorted_by(hit, "size" if by == "size" else "date") or "-") if _is_listed(hit) else f"{hit.score:.2f}"


def _sorted_by(hit: Hit, by: str) -> str:
    """The day of change or the size of a hit's file, where hits are in that order."""
    if by == "size" and hit.size is not None:
        return size(hit.size)
    return day(hit.date_s) if by == "date" else ""


def _explained(hit: Hit) -> list[str]:
    """What the picture shows, and one line per signal: its raw value, its calibrated score, and its contribution to
    the hit's score."""
    lines = [f"      seen: {escaped(', '.join(hit.seen))}"] if hit.seen else []
    return lines + _signal_lines(hit.signals)


def _signal_lines(signals: Sequence[Signal]) -> list[str]:
    lines = []
    for signal in signals:
        terms = f"  {', '.join(map(escaped, signal.terms))}" if signal.terms else ""
        lines.append(
            f"      {signal.contribution:+.3f}  {escaped(signal.name)}  raw {signal.raw:.3f}"
            f"  score {signal.score:.3f}  rank {signal.rank}{terms}"
        )
    return lines


def _put_rich_hits(hits: Sequence[Hit], explain: bool, by: str) -> None:
    from rich.style import Style
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 2, 0, 0), show_header=True, header_style="dim")
    table.add_column("", justify="right", style="dim", no_wrap=True)
    heading = ("size" if by == "size" else "changed") if _is_listed(hits[0]) else "score"
    table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("kind", style="cyan", no_wrap=True)
    table.add_column("where and what", overflow="fold", ratio=1)
    columns = width(sys.stdout) or 80
    room = max(columns - 2 * 3 - max(len(heading), *(len(_value(hit, by)) for hit in hits)) - 8, 20)
    for hit in hits:
        path = text_layout.fitted_path(display_path(hit.path), room)
        cell = Text(path, style=Style(bold=True, link=file_url(hit)))
        aside = _aside(hit, by)
        cell = Text.assemble(cell, *((f"  {part}", "green" if part == place(hit.locator) else "dim") for part in aside))
        if hit.match is not None:
            cell.append(f"\n{hit.match}", style="green" if hit.match in COPIES else "dim")
        if snippet := one_line(hit.snippet):
            cell.append("\n").append_text(highlighted(snippet, hit.signals))
        if explain:
            cell.append("".join(f"\n{line.strip()}" for line in _explained(hit)), style="dim")
        table.add_row(str(hit.rank), _value(hit, by), str(hit.kind), cell)
    screen = console(sys.stdout)
    with screen.capture() as capture:
        screen.print(table)
    write_text(capture.get())


def highlighted(snippet: str, signals: Sequence[Signal]) -> Text:
    """A snippet with the words that matched in bold."""
    from rich.text import Text

    from mmsearch.retrieval.words.term_matching import matches

    text = Text(snippet)
    terms = {term: 1.0 for signal in signals for term in signal.terms if term.strip()}
    for start, term, _ in matches(snippet, terms):
        text.stylize("bold yellow", start, start + len(term))
    return text


def file_url(hit: Hit) -> str:
    """The hit as a `file:` URL, percent-encoded from its exact bytes, with its place where viewers know one."""
    url = "file://" + quote(os.path.abspath(hit.path))
    return url + hit.locator.fragment() if hit.locator.line_start is None else url


def write_query_heading(query: str, number: int) -> None:
    """The heading of one of several answers."""
    write_text(f"{'' if number == 1 else chr(10)}{escaped(query)}\n")
