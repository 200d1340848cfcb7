"""An EmbeddingGemma 2 with random weights, of the real size or of another one."""

from __future__ import annotations

import shutil
import string
from pathlib import Path
from typing import Any

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
REAL: tuple[dict[str, Any], dict[str, Any], dict[str, Any]] = (
    {"vocab_size": 262_144},
    {},
    {},
)  # the library's own sizes


def real_embedding_gemma(folder: Path) -> Path:
    """The folder of a model of the real size, 3.0 GB in float32; made once."""
    if not (folder / "ready").is_file():
        write_embedding_gemma(folder, *REAL, most_tokens=8192)
        (folder / "ready").touch()
    return folder


def write_embedding_gemma(
    folder: Path,
    text: dict[str, Any],
    vision: dict[str, Any],
    audio: dict[str, Any],
    seed: int = 0,
    most_tokens: int = 2048,
) -> None:
    """A folder as sentence-transformers writes it, with random weights of these sizes: the mean at unit length."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Normalize, Transformer
    from sentence_transformers.sentence_transformer.modules import Pooling
    from transformers import EmbeddingGemma2Config, EmbeddingGemma2Model

    torch.manual_seed(seed)
    processor = _processor(most_tokens)
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
    transformer = Transformer(str(raw))
    modules = [transformer, Pooling(transformer.get_embedding_dimension(), "mean"), Normalize()]
    SentenceTransformer(modules=modules, device="cpu", prompts=PROMPTS).save(str(folder), create_model_card=False)
    shutil.rmtree(raw)


def _processor(most_tokens: int) -> Any:
    from transformers import EmbeddingGemma2Processor, Gemma4AudioFeatureExtractor
    from transformers.models.embedding_gemma2.video_processing_embedding_gemma2 import EmbeddingGemma2VideoProcessor
    from transformers.models.gemma4.image_processing_pil_gemma4 import Gemma4ImageProcessorPil

    return EmbeddingGemma2Processor(
        Gemma4AudioFeatureExtractor(),
        Gemma4ImageProcessorPil(),
        _tokenizer(most_tokens),
        EmbeddingGemma2VideoProcessor(max_soft_tokens=140),
        chat_template=CHAT,
    )


def _tokenizer(most_tokens: int) -> Any:
    from transformers import GemmaTokenizerFast  # type: ignore[attr-defined]

    tokens = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", "▁", *string.ascii_letters, *string.digits, *".,;:!?-<|>/"]
    tokens += [f"<0x{number:02X}>" for number in range(256)]
    vocabulary = {token: number for number, token in enumerate(tokens)}
    tokenizer = GemmaTokenizerFast(
        vocab=vocabulary, merges=[], model_max_length=most_tokens, padding_side="right", extra_special_tokens=CONTROLS
    )
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|video|>"]}, replace_extra_special_tokens=False)
    return tokenizer
