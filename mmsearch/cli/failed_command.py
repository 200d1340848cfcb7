"""`mmsearch failed`: the files that could not be indexed, and why."""

from __future__ import annotations

from typing import Annotated

import typer

from mmsearch.cli import exit_codes, locations, options, run_update
from mmsearch.errors import UsageError
from mmsearch.output import records, streams, table

EXAMPLES = exit_codes.epilog(
    "mmsearch failed",
    "mmsearch failed --format csv > failed.csv",
    "mmsearch failed -0 | xargs -0 file",
    "mmsearch failed --retry",
)


def failed(
    retry: Annotated[bool, typer.Option("--retry", help="Try them again, as `index --retry-failed` does.")] = False,
    notes: Annotated[
        bool, typer.Option("--notes", help="Also list what was left out of files that are indexed.")
    ] = False,
    format: options.Lists = options.ListFormat.TABLE,
    null: options.Null = False,
    index: options.Index = None,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> int:
    """List the files that could not be indexed, and why.

    Files of which only a part could be indexed are listed too.
    """
    from mmsearch.index import Index

    folder = locations.index_folder(index)
    asked = options.list_format(format, null)
    if retry:
        from mmsearch.config import Settings

        if asked is not options.ListFormat.TABLE:
            raise UsageError("--retry runs the index and lists nothing.", "Leave out --format and -0.")
        if notes:
            raise UsageError("--retry runs the index and lists nothing.", "Leave out --notes.")
        settings = Settings(retry_failed=True)
        return run_update.update(folder, None, settings, command="failed --retry", quiet=quiet, index=index)
    with Index.open(folder) as opened:
        files = opened.failed(notes)
    found = [records.failed_record(file) for file in files]
    if asked is options.ListFormat.JSON:
        records.write_json(found)
    elif asked is options.ListFormat.JSONL:
        records.write_jsonl(found)
    elif asked is options.ListFormat.CSV:
        records.write_csv(found, records.FAILED_COLUMNS)
    elif asked is options.ListFormat.PATHS:
        records.write_paths((file.path for file in files), null)
    else:
        table.write_failed(files)
        if not files and not quiet:
            streams.write_message("No file has failed" + (", and nothing was left out." if notes else "."))
    return exit_codes.DONE
