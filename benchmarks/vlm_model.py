"""A vision-language embedder of the shape of Qwen3-VL-Embedding-2B with random weights."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

WORDS = 151_936  # rows of the table of tokens; the tokenizer here knows single bytes only
CONTROLS = ("<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>")
TEXT: dict[str, Any] = dict(
    hidden_size=2048,
    intermediate_size=6144,
    num_hidden_layers=28,
    num_attention_heads=16,
    num_key_value_heads=8,
    head_dim=128,
    vocab_size=WORDS,
    max_position_embeddings=32_768,
    rope_parameters={
        "rope_type": "default",
        "rope_theta": 5e6,
        "mrope_section": [24, 20, 20],
        "mrope_interleaved": True,
    },
)
VISION: dict[str, Any] = dict(
    depth=24,
    hidden_size=1024,
    intermediate_size=4096,
    num_heads=16,
    out_hidden_size=2048,
    patch_size=16,
    num_position_embeddings=2304,
    deepstack_visual_indexes=[5, 11, 17],
)
PIXELS = {"shortest_edge": 4 * 32 * 32, "longest_edge": 1800 * 32 * 32}  # as published: at most 1,800 tokens a picture
CHAT = (
    "<|im_start|>system\nRepresent the user's input.<|im_end|>\n{%- for m in messages if m.role == 'user' -%}"
    "<|im_start|>user\n{%- if m.content is string -%}{{ m.content }}{%- else -%}{%- for part in m.content -%}"
    "{%- if part.type == 'image' -%}<|vision_start|><|image_pad|><|vision_end|>"
    "{%- elif part.type == 'video' -%}<|vision_start|><|video_pad|><|vision_end|>"
    "{%- else -%}{{ part.text }}{%- endif -%}{%- endfor -%}{%- endif -%}<|im_end|>\n{%- endfor -%}"
    "<|im_start|>assistant\n<|endoftext|>"
)


def two_billion(folder: Path) -> Path:
    """The folder of the model, 4.3 GB in bfloat16; made once."""
    return made(folder, TEXT, VISION)


def made(folder: Path, text: dict[str, Any], vision: dict[str, Any]) -> Path:
    """A folder as sentence-transformers writes it: the last token's state, at unit length."""
    if (folder / "ready").is_file():
        return folder
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Normalize, Transformer
    from sentence_transformers.sentence_transformer.modules import Pooling
    from transformers import Qwen3VLConfig, Qwen3VLForConditionalGeneration

    print(f"Making {folder.name}.", file=sys.stderr)
    torch.manual_seed(0)
    tokenizer = _tokenizer()
    ids = {name: tokenizer.convert_tokens_to_ids(f"<|{name}|>") for name in ("image_pad", "video_pad")}
    ends = {name: tokenizer.convert_tokens_to_ids(f"<|{name}|>") for name in ("vision_start", "vision_end")}
    config = Qwen3VLConfig(
        text_config=text,
        vision_config=vision,
        image_token_id=ids["image_pad"],
        video_token_id=ids["video_pad"],
        vision_start_token_id=ends["vision_start"],
        vision_end_token_id=ends["vision_end"],
        tie_word_embeddings=True,
    )
    raw = folder / "raw"
    standard = torch.get_default_dtype()
    torch.set_default_dtype(torch.bfloat16)
    try:
        Qwen3VLForConditionalGeneration(config).save_pretrained(raw)
    finally:
        torch.set_default_dtype(standard)
    _processor(tokenizer).save_pretrained(raw)
    transformer = Transformer(str(raw), model_kwargs={"dtype": "bfloat16"})
    modules = [transformer, Pooling(transformer.get_embedding_dimension(), "lasttoken"), Normalize()]
    prompts = {"default": "Represent the user's input."}
    SentenceTransformer(modules=modules, device="cpu", prompts=prompts).save(str(folder), create_model_card=False)
    shutil.rmtree(raw)
    (folder / "ready").touch()
    return folder


def _tokenizer() -> Any:
    """Bytes without merges, padded on the left."""
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import Qwen2Tokenizer

    vocabulary = {token: number for number, token in enumerate(["<|endoftext|>", *sorted(ByteLevel.alphabet())])}
    tokenizer: Any = Qwen2Tokenizer(
        vocab=vocabulary,
        merges=[],
        pad_token="<|endoftext|>",
        eos_token="<|im_end|>",
        model_max_length=32_768,
        padding_side="left",
    )
    tokenizer.add_special_tokens({"additional_special_tokens": list(CONTROLS)}, replace_extra_special_tokens=False)
    tokenizer.image_token, tokenizer.video_token = "<|image_pad|>", "<|video_pad|>"
    tokenizer.vision_start_token, tokenizer.vision_end_token = "<|vision_start|>", "<|vision_end|>"
    return tokenizer


def _processor(tokenizer: Any) -> Any:
    from transformers import Qwen2VLImageProcessor, Qwen3VLProcessor, Qwen3VLVideoProcessor

    sizes: Any = {"size": PIXELS, "patch_size": 16, "merge_size": 2}
    video = Qwen3VLVideoProcessor(**sizes)
    return Qwen3VLProcessor(Qwen2VLImageProcessor(**sizes), tokenizer, video, chat_template=CHAT)
