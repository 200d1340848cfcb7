"""An index that somebody has planted is data: whatever it holds, nothing runs, opens a socket or is written outside."""

import os
import random
import shutil
import socket
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from small_index import run, write

from mmsearch.cli.program import run as call
from mmsearch.errors import IndexUnusable, MmsearchError
from mmsearch.index import Index
from mmsearch.query import Query
from mmsearch.store import sums
from mmsearch.store.layout import IndexFolder

VARIANTS = 100
SCHEMA = [
    "CREATE TRIGGER own AFTER INSERT ON runs BEGIN DELETE FROM files; END",
    "CREATE TRIGGER own BEFORE UPDATE ON meta BEGIN SELECT writefile('{canary}', 'x'); END",
    "CREATE TRIGGER own AFTER INSERT ON runs BEGIN SELECT load_extension('{canary}.so'); END",
    "CREATE VIEW own AS SELECT * FROM files",
    "ALTER TABLE files RENAME TO real_files; CREATE VIEW files AS SELECT * FROM real_files",
    "CREATE TABLE own (a, b)",
    "CREATE VIRTUAL TABLE own USING fts5(a)",
    "CREATE VIRTUAL TABLE own USING rtree(id, a, b)",
    "CREATE INDEX own ON files(abs(size))",
    "ALTER TABLE meta ADD COLUMN own TEXT",
    "ALTER TABLE meta ADD COLUMN own TEXT GENERATED ALWAYS AS (hex(value)) VIRTUAL",
    "DROP TABLE spans",
    "DROP INDEX files_by_asset",
    "DROP TABLE words_fts; CREATE VIRTUAL TABLE words_fts USING fts5(words, content='files', tokenize='porter')",
    "DROP TABLE words_fts; CREATE TABLE words_fts (words)",
    "PRAGMA writable_schema=ON; UPDATE sqlite_master SET sql = 'CREATE TABLE meta (key, value CHECK (zeroblob(1e9)))'"
    " WHERE name = 'meta'",
    "PRAGMA writable_schema=ON; UPDATE sqlite_master SET rootpage = 1 WHERE name = 'segments'",
    "PRAGMA writable_schema=ON; INSERT INTO sqlite_master VALUES ('table', 'own', 'own', 0, 'CREATE VIRTUAL TABLE own"
    " USING csv(filename=''/etc/passwd'')')",
    "PRAGMA user_version = 0",
    "PRAGMA user_version = -5",
    "PRAGMA user_version = 99",
]
ROWS = [
    "UPDATE embeddings SET vector = x'0102'",
    "UPDATE embeddings SET vector = 'text'",
    "UPDATE embeddings SET vector = x'007e007e'",
    "UPDATE embeddings SET vector = replace(hex(vector), '3', 'F')",
    "UPDATE embeddings SET vector = cast(zeroblob(768) || x'' as blob)",
    "UPDATE background SET vector = x'00', sampling_hash = 'x'",
    "UPDATE background SET vector = zeroblob(3000000)",
    "UPDATE spaces SET dimension = 1000000000",
    "UPDATE spaces SET dimension = -384",
    "UPDATE spaces SET dimension = 3",
    "UPDATE spaces SET dimension = 'many'",
    "UPDATE spaces SET views = '{{\"text\": 1}}'",
    "UPDATE spaces SET views = '[\"../../{canary}\", 5, null]'",
    "UPDATE spaces SET views = '[' || replace(hex(zeroblob(100000)), '00', '[')",
    "UPDATE spaces SET fingerprint = '[]'",
    'UPDATE spaces SET fingerprint = \'{{"text": "{canary}"}}\'',
    "UPDATE spaces SET recorded = 'null'",
    "UPDATE spaces SET recorded = json_set(recorded, '$.state', 'leaving')",
    "UPDATE spaces SET recorded = json_set(recorded, '$.model', '{canary}', '$.options', json('[1]'))",
    "UPDATE spaces SET name = '../../../{canary}'",
    "UPDATE spaces SET id = -1",
    "UPDATE assets SET spans = 9223372036854775807, state = 'pending'",
    "UPDATE assets SET spans = 2000000000, state = 'pending'",
    "UPDATE assets SET details = '7'",
    'UPDATE assets SET details = \'{{"notes": 5, "duration_s": "x", "pages": -1, "title": []}}\'',
    "UPDATE assets SET readers = '[]'",
    "UPDATE assets SET kind = 'none', format = x'00'",
    "UPDATE assets SET state = 'odd', attempts = -1",
    "UPDATE segments SET details = '[]'",
    "UPDATE segments SET details = '{{\"cues\": 5}}'",
    'UPDATE segments SET details = \'{{"cues": [[1e999, -5, 7]], "title": 9}}\'',
    "UPDATE segments SET text = x'ff00ff'",
    "UPDATE segments SET text = 5, page = 'one'",
    "UPDATE segments SET page = -9223372036854775808",
    "UPDATE segments SET start_s = 9e999, end_s = -9e999",
    "UPDATE segments SET start_s = 'then', line_start = x'00'",
    "UPDATE segments SET asset_id = 9999",
    "UPDATE files SET path = x'2e2e2f2e2e2f6574632f706173737764'",
    "UPDATE files SET path = x'2f6574632f706173737764' || id",
    "UPDATE files SET path = x'6100' || id",
    "UPDATE files SET path = id",
    "UPDATE files SET size = -1, mtime_ns = 'x', inode = x'00'",
    "UPDATE files SET sidecars = '{{'",
    "UPDATE files SET asset_id = -3",
    "UPDATE files SET id = -id",
    "UPDATE roots SET path = x'2e2e', relative = 1",
    "UPDATE roots SET path = x'2e2e2f2e2e', relative = 1",
    "UPDATE roots SET path = x'2f00', relative = 0",
    "UPDATE roots SET path = 'text'",
    "UPDATE roots SET forgotten = '{{}}'",
    "UPDATE roots SET forgotten = '[1, null]'",
    "UPDATE generations SET file = '../canary'",
    "UPDATE generations SET file = 'catalogue.db'",
    "UPDATE generations SET size = -1, last_embedding_id = -1",
    "UPDATE generations SET shape = 'hnsw', nprobe = 'x'",
    "UPDATE generations SET nprobe = 1000000000, shape = 'ivf'",
    "UPDATE runs SET summary = '[]', started = 'never'",
    "UPDATE runs SET summary = '{{\"outcome\": 5, \"notes\": 1}}', ended = x'00'",
    "INSERT INTO meta VALUES ('model', '{canary}')",
    "INSERT INTO meta SELECT key || '2', zeroblob(70000000) FROM meta LIMIT 1; UPDATE segments SET text ="
    " zeroblob(70000000) WHERE id = 1",
    "INSERT INTO fingerprints (asset_id, form, at, key, body) SELECT id, 'look', 'x', x'00', x'00' FROM assets",
    "UPDATE words_fts_data SET block = x'ffffffffffffffff'",
    "UPDATE words_fts_data SET block = zeroblob(10) WHERE id = 10",
    "DELETE FROM words_fts_data",
    "DELETE FROM words_fts_docsize",
    "UPDATE words_fts_content SET c0 = x'ff'",
    "UPDATE words_fts_config SET v = 999",
    "UPDATE names_fts_data SET block = x'00'",
    "INSERT INTO words_fts (words_fts, rank) VALUES ('pgsz', 32)",
    "INSERT INTO words_fts (words_fts, rank) VALUES ('rank', 'bm25(10.0, 5.0, x)')",
    "UPDATE sqlite_sequence SET seq = 9223372036854775807",
    "UPDATE sqlite_sequence SET seq = 'x'",
]
ODD_NAMES = ["catalogue.db", "catalogue.db-wal", "catalogue.sums", "writer.lock", "ann-1-text-1.faiss"]


