"""Tiny real EmbeddingGemma 2: text, pictures, sounds and films through a chat template."""

from pathlib import Path
from typing import Any

from benchmarks.gemma_model import write_embedding_gemma

TEXT: dict[str, Any] = dict(
    hidden_size=32,
    intermediate_size=48,
    num_hidden_layers=2,
    num_attention_heads=2,
    num_key_value_heads=1,
    head_dim=16,
    global_head_dim=16,
    sliding_window_pattern=2,
    sliding_window=8,
    hidden_size_per_layer_input=8,
    embedding_dim=24,
    max_position_embeddings=8192,
    initializer_range=0.4,
)
VISION: dict[str, Any] = dict(
    hidden_size=32,
    intermediate_size=48,
    num_hidden_layers=2,
    num_attention_heads=2,
    num_key_value_heads=2,
    head_dim=16,
    position_embedding_size=256,
    initializer_range=0.4,
)
AUDIO: dict[str, Any] = dict(
    hidden_size=32,
    num_hidden_layers=1,
    num_attention_heads=2,
    subsampling_conv_channels=[128, 8],
    output_proj_dims=32,
    initializer_range=0.2,
)


def tiny_embedding_gemma(folder: Path, seed: int = 0) -> Path:
    """An EmbeddingGemma 2 of two layers: vectors of 24, texts of 2,048 tokens, soft tokens of 48 x 48 pixels."""
    write_embedding_gemma(folder, TEXT, VISION, AUDIO, seed)
    return folder
