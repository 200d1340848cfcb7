"""Opening an index, its lock, its folder; filters."""

import contextlib
import multiprocessing
import os
import resource
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from multiprocessing.queues import Queue
from pathlib import Path
from typing import IO, Any, NoReturn, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmsearch import trust
from mmsearch.durable import replaced
from mmsearch.errors import DamagedIndex, IndexUnusable, LockHeld, NewerSchema, NoIndex, StoppedEarly
from mmsearch.index import Index
from mmsearch.indexing.adoption import adopt
from mmsearch.query import Filter
from mmsearch.store import files
from mmsearch.store.catalogue import open_reader, open_writer, transaction
from mmsearch.store.layout import IndexFolder, is_network_file_system
from mmsearch.store.lock import lock_holder, writer_lock
from mmsearch.store.meta import get_meta, set_meta
from mmsearch.store.roots import add_root, is_below, roots, set_forgotten
from mmsearch.store.snapshot import Snapshot


@pytest.fixture
def folder(tmp_path: Path) -> IndexFolder:
    place = IndexFolder(tmp_path / "index")
    place.create()
    open_writer(place).close()
    return place


@contextlib.contextmanager
def no_room() -> Iterator[None]:
    """No file can grow beyond eight bytes, as on a full disk: SQLite gets no shared memory."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_an_index_on_a_full_disk_is_read_and_a_writer_is_told_that_it_is_full(folder: IndexFolder) -> None:
    trust.register(folder.path, "an id")
    with no_room(), contextlib.closing(open_reader(folder)) as connection:
        assert connection.execute("SELECT count(*) FROM meta").fetchone() == (1,)
    with no_room(), pytest.raises(StoppedEarly, match="is full; what was committed is kept"):
        open_writer(folder)


def test_an_index_folder_is_its_owners_only(folder: IndexFolder) -> None:
    assert (folder.path.stat().st_mode & 0o777, folder.catalogue.stat().st_mode & 0o777) == (0o700, 0o600)


def test_a_newer_schema_is_refused_by_readers_and_writers(folder: IndexFolder) -> None:
    with contextlib.closing(sqlite3.connect(folder.catalogue)) as connection:
        connection.execute("PRAGMA user_version = 99")
    for opened in (open_reader, open_writer):
        with pytest.raises(NewerSchema, match="99"):
            opened(folder)


def test_where_nothing_is_there_is_no_index(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "killed").mkdir()
    (tmp_path / "killed" / "catalogue.db").touch()  # a first run that was killed before it made the tables
    for name in ("nowhere", "empty", "killed"):
        with pytest.raises(NoIndex):
            Index.open(tmp_path / name)
    open_writer(IndexFolder(tmp_path / "killed")).close()
    Index.open(tmp_path / "killed")


def test_junk_in_the_catalogues_place_is_damage(tmp_path: Path) -> None:
    (tmp_path / "catalogue.db").write_bytes(b"once upon a time " * 500)
    for opened in (open_reader, open_writer):
        with pytest.raises(DamagedIndex):
            opened(IndexFolder(tmp_path))
    assert (tmp_path / "catalogue.db").read_bytes().startswith(b"once upon")


def test_a_folder_with_other_files_becomes_no_index(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("Dear reader")
    with pytest.raises(IndexUnusable):
        IndexFolder(tmp_path).create()
    with pytest.raises(IndexUnusable):
        IndexFolder(tmp_path / "letter.txt").create()
    with pytest.raises(IndexUnusable):
        IndexFolder(tmp_path / "letter.txt" / "below").create()
    IndexFolder(tmp_path / "new" / "deep").create()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["letter.txt", "new"]


def test_a_read_only_index_is_read_as_it_is(folder: IndexFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """As root every folder can be written to, so SQLite's refusal is simulated. The file is opened as immutable."""
    adopt(folder.path)
    real = sqlite3.connect

    class Refusing(sqlite3.Connection):
        def execute(self, sql: str, *rest: Any) -> NoReturn:
            error = sqlite3.OperationalError("unable to open database file")
            error.sqlite_errorname = "SQLITE_CANTOPEN"
            raise error

    def connect(name: str, **options: Any) -> sqlite3.Connection:
        made = options if "immutable" in name else options | {"factory": Refusing}
        connection: sqlite3.Connection = real(name, **made)
        return connection

    monkeypatch.setattr(sqlite3, "connect", connect)
    with contextlib.closing(open_reader(folder)) as connection:
        assert connection.execute("SELECT count(*) FROM files").fetchone() == (0,)
    folder.catalogue.with_name("catalogue.db-wal").write_bytes(b"x" * 100)
    with pytest.raises(DamagedIndex, match="read-only"):
        open_reader(folder)


