"""A text tower as an ONNX file, so that a query needs no torch: exported, compared, optimised, written in one step."""

from __future__ import annotations

import contextlib
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

from mmsearch.errors import ModelUnavailable
from mmsearch.models.known import ModelSpec
from mmsearch.models.options import ModelOptions
from mmsearch.models.query_encoder import GRAPH, NOTE, TOKENIZER, WEIGHTS, TextGraph
from mmsearch.models.registry import load

LOWEST_COSINE = 0.9999  # against torch in float32
OPSET = 20
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
    "🙂🚀 emoji & symbols §±≠",
)


def export_text_tower(
    model: Any, folder: Path, *, dimension: int, max_tokens: int, prompt: str, fingerprint: dict[str, Any]
) -> float:
    """Writes the query encoder of a SentenceTransformer's text route into `folder`, replacing what is there.

    `model` must compute in float32 on the CPU. The graph takes `input_ids` and `attention_mask`, int64 (n, length),
    and gives `vectors`, unit length (n, dimension), and where the model has them `tokens`, the last hidden states at
    unit length (n, length, width). The folder appears complete or not at all.

    Returns the lowest cosine to torch over 50 texts of 1 to `max_tokens` tokens. Raises `ModelUnavailable` where
    the tower can't be exported or the cosine is below 0.9999: then queries must use torch.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        plain = draft / "plain.onnx"
        _write_graph(model, plain)
        _optimise(plain, draft / GRAPH)
        plain.unlink()
        _write_tokenizer(model, draft / TOKENIZER, max_tokens)
        cosine = _parity(model, draft, prompt, max_tokens)
        if cosine < LOWEST_COSINE:
            raise ModelUnavailable(f"The exported query encoder differs from the model (cosine {cosine:.5f}).")
        _write_note(draft, fingerprint, dimension, prompt, cosine)
        _replace(draft, folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return cosine


def export_query_encoder(spec: ModelSpec, folder: Path, options: ModelOptions | None = None) -> float:
    """The query encoder of a model of the registry, which is loaded for it: see `export_text_tower`."""
    embedder = load(spec, replace(options or ModelOptions(), device="cpu", dtype="float32"))
    fingerprint = embedder.fingerprint()["text"]
    return export_text_tower(
        embedder.model,
        folder,
        dimension=embedder.dimension,
        max_tokens=embedder.max_tokens,
        prompt=fingerprint["prompts"]["query"],
        fingerprint=fingerprint,
    )


def parity_texts(max_tokens: int) -> list[str]:
    """50 texts in several languages and scripts, from one token to more than the model reads."""
    texts = list(_SENTENCES)
    steps = 50 - len(texts)
    for number in range(1, steps + 1):
        count = 1 + round((number / steps) ** 3 * max_tokens / 8)  # sentences; most texts stay short, as queries are
        texts.append(" ".join(_SENTENCES[(number + step) % len(_SENTENCES)] for step in range(count)))
    return texts


def _write_graph(model: Any, target: Path) -> None:
    import torch

    class Tower(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> tuple[torch.Tensor, ...]:
            output = self.model({"input_ids": input_ids, "attention_mask": attention_mask})
            vectors = torch.nn.functional.normalize(output["sentence_embedding"], dim=-1)
            tokens = output.get("token_embeddings")
            return (vectors,) if tokens is None else (vectors, torch.nn.functional.normalize(tokens, dim=-1))

    tower = Tower().eval()
    sample = torch.randint(5, 50, (2, 7))
    inputs = (sample, torch.ones_like(sample))
    with torch.inference_mode():
        outputs = len(tower(*inputs))
    batch, length = torch.export.Dim("batch", min=1), torch.export.Dim("length", min=2)
    shapes = {"input_ids": {0: batch, 1: length}, "attention_mask": {0: batch, 1: length}}
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    try:
        with torch.no_grad(), warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            torch.onnx.export(
                tower,
                inputs,
                str(target),
                input_names=["input_ids", "attention_mask"],
                output_names=["vectors", "tokens"][:outputs],
                dynamic_shapes=shapes,
                opset_version=OPSET,
                dynamo=True,
                external_data=False,
                verbose=False,
                optimize=False,  # ONNX Runtime does that next
            )
    except Exception as error:  # torch.export fails in many classes of its own
        raise ModelUnavailable("This model's text encoder can't be exported for quick queries.") from error


def _optimise(plain: Path, target: Path) -> None:
    """Saves the graph as ONNX Runtime rewrites it, its weights beside it, where loading maps instead of copying them
    (measured: 0.05 s instead of 0.3 s). Extended and not all optimisations: those beyond depend on the CPU, and an
    index may move to another."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = str(target)
    options.add_session_config_entry("session.optimized_model_external_initializers_file_name", WEIGHTS)
    options.add_session_config_entry("session.optimized_model_external_initializers_min_size_in_bytes", "1024")
    options.log_severity_level = 4
    onnxruntime.InferenceSession(str(plain), options, providers=["CPUExecutionProvider"])


def _write_tokenizer(model: Any, target: Path, max_tokens: int) -> None:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_str(model.tokenizer.backend_tokenizer.to_str())
    tokenizer.enable_truncation(max_tokens)
    tokenizer.enable_padding(pad_id=model.tokenizer.pad_token_id or 0, pad_token=model.tokenizer.pad_token or "[PAD]")
    tokenizer.save(str(target), pretty=False)


def _parity(model: Any, draft: Path, prompt: str, max_tokens: int) -> float:
    """The lowest cosine between the graph and torch: each text alone, and ten of very different lengths at once."""
    texts = parity_texts(max_tokens)
    exact = np.asarray(model.encode(texts, prompt=prompt or None, normalize_embeddings=True, show_progress_bar=False))
    graph = TextGraph(draft, prompt, threads=1)
    alone = np.concatenate([graph.embed([text]) for text in texts])
    together = graph.embed(texts[::5])
    return float(min((exact * alone).sum(axis=1).min(), (exact[::5] * together).sum(axis=1).min()))


def _write_note(draft: Path, fingerprint: dict[str, Any], dimension: int, prompt: str, cosine: float) -> None:
    import onnxruntime

    note = {
        "fingerprint": fingerprint,
        "dimension": dimension,
        "prompt": prompt,
        "cosine": round(cosine, 7),
        "onnxruntime": onnxruntime.__version__,
        "files": {name: _facts(draft / name) for name in (GRAPH, WEIGHTS, TOKENIZER)},
    }
    (draft / NOTE).write_text(json.dumps(note, indent=1, ensure_ascii=False))


def _facts(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        return {"bytes": path.stat().st_size, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}


def _replace(draft: Path, folder: Path) -> None:
    """Everything is on the disk before the folder gets its name."""
    for path in [*draft.iterdir(), draft]:
        _sync(path)
    if folder.exists():
        old = Path(tempfile.mkdtemp(prefix=f".{folder.name}-old-", dir=folder.parent))
        folder.rename(old)
        draft.rename(folder)
        shutil.rmtree(old, ignore_errors=True)
    else:
        draft.rename(folder)
    _sync(folder.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
