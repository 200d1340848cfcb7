"""CLIP models of real size with random weights: they take as long as trained ones, and no hub is needed."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

WORDS = 49408  # of CLIP's vocabulary
LENGTH = 77
LARGE = {
    "vision_config": dict(
        hidden_size=1024, intermediate_size=4096, num_hidden_layers=24, num_attention_heads=16, patch_size=14
    ),
    "text_config": dict(hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12),
    "projection_dim": 768,
}


def vit_b_32(folder: Path) -> Path:
    """A folder with a ViT-B/32 of 151 million weights; made once."""
    return _made(folder, {})


def vit_l_14(folder: Path) -> Path:
    """A folder with a ViT-L/14 of 428 million weights; made once."""
    return _made(folder, LARGE)


def _made(folder: Path, shape: dict[str, Any]) -> Path:
    """What `CLIPModel` and `CLIPProcessor` save, as models are published; sentence-transformers loads it as it is."""
    if (folder / "ready").is_file():
        return folder
    import torch
    from transformers import CLIPConfig, CLIPModel, CLIPProcessor, CLIPTokenizer
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    print(f"Making {folder.name}.", file=sys.stderr)
    torch.manual_seed(0)
    vocabulary = _vocabulary()
    ends = {"bos_token_id": vocabulary["<|startoftext|>"], "eos_token_id": vocabulary["<|endoftext|>"]}
    text = {**shape.get("text_config", {}), "vocab_size": WORDS, **ends}
    CLIPModel(CLIPConfig(**{**shape, "text_config": text})).save_pretrained(folder)
    tokenizer = CLIPTokenizer(vocab=vocabulary, merges=[], model_max_length=LENGTH)
    CLIPProcessor(CLIPImageProcessorPil(), tokenizer).save_pretrained(folder)
    (folder / "ready").touch()
    return folder


def _vocabulary() -> dict[str, int]:
    """Single bytes, within a word and at its end, the two special tokens, and fillers up to the real size."""
    from tokenizers.pre_tokenizers import ByteLevel

    letters = sorted(ByteLevel.alphabet())
    tokens = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    tokens += [f"filler{number}</w>" for number in range(WORDS - len(tokens))]
    return {token: number for number, token in enumerate(tokens)}
