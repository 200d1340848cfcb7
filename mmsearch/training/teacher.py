"""The frozen text side: MiniLM vectors of captions and of the bank of phrases."""

import json
from pathlib import Path

import numpy as np

from mmsearch.training.looks import FAMILY, NAMES, PHRASES

TEMPLATES = ("{}", "a {}", "an image of a {}", "picture of {}", "{} image")


def embed(texts: list[str], cache: Path) -> np.ndarray:
    """float32 (n, 384) unit vectors; every text is embedded once and kept in `cache` (texts.json, texts.npy)."""
    names, rows = cache / "texts.json", cache / "texts.npy"
    known: list[str] = json.loads(names.read_text()) if names.exists() else []
    vectors = np.load(rows) if known else np.zeros((0, 384), np.float32)
    there = set(known)
    missing = [text for text in dict.fromkeys(texts) if text not in there]
    if missing:
        from mmsearch.models import builtin
        from mmsearch.models.libraries import quiet

        quiet(offline=True)
        from sentence_transformers import SentenceTransformer

        model = SentenceTransformer(str(builtin.locate()), device="cpu")
        made = model.encode(missing, batch_size=256, normalize_embeddings=True).astype(np.float32)
        known, vectors = known + missing, np.concatenate([vectors, made])
        cache.mkdir(parents=True, exist_ok=True)
        np.save(rows, vectors)
        names.write_text(json.dumps(known))
    place = {text: i for i, text in enumerate(known)}
    return vectors[[place[text] for text in texts]]


def bank() -> tuple[list[str], np.ndarray]:
    """All phrases, and int64 (phrases,): for each the number of its look."""
    phrases = [
        (phrase, number) for number, look in enumerate(NAMES) for phrase in dict.fromkeys((*PHRASES[look], look))
    ]
    return [phrase for phrase, _ in phrases], np.array([number for _, number in phrases])


def bank_vectors(cache: Path) -> tuple[np.ndarray, np.ndarray]:
    """float32 (templates, phrases, 384) and the look of each phrase."""
    phrases, owner = bank()
    texts = [template.format(phrase) for template in TEMPLATES for phrase in phrases]
    return embed(texts, cache).reshape(len(TEMPLATES), len(phrases), -1), owner


def shared_phrases(owner: np.ndarray) -> np.ndarray:
    """bool (phrases, looks): phrase i is also true of a picture with look j (a bar chart is a chart)."""
    table = np.zeros((len(owner), len(NAMES)), bool)
    for j, look in enumerate(NAMES):
        above = {NAMES.index(name) for name in FAMILY[look]}
        table[:, j] = [int(number) in above for number in owner]
    return table
