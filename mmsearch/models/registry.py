"""The models that mmsearch knows by name, and how any name becomes an embedder."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from mmsearch.errors import ModelUnavailable, UsageError
from mmsearch.models import builtin
from mmsearch.models.embedder import Embedder
from mmsearch.models.options import ModelOptions
from mmsearch.types import View, chosen

HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """A model that can be asked for. What is not known before the model was loaded is None.

    `views` are those the model can embed; `limited_to` those the user wants of them."""

    name: str
    source: str  # hub id or folder
    role: str = "embedder"
    views: frozenset[View] | None = None
    dimension: int | None = None
    licence: str | None = None
    limited_to: frozenset[View] | None = None


KNOWN = (
    ModelSpec(
        name="builtin",
        source=builtin.HUB_ID,
        views=frozenset({View.TEXT}),
        dimension=builtin.DIMENSION,
        licence="Apache-2.0",
    ),
)


def resolve(name: str) -> ModelSpec:
    """What `--model` names: an alias, a hub id (`owner/name`) or a local folder (with a slash, or `.`), each with an
    optional `:view,view`. Nothing is loaded. Raises `UsageError`."""
    from dataclasses import replace

    base, limited_to = _views(name.strip())
    for spec in KNOWN:
        if base == spec.name:
            if limited_to and spec.views is not None and not limited_to <= spec.views:
                able = chosen(sorted(spec.views))
                raise UsageError(f"{base} can't embed {chosen(sorted(limited_to - spec.views))}.", f"it takes {able}")
            return replace(spec, limited_to=limited_to)
    if "/" in base or base in (".", ".."):
        folder = Path(base).expanduser()
        if folder.is_dir():
            resolved = folder.resolve()
            return ModelSpec(name=resolved.name, source=str(resolved), limited_to=limited_to)
        if HUB_NAME.fullmatch(base) and not base.startswith("."):
            return ModelSpec(name=base, source=base, limited_to=limited_to)
        raise UsageError(
            f"There is no model folder {base}.", "give a folder that holds a model, or its name on the hub"
        )
    choices = chosen([f'"{spec.name}"' for spec in KNOWN])
    raise UsageError(f'There is no model "{base}".', f"use {choices}, the name of a model on the hub, or a folder")


def load(
    spec: ModelSpec, *, device: str | None = None, dtype: str | None = None, allow_download: bool = False
) -> Embedder:
    """The embedder, ready for use. Raises `ModelUnavailable`, and `UsageError` where it lacks a view of the spec."""
    from mmsearch.models.sentence_transformer import SentenceTransformerEmbedder

    source = spec.source
    known = None
    if spec.name == "builtin":
        folder = builtin.locate(allow_download)
        builtin.verify(folder)
        source, known = str(folder), builtin.identity()
    options = ModelOptions(device=device, dtype=dtype, allow_download=allow_download)
    embedder = SentenceTransformerEmbedder(source, name=spec.name, options=options, identity=known)
    if not embedder.views:
        raise ModelUnavailable(f"{spec.name} embeds nothing that mmsearch can give it.", "use an embedder of texts")
    lacking = (spec.limited_to or frozenset()) - embedder.views
    if lacking:
        able = chosen(sorted(embedder.views))
        raise UsageError(f"{spec.name} can't embed {chosen(sorted(lacking))}.", f"it takes {able}")
    return embedder


def _views(name: str) -> tuple[str, frozenset[View] | None]:
    base, colon, listed = name.rpartition(":")
    if not colon or "/" in listed:
        return name, None
    try:
        return base, frozenset(View(part.strip()) for part in listed.split(","))
    except ValueError:
        choices = chosen([str(view) for view in View])
        raise UsageError(f'"{listed}" after the model\'s name is no list of views.', f"use {choices}") from None
