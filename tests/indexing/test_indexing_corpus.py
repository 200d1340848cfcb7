"""Which files belong to an index: what is remembered of a root, and what happens to files that it leaves out."""

import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from small_index import broken, counts, events, holding, record_of, rows, run, write

from mmsearch.cli.program import run as command
from mmsearch.config import Settings
from mmsearch.discovery import mounts as tables
from mmsearch.discovery.ignore import Globs
from mmsearch.discovery.walk import Walk
from mmsearch.errors import UsageError
from mmsearch.index import Index
from mmsearch.run_record import Remark, RunRecord
from mmsearch.types import ALL_FILES, FileRules

pytestmark = pytest.mark.usefixtures("word_model")


@pytest.fixture
def index(tmp_path: Path) -> Path:
    return tmp_path / "index"


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    for name in ("walrus.txt", "otter.log", "sub/heron.log", "sub/crane.txt", ".hidden.txt"):
        write(folder / name, f"A note about {name}.\n")
    return folder


def files(index: Path) -> list[str]:
    return [os.fsdecode(row[0]) for row in rows(index, "SELECT path FROM files ORDER BY path")]


def left(record: RunRecord) -> int:
    """How many files left the index since the rules of their root leave them out now."""
    return record.removed_by.get("left out now", 0)


def rules(index: Path, root: Path) -> FileRules:
    return Index.open(index).status().rules[os.fsencode(root)]


def test_an_exclusion_holds_for_what_is_there_and_for_later_runs(docs: Path, index: Path) -> None:
    run(index, docs)
    record = run(index, docs, exclude=("*.log",))
    assert (record.outcome, record.removed, left(record)) == ("done", 2, 2)
    for targets in ((), (docs,), (docs / "sub",)):
        record = run(index, *targets)
        assert (record.removed, left(record)) == (0, 0)
        assert files(index) == ["sub/crane.txt", "walrus.txt"]
    assert rules(index, docs) == FileRules(exclude=("*.log",))
    assert counts(run(index, reset_filters=True)) == {"seen": 5, "unchanged": 2, "indexed": 2, "excluded": 1}
    assert rules(index, docs) == ALL_FILES
    assert broken(index, deep=True) == {}


def test_each_option_replaces_its_earlier_value_and_no_other(docs: Path, index: Path) -> None:
    run(index, docs, exclude=("*.log",), hidden=True)
    run(index, include=("*.log",))
    assert rules(index, docs) == FileRules(include=("*.log",), exclude=("*.log",), hidden=True)
    assert files(index) == []
    run(index, exclude=("heron*",))
    assert files(index) == ["otter.log"]
    run(index, reset_filters=True, hidden=True)
    assert rules(index, docs) == FileRules(hidden=True)


def test_two_roots_keep_their_own(docs: Path, index: Path, tmp_path: Path) -> None:
    write(tmp_path / "other" / "seal.log", "A seal.\n")
    run(index, docs, exclude=("*.log",))
    run(index, tmp_path / "other", max_bytes=100)
    run(index)
    assert rules(index, docs) == FileRules(exclude=("*.log",))
    assert rules(index, tmp_path / "other") == FileRules(max_bytes=100)
    assert files(index) == ["seal.log", "sub/crane.txt", "walrus.txt"]


def test_options_for_a_part_hold_for_one_run_and_remove_nothing(docs: Path, index: Path) -> None:
    run(index, docs)
    before = files(index)
    record = run(index, docs / "sub", exclude=("*.log",))
    assert counts(record) == {"seen": 2, "unchanged": 1, "excluded": 1}
    assert (files(index), rules(index, docs)) == (before, ALL_FILES)


def test_many_excluded_files_are_no_mass_deletion(docs: Path, index: Path) -> None:
    for number in range(40):
        write(docs / "logs" / f"{number}.log", f"Line {number}.\n")
    run(index, docs)
    record = run(index, exclude=("logs/",))
    assert (record.outcome, left(record)) == ("done", 40)
    write(docs / ".mmsearchignore", "*.log\n")
    record = run(index)
    assert (record.outcome, record.removed, left(record)) == ("done", 2, 2)
    run(index, hidden=True)
    record = run(index, hidden=False)
    assert (record.outcome, record.removed, left(record)) == ("done", 2, 2)


