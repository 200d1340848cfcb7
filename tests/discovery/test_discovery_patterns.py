"""Ignore patterns mean what they mean to git, and none takes long."""

import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pathspec import GitIgnoreSpec
from small_index import counts, run, use_word_model, write

from mmsearch.discovery.patterns import spec_of

PIECES = ["*", "*", "**/", "/", "a", "b", "[ab]", "?", "ab", "/**", "/**/", "\\*", "!", "**", ".", "é", " "]
PATTERNS = st.lists(st.sampled_from(PIECES), min_size=1, max_size=9).map("".join)
PATHS = st.lists(st.text("aab.é*", min_size=1, max_size=5), min_size=1, max_size=6).map("/".join)


@given(PATTERNS, st.lists(PATHS, max_size=9))
@example("a*b*c*d", ["axbxcxd", "axbxcx", "abcd", "a/abbcd/e"])
@example("a/**/b/**/c", ["a/b/c", "a/x/b/b/y/c", "a/xb/c", "a/b/b/c"])
def test_patterns_mean_what_the_library_makes_of_them(pattern: str, paths: list[str]) -> None:
    try:
        ours = spec_of([pattern])
    except (ValueError, re.error):
        return
    theirs = GitIgnoreSpec.from_lines([pattern])
    for path in [*paths, *(f"{path}/" for path in paths)]:
        assert ours.check_file(path).include == theirs.check_file(path).include


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
@pytest.mark.parametrize(
    "pattern",
    ["a*b*c", "*-*.*.log", "[!a]b", "x[!a]*[!b]y", "a/**/b/**/c", "**/a/**/b/*c*d*", "*.[ch]", "a?*?b", "**a**b**"],
)
def test_patterns_mean_what_git_makes_of_them(tmp_path: Path, pattern: str) -> None:
    names = ["abc", "axbxc", "1-2.3.log", "a/b", "cb", "x/y", "xbcay", "a/b/c", "a/b/x/b/y/c", "a/b/acd", "z/a/b/xcxd",
             "q.c", "q.h", "acb", "accb", "xaxbx", "d/axb", "a/x/b/y/d"]  # fmt: skip
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    (tmp_path / ".gitignore").write_text(pattern + "\n")
    told = subprocess.run(
        ["git", "-C", tmp_path, "check-ignore", "--no-index", "--stdin"],
        input="\n".join(names),
        capture_output=True,
        text=True,
        check=False,
    )
    assert [name for name in names if spec_of([pattern]).match_file(name)] == told.stdout.split()


@pytest.mark.parametrize(
    "pattern", ["*a" * 40 + "b", "*" * 60 + "b", "?*" * 40 + "b", "**/a/" * 40 + "b", "a/**/a" * 9 + "/**/b"]
)
def test_no_pattern_takes_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pattern: str) -> None:
    use_word_model(monkeypatch.setattr)
    write(tmp_path / "docs" / ("a" * 250) / "a.txt", "A walrus.\n")
    write(tmp_path / "docs" / "/".join("a" * 300) / "a.txt", "An otter.\n")
    write(tmp_path / "docs" / ".gitignore", f"{pattern}\n*.log\n")
    write(tmp_path / "docs" / "a.log", "A log.\n")
    began = time.thread_time()
    assert counts(run(tmp_path / "index", tmp_path / "docs", dry_run=True)) == {"seen": 4, "pending": 2, "excluded": 2}
    assert time.thread_time() - began < 5
