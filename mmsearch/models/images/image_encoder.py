"""The image encoder: pictures into a text space, into vectors for copies, and into ImageNet's classes, by ONNX Runtime.

The backbone's weights come in an installed package, the heads with this program; `build` joins them into one ONNX file,
which lies once per user in the cache folder.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

from mmsearch.models import encoder_cache
from mmsearch.models.images import image_weights
from mmsearch.models.images.image_fitting import by_shape

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

BATCH = 8  # pictures of one shape a run
FILE = "encoder.onnx"


class ImageEncoder:
    """Runs what `build` wrote: a file, or its bytes."""

    def __init__(self, source: Path | bytes, threads: int = 1) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        model = source if isinstance(source, bytes) else str(source)
        self.session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self.sizes = tuple(output.shape[1] for output in self.session.get_outputs())

    def embed(self, pictures: Sequence[np.ndarray]) -> tuple[np.ndarray, ...]:
        """One array for each output of the file, in its order, rows as the pictures: float32 (n, columns).

        Pictures are uint8 (height, width, 3) of any size. The outputs are unit vectors in the text space, unit vectors
        for copies, and the probabilities of ImageNet's classes.
        """
        found = tuple(np.zeros((len(pictures), size), np.float32) for size in self.sizes)
        for rows, pixels in by_shape(pictures, BATCH):
            for array, part in zip(found, self.session.run(None, {"pixels": pixels}), strict=True):
                array[rows] = part
        return found


def opened(text_space: str) -> ImageEncoder:
    """The encoder for a text space of `image_weights.SPACES`, from the user's cache. It is made there, by torch, where
    it is missing or damaged, and in memory where the cache can't hold it.

    Raises `ModelUnavailable` where the backbone's package is missing or holds other weights.
    """
    place = image_weights.cache_folder(text_space)
    if encoder_cache.problem(place):
        image_weights.verified(image_weights.locate())  # before torch is imported
        try:
            with encoder_cache.encoder_draft(place) as draft:
                draft.mkdir()
                build(draft / FILE, text_space)
                note = {"image encoder": image_weights.identity(text_space), "exporter": image_weights.EXPORTER}
                (draft / encoder_cache.NOTE).write_text(json.dumps(note))
        except encoder_cache.CacheUnwritable:
            return ImageEncoder(exported_bytes(text_space))
    encoder_cache.note_use(place)
    return ImageEncoder(place / FILE)


def build(file: Path, text_space: str = "minilm") -> None:
    """Write the encoder for a text space: about 35 MB. Raises as `opened`."""
    file.write_bytes(exported_bytes(text_space))


def exported_bytes(text_space: str) -> bytes:
    """The ONNX model of backbone and heads for a text space. Raises as `opened`."""
    from mmsearch.models.images import efficientnet, image_heads

    network = efficientnet.load(image_weights.locate())
    return image_heads.onnx_bytes(network, image_heads.load(image_weights.heads_file(text_space)))
