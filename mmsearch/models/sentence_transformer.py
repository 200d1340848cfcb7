"""Embedders by sentence-transformers, with what its `encode` leaves open: batches by tokens, memory, precision."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mmsearch.errors import ExtractionError, ModelUnavailable, UsageError
from mmsearch.models import weights
from mmsearch.models.embedder import Role
from mmsearch.models.inputs import Inputs
from mmsearch.models.libraries import quiet
from mmsearch.models.options import ModelOptions
from mmsearch.models.precision import LOWEST_COSINE, SAMPLE, Precision, lowest_cosine, preferred
from mmsearch.types import View

CPU_TOKENS = 2048  # of a batch, padding included
GPU_TOKENS = 65536
MOST_TOKENS = 8192  # where a model states no limit
DOCUMENT_PROMPTS = ("document", "passage", "corpus")  # the order in which the library looks for one


class SentenceTransformerEmbedder:
    """A model from a folder or the hub cache. See `Embedder` for what its methods promise."""

    def __init__(
        self,
        model: str | Path,
        *,
        name: str,
        options: ModelOptions | None = None,
        identity: dict[str, Any] | None = None,
    ) -> None:
        """`identity` is what the fingerprint says about the weights, found out unless given. Raises
        `ModelUnavailable`."""
        options = options or ModelOptions()
        self.name = name
        self._precision = preferred(options.device)
        self.model = _load(str(model), self._precision.device, options.allow_download)
        commit = getattr(getattr(self.model[0], "config", None), "_commit_hash", None)
        self._identity = identity or weights.identity(str(model), commit)
        self._inputs = Inputs(self.model, options)
        self.views = self._inputs.views
        self.fuses = self._inputs.chat and View.IMAGE in self.views
        self.takes_instruction = self._inputs.chat
        self.dimension = int(self.model.get_embedding_dimension())
        self.max_tokens = min(int(self.model.max_seq_length or MOST_TOKENS), MOST_TOKENS)
        self._budget = CPU_TOKENS if self._precision.device == "cpu" else GPU_TOKENS
        self._settle(str(model), options.dtype)

    def fingerprint(self) -> dict[str, dict[str, Any]]:
        """See `Embedder`."""
        pooling = next((module.pooling_mode for module in self.model if hasattr(module, "pooling_mode")), "unknown")
        facts = {
            "dimension": self.dimension,
            "prompts": {role: self._prompt(role) for role in ("query", "document")},
            "pooling": pooling,
        }
        limits = {View.TEXT: {"max_tokens": self.max_tokens}, **self._inputs.limits}
        return {str(view): {**self._identity, **facts, "limits": limits[view]} for view in sorted(self.views)}

    def choice(self) -> str:
        """See `Embedder`."""
        device = {"cpu": "this CPU"}.get(self._precision.device, self._precision.device)
        return f"{self._precision.dtype} on {device}: {self._precision.reason}"

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
        vectors = np.zeros((len(items), self.dimension), np.float32)
        prompt = self._prompt(role) if instruction is None else self._instructed(instruction)
        if view is View.TEXT:
            items = [self._escaped(text) for text in items]
            costs = self._lengths([prompt + text for text in items])
        else:
            costs = self._inputs.costs(view, items)
        order = sorted(range(len(items)), key=lambda number: -costs[number])  # what does not fit shows at once
        while order:
            count = max(1, self._budget // max(1, costs[order[0]]))
            batch, order = order[:count], order[count:]
            inputs = self._inputs.prepared(view, [items[number] for number in batch])
            vectors[batch] = self._forward(inputs, prompt, role)
        return vectors

    def fused(self, text: str, image: np.ndarray, role: Role = "query", instruction: str | None = None) -> np.ndarray:
        """See `Embedder`."""
        if not self.fuses:
            raise UsageError(f"{self.name} can't take a text and a picture as one query.")
        prompt = self._prompt(role) if instruction is None else self._instructed(instruction)
        inputs = [{"image": self._inputs.picture(image), "text": self._escaped(text)}]
        vector: np.ndarray = self._forward(inputs, prompt, role)[0]
        return vector

    def _instructed(self, instruction: str) -> str:
        if not self.takes_instruction:
            raise UsageError(f"{self.name} takes no instruction.", "leave it out, or use a model that follows one")
        return instruction

    def _settle(self, path: str, dtype: str | None) -> None:
        """Goes to the reduced precision if a sample of vectors stays the same, or to the one that was asked for."""
        import torch

        wanted = dtype or self._precision.dtype
        if wanted == "float32" or not self.views:
            reason = "as asked" if dtype else self._precision.reason
            self._precision = Precision(self._precision.device, "float32", reason)
            return
        exact = self.embed(View.TEXT, SAMPLE)
        self.model.to(getattr(torch, wanted))
        cosine = lowest_cosine(self.embed(View.TEXT, SAMPLE), exact)
        if dtype:
            self._precision = Precision(self._precision.device, dtype, "as asked")
        elif cosine >= LOWEST_COSINE:
            reason = f"{self._precision.reason}, cosine {cosine:.5f} to float32"
            self._precision = Precision(self._precision.device, wanted, reason)
        else:
            self.model = _load(path, self._precision.device, False)
            reason = f"in {wanted} vectors differ (cosine {cosine:.4f})"
            self._precision = Precision(self._precision.device, "float32", reason)

    def _prompt(self, role: str) -> str:
        names = DOCUMENT_PROMPTS if role == "document" else ("query",)
        prompts = self.model.prompts or {}
        return next((prompts[name] for name in names if prompts.get(name)), "")

    def _escaped(self, text: str) -> str:
        """A chat template would obey control tokens in a text."""
        return text.replace("<|", "< |") if self._inputs.chat else text

    def _overhead(self) -> int:
        """Tokens that every text costs: special tokens and the longer prompt."""
        longest = max((self._prompt("document"), self._prompt("query")), key=len)
        return len(self._plain_tokenizer().encode(longest).ids)

    def _plain_tokenizer(self) -> Any:
        """The tokenizer without truncation or padding, to measure with."""
        if not hasattr(self, "_measure"):
            from tokenizers import Tokenizer

            self._measure = Tokenizer.from_str(self.model.tokenizer.backend_tokenizer.to_str())
            self._measure.no_truncation()
            self._measure.no_padding()
        return self._measure

    def _lengths(self, texts: list[str]) -> list[int]:
        encodings = self._plain_tokenizer().encode_batch_fast(texts)
        return [min(len(encoding.ids), self.max_tokens) for encoding in encodings]

    def _forward(self, inputs: list[Any], prompt: str, role: Role) -> np.ndarray:
        """One batch, halved as often as the device's memory asks for."""
        import torch
        from sentence_transformers.util import batch_to_device

        try:
            with torch.inference_mode():
                features = self.model.preprocess(inputs, prompt=prompt or None, task=role)
                output = self.model(batch_to_device(features, self.model.device), task=role)
                vectors = output["sentence_embedding"].float().cpu().numpy()
        except RuntimeError as error:
            if not _is_out_of_memory(error):
                raise
            vectors = None
        if vectors is not None:
            return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
        if self._precision.device.startswith("cuda"):
            torch.cuda.empty_cache()
        if len(inputs) == 1:
            raise ExtractionError("memory", "This alone does not fit the memory of the device.")
        self._budget = max(self._budget // 2, self.max_tokens)
        half = len(inputs) // 2
        return np.concatenate([self._forward(part, prompt, role) for part in (inputs[:half], inputs[half:])])


def _load(model: str, device: str, allow_download: bool) -> Any:
    """In float32 always: a lower precision has to be compared with it."""
    quiet(offline=not allow_download)
    from sentence_transformers import SentenceTransformer

    try:
        return SentenceTransformer(
            model, device=device, local_files_only=not allow_download, model_kwargs={"dtype": "float32"}
        ).eval()
    except (OSError, ValueError, ImportError, AssertionError, RuntimeError) as error:
        raise ModelUnavailable(
            f"The model {model} can't be loaded: {str(error).splitlines()[0] if str(error) else type(error).__name__}",
            "mmsearch models shows what is on this machine",
        ) from error


def _is_out_of_memory(error: RuntimeError) -> bool:
    message = str(error)
    return any(sign in message for sign in ("out of memory", "can't allocate memory", "Cannot allocate memory"))
