"""Catalogues of earlier versions: read as they are, brought up to date by the next run, all or nothing."""

import contextlib
import os
import re
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from made_media import photo
from small_index import broken, change, counts, found, holding, rows, run, use_word_model, write

from mmsearch import Index
from mmsearch.cli.program import run as command
from mmsearch.errors import NewerSchema
from mmsearch.store import schema, sums
from mmsearch.store.catalogue import open_reader, open_writer
from mmsearch.store.layout import IndexFolder
from mmsearch.types import FileRules

TOKENIZE = "unicode61 remove_diacritics 2 categories 'L* N* M* Co'"
FIRST = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE roots (id INTEGER PRIMARY KEY AUTOINCREMENT, path BLOB NOT NULL UNIQUE, relative INTEGER NOT NULL,
    walked INTEGER NOT NULL, forgotten TEXT NOT NULL DEFAULT '[]', device INTEGER NOT NULL);
CREATE TABLE files (id INTEGER PRIMARY KEY AUTOINCREMENT, root_id INTEGER NOT NULL REFERENCES roots(id),
    path BLOB NOT NULL, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, inode INTEGER NOT NULL, kind TEXT,
    format TEXT NOT NULL, sidecars TEXT NOT NULL, asset_id INTEGER REFERENCES assets(id),
    next_asset_id INTEGER REFERENCES assets(id), code TEXT, reason TEXT, UNIQUE (root_id, path));
CREATE INDEX files_by_asset ON files(asset_id);
CREATE INDEX files_by_next_asset ON files(next_asset_id) WHERE next_asset_id IS NOT NULL;
CREATE INDEX files_by_code ON files(code) WHERE code IS NOT NULL;
CREATE TABLE assets (id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL UNIQUE, kind TEXT NOT NULL,
    format TEXT NOT NULL, extractor INTEGER NOT NULL, state TEXT NOT NULL, visible INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0, code TEXT, reason TEXT, spans INTEGER, readers TEXT NOT NULL DEFAULT '{}',
    details TEXT NOT NULL DEFAULT '{}');
CREATE INDEX assets_by_state ON assets(state) WHERE state <> 'complete';
CREATE INDEX assets_hidden ON assets(visible) WHERE visible = 0;
CREATE TABLE spans (asset_id INTEGER NOT NULL REFERENCES assets(id), span INTEGER NOT NULL, code TEXT, reason TEXT,
    PRIMARY KEY (asset_id, span)) WITHOUT ROWID;
CREATE TABLE segments (id INTEGER PRIMARY KEY AUTOINCREMENT, asset_id INTEGER NOT NULL REFERENCES assets(id),
    ordinal INTEGER NOT NULL, page INTEGER, start_s REAL, end_s REAL, line_start INTEGER, line_end INTEGER,
    text TEXT NOT NULL, details TEXT NOT NULL, UNIQUE (asset_id, ordinal));
CREATE TABLE readings (id INTEGER PRIMARY KEY AUTOINCREMENT, segment_id INTEGER NOT NULL REFERENCES segments(id),
    reader TEXT NOT NULL, engine TEXT NOT NULL, start_s REAL, end_s REAL, text TEXT NOT NULL);
CREATE INDEX readings_by_segment ON readings(segment_id);
CREATE VIRTUAL TABLE words_fts USING fts5(words, tokenize = "{TOKENIZE}", prefix = '5');
CREATE VIRTUAL TABLE names_fts USING fts5(names, tokenize = "{TOKENIZE}", prefix = '2 3');
CREATE TABLE spaces (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, fingerprint TEXT NOT NULL,
    recorded TEXT NOT NULL, dimension INTEGER NOT NULL, views TEXT NOT NULL);
CREATE TABLE encoded (asset_id INTEGER NOT NULL REFERENCES assets(id), space_id INTEGER NOT NULL REFERENCES spaces(id),
    PRIMARY KEY (asset_id, space_id)) WITHOUT ROWID;
