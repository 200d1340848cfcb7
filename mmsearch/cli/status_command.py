"""`mmsearch status`: what an index holds and what is missing from it."""

from __future__ import annotations

from typing import Annotated

import typer

from mmsearch.cli import exit_codes, locations, options
from mmsearch.output import records, summary

EXAMPLES = exit_codes.epilog(
    "mmsearch status",
    "mmsearch status --check --quiet || mmsearch index --quiet",
    "mmsearch status --format json --index ~/archive/.mmsearch",
)


def status(
    check: Annotated[
        bool,
        typer.Option(
            "--check",
            help="Exit 5 when anything is pending, outdated, stale or damaged, or the last run stopped early.",
        ),
    ] = False,
    format: options.Reports = options.ReportFormat.TABLE,
    index: options.Index = None,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> int:
    """Show what the index holds and what is missing.

    It also shows which models find which files, what failed, and how the last run ended.
    """
    from mmsearch.index import Index

    with Index.open(locations.index_folder(index)) as opened:
        found = opened.status()
    if format is options.ReportFormat.JSON:
        records.write_json(records.status_record(found))
    elif not quiet:
        summary.write_status(found)
    last = found.last_run or {"ended": 0.0, "outcome": "done"}
    unfinished = last.get("ended") is None or last.get("outcome", "done") != "done" or last.get("lost_commits")
    work = found.pending or found.outdated or found.stale or found.doubts or (unfinished and not found.writing)
    return exit_codes.STOPPED_EARLY if check and work else exit_codes.DONE
