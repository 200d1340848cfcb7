"""Tiny real embedders behind a chat template: Qwen3-VL, and the thinker of Qwen2.5-Omni."""

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

CONTROLS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
VISION = ("<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>")
OMNI = {
    "audio_token": "<|AUDIO|>",
    "audio_bos_token": "<|audio_bos|>",
    "audio_eos_token": "<|audio_eos|>",
    "image_token": "<|IMAGE|>",
    "vision_bos_token": "<|vision_bos|>",
    "vision_eos_token": "<|vision_eos|>",
    "video_token": "<|VIDEO|>",
}
CHAT = (
    "{%- macro parts(content) -%}{%- if content is string -%}{{ content }}{%- else -%}{%- for part in content -%}"
    "{%- if part.type == 'image' -%}IMAGE{%- elif part.type == 'video' -%}VIDEO{%- elif part.type == 'audio' -%}AUDIO"
    "{%- else -%}{{ part.text }}{%- endif -%}{%- endfor -%}{%- endif -%}{%- endmacro -%}"
    "<|im_start|>system\n{%- if messages[0].role == 'system' -%}{{ parts(messages[0].content) }}"
    "{%- else -%}Represent the user's input.{%- endif -%}<|im_end|>\n"
    "{%- for m in messages if m.role == 'user' -%}<|im_start|>user\n{{ parts(m.content) }}<|im_end|>\n{%- endfor -%}"
    "<|im_start|>assistant\n<|endoftext|>"
)
QWEN_CHAT = CHAT.replace("IMAGE", "<|vision_start|><|image_pad|><|vision_end|>").replace(
    "VIDEO", "<|vision_start|><|video_pad|><|vision_end|>"
)
OMNI_CHAT = (
    CHAT.replace("IMAGE", "<|vision_bos|><|IMAGE|><|vision_eos|>")
    .replace("VIDEO", "<|vision_bos|><|VIDEO|><|vision_eos|>")
    .replace("AUDIO", "<|audio_bos|><|AUDIO|><|audio_eos|>")
)
SIZES: dict[str, Any] = {"size": {"shortest_edge": 32 * 32, "longest_edge": 64 * 64}}
TEXT: dict[str, Any] = dict(
    hidden_size=32,
    intermediate_size=48,
    num_hidden_layers=2,
    num_attention_heads=2,
    num_key_value_heads=1,
    max_position_embeddings=4096,
    initializer_range=0.4,
)
VISION_TOWER: dict[str, Any] = dict(
    depth=2,
    hidden_size=32,
    intermediate_size=48,
    num_heads=2,
    out_hidden_size=32,
    patch_size=16,
    num_position_embeddings=64,
    deepstack_visual_indexes=[0],
)


def tiny_qwen3_vl(folder: Path, seed: int = 0, dtype: str = "float32", files: bool = True) -> Path:
    """A Qwen3-VL-Embedding of two layers: texts, pictures and films, the last token's vector of 32. Without `files` as
    a revision that lacks those of sentence-transformers."""
    import torch
    from transformers import Qwen3VLConfig, Qwen3VLForConditionalGeneration

    torch.set_num_threads(1)
    torch.manual_seed(seed)
    tokenizer = _tokenizer(VISION)
    tokenizer.image_token, tokenizer.video_token = "<|image_pad|>", "<|video_pad|>"
    tokenizer.vision_start_token, tokenizer.vision_end_token = "<|vision_start|>", "<|vision_end|>"
    ids = {name: tokenizer.convert_tokens_to_ids(name) for name in VISION}
    rope = {"rope_type": "default", "rope_theta": 1e4, "mrope_section": [4, 2, 2], "mrope_interleaved": True}
    config = Qwen3VLConfig(
        text_config=TEXT | dict(vocab_size=len(tokenizer), head_dim=16, rope_parameters=rope),
        vision_config=VISION_TOWER | dict(initializer_range=0.4),
        image_token_id=ids["<|image_pad|>"],
        video_token_id=ids["<|video_pad|>"],
        vision_start_token_id=ids["<|vision_start|>"],
        vision_end_token_id=ids["<|vision_end|>"],
    )
    raw = folder / "raw" if files else folder
    Qwen3VLForConditionalGeneration(config).to(getattr(torch, dtype)).save_pretrained(raw)
    _qwen_processor(tokenizer).save_pretrained(raw)
    if files:
        _as_embedder(raw, folder, {"default": "Represent the user's input."})
    return folder


