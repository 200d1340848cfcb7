"""Rerankers by sentence-transformers' CrossEncoder, with what its `predict` lacks: one scale, escaped control tokens,
batches by tokens, handling of full memory, choice of precision, and refusal of models that are no rerankers."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from mmsearch.errors import ExtractionError, FailureCode, ModelUnavailable, UsageError
from mmsearch.models import onnx_reranker
from mmsearch.models.batching import OUT_OF_MEMORY, budget_for
from mmsearch.models.device import describe_precision, device_name
from mmsearch.models.late_interaction import LateReranker
from mmsearch.models.loading import initial_precision, load
from mmsearch.models.model_catalogue import ModelSpec
from mmsearch.models.model_files import KINDS, ModelFiles, check_role, find_for, is_late
from mmsearch.models.model_options import ModelOptions
from mmsearch.models.registry import check_here, check_loadable
from mmsearch.models.reranker import Candidate, Reranker, restrict_views
from mmsearch.types import View, chosen

HINT = "`mmsearch models` lists rerankers."
MOST_TOKENS = 8192  # of a pair, also where a model takes more
TEMPLATE_TOKENS = 64
TEXT_BESIDE_PICTURE = 6000  # characters: the library raises for a long sequence that holds a picture
PIXELS_PER_TOKEN = 28 * 28  # of the Qwen family, the densest known
MAX_PIXELS = 1 << 20  # the text of a page is legible at this size, which is 1,000 to 1,300 tokens
FRAMES = 8
FRAME_PIXELS = 1 << 17
PROBES = (("what is a cat", "A cat is a small animal."), ("what is a cat", "1 + 1 = 2"), ("rain", "It rains today."))


class CrossEncoderReranker:
    """A cross-encoder from a folder or the hub cache; implements `Reranker`."""

    def __init__(self, spec: ModelSpec, options: ModelOptions) -> None:
        """Raises `ModelUnavailable` for a model that can't be loaded or is no reranker."""
        self.name = spec.name
        files = _checked_files(spec, options)
        self._precision = initial_precision(files, options)
        self.model = load(files, self._precision, options, "CrossEncoder")
        if self.model.num_labels != 1:
            raise ModelUnavailable(
                f"{spec.name} sorts pairs into {self.model.num_labels} classes; a reranker gives one score.", HINT
            )
        self._chat = "message" in self.model.modalities
        supported = frozenset(View(one) for one in self.model.modalities if one in set(View)) - {View.AUDIO}
        self.query_views = supported
        self.views = supported & spec.limited_to if spec.limited_to else supported
        self._wrapped = self._chat and self.model[0].input_formatter.message_format == "structured"
        self._max_tokens = min(int(self.model.max_seq_length or MOST_TOKENS), MOST_TOKENS)
        self.model.max_seq_length = self._max_tokens
        hardware = f"{device_name(self._precision.device)}/{self._precision.dtype}"
        self._budget = budget_for(self._precision.device, f"{hardware}/{files.source}@{files.commit or ''}/rerank")
        self.max_pixels = self._limit_pixels("image", options.max_pixels, MAX_PIXELS, options)
        self.frames = (options.frames or FRAMES) if View.VIDEO in supported else 0
        most = self.frames * FRAME_PIXELS
        self.frame_pixels = self._limit_pixels("video", None, most, options) // max(self.frames, 1)
        self._logits = not self._outputs_probabilities()
        self._instructed: bool | None = None

    def describe_precision(self) -> str:
        """The device and the precision in use, with the reason, as a sentence."""
        return describe_precision(self._precision)

    @property
    def takes_instruction(self) -> bool:
        """Whether an instruction changes the scores, found by trial: a template may have no place for one."""
        if self._instructed is None:
            pair = [self._pair(Candidate("red"), Candidate("A red car."))]
            one, other = (
                self._predict(pair, prompt)[0] for prompt in ("Find cars.", "Say what is not a fruit at all.")
            )
            self._instructed = self._chat and bool(abs(one - other) > 1e-6)
        return self._instructed

    def score(self, query: Candidate, candidates: Sequence[Candidate], instruction: str | None = None) -> np.ndarray:
        """Scores float32 (n,) in 0..1, in the order of the candidates."""
        query = self._restrict(query, self.query_views, "query")
        restricted = [self._restrict(one, self.views, "candidate") for one in candidates]
        scores = np.zeros(len(restricted), np.float32)
        sizes = self._sizes(query, restricted)
        order = sorted(range(len(restricted)), key=lambda number: -sizes[number])  # a lack of memory shows at once
        while order:
            count = max(1, self._budget.tokens // sizes[order[0]])
            if restricted[order[0]].frames is not None or query.frames is not None:
                count = 1  # the times of a video's frames hold for the whole batch
            batch, order = order[:count], order[count:]
            began = time.perf_counter()
            tokens = len(batch) * sizes[batch[0]]
            scores[batch] = self._score_batch(query, [restricted[number] for number in batch], tokens, instruction)
            self._budget.record(tokens, time.perf_counter() - began)
        return scores

    def _score_batch(
        self, query: Candidate, candidates: list[Candidate], tokens: int, instruction: str | None
    ) -> np.ndarray:
        """Scores of one batch, which is halved until it fits the device's memory."""
        try:
            pairs = [self._pair(query, candidate) for candidate in candidates]
            raw = self._predict(pairs, instruction, _frame_times(query, candidates))
        except RuntimeError as error:
            if not any(sign in str(error) for sign in OUT_OF_MEMORY):
                raise
            raw = None
        if raw is not None:
            return self._scaled(raw)
        if self._precision.device.startswith("cuda"):
            import torch

            torch.cuda.empty_cache()
        if len(candidates) == 1:
            raise ExtractionError(FailureCode.MEMORY, "This candidate alone does not fit the memory of the device.")
        self._budget.shrink(tokens)
        half = len(candidates) // 2
        halves = candidates[:half], candidates[half:]
        return np.concatenate([self._score_batch(query, part, tokens // 2, instruction) for part in halves])

    def _predict(self, pairs: list[Any], prompt: str | None = None, video: dict[str, Any] | None = None) -> np.ndarray:
        """The model's raw scores, float32 (n,)."""
        import torch

        settings = {"processing_kwargs": {"video": video}} if video else {}
        scores = self.model.predict(
            pairs,
            prompt=prompt,
            batch_size=len(pairs),
            activation_fn=torch.nn.Identity(),
            show_progress_bar=False,
            **settings,
        )
        return np.asarray(scores, np.float32)

    def _scaled(self, raw: np.ndarray) -> np.ndarray:
        """Raw scores on the scale 0..1. Raises `ModelUnavailable` where some are not finite."""
        if not np.isfinite(raw).all():
            raise ModelUnavailable(
                f"The scores of {self.name} in {self._precision.dtype} are not finite.", "--dtype float32"
            )
        if not self._logits:
            result: np.ndarray = np.clip(raw, 0.0, 1.0)
            return result
        return (0.5 * (1.0 + np.tanh(0.5 * raw.astype(np.float64)))).astype(np.float32)  # never overflows

    def _outputs_probabilities(self) -> bool:
        """Whether the model's raw scores are in 0..1 already. Heads of the libraries output logits; only the code of a
        model can do otherwise, and is run on sample pairs."""
        if not type(self.model.transformers_model).__module__.startswith("transformers_modules"):
            return False
        raw = self._predict([self._pair(Candidate(query), Candidate(text)) for query, text in PROBES])
        return bool((raw >= 0).all() and (raw <= 1).all())

    def raw_scores(self, pairs: Sequence[tuple[str, str]]) -> np.ndarray:
        """The model's own scores of pairs of texts, float32 (n,)."""
        return self._predict(list(pairs))

    def _restrict(self, candidate: Candidate, views: frozenset[View], role: str) -> Candidate:
        restricted = restrict_views(candidate, views)
        if not restricted.views:
            raise UsageError(f"{self.name} takes {chosen(sorted(views))}, and a {role} has none of it.", HINT)
        return restricted

    def _pair(self, query: Candidate, candidate: Candidate) -> tuple[Any, Any]:
        return self._side(query), self._side(candidate)

    def _side(self, one: Candidate) -> Any:
        """A side of a pair as the library takes it: a text for a model of texts, else a dict. A model that takes media
        would open the file that a bare text names; a model of texts would embed the brackets of a dict."""
        text = one.text.replace("<|", "< |") if self._chat else one.text
        if not self._wrapped:
            return text
        parts: dict[str, Any] = {}
        if one.image is not None:
            from PIL import Image

            parts["image"] = Image.fromarray(one.image)
        if one.frames is not None:
            import torch

            parts["video"] = torch.from_numpy(np.ascontiguousarray(one.frames.frames.transpose(0, 3, 1, 2)))
        if text.strip():
            parts["text"] = text[:TEXT_BESIDE_PICTURE] if parts else text
        return parts

    def _sizes(self, query: Candidate, candidates: Sequence[Candidate]) -> list[int]:
        """The approximate number of tokens of each pair."""
        texts = [one.text[: 8 * MOST_TOKENS] for one in (query, *candidates)]
        lengths = [len(ids) for ids in self.model.tokenizer(texts, add_special_tokens=False)["input_ids"]]
        whole = [
            length + (_pixels(one) // PIXELS_PER_TOKEN) + TEMPLATE_TOKENS
            for length, one in zip(lengths, (query, *candidates), strict=True)
        ]
        return [min(whole[0] + size, 2 * self._max_tokens) for size in whole[1:]]

    def _limit_pixels(self, kind: str, wanted: int | None, usual: int, options: ModelOptions) -> int:
        """Set the limit of pixels of a picture (or of all frames of a video) in the model's processor and return it: as
        wanted, else the model's own, but at most `usual`. 0 for a model without that view."""
        if kind not in self.model.modalities:
            return 0
        size = dict(getattr(getattr(self.model[0].processor, f"{kind}_processor", None), "size", None) or {})
        own = int(size.get("longest_edge") or usual)
        most = wanted or min(own, usual)
        if most != own or options.min_pixels:
            least = options.min_pixels or min(int(size.get("shortest_edge") or 1), most)
            limits = {"size": {"longest_edge": most, "shortest_edge": least}}
            self.model[0].processing_kwargs = {**(self.model[0].processing_kwargs or {}), kind: limits}
        return most


def load_reranker(spec: ModelSpec, options: ModelOptions | None = None) -> Reranker:
    """Load a reranker, a cross-encoder or a late-interaction model. Raises `ModelUnavailable` for a model of another
    class, `UsageError` where it lacks a view of the spec."""
    options = options or ModelOptions()
    reranker: Reranker
    if is_late(spec, options):
        check_loadable(spec, options)
        reranker = LateReranker(spec, options)
    else:
        reranker = _cross_encoder(spec, options)
    if lacking := (spec.limited_to or frozenset()) - reranker.views:
        raise UsageError(f"{spec.name} can't rerank by {chosen(sorted(lacking))}.", HINT)
    return reranker


def _pixels(one: Candidate) -> int:
    image = 0 if one.image is None else one.image.shape[0] * one.image.shape[1]
    video = 0 if one.frames is None else int(np.prod(one.frames.frames.shape[:3])) // 2  # two frames make one token
    return image + video


def _frame_times(query: Candidate, candidates: Sequence[Candidate]) -> dict[str, Any] | None:
    """Processor settings with the times of the frames of a pair's videos: without them a model assumes one second."""
    clips = [one.frames for one in (query, *candidates) if one.frames is not None]
    if not clips:
        return None
    times = []
    for clip in clips:
        count = len(clip.frames)
        rate = count / max(clip.seconds, 1e-3)
        times.append(
            {"fps": rate, "total_num_frames": count, "duration": clip.seconds, "frames_indices": list(range(count))}
        )
    return {"video_metadata": times, "do_sample_frames": False}


def _cross_encoder(spec: ModelSpec, options: ModelOptions) -> Reranker:
    """A cross-encoder: one of texts by its export in the cache, which is made where there is none; others, and those
    that can't be exported, by the library."""
    files = _checked_files(spec, options)
    if not onnx_reranker.can_be(files, options):
        return CrossEncoderReranker(spec, options)
    try:
        if (found := onnx_reranker.opened(spec.name, files)) is not None:
            return found
        loaded = CrossEncoderReranker(spec, replace(options, dtype="float32"))
        onnx_reranker.provide(loaded.model, loaded.raw_scores, files)
        return onnx_reranker.opened(spec.name, files) or loaded
    except onnx_reranker.NotExported:
        return CrossEncoderReranker(spec, options)


def _checked_files(spec: ModelSpec, options: ModelOptions) -> ModelFiles:
    """The files of a cross-encoder that may and can be loaded here. Raises `ModelUnavailable` for others."""
    if spec.views is not None and spec.role != "reranker":
        raise ModelUnavailable(f"{spec.name} is {KINDS[spec.role][0]}, not a reranker.", HINT)
    check_loadable(spec, options)
    check_here(spec, options)
    files = find_for(spec, options)
    check_role(files, "reranker", options)
    return files