pytestmark = pytest.mark.usefixtures("word_model", "small_ann_files")


def by_sql(sql: str) -> Callable[[Path, Path], None]:
    def plant(index: Path, canary: Path) -> None:
        connection = sqlite3.connect(index / "catalogue.db", isolation_level=None)
        connection.execute("PRAGMA foreign_keys = OFF")
        try:
            connection.executescript(sql.format(canary=canary))
        except sqlite3.Error:  # what this SQLite does not even let one plant
            connection.execute("UPDATE files SET path = x'2e2e2f61' || id")
        connection.close()

    return plant


def link(name: str, hard: bool) -> Callable[[Path, Path], None]:
    def plant(index: Path, canary: Path) -> None:
        (index / name).unlink(missing_ok=True)
        os.link(canary, index / name) if hard else (index / name).symlink_to(canary)

    return plant


def special(name: str) -> Callable[[Path, Path], None]:
    def plant(index: Path, canary: Path) -> None:
        (index / name).unlink(missing_ok=True)
        os.mkfifo(index / name)

    return plant


def bytes_of(name: str, seed: int) -> Callable[[Path, Path], None]:
    """A header that is made to crash: the first bytes are changed at random, and the hash is made to fit."""

    def plant(index: Path, canary: Path) -> None:
        lots = random.Random(seed)
        path = next(index.glob(name))
        data = bytearray(path.read_bytes())
        for _ in range(6):
            at = lots.randrange(min(len(data), 200))
            data[at : at + 8] = lots.choice((b"\xff" * 8, b"\0" * 8, lots.randbytes(8)))
        path.write_bytes(data)

    return plant


