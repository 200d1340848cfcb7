"""A run on the screen: estimates, the early word about a long run, plain lines where there is no terminal."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from mmsearch.errors import FailureCode
from mmsearch.output import progress
from mmsearch.output.progress import ProgressRate, show_progress
from mmsearch.run_record import Event, FileFailed, Finished, Progress, Remark, RunRecord, Work
from mmsearch.types import Failure


class Clock:
    def __init__(self) -> None:
        self.time = 100.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Time that passes only when the test says so."""
    clock = Clock()
    monkeypatch.setattr(progress.time, "monotonic", clock)
    monkeypatch.setattr(ProgressRate.__init__, "__defaults__", (clock,))
    return clock


def step(
    done: int, total: int, done_bytes: int = 0, total_bytes: int = 0, planned: bool = True, **more: Any
) -> Progress:
    facts = {"seen": total, "failed": 0, "segments": 0, "embeddings": 0} | more
    return Progress(planned=planned, done=done, total=total, done_bytes=done_bytes, total_bytes=total_bytes, **facts)


def worked(planned: bool = True, **kinds: tuple[float, float]) -> Progress:
    """Progress by work: (units done, units in all) of each kind."""
    work = tuple(Work(kind, done, total) for kind, (done, total) in kinds.items())
    files = int(any(one.done for one in work))
    return step(files, max(files, 10), planned=planned, work=work)


def paced(clock: Clock, *steps: tuple[float, Progress]) -> ProgressRate:
    """A pace that has seen steps of (seconds since the start, progress)."""
    clock.time = 100.0
    pace = ProgressRate(clock)
    for at, seen in steps:
        clock.time = 100.0 + at
        pace.update(seen)
    return pace


def test_loading_models_does_not_count_once_files_are_done(clock: Clock) -> None:
    steps = [(60 + at, step(1 + at, 101)) for at in range(11)]
    assert paced(clock, *steps).remaining() == pytest.approx(90)


def test_a_second_file_that_takes_for_ever_is_no_reason_to_be_silent(clock: Clock) -> None:
    pace = paced(clock, (80, step(1, 5)), (120, step(1, 5)))
    assert pace.remaining() is None
    assert pace.warning() == "At the pace so far this run will take about 8 min."


@pytest.mark.parametrize(
    "steps",
    [
        [(10, step(1, 4))],
        [(10, step(0, 4))],
        [(10, step(0, 0))],
        [(10, step(1, 4)), (11, step(2, 4))],
        [(10, step(1, 40)), (12, step(2, 40)), (14, step(3, 40))],
    ],
)
def test_nothing_is_estimated_from_nothing_or_from_two_files(clock: Clock, steps: list[tuple[float, Progress]]) -> None:
    assert paced(clock, *steps).remaining() is None


def test_nothing_is_estimated_while_most_of_the_rest_is_of_a_kind_not_measured_yet(clock: Clock) -> None:
    steps = [(at, worked(text=(at * 1e6, 2e7), video=(0, 36_000))) for at in range(1, 20)]
    assert paced(clock, *steps).remaining() is None


@pytest.mark.parametrize(
    "at, seen, warning",
    [
        (5, step(1, 1000), ""),
        (9, step(1, 1000), ""),
        (17, step(1, 5), ""),
        (18, step(2, 1000), "At the pace so far this run will take about 2 h."),
        (
            18,
            step(2, 1000, planned=False),
            "At the pace so far this run will take about 2 h or more, as not all files are found yet.",
        ),
        (9, step(500, 1000), ""),
        (12, step(0, 3, 0, 50_000_000), ""),
        (18, step(0, 3, 0, 5_000_000), ""),
        (18, step(0, 3, 0, 50_000_000), "No file is done after 18 s, with 50 MB to go: this may take long."),
        (18, step(0, 0), ""),
    ],
)
def test_a_long_run_is_announced_once_it_can_be_judged(clock: Clock, at: int, seen: Progress, warning: str) -> None:
    assert paced(clock, (at, seen)).warning() == warning


