"""Worker processes may hang, grow, crash, be killed or talk nonsense: it costs them, never us."""

import os
import random
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from mmsearch.errors import ExtractionError, StoppedEarly
from mmsearch.extraction import resource_monitor
from mmsearch.extraction.forkserver import WorkerKind
from mmsearch.extraction.pool import WorkerPool
from mmsearch.extraction.resource_monitor import ResourceMonitor, resident_bytes
from mmsearch.extraction.wire import Message, WireError

pytestmark = pytest.mark.usefixtures("own_fork_servers")

TESTED = WorkerKind("tested", "extraction_pool_handlers:handle", ("numpy",), timeout_s=30, memory_bytes=1 << 30)
HERE = Path(__file__).parents[1] / "helpers"


@pytest.fixture
def pool() -> Iterator[WorkerPool]:
    with WorkerPool(TESTED, 1) as pool:
        yield pool


def ask(
    pool: WorkerPool,
    do: str,
    arrays: Sequence[np.ndarray] = (),
    *,
    timeout_s: float | None = None,
    memory_bytes: int | None = None,
    **more: Any,
) -> Message:
    return pool.submit({"do": do, **more}, arrays, timeout_s, memory_bytes).result(timeout=60)


def failure(pool: WorkerPool, do: str, **more: Any) -> tuple[str, str]:
    with pytest.raises(ExtractionError) as caught:
        ask(pool, do, **more)
    return caught.value.code, caught.value.sentence