def test_a_catalogue_that_can_not_be_written_is_reported(folder: IndexFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mmsearch.store.catalogue.sqlite3.connect", _read_only(sqlite3.connect))
    with (
        contextlib.closing(open_writer(folder)) as connection,
        pytest.raises(IndexUnusable),
        transaction(connection, folder),
    ):
        set_meta(connection, "a", "1")


def _read_only(real: Callable[..., sqlite3.Connection]) -> Callable[..., sqlite3.Connection]:
    return lambda name, **options: real(f"file:{name}?mode=ro", uri=True, **options)


def test_a_transaction_is_all_or_nothing(folder: IndexFolder) -> None:
    with contextlib.closing(open_writer(folder)) as connection:
        with pytest.raises(KeyError), transaction(connection, folder):
            set_meta(connection, "a", "1")
            raise KeyError
        assert get_meta(connection, "a") is None
        for value in ("1", "2"):
            with transaction(connection, folder):
                set_meta(connection, "a", value)
        assert get_meta(connection, "a") == "2"


def test_roots_beside_the_index_move_with_it(tmp_path: Path) -> None:
    first, second = tmp_path / "one" / "docs", tmp_path / "two" / "docs"
    for base in (first, second):
        IndexFolder(base / "index").create()
    far = b"/far/away \xff\n"
    with contextlib.closing(open_writer(IndexFolder(first / "index"))) as connection:
        for path in (os.fsencode(first), os.fsencode(first / "sub"), far):
            root = add_root(connection, IndexFolder(first / "index"), path, True, 1)
            set_forgotten(connection, root.id, [b"x \xff", b"a\nb", b"a\nb"])
    os.replace(first / "index" / "catalogue.db", second / "index" / "catalogue.db")
    with contextlib.closing(open_reader(IndexFolder(second / "index"))) as connection:
        found = roots(connection, IndexFolder(second / "index"))
    assert [root.path for root in found] == [os.fsencode(second), os.fsencode(second / "sub"), far]
    assert found[0].forgotten == (b"a\nb", b"x \xff")


@pytest.mark.parametrize(
    ("path", "place", "below"),
    [
        (b"/a/b", b"/a", True),
        (b"/a", b"/a", True),
        (b"/ab", b"/a", False),
        (b"/a", b"/", True),
        (b"a/b", b"", True),
        (b"a/b", b"a", True),
        (b"ab", b"a", False),
        (b"/a", b"/a/b", False),
        (b"/a\n/b", b"/a\n", True),
        (b"", b"", True),
    ],
)
def test_what_is_below(path: bytes, place: bytes, below: bool) -> None:
    assert is_below(path, place) is below


def test_the_disk_here_is_no_network(tmp_path: Path) -> None:
    assert not is_network_file_system(tmp_path)


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old")
    with pytest.raises(KeyError), replaced(tmp_path / "a") as draft:
        draft.write_text("half")
        raise KeyError
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    with replaced(tmp_path / "a") as draft:
        draft.write_text("new")
        assert (tmp_path / "a").read_text() == "old"
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a", "new")]


HOLD = """
import sys, time
from pathlib import Path
from mmsearch.store.layout import IndexFolder
from mmsearch.store.lock import writer_lock
with writer_lock(IndexFolder(Path(sys.argv[1])), "index docs"):
    print("held", flush=True)
    time.sleep(60)
"""


@contextlib.contextmanager
def another_holder(folder: IndexFolder) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(folder.path)], stdout=subprocess.PIPE)
    output = cast(IO[bytes], process.stdout)
    try:
        assert output.readline() == b"held\n"
        yield process
    finally:
        process.kill()
        process.wait()
        output.close()


