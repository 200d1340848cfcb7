"""Nothing in an index folder is followed out of it: every part is a plain file of the owner's, or it is refused."""

import os
import socket
import sqlite3
import stat
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from small_index import run, write

from mmsearch.config import Settings
from mmsearch.durable import replaced
from mmsearch.errors import IndexUnusable, MmsearchError
from mmsearch.index import Index
from mmsearch.indexing.adoption import adopt
from mmsearch.query import Query
from mmsearch.store import layout
from mmsearch.store.layout import IndexFolder

PARTS = [
    "catalogue.db",
    "catalogue.db-wal",
    "catalogue.db-shm",
    "catalogue.db-journal",
    "catalogue.sums",
    "writer.lock",
    "ann-1-text-1.faiss",
    ".ann-1-text-2.faiss.7.tmp",
    ".catalogue.sums.7.tmp",
]
COMMANDS: dict[str, Callable[[Path], object]] = {
    "index": lambda index: run(index),
    "query": lambda index: Index.open(index).search(Query("walrus")),
    "status": lambda index: Index.open(index).status(),
    "forget": lambda index: Index.forget(index, [os.fsencode(index.parent / "docs" / "note01.md")], Settings()),
    "verify": lambda index: Index.verify(index, repair=True),
}


pytestmark = pytest.mark.usefixtures("word_model")


@pytest.fixture
def index(foreign_index: Path) -> Path:
    (foreign_index.parents[1] / "canary").write_text("untouched")
    return foreign_index


def as_link(part: Path, canary: Path) -> None:
    part.symlink_to(canary)


def as_dangling_link(part: Path, canary: Path) -> None:
    part.symlink_to(canary.with_name("made"))


def as_hard_link(part: Path, canary: Path) -> None:
    os.link(canary, part)


def as_pipe(part: Path, canary: Path) -> None:
    os.mkfifo(part)


def as_folder(part: Path, canary: Path) -> None:
    part.mkdir()


def as_socket(part: Path, canary: Path) -> None:
    here = os.getcwd()
    os.chdir(part.parent)  # the name of a socket is short
    try:
        with socket.socket(socket.AF_UNIX) as one:
            one.bind(part.name)
    finally:
        os.chdir(here)


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("make", [as_link, as_dangling_link, as_hard_link, as_pipe, as_folder, as_socket])
def test_no_command_follows_or_writes_what_stands_in_for_a_part(
    index: Path, tmp_path: Path, part: str, make: Callable[[Path, Path], object]
) -> None:
    (index / part).unlink(missing_ok=True)
    make(index / part, tmp_path / "canary")
    kind = stat.S_IFMT(os.lstat(index / part).st_mode)
    for name, command in COMMANDS.items():
        with pytest.raises(IndexUnusable) as caught:
            command(index)
        assert part in caught.value.sentence and caught.value.hint and caught.value.exit_code == 3, name
    assert (tmp_path / "canary").read_text() == "untouched"
    assert sorted(os.listdir(tmp_path)) == ["canary", "here"]
    assert stat.S_IFMT(os.lstat(index / part).st_mode) == kind


def rollback_journal(super_journal: Path) -> bytes:
    """A hot journal that names a super-journal, which SQLite unlinks when it rolls back."""
    magic, name = bytes.fromhex("d9d505f920a163d7"), os.fsencode(super_journal)
    head = (magic + struct.pack(">5I", 0, 0, 49, 512, 4096)).ljust(512, b"\0")
    place = struct.pack(">I", 0x40000000 // 4096 + 1)
    return head + place + name + struct.pack(">2I", len(name), sum(name)) + magic


@pytest.mark.parametrize("part", ["catalogue.db-journal", "catalogue.db-mj1234ABCD", "Catalogue.DB-Journal"])
def test_a_planted_rollback_journal_makes_no_command_unlink_a_file(index: Path, tmp_path: Path, part: str) -> None:
    more: dict[str, Callable[[Path], object]] = {
        "dry": lambda index: run(index, dry_run=True),
        "retry": lambda index: run(index, retry_failed=True),
        "trust": adopt,
        "check": lambda index: Index.verify(index),
    }
    planted = rollback_journal(tmp_path / "canary")
    for name, command in (COMMANDS | more).items():
        (index / part).write_bytes(planted)
        with pytest.raises(IndexUnusable, match="rollback journal") as caught:
            command(index)
        assert str(index / part) in caught.value.sentence and "Remove that file" in caught.value.hint, name
        assert (tmp_path / "canary").exists(), name
    (index / part).unlink()
    assert run(index).notes == []


def test_a_rollback_journal_without_a_catalogue_starts_no_index(tmp_path: Path) -> None:
    write(tmp_path / "docs" / "a.md", "A note.\n")
    write(tmp_path / "canary", "untouched")
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "catalogue.db-journal").write_bytes(rollback_journal(tmp_path / "canary"))
    with pytest.raises(IndexUnusable, match="rollback journal"):
        run(tmp_path / "new", tmp_path / "docs")
    assert (tmp_path / "canary").exists()


