"""The catalogue's tables, and the steps from one schema version to the next.

The order of writes that everything rests on:

must (or something is lost)
  1. A segment, its words and its embeddings enter in one transaction, and with them the mark that their span is done.
  2. A changed file's new asset takes the old one's place in one transaction, when it is complete.
  3. Ids are never used twice (AUTOINCREMENT): an older FAISS file would answer with another segment for them.
should (or something is rebuilt)
  4. An ann file is complete, synced and named before a `generations` row refers to it.
  5. `background` and the two FTS tables agree with the tables they are made from.
"""

from __future__ import annotations

import re
import sqlite3

from mmsearch.errors import NewerSchema
from mmsearch.store.tokenization import TOKENIZE
from mmsearch.store.words import list_vocabularies, write_words

SCHEMA_VERSION = 7

_FINGERPRINTS = """CREATE TABLE fingerprints ( -- by which copies are known (see extraction/fingerprints.py)
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    asset_id INTEGER NOT NULL REFERENCES assets(id),
    form TEXT NOT NULL,                 -- look, frame, sound, words
    at REAL NOT NULL,                   -- page, second, or span
    key BLOB NOT NULL,                  -- before the body, so that reading keys alone reads no bodies
    body BLOB NOT NULL,
    UNIQUE (asset_id, form, at)
);
"""
_MOUNTS = """CREATE TABLE mounts (      -- folders of a root that were mount points when last seen, or on another device
    root_id INTEGER NOT NULL REFERENCES roots(id) ON DELETE CASCADE,
    path BLOB NOT NULL,                 -- relative to the root
    device INTEGER NOT NULL,            -- st_dev: a file system that is not mounted any more shows here
    PRIMARY KEY (root_id, path)
) WITHOUT ROWID;
"""
_TOKEN_VECTORS = """CREATE TABLE token_vectors ( -- of a late-interaction space (see `token_vectors`)
    embedding_id INTEGER PRIMARY KEY REFERENCES embeddings(id) ON DELETE CASCADE, -- the first of a part's embeddings
    vectors BLOB NOT NULL
);
"""

_WORDS = f"""CREATE VIRTUAL TABLE words_fts USING fts5(words, tokenize = "{TOKENIZE}");
CREATE TABLE word_list (                -- the distinct words of both word tables that may have other forms
    word TEXT NOT NULL PRIMARY KEY
) WITHOUT ROWID;
CREATE TABLE word_list_reversed (       -- the longer ones from their last letter to their first, by which compounds
    reversed TEXT NOT NULL PRIMARY KEY  -- are found
) WITHOUT ROWID;
"""
# The word table of versions 1 to 4 found words by their first five letters.
_OLD_WORDS = f"""CREATE VIRTUAL TABLE words_fts USING fts5(words, tokenize = "{TOKENIZE}", prefix = '5');
"""

_FILES_7 = """archive_id INTEGER REFERENCES files(id), -- of a file in an archive: the archive on disk
    members TEXT,                       -- of an archive whose files are indexed: by which rules, and what is left out
    """