CREATE TABLE embeddings (id INTEGER PRIMARY KEY AUTOINCREMENT, segment_id INTEGER NOT NULL REFERENCES segments(id),
    space_id INTEGER NOT NULL REFERENCES spaces(id), view TEXT NOT NULL, part INTEGER NOT NULL, draw INTEGER NOT NULL,
    vector BLOB NOT NULL);
CREATE INDEX embeddings_by_segment ON embeddings(segment_id, space_id, view);
CREATE INDEX embeddings_by_draw ON embeddings(space_id, view, draw);
CREATE TABLE background (space_id INTEGER NOT NULL, view TEXT NOT NULL, draw INTEGER NOT NULL,
    embedding_id INTEGER NOT NULL, vector BLOB NOT NULL,
    PRIMARY KEY (space_id, view, draw, embedding_id)) WITHOUT ROWID;
CREATE TABLE generations (id INTEGER PRIMARY KEY AUTOINCREMENT, space_id INTEGER NOT NULL REFERENCES spaces(id),
    view TEXT NOT NULL, file TEXT NOT NULL, sha256 TEXT NOT NULL, shape TEXT NOT NULL, size INTEGER NOT NULL,
    last_embedding_id INTEGER NOT NULL, nprobe INTEGER, recall REAL, created REAL NOT NULL);
CREATE TABLE tombstones (generation_id INTEGER NOT NULL REFERENCES generations(id), embedding_id INTEGER NOT NULL,
    PRIMARY KEY (generation_id, embedding_id)) WITHOUT ROWID;
CREATE TABLE runs (id INTEGER PRIMARY KEY AUTOINCREMENT, command TEXT NOT NULL, started REAL NOT NULL, ended REAL,
    summary TEXT);
PRAGMA user_version = 1;
""".replace("{TOKENIZE}", TOKENIZE)
TABLES = (
    "meta",
    "roots",
    "files",
    "assets",
    "spans",
    "segments",
    "readings",
    "spaces",
    "encoded",
    "embeddings",
    "background",
    "generations",
    "tombstones",
    "runs",
)
NOW = {"readings": "recognized_text", "draw": "sampling_hash"}  # what the first schema calls otherwise
TO_SIXTH = (
    "DROP INDEX files_by_archive",
    "ALTER TABLE files DROP COLUMN archive_id",
    "ALTER TABLE files DROP COLUMN members",
    "PRAGMA user_version = 6",
)
TO_FIFTH = (*TO_SIXTH, "DROP TABLE token_vectors", "PRAGMA user_version = 5")
TO_FOURTH = (
    *TO_FIFTH,
    "CREATE TABLE kept AS SELECT rowid AS id, words FROM words_fts",
    "DROP TABLE words_fts",
    f"CREATE VIRTUAL TABLE words_fts USING fts5(words, tokenize = \"{TOKENIZE}\", prefix = '5')",
    "INSERT INTO words_fts (rowid, words) SELECT id, words FROM kept",
    "DROP TABLE kept",
    "DROP TABLE word_list",
    "DROP TABLE word_list_reversed",
    "PRAGMA user_version = 4",
)
TO_THIRD = (
    *TO_FOURTH,
    "ALTER TABLE fingerprints RENAME TO prints",
    "DROP INDEX recognized_text_by_segment",
    "ALTER TABLE recognized_text RENAME TO readings",
    "CREATE INDEX readings_by_segment ON readings(segment_id)",
    "DROP INDEX embeddings_by_sampling_hash",
    "ALTER TABLE embeddings RENAME COLUMN sampling_hash TO draw",
    "CREATE INDEX embeddings_by_draw ON embeddings(space_id, view, draw)",
    "ALTER TABLE background RENAME COLUMN sampling_hash TO draw",
    "PRAGMA user_version = 3",
)
KILLED = """
import os, signal, sqlite3, sys
from pathlib import Path
from mmsearch.store import catalogue, layout

