"""Inputs that are nearly valid, so that they get far into a parser, and random ones."""

from __future__ import annotations

import json

from hypothesis import strategies as st

from mmsearch.types import Kind

# fmt: off


def mixed(*pieces: str, size: int = 40) -> st.SearchStrategy[str]:
    """Text of tokens that a parser knows, mixed with random text."""
    return st.lists(st.sampled_from(pieces) | st.text(max_size=4), max_size=size).map("".join)


PATHS = st.lists(
    st.binary(min_size=1, max_size=12).map(lambda raw: raw.replace(b"/", b"a").replace(b"\0", b"b"))
    | st.sampled_from([b"a", b"b", b"ab", b"a.txt", b".git", b"a" * 120]), min_size=1, max_size=6).map(b"/".join)
IGNORE = mixed("*", "**", "/", "**/", "!", "?", "[a-z]", "[!a]", "[", "]", "\\", "#", " ", "\n", "a", "b", ".", "é")

SUBTITLES = mixed(
    "00:00:01,000", " --> ", "00:00:02.5", "\n", "\n\n", "WEBVTT", "1", "words", "<i>", "{\\an8}", "&amp;", "[1:02.3]",
    "\r", "NOTE") | st.binary(max_size=300)

TYPED = mixed(
    '"', "-", " ", "AND", "OR", "NOT", "NEAR(", ")", "*", ":", "^", "+", "walrus", "otters", "note", "words:", "中文",
    "段", "ς", "\u201c", "\x00", "{a b}", "12-34/5", "report.pdf", "\ud800", "'", ";--")
FILTERS = st.fixed_dictionaries({}, optional={
    "kinds": st.lists(st.sampled_from([*Kind, "other", "none"]), max_size=3),
    "within": st.lists(mixed("/", "*", "[", "docs", "?", ".", "note1.md", size=6), max_size=2),
    "since": mixed("2024", "0001", "-", "05", "T", ":", "7", "d", "today", "yesterday", "w", size=8),
    "before": mixed("2024", "9999", "-", "12", "31", "9", "h", "Z", "+", size=8),
    "size": mixed("+", "-", "..", "1", "0", ".", "k", "Mi", "B", "9" * 30, size=6),
    "languages": st.lists(st.text(max_size=5), max_size=2),
    "min_duration": mixed("1", ":", "30", "h", "m", "s", "9" * 400, size=5),
    "max_duration": mixed("1", ":", "59", "min", "d", ".", "5", size=5),
    "pages": mixed("+", "-", "..", "1", "2", "٣", size=5)})

WORDS = mixed(
    ",", '"', "\n", "\r", "\t", "\u2028", "\ufeff", "\x1b[31m", "\x85", "=1+1", "é", "\U0001f600", "\udcff", "\u202e")
NAMES = st.binary(min_size=1, max_size=20).map(lambda raw: b"/" + raw.replace(b"\0", b"n"))

CONFIG = mixed(
    "[index]", "[query]", "\n", "k", " = ", "5", '"', "no-ocr", "true", "min-score", "0.1", "[[", "]]", "{", "}", ".",
    "#", "'''", "inf", "1979-05-27") | st.binary(max_size=200)

FIELDS = ["segment", "media", "ordinal", "locator", "text", "cues", "details", "spans", "notes", "probe", "segments",
          "failure", "image", "header", "arrays", "task", "reply"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
    | st.sampled_from([1 << 64, -1, "text", "image"]),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=7),
    max_leaves=30)
ARRAYS = st.tuples(st.sampled_from(["uint8", "float32", "object"]), st.lists(st.integers(-1, 1 << 40), max_size=4))
MESSAGES = st.tuples(JSON, st.lists(ARRAYS, max_size=3)).map(
    lambda both: json.dumps({"header": {"reply": both[0]}, "arrays": both[1]}).encode())
BODIES = JSON.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=60) | MESSAGES

HEADS = st.lists(st.sampled_from([
    b"\x89PNG\r\n\x1a\n", b"RIFF", b"WAVE", b"FORM", b"\x00\x00\x00\x18ftyp", b"heic", b"mif1", b"OggS",
    b"\x1a\x45\xdf\xa3", b"BM", b"G", b"%PDF-", b"<html>", b"\xff\xfe", b"\xff\xfb", b"P6 ", b"ustar", b"\x00",
    b"text ", b"\xef\xbb\xbf"]) | st.binary(max_size=200), max_size=6).map(b"".join)
SUFFIXES = st.sampled_from(
    [".jpg", ".ts", ".mp3", ".txt", ".html", ".ico", ".mka", "", ".", ".\xff", ".JPG", ".csv", ".srt"])

TEXTS = mixed(
    "\n", "\n\n", "# ", "- ", "```", "|", ",", '"', "{", "}", "[", "]", "<p>", "</p>", "<script>", "<!--", "&#x41;",
    "<title>", "a" * 300, "word ", "\x0c", "中文字", "\ud83d", "1\n00:00:01,000 --> 00:00:02,000\n", size=60
) | st.binary(max_size=600)
FORMATS = st.sampled_from(["text", "markdown", "html", "xml", "svg", "json", "csv", "srt", "vtt", "rst", "code"])

JUDGED = st.lists(JSON | st.fixed_dictionaries({"query": st.text(max_size=9)}, optional={
    "relevant": st.lists(mixed("a.pdf", "#page=", "#t=", "1", ",", ".5", size=5), max_size=3), "grades": JSON,
    "qid": JSON, "translations": JSON, "gallery": JSON}), max_size=3)
