"""What the ears can do, on real recordings with known labels."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from mmsearch.models.ears import RATE, Ears
from mmsearch.models.ears_words import named_sound
from mmsearch.retrieval.ranking import DEFAULT_CUTOFF, HALF
from mmsearch.training import scores

NOISES = ("rain", "sea waves", "helicopter", "chainsaw")
UNCLEAR = ("fire crackling",)  # noise or not: hearers differ


def sounds(folder: Path, queries: list[dict[str, Any]]) -> Iterator[str]:
    """Nearest other clip of the same class; speech and noise by their words."""
    labels = {
        path: query["query"]
        for query in queries
        if query["kind"] == "label" and "esc10" in query["gallery"]
        for path in query["relevant"]
    }
    spoken = {path for query in queries if query["kind"] == "transcript" for path in query["relevant"]}
    paths = sorted(labels)
    clips = vectors(folder, paths)
    yield from likeness(clips, np.array([labels[path] for path in paths]), paths)
    others = sorted(path for path in spoken if path.startswith("audio/"))
    known = np.array([labels[path] for path in paths] + ["speech"] * len(others))
    yield from words(np.concatenate([clips, vectors(folder, others)]), known)


def vectors(folder: Path, paths: list[str]) -> np.ndarray:
    """float32 (n, `Ears.size`) of recordings."""
    from torchcodec.decoders import AudioDecoder

    listen = Ears().likeness
    decoders = (AudioDecoder(folder / path, sample_rate=RATE, num_channels=1) for path in paths)
    return np.stack([listen(decoder.get_all_samples().data[0].numpy()) for decoder in decoders])


def likeness(clips: np.ndarray, names: np.ndarray, paths: list[str]) -> Iterator[str]:
    """Nearest other clip, and nearest clip of another recording, of the same class."""
    sources = np.array([Path(path).stem.rsplit("-", 1)[0] for path in paths])
    similarity = clips @ clips.T
    np.fill_diagonal(similarity, -9)
    for what in ("nearest other clip", "nearest clip of another recording"):
        right = names[similarity.argmax(1)] == names
        low, high = scores.interval(len(right), scores.mean_of(right))
        yield scores.line(f"sounds, {len(paths)} clips, {what}", float(right.mean()), low, high, "0.65")
        similarity[sources[:, None] == sources] = -9


def words(clips: np.ndarray, known: np.ndarray) -> Iterator[str]:
    """Speech among all, noise among what is clearly noise or clearly none: R-precision, what the default cutoff lets
    through of each."""
    for word, wanted, judged in (
        ("speech", known == "speech", np.ones(len(known), bool)),
        ("noise", np.isin(known, NOISES), ~np.isin(known, UNCLEAR)),
    ):
        heard = named_sound(word)
        assert heard is not None
        nothing, half = heard.scale
        cosines, truth = clips[judged] @ heard.vector[:-1], wanted[judged]
        z = np.maximum(cosines - nothing, 0) * HALF / (half - nothing)
        shown = z**2 / (z**2 + HALF**2) / 2 >= DEFAULT_CUTOFF  # as `ranking.py` scores a recording without words

        def precision(rows: np.ndarray, cosines: np.ndarray = cosines, truth: np.ndarray = truth) -> float:
            return scores.r_precision(cosines[rows], truth[rows])

        low, high = scores.interval(len(truth), precision)
        name = f"recordings of {word}, {truth.sum()} of {len(truth)}, R-precision"
        yield scores.line(name, precision(np.arange(len(truth))), low, high)
        for called, some in (("found", shown[truth]), ("others found", shown[~truth])):
            low, high = scores.interval(len(some), scores.mean_of(some))
            yield scores.line(f"  {called} for the word", float(some.mean()), low, high)
