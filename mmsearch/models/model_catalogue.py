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
    role:          embedder, late (late interaction), reranker or speech
    views:         what an embedder embeds, what a reranker takes, or what a speech model transcribes
    matryoshka:    the smallest and the largest dimension that vectors may be truncated to
    weights_bytes: of the published files; memory_bytes: of a GPU, as the publisher asks
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
    prompts: tuple[tuple[str, str], ...] = ()
    padding: int | None = None
    lower_case: bool = False
    libraries: tuple[str, ...] = ()
    transformers: str = ""
    pair: str | None = None
    tested: str = ""
    text_space: str = ""
    limited_to: frozenset[View] | None = None


def catalogue() -> tuple[ModelSpec, ...]:
    """All models of the catalogue, in its order. The built-in ones are not among them: see `builtin.SPECS`."""
    return _load()[0]


def presets() -> dict[str, tuple[str, ...]]:
    """Model names by the name of the preset that stands for them."""
    return _load()[1]


@lru_cache(maxsize=1)
def _load() -> tuple[tuple[ModelSpec, ...], dict[str, tuple[str, ...]]]:
    """Read once per process, and not before a name must be resolved: a query of built-in models needs none of it."""
    import tomllib

    with CATALOGUE.open("rb") as file:
        tables = tomllib.load(file)
    specs = tuple(_spec(name, facts) for name, facts in tables["models"].items())
    return specs, {name: tuple(models) for name, models in tables["presets"].items()}


def _spec(name: str, facts: dict[str, Any]) -> ModelSpec:
    """A table of the catalogue as a spec. Raises `TypeError` for an unknown key."""
    facts["views"] = frozenset(View(view) for view in facts["views"])
    if "matryoshka" in facts:
        low, high = facts["matryoshka"]
        facts["matryoshka"] = (low, high)
    if "prompts" in facts:
        facts["prompts"] = tuple(facts["prompts"].items())
    if "libraries" in facts:
        facts["libraries"] = tuple(facts["libraries"])
    return ModelSpec(name=name, **facts)
