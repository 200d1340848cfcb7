"""Why a file is not among the hits: every reason, one file each."""

import os
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from small_index import run, use_word_model

from mmsearch.errors import UsageError
from mmsearch.index import Index
from mmsearch.query import Filter, Part, Query, WhyNot

FILES = {
    "moon.txt": "The silver moon over the harbour.",
    "copy of moon.txt": "The silver moon over the harbour.",
    "harbour.txt": "The harbour is quiet; ships sleep there.",
    "tide.txt": "Low tide at noon, high tide at night.",
    "empty.txt": "",
    "blob.bin": "\x00\x01\x02",
    ".secret.txt": "The moon in hiding.",
    "draft.log": "The moon in a log.",
    "build/moon.txt": "A moon that was built.",
    "private/moon.txt": "A private moon.",
    "gone.txt": "A moon that was forgotten.",
    "broken.png": "This is no picture.",
}


@pytest.fixture(scope="module")
def asked_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    top = tmp_path_factory.mktemp("why")
    for name, text in FILES.items():
        path = top / "media" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (top / "media" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(64))
    (top / "media" / ".gitignore").write_text("# built\nbuild/\n*.log\n")
    (top / "media" / "link.txt").symlink_to("nowhere.txt")
    (top / "elsewhere.txt").write_text("A moon elsewhere.")
    with pytest.MonkeyPatch.context() as patch:
        use_word_model(patch.setattr)
        run(top / "index", top / "media", exclude=("private/",))
        from mmsearch.config import Settings

        Index.forget(top / "index", top / "media" / "gone.txt", Settings())
    (top / "media" / "new.txt").write_text("A new moon.")
    return top


