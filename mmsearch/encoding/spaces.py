"""The spaces of an index: which models it holds, that they are still the same, and the embedders that fill them."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmsearch.config import Settings, cache_home
from mmsearch.encoding.encode import Space
from mmsearch.encoding.read import Transcribes
from mmsearch.errors import ModelMismatch, ModelUnavailable
from mmsearch.models import builtin
from mmsearch.models.known import ModelSpec
from mmsearch.models.options import ModelOptions
from mmsearch.models.registry import resolve
from mmsearch.store.catalogue import transaction
from mmsearch.store.layout import IndexFolder, sync
from mmsearch.store.snapshot import SpaceRow, spaces
from mmsearch.types import Remark

if TYPE_CHECKING:
    import numpy as np

    from mmsearch.models.embedder import Embedder

SPEECH_RATE = 16_000  # Hz: what Whisper-class models hear


class Models:
    """The models of a run: the spaces' embedders, loaded when the first segment asks for them, and the readers."""

    def __init__(self, folder: IndexFolder, rows: Sequence[SpaceRow], settings: Settings) -> None:
        self.rows = rows
        self._folder = folder
        self._settings = settings
        self._loaded: dict[int, Embedder] = {}
        self._said: list[Remark] = []
        self.look_pixels = 0
        self.frames = 0
        self.sound_rate = SPEECH_RATE if settings.transcribe else 0
        self.hear: Callable[[], Transcribes] | None = self._transcriber if settings.transcribe else None

    @property
    def ocr_engine(self) -> str:
        """The fingerprint of what reads pictures."""
        from mmsearch.models.ocr import engine

        return engine() if self._settings.ocr != "never" else ""

    def load(self) -> list[Space]:
        """Every space with its embedder. Called in the encode stage's thread; slow the first time."""
        return [Space(row.id, self._embedder(row)) for row in self.rows]

    def probes(self, row: SpaceRow, texts: Sequence[str]) -> np.ndarray:
        """Text queries in a space, float32 (n, dimension), to set an ann file's recall by."""
        from mmsearch.types import View

        return self._embedder(row).embed(View.TEXT, list(texts), role="query")

    def remarks(self) -> Iterator[Remark]:
        """What loading had to say, each thing once."""
        while self._said:
            yield self._said.pop(0)

    def _embedder(self, row: SpaceRow) -> Embedder:
        if row.id not in self._loaded:
            embedder = load_embedder(row, self._settings)
            check_identity(row, embedder.fingerprint())
            self._loaded[row.id] = embedder
            self._said.append(Remark(f"The model {row.name} computes in {embedder.choice()}."))
            self._export(row)
        return self._loaded[row.id]

    def _export(self, row: SpaceRow) -> None:
        """Put the query encoder into the index folder where there is none, or none that works here."""
        place = encoder_folder(self._folder, row)
        if not _works(place, row):
            try:
                _copy_encoder(_exported(row), place)
            except ModelUnavailable as error:
                self._said.append(Remark(f"Queries will load the whole model: {error.sentence}", error.hint))

    def _transcriber(self) -> Transcribes:
        from mmsearch.models.speech import Transcriber

        transcriber: Transcribes = Transcriber(self._settings.transcribe, allow_download=self._settings.allow_download)
        return transcriber


def _works(place: Path, row: SpaceRow) -> bool:
    """Whether a folder holds a query encoder of a space that loads."""
    from mmsearch.models.query_encoder import OnnxTextEncoder

    try:
        return bool(OnnxTextEncoder(place).fingerprint == row.fingerprint["text"])
    except ModelUnavailable:
        return False


def _exported(row: SpaceRow) -> Path:
    """The query encoder of a space's model in the user's cache, made there the first time: an export takes some ten
    seconds, and every index of a model needs the same one."""
    from mmsearch.models.export import export_query_encoder

    name = hashlib.sha256(json.dumps(row.fingerprint, sort_keys=True).encode()).hexdigest()[:24]
    place = cache_home() / "encoders" / name
    if not _works(place, row):
        export_query_encoder(resolve(row.name), place)
    return place


