"""A run on the screen: estimates, the early word about a long run, plain lines where there is no terminal."""

import pytest

from mmsearch.output import progress
from mmsearch.output.progress import Pace, follow
from mmsearch.types import Failure, FileFailed, Finished, Progress, Remark, RunRecord


class Clock:
    def __init__(self):
        self.time = 100.0

    def __call__(self):
        return self.time


@pytest.fixture
def clock(monkeypatch):
    """Time that passes only when the test says so."""
    clock = Clock()
    monkeypatch.setattr(progress.time, "monotonic", clock)
    monkeypatch.setattr(Pace.__init__, "__defaults__", (clock,))
    return clock


def step(done, total, done_bytes=0, total_bytes=0, planned=True, **more):
    facts = {"seen": total, "failed": 0, "segments": 0, "embeddings": 0} | more
    return Progress(planned=planned, done=done, total=total, done_bytes=done_bytes, total_bytes=total_bytes, **facts)


def paced(clock, *steps):
    """A pace that has seen steps of (seconds since the start, progress)."""
    clock.time = 100.0
    pace = Pace(clock)
    for at, seen in steps:
        clock.time = 100.0 + at
        pace.see(seen)
    return pace


S0, S = 0.5 / 101, (51 / 101 + 0.2) / 2  # shares of work: the mean of files and bytes


def test_time_left_follows_files_and_bytes_alike(clock):
    start = (5, step(1, 101, 0, 100))
    assert paced(clock, start, (15, step(51, 101, 20, 100))).remaining() == pytest.approx(10 * (1 - S) / (S - S0))
    assert paced(clock, start, (15, step(101, 101, 100, 100))).remaining() == 0


def test_loading_models_does_not_count_once_files_are_done(clock):
    assert paced(clock, (60, step(1, 101)), (70, step(11, 101))).remaining() == pytest.approx(90)


def test_a_second_file_that_takes_for_ever_is_no_reason_to_be_silent(clock):
    assert paced(clock, (20, step(1, 5)), (60, step(1, 5))).remaining() == pytest.approx(240)


@pytest.mark.parametrize("at, seen", [(10, step(1, 4)), (10, step(0, 4)), (10, step(0, 0))])
def test_nothing_is_estimated_from_nothing(clock, at, seen):
    assert paced(clock, (at, seen)).remaining() is None


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
def test_a_long_run_is_announced_once_it_can_be_judged(clock, at, seen, warning):
    assert paced(clock, (at, seen)).warning() == warning


def run(clock, steps, **options):
    """`follow` over events that take time."""

    def events():
        for at, event in steps:
            clock.time = 100.0 + at
            yield event

    return follow(events(), **options)


def test_without_a_terminal_a_plain_line_comes_every_ten_seconds(clock, capsys):
    record = RunRecord(indexed=4)
    steps = [
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
        "2 of 4 files, 20 bytes of 40 bytes, 1,200 segments, 3 of 7 read, 1 failed; less than a minute left\n"
        "4 of 4 files, 40 bytes of 40 bytes, 0 segments; finishing\n",
    )


def test_the_warning_comes_once_with_advice_and_before_twenty_seconds(clock, capsys):
    steps = [(at, step(1, 100_000)) for at in range(0, 30, 3)]
    run(clock, [*steps, (31, Finished(RunRecord()))], advice="Try --no-ocr.")
    lines = capsys.readouterr().err.splitlines()
    assert [line for line in lines if "this run" in line] == [
        "At the pace so far this run will take about 21 days. Try --no-ocr."
    ]


def test_quiet_shows_failures_alone(clock, capsys):
    failure = FileFailed(b"/x/a\nb", Failure("crash", "The decoder crashed."))
    steps = [(0, Remark("hello")), (15, step(1, 100_000)), (30, failure), (31, Finished(RunRecord()))]
    run(clock, steps, quiet=True, advice="x")
    assert capsys.readouterr() == ("", "failed: /x/a\\nb: The decoder crashed. (crash)\n")


def test_a_run_that_raises_leaves_its_error_to_the_caller(clock):
    def events():
        yield step(1, 2)
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        follow(events())
