"""Rerankers by sentence-transformers' CrossEncoder, with what its `predict` lacks: one scale, escaped control tokens,
batches by tokens, handling of full memory, choice of precision, and refusal of models that are no rerankers."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from mmsearch.errors import ExtractionError, FailureCode, ModelUnavailable, UsageError
from mmsearch.models.batching import OUT_OF_MEMORY, budget_for
from mmsearch.models.device import describe_precision, device_name
from mmsearch.models.late_interaction import LateReranker
from mmsearch.models.loading import first_precision, load
from mmsearch.models.model_catalogue import ModelSpec
from mmsearch.models.model_files import KINDS, ModelFiles, check_role, find_for, is_late
from mmsearch.models.model_options import ModelOptions
from mmsearch.models.registry import check_here, check_loadable
from mmsearch.models.reranker import Candidate, Reranker, visible
from mmsearch.types import View, chosen

HINT = "`mmsearch models` lists rerankers."
MOST_TOKENS = 8192  # of a pair, also where a model could read more
TEMPLATE_TOKENS = 64
BESIDE_PICTURE = 6000  # characters: a sequence that holds a picture is never cut by the library, it raises
PIXELS_A_TOKEN = 28 * 28  # of the Qwen family, the densest known
MAX_PIXELS = 1 << 20  # a page at this size is readable, and some 1,000 to 1,300 tokens
FRAMES = 8
FRAME_PIXELS = 1 << 17
PROBES = (("what is a cat", "A cat is a small animal."), ("what is a cat", "1 + 1 = 2"), ("rain", "It rains today."))


class CrossEncoderReranker:
    """A model from a folder or the hub cache. See `Reranker` for what its methods promise."""

    def __init__(self, spec: ModelSpec, options: ModelOptions) -> None:
        """Raises `ModelUnavailable`, in one sentence, for what can't be loaded or is no reranker."""
        self.name = spec.name
        files = checked(spec, options)
        self._precision = first_precision(files, options)
        self.model = load(files, self._precision, options, "CrossEncoder")
        if self.model.num_labels != 1:
            raise ModelUnavailable(
                f"{spec.name} sorts pairs into {self.model.num_labels} classes; a reranker gives one figure.", HINT
            )
        self._chat = "message" in self.model.modalities
        able = frozenset(View(one) for one in self.model.modalities if one in set(View)) - {View.AUDIO}
        self.query_views = able
        self.views = able & spec.limited_to if spec.limited_to else able
        self._wrapped = self._chat and self.model[0].input_formatter.message_format == "structured"
        self._max_tokens = min(int(self.model.max_seq_length or MOST_TOKENS), MOST_TOKENS)
        self.model.max_seq_length = self._max_tokens
        where = f"{device_name(self._precision.device)}/{self._precision.dtype}"
        self._budget = budget_for(self._precision.device, f"{where}/{files.source}@{files.commit or ''}/rerank")
        self.max_pixels = self._limited("image", options.max_pixels, MAX_PIXELS, options)
        self.frames = (options.frames or FRAMES) if View.VIDEO in able else 0
        most = self.frames * FRAME_PIXELS
        self.frame_pixels = self._limited("video", None, most, options) // max(self.frames, 1)
        self._logits = not self._gives_shares()
        self._heeds: bool | None = None

    def choice(self) -> str:
        """See `Reranker`."""
        return describe_precision(self._precision)

    @property
    def takes_instruction(self) -> bool:
        """See `Reranker`. Found out by asking: the prompt of a template without a place for it has no effect."""
        if self._heeds is None:
            pair = [self._pair(Candidate("red"), Candidate("A red car."))]
            one, other = (
                self._predict(pair, prompt)[0] for prompt in ("Find cars.", "Say what is not a fruit at all.")
            )
            self._heeds = self._chat and bool(abs(one - other) > 1e-6)
        return self._heeds

    def score(self, query: Candidate, candidates: Sequence[Candidate], instruction: str | None = None) -> np.ndarray:
        """See `Reranker`."""
        query = self._visible(query, self.query_views, "query")
        shown = [self._visible(one, self.views, "candidate") for one in candidates]
        scores = np.zeros(len(shown), np.float32)
        sizes = self._sizes(query, shown)
        order = sorted(range(len(shown)), key=lambda number: -sizes[number])  # what does not fit shows at once
        while order:
            count = max(1, self._budget.tokens // sizes[order[0]])
            if shown[order[0]].frames is not None or query.frames is not None:
                count = 1  # the times of a film's frames go with the whole batch
            batch, order = order[:count], order[count:]
            began = time.perf_counter()
            tokens = len(batch) * sizes[batch[0]]
            scores[batch] = self._judge(query, [shown[number] for number in batch], tokens, instruction)
            self._budget.note(tokens, time.perf_counter() - began)
        return scores

    def _judge(self, query: Candidate, candidates: list[Candidate], tokens: int, instruction: str | None) -> np.ndarray:
        """One batch, halved as often as the device's memory asks for."""
        try:
            raw = self._predict([self._pair(query, one) for one in candidates], instruction, _clip(query, candidates))
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
        return np.concatenate([self._judge(query, part, tokens // 2, instruction) for part in halves])

    def _predict(self, pairs: list[Any], prompt: str | None = None, clip: Any = None) -> np.ndarray:
        """The model's own figures, float32 (n,)."""
        import torch

        extra = {"processing_kwargs": {"video": clip}} if clip else {}
        scores = self.model.predict(
            pairs, prompt=prompt, batch_size=len(pairs), activation_fn=torch.nn.Identity(), show_progress_bar=False,
            **extra,
        )  # fmt: skip
        return np.asarray(scores, np.float32)

    def _scaled(self, raw: np.ndarray) -> np.ndarray:
        """The model's figures on the scale 0..1."""
        if not np.isfinite(raw).all():
            raise ModelUnavailable(
                f"{self.name} gives figures in {self._precision.dtype} that are no numbers.", "--dtype float32"
            )
        if not self._logits:
            return np.clip(raw, 0.0, 1.0)
        return (0.5 * (1.0 + np.tanh(0.5 * raw.astype(np.float64)))).astype(np.float32)  # never overflows

    def _gives_shares(self) -> bool:
        """Whether the model's own figures are 0..1 already. Heads of the libraries give logits; only code of a model's
        own can do otherwise, and is asked."""
        if not type(self.model.transformers_model).__module__.startswith("transformers_modules"):
            return False
        raw = self._predict([self._pair(Candidate(query), Candidate(text)) for query, text in PROBES])
        return bool((raw >= 0).all() and (raw <= 1).all())

    def _visible(self, candidate: Candidate, views: frozenset[View], what: str) -> Candidate:
        seen = visible(candidate, views)
        if not seen.views:
            raise UsageError(f"{self.name} takes {chosen(sorted(views))}, and there is none of it in a {what}.", HINT)
        return seen

    def _pair(self, query: Candidate, candidate: Candidate) -> tuple[Any, Any]:
        return self._side(query), self._side(candidate)

    def _side(self, one: Candidate) -> Any:
        """What the library takes. A bare text that names a file would be opened by a model that takes media, and a
        model that takes none reads a dict's brackets."""
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
            parts["text"] = text[:BESIDE_PICTURE] if parts else text
        return parts

    def _sizes(self, query: Candidate, candidates: Sequence[Candidate]) -> list[int]:
        """How many tokens each pair takes, about."""
        texts = [one.text[: 8 * MOST_TOKENS] for one in (query, *candidates)]
        lengths = [len(ids) for ids in self.model.tokenizer(texts, add_special_tokens=False)["input_ids"]]
        whole = [
            length + (_pixels(one) // PIXELS_A_TOKEN) + TEMPLATE_TOKENS
            for length, one in zip(lengths, (query, *candidates), strict=True)
        ]
        return [min(whole[0] + size, 2 * self._max_tokens) for size in whole[1:]]

    def _limited(self, kind: str, asked: int | None, usual: int, options: ModelOptions) -> int:
        """How many pixels a picture (or all frames of a film) may have, set in the model's processor: as asked, else as
        the model has it, but no more than usual. 0 for a model without that view."""
        if kind not in self.model.modalities:
            return 0
        size = dict(getattr(getattr(self.model[0].processor, f"{kind}_processor", None), "size", None) or {})
        own = int(size.get("longest_edge") or usual)
        most = asked or min(own, usual)
        if most != own or options.min_pixels:
            least = options.min_pixels or min(int(size.get("shortest_edge") or 1), most)
            limits = {"size": {"longest_edge": most, "shortest_edge": least}}
            self.model[0].processing_kwargs = {**(self.model[0].processing_kwargs or {}), kind: limits}
        return most


def load_reranker(spec: ModelSpec, options: ModelOptions | None = None) -> Reranker:
    """The reranker, ready for use: a cross-encoder, or a late-interaction model. Raises `ModelUnavailable` in one
    sentence for a model of another class, `UsageError` where it lacks a view of the spec."""
    options = options or ModelOptions()
    kind = LateReranker if is_late(spec, options) else CrossEncoderReranker
    reranker: Reranker = kind(spec, options)
    if lacking := (spec.limited_to or frozenset()) - reranker.views:
        raise UsageError(f"{spec.name} can't look at {chosen(sorted(lacking))}.", HINT)
    return reranker


def _pixels(one: Candidate) -> int:
    image = 0 if one.image is None else one.image.shape[0] * one.image.shape[1]
    film = 0 if one.frames is None else int(np.prod(one.frames.frames.shape[:3])) // 2  # two frames make one token
    return image + film


def _clip(query: Candidate, candidates: Sequence[Candidate]) -> dict[str, Any] | None:
    """The times of the frames of the one or two films of a pair: without them a model takes them for one second's."""
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


def checked(spec: ModelSpec, options: ModelOptions) -> ModelFiles:
    """The files of a cross-encoder that may and can be loaded here. Raises `ModelUnavailable` otherwise, in one
    sentence."""
    if spec.views is not None and spec.role != "reranker":
        raise ModelUnavailable(f"{spec.name} is {KINDS[spec.role][0]}, not a reranker.", HINT)
    check_loadable(spec, options)
    check_here(spec, options)
    files = find_for(spec, options)
    check_role(files, "reranker", options)
    return files
