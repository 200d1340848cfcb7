"""The page of `--format html`: what it holds, and what a file name or a text can't make of it."""

from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mmsearch import query as q
from mmsearch import types as t
from mmsearch.cli.program import run
from mmsearch.output.hits_html import hits_page
from mmsearch.retrieval.thumbnails import Thumbnails, jpeg

ATTACKS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</title></style></h1><iframe src=//evil.example>",
    "javascript:alert(1)",
    "&lt;script&gt; \x00\x1b]8;;x\x07 \u202e \ufeff",
    "<!-- --><svg/onload=alert(1)>",
)
WORDS = q.Signal("words", 1.0, 1.0, 1, 1.0, ("chart", "<b>", "script"))


class Page(HTMLParser):
    """The elements of a page, with their attributes, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def hit(path: bytes, kind: str = "text", snippet: str = "", locator: t.Locator = t.Locator(), **more: Any) -> q.Hit:  # noqa: B008
    return q.Hit(more.pop("rank", 1), 0.5, path, kind, "text", locator, snippet, (WORDS,), 1, **more)


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_name_and_no_text_becomes_markup(attack: str) -> None:
    path = b"/files/" + attack.encode().replace(b"/", b"_") + b"\xff"
    one = hit(path, snippet=f"a chart {attack}", locator=t.Locator(section=attack), same=(path,))
    for linked in ((), (path,)):
        page = Page(hits_page(attack, [one], {1: b"jpeg"}, linked))
        assert {tag for tag, _ in page.elements} <= {
            "html", "head", "meta", "title", "style", "body", "main", "h1", "p", "ol", "li", "img", "div", "a", "mark",
        }  # fmt: skip
        names = {name for _, found in page.elements for name in found}
        assert names <= {
            "lang", "charset", "http-equiv", "content", "name", "loading", "alt", "src", "class", "href",
        }  # fmt: skip
        addresses = [
            value or "" for _, found in page.elements for name, value in found.items() if name in ("src", "href")
        ]
        assert all(one.startswith(("data:image/jpeg;base64,", "file:///files/")) for one in addresses)
        assert len(addresses) == 1 + len(linked)
        assert not set(page.text) & set("\x00\x1b\u202e\ufeff")


def test_the_page_shows_each_kind_with_its_place_and_marks_the_words() -> None:
    hits = [
        hit(b"/d/notes.txt", snippet="a chart of ships", locator=t.Locator(line_start=3, line_end=5)),
        hit(b"/d/a b.pdf", "pdf", rank=2, locator=t.Locator(page=3)),
        hit(b"/d/talk.mp3", "audio", rank=3, locator=t.Locator(start_s=75.0, end_s=80.0)),
        hit(b"/d/film.mp4", "video", rank=4, locator=t.Locator(start_s=12.0)),
        hit(b"/d/x.png", "image", rank=5),
    ]
    page = Page(hits_page("chart", hits, {2: b"a", 5: b"b"}, {one.path for one in hits}))
    assert [found["href"] for tag, found in page.elements if tag == "a"] == [
        "file:///d/notes.txt", "file:///d/a%20b.pdf#page=3", "file:///d/talk.mp3#t=75,80", "file:///d/film.mp4#t=12",
        "file:///d/x.png",
    ]  # fmt: skip
    assert [found["alt"] for tag, found in page.elements if tag == "img"] == ["/d/a b.pdf p. 3", "/d/x.png"]
    assert [tag for tag, _ in page.elements].count("mark") == 1
    for told in ("5 hits", "0.50 · text · lines 3–5", "0.50 · audio · 1:15–1:20"):
        assert told in page.text


def test_a_page_forbids_scripts_and_requests() -> None:
    page = Page(hits_page("a", [], {}, ()))
    policy = [found["content"] for tag, found in page.elements if found.get("http-equiv") == "Content-Security-Policy"]
    assert policy == [
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
    ]
    assert "script" not in {tag for tag, _ in page.elements}


def test_a_thumbnail_is_small_and_of_the_file_that_was_indexed(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.new("RGB", (900, 600), (200, 20, 20)).save(path)
    facts = path.stat()
    known: dict[str, Any] = {"size": facts.st_size, "modified_s": facts.st_mtime}
    with Thumbnails() as thumbnails:
        made = thumbnails.of(hit(bytes(path), "image", **known))
        assert made is not None
        height, width = made.shape[:2]
        assert made.dtype == np.uint8
        assert width * height <= 320 * 320
        assert round(width / height, 1) == 1.5
        assert abs(made.astype(int) - (200, 20, 20)).max() < 8
        assert jpeg(made)[:3] == b"\xff\xd8\xff"
        assert thumbnails.of(hit(bytes(path), "text", **known)) is None
        path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
        assert thumbnails.of(hit(bytes(path), "image", **known)) is None
        assert thumbnails.of(hit(bytes(path), "image")) is None
        assert thumbnails.of(hit(bytes(tmp_path / "gone.png"), "image")) is None


def test_the_command_writes_a_page_and_tells(
    searched: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = ["--index", f"{searched}/index/"]
    target = tmp_path / "hits.html"
    assert run(["query", "apple dessert", *place, "--format", "html", "-o", str(target)]) == 0
    page = Page(target.read_text("utf-8"))
    assert "apple_pie.txt" in page.text
    assert capsys.readouterr().out == ""
    assert run(["query", "apple dessert", *place, "--format", "html", "-q"]) == 0
    assert capsys.readouterr().out == target.read_text("utf-8")
    assert run(["similar", f"{searched}/media/apple_pie.txt", *place, "--format", "html", "-o", str(target)]) == 0
    assert "pear_tart.txt" in target.read_text("utf-8")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["-o", "a.html"], "-o is for --format html."),
        (["--format", "html", "-0"], "-0 writes paths, but --format html was given too."),
        (
            ["--format", "html", "-o", "none/a.html"],
            "The page can't be written to none/a.html: No such file",
        ),
        (
            ["--format", "html", "-o", "{index}/catalogue.db"],
            "-o: {index}/catalogue.db is in the index folder",
        ),
    ],
)
def test_a_page_that_can_not_be_is_refused(
    words: list[str], sentence: str, searched: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    index = f"{searched}/index"
    assert run(["query", "apple", "--index", f"{index}/", *(word.format(index=index) for word in words)]) == 2
    assert capsys.readouterr().err.startswith(sentence.format(index=index))
