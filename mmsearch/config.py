"""The settings of a run, and the paths of data, configuration, cache and index folders.

Later sources win: defaults, config file, environment, flags."""

from __future__ import annotations

import os
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from mmsearch.errors import IndexUnusable, NoIndex, UsageError
from mmsearch.types import chosen

FOLDER_NAME = ".mmsearch"  # the index folder that `index --here` makes
DEFAULT_NAME = "default"
DTYPES = ("auto", "float32", "bfloat16", "float16")
MOST_SHARDS = 100_000
ATTENTIONS = ("", "eager", "sdpa", "flash_attention_2")
DEVICE = re.compile(r"(cpu|cuda|mps|xpu|npu|hpu)(:\d+)?")


@dataclass(frozen=True, slots=True)
class Settings:
    """The options of a run, checked before any model is loaded."""

    models: tuple[str, ...] = ()  # or one preset; empty: the index's own, or the built-in model for a new index
    ocr: str = "auto"  # auto | always | never
    transcribe: str = ""  # recordings by this Whisper-class model; empty: by the built-in one
    include: tuple[str, ...] = ()  # globs, gitignore syntax; empty, and None below: as stored for the root
    exclude: tuple[str, ...] = ()
    hidden: bool | None = None  # walk into hidden files and folders
    ignore_files: bool | None = None  # honour .gitignore and .mmsearchignore
    max_bytes: int | None = None  # larger files are skipped
    network: bool | None = None  # walk network and FUSE mounts that lie in a root
    reset_filters: bool = False  # drop the rules that are stored for the roots
    recheck: bool = False  # read every file again, also with unchanged size and times
    workers: int = 0  # extraction processes of each kind; 0: by the number of cores
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
    add_models: tuple[str, ...] = ()  # further spaces for an index
    rebuild: bool = False  # the spaces anew, beside the old ones, with `models` if there are any
    attn: str = ""  # of the models of this run, here and below; empty and 0: the model's own choice
    revision: str = ""
    max_pixels: int = 0
    min_pixels: int = 0
    frames: int = 0
    fps: float = 0.0
    dim: int = 0
    trust_remote_code: tuple[str, ...] = ()  # models that may run code of their own
    speech: bool | None = None  # transcribe recordings; None: as stored for the index, at first yes
    ocr_lang: str = ""  # languages of Tesseract that read all pictures: rus+ara; empty: by script, where in doubt
    archives: bool | None = None  # the files in archives too
    shard: tuple[int, int] | None = None  # the share of the files of the folders: number, from 1, and how many

    def __post_init__(self) -> None:
        if self.ocr not in ("auto", "always", "never"):
            raise UsageError(f"--ocr can't be {self.ocr!r}.", "Choose auto, always or never.")
        for name, choices in (("dtype", DTYPES), ("attn", ATTENTIONS)):
            if getattr(self, name) not in choices:
                wanted = chosen([choice for choice in choices if choice])
                raise UsageError(f"--{name} can't be {getattr(self, name)!r}.", f"Choose {wanted}.")
        if self.device != "auto" and not DEVICE.fullmatch(self.device):
            raise UsageError(f"--device can't be {self.device!r}.", "Choose cpu, cuda, cuda:1, mps or auto.")
        for name in ("workers", "batch_size", "max_pixels", "min_pixels", "frames", "fps", "dim"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise UsageError(f"--{name.replace('_', '-')} can't be negative.", "Leave it out to have it chosen.")
        self._check_options()

    def _check_options(self) -> None:
        """Raise `UsageError` for options that contradict each other, or that no model could take."""
        if self.shard is not None and not 1 <= self.shard[0] <= self.shard[1] <= MOST_SHARDS:
            number, count = self.shard
            raise UsageError(
                f"--shard can't be {number}/{count}.", f"Write 3/16 for the third of 16; at most {MOST_SHARDS:,}."
            )
        if self.max_pixels and self.min_pixels > self.max_pixels:
            raise UsageError("--min-pixels is larger than --max-pixels.", "Exchange them, or leave one out.")
        if self.frames == 1:
            raise UsageError("--frames 1 is no film.", "Take 2 or more; pictures of scenes are looked at in any case.")
        if self.ocr_lang and self.ocr == "never":
            raise UsageError("--ocr-lang is no use without OCR.", "Leave out --ocr-lang, or --no-ocr.")
        if self.rebuild and self.add_models:
            raise UsageError(
                "--rebuild and --add-model are two runs.", "Rebuild with all models: --rebuild --model A --model B"
            )
        if self.add_models and self.models:
            raise UsageError(
                "--add-model is for an index that is there, --model for a new one.", "Leave one of them out."
            )


def data_home() -> Path:
    """The folder of the user's own indexes."""
    import platformdirs

    return _of_home(platformdirs.user_data_dir("mmsearch", appauthor=False))


def cache_home() -> Path:
    """The folder of exported query encoders and stored measurements, all of which can be deleted."""
    import platformdirs

    return _of_home(platformdirs.user_cache_dir("mmsearch", appauthor=False))


def torch_cache() -> dict[str, str]:
    """The environment variable that keeps torch's folder for compiled code out of TMPDIR.

    Importing torch's compiler, which torchcodec and transformers do, makes that folder, and fails where it can't. A
    value that is set stays; without a cache folder that can be written it is left to torch."""
    name = "TORCHINDUCTOR_CACHE_DIR"
    if os.environ.get(name):
        return {}
    folder = cache_home() / "torchinductor"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:
        return {}
    return {name: str(folder)} if os.access(folder, os.W_OK | os.X_OK) else {}


def config_home() -> Path:
    """The folder of the user's configuration: the config file (unless MMSEARCH_CONFIG names another) and the record of
    trusted indexes."""
    import platformdirs

    return _of_home(platformdirs.user_config_dir("mmsearch", appauthor=False))


def _of_home(path: str) -> Path:
    """A folder of the user. Raises `UsageError` without a home: the folder would be made in the working directory."""
    if path.startswith("~"):
        raise UsageError("There is no home folder: HOME is not set.", "Set HOME.")
    return Path(path)


def index_folder(index: str | None, here: bool = False, start: Path | None = None) -> Path:
    """The index folder that a command means.

    `index` is a name (an index beside the default one) or a folder (it contains a slash or is `.`); without it, the
    nearest `.mmsearch/` in `start` or a folder above that the user owns, else the user's default index. `here` asks
    for `.mmsearch/` in `start` itself.
    """
    start = start or Path.cwd()
    if index is not None and not index.strip():
        raise UsageError("--index is empty.", "Give a name, or a folder with a slash in it.")
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


def index_command(folder: Path) -> str:
    """The command that makes an index in a folder, for a hint: without `--index` it would make the default one."""
    try:
        is_default = folder == data_home() / DEFAULT_NAME
    except UsageError:  # no home
        is_default = False
    return "mmsearch index FOLDER" + ("" if is_default else f" --index {shlex.quote(str(folder))}")


def require_index(folder: Path) -> None:
    """Raise `NoIndex` with the next step unless there is an index, or what is left of one, in `folder`."""
    try:
        names = os.listdir(folder)
    except PermissionError as error:
        raise IndexUnusable(
            f"The index {folder} can't be opened ({error.strerror}).",
            "Build an index of your own: `mmsearch index FOLDER --index PLACE`.",
        ) from error
    except OSError:
        names = []
    if not any(name.startswith("catalogue.") for name in names):
        raise NoIndex(
            f"There is no index at {folder}.", f"Build one with `{index_command(folder)}`, or name one with --index."
        )


def config_file() -> Path:
    """The user's config file. Nothing in an indexed folder is ever read as configuration."""
    if named := os.environ.get("MMSEARCH_CONFIG"):
        return Path(named)
    return config_home() / "config.toml"
