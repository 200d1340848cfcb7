"""The models of a run: the embedders of the spaces that it fills, what they need of extraction, and the readers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from mmsearch.config import Settings
from mmsearch.encoding import encoders
from mmsearch.encoding import grants as granting
from mmsearch.encoding.contents import Space, needs_of
from mmsearch.encoding.space_models import check_identity, load_embedder, model_options
from mmsearch.models.device import further_devices
from mmsearch.models.model_options import ModelOptions
from mmsearch.run_record import Remark
from mmsearch.store.spaces import SpaceRow, is_late
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
        self.ocr_lang = settings.ocr_lang
        self._loaded: dict[int, tuple[Embedder, ...]] = {}
        self._said = list(said)
        self._ready = dict(ready or {})
        self.waits_for = ""  # what the encode stage is busy with before it can encode: `loading builtin`

    @property
    def ocr_engine(self) -> str:
        """The fingerprint of what reads pictures."""
        from mmsearch.models.recognition.ocr import engine

        return engine() if self._settings.ocr != "never" else ""

    def needs(self, rows: Sequence[SpaceRow], reading: bool = True) -> Needs:
        """The needs of extraction for these spaces, by the limits of their models, and with `reading` for
        OCR. No model is loaded for it."""
        held = ({view: row.fingerprint.get(view, {}) for view in row.views} for row in rows)
        return needs_of(held, self._settings.ocr if reading else "never")

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
        """The remarks of opening and loading models, each once."""
        while self._said:
            yield self._said.pop(0)

    def _replicas(self, row: SpaceRow) -> tuple[Embedder, ...]:
        """The embedder of a space, and the same model on each further GPU where no certain device was asked for."""
        if row.id not in self._loaded:
            self.waits_for = f"loading {granting.shown_name(row)}"
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
        if choice := first.describe_precision():
            self._said.append(Remark(f"The model {granting.shown_name(row)} computes in {choice}{beside}."))
        if View.TEXT in first.views or is_late(row):
            self._export(row)

    def _export(self, row: SpaceRow) -> None:
        """Have a query encoder in the user's cache where there is none, or none that works here."""
        self.waits_for = f"exporting the query encoder of {granting.shown_name(row)}"
        options = model_options(row, self._grants.get(row.id), ModelOptions())
        said = encoders.provide(row, self._loaded[row.id][0], granting.spec_of(row), options)
        self._said += [said] if said else []
