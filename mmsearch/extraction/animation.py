"""The frames of an animation that differ from each other, with their times."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from mmsearch.extraction import pixels
from mmsearch.extraction.scenes import is_same_luma

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

MOST_KEPT = 12  # frames that become segments
MOST_WALKED = 600  # frames that are decoded
MOST_PIXELS = 400_000_000  # decoded in all
SMALL_EDGE = 192  # pixels of the pictures that are compared
HELD_S = 0.35  # for which a frame that differs must stand, so that it can be read
APART_S = 1.0  # between frames that are kept of a movement
DEFAULT_S = 0.1  # of a frame without a duration, as browsers show it
LEFT_OUT = "Only the first part of the animation was read."
DAMAGED = "The animation is damaged; its later frames were not read."


class AnimationFrame(NamedTuple):
    """A frame as RGB, and the seconds for which it and those like it are shown."""

    image: Image.Image
    start_s: float
    end_s: float


def distinct_frames(
    picture: Image.Image, decode: Callable[[Image.Image], Image.Image]
) -> tuple[list[AnimationFrame], str]:
    """The frames of an opened animation that differ, as `decode` returns them, and a note about those that were not
    read. The first one is the first that shows something. Raises what `decode` raises for the first frame."""
    kept: list[AnimationFrame] = [AnimationFrame(decode(picture), 0.0, 0.0)]
    last, is_blank = _luma(picture), pixels.blank(_array(kept[0].image))
    clock = _duration_s(picture)
    number, note = 1, ""
    while not note:
        try:
            picture.seek(number)
            picture.load()
        except EOFError:
            break
        except Exception:  # damage in a later frame: those before it could be read
            note = DAMAGED
            break
        start, clock = clock, clock + _duration_s(picture)
        luma = _luma(picture)
        held = clock - start >= HELD_S or start - kept[-1].start_s >= APART_S
        if not is_same_luma(last, luma) and (held or is_blank):
            image = decode(picture)
            if not pixels.blank(_array(image)):
                if is_blank:
                    kept = [AnimationFrame(image, 0.0, clock)]
                else:
                    kept[-1] = kept[-1]._replace(end_s=start)
                    kept.append(AnimationFrame(image, start, clock))
                last, is_blank = luma, False
        number += 1
        if len(kept) == MOST_KEPT or number == MOST_WALKED or number * picture.width * picture.height > MOST_PIXELS:
            note = LEFT_OUT if _goes_on(picture, number) else ""
            break
    return [*kept[:-1], kept[-1]._replace(end_s=clock)], note


def _goes_on(picture: Image.Image, number: int) -> bool:
    try:
        picture.seek(number)
    except Exception:
        return False
    return True


def _duration_s(picture: Image.Image) -> float:
    """How long the current frame is shown."""
    duration: Any = picture.info.get("duration")
    seconds = float(duration) / 1000 if isinstance(duration, (int, float)) else 0.0
    return seconds if 0.01 < seconds < 3600 else DEFAULT_S


def _luma(picture: Image.Image) -> np.ndarray:
    """The current frame as small levels of grey, float32 (height, width)."""
    import numpy as np

    scale = min(1.0, SMALL_EDGE / max(picture.size))
    small = pixels.rgb(picture, max(4, int(picture.width * scale)), max(4, int(picture.height * scale)))
    return np.asarray(small.convert("L"), np.float32)


def _array(image: Image.Image) -> np.ndarray:
    import numpy as np

    return np.asarray(image)