def alive(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def eventually(condition: Callable[[], object], seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


@contextmanager
def killer(pool: WorkerPool, kills: int, seed: int) -> Iterator[list[int]]:
    """Kills random workers of the pool at random moments until it has killed enough."""
    done: list[int] = []
    chance, stop = random.Random(seed), threading.Event()

    def run() -> None:
        while len(done) < kills and not stop.is_set():
            time.sleep(chance.uniform(0.005, 0.06))
            if pids := [pid for pid in pool.pids if alive(pid)]:
                pid = chance.choice(pids)
                os.kill(pid, signal.SIGKILL)
                done.append(pid)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield done
    finally:
        stop.set()
        thread.join()


# Answers


def test_tasks_are_answered_with_their_arrays(pool: WorkerPool) -> None:
    arrays: list[np.ndarray] = [np.arange(12, dtype=np.float32).reshape(3, 4), np.array([2], np.uint8)]
    reply, doubled = ask(pool, "double", arrays)
    assert reply == {}
    assert [array.tolist() for array in doubled] == [(array * 2).tolist() for array in arrays]


def test_every_future_gets_its_own_answer() -> None:
    with WorkerPool(TESTED, 3) as pool:
        futures = [pool.submit({"do": "echo", "say": number}) for number in range(200)]
        assert [future.result(60)[0]["said"] for future in futures] == list(range(200))


def test_a_task_cancelled_while_it_waits_is_not_done(pool: WorkerPool) -> None:
    busy = pool.submit({"do": "sleep", "seconds": 0.3})
    waiting = pool.submit({"do": "exit", "code": 9})
    assert waiting.cancel()
    assert busy.result(60)[0] == {"slept": 0.3}
    assert pool.counts.deaths == 0


def test_counts_tell_what_was_done(pool: WorkerPool) -> None:
    ask(pool, "sleep", seconds=0.2)
    failure(pool, "signal", signal=signal.SIGSEGV)
    counts = pool.counts
    assert (counts.tasks, counts.failed, counts.retries, counts.deaths) == (2, 1, 2, 3)
    assert 0.2 <= counts.busy_s < 30


def test_a_request_that_cannot_be_sent_is_the_callers_error(pool: WorkerPool) -> None:
    with pytest.raises(WireError):
        ask(pool, "echo", say={1, 2})
    assert ask(pool, "echo", say=1)[0] == {"said": 1}
    assert pool.counts.deaths == 0


# What a handler raises


@pytest.mark.parametrize(
    ("kind", "say", "expected"),
    [
        ("ExtractionError", "It has a password.", ("encrypted", "It has a password.")),
        ("ModelUnavailable", "No weights.", ("model", "No weights.")),
        ("ValueError", "bad header\nmore", ("decode-error", "The file can't be decoded (ValueError: bad header).")),
        ("ValueError", "", ("decode-error", "The file can't be decoded (ValueError).")),
        ("OSError", "cannot identify '/home/x/y.png'", ("decode-error", "The file can't be decoded (OSError).")),
        ("ValueError", "\x1b[31mred", ("decode-error", "The file can't be decoded (ValueError: [31mred).")),
        ("SystemExit", "bye", ("decode-error", "The file can't be decoded (SystemExit: bye).")),
        ("MemoryError", "", ("memory", "Reading this file needs more memory than a worker may have.")),
    ],
)
def test_what_a_handler_raises_becomes_a_code_and_a_sentence(
    pool: WorkerPool, kind: str, say: str, expected: tuple[str, str]
) -> None:
    assert failure(pool, "raise", kind=kind, say=say) == expected
    assert ask(pool, "echo", say=1)[0] == {"said": 1}
    assert pool.counts.deaths == 0


def test_a_very_long_message_is_cut(pool: WorkerPool) -> None:
    _, sentence = failure(pool, "raise", kind="ValueError", say="x" * 10_000)
    assert len(sentence) < 300


def test_an_answer_that_json_cannot_hold_is_a_decode_error(pool: WorkerPool) -> None:
    assert failure(pool, "unserialisable")[0] == "decode-error"
    assert pool.counts.deaths == 0


def test_a_result_of_more_than_512_mb_is_too_large(pool: WorkerPool) -> None:
    expected = ("too-large", "What one part of this file holds takes more than 512 MB.")
    assert failure(pool, "absurd", bytes=(512 << 20) + 1) == expected
    assert pool.counts.deaths == 0


# Time and memory


def test_a_hang_is_a_timeout_and_not_tried_again(pool: WorkerPool) -> None:
    began = time.monotonic()
    expected = ("timeout", "Reading a part of this file took longer than 0.5 seconds.")
    assert failure(pool, "sleep", seconds=600, timeout_s=0.5) == expected
    assert time.monotonic() - began < 10
    assert pool.counts.retries == 0
    assert ask(pool, "echo", say=1)[0] == {"said": 1}


def test_a_busy_loop_is_a_timeout(pool: WorkerPool) -> None:
    assert failure(pool, "spin", seconds=600, timeout_s=0.5)[0] == "timeout"


def test_a_stopped_worker_is_a_timeout(pool: WorkerPool) -> None:
    assert failure(pool, "signal", signal=signal.SIGSTOP, timeout_s=0.5)[0] == "timeout"
    assert ask(pool, "echo", say=1)[0] == {"said": 1}


def test_a_worker_that_drips_its_answer_is_a_timeout(pool: WorkerPool) -> None:
    assert failure(pool, "drip", timeout_s=0.5)[0] == "timeout"


def test_time_in_the_queue_for_a_processor_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    moment, waited = [0.0], [{"1": 5.0}]
    monkeypatch.setattr(resource_monitor.time, "monotonic", lambda: moment[0])
    monkeypatch.setattr(resource_monitor, "_processor_waits", lambda pid: waited[0])
    watch = ResourceMonitor(os.getpid(), timeout_s=3.0, memory_bytes=1 << 40)
    for step in range(1, 10):
        moment[0], waited[0] = step, {"1": 5.0 + step * 0.9}
        watch()
    moment[0] += 1
    watch()
    with pytest.raises(ExtractionError, match=r"longer than 3 seconds"):
        moment[0] += 1
        watch()


def test_time_in_which_we_were_stopped_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    moment = [0.0]
    monkeypatch.setattr(resource_monitor.time, "monotonic", lambda: moment[0])
    watch = ResourceMonitor(os.getpid(), timeout_s=5.0, memory_bytes=1 << 40)
    moment[0] = 3600.0  # a Ctrl-Z, an hour of lunch
    watch()


def test_a_slow_memory_hog_is_stopped_by_the_watch(pool: WorkerPool) -> None:
    expected = ("memory", "Reading a part of this file needed more than 0.0938 GiB of memory.")
    assert failure(pool, "hog", step_mb=4, pause_s=0.02, memory_bytes=96 << 20) == expected
    assert pool.counts.retries == 0
    assert ask(pool, "echo", say=1)[0] == {"said": 1}


def test_a_fast_memory_hog_is_stopped_by_the_limit(pool: WorkerPool) -> None:
    assert failure(pool, "hog", step_mb=64, pause_s=0, memory_bytes=96 << 20)[0] == "memory"


def test_one_absurd_allocation_fails_at_once(pool: WorkerPool) -> None:
    before = time.monotonic()
    assert failure(pool, "absurd", bytes=1 << 50)[0] == "memory"
    assert time.monotonic() - before < 5


def test_memory_of_what_a_worker_starts_counts(pool: WorkerPool) -> None:
    assert failure(pool, "child_hog", memory_bytes=96 << 20, timeout_s=20)[0] == "memory"


def test_the_standard_tool_tells_about_as_much_memory() -> None:
    ours = resident_bytes(os.getpid())
    assert abs(resource_monitor._resident_by_ps(os.getpid()) - ours) < 0.2 * ours


# Death


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGILL])
def test_a_crash_is_tried_three_times_and_named(pool: WorkerPool, number: signal.Signals) -> None:
    sentence = f"Reading this file ended its worker 3 times ({number.name})."
    assert failure(pool, "signal", signal=number) == ("crash", sentence)
    assert pool.counts.deaths == 3
    assert ask(pool, "echo", say=1)[0] == {"said": 1}