_MEMBERS = "CREATE INDEX files_by_archive ON files(archive_id) WHERE archive_id IS NOT NULL;\n"
_TABLES = f"""
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE roots (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    path BLOB NOT NULL UNIQUE,          -- as stored: absolute, or relative to the index folder (see `relative`)
    relative INTEGER NOT NULL,          -- 1: `path` is relative to the folder that holds the index folder
    walked INTEGER NOT NULL,            -- 1: a folder to walk; 0: holds single files that were named one by one
    forgotten TEXT NOT NULL DEFAULT '[]', -- paths in it that `forget` took out, as JSON
    device INTEGER NOT NULL,            -- st_dev when last seen: a file system that is not mounted shows here
    rules TEXT NOT NULL DEFAULT '{{}}'    -- which of its files the index covers, as JSON (see `FileRules`)
);

{_MOUNTS}

CREATE TABLE files (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    root_id INTEGER NOT NULL REFERENCES roots(id),
    path BLOB NOT NULL,                 -- relative to the root; empty where the root is the file itself
    size INTEGER NOT NULL,              -- this and the next two as `filestat.stat_values` maps them
    mtime_ns INTEGER NOT NULL,
    inode INTEGER NOT NULL,
    kind TEXT,                          -- null: of no kind of ours
    format TEXT NOT NULL,
    sidecars TEXT NOT NULL,             -- name, size and mtime_ns of each, as JSON
    asset_id INTEGER REFERENCES assets(id),       -- what searches see
    next_asset_id INTEGER REFERENCES assets(id),  -- what takes its place when complete
    code TEXT,                          -- why there is no asset: a failure code, or 'skipped'
    reason TEXT,
    ctime_ns INTEGER,                   -- the newest change time, of the file and its sidecars; null: not seen yet
    {_FILES_7}UNIQUE (root_id, path)
);
CREATE INDEX files_by_asset ON files(asset_id);
CREATE INDEX files_by_next_asset ON files(next_asset_id) WHERE next_asset_id IS NOT NULL;
CREATE INDEX files_by_code ON files(code) WHERE code IS NOT NULL;
{_MEMBERS}
CREATE TABLE assets (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL UNIQUE,           -- hash of the bytes, the format, the sidecars and the extractor version
    kind TEXT NOT NULL,
    format TEXT NOT NULL,
    extractor INTEGER NOT NULL,         -- version; 0: the first one's, before it made fingerprints
    state TEXT NOT NULL,                -- pending, complete, partial, failed
    visible INTEGER NOT NULL,           -- 1: a file shows it; its words are in words_fts
    attempts INTEGER NOT NULL DEFAULT 0,
    code TEXT,
    reason TEXT,
    spans INTEGER,                      -- how many there are; null until probed
    readers TEXT NOT NULL DEFAULT '{{}}', -- engine by reader ('ocr', 'speech') as JSON: what has been read
    details TEXT NOT NULL DEFAULT '{{}}'  -- title, duration_s, pages, tags, notes ... as JSON
);
CREATE INDEX assets_by_state ON assets(state) WHERE state <> 'complete';
CREATE INDEX assets_hidden ON assets(visible) WHERE visible = 0;

CREATE TABLE spans (                    -- the spans of an asset that are done with
    asset_id INTEGER NOT NULL REFERENCES assets(id),
    span INTEGER NOT NULL,
    code TEXT,                          -- null: committed; else why this part is missing
    reason TEXT,
    PRIMARY KEY (asset_id, span)
) WITHOUT ROWID;

CREATE TABLE segments (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    asset_id INTEGER NOT NULL REFERENCES assets(id),
    ordinal INTEGER NOT NULL,
    page INTEGER, start_s REAL, end_s REAL, line_start INTEGER, line_end INTEGER,
    text TEXT NOT NULL,
    details TEXT NOT NULL,              -- cues, title, key_s ... as JSON
    UNIQUE (asset_id, ordinal)
);

CREATE TABLE recognized_text (          -- words recognized in pictures and sound
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    segment_id INTEGER NOT NULL REFERENCES segments(id),
    reader TEXT NOT NULL,               -- ocr, speech
    engine TEXT NOT NULL,
    start_s REAL, end_s REAL,
    text TEXT NOT NULL
);
CREATE INDEX recognized_text_by_segment ON recognized_text(segment_id);

{_FINGERPRINTS}
{_WORDS}CREATE VIRTUAL TABLE names_fts USING fts5(names, tokenize = "{TOKENIZE}", prefix = '2 3');

CREATE TABLE spaces (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,          -- as the user named the model
    fingerprint TEXT NOT NULL,          -- per view, as JSON; must match
    recorded TEXT NOT NULL,             -- dtype, library versions, as JSON; need not match
    dimension INTEGER NOT NULL,
    views TEXT NOT NULL                 -- JSON list
);

CREATE TABLE encoded (                  -- the assets that are wholly encoded in a space
    asset_id INTEGER NOT NULL REFERENCES assets(id),
    space_id INTEGER NOT NULL REFERENCES spaces(id),
    PRIMARY KEY (asset_id, space_id)
) WITHOUT ROWID;

CREATE TABLE embeddings (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    segment_id INTEGER NOT NULL REFERENCES segments(id),
    space_id INTEGER NOT NULL REFERENCES spaces(id),
    view TEXT NOT NULL,
    part INTEGER NOT NULL,
    sampling_hash INTEGER NOT NULL,     -- of asset key, ordinal, view and part: the smallest are the background
    vector BLOB NOT NULL                -- float16, unit length
);
CREATE INDEX embeddings_by_segment ON embeddings(segment_id, space_id, view);
CREATE INDEX embeddings_by_sampling_hash ON embeddings(space_id, view, sampling_hash);

{_TOKEN_VECTORS}
CREATE TABLE background (               -- the embeddings with the smallest hashes, copied for one quick read
    space_id INTEGER NOT NULL,
    view TEXT NOT NULL,
    sampling_hash INTEGER NOT NULL,
    embedding_id INTEGER NOT NULL,
    vector BLOB NOT NULL,
    PRIMARY KEY (space_id, view, sampling_hash, embedding_id)
) WITHOUT ROWID;

CREATE TABLE generations (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    space_id INTEGER NOT NULL REFERENCES spaces(id),
    view TEXT NOT NULL,
    file TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    shape TEXT NOT NULL,                -- flat, ivf
    size INTEGER NOT NULL,              -- vectors in it
    last_embedding_id INTEGER NOT NULL, -- later rows are not in it
    nprobe INTEGER, recall REAL,        -- as measured when it was built
    created REAL NOT NULL
);

CREATE TABLE tombstones (               -- embeddings that an ann file still holds and the catalogue does not
    generation_id INTEGER NOT NULL REFERENCES generations(id),
    embedding_id INTEGER NOT NULL,
    PRIMARY KEY (generation_id, embedding_id)
) WITHOUT ROWID;

CREATE TABLE runs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    command TEXT NOT NULL,
    started REAL NOT NULL,
    ended REAL,                         -- null: still running, or killed
    summary TEXT                        -- the run record, as JSON
);
"""


