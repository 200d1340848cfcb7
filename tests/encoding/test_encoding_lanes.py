"""Several devices, one queue: every segment is embedded exactly once, whichever device takes it."""

import queue
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from families import Families, load
from small_index import Vectors, WordModel, contents, counts, embedded, rows, run, write

from mmsearch.config import Settings
from mmsearch.encoding import encode
from mmsearch.encoding.contents import Space
from mmsearch.encoding.encode import EncodeStage
from mmsearch.encoding.jobs import Channel, Job, SpanMedia, Stage, StopSignal
from mmsearch.errors import ExtractionError, FailureCode
from mmsearch.indexing import run_models
from mmsearch.models.device import Precision, further_devices
from mmsearch.models.embedder import Throughput
from mmsearch.store.segments import SpanResult
from mmsearch.store.spaces import SpaceRow
from mmsearch.trust import Grant
from mmsearch.types import Extracted, Kind, Locator, Segment, Source, View


class Replica(WordModel):
    """A word model on a device of its own, which takes a moment and chokes on some words."""

    def __init__(
        self, device: str = "cpu", pause_s: float = 0.002, bad: str = "", error: Exception | None = None
    ) -> None:
        self.precision, self.throughput = Precision(device, "float32", "plain"), Throughput()
        self.pause_s, self.bad, self.error = pause_s, bad, error
        self.taken: list[str] = []
        self._turn = threading.Lock()

    def embed(
        self, view: View, items: Sequence[str], role: str = "document", instruction: str | None = None
    ) -> Vectors:
        with self._turn:
            time.sleep(self.pause_s)
            if self.bad and any(self.bad in item for item in items):
                raise cast(Exception, self.error)
            self.taken += items
            return super().embed(view, items)


def pieces(count: int) -> list[SpanMedia]:
    """Assets of two passages each."""
    made = []
    for number in range(count):
        segments = [Segment(part, Locator(), f"passage {part} of note {number}") for part in range(2)]
        source = Source(b"/note", Kind.TEXT, "text", (0, 0, 0))
        result = SpanResult(number, f"key{number}", 0, segments=segments)
        made.append(SpanMedia(Job(number, f"key{number}", source), result, [Extracted(one) for one in segments]))
    return made


class Running:
    """A stage with its queues; what it gives is gathered in `chunks`."""

    def __init__(self, replicas: Sequence[Any], room: int = 4) -> None:
        self.early, self.now = threading.Event(), threading.Event()
        self.inbox, self.out = Channel(room, self.now), Channel(10_000, self.now)
        first, *others = replicas
        space = Space(1, first, frozenset({View.TEXT}), first.fingerprint(), tuple(others))
        self.encoding = EncodeStage(lambda views: [space], 0, self.inbox, self.out, self.early)
        self.stage = Stage("encode", self.encoding.run)
        self.stage.start()

    def feed(self, work: Iterable[SpanMedia | None]) -> None:
        for piece in work:
            self.inbox.put(piece)

    def chunks(self) -> list[SpanResult]:
        """All there is until the stage ends."""
        found = []
        while (result := self.out.get(timeout=20)) is not None:
            found.append(result)
        self.stage.join(5)
        assert not self.stage.is_alive() and self.stage.error is None
        return found


def vectors(chunks: list[SpanResult]) -> dict[tuple[int, int], np.ndarray]:
    """Vectors by asset and ordinal; each is there once."""
    found = [((result.asset_id, one.ordinal), one.matrix) for result in chunks for one in result.vectors]
    assert max(Counter(place for place, _ in found).values()) == 1
    return dict(found)


@pytest.fixture
def small_loads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encode, "GATHER_ITEMS", 6)
    monkeypatch.setattr(encode, "FIRST_LOAD", 4)


def test_replicas_share_one_queue_and_every_segment_is_embedded_once(small_loads: None) -> None:
    replicas = [Replica(pause_s=0.02) for _ in range(3)]
    running = Running(replicas)
    running.feed([*pieces(150), None])
    found = vectors(running.chunks())
    expected = {
        (number, part): embedded(f"passage {part} of note {number}") for number in range(150) for part in range(2)
    }
    assert found.keys() == expected.keys()
    assert all(np.array_equal(found[place][0], vector) for place, vector in expected.items())
    assert sum(len(one.taken) for one in replicas) == 300 == running.encoding.embedded
    assert all(one.taken for one in replicas)  # how evenly, the machine decides
    assert running.encoding.replicas == 3


def test_a_slow_device_holds_up_no_other(small_loads: None) -> None:
    slow, quick = Replica(pause_s=0.2), Replica(pause_s=0.001)
    running = Running([slow, quick])
    running.feed([*pieces(150), None])
    assert len(vectors(running.chunks())) == 300
    assert len(quick.taken) > 3 * len(slow.taken)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ValueError("no\nsuch word"), ("model", "The model can't take it (ValueError: no).")),
        (ExtractionError(FailureCode.MEMORY, "This alone does not fit."), ("memory", "This alone does not fit.")),
    ],
)
def test_a_batch_that_fails_is_halved_until_the_guilty_segment_stands_alone(
    error: Exception, told: tuple[str, str], small_loads: None
) -> None:
    running = Running([Replica(bad="note 17", error=error), Replica(bad="note 17", error=error)])
    running.feed([*pieces(40), None])
    chunks = running.chunks()
    lost = {result.asset_id: (result.failure.code, result.failure.sentence) for result in chunks if result.failure}
    assert lost == {17: told}
    assert {number for number, _ in vectors(chunks)} == set(range(40)) - {17}


