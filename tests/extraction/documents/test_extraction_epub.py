"""Books: chapters in reading order, by their names in the table of contents."""

from pathlib import Path

import pytest
from office_files import Members, book, places, png, read

from mmsearch.errors import ExtractionError, FailureCode
from mmsearch.types import Needs

CHAPTERS = {
    "cover.xhtml": "<p>For all whales.</p>",
    "one.xhtml": "<h1>I</h1><p>Call me<br/>Ishmael.</p>",
    "two.xhtml": "<p>It goes on.</p>",
    "three.xhtml": '<h2 id="a">The Whale</h2><p>White.</p><div id="b"><p>The Sea</p></div><p>Blue.</p>',
}
CONTENTS = (
    '<ol><li><a href="one.xhtml">Loomings</a></li><li><a href="three.xhtml#a">The <i>Whale</i></a></li>'
    '<li>x<ol><li><a href="three.xhtml#b">The Sea</a></li></ol></li></ol>'
)


def test_chapters_are_named_by_the_table_of_contents(tmp_path: Path) -> None:
    assert places(book(CHAPTERS, CONTENTS, tmp_path / "a.epub")) == [
        (None, "For all whales.\n\nTitle: Whales"),
        ("chapter 1: Loomings", "I\nCall me\nIshmael."),
        ("chapter 1: Loomings", "It goes on."),
        ("chapter 2: The Whale", "The Whale\nWhite."),
        ("chapter 3: The Whale › The Sea", "The Sea\nBlue."),
    ]


def test_a_book_of_epub_2_has_its_chapters_too(tmp_path: Path) -> None:
    ncx = (
        "<ncx><navMap><navPoint><navLabel><text>Loomings</text></navLabel><content src='one.xhtml'/></navPoint>"
        "</navMap>"
        "<pageList><pageTarget><navLabel><text>7</text></navLabel><content src='two.xhtml'/></pageTarget></pageList>"
        "</ncx>"
    )
    opf = (
        '<package><manifest><item id="x" href="toc.ncx" media-type="application/x-dtbncx+xml"/>'
        '<item id="1" href="one.xhtml"/><item id="2" href="two.xhtml"/></manifest>'
        '<spine toc="x"><itemref idref="2"/><itemref idref="1"/></spine></package>'
    )
    path = book(CHAPTERS, "", tmp_path / "a.epub", {"OEBPS/a.opf": opf, "OEBPS/toc.ncx": ncx})
    assert places(path) == [(None, "It goes on."), ("chapter 1: Loomings", "I\nCall me\nIshmael.")]


def test_a_book_without_contents_has_its_headings(tmp_path: Path) -> None:
    assert places(book({"one.xhtml": CHAPTERS["one.xhtml"]}, "", tmp_path / "a.epub")) == [
        ("I", "I\nCall me\nIshmael.\n\nTitle: Whales")
    ]


def test_a_chapter_that_is_no_xml_is_read_as_browsers_do(tmp_path: Path) -> None:
    path = book({"one.xhtml": "<p>Fish &amp; chips<br><p>caf&eacute;"}, "", tmp_path / "a.epub")
    assert [text.split("\n\n")[0] for _, text in places(path)] == ["t\nFish & chips\ncafé"]


def test_pictures_belong_to_their_chapter(tmp_path: Path) -> None:
    further: Members = {"OEBPS/img/a.png": png()}
    chapters = {"one.xhtml": '<p>See:</p><img src="img/a.png" alt="A white whale"/>'}
    found = read(book(chapters, '<a href="one.xhtml">Loomings</a>', tmp_path / "a.epub", further), Needs(2000))[1]
    assert [(one.segment.locator.section, one.segment.text[:13], one.image is not None) for one in found] == [
        ("chapter 1: Loomings", "See:\n\nTitle: ", False),
        ("chapter 1: Loomings", "A white whale", True),
    ]


@pytest.mark.parametrize(
    ("method", "code"), [("http://ns.adobe.com/pdf/enc#RC", ""), ("aes256", FailureCode.ENCRYPTED)]
)
def test_encrypted_fonts_are_no_encrypted_book(tmp_path: Path, method: str, code: str) -> None:
    encryption = (
        f'<encryption><EncryptedData><EncryptionMethod Algorithm="{method}"/><CipherData>'
        '<CipherReference URI="OEBPS/one.xhtml"/></CipherData></EncryptedData></encryption>'
    )
    path = book(CHAPTERS, CONTENTS, tmp_path / "a.epub", {"META-INF/encryption.xml": encryption})
    try:
        assert read(path)[1] and not code
    except ExtractionError as error:
        assert error.code == code


def test_entities_of_a_chapter_are_not_expanded(tmp_path: Path) -> None:
    bomb = '<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]><html><body><p>&b; said the whale</p></body></html>'
    path = book(CHAPTERS, CONTENTS, tmp_path / "a.epub", {"OEBPS/two.xhtml": bomb})
    texts = [text for _, text in places(path)]
    assert any("said the whale" in text for text in texts) and not any("haha" in text for text in texts)


def test_a_book_that_lists_no_parts_is_none(tmp_path: Path) -> None:
    path = book(CHAPTERS, CONTENTS, tmp_path / "a.epub", {"META-INF/container.xml": "<container/>"})
    with pytest.raises(ExtractionError) as caught:
        read(path)
    assert (caught.value.code, caught.value.sentence) == (
        FailureCode.DECODE_ERROR,
        "This is no book: its parts are not listed.",
    )
