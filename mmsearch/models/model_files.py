"""The files of a model, found and checked before anything is loaded.

The libraries load models of the wrong class without an error and fill the missing weights with random numbers.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from mmsearch.errors import ModelUnavailable
from mmsearch.models.hub import commit_of, model_folder, usable_revision
from mmsearch.models.libraries import installed_library, quiet
from mmsearch.models.model_catalogue import ModelSpec
from mmsearch.models.model_options import ModelOptions

LIST = "`mmsearch models` lists what mmsearch knows."
FILES = ["*.json", "*.safetensors", "*.txt", "*.model", "*.jinja"]
KINDS = {
    "embedder": ("an embedder", "Give it to `mmsearch index --model`."),
    "reranker": ("a reranker", "Give it to `mmsearch query --rerank`."),
    "late": ("a late-interaction model", "Give it to `mmsearch index --model` or `mmsearch query --rerank`."),
    "sparse": ("an embedder of sparse vectors", LIST),
    "speech": ("a speech model", "Give it to `mmsearch index --transcribe`."),
}
_PYLATE = "pylate.models.Dense.Dense"  # sentence-transformers has this class of PyLate under a name of its own
MARKED = ("NeoMMEForRetrieval",)  # late-interaction classes whose processors add no markers of queries and documents
# Without their files of sentence-transformers these load without an error, with the wrong pooling, prompts or markers.
WITH_MODULES = ("embedding_gemma2", "neomme")
GENERATORS = ("ForCausalLM", "ForConditionalGeneration", "LMHeadModel")


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """A model's folder on this machine, its commit if it is of the hub, and the content of its configuration files."""

    name: str
    source: str  # a hub id, or the folder itself
    folder: Path
    commit: str | None
    config: dict[str, Any]
    own: dict[str, Any]  # config_sentence_transformers.json
    modules: list[dict[str, Any]] | None  # modules.json

    @property
    def architecture(self) -> str:
        """The class that the weights belong to, as the config names it."""
        return str((self.config.get("architectures") or [""])[0])


def find(name: str, source: str, options: ModelOptions, revision: str | None = None) -> ModelFiles:
    """The files of a model, `source` being an absolute path or a hub id: those on this machine, else, where
    `allow_download` permits it, downloaded ones. Raises `ModelUnavailable`."""
    folder, commit = Path(source), None
    if not folder.is_absolute():  # a hub id: a folder of that name in the working directory is another model
        commit = commit_of(source, revision)
        folder = model_folder(source) / "snapshots" / (commit or "none")
        if not _complete(folder):
            folder = _download(name, source, revision, options, bool(commit))
            commit = folder.name
    config = _read(folder / "config.json")
    own = _read(folder / "config_sentence_transformers.json")
    modules = _read(folder / "modules.json")
    if modules and not config:  # the transformer lies in a folder of its own
        config = _read(folder / str(modules[0].get("path", "")) / "config.json")
    if (folder / "adapter_config.json").is_file() and find_spec("peft") is None:
        raise ModelUnavailable(f"{name} is an adapter to another model and needs peft.", "pip install peft")
    if not config and not modules:
        raise ModelUnavailable(f"There is no model in the folder {folder}.", "A model has a config.json.")
    return ModelFiles(name, source, folder, commit, config or {}, own or {}, modules)


def _complete(folder: Path) -> bool:
    """Whether a folder holds weights, all files of them where an index names several."""
    indexes = [_read(path) for path in folder.glob("*.safetensors.index.json")]
    named = {name for index in indexes for name in (index or {}).get("weight_map", {}).values()}
    return all((folder / name).is_file() for name in named) and any(
        path.is_file() for pattern in ("*.safetensors", "*.bin") for path in folder.rglob(pattern)
    )


