"""Voice activity detection by Silero's network (MIT), whose ONNX file comes in a wheel from PyPI.

The network is recurrent and sees 32 ms at a time. A long sound is cut into lanes that go through it side by side, each
after a second of the sound before it, which settles the state: sixteen lanes take a fifth of the time of one.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

RATE = 16_000  # Hz
STEP, CONTEXT = 512, 64  # samples of a frame, and of the one before it that the network sees again
FRAME_S = STEP / RATE
LANES, WARM_UP = 16, 32  # frames
SILENCE = 0.001  # peak amplitude below which there is nothing to detect
VOICE, NO_VOICE = 0.5, 0.35  # probabilities at which speech starts and ends, as the network's authors set them
SHORTEST_S = 0.25  # of speech
PAUSE_S = 0.3  # a shorter pause does not end a part
MARGIN_S = 0.2  # kept before and after a part: soft beginnings and ends of words


@dataclass(frozen=True, slots=True)
class SpeechPart:
    """A stretch of speech, `[start, stop)` in samples, and the mean probability of its frames."""

    start: int
    stop: int
    probability: float


class VoiceDetector:
    """The network of an ONNX file, on one thread."""

    def __init__(self, file: Path) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4
        self._session: Any = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
        self._has_rate = any(one.name == "sr" for one in self._session.get_inputs())

    def probabilities(self, samples: np.ndarray) -> np.ndarray:
        """float32 (frames,): the probability of speech of every 32 ms of float32 (samples,) mono at 16 kHz."""
        frames = -(-len(samples) // STEP)
        if not frames or np.abs(samples).max() < SILENCE:
            return np.zeros(frames, np.float32)
        lanes = max(1, min(LANES, frames // (2 * WARM_UP)))
        length = -(-frames // lanes)
        before = WARM_UP * STEP + CONTEXT
        filled = np.zeros(before + lanes * length * STEP, np.float32)
        filled[before : before + len(samples)] = samples
        state = np.zeros((2, lanes, 128), np.float32)
        found = np.zeros((lanes, length), np.float32)
        starts = np.arange(lanes)[:, None] * length * STEP + np.arange(CONTEXT + STEP)
        rate = {"sr": np.array(RATE, np.int64)} if self._has_rate else {}
        for step in range(WARM_UP + length):
            inputs = {"input": filled[starts + step * STEP], "state": state, **rate}
            output, state = self._session.run(None, inputs)
            if step >= WARM_UP:
                found[:, step - WARM_UP] = output[:, 0]
        return found.ravel()[:frames]


def speech_parts(probabilities: np.ndarray, samples: int) -> list[SpeechPart]:
    """The parts with speech of a sound of that many samples, in order; parts don't overlap."""
    parts: list[list[int]] = []
    start, quiet = -1, 0
    for frame, probability in enumerate([*probabilities.tolist(), *[0.0] * (int(PAUSE_S / FRAME_S) + 2)]):
        if probability >= VOICE:
            start, quiet = (frame if start < 0 else start), 0
        elif start >= 0 and (quiet or probability < NO_VOICE):
            quiet += 1
            if quiet * FRAME_S >= PAUSE_S:
                parts.append([start, frame - quiet + 1])
                start, quiet = -1, 0
    margin = int(MARGIN_S * RATE)
    found: list[SpeechPart] = []
    for first, last in parts:
        if (last - first) * FRAME_S < SHORTEST_S:
            continue
        earliest = found[-1].stop if found else 0
        begin, end = max(first * STEP - margin, earliest), min(last * STEP + margin, samples)
        found.append(SpeechPart(begin, end, float(probabilities[first:last].mean())))
    return found
