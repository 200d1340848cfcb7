"""One account of every directory entry: whatever tells of a run or of an index, its numbers add up and agree."""

import json
import os
import re
import shutil
import stat
import wave
from collections.abc import Iterable, Iterator
from io import FileIO
from pathlib import Path
from typing import Any, cast

import pytest
from small_index import events, record_of, run, use_word_model

from mmsearch.cli.run_update import exit_code
from mmsearch.encoding.extract import Task
from mmsearch.index import Index
from mmsearch.indexing import inspection as looking
from mmsearch.indexing.inspection import Inspector, Wanted
from mmsearch.output import records, summary
from mmsearch.run_record import FileFailed, RunRecord

EXCLUDED = {
    "link": 3,
    "hidden": 2,
    "hidden folder": 1,
    "ignored": 1,
    "ignored folder": 1,
    "excluded": 1,
    "excluded folder": 1,
    "special file": 2,
    "index folder": 1,
}
SKIPPED = {".dwg": 1, "empty file": 1, "sidecar": 1, "larger than --max-size": 1, "sparse file": 1, "no extension": 1}
FAILED = {"decode-error": 2, "encrypted": 1, "permission": 2, "vanished": 2}
SETTINGS: dict[str, Any] = {"exclude": ("*.log", "/drafts/"), "max_bytes": 2_000_000_000}


def write(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def locked_pdf() -> bytes:
    """A PDF with a password: its trailer names an encryption dictionary that no empty password opens."""
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]>>",
        b"<</Filter/Standard/V 1/R 2/P -4/O<" + b"41" * 32 + b">/U<" + b"42" * 32 + b">>>",
    ]
    body, places = b"%PDF-1.4\n", []
    for number, one in enumerate(objects, 1):
        places.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, one)
    table = b"".join(b"%010d 00000 n \n" % at for at in places)
    end = b"trailer<</Size 5/Root 1 0 R/Encrypt 4 0 R/ID[<%s><%s>]>>\n" % (b"00" * 16, b"00" * 16)
    return body + b"xref\n0 5\n0000000000 65535 f \n" + table + end + b"startxref\n%d\n%%%%EOF\n" % len(body)


def sparse(path: Path, size: int) -> None:
    with open(path, "wb") as file:
        file.write(b"A note that ends in a hole.\n")
        file.truncate(size)


