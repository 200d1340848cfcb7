"""`mmsearch similar`: find places like a file, or like one place in it."""

from __future__ import annotations

from typing import Annotated

import typer

from mmsearch.cli import exit_codes, filter_options, html_output, locations, option_values, options, rendering
from mmsearch.cli.desktop_open import open_hit
from mmsearch.output.formatting import display_path

EXAMPLES = exit_codes.epilog(
    "mmsearch similar holiday/beach.jpg",
    "mmsearch similar 'report.pdf#page=3' --kind pdf",
    "mmsearch similar 'talk.mp4#t=75' -k 5",
)


def similar(
    file: Annotated[str, typer.Argument(metavar="FILE[#page=N|#t=S]", help="A file, or a page or second of it.")],
    k: options.Count = 10,
    all_segments: options.AllSegments = False,
    no_fold: options.NoFold = False,
    min_score: options.MinScore = None,
    all: options.All = False,
    sort: options.Sort = "score",
    reverse: options.Reverse = False,
    kind: options.Kinds = None,
    within: options.Within = None,
    since: options.Since = None,
    before: options.Before = None,
    near: options.Near = None,
    size: options.Size = None,
    lang: options.Languages = None,
    min_duration: options.MinDuration = None,
    max_duration: options.MaxDuration = None,
    pages: options.Pages = None,
    senders: options.Senders = None,
    recipients: options.Recipients = None,
    explain: options.Explain = False,
    open: options.Open = 0,
    format: options.HitFormats = options.HitFormat.TABLE,
    output: options.Output = None,
    null: options.Null = False,
    index: options.Index = None,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> int:
    """Find what is most like a file: `query --like FILE`.

    Exit code 1: nothing found.
    """
    from mmsearch.query import Query

    listed = html_output.hit_format(format, null, output)
    asked = Query(
        k=k,
        all_segments=all_segments,
        fold=not no_fold,
        min_score=option_values.least_score(min_score, all),
        sort=sort,
        reverse=reverse,
        where=filter_options.build_filter(
            kind, within, since, before, size, lang, min_duration, max_duration, pages, near, senders, recipients
        ),
    )
    from mmsearch.index import Index

    target, folder = locations.absolute(file), locations.index_folder(index)
    with Index.open(folder) as opened, rendering.comparison_spinner([file], quiet):
        answer = opened.similar(target, asked)
    if listed is None:
        title = f"Like {display_path(target)}"
        code = html_output.write_page(answer, title, output, folder, opened.may_open, quiet)
    else:
        code = rendering.write_answer(answer, listed, null, explain, quiet, sort)
    if open:
        open_hit(answer.hits, open, opened.may_open)
    return code
