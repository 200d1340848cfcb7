"""The frames of an animation that differ from each other, with their times."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from mmsearch.extraction.media.scenes import is_same_luma
from mmsearch.extraction.photos import pixels

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

MOST_KEPT = 12  # frames that become segments
MOST_WALKED = 600  # frames that are decoded
MOST_PIXELS = 400_000_000  # decoded in all
SMALL_EDGE = 192  # pixels of the pictures that are compared
LEAST_EDGE = 4  # pixels, of a picture that is compared
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


class _Candidate(NamedTuple):
    image: Image.Image
    start_s: float
    legible: bool  # it stands long enough to be read, or apart from others of a movement


def distinct_frames(
    picture: Image.Image, decode: Callable[[Image.Image], Image.Image]
) -> tuple[list[AnimationFrame], str]:
    """The frames of an opened animation that differ, as `decode` returns them, and a note about those that were not
    read. Of a movement, only those that can be read. The first one is the first that shows something. Raises what
    `decode` raises for the first frame."""
    kept = [_Candidate(decode(picture), 0.0, True)]
    last, is_blank, moving = _luma(picture), pixels.blank(_array(kept[0].image)), False
    clock = _duration_s(picture)
    number, note = 1, ""
    while True:
        if number == MOST_WALKED or number * picture.width * picture.height > MOST_PIXELS:
            note = LEFT_OUT if _goes_on(picture, number) else ""
            break
        try:
            picture.seek(number)
            picture.load()
        except EOFError:
            break
        except Exception:  # damage in a later frame: those before it could be read
            note = DAMAGED
            break
        number += 1
        start, clock = clock, clock + _duration_s(picture)
        luma = _luma(picture)
        last_read = max(one.start_s for one in kept if one.legible)
        legible = clock - start >= HELD_S or start - last_read >= APART_S
        if is_same_luma(last, luma) or (moving and not legible and not is_blank):
            continue
        image = decode(picture)
        if pixels.blank(_array(image)):
            continue
        kept = [_Candidate(image, 0.0, True)] if is_blank else [*kept, _Candidate(image, start, legible)]
        last, is_blank = luma, False
        if len(kept) > MOST_KEPT and not moving:
            moving, kept = True, [one for one in kept if one.legible]
        if len(kept) > MOST_KEPT:
            kept, clock, note = kept[:MOST_KEPT], start, LEFT_OUT
            break
    ends = [*(one.start_s for one in kept[1:]), clock]
    return [AnimationFrame(one.image, one.start_s, end) for one, end in zip(kept, ends, strict=True)], note


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
    width, height = (max(LEAST_EDGE, int(side * scale)) for side in picture.size)
    small = pixels.rgb(picture, width, height).resize((width, height))  # which may be larger than the picture
    return np.asarray(small.convert("L"), np.float32)


def _array(image: Image.Image) -> np.ndarray:
    import numpy as np

    return np.asarray(image)
