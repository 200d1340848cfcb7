"""What a user may set about a model, apart from which model it is."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

CHANGE_VECTORS = ("dim", "max_pixels", "min_pixels", "frames", "fps", "revision")


@dataclass(frozen=True, slots=True)
class ModelOptions:
    """None leaves a choice to the model or the machine.

    `device`, `dtype` (float32, bfloat16, float16), `attn` (eager, sdpa, flash_attention_2) and `batch_size` (inputs; by
    default as many as measuring shows to pay) are of this machine. What changes vectors belongs to a space and is
    stored with it: `dim` (the first numbers of a Matryoshka vector), pixels of a picture or of a frame of a video,
    `frames` of a scene and how many of them a second at most (`fps`), and the weights' `revision` on the hub.
    `trust_remote_code` lets a model run code of its own; it is stored to be shown, and never read from there.
    """

    device: str | None = None
    dtype: str | None = None
    attn: str | None = None
    batch_size: int | None = None
    max_pixels: int | None = None
    min_pixels: int | None = None
    frames: int | None = None
    fps: float | None = None
    dim: int | None = None
    revision: str | None = None
    trust_remote_code: bool = False
    allow_download: bool = False

    def recorded(self) -> dict[str, Any]:
        """What is stored with a space, as JSON values: no key for what was left open."""
        names = {*CHANGE_VECTORS, "trust_remote_code"}
        return {name: value for name, value in asdict(self).items() if name in names and value not in (None, False)}

    def with_recorded(self, stored: dict[str, Any]) -> ModelOptions:
        """These options with what a space has stored in place of what they say about it, but for `trust_remote_code`:
        that is the user's word alone."""
        here = {one.name: getattr(self, one.name) for one in fields(self)}
        known = {name: stored.get(name) for name in CHANGE_VECTORS}
        return ModelOptions(**(here | known))
