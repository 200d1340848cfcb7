"""What can be said of every model that has a name here, without loading any: for `mmsearch models`."""

from __future__ import annotations

import json
from dataclasses import dataclass

from mmsearch.config import data_home
from mmsearch.models import builtin
from mmsearch.models.cache import bytes_on_disk, commit_of
from mmsearch.models.downloads import recorded
from mmsearch.models.model_catalogue import KNOWN, ModelSpec
from mmsearch.models.registry import resolve, state


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """A model as it stands here. None: not known. `bytes_here` is what it takes on this disk, 0 where it is not here;
    `loads` says whether it loaded after it was pulled."""

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


def facts(spec: ModelSpec) -> ModelFacts:
    """One model: what was published of it, over it what its download has shown."""
    told = recorded(spec)
    found, reason = state(spec)
    here = _builtin_bytes() if spec.name == "builtin" else bytes_on_disk(spec.source)
    if spec.name == "builtin" and not here:
        found, reason = "not installed", builtin.HINT
    if here and told.get("loads"):
        found, reason = "works", "it was pulled, and loads here without a network"
    elif here and told.get("loads") is False:
        found, reason = "does not load", str(told.get("reason", ""))
    return ModelFacts(
        name=spec.name,
        source=spec.source,
        role=spec.role,
        takes=tuple(sorted(told.get("views") or [str(view) for view in spec.views or ()])),
        dimension=told.get("dimension") or spec.dimension,
        matryoshka=spec.matryoshka,
        parameters=spec.parameters,
        weights_bytes=told.get("bytes") or spec.weights_bytes,
        memory_bytes=spec.memory_bytes,
        licence=spec.licence,
        remote_code=spec.remote_code,
        revision=told.get("revision") or spec.revision,
        prompts=dict(spec.prompts),
        libraries=spec.libraries,
        pair=spec.pair,
        state=found,
        reason=reason,
        bytes_here=here,
        commit=told.get("commit") or commit_of(spec.source, spec.revision),
        loads=told.get("loads"),
    )


def listing() -> list[ModelFacts]:
    """Every model with a short name, then others that were pulled."""
    others = []
    for path in sorted((data_home() / "models").glob("*.json")):
        try:
            source = str(json.loads(path.read_text("utf-8"))["source"])
        except (OSError, ValueError, LookupError, TypeError):
            continue
        if source not in [spec.source for spec in KNOWN]:
            others.append(resolve(source))
    return [facts(spec) for spec in (*KNOWN, *others)]


def _builtin_bytes() -> int:
    from mmsearch.errors import ModelUnavailable

    try:
        return sum(path.stat().st_size for path in builtin.locate().rglob("*") if path.is_file())
    except ModelUnavailable:
        return 0