def variants() -> list[tuple[str, Callable[[Path, Path], None]]]:
    made = [(sql, by_sql(sql)) for sql in [*SCHEMA, *ROWS]]
    made += [(f"link {name}", link(name, hard=False)) for name in ODD_NAMES]
    made += [(f"hard link {name}", link(name, hard=True)) for name in ODD_NAMES]
    made += [(f"pipe {name}", special(name)) for name in ODD_NAMES]
    for seed in range(4):
        for name in ("ann-*.faiss", "catalogue.db", "catalogue.sums"):
            made.append((f"bytes {name} {seed}", bytes_of(name, seed)))
    return made


COMMANDS: dict[str, Callable[[Path], object]] = {
    "status": lambda index: Index.open(index).status(),
    "query": lambda index: Index.open(index).search(Query("a note about the walrus", min_score=0.0)),
    "dupes": lambda index: Index.open(index).duplicates(),
    "index": lambda index: run(index),
    "verify": lambda index: Index.verify(index, deep=True),
}


CALLS = [
    ["similar", "planted/docs/note01.md"],
    ["failed"],
    ["eval", "planted/docs/queries.jsonl"],
    ["query", "walrus", "--rerank", "builtin"],
    ["forget", "planted/docs/note02.md"],
]


def seen(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Everything below a folder that is not the index: kind and bytes."""
    return {
        str(path.relative_to(folder)): (path.lstat().st_mode, path.read_bytes() if path.is_file() else b"")
        for path in sorted(folder.rglob("*"))
        if "planted/index" not in str(path)
        # torch makes a folder of its own in the cache folder when it is imported, here or by an earlier test
        and path not in (folder / "mmsearch", folder / "mmsearch" / "torchinductor")
    }


def test_a_hundred_planted_indexes_run_nothing_and_write_nothing_outside(
    notes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "home"
    canary = write(home / "canary", "untouched")
    shutil.copytree(notes / "docs", home / "planted" / "docs")
    write(home / "planted" / "docs" / "queries.jsonl", '{"query": "walrus", "relevant": ["note03.md"]}\n')
    monkeypatch.chdir(home)
    for name in ("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(home))
    used: list[object] = []
    real = socket.socket

    class Guarded(real):  # type: ignore[valid-type, misc]  # workers talk over pairs of Unix sockets
        def __init__(self, family: int = -1, *rest: Any, **named: Any) -> None:
            used.extend([family] if family in (socket.AF_INET, socket.AF_INET6) else [])
            super().__init__(family, *rest, **named)

    monkeypatch.setattr(socket, "socket", Guarded)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *names, **_: used.append(names) or [])  # type: ignore[func-returns-value]
    monkeypatch.setattr(os, "system", used.append)
    before, planted, wrong = seen(home), variants(), []
    assert len(planted) >= VARIANTS
    for title, plant in planted:
        index = home / "planted" / "index"
        shutil.rmtree(index, ignore_errors=True)
        shutil.copytree(notes / "index", index)
        plant(index, canary)
        if not title.startswith(("link", "hard", "pipe", "bytes")):  # who plants an index has the sums fit
            sums.seal(IndexFolder(index), None)
            shutil.copytree(index, home / "planted" / "index2")
            shutil.rmtree(index)
            (home / "planted" / "index2").rename(index)
        for words in CALLS:
            allowed = (0, 1, 2, 3, 5) if words[0] == "similar" else (0, 1, 3, 5)  # 2: the file is not in the index now
            capfd.readouterr()
            if (code := call([*words, "--index", str(index), "--quiet"])) not in allowed:
                wrong.append(f"{title}: {words[0]} ended with {code}: {capfd.readouterr().err}")
        for name, command in COMMANDS.items():
            try:
                command(index)
            except MmsearchError as error:
                if error.exit_code not in (3, 5) or not error.sentence:
                    wrong.append(f"{title}: {name} said {error}")
            except Exception as error:
                wrong.append(f"{title}: {name} ended with {type(error).__name__}: {error}")
        if seen(home) != before:
            wrong.append(f"{title}: something was written")
    assert used == [] and not wrong, "\n".join(wrong)
    assert threading.active_count() < 20


@pytest.mark.parametrize("sql", SCHEMA[:18])
def test_a_schema_that_is_not_ours_is_refused_before_a_row_is_read(notes: Path, tmp_path: Path, sql: str) -> None:
    shutil.copytree(notes, tmp_path / "here")
    index = tmp_path / "here" / "index"
    connection = sqlite3.connect(index / "catalogue.db", isolation_level=None)
    try:
        connection.executescript(sql.format(canary=tmp_path / "canary"))
    except sqlite3.Error:
        pytest.skip("this SQLite does not let one plant it")
    finally:
        connection.close()
    sums.seal(IndexFolder(index), None)
    for command in COMMANDS.values():
        with pytest.raises(IndexUnusable):
            command(index)
