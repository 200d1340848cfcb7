"""The models of a run: that they are those of the index, their embedders, what they need of extraction."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mmsearch.config import Settings
from mmsearch.encoding import encoders
from mmsearch.encoding import grants as granting
from mmsearch.encoding.contents import Space, needs_of
from mmsearch.encoding.read import SPEECH_RATE, Transcribes
from mmsearch.errors import ModelMismatch, UntrustedModel
from mmsearch.models.device import further_devices
from mmsearch.models.model_options import ModelOptions
from mmsearch.models.registry import resolve
from mmsearch.run_record import Remark
from mmsearch.store.snapshot import SpaceRow
from mmsearch.store.spaces import plain_name
from mmsearch.trust import Grant
from mmsearch.types import Needs, View

if TYPE_CHECKING:
    import numpy as np

    from mmsearch.models.embedder import Embedder


class Models:
    """The models of a run: the embedders of the spaces that it fills (`rows`), loaded when the first segment asks for
    them unless they are `ready`, by space, and the readers. `grants` has what the user allowed, by space."""

    def __init__(
        self,
        rows: Sequence[SpaceRow],
        settings: Settings,
        grants: Mapping[int, Grant],
        said: Sequence[Remark] = (),
        ready: Mapping[int, Embedder] | None = None,
    ) -> None:
        self.rows = rows
        self._grants = grants
        self._settings = settings
        self._loaded: dict[int, tuple[Embedder, ...]] = {}
        self._said = list(said)
        self._ready = dict(ready or {})
        self.waits_for = ""  # what the encode stage is busy with before it can encode: `loading builtin`
        self.hear: Callable[[], Transcribes] | None = self._transcriber if settings.transcribe else None

    @property
    def ocr_engine(self) -> str:
        """The fingerprint of what reads pictures."""
        from mmsearch.models.ocr import engine

        return engine() if self._settings.ocr != "never" else ""

    def needs(self, rows: Sequence[SpaceRow], reading: bool = True) -> Needs:
        """What extraction must give for these spaces, by the limits of their models, and with `reading` for the
        readers. Known without loading a model."""
        rate = SPEECH_RATE if reading and self.hear is not None else 0
        held = ({view: row.fingerprint.get(view, {}) for view in row.views} for row in rows)
        return needs_of(held, self._settings.ocr if reading else "never", rate)

    def load(self, present: frozenset[View], rows: Sequence[SpaceRow] | None = None) -> list[Space]:
        """Those of some spaces (None: of all) that take one of the views that are there, with their embedders. Called
        in the encode stage's thread; slow where a model is asked for the first time."""
        found = []
        for row in self.rows if rows is None else rows:
            views = frozenset(View(view) for view in row.views)
            if views & present:
                embedder, *others = self._replicas(row)
                found.append(Space(row.id, embedder, views, row.fingerprint, tuple(others)))
        return found

    def probes(self, row: SpaceRow, texts: Sequence[str]) -> np.ndarray:
        """Text queries in a space, float32 (n, dimension), to set an ann file's recall by."""
        return self._replicas(row)[0].embed(View.TEXT, list(texts), role="query")

    def remarks(self) -> Iterator[Remark]:
        """What opening and loading had to say, each thing once."""
        while self._said:
            yield self._said.pop(0)

    def _replicas(self, row: SpaceRow) -> tuple[Embedder, ...]:
        """The embedder of a space, and the same model on each further GPU where no certain device was asked for."""
        if row.id not in self._loaded:
            self.waits_for = f"loading {plain_name(row)}"
            try:
                self._load(row)
            finally:
                self.waits_for = ""
        return self._loaded[row.id]

    def _load(self, row: SpaceRow) -> None:
        """Load the model of a space, and have its query encoder."""
        first = self._ready.pop(row.id, None) or load_embedder(row, self._grants.get(row.id), self._settings)
        check_identity(row, first.fingerprint())
        settled = replace(self._settings, dtype=first.precision.dtype)
        devices = further_devices(first.precision.device)
        grant = self._grants.get(row.id)
        others = [load_embedder(row, grant, replace(settled, device=device)) for device in devices]
        self._loaded[row.id] = (first, *others)
        beside = f", and on {len(others)} more of this machine's GPUs" if others else ""
        if choice := first.choice():
            self._said.append(Remark(f"The model {plain_name(row)} computes in {choice}{beside}."))
        if View.TEXT in first.views:
            self._export(row)

    def _export(self, row: SpaceRow) -> None:
        """Have a query encoder in the user's cache where there is none, or none that works here."""
        self.waits_for = f"exporting the query encoder of {plain_name(row)}"
        options = model_options(row, self._grants.get(row.id), ModelOptions())
        said = encoders.provide(row, self._loaded[row.id][0], granting.spec_of(row), options)
        self._said += [said] if said else []

    def _transcriber(self) -> Transcribes:
        from mmsearch.models.speech import Transcriber

        source = resolve(self._settings.transcribe).source
        transcriber: Transcribes = Transcriber(source, allow_download=self._settings.allow_download)
        return transcriber


def load_embedder(row: SpaceRow, grant: Grant | None, settings: Settings) -> Embedder:
    """The embedder of a space with the options that the user allowed it with, on the device and in the precision of the
    settings. Raises `UntrustedModel` for a model outside the box without a grant."""
    from mmsearch.models.registry import load

    return load(granting.spec_of(row), model_options(row, grant, machine_options(settings)))


def model_options(row: SpaceRow, grant: Grant | None, here: ModelOptions) -> ModelOptions:
    """The options of a space's model: those of this machine, and those that were allowed; nothing of them is read from
    the catalogue. Raises `UntrustedModel` for a model outside the box without a grant."""
    if granting.in_box(row):
        return here
    if grant is None:
        raise UntrustedModel(
            f"The model {plain_name(row)} was never allowed for this index, so it is not loaded.",
            "`mmsearch trust DIR` shows what an index would load, and allows it.",
        )
    return granting.granted_options(grant, here)


def machine_options(settings: Settings) -> ModelOptions:
    """How models are loaded on this machine, whichever they are."""
    return ModelOptions(
        device=None if settings.device == "auto" else settings.device,
        dtype=None if settings.dtype == "auto" else settings.dtype,
        attn=settings.attn or None,
        batch_size=settings.batch_size or None,
        allow_download=settings.allow_download,
    )


def check_identity(row: SpaceRow, now: dict[str, Any]) -> None:
    """Raise `ModelMismatch`, saying which part differs, unless a model is the one that a space was made with."""
    difference = differs(row.fingerprint, now)
    if difference:
        raise ModelMismatch(
            f"The model {plain_name(row)} is not the one this index was made with: its {difference}.",
            "Go on with the mmsearch and the model that made it, make its spaces anew (--rebuild), or another index"
            " (--index NAME).",
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
