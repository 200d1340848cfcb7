"""The embedder of a late-interaction space: token vectors, pooled, beside the few vectors by which a page is found."""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from mmsearch.errors import UsageError
from mmsearch.models.device import Precision, device_name
from mmsearch.models.embedder import Role, Throughput
from mmsearch.models.late_interaction import LateInteractionModel
from mmsearch.models.model_catalogue import ModelSpec
from mmsearch.models.model_files import weights_identity
from mmsearch.models.model_options import ModelOptions
from mmsearch.models.token_pooling import CENTROIDS, Pooled, pooled
from mmsearch.types import View, chosen

MOST_TOKENS = 8192  # of a text, also where a model takes more
# Vectors of a document that become one. Pages in thousands of patches keep 99% of nDCG at 10; a text has few tokens and
# keeps 99% at 3, 95% at 4.
FACTORS = {View.IMAGE: 10, View.TEXT: 3}
BITS = 8  # of a stored number


class LateInteractionEmbedder:
    """A late-interaction model that fills a space; implements `Embedder`.

    A query of its space is always a text. `embed` returns the mean of an input's token vectors at unit length;
    `document_vectors` and `query_vectors` return the token vectors themselves.
    """

    embeds_pairs = False
    takes_instruction = False
    query_views = frozenset({View.TEXT})

    def __init__(self, spec: ModelSpec, options: ModelOptions) -> None:
        """Raises `ModelUnavailable` for a model that can't be loaded or is no late-interaction model, `UsageError` for
        a dimension."""
        if options.dim is not None:
            raise UsageError(f"The token vectors of {spec.name} can't be cut.", "Leave out --dim.")
        self._late = LateInteractionModel(spec, options)
        files = self._late.files
        with ThreadPoolExecutor(1) as executor:  # hashing weights takes as long as a first text
            origin = executor.submit(lambda: weights_identity(files.source, files.commit))
            self.dimension = int(self._late.tokens(View.TEXT, ["a"], "query")[0].shape[1])
            self._identity = origin.result() | {"class": files.architecture or "unknown"}
        self.name = spec.name
        self.model = self._late.model
        self.views = self._late.views
        longest = getattr(self.model[0], "document_length", None) or self.model.max_seq_length or MOST_TOKENS
        self.max_tokens = min(int(longest), MOST_TOKENS)
        self._tokenizer: Any = None
        precision = self.precision
        weights = self._identity.get("weights") or f"{files.source}@{files.commit}"
        self._late.batches.restore_budgets(f"{device_name(precision.device)}/{precision.dtype}/{weights}/late")

    @property
    def precision(self) -> Precision:
        """The device and the number format in use, with the reason."""
        return self._late.precision

    @property
    def throughput(self) -> Throughput:
        """The time that the model has used so far."""
        return self._late.batches.throughput

    @property
    def similarity(self) -> str:
        """The model's score of a document: `maxsim` or `meanmaxsim`."""
        return self._late.similarity

    def describe_precision(self) -> str:
        """`precision` as a sentence."""
        return self._late.describe_precision()

    def fingerprint(self) -> dict[str, dict[str, Any]]:
        """The facts that make vectors comparable, by view: `late` has how token vectors are compared, pooled and
        stored. A model of page pictures has a text view too, of its queries."""
        facts = {
            "dimension": self.dimension,
            "prompts": {role: self._late.prompt(role) for role in ("query", "document")},
            "pooling": "late interaction",
        }
        limits = {View.TEXT: {"max_tokens": self.max_tokens}, **self._late.inputs.limits}
        return {
            str(view): {**self._identity, **facts, "late": self._facts(view), "limits": limits[view]}
            for view in sorted(self.views | self.query_views)
        }

    def _facts(self, view: View) -> dict[str, Any]:
        stored = {"factor": FACTORS[view], "bits": BITS, "centroids": CENTROIDS} if view in self.views else {}
        return {"similarity": self.similarity, **stored}

    def split_text(self, text: str) -> list[str]:
        """The text itself if the model embeds it whole, else consecutive parts of about the same length."""
        text = text.strip()
        if not text or View.TEXT not in self.views:
            return []
        room = self.max_tokens - self._overhead()
        if len(text) <= room:
            return [text]
        count = len(self._plain_tokenizer().encode(text, add_special_tokens=False).ids)
        if count <= room:
            return [text]
        from semantic_text_splitter import TextSplitter

        even = math.ceil(1.1 * count / math.ceil(count / room))  # else the last part could be a few words
        return TextSplitter.from_huggingface_tokenizer(self._plain_tokenizer(), min(even, room)).chunks(text)

    def _overhead(self) -> int:
        """Tokens of every text beside itself: special tokens, template and prompt."""
        inputs = self._late.inputs.prepared(View.TEXT, [""])
        prompt = self._late.prompt("document") or None
        return int(self.model.preprocess(inputs, prompt=prompt, task="document")["input_ids"].shape[1])

    def _plain_tokenizer(self) -> Any:
        """The tokenizer without truncation or padding, by which texts are measured."""
        if self._tokenizer is None:
            from tokenizers import Tokenizer

            self._tokenizer = Tokenizer.from_str(self.model.tokenizer.backend_tokenizer.to_str())
            self._tokenizer.no_truncation()
            self._tokenizer.no_padding()
        return self._tokenizer

    def embed(
        self, view: View, items: Sequence[Any], role: Role = "document", instruction: str | None = None
    ) -> np.ndarray:
        """The mean of the token vectors of each item at unit length, float32 (n, dimension)."""
        if view not in (self.views if role == "document" else self.query_views):
            takes = chosen(sorted(self.views if role == "document" else self.query_views))
            raise UsageError(f"{self.name} takes {takes} for a {role}, not {view}.", "Say in words what to look for.")
        if instruction is not None:
            raise UsageError(f"{self.name} takes no instruction.", "Leave it out, or use a model that takes one.")
        if not len(items):
            return np.zeros((0, self.dimension), np.float32)
        return np.stack([mean_vector(tokens) for tokens in self._late.tokens(view, items, role)])

    def embed_pair(
        self, text: str, image: np.ndarray, role: Role = "query", instruction: str | None = None
    ) -> np.ndarray:
        """Raises `UsageError`: a document is a text or a picture, a query a text."""
        raise UsageError(f"{self.name} can't take a text and a picture as one query.")

    def document_vectors(self, view: View, items: Sequence[Any]) -> list[Pooled]:
        """The token vectors of each item of a view, pooled as the fingerprint says."""
        return [pooled(tokens, FACTORS[view]) for tokens in self._late.tokens(view, items, "document")]

    def query_vectors(self, texts: Sequence[str]) -> list[np.ndarray]:
        """The token vectors of each query, float32 (vectors, dimension), unit rows."""
        return self._late.tokens(View.TEXT, texts, "query")


def mean_vector(tokens: np.ndarray) -> np.ndarray:
    """The mean of unit rows, float32 (n, dimension), n at least 1, at unit length; the first where they cancel out."""
    mean = tokens.mean(axis=0)
    length = float(np.linalg.norm(mean))
    result: np.ndarray = mean / length if length > 1e-6 else tokens[0]
    return result.astype(np.float32)
