"""Settings: defaults < config file < environment < flags. This file owns the environment and where things live."""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmsearch.errors import NoIndex, UsageError

FOLDER_NAME = ".mmsearch"  # the index folder that `index --here` makes
DEFAULT_NAME = "default"


@dataclass(frozen=True, slots=True)
class Settings:
    """What an index run is asked to do, checked before any model is loaded."""

    models: tuple[str, ...] = ()  # empty: the index's own, or the built-in model for a new index
    ocr: str = "auto"  # auto | always | never
    transcribe: str = ""  # a Whisper-class model; empty: no speech recognition
    include: tuple[str, ...] = ()  # globs, gitignore syntax; empty: all
    exclude: tuple[str, ...] = ()
    hidden: bool = False  # walk into hidden files and folders
    ignore_files: bool = True  # honour .gitignore and .mmsearchignore
    max_bytes: int | None = None  # larger files are skipped
    workers: int = 0  # extraction processes per flavour; 0: by the number of cores
    device: str = "auto"
    dtype: str = "auto"
    batch_size: int = 0  # 0: found by measuring
    retry_failed: bool = False
    refresh: bool = False  # redo what an older extractor made
    allow_mass_delete: bool = False
    allow_download: bool = False  # models that are not on this machine
    time_budget_s: float | None = None
    wait_s: float = 0.0  # for the writer lock
    dry_run: bool = False

    def __post_init__(self) -> None:
        if self.ocr not in ("auto", "always", "never"):
            raise UsageError(f"--ocr can't be {self.ocr!r}.", "Choose auto, always or never.")
        for name, value in (("--workers", self.workers), ("--batch-size", self.batch_size)):
            if value < 0:
                raise UsageError(f"{name} can't be negative.", "Leave it out to have it chosen.")


def data_home() -> Path:
    """Where the user's own indexes live."""
    import platformdirs

    return Path(platformdirs.user_data_dir("mmsearch", appauthor=False))


def cache_home() -> Path:
    """Where remembered measurements live (batch sizes): all of it can be deleted."""
    import platformdirs

    return Path(platformdirs.user_cache_dir("mmsearch", appauthor=False))


def index_folder(index: str | None, here: bool = False, start: Path | None = None) -> Path:
    """The index folder that a command means.

    `index` is a name (an index beside the default one) or a folder (it contains a slash or is `.`); without it, the
    nearest `.mmsearch/` in `start` or a folder above that the user owns, else the user's default index. `here` asks
    for `.mmsearch/` in `start` itself.
    """
    start = start or Path.cwd()
    if index is not None and not index.strip():
        raise UsageError("The name of the index is empty.", "Give a name, or a folder with a slash in it.")
    if index is not None and ("/" in index or index in (".", "..")):
        return Path(index).expanduser().absolute()
    if index is not None:
        return data_home() / index
    if here:
        return start.absolute() / FOLDER_NAME
    for folder in (start.absolute(), *start.absolute().parents):
        candidate = folder / FOLDER_NAME
        if candidate.is_dir() and candidate.stat().st_uid == os.getuid():
            return candidate
    return data_home() / DEFAULT_NAME


def require_index(folder: Path) -> None:
    """Raise `NoIndex` with the next step unless there is an index in `folder`."""
    if not (folder / "catalogue.db").is_file():
        raise NoIndex(
            f"There is no index at {folder}.", "Build one with `mmsearch index FOLDER`, or name one with --index."
        )


def config_file() -> Path:
    """The user's config file. Nothing in an indexed folder is ever read as configuration."""
    if named := os.environ.get("MMSEARCH_CONFIG"):
        return Path(named)
    import platformdirs

    return Path(platformdirs.user_config_dir("mmsearch", appauthor=False)) / "config.toml"


def load_config(path: Path, known: dict[str, set[str]]) -> dict[str, dict[str, Any]]:
    """Options by command from a TOML file: a table per command (`[index]`, `[query]`) with long option names.

    `known` holds the option names of each command, with underscores. A missing file is an empty config. Raises
    `UsageError` for bad TOML and for names that no command has.
    """
    try:
        tables = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"The config file {path} can't be read: {error}.", "Mend it, or move it away.") from error
    result: dict[str, dict[str, Any]] = {}
    for command, options in tables.items():
        if command not in known or not isinstance(options, dict):
            raise UsageError(
                f"The config file {path} has {command!r}, which is no command's table.",
                f"Tables are {', '.join(sorted(known))}.",
            )
        names = {name.replace("-", "_"): value for name, value in options.items()}
        if unknown := sorted(set(names) - known[command]):
            raise UsageError(
                f"The config file {path} sets {unknown[0]!r} for {command}, which has no such option.",
                f"See mmsearch {command} --help.",
            )
        result[command] = names
    return result
