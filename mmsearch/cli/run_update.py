"""A run that changes an index, for `index` and `failed --retry`: its events are shown, its record becomes the exit
code."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mmsearch.cli import exit_codes, input_files, locations
from mmsearch.cli.stop_signals import stoppable
from mmsearch.errors import UsageError
from mmsearch.output import records, streams
from mmsearch.output.profile import profile_lines
from mmsearch.output.progress import show_progress
from mmsearch.output.summary import command_line, run_summary
from mmsearch.run_record import RunOutcome

if TYPE_CHECKING:
    from mmsearch.config import Settings
    from mmsearch.run_record import RunRecord


def update(
    folder: Path,
    targets: Sequence[bytes] | None,
    settings: Settings,
    *,
    listed: bool = False,
    command: str = "index",
    quiet: bool = False,
    summary_json: str | None = None,
    index: str | None = None,
    profile: bool = False,
) -> int:
    """Run `Index.update`, show it, write its record to `summary_json`, and return the exit code. `profile` shows how
    busy its stages were, also with `quiet`."""
    from mmsearch.config import require_index
    from mmsearch.index import Index

    if targets is None:
        require_index(folder)  # to bring up to date what is not there would make an empty index
    if summary_json:
        locations.refuse_inside(summary_json, folder, "--summary-json")
        _clear(summary_json)
    advice = ["`--no-ocr` leaves out reading words from pictures, `--no-speech` transcribing;"]
    advice += ["Ctrl-C keeps what is done, and the same command goes on from there."]
    with stoppable() as stop:
        events = Index.update(folder, targets, settings, listed=listed, command=command, stop=stop)
        try:
            record = show_progress(stop.watched(events), quiet, " ".join(advice), command_line("failed", index))
        except KeyboardInterrupt:
            return stop.exit_code
        code = exit_code(record, stop.exit_code, settings.dry_run)
        if summary_json:
            _write(summary_json, record)
        close(record, code, quiet, settings.dry_run, index)
        if profile and not settings.dry_run:
            streams.write_message(*profile_lines(record.profile))
    return code


def exit_code(record: RunRecord, interrupted: int, dry_run: bool = False) -> int:
    """The exit code of a run's record: stopped early wins over failures, both over success."""
    if record.outcome == RunOutcome.INTERRUPTED:
        return interrupted
    left = record.pending or record.behind or record.untranscribed or record.lost_commits
    if record.outcome != RunOutcome.DONE or (left and not dry_run):
        return exit_codes.STOPPED_EARLY
    some_failed = (
        record.failed or record.missing or record.partial or record.caught_up_partly or record.transcribed_partly
    )
    return exit_codes.SOME_FAILED if some_failed else exit_codes.DONE


def close(record: RunRecord, code: int, quiet: bool, dry_run: bool = False, index: str | None = None) -> None:
    """Write the summary: that of a dry run to stdout, since it is the result of the command; any other to stderr,
    without the notes that were shown as they came."""
    shown = () if quiet or dry_run else record.notes
    lines = [line for line in run_summary(record, index, dry_run) if line not in shown]
    if dry_run:
        streams.write_text("".join(f"{line}\n" for line in lines))
    elif not quiet:
        streams.write_message(*lines)
    elif code not in (exit_codes.DONE, exit_codes.SOME_FAILED):
        streams.write_message(*lines[1:])


def _clear(path: str) -> None:
    """Remove an older run's record, so that it is not mistaken for that of a run that can't start."""
    if path == "-":
        return
    parent = os.path.dirname(os.path.abspath(path))
    if not os.access(parent, os.W_OK) or os.path.isdir(path):
        raise UsageError(f"The summary can't be written to {path}.", "Choose a file in a folder that you can write to.")
    if os.path.lexists(path) and stat.S_ISREG(os.lstat(path).st_mode):
        os.unlink(path)


def _write(path: str, record: RunRecord) -> None:
    if path == "-":
        records.write_json(records.run_record(record))
        return
    try:
        with input_files.announced(path), open(path, "w", encoding="utf-8") as file:
            file.write(records.to_json(records.run_record(record), indent=2) + "\n")
    except OSError as error:
        raise UsageError(
            f"The summary can't be written to {path}: {error.strerror}.", "Choose another file."
        ) from error


def read_list(source: str, null: bool, option: str) -> list[bytes]:
    """The entries of a list in a file, or for `-` on stdin: lines, or with `null` what stands between NUL bytes.

    Empty entries are left out. Raises `UsageError` for a list that can't be read.
    """
    try:
        if source == "-":
            if sys.stdin is None:
                raise UsageError(f"{option} - reads standard input, which is closed.", "Give a file instead.")
            data = input_files.read_all(sys.stdin.buffer, source, option)
        else:
            with input_files.announced(source), open(source, "rb") as file:
                data = input_files.read_all(file, source, option)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"{option} can't be read from {source}: {reason}.", "Give a file, or - for stdin.") from error
    return [entry for entry in data.split(b"\0" if null else b"\n") if entry]