def _download(name: str, source: str, revision: str | None, options: ModelOptions, partly: bool) -> Path:
    if not options.allow_download:
        lacking = "is on this machine only in part" if partly else "is not on this machine"
        hint = f"`mmsearch models pull {name}` fetches it, or let this run do it: --allow-download."
        raise ModelUnavailable(f"{source} {lacking}.", hint)
    from huggingface_hub import snapshot_download

    patterns = [*FILES, "*.py"] if options.trust_remote_code else FILES
    try:
        return Path(snapshot_download(source, revision=revision, allow_patterns=patterns))
    except Exception as error:  # the hub client raises its own, the HTTP client's and OSError
        which = f" in revision {revision}" if revision else ""
        hint = "Check its name, and whether this machine reaches the hub."
        raise ModelUnavailable(f"{source}{which} can't be downloaded: {first_line(error)}", hint) from error


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None


def role_of(files: ModelFiles) -> str:
    """The role of a model by its files: embedder, reranker, late, sparse or speech; unknown for a model that generates
    text and lacks the files that define how vectors are made with it."""
    unmarked = files.architecture in MARKED  # which are refused below, with the repository to take
    if files.modules is None and not unmarked and files.config.get("model_type") == "whisper":
        return "speech"
    if files.modules is None and files.architecture.endswith(GENERATORS) and not is_lco(files):
        return "unknown"
    stated = {"CrossEncoder": "reranker", "MultiVectorEncoder": "late", "ColBERT": "late", "SparseEncoder": "sparse"}
    steps = str(files.modules or "")
    if _PYLATE in steps or files.architecture == "HF_ColBERT":
        return "late"
    if files.own.get("model_type") in stated:
        return stated[files.own["model_type"]]
    if "LogitScore" in steps or ("ForSequenceClassification" in files.architecture and "Pooling" not in steps):
        return "reranker"
    if files.modules:
        return "embedder"
    if files.config.get("auto_map") and "Rank" in files.architecture:  # a class of its own, as jina-reranker-m0's
        return "reranker"
    return "late" if files.architecture.endswith("ForRetrieval") else "embedder"


def is_lco(files: ModelFiles) -> bool:
    """Whether a model is of the LCO family: the thinker of Qwen2.5-Omni without sentence-transformers files."""
    return files.modules is None and files.architecture == "Qwen2_5OmniThinkerForConditionalGeneration"


def check_role(files: ModelFiles, wanted: str, options: ModelOptions) -> None:
    """Raise `ModelUnavailable` unless the files are those of a model of the role `wanted` (embedder, reranker, late)
    that may and can be loaded here."""
    name, role = files.name, role_of(files)
    _check_library(files)
    unmarked = files.architecture in MARKED  # which are refused below, with the repository to take
    if files.modules is None and not unmarked and files.config.get("model_type") in WITH_MODULES:
        role = "unknown"
    if role == "unknown":
        wrong = "its scores would mean nothing" if wanted == "reranker" else "its vectors would mean nothing"
        raise ModelUnavailable(
            f"{name} lacks its sentence-transformers files (modules.json): {wrong}.",
            "Name a revision on the hub that has them (--revision), or fetch the folder anew.",
        )
    if role == wanted == "late" and files.modules is None and files.architecture in MARKED:
        raise ModelUnavailable(
            f"{name} lacks its sentence-transformers files (modules.json): it would read queries and pages without the"
            " markers that it was trained with.",
            "Take the repository that has them, whose name ends in -ST-late: neomme-260m",
        )
    if role != wanted:
        what, hint = KINDS[role]
        raise ModelUnavailable(f"{name} is {what}, not {KINDS[wanted][0]}.", hint)
    check_files(files, options)


def _check_library(files: ModelFiles) -> None:
    """Raise `ModelUnavailable` for a model that a later major version of the library has written."""
    stated = str((files.own.get("__version__") or {}).get("sentence_transformers", ""))
    here = installed_library().removeprefix("sentence-transformers ")
    wanted, major = stated.partition(".")[0], here.partition(".")[0]
    if wanted.isdecimal() and major.isdecimal() and int(wanted) > int(major):
        raise ModelUnavailable(
            f"{files.name} is of sentence-transformers {stated}, and {here} is installed.",
            f"pip install 'sentence-transformers>={wanted}', or name a revision for this version (--revision).",
        )