# What versions 1 to 3 call what has another name since version 4.
_OLD_NAMES = {
    "fingerprints": "prints",
    "recognized_text": "readings",
    "recognized_text_by_segment": "readings_by_segment",
    "embeddings_by_sampling_hash": "embeddings_by_draw",
    "sampling_hash": "draw",
}


def _with_old_names(sql: str) -> str:
    return re.sub(r"\w+", lambda word: _OLD_NAMES.get(word[0], word[0]), sql)


# What leads to each version from the one before. What was extracted before there were fingerprints is stale.
# Files without a change time were last inspected by a run that is over: `CTIMES_SINCE` is when the last one began.
CTIMES_SINCE = "ctimes since"
_STEPS = {
    2: _with_old_names(_FINGERPRINTS) + "UPDATE assets SET extractor = 0 WHERE id IN (SELECT asset_id FROM segments);",
    3: f"""
    ALTER TABLE files ADD COLUMN ctime_ns INTEGER;
    ALTER TABLE roots ADD COLUMN rules TEXT NOT NULL DEFAULT '{{}}';
    UPDATE roots SET rules = coalesce((SELECT value FROM meta WHERE key = 'walk ' || roots.id), '{{}}');
    DELETE FROM meta WHERE key LIKE 'walk %';
    INSERT INTO meta SELECT '{CTIMES_SINCE}', started FROM runs WHERE ended IS NOT NULL ORDER BY started DESC LIMIT 1;
    {_MOUNTS}""",
    4: """
    ALTER TABLE prints RENAME TO fingerprints;
    DROP INDEX readings_by_segment;
    ALTER TABLE readings RENAME TO recognized_text;
    CREATE INDEX recognized_text_by_segment ON recognized_text(segment_id);
    DROP INDEX embeddings_by_draw;
    ALTER TABLE embeddings RENAME COLUMN draw TO sampling_hash;
    CREATE INDEX embeddings_by_sampling_hash ON embeddings(space_id, view, sampling_hash);
    ALTER TABLE background RENAME COLUMN draw TO sampling_hash;
    """,
    5: f"DROP TABLE words_fts; {_WORDS}",
    6: _TOKEN_VECTORS,
    7: "ALTER TABLE files ADD COLUMN archive_id INTEGER REFERENCES files(id);"
    f" ALTER TABLE files ADD COLUMN members TEXT; {_MEMBERS}",
}


