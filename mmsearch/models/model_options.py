"""The options of a model that a user may set."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

from mmsearch.types import View

CHANGE_VECTORS = ("dim", "max_pixels", "min_pixels", "frames", "fps", "revision")


@dataclass(frozen=True, slots=True)
class ModelOptions:
    """Options of a model; None leaves the choice to the model or the machine.

    `device`, `dtype` (float32, bfloat16, float16), `attn` (eager, sdpa, flash_attention_2) and `batch_size` (inputs; by
    default the fastest number measured) belong to this machine. The options in `CHANGE_VECTORS` belong to a space and
    are stored with it: `dim` (numbers kept of a Matryoshka vector), pixels of a picture or of a frame of a video,
    `frames` of a scene and the most of them per second (`fps`), and the weights' `revision` on the hub.
    `views` are those that this process embeds: of a model made of parts the others are not loaded; None: all.
    `trust_remote_code` allows the model to run code of its own; it is stored to be shown, and never read from there.
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
    views: frozenset[View] | None = None

    @classmethod
    def of(cls, **values: Any) -> ModelOptions:
        """Options from the values of settings, a query or the command line, of which None, "" and `auto` leave the
        choice open."""
        return cls(**{name: value for name, value in values.items() if value not in (None, "", "auto")})

    def recorded(self) -> dict[str, Any]:
        """The options that are stored with a space, as JSON values; options that are None have no key."""
        names = {*CHANGE_VECTORS, "trust_remote_code"}
        return {name: value for name, value in asdict(self).items() if name in names and value not in (None, False)}

    def with_recorded(self, stored: dict[str, Any]) -> ModelOptions:
        """These options with those that a space has stored; `trust_remote_code` is taken from the user alone."""
        own = {field.name: getattr(self, field.name) for field in fields(self)}
        of_space = {name: stored.get(name) for name in CHANGE_VECTORS}
        return ModelOptions(**(own | of_space))
