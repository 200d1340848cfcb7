"""Late interaction: a query and a page have many vectors each, which are compared each with each.

After Khattab and Zaharia ("ColBERT", SIGIR 2020) and, over pictures of pages, Faysse et al. ("ColPali", ICLR 2025). A
model reranks candidates, or fills a space whose token vectors are pooled and stored (see `models/late_embedder.py`): a
page of NeoMME has about 3,000 vectors of 128 numbers, 1.5 MB in float32, where an embedder has one vector of 4 KB.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mmsearch.errors import UsageError
from mmsearch.models.batching import Batches
from mmsearch.models.device import describe_precision
from mmsearch.models.inputs import Inputs
from mmsearch.models.loading import initial_precision, load
from mmsearch.models.model_catalogue import ModelSpec
from mmsearch.models.model_files import check_role, find_for
from mmsearch.models.model_options import ModelOptions
from mmsearch.models.reranker import Candidate
from mmsearch.types import View


class LateInteractionModel:
    """A late-interaction model from a folder or the hub cache.

    `views` are those of documents; a query is always a text. Models of page pictures (ColQwen2 and its kind) take no
    texts as documents: they would embed them as queries. `similarity` is `maxsim`, the sum over the query's vectors of
    the best dot product with one of the document's, or `meanmaxsim`, that sum by the number of the query's vectors.
    """

    def __init__(self, spec: ModelSpec, options: ModelOptions) -> None:
        """Raises `ModelUnavailable` for a model that can't be loaded or is no late-interaction model."""
        self.name = spec.name
        self.files = find_for(spec, options)
        check_role(self.files, "late", options)
        self.precision = initial_precision(self.files, options)
        self.model = load(self.files, self.precision, options, "MultiVectorEncoder")
        self.similarity = str(self.model.similarity_fn_name)
        self.inputs = Inputs(self.model, options)
        of_pages = getattr(self.model[0], "transformer_task", "") == "retrieval" and View.IMAGE in self.inputs.views
        self.views = frozenset({View.IMAGE} if of_pages else self.inputs.views & {View.TEXT, View.IMAGE})
        self.batches = Batches(
            self.model, self.precision.device, _token_vectors, wanted=("token_embeddings", "attention_mask")
        )

    def describe_precision(self) -> str:
        """The device and the precision in use, with the reason, as a sentence."""
        return describe_precision(self.precision)

    def prompt(self, role: str) -> str:
        """The text that precedes every query or document."""
        return str((self.model.prompts or {}).get(role) or "")

    def tokens(self, view: View, items: Sequence[Any], role: str) -> list[np.ndarray]:
        """The vectors of each text or picture, float32 (vectors, width) at unit length; their count differs."""
        costs = [len(item) for item in items] if view is View.TEXT else self.inputs.costs(view, items)

        def prepare(batch: list[Any]) -> list[Any]:
            return self.inputs.prepared(view, [_escape(one) for one in batch] if view is View.TEXT else batch)

        if not items:
            return []
        return self.batches.run(items, costs, prepare, view, prompt=self.prompt(role) or None, task=role)


class LateReranker(LateInteractionModel):
    """A late-interaction model that scores candidates; implements `Reranker`."""

    query_views = frozenset({View.TEXT})
    frames = 0
    frame_pixels = 0
    takes_instruction = False

    def __init__(self, spec: ModelSpec, options: ModelOptions) -> None:
        """Raises as `LateInteractionModel`."""
        super().__init__(spec, options)
        self.max_pixels = int(self.inputs.limits.get(View.IMAGE, {}).get("max_pixels", 0))

    def score(self, query: Candidate, candidates: Sequence[Candidate], instruction: str | None = None) -> np.ndarray:
        """Scores float32 (n,) in 0..1: the mean over the query's vectors of the best cosine in the candidate."""
        if not query.text.strip():
            raise UsageError(f"{self.name} takes words for a query.", "Say in words what to look for.")
        query_tokens = self.tokens(View.TEXT, [query.text], "query")[0]
        scores = np.zeros(len(candidates), np.float32)
        for view in sorted(self.views):
            numbers = [number for number, one in enumerate(candidates) if _view(one, self.views) is view]
            items = [candidates[number].image if view is View.IMAGE else candidates[number].text for number in numbers]
            for number, tokens in zip(numbers, self.tokens(view, items, "document"), strict=True):
                scores[number] = max_sim(query_tokens, tokens)
        return scores


def _escape(text: str) -> str:
    """Control tokens in a text would stand for pictures."""
    return text.replace("<|", "< |")


def _token_vectors(output: Any) -> list[np.ndarray]:
    rows = zip(output["token_embeddings"].float(), output["attention_mask"].bool(), strict=True)
    results = [vectors[kept].numpy() for vectors, kept in rows]
    return [one / np.maximum(np.linalg.norm(one, axis=1, keepdims=True), 1e-12) for one in results]


def _view(candidate: Candidate, views: frozenset[View]) -> View | None:
    if View.IMAGE in views and candidate.image is not None:
        return View.IMAGE
    if View.TEXT in views and candidate.text.strip():
        return View.TEXT
    raise UsageError("A candidate has neither a picture nor a text that a late-interaction model of this kind takes.")


def max_sim(query: np.ndarray, document: np.ndarray) -> float:
    """The mean over a query's vectors of the best cosine with a document's vectors, clipped to 0..1. Both are float32
    (vectors, width) at unit length."""
    return float(np.clip((query @ document.T).max(axis=1).mean(), 0.0, 1.0))