def test_a_worker_that_exits_is_a_crash(pool: WorkerPool) -> None:
    assert failure(pool, "exit", code=3) == ("crash", "Reading this file ended its worker 3 times (exit code 3).")


def test_a_worker_killed_every_time_is_a_crash_at_last(pool: WorkerPool) -> None:
    assert failure(pool, "signal", signal=signal.SIGKILL) == (
        "crash",
        "Reading this file ended its worker 8 times (SIGKILL).",
    )


def test_a_crash_does_not_touch_the_neighbours() -> None:
    with WorkerPool(TESTED, 2) as pool:
        slow = pool.submit({"do": "sleep", "seconds": 0.5})
        failure(pool, "signal", signal=signal.SIGSEGV)
        assert slow.result(60)[0] == {"slept": 0.5}


def test_a_worker_killed_while_idle_costs_nothing(pool: WorkerPool) -> None:
    pid = ask(pool, "facts")[0]["pid"]
    os.kill(pid, signal.SIGKILL)
    assert eventually(lambda: not psutil.pid_exists(pid))
    assert ask(pool, "echo", say=1)[0] == {"said": 1}
    assert (pool.counts.deaths, pool.counts.retries) == (1, 0)


def test_a_worker_killed_while_decoding_costs_one_try(pool: WorkerPool) -> None:
    ask(pool, "echo")
    running = pool.submit({"do": "sleep", "seconds": 0.5})
    time.sleep(0.2)
    os.kill(pool.pids[0], signal.SIGKILL)
    assert running.result(60)[0] == {"slept": 0.5}
    assert (pool.counts.deaths, pool.counts.retries) == (1, 1)


