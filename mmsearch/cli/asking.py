"""What `query` and `similar` share: an answer goes out in the format that was asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mmsearch.cli import codes
from mmsearch.cli.options import ListFormat
from mmsearch.output import records, screen, table

if TYPE_CHECKING:
    from mmsearch.types import Answer


def hand_over(
    answers: Sequence[Answer],
    asked: Sequence[str] | None,
    format: ListFormat,
    null: bool,
    explain: bool,
    quiet: bool,
) -> int:
    """Write all answers to stdout and return the exit code. `asked` has a query for each answer where there are
    several to tell apart."""
    queries: Sequence[str | None] = asked if asked is not None else [None] * len(answers)
    pairs = list(zip(answers, queries, strict=True))
    hits = [records.hit_record(hit, query) for answer, query in pairs for hit in answer.hits]
    if format is ListFormat.JSON:
        whole = [records.answer_record(answer, query) for answer, query in pairs]
        records.put_json(whole if asked is not None else whole[0])
    elif format is ListFormat.JSONL:
        records.put_jsonl(hits)
    elif format is ListFormat.CSV:
        records.put_csv(hits, (["query"] if asked is not None else []) + list(records.HIT_COLUMNS))
    elif format is ListFormat.PATHS:
        records.put_paths((hit.path for answer in answers for hit in answer.hits), null)
    else:
        for number, (answer, query) in enumerate(pairs, start=1):
            if query is not None:
                table.put_answer_head(query, number)
            table.put_hits(answer.hits, explain)
    if not quiet:
        for note in dict.fromkeys(note for answer in answers for note in answer.notes):
            screen.remark(note)
        if not any(answer.hits for answer in answers):
            screen.say("Nothing found.")
    return codes.DONE if any(answer.hits for answer in answers) else codes.NOTHING_FOUND
