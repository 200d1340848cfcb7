"""Copies overlap computing on a GPU, in an order in which nothing is read before it is there."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any, Self

import pytest

from mmsearch.models.device import OrderedResults, Streams


class Tensor:
    """Stands for a tensor: notes what is done with it, and where."""

    def __init__(self, log: "Log", name: str, place: str = "cpu") -> None:
        self.log, self.name, self.place = log, name, place

    def pin_memory(self) -> Self:
        self.log.append(f"pin {self.name}")
        return self

    def to(self, place: str, non_blocking: bool = False) -> "Tensor":
        assert non_blocking, "a copy that blocks overlaps with nothing"
        self.log.append(f"copy {self.name} to {place} by {self.log.stream[-1]}")
        return Tensor(self.log, self.name, place)

    def record_stream(self, stream: "Stream") -> None:
        self.log.append(f"{self.name} is used by {stream.name}")


class Stream:
    def __init__(self, log: "Log", name: str) -> None:
        self.log, self.name = log, name

    def wait_event(self, event: "Event") -> None:
        self.log.append(f"{self.name} waits for {event.place}")


class Event:
    place: str | None

    def __init__(self, log: "Log") -> None:
        self.log, self.place = log, None

    def record(self, stream: Stream) -> None:
        self.log.marks += 1
        self.place = f"mark {self.log.marks}"
        self.log.append(f"{self.place} on {stream.name}")

    def synchronize(self) -> None:
        self.log.append(f"the CPU waits for {self.place}")

    def elapsed_time(self, other: "Event") -> float:
        return 250.0  # milliseconds


StreamOf = Stream  # in `Cuda` the names themselves are methods
EventOf = Event


class Log(list[str]):
    def __init__(self) -> None:
        super().__init__()
        self.stream, self.marks = ["usual"], 0


class Cuda:
    """Stands for `torch.cuda`."""

    def __init__(self) -> None:
        self.log = Log()
        self._names = iter(["there", "back"])

    def Stream(self, device: str) -> StreamOf:
        return Stream(self.log, next(self._names))

    def Event(self, enable_timing: bool = False) -> EventOf:
        return Event(self.log)

    def current_stream(self) -> StreamOf:
        return Stream(self.log, "usual")

    @contextlib.contextmanager
    def device(self, device: str) -> Iterator[None]:
        assert device == "cuda:1"
        yield

    @contextlib.contextmanager
    def stream(self, stream: StreamOf) -> Iterator[None]:
        self.log.stream.append(stream.name)
        yield
        self.log.stream.pop()


def test_a_batch_arrives_before_it_is_computed_and_is_computed_before_it_leaves() -> None:
    cuda = Cuda()

    def compute(features: dict[str, Any]) -> dict[str, Any]:
        assert features["x"].place == "cuda:1" and features["modality"] == "image"
        cuda.log.append("compute")
        return {"y": Tensor(cuda.log, "y", "cuda:1")}

    output, seconds = Streams("cuda:1", cuda).run({"x": Tensor(cuda.log, "x"), "modality": "image"}, compute)
    assert (output["y"].place, seconds) == ("cpu", 0.25)
    assert cuda.log == [
        "pin x",
        "copy x to cuda:1 by there",
        "mark 1 on there",
        "x is used by usual",
        "usual waits for mark 1",
        "mark 2 on usual",
        "compute",
        "mark 3 on usual",
        "back waits for mark 3",
        "y is used by back",
        "copy y to cpu by back",
        "mark 4 on back",
        "the CPU waits for mark 4",
    ]


def test_the_next_batch_is_on_its_way_while_this_one_computes() -> None:
    cuda = Cuda()
    streams = Streams("cuda:1", cuda)
    computing, go_on = threading.Event(), threading.Event()

    def slow(features: dict[str, Any]) -> dict[str, Any]:
        computing.set()
        assert go_on.wait(10)
        return {}

    first = threading.Thread(target=streams.run, args=({}, slow))
    first.start()
    assert computing.wait(10)
    second = threading.Thread(target=streams.run, args=({"x": Tensor(cuda.log, "x")}, lambda features: {}))
    second.start()
    for _ in range(1000):
        if "copy x to cuda:1 by there" in cuda.log:
            break
        second.join(0.01)
    assert first.is_alive() and "copy x to cuda:1 by there" in cuda.log
    go_on.set()
    first.join(10)
    second.join(10)
    assert not first.is_alive() and not second.is_alive()


@pytest.mark.parametrize(
    "make", [lambda: Streams("cuda:1", Cuda()), lambda: OrderedResults("cpu")], ids=["cuda", "cpu"]
)
def test_batches_of_several_threads_compute_one_after_the_other_and_an_error_blocks_nothing(
    make: Callable[[], Streams | OrderedResults],
) -> None:
    device = make()
    inside: list[int] = []
    most: list[int] = []

    def compute(features: dict[str, Any]) -> dict[str, Any]:
        inside.append(1)
        most.append(len(inside))
        threading.Event().wait(0.005)
        inside.pop()
        if features["number"] % 3 == 0:
            raise RuntimeError("out of memory")
        return {"number": features["number"]}

    def work(number: int) -> None:
        with contextlib.suppress(RuntimeError):
            done.append(device.run({"number": number}, compute)[0]["number"])

    done: list[int] = []
    threads = [threading.Thread(target=work, args=(number,)) for number in range(9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert (sorted(done), max(most)) == ([1, 2, 4, 5, 7, 8], 1)


def test_on_a_cpu_tensors_are_taken_as_they_are() -> None:
    import torch

    x = torch.arange(4.0)
    output, seconds = OrderedResults("cpu").run({"x": x}, lambda features: {"same": features["x"]})
    assert output["same"].data_ptr() == x.data_ptr() and seconds >= 0
