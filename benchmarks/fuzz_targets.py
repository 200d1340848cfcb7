"""The fuzz targets: every parser of mmsearch, with the properties that must hold."""

from __future__ import annotations

import contextlib
import csv
import functools
import io
import json
import os
import random
import shutil
import socket
import struct
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "helpers"))  # the model of words

import small_index

from benchmarks.fuzz_inputs import (
    BODIES,
    CONFIG,
    FILTERS,
    FORMATS,
    HEADS,
    IGNORE,
    JSON,
    JUDGED,
    NAMES,
    PATHS,
    SUBTITLES,
    SUFFIXES,
    TEXTS,
    TYPED,
    WORDS,
)
from mmsearch import config
from mmsearch.cli import config_file, filter_options
from mmsearch.discovery.ignore import Globs, Rules
from mmsearch.errors import ExtractionError, FailureCode, MmsearchError, UsageError
from mmsearch.evaluation.judgements import read_queries
from mmsearch.extraction import serialization, wire, worker_tasks
from mmsearch.extraction.media.cues import parse_lrc
from mmsearch.extraction.media.frame_subtitles import parse_sub
from mmsearch.extraction.media.subtitles import cue_lines, parse_subtitles
from mmsearch.extraction.photos.raw_preview import embedded_jpegs
from mmsearch.index import Index
from mmsearch.index_status import FailedFile, FailedFileState
from mmsearch.output import formatting, records
from mmsearch.query import Hit, Query
from mmsearch.sniff import sniff
from mmsearch.types import Failure, Kind, Locator, Needs, Source

SLOW_S = 5.0  # processor seconds that no input of a few kilobytes may take


TARGETS: dict[str, tuple[Callable[..., None], tuple[st.SearchStrategy, ...]]] = {}  # by name: what holds, of what


