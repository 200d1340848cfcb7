"""Bytes without checksums, and commits that went with the log: told by every command, and never taken for right."""

import json
import os
import shutil
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from small_index import broken, change, contents, events, rows, run, write

from mmsearch import trust
from mmsearch.cli.run_update import exit_code
from mmsearch.errors import DamagedIndex, UsageError
from mmsearch.index import Index
from mmsearch.indexing.adoption import adopt
from mmsearch.query import Query
from mmsearch.run_record import Finished, Remark
from mmsearch.store import sums, writing
from mmsearch.store.layout import IndexFolder
from mmsearch.store.verify import BYTES, COMMITS

WORDS = "The word table says what the segments say"
SAMPLE = "The background sample holds the smallest hashes"


pytestmark = pytest.mark.usefixtures("word_model")


@pytest.fixture
def index(foreign_index: Path) -> Path:
    return foreign_index


def said_notes(index: Path) -> list[tuple[str, ...]]:
    """Those of a query, of `status` and of `text`."""
    with Index.open(index) as opened:
        return [opened.search(Query("walrus")).notes, opened.status().notes, tuple(opened.doubts())]


def other_text(index: Path) -> None:
    change(index, "UPDATE segments SET text = replace(text, 'walrus', 'wolrus') WHERE id = 2")


def other_vector(index: Path) -> None:
    vector = np.zeros(384, np.float16)
    vector[7] = 1
    change(index, f"UPDATE embeddings SET vector = x'{vector.tobytes().hex()}' WHERE id = 2")


@pytest.mark.parametrize(
    ("harm", "invariant", "said"),
    [
        (other_text, WORDS, "The text of 1 segments and the word table differ: one of them is damaged"),
        (other_vector, SAMPLE, "The embeddings and the background sample differ: one of them is damaged"),
    ],
)
def test_rows_that_differ_from_their_copy_are_damage_where_no_checksum_tells_which_is_right(
    index: Path, harm: Callable[[Path], object], invariant: str, said: str
) -> None:
    harm(index)
    copies = "SELECT rowid, words FROM words_fts", "SELECT embedding_id, vector FROM background"
    before = [rows(index, sql) for sql in copies]
    for repair in (False, True):
        found = {one.invariant: one for one in Index.verify(index, deep=True, repair=repair)}
        assert (found[invariant].state, found[BYTES].state) == ("broken", "unchecked")
        assert said in found[invariant].sentence
    assert broken(index, repair=True)[invariant] == "broken"  # also without --deep
    with pytest.raises(DamagedIndex, match=said):
        run(index)
    assert [rows(index, sql) for sql in copies] == before
    assert not (index / "catalogue.sums").exists()


def test_an_index_without_checksums_reports_it_and_is_checked_and_summed_by_the_next_run(index: Path) -> None:
    (index / "catalogue.sums").unlink()
    for one in said_notes(index):
        assert any("can't be checked: it has no checksums" in note for note in one)
    first = Index.verify(index)[0]
    assert (first.invariant, first.state, "no checksums" in first.sentence) == (BYTES, "unchecked", True)
    assert run(index).notes == []
    assert Index.verify(index)[0].state == "ok"
    assert not any("checksums" in note for one in said_notes(index) for note in one)


def test_damage_in_an_index_without_runs_and_checksums_is_not_a_new_index(index: Path) -> None:
    other_text(index)
    change(index, "DELETE FROM runs")
    with pytest.raises(DamagedIndex, match="differ"):
        run(index)


