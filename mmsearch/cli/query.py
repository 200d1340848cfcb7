"""`mmsearch query`: find places by words, by a picture, or by both."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Annotated

import typer

from mmsearch.cli import asking, codes, options, parsing, running
from mmsearch.cli.opening import open_hit
from mmsearch.errors import UsageError

EXAMPLES = codes.epilog(
    'mmsearch query "revenue chart"',
    "mmsearch query invoice 4711 --kind pdf --since 2024 -k 3",
    "mmsearch query --image photo.jpg --in ~/Pictures",
    "mmsearch query 'meeting notes' -0 | xargs -0 ls -l",
    "mmsearch query --queries-from questions.txt --format jsonl",
)


def query(
    text: Annotated[list[str] | None, typer.Argument(metavar="TEXT", help="What to look for.")] = None,
    image: Annotated[
        str | None, typer.Option("--image", metavar="FILE", help="A picture to look for; TEXT may go with it.")
    ] = None,
    queries_from: Annotated[
        str | None, typer.Option("--queries-from", metavar="FILE|-", help="Ask every line of FILE.")
    ] = None,
    k: options.Count = 10,
    all_segments: options.AllSegments = False,
    no_fold: options.NoFold = False,
    min_score: options.MinScore = None,
    kind: options.Kinds = None,
    within: options.Within = None,
    since: options.Since = None,
    before: options.Before = None,
    size: options.Size = None,
    lang: options.Languages = None,
    min_duration: options.MinDuration = None,
    max_duration: options.MaxDuration = None,
    pages: options.Pages = None,
    explain: options.Explain = False,
    open: options.Open = 0,
    format: options.Lists = options.ListFormat.TABLE,
    null: options.Null = False,
    index: options.Index = None,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> int:
    """Find places by words or by a picture, best first.

    Exit code 1: nothing found.
    """
    from mmsearch.types import Query

    # With --queries-from, -0 says how the queries end as well; paths of several answers can't be told apart.
    several = queries_from is not None
    format = parsing.list_format(format, null and not several)
    where = parsing.filter_of(kind, within, since, before, size, lang, min_duration, max_duration, pages)
    one = Query(
        image=None if image is None else parsing.existing_file(image, "--image"),
        k=k,
        all_segments=all_segments,
        fold=not no_fold,
        min_score=parsing.finite(min_score, "--min-score"),
        where=where,
    )
    texts = _texts(text, image, queries_from, null, open)
    from mmsearch.index import Index

    with Index.open(parsing.index_folder(index)) as opened:
        answers = [opened.search(replace(one, text=asked)) for asked in texts]
    code = asking.hand_over(answers, texts if several else None, format, null, explain, quiet)
    if open:
        open_hit(answers[0].hits, open)
    return code


def _texts(text: list[str] | None, image: str | None, queries_from: str | None, null: bool, open: int) -> list[str]:
    """The texts to ask for, one or several, without bytes that are no text."""
    if queries_from is not None:
        if text or image or open:
            raise UsageError("--queries-from brings the queries.", "Leave out TEXT, --image and --open.")
        lines = [line.decode("utf-8", "replace") for line in running.read_list(queries_from, null, "--queries-from")]
        asked = [line.strip() for line in lines if line.strip()]
        if not asked:
            raise UsageError(f"There is no query in {queries_from}.", "Write one a line.")
        return asked
    words = os.fsencode(" ".join(text or [])).decode("utf-8", "replace").strip()
    if not words and image is None:
        raise UsageError("There is nothing to look for.", 'Say what: mmsearch query "revenue chart"')
    return [words]
