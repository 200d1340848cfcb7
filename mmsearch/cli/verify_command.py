"""`mmsearch verify`: check every promise that an index keeps, and rebuild what can be rebuilt."""

from __future__ import annotations

from typing import Annotated

import typer

from mmsearch.cli import codes, options, parsing
from mmsearch.output import records, screen, summary

EXAMPLES = codes.epilog("mmsearch verify", "mmsearch verify --deep --repair")


def verify(
    repair: Annotated[
        bool, typer.Option("--repair", help="Rebuild what can be made again from the catalogue.")
    ] = False,
    deep: Annotated[bool, typer.Option("--deep", help="Check every row and every vector; takes longer.")] = False,
    format: options.Reports = options.ReportFormat.TABLE,
    index: options.Index = None,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> int:
    """Check that the index is complete and consistent.

    Exit code 3: it is not.
    """
    from mmsearch.index import Index

    findings = Index.verify(parsing.index_folder(index), repair, deep)
    sound = all(finding.state in ("ok", "repaired") for finding in findings)
    if format is options.ReportFormat.JSON:
        records.put_json([records.finding_record(finding) for finding in findings])
    elif not (quiet and sound):
        summary.put_findings(findings)
    if not quiet:
        screen.say(summary.verdict(findings, index))
    return codes.DONE if sound else codes.UNUSABLE