class Dying(sqlite3.Connection):
    def __init__(self, *given, **options):
        super().__init__(*given, **options)
        self.set_trace_callback(self.die)

    def die(self, sql):
        if sql.lstrip().startswith(sys.argv[2]):
            os.kill(os.getpid(), signal.SIGKILL)

real = sqlite3.connect
catalogue.sqlite3.connect = lambda name, **options: real(name, factory=Dying, **options)
catalogue.open_writer(layout.IndexFolder(Path(sys.argv[1])))
"""


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    write(tmp_path / "docs/notes/harbour.txt", "A gull sat on the harbour wall at dawn.")
    photo(3).save(tmp_path / "docs/a.png")
    photo(3).save(tmp_path / "docs/b.jpg", quality=80)
    return tmp_path / "docs"


@pytest.fixture
def old(docs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An index of `docs` by the first schema, where nothing had prints."""
    use_word_model(monkeypatch.setattr)
    index = tmp_path / "index"
    run(index, docs)
    catalogue = IndexFolder(index).catalogue
    (tmp_path / "index" / "catalogue.sums").unlink()  # an earlier mmsearch wrote none
    with contextlib.closing(sqlite3.connect(tmp_path / "first.db", isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(FIRST)
        connection.execute("ATTACH ? AS new", (str(catalogue),))
        for table in TABLES:
            columns = ", ".join(
                NOW.get(row[1], row[1]) for row in connection.execute(f"PRAGMA main.table_info({table})")
            )
            connection.execute(f"INSERT INTO main.{table} SELECT {columns} FROM new.{NOW.get(table, table)}")
        for table, column in (("words_fts", "words"), ("names_fts", "names")):
            connection.execute(f"INSERT INTO main.{table} (rowid, {column}) SELECT rowid, {column} FROM new.{table}")
        connection.execute("DELETE FROM sqlite_sequence")
        connection.execute(
            "INSERT INTO sqlite_sequence SELECT replace(name, 'recognized_text', 'readings'), seq"
            " FROM new.sqlite_sequence WHERE name <> 'fingerprints'"
        )
    for beside in index.glob("catalogue.db-*"):
        beside.unlink()
    os.replace(tmp_path / "first.db", catalogue)
    return index


def test_an_index_of_the_second_schema_answers_the_same_and_keeps_its_rules(
    docs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_word_model(monkeypatch.setattr)
    index = tmp_path / "index"
    write(docs / ".hidden.txt", "A hidden gull.")
    run(index, docs, hidden=True)
    before = found(index, "gull")
    for sql in (
        *TO_THIRD,
        "INSERT INTO meta SELECT 'walk ' || id, '{\"hidden\": true, \"ignore_files\": true}' FROM roots",
        "ALTER TABLE roots DROP COLUMN rules",
        "ALTER TABLE files DROP COLUMN ctime_ns",
        "DROP TABLE mounts",
        "PRAGMA user_version = 2",
    ):
        change(index, sql)
    assert (found(index, "gull"), version(index)) == (before, 2)
    assert Index.open(index).status().rules == {os.fsencode(docs): FileRules(hidden=True)}
    assert counts(run(index)) == {"seen": 4, "unchanged": 4}
    assert (found(index, "gull"), version(index)) == (before, schema.SCHEMA_VERSION)
    assert Index.open(index).status().rules == {os.fsencode(docs): FileRules(hidden=True)}
    assert rows(index, "SELECT count(*) FROM meta WHERE key LIKE 'walk %'") == [(0,)]
    assert rows(index, "SELECT count(*) FROM files WHERE ctime_ns IS NULL") == [(0,)]
    fresh = tmp_path / "fresh"
    IndexFolder(fresh).create()
    open_writer(IndexFolder(fresh)).close()
    assert shape(index) == shape(fresh)
    assert broken(index, deep=True) == {}


def test_an_index_of_the_third_schema_answers_the_same_and_keeps_its_fingerprints(
    docs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_word_model(monkeypatch.setattr)
    index = tmp_path / "index"
    run(index, docs)
    texts = "INSERT INTO {} (segment_id, reader, engine, text) SELECT id, 'ocr', 'engine', 'a pier' FROM segments"
    change(index, texts.format("recognized_text"))
    kept = {
        "fingerprints": rows(index, "SELECT * FROM fingerprints ORDER BY id"),
        "recognized_text": rows(index, "SELECT * FROM recognized_text ORDER BY id"),
        "embeddings": rows(index, "SELECT * FROM embeddings ORDER BY id"),
        "background": rows(index, "SELECT * FROM background ORDER BY sampling_hash"),
    }
    assert all(kept.values())
    sums.seal(IndexFolder(index), None)
    before = broken(index)
    answers = (found(index, "gull"), Index.open(index).duplicates(), Index.open(index).status())
    for sql in TO_THIRD:
        change(index, sql)
    sums.seal(IndexFolder(index), None)  # as the earlier mmsearch left it
    opened = Index.open(index)
    notes = ("An earlier mmsearch wrote this index; the next `mmsearch index` brings it up to date.",)
    same = (opened.status().read, opened.status().stale, opened.status().notes)
    assert (version(index), same) == (3, (answers[2].read, 0, notes))
    assert (found(index, "gull"), opened.duplicates()) == answers[:2]
    assert broken(index) == before
    assert counts(run(index)) == {"seen": 3, "unchanged": 3}
    order = {"background": "sampling_hash"}
    assert {table: rows(index, f"SELECT * FROM {table} ORDER BY {order.get(table, 'id')}") for table in kept} == kept
    assert (version(index), Index.open(index).status().notes) == (schema.SCHEMA_VERSION, ())
    assert (found(index, "gull"), Index.open(index).duplicates()) == answers[:2]
    fresh = tmp_path / "fresh"
    IndexFolder(fresh).create()
    open_writer(IndexFolder(fresh)).close()
    assert shape(index) == shape(fresh)


def shape(index: Path) -> list[tuple[Any, ...]]:
    """The schema of a catalogue, past comments and line breaks."""
    found = rows(index, "SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'")
    return sorted((kind, name, re.sub(r'[\s()"]+', " ", re.sub(r"--.*", "", sql))) for kind, name, sql in found)


def version(index: Path) -> int:
    return int(rows(index, "PRAGMA user_version")[0][0])


def test_an_older_index_is_read_as_it_is(old: Path, capfd: pytest.CaptureFixture[str]) -> None:
    before = IndexFolder(old).catalogue.read_bytes()
    assert [os.path.basename(path) for path in found(old, "gull", names=False)] == [b"harbour.txt"]
    opened = Index.open(old)
    assert opened.duplicates() == []
    status = opened.status()
    assert status.stale == 3 and "An earlier mmsearch wrote this index" in status.notes[-1]
    assert command(["dupes", "--index", str(old)]) == 1
    assert capfd.readouterr().err.startswith("No copies.\nOf 3 stale files only copies with the same bytes are known")
    assert broken(old, deep=True) == {}
    assert (version(old), IndexFolder(old).catalogue.read_bytes()) == (1, before)


def test_the_next_run_migrates_and_a_refresh_makes_what_is_new(old: Path, docs: Path, tmp_path: Path) -> None:
    assert counts(run(old)) == {"seen": 3, "unchanged": 3}
    fresh = tmp_path / "fresh"
    IndexFolder(fresh).create()
    open_writer(IndexFolder(fresh)).close()
    assert shape(old) == shape(fresh)
    assert version(old) == version(fresh) == schema.SCHEMA_VERSION
    assert broken(old, deep=True) == {}
    assert holding(old, "gull") == ["notes/harbour.txt"]
    opened = Index.open(old)
    assert (opened.status().stale, opened.status().notes, opened.duplicates()) == (3, (), [])
    assert counts(run(old, refresh=True)) == {"seen": 3, "indexed": 3}
    assert counts(run(old, refresh=True)) == {"seen": 3, "unchanged": 3}
    (group,) = opened.duplicates()
    assert sorted(os.path.basename(copy.path) for copy in group.files) == [b"a.png", b"b.jpg"]
    assert (opened.status().stale, broken(old, deep=True)) == (0, {})
    assert [os.path.basename(path) for path in found(old, "gull", names=False)] == [b"harbour.txt"]


def test_a_moved_and_a_new_file_need_no_refresh(old: Path, docs: Path) -> None:
    (docs / "a.png").rename(docs / "c.png")
    write(docs / "new.txt", "A heron stood in the reeds.")
    assert counts(run(old)) == {"seen": 4, "unchanged": 2, "moved": 1, "indexed": 1, "removed": 1}
    assert Index.open(old).status().stale == 3


def test_a_reader_of_before_goes_on_while_a_run_migrates(old: Path) -> None:
    with contextlib.closing(open_reader(IndexFolder(old))) as reader:
        run(old)
        assert reader.execute("SELECT count(*) FROM fingerprints").fetchone() == (0,)
        assert reader.execute("SELECT count(*) FROM files").fetchone() == (3,)


@pytest.mark.parametrize(
    "place",
    [
        "CREATE TABLE prints",
        "ALTER TABLE embeddings",
        "CREATE TABLE token_vectors",
        "PRAGMA user_version = ",
        "COMMIT",
    ],
)
def test_a_kill_while_it_migrates_leaves_the_older_one_whole(old: Path, place: str) -> None:
    extractors = rows(old, "SELECT min(extractor) FROM assets")
    assert extractors > [(0,)], "the migration sets it to 0"
    process = subprocess.run([sys.executable, "-c", KILLED, str(old), place], capture_output=True, timeout=60)
    assert process.returncode == -9, process.stderr
    assert version(old) == 1
    assert rows(old, "SELECT count(*) FROM sqlite_master WHERE name = 'prints'") == [(0,)]
    assert rows(old, "SELECT count(*) FROM pragma_table_info('embeddings') WHERE name = 'draw'") == [(1,)]
    assert rows(old, "SELECT min(extractor) FROM assets") == extractors
    run(old)
    assert (version(old), broken(old, deep=True)) == (schema.SCHEMA_VERSION, {})


def test_a_newer_schema_is_refused_and_left_alone(old: Path) -> None:
    change(old, f"PRAGMA user_version = {schema.SCHEMA_VERSION + 1}")
    for opened in (open_reader, open_writer):
        with pytest.raises(NewerSchema, match=f"schema {schema.SCHEMA_VERSION + 1}"):
            opened(IndexFolder(old))
    assert rows(old, "SELECT count(*) FROM sqlite_master WHERE name = 'prints'") == [(0,)]


def test_an_index_of_the_fourth_schema_answers_the_same_and_then_knows_its_words(
    docs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_word_model(monkeypatch.setattr)
    write(docs / "code.txt", "Written in C++ by two gulls. Call +41 44 123 45 67.")
    index = tmp_path / "index"
    run(index, docs)
    listed = rows(index, "SELECT word FROM word_list ORDER BY word")
    held = rows(index, "SELECT rowid, words FROM words_fts ORDER BY rowid")
    known = {word for (word,) in listed}
    assert known >= {"gull", "gulls", "harbour"} and not known & {"41", "c", "41441234567"}
    for sql in TO_FOURTH:
        change(index, sql)
    change(index, "UPDATE words_fts SET words = 'written in c by two gulls' WHERE words LIKE '%gulls%'")
    sums.seal(IndexFolder(index), None)
    assert [os.path.basename(path) for path in found(index, "gull", names=False)][:1] == [b"harbour.txt"]
    assert version(index) == 4
    run(index)
    assert (version(index), broken(index, deep=True)) == (schema.SCHEMA_VERSION, {})
    assert rows(index, "SELECT word FROM word_list ORDER BY word") == listed
    assert rows(index, "SELECT rowid, words FROM words_fts ORDER BY rowid") == held
