"""Subtitles of SubStation Alpha and TTML: the words with their times, without styling; nothing from garbage."""

import os
from pathlib import Path

import pytest

from mmsearch.discovery.ignore import Globs
from mmsearch.discovery.walk import Walk
from mmsearch.extraction.media.cues import sidecar_cues
from mmsearch.extraction.media.timed_text import parse_ass, parse_ttml
from mmsearch.types import Cue, Kind, Source

ASS = """[Script Info]
Title: fansub

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
0,0:00:01.00,0:00:02.00,Default,,0,0,0,,no dialogue
Dialogue: 0,0:00:06.00,0:00:09.50,Default,,0,0,0,,{\\an8\\i1}The dragon sleeps\\Nunder the gran-\\Nite bridge, softly
Dialogue: 0,0:00:10.00,0:00:11.00,Default,,0,0,0,,{\\p1}m 0 0 l 100 0 100 100
Dialogue: broken
"""
TTML = """<?xml version="1.0"?><tt xmlns="http://www.w3.org/ns/ttml"><body><div>
<p begin="00:00:05.000" end="00:00:07.250">Sail &amp; away<br/>my <span>boat</span></p>
<p begin="12s" dur="1500ms">Over the moat</p><p>no time</p></div></body></tt>"""


def test_dialogue_is_read_without_styling() -> None:
    assert parse_ass(ASS) == [Cue(6.0, 9.5, "The dragon sleeps under the granite bridge, softly")]


def test_paragraphs_with_a_time_are_read() -> None:
    assert parse_ttml(TTML) == [Cue(5.0, 7.25, "Sail & away my boat"), Cue(12.0, 13.5, "Over the moat")]


@pytest.mark.parametrize(
    "garbage", ["", "\x00", "Dialogue: ", "[Events]\nFormat:\nDialogue: ,,,", "<p begin='x'>a</p>" * 99]
)
def test_garbage_has_no_cues(garbage: str) -> None:
    assert parse_ass(garbage) == parse_ttml(garbage) == []


@pytest.mark.parametrize(
    ("ending", "written", "first"),
    [
        ("ass", ASS, Cue(6.0, 9.5, "The dragon sleeps under the granite bridge, softly")),
        ("ssa", ASS, Cue(6.0, 9.5, "The dragon sleeps under the granite bridge, softly")),
        ("ttml", TTML, Cue(5.0, 7.25, "Sail & away my boat")),
        ("lrc", "[00:05.00]Sail away\n[00:12.00]Over the moat\n", Cue(5.0, 12.0, "Sail away")),
    ],
)
def test_such_files_belong_to_the_recording_beside_them(tmp_path: Path, ending: str, written: str, first: Cue) -> None:
    (tmp_path / "hymn.mp3").write_bytes(b"ID3")
    (tmp_path / f"hymn.{ending}").write_text(written)
    entries = {os.path.basename(entry.path): entry for entry in Walk(os.fsencode(tmp_path), Globs.of((), ())).entries()}
    assert entries[f"hymn.{ending}".encode()].owner == b"hymn.mp3"
    [(name, *_)] = entries[b"hymn.mp3"].sidecars
    given = Source(
        os.fsencode(tmp_path / "hymn.mp3"), Kind.AUDIO, "mp3", (0, 0, 0), (os.fsencode(tmp_path) + b"/" + name,)
    )
    cues, notes = sidecar_cues(given)
    assert cues[0] == first and notes == []
