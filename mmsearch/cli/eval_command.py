"""`mmsearch eval`: measure an index by queries whose answers are known."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mmsearch.cli import exit_codes, input_files, locations, options
from mmsearch.errors import UsageError
from mmsearch.output import formatting, records, streams, table

if TYPE_CHECKING:
    from mmsearch.evaluation.judgements import JudgedQuery
    from mmsearch.evaluation.metrics import Difference, Figure
    from mmsearch.evaluation.report import Report
    from mmsearch.evaluation.runner import RankedAnswer

EXAMPLES = exit_codes.epilog(
    "mmsearch eval sample_corpus/queries.jsonl",
    "mmsearch eval queries.jsonl --no-names --save before.json",
    "mmsearch eval queries.jsonl --compare before.json --fail-under nDCG@10=0.9",
    "mmsearch eval queries.jsonl --rerank ettin-32m --compare before.json",
    "mmsearch eval queries.jsonl --qrels qrels/test.tsv --base files",
)
_PROGRESS_S = 15.0  # between two progress messages


def eval(
    queries: Annotated[str, typer.Argument(metavar="QUERIES.jsonl", help="Queries with their right answers.")],
    base: Annotated[
        str | None,
        typer.Option(
            "--base", metavar="DIR", help="Where the answers' paths begin. [default: beside QUERIES, or media/]"
        ),
    ] = None,
    qrels: Annotated[
        str | None, typer.Option("--qrels", metavar="FILE", help="The right answers, as TREC or BEIR judgements.")
    ] = None,
    gallery: Annotated[
        str | None, typer.Option("--gallery", metavar="G", help="Only the queries of this gallery.")
    ] = None,
    k: options.Count = 10,
    rerank: options.Rerank = None,
    rerank_top: options.RerankTop = 50,
    allow_download: options.AllowDownload = False,
    no_names: Annotated[
        bool, typer.Option("--no-names", help="Search without the names of files and folders.")
    ] = False,
    compare: Annotated[
        str | None, typer.Option("--compare", metavar="RUN.json", help="Test the change since a saved run.")
    ] = None,
    save: Annotated[str | None, typer.Option("--save", metavar="RUN.json", help="Keep rankings and figures.")] = None,
    fail_under: Annotated[
        list[str] | None,
        typer.Option("--fail-under", metavar="METRIC=VALUE", help="Exit 1 below this overall figure. Repeatable."),
    ] = None,
    format: options.Reports = options.ReportFormat.TABLE,
    index: options.Index = None,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> int:
    """Measure search quality on queries whose answers are known.

    Figures have 95% intervals over the queries.
    """
    from mmsearch.evaluation import judgements, runner
    from mmsearch.evaluation import report as reports
    from mmsearch.index import Index
    from mmsearch.query import RunOptions

    run_options = RunOptions(rerank=rerank, rerank_top=rerank_top, allow_download=allow_download)
    wanted = reports.floors(fail_under or (), k)
    place = locations.index_folder(index)
    if save is not None:
        locations.refuse_inside(save, place, "--save")
    before = None
    if compare is not None:
        with input_files.announced(compare):
            before = reports.read_scores(Path(compare))
    with input_files.announced(queries):
        judged = judgements.read_queries(Path(queries))
    if qrels is not None:
        with input_files.announced(qrels):
            judged = judgements.with_qrels(judged, judgements.read_qrels(Path(qrels)))
    judged = _of_gallery(judged, gallery)
    folder = runner.base_folder(queries, base)
    with Index.open(place) as opened:
        judged, missing = runner.present(judged, folder)
        ranked = list(
            _with_progress(runner.run(opened, judged, folder, k, not no_names, run_options), len(judged), quiet)
        )
        told = reports.report(ranked, opened.status(), k, not no_names, before, missing)
    if save is not None:
        _save(save, told)
    if format is options.ReportFormat.JSON:
        records.write_json(reports.record(told))
    else:
        _put_table(told)
    if not quiet:
        for note in told.notes:
            streams.write_note(note)
    failures = reports.below(told, wanted)
    streams.write_message(*failures)
    return exit_codes.NOTHING_FOUND if failures else exit_codes.DONE


def _of_gallery(judged: list[JudgedQuery], gallery: str | None) -> list[JudgedQuery]:
    if gallery is None:
        return judged
    wanted = gallery.strip("/")
    kept = [one for one in judged if one.gallery.strip("/") == wanted]
    if not kept:
        known = ", ".join(sorted({one.gallery.strip("/") for one in judged if one.gallery}))
        raise UsageError(f"No query has the gallery {gallery!r}.", f"There are: {known}." if known else "")
    return kept


def _with_progress(ranked: Iterable[RankedAnswer], total: int, quiet: bool) -> Iterator[RankedAnswer]:
    """The same, with a progress message now and then."""
    began = said = time.monotonic()
    for number, one in enumerate(ranked, 1):
        yield one
        now = time.monotonic()
        if not quiet and now - said >= _PROGRESS_S and number < total:
            left = (now - began) / number * (total - number)
            streams.write_message(f"{number:,} of {total:,} queries; {formatting.approximate_duration(left)} left")
            said = now


def _save(path: str, told: Report) -> None:
    from mmsearch.evaluation.report import record

    try:
        with input_files.announced(path):
            Path(path).write_text(records.to_json(record(told)) + "\n", "utf-8")
    except OSError as error:
        raise UsageError(f"--save: {path} can't be written: {error.strerror}.", "Choose another place.") from error


def _put_table(told: Report) -> None:
    """The figures in per cent, a row for all queries, each gallery and each modality."""
    from mmsearch.evaluation.metrics import measures

    shown = [name for name in measures(told.k) if name in told.groups[0].figures]
    head = ["", "", "queries", *shown, "p50", "p95"]
    rows = [head]
    for group in told.groups:
        cells = [_cell(group.figures.get(name)) for name in shown]
        times = [f"{1000 * seconds:.0f} ms" for seconds in (group.p50_s, group.p95_s)]
        rows.append([group.by, formatting.escaped(group.name), f"{group.queries:,}", *cells, *times])
    table.write_columns(rows, right=range(2, len(head)))
    if told.changes:
        streams.write_text("\nchange since the saved run\n")
        table.write_columns(
            [["", "queries", "before", "now", "change", "p"], *map(_changed, told.changes)], right=range(1, 6)
        )
    lines = [f"{formatting.escaped(view)}: {how}\n" for view, how in told.search.items()]
    names = "" if told.names else "names switched off for the measurement\n"
    streams.write_text("".join(["\n", *lines, names]))


def _cell(figure: Figure | None) -> str:
    return "-" if figure is None else f"{100 * figure.mean:.1f} [{100 * figure.low:.1f} {100 * figure.high:.1f}]"


def _changed(change: Difference) -> list[str]:
    span = f"{100 * change.change:+.1f} [{100 * change.low:+.1f} {100 * change.high:+.1f}]"
    return [
        change.measure,
        f"{change.queries:,}",
        f"{100 * change.before:.1f}",
        f"{100 * change.now:.1f}",
        span,
        f"{change.p:.3f}",
    ]