def test_twelve_kills_lose_none_of_120_tasks() -> None:
    with WorkerPool(TESTED, 3) as pool:
        with killer(pool, 12, seed=1) as killed:
            futures = []
            for number in range(120):
                seconds = 0.01 + number % 5 * 0.01
                futures.append(pool.submit({"do": "sleep", "seconds": seconds}))
            results = [future.result(60)[0] for future in futures]
            assert eventually(lambda: len(killed) == 12)
        assert results == [{"slept": 0.01 + number % 5 * 0.01} for number in range(120)]
        assert ask(pool, "echo", say=1)[0] == {"said": 1}


def test_kills_while_sending_lose_nothing() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (4000, 4000), np.uint8)
    with WorkerPool(TESTED, 2) as pool, killer(pool, 8, seed=2) as killed:
        while len(killed) < 8:
            futures = [pool.submit({"do": "echo"}, [picture]) for _ in range(4)]
            for future in futures:
                assert np.array_equal(future.result(60)[1][0], picture)


def test_a_killed_fork_server_is_started_again() -> None:
    with WorkerPool(TESTED, 2) as pool:
        futures = [pool.submit({"do": "sleep", "seconds": 0.3}) for _ in range(6)]
        assert eventually(lambda: len(pool.pids) == 2)
        time.sleep(0.1)
        os.kill(pool.server_pid, signal.SIGKILL)
        assert [future.result(60)[0] for future in futures] == [{"slept": 0.3}] * 6


def test_dead_workers_leave_no_zombies(pool: WorkerPool) -> None:
    for _ in range(3):
        failure(pool, "signal", signal=signal.SIGSEGV)
    server = psutil.Process(pool.server_pid)
    assert eventually(lambda: all(child.status() != psutil.STATUS_ZOMBIE for child in server.children(recursive=True)))


@pytest.mark.parametrize("crash", [False, True])
def test_what_a_worker_started_ends_with_it(pool: WorkerPool, crash: bool) -> None:
    if crash:
        failure(pool, "child", crash=True)
    else:
        child = ask(pool, "child")[0]["child"]
        os.kill(pool.pids[0], signal.SIGKILL)
        assert eventually(lambda: not psutil.pid_exists(child))
    server = psutil.Process(pool.server_pid)
    assert eventually(lambda: not any(child.name() == "sleep" for child in server.children(recursive=True)))


# Nonsense

GARBAGE = {
    "no message": b"\x00" * 40,
    "half a prefix": b"mms",
    "absurd sizes": b"mms1" + b"\xff" * 12,
    "no JSON": b"mms1" + (4).to_bytes(4, "little") + (0).to_bytes(8, "little") + b"}}}}",
    "the wrong task": b"mms1" + (34).to_bytes(4, "little") + bytes(8) + b'{"header":{"task":77},"arrays":[]}',
    "neither answer nor failure": b"mms1"
    + (33).to_bytes(4, "little")
    + bytes(8)
    + b'{"header":{"task":1},"arrays":[]}',
}


@pytest.mark.parametrize("name", GARBAGE)
def test_nonsense_from_a_worker_is_a_crash(pool: WorkerPool, name: str) -> None:
    code, sentence = failure(pool, "garbage", bytes=GARBAGE[name].hex(), then="exit")
    assert code == "crash"
    assert sentence.startswith("Reading this file ended its worker 3 times (")
    assert ask(pool, "echo", say=1)[0] == {"said": 1}


def test_half_a_message_and_then_silence_is_a_timeout(pool: WorkerPool) -> None:
    assert failure(pool, "garbage", bytes=b"mms1".hex(), then="wait", timeout_s=0.5)[0] == "timeout"


def test_a_flood_is_a_crash_and_takes_no_memory(pool: WorkerPool) -> None:
    before = resident_bytes(os.getpid())
    assert failure(pool, "flood")[0] == "crash"
    assert resident_bytes(os.getpid()) - before < 100 << 20


def test_what_a_worker_sends_unasked_does_not_answer_the_next_task(pool: WorkerPool) -> None:
    assert ask(pool, "late_garbage")[0] == {"said": "answer"}
    time.sleep(0.3)
    assert ask(pool, "echo", say=2)[0] == {"said": 2}
    assert pool.counts.deaths == 1


