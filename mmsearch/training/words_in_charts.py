"""The other side of the comparison: what the words in a picture alone find, as the program does it without eyes."""

import hashlib
import json
from collections import Counter
from pathlib import Path

import numpy as np

from mmsearch.models import ocr
from mmsearch.models.eyes import plain_words
from mmsearch.training import scores, teacher


def read_words(pictures: list[np.ndarray], cache: Path) -> list[str]:
    """The text of each picture; kept in `cache`, since reading takes a second a picture."""
    kept = cache / "ocr.json"
    known: dict[str, str] = json.loads(kept.read_text()) if kept.exists() else {}
    keys = [hashlib.sha256(np.ascontiguousarray(picture).tobytes()).hexdigest() for picture in pictures]
    for key, picture in zip(keys, pictures, strict=True):
        if key not in known:
            known[key] = " ".join(word.text for word in ocr.read(picture))
    kept.write_text(json.dumps(known))
    return [known[key] for key in keys]


def bm25(texts: list[str], queries: list[str], k1: float = 1.2, b: float = 0.75) -> np.ndarray:
    """Float (queries, texts): Robertson and Zaragoza (2009), with an inverse document frequency of at least 0."""
    counts = [Counter(plain_words(text)) for text in texts]
    lengths = np.array([sum(count.values()) for count in counts], float)
    found = Counter(word for count in counts for word in count)
    table = np.zeros((len(queries), len(texts)))
    for row, query in enumerate(queries):
        for word in set(plain_words(query)) & found.keys():
            weight = np.log(1 + (len(texts) - found[word] + 0.5) / (found[word] + 0.5))
            frequency = np.array([count[word] for count in counts], float)
            table[row] += weight * frequency * (k1 + 1) / (frequency + k1 * (1 - b + b * lengths / lengths.mean()))
    return table


def words_signal(pictures: list[np.ndarray], queries: list[str], cache: Path) -> np.ndarray:
    """Float (queries, pictures): the standardised sum of BM25 and MiniLM over the words that OCR reads."""
    texts = read_words(pictures, cache)
    meaning = teacher.embed(queries, cache) @ teacher.embed([text[:1000] for text in texts], cache).T
    return scores.standardised(bm25(texts, queries)) + scores.standardised(meaning)
