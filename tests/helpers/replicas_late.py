"""Tiny real models of late interaction, NeoMME and a ColBERT of texts, and a reranker with their tokenizer, ettin."""

import shutil
from pathlib import Path
from typing import Any

NAMED = {"document_token": "<doc>", "image_token": "<img>", "row_token": "<row>", "query_token": "<query>"}
SPECIAL = ("<pad>", "<unk>", "<mask>", "<bos>", "<eos>", "<doc>", "<img>", "<row>", "<query>")
MASKS = 10  # that the template appends to a query
TEMPLATE = (
    "{%- for m in messages -%}{%- if task == 'query' -%}<query>{%- else -%}<doc>{%- endif -%}"
    "{%- if m.content is string -%}{{ m.content }}{%- else -%}{%- for part in m.content -%}"
    "{%- if part.type == 'image' -%}<img>{%- else -%}{{ part.text }}{%- endif -%}{%- endfor -%}{%- endif -%}"
    f"{{%- if task == 'query' -%}}{'<mask>' * MASKS}{{%- endif -%}}{{%- endfor -%}}"
)
# The words of the vocabulary, beside letters: `zoba`, `zobe` ...
WORDS = [f"z{one}{sign}{two}" for one in "aeiou" for sign in "bdfgklmnprstvxzj" for two in "aeiou"]


def tiny_neomme(folder: Path, seed: int = 0, files: bool = True, similarity: str = "meanmaxsim") -> Path:
    """A NeoMME-Retriever-ST-late of three layers: texts and pictures of 16-pixel patches, token vectors of 32. Without
    `files` as the repository that lacks those of sentence-transformers."""
    import torch
    from transformers import NeoMMEConfig, NeoMMEForRetrieval, NeoMMEModel
    from transformers.models.neomme.image_processing_neomme import NeoMMEImageProcessor
    from transformers.models.neomme.processing_neomme import NeoMMEProcessor

    torch.set_num_threads(1)
    torch.manual_seed(seed)
    tokenizer = _word_tokenizer()
    config = NeoMMEConfig(
        vocab_size=len(tokenizer),
        embedding_rank=32,
        hidden_size=64,
        intermediate_size=96,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=16,
        patch_size=16,
        embedding_dim=32,
        layer_types=["sliding_attention", "full_attention", "full_attention"],
        pad_token_id=0,
        document_token_id=5,
        image_token_id=6,
    )
    model = NeoMMEModel(config) if files else NeoMMEForRetrieval(config)
    with torch.no_grad():  # what the class initialises with zeros would leave the layers without effect
        for name, weight in model.named_parameters():
            if not weight.any():
                weight.normal_(0.0, 0.1)
            elif name.endswith("alpha"):
                weight.fill_(0.1)
    pictures = NeoMMEImageProcessor(patch_size=16, max_side=128)
    processor = NeoMMEProcessor(pictures, tokenizer, chat_template=TEMPLATE)
    raw = folder / "raw" if files else folder
    model.save_pretrained(raw)
    processor.save_pretrained(raw)
    if files:
        _as_late(raw, folder, 64, similarity)
    return folder


def tiny_colbert(folder: Path, seed: int = 0) -> Path:
    """A ColBERT of texts: markers as prompts, MaxSim, token vectors of 32."""
    import torch
    from transformers import BertConfig, BertModel

    torch.set_num_threads(1)
    torch.manual_seed(seed)
    tokenizer = _word_tokenizer()
    sizes: dict[str, Any] = {"hidden_size": 64, "num_attention_heads": 4, "intermediate_size": 96}
    BertModel(BertConfig(vocab_size=len(tokenizer), num_hidden_layers=2, **sizes)).save_pretrained(folder / "raw")
    tokenizer.save_pretrained(folder / "raw")
    _as_late(folder / "raw", folder, 64, "maxsim", {"query": "<query> ", "document": "<doc> "})
    return folder


def _as_late(raw: Path, folder: Path, width: int, similarity: str, prompts: dict[str, str] | None = None) -> None:
    import torch
    from sentence_transformers import MultiVectorEncoder
    from sentence_transformers.base.modules import Dense, Normalize, Transformer
    from sentence_transformers.multi_vector_encoder.modules import MultiVectorMask

    dense = Dense(width, 32, bias=False, activation_function=torch.nn.Identity(), module_input_name="token_embeddings")
    modules = [Transformer(str(raw)), dense, MultiVectorMask(), Normalize(module_input_name="token_embeddings")]
    model = MultiVectorEncoder(
        modules=modules,
        device="cpu",
        prompts=prompts or {},
        similarity_fn_name=similarity,
    )
    model.save(str(folder), create_model_card=False)
    shutil.rmtree(raw)


def _word_tokenizer() -> Any:
    """The vocabulary's words whole, other words by letters."""
    import string

    from tokenizers import Tokenizer
    from tokenizers.models import WordPiece
    from tokenizers.pre_tokenizers import Whitespace
    from transformers import PreTrainedTokenizerFast

    letters = [*string.ascii_lowercase, *string.digits, *".,;:!?-<|>"]
    tokens = [*SPECIAL, *letters, *(f"##{letter}" for letter in letters), *WORDS]
    core = Tokenizer(WordPiece({token: number for number, token in enumerate(tokens)}, unk_token="<unk>"))
    core.pre_tokenizer = Whitespace()
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        pad_token="<pad>",
        unk_token="<unk>",
        mask_token="<mask>",
        bos_token="<bos>",
        eos_token="<eos>",
        extra_special_tokens=NAMED,
        model_max_length=1024,
    )


def tiny_ettin(folder: Path, seed: int = 0) -> Path:
    """An ettin reranker of three layers: a ModernBERT that classifies a pair of texts."""
    import torch
    from sentence_transformers import CrossEncoder
    from transformers import ModernBertConfig, ModernBertForSequenceClassification

    torch.set_num_threads(1)
    torch.manual_seed(seed)
    tokenizer = _word_tokenizer()
    special: dict[str, Any] = {
        "num_labels": 1,
        "pad_token_id": 0,
        "cls_token_id": 3,
        "bos_token_id": 3,
        "sep_token_id": 4,
        "eos_token_id": 4,
    }
    config = ModernBertConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=3,
        num_attention_heads=2,
        initializer_range=0.4,
        **special,
    )
    ModernBertForSequenceClassification(config).save_pretrained(folder / "raw")
    tokenizer.save_pretrained(folder / "raw")
    CrossEncoder(str(folder / "raw"), device="cpu").save(str(folder), create_model_card=False)
    shutil.rmtree(folder / "raw")
    return folder
