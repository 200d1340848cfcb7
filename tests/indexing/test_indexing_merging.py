"""Shares of a folder that are indexed apart and joined: the same index as one run over all of it makes."""

import os
from pathlib import Path
from typing import Any

import pytest
from small_index import broken, change, contents, counts, found, record_of, rows, run, write

from mmsearch import trust
from mmsearch.cli.program import run as command
from mmsearch.config import Settings
from mmsearch.errors import MmsearchError, ModelMismatch, NoIndex, UntrustedIndex, UsageError
from mmsearch.index import Index
from mmsearch.run_record import Remark, RunRecord
from mmsearch.store import merged_files
from mmsearch.store.layout import IndexFolder
from mmsearch.store.merged_files import FileMerge
from mmsearch.store.writing import writing

pytestmark = pytest.mark.usefixtures("word_model")
WORDS = ("walrus", "otter", "heron", "crane", "ferry", "harbour", "lighthouse", "bridge", "dredger", "buoy")


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    for number, word in enumerate(WORDS * 3):
        write(folder / f"{number % 4}" / f"{word} {number}.txt", f"A note about the {word}, number {number}.\n" * 3)
    write(folder / "copy.txt", (folder / "0" / "walrus 0.txt").read_text())
    write(folder / "empty.txt", "")
    write(folder / "plan.blend", "no kind of ours")
    (folder / "broken.pdf").write_bytes(b"%PDF-1.7 and nothing more")
    return folder


def shards(top: Path, docs: Path, count: int) -> list[Path]:
    """An index of each share."""
    places = [top / f"shard {number}" for number in range(1, count + 1)]
    for number, place in enumerate(places, 1):
        run(place, docs, shard=(number, count))
    return places


def merge(into: Path, *sources: Path, **options: Any) -> RunRecord:
    """A merge's record; its counts must add up."""
    record = record_of(list(Index.merge(into, sources, Settings(), **options)))
    assert record.seen == record.accounted(), record
    for outcome in ("skipped", "known_failures"):
        assert getattr(record, outcome) == sum(getattr(record, f"{outcome}_by").values()), record
    return record


def background(index: Path) -> list[tuple[Any, ...]]:
    return rows(index, "SELECT view, sampling_hash, vector FROM background ORDER BY 1, 2")


def answers(index: Path) -> list[list[tuple[bytes, float, str]]]:
    """Of each query every hit. Sums of float32 depend on the order of rows, which differs: by some 1e-8."""
    with Index.open(index) as opened:
        return [
            sorted((hit.path, round(hit.score, 6), hit.snippet) for hit in opened.search(query(word)).hits)
            for word in WORDS
        ]


def query(text: str) -> Any:
    from mmsearch.query import Query

    return Query(f"note about a {text}", k=40, min_score=0.0)


@pytest.mark.parametrize("count", [2, 5, 16])
def test_a_merged_index_is_the_one_of_a_single_run(docs: Path, tmp_path: Path, count: int) -> None:
    single, merged = tmp_path / "single", tmp_path / "merged"
    run(single, docs)
    record = merge(merged, *shards(tmp_path, docs, count))
    assert counts(record) == {"seen": 34, "indexed": 32, "skipped": 1, "known_failures": 1}
    assert contents(merged) == contents(single)
    assert background(merged) == background(single)
    assert answers(merged) == answers(single)
    assert broken(merged, deep=True) == {}


def test_each_file_is_in_one_share_and_the_others_are_counted(docs: Path, tmp_path: Path) -> None:
    places = [tmp_path / f"{number}" for number in range(3)]
    records = [run(place, docs, shard=(number, 3)) for number, place in enumerate(places, 1)]
    paths = [path for place in places for (path,) in rows(place, "SELECT path FROM files")]
    assert len(paths) == len(set(paths)) == 34
    assert [record.seen for record in records] == [34, 34, 34]
    assert sum(record.excluded_by["other shard"] for record in records) == 2 * 34


