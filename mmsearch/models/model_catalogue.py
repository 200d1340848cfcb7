"""The models that mmsearch knows by a short name: published facts, kept as data in `mmsearch/data/models.toml`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from mmsearch.types import View

CATALOGUE = Path(__file__).parents[1] / "data" / "models.toml"


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """A model that can be requested. None: not known before the model is loaded.

    source:        hub id, or absolute path of a folder
    role:          embedder, late (late interaction), query (a query encoder of another model's space), reranker or
                   speech
    views:         what an embedder embeds, what a reranker takes, or what a speech model transcribes
    matryoshka:    the smallest and the largest dimension that vectors may be truncated to
    cuts:          the dimensions between them that it was trained for; empty: all
    revision:      of the hub; fallback: the one that serves where that one lacks `modules.json`
    weights_bytes: of the published files; memory_bytes: of a GPU, as the publisher asks
    gflop:         (view, 10^9 operations) of a text of 200 tokens, a picture of the model's own size, 30 s of sound
    scores:        (benchmark, score) as published; facts_from: where the facts are from and when that was read
    unusable:      why the model can't serve, after a colon; instead: the name of the nearest one that can
    note:          what a user should know before choosing it
    prompts:       (role, text) of the prompts that the model's files may lack
    padding:       length in tokens that texts are padded to
    libraries:     packages that the model needs beside the usual ones
    transformers:  the versions of transformers it runs with (`<5`); empty: all
    pair:          the model that embeds pictures into the same space
    tested:        `works` (the real weights were loaded), `replica` (the same architecture with random weights),
                   `stand-in` (an architecture close to it), or empty
    text_space:    of the built-in image models, the text space whose heads they have (`image_weights.SPACES`)
    limited_to:    the views that the user wants of it; None: all
    """

    name: str
    source: str
    role: str = "embedder"
    views: frozenset[View] | None = None
    dimension: int | None = None
    matryoshka: tuple[int, int] | None = None
    revision: str | None = None
    parameters: int | None = None
    weights_bytes: int | None = None
    memory_bytes: int | None = None
    licence: str | None = None
    remote_code: bool | None = None
    cuts: tuple[int, ...] = ()
    fallback: str | None = None
    gflop: tuple[tuple[str, float], ...] = ()
    scores: tuple[tuple[str, float], ...] = ()
    facts_from: str = "facts of the publishers; read 2026-11-20"
    unusable: str = ""
    instead: str = ""
    note: str = ""
    prompts: tuple[tuple[str, str], ...] = ()
    padding: int | None = None
    lower_case: bool = False
    libraries: tuple[str, ...] = ()
    transformers: str = ""
    pair: str | None = None
    tested: str = ""
    text_space: str = ""
    limited_to: frozenset[View] | None = None


@dataclass(frozen=True, slots=True)
class Preset:
    """A set of models. `suits` are the contents that it is for (kinds of files, or mixed, scan, language), `memory` and
    `gpu_memory` the bytes that it needs at least; `adds` and `why` are told to the user, `options` those that it is
    recommended with, and `gflop` the operations that are others with these (see `ModelSpec`)."""

    name: str
    models: tuple[str, ...]
    adds: str = ""
    why: str = ""
    suits: tuple[str, ...] = ()
    options: str = ""
    memory: int = 0
    gpu_memory: int = 0
    gflop: tuple[tuple[str, float], ...] = ()


def catalogue() -> tuple[ModelSpec, ...]:
    """All models of the catalogue, in its order. The built-in ones are not among them: see `builtin.SPECS`."""
    return _load()[0]


def presets() -> dict[str, Preset]:
    """The presets by name, those of one kind from the smallest to the largest."""
    return _load()[1]


@lru_cache(maxsize=1)
def _load() -> tuple[tuple[ModelSpec, ...], dict[str, Preset]]:
    """Read once per process, and not before a name must be resolved: a query of built-in models needs none of it."""
    import tomllib

    with CATALOGUE.open("rb") as file:
        tables = tomllib.load(file)
    specs = tuple(_spec(name, facts) for name, facts in tables["models"].items())
    return specs, {name: _preset(name, facts) for name, facts in tables["presets"].items()}


def _preset(name: str, facts: dict[str, Any]) -> Preset:
    values: dict[str, Any] = {key: tuple(one) if isinstance(one, list) else one for key, one in facts.items()}
    if "gflop" in values:
        values["gflop"] = tuple(values["gflop"].items())
    return Preset(name, **values)


def _spec(name: str, facts: dict[str, Any]) -> ModelSpec:
    """A table of the catalogue as a spec. Raises `TypeError` for an unknown key."""
    facts["views"] = frozenset(View(view) for view in facts["views"])
    if "matryoshka" in facts:
        low, high = facts["matryoshka"]
        facts["matryoshka"] = (low, high)
    for key in ("prompts", "gflop", "scores"):
        if key in facts:
            facts[key] = tuple(facts[key].items())
    for key in ("libraries", "cuts"):
        if key in facts:
            facts[key] = tuple(facts[key])
    return ModelSpec(name=name, **facts)
