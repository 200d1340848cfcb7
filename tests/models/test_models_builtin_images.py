"""The built-in spaces of pictures: one pass for both, an encoder made once per user, and plain refusals."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from small_image_encoder import fitted_heads, hide_package, random_bytes, random_network, use_random_encoder

from mmsearch.errors import ModelUnavailable, UsageError
from mmsearch.models import encoder_cache, registry
from mmsearch.models.builtin import IMAGES, SIMILARITY
from mmsearch.models.images import builtin_images, image_encoder, image_heads, image_weights
from mmsearch.models.images.builtin_images import BuiltinImageEmbedder
from mmsearch.types import View

torch.set_num_threads(1)


@pytest.fixture
def random_encoder(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    use_random_encoder(monkeypatch.setattr)
    yield
    builtin_images.shared_encoder.cache_clear()


def pictures() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (height, width, 3), np.uint8) for height, width in ((40, 50), (120, 30), (64, 64))]


@pytest.mark.parametrize(("name", "dimension"), [(IMAGES, 384), (SIMILARITY, 256)])
def test_pictures_become_unit_vectors_in_order(random_encoder: None, name: str, dimension: int) -> None:
    model = registry.load(registry.resolve(name))
    vectors = model.embed(View.IMAGE, pictures())
    assert vectors.shape == (3, dimension) == (3, model.dimension)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(model.embed(View.IMAGE, pictures()[1:2])[0], vectors[1], atol=1e-4)
    assert model.embed(View.IMAGE, []).shape == (0, dimension)


def test_two_spaces_share_one_pass(random_encoder: None, monkeypatch: pytest.MonkeyPatch) -> None:
    passes: list[int] = []
    embed = image_encoder.ImageEncoder.embed

    def counted(self: image_encoder.ImageEncoder, items: list[np.ndarray]) -> tuple[np.ndarray, ...]:
        passes.append(len(items))
        return embed(self, items)

    monkeypatch.setattr(image_encoder.ImageEncoder, "embed", counted)
    batch = pictures()
    for name in (IMAGES, SIMILARITY):
        BuiltinImageEmbedder(name, "minilm").embed(View.IMAGE, list(batch))
    assert passes == [3]


def test_torch_gives_what_onnx_gives() -> None:
    by_onnx = image_encoder.ImageEncoder(random_bytes()).embed(pictures())
    by_torch = image_heads.TorchImageEncoder(random_network(), fitted_heads(), "cpu").embed(pictures())
    for one, other in zip(by_onnx, by_torch, strict=True):
        assert one.shape == other.shape
        np.testing.assert_allclose(one, other, atol=1e-3)


def test_fingerprints_name_the_weights_and_what_vectors_depend_on() -> None:
    minilm, e5 = (builtin_images.facts(IMAGES, space) for space in ("minilm", "e5"))
    assert minilm["weights"] == e5["weights"] == f"sha256:{image_weights.WEIGHTS_SHA256}"
    assert (minilm["text_space"], e5["text_space"]) == ("minilm", "e5")
    assert minilm["heads"] != e5["heads"]
    assert builtin_images.facts(SIMILARITY, "minilm") == builtin_images.facts(SIMILARITY, "e5")


def test_vectors_for_copies_are_the_same_with_the_heads_of_every_text_space() -> None:
    first, second = (image_weights.tensors(space, *image_weights.COPY_TENSORS) for space in image_weights.SPACES)
    assert all(np.array_equal(one, other) for one, other in zip(first, second, strict=True))


def test_the_encoder_is_made_once_and_again_when_it_is_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(image_weights, "locate", lambda: tmp_path)
    monkeypatch.setattr(image_weights, "verified", lambda file: file)

    def exported(space: str) -> bytes:
        made.append(space)
        return random_bytes(space)

    monkeypatch.setattr(image_encoder, "exported_bytes", exported)
    for _ in range(2):
        assert image_encoder.opened("minilm").sizes == (384, 256, 1000)
    assert made == ["minilm"]
    file = image_weights.cache_folder("minilm") / image_encoder.FILE
    with file.open("r+b") as stream:
        stream.seek(1000)
        stream.write(b"damage")
    assert encoder_cache.problem(file.parent) != ""
    assert image_encoder.opened("minilm").sizes == (384, 256, 1000)
    assert made == ["minilm", "minilm"]
    assert encoder_cache.problem(file.parent, deep=True) == ""


def test_where_the_cache_can_not_be_written_the_encoder_is_made_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.setattr(image_weights, "locate", lambda: tmp_path)
    monkeypatch.setattr(image_weights, "verified", lambda file: file)
    monkeypatch.setattr(image_encoder, "exported_bytes", random_bytes)
    assert image_encoder.opened("minilm").embed(pictures())[0].shape == (3, 384)


def test_a_missing_package_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    hide_package(monkeypatch.setattr)
    with pytest.raises(ModelUnavailable, match="not installed") as caught:
        BuiltinImageEmbedder(IMAGES, "minilm")
    assert "mmsearch[eyes]" in caught.value.hint


def test_other_views_and_pairs_are_refused(random_encoder: None) -> None:
    model = BuiltinImageEmbedder(IMAGES, "minilm")
    with pytest.raises(UsageError, match="can't embed"):
        model.embed(View.TEXT, ["x"])
    with pytest.raises(UsageError, match="as one query"):
        model.embed_pair("x", pictures()[0])