def test_a_dry_run_counts_what_would_leave_and_remembers_nothing(
    docs: Path, index: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run(index, docs)
    assert command(["index", "--index", str(index), "--dry-run", "--exclude", "*.log", "--no-ocr", str(docs)]) == 0
    assert "2 to remove (left out now 2)" in capfd.readouterr().out
    assert (len(files(index)), rules(index, docs)) == (4, ALL_FILES)


def test_status_shows_what_is_remembered_and_forgotten(
    docs: Path, index: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run(index, docs, exclude=("*.log", "a b"), hidden=True, max_bytes=5000)
    Index.forget(index, [os.fsencode(docs / "sub")], Settings())
    assert command(["status", "--index", str(index)]) == 0
    shown = capfd.readouterr().out
    assert "remembered: --exclude '*.log' --exclude 'a b' --max-size 5000 --hidden" in shown
    assert "forgotten: sub\n" in shown
    assert command(["status", "--index", str(index), "--format", "json"]) == 0
    found = json.loads(capfd.readouterr().out)
    assert found["rules"] == [
        {
            "path": str(docs),
            "include": [],
            "exclude": ["*.log", "a b"],
            "hidden": True,
            "ignore_files": True,
            "max_bytes": 5000,
            "network": False,
            "archives": False,
            "shard": None,
        }
    ]
    assert found["forgotten"] == [{"path": str(docs / "sub")}]


TABLE = rb"""22 27 0:21 / /proc rw - proc proc rw
23 27 0:22 / /home/a\040b/Nas rw shared:1 master:2 - fuse.sshfs host:/ rw
24 27 0:6 / /dev rw - tmpfs devtmpfs rw
25 24 0:9 / /media/disk rw - ext4 /dev/sda rw
26 24 0:9 / /media/disk rw - fuseblk /dev/sdb rw
27 1 254:0 / / rw - ext4 /dev/vda rw
28 24 0:7 / /dev/shm rw - tmpfs shm rw
29 24 0:8 / /dev/mqueue rw - mqueue mqueue rw
30 22 0:5 / /proc/acpi ro - tmpfs tmpfs ro
31 27 0:4 / /sys/firmware ro - tmpfs tmpfs ro
32 27 0:3 / /devices rw - tmpfs tmpfs rw
damaged
"""


def test_a_mount_table_is_read_as_the_kernel_writes_it() -> None:
    points = tables.parsed(TABLE)
    assert points == {
        b"/proc": "proc",
        b"/home/a b/Nas": "fuse.sshfs",
        b"/dev": "devtmpfs",
        b"/media/disk": "fuseblk",
        b"/": "ext4",
        b"/dev/shm": "tmpfs",
        b"/dev/mqueue": "mqueue",
        b"/proc/acpi": "proc",
        b"/sys/firmware": "sysfs",
        b"/devices": "tmpfs",
    }
    assert tables.type_at(b"/home/a b/Nas/x/y", points) == "fuse.sshfs"
    assert tables.type_at(b"/home/a b/Nasty", points) == "ext4"
    assert tables.moved_points(points, b"/home", b"/h")[b"/h/a b/Nas"] == "fuse.sshfs"
    network = [type_ for type_ in ("fuseblk", "ext4", "nfs4", "fuse.rclone") if tables.is_network(type_)]
    assert network == ["nfs4", "fuse.rclone"]
    assert tables.type_in_statfs(bytes(72) + b"smbfs".ljust(16, b"\0") + bytes(2080)) == "smbfs"


def mounted(monkeypatch: pytest.MonkeyPatch, **points: str) -> None:
    """Let folders be mount points: path and type."""
    table = {b"/": "ext4"} | {os.fsencode(path): type_ for path, type_ in points.items()}
    monkeypatch.setattr("mmsearch.indexing.scope.mount_points", lambda: table)
    real = Walk.__init__

    def init(self: Walk, *given: Any, **options: Any) -> None:
        real(self, *given, **options)
        self.points = table

    monkeypatch.setattr(Walk, "__init__", init)


def test_pseudo_and_network_mounts_are_left_out_counted_and_reported(
    docs: Path, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(docs / "nas" / "film.txt", "A film.\n")
    write(docs / "proc" / "cpuinfo.txt", "A processor.\n")
    mounted(monkeypatch, **{str(docs / "nas"): "fuse.sshfs", str(docs / "proc"): "proc"})
    said = events(index, docs)
    record = record_of(said)
    assert (record.excluded_by["network mount"], record.excluded_by["pseudo file system"]) == (1, 1)
    remarks = [event.sentence for event in said if isinstance(event, Remark)]
    assert f"Left out, since pseudo file systems keep no files: {docs / 'proc'} (proc)." in remarks
    assert f"Left out, since they lie behind a network or another program: {docs / 'nas'} (fuse.sshfs)." in remarks
    assert files(index) == ["otter.log", "sub/crane.txt", "sub/heron.log", "walrus.txt"]
    run(index, network=True)
    run(index)
    assert holding(index, "film") == ["nas/film.txt"]
    assert holding(index, "processor") == []
    record = run(index, network=False)  # left out again: what the index holds stays as it is
    assert (record.outcome, record.removed, holding(index, "film")) == ("done", 0, ["nas/film.txt"])


@pytest.mark.parametrize("nas_first", [True, False])
def test_a_network_mount_that_is_named_is_a_root_of_its_own(
    docs: Path, index: Path, monkeypatch: pytest.MonkeyPatch, nas_first: bool
) -> None:
    write(docs / "nas" / "films" / "film.txt", "A film.\n")
    mounted(monkeypatch, **{str(docs / "nas"): "nfs4"})
    for target in (docs / "nas", docs) if nas_first else (docs, docs / "nas"):
        run(index, target)
    write(docs / "nas" / "films" / "play.txt", "A play.\n")
    run(index)
    assert sorted(Index.open(index).status().roots) == [os.fsencode(docs), os.fsencode(docs / "nas")]
    assert (holding(index, "film"), holding(index, "play")) == (["films/film.txt"], ["films/play.txt"])
    run(index, network=True)
    assert len(holding(index, "film")) == 1
    assert counts(run(index, docs / "nas" / "films")) == {"seen": 2, "unchanged": 2}


def test_a_pseudo_file_system_is_no_root(
    tmp_path: Path, docs: Path, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounted(monkeypatch, **{str(docs): "sysfs"})
    for target in (docs, docs / "sub", docs / "walrus.txt"):
        with pytest.raises(UsageError, match="pseudo file system"):
            run(index, target)
    assert not index.exists()
    assert list(Walk(os.fsencode(docs), Globs.of((), ())).entries()) == []


@pytest.mark.skipif(not os.path.exists("/proc/self/mountinfo"), reason="there is no /proc here")
def test_proc_is_refused_in_a_sentence(index: Path, capfd: pytest.CaptureFixture[str]) -> None:
    below = {os.path.join(top, name) for top in ("/dev", "/proc", "/sys") for name in os.listdir(top)}
    system = sorted(path for path in below if os.path.isdir(path) and not os.path.islink(path) and path != "/dev/shm")
    for target in ("/proc", "/proc/self", "/sys", "/dev", *system[:3], *system[-3:]):
        assert command(["index", "--index", str(index), target]) == 2
        assert "pseudo file system" in capfd.readouterr().err
    for _ in range(2):  # named in a list it is a file that failed
        assert counts(run(index, b"/proc/cpuinfo", listed=True)) == {"seen": 1, "missing": 1}
    shutil.rmtree(index, ignore_errors=True)


@pytest.mark.skipif(not os.access("/dev/shm", os.W_OK), reason="there is no /dev/shm here")
def test_a_folder_in_dev_shm_is_indexed_where_it_is_named(index: Path) -> None:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as name:
        write(Path(name) / "note.txt", "A kestrel.\n")
        assert counts(run(index, Path(name))) == {"seen": 1, "indexed": 1}
        assert holding(index, "kestrel") == ["note.txt"]
