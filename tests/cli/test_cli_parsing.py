"""What typed words mean: times, sizes, dates, ranges, paths; and opening a hit on a desktop."""

import os
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmsearch.cli import desktop_open, filter_options, locations, option_values, query_parts
from mmsearch.errors import UsageError
from mmsearch.query import Filter, Hit, Part
from mmsearch.types import Locator

NOW = datetime(2024, 5, 31, 14, 30)


@pytest.mark.parametrize(
    "text, value",
    [
        ("90", 90),
        ("90s", 90),
        ("20m", 1200),
        ("20 min", 1200),
        ("1h30m", 5400),
        ("1.5h", 5400),
        ("2d", 172_800),
        ("1w", 604_800),
        ("1:30", 90),
        ("1:02:03", 3723),
        (" 5M ", 300),
        ("0", 0),
    ],
)
def test_times(text: str, value: int) -> None:
    assert option_values.seconds(text, "--x") == value


@pytest.mark.parametrize(
    "text, value",
    [("812", 812), ("10k", 10_000), ("1.5M", 1_500_000), ("2GB", 2 * 10**9), ("1MiB", 1 << 20), ("3 tb", 3 * 10**12)],
)
def test_sizes(text: str, value: int) -> None:
    assert option_values.byte_count(text, "--x") == value


