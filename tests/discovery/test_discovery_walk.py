"""Which files a walk gives: rules, links, special files, hostile names, sidecars, other indexes."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_index import write

from mmsearch.discovery.ignore import Globs, read_spec
from mmsearch.discovery.walk import Entry, Walk, single
from mmsearch.errors import UsageError


def walk(root: Path, include: Sequence[str] = (), exclude: Sequence[str] = (), **options: Any) -> Walk:
    return Walk(os.fsencode(root), Globs.of(include, exclude), **options)


def names(walked: Walk) -> list[str]:
    return [os.fsdecode(entry.path) for entry in walked.entries()]


def make(root: Path, *paths: str) -> Path:
    for path in paths:
        write(root / path, "words")
    return root


def test_files_come_folder_by_folder_by_name(tmp_path: Path) -> None:
    make(tmp_path, "b.txt", "a/z.txt", "a/b/c.txt", "c/x.txt", "B.txt", "a.txt")
    assert names(walk(tmp_path)) == ["B.txt", "a.txt", "b.txt", "a/z.txt", "a/b/c.txt", "c/x.txt"]
    assert names(walk(tmp_path, below=b"a")) == ["a/z.txt", "a/b/c.txt"]


def test_facts_are_those_of_the_disk(tmp_path: Path) -> None:
    facts = write(tmp_path / "a.txt", "words").stat()
    (entry,) = walk(tmp_path).entries()
    assert (entry.size, entry.mtime_ns, entry.inode) == (5, facts.st_mtime_ns, facts.st_ino)
    assert single(os.fsencode(tmp_path), b"a.txt") == entry


def test_hidden_files_are_left_out_unless_asked_for(tmp_path: Path) -> None:
    make(tmp_path, ".hidden", ".cache/x.txt", "a.txt", "d/.b")
    found = walk(tmp_path)
    assert (names(found), found.left_out) == (["a.txt"], {"hidden": 2, "hidden folder": 1})
    assert names(walk(tmp_path, hidden=True)) == [".hidden", "a.txt", ".cache/x.txt", "d/.b"]


def test_links_are_never_followed_and_special_files_never_opened(tmp_path: Path) -> None:
    make(tmp_path, "real/a.txt", "b.txt")
    (tmp_path / "file link.txt").symlink_to(tmp_path / "b.txt")
    (tmp_path / "folder link").symlink_to(tmp_path / "real")
    (tmp_path / "real" / "loop").symlink_to(tmp_path)
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe.txt")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket.txt"))
        found = walk(tmp_path)
        assert names(found) == ["b.txt", "real/a.txt"]
    assert found.left_out == {"link": 4, "special file": 2}
    for name in (b"file link.txt", b"pipe.txt", b"socket.txt", b"real", b"nothing", b"b.txt/inner"):
        assert single(os.fsencode(tmp_path), name) is None


HOSTILE = [
    b"new\nline.txt",
    b"\x1b[31mred.txt",
    b"\xff\xfe.txt",
    b"-rf",
    b"--include",
    b"x" * 251 + b".txt",
    b" ",
    b"a\tb",
    b"*.txt",
    b"[x].txt",
    b"\\",
    b"!keep",
    b"#note",
    b"a\r.txt",
    b"caf\xe9.md",
    b"trailing ",
]


def test_hostile_names_are_names_like_others(tmp_path: Path) -> None:
    for name in HOSTILE:
        Path(os.fsdecode(os.path.join(os.fsencode(tmp_path), name))).write_text("words")
    write(tmp_path / ".mmsearchignore", "*.nothing\n")
    found = [entry.path for entry in walk(tmp_path, exclude=("*.none",)).entries()]
    assert sorted(found) == sorted(HOSTILE)
    assert all(single(os.fsencode(tmp_path), name) is not None for name in HOSTILE)


def test_deep_trees_are_walked(tmp_path: Path) -> None:
    deep = tmp_path
    for _ in range(300):
        deep = deep / "folder"
    deep.mkdir(parents=True)
    write(deep / "a.txt", "words")
    assert len(names(walk(tmp_path))) == 1


def test_index_folders_are_never_entered(tmp_path: Path) -> None:
    make(tmp_path, "a.txt", "index/catalogue.db", "index/writer.lock", "index/note.txt", "other/catalogue.db")
    assert names(walk(tmp_path)) == ["a.txt", "other/catalogue.db"]
    assert names(walk(tmp_path / "index")) == []


def test_a_folder_that_can_not_be_listed_is_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path, "a.txt", "b/c.txt")
    real = os.scandir

    def refuse(path: bytes) -> Iterator[os.DirEntry[bytes]]:
        if path.endswith(b"/b"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr("os.scandir", refuse)
    found = walk(tmp_path)
    assert (names(found), found.unreadable) == (["a.txt"], [(b"b", "Permission denied")])


RULES = {
    ".gitignore": "*.log\n!keep.log\n/build/\ndocs/**/draft*\n# a comment\n\\#odd\ntrailing   \n[bad\n",
    "sub/.gitignore": "!special.log\n*.tmp\n/only-here.txt\n",
    "sub/.mmsearchignore": "private/\n",
}
FILES = ["a.log", "keep.log", "build/x.txt", "sub/build/x.txt", "docs/a/b/draft1.md", "docs/draft.md", "docs/a.md",
         "#odd", "trailing", "sub/special.log", "sub/other.log", "sub/x.tmp", "x.tmp", "sub/only-here.txt",
         "sub/deep/only-here.txt", "sub/private/p.txt", "private/p.txt", "[bad", "sub/private.txt"]  # fmt: skip


def test_ignore_files_are_read_as_git_reads_them(tmp_path: Path) -> None:
    make(tmp_path, *FILES)
    for path, text in RULES.items():
        write(tmp_path / path, text)
    expected = {
        "keep.log",
        "sub/build/x.txt",
        "docs/a.md",
        "sub/special.log",
        "x.tmp",
        "sub/deep/only-here.txt",
        "private/p.txt",
        "[bad",
        "sub/private.txt",
    }
    assert set(names(walk(tmp_path))) == expected
    assert set(names(walk(tmp_path, below=b"sub"))) == {path for path in expected if path.startswith("sub/")}
    assert set(names(walk(tmp_path, ignore_files=False))) == set(FILES)
    if shutil.which("git") is None:
        pytest.skip("git is not there to be held against")
    os.rename(tmp_path / "sub" / ".mmsearchignore", tmp_path / "sub" / "later")
    (tmp_path / "sub" / "later").unlink()
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    listed = subprocess.run(
        ["git", "-C", str(tmp_path), "ls-files", "-z", "--others", "--exclude-standard"],
        capture_output=True,
        check=True,
    )
    git = {path for path in listed.stdout.decode().split("\0") if path and not path.endswith(".gitignore")}
    assert set(names(walk(tmp_path))) == git


def test_ignore_files_that_are_none_are_left_alone(tmp_path: Path) -> None:
    make(tmp_path, "a.txt")
    os.mkfifo(tmp_path / ".gitignore")
    (tmp_path / ".mmsearchignore").symlink_to(tmp_path / "rules")
    write(tmp_path / "rules", "*\n")
    assert names(walk(tmp_path)) == ["a.txt", "rules"]
    (tmp_path / ".gitignore").unlink()
    (tmp_path / ".gitignore").write_bytes(b"*\n" * 1_000_000)
    assert names(walk(tmp_path)) == ["a.txt", "rules"]
    (tmp_path / ".gitignore").write_bytes(b"\xff\xfe\x00[\n\\\n!\n***/\n[z-a]\n")
    assert names(walk(tmp_path)) == ["a.txt", "rules"]


@given(st.lists(st.text(alphabet="*?[]!/\\ab.# -\u00e9\ud800", max_size=8), max_size=5))
@settings(max_examples=300, deadline=None)
def test_no_pattern_is_an_error(tmp_path_factory: pytest.TempPathFactory, lines: list[str]) -> None:
    path = tmp_path_factory.getbasetemp() / "patterns"
    path.write_bytes("\n".join(lines).encode("utf-8", "surrogatepass"))
    spec = read_spec(os.fsencode(path))
    assert spec is not None
    spec.check_file("a/b.txt")


@pytest.mark.parametrize(
    ("include", "exclude", "expected"),
    [
        (("*.pdf",), (), ["a.pdf", "sub/b.pdf"]),
        (("sub/",), (), ["sub/b.pdf", "sub/c.txt"]),
        (("/a.*",), (), ["a.pdf", "a.txt"]),
        ((), ("*.pdf",), ["a.txt", "sub/c.txt"]),
        ((), ("sub",), ["a.pdf", "a.txt"]),
        (("*.pdf",), ("sub/",), ["a.pdf"]),
        ((), ("*", "!*.txt"), ["a.txt"]),
        (("*", "!*.txt"), (), ["a.pdf", "sub/b.pdf"]),
    ],
)
def test_globs_of_the_user(
    tmp_path: Path, include: tuple[Any, ...], exclude: tuple[Any, ...], expected: list[str]
) -> None:
    make(tmp_path, "a.pdf", "a.txt", "sub/b.pdf", "sub/c.txt")
    assert names(walk(tmp_path, include, exclude)) == expected


def owners(walked: Iterable[Entry]) -> dict[str, str]:
    return {os.fsdecode(entry.path): os.fsdecode(entry.owner) for entry in walked if entry.owner}


def test_sidecars_belong_to_their_file(tmp_path: Path) -> None:
    make(
        tmp_path,
        "talk.mp4",
        "talk.srt",
        "talk.en.vtt",
        "talk.mp4.srt",
        "talk.xmp",
        "alone.srt",
        "photo.jpg",
        "photo.xmp",
        "photo.jpg.xmp",
        "photo.srt",
        "song.mp3",
        "SONG.SRT",
        "sub/talk.srt",
        "talk.mp4.xmp",
        "x.y.mp4",
        "x.y.srt",
        "x.srt",
    )
    assert owners(walk(tmp_path).entries()) == {
        "talk.srt": "talk.mp4",
        "talk.en.vtt": "talk.mp4",
        "talk.mp4.srt": "talk.mp4",
        "photo.xmp": "photo.jpg",
        "photo.jpg.xmp": "photo.jpg",
        "x.y.srt": "x.y.mp4",
    }
    entries = {os.fsdecode(entry.path): entry for entry in walk(tmp_path).entries()}
    facts = (tmp_path / "talk.srt").stat()
    assert [name for name, *_ in entries["talk.mp4"].sidecars] == [b"talk.en.vtt", b"talk.mp4.srt", b"talk.srt"]
    assert (b"talk.srt", facts.st_size, facts.st_mtime_ns) in entries["talk.mp4"].sidecars
    for path, entry in entries.items():
        assert single(os.fsencode(tmp_path), os.fsencode(path)) == entry


def test_globs_part_no_file_from_its_sidecars(tmp_path: Path) -> None:
    make(tmp_path, "talk.mp4", "talk.srt")
    (film,) = walk(tmp_path, include=("*.mp4",)).entries()
    assert [name for name, *_ in film.sidecars] == [b"talk.srt"]
    assert owners(walk(tmp_path, exclude=("*.mp4",)).entries()) == {"talk.srt": "talk.mp4"}


@pytest.mark.parametrize("options", [{"include": ("[z-a]",)}, {"exclude": ("*.txt", "!")}])
def test_a_glob_that_is_none_is_reported(tmp_path: Path, options: dict[str, tuple[str, ...]]) -> None:
    with pytest.raises(UsageError):
        walk(tmp_path, **options)


@pytest.mark.parametrize("glob", ["[[[", "[", "a[b", "#note", "", "  ", "/", "!", "a\\", "[z-a]", "![["])
@pytest.mark.parametrize("option", ["include", "exclude"])
def test_a_typed_glob_that_can_match_nothing_is_refused(option: str, glob: str) -> None:
    with pytest.raises(UsageError, match=f"--{option} can't be"):
        Globs.check(**{"include": (), "exclude": (), option: ("*.txt", glob)})


@pytest.mark.parametrize("glob", ["[[]", r"\[\[", "[a-c]*", "!a", r"\#a", "**", "a b", "[]a]", "[!a]", "[[:alpha:]]"])
def test_a_glob_with_brackets_is_taken_without_a_warning(
    glob: str, tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    Globs.check((glob,), (glob,))
    walk(tmp_path, include=(glob,), exclude=(glob,))
    assert len(recwarn) == 0


def test_what_a_root_remembers_is_heeded_also_where_it_can_match_nothing(tmp_path: Path) -> None:
    make(tmp_path, "a.txt")
    assert names(walk(tmp_path, exclude=("[[[",))) == ["a.txt"]
