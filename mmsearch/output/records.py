"""Results as data: the JSON objects of every command, and jsonl, csv and path lists made of them.

A path is text in JSON, with U+FFFD for bytes that are no UTF-8; only then `path_bytes` holds it exactly, in base64.
`paths` and `-0` write exact bytes into a pipe or a file; on a terminal they escape control characters, as `ls` does.
"""

from __future__ import annotations

import base64
import json
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

from mmsearch.archive_paths import outermost
from mmsearch.index_status import FailedFile, Finding, SpeechStatus, Status
from mmsearch.output.formatting import escaped
from mmsearch.output.streams import is_terminal, write_stdout
from mmsearch.query import Answer, Hit, WhyNot
from mmsearch.run_record import RunRecord
from mmsearch.types import CopyGroup, KnownText, Locator

# Valid in JSON, but they may control a terminal or split a line for readers, and surrogates are no UTF-8.
_ESCAPED = re.compile("[\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")

_TO_QUOTE = re.compile('[,"\r\n]')


def path_record(path: bytes) -> dict[str, str]:
    """A path in JSON: `path`, and `path_bytes` where that is not exact; of a file in an archive `archive` is that."""
    archive = outermost(path)
    inside = {"archive": archive.decode("utf-8", "replace")} if archive else {}
    try:
        return {"path": path.decode("utf-8"), **inside}
    except UnicodeDecodeError:
        exact = base64.b64encode(path).decode("ascii")
        return {"path": path.decode("utf-8", "replace"), "path_bytes": exact, **inside}


def hit_record(hit: Hit, query: str | None = None) -> dict[str, Any]:
    """One hit, schema `mmsearch.hit/1`. `query` is present only where there were several queries."""
    return {
        "schema": "mmsearch.hit/1",
        **({} if query is None else {"query": query}),
        **path_record(hit.path),
        "kind": str(hit.kind),
        "view": str(hit.view),
        "rank": hit.rank,
        "score": hit.score,
        **place_record(hit.locator),
        "snippet": hit.snippet,
        "seen": list(hit.seen),
        "match": None if hit.match is None else str(hit.match),
        "signals": [asdict(signal) for signal in hit.signals],
        "same": [path_record(path) for path in hit.same],
        "more": [place_record(place) for place in hit.more],
        "thread": [{**path_record(one.path), **place_record(one.locator)} for one in hit.thread],
        "modified": _moment(hit.modified_s),
        "dated": _moment(hit.dated_s),
        "taken": hit.taken or None,
        "size": hit.size,
    }


def _moment(seconds: float | None) -> str | None:
    """A moment in ISO 8601, in UTC; None where there is none, or none that the calendar has."""
    try:
        return None if seconds is None else f"{datetime.fromtimestamp(int(seconds), UTC):%Y-%m-%dT%H:%M:%SZ}"
    except (ValueError, OverflowError, OSError):
        return None


def place_record(locator: Locator) -> dict[str, Any]:
    """A place in a file, with the fields of a hit."""
    return {name: getattr(locator, name) for name in ("section", "page", "start_s", "end_s", "line_start", "line_end")}


def answer_record(answer: Answer, query: str | None = None) -> dict[str, Any]:
    """One answer, schema `mmsearch.answer/1`."""
    return {
        "schema": "mmsearch.answer/1",
        **({} if query is None else {"query": query}),
        "hits": [hit_record(hit) for hit in answer.hits],
        "notes": list(answer.notes),
        "seconds": answer.seconds,
    }


def failed_record(file: FailedFile) -> dict[str, Any]:
    """One file that failed, schema `mmsearch.failed/1`."""
    failure = {"code": file.failure.code, "sentence": file.failure.sentence}
    return {"schema": "mmsearch.failed/1", **path_record(file.path), "state": file.state, **failure}


def group_record(group: CopyGroup) -> dict[str, Any]:
    """One group of copies, schema `mmsearch.group/1`."""
    files = [
        {**path_record(one.path), "kind": one.kind, "size": one.size, "content": one.content} for one in group.files
    ]
    return {"schema": "mmsearch.group/1", "exact": group.exact, "files": files}


def copy_rows(groups: Sequence[CopyGroup]) -> Iterator[dict[str, Any]]:
    """Groups as rows, one a file; groups are numbered from 1."""
    for number, group in enumerate(groups, 1):
        yield from ({"group": number, "exact": group.exact, **row} for row in group_record(group)["files"])


