"""Which models are rerankers, by the table and by their files, and loading one: others load as well, and answer with a
random head."""

from __future__ import annotations

from typing import Any

from mmsearch.errors import ModelUnavailable
from mmsearch.models.known import ModelSpec
from mmsearch.models.libraries import quiet
from mmsearch.models.loading import FAILURES, check_memory, explained
from mmsearch.models.model_files import KINDS, WRITERS, ModelFiles, check_files, find, role_of
from mmsearch.models.options import ModelOptions
from mmsearch.models.precision import Precision
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
    if spec.views is not None or spec.role != "embedder":
        return spec.role
    files = _find(spec, options)
    own_code = bool(files.config.get("auto_map")) and files.modules is None
    return "reranker" if own_code and _ranks(files) else role_of(files)


def checked(spec: ModelSpec, options: ModelOptions) -> ModelFiles:
    """The files of a cross-encoder that may and can be loaded here. Raises `ModelUnavailable` otherwise, in one
    sentence."""
    if spec.views is not None and spec.role != "reranker":
        raise ModelUnavailable(f"{spec.name} is {KINDS[spec.role][0]}, not a reranker.", HINT)
    check_loadable(spec, options)
    check_here(spec, options)
    files = _find(spec, options)
    found = role_of(files)
    if files.modules is None and files.architecture.endswith(WRITERS):
        raise ModelUnavailable(
            f"{spec.name} lacks its sentence-transformers files (modules.json): it would score something else.",
            "Name a revision on the hub that has them (--revision), or fetch the folder anew.",
        )
    if found != "reranker" and not (files.config.get("auto_map") and _ranks(files)):
        sentence = f"{spec.name} is {KINDS[found][0]}, not a reranker: as one it would answer at random."
        raise ModelUnavailable(sentence, HINT)
    check_files(files, options)
    return files


def _ranks(files: ModelFiles) -> bool:
    """Whether a class of a model's own is called after ranking, as jina-reranker-m0's is."""
    return any(word in files.architecture for word in ("Rank", "SequenceClassification"))


def _find(spec: ModelSpec, options: ModelOptions) -> ModelFiles:
    return find(spec.name, spec.source, options, options.revision or spec.revision)


def load_cross_encoder(files: ModelFiles, precision: Precision, options: ModelOptions) -> Any:
    """The library's own object, in evaluation mode. Raises `ModelUnavailable`."""
    check_memory(files, precision)
    quiet(offline=not options.allow_download)
    from sentence_transformers import CrossEncoder

    how = {"dtype": precision.dtype, "use_safetensors": True}
    how |= {"attn_implementation": options.attn} if options.attn else {}
    try:
        return CrossEncoder(
            str(files.folder), device=precision.device, local_files_only=not options.allow_download,
            trust_remote_code=options.trust_remote_code, model_kwargs=how,
        ).eval()  # fmt: skip
    except FAILURES as error:
        raise explained(files.name, error) from error
