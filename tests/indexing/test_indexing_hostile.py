"""Whole runs over names and files that nobody would wish for."""

import json
import os
import socket
from collections.abc import Iterable
from pathlib import Path

import pytest
from small_index import (
    broken,
    counts,
    found,
    holding,
    rows,
    run,
    write,
    write_png,
)

from mmsearch.config import Settings
from mmsearch.encoding.extract import Task
from mmsearch.errors import IndexUnusable, UsageError
from mmsearch.index import Index
from mmsearch.indexing.inspection import Inspector, Wanted
from mmsearch.query import Query
from mmsearch.store.layout import IndexFolder

pytestmark = pytest.mark.usefixtures("word_model")


@pytest.fixture
def index(tmp_path: Path) -> Path:
    return tmp_path / "index"


NAMES = [
    b"new\nline walrus.txt",
    b"\x1b[31mred otter.txt",
    b"caf\xe9 heron.txt",
    b"-rf lynx.txt",
    b"x" * 245 + b"badger.txt",
    b" crane ",
    b"* stoat.txt",
    b"\xff\xff\xff",
]


def test_hostile_names_go_through_a_whole_life(tmp_path: Path, index: Path) -> None:
    docs = os.fsencode(tmp_path / "docs")
    os.mkdir(docs)
    for number, name in enumerate(NAMES):
        with open(os.path.join(docs, name), "w", encoding="utf-8") as file:
            file.write(f"Words number{number} in a file.\n")
    assert counts(run(index, docs)) == {"seen": 8, "indexed": 8}
    assert counts(run(index, docs)) == {"seen": 8, "unchanged": 8}
    for number, name in enumerate(NAMES):
        assert found(index, f"number{number}")[:1] == [os.path.join(docs, name)]
    for word in ("walrus", "otter", "heron", "lynx", "crane", "stoat"):
        assert any(word.encode() in path for path in found(index, word)), word
    os.rename(os.path.join(docs, NAMES[0]), os.path.join(docs, b"\xfe\n\x1b"))
    assert counts(run(index, docs)) == {"seen": 8, "unchanged": 7, "moved": 1, "removed": 1}
    assert Index.forget(index, [os.path.join(docs, NAMES[2])], Settings()) == 1
    assert counts(run(index, docs)) == {"seen": 8, "unchanged": 7, "excluded": 1}
    assert counts(run(index, os.path.join(docs, NAMES[2]))) == {"seen": 1, "indexed": 1}
    status = Index.open(index).status()
    assert json.dumps(status.last_run)
    assert broken(index, deep=True) == {}


def test_a_folder_with_a_hostile_name_is_a_root(tmp_path: Path, index: Path) -> None:
    docs = os.path.join(os.fsencode(tmp_path), b"d\xff\n\x1b[0m")
    os.mkdir(docs)
    with open(os.path.join(docs, b"a.txt"), "w") as file:
        file.write("A walrus.\n")
    run(index, docs)
    assert found(index, "walrus") == [os.path.join(docs, b"a.txt")]
    assert Index.open(index).status().roots == (docs,)
    os.rename(docs, docs + b"2")
    record = run(index)
    assert (record.outcome, bool(json.dumps(record.notes))) == ("guard", True)


def test_pipes_sockets_links_and_devices_cost_nothing(tmp_path: Path, index: Path) -> None:
    docs = tmp_path / "docs"
    write(docs / "a.txt", "A walrus.\n")
    write(tmp_path / "outside.txt", "A secret.\n")
    os.mkfifo(docs / "pipe.txt")
    (docs / "link.txt").symlink_to(tmp_path / "outside.txt")
    (docs / "loop").symlink_to(docs)
    (docs / "zero.txt").symlink_to("/dev/zero")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(docs / "socket.txt"))
        record = run(index, docs)
    assert counts(record) == {"seen": 6, "indexed": 1, "excluded": 5}
    assert record.excluded_by == {"link": 3, "special file": 2}
    assert holding(index, "secret") == []
    for special in (docs / "pipe.txt", Path("/dev/null")):
        with pytest.raises(UsageError):
            run(index, special)


