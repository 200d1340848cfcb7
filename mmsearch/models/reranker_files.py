"""What the files of a reranker say before it is loaded, and loading it: models of another class load as well, and
answer with a random head."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

from mmsearch.errors import ModelUnavailable
from mmsearch.models.cache import commit_of, model_folder
from mmsearch.models.known import ModelSpec
from mmsearch.models.libraries import quiet
from mmsearch.models.options import ModelOptions
from mmsearch.models.precision import Precision, preferred
from mmsearch.models.registry import check_here, check_loadable

HINT = "`mmsearch models` lists rerankers."


def checked(spec: ModelSpec, options: ModelOptions) -> dict[str, Any]:
    """A model's config, if the model is a reranker. Raises `ModelUnavailable` otherwise, in one sentence."""
    if spec.role != "reranker" and spec.views is not None:  # a model of the table
        raise ModelUnavailable(f"{spec.name} is no reranker.", HINT)
    check_loadable(spec, options)
    check_here(spec, options)
    config = _facts(spec, "config.json", options)
    modules = _facts(spec, "modules.json", options)
    if config is None and not modules:
        raise ModelUnavailable(f"There is no model in {spec.source}.", "A model has a config.json.")
    own = _facts(spec, "config_sentence_transformers.json", options) or {}
    if problem := _problem(config or {}, own, modules, options):
        sentence, hint = problem
        raise ModelUnavailable(f"{spec.name} {sentence}", hint)
    return config or {}


def is_reranker(spec: ModelSpec, options: ModelOptions) -> bool:
    """Whether a model scores pairs, by the table, or else by its files."""
    if spec.views is not None:
        return spec.role in ("reranker", "late")
    own = _facts(spec, "config_sentence_transformers.json", options) or {}
    if own.get("model_type"):
        return own["model_type"] in ("CrossEncoder", "MultiVectorEncoder")
    heads = (_facts(spec, "config.json", options) or {}).get("architectures") or ()
    return any("ForSequenceClassification" in str(head) for head in heads)


def _problem(
    config: dict[str, Any], own: dict[str, Any], modules: Any, options: ModelOptions
) -> tuple[str, str] | None:
    """What keeps a model from being used as a reranker, if anything: the rest of a sentence, and a hint."""
    heads = [str(head) for head in config.get("architectures") or ()]
    classifies = any("ForSequenceClassification" in head for head in heads)
    writes = any(head.endswith(("ForCausalLM", "ForConditionalGeneration")) for head in heads)
    steps = str(modules or "")
    if own.get("model_type", "CrossEncoder") != "CrossEncoder" or "Pooling" in steps or "Normalize" in steps:
        return "is an embedder, not a reranker: as one it would answer at random.", HINT
    if config.get("auto_map") and modules is None and not options.trust_remote_code:
        trust = "--trust-remote-code, if you trust its publisher with all that you can do on this machine."
        return "runs code of its own, which mmsearch does not do unasked.", trust
    if modules is None and writes and not classifies:
        hint = "Name a revision on the hub that has them (--revision), or fetch the folder anew."
        return "lacks its sentence-transformers files (modules.json); without them it would score something else.", hint
    if modules is None and not classifies and not config.get("auto_map"):
        return "is no reranker: it has no head that scores pairs.", HINT
    return None


def _facts(spec: ModelSpec, name: str, options: ModelOptions) -> Any:
    """A JSON file of a model, or None."""
    revision = options.revision or spec.revision
    if Path(spec.source).is_dir():
        path = Path(spec.source) / name
    else:
        path = model_folder(spec.source) / "snapshots" / (commit_of(spec.source, revision) or "none") / name
    if not path.is_file() and options.allow_download and not Path(spec.source).is_dir():
        quiet(offline=False)
        from huggingface_hub import hf_hub_download
        from huggingface_hub.errors import HfHubHTTPError

        with contextlib.suppress(OSError, HfHubHTTPError):  # a model need not have it
            path = Path(hf_hub_download(spec.source, name, revision=revision))
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None


def precision_of(config: dict[str, Any], options: ModelOptions) -> Precision:
    """The precision that the weights are published in where the device computes in it, else float32: scores differ by
    about 0.01 otherwise."""
    found = preferred(options.device)
    if options.dtype:
        return Precision(found.device, options.dtype, "as asked")
    published = next(
        (str(part[key]).removeprefix("torch.") for part in (config, config.get("text_config") or {})
         for key in ("dtype", "torch_dtype") if part.get(key)), "float32",
    )  # fmt: skip
    if published == "float32" or found.dtype == "float32":
        return Precision(found.device, "float32", "as its weights are" if published == "float32" else found.reason)
    return found


def load_cross_encoder(spec: ModelSpec, options: ModelOptions, precision: Precision) -> Any:
    """The library's own object. Raises `ModelUnavailable`."""
    quiet(offline=not options.allow_download)
    from sentence_transformers import CrossEncoder

    how = {"dtype": precision.dtype} | ({"attn_implementation": options.attn} if options.attn else {})
    try:
        return CrossEncoder(
            spec.source, device=precision.device, local_files_only=not options.allow_download, model_kwargs=how,
            trust_remote_code=options.trust_remote_code, revision=options.revision or spec.revision,
        ).eval()  # fmt: skip
    except Exception as error:  # the libraries raise a dozen types on damaged or foreign files
        lines = str(error).strip().splitlines()
        raise ModelUnavailable(
            f"The reranker {spec.name} can't be loaded: {lines[0] if lines else type(error).__name__}", HINT
        ) from error
