"""Writing the answer of `query` and `similar` in the requested format."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mmsearch.cli import exit_codes
from mmsearch.cli.options import ListFormat
from mmsearch.errors import UsageError
from mmsearch.output import records, streams, table
from mmsearch.output.spinner import spinner

if TYPE_CHECKING:
    from mmsearch.query import Answer, WhyNot


def comparison_spinner(media: Sequence[str], quiet: bool) -> contextlib.AbstractContextManager[None]:
    """A spinner for the time in which the files of a query are compared; nothing for a text query."""
    if not media:
        return contextlib.nullcontext()
    return spinner(f"Comparing {os.path.basename(media[0]) if len(media) == 1 else f'{len(media)} files'}", quiet)


def write_answer(answer: Answer, format: ListFormat, null: bool, explain: bool, quiet: bool, by: str = "score") -> int:
    """Write an answer, whose hits are in the order `by`, to stdout and its notes to stderr. Returns the exit code."""
    if format is ListFormat.JSON:
        records.write_json(records.answer_record(answer))
    else:
        write_hits_as(answer, format, null, explain, None, set(), by)
    if not quiet:
        for note in dict.fromkeys(answer.notes):
            streams.write_note(note)
        if not answer.hits:
            streams.write_message("Nothing found.")
    return exit_codes.DONE if answer.hits else exit_codes.NOTHING_FOUND


def write_why_not(one: WhyNot, format: ListFormat) -> int:
    """Write why a file is not among the hits to stdout. Returns the exit code. Raises `UsageError` for a format of
    lists."""
    if format in (ListFormat.PATHS, ListFormat.CSV):
        raise UsageError("--why-not writes an answer, not a list.", "Use --format table, json or jsonl.")
    if format is ListFormat.TABLE:
        table.write_why_not(one)
    elif format is ListFormat.JSON:
        records.write_json(records.why_not_record(one))
    else:
        records.write_jsonl([records.why_not_record(one)])
    return exit_codes.DONE


def write_hits_as(
    answer: Answer,
    format: ListFormat,
    null: bool,
    explain: bool,
    asked: tuple[str, int] | None,
    seen: set[bytes],
    by: str,
) -> None:
    """Write the hits of one answer in any format but JSON. `asked` is its query and its number from 1, where there are
    several; `seen` are the paths that were written before."""
    query = asked[0] if asked is not None else None
    if format is ListFormat.JSONL:
        records.write_jsonl(records.hit_record(hit, query) for hit in answer.hits)
    elif format is ListFormat.CSV:
        columns = (["query"] if asked is not None else []) + list(records.HIT_COLUMNS)
        records.write_csv(
            [records.hit_record(hit, query) for hit in answer.hits], columns, header=asked is None or asked[1] == 1
        )
    elif format is ListFormat.PATHS:
        records.write_paths([hit.path for hit in answer.hits if hit.path not in seen], null)
        seen.update(hit.path for hit in answer.hits)
    else:
        if asked is not None:
            table.write_query_heading(*asked)
        table.write_hits(answer.hits, explain, by)
