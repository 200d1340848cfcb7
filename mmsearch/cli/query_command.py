"""`mmsearch query`: find places by words, pictures, sounds, videos and similar files."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Annotated

import typer

from mmsearch.cli import (
    batch,
    exit_codes,
    filter_options,
    html_output,
    locations,
    option_values,
    options,
    query_parts,
    rendering,
)
from mmsearch.cli.desktop_open import open_hit
from mmsearch.errors import UsageError

EXAMPLES = exit_codes.epilog(
    'mmsearch query "revenue chart"',
    "mmsearch query invoice 4711 --kind pdf --since 2024 -k 3",
    "mmsearch query beach kind:image before:'last summer' --sort date",
    "mmsearch query --image photo.jpg --in ~/Pictures",
    "mmsearch query at night --image https://example.org/bridge.jpg",
    "ffmpeg -v error -i talk.mp4 -t 10 -f wav - | mmsearch query --audio -",
    "mmsearch query beach --like holiday.jpg@0.5 --minus crowd",
    "mmsearch query --like 'report.pdf#page=3' --minus draft.pdf",
    "mmsearch query 'meeting notes' -0 | xargs -0 ls -l",
    'mmsearch query "who signed for it" --rerank builtin --rerank-seconds 10',
    "mmsearch query 'boats at night' --format html -o boats.html",
    "mmsearch query --queries-from questions.txt --format jsonl",
    "mmsearch query 'last orders' --why-not menu.pdf",
)


def query(
    text: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="TEXT",
            help='The text to search for. Within quotes of the shell, "a phrase" must be there and -word must not; '
            "kind:pdf, in:FOLDER, name:NAME, after:2024-03, before:DATE, near:DATE, near:LAT,LON,KM, and for mail "
            "from:NAME, to:NAME and subject:WORD are filters.",
        ),
    ] = None,
    image: Annotated[
        list[str] | None,
        typer.Option("--image", metavar="FILE|URL|-", help="A picture to search by; TEXT may go with it. Repeatable."),
    ] = None,
    audio: Annotated[
        list[str] | None,
        typer.Option("--audio", metavar="FILE|URL|-", help="A sound to search by, in the same way. Repeatable."),
    ] = None,
    video: Annotated[
        list[str] | None,
        typer.Option("--video", metavar="FILE|URL|-", help="A video to search by, in the same way. Repeatable."),
    ] = None,
    like: Annotated[
        list[str] | None,
        typer.Option(
            "--like",
            metavar="FILE[@WEIGHT]",
            help="Add a file, or a place in one (FILE#page=3, FILE#t=75); @0.5: half as much as TEXT. Repeatable.",
        ),
    ] = None,
    minus: Annotated[
        list[str] | None,
        typer.Option(
            "--minus",
            metavar="TEXT|FILE[@WEIGHT]",
            help="Subtract words or a file: places like it rank lower (-word in TEXT leaves out). Repeatable.",
        ),
    ] = None,
    literal: Annotated[
        bool, typer.Option("--literal", help="TEXT is searched for as it stands: no operators, quotes or -word in it.")
    ] = False,
    queries_from: Annotated[
        str | None, typer.Option("--queries-from", metavar="FILE|-", help="Answer every line of FILE.")
    ] = None,
    why_not: Annotated[
        str | None,
        typer.Option("--why-not", metavar="FILE", help="Say why FILE is not among the hits, or which hit it is."),
    ] = None,
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
    rerank: options.Rerank = None,
    rerank_top: options.RerankTop = 50,
    rerank_seconds: options.RerankSeconds = None,
    device: options.Device = "auto",
    dtype: options.Dtype = "auto",
    trust_remote_code: options.TrustCode = None,
    allow_download: options.AllowDownload = False,
    instruct: Annotated[
        str, typer.Option("--instruct", metavar="TEXT", help="An instruction to the model, where it takes one.")
    ] = "",
    query_encoder: Annotated[
        str,
        typer.Option("--query-encoder", metavar="WHICH", help="onnx: never load torch for words; torch: always; auto."),
    ] = "auto",
    explain: options.Explain = False,
    open: options.Open = 0,
    format: options.HitFormats = options.HitFormat.TABLE,
    output: options.Output = None,
    null: options.Null = False,
    index: options.Index = None,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> int:
    """Find places by words, pictures, sounds, videos or files.

    The best place is first. Exit code 1: nothing found.
    """
    from mmsearch.query import Query, RunOptions
    from mmsearch.retrieval.queries import query_operators

    run_options = RunOptions(
        device=device,
        dtype=dtype,
        allow_download=allow_download,
        trust_remote_code=tuple(trust_remote_code or ()),
        query_encoder=query_encoder,
        instruct=instruct.strip(),
        rerank=rerank,
        rerank_top=rerank_top,
        rerank_seconds=None if rerank_seconds is None else option_values.seconds(rerank_seconds, "--rerank-seconds"),
    )
    # With --queries-from, -0 is about the queries too: lists of paths could not be assigned to their queries.
    listed = html_output.hit_format(format, null and queries_from is None, output)
    where = filter_options.build_filter(
        kind, within, since, before, size, lang, min_duration, max_duration, pages, near, senders, recipients
    )
    one = Query(
        literal=literal,
        like=tuple(query_parts.like_part(typed) for typed in like or ()),
        minus=tuple(query_parts.minus_part(typed) for typed in minus or ()),
        k=k,
        all_segments=all_segments,
        fold=not no_fold,
        min_score=option_values.least_score(min_score, all),
        sort=sort,
        reverse=reverse,
        where=where,
    )
    pictured = bool(image or audio or video or like)
    if queries_from is not None:
        if text or pictured or open or why_not is not None:
            raise UsageError(
                "--queries-from brings the queries.",
                "Leave out TEXT, --image, --audio, --video, --like, --open and --why-not.",
            )
        if listed is None:
            raise UsageError("--format html writes one query.", "Use --format jsonl, json, csv, paths or table.")
        return batch.answer_lines(queries_from, one, run_options, index, listed, null, explain, quiet)
    typed = " ".join(text or []) if literal else query_operators.joined(text or [])
    words = os.fsencode(typed).decode("utf-8", "replace").strip()  # without bytes that are no text
    if not words and not pictured and (not where or minus):
        raise UsageError("There is nothing to look for.", 'Say what: mmsearch query "revenue chart"')
    from mmsearch.index import Index

    with query_parts.QueryFiles() as query_files:
        one = replace(
            one,
            text=words,
            images=query_files.paths(image, "--image"),
            audios=query_files.paths(audio, "--audio"),
            videos=query_files.paths(video, "--video"),
        )
        media = [os.fsdecode(path) for path in (*one.images, *one.audios, *one.videos)]
        media += [os.fsdecode(part.file) for part in one.like if part.file is not None]
        folder = locations.index_folder(index)
        with Index.open(folder) as opened, rendering.comparison_spinner(media, quiet):
            if why_not is not None:
                found = opened.why_not(one, locations.absolute(why_not), run_options)
                return rendering.write_why_not(found, listed or options.ListFormat.PATHS)
            answer = opened.search(one, run_options)
    if listed is None:
        code = html_output.write_page(answer, words or "Hits", output, folder, opened.may_open, quiet)
    else:
        code = rendering.write_answer(answer, listed, null, explain, quiet, sort)
    if open:
        open_hit(answer.hits, open, opened.may_open)
    return code
