"""`mmsearch doctor`: checks of everything that indexing and searching need."""

from __future__ import annotations

from dataclasses import asdict

from mmsearch.cli import exit_codes, locations, options
from mmsearch.errors import UntrustedIndex
from mmsearch.output import records, streams, summary
from mmsearch.output.spinner import spinner

EXAMPLES = exit_codes.epilog("mmsearch doctor", "mmsearch doctor --format json")


def doctor(
    format: options.Reports = options.ReportFormat.TABLE,
    index: options.Index = None,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> int:
    """Check decoders, models, device, disk and index.

    Every missing part is shown with its remedy. Exit code 3: something that is needed is missing.
    """
    from mmsearch import config, diagnostics

    refused = None
    try:
        folder = locations.index_folder(index)
    except UntrustedIndex as error:
        folder, refused = config.index_folder(index), error
    with spinner("Trying the libraries and models; the first time takes longest", quiet):
        checks = diagnostics.run_checks(folder, refused)
    lacking = [check for check in checks if check.state == "missing"]
    if format is options.ReportFormat.JSON:
        records.write_json([{"schema": "mmsearch.check/1", **asdict(check)} for check in checks])
    else:
        shown = lacking if quiet else checks
        summary.write_checks([(check.state, check.name, check.found, check.remedy) for check in shown])
    if not quiet:
        number = sum(check.state == "warn" for check in checks)
        streams.write_message(summary.doctor_verdict(len(lacking), number))
    return exit_codes.UNUSABLE if lacking else exit_codes.DONE
