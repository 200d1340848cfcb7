"""`mmsearch dupes`: groups of files that are copies of each other."""

from __future__ import annotations

from typing import Annotated

import typer

from mmsearch.cli import exit_codes, locations, options
from mmsearch.output import records, streams, table

EXAMPLES = exit_codes.epilog(
    "mmsearch dupes",
    "mmsearch dupes ~/Downloads",
    "mmsearch dupes --exact --format jsonl",
    "mmsearch dupes -0 | xargs -0 ls -l",
)


def dupes(
    paths: Annotated[
        list[str] | None, typer.Argument(metavar="[PATH]...", help="Only copies of files at or below these paths.")
    ] = None,
    exact: Annotated[bool, typer.Option("--exact", help="Only files with the same bytes.")] = False,
    format: options.Lists = options.ListFormat.TABLE,
    null: options.Null = False,
    index: options.Index = None,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> int:
    """List copies in groups, the largest file of each group first.

    Copies have the same bytes, the same picture or pages at other sizes and encodings, the same sound or video
    encoded again, or the same text with other line breaks or in another charset. Nothing is changed. Exit code 1:
    there are none.
    """
    from mmsearch.index import Index

    asked = options.list_format(format, null)
    within = [locations.absolute(path) for path in paths or ()]
    with Index.open(locations.index_folder(index)) as opened:
        groups = opened.duplicates(within, exact=exact)
        stale = 0 if exact or quiet else opened.status().stale
    found = [records.group_record(group) for group in groups]
    if asked is options.ListFormat.JSON:
        records.write_json(found)
    elif asked is options.ListFormat.JSONL:
        records.write_jsonl(found)
    elif asked is options.ListFormat.CSV:
        records.write_csv(list(records.copy_rows(groups)), records.COPY_COLUMNS)
    elif asked is options.ListFormat.PATHS:
        records.write_paths((copy.path for group in groups for copy in group.files), null)
    else:
        table.write_groups(groups)
    if not groups and not quiet:
        streams.write_message("No copies." if not exact else "No files have the same bytes.")
    if stale:
        remedy = "`mmsearch index --refresh` extracts them again."
        streams.write_message(f"Of {stale:,} stale files only copies with the same bytes are known; {remedy}")
    return exit_codes.DONE if groups else exit_codes.NOTHING_FOUND
