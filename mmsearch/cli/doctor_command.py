"""`mmsearch doctor`: is everything here that indexing and searching need?"""

from __future__ import annotations

from dataclasses import asdict

from mmsearch.cli import codes, options, parsing
from mmsearch.output import records, screen, summary

EXAMPLES = codes.epilog("mmsearch doctor", "mmsearch doctor --format json")


def doctor(
    format: options.Reports = options.ReportFormat.TABLE,
    index: options.Index = None,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> int:
    """Check decoders, models, device, disk and index.

    Every missing part is shown with its remedy. Exit code 3: something that is needed is missing.
    """
    from mmsearch import diagnostics

    checks = diagnostics.run_checks(parsing.index_folder(index))
    lacking = [check for check in checks if check.state == "missing"]
    if format is options.ReportFormat.JSON:
        records.put_json([{"schema": "mmsearch.check/1", **asdict(check)} for check in checks])
    else:
        shown = lacking if quiet else checks
        summary.put_checks([(check.state, check.name, check.found, check.remedy) for check in shown])
    if not quiet:
        number = sum(check.state == "warn" for check in checks)
        screen.say(summary.health(len(lacking), number))
    return codes.UNUSABLE if lacking else codes.DONE
