"""Tiny real models of two towers, and one of late interaction: SigLIP, CLAP, the multilingual student, ColQwen2."""

import shutil
from pathlib import Path

from replicas_chat import SIZES, TEXT, VISION, _tokenizer


def tiny_siglip(folder: Path, seed: int = 0) -> Path:
    """A SigLIP, its tokenizer that of SigLIP 2 (lower case, no padding set): pictures of 32 pixels, vectors of 32."""
    import string

    import torch
    from transformers import SiglipConfig, SiglipModel, SiglipProcessor
    from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil
    from transformers.models.siglip2.tokenization_siglip2 import Siglip2Tokenizer

    torch.set_num_threads(1)
    torch.manual_seed(seed)
    tokens = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", "▁", *string.ascii_lowercase, *string.digits, *".,;:!?-<|>"]
    tokens += [f"<0x{number:02X}>" for number in range(256)]
    vocabulary = {token: number for number, token in enumerate(tokens)}
    tokenizer = Siglip2Tokenizer(vocab=vocabulary, merges=[], add_bos_token=False, model_max_length=64)
    tower = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = SiglipConfig(
        text_config=tower | {"vocab_size": len(tokens), "max_position_embeddings": 64, "pad_token_id": 0},
        vision_config=tower | {"image_size": 32, "patch_size": 8},
    )
    SiglipModel(config).save_pretrained(folder)
    pictures = SiglipImageProcessorPil(size={"height": 32, "width": 32})
    SiglipProcessor(pictures, tokenizer).save_pretrained(folder)
    return folder


def tiny_metaclip(folder: Path, seed: int = 0) -> Path:
    """A MetaCLIP 2 as Meta published it: no files of sentence-transformers, vectors of 16 of any length."""
    import torch
    from replicas import _clip_processor, clip_words
    from transformers import MetaClip2Config, MetaClip2Model

    torch.set_num_threads(1)
    torch.manual_seed(seed)
    tower = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2}
    vocabulary, merges = clip_words()
    ends = {"bos_token_id": vocabulary["<|startoftext|>"], "eos_token_id": vocabulary["<|endoftext|>"]}
    text = tower | {"vocab_size": len(vocabulary), "max_position_embeddings": 77} | ends
    vision = tower | {"image_size": 32, "patch_size": 8}
    config = MetaClip2Config(text_config=text, vision_config=vision, projection_dim=16)
    MetaClip2Model(config).save_pretrained(folder)
    _clip_processor(vocabulary, merges).save_pretrained(folder)
    return folder


def tiny_tips(folder: Path, seed: int = 0) -> Path:
    """A TIPSv2 as Google published it: no files of sentence-transformers, texts padded to 64, vectors of any length."""
    import torch
    from transformers import Tipsv2Config, Tipsv2Model
    from transformers.models.tipsv2.image_processing_tipsv2 import Tipsv2ImageProcessor
    from transformers.models.tipsv2.processing_tipsv2 import Tipsv2Processor
    from transformers.models.tipsv2.tokenization_tipsv2 import Tipsv2Tokenizer

    torch.set_num_threads(1)
    torch.manual_seed(seed)
    tokens = ["<pad>", "<unk>", "▁", *"abcdefghijklmnopqrstuvwxyz0123456789.,:;!?-/"]
    tokenizer = Tipsv2Tokenizer(vocab={token: number for number, token in enumerate(tokens)}, merges=[])
    tower = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = Tipsv2Config(
        text_config=tower | {"vocab_size": len(tokens), "intermediate_size": 48},
        vision_config=tower | {"image_size": 28, "patch_size": 14},
    )
    Tipsv2Model(config).save_pretrained(folder)
    pictures = Tipsv2ImageProcessor(size={"height": 28, "width": 28})
    Tipsv2Processor(pictures, tokenizer).save_pretrained(folder)
    return folder


def tiny_neomme_dense(folder: Path, seed: int = 0) -> Path:
    """A NeoMME-Retriever-ST-dense: one vector for a text or a page, the first token's."""
    from replicas_late import tiny_neomme
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Normalize, Transformer
    from sentence_transformers.sentence_transformer.modules import Pooling

    raw = tiny_neomme(folder.with_name(f"{folder.name}-late"), seed)
    transformer = Transformer(str(raw))
    modules = [transformer, Pooling(transformer.get_embedding_dimension(), "cls"), Normalize()]
    SentenceTransformer(modules=modules, device="cpu").save(str(folder), create_model_card=False)
    return folder


