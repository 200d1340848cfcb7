"""Subtitles: every cue of a good file, what can be saved of a bad one, nothing and no exception from garbage."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmsearch.extraction.media.subtitles import cue_lines, parse_subtitles
from mmsearch.types import Cue


def test_subrip_is_read() -> None:
    data = "\ufeff1\r\n00:00:01,000 --> 00:00:03,500\r\n<i>Hello</i> &amp; welcome\r\nall\r\n\r\n"
    data += "2\r\n01:00:04,5 --> 01:00:06\r\n{\\an8}Bye\r\n"
    assert parse_subtitles(data) == [Cue(1.0, 3.5, "Hello & welcome all"), Cue(3604.5, 3606.0, "Bye")]


def test_webvtt_is_read_without_its_notes() -> None:
    data = (
        "WEBVTT - a title\n\nNOTE not spoken\n\nSTYLE\n::cue { color: red }\n\n"
        "intro\n00:01.000 --> 00:02.500 align:start position:0%\n<v Ann>Good <00:01.500><c.loud>morning</c></v>\n"
    )
    assert parse_subtitles(data) == [Cue(1.0, 2.5, "Good morning")]


def test_cues_come_by_time_and_an_end_is_never_before_its_start() -> None:
    data = "00:00:09,000 --> 00:00:02,000\nlate\n\n00:00:01,000 --> 00:00:02,000\nearly\n"
    assert parse_subtitles(data) == [Cue(1.0, 2.0, "early"), Cue(9.0, 9.0, "late")]


def test_cues_without_empty_lines_between_them_are_told_apart() -> None:
    data = "1\n00:00:01,000 --> 00:00:02,000\none\n2\n00:00:03,000 --> 00:00:04,000\ntwo\n"
    assert [(each.cue.text, each.first, each.last) for each in cue_lines(data)] == [("one", 2, 3), ("two", 5, 6)]


def test_lines_that_a_rolling_caption_repeats_are_kept_once() -> None:
    data = (
        "00:01.000 --> 00:02.000\nfirst\n\n00:02.000 --> 00:03.000\nfirst\nsecond\n\n00:03.000 --> 00:03.010\nsecond\n"
    )
    assert [cue.text for cue in parse_subtitles(data)] == ["first", "second"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_bytes_are_read_in_their_encoding(encoding: str) -> None:
    data = "1\n00:00:01,000 --> 00:00:02,000\nÇa va très bien, François\n".encode(encoding)
    assert [cue.text for cue in parse_subtitles(data)] == ["Ça va très bien, François"]


def test_a_damaged_cue_costs_only_itself() -> None:
    data = "1\n00:00:xx,000 --> 00:00:02,000\nlost\n\n2\n00:00:03,000 --> 00:00:04,000\nkept\n"
    assert parse_subtitles(data) == [Cue(3.0, 4.0, "kept")]


@pytest.mark.parametrize("data", [b"", b"\0" * 1000, bytes(range(256)) * 9, b"-->" * 1000, "\ud800 --> x", b"\xff\xfe"])
def test_garbage_has_no_cues(data: bytes | str) -> None:
    assert parse_subtitles(data) == []


@pytest.mark.parametrize(
    "data",
    [
        "00:00:01,000 --> 00:00:02,000\n" * 50_000,
        "00:00:01,000 --> 00:00:02,000\n" + "<" * 1_000_000,
        "0" * 1_000_000,
        "00:" * 500_000,
        "1\n" * 300_000,
        "00:00:01,000 --> 00:00:02,000\n" + "{\\" * 500_000,
    ],
    ids=["times", "tags", "digits", "parts", "numbers", "styles"],
)
def test_hostile_files_take_linear_time(data: str) -> None:
    begin = time.thread_time()
    parse_subtitles(data)
    assert time.thread_time() - begin < 5


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.binary(max_size=300), st.text(alphabet="0123456789:,.-> \nab<>{}\\&#;\r\0", max_size=300)))
def test_no_input_raises_and_cues_are_sound(data: bytes | str) -> None:
    cues = parse_subtitles(data)
    assert all(0 <= cue.start_s <= cue.end_s and cue.text.strip() for cue in cues)
    assert [cue.start_s for cue in cues] == sorted(cue.start_s for cue in cues)


@pytest.mark.parametrize("line", ["the muni-\ncipality", "the muni-<br>cipality", "the muni\u00ad\\Ncipality"])
def test_a_word_that_is_broken_in_a_cue_is_joined(line: str) -> None:
    assert parse_subtitles(f"00:00:01,000 --> 00:00:02,000\n{line}\n") == [Cue(1.0, 2.0, "the municipality")]
