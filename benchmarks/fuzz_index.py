"""A hostile index folder: any part of a small index is changed, replaced or made another type of file, and every
command is run on it."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import sys
from pathlib import Path

from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "helpers"))

import small_index

from benchmarks.fuzz_targets import fuzzed, harm, quick, scratch, small
from mmsearch.errors import MmsearchError
from mmsearch.index import Index
from mmsearch.query import Query
from mmsearch.store import sums
from mmsearch.store.layout import IndexFolder

VALUES = (
    "NULL",
    "-1",
    "0",
    "9223372036854775807",
    "1e308",
    "'../../canary'",
    "'[]'",
    "'{}'",
    "'[[[1]]]'",
    "x'ff00'",
    "x''",
    "zeroblob(5000)",
    "'\udcff'",
    "'null'",
    "x'2e2e2f63616e617279'",
)
KINDS = ("link", "dangling link", "hard link", "pipe", "folder")


@fuzzed(st.integers(0, 1 << 30), st.sampled_from(["value", "value", "value", "bytes", "kind", "schema"]))
def hostile_index(seed: int, how: str) -> None:
    """Every command ends with an answer or an mmsearch error and its exit code, and writes only in the index."""
    lots = random.Random(seed)
    place, canary = scratch() / "hostile" / "index", scratch() / "hostile" / "canary"
    shutil.rmtree(place.parent, ignore_errors=True)
    shutil.copytree(small(), place)
    canary.write_text("untouched")
    if how in ("value", "schema"):
        _change(place, lots, how)
        sums.seal(IndexFolder(place), None)
        if lots.random() < 0.5:  # as from an archive: its stat signature is another
            shutil.copytree(place, place.with_name("moved"))
            shutil.rmtree(place)
            place.with_name("moved").rename(place)
    else:
        part = lots.choice(sorted(one for one in place.iterdir() if one.is_file()))
        harm(lots, part, lots.choice(["flip", "cut", "zero"]), 9) if how == "bytes" else _replace(part, canary, lots)
    for work in (
        lambda: Index.open(place).status(),
        lambda: Index.open(place).search(Query("walrus otters", min_score=0.0)),
        lambda: Index.open(place).failed(),
        lambda: Index.open(place).duplicates(),
        lambda: Index.verify(place),
        lambda: small_index.run(place),
    ):
        try:
            with quick():
                work()
        except MmsearchError as error:
            assert error.exit_code in (2, 3, 5, 6) and error.sentence
    assert canary.read_text() == "untouched"
    assert sorted(os.listdir(place.parent)) == ["canary", "index"]


def _change(place: Path, lots: random.Random, how: str) -> None:
    connection = sqlite3.connect(place / "catalogue.db", isolation_level=None)
    try:
        connection.execute("PRAGMA writable_schema = ON")
        tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        table = lots.choice(["sqlite_master"] if how == "schema" else tables)
        columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
        if columns:
            column, value = lots.choice(columns), lots.choice(VALUES)
            where = lots.choice(["", f" WHERE rowid % 3 = {lots.randrange(3)}"])
            connection.execute(f"UPDATE {table} SET {column} = {value}{where}")
    except (sqlite3.Error, UnicodeError):  # a constraint is in the way
        connection.rollback()
    finally:
        connection.close()


def _replace(part: Path, canary: Path, lots: random.Random) -> None:
    part.unlink()
    kind = lots.choice(KINDS)
    if kind == "link":
        part.symlink_to(canary)
    elif kind == "dangling link":
        part.symlink_to(canary.with_name("made"))
    elif kind == "hard link":
        os.link(canary, part)
    elif kind == "pipe":
        os.mkfifo(part)
    else:
        part.mkdir()
