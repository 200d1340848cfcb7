"""`mmsearch index`: make an index, or bring it up to date."""

from __future__ import annotations

import math
from typing import Annotated

import typer

from mmsearch.cli import exit_codes, locations, option_values, options, run_update
from mmsearch.errors import UsageError
from mmsearch.output import streams

EXAMPLES = exit_codes.epilog(
    "mmsearch index ~/Documents ~/Pictures",
    "mmsearch index                             # all folders of the index, again",
    "mmsearch index --here --no-ocr .",
    "find . -name '*.pdf' -print0 | mmsearch index --files-from - -0",
    "mmsearch index --quiet --time-budget 20m   # from cron",
    "mmsearch index --model photos ~/Pictures   # see `mmsearch models`",
    "mmsearch index --add-model clap:audio",
)


def index(
    context: typer.Context,
    path: Annotated[
        list[str] | None,
        typer.Argument(metavar="PATH", help="Folders and files. Default: all that the index covers."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Report what would be done, and write nothing.")] = False,
    here: Annotated[bool, typer.Option("--here", help="Keep the index in .mmsearch/ of this folder.")] = False,
    files_from: Annotated[
        str | None, typer.Option("--files-from", metavar="FILE|-", help="Index the files named in FILE, one a line.")
    ] = None,
    null: Annotated[bool, typer.Option("-0", "--null", help="Names in --files-from end with a NUL byte.")] = False,
    ocr: Annotated[
        str, typer.Option("--ocr", metavar="auto|always|never", help="OCR: words in pictures and scanned pages.")
    ] = "auto",
    no_ocr: Annotated[bool, typer.Option("--no-ocr", help="The same as --ocr never.")] = False,
    transcribe: Annotated[
        str, typer.Option("--transcribe", metavar="MODEL", help="Recognise speech with this Whisper-class model.")
    ] = "",
    include: Annotated[
        list[str] | None,
        typer.Option("--include", metavar="GLOB", help="Only files that match. Repeatable. Remembered."),
    ] = None,
    exclude: Annotated[
        list[str] | None, typer.Option("--exclude", metavar="GLOB", help="No files that match. Repeatable. Remembered.")
    ] = None,
    hidden: Annotated[
        bool | None,
        typer.Option("--hidden/--no-hidden", help="Hidden files and folders too. Remembered."),
    ] = None,
    no_ignore: Annotated[
        bool | None,
        typer.Option("--no-ignore/--ignore", help="Do not honour .gitignore, .mmsearchignore. Remembered."),
    ] = None,
    max_size: Annotated[
        str | None, typer.Option("--max-size", metavar="SIZE", help="Skip files larger than this (500M). Remembered.")
    ] = None,
    network_mounts: Annotated[
        bool | None,
        typer.Option(
            "--network-mounts/--no-network-mounts",
            help="Network and FUSE mounts in a folder too; one that is named as PATH always. Remembered.",
        ),
    ] = None,
    reset_filters: Annotated[
        bool, typer.Option("--reset-filters", help="First drop the remembered values of the six options above.")
    ] = False,
    recheck: Annotated[
        bool, typer.Option("--recheck", help="Read every file again, even if its size and times are the same.")
    ] = False,
    workers: Annotated[
        int,
        typer.Option(
            "--workers",
            metavar="N",
            min=0,
            show_default=False,
            help="Worker processes that decode; 0: by the number of cores.",
        ),
    ] = 0,
    device: Annotated[
        str, typer.Option("--device", metavar="DEVICE", help="cpu, cuda (every GPU), cuda:1, mps.")
    ] = "auto",
    dtype: Annotated[str, typer.Option("--dtype", metavar="TYPE", help="float32, bfloat16, float16.")] = "auto",
    batch_size: Annotated[
        int,
        typer.Option(
            "--batch-size", metavar="N", min=0, show_default=False, help="Segments per batch; 0: found by measuring."
        ),
    ] = 0,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Try files again that failed before.")] = False,
    refresh: Annotated[bool, typer.Option("--refresh", help="Extract again what an older version extracted.")] = False,
    allow_mass_delete: Annotated[
        bool, typer.Option("--allow-mass-delete", help="Remove files even if most of a folder is gone.")
    ] = False,
    time_budget: Annotated[
        str | None,
        typer.Option("--time-budget", metavar="TIME", help="Stop after 20m, 1h30m ..., keep the work; exit 5."),
    ] = None,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait for another run to end, or exit 6.")] = False,
    summary_json: Annotated[
        str | None, typer.Option("--summary-json", metavar="FILE|-", help="Write the run's record as JSON.")
    ] = None,
    profile: Annotated[
        bool, typer.Option("--profile", help="Show how busy each stage was, and which one was the bottleneck.")
    ] = False,
    allow_download: Annotated[
        bool, typer.Option("--allow-download/--offline", help="Download models that are not on this machine.")
    ] = False,
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model", metavar="MODEL[:VIEW,VIEW]", help="The model, or a preset, of a new index. Repeatable."
        ),
    ] = None,
    add_model: Annotated[
        list[str] | None,
        typer.Option("--add-model", metavar="MODEL[:VIEW,VIEW]", help="Add a model to an index. Repeatable."),
    ] = None,
    rebuild: Annotated[
        bool,
        typer.Option(
            "--rebuild", help="Encode everything again, with --model if given, then replace the old embeddings."
        ),
    ] = False,
    revision: Annotated[
        str, typer.Option("--revision", metavar="REV", help="The model's commit, branch or tag on the hub.")
    ] = "",
    attn: Annotated[
        str, typer.Option("--attn", metavar="KIND", help="eager, sdpa, flash_attention_2: how attention is computed.")
    ] = "",
    max_pixels: Annotated[
        int,
        typer.Option(
            "--max-pixels",
            metavar="N",
            min=0,
            show_default=False,
            help="Most pixels of a picture that the model gets.",
        ),
    ] = 0,
    min_pixels: Annotated[
        int,
        typer.Option(
            "--min-pixels", metavar="N", min=0, show_default=False, help="Smaller pictures are enlarged to this many."
        ),
    ] = 0,
    frames: Annotated[
        int,
        typer.Option(
            "--frames",
            metavar="N",
            min=0,
            show_default=False,
            help="Most frames of a scene that a video model gets.",
        ),
    ] = 0,
    fps: Annotated[
        float,
        typer.Option(
            "--fps", metavar="N", min=0, show_default=False, help="Most frames per second that a video model gets."
        ),
    ] = 0.0,
    dim: Annotated[
        int,
        typer.Option(
            "--dim",
            metavar="N",
            min=0,
            show_default=False,
            help="Cut vectors to this many dimensions, where the model allows it.",
        ),
    ] = 0,
    trust_remote_code: Annotated[
        list[str] | None,
        typer.Option(
            "--trust-remote-code", metavar="MODEL", help="Let MODEL run the code that it comes with. Repeatable."
        ),
    ] = None,
    index: options.Index = None,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> int:
    """Make an index of folders, or bring it up to date.

    Unchanged files are not read again. What a run has committed is kept, however it ends.
    """
    from mmsearch.config import Settings

    if files_from is not None and path:
        raise UsageError("--files-from and PATH both name files.", "Leave one of them out.")
    if null and files_from is None:
        raise UsageError("-0 is for the names in --files-from.", "Add --files-from FILE.")
    here, index = _place(context, here, index)
    settings = Settings(
        models=tuple(model or ()),
        ocr="never" if no_ocr else ocr,
        transcribe=transcribe,
        include=tuple(include or ()),
        exclude=tuple(exclude or ()),
        hidden=hidden,
        ignore_files=None if no_ignore is None else not no_ignore,
        max_bytes=option_values.byte_count(max_size, "--max-size") if max_size else None,
        network=network_mounts,
        reset_filters=reset_filters,
        recheck=recheck,
        workers=workers,
        device=device,
        dtype=dtype,
        batch_size=batch_size,
        retry_failed=retry_failed,
        refresh=refresh,
        allow_mass_delete=allow_mass_delete,
        allow_download=allow_download,
        time_budget_s=option_values.seconds(time_budget, "--time-budget") if time_budget else None,
        wait_s=math.inf if wait else 0.0,
        dry_run=dry_run,
        add_models=tuple(add_model or ()),
        rebuild=rebuild,
        attn=attn,
        revision=revision,
        max_pixels=max_pixels,
        min_pixels=min_pixels,
        frames=frames,
        fps=fps,
        dim=dim,
        trust_remote_code=tuple(trust_remote_code or ()),
    )
    targets = _targets(path, files_from, null)
    if targets == []:
        if not quiet:
            streams.write_message("The list of files is empty: nothing to do.")
        return exit_codes.DONE
    folder = locations.index_folder(index, here)
    return run_update.update(
        folder,
        targets,
        settings,
        listed=files_from is not None,
        quiet=quiet,
        summary_json=summary_json,
        index=index,
        profile=profile,
    )


def _place(context: typer.Context, here: bool, index: str | None) -> tuple[bool, str | None]:
    """--here and --index, at most one of them set: a flag wins over a variable, and that over the config file. Raises
    `UsageError` where both come from the same source."""
    if not here or index is None:
        return here, index
    order = ("DEFAULT_MAP", "ENVIRONMENT", "COMMANDLINE")
    sources = [context.get_parameter_source(name) for name in ("here", "index")]
    first, second = (order.index(source.name) if source and source.name in order else -1 for source in sources)
    if first == second:
        raise UsageError("--here and --index name two different folders.", "Leave one of them out.")
    return (True, None) if first > second else (False, index)


def _targets(paths: list[str] | None, files_from: str | None, null: bool) -> list[bytes] | None:
    """The absolute paths to index; None: everything that the index covers."""
    if files_from is not None:
        names = run_update.read_list(files_from, null, "--files-from")
        if any(b"\0" in name for name in names):
            raise UsageError(
                f"--files-from: a name in {files_from} contains a NUL byte.", "If NUL bytes end the names, add -0."
            )
        return [locations.absolute(name) for name in names]
    return [locations.absolute(name) for name in paths] if paths else None
