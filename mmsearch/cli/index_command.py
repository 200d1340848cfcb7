"""`mmsearch index`: make an index, or bring it up to date."""

from __future__ import annotations

import math

import typer

from mmsearch.cli import exit_codes, index_options, locations, option_values, options, run_update
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
    path: index_options.Path = None,
    dry_run: index_options.DryRun = False,
    here: index_options.Here = False,
    files_from: index_options.FilesFrom = None,
    null: index_options.Null = False,
    ocr: index_options.Ocr = "auto",
    ocr_lang: index_options.OcrLang = "",
    no_ocr: index_options.NoOcr = False,
    speech: index_options.Speech = None,
    transcribe: index_options.Transcribe = None,
    include: index_options.Include = None,
    exclude: index_options.Exclude = None,
    hidden: index_options.Hidden = None,
    no_ignore: index_options.NoIgnore = None,
    max_size: index_options.MaxSize = None,
    network_mounts: index_options.NetworkMounts = None,
    archives: index_options.Archives = None,
    shard: index_options.Shard = None,
    reset_filters: index_options.ResetFilters = False,
    recheck: index_options.Recheck = False,
    workers: index_options.Workers = 0,
    device: index_options.Device = "auto",
    dtype: index_options.Dtype = "auto",
    batch_size: index_options.BatchSize = 0,
    retry_failed: index_options.RetryFailed = False,
    refresh: index_options.Refresh = False,
    allow_mass_delete: index_options.AllowMassDelete = False,
    time_budget: index_options.TimeBudget = None,
    wait: index_options.Wait = False,
    summary_json: index_options.SummaryJson = None,
    profile: index_options.Profile = False,
    allow_download: index_options.AllowDownload = False,
    model: index_options.Model = None,
    add_model: index_options.AddModel = None,
    rebuild: index_options.Rebuild = False,
    revision: index_options.Revision = "",
    attn: index_options.Attn = "",
    max_pixels: index_options.MaxPixels = 0,
    min_pixels: index_options.MinPixels = 0,
    frames: index_options.Frames = 0,
    fps: index_options.Fps = 0.0,
    dim: index_options.Dim = 0,
    trust_remote_code: options.TrustCode = None,
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
    if transcribe is not None and not transcribe.strip():
        raise UsageError("--transcribe names no model.", "Name a Whisper, or leave the option out: one is built in.")
    if null and files_from is None:
        raise UsageError("-0 is for the names in --files-from.", "Add --files-from FILE.")
    here, index = _place(context, here, index)
    settings = Settings(
        models=tuple(model or ()),
        ocr="never" if no_ocr else ocr,
        ocr_lang=ocr_lang,
        speech=speech,
        transcribe=transcribe or "",
        include=tuple(include or ()),
        exclude=tuple(exclude or ()),
        hidden=hidden,
        ignore_files=None if no_ignore is None else not no_ignore,
        max_bytes=option_values.byte_count(max_size, "--max-size") if max_size else None,
        network=network_mounts,
        archives=archives,
        shard=option_values.shard(shard, "--shard") if shard else None,
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