def check_files(files: ModelFiles, options: ModelOptions) -> None:
    """Raise `ModelUnavailable` for files of any role that may not be loaded (code, pickled weights) or can't be
    (missing weights, a missing library)."""
    if not options.trust_remote_code and _needs_code(files):
        raise ModelUnavailable(
            f"{files.name} runs code of its own, which mmsearch does not do unasked.",
            f"--trust-remote-code {files.name}, if you trust its publisher with all that you can do on this machine.",
        )
    if path := pickled(files.folder):
        raise ModelUnavailable(
            f"{files.name} has pickled weights ({path.relative_to(files.folder)}), which could run any code.",
            "Only safetensors are loaded: look for another revision or conversion of the model.",
        )
    if not _complete(files.folder):
        raise ModelUnavailable(f"{files.name} has no weights, or not all of them.", "Fetch the folder anew.")
    processor = _read(files.folder / "processor_config.json") or {}
    takes_video = "video_processor" in processor or (files.folder / "video_preprocessor_config.json").is_file()
    if takes_video and find_spec("torchvision") is None:
        raise ModelUnavailable(
            f"{files.name} needs torchvision, which is not installed.", "pip install 'mmsearch[video]'"
        )
    if options.attn == "flash_attention_2" and find_spec("flash_attn") is None:
        raise ModelUnavailable("flash_attention_2 needs flash-attn, which is not installed.", "--attn sdpa")


def _needs_code(files: ModelFiles) -> bool:
    """Whether a model loads with its own code only. Some name code and have a class that the library has too."""
    types = [str(module.get("type", "")) for module in files.modules or ()]
    if any(not one.startswith("sentence_transformers.") and one != _PYLATE for one in types):
        return True
    if not files.config.get("auto_map"):
        return False
    quiet(offline=True)
    import transformers

    return not hasattr(transformers, files.architecture)


def first_line(error: BaseException) -> str:
    """The first line of an error's message, or else its class."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def weights_identity(source: str, commit: str | None) -> dict[str, Any]:
    """The part of a fingerprint that identifies the weights: hub id and commit, or the hash of a folder's weights.

    A local folder is identified by its weights and not by its path, so that it may move."""
    folder = Path(source)
    if folder.is_dir():
        return {"model": folder.resolve().name, "weights": f"sha256:{weights_hash(folder)}"}
    return {"model": source, "commit": commit or "unknown"}


def weights_hash(folder: Path) -> str:
    """SHA-256 over names and bytes of all safetensors files below the folder (about 1 GB/s)."""
    total = hashlib.sha256()
    for path in sorted(folder.rglob("*.safetensors")):
        with path.open("rb") as file:
            total.update(path.relative_to(folder).as_posix().encode())
            total.update(hashlib.file_digest(file, "sha256").digest())
    return total.hexdigest()


def pickled(folder: Path) -> Path | None:
    """A weights file that is only loaded by unpickling, which can run any code: one without safetensors beside it."""
    for pattern in ("pytorch_model*.bin", "model*.bin", "*.pt", "*.pth", "*.ckpt"):
        for path in sorted(folder.rglob(pattern)):
            if not list(path.parent.glob("*.safetensors")):
                return path
    return None


def is_reranker(spec: ModelSpec, options: ModelOptions) -> bool:
    """Whether a model is a cross-encoder or a late-interaction model. Raises `ModelUnavailable` for one that is not on
    this machine."""
    return _role(spec, options) in ("reranker", "late")


def is_late(spec: ModelSpec, options: ModelOptions) -> bool:
    """Whether a model reranks by late interaction. Raises the same as `is_reranker`."""
    return _role(spec, options) == "late"


def _role(spec: ModelSpec, options: ModelOptions) -> str:
    """The role of a model, by the catalogue or else by its files."""
    return spec.role if spec.views is not None or spec.role != "embedder" else role_of(find_for(spec, options))


def find_for(spec: ModelSpec, options: ModelOptions) -> ModelFiles:
    """`find` for a spec, in the revision of the options or else of the spec."""
    revision = options.revision or usable_revision(spec.source, spec.revision, spec.fallback)
    return find(spec.name, spec.source, options, revision)
