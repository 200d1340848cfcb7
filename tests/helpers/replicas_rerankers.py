"""Tiny real rerankers for tests: real architectures and files, random weights, built in seconds."""

import shutil
from pathlib import Path
from typing import Any

from replicas_chat import CONTROLS, TEXT, VISION, VISION_TOWER

# One turn of the judge, a system turn for the instruction, and the pair as the user's.
CHAT = (
    "<|im_start|>system\n{{ (messages | selectattr('role', 'eq', 'system') | map(attribute='content') | first)"
    " or 'Is it relevant?' }}<|im_end|>\n<|im_start|>user\n"
    "Q: {{ messages | selectattr('role', 'eq', 'query') | map(attribute='content') | first }}\n"
    "D: {{ messages | selectattr('role', 'eq', 'document') | map(attribute='content') | first }}<|im_end|>\n"
    "<|im_start|>assistant\n"
)
DEAF = CHAT.replace("{{ (messages", "Is it relevant?{# (messages").replace("'Is it relevant?' }}", "'Is it?' #}")
PARTS = (
    "{%- macro parts(content) -%}{%- for part in content -%}"
    "{%- if part.type == 'image' -%}<|vision_start|><|image_pad|><|vision_end|>"
    "{%- elif part.type == 'video' -%}<|vision_start|><|video_pad|><|vision_end|>"
    "{%- else -%}{{ part.text }}{%- endif -%}{%- endfor -%}{%- endmacro -%}"
    "<|im_start|>system\n{% for m in messages if m.role == 'system' %}{{ parts(m.content) }}{% endfor %}<|im_end|>\n"
    "<|im_start|>user\n{% for m in messages if m.role == 'query' %}Q: {{ parts(m.content) }}{% endfor %}\n"
    "{% for m in messages if m.role == 'document' %}D: {{ parts(m.content) }}{% endfor %}<|im_end|>\n"
    "<|im_start|>assistant\n"
)


def tiny_ms_marco(folder: Path, labels: int = 1, seed: int = 0) -> Path:
    """A BERT classifier of two layers over single letters, as ms-marco-MiniLM is published."""
    import torch
    from sentence_transformers import CrossEncoder
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast  # type: ignore[attr-defined]

    torch.set_num_threads(1)
    torch.manual_seed(seed)
    letters = "abcdefghijklmnopqrstuvwxyz0123456789.,:;?!-|<>"
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{letter}" for letter in letters)]
    config = BertConfig(  # type: ignore[call-arg]
        vocab_size=len(tokens),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=48,
        max_position_embeddings=128,
        num_labels=labels,
        initializer_range=0.6,
    )
    raw = folder / "raw"
    BertForSequenceClassification(config).save_pretrained(raw)
    vocabulary = {token: number for number, token in enumerate(tokens)}
    BertTokenizerFast(vocab=vocabulary, model_max_length=128).save_pretrained(raw)
    model = CrossEncoder(str(raw), device="cpu", activation_fn=torch.nn.Identity())
    model.save(str(folder), create_model_card=False)
    shutil.rmtree(raw)
    return folder


def tiny_qwen3_reranker(folder: Path, template: str = CHAT, seed: int = 0) -> Path:
    """A causal Qwen3 of two layers whose "yes" is weighed against its "no"."""
    from transformers import Qwen3Config, Qwen3ForCausalLM

    return _causal(folder, Qwen3Config, Qwen3ForCausalLM, ("yes", "no"), template, seed)


def tiny_mxbai(folder: Path, seed: int = 0) -> Path:
    """A causal Qwen2 of two layers whose "1" is weighed against its "0"; its template has no place for a prompt."""
    from transformers import Qwen2Config, Qwen2ForCausalLM

    return _causal(folder, Qwen2Config, Qwen2ForCausalLM, ("1", "0"), DEAF, seed)


