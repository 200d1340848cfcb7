"""What a run does with files that are new, changed, moved, copied, touched or gone; nothing is decoded without need."""

import os
import shutil
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from small_index import (
    broken,
    change,
    contents,
    count_tasks,
    counts,
    events,
    found,
    holding,
    rows,
    run,
    seal,
    write,
    write_pdf,
    write_png,
)

from mmsearch.encoding.extract import Task
from mmsearch.extraction.worker_tasks import LIGHT
from mmsearch.index import Index
from mmsearch.indexing.commits import Commits
from mmsearch.indexing.inspection import Inspection, Inspector, Wanted
from mmsearch.run_record import FileFailed
from mmsearch.types import FORMAT_EXTRACTOR_VERSIONS

pytestmark = pytest.mark.usefixtures("word_model")


@pytest.fixture
def tasks(monkeypatch: pytest.MonkeyPatch) -> list[tuple[bytes, int | None]]:
    return count_tasks(monkeypatch.setattr)


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    for name in ("walrus", "otter", "heron"):
        write(folder / f"{name}.txt", f"A note about the {name}.\n")
    return folder


@pytest.fixture
def index(tmp_path: Path) -> Path:
    return tmp_path / "index"


def embeddings(index: Path) -> list[int]:
    return [row[0] for row in rows(index, "SELECT id FROM embeddings ORDER BY id")]


def test_a_second_run_decodes_nothing(docs: Path, index: Path, tasks: list[tuple[bytes, int | None]]) -> None:
    assert counts(run(index, docs)) == {"seen": 3, "indexed": 3}
    assert len(tasks) == 3
    tasks.clear()
    before = contents(index)
    assert counts(run(index, docs)) == {"seen": 3, "unchanged": 3}
    assert counts(run(index)) == {"seen": 3, "unchanged": 3}
    assert (tasks, contents(index), broken(index, deep=True)) == ([], before, {})


def test_equal_contents_are_one_asset_decoded_once(
    docs: Path, index: Path, tasks: list[tuple[bytes, int | None]]
) -> None:
    shutil.copy(docs / "otter.txt", docs / "twin.txt")
    assert counts(run(index, docs)) == {"seen": 4, "indexed": 4}
    assert len(tasks) == 3
    assert rows(index, "SELECT count(*) FROM assets") == [(3,)]
    assert holding(index, "otter") == ["otter.txt", "twin.txt"]


def test_moved_copied_and_touched_files_are_not_decoded_again(
    docs: Path, index: Path, tasks: list[tuple[bytes, int | None]]
) -> None:
    run(index, docs)
    ids = embeddings(index)
    tasks.clear()
    (docs / "deep").mkdir()
    (docs / "walrus.txt").rename(docs / "deep" / "tusks.txt")
    shutil.copy(docs / "otter.txt", docs / "copy.txt")
    os.utime(docs / "heron.txt")
    assert counts(run(index, docs)) == {"seen": 4, "unchanged": 2, "indexed": 1, "moved": 1, "removed": 1}
    assert (tasks, embeddings(index)) == ([], ids)
    assert holding(index, "walrus") == ["deep/tusks.txt"]
    assert broken(index, deep=True) == {}