def _qwen_processor(tokenizer: Any) -> Any:
    from transformers import Qwen2VLImageProcessor, Qwen3VLProcessor, Qwen3VLVideoProcessor

    sizes = SIZES | {"patch_size": 16, "merge_size": 2}
    video = Qwen3VLVideoProcessor(**sizes)
    return Qwen3VLProcessor(Qwen2VLImageProcessor(**sizes), tokenizer, video, chat_template=QWEN_CHAT)


def tiny_omni(folder: Path, seed: int = 0, files: bool = True) -> Path:
    """A Qwen2.5-Omni thinker of two layers: texts, pictures, films and sounds of 16 kHz."""
    import torch
    from transformers import Qwen2_5OmniThinkerConfig, Qwen2_5OmniThinkerForConditionalGeneration

    torch.set_num_threads(1)
    torch.manual_seed(seed)
    tokenizer = _tokenizer(OMNI.values(), OMNI)
    ids = {name: tokenizer.convert_tokens_to_ids(token) for name, token in OMNI.items()}
    rope = {"rope_type": "default", "rope_theta": 1e4, "mrope_section": [4, 2, 2]}
    config = Qwen2_5OmniThinkerConfig(  # type: ignore[call-arg]
        text_config=TEXT | dict(vocab_size=len(tokenizer), rope_parameters=rope),
        vision_config=dict(
            depth=2, hidden_size=32, intermediate_size=48, num_heads=2, out_hidden_size=32, patch_size=14,
            fullatt_block_indexes=[0], window_size=56, initializer_range=0.4,
        ),
        audio_config=dict(
            d_model=32, encoder_layers=2, encoder_attention_heads=2, encoder_ffn_dim=48, num_mel_bins=128,
            output_dim=32, n_window=100, initializer_range=0.4,
        ),
        image_token_index=ids["image_token"], video_token_index=ids["video_token"],
        audio_token_index=ids["audio_token"], audio_start_token_id=ids["audio_bos_token"],
        audio_end_token_id=ids["audio_eos_token"], vision_start_token_id=ids["vision_bos_token"],
        vision_end_token_id=ids["vision_eos_token"], image_token_id=ids["image_token"],
        video_token_id=ids["video_token"], audio_token_id=ids["audio_token"], pad_token_id=0,
    )  # fmt: skip
    raw = folder / "raw" if files else folder
    Qwen2_5OmniThinkerForConditionalGeneration(config).save_pretrained(raw)
    _omni_processor(tokenizer).save_pretrained(raw)
    if files:
        _as_embedder(raw, folder, {"query": "Find what fits.", "document": "Keep this."})
    return folder


def _omni_processor(tokenizer: Any) -> Any:
    from transformers import Qwen2_5OmniProcessor, Qwen2VLImageProcessor, Qwen2VLVideoProcessor, WhisperFeatureExtractor

    sizes = SIZES | {"patch_size": 14, "merge_size": 2}
    sounds = WhisperFeatureExtractor(feature_size=128, chunk_length=300, return_attention_mask=True)
    pictures, films = Qwen2VLImageProcessor(**sizes), Qwen2VLVideoProcessor(**sizes)
    return Qwen2_5OmniProcessor(pictures, films, sounds, tokenizer, chat_template=OMNI_CHAT)


def _tokenizer(controls: Iterable[str], named: dict[str, str] | None = None) -> Any:
    """Bytes without merges, padded on the left."""
    from tokenizers import Tokenizer
    from tokenizers.decoders import ByteLevel as Decoder
    from tokenizers.models import BPE
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import Qwen2TokenizerFast  # type: ignore[attr-defined]

    tokens = ["<|endoftext|>", *sorted(ByteLevel.alphabet())]
    core = Tokenizer(BPE({token: number for number, token in enumerate(tokens)}, []))
    core.pre_tokenizer, core.decoder = ByteLevel(add_prefix_space=False), Decoder()
    tokenizer = Qwen2TokenizerFast(
        vocab={token: number for number, token in enumerate(tokens)},
        merges=[],
        pad_token="<|endoftext|>",
        eos_token="<|im_end|>",
        model_max_length=4096,
        padding_side="left",
        extra_special_tokens=named or {},
    )
    tokenizer.add_special_tokens(
        {"additional_special_tokens": [*CONTROLS[1:], *controls]}, replace_extra_special_tokens=False
    )
    return tokenizer


def _as_embedder(raw: Path, folder: Path, prompts: dict[str, str]) -> None:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Normalize, Transformer
    from sentence_transformers.sentence_transformer.modules import Pooling

    transformer = Transformer(str(raw))
    modules = [transformer, Pooling(transformer.get_embedding_dimension(), "lasttoken"), Normalize()]
    SentenceTransformer(modules=modules, device="cpu", prompts=prompts).save(str(folder), create_model_card=False)
    shutil.rmtree(raw)