def tables(version: int = SCHEMA_VERSION) -> str:
    """The SQL that makes all tables of a schema version, with the columns that later versions added."""
    older = _TABLES.replace(_FILES_7, "").replace(_MEMBERS, "") if version < 7 else _TABLES
    older = older.replace(_TOKEN_VECTORS, "") if version < 6 else older
    older = older.replace(_WORDS, _OLD_WORDS) if version < 5 else older
    return older if version >= 4 else _with_old_names(older)


def create(connection: sqlite3.Connection) -> None:
    """Make all tables in one transaction. The connection is in autocommit mode and the database empty."""
    connection.executescript(f"BEGIN IMMEDIATE; {_TABLES} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;")


def migrate(connection: sqlite3.Connection) -> None:
    """Bring an older catalogue up to date, in one transaction. The caller holds the writer lock, and the connection is
    in autocommit mode."""
    before = _version(connection)
    steps = [sql for version, sql in _STEPS.items() if version > before]
    if steps:
        connection.executescript(f"BEGIN IMMEDIATE; {' '.join(steps)}")
        try:  # by single statements: another script would commit first
            if before < 5:
                _fill_words(connection)
            connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def _fill_words(connection: sqlite3.Connection) -> None:
    """Write the word table, which a step has made anew, and the list of words."""
    rows = connection.execute("SELECT s.id FROM segments s JOIN assets a ON a.id = s.asset_id WHERE a.visible = 1")
    write_words(connection, [row[0] for row in rows.fetchall()])
    list_vocabularies(connection)


def stand_in(connection: sqlite3.Connection) -> None:
    """Let a reader of an older catalogue see the newest schema: what has another name there as views, what it lacks as
    empty tables, for this connection only."""
    version = _version(connection)
    if version < 2:
        # without AUTOINCREMENT: the counters of temporary tables would hide the catalogue's
        connection.execute("CREATE TEMP TABLE fingerprints (id, asset_id, form, at, key, body)")
    elif version < 4:
        connection.execute("CREATE TEMP VIEW fingerprints AS SELECT * FROM main.prints")
    if version < 7:
        connection.execute("CREATE TEMP VIEW files AS SELECT *, NULL AS archive_id, NULL AS members FROM main.files")
    if version < 3:
        connection.execute(
            "CREATE TEMP VIEW roots AS SELECT *, coalesce((SELECT value FROM main.meta WHERE key = 'walk ' || r.id),"
            " '{}') AS rules FROM main.roots r"
        )
    if version < 5:
        connection.execute("CREATE VIRTUAL TABLE temp.old_words USING fts5vocab(main, words_fts, row)")
        connection.execute("CREATE TEMP VIEW word_list AS SELECT term AS word FROM temp.old_words")
        connection.execute("CREATE TEMP TABLE word_list_reversed (reversed TEXT)")
    if version < 6:
        connection.execute("CREATE TEMP TABLE token_vectors (embedding_id INTEGER PRIMARY KEY, vectors)")
    if version < 4:
        connection.execute("CREATE TEMP VIEW recognized_text AS SELECT * FROM main.readings")
        for table in ("embeddings", "background"):
            connection.execute(f"CREATE TEMP VIEW {table} AS SELECT *, draw AS sampling_hash FROM main.{table}")


def check_version(connection: sqlite3.Connection) -> int:
    """The schema version of an open catalogue, which may be older. Raises `NewerSchema` for one that this program does
    not know."""
    version = _version(connection)
    if version > SCHEMA_VERSION:
        raise NewerSchema(
            f"This index was written by a newer mmsearch (schema {version}; this one knows {SCHEMA_VERSION}).",
            "Update mmsearch, or build another index with --index.",
        )
    return version


def has_fingerprints(connection: sqlite3.Connection) -> bool:
    """Whether the version that wrote this catalogue made fingerprints."""
    return _version(connection) >= 2


def is_older(connection: sqlite3.Connection) -> bool:
    """Whether the next writer will migrate this catalogue."""
    return _version(connection) < SCHEMA_VERSION


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])