def test_a_share_is_remembered_and_another_one_takes_its_place(docs: Path, tmp_path: Path) -> None:
    index = tmp_path / "index"
    first = run(index, docs, shard=(1, 2))
    assert run(index).removed == 0
    second = run(index, docs, shard=(2, 2))
    assert second.removed_by == {"left out now": first.seen - first.excluded}
    assert counts(run(index, docs, reset_filters=True))["seen"] == 34
    assert len(rows(index, "SELECT 1 FROM files")) == 34


def test_after_a_merge_a_run_finds_nothing_to_do(docs: Path, tmp_path: Path) -> None:
    merged = tmp_path / "merged"
    merge(merged, *shards(tmp_path, docs, 2))
    assert counts(run(merged)) == {"seen": 34, "unchanged": 32, "skipped": 1, "known_failures": 1}


def test_merging_again_changes_nothing(docs: Path, tmp_path: Path) -> None:
    merged, places = tmp_path / "merged", shards(tmp_path, docs, 2)
    merge(merged, *places)
    before = contents(merged)
    assert counts(merge(merged, *places)) == {"seen": 34, "unchanged": 34}
    assert contents(merged) == before


def test_a_merge_that_was_stopped_goes_on(docs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merged_files, "_ROWS", 3)
    single, merged, places = tmp_path / "single", tmp_path / "merged", shards(tmp_path, docs, 2)
    run(single, docs)
    asked = iter([None, None, "interrupted"])
    record = merge(merged, *places, stop=lambda: next(asked, "interrupted"))
    assert (record.outcome, record.seen) == ("interrupted", 6)
    assert len(rows(merged, "SELECT 1 FROM files")) == 6
    assert merge(merged, *places).unchanged == 6
    assert contents(merged) == contents(single)
    assert broken(merged, deep=True) == {}


