"""What vectors of pictures mean in words: kinds that a query names, labels that a picture shows."""

import numpy as np
import pytest

from mmsearch.models.images import image_weights
from mmsearch.models.media import picture_labels
from mmsearch.models.media.picture_labels import Label, PictureLabels, decomposed


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("a bar chart showing the population by age", "bar chart"),
        ("Box Plots and a table of numbers", "box plot, table of numbers"),
        ("a dog lying on the beach", None),
        ("a photo of a dog", None),
        ("", None),
    ],
)
def test_a_text_names_kinds_of_drawn_pictures(text: str, named: str | None) -> None:
    assert picture_labels.named_drawing(text) == named


@pytest.mark.parametrize("space", image_weights.SPACES)
def test_a_query_is_without_what_all_texts_share(space: str) -> None:
    (common,) = image_weights.tensors(space, "common")
    vector = np.random.default_rng(0).normal(size=384).astype(np.float32)
    query = picture_labels.as_query(space, vector / np.linalg.norm(vector))
    assert np.linalg.norm(query) == pytest.approx(1, abs=1e-5)
    assert abs(query @ common.astype(np.float32)) < 1e-2
    assert np.isfinite(picture_labels.as_query(space, common.astype(np.float32))).all()


def test_a_mixture_is_taken_apart() -> None:
    atoms = np.random.default_rng(1).normal(size=(200, 64)).astype(np.float32)
    atoms /= np.linalg.norm(atoms, axis=1, keepdims=True)
    mixed = 0.6 * atoms[3] + 0.3 * atoms[70] + 0.1 * atoms[150]
    found = dict(decomposed(mixed / np.linalg.norm(mixed), atoms, 6))
    assert sorted(found, key=lambda row: -found[row])[:3] == [3, 70, 150]
    assert found[3] / found[70] == pytest.approx(2, rel=0.1)
    assert all(weight > 0 for weight in found.values())


def of_size(count: int) -> np.ndarray:
    return np.eye(count, dtype=np.float32)


def test_a_photo_has_objects_and_a_chart_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_weights, "class_names", lambda: ["dog", "ball", "boat"])
    axes = of_size(6)
    labels = [Label("photo", "photo"), Label("chart", "chart"), Label("bar chart", "chart")]
    model = PictureLabels(labels, axes[:3], np.array([0.3, 0.3, 0.3], np.float32), axes[3:])
    photo = axes[0] + 0.8 * axes[3] + 0.4 * axes[4]
    assert model.of(photo / np.linalg.norm(photo)) == ("photo", "dog", "ball")
    chart = axes[1] + 0.8 * axes[2] + 0.2 * axes[3]
    assert model.of(chart / np.linalg.norm(chart)) == ("chart", "bar chart")


@pytest.mark.parametrize("space", image_weights.SPACES)
def test_what_the_encoder_knows_of_a_query_goes_by_its_names(space: str) -> None:
    model = picture_labels.labels_for(space)
    assert model.coverage(model.objects[207]) == 1.0
    random = np.random.default_rng(2).normal(size=384).astype(np.float32)
    assert model.coverage(random / np.linalg.norm(random)) == 0.0


@pytest.mark.parametrize("space", image_weights.SPACES)
def test_the_shipped_labels_are_sound(space: str) -> None:
    model = picture_labels.labels_for(space)
    assert model.vectors.shape == (len(model.labels), 384)
    assert np.isfinite(model.vectors).all() and not np.isnan(model.thresholds).any()
    assert model.objects.shape == (1000, 384)
    broad = {label.kind for label in model.labels}
    assert {"chart", "photo", "receipt", "screenshot"} <= broad
    assert {label.name for label in model.labels if label.name == label.kind} == broad
    assert model.of(np.full(384, 384**-0.5, np.float32)) == model.of(np.full(384, 384**-0.5, np.float32))
