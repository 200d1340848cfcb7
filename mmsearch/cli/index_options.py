"""The options of `mmsearch index`. Those that other commands have as well are in `options.py`."""

from __future__ import annotations

from typing import Annotated

import typer

Path = Annotated[
    list[str] | None,
    typer.Argument(metavar="PATH", help="Folders and files. Default: all that the index covers."),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Report what would be done, and write nothing.")]
Here = Annotated[bool, typer.Option("--here", help="Keep the index in .mmsearch/ of this folder.")]
FilesFrom = Annotated[
    str | None, typer.Option("--files-from", metavar="FILE|-", help="Index the files named in FILE, one a line.")
]
Null = Annotated[bool, typer.Option("-0", "--null", help="Names in --files-from end with a NUL byte.")]
Ocr = Annotated[
    str, typer.Option("--ocr", metavar="auto|always|never", help="OCR: words in pictures and scanned pages.")
]
OcrLang = Annotated[
    str, typer.Option("--ocr-lang", metavar="LANG[+LANG]", help="OCR by Tesseract in these languages: rus+ara.")
]
NoOcr = Annotated[bool, typer.Option("--no-ocr", help="The same as --ocr never.")]
Speech = Annotated[
    bool | None,
    typer.Option("--speech/--no-speech", help="Transcribe recordings, as the last stage. Remembered."),
]
Transcribe = Annotated[
    str | None, typer.Option("--transcribe", metavar="MODEL", help="Transcribe with this Whisper instead.")
]
Include = Annotated[
    list[str] | None,
    typer.Option("--include", metavar="GLOB", help="Only files that match. Repeatable. Remembered."),
]
Exclude = Annotated[
    list[str] | None, typer.Option("--exclude", metavar="GLOB", help="No files that match. Repeatable. Remembered.")
]
Hidden = Annotated[
    bool | None,
    typer.Option("--hidden/--no-hidden", help="Hidden files and folders too. Remembered."),
]
NoIgnore = Annotated[
    bool | None,
    typer.Option("--no-ignore/--ignore", help="Do not honour .gitignore, .mmsearchignore. Remembered."),
]
MaxSize = Annotated[
    str | None, typer.Option("--max-size", metavar="SIZE", help="Skip files larger than this (500M). Remembered.")
]
NetworkMounts = Annotated[
    bool | None,
    typer.Option(
        "--network-mounts/--no-network-mounts",
        help="Network and FUSE mounts in a folder too; one that is named as PATH always. Remembered.",
    ),
]
Archives = Annotated[
    bool | None,
    typer.Option("--archives/--no-archives", help="Files in zip and tar archives too: a.zip!/b.pdf. Remembered."),
]
Shard = Annotated[
    str | None,
    typer.Option("--shard", metavar="N/COUNT", help="A share of the files, for `mmsearch merge`: 3/16. Remembered."),
]
ResetFilters = Annotated[
    bool, typer.Option("--reset-filters", help="First drop the remembered values of the eight options above.")
]
Recheck = Annotated[
    bool, typer.Option("--recheck", help="Read every file again, even if its size and times are the same.")
]
Workers = Annotated[
    int,
    typer.Option(
        "--workers",
        metavar="N",
        min=0,
        show_default=False,
        help="Worker processes that decode; 0: by the number of cores.",
    ),
]
Device = Annotated[str, typer.Option("--device", metavar="DEVICE", help="cpu, cuda (every GPU), cuda:1, mps.")]
Dtype = Annotated[str, typer.Option("--dtype", metavar="TYPE", help="float32, bfloat16, float16.")]
BatchSize = Annotated[
    int,
    typer.Option(
        "--batch-size", metavar="N", min=0, show_default=False, help="Segments per batch; 0: found by measuring."
    ),
]
RetryFailed = Annotated[bool, typer.Option("--retry-failed", help="Try files again that failed before.")]
Refresh = Annotated[bool, typer.Option("--refresh", help="Extract again what an older version extracted.")]
AllowMassDelete = Annotated[
    bool, typer.Option("--allow-mass-delete", help="Remove files even if most of a folder is gone.")
]
TimeBudget = Annotated[
    str | None,
    typer.Option("--time-budget", metavar="TIME", help="Stop after 20m, 1h30m ..., keep the work; exit 5."),
]
Wait = Annotated[bool, typer.Option("--wait/--no-wait", help="Wait for another run to end, or exit 6.")]
SummaryJson = Annotated[
    str | None, typer.Option("--summary-json", metavar="FILE|-", help="Write the run's record as JSON.")
]
Profile = Annotated[
    bool, typer.Option("--profile", help="Show how busy each stage was, and which one was the bottleneck.")
]
AllowDownload = Annotated[
    bool, typer.Option("--allow-download/--offline", help="Download models that are not on this machine.")
]
Model = Annotated[
    list[str] | None,
    typer.Option("--model", metavar="MODEL[:VIEW,VIEW]", help="The model, or a preset, of a new index. Repeatable."),
]
AddModel = Annotated[
    list[str] | None,
    typer.Option("--add-model", metavar="MODEL[:VIEW,VIEW]", help="Add a model to an index. Repeatable."),
]
Rebuild = Annotated[
    bool,
    typer.Option("--rebuild", help="Encode everything again, with --model if given, then replace the old embeddings."),
]
Revision = Annotated[
    str, typer.Option("--revision", metavar="REV", help="The model's commit, branch or tag on the hub.")
]
Attn = Annotated[
    str, typer.Option("--attn", metavar="KIND", help="eager, sdpa, flash_attention_2: how attention is computed.")
]
MaxPixels = Annotated[
    int,
    typer.Option(
        "--max-pixels",
        metavar="N",
        min=0,
        show_default=False,
        help="Most pixels of a picture that the model gets.",
    ),
]
MinPixels = Annotated[
    int,
    typer.Option(
        "--min-pixels", metavar="N", min=0, show_default=False, help="Smaller pictures are enlarged to this many."
    ),
]
Frames = Annotated[
    int,
    typer.Option(
        "--frames",
        metavar="N",
        min=0,
        show_default=False,
        help="Most frames of a scene that a video model gets.",
    ),
]
Fps = Annotated[
    float,
    typer.Option(
        "--fps", metavar="N", min=0, show_default=False, help="Most frames per second that a video model gets."
    ),
]
Dim = Annotated[
    int,
    typer.Option(
        "--dim",
        metavar="N",
        min=0,
        show_default=False,
        help="Cut vectors to this many dimensions, where the model allows it.",
    ),
]
