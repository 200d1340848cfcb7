"""`mmsearch failed`: the files that could not be indexed, and why."""

from __future__ import annotations

from typing import Annotated

import typer

from mmsearch.cli import codes, options, parsing, running
from mmsearch.errors import UsageError
from mmsearch.output import records, screen, table
from mmsearch.output.plain import shown, shown_path

EXAMPLES = codes.epilog(
    "mmsearch failed",
    "mmsearch failed --format csv > failed.csv",
    "mmsearch failed -0 | xargs -0 file",
    "mmsearch failed --retry",
)


def failed(
    retry: Annotated[bool, typer.Option("--retry", help="Try them again, as `index --retry-failed` does.")] = False,
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

    folder = parsing.index_folder(index)
    asked = parsing.list_format(format, null)
    if retry:
        from mmsearch.config import Settings

        if asked is not options.ListFormat.TABLE:
            raise UsageError("--retry runs the index and lists nothing.", "Leave out --format and -0.")
        settings = Settings(retry_failed=True)
        return running.update(folder, None, settings, command="failed --retry", quiet=quiet, index=index)
    with Index.open(folder) as opened:
        files = opened.failed()
    found = [records.failed_record(file) for file in files]
    if asked is options.ListFormat.JSON:
        records.put_json(found)
    elif asked is options.ListFormat.JSONL:
        records.put_jsonl(found)
    elif asked is options.ListFormat.CSV:
        records.put_csv(found, records.FAILED_COLUMNS)
    elif asked is options.ListFormat.PATHS:
        records.put_paths((file.path for file in files), null)
    else:
        rows = [(shown_path(file.path), file.state, file.failure.code, shown(file.failure.sentence)) for file in files]
        table.put_columns(rows)
        if not files and not quiet:
            screen.say("No file has failed.")
    return codes.DONE