def test_moved_files_keep_their_asset_though_a_changed_one_is_replaced_first(
    docs: Path, index: Path, tasks: list[tuple[bytes, int | None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The replaced asset is ended at the end of the run: until then any old content may turn up under a new name."""
    from mmsearch.indexing import inspection as looking

    run(index, docs)
    tasks.clear()
    shutil.copy(docs / "otter.txt", docs / "zz.txt")  # the old content lives on under a name that is looked at last
    write(docs / "otter.txt", "Something else about a lynx.\n")
    (docs / "walrus.txt").rename(docs / "zzz.txt")
    real = looking.inspect

    def slow(wanted: Wanted, *rest: Any) -> Inspection:
        if wanted.entry.path.startswith(b"zz"):
            for _ in range(200):  # until the changed file is in
                if holding(index, "lynx"):
                    break
                time.sleep(0.02)
        return real(wanted, *rest)

    monkeypatch.setattr(looking, "inspect", slow)
    record = run(index, docs)
    assert counts(record) == {"seen": 4, "unchanged": 1, "indexed": 2, "moved": 1, "removed": 1}
    assert [path for path, _ in tasks] == [os.fsencode(docs / "otter.txt")]
    assert (holding(index, "otter"), holding(index, "walrus")) == (["zz.txt"], ["zzz.txt"])
    assert broken(index, deep=True) == {}


def test_deleted_files_leave_the_results_at_once(docs: Path, index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(index, docs)
    (docs / "otter.txt").unlink()
    write(docs / "new.txt", "A note about the badger.\n")
    before: list[tuple[list[str], bool]] = []
    commit = Commits.commit

    def watched(self: Commits) -> None:
        if self.waiting:  # what the run adds comes after what it removes
            deleted = os.fsencode(docs / "otter.txt")
            before.append((holding(index, "otter"), deleted in found(index, "otter")))
        commit(self)

    monkeypatch.setattr(Commits, "commit", watched)
    run(index, docs)
    assert (before, holding(index, "badger")) == ([([], False)], ["new.txt"])
    assert rows(index, "SELECT count(*) FROM assets") == [(3,)]


def test_ids_are_never_used_again(docs: Path, index: Path) -> None:
    run(index, docs)
    tables = ("files", "assets", "segments", "embeddings")
    before = {table: rows(index, f"SELECT max(id) FROM {table}")[0][0] for table in tables}
    shutil.rmtree(docs)
    write(docs / "new.txt", "An entirely new note.\n")
    run(index, docs, allow_mass_delete=True)
    assert all(rows(index, f"SELECT min(id) FROM {table}")[0][0] > before[table] for table in tables)


def test_a_changed_file_is_replaced_in_one_step(docs: Path, index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At every moment either the old content is visible or the new one, whole, though it is committed in parts."""
    from mmsearch.indexing import commits

    long = docs / "long.txt"
    write(long, "old " * 50)
    run(index, docs)
    write(long, "\n\n".join(f"new{i} " + "words in a paragraph that goes on for a while. " * 4 for i in range(40)))
    monkeypatch.setattr(commits, "COMMIT_S", 0.0)
    _decode_in_spans_of(monkeypatch, 1500)
    states: set[tuple[bool, int]] = set()

    def look() -> None:
        old = bool(holding(index, "old"))
        new = rows(
            index,
            "SELECT count(*) FROM words_fts w JOIN segments s ON s.id = w.rowid JOIN files f ON f.asset_id = s.asset_id"
            " WHERE f.path = CAST('long.txt' AS BLOB)",
        )[0][0]
        states.add((old, new))

    record = run(index, docs, stop=look)
    look()
    whole = rows(index, "SELECT count(*) FROM segments WHERE text LIKE '%paragraph%'")[0][0]
    assert rows(index, "SELECT count(*) FROM spans s JOIN assets a ON a.id = s.asset_id WHERE a.spans > 1")[0][0] > 1
    assert states == {(True, 1), (False, whole)}
    assert counts(record) == {"seen": 4, "unchanged": 3, "indexed": 1}
    assert broken(index, deep=True) == {}


def test_a_failed_new_version_replaces_the_old_content(docs: Path, index: Path) -> None:
    pdf = write_pdf(docs / "report.pdf", "The annual walrus report")
    run(index, docs)
    assert "report.pdf" in holding(index, "annual")
    pdf.write_bytes(b"%PDF-1.7\nnot really\n")
    said = [event for event in events(index, docs) if isinstance(event, FileFailed)]
    assert [(one.path, one.failure.code) for one in said] == [(os.fsencode(pdf), "decode-error")]
    assert holding(index, "annual") == []
    assert counts(run(index, docs)) == {"seen": 4, "unchanged": 3, "known_failures": 1}
    assert counts(run(index, docs, retry_failed=True)) == {"seen": 4, "unchanged": 3, "failed": 1}
    assert [one.failure.code for one in Index.open(index).failed()] == ["decode-error"]
    assert broken(index, deep=True) == {}


def test_a_broken_file_that_is_mended_is_indexed(docs: Path, index: Path) -> None:
    pdf = docs / "report.pdf"
    pdf.write_bytes(b"%PDF-1.7\nnot really\n")
    assert counts(run(index, docs)) == {"seen": 4, "indexed": 3, "failed": 1}
    write_pdf(pdf, "The annual report")
    assert counts(run(index, docs)) == {"seen": 4, "unchanged": 3, "indexed": 1}
    assert Index.open(index).failed() == []


def test_a_file_that_changes_before_it_is_decoded_is_taken_up_by_the_next_run(
    docs: Path, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when only its times change: the failure says nothing of the bytes."""
    from mmsearch.encoding.extract import ExtractStage

    before = ExtractStage._submit

    def touch(self: ExtractStage, task: Task) -> None:
        if task[0].source.path.endswith(b"otter.txt"):
            os.utime(docs / "otter.txt")
        before(self, task)

    monkeypatch.setattr(ExtractStage, "_submit", touch)
    assert counts(run(index, docs)) == {"seen": 3, "indexed": 2, "failed": 1}
    monkeypatch.setattr(ExtractStage, "_submit", before)
    assert broken(index, deep=True) == {}
    assert counts(run(index, docs)) == {"seen": 3, "unchanged": 2, "indexed": 1}
    assert holding(index, "otter") == ["otter.txt"]


def test_a_twin_does_not_fail_with_the_file_that_vanished(
    docs: Path, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mmsearch.encoding.extract import ExtractStage

    shutil.copy(docs / "otter.txt", docs / "twin.txt")
    before = ExtractStage._submit

    def remove(self: ExtractStage, task: Task) -> None:
        (docs / "otter.txt").unlink(missing_ok=True)
        before(self, task)

    monkeypatch.setattr(ExtractStage, "_submit", remove)
    run(index, docs)
    monkeypatch.setattr(ExtractStage, "_submit", before)
    run(index, docs)
    assert holding(index, "otter") == ["twin.txt"]


def test_a_file_that_changes_while_it_is_hashed_keeps_its_older_content(
    docs: Path, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mmsearch.indexing import inspection as looking

    run(index, docs)
    write(docs / "otter.txt", "A newer note about the lynx.\n")
    real = looking.Inspector.__init__

    def late(self: Inspector, wanted: Iterable[Wanted]) -> None:
        wanted = list(wanted)
        write(docs / "otter.txt", "It grows: a newer note about the lynx.\n")
        real(self, iter(wanted))

    monkeypatch.setattr(looking.Inspector, "__init__", late)
    assert counts(run(index, docs)) == {"seen": 3, "unchanged": 2, "failed": 1}
    assert holding(index, "otter") == ["otter.txt"]
    monkeypatch.setattr(looking.Inspector, "__init__", real)
    assert counts(run(index, docs)) == {"seen": 3, "unchanged": 2, "indexed": 1}
    assert (holding(index, "otter"), holding(index, "lynx")) == ([], ["otter.txt"])


def test_a_file_in_the_place_of_a_folder_and_the_other_way_round(docs: Path, index: Path) -> None:
    write(docs / "thing" / "inner.txt", "A kingfisher.\n")
    run(index, docs)
    shutil.rmtree(docs / "thing")
    write(docs / "thing", "A cormorant.\n")
    (docs / "heron.txt").unlink()
    write(docs / "heron.txt" / "nest.txt", "A grebe.\n")
    run(index, docs)
    assert [holding(index, word) for word in ("kingfisher", "cormorant", "grebe", "heron")] == [
        [],
        ["thing"],
        ["heron.txt/nest.txt"],
        [],
    ]
    assert broken(index, deep=True) == {}


def test_another_kind_under_the_same_name(docs: Path, index: Path) -> None:
    run(index, docs)
    write_png(docs / "picture.png").rename(docs / "otter.txt")
    run(index, docs)
    assert rows(index, "SELECT kind, format FROM files WHERE path = CAST('otter.txt' AS BLOB)") == [("image", "png")]
    assert holding(index, "otter") == []


def test_subtitles_belong_to_their_recording_and_a_changed_one_extracts_it_again(
    docs: Path, index: Path, tasks: list[tuple[bytes, int | None]]
) -> None:
    picture = write_png(docs / "harbour.png")
    sidecar = write(docs / "harbour.xmp", _xmp("Boats at dawn"))
    assert counts(run(index, docs)) == {"seen": 5, "indexed": 4, "skipped": 1}
    assert holding(index, "dawn") == ["harbour.png"]
    tasks.clear()
    write(sidecar, _xmp("Boats at dusk, rowing"))
    assert counts(run(index, docs)) == {"seen": 5, "unchanged": 3, "indexed": 1, "skipped": 1}
    assert (holding(index, "dawn"), holding(index, "dusk")) == ([], ["harbour.png"])
    assert {path for path, _ in tasks} == {os.fsencode(picture)}
    sidecar.unlink()
    assert counts(run(index, docs)) == {"seen": 4, "unchanged": 3, "indexed": 1, "removed": 1}
    assert holding(index, "dusk") == []


def test_a_picture_keeps_its_sidecar_where_globs_leave_that_out(
    docs: Path, index: Path, tasks: list[tuple[bytes, int | None]]
) -> None:
    write_png(docs / "harbour.png")
    write(docs / "harbour.xmp", _xmp("Boats at dawn"))
    run(index, docs)
    tasks.clear()
    record = run(index, docs, include=("*.png",))
    assert counts(record) == {"seen": 5, "unchanged": 1, "excluded": 4, "removed": 4}
    assert record.removed_by == {"left out now": 4}
    assert (tasks, holding(index, "dawn")) == ([], ["harbour.png"])


def test_a_subtitle_file_becomes_a_sidecar_when_its_recording_comes(docs: Path, index: Path) -> None:
    write(docs / "harbour.xmp", _xmp("Boats at dawn"))
    run(index, docs)
    assert holding(index, "dawn") == ["harbour.xmp"]
    write_png(docs / "harbour.png")
    run(index, docs)
    assert holding(index, "dawn") == ["harbour.png"]
    (docs / "harbour.png").unlink()
    run(index, docs)
    assert holding(index, "dawn") == ["harbour.xmp"]


def test_files_of_no_kind_are_skipped_and_found_by_name(docs: Path, index: Path) -> None:
    (docs / "turbine-drawing.dwg").write_bytes(b"AC1032\x00\x01\x02" * 40)
    (docs / "blank.txt").touch()
    first = run(index, docs)
    assert counts(first) == {"seen": 5, "indexed": 3, "skipped": 2}
    assert first.skipped_by == {".dwg": 1, "empty file": 1}
    assert found(index, "turbine drawing")[0] == os.fsencode(docs / "turbine-drawing.dwg")
    assert run(index, docs).skipped_by == first.skipped_by
    assert Index.open(index).status().skipped == first.skipped_by


def test_files_over_the_size_limit_are_skipped_until_the_limit_is_raised(docs: Path, index: Path) -> None:
    write(docs / "long.txt", "A long story about a badger. " * 100)
    assert counts(run(index, docs, max_bytes=1000)) == {"seen": 4, "indexed": 3, "skipped": 1}
    assert counts(run(index, docs, max_bytes=1000)) == {"seen": 4, "unchanged": 3, "skipped": 1}
    assert counts(run(index)) == {"seen": 4, "unchanged": 3, "skipped": 1}
    assert counts(run(index, reset_filters=True)) == {"seen": 4, "unchanged": 3, "indexed": 1}
    assert set(holding(index, "badger")) == {"long.txt"}
    assert counts(run(index, max_bytes=1000)) == {"seen": 4, "unchanged": 3, "skipped": 1}
    assert holding(index, "badger") == []


def test_what_an_older_extractor_made_is_stale_and_refreshed(
    docs: Path, index: Path, tasks: list[tuple[bytes, int | None]]
) -> None:
    run(index, docs)
    change(index, "UPDATE assets SET extractor = 0, key = 'old ' || key WHERE id = 1")
    seal(index)
    assert Index.open(index).status().stale == 1
    assert counts(run(index, docs)) == {"seen": 3, "unchanged": 3}
    tasks.clear()
    assert counts(run(index, docs, refresh=True)) == {"seen": 3, "unchanged": 2, "indexed": 1}
    assert (len(tasks), Index.open(index).status().stale) == (1, 0)


def _decode_in_spans_of(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    """Let workers cut texts into short spans."""
    monkeypatch.setenv("SMALL_SPANS", str(size))
    monkeypatch.setattr("mmsearch.encoding.pipeline.LIGHT", replace(LIGHT, handler="small_spans:handle"))


def _xmp(title: str) -> str:
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title><rdf:Alt>'
        f'<rdf:li xml:lang="x-default">{title}</rdf:li></rdf:Alt></dc:title></rdf:Description></rdf:RDF></x:xmpmeta>'
    )


def test_both_spellings_of_a_word_that_is_broken_at_a_line_end_are_found(docs: Path, index: Path) -> None:
    write(docs / "broken.txt", "The keeper was twenty-\nfive when the muni-\ncipality called.\n")
    run(index, docs)
    for word in ("twentyfive", "five", "municipality", "cipality"):
        assert set(holding(index, word)) == {"broken.txt"}, word


def test_files_whose_extractor_did_not_change_are_not_stale(docs: Path, index: Path) -> None:
    write(docs / "tool.py", "walrus = 1\n")
    run(index, docs)
    older = ", ".join(f"'{format_}'" for format_ in FORMAT_EXTRACTOR_VERSIONS)
    change(index, f"UPDATE assets SET extractor = extractor - 1 WHERE format NOT IN ({older})")
    seal(index)
    assert Index.open(index).status().stale == 3
    assert counts(run(index, docs, refresh=True)) == {"seen": 4, "unchanged": 1, "indexed": 3}
    assert Index.open(index).status().stale == 0