def fuzzed(*inputs: st.SearchStrategy) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Make a function a target, with the inputs it is called with."""

    def note(target: Callable[..., None]) -> Callable[..., None]:
        TARGETS[target.__name__] = (target, inputs)
        return target

    return note


@contextlib.contextmanager
def quick() -> Iterator[None]:
    """Fail where an input takes long: a file that is not decoded in a worker must not stop a run."""
    began = time.thread_time()
    yield
    assert time.thread_time() - began < SLOW_S, "an input that takes for ever"


@functools.cache
def scratch() -> Path:
    """A folder for the files of this process."""
    folder = tempfile.TemporaryDirectory(prefix="mmsearch-fuzz-")
    scratch.keep = folder  # type: ignore[attr-defined]  # removed when the process ends
    return Path(folder.name)


@fuzzed(IGNORE, st.lists(PATHS, min_size=1, max_size=5))
def ignore_rules(text: str, paths: list[bytes]) -> None:
    """An ignore file with any content takes little time and fails no run; its result for a path is always the same."""
    (scratch() / ".gitignore").write_bytes(text.encode("utf-8", "surrogatepass"))
    with quick():
        rules = Rules().deeper(b"", os.fsencode(scratch()), [b".gitignore"])
        verdicts = [(rules.ignores(path, False), rules.ignores(path, True)) for path in paths]
        assert verdicts == [(rules.ignores(path, False), rules.ignores(path, True)) for path in paths]
        with contextlib.suppress(UsageError):
            globs = Globs.of(text.split("\n"), text.split("\n")[:1])
            for path in paths:
                globs.leaves_out_file(path), globs.leaves_out_folder(path)


@fuzzed(SUBTITLES)
def subtitles(data: str | bytes) -> None:
    """Any bytes are read without an error; cues have words, an end after their start, lines that exist and an order."""
    with quick():
        cues = parse_subtitles(data)
        assert all(0 <= cue.start_s <= cue.end_s < float("inf") and cue.text.strip() for cue in cues)
        assert cues == sorted(cues, key=lambda cue: (cue.start_s, cue.end_s))
        if isinstance(data, str):
            for each in cue_lines(data):
                assert 1 <= each.first <= each.last <= data.count("\n") + data.count("\r") + data.count("\f") + 1
            for cue in (*parse_lrc(data), *parse_sub(data, 0.0), *parse_sub(data, 23.976)):
                assert cue.start_s <= cue.end_s and cue.text


@fuzzed(st.sampled_from((b"II*\0", b"MM\0*", b"IIU\0", b"FUJIFILMCCD-RAW ")), st.binary(max_size=3000))
def raw_photos(start: bytes, data: bytes) -> None:
    """The pictures in a RAW file of any content are found quickly, and lie in it."""
    size = len(start + data)
    with quick():
        for side, length, at in embedded_jpegs(io.BytesIO(start + data), size):
            assert side > 0 and 0 <= length <= size - at


@functools.cache
def small() -> Path:
    """A small index with an ann file, which is queried and damaged."""
    small_index.use_word_model(setattr)
    docs = scratch() / "docs"
    for number in range(8):
        small_index.write(
            docs / f"note{number}.md", f"# Note {number}\n\nThe walrus and {number} otters AND a NEAR miss.\n"
        )
    small_index.write_pdf(docs / "report.pdf", "The first page", "The second page")
    small_index.write(docs / "ελληνικά 中文.txt", "ένα κείμενο 一段文字 with “quotes” and C++ -x a_b 12-34/5.\n")
    with patch("mmsearch.store.ann.REBUILD_ROWS", 10):
        small_index.run(scratch() / "index", docs)
    assert list((scratch() / "index").glob("ann-*.faiss"))
    return scratch() / "index"


@fuzzed(TYPED, FILTERS, st.integers(1, 30), st.booleans(), st.none() | st.floats(0, 1))
def queries(text: str, options: dict[str, Any], k: int, all_segments: bool, min_score: float | None) -> None:
    """Whatever is typed as a query or a filter is answered or refused in a sentence; hits pass the filter."""
    with quick():
        try:
            where = filter_options.build_filter(**options)
            answer = Index.open(small()).search(
                Query(text, k=k, where=where, all_segments=all_segments, min_score=min_score)
            )
        except UsageError as error:
            assert error.sentence and error.hint
            return
    assert len(answer.hits) <= k
    for hit in answer.hits:
        assert 0 <= hit.score <= 1 and os.path.exists(hit.path)
        assert not where.kinds or hit.kind in where.kinds
        assert where.min_bytes is None or os.stat(hit.path).st_size >= where.min_bytes
        assert where.max_bytes is None or os.stat(hit.path).st_size <= where.max_bytes


@fuzzed(st.lists(st.tuples(NAMES, WORDS, st.floats(0, 1), st.integers(1, 9) | st.none()), max_size=5), st.booleans())
def output(rows: list[tuple[Any, ...]], failed: bool) -> None:
    """JSON, JSON lines, CSV and path lists are read back as written, one record a line, no control characters."""
    if failed:
        made = [
            records.failed_record(FailedFile(path, FailedFileState.FAILED, Failure(FailureCode.CRASH, text)))
            for path, text, _, _ in rows
        ]
        columns: tuple[str, ...] = records.FAILED_COLUMNS
    else:
        hits = [
            Hit(rank, score, path, "text", "text", Locator(page=page), text, (), same=(path,))
            for rank, (path, text, score, page) in enumerate(rows, 1)
        ]
        made, columns = [records.hit_record(hit) for hit in hits], records.HIT_COLUMNS
    expected = json.loads(json.dumps(made))
    sent = b"".join(_captured(lambda: records.write_jsonl(made)))
    assert [json.loads(line) for line in sent.decode().splitlines()] == expected
    assert json.loads(b"".join(_captured(lambda: records.write_json(made)))) == expected
    assert not any(ord(letter) < 32 and letter != "\n" for letter in sent.decode())
    table = list(
        csv.reader(io.StringIO(b"".join(_captured(lambda: records.write_csv(made, columns))).decode(), newline=""))
    )
    assert [len(row) for row in table] == [len(columns)] * (len(made) + 1)
    paths = [path for path, *_ in rows]
    assert [records.path_record(path) for path in paths] == [
        {key: one[key] for key in ("path", "path_bytes", "archive") if key in one} for one in made
    ]
    told = b"".join(_captured(lambda: records.write_paths(paths, null=True)))
    assert told.split(b"\0")[:-1] == list(dict.fromkeys(paths))
    for path, text, _, _ in rows:
        for line in (formatting.display_path(path), formatting.one_line(text), formatting.escaped(text)):
            assert line.isprintable() or not any(ord(one) < 32 or 0x7F <= ord(one) < 0xA0 for one in line)
            line.encode("utf-8")


def _captured(work: Callable[[], None]) -> list[bytes]:
    sent: list[bytes] = []
    with patch.object(records, "write_stdout", sent.append), patch.object(records, "is_terminal", lambda _: False):
        work()
    return sent


FLAG, WHOLE, NUMBER, TEXT = (config_file.Type(name) for name in ("flag", "integer", "float", "text"))
KNOWN = {"index": {"ocr": TEXT, "no_ocr": FLAG}, "query": {"k": WHOLE, "min_score": NUMBER}}


@fuzzed(CONFIG)
def settings(content: str | bytes) -> None:
    """Any config file is read or refused in a sentence that names it."""
    path = scratch() / "config.toml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass"))
    with quick():
        try:
            loaded = config_file.parse_config(path, config_file.read_config(path, None), KNOWN)
        except UsageError as error:
            assert str(path) in error.sentence and error.hint
            return
    assert all(set(options) <= KNOWN[command].keys() for command, options in loaded.values.items())


@fuzzed(
    st.integers(0, 1 << 30),
    st.sampled_from(["flip", "cut", "zero", "swap", "grow", "gone", "other"]),
    st.integers(1, 40),
)
def damage(seed: int, how: str, times: int) -> None:
    """A damaged index answers, or raises an mmsearch error; it never crashes a program."""
    lots = random.Random(seed)
    place = scratch() / "damaged"
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(small(), place)
    harm(lots, lots.choice(sorted(one for one in place.iterdir() if one.is_file())), how, times)
    for work in (
        lambda: Index.verify(place, deep=True),
        lambda: Index.open(place).search(Query("walrus otters", min_score=0.0)),
        lambda: Index.open(place).search(Query("note 3 second page", where=filter_options.build_filter(["text"]))),
        lambda: Index.open(place).status(),
        lambda: Index.open(place).failed(),
        lambda: list(Index.update(place, None, config.Settings(ocr="never", dry_run=True))),
        lambda: Index.verify(place, repair=True, deep=True),
    ):
        try:
            work()
        except MmsearchError as error:
            assert error.exit_code in (3, 5, 6) and error.sentence, error


def harm(lots: random.Random, path: Path, how: str, times: int) -> None:
    """Change a file as failing disks and programs do."""
    data = bytearray(path.read_bytes())
    if how == "gone" or not data:
        path.unlink()
        return
    for _ in range(times):
        at = lots.randrange(len(data))
        if how == "flip":
            data[at] ^= 1 << lots.randrange(8)
        elif how == "zero":
            data[at : at + 512] = bytes(len(data[at : at + 512]))
        elif how == "swap":
            to = lots.randrange(len(data))
            data[at : at + 64], data[to : to + 64] = data[to : to + 64], data[at : at + 64]
    if how == "cut":
        del data[lots.randrange(len(data)) :]
    elif how == "grow":
        data += lots.randbytes(times * 100)
    elif how == "other":
        data = bytearray(lots.randbytes(lots.randrange(1, 5000)))
    path.write_bytes(data)


@fuzzed(BODIES, st.integers(0, 64), st.binary(max_size=64), JSON)
def worker_messages(body: bytes, announced: int, payload: bytes, reply: object) -> None:
    """What a worker sends is a message or is refused, and its segments are sound or are refused."""
    ours, theirs = socket.socketpair()
    with ours, theirs, quick():
        ours.sendall(struct.pack("<4sIQ", b"mms1", len(body), announced) + body + payload)
        ours.shutdown(socket.SHUT_WR)
        with contextlib.suppress(wire.WireError):
            header, arrays = wire.receive(theirs)
            assert isinstance(header, dict) and sum(array.nbytes for array in arrays) == announced
            json.dumps(header, allow_nan=False).encode()
    for load in (
        serialization.load_probe,
        serialization.load_failure,
        serialization.load_source,
        serialization.load_needs,
    ):
        with contextlib.suppress(wire.WireError):
            load(reply)
    with contextlib.suppress(wire.WireError):
        found = serialization.load_extracted(reply, [])
        assert len({one.segment.ordinal for one in found}) == len(found)
    if isinstance(reply, dict):
        with contextlib.suppress(ExtractionError):
            worker_tasks.parse_open_reply(reply, [])


@fuzzed(HEADS, st.binary(max_size=8), SUFFIXES)
def sniffing(head: bytes, stem: bytes, suffix: str) -> None:
    """Any first bytes under any name are of a kind or of none, and only nothing is empty."""
    with quick():
        kind, format_ = sniff(head, stem + suffix.encode("latin-1"))
    assert (kind is None or kind in Kind) and format_ and (format_ == "empty") == (not head)


@fuzzed(TEXTS, FORMATS)
def texts(content: str | bytes, format_: str) -> None:
    """Any text in any format is cut into passages whose lines exist, or is refused with a code of the list."""
    path = scratch() / "text"
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass"))
    facts = path.stat()
    source = Source(os.fsencode(path), Kind.TEXT, format_, (facts.st_size, facts.st_mtime_ns, facts.st_ino))
    lines = len(path.read_bytes().replace(b"\r", b"\n").replace(b"\x0c", b"\n").split(b"\n"))
    with quick():
        try:
            reply, arrays = worker_tasks.handle(worker_tasks.open_request(source, Needs()), [])
        except ExtractionError as error:
            assert error.code in set(FailureCode)
            return
        opened = worker_tasks.parse_open_reply(json.loads(json.dumps(reply)), arrays)
    assert opened.failure is None, opened.failure
    for one in opened.segments:
        place = one.segment.locator
        assert one.segment.text.strip()
        assert place.line_start is None or 1 <= place.line_start <= (place.line_end or 0) <= lines + 1


@fuzzed(JUDGED, st.binary(max_size=20))
def judgements(rows: list[Any], junk: bytes) -> None:
    """Any file of judged queries is read or refused in a sentence."""
    path = scratch() / "judged.jsonl"
    path.write_bytes("\n".join(json.dumps(row) for row in rows).encode() + (junk if junk[:1] == b"x" else b""))
    with quick(), contextlib.suppress(UsageError):
        for one in read_queries(path):
            assert one.qid and (one.text.strip() or one.image)
