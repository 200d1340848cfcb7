"""Photos without words are found by what they show, among texts that hold the query's words, and say what is seen."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from small_image_encoder import use_random_encoder
from small_index import WordModel, embedded, run, use_word_model, write

from mmsearch.index import Index
from mmsearch.indexing import run_models
from mmsearch.models import builtin
from mmsearch.models.images import builtin_images, image_weights
from mmsearch.models.media import picture_labels
from mmsearch.models.media.builtin_media import CachedEncoder
from mmsearch.models.media.picture_labels import PictureLabels
from mmsearch.output import table
from mmsearch.output.records import hit_record
from mmsearch.query import Answer, Query
from mmsearch.store.spaces import SpaceRow

MODELS = ("builtin", builtin.IMAGES, builtin.SIMILARITY)
RED, GREEN, BLUE = (220, 20, 20), (20, 220, 20), (20, 20, 220)


def unit(vector: np.ndarray) -> np.ndarray:
    return np.asarray(vector / np.linalg.norm(vector), np.float32)


def photo_of(name: str) -> np.ndarray:
    """The vector of a photo in which one class is certain."""
    labels = picture_labels.labels_for("minilm")
    (photo,) = [i for i, label in enumerate(labels.labels) if label.name == label.kind == "photo"]
    return unit(labels.vectors[photo] + 1.5 * labels.objects[image_weights.class_names().index(name)])


class ColourEncoder:
    """Knows pictures by their strongest colour: red ones show what a text says, green ones a golden retriever."""

    VECTORS = (
        picture_labels.as_query("minilm", embedded("a spaniel asleep beside the lighthouse")),
        photo_of("golden retriever"),
        photo_of("tennis ball"),
    )

    def embed(self, pictures: Sequence[np.ndarray]) -> tuple[np.ndarray, ...]:
        colours = [int(picture.mean((0, 1)).argmax()) for picture in pictures]
        copies = np.stack([unit(np.append(picture.mean((0, 1)), np.zeros(253)) + 1e-3) for picture in pictures])
        return np.stack([self.VECTORS[colour] for colour in colours]), copies, np.zeros((len(pictures), 1000))


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three photos without words, and texts that share words with what the photos show."""
    load = run_models.load_embedder
    use_word_model(monkeypatch.setattr)
    use_random_encoder(monkeypatch.setattr)

    def model(row: SpaceRow, *how: Any) -> Any:
        return WordModel() if row.name == "builtin" else load(row, *how)

    monkeypatch.setattr(run_models, "load_embedder", model)
    monkeypatch.setattr("mmsearch.retrieval.query_encoding.load_embedder", model)
    monkeypatch.setattr(PictureLabels, "coverage", lambda self, query: float(query @ ColourEncoder.VECTORS[0] > 0.2))
    monkeypatch.setattr(builtin_images, "shared_encoder", lambda text_space, device: CachedEncoder(ColourEncoder()))
    docs = tmp_path / "docs"
    docs.mkdir()
    for number, colour in enumerate((RED, GREEN, BLUE)):
        Image.new("RGB", (96, 64), colour).save(docs / f"{number}.png")
    for number, text in enumerate(("The keeper stood beside the window.", "A boat lay at the pier, its crew asleep.")):
        write(docs / f"note {number}.txt", text)
    run(tmp_path / "index", docs, models=MODELS)
    return tmp_path / "index"


def answer(index: Path, text: str, **options: Any) -> Answer:
    with Index.open(index) as opened:
        return opened.search(Query(text, **options))


def test_a_photo_is_found_before_texts_that_share_words_with_its_caption(index: Path) -> None:
    hits = answer(index, "a spaniel asleep beside the lighthouse").hits
    assert hits[0].path.endswith(b"/0.png")
    assert hits[0].view == f"{builtin.IMAGES}:image"
    assert {hit.path[-5:] for hit in hits[1:]} >= {b"0.txt", b"1.txt"}


def test_the_signal_is_silent_where_it_knows_nothing(index: Path) -> None:
    assert answer(index, "quarterly tax deadlines").hits == ()
    best = answer(index, "quarterly tax deadlines", min_score=0.0).hits
    assert all(signal.score < 0.05 for hit in best for signal in hit.signals if signal.name.startswith(builtin.IMAGES))


def test_a_hit_without_words_says_what_is_seen(index: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hits = {hit.path[-5:]: hit for hit in answer(index, "lighthouse", min_score=0.0, all_segments=True).hits}
    green = hits[b"1.png"]
    assert green.seen == ("photo", "golden retriever")
    assert green.snippet == "seen: photo, golden retriever"
    assert hit_record(green)["seen"] == ["photo", "golden retriever"]
    table.write_hits([green], explain=True)
    assert "seen: photo, golden retriever" in capsys.readouterr().out
    assert hits[b"2.png"].seen == ("photo", "tennis ball")


def test_words_that_took_no_part_do_not_hide_what_is_seen(index: Path) -> None:
    with sqlite3.connect(index / "catalogue.db") as catalogue:  # such as OCR reads in bark and gravel
        catalogue.execute("UPDATE segments SET text = 'BEK 22 iji' WHERE text = ''")
        catalogue.execute(
            "INSERT INTO words_fts (rowid, words) SELECT id, 'bek 22 iji' FROM segments WHERE text = 'BEK 22 iji'"
        )
    for text, snippet in (("lighthouse", "seen: photo, golden retriever"), ("bek lighthouse", "BEK 22 iji")):
        hits = {hit.path[-5:]: hit for hit in answer(index, text, min_score=0.0, all_segments=True).hits}
        assert hits[b"1.png"].snippet == snippet
        signals = {signal.name for signal in hits[b"1.png"].signals}
        assert ("words" in signals) == (snippet == "BEK 22 iji")


def test_words_of_a_hit_come_before_what_is_seen(index: Path) -> None:
    text = answer(index, "boat pier crew").hits[0]
    assert text.seen == () and text.snippet.startswith("A boat lay")