def test_a_file_that_becomes_a_pipe_or_a_link_is_not_opened(
    tmp_path: Path, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between listing and looking, and between looking and decoding."""
    from mmsearch.encoding.extract import ExtractStage
    from mmsearch.indexing import inspection as looking

    docs = tmp_path / "docs"
    for name in ("pipe", "link", "later"):
        write(docs / f"{name}.txt", f"A note: {name}.\n")
    secret = write(tmp_path / "outside.txt", "A secret.\n")
    real = looking.Inspector.__init__

    def late(self: Inspector, wanted: Iterable[Wanted]) -> None:
        wanted = list(wanted)
        (docs / "pipe.txt").unlink()
        os.mkfifo(docs / "pipe.txt")
        (docs / "link.txt").unlink()
        (docs / "link.txt").symlink_to(secret)
        real(self, iter(wanted))

    submit = ExtractStage._submit

    def later(self: ExtractStage, task: Task) -> None:
        (docs / "later.txt").unlink(missing_ok=True)
        (docs / "later.txt").symlink_to(secret)
        submit(self, task)

    with monkeypatch.context() as patch:
        patch.setattr(looking.Inspector, "__init__", late)
        patch.setattr(ExtractStage, "_submit", later)
        assert counts(run(index, docs)) == {"seen": 3, "failed": 3}
    assert holding(index, "secret") == []
    (docs / "keep.txt").write_text("Kept.\n")
    run(index, docs)
    assert rows(index, "SELECT path FROM files") == [(b"keep.txt",)]
    assert broken(index, deep=True) == {}


def test_sparse_empty_and_endless_lines(tmp_path: Path, index: Path) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    with (docs / "sparse.bin").open("wb") as file:
        file.truncate(1 << 40)
    (docs / "empty.pdf").touch()
    (docs / "line.txt").write_text("walrus " * 20_000)
    write_png(docs / "dot.png")
    record = run(index, docs)
    assert counts(record) == {"seen": 4, "indexed": 2, "skipped": 2}
    assert broken(index) == {}


def test_the_index_does_not_index_itself(tmp_path: Path) -> None:
    write(tmp_path / "docs" / "a.txt", "A walrus.\n")
    inside = tmp_path / "docs" / "index"
    for _ in range(2):
        assert counts(run(inside, tmp_path / "docs"))["excluded"] == 1


def test_a_folder_that_is_no_index_is_not_written_to(tmp_path: Path) -> None:
    write(tmp_path / "docs" / "a.txt", "A walrus.\n")
    with pytest.raises(IndexUnusable):
        run(tmp_path / "docs", tmp_path / "docs")
    assert [path.name for path in (tmp_path / "docs").iterdir()] == ["a.txt"]


def test_a_glob_that_is_none_makes_no_index(tmp_path: Path, index: Path) -> None:
    with pytest.raises(UsageError):
        run(index, tmp_path, include=("[z-a]",))
    assert not index.exists()


@pytest.mark.parametrize("pattern", ["[z-a]", "\\", "!", "[", "**/**/[!", "a\x00b"])
def test_an_ignore_file_with_nonsense_ends_no_run(tmp_path: Path, index: Path, pattern: str) -> None:
    write(tmp_path / "docs" / "a.txt", "A walrus.\n")
    write(tmp_path / "docs" / ".gitignore", f"{pattern}\n*.log\n")
    write(tmp_path / "docs" / "a.log", "A log.\n")
    assert counts(run(index, tmp_path / "docs")) == {"seen": 3, "indexed": 1, "excluded": 2}


@pytest.mark.parametrize("text", ["", "   ", "\n\t", "-walrus"])
def test_a_query_that_asks_nothing_is_reported(tmp_path: Path, index: Path, text: str) -> None:
    write(tmp_path / "docs" / "a.txt", "A walrus.\n")
    run(index, tmp_path / "docs")
    with pytest.raises(UsageError):
        Index.open(index).search(Query(text))


@pytest.mark.parametrize(
    "text",
    ['"', '"" walrus', "a" * 50_000, "walrus " * 3_000, "😀", "\x00", "AND OR NOT", "*", "NEAR(", "walrus*", "é\ud800"],
)
def test_no_query_is_an_error(tmp_path: Path, index: Path, text: str) -> None:
    write(tmp_path / "docs" / "a.txt", "A walrus.\n")
    run(index, tmp_path / "docs")
    try:
        answer = Index.open(index).search(Query(text, min_score=0.0))
    except UsageError:
        assert "walrus" not in text
    else:
        assert "walrus" not in text or [hit.path for hit in answer.hits] == [os.fsencode(tmp_path / "docs" / "a.txt")]


def test_a_picture_query_that_is_no_picture_is_reported(tmp_path: Path, index: Path) -> None:
    text = write(tmp_path / "docs" / "a.txt", "A walrus.\n")
    run(index, tmp_path / "docs")
    (tmp_path / "cut.png").write_bytes(write_png(tmp_path / "whole.png").read_bytes()[:40])
    os.mkfifo(tmp_path / "pipe.png")
    for path in (text, tmp_path / "nowhere.png", tmp_path, tmp_path / "cut.png"):
        with pytest.raises(UsageError):
            Index.open(index).search(Query(images=(os.fsencode(path),)))


def test_an_empty_folder_makes_an_empty_index(tmp_path: Path, index: Path) -> None:
    (tmp_path / "docs").mkdir()
    assert counts(run(index, tmp_path / "docs")) == {}
    assert Index.open(index).search(Query("walrus")).hits == ()
    assert Index.open(index).status().files == 0
    assert broken(index, deep=True) == {}
    assert IndexFolder(index).exists()
