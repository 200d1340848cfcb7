"""`mmsearch forget`: take files and folders out of an index. The files themselves stay."""

from __future__ import annotations

import math
from typing import Annotated

import typer

from mmsearch.cli import exit_codes, locations, options
from mmsearch.output import streams
from mmsearch.output.formatting import counted

EXAMPLES = exit_codes.epilog("mmsearch forget ~/Downloads", "mmsearch forget secret.pdf --index work")


def forget(
    path: Annotated[list[str], typer.Argument(metavar="PATH", help="Files and folders, there or already gone.")],
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait for another run to end, or exit 6.")] = False,
    index: options.Index = None,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> int:
    """Take files and folders out of the index.

    The files themselves are not touched.
    """
    from mmsearch.config import Settings
    from mmsearch.index import Index

    targets = [locations.absolute(name) for name in path]
    settings = Settings(wait_s=math.inf if wait else 0.0)
    report = None if quiet else streams.write_note
    number = Index.forget(locations.index_folder(index), targets, settings, report=report)
    if not quiet:
        streams.write_message(
            f"{counted(number, 'file')} removed from the index." if number else "The index has no such file."
        )
    return exit_codes.DONE
