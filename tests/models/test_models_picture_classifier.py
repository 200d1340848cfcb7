"""The picture classifier: its inputs and vectors, the kinds of picture that a query names, and no heavy import."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmsearch.models.media import picture_classifier

shipped = pytest.mark.skipif(
    not (picture_classifier.folder() / "image" / "model.onnx").exists(), reason="no weights in this checkout"
)


@pytest.mark.parametrize(
    ("height", "width", "shape"),
    [(100, 100, 0), (100, 150, 1), (150, 100, 2), (50, 900, 3), (900, 50, 4), (1, 1, 0), (110, 100, 0)],
)
def test_a_picture_goes_to_the_shape_of_nearest_proportions(height: int, width: int, shape: int) -> None:
    assert picture_classifier.nearest_shape(height, width) == shape


def test_transparent_becomes_white(tmp_path: Path) -> None:
    Image.new("RGBA", (4, 3), (200, 10, 10, 0)).save(tmp_path / "clear.png")
    array = picture_classifier.as_array(tmp_path / "clear.png")
    assert array.shape == (3, 4, 3)
    assert (array == 255).all()


def test_queries_name_kinds_of_pictures_or_nothing() -> None:
    named = {
        "A bar chart showing the US population by age": "bar chart",
        "Horizontal Box-Plots of weight": "horizontal box plot",
        "small multiples of area charts": "small multiples, area chart",
        "stock price over time": None,
        "the final score of the game": None,
        "a black cat on a chair": None,
        "": None,
    }
    assert {query: picture_classifier.named_picture_kind(query) for query in named} == named


@shipped
def test_both_vectors_have_unit_length_and_keep_the_order() -> None:
    rng = np.random.default_rng(0)
    sizes = [(30, 200), (64, 64), (1, 1), (300, 40), (64, 64), (200, 300)]
    pictures = [rng.integers(0, 256, (height, width, 3), np.uint8) for height, width in sizes]
    model = picture_classifier.PictureClassifier()
    vectors, likeness = model.embed(pictures)
    assert vectors.shape == (6, picture_classifier.TEXT_SIZE)
    assert likeness.shape == (6, picture_classifier.LIKENESS_SIZE)
    assert vectors.dtype == likeness.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(likeness, axis=1), 1, atol=1e-5)
    for i, picture in enumerate(pictures):
        np.testing.assert_allclose(model.embed([picture])[0][0], vectors[i], atol=1e-4)


@shipped
def test_no_pictures_give_no_rows() -> None:
    vectors, likeness = picture_classifier.PictureClassifier().embed([])
    assert vectors.shape == (0, picture_classifier.TEXT_SIZE)
    assert likeness.shape == (0, picture_classifier.LIKENESS_SIZE)


@shipped
def test_the_classifier_loads_without_torch() -> None:
    code = (
        "import sys, numpy as np\n"
        "from mmsearch.models.media import audio_features, picture_classifier\n"
        "assert 'onnxruntime' not in sys.modules\n"
        "picture_classifier.PictureClassifier().embed([np.zeros((9, 9, 3), np.uint8)])\n"
        "audio_features.AudioFeatures().extract(np.ones(16000, np.float32))\n"
        "assert not {'torch', 'transformers', 'sentence_transformers'} & sys.modules.keys()\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@shipped
def test_the_shipped_model_is_small_enough_for_the_package() -> None:
    size = sum(path.stat().st_size for path in picture_classifier.folder().rglob("*") if path.is_file())
    assert size < 25e6
