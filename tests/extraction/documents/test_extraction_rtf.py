"""Rich Text Format: code pages, Unicode, headings, tables, and what is no text."""

from pathlib import Path

import pytest
from office_files import kept, places, png, read

from mmsearch.errors import ExtractionError, FailureCode
from mmsearch.types import Needs


def rtf(content: bytes, path: Path) -> Path:
    path.write_bytes(rb"{\rtf1\ansi\ansicpg1252" + content + b"}")
    return path


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (rb"{\fonttbl{\f0\fswiss Arial;}}{\colortbl;\red0;}\f0 One\par Two\line three\tab four", "One\nTwo three four"),
        (rb"caf\'e9 \u8364?uro \uc2\u937 XXend \uc0\u-3913\u-8192!", "café €uro Ωend \uf0b7\ue000!"),
        (rb"\u55357?\u56832? smile", "😀 smile"),
        (rb"\ansicpg1251 \'cf\'f0\'e8\'e2\'e5\'f2", "Привет"),
        (rb"{\fonttbl{\f1\fcharset128 MS;}}\f1 \'82\'b1\'82\'f1{\f9 \'e9}\'82\'c9", "こんéに"),
        (rb"em\emdash dash\~and\_hyphen \{braces\} \\", "em—dash and-hyphen {braces} \\"),
        (
            rb"{\*\generator Word;}{\field{\*\fldinst HYPERLINK x}{\fldrslt link}} and {\deleted gone }stays",
            "link and stays",
        ),
        (rb"\trowd\intbl North\cell 4\cell\row\pard after", "North | 4\nafter"),
        (rb"a{\*\unknown hidden {deep}}b{\*\shppict{\pict\wmetafile8 0102}}c", "abc"),
        (rb"before \bin4 {{{{after", "before after"),
        (rb"no \u99999999999 overflow", "no overflow"),
    ],
)
def test_text(tmp_path: Path, content: bytes, text: str) -> None:
    assert places(rtf(content, tmp_path / "a.rtf")) == [(None, text)]


def test_the_mark_of_a_list_does_not_take_the_heading_from_its_paragraph(tmp_path: Path) -> None:
    """As LibreOffice writes numbered headings."""
    content = rb"\pard\outlinelevel0{\listtext\pard\plain 1.\tab}{\loch Dogs}\par\pard\plain Free.\par"
    _, found = read(rtf(content, tmp_path / "a.rtf"))
    assert [(one.segment.locator.section, one.segment.text) for one in found] == [("1. Dogs", "1. Dogs\nFree.")]


def test_headings_and_properties(tmp_path: Path) -> None:
    content = (
        rb"{\stylesheet{\s0 Normal;}{\s1\b heading 1;}{\*\cs2 Default;}}{\info{\title Fares}{\author Ada Example}}"
        rb"\pard\s1 Ferries\par\pard A ticket.\par\pard\outlinelevel1 Dogs\par\pard Free.\par"
        rb"{\header\pard Harbour office\par}"
    )
    probe, found = read(rtf(content, tmp_path / "a.rtf"))
    assert probe.details == {"title": "Fares", "artist": "Ada Example"}
    assert [(one.segment.locator.section, one.segment.text) for one in found] == [
        ("Ferries", "Ferries\nA ticket.\n\nTitle: Fares\nAuthor: Ada Example"),
        ("Dogs", "Dogs\nFree."),
        ("header", "Harbour office"),
    ]


def test_a_picture_is_a_segment(tmp_path: Path) -> None:
    content = b"See:\\par{\\*\\shppict{\\pict\\pngblip " + png().hex().encode() + b"}}"
    text, picture = read(rtf(content, tmp_path / "a.rtf"), Needs(2000))[1]
    assert text.segment.text == "See:" and picture.image is not None


def test_absurd_nesting_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ExtractionError) as caught:
        read(rtf(b"{" * 5000, tmp_path / "a.rtf"))
    assert caught.value.sentence == "Its groups are nested more than 1,000 levels deep."
    assert caught.value.code == FailureCode.DECODE_ERROR


def test_a_document_that_is_cut_off_yields_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "a.rtf"
    path.write_bytes(rb"{\rtf1 First.\par Second")
    assert kept(path) == (["First.\nSecond"], "The document is cut off; what is there was read.")