def _copy_encoder(source: Path, place: Path) -> None:
    """Copy an encoder's folder; it appears complete or not at all."""
    place.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".", dir=place.parent) as draft:
        copy = Path(draft) / place.name
        shutil.copytree(source, copy)
        for path in [*copy.iterdir(), copy]:
            sync(path)
        if place.exists():
            place.rename(Path(draft) / "old")
        copy.rename(place)
        sync(place.parent)


def encoder_folder(folder: IndexFolder, row: SpaceRow) -> Path:
    """Where the exported query encoder of a space lies."""
    return folder.encoders / str(row.id)


def open_models(folder: IndexFolder, connection: sqlite3.Connection, settings: Settings) -> Models:
    """The models of an index, held against what was asked for; a new index takes the built-in model.

    Raises `ModelMismatch` when other models are asked for than the index was made with, or when a model is not the
    one it was (the sentence says which part differs).
    """
    rows = spaces(connection)
    wanted = settings.models or tuple(row.name for row in rows) or ("builtin",)
    if rows and set(wanted) != {row.name for row in rows}:
        raise ModelMismatch(
            f"This index was made with {', '.join(row.name for row in rows)}, not with {', '.join(wanted)}.",
            "Leave --model out to go on with it, or make another index: --index NAME.",
        )
    specs = [resolve(name) for name in wanted]
    if not rows:
        with transaction(connection, folder):
            for spec in specs:
                _add_space(connection, spec, settings)
        rows = spaces(connection)
    for row in rows:
        if row.name == "builtin":  # the identity of others is known when they are loaded
            check_identity(row, builtin.fingerprint())
    return Models(folder, rows, settings)


def _add_space(connection: sqlite3.Connection, spec: ModelSpec, settings: Settings) -> None:
    if spec.name == "builtin":
        fingerprint, dimension = builtin.fingerprint(), builtin.DIMENSION
    else:
        from mmsearch.models.registry import load

        embedder = load(spec, machine_options(settings))
        fingerprint, dimension = embedder.fingerprint(), embedder.dimension
    name = "builtin" if spec.name == "builtin" else spec.source
    connection.execute(
        "INSERT INTO spaces (name, fingerprint, recorded, dimension, views) VALUES (?, ?, ?, ?, ?)",
        (name, json.dumps(fingerprint), json.dumps({"model": spec.source}), dimension, json.dumps(sorted(fingerprint))),
    )


def load_embedder(row: SpaceRow, settings: Settings) -> Embedder:
    """The embedder of a space with the options that are stored with it, on the device and in the precision of the
    settings."""
    from mmsearch.models.registry import load

    options = machine_options(settings).with_recorded(row.recorded.get("options", {}))
    return load(resolve(str(row.recorded.get("model", row.name)) if row.name != "builtin" else row.name), options)


def machine_options(settings: Settings) -> ModelOptions:
    """How models are loaded on this machine, whichever they are."""
    return ModelOptions(
        device=None if settings.device == "auto" else settings.device,
        dtype=None if settings.dtype == "auto" else settings.dtype,
        attn=settings.attn or None,
        allow_download=settings.allow_download,
    )


def check_identity(row: SpaceRow, now: dict[str, Any]) -> None:
    """Raise `ModelMismatch`, saying which part differs, unless a model is the one that a space was made with."""
    difference = differs(row.fingerprint, now)
    if difference:
        raise ModelMismatch(
            f"The model {row.name} is not the one this index was made with: its {difference}.",
            "Go on with the mmsearch and the model that made the index, or make another: --index NAME.",
        )


def differs(stored: dict[str, Any], now: dict[str, Any], where: str = "") -> str:
    """The first part in which two fingerprints differ, as words; nothing when they agree."""
    for key in sorted(stored.keys() | now.keys()):
        place = f"{where} {key}".strip()
        old, new = stored.get(key), now.get(key)
        if isinstance(old, dict) and isinstance(new, dict):
            if inner := differs(old, new, place):
                return inner
        elif old != new:
            return f"{place} was {old!r} and is {new!r}"
    return ""
