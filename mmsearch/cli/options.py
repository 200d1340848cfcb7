"""Options that several commands share, declared once."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from mmsearch.errors import UsageError


class ListFormat(StrEnum):
    """The output format of a list."""

    TABLE = "table"
    JSON = "json"
    JSONL = "jsonl"
    PATHS = "paths"
    CSV = "csv"


class HitFormat(StrEnum):
    """The output format of hits."""

    TABLE = "table"
    JSON = "json"
    JSONL = "jsonl"
    PATHS = "paths"
    CSV = "csv"
    HTML = "html"


class ReportFormat(StrEnum):
    """The output format of a single report."""

    TABLE = "table"
    JSON = "json"


def list_format(requested: ListFormat, null: bool) -> ListFormat:
    """The format of a list: `-0` means paths. Raises `UsageError` where --format asks for something else."""
    if null and requested not in (ListFormat.TABLE, ListFormat.PATHS):
        raise UsageError(f"-0 writes paths, but --format {requested} was given too.", "Leave one of them out.")
    return ListFormat.PATHS if null else requested


def _store_context(context: typer.Context, value: bool) -> bool:
    """Store the command's context in the session, for messages. A callback of `--debug`, which every command has."""
    context.obj.context = context
    context.obj.debug = value
    return value


Index = Annotated[
    str | None,
    typer.Option("--index", metavar="NAME|DIR", help="The index: a name, or a folder (with a slash, or `.`)."),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No output on success; one line per failure.")]
Debug = Annotated[
    bool,
    typer.Option("--debug", callback=_store_context, help="Show the traceback of an unexpected error."),
]
Lists = Annotated[
    ListFormat,
    typer.Option("--format", help="`table` for people (plain columns in a pipe); the others for programs."),
]
HitFormats = Annotated[
    HitFormat,
    typer.Option("--format", help="`table` for people, `html` for a browser; the others for programs."),
]
Output = Annotated[
    str | None, typer.Option("--output", "-o", metavar="FILE|-", help="Where --format html writes its page.")
]
Reports = Annotated[ReportFormat, typer.Option("--format", help="`table` for people, `json` for programs.")]
Null = Annotated[
    bool, typer.Option("-0", "--null", help="Paths only, each ended by a NUL byte, for `xargs -0`; exact bytes.")
]
Count = Annotated[int, typer.Option("-k", metavar="N", min=1, max=10_000, help="How many hits at most.")]
AllSegments = Annotated[bool, typer.Option("--all-segments", help="A row for every place, not one per file.")]
NoFold = Annotated[
    bool,
    typer.Option("--no-fold", help="A row for each of the files with the same content, and messages of a thread."),
]
MinScore = Annotated[
    float | None, typer.Option("--min-score", metavar="SCORE", help="Leave out hits below this score; 0 shows all.")
]
All = Annotated[bool, typer.Option("--all", help="Weak hits, too, which are left out by default: --min-score 0.")]
Sort = Annotated[
    str, typer.Option("--sort", metavar="BY", help="The order of hits: score, date (newest first), name or size.")
]
Reverse = Annotated[bool, typer.Option("--reverse", help="The other way round.")]
Explain = Annotated[bool, typer.Option("--explain", help="Show the rank and score of each signal.")]
Open = Annotated[
    int,
    typer.Option(
        "--open", metavar="N", min=0, show_default=False, help="Open hit N, at its place where the program can."
    ),
]
Kinds = Annotated[
    list[str] | None,
    typer.Option(
        "--kind", metavar="KIND", help="Only text, image, pdf, document, audio, video, mail or other. Repeatable."
    ),
]
Within = Annotated[
    list[str] | None,
    typer.Option("--in", metavar="PATH|GLOB", help="Only files at or below PATH, or whose path matches. Repeatable."),
]
Since = Annotated[
    str | None,
    typer.Option("--since", metavar="WHEN", help="Taken, else changed, since 2024-05, 7d, 'last summer' ..."),
]
Before = Annotated[
    str | None,
    typer.Option("--before", metavar="WHEN", help="Taken, else changed, before 2024-05, 3h, 'march 2024' ..."),
]
Near = Annotated[
    str | None,
    typer.Option(
        "--near",
        metavar="WHEN|LAT,LON,KM",
        help="Taken or changed in 2024-05, 'last summer', 'Q3 2023'; or taken within KM of a place: 48.86,2.29,5.",
    ),
]
Size = Annotated[
    str | None, typer.Option("--size", metavar="RANGE", help="+1M: at least; -10k: at most; 1M..5M: between.")
]
Languages = Annotated[
    list[str] | None, typer.Option("--lang", metavar="CODE", help="Only this language, where known (en). Repeatable.")
]
MinDuration = Annotated[
    str | None, typer.Option("--min-duration", metavar="TIME", help="Recordings at least this long (90s, 1:30, 2h).")
]
MaxDuration = Annotated[
    str | None, typer.Option("--max-duration", metavar="TIME", help="Recordings at most this long.")
]
Pages = Annotated[
    str | None, typer.Option("--pages", metavar="RANGE", help="Documents with 12, +10, -3 or 2..5 pages.")
]
Senders = Annotated[
    list[str] | None, typer.Option("--from", metavar="NAME", help="Only mail from NAME, a name or address. Repeatable.")
]
Recipients = Annotated[
    list[str] | None, typer.Option("--to", metavar="NAME", help="Only mail to NAME, also as a copy. Repeatable.")
]
Rerank = Annotated[
    str | None,
    typer.Option(
        "--rerank",
        metavar="MODEL",
        help="Rerank the best places by a model (`mmsearch models`); `builtin`: words close together.",
    ),
]
RerankTop = Annotated[
    int, typer.Option("--rerank-top", metavar="N", min=1, max=1000, help="How many places --rerank scores.")
]
RerankSeconds = Annotated[
    str | None,
    typer.Option(
        "--rerank-seconds",
        metavar="TIME",
        help="Time limit of --rerank, once loaded; places not scored by then keep their rank.",
    ),
]
Device = Annotated[
    str, typer.Option("--device", metavar="DEVICE", help="The device of models: cpu, cuda, cuda:1, mps.")
]
Dtype = Annotated[
    str, typer.Option("--dtype", metavar="TYPE", help="Precision of models: float32, bfloat16 or float16.")
]
TrustCode = Annotated[
    list[str] | None,
    typer.Option("--trust-remote-code", metavar="MODEL", help="Let MODEL run the code that it comes with. Repeatable."),
]
AllowDownload = Annotated[bool, typer.Option("--allow-download", help="Download a model that is not on this machine.")]
