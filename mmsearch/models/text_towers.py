"""Text routes of embedders as modules with tensors for inputs and outputs, for the exporter."""
# ruff: noqa: TID253 - classes of torch modules need torch when the file is read; nothing light imports this file

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional


class TextTower(nn.Module):
    """Token ids, int64 (n, length), to unit vectors (n, dimension) and, where the model has them, the last hidden
    states at unit length (n, length, width)."""

    def __init__(self, model: Any, dimension: int) -> None:
        super().__init__()
        self.model, self.dimension = model, dimension

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor | None = None) -> Any:
        """Embed tokens, those whose mask is 0 left out."""
        features = {"input_ids": input_ids, "modality": "text"}
        output = self.model(features if attention_mask is None else features | {"attention_mask": attention_mask})
        vectors = functional.normalize(output["sentence_embedding"][:, : self.dimension], dim=-1)
        tokens = output.get("token_embeddings")
        return (vectors,) if tokens is None else (vectors, functional.normalize(tokens, dim=-1))


class WordTower(nn.Module):
    """The same from word embeddings, float32 (n, length, width), in place of ids: for a BERT and what pools it."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.first, *others = model
        self.others = nn.ModuleList(others)

    def forward(self, words: torch.Tensor, attention_mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Embed tokens, those whose mask is 0 left out."""
        hidden = self.first.auto_model(inputs_embeds=words, attention_mask=attention_mask).last_hidden_state
        output = {"token_embeddings": hidden, "attention_mask": attention_mask}
        for module in self.others:
            output = module(output)
        return output["sentence_embedding"], functional.normalize(hidden, dim=-1)
