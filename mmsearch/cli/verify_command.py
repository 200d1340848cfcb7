"""`mmsearch verify`: check the invariants of an index, and rebuild what is derived."""

from __future__ import annotations

from typing import Annotated

import typer

from mmsearch.cli import exit_codes, locations, options
from mmsearch.index_status import FindingState
from mmsearch.output import records, streams, summary

EXAMPLES = exit_codes.epilog("mmsearch verify", "mmsearch verify --deep --repair")


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

    findings = Index.verify(locations.index_folder(index), repair, deep)
    sound = all(
        finding.state in (FindingState.OK, FindingState.REPAIRED, FindingState.UNCHECKED) for finding in findings
    )
    if format is options.ReportFormat.JSON:
        records.write_json([records.finding_record(finding) for finding in findings])
    elif not (quiet and sound):
        summary.write_findings(findings)
    if not quiet:
        streams.write_message(summary.verify_verdict(findings, index))
    return exit_codes.DONE if sound else exit_codes.UNUSABLE
