"""The order in which people read boxes of text: columns, then lines, then along the line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

PROSE = 8  # a box this many times longer than high is a line of running text, not a cell of a table
MOST_BANDS = 80  # a page with more rows of boxes than that is a table


@dataclass(slots=True)
class _Piece:
    text: str
    left: float
    right: float
    top: float
    bottom: float

    @property
    def height(self) -> float:
        return self.bottom - self.top

    @property
    def middle(self) -> float:
        return (self.top + self.bottom) / 2

    @property
    def is_prose(self) -> bool:
        return self.right - self.left >= PROSE * self.height


def joined(words: Sequence[tuple[np.ndarray, str]]) -> str:
    """Texts in reading order: the words of a line joined by spaces, lines by newlines.

    Each box is (4, 2), clockwise from where its reading starts. A page that lies on its side or a little askew is
    turned upright first; columns are told from tables by their running text. Text that runs another way than the page
    (an axis title) comes last.
    """
    if not words:
        return ""
    boxes = np.stack([np.asarray(box, np.float64) for box, _ in words])
    along = (boxes[:, 1] - boxes[:, 0]) + (boxes[:, 2] - boxes[:, 3])
    angles = np.arctan2(along[:, 1], along[:, 0])
    main = _main_angle(angles, np.hypot(along[:, 0], along[:, 1]))
    turn = np.array(((np.cos(main), -np.sin(main)), (np.sin(main), np.cos(main))))
    upright = boxes @ turn
    aside = np.abs(np.angle(np.exp(1j * (angles - main)))) > np.pi / 4
    pieces = [_piece(box, text) for box, (_, text), other in zip(upright, words, aside, strict=True) if not other]
    lines = [line for block in _blocks(pieces) for line in _lines(block)]
    return "\n".join([*lines, *(text for (_, text), other in zip(words, aside, strict=True) if other)])


def _main_angle(angles: np.ndarray, lengths: np.ndarray) -> float:
    """The direction of most of the text: the quarter turn with the greatest length, then the median within it. Upright
    text counts double: a chart's long axis title does not turn the chart."""
    quarters = np.round(angles / (np.pi / 2)).astype(int) % 4
    best = int(np.argmax(np.bincount(quarters, weights=lengths, minlength=4) * (2, 1, 1, 1)))
    chosen = quarters == best
    off = np.angle(np.exp(1j * (angles[chosen] - best * np.pi / 2)))
    order = np.argsort(off)
    weight = np.cumsum(lengths[chosen][order])
    return best * np.pi / 2 + float(off[order][np.searchsorted(weight, weight[-1] / 2)])


def _piece(box: np.ndarray, text: str) -> _Piece:
    """Of an askew box the middle of its slanting sides counts, or neighbouring lines would overlap."""
    left, right = (box[0, 0] + box[3, 0]) / 2, (box[1, 0] + box[2, 0]) / 2
    top, bottom = (box[0, 1] + box[1, 1]) / 2, (box[2, 1] + box[3, 1]) / 2
    return _Piece(text, left, right, top, max(bottom, top + 1e-6))


def _blocks(pieces: list[_Piece]) -> list[list[_Piece]]:
    """Parts to read one after the other: what stands above two columns, the left, the right, what stands below."""
    bands = _bands(pieces)
    prose = [any(piece.is_prose for piece in band) for band in bands]
    if sum(piece.is_prose for piece in pieces) < 6 or len(bands) > MOST_BANDS:
        return [pieces]
    for height in range(len(bands), 0, -1):
        for first in range(len(bands) - height + 1):
            if not (prose[first] and prose[first + height - 1]):
                continue
            split = _columns([piece for band in bands[first : first + height] for piece in band])
            if split:
                above = [piece for band in bands[:first] for piece in band]
                below = [piece for band in bands[first + height :] for piece in band]
                return [*_blocks(above), *_blocks(split[0]), *_blocks(split[1]), *_blocks(below)]
    return [pieces]


def _bands(pieces: list[_Piece]) -> list[list[_Piece]]:
    """Pieces grouped by the rows that a horizontal cut can part, from the top."""
    bands: list[list[_Piece]] = []
    bottom = -np.inf
    for piece in sorted(pieces, key=lambda piece: piece.middle):
        quarter = piece.height / 4  # boxes of neighbouring lines overlap a little
        if piece.top + quarter >= bottom:
            bands.append([])
        bands[-1].append(piece)
        bottom = max(bottom, piece.bottom - quarter)
    return bands


def _columns(pieces: list[_Piece]) -> tuple[list[_Piece], list[_Piece]] | None:
    """Left and right of the first vertical gap that has running text on both sides, or None."""
    ordered = sorted(pieces, key=lambda piece: piece.left)
    edge = -np.inf
    for number, piece in enumerate(ordered):
        if 3 <= number <= len(ordered) - 3 and piece.left > edge + piece.height / 2:
            left, right = ordered[:number], ordered[number:]
            if all(2 * sum(piece.is_prose for piece in side) > len(side) for side in (left, right)):
                return left, right
        edge = max(edge, piece.right)
    return None


def _lines(pieces: list[_Piece]) -> list[str]:
    """A piece belongs to the line whose nearest piece it overlaps by at least half of the lower one's height."""
    lines: list[list[_Piece]] = []
    for piece in sorted(pieces, key=lambda piece: piece.middle):
        for line in reversed(lines[-3:]):
            near = min(line, key=lambda other: abs(other.left - piece.left))
            overlap = min(near.bottom, piece.bottom) - max(near.top, piece.top)
            if overlap >= 0.5 * min(near.height, piece.height):
                line.append(piece)
                break
        else:
            lines.append([piece])
    return [" ".join(piece.text for piece in sorted(line, key=lambda piece: piece.left)) for line in lines]
