"""Cross-encoders on ONNX Runtime: the scores of torch, without torch, from a cache that is checked."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from replicas_late import WORDS, tiny_ettin

from mmsearch.errors import ModelUnavailable, UsageError
from mmsearch.models import onnx_reranker, rerankers
from mmsearch.models.model_catalogue import ModelSpec
from mmsearch.models.model_files import find_for
from mmsearch.models.model_options import ModelOptions
from mmsearch.models.onnx_reranker import OnnxReranker
from mmsearch.models.reranker import Candidate
from mmsearch.models.rerankers import CrossEncoderReranker, load_reranker

EXACT = ModelOptions(device="cpu", dtype="float32")


@pytest.fixture(scope="module")
def ettin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelSpec]:
    """The replica, exported into a cache of its own."""
    base = tmp_path_factory.mktemp("ettin")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(base / "cache"))
        patch.setattr(onnx_reranker, "can_be", lambda files, options: True)
        spec = ModelSpec("ettin", str(tiny_ettin(base / "ettin")), role="reranker")
        assert isinstance(load_reranker(spec, EXACT), OnnxReranker), "it was exported and is used at once"
        yield spec


def test_scores_are_those_of_torch_and_torch_is_not_loaded(ettin: ModelSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    candidates = [Candidate(" ".join(rng.choice(WORDS, count))) for count in (1, 700, 40, 3, 200, 90)]
    query = Candidate(" ".join(WORDS[:3]))
    exact = CrossEncoderReranker(ettin, EXACT)
    exact.model.max_seq_length = onnx_reranker.MOST_TOKENS
    expected = exact.score(query, candidates)
    assert np.ptp(expected) > 1e-3, "the scores could not be confused"

    def refuse(*_: object) -> None:
        raise AssertionError("the library was asked for")

    monkeypatch.setattr(rerankers, "load", refuse)
    monkeypatch.setattr(onnx_reranker, "BATCH_TOKENS", 1024)
    found = load_reranker(ettin, EXACT)
    scores = found.score(query, candidates)
    assert scores.dtype == np.float32 and scores == pytest.approx(expected, abs=1e-4)
    assert found.score(query, []).shape == (0,)
    with pytest.raises(UsageError, match="a query has none of it"):
        found.score(Candidate(), candidates)


def test_one_wrong_bit_and_the_export_is_not_used(ettin: ModelSpec) -> None:
    files = find_for(ettin, EXACT)
    graph = onnx_reranker.place_of(files) / onnx_reranker.GRAPH
    before = graph.read_bytes()
    graph.write_bytes(before[:-1] + bytes([before[-1] ^ 1]))
    assert onnx_reranker.opened("ettin", files) is None
    graph.write_bytes(before)
    assert onnx_reranker.opened("ettin", files) is not None


def test_a_model_that_can_not_be_exported_is_noted_and_runs_through_torch(
    ettin: ModelSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = []

    def failing(*_: object) -> None:
        tried.append(1)
        raise ModelUnavailable("This reranker can't be exported.")

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(onnx_reranker, "_write_graph", failing)
    for _ in range(2):
        assert isinstance(load_reranker(ettin, EXACT), CrossEncoderReranker)
    assert tried == [1]
