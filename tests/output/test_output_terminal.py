"""What people see: tables on a real (pseudo) terminal, and values made readable and safe."""

import os
import pty
import re
import select
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import fake_index
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmsearch.output.formatting import (
    approximate_duration,
    clock,
    display_path,
    duration,
    escaped,
    one_line,
    place,
    size,
)
from mmsearch.output.records import path_record, to_json
from mmsearch.output.table import file_url
from mmsearch.query import Hit
from mmsearch.types import Locator

FAKE = [sys.executable, str(Path(fake_index.__file__))]
LINK = re.compile(r"\x1b\]8;[^;]*;([^\x1b]*)\x1b\\")
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def on_terminal(*arguments: str, columns: int = 80, **environment: str) -> tuple[int, str]:
    """The exit code and everything that a terminal gets, stdout and stderr together."""
    keyboard, screen = pty.openpty()
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MMSEARCH_")}
    clean |= {"TERM": "xterm-256color", "COLUMNS": str(columns), "HOME": "/nonexistent", **environment}
    clean.pop("NO_COLOR", None) if "NO_COLOR" not in environment else None
    process = subprocess.Popen(
        [*FAKE, *arguments], stdin=subprocess.DEVNULL, stdout=screen, stderr=screen, env=clean, cwd="/"
    )
    os.close(screen)
    seen = b""
    while select.select([keyboard], [], [], 20)[0]:
        try:
            chunk = os.read(keyboard, 65536)
        except OSError:  # Linux says so when the other side has closed
            break
        if not chunk:
            break
        seen += chunk
    os.close(keyboard)
    return process.wait(timeout=20), seen.decode().replace("\r\n", "\n")


def plain(text: str) -> list[str]:
    """What is left to read without colours and links, without the padding of a table."""
    return [line.rstrip() for line in COLOUR.sub("", LINK.sub("", text)).splitlines()]


def test_a_table_shows_place_snippet_and_folded_copies() -> None:
    code, seen = on_terminal("query", "revenue chart", "--quiet")
    assert code == 0
    assert plain(seen) == [
        "   score  kind   where and what",
        "1   2.25  pdf    data/report.pdf  p. 3  (+2 same)  (also p. 9)",
        "                 The revenue chart shows growth.",
        "2   1.50  video  data/talk.mp4  1:15–1:20.5",
        "3   0.25  text   data/notes.md  lines 40–52",
        "                 收入 table",
    ]


def test_names_are_links_to_the_place_and_matched_words_stand_out() -> None:
    _, seen = on_terminal("query", "revenue chart", "--quiet")
    assert [target for target in LINK.findall(seen) if target] == [
        "file:///data/report.pdf#page=3",
        "file:///data/talk.mp4#t=75,80.5",
        "file:///data/notes.md",
    ]
    assert re.findall(r"\x1b\[1;33m(\w+)\x1b\[0m", seen) == ["revenue", "chart"]


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_without_colour_nothing_is_coloured(environment: dict[str, str]) -> None:
    _, seen = on_terminal("query", "x", "--quiet", **cast(dict[str, Any], environment))
    assert not re.search(r"\x1b\[[0-9;]*3[0-7]m", seen)


def test_a_narrow_terminal_wraps_long_snippets_and_keeps_every_word() -> None:
    _, seen = on_terminal("query", "revenue chart", "--quiet", columns=40)
    assert all(len(line) <= 40 for line in plain(seen))
    assert "growth." in " ".join(plain(seen)) and "data/report.pdf" in " ".join(plain(seen))


@pytest.mark.parametrize("form", ["table", "json", "jsonl", "paths", "csv"])
def test_a_hostile_name_gives_the_terminal_no_orders(form: str) -> None:
    _, seen = on_terminal("query", "evil", "--quiet", "--format", form)
    text = COLOUR.sub("", LINK.sub("", seen))
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e\u2028\ud800-\udfff]", text)
    assert "red" in text


def test_the_bar_goes_away_and_the_summary_stays() -> None:
    code, seen = on_terminal("index", ".", FAKE_SLOW="brief")
    assert code == 0
    assert "files" in seen and "\x1b[?25l" in seen and seen.rindex("\x1b[?25h") > seen.rindex("\x1b[?25l")
    assert plain(seen)[-1].endswith("indexed 5 files (9 segments) in 0.3 s")
    assert any(line.endswith("ready") for line in plain(seen))


