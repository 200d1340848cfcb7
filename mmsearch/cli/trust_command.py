"""`mmsearch trust`: which indexes are the user's own, and which models they may load."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mmsearch.cli import exit_codes, options
from mmsearch.errors import UsageError
from mmsearch.output import records, streams, trust_report

EXAMPLES = exit_codes.epilog(
    "mmsearch trust",
    "mmsearch trust ./clone/.mmsearch",
    "mmsearch trust ~/photos/.mmsearch --trust-remote-code jina-clip-v2",
    "mmsearch trust ./clone/.mmsearch --remove",
)


def trust(
    folder: Annotated[
        str | None, typer.Argument(metavar="[DIR]", help="The folder of an index, or the one that its .mmsearch is in.")
    ] = None,
    trust_remote_code: options.TrustCode = None,
    remove: Annotated[bool, typer.Option("--remove", help="Stop trusting this index.")] = False,
    format: options.Reports = options.ReportFormat.TABLE,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> int:
    """Show which indexes are yours, or adopt the one in DIR.

    An index that your mmsearch did not make where it lies is not used unless you name it, and no model that it names is
    loaded. Adopting it changes that. The code that a model comes with runs only if --trust-remote-code names the model.
    """
    if folder is None:
        if remove or trust_remote_code:
            raise UsageError("This needs the folder of an index.", "mmsearch trust DIR")
        return _list(format, quiet)
    place = _index_in(folder)
    if remove:
        if trust_remote_code:
            raise UsageError("--remove and --trust-remote-code contradict each other.", "Leave one of them out.")
        return _remove(place, format, quiet)
    from mmsearch.indexing.adoption import adopt

    found = adopt(place, trust_remote_code or ())
    if format is options.ReportFormat.JSON:
        records.write_json(trust_report.index_record(found))
    elif not quiet:
        trust_report.write_index(found)
    if not quiet:
        streams.write_message(
            "This index is now trusted: commands find it from the folders around it and load its models."
        )
    return exit_codes.DONE


def _list(format: options.ReportFormat, quiet: bool) -> int:
    from mmsearch.trust import entries

    found = entries()
    if format is options.ReportFormat.JSON:
        records.write_json([trust_report.entry_record(entry) for entry in found])
    else:
        trust_report.write_entries(found)
    if not found and not quiet:
        streams.write_message("No index is in the record of trust yet.")
    return exit_codes.DONE


def _remove(place: Path, format: options.ReportFormat, quiet: bool) -> int:
    from mmsearch.trust import forget

    gone = forget(place)
    if format is options.ReportFormat.JSON:
        records.write_json({"schema": "mmsearch.trust/1", **trust_report.folder_record(place), "removed": gone})
    elif not quiet:
        streams.write_message(f"{place} is not trusted any more." if gone else f"{place} was not trusted.")
    return exit_codes.DONE


def _index_in(typed: str) -> Path:
    """The index folder that is meant: DIR itself, or the `.mmsearch` in it."""
    from mmsearch.config import FOLDER_NAME

    if not typed.strip():
        raise UsageError("The folder of the index is empty.", "mmsearch trust DIR")
    folder = Path(typed).expanduser().absolute()
    inner = folder / FOLDER_NAME
    return inner if not (folder / "catalogue.db").exists() and (inner / "catalogue.db").exists() else folder
