"""HTML, SVG and XML: the words that a reader sees, on the lines of the source, whatever the markup."""

import os
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmsearch.extraction.pages import markup
from mmsearch.types import Kind, Needs, Segment, Source

PAGE = """<!doctype html>
<html lang="de"><head><title>Der Garten &amp; mehr</title>
<script>var a = "<p>not this</p>";
</script><style>p { color: red }</style></head>
<body><!-- nor <p>this</p> -->
<h1>Rosen</h1>
<p>Erster <b>Ab</b>satz,
zweite Zeile.</p>
<table><tr><td>Rot</td><td>12</td></tr></table>
<img src="x.png" alt="Eine Biene > Blüte"><br>
</body></html>
"""


def read(path: Path, page: str | bytes, format: str = "html") -> list[Segment]:
    path.write_bytes(page if isinstance(page, bytes) else page.encode())
    facts = path.stat()
    source = Source(os.fsencode(path), Kind.TEXT, format, (facts.st_size, facts.st_mtime_ns, facts.st_ino))
    probe = markup.probe(source, Needs())
    return [one.segment for number in range(len(probe.spans)) for one in markup.extract(source, probe, number, Needs())]


def test_a_page_reads_as_people_see_it() -> None:
    document = markup.MarkupText(PAGE).read()
    assert [(line, number) for line, number in zip(document.text.split("\n"), document.first, strict=True) if line] == [
        ("Der Garten & mehr", 2),
        ("Rosen", 6),
        ("Erster Absatz,", 7),
        ("zweite Zeile.", 8),
        ("Rot | 12", 9),
        ("[Eine Biene > Blüte]", 10),
    ]
    assert document.details == {"language": "de", "title": "Der Garten & mehr"}


def test_passages_carry_lines_and_the_heading_above(tmp_path: Path) -> None:
    page = "<h1>One</h1>\n<p>" + "first. " * 150 + "</p>\n<h2>Two</h2>\n<p>" + "second. " * 150 + "</p>"
    segments = read(tmp_path / "a.html", page)
    second = [segment for segment in segments if segment.text.startswith("second")]
    assert second and {segment.details["title"] for segment in second} == {"Two"}
    assert {(segment.locator.line_start, segment.locator.line_end) for segment in second} == {(4, 4)}


def test_the_encoding_that_a_page_names_is_used(tmp_path: Path) -> None:
    page = '<meta charset="koi8-r"><p>Привет</p>'.encode("koi8-r")
    assert [segment.text for segment in read(tmp_path / "a.html", page)] == ["Привет"]


def test_a_wrongly_named_encoding_is_found_out(tmp_path: Path) -> None:
    page = '<meta charset="utf-16"><p>Grüße</p>'.encode()
    assert [segment.text for segment in read(tmp_path / "a.html", page)] == ["Grüße"]


def test_xml_attributes_are_words_too(tmp_path: Path) -> None:
    page = '<items><item name="Blue lamp"/>\n<a>x</a><b>y</b></items>'
    assert [segment.text for segment in read(tmp_path / "a.xml", page, "xml")] == ["Blue lamp\nx y"]


def test_the_texts_of_a_drawing_are_words(tmp_path: Path) -> None:
    page = "<svg><title>Plan</title><text>Kitchen</text><path d='M0 0'/><text>Hall</text></svg>"
    assert [segment.text for segment in read(tmp_path / "a.svg", page, "svg")] == ["Plan\n\nKitchen\n\nHall"]


def test_a_page_without_words_has_no_segments(tmp_path: Path) -> None:
    assert read(tmp_path / "a.html", "<html><script>words()</script></html>") == []


@pytest.mark.parametrize(
    "page",
    [
        '<a "' * 60_000,
        "<a \"'>" * 60_000,
        "<!-" * 60_000,
        "<script>" * 60_000,
        "&#" + "9" * 300_000,
        "&" * 100_000,
        "<a '>x" * 60_000,
        "<h1>" * 60_000,
        "<title>" * 60_000,
        "<![CDATA[" * 60_000,
        "<" * 300_000,
    ],
    ids=lambda page: page[:9],
)
def test_hostile_markup_takes_linear_time(page: str) -> None:
    begin = time.thread_time()
    markup.MarkupText(page).read()
    assert time.thread_time() - begin < 5


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="<>/\"'=!-[]&#;xtd scriptle\n", max_size=200), st.booleans())
def test_any_garbage_is_read_and_its_lines_exist(page: str, data: bool) -> None:
    document = markup.MarkupText(page, data).read()
    lines = page.count("\n") + 1
    assert len(document.text.split("\n")) == max(1, len(document.first))
    assert list(document.first) == sorted(document.first) and all(1 <= line <= lines for line in document.first)


@pytest.mark.parametrize(
    ("page", "format"),
    [
        ("<p>the mu-<br>nicipality knew</p>", "html"),
        ("<p>the mu&shy;<br/>nicipality knew</p>", "html"),
        ("<p>the mu-\nnicipality knew</p>", "html"),
        ("<div>the mu-</div><div>nicipality knew</div>", "html"),
        ("<p>the mu&shy;nicipality knew</p>", "html"),
        ("<p>the mu<wbr>nicipality knew</p>", "html"),
        ("<text><p>the mu-<lb/>nicipality knew</p></text>", "xml"),
        ("<text:p>the mu-<text:line-break/>nicipality knew</text:p>", "xml"),
    ],
)
def test_words_that_are_broken_at_line_ends_are_joined(tmp_path: Path, page: str, format: str) -> None:
    [one] = read(tmp_path / "a", page, format)
    assert "the municipality knew" in one.text


def test_headings_keep_their_places_after_joined_lines(tmp_path: Path) -> None:
    words = "many words " * 60
    page = f"<p>mu-<br>nicipality {words}</p><h1>Har-<br>bour</h1><p>{words}</p>\n<h2>End</h2>\n<p>{words} x</p>"
    found = read(tmp_path / "a.html", page)
    assert [one.details.get("title", "") for one in found if one.text.startswith("many")] == ["Harbour", "End"]
    assert [one.locator.line_start for one in found] == [1, 1, 3]