def test_a_query_by_a_picture_shows_meanwhile_what_it_does_and_takes_it_away(tmp_path: Path) -> None:
    picture = tmp_path / "harbour at dawn.jpg"
    picture.write_bytes(b"")
    code, seen = on_terminal("query", "--image", str(picture))
    assert code == 0 and "Comparing harbour at dawn.jpg" in seen
    assert seen.rindex("\x1b[2K") > seen.rindex("Comparing") and "Comparing" not in plain(seen)[-1]
    assert seen.rindex("\x1b[?25h") > seen.rindex("\x1b[?25l")
    code, seen = on_terminal("query", "--image", str(picture), "--quiet")
    assert code == 0 and "Comparing" not in seen
    code, seen = on_terminal("query", "harbour")
    assert code == 0 and "Comparing" not in seen


# --- values ----------------------------------------------------------------------------------------------------------


@given(st.binary(max_size=60))
def test_any_name_is_shown_without_control_characters_and_escapes_what_it_hides(name: bytes) -> None:
    text = escaped(os.fsdecode(name))
    assert not re.search("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]", text)
    text.encode("utf-8")


@given(st.text(max_size=60))
def test_harmless_text_is_shown_as_it_is(text: str) -> None:
    harmless = re.sub("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]", "", text)
    assert escaped(harmless) == harmless


@given(st.recursive(st.text() | st.floats(allow_nan=False, allow_infinity=False) | st.none(), st.lists))
def test_json_text_reads_back_equal_and_stays_on_one_line(value: object) -> None:
    import json

    text = to_json(value)
    assert json.loads(text) == value
    assert len(text.splitlines()) == 1
    text.encode("utf-8")


@given(st.binary(min_size=1, max_size=40))
def test_a_path_survives_json_byte_for_byte(path: bytes) -> None:
    import base64

    found = path_record(path)
    exact = base64.b64decode(found["path_bytes"]) if "path_bytes" in found else found["path"].encode()
    assert exact == path


def test_names_in_scripts_with_joiners_and_directions_stay_readable() -> None:
    assert escaped("می‌خواهم 👩‍🔬 שלום") == "می‌خواهم 👩‍🔬 שלום"


@pytest.mark.parametrize(
    "path, base, text",
    [
        (b"/home/a/b.txt", b"/home/a", "b.txt"),
        (b"/home/ab.txt", b"/home/a", "/home/ab.txt"),
        (b"/home/a", b"/home/a", "/home/a"),
        (b"/etc/x", b"/", "etc/x"),
        (b"/x/\xff\n", b"/y", "/x/\\xff\\n"),
    ],
)
def test_paths_are_relative_only_below_the_working_directory(path: bytes, base: bytes, text: str) -> None:
    assert display_path(path, base) == text


@pytest.mark.parametrize(
    "locator, text",
    [
        (Locator(page=3), "p. 3"),
        (Locator(start_s=75.0, end_s=80.0), "1:15–1:20"),
        (Locator(start_s=3599.96, end_s=3723.5), "1:00:00–1:02:03.5"),
        (Locator(start_s=0.0), "0:00"),
        (Locator(line_start=4, line_end=4), "line 4"),
        (Locator(line_start=40, line_end=52), "lines 40–52"),
        (Locator(), ""),
    ],
)
def test_places_read_as_people_write_them(locator: Locator, text: str) -> None:
    assert place(locator) == text


def test_numbers_read_as_people_write_them() -> None:
    assert [clock(9.96), clock(59.99), clock(12.5)] == ["0:10", "1:00", "0:12.5"]
    assert [duration(value) for value in (0.04, 9.96, 60, 192, 3600, 7500, 3_456_000)] == [
        "0.0 s",
        "10 s",
        "1 min",
        "3 min 12 s",
        "1 h",
        "2 h 5 min",
        "40 days",
    ]
    assert [approximate_duration(value) for value in (5, 12, 44, 58, 100, 560, 2700, 7200, 3_456_000)] == [
        "a few seconds",
        "about 10 s",
        "about 40 s",
        "about a minute",
        "about 2 min",
        "about 9 min",
        "about 45 min",
        "about 2 h",
        "about 40 days",
    ]
    assert [size(value) for value in (0, 1, 999, 1000, 999_499, 999_500, 2_345_678, 5 * 10**9, 3 * 10**15)] == [
        "0 bytes",
        "1 byte",
        "999 bytes",
        "1.0 kB",
        "999 kB",
        "1.0 MB",
        "2.3 MB",
        "5.0 GB",
        "3,000 TB",
    ]
    assert one_line(" a\n\n b\tc\x1b ") == "a b c\\x1b"


def test_a_link_is_percent_encoded_from_the_exact_bytes() -> None:
    hit = Hit(1, 1.0, b"/d/a b#\xff\n\x1b.pdf", "pdf", "text", Locator(page=2), "", ())
    assert file_url(hit) == "file:///d/a%20b%23%FF%0A%1B.pdf#page=2"