def test_the_lock_names_its_holder_and_dies_with_it(folder: IndexFolder) -> None:
    assert lock_holder(folder) == ""
    with another_holder(folder) as other:
        assert lock_holder(folder).startswith(f"process {other.pid}, `index docs`, since 20")
        with pytest.raises(LockHeld, match=str(other.pid)), writer_lock(folder, "index"):
            pass
        began = time.monotonic()
        with pytest.raises(LockHeld), writer_lock(folder, "index", wait_s=0.5):
            pass
        assert 0.4 < time.monotonic() - began < 5
        other.send_signal(signal.SIGKILL)
        other.wait()
        with writer_lock(folder, "index", wait_s=5):
            assert lock_holder(folder) == f"process {os.getpid()} (this one)"
    assert lock_holder(folder) == ""


def _try_lock(path: str, answer: "Queue[str]") -> None:
    try:
        with writer_lock(IndexFolder(Path(path)), "other"):
            answer.put("got it")
    except LockHeld:
        answer.put("held")


def _is_held(folder: IndexFolder) -> bool:
    context = multiprocessing.get_context("spawn")
    answer: Queue[str] = context.Queue()
    process = context.Process(target=_try_lock, args=(str(folder.path), answer))
    process.start()
    found = answer.get(timeout=60)
    process.join()
    return found == "held"


def test_nothing_in_the_same_process_drops_the_lock(folder: IndexFolder, tmp_path: Path) -> None:
    """Closing any descriptor of a file lets go of all locks that the process has on it."""
    (tmp_path / "link").symlink_to(folder.path.parent)
    other_name = IndexFolder(tmp_path / "link" / folder.path.name)
    with writer_lock(folder, "index"):
        for name in (folder, other_name):
            assert "(this one)" in lock_holder(name)
            Index(name.path).status()
            with pytest.raises(LockHeld), writer_lock(name, "again"):
                pass
        assert _is_held(folder)
    assert not _is_held(folder)


def test_a_lock_file_with_nonsense_in_it_is_no_problem(folder: IndexFolder) -> None:
    folder.lock.write_bytes(b"\xff\x00nonsense")
    assert lock_holder(folder) == ""
    with another_holder(folder):
        folder.lock.write_bytes(b"[1, 2]")
        assert lock_holder(folder) == "another process"


def test_a_folder_without_the_right_to_write_is_reported(tmp_path: Path) -> None:
    with pytest.raises(IndexUnusable), writer_lock(IndexFolder(tmp_path / "nowhere"), "index"):
        pass


KINDS = ("text", "pdf", "video", None)
DETAILS = [
    {},
    {"language": "de"},
    {"language": "en", "pages": 3},
    {"duration_s": 12.5},
    {"duration_s": 3600, "language": "de"},
]


