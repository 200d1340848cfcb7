"""`mmsearch rank`: files and texts by how well they answer a query, without an index."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from mmsearch.cli import exit_codes, input_arguments, option_values, options
from mmsearch.output import records, streams, table
from mmsearch.output.formatting import display_path, one_line, place

EXAMPLES = exit_codes.epilog(
    'mmsearch rank "a boat in the harbour" *.jpg --model clip',
    "mmsearch rank 'who pays for it' *.pdf --model qwen3-reranker-0.6b",
    "ls ~/Notes/* | mmsearch rank 'garden plans' - --lines --format paths",
    "mmsearch rank photo.jpg other/*.jpg --model clip -k 3 -0 | xargs -0 ls -l",
)
COLUMNS = tuple(
    "input path path_bytes text kind view rank score page start_s end_s line_start line_end snippet".split()
)


def rank(
    query: Annotated[str, typer.Argument(metavar="QUERY", help="The query: a text, or a file.")],
    inputs: Annotated[list[str], typer.Argument(metavar="FILE|TEXT...", help="What to rank; - is standard input.")],
    model: Annotated[
        str, typer.Option("--model", metavar="MODEL[:VIEW,VIEW]", help="A reranker, or an embedder.")
    ] = "builtin",
    k: Annotated[int | None, typer.Option("-k", metavar="N", min=1, help="How many at most; by default all.")] = None,
    min_score: options.MinScore = None,
    text: input_arguments.AsText = False,
    file: input_arguments.AsFile = False,
    lines: input_arguments.Lines = False,
    no_ocr: input_arguments.NoOcr = False,
    instruct: input_arguments.Instruct = "",
    max_pixels: input_arguments.MaxPixels = None,
    frames: input_arguments.Frames = None,
    revision: input_arguments.Revision = None,
    device: options.Device = "auto",
    dtype: options.Dtype = "auto",
    trust_remote_code: options.TrustCode = None,
    allow_download: options.AllowDownload = False,
    format: options.Lists = options.ListFormat.TABLE,
    null: Annotated[
        bool, typer.Option("-0", "--null", help="The arguments, each ended by a NUL byte, for `xargs -0`.")
    ] = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> int:
    """Rank files and texts by how well they answer a query.

    The best is first; the score of a file is that of its best place. A score is that of a reranker, 0 to 1, or
    with an embedder the cosine to the query. Exit code 1: nothing is left; 4: one of them could not be scored.
    """
    format = options.list_format(format, null)
    least = option_values.finite(min_score, "--min-score")
    chosen = input_arguments.model_options(
        model,
        trust_remote_code,
        device=device,
        dtype=dtype,
        max_pixels=max_pixels,
        frames=frames,
        revision=revision,
        allow_download=allow_download,
    )
    with (
        input_arguments.parsed_inputs([query], text, False, False, True) as (asked,),
        input_arguments.parsed_inputs(inputs, text, file, lines, quiet) as named,
    ):
        ranking = _ranked(asked, named, model, instruct, "never" if no_ocr else "auto", chosen)
        kept = [one for one in ranking.ranked if least is None or one.score >= least][:k]
        _put([_record(number, one, named) for number, one in enumerate(kept, 1)], kept, named, format, null)
    if not quiet:
        for note in ranking.notes:
            streams.write_note(note)
    input_arguments.report(ranking.skipped)
    if ranking.skipped:
        return exit_codes.SOME_FAILED
    return exit_codes.DONE if kept else exit_codes.NOTHING_FOUND


def _ranked(query: Any, inputs: list[Any], name: str, instruct: str, ocr: str, chosen: Any) -> Any:
    from mmsearch.models.model_files import is_reranker
    from mmsearch.models.registry import load, resolve
    from mmsearch.models.rerankers import load_reranker
    from mmsearch.retrieval.ad_hoc.ad_hoc_ranking import ranked_by_embedding, reranked

    spec = resolve(name)
    if is_reranker(spec, chosen):
        return reranked(load_reranker(spec, chosen), query, inputs, instruct or None, ocr)
    return ranked_by_embedding(load(spec, chosen), spec.limited_to, query, inputs, instruct or None, ocr)


def _record(rank: int, one: Any, inputs: list[Any]) -> dict[str, Any]:
    """One input, schema `mmsearch.ranked/1`."""
    return {
        "schema": "mmsearch.ranked/1",
        "input": one.input_index + 1,
        **input_arguments.named(inputs[one.input_index]),
        "kind": str(one.kind),
        "view": one.view,
        "rank": rank,
        "score": one.score,
        **records.place_record(one.locator),
        "snippet": " ".join(one.words.split())[:200],
    }


def _put(
    rows: list[dict[str, Any]], kept: list[Any], inputs: list[Any], format: options.ListFormat, null: bool
) -> None:
    if format is options.ListFormat.JSON:
        records.write_json(rows)
    elif format is options.ListFormat.JSONL:
        records.write_jsonl(rows)
    elif format is options.ListFormat.CSV:
        records.write_csv(rows, COLUMNS)
    elif format is options.ListFormat.PATHS:
        named = [inputs[one.input_index] for one in kept]
        records.write_paths((item.name for item in named), null)
    else:
        table.write_columns(
            [_row(rank, one, inputs[one.input_index]) for rank, one in enumerate(kept, 1)], right=(0, 1)
        )


def _row(rank: int, one: Any, item: Any) -> list[str]:
    where = " ".join(part for part in (display_path(item.name), place(one.locator)) if part) if item.path else ""
    said = one_line(one.words)
    return [str(rank), f"{one.score:.3f}", str(one.kind), where, said if len(said) <= 120 else said[:119] + "…"]
