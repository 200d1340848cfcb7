"""Whether the values in a catalogue are such as mmsearch writes: checked after an unexpected value, and by `verify`."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from mmsearch.types import Kind

_TYPES = {"TEXT": "'text'", "INTEGER": "'integer'", "REAL": "'real', 'integer'", "BLOB": "'blob'"}
_SIDE_TABLES = ("words_fts", "names_fts", "sqlite_")  # FTS5 checks its own
_RECOGNIZED = "id < 1 OR start_s < 0 OR abs(start_s) > 1e12 OR abs(end_s) > 1e12"
_LATEST = 253402300800  # the end of the year 9999, in seconds since 1970
_KINDS = ", ".join(f"'{kind}'" for kind in Kind)
_RULES = {  # what else a row must not be
    "files": f"kind NOT IN ({_KINDS})"
    " OR id < 1 OR root_id < 1 OR size < 0 OR instr(path, x'00') OR substr(path, 1, 1) = x'2f'"
    " OR path = x'2e2e' OR substr(path, 1, 3) = x'2e2e2f' OR instr(path, x'2f2e2e2f')"
    " OR json_valid(sidecars) = 0 OR json_type(sidecars) <> 'array'",
    "roots": "id < 1 OR relative NOT IN (0, 1) OR walked NOT IN (0, 1)"
    " OR instr(path, x'00') OR json_valid(forgotten) = 0 OR json_type(forgotten) <> 'array'"
    " OR EXISTS (SELECT 1 FROM json_each(forgotten) WHERE type <> 'text')"
    " OR (relative = 0 AND substr(path, 1, 1) <> x'2f')"
    " OR (relative <> 0 AND (substr(path, 1, 1) = x'2f' OR path = x'2e2e' OR substr(path, 1, 3) = x'2e2e2f'))",
    "assets": f"kind NOT IN ({_KINDS}) OR format GLOB '*[^a-z0-9_+.-]*'"
    " OR id < 1 OR json_valid(details) = 0 OR json_type(details) <> 'object' OR json_valid(readers) = 0"
    " OR json_type(details, '$.duration_s') NOT IN ('integer', 'real', 'null')"
    " OR json_type(details, '$.pages') NOT IN ('integer', 'null')"
    " OR json_type(details, '$.title') NOT IN ('text', 'null')"
    " OR json_type(details, '$.language') NOT IN ('text', 'null')"
    " OR json_type(details, '$.notes') NOT IN ('array', 'null')"
    " OR json_type(readers) <> 'object' OR spans < 0 OR spans > 100000000 OR attempts < 0"
    " OR state NOT IN ('pending', 'complete', 'partial', 'failed') OR visible NOT IN (0, 1)",
    "segments": "id < 1 OR ordinal < 0 OR page < 1 OR start_s < 0 OR end_s < start_s OR line_start < 1"
    " OR line_end < line_start OR abs(start_s) > 1e12 OR abs(end_s) > 1e12"
    " OR json_valid(details) = 0 OR json_type(details) <> 'object'"
    " OR json_type(details, '$.title') NOT IN ('text', 'null')"
    " OR json_type(details, '$.section') NOT IN ('text', 'null')"
    " OR json_type(details, '$.cues') NOT IN ('array', 'null')"
    " OR EXISTS (SELECT 1 FROM json_each(details, '$.cues') WHERE type <> 'array')",
    "recognized_text": _RECOGNIZED,
    "readings": _RECOGNIZED,  # its name before schema 4
    "spaces": "id < 1 OR dimension < 1 OR dimension > 65536 OR json_valid(fingerprint) = 0 OR json_valid(recorded) = 0"
    " OR EXISTS (SELECT 1 FROM json_tree(fingerprint) WHERE type = 'real' AND abs(value) > 1e300)"
    " OR json_type(fingerprint) <> 'object' OR json_type(recorded) <> 'object' OR json_valid(views) = 0"
    " OR json_type(views) <> 'array' OR (json_extract(recorded, '$.state') <> ''"
    " AND name NOT GLOB json_extract(recorded, '$.state') || ' *')",
    "embeddings": "id < 1 OR part < 0 OR length(vector) <> 2 * (SELECT dimension FROM spaces s WHERE s.id = space_id)",
    "token_vectors": "embedding_id < 1 OR length(vectors) < 7",
    "background": "length(vector) <> 2 * (SELECT dimension FROM spaces s WHERE s.id = space_id)",
    "generations": "id < 1 OR size < 0 OR last_embedding_id < 0 OR file NOT GLOB 'ann-[0-9]*-[a-z]*-[0-9]*.faiss'"
    " OR instr(file, '/') OR shape NOT IN ('flat', 'ivf') OR (shape = 'ivf' AND (nprobe < 1 OR nprobe IS NULL OR"
    " recall IS NULL))",
    **{f"{name}_fts_content": "typeof(id) <> 'integer' OR typeof(c0) <> 'text'" for name in ("words", "names")},
    **{f"{name}_fts_data": "typeof(block) <> 'blob'" for name in ("words", "names")},
    **{f"{name}_fts_docsize": "typeof(sz) <> 'blob'" for name in ("words", "names")},
    **{f"{name}_fts_config": "typeof(v) <> 'integer'" for name in ("words", "names")},
    "runs": f"started < 0 OR started >= {_LATEST} OR ended < 0 OR ended >= {_LATEST}"
    " OR EXISTS (SELECT 1 FROM json_each(summary) WHERE type = 'real' AND abs(value) > 1e15)"
    " OR summary IS NOT NULL AND (json_valid(summary) = 0 OR json_type(summary) <> 'object')",
}
_LATER = {  # of columns that an older catalogue lacks
    ("roots", "rules"): "json_valid(rules) = 0 OR json_type(rules) <> 'object'"
    " OR json_type(rules, '$.include') <> 'array' OR json_type(rules, '$.exclude') <> 'array'"
    " OR EXISTS (SELECT 1 FROM json_each(rules, '$.include') WHERE type <> 'text')"
    " OR EXISTS (SELECT 1 FROM json_each(rules, '$.exclude') WHERE type <> 'text')"
    " OR json_type(rules, '$.hidden') NOT IN ('true', 'false')"
    " OR json_type(rules, '$.ignore_files') NOT IN ('true', 'false')"
    " OR json_type(rules, '$.network') NOT IN ('true', 'false')"
    " OR json_type(rules, '$.archives') NOT IN ('true', 'false')"
    " OR json_type(rules, '$.max_bytes') NOT IN ('integer', 'null')",
    ("files", "members"): "members IS NOT NULL AND (json_valid(members) = 0 OR json_type(members) <> 'object'"
    " OR json_type(members, '$.rules') <> 'text' OR json_type(members, '$.excluded') <> 'object'"
    " OR EXISTS (SELECT 1 FROM json_each(members, '$.excluded') WHERE type <> 'integer' OR value < 0))",
}
SMALL = frozenset({"meta", "roots", "mounts", "spaces", "generations", "runs"})  # tables that cost nothing to check
READ = SMALL | {"files", "assets", "segments"}  # those whose values every command uses


def odd(connection: sqlite3.Connection, tables: frozenset[str] | None = None) -> Iterator[str]:
    """A sentence for each table with a row that no run has written; of these tables, or of all."""
    names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    for (table,) in names:
        if tables is not None and table not in tables:
            continue
        if table.startswith(_SIDE_TABLES) and table not in _RULES:
            continue
        wrong = [f"({_RULES[table]})"] if table in _RULES else []
        for column, kind, required in connection.execute(
            'SELECT name, type, "notnull" FROM pragma_table_info(?)', (table,)
        ):
            if (table, column) in _LATER:
                wrong.append(f"({_LATER[table, column]})")
            if kind in _TYPES:
                allowed = _TYPES[kind] + ("" if required else ", 'null'")
                wrong.append(f"typeof({column}) NOT IN ({allowed})")
        number = connection.execute(f"SELECT count(*) FROM {table} WHERE {' OR '.join(wrong)}").fetchone()[0]
        if number:
            yield f"{number} rows of {table} hold values that none can have."