def why_not_record(one: WhyNot) -> dict[str, Any]:
    """Why a file is not among the hits of a query, schema `mmsearch.why-not/1`."""
    return {
        "schema": "mmsearch.why-not/1",
        **path_record(one.path),
        "code": one.code,
        "sentence": one.sentence,
        "hint": one.hint,
        "notes": list(one.notes),
        "pattern": one.pattern or None,
        "filters": list(one.filters),
        "copy_of": None if one.copy_of is None else path_record(one.copy_of),
        "rank": one.rank,
        "score": one.score,
        "signals": [asdict(signal) for signal in one.signals],
    }


def text_record(one: KnownText) -> dict[str, Any]:
    """The words of one place of a file, schema `mmsearch.text/1`."""
    return {
        "schema": "mmsearch.text/1",
        **place_record(one.locator),
        "origin": one.origin,
        "engine": one.engine,
        "language": one.language,
        "text": one.text,
    }


def finding_record(finding: Finding) -> dict[str, Any]:
    """One finding of `verify`, schema `mmsearch.finding/1`."""
    return {
        "schema": "mmsearch.finding/1",
        "promise": finding.invariant,
        "state": finding.state,
        "sentence": finding.sentence,
        "hint": finding.hint,
    }


def status_record(status: Status) -> dict[str, Any]:
    """The state of an index, schema `mmsearch.status/1`. `rules` has an object for each root, `forgotten` one for each
    path that `forget` took out."""
    return {
        "schema": "mmsearch.status/1",
        **asdict(replace(status, rules={}, forgotten={}, speech=SpeechStatus())),
        "roots": [path_record(path) for path in status.roots],
        "rules": [{**path_record(root), **asdict(rules)} for root, rules in status.rules.items()],
        "speech": {
            **asdict(replace(status.speech, recordings=())),
            "recordings": [
                {**asdict(one), "paths": [path_record(path) for path in one.paths]} for one in status.speech.recordings
            ],
        },
        "forgotten": [
            path_record(os.path.join(root, path)) for root, paths in status.forgotten.items() for path in paths
        ],
    }


def run_record(record: RunRecord) -> dict[str, Any]:
    """The record of a run, schema `mmsearch.run/1`."""
    return {"schema": "mmsearch.run/1", **asdict(record)}


def to_json(value: Any, indent: int | None = None) -> str:
    """JSON text with letters of every script as they are; characters that could control a terminal or end a line are
    escaped."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, indent=indent, default=_plain)
    return _ESCAPED.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} has no place in JSON")


def write_json(value: Any) -> None:
    """One JSON document on stdout."""
    write_stdout(to_json(value, indent=2).encode() + b"\n")


def write_jsonl(records: Iterable[Mapping[str, Any]]) -> None:
    """One JSON object a line on stdout."""
    write_stdout(b"".join(to_json(record).encode() + b"\n" for record in records))


def write_csv(records: Sequence[Mapping[str, Any]], columns: Sequence[str], header: bool = True) -> None:
    """A table on stdout for spreadsheets: comma, quotes where needed, LF line ends, a header; nested values as JSON."""
    clean = escaped if is_terminal(sys.stdout) else _without_surrogates
    rows = [[clean(_cell(record.get(column))) for column in columns] for record in records]
    write_stdout(
        "".join(",".join(map(_quoted, row)) + "\n" for row in ([list(columns)] if header else []) + rows).encode()
    )


def _quoted(cell: str) -> str:
    """A cell of CSV. The standard library's writer leaves a carriage return bare, where readers end the row."""
    return '"' + cell.replace('"', '""') + '"' if _TO_QUOTE.search(cell) else cell


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else to_json(value)


def _without_surrogates(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def write_paths(paths: Iterable[bytes], null: bool) -> None:
    """Each path once, in order: exact bytes and a line feed, or with `null` a NUL, which no path can contain."""
    unique = dict.fromkeys(paths)
    if null:
        write_stdout(b"".join(path + b"\0" for path in unique))
    elif is_terminal(sys.stdout):
        write_stdout(b"".join(escaped(path.decode("utf-8", "surrogateescape")).encode() + b"\n" for path in unique))
    else:
        write_stdout(b"".join(path + b"\n" for path in unique))


HIT_COLUMNS = tuple(
    "path path_bytes kind view rank score page start_s end_s line_start line_end snippet match modified size"
    " section".split()
)
COPY_COLUMNS = ("group", "exact", "path", "path_bytes", "kind", "size", "content")
FAILED_COLUMNS = ("path", "path_bytes", "state", "code", "sentence")
