"""An index of fixed answers: the command line and its output can be tried without models, media or a store."""

import hashlib
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar, Self

from mmsearch import query as q
from mmsearch import types as t
from mmsearch.config import Settings, index_command
from mmsearch.errors import FailureCode, IndexUnusable, LockHeld, NoIndex, UsageError
from mmsearch.index_status import FailedFile, FailedFileState, Finding, FindingState, SpaceStatus, Status
from mmsearch.run_record import Event, Finished, Progress, Remark, RunOutcome, RunRecord

BASE = b"/data"
WORDS = q.Signal("words", 7.5, 2.0, 1, 1.5, ("revenue", "chart"))
LOOK = q.Signal("builtin:image", 0.31, 1.0, 4, 0.75)
HITS = (
    q.Hit(1, 2.25, BASE + b"/report.pdf", t.Kind.PDF, "words", t.Locator(page=3), "The revenue\nchart shows growth.",
          (WORDS, LOOK), 7, (BASE + b"/copy.pdf", BASE + b"/old/report.pdf"), (t.Locator(page=9),)),
    q.Hit(2, 1.5, BASE + b"/talk.mp4", t.Kind.VIDEO, "video", t.Locator(start_s=75.0, end_s=80.5), "",
          (LOOK,), 8),
    q.Hit(3, 0.25, BASE + b"/notes.md", t.Kind.TEXT, "text", t.Locator(line_start=40, line_end=52), "收入 table",
          (LOOK,), 9),
)  # fmt: skip
HOSTILE = BASE + b"/a\n\x1b[31mred\xff\xe2\x80\xae.txt"
EVIL = q.Hit(1, 0.5, HOSTILE, t.Kind.TEXT, "text", t.Locator(), "x\x1b]0;owned\x07y\u2028z", (LOOK,), 1)
WHY_NOT = q.WhyNot(HOSTILE, "cutoff", "Its score, 0.030, is below the cutoff.", "--min-score 0 shows all.",
                   ("A part of it could not be indexed: page 3.",), rank=4, score=0.03, signals=(LOOK,))  # fmt: skip
FAILED = [
    FailedFile(
        BASE + b"/broken.pdf",
        FailedFileState.FAILED,
        t.Failure(FailureCode.ENCRYPTED, "The PDF is protected by a password."),
    ),
    FailedFile(HOSTILE, FailedFileState.PARTIAL, t.Failure(FailureCode.TIMEOUT, "A part took too long.")),
]
STATUS = Status(
    folder="/data/.mmsearch",
    roots=(BASE,),
    files=7,
    by_kind={"text": 2, "pdf": 1, "video": 1},
    skipped={"zip": 2},
    segments=40,
    read={"ocr": 3},
    failed=1,
    partial=0,
    pending=0,
    stale=0,
    spaces=(SpaceStatus("builtin", "builtin", 384, {"text": 38}, {"text": "exact"}),),
    bytes_on_disk=2_345_678,
    last_run={"started": 1_700_000_000.0, "ended": 1_700_000_012.0, "outcome": "done", "indexed": 4, "failed": 1},
    failed_by={"encrypted": 1},
)


