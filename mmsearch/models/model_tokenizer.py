"""The tokenizer of a loaded model, of whichever library: transformers, or tokenizers alone, which models that are a
table of word vectors have."""

from __future__ import annotations

from typing import Any


def core_tokenizer(model: Any) -> Any:
    """The `tokenizers.Tokenizer` of a model of sentence-transformers."""
    return getattr(model.tokenizer, "backend_tokenizer", model.tokenizer)


def special_tokens(model: Any) -> list[str]:
    """The special tokens of a model's tokenizer: those that a text must not contain as they are."""
    if hasattr(model.tokenizer, "all_special_tokens"):
        return [str(token) for token in model.tokenizer.all_special_tokens]
    return [token.content for token in model.tokenizer.get_added_tokens_decoder().values() if token.special]
