"""Reading an index of somebody else leaves nothing in its folder, and opens no file that only its catalogue names."""

import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from small_index import run, use_word_model

from mmsearch import trust
from mmsearch.cli.program import run as command
from mmsearch.errors import ExtractionError, IndexUnusable
from mmsearch.index import Index
from mmsearch.indexing.adoption import adopt
from mmsearch.query import Query
from mmsearch.retrieval.model_reranking import NotOpened, RerankMedia
from mmsearch.retrieval.queries.ad_hoc_files import Files
from mmsearch.store import catalogue, read_only, sums
from mmsearch.store.layout import IndexFolder
from mmsearch.store.lock import writer_lock
from mmsearch.store.snapshot import Snapshot
from mmsearch.types import View

COMMANDS = [
    ["query", "ferry"],
    ["similar", "notes.txt"],
    ["query", "x", "--like", "notes.txt"],
    ["dupes"],
    ["status"],
    ["failed"],
    ["verify"],
    ["verify", "--deep"],
    ["query", "ferry", "--rerank", "builtin"],
]


@pytest.fixture(autouse=True)
def homes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("data", "config", "cache"):
        monkeypatch.setenv(f"XDG_{name.upper()}_HOME", str(tmp_path / "home" / name))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    use_word_model(monkeypatch.setattr)


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with notes and an index that this user did not make, as the working directory."""
    clone = tmp_path / "clone"
    clone.mkdir()
    (clone / "notes.txt").write_text("The ferry leaves at nine from the northern pier.")
    (clone / "copy.txt").write_text("The ferry leaves at nine from the northern pier.")
    run(clone / "index", clone)
    assert trust.forget(clone / "index")
    monkeypatch.chdir(clone)
    return clone


def with_log(index: Path) -> None:
    """Leave an index as a run does that is killed: its last commit stands in the log alone."""
    kept = index.with_name("kept")
    with contextlib.closing(sqlite3.connect(index / "catalogue.db", isolation_level=None)) as writer:
        writer.execute("PRAGMA wal_autocheckpoint = 0")
        writer.execute("UPDATE meta SET value = 'from the log' WHERE key = 'id'")
        shutil.copytree(index, kept, copy_function=shutil.copy2)
    shutil.rmtree(index)
    kept.rename(index)
    (index / "catalogue.db-shm").unlink()
    assert (index / "catalogue.db-wal").stat().st_size > 0


def state(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    return {
        path.name: (path.lstat().st_mtime_ns, path.lstat().st_mode, path.read_bytes() if path.is_file() else b"")
        for path in [folder, *folder.iterdir()]
    }


@pytest.mark.parametrize("log", [False, True], ids=["closed", "with a log"])
def test_reading_leaves_the_folder_as_it_was(clone: Path, tmp_path: Path, log: bool) -> None:
    index = clone / "index"
    if log:
        with_log(index)
    before = state(index)
    for words in COMMANDS:
        assert command([*words, "--index", "./index", "--quiet"]) in (0, 1), words
        assert state(index) == before, words
    assert os.listdir(tmp_path / "tmp") == []
    with contextlib.closing(catalogue.open_reader(IndexFolder(index))) as one:
        found = one.execute("SELECT value FROM meta WHERE key = 'id'").fetchone()[0]
    assert (found == "from the log") == log
    assert state(index) == before


def test_an_index_of_ones_own_is_read_beside_its_log(clone: Path) -> None:
    assert command(["trust", "index"]) == 0
    with_log(clone / "index")
    with contextlib.closing(catalogue.open_reader(IndexFolder(clone / "index"))):
        assert (clone / "index" / "catalogue.db-shm").exists()


def test_a_log_that_is_too_large_to_be_copied_is_refused_in_a_sentence(
    clone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_log(clone / "index")
    monkeypatch.setattr(read_only, "_LARGEST_COPY", 1000)
    with pytest.raises(IndexUnusable, match="not yours, and its last run was not completed") as caught:
        Index.open(clone / "index")
    assert caught.value.exit_code == 3


def test_beside_a_run_every_commit_is_seen(clone: Path) -> None:
    place = IndexFolder(clone / "index")
    with (
        writer_lock(place, "index"),
        contextlib.closing(catalogue.open_writer(place)) as writer,
        Index.open(place.path) as opened,
    ):
        assert opened.search(Query("ferry")).hits
        with catalogue.transaction(writer, place):
            writer.execute("UPDATE segments SET text = replace(text, 'ferry', 'boats')")
        assert "boats" in opened.search(Query("pier")).hits[0].snippet


def named(index: Path, *paths: Path) -> None:
    """Let the catalogue name files elsewhere, as the only ones with the content of its first asset."""
    (index / "catalogue.sums").unlink(missing_ok=True)
    with contextlib.closing(sqlite3.connect(index / "catalogue.db")) as one, one:
        asset = one.execute("SELECT min(asset_id) FROM files").fetchone()[0]
        one.execute("DELETE FROM files")
        root = one.execute("INSERT INTO roots (path, relative, walked, device) VALUES (x'2f', 0, 0, 0)").lastrowid
        for path in paths:
            facts = path.stat()
            values = root, os.fsencode(path)[1:], facts.st_size, facts.st_mtime_ns, facts.st_ino, asset
            one.execute(
                "INSERT INTO files (root_id, path, size, mtime_ns, inode, kind, format, sidecars, asset_id)"
                " VALUES (?, ?, ?, ?, ?, 'text', 'text', '[]', ?)",
                values,
            )
        one.execute("UPDATE assets SET kind = 'image', format = 'png'")
    sums.seal(IndexFolder(index), None)


def test_a_reranker_is_given_no_file_elsewhere(clone: Path, tmp_path: Path) -> None:
    pictured: Any = SimpleNamespace(views=frozenset({View.IMAGE}), max_pixels=100, frames=0, frame_pixels=0)
    elsewhere = tmp_path / "secret.png"
    elsewhere.write_bytes(b"a secret")
    (clone / "link.png").symlink_to(elsewhere)
    named(clone / "index", elsewhere, clone / "link.png")
    for own in (False, True):
        with Snapshot(IndexFolder(clone / "index")) as snapshot, Files() as files:
            (place,) = snapshot.places([1]).values()
            with pytest.raises(ExtractionError) as caught:
                RerankMedia(snapshot, files, pictured).of(place)
            assert isinstance(caught.value, NotOpened) != own  # of one's own it is decoded, which fails
        if not own:
            assert command(["trust", "index"]) == 0


def test_no_file_elsewhere_is_opened_on_the_desktop(
    clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    elsewhere = tmp_path / "secret.txt"
    elsewhere.write_text("The ferry is a secret.")
    named(clone / "index", elsewhere)
    started: list[list[str]] = []
    monkeypatch.setattr("mmsearch.cli.desktop_open.subprocess.Popen", lambda words, **_: started.append(words))
    monkeypatch.setattr("mmsearch.cli.desktop_open.shutil.which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr("mmsearch.cli.desktop_open._default_program", lambda path: None)
    monkeypatch.setenv("DISPLAY", ":0")
    asked = ["query", "ferry", "--index", "./index", "--open", "1", "--quiet", "--min-score", "0"]
    assert command(asked) == 2
    assert f"{elsewhere} is not opened: the index is not yours" in " ".join(capsys.readouterr().err.split())
    assert started == []
    assert command(["trust", "index"]) == 0
    assert command(asked) == 0
    assert started == [["/usr/bin/xdg-open", str(elsewhere)]]


KILLED_WRITER = """\
import os, signal, sqlite3, sys
sqlite3.connect(sys.argv[1], isolation_level=None).execute("UPDATE meta SET value = 'from the log' WHERE key = 'id'")
os.kill(os.getpid(), signal.SIGKILL)
"""


def catalogue_files(index: Path) -> set[str]:
    return {path.name for path in index.iterdir() if path.name.startswith("catalogue.db")}


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_no_command_leaves_the_files_of_sqlite_in_an_index_of_ones_own(arguments: list[str], clone: Path) -> None:
    adopt(clone / "index")
    before = (clone / "index" / "catalogue.db").read_bytes()
    assert command([*arguments, "--index", "./index"]) in (0, 1)
    assert catalogue_files(clone / "index") == {"catalogue.db"}
    assert (clone / "index" / "catalogue.db").read_bytes() == before


def test_a_reader_leaves_a_log_with_commits_to_the_next_run(clone: Path) -> None:
    index = clone / "index"
    adopt(index)
    with_log(index)
    before = [(index / name).read_bytes() for name in ("catalogue.db", "catalogue.db-wal")]
    catalogue.open_reader(IndexFolder(index)).close()
    assert [(index / name).read_bytes() for name in ("catalogue.db", "catalogue.db-wal")] == before


def test_a_log_that_a_run_fills_as_a_reader_closes_stays(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = IndexFolder(clone / "index")
    adopt(folder.path)
    reader = catalogue.open_reader(folder)
    opened = read_only._opened

    def then_written(place: Path, factory: type[sqlite3.Connection], mode: str = "ro") -> sqlite3.Connection:
        connection = opened(place, factory, mode)
        subprocess.run([sys.executable, "-c", KILLED_WRITER, str(place)], check=False)
        logs.append(folder.log.read_bytes())
        return connection

    logs: list[bytes] = []
    monkeypatch.setattr(read_only, "_opened", then_written)
    before = folder.catalogue.read_bytes()
    reader.close()
    assert logs[0] and (folder.catalogue.read_bytes(), folder.log.read_bytes()) == (before, logs[0])


def test_a_reader_beside_another_leaves_the_files_that_both_use(clone: Path) -> None:
    folder = IndexFolder(clone / "index")
    adopt(folder.path)
    first, second = catalogue.open_reader(folder), catalogue.open_reader(folder)
    first.close()
    assert catalogue_files(folder.path) == {"catalogue.db", "catalogue.db-shm", "catalogue.db-wal"}
    assert second.execute("SELECT count(*) FROM files").fetchone() == (2,)
    second.close()
    assert catalogue_files(folder.path) == {"catalogue.db"}
