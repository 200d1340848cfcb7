"""No property of a file ends a run: whole stat results and names of every kind. And what decides whether a file is
looked at: size, times and inode, the change time too."""

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_index import broken, change, contents, count_tasks, counts, events, holding, rows, run, write

from mmsearch.discovery import walk as walking
from mmsearch.filestat import HIGHEST, LOWEST, stat_values
from mmsearch.index import Index
from mmsearch.indexing import inspection as looking
from mmsearch.indexing.inspection import Wanted
from mmsearch.query import Filter, Query
from mmsearch.run_record import Remark

pytestmark = pytest.mark.usefixtures("word_model")


@pytest.fixture
def index(tmp_path: Path) -> Path:
    return tmp_path / "index"


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    for name in ("walrus", "otter", "heron"):
        write(tmp_path / "docs" / f"{name}.txt", f"A note about the {name}.\n")
    return tmp_path / "docs"


EDGES = [0, 1, -1, 1 << 31, 1 << 32, 1 << 53, HIGHEST, HIGHEST + 1, (1 << 64) - 1, 1 << 64, LOWEST, LOWEST - 1, 10**40]
NUMBERS = st.sampled_from(EDGES) | st.integers(-(1 << 70), 1 << 70)
PROPERTIES = st.fixed_dictionaries(
    {name: NUMBERS for name in ("size", "inode", "device", "mtime_ns", "ctime_ns", "blocks", "mode")}
)
NAMES = st.binary(min_size=1, max_size=40).map(lambda raw: raw.replace(b"/", b"s").replace(b"\0", b"n"))


def stat_result(real: os.stat_result, given: dict[str, int]) -> os.stat_result:
    """What a file system could report of a file."""
    first = (given["mode"], given["inode"], given["device"], 1, 0, 0, given["size"], 0, 0, 0)
    more = {"st_mtime_ns": given["mtime_ns"], "st_ctime_ns": given["ctime_ns"], "st_blocks": given["blocks"]}
    return os.stat_result(first, more)


@given(PROPERTIES)
@settings(deadline=None)
def test_every_value_has_a_place_in_64_bits_and_stays_there(given: dict[str, int]) -> None:
    facts = stat_result(os.stat("/"), given)
    size, mtime_ns, inode, ctime_ns = values = stat_values(facts)
    assert all(LOWEST <= value <= HIGHEST for value in values)
    assert (
        stat_values(
            stat_result(
                facts,
                given
                | {
                    "size": size,
                    "mtime_ns": mtime_ns,
                    "inode": inode,
                    "ctime_ns": ctime_ns,
                },
            )
        )
        == values
    )
    assert (inode - given["inode"]) % (1 << 64) == 0
    assert mtime_ns == min(max(given["mtime_ns"], LOWEST), HIGHEST)


