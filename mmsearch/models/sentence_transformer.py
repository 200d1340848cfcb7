"""Embedders by sentence-transformers, with what its `encode` leaves open: batches by tokens, memory, precision."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from mmsearch.errors import UsageError
from mmsearch.models import model_files
from mmsearch.models.batching import Batches
from mmsearch.models.device import (
    LOWEST_COSINE,
    SAMPLE,
    Precision,
    describe_precision,
    device_name,
    lowest_cosine,
    preferred,
    sample_pictures,
)
from mmsearch.models.embedder import Role, Throughput
from mmsearch.models.inputs import Inputs
from mmsearch.models.loading import LCO_ASK, first_precision, load, lower_case, paired
from mmsearch.models.model_catalogue import ModelSpec
from mmsearch.models.model_files import check_role, find, is_lco
from mmsearch.models.model_options import ModelOptions
from mmsearch.types import View

MOST_TOKENS = 8192  # where a model states no limit
DOCUMENT_PROMPTS = ("document", "passage", "corpus")  # the order in which the library looks for one
INSTRUCTED = re.compile(
    r"(Instruct: ).*(\n ?Query: ?)$", re.DOTALL
)  # the prompt of a text model that takes instructions


class SentenceTransformerEmbedder:
    """A model from a folder or the hub cache. See `Embedder` for what its methods promise."""

    def __init__(
        self,
        source: str | Path,
        *,
        name: str,
        options: ModelOptions | None = None,
        identity: dict[str, Any] | None = None,
        spec: ModelSpec | None = None,
    ) -> None:
        """`identity` is what the fingerprint says about the weights, found out unless given; `spec` what is known of
        the model beyond its files. Raises `ModelUnavailable`, and `UsageError` for a dimension it doesn't have."""
        self._options = options or ModelOptions()
        self.name = name
        revision = self._options.revision or (spec.revision if spec else None)
        self._files = [find(name, str(source), self._options, revision)]
        if spec and spec.pair:
            self._files.append(find(name, spec.pair, self._options))
        for files in self._files:
            check_role(files, "embedder", self._options)
        self._prompts = dict(spec.prompts) if spec else {}
        self._lower_case = bool(spec and spec.lower_case)
        self._measure: Any = None
        self.precision: Precision = first_precision(self._files[0], self._options)
        with ThreadPoolExecutor(1) as aside:  # hashing weights takes as long as loading them
            origin = aside.submit(lambda: identity or self._origin())
            self._load()
            self._identity = origin.result()
        self.views, self.fuses = self._inputs.views, self._inputs.fuses
        self.takes_instruction = self._inputs.chat or bool(INSTRUCTED.match(self._prompt("query")))
        self.dimension = self._cut_to(int(self.model.get_embedding_dimension()))
        self.max_tokens = min(int(self.model.max_seq_length or MOST_TOKENS), MOST_TOKENS)
        self._settle()
        self.batches.remember(f"{device_name(self.precision.device)}/{self.precision.dtype}/{self._weights()}")

    @property
    def pace(self) -> Throughput:
        """See `Embedder`."""
        return self.batches.pace

    def _weights(self) -> str:
        """A short name of the weights."""
        return hashlib.sha256(json.dumps(self._identity, sort_keys=True).encode()).hexdigest()[:16]

    def _load(self) -> None:
        whole = load(self._files[0], self.precision, self._options)
        if len(self._files) > 1:
            whole = paired(self.name, whole, load(self._files[1], self.precision, self._options))
        if self._lower_case:
            lower_case(whole)
        self.model = whole
        self.batches = Batches(whole, self.precision.device, size=self._options.batch_size)
        self._controlled = any(token.startswith("<|") for token in whole.tokenizer.all_special_tokens)
        self._inputs = Inputs(whole, self._options, LCO_ASK if is_lco(self._files[0]) else "")

    def _origin(self) -> dict[str, Any]:
        """Which weights these are, and the class that reads them."""
        origins = [
            model_files.identity(files.source, files.commit) | {"class": files.architecture or "unknown"}
            for files in self._files
        ]
        return origins[0] | ({"pair": origins[1]} if len(origins) > 1 else {})

    def _cut_to(self, width: int) -> int:
        dim = self._options.dim
        if dim is not None and not 0 < dim <= width:
            raise UsageError(f"{self.name} has no {dim} dimensions.", f"Choose --dim 1 to {width}.")
        return dim or width

    def fingerprint(self) -> dict[str, dict[str, Any]]:
        """See `Embedder`."""
        facts = {
            "dimension": self.dimension,
            "prompts": {role: self._prompt(role) for role in ("query", "document")},
            "pooling": self._pooling(),
        }
        limits = {View.TEXT: {"max_tokens": self.max_tokens}, **self._inputs.limits}
        return {str(view): {**self._identity, **facts, "limits": limits[view]} for view in sorted(self.views)}

    def _pooling(self) -> str:
        """How token vectors become one; `own` for a model with a head of its own for that."""
        found = (getattr(module, "pooling_mode", None) for module in self.model.modules())
        return str(next(filter(None, found), "own"))

    def choice(self) -> str:
        """See `Embedder`."""
        guessed = self._files[0].modules is None and self._pooling() == "mean"
        note = "; its files name no pooling (modules.json), so the mean is taken" if guessed else ""
        return describe_precision(self.precision) + note

    def part_texts(self, text: str) -> list[str]:
        """See `Embedder`."""
        text = text.strip()
        room = self.max_tokens - self._overhead()
        if not text:
            return []
        count = (
            len(text) if len(text) <= room else len(self._plain_tokenizer().encode(text, add_special_tokens=False).ids)
        )
        if count <= room:
            return [text]
        from semantic_text_splitter import TextSplitter

        even = math.ceil(1.1 * count / math.ceil(count / room))  # not one full part and a crumb, which says nothing
        return TextSplitter.from_huggingface_tokenizer(self._plain_tokenizer(), min(even, room)).chunks(text)

    def embed(
        self, view: View, items: Sequence[Any], role: Role = "document", instruction: str | None = None
    ) -> np.ndarray:
        """See `Embedder`."""
        if view not in self.views:
            raise UsageError(f"{self.name} can't embed the {view} of anything.", "mmsearch models shows what each can")
        if not len(items):
            return np.zeros((0, self.dimension), np.float32)
        prompt = self._prompt(role) if instruction is None else self._instructed(instruction)
        if view is View.TEXT:
            items = [self._escaped(text) for text in items]
            costs = self._lengths([prompt + text for text in items])
        else:
            costs = self._inputs.costs(view, items)
        prepare = partial(self._inputs.prepared, view)
        return self._cut(self.batches.run(items, costs, prepare, view, prompt=prompt or None, task=role))

    def fused(self, text: str, image: np.ndarray, role: Role = "query", instruction: str | None = None) -> np.ndarray:
        """See `Embedder`."""
        if not self.fuses:
            raise UsageError(f"{self.name} can't take a text and a picture as one query.")
        prompt = self._prompt(role) if instruction is None else self._instructed(instruction)
        read = (self.part_texts(self._escaped(text)) or [""])[0]  # a sequence that holds a picture is never cut
        inputs = [self._inputs.fused(read, image)]
        found = self.batches.run(inputs, [1], list, prompt=prompt or None, task=role)
        vector: np.ndarray = self._cut(found)[0]
        return vector

    def _cut(self, vectors: list[np.ndarray]) -> np.ndarray:
        """The first numbers, at unit length again: models in bfloat16 miss it by far more than float32 does."""
        kept = np.stack(vectors)[:, : self.dimension]
        return kept / np.maximum(np.linalg.norm(kept, axis=1, keepdims=True), 1e-12)

    def _settle(self) -> None:
        """Goes to the reduced precision if a sample of vectors stays the same."""
        import torch

        wanted = preferred(self.precision.device)
        if self._options.dtype or wanted.dtype == self.precision.dtype:
            return
        exact = self._sample()
        self.model.to(getattr(torch, wanted.dtype))
        cosine = lowest_cosine(self._sample(), exact)
        if cosine >= LOWEST_COSINE:
            reason = f"{wanted.reason}, cosine {cosine:.5f} to float32"
            self.precision = wanted._replace(reason=reason)
        else:
            self.precision = wanted._replace(
                dtype="float32", reason=f"in {wanted.dtype} vectors differ (cosine {cosine:.4f})"
            )
            self._load()

    def _sample(self) -> np.ndarray:
        """Vectors to compare precisions by: of texts, and where the model looks, of pictures."""
        found = [self.embed(View.TEXT, SAMPLE)] if View.TEXT in self.views else []
        if View.IMAGE in self.views:
            found.append(self.embed(View.IMAGE, sample_pictures()))
        return np.concatenate(found)

    def _prompt(self, role: str) -> str:
        """The library takes an empty prompt called document for the model's, where the model calls its own passage."""
        names = DOCUMENT_PROMPTS if role == "document" else ("query",)
        prompts = {**self._prompts, **{name: text for name, text in (self.model.prompts or {}).items() if text}}
        return next((prompts[name] for name in names if prompts.get(name)), "")

    def _instructed(self, instruction: str) -> str:
        """The prompt with an instruction in it, in the form that the model's own query prompt has."""
        if not self.takes_instruction:
            raise UsageError(f"{self.name} takes no instruction.", "leave it out, or use a model that follows one")
        form = INSTRUCTED.match(self._prompt("query"))
        return f"{form.group(1)}{instruction}{form.group(2)}" if form else instruction

    def _escaped(self, text: str) -> str:
        """Control tokens in a text would be obeyed: by a chat template, and by tokenizers that know them."""
        return text.replace("<|", "< |") if self._controlled else text

    def _overhead(self) -> int:
        """Tokens that every text costs: special tokens, chat template and the longer prompt."""
        longest = max((self._prompt("document"), self._prompt("query")), key=len)
        if self._inputs.chat:
            inputs = self._inputs.prepared(View.TEXT, [""])
            return int(self.model.preprocess(inputs, prompt=longest or None)["input_ids"].shape[1])
        return len(self._plain_tokenizer().encode(longest).ids)

    def _plain_tokenizer(self) -> Any:
        """The tokenizer without truncation or padding, to measure with."""
        if self._measure is None:
            from tokenizers import Tokenizer

            self._measure = Tokenizer.from_str(self.model.tokenizer.backend_tokenizer.to_str())
            self._measure.no_truncation()
            self._measure.no_padding()
        return self._measure

    def _lengths(self, texts: list[str]) -> list[int]:
        encodings = self._plain_tokenizer().encode_batch_fast(texts)
        return [min(len(encoding.ids), self.max_tokens) for encoding in encodings]
