"""Tiny real EmbeddingGemma 2: text, pictures, sounds and films through a chat template, the mean at unit length."""

import string
from pathlib import Path
from typing import Any

from replicas_chat import _as_embedder

CONTROLS = {
    "image_token": "<|image|>",
    "boi_token": "<|image>",
    "eoi_token": "<image|>",
    "audio_token": "<|audio|>",
    "boa_token": "<|audio>",
    "eoa_token": "<audio|>",
}
PROMPTS = {"query": "task: search result | query: ", "document": "title: none | text: "}
# The prompt comes as the system turn; both turns follow each other without a mark, as if the prompt were typed.
CHAT = (
    "{{ bos_token }}{%- for m in messages -%}{%- if m.content is string -%}{{ m.content }}{%- else -%}"
    "{%- for part in m.content -%}{%- if part.type == 'image' -%}<|image|>{%- elif part.type == 'video' -%}<|video|>"
    "{%- elif part.type == 'audio' -%}<|audio|>{%- else -%}{{ part.text }}{%- endif -%}{%- endfor -%}{%- endif -%}"
    "{%- endfor -%}{{ eos_token }}"
)
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


def write_embedding_gemma(
    folder: Path, text: dict[str, Any], vision: dict[str, Any], audio: dict[str, Any], seed: int = 0
) -> None:
    """A folder as sentence-transformers writes it, with random weights of these sizes."""
    import torch
    from transformers import EmbeddingGemma2Config, EmbeddingGemma2Model

    torch.manual_seed(seed)
    processor = _processor()
    ids = {name: processor.tokenizer.convert_tokens_to_ids(token) for name, token in CONTROLS.items()}
    video = processor.tokenizer.convert_tokens_to_ids("<|video|>")
    config = EmbeddingGemma2Config(
        text_config={"vocab_size": len(processor.tokenizer), **text},
        vision_config={"model_type": "gemma4_vision", **vision},
        audio_config={"model_type": "gemma4_audio", **audio},
        boi_token_id=ids["boi_token"],
        eoi_token_id=ids["eoi_token"],
        image_token_id=ids["image_token"],
        boa_token_id=ids["boa_token"],
        eoa_token_index=ids["eoa_token"],
        audio_token_id=ids["audio_token"],
        video_token_id=video,
    )
    raw = folder / "raw"
    EmbeddingGemma2Model(config).save_pretrained(raw)
    processor.save_pretrained(raw)
    _as_embedder(raw, folder, PROMPTS, pooling="mean")


def _processor() -> Any:
    from transformers import EmbeddingGemma2Processor, Gemma4AudioFeatureExtractor
    from transformers.models.embedding_gemma2.video_processing_embedding_gemma2 import EmbeddingGemma2VideoProcessor
    from transformers.models.gemma4.image_processing_pil_gemma4 import Gemma4ImageProcessorPil

    return EmbeddingGemma2Processor(
        Gemma4AudioFeatureExtractor(),
        Gemma4ImageProcessorPil(),
        _tokenizer(),
        EmbeddingGemma2VideoProcessor(max_soft_tokens=140),
        chat_template=CHAT,
    )


def _tokenizer() -> Any:
    from transformers import GemmaTokenizerFast  # type: ignore[attr-defined]

    tokens = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", "▁", *string.ascii_letters, *string.digits, *".,;:!?-<|>/"]
    tokens += [f"<0x{number:02X}>" for number in range(256)]
    vocabulary = {token: number for number, token in enumerate(tokens)}
    tokenizer = GemmaTokenizerFast(
        vocab=vocabulary, merges=[], model_max_length=2048, padding_side="right", extra_special_tokens=CONTROLS
    )
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|video|>"]}, replace_extra_special_tokens=False)
    return tokenizer
