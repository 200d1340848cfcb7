"""`mmsearch merge`: join indexes of the same models into one."""

from __future__ import annotations

import math
from typing import Annotated

import typer

from mmsearch.cli import exit_codes, locations, options, run_update
from mmsearch.cli.stop_signals import stoppable
from mmsearch.output.progress import show_progress
from mmsearch.output.summary import command_line

EXAMPLES = exit_codes.epilog(
    "mmsearch index --shard 1/2 ~/Archive --index ./one    # on one machine",
    "mmsearch index --shard 2/2 ~/Archive --index ./two    # on another one",
    "mmsearch merge ./one ./two --into ./archive",
)


def merge(
    source: Annotated[list[str], typer.Argument(metavar="INDEX", help="Indexes to read: names or folders.")],
    into: Annotated[str, typer.Option("--into", metavar="NAME|DIR", help="The index to write; made if there is none.")],
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait for another run to end, or exit 6.")] = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> int:
    """Join indexes of the same models into one.

    Nothing is decoded again. A merge that was killed goes on with the same command.
    """
    from mmsearch.config import Settings
    from mmsearch.index import Index

    folder = locations.index_folder(into)
    sources = [locations.index_folder(name) for name in source]
    settings = Settings(wait_s=math.inf if wait else 0.0)
    with stoppable() as stop:
        events = Index.merge(folder, sources, settings, stop=stop)
        try:
            record = show_progress(stop.watched(events), quiet, "", command_line("failed", into))
        except KeyboardInterrupt:
            return stop.exit_code
        code = run_update.exit_code(record, stop.exit_code)
        run_update.close(record, code, quiet, index=into)
    return code
