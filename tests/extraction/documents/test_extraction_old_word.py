"""Word documents of the old format: the text of all ranges and stories, as people see it."""

import os
import random
from pathlib import Path

import pytest
from old_word_files import old_word, word_95

from mmsearch.errors import ExtractionError, FailureCode
from mmsearch.extraction.documents import document
from mmsearch.extraction.documents import old_word as reader
from mmsearch.filestat import stat_values
from mmsearch.types import Kind, Needs, Source


def read(path: Path, data: bytes) -> list[tuple[str | None, str]]:
    path.write_bytes(data)
    source = Source(os.fsencode(path), Kind.DOCUMENT, "doc", stat_values(path.stat())[:3])
    probe = document.probe(source, Needs(ocr="never"))
    found = [one for at in range(len(probe.spans)) for one in document.extract(source, probe, at, Needs(ocr="never"))]
    return [(one.segment.locator.section, one.segment.text) for one in found]


def failure(path: Path, data: bytes) -> tuple[str, str]:
    with pytest.raises(ExtractionError) as caught:
        read(path, data)
    return caught.value.code, caught.value.sentence


@pytest.mark.parametrize(("table", "flags"), [("1Table", 0x200), ("0Table", 0)])
def test_ranges_of_both_kinds_make_the_text(tmp_path: Path, table: str, flags: int) -> None:
    ranges = [("Die Fähre ", True), ("Ærø „легко“ ", False), ("fährt.\r", True), ("Zweiter Absatz.\r", False)]
    found = read(tmp_path / "a.doc", old_word(ranges=ranges, table=table, flags=flags))
    assert found == [(None, "Die Fähre Ærø „легко“ fährt.\nZweiter Absatz.")]


def test_notes_headers_and_comments_have_their_places(tmp_path: Path) -> None:
    data = old_word("Body.\r", footnotes="A note.\r", header="A harbour.\r", comments="Why?\r", boxes="In a box.\r")
    assert read(tmp_path / "a.doc", data) == [
        (None, "Body."),
        ("footnotes", "A note."),
        ("header", "A harbour."),
        ("comments", "Why?"),
        ("text boxes", "In a box."),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('See \x13 HYPERLINK "http://x" \x14the page\x15.', "See the page."),
        ("\x13 IF \x13 PAGE \x14 3 \x15 = 3 \x14yes\x15 no", "yes no"),
        ("Pier\x07Boats\x07\x07North\x0712\x07\x07", "Pier | Boats\nNorth | 12\n"),
        ("non\x1ebreaking, soft\x1fly, note\x02, line\x0bend", "non-breaking, softly, note, line\nend"),
        ("open \x13 PAGE", "open  PAGE"),
        ("\x15\x14stray", "stray"),
    ],
)
def test_fields_and_marks_are_as_people_see_them(text: str, expected: str) -> None:
    assert reader.plain(text) == expected


def test_word_95_is_read_in_its_code_page(tmp_path: Path) -> None:
    text = "Корабль стоит у причала номер пять.\r"
    assert read(tmp_path / "a.doc", word_95(text.encode("cp1251"))) == [(None, text.strip())]
    assert failure(tmp_path / "b.doc", word_95(b"fast saved", flags=0x4)) == (
        FailureCode.DECODE_ERROR,
        "It is in the format of Word 6 or 95, in a form that is not read; save it as .docx.",
    )


def test_a_protected_document_is_encrypted(tmp_path: Path) -> None:
    assert failure(tmp_path / "a.doc", old_word("x", flags=0x300))[0] == FailureCode.ENCRYPTED


def test_many_ranges_of_one_place_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "CHARACTERS", 1000)
    table = b"".join(number.to_bytes(4, "little") for number in range(0, 51 * 100, 100)) + bytes(8) * 50
    text, _ = reader._text_of_ranges(bytes(200), table)
    assert len(text) == 1000


def test_damage_is_told_or_refused(tmp_path: Path) -> None:
    whole = old_word("The walrus sleeps. " * 40, footnotes="A note.")
    chance = random.Random(3)
    for _ in range(60):
        damaged = bytearray(whole)
        for _ in range(chance.randrange(1, 20)):
            damaged[chance.randrange(512, len(damaged))] = chance.choice((0, 1, 2, 0x40, 0xFF))
        try:
            read(tmp_path / "a.doc", bytes(damaged))
        except ExtractionError as error:
            assert error.code in (FailureCode.DECODE_ERROR, FailureCode.ENCRYPTED, FailureCode.TOO_LARGE)
