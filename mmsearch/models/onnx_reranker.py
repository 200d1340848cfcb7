"""Cross-encoders of texts on ONNX Runtime: exported once per user into the cache folder, as query encoders are.

A query with `--rerank` then loads neither torch nor the library: over a BERT of twelve layers that is a second instead
of six. The graph is compared with torch before it is kept; a model that can't be exported, or differs, is noted there
and runs through torch.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mmsearch.errors import ModelUnavailable, UsageError
from mmsearch.models.device import preferred
from mmsearch.models.encoder_cache import (
    NOTE,
    CacheUnwritable,
    cache_place,
    encoder_draft,
    note_use,
    problem,
)
from mmsearch.models.export import OPSET, write_optimised
from mmsearch.models.model_files import ModelFiles, weights_identity
from mmsearch.models.model_options import ModelOptions
from mmsearch.models.query_encoder import GRAPH, TOKENIZER
from mmsearch.models.reranker import Candidate
from mmsearch.types import View

RawScores = Callable[[Sequence[tuple[str, str]]], np.ndarray]  # of pairs of texts, float32 (n,)
VERSION = 1  # of the export; raise it when it supports models that it refused before
MOST_TOKENS = 512  # of a pair: a passage of an index has less, and a CPU takes four times as long for twice as many
MOST_PARAMETERS = 500_000_000
BATCH_TOKENS = 4096
DIFFERENCE = 1e-3  # of a logit, at most
PAIRS = (
    ("who retired", "Anna Berg retired in May after thirty years at the harbour."),
    ("pump", "The pump of the lighthouse was repaired, cleaned and painted. " * 40),
    ("Wann fährt der nächste Zug nach Bern?", "a"),
    ("revenue by region, third quarter", "Rain is expected in the north.\n\n1 + 1 = 2"),
    ("x" * 300, "The committee met twice. " * 10),
)


class NotExported(ModelUnavailable):
    """A model that has no export here: it runs through torch."""


class OnnxReranker:
    """An exported cross-encoder; implements `Reranker`."""

    views = query_views = frozenset({View.TEXT})
    max_pixels = frames = frame_pixels = 0
    takes_instruction = False

    def __init__(self, name: str, folder: Path) -> None:
        """Raises `NotExported` for a folder that this ONNX Runtime can't load, or that holds a refusal."""
        self.name = name
        try:
            note = json.loads((folder / NOTE).read_text("utf-8"))
            if refused := note.get("refused"):
                raise NotExported(str(refused))
            import onnxruntime
            from tokenizers import Tokenizer

            options = onnxruntime.SessionOptions()
            options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL  # done when exported
            options.intra_op_num_threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0
            options.inter_op_num_threads = 1
            options.log_severity_level = 4
            self._tokenizer = Tokenizer.from_file(str(folder / TOKENIZER))
            graph = str(folder / GRAPH)
            self._session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        except NotExported:
            raise
        except Exception as error:  # ONNX Runtime and tokenizers raise classes of their own
            raise NotExported(f"The exported reranker {name} can't be loaded.") from error

    def describe_precision(self) -> str:
        """The device and the precision in use, as a sentence."""
        return "float32 on this CPU, by ONNX Runtime"

    def score(self, query: Candidate, candidates: Sequence[Candidate], instruction: str | None = None) -> np.ndarray:
        """Scores float32 (n,) in 0..1, in the order of the candidates."""
        if not query.text.strip():
            raise UsageError(f"{self.name} takes text, and a query has none of it.", "Say in words what to look for.")
        if not all(one.text.strip() for one in candidates):
            raise UsageError(f"{self.name} takes text, and a candidate has none of it.")
        raw = self.logits([(query.text, one.text) for one in candidates])
        return (0.5 * (1.0 + np.tanh(0.5 * raw.astype(np.float64)))).astype(np.float32)  # never overflows

    def logits(self, pairs: Sequence[tuple[str, str]]) -> np.ndarray:
        """Raw scores, float32 (n,). Pairs of similar length are computed together."""
        scores = np.zeros(len(pairs), np.float32)
        encodings = self._tokenizer.encode_batch(list(pairs))
        order = sorted(range(len(pairs)), key=lambda number: len(encodings[number].ids))
        wanted = [one.name for one in self._session.get_inputs()]
        while order:
            longest = len(encodings[order[-1]].ids)
            count = max(1, BATCH_TOKENS // longest)
            batch, order = order[-count:], order[:-count]
            features = {
                "input_ids": np.zeros((len(batch), longest), np.int64),
                "attention_mask": np.zeros((len(batch), longest), np.int64),
                "token_type_ids": np.zeros((len(batch), longest), np.int64),
            }
            features["input_ids"][:] = (self._tokenizer.padding or {}).get("pad_id", 0)
            for row, number in enumerate(batch):
                one = encodings[number]
                length = len(one.ids)
                features["input_ids"][row, :length] = one.ids
                features["attention_mask"][row, :length] = 1
                features["token_type_ids"][row, :length] = one.type_ids
            output = self._session.run(["scores"], {name: features[name] for name in wanted})[0]
            scores[batch] = output.reshape(len(batch))
        return scores


def can_be(files: ModelFiles, options: ModelOptions) -> bool:
    """Whether a cross-encoder may be run this way: one of texts with a class of the library, on the CPU, in float32."""
    plain = files.architecture.endswith("ForSequenceClassification") and not files.config.get("auto_map")
    media = any((files.folder / name).exists() for name in ("processor_config.json", "chat_template.jinja"))
    asked = options.dtype not in (None, "float32") or options.trust_remote_code or options.attn
    return plain and not media and not asked and preferred(options.device).device == "cpu"


def place_of(files: ModelFiles) -> Path:
    """The folder of the exported reranker of a model."""
    return cache_place(["reranker", VERSION, weights_identity(files.source, files.commit), MOST_TOKENS])


def opened(name: str, files: ModelFiles) -> OnnxReranker | None:
    """The exported reranker of a model; None where there is none that is sound. Raises `NotExported` for a model that
    can't have one."""
    place = place_of(files)
    if problem(place):
        return None
    note_use(place)
    return OnnxReranker(name, place)


def provide(model: Any, raw_scores: RawScores, files: ModelFiles) -> None:
    """Export a loaded cross-encoder, which computes in float32 on the CPU, or note why it can't be; `raw_scores` are
    those of the `model`. A cache that can't be written leaves all as it is."""
    place = place_of(files)
    with contextlib.suppress(CacheUnwritable), encoder_draft(place) as draft:
        draft.mkdir()
        try:
            _export(files.name, model, raw_scores, draft)
        except ModelUnavailable as error:
            for path in draft.iterdir():
                path.unlink()
            (draft / NOTE).write_text(json.dumps({"refused": error.sentence}), "utf-8")


def _export(name: str, model: Any, raw_scores: RawScores, draft: Path) -> None:
    if sum(one.numel() for one in model.parameters()) > MOST_PARAMETERS:
        raise ModelUnavailable(f"{name} is too large to be exported.")
    most = min(int(model.max_seq_length or MOST_TOKENS), MOST_TOKENS)
    before, model.max_seq_length = model.max_seq_length, most
    try:
        plain = draft / "plain.onnx"
        _write_graph(model, plain)
        write_optimised(plain, draft / GRAPH)
        plain.unlink()
        _write_tokenizer(model, draft / TOKENIZER, most)
        (draft / NOTE).write_text(json.dumps({"max_tokens": most}), "utf-8")
        exact = raw_scores(PAIRS)
    finally:
        model.max_seq_length = before
    found = OnnxReranker(name, draft).logits(PAIRS)
    if not np.abs(found - exact).max() <= DIFFERENCE:
        raise ModelUnavailable(f"The exported reranker differs from {name}.")


def _write_graph(model: Any, target: Path) -> None:
    import torch

    class Scores(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
            output = self.model(dict(zip(names, inputs, strict=True)) | {"modality": "text"})
            scores: torch.Tensor = output["scores"]
            return scores

    features = model.preprocess([("a b c", "d e"), ("a", "b c d e f")])
    names = [name for name in ("input_ids", "attention_mask", "token_type_ids") if name in features]
    axes = {0: torch.export.Dim("batch", min=1), 1: torch.export.Dim("length", min=2)}
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    try:
        with torch.no_grad(), warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            torch.onnx.export(
                Scores().eval(),
                tuple(features[name] for name in names),
                str(target),
                input_names=names,
                output_names=["scores"],
                dynamic_shapes=((axes,) * len(names),),
                opset_version=OPSET,
                dynamo=True,
                external_data=False,
                verbose=False,
                optimize=False,
            )
    except Exception as error:  # torch.export fails in many classes of its own
        raise ModelUnavailable("This reranker can't be exported.") from error


def _write_tokenizer(model: Any, target: Path, most: int) -> None:
    from tokenizers import Tokenizer

    source = model.tokenizer
    if not hasattr(source, "backend_tokenizer"):
        raise ModelUnavailable("The tokenizer of this reranker can't be exported.")
    tokenizer = Tokenizer.from_str(source.backend_tokenizer.to_str())
    tokenizer.enable_truncation(most, strategy="longest_first")
    tokenizer.no_padding()
    tokenizer.save(str(target), pretty=False)