@pytest.mark.parametrize(
    "text, value",
    [
        ("2024", datetime(2024, 1, 1)),
        ("2024-05", datetime(2024, 5, 1)),
        ("2024-05-31", datetime(2024, 5, 31)),
        ("2024-05-31T14:00", datetime(2024, 5, 31, 14)),
        ("2024-05-31 14:00:05", datetime(2024, 5, 31, 14, 0, 5)),
        ("2024-05-31T14:00Z", datetime(2024, 5, 31, 14, tzinfo=UTC)),
        ("today", datetime(2024, 5, 31)),
        ("yesterday", datetime(2024, 5, 30)),
        ("7d", datetime(2024, 5, 24, 14, 30)),
        ("90min", datetime(2024, 5, 31, 13, 0)),
    ],
)
def test_moments(text: str, value: datetime) -> None:
    assert option_values.period(text, "--since", now=NOW).begin == value.timestamp()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0001-01-01", datetime(1, 1, 1, tzinfo=UTC)),
        ("0001", datetime(1, 1, 1, tzinfo=UTC)),
        ("9999-12-31T23:59", datetime(9999, 12, 31, 23, 59, tzinfo=UTC)),
        ("1000000w", datetime(1, 1, 1, tzinfo=UTC)),
        ("400000d", datetime(2024, 5, 31, 14, 30, tzinfo=UTC) - timedelta(days=400_000)),
    ],
)
def test_moments_at_the_ends_of_the_calendar_are_right_to_a_day(text: str, value: datetime) -> None:
    found = option_values.period(text, "--since", now=NOW).begin
    assert abs(found - (value - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()) <= 86400


@pytest.mark.parametrize("text", ["0000", "0000-01-01", "2024-02-30", "10000-01-01", "1" * 61 + "d", "-5d"])
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--since can't be"):
        option_values.period(text, "--since", now=NOW)


def test_a_date_that_is_none_is_named_and_a_day_that_could_be_two_is_not_guessed() -> None:
    for text, sentence in (
        ("when we met", "--near can't be 'when we met': that is no date."),
        ("3/4/2024", "--near can't be '3/4/2024': it could be either of two days."),
    ):
        with pytest.raises(UsageError) as caught:
            filter_options.build_filter(near=text)
        assert caught.value.sentence == sentence and "2024-05-31" in caught.value.hint


def test_dates_narrow_each_other() -> None:
    where = filter_options.build_filter(since="2024-03-10", near="march 2024")
    assert where == Filter(since=datetime(2024, 3, 10).timestamp(), before=datetime(2024, 4, 1).timestamp())
    with pytest.raises(UsageError, match="No file can match"):
        filter_options.build_filter(before="2024-02", near="march 2024")


def test_a_language_of_the_filter_is_one_of_the_dates() -> None:
    where = filter_options.build_filter(near="maaliskuu 2024", languages=["fi"])
    assert (where.since, where.before) == (datetime(2024, 3, 1).timestamp(), datetime(2024, 4, 1).timestamp())


def test_a_duration_that_is_too_long_is_told_as_that() -> None:
    with pytest.raises(UsageError) as caught:
        option_values.seconds("1000000w", "--min-duration")
    assert caught.value.sentence == "--min-duration can't be '1000000w': that is more than three centuries."


@pytest.mark.parametrize(
    "text, ends",
    [("+5", ("5", None)), ("-5", (None, "5")), ("2..5", ("2", "5")), ("..5", (None, "5")), ("7", ("7",) * 2)],
)
def test_ranges(text: str, ends: tuple[str | None, str | None]) -> None:
    assert option_values.range_ends(text) == ends


@settings(deadline=None)  # the first date in words loads dateparser
@given(st.text(max_size=20) | st.from_regex(r"[+\-]?[0-9.:]{0,6}[a-zA-Z]{0,3}(\.\.[0-9kmg]{0,3})?", fullmatch=True))
def test_any_words_have_a_meaning_or_are_refused(text: str) -> None:
    for option in ("size", "pages", "since", "near", "min_duration", "max_duration"):
        try:
            where = filter_options.build_filter(**{option: text})
        except UsageError as error:
            assert error.sentence and error.hint
        else:
            assert isinstance(where, Filter)


def test_a_pattern_stays_a_pattern_unless_a_file_has_that_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a[1].txt").touch()
    where = filter_options.build_filter(within=["*.pdf", "a[1].txt", "b"])
    assert where.within == ("*.pdf", f"{tmp_path}/a[1].txt", f"{tmp_path}/b")


def test_a_path_keeps_its_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert locations.absolute(os.fsdecode(b"\xff/../\xfe")) == bytes(tmp_path) + b"/\xfe"


# --- opening ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def desktop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """A desktop whose programs are all there; gives what was started."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("xdg-open", "evince", "mpv"):
        (programs / name).write_text("#!/bin/sh\n")
        (programs / name).chmod(0o755)
    mime = programs / "xdg-mime"
    mime.write_text(
        '#!/bin/sh\ncase "$2 $3" in\n'
        "*.pdf) echo application/pdf;; *.mp4) echo video/mp4;; *filetype*) echo text/plain;;\n"
        "*application/pdf) echo org.gnome.Evince.desktop;; *video/mp4) echo mpv.desktop;; esac\n"
    )
    mime.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(desktop_open.sys, "platform", "linux")
    started: list[list[str]] = []
    monkeypatch.setattr(subprocess, "Popen", _recording(started, subprocess.Popen))
    return started


def _recording(started: list[list[str]], original: Any) -> type:
    class Recorder(original):  # type: ignore[misc]
        def __init__(self, command: list[str], *args: Any, **options: Any) -> None:
            if options.get("start_new_session"):
                started.append([os.path.basename(command[0]), *command[1:]])
                command = ["true"]
            super().__init__(command, *args, **options)

    return Recorder


def anything(path: bytes) -> bool:
    return True


def hit(path: Path, kind: str = "pdf", **place: Any) -> Hit:
    path.touch()
    return Hit(1, 1.0, bytes(path), kind, "text", Locator(**place), "", ())


@pytest.mark.parametrize(
    "name, kind, place, command",
    [
        ("a.pdf", "pdf", {"page": 3}, ["evince", "--page-index=3"]),
        ("a.mp4", "video", {"start_s": 75.25, "end_s": 80.0}, ["mpv", "--start=75.25"]),
        ("a.txt", "text", {"line_start": 4, "line_end": 6}, ["xdg-open"]),
        ("a.pdf", "pdf", {}, ["xdg-open"]),
    ],
)
def test_a_hit_opens_at_its_place_where_its_program_takes_one(
    desktop: list[list[str]], tmp_path: Path, name: str, kind: str, place: dict[str, Any], command: list[str]
) -> None:
    found = hit(tmp_path / name, kind, **place)
    desktop_open.open_hit([found], 1, anything)
    assert desktop == [[*command, str(tmp_path / name)]]


@pytest.mark.parametrize(
    ("name", "content", "mode"),
    [
        ("x.txt", b"words", 0o755),
        ("x.md", b"words", 0o645),
        ("x.desktop", b"", 0o644),
        ("x.DESKTOP", b"", 0o644),
        ("x.jar", b"", 0o644),
        ("x.exe", b"", 0o644),
        ("x.command", b"", 0o644),
        ("x.url", b"", 0o644),
        ("x", b"#!/bin/sh\n", 0o644),
        ("x.py", b"#!/usr/bin/env python3\n", 0o644),
        ("x", b"\x7fELF", 0o644),
        ("x.txt", b"MZ\x90", 0o644),
        ("x", b"# a note\n\n[Desktop Entry]\nExec=sh\n", 0o644),
        ("x.txt", b"\xef\xbb\xbf[Desktop Entry]\n", 0o644),
    ],
)
def test_what_a_desktop_might_run_is_shown_in_its_folder(
    desktop: list[list[str]], tmp_path: Path, capfd: pytest.CaptureFixture[str], name: str, content: bytes, mode: int
) -> None:
    found = hit(tmp_path / name, "text", line_start=1)
    (tmp_path / name).write_bytes(content)
    (tmp_path / name).chmod(mode)
    desktop_open.open_hit([found], 1, anything)
    assert desktop == [["xdg-open", str(tmp_path)]]
    assert capfd.readouterr() == (
        "",
        f"{tmp_path / name} is a program or could start one: its folder was opened.\n",
    )


def test_what_is_of_no_known_kind_is_shown_in_its_folder(
    desktop: list[list[str]], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    desktop_open.open_hit([hit(tmp_path / "z.bin", "other")], 1, anything)
    assert desktop == [["xdg-open", str(tmp_path)]]
    assert capfd.readouterr().err == f"{tmp_path}/z.bin is of an unknown kind: its folder was opened.\n"


def test_a_named_pipe_is_shown_in_its_folder(
    desktop: list[list[str]], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    found = hit(tmp_path / "a.txt", "text")
    (tmp_path / "a.txt").unlink()
    os.mkfifo(tmp_path / "a.txt")
    desktop_open.open_hit([found], 1, anything)
    assert desktop == [["xdg-open", str(tmp_path)]]
    assert capfd.readouterr().err == f"{tmp_path}/a.txt is no regular file: its folder was opened.\n"


def test_what_may_not_be_opened_is_refused(desktop: list[list[str]], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not opened: the index is not yours, and the file lies elsewhere"):
        desktop_open.open_hit([hit(tmp_path / "a.pdf")], 1, lambda path: path != bytes(tmp_path / "a.pdf"))
    assert desktop == []


def test_what_can_not_be_opened_is_reported(
    desktop: list[list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = hit(tmp_path / "a.pdf", page=1)
    with pytest.raises(UsageError, match="no hit 2"):
        desktop_open.open_hit([found], 2, anything)
    monkeypatch.delenv("DISPLAY")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with pytest.raises(UsageError, match="no desktop"):
        desktop_open.open_hit([found], 1, anything)
    (tmp_path / "a.pdf").unlink()
    with pytest.raises(UsageError, match="does not exist any more"):
        desktop_open.open_hit([found], 1, anything)
    desktop_open.open_hit([], 1, anything)
    assert desktop == []


def test_parts_of_a_query_have_weights_and_a_minus_is_a_file_where_there_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "crowd").write_text("x")
    (tmp_path / "odd@2").write_text("x")
    here = os.fsencode(tmp_path)
    files = ("a.jpg", "a.jpg@0.5", "t.mp4#t=75@2", "odd@2", "odd@2@.5", "a@2x.png")
    assert [query_parts.like_part(typed) for typed in files] == [
        Part(file=here + b"/a.jpg"),
        Part(file=here + b"/a.jpg", weight=0.5),
        Part(file=here + b"/t.mp4#t=75", weight=2),
        Part(file=here + b"/odd@2"),
        Part(file=here + b"/odd@2", weight=0.5),
        Part(file=here + b"/a@2x.png"),
    ]
    either = ("crowd", "crowd@3", "crowds at 10:30@0.5", "r.pdf#page=3", "a@b.com")
    assert [query_parts.minus_part(typed) for typed in either] == [
        Part(file=here + b"/crowd"),
        Part(file=here + b"/crowd", weight=3),
        Part("crowds at 10:30", weight=0.5),
        Part(file=here + b"/r.pdf#page=3"),
        Part("a@b.com"),
    ]


@pytest.mark.parametrize("typed", ["a@0", "a@101", "a@0.0", "", "  "])
def test_a_weight_or_a_part_that_cant_be_meant_is_refused(
    typed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError) as raised:
        query_parts.like_part(typed) if "a" in typed or not typed else query_parts.minus_part(typed)
    assert raised.value.hint
