"""Tiny real text encoders of the families in the catalogue: ModernBERT, Gemma 3, Qwen 3, XLM-R, static embeddings."""

import shutil
from pathlib import Path
from typing import Any

from replicas_chat import _tokenizer

GEMMA = {"query": "task: search result | query: ", "document": "title: none | text: "}
INSTRUCTED = {"query": "Instruct: Given a question, retrieve passages that answer it\nQuery: "}
SIZES: dict[str, Any] = dict(
    hidden_size=32,
    intermediate_size=48,
    num_hidden_layers=2,
    num_attention_heads=2,
    max_position_embeddings=256,
    initializer_range=0.4,
)


def tiny_modernbert(folder: Path) -> Path:
    """Granite R2: a ModernBERT, whose vector is that of the first token."""
    from transformers import ModernBertConfig, ModernBertModel

    tokenizer = _letters()
    config = ModernBertConfig(
        vocab_size=len(tokenizer), **SIZES, local_attention=16, pad_token_id=0, cls_token_id=2, sep_token_id=3
    )
    return _written(folder, ModernBertModel(config), tokenizer, "cls")


def tiny_gemma3(folder: Path) -> Path:
    """EmbeddingGemma 300M: a Gemma 3 that reads both ways, the mean through two linear layers."""
    from transformers import Gemma3TextConfig, Gemma3TextModel

    tokenizer = _tokenizer(())
    config = Gemma3TextConfig(
        vocab_size=len(tokenizer),
        **SIZES,
        num_key_value_heads=1,
        head_dim=16,
        sliding_window=16,
        use_bidirectional_attention=True,
        pad_token_id=0,
    )
    return _written(folder, Gemma3TextModel(config), tokenizer, "mean", GEMMA, widths=(48, 24))


def tiny_harrier(folder: Path) -> Path:
    """Harrier: a causal Gemma 3, whose vector is that of the last token; queries carry an instruction."""
    from transformers import Gemma3TextConfig, Gemma3TextModel

    tokenizer = _tokenizer(())
    config = Gemma3TextConfig(
        vocab_size=len(tokenizer), **SIZES, num_key_value_heads=1, head_dim=16, sliding_window=16, pad_token_id=0
    )
    return _written(folder, Gemma3TextModel(config), tokenizer, "lasttoken", INSTRUCTED)


def tiny_qwen3(folder: Path) -> Path:
    """Qwen3-Embedding: a causal Qwen 3, whose vector is that of the last token; queries carry an instruction."""
    from transformers import Qwen3Config, Qwen3Model

    tokenizer = _tokenizer(())
    config = Qwen3Config(vocab_size=len(tokenizer), **SIZES, num_key_value_heads=1, head_dim=16, pad_token_id=0)
    return _written(folder, Qwen3Model(config), tokenizer, "lasttoken", INSTRUCTED)


def tiny_xlmr(folder: Path) -> Path:
    """BGE-M3's dense vectors: an XLM-R, whose vector is that of the first token."""
    from transformers import XLMRobertaConfig, XLMRobertaModel

    tokenizer = _letters()
    config = XLMRobertaConfig(vocab_size=len(tokenizer), **SIZES, pad_token_id=0)
    return _written(folder, XLMRobertaModel(config), tokenizer, "cls")


def tiny_static(folder: Path) -> Path:
    """Potion: a table of word vectors, whose mean is the vector of a text; nothing else."""
    import numpy as np
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Normalize
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding

    tokenizer = _letters().backend_tokenizer
    table = np.random.default_rng(0).normal(size=(tokenizer.get_vocab_size(), 16)).astype(np.float32)
    modules: list[Any] = [StaticEmbedding(tokenizer, embedding_weights=table), Normalize()]
    SentenceTransformer(modules=modules, device="cpu").save(str(folder), create_model_card=False)
    return folder


OWN_CODE = """from transformers import BertConfig, BertModel


class OwnConfig(BertConfig):
    model_type = "own_bert"


class OwnBertModel(BertModel):
    config_class = OwnConfig

    def forward(self, *args, **named):
        output = super().forward(*args, **named)
        output.last_hidden_state = output.last_hidden_state.flip(-1)
        return output
"""


def tiny_own_code(folder: Path) -> Path:
    """A model with code of its own, in the layout of llama-nemotron-embed: a class that the library lacks, which turns
    the numbers of its vectors around, and the usual files of sentence-transformers."""
    import json

    from replicas import tiny_minilm

    tiny_minilm(folder)
    (folder / "own_code.py").write_text(OWN_CODE)
    config = json.loads((folder / "config.json").read_text())
    own = {"AutoConfig": "own_code.OwnConfig", "AutoModel": "own_code.OwnBertModel"}
    config |= {"model_type": "own_bert", "architectures": ["OwnBertModel"], "auto_map": own}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def _letters() -> Any:
    from transformers import BertTokenizerFast  # type: ignore[attr-defined]

    letters = "abcdefghijklmnopqrstuvwxyz0123456789.,:;?!-/"
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{letter}" for letter in letters)]
    return BertTokenizerFast(vocab={token: number for number, token in enumerate(tokens)}, model_max_length=128)


def _written(
    folder: Path,
    model: Any,
    tokenizer: Any,
    pooling: str,
    prompts: dict[str, str] | None = None,
    widths: tuple[int, ...] = (),
) -> Path:
    """A folder as sentence-transformers writes it; `widths` are those of linear layers after the pooling."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Dense, Normalize, Transformer
    from sentence_transformers.sentence_transformer.modules import Pooling

    torch.set_num_threads(1)
    raw = folder / "raw"
    model.save_pretrained(raw)
    tokenizer.save_pretrained(raw)
    transformer = Transformer(str(raw), max_seq_length=128)
    modules = [transformer, Pooling(transformer.get_embedding_dimension(), pooling)]
    before = transformer.get_embedding_dimension()
    for width in widths:
        modules.append(Dense(before, width, bias=False, activation_function=torch.nn.Identity()))
        before = width
    whole = SentenceTransformer(modules=[*modules, Normalize()], device="cpu", prompts=prompts)
    whole.save(str(folder), create_model_card=False)
    shutil.rmtree(raw)
    return folder