@pytest.mark.parametrize("after", range(0, 34, 5))
def test_a_merge_that_dies_loses_nothing(
    docs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    monkeypatch.setattr(merged_files, "_ROWS", 4)
    merged, places = tmp_path / "merged", shards(tmp_path, docs, 2)
    take, calls = FileMerge.take, iter(range(100))

    def dies(self: FileMerge, *given: Any) -> Any:
        if next(calls) == after:
            raise KeyboardInterrupt
        return take(self, *given)

    with monkeypatch.context() as patch:
        patch.setattr(FileMerge, "take", dies)
        with pytest.raises(KeyboardInterrupt):
            merge(merged, *places)
    assert broken(merged, deep=True) == {}
    merge(merged, *places)
    assert len(rows(merged, "SELECT 1 FROM files")) == 34
    assert broken(merged, deep=True) == {}


def test_a_merge_that_died_before_it_had_begun_is_begun_again(docs: Path, tmp_path: Path) -> None:
    merged, places = tmp_path / "merged", shards(tmp_path, docs, 2)
    place = IndexFolder(merged)
    place.create()
    with writing(place, "merge"):
        pass
    assert merge(merged, *places).indexed == 32
    assert broken(merged, deep=True) == {}


def test_of_a_path_that_two_indexes_have_the_newer_file_stays(docs: Path, tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    run(old, docs)
    os.utime(write(docs / "1" / "otter 1.txt", "The otter has moved to the pier.\n"), ns=(2 * 10**18, 2 * 10**18))
    run(new, docs)
    for number, order in enumerate([(old, new), (new, old)]):
        merged = tmp_path / f"merged {number}"
        assert merge(merged, *order).outcome == "done"
        assert contents(merged) == contents(new)
        assert broken(merged, deep=True) == {}


def test_folders_of_different_machines_lie_beside_each_other(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write(tmp_path / name / "a.txt", f"The ferry of harbour {name}.\n")
        run(tmp_path / f"index {name}", tmp_path / name)
    merged = tmp_path / "merged"
    merge(merged, tmp_path / "index one", tmp_path / "index two")
    assert set(found(merged, "ferry")) == {os.fsencode(tmp_path / name / "a.txt") for name in ("one", "two")}


def test_a_file_named_by_itself_joins_the_folder_that_another_index_walks(docs: Path, tmp_path: Path) -> None:
    run(tmp_path / "one", docs / "1" / "otter 1.txt")
    run(tmp_path / "two", docs, shard=(1, 2))
    merge(tmp_path / "merged", tmp_path / "one", tmp_path / "two")
    paths = [path for (path,) in rows(tmp_path / "merged", "SELECT path FROM files")]
    assert paths.count(b"1/otter 1.txt") == 1 and not any(path.startswith(b"/") for path in paths)
    assert counts(run(tmp_path / "merged", docs))["seen"] == 34


def test_what_a_shard_has_not_finished_is_done_by_the_next_run(docs: Path, tmp_path: Path) -> None:
    run(tmp_path / "one", docs)
    change(
        tmp_path / "one", "UPDATE assets SET state = 'pending', visible = 0 WHERE key = (SELECT min(key) FROM assets)"
    )
    change(tmp_path / "one", *(f"DELETE FROM {table}" for table in ("words_fts", "word_list", "word_list_reversed")))
    merged = tmp_path / "merged"
    record = record_of(list(Index.merge(merged, tmp_path / "one", Settings())))
    assert record.pending >= 1
    assert counts(run(merged)).get("pending", 0) == 0
    single = tmp_path / "single"
    run(single, docs)
    assert contents(merged) == contents(single)


def test_absent_shards_are_named_and_their_files_taken_by_the_next_run(docs: Path, tmp_path: Path) -> None:
    places, merged = shards(tmp_path, docs, 3), tmp_path / "merged"
    said = [event.sentence for event in Index.merge(merged, places[:2], Settings()) if isinstance(event, Remark)]
    assert said == [f"Of {docs} the shards 3 of 3 are missing: the next `mmsearch index` takes in their files."]
    run(merged)
    assert len(rows(merged, "SELECT 1 FROM files")) == 34


@pytest.mark.parametrize(
    ("sources", "error", "sentence"),
    [
        (["one", "one"], UsageError, "one is named twice."),
        (["one", "merged"], UsageError, "merged is the index to merge into."),
        (["none"], NoIndex, "There is no index at "),
        (["one", "inner"], UsageError, "in it."),
        (["one", "foreign"], UntrustedIndex, "was not made here by your mmsearch, so it is not merged."),
        (["one", "other"], ModelMismatch, "is another one in"),
    ],
)
def test_what_can_not_be_merged_is_one_sentence_and_writes_nothing(
    docs: Path, tmp_path: Path, sources: list[str], error: type[MmsearchError], sentence: str
) -> None:
    run(tmp_path / "one", docs)
    run(tmp_path / "inner", docs / "1")
    run(tmp_path / "foreign", docs)
    trust.forget(tmp_path / "foreign")
    run(tmp_path / "other", docs)
    change(tmp_path / "other", "UPDATE spaces SET fingerprint = replace(fingerprint, '\"pooling\"', '\"depth\"')")
    with pytest.raises(error) as caught:
        merge(tmp_path / "merged", *(tmp_path / name for name in sources))
    assert sentence in caught.value.sentence and caught.value.hint
    assert not (tmp_path / "merged" / "catalogue.db").exists()


def test_the_commands_of_the_help_work(docs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in ("1", "2"):
        place = f"{tmp_path}/{number}/"
        assert command(["index", str(docs), "--shard", f"{number}/2", "--index", place, "--no-ocr", "-q"]) in (0, 4)
    assert command(["merge", f"{tmp_path}/1/", f"{tmp_path}/2/", "--into", f"{tmp_path}/all/"]) == 0
    assert "indexed 32 files" in capsys.readouterr().err
    for wrong in ("0/2", "3/2", "1/0", "2", "a/b", "1/2000000"):
        assert command(["index", str(docs), "--shard", wrong, "--index", f"{tmp_path}/x/"]) == 2
        assert "--shard can't be" in capsys.readouterr().err
