"""A unigram tokenizer (Kudo 2018) that opens in milliseconds, for queries in multilingual text spaces.

Reading a `tokenizer.json` of 250,000 pieces takes 0.8 s of processor time. Here the pieces lie sorted in files that are
mapped into memory, and a text is segmented by dynamic programming over the pieces that begin at each character. It
gives the ids that the tokenizers library gives; batches of passages are that library's work.
"""

from __future__ import annotations

import json
import mmap
import re
from bisect import bisect_left
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

SPACE = "\u2581"  # stands for a space in pieces
MOST_REMEMBERED = 4096  # words whose segmentation is kept
UNKNOWN_PENALTY = 10.0  # below the least score of a piece
FILES = ("charsmap.bin", "pieces.bin", "starts.npy", "scores.npy", "ids.npy", "least.npy", "unigram.json")


class Piece(NamedTuple):
    """A token: its id and its text, as it stands in the normalised text."""

    id: int
    text: str


class UnigramTokenizer:
    """Reads the folder that `write` made."""

    def __init__(self, folder: Path) -> None:
        from tokenizers.normalizers import Precompiled

        self.normalizer = Precompiled((folder / "charsmap.bin").read_bytes())
        settings: dict[str, Any] = json.loads((folder / "unigram.json").read_text())
        self.most = int(settings["most"])
        self.begin, self.end = int(settings["begin"]), int(settings["end"])
        self.padding, self.unknown = int(settings["padding"]), int(settings["unknown"])
        self.special: dict[str, int] = settings["special"]
        self.cut = re.compile("|".join(f"({re.escape(name)})" for name in self.special))
        with (folder / "pieces.bin").open("rb") as stream:
            self.pieces = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
        self.starts, self.scores, self.ids = (
            memoryview(np.load(folder / f"{name}.npy", mmap_mode="r")) for name in ("starts", "scores", "ids")
        )  # whose items are read in a third of the time of NumPy's
        self.places = range(len(self.ids))
        self.unknown_score = float(np.load(folder / "least.npy")) - UNKNOWN_PENALTY
        self.segmented: dict[str, tuple[Piece, ...]] = {}

    def encode(self, text: str) -> list[int]:
        """Ids of a text between those of its begin and end, with these at most as many as the model reads."""
        return [self.begin, *(piece.id for piece in self.split(text)[: self.most - 2]), self.end]

    def split(self, text: str) -> list[Piece]:
        """The tokens of a text without those of its begin and end. Their texts joined are the normalised text, with
        `SPACE` for each space and one more in front."""
        found: list[Piece] = []
        for part in filter(None, self.cut.split(text)):
            if part in self.special:
                found.append(Piece(self.special[part], part))
            else:
                for word in self.words(part):
                    found += self.remembered(word)
        return found

    def remembered(self, word: str) -> tuple[Piece, ...]:
        """The segmentation of a word, kept for the next time: queries repeat words."""
        if word not in self.segmented:
            if len(self.segmented) >= MOST_REMEMBERED:
                self.segmented.clear()
            self.segmented[word] = tuple(self.segment(word))
        return self.segmented[word]

    def words(self, text: str) -> list[str]:
        """The normalised text cut before each space, spaces replaced by `SPACE`, one more in front."""
        plain = re.sub(" {2,}", " ", self.normalizer.normalize_str(text)).replace(" ", SPACE)
        plain = plain if plain.startswith(SPACE) else SPACE + plain if plain else ""
        return re.findall(f"{SPACE}[^{SPACE}]*", plain)

    def piece(self, place: int) -> bytes:
        """A piece in sorted order, as UTF-8."""
        return self.pieces[self.starts[place] : self.starts[place + 1]]

    def segment(self, word: str) -> list[Piece]:
        """The segmentation with the greatest sum of scores; neighbours that are unknown become one."""
        count = len(word)
        best = [0.0] + [-np.inf] * count
        back: list[tuple[int, int]] = [(0, self.unknown)] * (count + 1)
        for start in range(count):
            single = False
            for length, place in self.beginning(word, start):
                score = best[start] + self.scores[place]
                if score > best[start + length]:
                    best[start + length], back[start + length] = score, (start, self.ids[place])
                single = single or length == 1
            if not single and best[start] + self.unknown_score > best[start + 1]:
                best[start + 1], back[start + 1] = best[start] + self.unknown_score, (start, self.unknown)
        found: list[Piece] = []
        end = count
        while end:
            start, number = back[end]
            if number == self.unknown and found and found[-1].id == self.unknown:
                found[-1] = Piece(number, word[start:end] + found[-1].text)
            else:
                found.append(Piece(number, word[start:end]))
            end = start
        return found[::-1]

    def beginning(self, word: str, start: int) -> Iterator[tuple[int, int]]:
        """Length in characters and place of each piece that a word continues with."""
        low, high = 0, len(self.places)
        for length in range(1, len(word) - start + 1):
            wanted = word[start : start + length].encode()
            low = bisect_left(self.places, wanted, low, high, key=self.piece)
            high = bisect_left(self.places, wanted + b"\xff", low, high, key=self.piece)
            if low == high:
                return
            if self.piece(low) == wanted:
                yield length, low


def write(content: Mapping[str, Any], folder: Path, most: int = 512) -> None:
    """Write the files of a `tokenizer.json` of the tokenizers library: a unigram model with XLM-RoBERTa's normaliser.
    `most` is how many tokens of a text a model reads.

    Raises `ValueError` where it is of another kind.
    """
    import base64

    model = content["model"]
    normalizers = content["normalizer"].get("normalizers", [content["normalizer"]])
    if model.get("type", "Unigram") != "Unigram" or normalizers[0]["type"] != "Precompiled":
        raise ValueError("this is no unigram tokenizer with a precompiled normaliser")
    special = {token["content"]: token["id"] for token in content["added_tokens"]}
    pieces = sorted(
        (piece.encode(), score, number) for number, (piece, score) in enumerate(model["vocab"]) if piece not in special
    )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "charsmap.bin").write_bytes(base64.b64decode(normalizers[0]["precompiled_charsmap"]))
    (folder / "pieces.bin").write_bytes(b"".join(piece for piece, _, _ in pieces))
    np.save(folder / "starts.npy", np.cumsum([0, *(len(piece) for piece, _, _ in pieces)]).astype(np.uint32))
    np.save(folder / "scores.npy", np.array([score for _, score, _ in pieces], np.float64))
    np.save(folder / "ids.npy", np.array([number for _, _, number in pieces], np.uint32))
    np.save(folder / "least.npy", np.float64(min(score for _, score in model["vocab"])))
    settings = {
        "most": most,
        "begin": special["<s>"],
        "end": special["</s>"],
        "padding": special["<pad>"],
        "unknown": int(model["unk_id"]),
        "special": special,
    }
    (folder / "unigram.json").write_text(json.dumps(settings))