class Index:
    """Answers by the words of the query; records what it was asked for in `calls`."""

    calls: ClassVar[list[tuple[Any, ...]]] = []
    status_now: ClassVar[Status] = STATUS
    events: ClassVar[tuple[Event, ...]] = ()
    findings: ClassVar[tuple[Finding, ...]] = (Finding("every vector has its segment", FindingState.OK),)

    @classmethod
    def open(cls, folder: Path) -> Self:
        cls.calls.append(("open", folder))
        if "nowhere" in str(folder):
            raise NoIndex(f"There is no index at {folder}.", f"Build one: {index_command(folder)}")
        return cls()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def search(self, query: q.Query, options: q.RunOptions | None = None) -> q.Answer:
        self.calls.append(("search", query))
        if query.text == "crash":
            raise KeyError("a bug")
        if query.text == "library":
            raise ModuleNotFoundError("No module named 'faiss'", name="faiss")
        if query.text == "refused":
            raise UsageError("There are no words in it.", "Add one.")
        if query.text == "full":
            raise shutil.Error([("a", "b", "[Errno 28] No space left on device")])
        if query.text == "wal":
            raise IndexUnusable("It can't be written.") from OSError(28, "No space left on device", "/x/y")
        if query.text.startswith("errno "):
            raise OSError(int(query.text[6:]), os.strerror(int(query.text[6:])), "/x/y")
        if query.text == "pipe":
            raise BrokenPipeError(32, "a worker went away")
        if query.text in ("sleep", "compute"):
            sys.stderr.write("searching\n")
            sys.stderr.flush()
            time.sleep(30) if query.text == "sleep" else compute()
        if query.text == "torch":
            assert "torch" not in sys.modules
        hits = {"nothing": (), "evil": (EVIL,), "many": HITS * 4000}.get(query.text, HITS)
        return q.Answer(hits if query.text == "many" else hits[: query.k], ("Answered from memory.",), 0.01)

    def why_not(self, query: q.Query, file: t.FilePath, options: q.RunOptions | None = None) -> q.WhyNot:
        self.calls.append(("why_not", query, file))
        return WHY_NOT

    def similar(self, target: t.FilePath, query: q.Query) -> q.Answer:
        self.calls.append(("similar", target, query))
        return q.Answer(HITS[:1])

    def may_open(self, path: bytes) -> bool:
        return b"elsewhere" not in path

    def status(self) -> Status:
        return self.status_now

    def failed(self, notes: bool = False) -> list[FailedFile]:
        return FAILED

    @classmethod
    def update(
        cls,
        folder: t.FilePath,
        targets: Sequence[t.FilePath] | None,
        settings: Settings,
        *,
        listed: bool = False,
        command: str = "index",
        stop: Callable[[], object] = lambda: None,
    ) -> Iterator[Event]:
        cls.calls.append(("update", folder, targets, settings, listed, command))
        if os.environ.get("FAKE_SLOW") == "waiting":
            sys.stderr.write("waiting\n")
            sys.stderr.flush()
            time.sleep(30)
        if "locked" in str(folder):
            raise LockHeld("Another run is writing this index.", "Wait for it to end.")
        yield from cls.events
        if os.environ.get("FAKE_SLOW"):
            yield from slow(stop)

    @classmethod
    def forget(
        cls,
        folder: t.FilePath,
        targets: Sequence[t.FilePath],
        settings: Settings,
        report: Callable[[str], None] | None = None,
    ) -> int:
        cls.calls.append(("forget", folder, targets, settings))
        return len(targets)

    @classmethod
    def verify(cls, folder: t.FilePath, repair: bool, deep: bool) -> list[Finding]:
        cls.calls.append(("verify", folder, repair, deep))
        return list(cls.findings)


def compute() -> None:
    """Half a minute inside a library that does not look at signals and leaves other threads alone, as a model does."""
    hashlib.pbkdf2_hmac("sha512", b"", b"", 20_000_000)


def slow(stop: Callable[[], object]) -> Iterator[Event]:
    """A run that only a signal ends: it says so on its first event, and deaf it does not even poll."""
    yield Progress(True, 5, 1, 5, 10, 50, 0, 1, 1)
    yield Remark("ready")
    if os.environ["FAKE_SLOW"] == "brief":
        time.sleep(0.3)
        yield Finished(RunRecord(seen=5, indexed=5, segments=9, seconds=0.3))
        return
    if os.environ["FAKE_SLOW"] == "library":
        compute()
    for done in range(600):
        yield Progress(True, 5, 1, 5, 10, 50, 0, done, 1)
        time.sleep(0.05)
        if stop() and os.environ["FAKE_SLOW"] != "deaf":
            yield Finished(RunRecord(seen=5, indexed=1, pending=4, outcome=RunOutcome.INTERRUPTED))
            return


def install() -> None:
    """Put the fake where the commands look for `mmsearch.index`."""
    module = ModuleType("mmsearch.index")
    module.Index = Index  # type: ignore[attr-defined]
    sys.modules["mmsearch.index"] = module


if __name__ == "__main__":
    install()
    from mmsearch.cli import main

    main()
