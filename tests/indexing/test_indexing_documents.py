"""Runs over office documents: places in the answers, and what an earlier version took for other files."""

from pathlib import Path

import pytest
from office_files import paragraph, presentation, row, shape, word, workbook
from old_word_files import old_word
from small_index import change, counts, found, rows, run, seal, write

from mmsearch.index import Index
from mmsearch.query import Filter, Query

pytestmark = pytest.mark.usefixtures("word_model")

COMPOUND = bytes.fromhex("d0cf11e0a1b11ae1") + bytes(600)


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    folder.mkdir()
    heading = '<w:p><w:pPr><w:outlineLvl w:val="0"/></w:pPr><w:r><w:t>Birds</w:t></w:r></w:p>'
    word(paragraph("About fish.") + heading + paragraph("The heron waits."), folder / "a.docx")
    presentation([shape("Welcome"), shape("The otter swims")], folder / "b.pptx")
    workbook({"Animals": row(3, "Name", "Weight") + row(9, "walrus", 900)}, folder / "c.xlsx")
    return folder


@pytest.fixture
def index(tmp_path: Path) -> Path:
    return tmp_path / "index"


def test_answers_name_the_slide_the_sheet_and_the_heading(docs: Path, index: Path) -> None:
    run(index, docs)
    places = {}
    with Index.open(index) as opened:
        for animal in ("heron", "otter", "walrus"):
            hit = opened.search(Query(animal, where=Filter(kinds=("document",)))).hits[0]
            place = hit.locator
            places[animal] = hit.path.rpartition(b"/")[2], place.section, place.line_start, place.line_end
    assert places == {
        "heron": (b"a.docx", "Birds", None, None),
        "otter": (b"b.pptx", "slide 2", None, None),
        "walrus": (b"c.xlsx", "sheet Animals", 3, 9),
    }


def test_a_word_of_the_header_finds_the_rows(docs: Path, index: Path) -> None:
    run(index, docs)
    assert found(index, "weight")[0].endswith(b"c.xlsx")


def test_old_formats_are_found_by_name_and_the_reason_is_told(docs: Path, index: Path) -> None:
    (docs / "talk.ppt").write_bytes(COMPOUND)
    for _ in range(2):  # a second run does not read them again
        record = run(index, docs)
        assert record.skipped_by == {"old PowerPoint format": 1}
        assert Index.open(index).status().skipped == record.skipped_by
    assert record.unchanged == 3
    assert found(index, "talk")[0].endswith(b"talk.ppt")
    assert rows(index, "SELECT reason FROM files WHERE format = 'ppt'") == [
        ("It is in the old PowerPoint format, of which only the name is searched; save it as .pptx.",)
    ]


def test_old_word_documents_that_were_found_by_name_are_taken_up(docs: Path, index: Path) -> None:
    (docs / "minutes.doc").write_bytes(old_word("The walrus sleeps."))
    run(index, docs)
    change(
        index,
        "UPDATE files SET asset_id = NULL, kind = NULL, code = 'skipped', reason = 'of before' WHERE format = 'doc'",
    )
    seal(index)
    assert counts(run(index, docs)) == {"seen": 4, "indexed": 1, "unchanged": 3}
    assert found(index, "walrus sleeps")[0].endswith(b"minutes.doc")


def test_files_that_an_earlier_version_could_not_read_are_taken_up(docs: Path, index: Path) -> None:
    run(index, docs)
    change(index, "UPDATE files SET asset_id = NULL, kind = NULL, format = 'zip'")
    seal(index)
    assert counts(run(index, docs)) == {"seen": 3, "indexed": 3}
    assert counts(run(index, docs)) == {"seen": 3, "unchanged": 3}


def test_mail_that_an_earlier_version_took_for_text_is_read_as_mail(tmp_path: Path, index: Path) -> None:
    letter = write(tmp_path / "mail" / "m.eml", "From: Ann <ann@example.org>\nSubject: Boats\n\nThe otter swims.\n")
    run(index, letter.parent)
    change(index, "UPDATE assets SET kind = 'text', format = 'text', key = 'text of before'")
    change(index, "UPDATE files SET kind = 'text', format = 'text'")
    seal(index)
    assert counts(run(index, letter.parent)) == {"seen": 1, "indexed": 1}
    assert rows(index, "SELECT a.kind, a.format FROM files f JOIN assets a ON a.id = f.asset_id") == [("mail", "eml")]
    assert counts(run(index, letter.parent)) == {"seen": 1, "unchanged": 1}


def test_a_renamed_text_is_no_document(docs: Path, index: Path) -> None:
    write(docs / "plain.docx", "A seal that somebody named wrongly.\n")
    assert run(index, docs).failed == 0
    assert found(index, "seal")[0].endswith(b"plain.docx")