def test_the_time_in_which_a_model_is_loaded_tells_nothing_of_the_pace(clock: Clock) -> None:
    loading = step(1, 1000, waits_for="loading builtin")
    rate = paced(clock, *((at, loading) for at in range(1, 19)), (19, step(2, 1000)))
    assert rate.warning() == ""


def run(clock: Clock, steps: Sequence[tuple[float, Event]], **options: Any) -> RunRecord:
    """`show_progress` over events that take time."""

    def events() -> Iterator[Event]:
        for at, event in steps:
            clock.time = 100.0 + at
            yield event

    return show_progress(events(), **options)


def test_without_a_terminal_a_plain_line_comes_every_ten_seconds(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    record = RunRecord(indexed=4)
    steps: list[tuple[float, Event]] = [
        (0, step(0, 0, planned=False)),
        (5, step(1, 4, 10, 40, planned=False)),
        (11, step(2, 4, 20, 40, failed=1, segments=1200, read_done=3, read_total=7)),
        (12, step(3, 4, 30, 40)),
        (22, step(4, 4, 40, 40)),
        (23, Finished(record)),
    ]
    assert run(clock, steps) is record
    assert capsys.readouterr() == (
        "",
        "50% done; 2 of 4 files, 20 bytes of 40 bytes, 1,200 segments, 3 of 7 read, 1 failed\n"
        "100% done; 4 of 4 files, 40 bytes of 40 bytes, 0 segments; finishing\n",
    )


def test_a_run_that_waits_for_its_model_reports_it(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    steps: list[tuple[float, Event]] = [
        (11, step(0, 4, read_done=4, read_total=4, waits_for="loading builtin")),
        (22, step(2, 4, segments=2, read_done=4, read_total=4)),
        (23, Finished(RunRecord())),
    ]
    run(clock, steps)
    assert capsys.readouterr().err == (
        "0% done; 0 of 4 files, 0 segments, 4 of 4 read, loading builtin\n"
        "50% done; 2 of 4 files, 2 segments, 4 of 4 read\n"
    )


def test_the_warning_comes_once_with_advice_and_before_twenty_seconds(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    steps = [(at, step(1, 100_000)) for at in range(0, 30, 3)]
    run(clock, [*steps, (31, Finished(RunRecord()))], advice="Try --no-ocr.")
    lines = capsys.readouterr().err.splitlines()
    assert [line for line in lines if "this run" in line] == [
        "At the pace so far this run will take about 21 days. Try --no-ocr."
    ]


def test_quiet_shows_failures_alone(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    failure = FileFailed(b"/x/a\nb", Failure(FailureCode.CRASH, "The decoder crashed."))
    steps: list[tuple[float, Event]] = [
        (0, Remark("hello")),
        (15, step(1, 100_000)),
        (30, failure),
        (31, Finished(RunRecord())),
    ]
    run(clock, steps, quiet=True, advice="x")
    assert capsys.readouterr() == ("", "failed: /x/a\\nb: The decoder crashed. (crash)\n")


def test_a_run_that_raises_leaves_its_error_to_the_caller(clock: Clock) -> None:
    def events() -> Iterator[Event]:
        yield step(1, 2)
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        show_progress(events())


# --- a simulated run: each kind's units take a time that the estimate is not told -------------------------------------


def simulate(kinds: Mapping[str, tuple[int, float, float]], seed: int, order: str) -> list[tuple[float, Progress]]:
    """The progress of a run of files one after another, as (seconds, progress): `kinds` has for each kind its files,
    units of a file, and seconds a unit; a file's true cost spreads by half. `order` mixes or sorts the files."""
    random = np.random.default_rng(seed)
    files = [
        (kind, units * random.uniform(0.3, 3.0), cost * random.uniform(0.5, 1.5))
        for kind, (count, units, cost) in kinds.items()
        for _ in range(count)
    ]
    if order == "mixed":
        files = [files[at] for at in random.permutation(len(files))]
    totals = {kind: sum(units for one, units, _ in files if one == kind) for kind in kinds}
    done, at, steps = dict.fromkeys(kinds, 0.0), 15.0, []  # 15 s: models are loaded
    for number, (kind, units, cost) in enumerate(files, 1):
        parts = max(int(units * cost), 1)  # a long file comes in spans of about a second
        for part in range(parts):
            done[kind] += units / parts
            at += units * cost / parts
            finished = number - (part < parts - 1)
            work = tuple(Work(one, done[one], totals[one]) for one in kinds)
            steps.append((at, step(finished, len(files), 0, 0, work=work)))
    return steps


MIX = {
    "text": (300, 20_000, 3e-6),
    "image": (120, 1, 0.4),
    "pdf": (20, 12, 0.9),
    "video": (6, 600, 0.05),
}


@pytest.mark.parametrize("seed", range(4))
def test_the_time_left_of_a_mixed_run_is_close_to_the_truth(clock: Clock, seed: int) -> None:
    steps = simulate(MIX, seed, "mixed")
    end = steps[-1][0]
    pace, told = ProgressRate(clock), []
    for at, seen in steps:
        clock.time = 100.0 + at
        pace.update(seen)
        if at < end - 20 and (left := pace.remaining()) is not None:
            told.append((at, left / (end - at)))
    assert told[0][0] < 15 + 0.35 * (end - 15), "it is told within the first third of the work"
    assert all(0.5 < ratio < 2.0 for _, ratio in told)
    late = [ratio for at, ratio in told if at > 15 + 0.5 * (end - 15)]
    assert all(0.7 < ratio < 1.4 for ratio in late)


@pytest.mark.parametrize("order", ["mixed", "sorted"])
def test_the_share_never_falls_and_follows_the_time(clock: Clock, order: str) -> None:
    steps = simulate(MIX, 7, order)
    end = steps[-1][0]
    pace, shares = ProgressRate(clock), []
    for at, seen in steps:
        clock.time = 100.0 + at
        pace.update(seen)
        shares.append(((at - 15) / (end - 15), pace.share()))
    assert all(before <= after for (_, before), (_, after) in itertools.pairwise(shares))
    assert shares[-1][1] == pytest.approx(1.0)
    assert all(share >= 0.01 for (_, share), (_, seen) in zip(shares, steps, strict=True) if seen.done)
    if order == "mixed":
        assert all(abs(share - truth) < 0.2 for truth, share in shares)


def test_one_huge_file_does_not_make_a_third_of_the_files_nothing(clock: Clock) -> None:
    """Bytes would say 0%: the film has nearly all of them, but its seconds are few."""
    film = [Work("image", 20, 68), Work("video", 0, 60)]
    steps = [(at, step(at, 69, at * 1000, 4_000_000_000, work=(Work("image", at, 68), film[1]))) for at in range(1, 21)]
    assert paced(clock, *steps).share() > 0.2


def test_of_many_failures_the_first_ten_are_shown_and_the_others_counted(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = [FileFailed(b"/x/%d" % at, Failure(FailureCode.CRASH, "It crashed.")) for at in range(1234)]
    gone = [
        FileFailed(b"/y/%d" % at, Failure(FailureCode.VANISHED, "There is no such file."), missing=True)
        for at in range(3)
    ]
    happened: list[Event] = [*broken, *gone, Finished(RunRecord())]
    run(clock, [(0, one) for one in happened], quiet=True, lists="mmsearch failed")
    lines = capsys.readouterr().err.splitlines()
    assert lines[:10] == [f"failed: /x/{at}: It crashed. (crash)" for at in range(10)]
    assert lines[10:] == [
        "and 1,224 more: `mmsearch failed` lists all",
        "and 3 more that were named and are no files",
    ]