def tiny_clap(folder: Path, seed: int = 0) -> Path:
    """A CLAP as LAION published it: 48 kHz, windows of 10 s, a random rest is lost, vectors of 16."""
    import torch
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import ClapConfig, ClapFeatureExtractor, ClapModel, ClapProcessor, RobertaTokenizerFast

    torch.set_num_threads(1)
    torch.manual_seed(seed)
    tokens = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", *sorted(ByteLevel.alphabet())]
    vocabulary = {token: number for number, token in enumerate(tokens)}
    tokenizer = RobertaTokenizerFast(vocab=vocabulary, merges=[], model_max_length=77)
    config = ClapConfig(
        text_config=dict(
            vocab_size=len(tokens),
            hidden_size=32,
            intermediate_size=48,
            num_hidden_layers=2,
            num_attention_heads=2,
            max_position_embeddings=80,
            projection_dim=16,
        ),
        audio_config=dict(
            patch_embeds_hidden_size=8,
            depths=[1, 1, 1, 1],
            num_attention_heads=[1, 1, 2, 2],
            hidden_size=64,
            projection_dim=16,
            num_mel_bins=64,
            spec_size=256,
        ),
        projection_dim=16,
    )
    ClapModel(config).save_pretrained(folder)
    sounds = ClapFeatureExtractor(
        feature_size=64,
        sampling_rate=48_000,
        hop_length=480,
        max_length_s=10,
        fft_window_size=1024,
        frequency_min=50,
        frequency_max=14_000,
        truncation="rand_trunc",
        padding="repeatpad",
    )
    ClapProcessor(sounds, tokenizer).save_pretrained(folder)
    return folder


def tiny_student(folder: Path, seed: int = 0) -> Path:
    """The multilingual student of `tiny_clip`: a text encoder into the space of the pictures, vectors of 16."""
    import torch
    from replicas import tiny_bert
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Dense, Transformer
    from sentence_transformers.sentence_transformer.modules import Pooling

    torch.set_num_threads(1)
    torch.manual_seed(seed)
    tiny_bert(folder / "raw")
    transformer = Transformer(str(folder / "raw"), max_seq_length=128)
    width = transformer.get_embedding_dimension()
    dense = Dense(width, 16, bias=False, activation_function=torch.nn.Identity())
    whole = SentenceTransformer(modules=[transformer, Pooling(width, "mean"), dense], device="cpu")
    whole.save(str(folder), create_model_card=False)
    shutil.rmtree(folder / "raw")
    return folder


def tiny_colqwen2(folder: Path, seed: int = 0) -> Path:
    """A ColQwen2 of two layers: token vectors of 128 for queries and pages."""
    import torch
    from transformers import (
        ColQwen2Config,
        ColQwen2ForRetrieval,
        ColQwen2Processor,
        Qwen2VLConfig,
        Qwen2VLImageProcessor,
    )

    torch.set_num_threads(1)
    torch.manual_seed(seed)
    tokenizer = _tokenizer(VISION)
    ids = {name: tokenizer.convert_tokens_to_ids(name) for name in VISION}
    rope = {"rope_type": "default", "rope_theta": 1e4, "mrope_section": [4, 2, 2]}
    backbone = Qwen2VLConfig(
        text_config=TEXT | dict(vocab_size=len(tokenizer), rope_parameters=rope),
        vision_config=dict(
            depth=2, embed_dim=32, hidden_size=32, num_heads=2, mlp_ratio=2, patch_size=14, initializer_range=0.4
        ),
        image_token_id=ids["<|image_pad|>"],
        video_token_id=ids["<|video_pad|>"],
        vision_start_token_id=ids["<|vision_start|>"],
        vision_end_token_id=ids["<|vision_end|>"],
    )
    config = ColQwen2Config(vlm_config=backbone.to_dict(), embedding_dim=128, initializer_range=0.4)
    ColQwen2ForRetrieval(config).save_pretrained(folder)
    pictures = Qwen2VLImageProcessor(**SIZES, patch_size=14, merge_size=2)
    ColQwen2Processor(pictures, tokenizer).save_pretrained(folder)
    return folder