@given(st.lists(st.tuples(NAMES, PROPERTIES), min_size=1, max_size=5, unique_by=lambda pair: pair[0]), NUMBERS)
@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_stat_result_and_no_name_ends_a_run_and_an_unchanged_file_is_unchanged(
    drawn: list[tuple[bytes, dict[str, int]]], device: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        docs, index = Path(folder) / "docs", Path(folder) / "index"
        docs.mkdir()
        properties = {}
        for name, given in drawn:
            path = os.path.join(os.fsencode(docs), b"f" + name + b".dwg")  # of no kind, whatever the name ends with
            with open(path, "wb") as file:
                file.write(b"AC1032\0")
            properties[path] = given
        looks: list[Wanted] = []
        real = looking.inspect
        with (
            patch.object(walking, "stat_of", lambda entry: stat_result(entry.stat(), properties[entry.path])),
            patch.object(walking, "device_of", lambda path: walking.wrapped(device)),
            patch.object(
                looking,
                "inspect",
                lambda wanted, over: looks.append(wanted) or real(wanted, over),  # type: ignore[func-returns-value]
            ),
        ):
            for expected in (len(drawn), 0):
                record = run(index, docs)
                assert (record.outcome, record.seen, record.skipped) == ("done", len(drawn), len(drawn))
                assert len(looks) == expected
                looks.clear()
        assert broken(index, deep=True) == {}
        Index.open(index).status()
        assert len(list(Index.open(index).paths())) == len(drawn)


@given(st.lists(NAMES, min_size=1, max_size=30, unique=True))
@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
def test_names_of_all_bytes_are_files_like_others(names: list[bytes]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        docs = os.path.join(os.fsencode(folder), b"docs")
        os.mkdir(docs)
        for name in names:
            inner = os.path.join(docs, b"f" + name)
            os.mkdir(inner)
            with open(os.path.join(inner, b"f" + name + b".dwg"), "wb") as file:
                file.write(b"AC1032\0")
        index = Path(folder) / "index"
        for _ in range(2):
            assert counts(run(index, docs)) == {"seen": len(names), "skipped": len(names)}
        shutil.rmtree(docs)
        os.mkdir(docs)
        assert run(index).outcome == "guard"
        assert run(index, allow_mass_delete=True).removed == len(names)


def paths(index: Path, **where: Any) -> set[str]:
    hits = Index.open(index).search(Query(text="note", where=Filter(**where), min_score=0.0)).hits
    return {os.path.basename(os.fsdecode(hit.path)) for hit in hits}


def test_times_past_2262_are_filtered_as_the_latest_there_are(docs: Path, index: Path) -> None:
    year = 365.2425 * 86400
    os.utime(docs / "walrus.txt", ns=(0, int(300 * year) * 10**9))  # 2270
    os.utime(docs / "otter.txt", ns=(0, int(292 * year) * 10**9))  # 2261-12, in 64 bits
    assert counts(run(index, docs)) == {"seen": 3, "indexed": 3}
    assert counts(run(index)) == {"seen": 3, "unchanged": 3}
    if os.stat(docs / "walrus.txt").st_mtime_ns <= HIGHEST:
        pytest.skip("this file system has no later times")
    assert paths(index, since=290 * year) == {"walrus.txt", "otter.txt"}
    assert paths(index, since=292.2 * year) == {"walrus.txt"}
    assert paths(index, since=5000 * year) == {"walrus.txt"}
    assert paths(index, before=292.2 * year) == {"otter.txt", "heron.txt"}
    assert paths(index, before=5000 * year) == {"walrus.txt", "otter.txt", "heron.txt"}
    assert paths(index, since=-5000 * year) == {"walrus.txt", "otter.txt", "heron.txt"}
    assert paths(index, before=-5000 * year) == set()


def test_an_edit_that_puts_size_and_time_back_is_seen(docs: Path, index: Path) -> None:
    run(index, docs)
    before = os.stat(docs / "otter.txt")
    with open(docs / "otter.txt", "r+b") as file:
        file.write(b"A note about the lynxs.\n")
    os.utime(docs / "otter.txt", ns=(before.st_atime_ns, before.st_mtime_ns))
    after = os.stat(docs / "otter.txt")
    assert (after.st_size, after.st_mtime_ns, after.st_ino) == (before.st_size, before.st_mtime_ns, before.st_ino)
    assert counts(run(index)) == {"seen": 3, "unchanged": 2, "indexed": 1}
    assert (holding(index, "otter"), holding(index, "lynxs")) == ([], ["otter.txt"])


def test_new_permissions_and_links_are_hashed_once_and_unchanged(
    docs: Path, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(index, docs)
    tasks = count_tasks(monkeypatch.setattr)
    looks: list[bytes] = []
    real = looking.inspect
    monkeypatch.setattr(
        looking,
        "inspect",
        lambda wanted, over: looks.append(wanted.entry.path) or real(wanted, over),  # type: ignore[func-returns-value]
    )
    (docs / "walrus.txt").chmod(0o600)
    os.link(docs / "otter.txt", docs.parent / "otter.txt")
    assert counts(run(index)) == {"seen": 3, "unchanged": 3}
    assert sorted(looks) == [b"otter.txt", b"walrus.txt"]
    looks.clear()
    assert counts(run(index)) == {"seen": 3, "unchanged": 3}
    assert (looks, tasks) == ([], [])
    assert counts(run(index, recheck=True)) == {"seen": 3, "unchanged": 3}
    assert (len(looks), tasks) == (3, [])


@pytest.mark.parametrize("error", [PermissionError(13, "Permission denied"), OSError(5, "Input/output error")])
def test_what_is_held_of_a_file_stays_while_the_file_can_not_be_read(
    docs: Path, index: Path, monkeypatch: pytest.MonkeyPatch, error: OSError
) -> None:
    note = write(docs / "note.txt", "A note about the puffin.\n")
    run(index, docs)
    before = contents(index)

    def refuse(path: bytes) -> Any:
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(looking, "_opened", refuse)
        note.chmod(0o600)
        record = run(index)
        assert record.failed + record.known_failures == 1
        assert holding(index, "puffin") == ["note.txt"]
        assert [one.path for one in Index.open(index).failed()] == [os.fsencode(note)]
    tasks = count_tasks(monkeypatch.setattr)
    assert run(index).failed == 0
    assert not tasks and contents(index) == before and Index.open(index).failed() == []


def test_an_edited_sidecar_that_puts_its_time_back_is_seen(docs: Path, index: Path) -> None:
    from small_index import write_png

    write_png(docs / "harbour.png")
    title = '<rdf:li xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">dawn</rdf:li>'
    sidecar = write(docs / "harbour.xmp", title)
    run(index, docs)
    before = sidecar.stat()
    sidecar.write_text(title.replace("dawn", "dusk"))
    os.utime(sidecar, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert counts(run(index)) == {"seen": 5, "unchanged": 3, "indexed": 1, "skipped": 1}


def test_many_new_change_times_are_explained(docs: Path, index: Path) -> None:
    for number in range(25):
        write(docs / f"drawing{number}.dwg", "AC1032\0")
    run(index, docs)
    for path in docs.iterdir():
        path.chmod(0o640)
    said = [event.sentence for event in events(index) if isinstance(event, Remark)]
    assert any(
        sentence.startswith("28 files have another change time and nothing else that is new") for sentence in said
    )
    assert not [event for event in events(index) if isinstance(event, Remark) and "change time" in event.sentence]


def test_change_times_of_an_older_index_are_taken_as_seen_unless_they_are_new(docs: Path, index: Path) -> None:
    run(index, docs)
    run(index)
    change(index, "UPDATE files SET ctime_ns = NULL")
    change(index, "INSERT INTO meta SELECT 'ctimes since', max(started) FROM runs")
    (docs / "heron.txt").chmod(0o600)
    looks: list[bytes] = []
    real = looking.inspect
    with patch.object(
        looking,
        "inspect",
        lambda wanted, over: looks.append(wanted.entry.path) or real(wanted, over),  # type: ignore[func-returns-value]
    ):
        assert counts(run(index)) == {"seen": 3, "unchanged": 3}
        assert looks == [b"heron.txt"]
        assert rows(index, "SELECT count(*) FROM files WHERE ctime_ns IS NULL") == [(0,)]
        assert counts(run(index)) == {"seen": 3, "unchanged": 3}
    assert looks == [b"heron.txt"]
