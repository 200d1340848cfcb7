"""The runs of an index: when each started and ended, and its record."""

from __future__ import annotations

import json
import sqlite3
import time
from dataclasses import asdict

from mmsearch.run_record import RunRecord


def begin_run(connection: sqlite3.Connection, command: str) -> int:
    """Note that a run has started; one that is killed stays without an end."""
    row = connection.execute("INSERT INTO runs (command, started) VALUES (?, ?)", (command, time.time()))
    return int(row.lastrowid or 0)


def end_run(connection: sqlite3.Connection, run: int, record: RunRecord) -> None:
    """Store the record of a run."""
    connection.execute(
        "UPDATE runs SET ended = ?, summary = ? WHERE id = ?", (time.time(), json.dumps(asdict(record)), run)
    )


def last_run(connection: sqlite3.Connection) -> tuple[float, float | None, dict[str, object]] | None:
    """When the last run started and ended (None: it was cut off or goes on), and its record."""
    row = connection.execute("SELECT started, ended, summary FROM runs ORDER BY id DESC LIMIT 1").fetchone()
    return None if row is None else (row[0], row[1], json.loads(row[2] or "{}"))