def _causal(folder: Path, config: Any, model: Any, answers: tuple[str, str], template: str, seed: int) -> Path:
    import torch
    from sentence_transformers import CrossEncoder
    from sentence_transformers.base.modules import Transformer
    from sentence_transformers.cross_encoder.modules import LogitScore

    torch.set_num_threads(1)
    torch.manual_seed(seed)
    raw = folder / "raw"
    tokenizer = tiny_tokenizer(CONTROLS, 256)
    tokenizer.chat_template = template
    tokenizer.save_pretrained(raw)
    small = config(
        vocab_size=len(tokenizer),
        **TEXT | dict(max_position_embeddings=512),
        head_dim=16,
        eos_token_id=tokenizer.convert_tokens_to_ids("<|im_end|>"),
        pad_token_id=0,
    )
    model(small).save_pretrained(raw)
    transformer = Transformer(str(raw), transformer_task="text-generation", max_seq_length=256)
    judge = LogitScore(*(tokenizer.convert_tokens_to_ids(word) for word in answers))
    whole = CrossEncoder(modules=[transformer, judge], device="cpu", activation_fn=torch.nn.Identity())
    whole.save(str(folder), create_model_card=False)
    shutil.rmtree(raw)
    return folder


def tiny_tokenizer(controls: tuple[str, ...], longest: int) -> Any:
    """A byte-level tokenizer without merges, but for the four words that judges answer with."""
    from tokenizers import Tokenizer
    from tokenizers.decoders import ByteLevel as Decoder
    from tokenizers.models import BPE
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import PreTrainedTokenizerFast

    merges = [("y", "e"), ("ye", "s"), ("n", "o")]
    tokens = ["<|endoftext|>", *sorted(ByteLevel.alphabet()), "ye", "yes", "no"]
    core = Tokenizer(BPE({token: number for number, token in enumerate(tokens)}, merges))
    core.pre_tokenizer, core.decoder = ByteLevel(add_prefix_space=False), Decoder()
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        additional_special_tokens=[one for one in controls if one != "<|endoftext|>"],
        pad_token="<|endoftext|>",
        eos_token="<|im_end|>",
        model_max_length=longest,
        padding_side="left",
    )


def tiny_qwen3_vl_reranker(folder: Path, seed: int = 0) -> Path:
    """A Qwen3-VL of two layers that looks at texts, pictures and films: "yes" against "no"."""
    import torch
    from sentence_transformers import CrossEncoder
    from sentence_transformers.base.modules import Transformer
    from sentence_transformers.cross_encoder.modules import LogitScore
    from transformers import Qwen3VLConfig, Qwen3VLForConditionalGeneration

    torch.set_num_threads(1)
    torch.manual_seed(seed)
    raw = folder / "raw"
    tokenizer = tiny_tokenizer((*CONTROLS, *VISION), 2048)
    ids = {name: tokenizer.convert_tokens_to_ids(name) for name in VISION}
    config = Qwen3VLConfig(
        text_config=dict(
            vocab_size=len(tokenizer),
            **TEXT,
            head_dim=16,
            rope_parameters=dict(
                rope_type="default", rope_theta=10_000.0, mrope_section=[4, 2, 2], mrope_interleaved=True
            ),
        ),
        vision_config=VISION_TOWER,
        image_token_id=ids["<|image_pad|>"],
        video_token_id=ids["<|video_pad|>"],
        vision_start_token_id=ids["<|vision_start|>"],
        vision_end_token_id=ids["<|vision_end|>"],
    )
    Qwen3VLForConditionalGeneration(config).save_pretrained(raw)
    _vl_processor(tokenizer).save_pretrained(raw)
    transformer = Transformer(str(raw), transformer_task="any-to-any", max_seq_length=2048)
    judge = LogitScore(*(tokenizer.convert_tokens_to_ids(word) for word in ("yes", "no")))
    whole = CrossEncoder(modules=[transformer, judge], device="cpu", activation_fn=torch.nn.Identity())
    whole.save(str(folder), create_model_card=False)
    shutil.rmtree(raw)
    return folder


def _vl_processor(tokenizer: Any) -> Any:
    from transformers import Qwen2VLImageProcessor, Qwen3VLProcessor, Qwen3VLVideoProcessor

    sizes: dict[str, Any] = {
        "patch_size": 16,
        "merge_size": 2,
        "size": {"shortest_edge": 32 * 32, "longest_edge": 64 * 64},
    }
    tokenizer.image_token, tokenizer.video_token = VISION[2:]
    tokenizer.vision_start_token, tokenizer.vision_end_token = VISION[:2]
    return Qwen3VLProcessor(
        Qwen2VLImageProcessor(**sizes), tokenizer, Qwen3VLVideoProcessor(**sizes), chat_template=PARTS
    )