def test_a_catalogue_that_is_not_in_wal_mode_is_refused_and_left_alone(index: Path) -> None:
    connection = sqlite3.connect(index / "catalogue.db")
    connection.execute("PRAGMA journal_mode = DELETE")
    connection.close()
    (index / "catalogue.sums").unlink()
    before = (index / "catalogue.db").read_bytes()
    for command in COMMANDS.values():
        with pytest.raises(IndexUnusable, match="not in WAL mode"):
            command(index)
    assert (index / "catalogue.db").read_bytes() == before


def test_the_index_folder_itself_is_no_link(index: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(index)
    for command in COMMANDS.values():
        with pytest.raises(IndexUnusable, match="is a link"):
            command(tmp_path / "link")


def test_a_new_index_is_not_made_through_a_link(tmp_path: Path) -> None:
    write(tmp_path / "docs" / "a.md", "A note.\n")
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "catalogue.db").symlink_to(tmp_path / "elsewhere.db")
    with pytest.raises(IndexUnusable, match="is a link"):
        run(tmp_path / "new", tmp_path / "docs")
    assert not (tmp_path / "elsewhere.db").exists()


def test_another_users_index_is_theirs(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout.os, "geteuid", lambda: os.getuid() + 4242)
    for command in COMMANDS.values():
        with pytest.raises(IndexUnusable, match="belongs to") as caught:
            command(index)
        assert caught.value.exit_code == 3


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a file away")
def test_a_part_of_another_user_is_refused_and_root_reads_another_users_index(index: Path) -> None:
    os.chown(index / "writer.lock", 4242, 4242)
    with pytest.raises(IndexUnusable, match="belongs to user 4242, and the folder to"):
        Index.open(index)
    for path in (index, *index.iterdir()):
        os.chown(path, 4242, 4242)
    opened = Index.open(index)
    assert opened.search(Query("walrus")).hits
    assert any("user 4242" in note for note in opened.status().notes)
    with pytest.raises(IndexUnusable, match="belongs to user 4242"):
        run(index)


def test_a_temporary_file_is_made_anew_and_follows_no_link(tmp_path: Path) -> None:
    (tmp_path / "canary").write_text("untouched")
    target = tmp_path / "ann-1-text-1.faiss"
    (tmp_path / f".{target.name}.{os.getpid()}.tmp").symlink_to(tmp_path / "canary")
    target.symlink_to(tmp_path / "canary")
    with replaced(target) as temporary:
        temporary.write_text("new")
    assert (target.is_symlink(), target.read_text()) == (False, "new")
    assert (tmp_path / "canary").read_text() == "untouched"


@pytest.mark.parametrize("name", ["../canary", "/etc/passwd", "canary", "ann-1-text-1.faiss/../../canary", ""])
def test_a_row_that_names_another_file_opens_and_removes_none(index: Path, tmp_path: Path, name: str) -> None:
    from small_index import change

    change(index, f"UPDATE generations SET file = '{name}'")
    assert os.listdir(index)
    for command in (COMMANDS["index"], COMMANDS["verify"], COMMANDS["query"]):
        try:
            command(index)
        except MmsearchError as error:
            assert error.exit_code == 3
    assert (tmp_path / "canary").read_text() == "untouched"


def test_a_folder_of_a_new_index_is_the_owners_alone(tmp_path: Path) -> None:
    write(tmp_path / "docs" / "a.md", "A note.\n")
    run(tmp_path / "index", tmp_path / "docs")
    assert stat.S_IMODE((tmp_path / "index").stat().st_mode) == 0o700
    for path in (tmp_path / "index").iterdir():
        assert not stat.S_IMODE(path.stat().st_mode) & 0o077 or path.name.startswith("ann-"), path
    IndexFolder(tmp_path / "index").check(writing=True)
