"""When a watched index is brought up to date, by a clock that a test moves."""

from collections.abc import Callable

from mmsearch.watching.run_schedule import LONGEST_S, QUIET_S, SCAN_S, WHOLE_S, RunClock, next_run


class Script:
    """Changes at given seconds, and a clock that moves with each poll."""

    def __init__(self, changes: dict[float, str] | None = None, problem: str = "", swapped_at: float = 1e9) -> None:
        self.at = dict(changes or {})
        self.problem = problem
        self.now = 0.0
        self.slept = 0.0
        self.swapped_at = swapped_at

    def poll(self, wait_s: float) -> set[str]:
        """The first change within the wait ends it, as with the library."""
        due = sorted(moment for moment in self.at if moment <= self.now + wait_s)
        if not due:
            self.now += wait_s
            return set()
        self.now = max(self.now, due[0])
        found = {self.at.pop(moment) for moment in due if moment <= self.now + 0.4}
        self.now += 0.4
        return found

    def folders_changed(self) -> bool:
        is_swapped = self.now >= self.swapped_at
        self.swapped_at = 1e9 if is_swapped else self.swapped_at
        return is_swapped

    def clock(self) -> RunClock:
        return RunClock(lambda: self.now, lambda: self.now + self.slept)


def never() -> bool:
    return False


def run(script: Script, lasted_s: float = 0.0, stop: Callable[[], bool] = never) -> str:
    return next_run(script, stop, lasted_s, script.clock())


def test_a_change_leads_to_a_run_within_five_seconds() -> None:
    script = Script({100.0: "a.txt"})
    assert run(script) == "changes"
    assert 100 + QUIET_S <= script.now <= 105


def test_ten_thousand_changes_in_a_burst_are_one_run() -> None:
    script = Script({10 + number / 1000: f"{number}.txt" for number in range(10_000)})
    assert run(script) == "changes"
    assert script.at == {}
    assert 20 <= script.now <= 25


def test_a_file_that_is_written_is_left_until_it_is_still() -> None:
    script = Script({10.0 + number: "film.mp4" for number in range(30)})
    assert run(script) == "changes"
    assert script.at == {}


def test_a_file_that_is_always_written_does_not_hold_up_the_others() -> None:
    script = Script({number / 1.0: "server.log" for number in range(1000)})
    assert run(script) == "changes"
    assert script.now <= LONGEST_S + 2


def test_runs_over_files_that_change_all_the_time_take_half_of_the_time() -> None:
    script = Script({1.0: "a.txt"})
    assert run(script, lasted_s=40.0) == "changes"
    assert 40 <= script.now <= 41


def test_without_reports_the_folders_are_scanned_every_minute() -> None:
    script = Script(problem="A limit is reached.")
    assert run(script) == "time"
    assert SCAN_S <= script.now <= SCAN_S + 6


def test_what_was_not_reported_is_found_within_the_hour() -> None:
    script = Script()
    assert run(script) == "time"
    assert WHOLE_S <= script.now <= WHOLE_S + 6


def test_a_run_follows_a_sleep_of_the_machine() -> None:
    script = Script({30.0: "the last change before the sleep"})
    script.at.clear()
    polls = script.poll

    def sleeping(wait_s: float) -> set[str]:
        script.slept = 8 * 3600.0 if script.now >= 30 else 0.0
        return polls(wait_s)

    script.poll = sleeping  # type: ignore[method-assign]
    assert run(script) == "the clock has jumped"
    assert script.now < 45


def test_a_folder_that_comes_back_is_read() -> None:
    script = Script(swapped_at=20.0)
    assert run(script) == "folders"
    assert script.now < 30


def test_a_stop_ends_the_wait() -> None:
    script = Script({50.0: "a.txt"})
    assert run(script, stop=lambda: script.now > 20) == ""
    assert script.now < 30
