"""Embedders by sentence-transformers, with what its `encode` lacks: batches by tokens, handling of full memory, choice
of precision."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from mmsearch.errors import UsageError
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
from mmsearch.models.embedder import Role, Throughput, TitledText
from mmsearch.models.hub import usable_revision
from mmsearch.models.inputs import Inputs
from mmsearch.models.libraries import installed_library
from mmsearch.models.loading import (
    LCO_SUFFIX,
    PARTS,
    absent_parts,
    initial_precision,
    load,
    lower_case,
    pair_towers,
    refuses_float16,
)
from mmsearch.models.model_catalogue import ModelSpec
from mmsearch.models.model_files import check_role, find, is_lco, weights_identity
from mmsearch.models.model_options import ModelOptions
from mmsearch.models.model_tokenizer import core_tokenizer, special_tokens
from mmsearch.models.query_encoder import control_marks, escape
from mmsearch.types import View

MOST_TOKENS = 8192  # where a model states no limit
NO_TITLE = "title: none"  # in a document prompt that has a place for a title
TITLE_CHARACTERS = 200
DOCUMENT_PROMPTS = ("document", "passage", "corpus")  # the order in which the library looks for one
# The query prompt of a text model that takes instructions.
INSTRUCTED = re.compile(r"(Instruct: ).*(\n ?Query: ?)$", re.DOTALL)


class SentenceTransformerEmbedder:
    """A model from a folder or the hub cache; implements `Embedder`."""

    def __init__(
        self,
        source: str | Path,
        *,
        name: str,
        options: ModelOptions | None = None,
        identity: dict[str, Any] | None = None,
        spec: ModelSpec | None = None,
    ) -> None:
        """`identity` is the part of the fingerprint that names the weights, computed from them by default; `spec` holds
        facts of the model beyond its files. Raises `ModelUnavailable`, and `UsageError` for a dimension that the model
        doesn't have."""
        self._options = options or ModelOptions()
        if spec and spec.limited_to and self._options.views is None:
            self._options = replace(self._options, views=spec.limited_to)
        self.name = name
        pinned = usable_revision(spec.source, spec.revision, spec.fallback) if spec else None
        self._files = [find(name, str(source), self._options, self._options.revision or pinned)]
        if spec and spec.pair:
            self._files.append(find(name, spec.pair, self._options))
        for files in self._files:
            check_role(files, "embedder", self._options)
        self._prompts = dict(spec.prompts) if spec else {}
        self._lower_case = bool(spec and spec.lower_case)
        self._tokenizer: Any = None
        self.precision: Precision = initial_precision(self._files[0], self._options)
        with ThreadPoolExecutor(1) as executor:  # hashing weights takes as long as loading them
            origin = executor.submit(lambda: identity or self._origin())
            self._load()
            self._identity = origin.result()
        self.views = self._inputs.views - self._absent_views()
        self.embeds_pairs = self._inputs.embeds_pairs and View.IMAGE in self.views
        self.takes_instruction = self._inputs.chat or bool(INSTRUCTED.match(self._prompt("query")))
        self.dimension = self._truncated_dimension(self._width())
        self.max_tokens = int(min(self.model.max_seq_length or MOST_TOKENS, MOST_TOKENS))  # that of a table is infinite
        self._reduce_precision()
        self.batches.restore_budgets(
            f"{device_name(self.precision.device)}/{self.precision.dtype}/{self._weights_key()}"
        )

    @property
    def throughput(self) -> Throughput:
        """The time that the model has used so far."""
        return self.batches.throughput

    def _absent_views(self) -> frozenset[View]:
        """The views of parts of the model that were not loaded."""
        parts = PARTS.get(str(self._files[0].config.get("model_type")), {})
        absent = absent_parts(self._files[0], self._options)
        return frozenset(view for key in absent for view in parts[key][1])

    def _weights_key(self) -> str:
        """A short key of the weights."""
        return hashlib.sha256(json.dumps(self._identity, sort_keys=True).encode()).hexdigest()[:16]

    def _load(self) -> None:
        model = load(self._files[0], self.precision, self._options)
        if len(self._files) > 1:
            model = pair_towers(self.name, model, load(self._files[1], self.precision, self._options))
        if self._lower_case:
            lower_case(model)
        self.model = model
        self.batches = Batches(model, self.precision.device, size=self._options.batch_size)
        self._inputs = Inputs(model, self._options, LCO_SUFFIX if is_lco(self._files[0]) else "")
        self.marks = control_marks(special_tokens(model), self._inputs.chat)

    def _origin(self) -> dict[str, Any]:
        """The identity of the weights, and the class that loads them."""
        origins = [
            weights_identity(files.source, files.commit) | {"class": files.architecture or "unknown"}
            for files in self._files
        ]
        return origins[0] | ({"pair": origins[1]} if len(origins) > 1 else {})

    def _width(self) -> int:
        """The length of the model's vectors. The library states that of its hidden states for models which project them
        to another length inside (EmbeddingGemma 2: 512 for 768)."""
        config = getattr(self.model[0], "config", None) if len(self._files) == 1 else None
        projected = getattr(getattr(config, "text_config", None), "embedding_dim", None)
        return int(projected or self.model.get_embedding_dimension())

    def _truncated_dimension(self, width: int) -> int:
        dim = self._options.dim
        if dim is not None and not 0 < dim <= width:
            raise UsageError(f"{self.name} has no {dim} dimensions.", f"Choose --dim 1 to {width}.")
        return dim or width

    def fingerprint(self) -> dict[str, dict[str, Any]]:
        """The facts that make vectors comparable, by view."""
        facts = {
            "dimension": self.dimension,
            "prompts": {role: self._prompt(role) for role in ("query", "document")},
            "pooling": self._pooling(),
        }
        limits = {View.TEXT: {"max_tokens": self.max_tokens}, **self._inputs.limits}
        found = {str(view): {**self._identity, **facts, "limits": limits[view]} for view in sorted(self._inputs.views)}
        for view in found if self._inputs.embeds_pairs else ():
            if view != View.TEXT:  # a text alone has no order of contents
                found[view]["library"] = installed_library()
        return found

    def _pooling(self) -> str:
        """The pooling of token vectors; `own` for a model with a head of its own."""
        modes = (getattr(module, "pooling_mode", None) for module in self.model.modules())
        return str(next(filter(None, modes), "own"))

    def describe_precision(self) -> str:
        """`precision` as a sentence, with a note where the pooling is assumed."""
        assumed = self._files[0].modules is None and self._pooling() == "mean"
        note = "; its files name no pooling (modules.json), so the mean is taken" if assumed else ""
        return describe_precision(self.precision) + note

    def split_text(self, text: str) -> list[str]:
        """The text itself if the model embeds it whole, else consecutive parts of about the same length."""
        text = text.strip()
        room = self.max_tokens - self._overhead()
        if not text:
            return []
        if len(text) <= room:
            return [text]
        count = len(self._plain_tokenizer().encode(text, add_special_tokens=False).ids)
        if count <= room:
            return [text]
        from semantic_text_splitter import TextSplitter

        even = math.ceil(1.1 * count / math.ceil(count / room))  # else the last part could be a few words
        return TextSplitter.from_huggingface_tokenizer(self._plain_tokenizer(), min(even, room)).chunks(text)

    def embed(
        self, view: View, items: Sequence[Any], role: Role = "document", instruction: str | None = None
    ) -> np.ndarray:
        """Unit vectors, float32 (n, dimension), in the order of the items."""
        if view not in self.views:
            raise UsageError(f"{self.name} can't embed {view}.", "`mmsearch models` shows what each model takes.")
        if not len(items):
            return np.zeros((0, self.dimension), np.float32)
        prompt = self._prompt(role) if instruction is None else self._instructed(instruction)
        if view is View.TEXT and role == "document" and NO_TITLE in prompt:
            return self._embed_titled(items, prompt)
        return self._embed(view, items, role, prompt)

    def _embed_titled(self, texts: Sequence[str], prompt: str) -> np.ndarray:
        """Documents by a prompt that has a place for the title of their file: those of one title at a time."""
        by_title: dict[str, list[int]] = {}
        for number, text in enumerate(texts):
            by_title.setdefault(text.file_title if isinstance(text, TitledText) else "", []).append(number)
        vectors = np.zeros((len(texts), self.dimension), np.float32)
        for title, numbers in by_title.items():
            line = escape(" ".join(title.split()), self.marks)[:TITLE_CHARACTERS].strip()
            own = prompt.replace(NO_TITLE, f"title: {line}") if line else prompt
            vectors[numbers] = self._embed(View.TEXT, [texts[number] for number in numbers], "document", own)
        return vectors

    def _embed(self, view: View, items: Sequence[Any], role: Role, prompt: str) -> np.ndarray:
        """Unit vectors of items of a view that the model has, with a prompt."""
        if view is View.TEXT:
            items = [self._escaped(text) for text in items]
            costs = self._lengths([prompt + text for text in items])
        else:
            costs = self._inputs.costs(view, items)
        prepare = partial(self._inputs.prepared, view)
        return self._truncate(self.batches.run(items, costs, prepare, view, prompt=prompt or None, task=role))

    def embed_pair(
        self, text: str, image: np.ndarray, role: Role = "query", instruction: str | None = None
    ) -> np.ndarray:
        """The unit vector, float32 (dimension,), of a text and a picture as one input."""
        if not self.embeds_pairs:
            raise UsageError(f"{self.name} can't take a text and a picture as one query.")
        prompt = self._prompt(role) if instruction is None else self._instructed(instruction)
        part = (self.split_text(self._escaped(text)) or [""])[0]  # the library raises for a long one beside a picture
        inputs = [self._inputs.prepared_pair(part, image)]
        outputs = self.batches.run(inputs, [1], list, prompt=prompt or None, task=role)
        vector: np.ndarray = self._truncate(outputs)[0]
        return vector

    def _truncate(self, vectors: list[np.ndarray]) -> np.ndarray:
        """The first `dimension` numbers, normalised again: vectors computed in bfloat16 are not of unit length."""
        kept = np.stack(vectors)[:, : self.dimension]
        result: np.ndarray = kept / np.maximum(np.linalg.norm(kept, axis=1, keepdims=True), 1e-12)
        return result

    def _reduce_precision(self) -> None:
        """Switch to the fastest precision of the device if the vectors of a sample stay the same."""
        import torch

        wanted = preferred(self.precision.device)
        if self._options.dtype or wanted.dtype == self.precision.dtype:
            return
        if wanted.dtype == "float16" and refuses_float16(self._files[0]):
            reason = "its vectors are wrong in float16, and the device has no bfloat16"
            self.precision = self.precision._replace(reason=reason)
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
        """Vectors of sample texts and pictures, by which precisions are compared."""
        vectors = [self.embed(View.TEXT, SAMPLE)] if View.TEXT in self.views else []
        if View.IMAGE in self.views:
            vectors.append(self.embed(View.IMAGE, sample_pictures()))
        return np.concatenate(vectors)

    def _prompt(self, role: str) -> str:
        """The prompt of a role; an empty one of the name `document` is skipped, which the library adds to models that
        call theirs `passage`."""
        names = DOCUMENT_PROMPTS if role == "document" else ("query",)
        prompts = {**self._prompts, **{name: text for name, text in (self.model.prompts or {}).items() if text}}
        return next((prompts[name] for name in names if prompts.get(name)), "")

    def _instructed(self, instruction: str) -> str:
        """The prompt with an instruction, in the form of the model's own query prompt."""
        if not self.takes_instruction:
            raise UsageError(f"{self.name} takes no instruction.", "Leave it out, or use a model that takes one.")
        form = INSTRUCTED.match(self._prompt("query"))
        return f"{form.group(1)}{instruction}{form.group(2)}" if form else instruction

    def _escaped(self, text: str) -> str:
        """A text without control tokens: chat templates and tokenizers would interpret them."""
        return escape(text, self.marks)

    def _overhead(self) -> int:
        """Tokens of every input beside the text: special tokens, chat template and the longer prompt, with a title if
        it has a place for one."""
        document = self._prompt("document").replace(NO_TITLE, "title: " + "word " * (TITLE_CHARACTERS // 5))
        longest = max((document, self._prompt("query")), key=len)
        if self._inputs.chat:
            inputs = self._inputs.prepared(View.TEXT, [""])
            return int(self.model.preprocess(inputs, prompt=longest or None)["input_ids"].shape[1])
        return len(self._plain_tokenizer().encode(longest).ids)

    def _plain_tokenizer(self) -> Any:
        """The tokenizer without truncation or padding, by which texts are measured."""
        if self._tokenizer is None:
            from tokenizers import Tokenizer

            self._tokenizer = Tokenizer.from_str(core_tokenizer(self.model).to_str())
            self._tokenizer.no_truncation()
            self._tokenizer.no_padding()
        return self._tokenizer

    def _lengths(self, texts: list[str]) -> list[int]:
        encodings = self._plain_tokenizer().encode_batch_fast(texts)
        return [min(len(encoding.ids), self.max_tokens) for encoding in encodings]