# Beginning and end


def test_close_ends_everything_at_once() -> None:
    pool = WorkerPool(TESTED, 2)
    futures = [pool.submit({"do": "sleep", "seconds": 600}) for _ in range(5)]
    assert eventually(lambda: len(pool.pids) == 2)
    pids = [*pool.pids, pool.server_pid]
    began = time.monotonic()
    pool.close()
    assert time.monotonic() - began < 3
    assert not any(map(psutil.pid_exists, pids))
    for future in futures:
        with pytest.raises(CancelledError):
            future.result(0)
    with pytest.raises(RuntimeError):
        pool.submit({"do": "echo"})
    pool.close()


def test_close_does_not_wait_for_imports() -> None:
    slow = WorkerKind("slow", TESTED.handler, ("extraction_pool_slow_import",))
    began = time.monotonic()
    with WorkerPool(slow, 1) as pool:
        future = pool.submit({"do": "echo"})
        time.sleep(0.2)
    assert time.monotonic() - began < 3
    with pytest.raises(CancelledError):
        future.result(0)


def test_a_stopped_fork_server_does_not_hold_up_close() -> None:
    pool = WorkerPool(TESTED, 1)
    ask(pool, "echo")
    pids = [*pool.pids, pool.server_pid]
    os.kill(pool.server_pid, signal.SIGSTOP)
    pool.close()
    assert eventually(lambda: not any(map(alive, pids)))


@pytest.mark.parametrize("handler", ["no_such_module_of_ours:handle", "extraction_pool_handlers:missing"])
def test_a_handler_that_cannot_be_imported_stops_the_run(handler: str) -> None:
    with WorkerPool(WorkerKind("broken", handler), 1) as pool, pytest.raises(StoppedEarly, match="broken"):
        ask(pool, "echo")


def test_a_module_that_cannot_be_preloaded_is_named() -> None:
    with WorkerPool(WorkerKind("tested", TESTED.handler, ("no_such_module_of_ours",)), 1) as pool:
        assert ask(pool, "echo", say=1)[0] == {"said": 1}
        assert pool.not_loaded == ("no_such_module_of_ours",)


SCRIPT = """
import os, sys, time
sys.path[:0] = {path!r}
from mmsearch.extraction.forkserver import WorkerKind
from mmsearch.extraction.pool import WorkerPool

def tell(*values):
    with open({out!r}, "a") as file:
        print(*values, file=file)

pool = WorkerPool(WorkerKind("tested", "extraction_pool_handlers:handle", ("numpy",)), 2)
"""


def script(tmp_path: Path, body: str) -> tuple[Path, Path]:
    file, out = tmp_path / "script.py", tmp_path / "out"
    root = Path(str(__import__("mmsearch").__file__)).parent.parent
    start = SCRIPT.format(path=[str(root), str(HERE)], out=str(out))
    file.write_text(start + textwrap.dedent(body))
    return file, out


def lines(out: Path, count: int) -> list[str]:
    assert eventually(lambda: out.exists() and out.read_text().count("\n") >= count, 30)
    return out.read_text().splitlines()


