"""`mmsearch watch`: bring an index up to date as files change."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mmsearch.cli import exit_codes, locations, options
from mmsearch.cli.stop_signals import stoppable
from mmsearch.errors import UsageError
from mmsearch.output import streams
from mmsearch.output.formatting import counted

if TYPE_CHECKING:
    from mmsearch.watching.folder_watch import FolderWatch

EXAMPLES = exit_codes.epilog(
    "mmsearch watch                          # all folders of the index",
    "mmsearch watch ~/Documents ~/Pictures   # takes these in, and watches them",
    "mmsearch watch --install                # prints a service that does it",
    "mmsearch watch --install --yes          # installs it",
)
_ENDS = (exit_codes.USAGE, exit_codes.UNUSABLE, exit_codes.BUG)  # of the first run, after which nothing can go well


def watch(
    folder: Annotated[
        list[str] | None,
        typer.Argument(metavar="FOLDER", help="Folders to take in and watch. Default: all that the index covers."),
    ] = None,
    install: Annotated[
        bool, typer.Option("--install", help="Print the file of a service that watches, and where it belongs.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="With --install: write that file and start the service.")] = False,
    index: options.Index = None,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> int:
    """Bring the index up to date as files change.

    Each time changes have ended, `mmsearch index` runs. Ctrl-C ends; what a run has committed is kept.
    """
    from mmsearch.config import require_index
    from mmsearch.watching.folder_watch import require_library

    if yes and not install:
        raise UsageError("--yes is for --install.", "mmsearch watch --install --yes")
    require_library()
    place = locations.index_folder(index)
    named = [locations.absolute(name) for name in folder or ()]
    for one in named:
        if not os.path.isdir(one):
            raise UsageError(f"{os.fsdecode(one)} is no folder.", "Name folders; `mmsearch index` takes files.")
    if not named:
        require_index(place)
    if install:
        return _install(place, named, yes, quiet)
    with stoppable() as stop:
        return _watch(place, named, quiet, lambda: stop() is not None, lambda: stop.exit_code)


def _watch(place: Path, named: Sequence[bytes], quiet: bool, stop: Callable[[], bool], ended: Callable[[], int]) -> int:
    """Run, wait for changes, run again, until a signal comes. Returns the exit code."""
    from mmsearch.watching.folder_watch import FolderWatch
    from mmsearch.watching.run_schedule import next_run

    began = time.monotonic()
    # Folders are watched from before the first run, so that no change falls between.
    before = _folders(place, named) or dict.fromkeys(map(os.path.realpath, named), False)
    watched = FolderWatch(before, _index_path(place), stop)
    told = ""
    try:
        code = _run(place, named, quiet)
        if code in _ENDS:
            return code
        while not stop():
            lasted_s = time.monotonic() - began
            folders = _folders(place, named) or watched.folders
            if folders != watched.folders:
                watched.close()
                watched = FolderWatch(folders, _index_path(place), stop)
            told = _tell(watched, told, quiet)
            if not next_run(watched, stop, lasted_s):
                break
            began = time.monotonic()
            _run(place, [path for path in named if os.path.isdir(path)], quiet)
    except KeyboardInterrupt:
        pass
    finally:
        watched.close()
    return ended()


def _tell(watched: FolderWatch, told: str, quiet: bool) -> str:
    """Say what is watched, and how, where that has changed. Returns what was said."""
    problem, folders = watched.problem, watched.folders
    sentence = f"{counted(len(folders), 'folder')} watched."
    if problem:
        sentence = f"{problem} {counted(len(folders), 'folder')} scanned every minute instead."
    if sentence != told and (problem or not quiet):
        hint = "Raise fs.inotify.max_user_watches by sysctl." if "inotify" in problem else ""
        streams.write_note(sentence, hint)
    return sentence


def _run(place: Path, named: Sequence[bytes], quiet: bool) -> int:
    """`mmsearch index` in a process of its own: its models take no memory while nothing changes. Returns its exit
    code."""
    command = [sys.executable, "-P", "-m", "mmsearch", "index", "--wait", "--index", str(place)]
    command += [*(["--quiet"] if quiet else []), "--", *map(os.fsdecode, named)]
    run = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    try:
        return run.wait()
    except BaseException:
        with contextlib.suppress(OSError):
            run.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            run.wait(1.5)
        raise


def _folders(place: Path, named: Sequence[bytes]) -> Mapping[bytes, bool]:
    """The folders of the index that are watched, and whether hidden entries in them count; empty where the index can't
    be read now."""
    from mmsearch.errors import IndexUnusable
    from mmsearch.watching.watched_folders import watched_folders

    with contextlib.suppress(IndexUnusable):
        return watched_folders(place, named)
    return {}


def _index_path(place: Path) -> bytes:
    return os.path.realpath(os.fsencode(place))


def _install(place: Path, named: Sequence[bytes], yes: bool, quiet: bool) -> int:
    from mmsearch.watching import service_units

    command = [sys.executable, "-P", "-m", "mmsearch", "watch", "--quiet", "--index", str(place)]
    command += ["--", *map(os.fsdecode, named)]
    text = service_units.service_text(place, command)
    target = service_units.service_file(place)
    starts = service_units.start_commands(place)
    if not yes:
        streams.write_text(text)
        lines = [f"This belongs in {target}. `mmsearch watch --install --yes` writes it, and runs:"]
        streams.write_message(*([] if quiet else [*lines, *(f"  {' '.join(words)}" for words in starts)]))
        return exit_codes.DONE
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        new = target.with_name(f".{target.name}.{os.getpid()}")
        new.write_text(text, "utf-8")
        os.replace(new, target)
    except OSError as error:
        raise UsageError(
            f"{target} can't be written: {error.strerror}.", "Write it yourself: leave out --yes."
        ) from error
    for words in starts:
        try:
            done = subprocess.run(words, capture_output=True, text=True, timeout=30, check=False)
            problem = "" if done.returncode == 0 else (done.stderr.strip().splitlines() or ["it failed"])[0]
        except (OSError, subprocess.TimeoutExpired) as error:
            problem = str(error)
        if problem:
            raise UsageError(
                f"{target} is written, but `{' '.join(words)}` did not work: {problem}", "Run it yourself."
            )
    if not quiet:
        streams.write_message(f"{target} is written, and the service runs.")
    return exit_codes.DONE
