"""What a loaded model takes, up to which size and at what cost, and our items in the shapes that the library wants."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mmsearch.errors import UsageError
from mmsearch.models.options import ModelOptions
from mmsearch.types import View

PAGE_PIXELS = 1_843_200  # where a model takes more: 1,800 tokens of 32 x 32 pixels
OVERSIZE = 4  # times the pixels of a fixed input: what a good reduction starts from
LEAST_SIDE = 8  # pixels: below, libraries guess wrongly which axis holds the colours
LONGEST_RATIO = 100  # of the sides; some processors refuse 200


class Inputs:
    """The inputs of a SentenceTransformer: `views` it takes, `limits` by view (see `Embedder.fingerprint`), and
    `processing`, the settings that every call of its processors gets."""

    def __init__(self, model: Any, options: ModelOptions) -> None:
        self._model = model
        modalities = set(model.modalities)
        self.chat = "message" in modalities
        self.views = frozenset(view for view in View if view.value in modalities & {"text", "image"})
        self._wrapped = len(modalities) > 1
        self.limits: dict[View, dict[str, Any]] = {}
        self.processing: dict[str, dict[str, Any]] = {}
        if View.IMAGE in self.views:
            self._set_up_pictures(options)

    def _set_up_pictures(self, options: ModelOptions) -> None:
        processor = self._model.processor.image_processor
        fixed = dict(getattr(processor, "crop_size", None) or processor.size)
        if "height" not in fixed:
            raise UsageError("This kind of model is not supported.")
        area = fixed["height"] * fixed["width"]
        patch = int(self._model[0].config.vision_config.patch_size)
        self.limits[View.IMAGE] = {"max_pixels": options.max_pixels or OVERSIZE * area}
        self._picture_tokens = area // patch**2 + 1

    def prepared(self, view: View, items: Sequence[Any]) -> list[Any]:
        """Items as `SentenceTransformer.preprocess` takes them."""
        if view is View.TEXT:
            # A bare string that names a file or a URL would be opened by a model that takes media.
            return [{"text": text} for text in items] if self._wrapped else list(items)
        return [{"image": self.picture(item)} for item in items]

    def costs(self, view: View, items: Sequence[Any]) -> list[int]:
        """Tokens of each item of a view that is not text."""
        return [self._picture_tokens] * len(items)

    def picture(self, item: np.ndarray) -> Any:
        """A PIL picture of an item, at most as large as the limit and neither too thin nor too long for processors."""
        from PIL import Image

        if item.dtype != np.uint8 or item.ndim != 3 or item.shape[2] != 3:
            raise UsageError(f"A picture must be uint8 (height, width, 3), not {item.dtype} {item.shape}.")
        found = Image.fromarray(item)
        width, height = found.size
        shrink = (self.limits[View.IMAGE]["max_pixels"] / (width * height)) ** 0.5
        if shrink < 1:
            width, height = (max(1, int(side * shrink)) for side in (width, height))
        width, height = max(width, LEAST_SIDE), max(height, LEAST_SIDE)
        if (width, height) != found.size:
            found = found.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=2.0)
        size = max(width, -(-height // LONGEST_RATIO)), max(height, -(-width // LONGEST_RATIO))
        if size != found.size:
            padded = Image.new("RGB", size, (255, 255, 255))
            padded.paste(found)
            return padded
        return found
