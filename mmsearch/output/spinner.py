"""A spinner on a terminal while a command takes seconds."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator

from mmsearch.output import text_layout
from mmsearch.output.formatting import escaped
from mmsearch.output.streams import console, is_terminal, width

_BESIDE = 12  # cells of the spinner and of the time


@contextlib.contextmanager
def spinner(sentence: str, quiet: bool) -> Iterator[None]:
    """Show a spinner, the sentence and the elapsed time on stderr, and erase them at the end. Without a terminal, or
    with `quiet`, nothing is shown."""
    if quiet or not is_terminal(sys.stderr):
        yield
        return
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    line = text_layout.clipped(escaped(sentence), max((width(sys.stderr) or 80) - _BESIDE, 1))
    columns = (SpinnerColumn("line"), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    with Progress(
        *columns, console=console(sys.stderr), transient=True, redirect_stdout=False, redirect_stderr=False
    ) as bar:
        bar.add_task(line, total=None)
        yield
