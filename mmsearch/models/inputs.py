"""The inputs of a loaded model: its views, their limits and costs, and items in the form that the library takes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from mmsearch.errors import UsageError
from mmsearch.models.embedder import Clip
from mmsearch.models.model_options import ModelOptions
from mmsearch.types import View

PAGE_PIXELS = 1_843_200  # where a model takes more: 1,800 tokens of 32 x 32 pixels
FRAME_PIXELS = 640 * 360
FRAMES = 8
MOST_FRAMES = 64
LONGEST_SCENE_S = 20.0
SOUND_S = 30.0  # where a model takes more: its processors pad every sound to the longest one that they take
SOFT_TOKENS = (70, 140, 280, 560, 1120)  # of a picture, where a model's processor takes these numbers only
OVERSIZE = 4  # times the pixels of a fixed input size, for a good reduction to it
MIN_SIDE = 8  # pixels: below, libraries take another axis for the colours
MAX_ASPECT_RATIO = 100  # of the sides; some processors refuse 200
SOUND_TOKENS = 50  # per second, approximately


class Inputs:
    """The inputs of a SentenceTransformer: the `views` it takes, and `limits` by view (see `Embedder.fingerprint`),
    which are set in its processors as well.

    `suffix` is the text that follows every input of a model that is prompted to sum it up, with the kind of input in
    place of `{}`.
    """

    def __init__(self, model: Any, options: ModelOptions, suffix: str = "") -> None:
        modalities = set(model.modalities)
        self.chat = "message" in modalities
        self.embeds_pairs = self.chat and {"text", "image"} <= modalities
        self.views = frozenset(view for view in View if view.value in modalities)
        self.limits: dict[View, dict[str, Any]] = {}
        self._wrapped = len(modalities) > 1
        self._suffix = suffix
        if View.IMAGE in self.views:
            self._set_up_pictures(_module(model, "image"), options)
        if View.AUDIO in self.views:
            self._set_up_sounds(_module(model, "audio"))
        if View.VIDEO in self.views:
            self._set_up_videos(_module(model, "video"), options)

    def _set_up_pictures(self, module: Any, options: ModelOptions) -> None:
        processor = getattr(module.processor, "image_processor", module.processor)
        size = {name: value for name, value in dict(getattr(processor, "size", None) or {}).items() if value}
        crop = {name: value for name, value in dict(getattr(processor, "crop_size", None) or {}).items() if value}
        patch = int(getattr(processor, "patch_size", 0) or _patch(module.config))
        if getattr(processor, "max_soft_tokens", None):
            self._set_up_soft_tokens(module, processor, options)
            return
        self._side = patch * int(getattr(processor, "merge_size", 1) or 1)  # pixels of a token's square
        self._fixed = 0
        if {"longest_edge", "shortest_edge"} <= size.keys():  # counts of pixels of the whole picture, despite the names
            most = options.max_pixels or min(size["longest_edge"], PAGE_PIXELS)
            least = min(options.min_pixels or size["shortest_edge"], most)
            self.limits[View.IMAGE] = {"max_pixels": most, "min_pixels": least}
            _set(module, "image", size={"longest_edge": most, "shortest_edge": least})
            return
        if options.min_pixels:
            raise UsageError("This model resizes all pictures to one size: --min-pixels does not apply to it.")
        area = _area(crop) or _area(size) or int(getattr(processor, "max_num_patches", 0) or 256) * self._side**2
        self._fixed = area // self._side**2 + 1
        self.limits[View.IMAGE] = {"max_pixels": options.max_pixels or OVERSIZE * area}

    def _set_up_soft_tokens(self, module: Any, processor: Any, options: ModelOptions) -> None:
        """Set up a processor that enlarges or shrinks every picture to one of a few numbers of tokens: the largest that
        the user's pixels suffice for, else the model's own."""
        if options.min_pixels:
            raise UsageError("This model resizes all pictures to one size: --min-pixels does not apply to it.")
        self._side = int(processor.patch_size) * int(processor.pooling_kernel_size)
        tokens = self._soft_tokens(int(processor.max_soft_tokens), options)
        self._fixed = tokens
        area = tokens * self._side**2
        self.limits[View.IMAGE] = {"max_pixels": OVERSIZE * area, "soft_tokens": tokens}
        _set(module, "image", max_soft_tokens=tokens)

    def _soft_tokens(self, own: int, options: ModelOptions) -> int:
        """The tokens of a picture or frame: see `_set_up_soft_tokens`. Raises `UsageError` for fewer pixels than the
        least number of tokens takes."""
        if options.max_pixels is None:
            return own
        if options.max_pixels < SOFT_TOKENS[0] * self._side**2:
            levels = ", ".join(str(level * self._side**2) for level in SOFT_TOKENS)
            raise UsageError(f"--max-pixels {options.max_pixels} is too few for this model.", f"It takes {levels}.")
        return max(level for level in SOFT_TOKENS if level * self._side**2 <= options.max_pixels)

    def _set_up_sounds(self, module: Any) -> None:
        extractor = getattr(module.processor, "feature_extractor", module.processor)
        rate = int(extractor.sampling_rate)
        longest = float(getattr(extractor, "max_length_s", None) or getattr(extractor, "chunk_length", None) or SOUND_S)
        self.limits[View.AUDIO] = {"rate": rate, "seconds": min(longest, SOUND_S)}
        if self.chat and longest > SOUND_S:
            _set(module, "audio", max_length=round(rate * SOUND_S))

    def _set_up_videos(self, module: Any, options: ModelOptions) -> None:
        frames = options.frames or (math.ceil(options.fps * LONGEST_SCENE_S) if options.fps else FRAMES)
        self._fps = options.fps
        most, count = options.max_pixels or FRAME_PIXELS, min(max(frames, 2), MOST_FRAMES)
        self.limits[View.VIDEO] = {"frames": count, "max_pixels": most} | ({"fps": self._fps} if self._fps else {})
        settings: dict[str, Any] = {"do_sample_frames": False}
        processor = module.processor.video_processor
        size = dict(getattr(processor, "size", None) or {})
        if getattr(processor, "max_soft_tokens", None):
            self._side = int(processor.patch_size) * int(processor.pooling_kernel_size)
            tokens = self._soft_tokens(int(processor.max_soft_tokens), options)
            self.limits[View.VIDEO] |= {"max_pixels": tokens * self._side**2, "soft_tokens": tokens}
            settings["max_soft_tokens"] = tokens
        if size.get("longest_edge"):  # pixels of all frames together
            whole = (count + count % 2) * most
            settings["size"] = {"longest_edge": whole, "shortest_edge": min(size["shortest_edge"], whole)}
        if hasattr(processor, "cap_pixels_per_frame"):
            settings["cap_pixels_per_frame"] = True
        _set(module, "video", **settings)

    def prepared(self, view: View, items: Sequence[Any]) -> list[Any]:
        """Items as `SentenceTransformer.preprocess` takes them. Raises `UsageError` for an item of another shape or
        type.

        A text for a model that takes media is never a bare string: the library would open one that names a file or a
        URL.
        """
        if view is View.TEXT:
            texts = [text + self._suffix_of("text") for text in items]
            return [{"text": text} for text in texts] if self._wrapped else texts
        makers: dict[View, Callable[[Any], Any]] = {View.IMAGE: self.picture, View.AUDIO: self._sound}
        make: Callable[[Any], Any] = makers.get(view, self._video)
        suffix = self._suffix_of(view.value)
        return [{view.value: make(item)} | ({"text": suffix} if suffix else {}) for item in items]

    def prepared_pair(self, text: str, image: np.ndarray) -> dict[str, Any]:
        """A picture and a text as one input, in this order."""
        return {"image": self.picture(image), "text": text + self._suffix_of("content")}

    def _suffix_of(self, kind: str) -> str:
        return self._suffix.format(kind) if self._suffix else ""

    def costs(self, view: View, items: Sequence[Any]) -> list[int]:
        """The approximate number of tokens of each item of a view other than text."""
        if view is View.AUDIO:
            return [int(len(item) / self.limits[view]["rate"] * SOUND_TOKENS) + 1 for item in items]
        most = self.limits[view]["max_pixels"]
        if "soft_tokens" in self.limits[view]:
            frames = [min(len(item.frames), self.limits[view]["frames"]) if view is View.VIDEO else 1 for item in items]
            return [int(self.limits[view]["soft_tokens"]) * count for count in frames]
        if view is View.VIDEO:
            pixels = [min(item.frames.size // 3, len(item.frames) * most) // 2 for item in items]
        elif self._fixed:
            return [self._fixed] * len(items)
        else:
            pixels = [min(item.size // 3, most) for item in items]
        return [count // self._side**2 + 1 for count in pixels]

    def picture(self, item: np.ndarray) -> Any:
        """A PIL picture of an item, shrunk to the limit of pixels and padded where it is too elongated for
        processors."""
        if item.dtype != np.uint8 or item.ndim != 3 or item.shape[2] != 3:
            raise UsageError(f"A picture must be uint8 (height, width, 3), not {item.dtype} {item.shape}.")
        return _fitted(item, self.limits[View.IMAGE]["max_pixels"])

    def _sound(self, item: np.ndarray) -> dict[str, Any]:
        if item.dtype != np.float32 or item.ndim != 1:
            raise UsageError(f"A sound must be float32 (samples,) mono, not {item.dtype} {item.shape}.")
        rate, seconds = self.limits[View.AUDIO]["rate"], self.limits[View.AUDIO]["seconds"]
        sound = item[: round(rate * seconds)]
        least = rate // 10  # a shorter sound has no spectrum
        return {"array": np.pad(sound, (0, max(0, least - len(sound)))), "sampling_rate": rate}

    def _video(self, item: Clip) -> dict[str, Any]:
        import torch

        frames, limits = item.frames, self.limits[View.VIDEO]
        if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[3] != 3 or not len(frames):
            raise UsageError(f"Frames must be uint8 (frames, height, width, 3), not {frames.dtype} {frames.shape}.")
        count = limits["frames"]
        if self._fps:
            count = min(count, max(2, math.ceil(item.seconds * self._fps)))
        if len(frames) > count:
            frames = frames[((np.arange(count) + 0.5) * len(frames) / count).astype(int)]
        if len(frames) == 1:  # models take two frames at a time
            frames = np.repeat(frames, 2, axis=0)
        pictures = np.stack([np.asarray(_fitted(frame, limits["max_pixels"])) for frame in frames])
        rate = len(pictures) / max(item.seconds, 1e-3)
        times = {"fps": rate, "total_num_frames": len(pictures), "duration": item.seconds}
        return {
            "array": torch.from_numpy(pictures.transpose(0, 3, 1, 2).copy()),
            "video_metadata": times | {"frames_indices": list(range(len(pictures)))},
        }


def _fitted(item: np.ndarray, most_pixels: int) -> Any:
    from PIL import Image

    image = Image.fromarray(item)
    width, height = image.size
    shrink = math.sqrt(most_pixels / (width * height))
    if shrink < 1:
        width, height = (max(1, int(side * shrink)) for side in (width, height))
    width, height = max(width, MIN_SIDE), max(height, MIN_SIDE)
    if (width, height) != image.size:
        image = image.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=2.0)
    size = max(width, -(-height // MAX_ASPECT_RATIO)), max(height, -(-width // MAX_ASPECT_RATIO))
    if size == image.size:
        return image
    padded = Image.new("RGB", size, (255, 255, 255))
    padded.paste(image)
    return padded


def _module(model: Any, modality: str) -> Any:
    """The input module of a modality: the model's first, or that of its route."""
    routes = getattr(model[0], "sub_modules", None)
    return routes[modality][0] if routes is not None else model[0]


def _set(module: Any, modality: str, **settings: Any) -> None:
    """Add settings to every later call of the module's processor."""
    before = module.processing_kwargs or {}
    module.processing_kwargs = {**before, modality: {**before.get(modality, {}), **settings}}


def _area(size: dict[str, int]) -> int:
    if {"height", "width"} <= size.keys():
        return int(size["height"]) * int(size["width"])
    return int(size["shortest_edge"]) ** 2 if "shortest_edge" in size else 0


def _patch(config: Any) -> int:
    vision = getattr(config, "vision_config", config)
    return int(getattr(vision, "patch_size", 0) or 16)