@pytest.mark.parametrize("moment", ["idle", "decoding", "in a child", "growing", "sending"])
def test_kill_9_of_the_main_process_leaves_nobody(tmp_path: Path, moment: str) -> None:
    file, out = script(
        tmp_path,
        f"""
        import numpy
        child = pool.submit({{"do": "child"}}).result()[0]["child"]
        pool.submit({{"do": "sleep", "seconds": 0.2}}), pool.submit({{"do": "sleep", "seconds": 0.2}}).result()
        tell(child, pool.server_pid, *pool.pids)
        picture = numpy.zeros(100 << 20, numpy.uint8)
        tasks = {{
            "idle": [],
            "decoding": [{{"do": "spin", "seconds": 600}}] * 2,
            "in a child": [{{"do": "child_hog"}}] * 2,
            "growing": [{{"do": "hog", "step_mb": 1, "pause_s": 0.05}}] * 2,
            "sending": [{{"do": "echo"}}] * 50,
        }}[{moment!r}]
        futures = [pool.submit(task, [picture] if {moment!r} == "sending" else []) for task in tasks]
        tell("busy")
        time.sleep(600)
        """,
    )
    parent = subprocess.Popen([sys.executable, str(file)], stderr=subprocess.DEVNULL)
    told = lines(out, 2)
    time.sleep(0.3)
    below = {process.pid for process in psutil.Process(parent.pid).children(recursive=True)}
    pids = below | set(map(int, told[0].split()))
    assert len(pids) >= 4
    parent.kill()
    parent.wait()
    assert eventually(lambda: not any(map(alive, pids)), 5)


def test_the_end_of_the_main_process_without_close_leaves_nobody(tmp_path: Path) -> None:
    file, out = script(
        tmp_path,
        """
        futures = [pool.submit({"do": "sleep", "seconds": 600}) for _ in range(3)]
        while len(pool.pids) < 2:
            time.sleep(0.01)
        tell(pool.server_pid, *pool.pids)
        """,
    )
    done = subprocess.run([sys.executable, str(file)], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    pids = list(map(int, out.read_text().split()))
    assert eventually(lambda: not any(map(alive, pids)), 5)


def test_ctrl_c_in_the_terminal_leaves_the_workers_to_the_main_process(tmp_path: Path) -> None:
    file, out = script(
        tmp_path,
        """
        future = pool.submit({"do": "sleep", "seconds": 1})
        pool.submit({"do": "echo"}).result()
        try:
            tell("busy")
            time.sleep(600)
        except KeyboardInterrupt:
            tell(future.result()[0], pool.counts.deaths)
        pool.close()
        """,
    )
    parent = subprocess.Popen([sys.executable, str(file)], start_new_session=True)
    lines(out, 1)
    os.killpg(parent.pid, signal.SIGINT)
    assert parent.wait(30) == 0
    assert out.read_text() == "busy\n{'slept': 1} 0\n"


def test_it_works_under_cron_with_nothing_open_and_no_environment(tmp_path: Path) -> None:
    file, out = script(
        tmp_path,
        """
        import numpy
        reply, arrays = pool.submit({"do": "echo", "say": "ü"}, [numpy.ones(3, numpy.uint8)]).result()
        tell(reply, arrays[0].tolist(), pool.submit({"do": "chatter"}).result()[0])
        pool.close()
        """,
    )
    shell = 'exec "$0" "$1" <&- >&- 2>&-'
    done = subprocess.run(["/bin/sh", "-c", shell, sys.executable, str(file)], env={}, cwd="/", timeout=60)
    assert done.returncode == 0
    assert out.read_text(encoding="utf-8") == "{'said': 'ü'} [1, 1, 1] {'said': 'quiet'}\n"


def test_what_libraries_print_stays_in_the_worker(tmp_path: Path) -> None:
    file, _ = script(tmp_path, 'pool.submit({"do": "chatter"}).result(); pool.close()')
    done = subprocess.run([sys.executable, str(file)], capture_output=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_a_module_in_the_current_folder_is_not_run(tmp_path: Path) -> None:
    (tmp_path / "numpy.py").write_text("raise SystemExit('taken over')")
    (tmp_path / "json.py").write_text("raise SystemExit('taken over')")
    file, out = script(tmp_path / "..", 'tell(pool.submit({"do": "echo", "say": 1}).result()[0]); pool.close()')
    done = subprocess.run([sys.executable, "-P", str(file)], cwd=tmp_path, capture_output=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, b"")
    assert out.read_text() == "{'said': 1}\n"
