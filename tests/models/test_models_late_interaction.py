"""Late interaction by a tiny ColQwen2: token vectors and scores equal the library's."""

from pathlib import Path

import numpy as np
import pytest
from replicas_towers import tiny_colqwen2

from mmsearch.errors import ModelUnavailable, UsageError
from mmsearch.models.late_interaction import LateReranker, max_sim
from mmsearch.models.model_catalogue import ModelSpec
from mmsearch.models.model_files import is_reranker
from mmsearch.models.model_options import ModelOptions
from mmsearch.models.registry import resolve
from mmsearch.models.reranker import Candidate
from mmsearch.models.rerankers import load_reranker
from mmsearch.types import View

EXACT = ModelOptions(device="cpu", dtype="float32")


@pytest.fixture(scope="module")
def late(tmp_path_factory: pytest.TempPathFactory) -> LateReranker:
    folder = tiny_colqwen2(tmp_path_factory.mktemp("late") / "colqwen2")
    return LateReranker(ModelSpec("colqwen2", str(folder), role="late"), EXACT)


def pages() -> list[np.ndarray]:
    rng = np.random.default_rng(3)
    return [rng.integers(0, 256, (high, wide, 3), dtype=np.uint8) for high, wide in ((60, 40), (40, 90), (56, 56))]


def test_t29_queries_are_words_and_candidates_pages(late: LateReranker) -> None:
    from PIL import Image

    assert late.views == {View.IMAGE}
    model = late.model
    expected = model.encode_query(["revenue by region"], convert_to_numpy=True)[0]
    found = late.tokens(View.TEXT, ["revenue by region"], "query")[0]
    assert found.shape == expected.shape and (found * expected).sum(axis=1).min() > 0.9999
    documents = model.encode_document([Image.fromarray(page) for page in pages()], convert_to_numpy=True)
    for one, other in zip(late.tokens(View.IMAGE, pages(), "document"), documents, strict=True):
        assert one.shape == other.shape and (one * other).sum(axis=1).min() > 0.9999
    with pytest.raises(UsageError):
        late.score(Candidate("revenue"), [Candidate("revenue rose")])
    with pytest.raises(UsageError, match="takes words"):
        late.score(Candidate(image=pages()[0]), [Candidate(image=pages()[1])])


def test_scores_are_the_library_s_by_the_query_s_vector(late: LateReranker) -> None:
    from PIL import Image

    model = late.model
    query = model.encode_query(["revenue by region"])
    sums = model.similarity(query, model.encode_document([Image.fromarray(page) for page in pages()])).numpy()[0]
    scores = late.score(Candidate("revenue by region"), [Candidate("words", image=page) for page in pages()])
    assert scores.dtype == np.float32
    assert scores == pytest.approx(np.clip(sums / len(query[0]), 0, 1), abs=1e-4)
    assert late.score(Candidate("revenue"), []).shape == (0,)


def test_max_sim_by_hand() -> None:
    query = np.array([[1.0, 0.0], [0.0, 1.0]], np.float32)
    document = np.array([[0.6, 0.8], [-1.0, 0.0]], np.float32)
    assert max_sim(query, document) == pytest.approx((0.6 + 0.8) / 2)
    assert max_sim(query, -np.ones((1, 2), np.float32) / np.sqrt(2).astype(np.float32)) == 0.0


def test_a_control_token_in_a_query_is_no_picture(late: LateReranker) -> None:
    assert np.isfinite(late.score(Candidate("a <|image_pad|> b"), [Candidate(image=pages()[0])])).all()


def test_a_folder_with_one_is_a_reranker(late: LateReranker, tmp_path: Path) -> None:
    folder = tiny_colqwen2(tmp_path / "col")
    found = load_reranker(resolve(str(folder)), EXACT)
    assert isinstance(found, LateReranker) and is_reranker(resolve(str(folder)), EXACT)
    scores = found.score(Candidate("revenue"), [Candidate(image=page) for page in pages()])
    assert scores == pytest.approx(
        late.score(Candidate("revenue"), [Candidate(image=page) for page in pages()]), abs=1e-5
    )


def test_t18_an_embedder_is_no_late_interaction_model(tmp_path: Path) -> None:
    from replicas import tiny_minilm

    folder = tiny_minilm(tmp_path / "minilm")
    with pytest.raises(ModelUnavailable) as caught:
        LateReranker(ModelSpec("minilm", str(folder)), EXACT)
    assert caught.value.sentence == "minilm is an embedder, not a late-interaction model."
    assert caught.value.hint == "Give it to `mmsearch index --model`."
