"""Which models are rerankers, by the table and by their files: others load as well, and answer with a random head."""

from __future__ import annotations

from mmsearch.errors import ModelUnavailable
from mmsearch.models.model_catalogue import ModelSpec
from mmsearch.models.model_files import KINDS, ModelFiles, check_role, find, role_of
from mmsearch.models.model_options import ModelOptions
from mmsearch.models.registry import check_here, check_loadable

HINT = "`mmsearch models` lists rerankers."


def is_reranker(spec: ModelSpec, options: ModelOptions) -> bool:
    """Whether a model judges candidates, in whichever way. Raises `ModelUnavailable` for one that is not here."""
    return _role(spec, options) in ("reranker", "late")


def is_late(spec: ModelSpec, options: ModelOptions) -> bool:
    """Whether it does so by late interaction. Raises as `is_reranker`."""
    return _role(spec, options) == "late"


def _role(spec: ModelSpec, options: ModelOptions) -> str:
    """What a model is: by the table, else by its files."""
    return spec.role if spec.views is not None or spec.role != "embedder" else role_of(_find(spec, options))


def checked(spec: ModelSpec, options: ModelOptions) -> ModelFiles:
    """The files of a cross-encoder that may and can be loaded here. Raises `ModelUnavailable` otherwise, in one
    sentence."""
    if spec.views is not None and spec.role != "reranker":
        raise ModelUnavailable(f"{spec.name} is {KINDS[spec.role][0]}, not a reranker.", HINT)
    check_loadable(spec, options)
    check_here(spec, options)
    files = _find(spec, options)
    check_role(files, "reranker", options)
    return files


def _find(spec: ModelSpec, options: ModelOptions) -> ModelFiles:
    return find(spec.name, spec.source, options, options.revision or spec.revision)