@pytest.fixture
def asked(asked_once: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with files of every sort, and its index: `asked / "media"`, `asked / "index"`."""
    use_word_model(monkeypatch.setattr)
    return asked_once


def why(asked: Path, name: str, text: str = "moon", **query: Any) -> WhyNot:
    return Index.open(asked / "index").why_not(Query(text, **{"min_score": 0.0} | query), asked / "media" / name)


def test_a_hit_is_named_by_its_number_with_its_signals(asked: Path) -> None:
    hits = Index.open(asked / "index").search(Query("harbour", min_score=0.0)).hits
    for hit in hits:
        found = why(asked, os.fsdecode(os.path.basename(hit.path)), "harbour")
        assert (found.code, found.rank, found.score, found.signals) == ("hit", hit.rank, hit.score, hit.signals)
        assert found.sentence == f"It is hit number {hit.rank}, with a score of {hit.score:.2f}."


def test_a_copy_is_shown_with_the_other_file(asked: Path) -> None:
    shown = next(hit for hit in Index.open(asked / "index").search(Query("moon", min_score=0.0)).hits if hit.same)
    found = why(asked, os.fsdecode(os.path.basename(shown.same[0])))
    assert (found.code, found.copy_of, found.rank) == ("copy", shown.path, shown.rank)
    assert os.fsdecode(shown.path) in found.sentence
    assert why(asked, os.fsdecode(os.path.basename(shown.same[0])), fold=False).code == "hit"


def test_a_hit_beyond_the_first_ones_has_its_rank(asked: Path) -> None:
    ranked = Index.open(asked / "index").search(Query("harbour", min_score=0.0)).hits
    found = why(asked, os.fsdecode(os.path.basename(ranked[1].path)), "harbour", k=1)
    assert (found.code, found.rank, found.score) == ("limit", 2, ranked[1].score)
    assert found.sentence.endswith("; the first 1 are shown.")
    by_name = why(asked, "harbour.txt", "harbour", k=1, sort="name")
    assert by_name.sentence == "It is hit number 1, but by name not among the first 1."


def test_a_score_below_the_cutoff_is_told_with_its_signals(asked: Path) -> None:
    score = why(asked, "harbour.txt", "moon quiet").score
    assert score is not None
    found = why(asked, "harbour.txt", "moon quiet", min_score=score + 0.001)
    assert (found.code, found.score) == ("cutoff", score) and found.signals
    assert f"is below --min-score {score + 0.001:g}" in found.sentence


def test_a_score_below_the_default_cutoff_where_nothing_passes(asked: Path) -> None:
    found = why(asked, "tide.txt", "zebra", min_score=None)
    assert found.sentence.endswith("is below the cutoff, as that of every other file.") and found.rank == 3


def test_a_file_with_nothing_of_the_query_is_no_match(asked: Path) -> None:
    found = why(asked, "tide.txt", "moon", names=False)
    assert (found.code, found.sentence) == (
        "no-match",
        "No word of the query is in it, and its meaning is not near enough to count.",
    )
    assert why(asked, "empty.txt", "moon").sentence.startswith("Its content is not indexed (it is empty); ")


@pytest.mark.parametrize(
    ("where", "field", "fact"),
    [
        (Filter(kinds=("image",)), "kinds", "it is of kind text, not image"),
        (Filter(within=("/nowhere",)), "within", "it does not lie in /nowhere"),
        (Filter(folders=("holiday",)), "within", "it does not lie in holiday"),
        (Filter(names=("sun",)), "names", "its name does not hold 'sun'"),
        (Filter(min_bytes=1000), "min_bytes", "it has 33 bytes, less than 1,000"),
        (Filter(max_bytes=5), "max_bytes", "it has 33 bytes, more than 5"),
        (Filter(min_pages=2), "min_pages", "it has no known number of pages, not at least 2"),
        (Filter(max_duration_s=9), "max_duration_s", "it has no known length, not at most 9 s"),
        (Filter(since=4e9), "since", ", before 2096-"),
        (Filter(before=datetime(1970, 1, 1).timestamp()), "before", ", not before 1970-01-01"),
        (Filter(without=(Filter(kinds=("text",)),)), "without 0", "the query leaves out files of this kind"),
    ],
)
def test_a_filter_that_leaves_a_file_out_is_named(asked: Path, where: Filter, field: str, fact: str) -> None:
    found = why(asked, "moon.txt", where=where)
    assert (found.code, found.filters) == ("filtered", (field,)) and fact in found.sentence


def test_operators_are_filters_here_too(asked: Path) -> None:
    assert why(asked, "moon.txt", "moon kind:image -name:moon").filters == ("kinds", "without 0")


def test_excluded_words_and_missing_phrases_are_named(asked: Path) -> None:
    assert why(asked, "harbour.txt", "harbour -ships").sentence == 'It holds words that the query excludes: -"ships".'
    found = why(asked, "harbour.txt", '"harbour ships"')
    assert (found.code, found.sentence) == (
        "phrase",
        'It does not hold the quoted words as they stand: "harbour ships".',
    )


def test_what_the_query_is_like_is_not_its_own_hit(asked: Path) -> None:
    like = (Part(file=bytes(asked / "media" / "harbour.txt")),)
    assert why(asked, "harbour.txt", "", like=like).code == "example"


@pytest.mark.parametrize(
    ("name", "code", "sentence", "pattern"),
    [
        (".secret.txt", "hidden", "It is hidden.", ""),
        ("draft.log", "ignored", "It is left out by the pattern '*.log' in .gitignore.", "*.log"),
        ("build/moon.txt", "ignored", "The folder build is left out by the pattern 'build/' in .gitignore.", "build/"),
        ("private/moon.txt", "excluded", "The folder private is left out by --exclude 'private/'.", "private/"),
        ("gone.txt", "forgotten", "It was taken out of the index by `mmsearch forget`.", ""),
        ("new.txt", "pending", "It is not indexed yet: no run has seen it.", ""),
        ("link.txt", "link", "It is a link, and links are not followed.", ""),
    ],
)
def test_a_file_that_the_index_does_not_know(asked: Path, name: str, code: str, sentence: str, pattern: str) -> None:
    found = why(asked, name)
    assert (found.code, found.sentence, found.pattern) == (code, sentence, pattern)


def test_a_file_that_no_glob_includes(tmp_path: Path, word_model: None) -> None:
    for name in ("in.md", "deep/out.txt"):
        (tmp_path / "media" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "media" / name).write_text("moon")
    run(tmp_path / "index", tmp_path / "media", include=("*.md", "*.tex"))
    assert why(tmp_path, "in.md").code == "hit"
    found = why(tmp_path, "deep/out.txt")
    assert (found.code, found.sentence) == ("excluded", "It matches none of --include '*.md', '*.tex'.")


def test_a_file_below_no_folder_of_the_index(asked: Path) -> None:
    found = why(asked, "../elsewhere.txt")
    assert (found.code, found.sentence) == (
        "outside",
        f"It lies below none of the folders of the index ({asked / 'media'}).",
    )


def test_files_without_content_are_found_by_name_only_and_say_why(asked: Path) -> None:
    failed = why(asked, "broken.png")
    assert failed.code == "failed" and failed.sentence.startswith("Its content could not be indexed (decode-error: ")
    assert why(asked, "blob.bin").sentence == (
        "Its content is not indexed (it is of no kind that is read); it can be found by its name only, and the query is"
        " not in that."
    )
    named = why(asked, "broken.png", "broken")
    assert named.code == "hit"
    assert named.notes == ("The index holds nothing of its content: it can be found by its name only.",)


def test_changes_since_the_last_run_are_noted(asked: Path, tmp_path: Path) -> None:
    path = asked / "media" / "tide.txt"
    before = path.stat()
    try:
        path.write_text("It has changed.")
        changed = why(asked, "tide.txt", "tide")
        path.unlink()
        gone = why(asked, "tide.txt", "tide")
    finally:
        path.write_text(FILES["tide.txt"])
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert changed.notes == ("It has changed since it was indexed: `mmsearch index` brings the index up to date.",)
    assert gone.notes == ("It is not there any more: `mmsearch index` takes it out of the index.",)
    assert (changed.code, gone.code) == ("hit", "hit")


def test_what_is_no_file_anywhere_is_an_error(asked: Path) -> None:
    for name, sentence in (("never.txt", "There is no file"), (".", "is a folder")):
        with pytest.raises(UsageError, match=sentence):
            why(asked, name)


def test_every_file_has_an_answer(asked: Path) -> None:
    for name in [*FILES, "new.txt", "link.txt"]:
        for text in ("moon", "harbour", "name:moon", "zebra"):
            found = why(asked, name, text, min_score=None)
            assert found.sentence.endswith(".") and found.code, (name, text)