@pytest.fixture
def corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with every sort of entry; `changing.txt` changes while it is read, `locked.txt` and `shut` can't be."""
    use_word_model(monkeypatch.setattr)
    docs = tmp_path / "docs"
    for name in ("walrus", "otter"):
        write(docs / f"{name}.txt", f"A note about the {name}.\n")
    shutil.copy(docs / "walrus.txt", docs / "twin.txt")
    write(docs / "sub" / "seal.md", "# Seal\n\nA seal.\n")
    with wave.open(str(docs / "hum.wav"), "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(b"\0\1" * 8000)
    write(docs / "hum.srt", "1\n00:00:00,000 --> 00:00:01,000\nA hum.\n")
    write(docs / "plan.dwg", b"AC1027\0\1\2\3" * 20)
    write(docs / "blob", bytes(range(256)) * 4)
    write(docs / "empty.txt", "")
    sparse(docs / "hollow.txt", 1_500_000_000)
    sparse(docs / "huge.txt", 2_500_000_000)
    write(docs / "torn.pdf", b"%PDF-1.4 this is not one")
    write(docs / "torn.png", b"\x89PNG\r\n\x1a\n" + b"nothing")
    write(docs / "secret.pdf", locked_pdf())
    write(docs / "locked.txt", "Nobody may read this.\n")
    write(docs / "changing.txt", "It changes.\n")
    write(docs / "going.txt", "It goes.\n")
    write(docs / "shut" / "inside.txt", "Nobody may list this.\n")
    (docs / "link.txt").symlink_to(docs / "walrus.txt")
    (docs / "link").symlink_to(docs / "sub")
    (docs / "broken").symlink_to(docs / "nothing")
    os.mkfifo(docs / "pipe.txt")
    os.mknod(docs / "socket.txt", stat.S_IFSOCK | 0o600)
    write(docs / ".hidden.txt", "Hidden.\n")
    write(docs / ".git" / "config", "Hidden too.\n")
    write(docs / ".mmsearchignore", "*.tmp\nbuild/\n")
    write(docs / "scratch.tmp", "Ignored.\n")
    write(docs / "build" / "out.txt", "Ignored.\n")
    write(docs / "debug.log", "Excluded.\n")
    write(docs / "drafts" / "one.txt", "Excluded.\n")
    write(docs / "index" / "catalogue.db", "")
    write(docs / "index" / "writer.lock", "")
    refuse(docs, monkeypatch)
    return docs


def refuse(docs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse one file and one folder as the system does (who runs the tests may be allowed everything), and let a file
    change and another one go after they were listed."""
    real_list, real_open, real_init = os.scandir, looking._opened, looking.Inspector.__init__

    def listed(path: bytes) -> Iterator[os.DirEntry[bytes]]:
        if path == os.fsencode(docs / "shut"):
            raise PermissionError(13, "Permission denied")
        return real_list(path)

    def opened(path: bytes) -> FileIO:
        if path.endswith(b"/locked.txt"):
            raise PermissionError(13, "Permission denied")
        return real_open(path)

    def late(self: Inspector, wanted: Iterable[Wanted]) -> None:
        wanted = list(wanted)
        if any(want.entry.path == b"changing.txt" for want in wanted):
            with open(docs / "changing.txt", "a") as file:
                file.write("And changes.\n")
        (docs / "going.txt").unlink(missing_ok=True)
        real_init(self, iter(wanted))

    monkeypatch.setattr("os.scandir", listed)
    monkeypatch.setattr(looking, "_opened", opened)
    monkeypatch.setattr(looking.Inspector, "__init__", late)


def entries(docs: Path) -> int:
    """What a run must account for: files, links and special files, and folders that it may not enter."""
    closed = {docs / name for name in (".git", "build", "drafts", "index", "shut")}
    total = 0
    for folder, folders, names in os.walk(docs):
        links = [name for name in folders if os.path.islink(os.path.join(folder, name))]
        shut = [name for name in folders if Path(folder, name) in closed]
        total += len(names) + len(links) + len(shut)
        folders[:] = [name for name in folders if name not in shut]
    return total


def add_up(told: str) -> int:
    """The sum of the numbers that begin the parts of a summary line; removed files are no entries."""
    parts = [part for part in told.split("; ") if not any(word in part for word in ("removed", "to remove", "kept"))]
    numbers = [cast(re.Match[str], re.search(r"\d[\d,]*", part)) for part in parts]
    return sum(int(number[0].replace(",", "")) for number in numbers)


def test_a_first_run_accounts_for_every_entry(corpus: Path, tmp_path: Path) -> None:
    there = entries(corpus)
    happened = events(tmp_path / "index", corpus, **SETTINGS)
    record = record_of(happened)
    assert (record.seen, record.accounted()) == (there, there)
    assert record.excluded_by == EXCLUDED
    assert record.skipped_by == SKIPPED
    assert record.failed_by == FAILED
    assert (record.indexed, record.unchanged, record.pending) == (5, 0, 0)
    for outcome in ("skipped", "excluded", "failed"):
        assert getattr(record, outcome) == sum(getattr(record, f"{outcome}_by").values())
    assert len([event for event in happened if isinstance(event, FileFailed)]) == record.failed
    assert add_up(summary.run_summary(record)[0]) == there
    assert exit_code(record, 130) == 4


def test_what_a_run_reports_as_failed_is_what_is_listed(corpus: Path, tmp_path: Path) -> None:
    record = run(tmp_path / "index", corpus, **SETTINGS)
    index = Index.open(tmp_path / "index")
    listed = index.failed()
    assert len(listed) == len({one.path for one in listed}) == record.failed == index.status().failed
    codes = [one.failure.code for one in listed]
    assert {code: codes.count(code) for code in codes} == FAILED == dict(index.status().failed_by)


def test_a_later_run_tells_known_failures_apart_and_adds_up(corpus: Path, tmp_path: Path) -> None:
    run(tmp_path / "index", corpus, **SETTINGS)
    write(corpus / "new.txt", "New.\n")
    (corpus / "otter.txt").rename(corpus / "sub" / "otter.txt")
    record = run(tmp_path / "index", **SETTINGS)
    assert (record.indexed, record.moved, record.unchanged) == (1, 1, 4)
    assert record.known_failures_by == {"decode-error": 2, "encrypted": 1, "permission": 2, "vanished": 1}
    assert (record.failed, record.excluded_by) == (0, EXCLUDED)
    assert add_up(summary.run_summary(record)[0]) == record.seen == entries(corpus)


def test_status_adds_up_as_table_and_json(corpus: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    run(tmp_path / "index", corpus, **SETTINGS)
    status = Index.open(tmp_path / "index").status()
    parts = [*status.by_kind.values(), *status.skipped.values(), status.failed, status.pending]
    assert status.files == sum(parts) == 5 + 6 + 7
    assert status.skipped == SKIPPED
    told = json.loads(records.to_json(records.status_record(status)))
    assert told["files"] == sum(told["by_kind"].values()) + sum(told["skipped"].values()) + told["failed"]
    assert told["last_run"]["seen"] == sum(told["last_run"][outcome] for outcome in RunRecord.OUTCOMES)
    summary.write_status(status)
    (line,) = [line for line in capfd.readouterr().out.splitlines() if line.startswith("files ")]
    total, *held = [int(number) for number in re.findall(r"\d+", line)]
    assert total == sum(held) == status.files
    assert line.split(None, 1)[1] == "18: audio 1, text 4, by name only 6, failed 7"


def test_a_dry_run_adds_up_before_and_after(corpus: Path, tmp_path: Path) -> None:
    there = entries(corpus)
    for _ in range(2):
        would = run(tmp_path / "index", corpus, dry_run=True, **SETTINGS)
        assert would.seen == there == add_up(summary.run_summary(would, dry_run=True)[0])
        assert (would.pending, would.excluded_by) == (there - sum(EXCLUDED.values()) - 1, EXCLUDED)
        assert would.failed_by == {"permission": 1}  # the folder that can't be listed: no file need be read to know
    run(tmp_path / "index", corpus, **SETTINGS)
    would = run(tmp_path / "index", corpus, dry_run=True, **SETTINGS)
    assert would.seen == add_up(summary.run_summary(would, dry_run=True)[0])


def test_a_stopped_run_counts_the_rest_as_pending(corpus: Path, tmp_path: Path) -> None:
    calls = iter([None] * 2)  # the survey is done by then
    record = run(tmp_path / "index", corpus, stop=lambda: next(calls, "interrupted"), **SETTINGS)
    assert record.pending > 0 and record.seen == record.accounted()
    status = Index.open(tmp_path / "index").status()
    assert status.files == sum([*status.by_kind.values(), *status.skipped.values(), status.failed, status.pending])


def test_names_that_are_not_there_are_not_sent_to_the_list_of_failures(corpus: Path, tmp_path: Path) -> None:
    record = run(
        tmp_path / "index", corpus / "walrus.txt", corpus / "no.txt", corpus / "pipe.txt", corpus / "sub", listed=True
    )
    assert (record.seen, record.indexed, record.missing, record.failed) == (4, 1, 3, 0)
    assert "mmsearch failed" not in summary.run_summary(record)[0] and exit_code(record, 130) == 4


def test_a_file_that_changes_between_looking_and_decoding_is_listed_until_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mmsearch.encoding.extract import ExtractStage

    use_word_model(monkeypatch.setattr)
    write(tmp_path / "docs" / "otter.txt", "An otter.\n")
    before = ExtractStage._submit

    def touch(self: ExtractStage, task: Task) -> None:
        os.utime(tmp_path / "docs" / "otter.txt")
        before(self, task)

    monkeypatch.setattr(ExtractStage, "_submit", touch)
    assert run(tmp_path / "index", tmp_path / "docs").failed == 1
    index = Index.open(tmp_path / "index")
    assert [(one.path.rpartition(b"/")[2], one.state, one.failure.code) for one in index.failed()] == [
        (b"otter.txt", "failed", "vanished")
    ]
    assert (index.status().failed, index.status().pending) == (1, 0)
    monkeypatch.setattr(ExtractStage, "_submit", before)
    assert run(tmp_path / "index").indexed == 1
    assert index.failed() == []


def test_a_newer_version_that_can_not_be_read_leaves_the_file_outdated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_word_model(monkeypatch.setattr)
    docs = write(tmp_path / "docs" / "changing.txt", "It is here.\n").parent
    run(tmp_path / "index", docs)
    write(docs / "changing.txt", "It is longer.\n")
    refuse(docs, monkeypatch)
    assert run(tmp_path / "index").failed_by == {"vanished": 1}
    index = Index.open(tmp_path / "index")
    assert [one.state for one in index.failed()] == ["outdated"]
    status = index.status()
    assert (status.files, status.by_kind, status.failed, status.outdated) == (1, {"text": 1}, 0, 1)
