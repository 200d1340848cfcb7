"""Parts with speech become windows that fit a recogniser, and times in a window become times of the sound."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmsearch.models.recognition.speech_windows import LONGEST, SHORTEST, Window, pack
from mmsearch.models.recognition.voice_activity import MARGIN_S, RATE, STEP, SpeechPart, speech_parts


def part(start_s: float, stop_s: float) -> SpeechPart:
    return SpeechPart(round(start_s * RATE), round(stop_s * RATE), 0.9)


def quiet(seconds: float) -> np.ndarray:
    return np.full(int(seconds * RATE / STEP) + 2, 0.8, np.float32)


def test_parts_that_lie_apart_share_a_window_without_the_pause_between_them() -> None:
    (window,) = pack([part(1, 3), part(3.5, 5), part(60, 62)], quiet(70))
    assert window.stretches == ((RATE, 5 * RATE), (60 * RATE, 62 * RATE))
    assert window.length == 6 * RATE
    assert [window.time_of(second) for second in (0.0, 3.5, 4.0, 5.5)] == [1.0, 4.5, 60.0, 61.5]
    assert window.time_of(4.0, is_end=True) == 5.0


def test_a_long_pause_ends_a_window_with_enough_speech() -> None:
    windows = pack([part(0, 9), part(12, 20)], quiet(30))
    assert [window.stretches for window in windows] == [((0, 9 * RATE),), ((12 * RATE, 20 * RATE),)]


def test_speech_without_a_pause_is_cut_where_it_is_least_likely() -> None:
    probabilities = np.full(2000, 0.95, np.float32)
    probabilities[int(25 * RATE / STEP)] = 0.5
    first, *_ = pack([part(0, 60)], probabilities)
    assert first.stretches[0][1] / RATE == pytest.approx(25, abs=0.05)


lengths = st.lists(st.tuples(st.floats(0.3, 50), st.floats(0.31, 20)), min_size=1, max_size=12)


@given(lengths)
def test_no_speech_is_lost_and_no_window_is_too_long(pairs: list[tuple[float, float]]) -> None:
    parts, at = [], 0.0
    for length, pause in pairs:
        parts.append(part(at, at + length))
        at += length + pause
    windows = pack(parts, quiet(at))
    assert all(window.length <= LONGEST for window in windows)
    covered = np.zeros(round(at * RATE) + 1, bool)
    for window in windows:
        for start, stop in window.stretches:
            covered[start:stop] = True
    assert all(covered[one.start : one.stop].all() for one in parts)


def test_what_follows_a_second_is_a_window_unless_it_is_too_short() -> None:
    window = Window(((0, 4 * RATE), (10 * RATE, 12 * RATE)), 0.9)
    assert window.after(5.0) == Window(((11 * RATE, 12 * RATE),), 0.9)
    assert window.after(2.0) == Window(((2 * RATE, 4 * RATE), (10 * RATE, 12 * RATE)), 0.9)
    assert window.after(6.0 - SHORTEST / RATE / 2) is None
    sound = np.ones(12 * RATE, np.float32)
    assert window.halves(sound) == [Window(((0, 4 * RATE),), 0.9), Window(((10 * RATE, 12 * RATE),), 0.9)]


def test_a_window_without_a_pause_is_halved_at_the_quietest_moment_of_its_middle() -> None:
    sound = np.ones(30 * RATE, np.float32)
    sound[:RATE] = 0.0  # quieter, and not in the middle
    sound[17 * RATE : 17 * RATE + RATE // 5] = 0.1
    first, second = Window(((0, 30 * RATE),), 0.9).halves(sound)
    assert first.stretches[0][0] == 0 and second.stretches[0][1] == 30 * RATE
    assert first.stretches[0][1] == second.stretches[0][0] == pytest.approx(17.05 * RATE, abs=0.1 * RATE)


def test_parts_have_margins_and_end_at_pauses() -> None:
    frames = [0.0] * 20 + [0.9] * 20 + [0.4] * 3 + [0.9] * 10 + [0.1] * 30 + [0.9] * 2 + [0.0] * 30
    (found,) = speech_parts(np.array(frames, np.float32), len(frames) * STEP)
    margin = int(MARGIN_S * RATE)
    assert (found.start, found.stop) == (20 * STEP - margin, 53 * STEP + margin)
    assert found.probability > 0.8


def test_speech_up_to_the_end_is_a_part() -> None:
    frames = np.array([0.0] * 10 + [0.9] * 40, np.float32)
    (found,) = speech_parts(frames, 50 * STEP)
    assert found.stop == 50 * STEP
    assert speech_parts(np.zeros(0, np.float32), 0) == []
