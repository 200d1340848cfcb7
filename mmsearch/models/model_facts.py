"""The models with a short name and what is known of each on this machine. Nothing is loaded."""

from __future__ import annotations

import json
from dataclasses import dataclass

from mmsearch.config import data_home
from mmsearch.models import builtin, registry
from mmsearch.models.downloads import recorded
from mmsearch.models.hub import bytes_on_disk, commit_of
from mmsearch.models.images import image_weights
from mmsearch.models.model_catalogue import ModelSpec
from mmsearch.models.registry import known_models, resolve, revision_of, state
from mmsearch.models.texts import e5

IN_BOX = "comes with mmsearch"  # where the facts of a built-in model are from
SEES = {
    builtin.IMAGES: "it knows kinds of pictures and 1,000 classes of objects; no people, faces, places or text",
    builtin.SIMILARITY: "it knows copies, and pictures that are made alike; objects are for builtin-images",
}


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """The published facts of a model and its state on this machine. None: not known.

    `bytes_here` are those on this disk, 0 where the model is not here; `loads` is whether it loaded after its download.
    """

    name: str
    source: str
    role: str
    takes: tuple[str, ...]
    dimension: int | None
    matryoshka: tuple[int, int] | None
    parameters: int | None
    weights_bytes: int | None
    memory_bytes: int | None
    licence: str | None
    remote_code: bool | None
    revision: str | None
    prompts: dict[str, str]
    libraries: tuple[str, ...]
    pair: str | None
    state: str
    reason: str
    bytes_here: int
    commit: str | None
    loads: bool | None
    scores: dict[str, float]
    facts_from: str
    instead: str
    note: str


def facts(spec: ModelSpec) -> ModelFacts:
    """The facts of one model; those of its download take precedence over the published ones."""
    record = recorded(spec)
    status, reason = state(spec)
    here = _builtin_bytes(spec.name) if spec.name in builtin.TEXT_MODELS else bytes_on_disk(spec.source)
    if spec.name in builtin.TEXT_MODELS and not here:
        status, reason = "not installed", e5.HINT if spec.name == builtin.LANGUAGES else builtin.HINT
    if spec.name in builtin.IMAGE_SPACES:
        error = image_weights.lacking(registry.default_text_space())
        status, reason = (status, SEES[spec.name]) if error is None else ("not installed", error.hint)
    if here and record.get("loads"):
        status, reason = "works", "it was pulled and loads here without a network"
    elif here and record.get("loads") is False:
        status, reason = "does not load", str(record.get("reason", ""))
    return ModelFacts(
        name=spec.name,
        source=spec.source,
        role=spec.role,
        takes=tuple(sorted(record.get("views") or [str(view) for view in spec.views or ()])),
        dimension=record.get("dimension") or spec.dimension,
        matryoshka=spec.matryoshka,
        parameters=spec.parameters,
        weights_bytes=record.get("bytes") or spec.weights_bytes,
        memory_bytes=spec.memory_bytes,
        licence=spec.licence,
        remote_code=spec.remote_code,
        revision=record.get("revision") or revision_of(spec),
        prompts=dict(spec.prompts),
        libraries=spec.libraries,
        pair=spec.pair,
        state=status,
        reason=spec.unusable or reason,
        bytes_here=here,
        commit=record.get("commit") or commit_of(spec.source, revision_of(spec)),
        loads=record.get("loads"),
        scores=dict(spec.scores),
        facts_from=spec.facts_from if not builtin.is_builtin(spec.name) else IN_BOX,
        instead=spec.instead,
        note=spec.note,
    )


def listing() -> list[ModelFacts]:
    """Facts of all models with a short name, then of others that were downloaded."""
    models = known_models()
    others = []
    for path in sorted((data_home() / "models").glob("*.json")):
        try:
            source = str(json.loads(path.read_text("utf-8"))["source"])
        except (OSError, ValueError, LookupError, TypeError):
            continue
        if source not in [spec.source for spec in models]:
            others.append(resolve(source))
    return [facts(spec) for spec in (*models, *others)]


def _builtin_bytes(name: str) -> int:
    from mmsearch.errors import ModelUnavailable

    try:
        if name == builtin.LANGUAGES:
            return e5.find().stat().st_size
        return sum(path.stat().st_size for path in builtin.locate().rglob("*") if path.is_file())
    except ModelUnavailable:
        return 0