def test_what_a_lane_dies_of_ends_the_stage(small_loads: None) -> None:
    class Broken(Replica):
        def embed(self, *_: object, **__: object) -> Vectors:
            raise MemoryError("no memory for Python itself")

    running = Running([Replica(), Broken()])
    with pytest.raises(StopSignal):
        while True:
            for piece in pieces(10):
                running.inbox.put(piece)
                if running.stage.error is not None:
                    running.now.set()
    assert isinstance(running.stage.error, MemoryError)


def test_when_a_run_is_stopped_all_lanes_finish_what_they_have(small_loads: None) -> None:
    running = Running([Replica(pause_s=0.05), Replica(pause_s=0.05)])
    running.feed(pieces(20))
    running.early.set()
    chunks = running.chunks()
    assert {result.asset_id for result in chunks} == set(range(20)) - waiting(running)
    assert all(len(result.vectors) == 2 for result in chunks)


def waiting(running: Running) -> set[int]:
    """What the stage has left in its queue."""
    left = set()
    while running.inbox.depth():
        left.add(running.inbox.get(timeout=1).result.asset_id)
    return left


def test_a_run_with_two_replicas_holds_what_one_with_a_single_device_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_loads: None
) -> None:
    for number in range(40):
        write(tmp_path / "docs" / f"{number}.txt", f"note {number} about ferries and piers")
    made: list[Replica] = []

    def opened(row: SpaceRow, grant: Grant | None, settings: Settings) -> Replica:
        made.append(Replica(settings.device))
        return made[-1]

    monkeypatch.setattr(run_models, "load_embedder", opened)
    monkeypatch.setattr(run_models.Models, "_export", lambda self, row: None)
    monkeypatch.setattr(run_models, "further_devices", lambda device: [])
    run(tmp_path / "one", tmp_path / "docs")
    monkeypatch.setattr(run_models, "further_devices", lambda device: ["cpu"])
    record = run(tmp_path / "two", tmp_path / "docs")
    assert (counts(record), record.embeddings) == ({"seen": 40, "indexed": 40}, 40)
    assert [one.precision.device for one in made] == ["auto", "auto", "cpu"]
    assert contents(tmp_path / "two") == contents(tmp_path / "one")
    assert sum(len(one.taken) for one in made[1:]) == 40
    assert rows(tmp_path / "two", "SELECT count(*) FROM embeddings") == [(40,)]


def test_replicas_of_a_real_model_give_the_same_vectors(families: Families) -> None:
    one = load(families.folder("minilm"))
    running = Running([load(families.folder("minilm")), load(families.folder("minilm"))])
    running.feed([*pieces(30), None])
    found = vectors(running.chunks())
    for (number, part), matrix in found.items():
        expected = one.embed(View.TEXT, [f"passage {part} of note {number}"])
        assert np.allclose(matrix, expected, atol=1e-5)
    assert len(found) == 60


@pytest.mark.parametrize(
    ("device", "others"), [("cuda", ["cuda:1", "cuda:2"]), ("cuda:1", []), ("cpu", []), ("mps", [])]
)
def test_all_gpus_serve_unless_one_was_named(device: str, others: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    assert further_devices(device) == others


def test_a_stage_that_is_still_inside_a_model_does_not_cost_the_exit_code() -> None:
    code = (
        "import atexit, os, threading\n"
        "from mmsearch.cli import main, program\n"
        "from mmsearch.encoding.jobs import Stage\n"
        "atexit.register(os.abort)  # what the C++ of a library does to a thread that is torn out of it\n"
        "def run(arguments):\n"
        "    Stage('encode-0', threading.Event().wait).start()\n"
        "    print('kept')\n"
        "    return 130\n"
        "program.run = run\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (130, "kept\n")


def test_a_channel_holds_no_more_than_its_bytes_but_always_one_item() -> None:
    ending = threading.Event()
    channel = Channel(5, ending, most=100, weigh=len)
    assert channel.offer(b"x" * 300) and not channel.offer(b"y")
    assert channel.get() == b"x" * 300
    assert [channel.offer(b"z" * 30) for _ in range(4)] == [True, True, True, False]
    assert [channel.offer(item) for item in (b"a" * 10, b"", b"")] == [True, True, False]  # five items


def test_who_waits_for_room_or_for_an_item_goes_on_when_there_is_one_and_gives_up_at_the_end() -> None:
    ending = threading.Event()
    channel = Channel(1, ending, most=10, weigh=len)
    channel.put(b"first")
    putting = Stage("put", lambda: channel.put(b"second"))
    putting.start()
    assert (channel.get(timeout=5), channel.get(timeout=5)) == (b"first", b"second")
    with pytest.raises(queue.Empty):
        channel.get(timeout=0.01)
    channel.put(None)
    waiting = Stage("wait", lambda: channel.put(b"third"))
    waiting.start()
    ending.set()
    waiting.join(5)
    assert not waiting.is_alive() and waiting.error is None
    with pytest.raises(StopSignal):
        channel.get()
