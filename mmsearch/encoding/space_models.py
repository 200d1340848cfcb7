"""Loading the model of a space with the options its user allowed, and the check that it is the one of the index."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mmsearch.config import Settings
from mmsearch.encoding import grants as granting
from mmsearch.errors import ModelMismatch, UntrustedModel
from mmsearch.index_status import Finding, FindingState
from mmsearch.models.libraries import installed_library
from mmsearch.models.model_options import ModelOptions
from mmsearch.store.spaces import SpaceRow
from mmsearch.trust import Grant
from mmsearch.types import View

if TYPE_CHECKING:
    from mmsearch.models.embedder import Embedder


def load_embedder(row: SpaceRow, grant: Grant | None, settings: Settings) -> Embedder:
    """The embedder of a space with the options that the user allowed it with, on the device and in the precision of the
    settings, without parts that none of the space's views needs. Raises `UntrustedModel` for a model that neither comes
    with mmsearch nor has a grant."""
    from mmsearch.models.registry import load

    options = model_options(row, grant, machine_options(settings))
    return load(granting.spec_of(row), replace(options, views=frozenset(View(view) for view in row.views)))


def model_options(row: SpaceRow, grant: Grant | None, here: ModelOptions) -> ModelOptions:
    """The options of a space's model: those of this machine, and those that were allowed; nothing of them is read from
    the catalogue. Raises `UntrustedModel` for a model that neither comes with mmsearch nor has a grant."""
    if granting.in_box(row):
        return here
    if grant is None:
        raise UntrustedModel(
            f"The model {granting.shown_name(row)} was never allowed for this index, so it is not loaded.",
            "`mmsearch trust DIR` shows what an index would load, and allows it.",
        )
    return granting.granted_options(grant, here)


def machine_options(settings: Settings) -> ModelOptions:
    """How models are loaded on this machine, whichever they are."""
    return ModelOptions.of(
        device=settings.device,
        dtype=settings.dtype,
        attn=settings.attn,
        batch_size=settings.batch_size or None,
        allow_download=settings.allow_download,
    )


def check_identity(row: SpaceRow, now: dict[str, Any]) -> None:
    """Raise `ModelMismatch`, saying which part differs, unless a model is the one that a space was made with."""
    difference = differs(row.fingerprint, now)
    if difference:
        raise ModelMismatch(
            f"The model {granting.shown_name(row)} is not the one this index was made with: its {difference}.",
            "Go on with the mmsearch and the model that made it, make its spaces anew (--rebuild), or another index"
            " (--index NAME).",
        )


def checked_libraries(rows: Iterable[SpaceRow]) -> Finding:
    """Whether spaces whose vectors depend on the order of contents were made with the library that is installed."""
    invariant = "The library that orders contents is the one that the spaces were made with"
    here, wrong = installed_library(), []
    for row in rows:
        made = {str(facts["library"]) for facts in row.fingerprint.values() if facts.get("library")}
        if here and made and made != {here}:
            old = granting.shortened(", ".join(sorted(made)))
            wrong.append(f"{granting.shown_name(row)} was made with {old}, and {here} is installed.")
    if not wrong:
        return Finding(invariant, FindingState.OK)
    hint = "Install that version again, or make the spaces anew: mmsearch index --rebuild"
    return Finding(invariant, FindingState.DERIVED, " ".join(wrong), hint)


def differs(stored: dict[str, Any], now: dict[str, Any], where: str = "") -> str:
    """The first part in which two fingerprints differ, as words; nothing when they agree."""
    for key in sorted(stored.keys() | now.keys()):
        place = f"{where} {key}".strip()
        old, new = stored.get(key), now.get(key)
        if key == "library" and old is None:  # an earlier version did not record it
            continue
        if isinstance(old, dict) and isinstance(new, dict):
            if inner := differs(old, new, place):
                return inner
        elif old != new:
            return f"{place} was {old!r} and is {new!r}"
    return ""
