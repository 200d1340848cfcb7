"""`--format html`: the hits of one answer as a page in a file."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from mmsearch.cli import exit_codes, locations
from mmsearch.cli.options import HitFormat, ListFormat, list_format
from mmsearch.errors import UsageError
from mmsearch.output import streams
from mmsearch.output.formatting import counted
from mmsearch.query import Answer


def hit_format(requested: HitFormat, null: bool, output: str | None) -> ListFormat | None:
    """The format of hits; None: a page. Raises `UsageError` where --format, -0 and -o exclude each other."""
    if requested is not HitFormat.HTML:
        if output is not None:
            raise UsageError("-o is for --format html.", "Redirect the other formats: > FILE")
        return list_format(ListFormat(requested.value), null)
    if null:
        raise UsageError("-0 writes paths, but --format html was given too.", "Leave one of them out.")
    if output is None and streams.is_terminal(sys.stdout):
        raise UsageError("--format html writes a page, which a terminal does not show.", "Add -o hits.html")
    return None


def write_page(
    answer: Answer, title: str, output: str | None, index: Path, may_open: Callable[[bytes], bool], quiet: bool
) -> int:
    """Write the hits as a page to a file, or stdout, and notes to stderr. Returns the exit code."""
    from mmsearch.output.hits_html import hits_page
    from mmsearch.retrieval.thumbnails import Thumbnails, jpeg

    if output is not None:
        locations.refuse_inside(output, index, "-o")
    linked = {hit.path for hit in answer.hits if may_open(hit.path)}
    with Thumbnails() as thumbnails:
        made = ((hit.rank, thumbnails.of(hit)) for hit in answer.hits if hit.path in linked)
        jpegs = {rank: jpeg(picture) for rank, picture in made if picture is not None}
    page = hits_page(title, answer.hits, jpegs, linked)
    if output is None or output == "-":
        streams.write_stdout(page.encode("utf-8", "backslashreplace"))
    else:
        try:
            with open(output, "w", encoding="utf-8", errors="backslashreplace") as file:
                file.write(page)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise UsageError(f"The page can't be written to {output}: {reason}.", "Choose another file.") from error
    if not quiet:
        for note in dict.fromkeys(answer.notes):
            streams.write_note(note)
        if output not in (None, "-"):
            streams.write_message(f"{counted(len(answer.hits), 'hit')} written to {output}.")
    return exit_codes.DONE if answer.hits else exit_codes.NOTHING_FOUND