@pytest.fixture(scope="module")
def filtered(tmp_path_factory: pytest.TempPathFactory) -> tuple[IndexFolder, dict[bytes, tuple[Any, ...]]]:
    """Files of all sorts, and what each is."""
    import itertools
    import json

    place = IndexFolder(tmp_path_factory.mktemp("filtered") / "index")
    place.create()
    facts: dict[bytes, tuple[Any, ...]] = {}
    with contextlib.closing(open_writer(place)) as connection:
        connection.execute("INSERT INTO roots (path, relative, walked, device) VALUES (CAST('/d' AS BLOB), 0, 1, 0)")
        shapes = itertools.product(KINDS, DETAILS, (10, 5_000), (100, 200))
        for number, (kind, details, size, day) in enumerate(shapes):
            parent = "reports" if number % 3 else "note[s]"
            path = f"{parent}/{number}.{kind or 'dwg'}".encode() + b"\xff" * (number % 2)
            found = files.FileFacts(path, size, day * 10**9, number, kind, kind or "dwg")
            file_id = files.put_file(connection, 1, found)
            if kind is not None:
                asset_id, _ = files.put_asset(connection, f"k{number}", kind, kind)
                connection.execute("UPDATE assets SET details = ? WHERE id = ?", (json.dumps(details), asset_id))
                files.link(connection, file_id, asset_id)
                connection.execute(
                    "INSERT INTO segments (asset_id, ordinal, text, details) VALUES (?, 0, '', '{}')", (asset_id,)
                )
            facts[path] = (kind, details if kind else {}, size, day)
    return place, facts


bounds = st.none() | st.sampled_from([1, 3, 10, 12.5, 100, 150, 200, 5_000])
filters = st.builds(
    Filter,
    kinds=st.lists(st.sampled_from(["text", "pdf", "audio", "other"]), max_size=2).map(tuple),
    within=st.lists(
        st.sampled_from(
            ["/d", "/d/reports", "/d/repor", "/d/note[s]", "*.pdf", "/d/reports/*", "*1*", "/d/reports/1.text"]
        ),
        max_size=2,
    ).map(tuple),
    since=bounds,
    before=bounds,
    min_bytes=st.none() | st.sampled_from([0, 10, 11]),
    max_bytes=st.none() | st.sampled_from([9, 10, 5_000]),
    languages=st.lists(st.sampled_from(["de", "en", "fr"]), max_size=2).map(tuple),
    min_duration_s=bounds,
    max_duration_s=bounds,
    min_pages=st.none() | st.integers(1, 4),
    max_pages=st.none() | st.integers(1, 4),
)


def is_let_through(path: bytes, kind: str | None, details: dict[str, Any], size: int, day: int, where: Filter) -> bool:
    import fnmatch

    def inside(value: float | None, low: float | None, high: float | None) -> bool:
        if low is None and high is None:
            return True
        return value is not None and (low is None or value >= low) and (high is None or value <= high)

    whole = b"/d/" + path
    places = [
        whole == place.encode()
        or whole.startswith(place.encode() + b"/")
        or (
            any(sign in place for sign in "*?[")
            and fnmatch.fnmatchcase(whole if "/" in place else os.path.basename(whole), place.encode())
        )
        for place in where.within
    ]
    return (
        (not where.kinds or (kind or "other") in where.kinds)
        and (not where.within or any(places))
        and (where.since is None or day >= where.since)
        and (where.before is None or day < where.before)
        and inside(size, where.min_bytes, where.max_bytes)
        and (not where.languages or details.get("language") in where.languages)
        and inside(details.get("duration_s"), where.min_duration_s, where.max_duration_s)
        and inside(details.get("pages"), where.min_pages, where.max_pages)
    )


@given(filters)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_filters_let_through_what_they_say(
    filtered: tuple[IndexFolder, dict[bytes, tuple[Any, ...]]], where: Filter
) -> None:
    place, facts = filtered
    wanted = {
        path
        for path, (kind, details, size, day) in facts.items()
        if is_let_through(path, kind, details, size, day, where)
    }
    with Snapshot(place, where) as snapshot:
        assert snapshot.filtered == bool(where)
        if not where:
            return
        found = snapshot.connection.execute("SELECT path FROM files WHERE id IN (SELECT id FROM temp.allowed_files)")
        assert {row[0] for row in found} == wanted
        segments = snapshot.connection.execute(
            "SELECT f.path FROM temp.allowed_segments t JOIN segments s ON s.id = t.id JOIN files f USING (asset_id)"
        )
        assert {row[0] for row in segments} == {path for path in wanted if facts[path][0] is not None}