def killed(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave an index as a run leaves it that is killed before it moves its log into the catalogue."""
    copy, close = index.with_name("copy"), writing._close

    def copied(folder: IndexFolder, writer: writing.Writer) -> None:
        if not copy.exists():
            shutil.copytree(folder.path, copy)
        close(folder, writer)

    monkeypatch.setattr(writing, "_close", copied)
    write(index.parent / "docs" / "late.md", "A late note about the walrus.\n")
    run(index, index.parent / "docs")
    shutil.rmtree(index)
    copy.rename(index)


def cut(log: Path) -> None:
    os.truncate(log, log.stat().st_size // 2)


def zero_head(log: Path) -> None:
    log.write_bytes(bytes(32) + log.read_bytes()[32:])


def flip(log: Path) -> None:
    data = bytearray(log.read_bytes())
    data[len(data) // 2] ^= 4
    log.write_bytes(data)


@pytest.mark.parametrize("harm", [Path.unlink, cut, zero_head, flip])
def test_commits_that_went_with_the_log_are_told_and_done_again(
    index: Path, monkeypatch: pytest.MonkeyPatch, harm: Callable[[Path], object]
) -> None:
    killed(index, monkeypatch)
    harm(index / "catalogue.db-wal")
    (index / "catalogue.db-shm").unlink(missing_ok=True)
    shutil.copytree(index, index.with_name("other"))
    for one in said_notes(index):
        assert any("commits are lost" in note for note in one)
    assert broken(index.with_name("other"))[COMMITS] == "broken"
    told = list(events(index))
    assert any("commits are lost" in event.sentence for event in told if isinstance(event, Remark))
    record = next(event.record for event in told if isinstance(event, Finished))
    assert record.lost_commits > 0 and exit_code(record, 130) == 5
    assert rows(index, "SELECT path FROM files WHERE path = CAST('late.md' AS BLOB) AND asset_id IS NOT NULL")
    assert run(index).notes == [] and broken(index, deep=True) == {}


def test_a_log_that_is_whole_loses_no_commit(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    killed(index, monkeypatch)
    assert not any("lost" in note for one in said_notes(index) for note in one)
    assert COMMITS not in broken(index)
    before = contents(index)
    assert run(index).notes == []
    assert contents(index) == before


def crafted(index: Path, **found: object) -> None:
    """A file of sums with a checksum that is right."""
    text = (index / "catalogue.sums").read_bytes().split(b"\n")[0].rpartition(b" ")[0]
    line = json.dumps(json.loads(text) | found).encode()
    (index / "catalogue.sums").write_bytes(b"%s %08x\n" % (line, zlib.crc32(line)))


@pytest.mark.parametrize(
    "found",
    [
        {"catalogue": [float("inf"), 0, 0, 0]},
        {"catalogue": [1, 2, 3]},
        {"catalogue": ["1", 2, 3, 4]},
        {"catalogue": [10**400, 2, 3, 4]},
        {"catalogue": "abcd"},
        {"blocks": "aabbcc"},
        {"blocks": "a"},
        {"blocks": 7},
        {"files": [1]},
        {"files": {"ann": [float("nan"), 1, 1, 1]}},
        {"commits": float("inf")},
        {"commits": -1},
        {"commits": True},
        {"format": 9},
    ],
)
def test_sums_that_no_run_has_written_are_bad_sums(index: Path, found: dict[str, object]) -> None:
    crafted(index, **found)
    with pytest.raises(sums.BadSums):
        sums.read(IndexFolder(index))
    assert any("checksums of the catalogue are damaged" in note for note in said_notes(index)[0])
    assert Index.verify(index)[0].state == "derived"
    assert any("checksums" in note for note in run(index).notes)
    assert Index.verify(index)[0].state == "ok"


@pytest.mark.parametrize("line", [{"open": [-3]}, {"open": [float("inf")]}, {"open": ["a"]}, {"open": 5}, [], {"x": 1}])
def test_a_line_of_open_blocks_that_makes_no_sense_leaves_all_unchecked(index: Path, line: object) -> None:
    text = json.dumps(line).encode()
    with (index / "catalogue.sums").open("ab") as file:
        file.write(b"%s %08x\n" % (text, zlib.crc32(text)))
    assert sums.why_unchecked(IndexFolder(index))
    assert run(index).notes == []
    assert sums.why_unchecked(IndexFolder(index)) == ""


VALUES = [
    "roots SET rules = '{\"max_bytes\": 1e999}'",
    "roots SET rules = '{\"include\": [null]}'",
    "roots SET rules = '[]'",
    "roots SET device = 'abc'",
    "roots SET forgotten = '{\"a\": 1}'",
    "roots SET walked = 'x'",
    "roots SET walked = 7",
    "runs SET started = 1e300",
    "runs SET ended = -1e20",
    "runs SET summary = '[]'",
    "runs SET summary = '{\"unchanged\": 1e999}'",
    "spaces SET fingerprint = json_set(fingerprint, '$.text.x', json('1e999'))",
    "segments SET start_s = 1e999",
    "assets SET state = 'zz'",
    "assets SET kind = '<b>'",
    "assets SET format = char(27) || '[31m'",
    "files SET kind = 'zz'",
    "files SET path = CAST('../../secret.txt' AS BLOB) WHERE id = 1",
]


@pytest.mark.parametrize("value", VALUES)
def test_a_value_that_no_run_writes_is_the_same_damage_to_every_command(index: Path, value: str) -> None:
    change(index, f"UPDATE {value}")
    table = value.split(" ")[0]
    commands: dict[str, Callable[[], object]] = {
        "query": lambda: Index.open(index).search(Query("walrus")),
        "status": lambda: Index.open(index).status(),
        "failed": lambda: Index.open(index).failed(),
        "dupes": lambda: Index.open(index).duplicates(),
        "index": lambda: run(index),
        "dry run": lambda: run(index, dry_run=True),
    }
    for name, command in commands.items():
        with pytest.raises(DamagedIndex) as caught:
            command()
        assert f"rows of {table} hold values" in caught.value.sentence, name
    assert broken(index)["Every value is such as a run writes"] == "broken"


def test_an_error_in_the_users_record_of_trust_is_no_damage_of_the_catalogue(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    record = trust.record_file()
    record.parent.mkdir(parents=True, exist_ok=True)
    record.write_text('{"version": 1, "indexes": {"/x": {"id": "a", "since": 1e999, "models": []}}}')
    record.chmod(0o600)
    with pytest.raises(UsageError, match="record of trusted indexes") as caught:
        run(index)
    assert str(record) in caught.value.sentence and caught.value.exit_code == 2
    with pytest.raises(UsageError, match="record of trusted indexes"):
        adopt(index)
