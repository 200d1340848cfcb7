"""Text: any encoding becomes passages whose lines are where they say, in bounded time, or a refusal."""

import os
import time
from pathlib import Path

import pytest

from mmsearch.errors import ExtractionError
from mmsearch.extraction.pages import text
from mmsearch.extraction.pages.text import json_as_text
from mmsearch.types import Kind, Needs, Probe, Segment, Source

GERMAN = "Die Straße führt über die Brücke zum Schloss. Müller grüßt höflich und möchte ein Stück Käse."
FRENCH = "L'été dernier, j'ai visité la forêt près de Besançon où un garçon m'a montré une très vieille église."
POLISH = "Zażółć gęślą jaźń. Wczoraj poszedłem do sklepu, żeby kupić chleb i świeże mleko dla dzieci."
TURKISH = "Dün akşam sahilde yürüdük ve gemilerin limana dönüşünü izledik. Şeker, çiğ köfte, ığdır."
RUSSIAN = "Вчера вечером мы гуляли по набережной и смотрели, как корабли возвращаются в порт."
GREEK = "Χθες το βράδυ περπατήσαμε στην παραλία και είδαμε τα πλοία να επιστρέφουν στο λιμάνι."
JAPANESE = "昨日の夜、私たちは海岸を散歩して、船が港に戻ってくるのを見ました。天気は暖かかったです。"
CHINESE = "昨天晚上我们沿着海滩散步，看到船只返回港口。天气很暖和。我们吃了很多海鲜。"
KOREAN = "어제 저녁 우리는 해변을 따라 산책하며 배들이 항구로 돌아오는 것을 보았습니다."


def source_of(path: Path, format: str = "text") -> Source:
    facts = path.stat()
    return Source(os.fsencode(path), Kind.TEXT, format, (facts.st_size, facts.st_mtime_ns, facts.st_ino))


def read(path: Path, data: bytes, format: str = "text") -> tuple[Probe, list[Segment]]:
    path.write_bytes(data)
    source = source_of(path, format)
    probe = text.probe(source, Needs())
    return probe, [
        one.segment for number in range(len(probe.spans)) for one in text.extract(source, probe, number, Needs())
    ]


@pytest.mark.parametrize(
    ("words", "encoding"),
    [
        *((GERMAN, name) for name in ("utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252", "cp850", "latin-1")),
        *((FRENCH, name) for name in ("cp1252", "iso8859-15")),
        *((POLISH, name) for name in ("cp1250", "iso8859-2")),
        (TURKISH, "cp1254"),
        *((RUSSIAN, name) for name in ("cp1251", "koi8-r", "cp866", "iso8859-5")),
        *((GREEK, name) for name in ("cp1253", "iso8859-7")),
        *((JAPANESE, name) for name in ("shift_jis", "euc_jp", "iso2022_jp", "utf-16-le", "utf-16-be")),
        *((CHINESE, name) for name in ("gb18030", "utf-8")),
        (KOREAN, "euc_kr"),
    ],
)
def test_text_is_read_in_its_encoding(tmp_path: Path, words: str, encoding: str) -> None:
    ascii_beside = "Notes 2024\n\n" if encoding in ("utf-16-le", "utf-16-be") else ""
    _, segments = read(tmp_path / "a.txt", (ascii_beside + words * 2 if ascii_beside else words).encode(encoding))
    assert "\n".join(segment.text for segment in segments) == ascii_beside + words * (2 if ascii_beside else 1)


@pytest.mark.parametrize(
    ("words", "encoding"),
    [
        *(("Корабль стоит у причала номер пять.", name) for name in ("cp1251", "koi8-r", "cp866", "iso8859-5")),
        *(("Το καράβι φεύγει στις επτά το πρωί.", name) for name in ("cp1253", "iso8859-7", "cp737")),
        *(("שלום לכולם, הספרייה פתוחה היום.", name) for name in ("cp1255", "iso8859-8", "cp862")),
        ("██▀▀ Skerries ▄▄██ ════", "cp437"),
        ("██ Skerries ██", "cp437"),
    ],
)
def test_one_line_is_read_in_its_encoding(tmp_path: Path, words: str, encoding: str) -> None:
    _, segments = read(tmp_path / "a.txt", words.encode(encoding))
    assert [segment.text for segment in segments] == [words]


def test_a_few_bad_bytes_in_utf8_cost_only_themselves(tmp_path: Path) -> None:
    probe, segments = read(tmp_path / "a.txt", GERMAN.encode() + b" \xff " + GERMAN.encode())
    assert segments[0].text == f"{GERMAN} \ufffd {GERMAN}"
    assert probe.notes == ("Some bytes are not valid in the encoding of the text; they were replaced.",)


def test_bytes_beyond_the_first_megabyte_decide_too(tmp_path: Path) -> None:
    _, segments = read(tmp_path / "a.txt", b"plain words here\n" * 70_000 + FRENCH.encode("cp1252"))
    assert segments[-1].text.endswith(FRENCH)


def test_binary_data_named_as_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ExtractionError) as caught:
        read(tmp_path / "a.txt", bytes(range(256)) * 20)
    assert (caught.value.code, caught.value.sentence) == ("decode-error", "This looks like binary data, not like text.")


@pytest.mark.parametrize("data", [b"", b" \n\r\n\t ", b"\xef\xbb\xbf", b"\xff\xfe"])
def test_a_text_without_words_has_no_spans(tmp_path: Path, data: bytes) -> None:
    probe, segments = read(tmp_path / "a.txt", data)
    assert probe.spans == () and segments == []


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-be", "utf-32"])
def test_every_line_lies_in_the_passage_that_claims_it(tmp_path: Path, ending: str, encoding: str) -> None:
    lines = [f"line {number} says something of its own" * (number % 7 > 0) for number in range(1, 30_001)]
    data = ending.join(lines).encode(encoding)
    probe, segments = read(tmp_path / "a.txt", data)
    assert len(probe.spans) > 0 and len({segment.ordinal for segment in segments}) == len(segments)
    found: dict[int, str] = {}
    for segment in segments:
        place = segment.locator
        assert place.line_start is not None and place.line_end is not None
        for number, line in zip(range(place.line_start, place.line_end + 1), segment.text.split("\n"), strict=True):
            found[number] = line
    assert {number: line for number, line in found.items() if line} == {
        number: line for number, line in enumerate(lines, 1) if line
    }


def test_a_long_text_is_cut_into_spans_that_follow_each_other(tmp_path: Path) -> None:
    data = b"some words on a line of text\n" * 120_000
    probe, _ = read(tmp_path / "a.txt", data)
    edges = [(span.start, span.stop) for span in probe.spans]
    assert [start for start, _ in edges[1:]] == [stop for _, stop in edges[:-1]]
    assert edges[0][0] == 0 and edges[-1][1] == len(data)
    assert all(data[: int(span.start)].count(b"\n") + 1 == span.first for span in probe.spans)


@pytest.mark.parametrize("word", ["word ", "语言很好。", "x", "é"])
def test_a_giant_line_is_read_whole_and_in_passages(tmp_path: Path, word: str) -> None:
    words = word * (2_500_000 // len(word.encode()))
    begin = time.thread_time()
    probe, segments = read(tmp_path / "a.txt", words.encode())
    assert time.thread_time() - begin < 20
    assert len(probe.spans) >= 3 and all(segment.locator.line_start == 1 for segment in segments)
    assert max(len(segment.text) for segment in segments) <= 4000
    assert not any("\ufffd" in segment.text for segment in segments)
    if word in ("word ", "语言很好。"):
        assert sum(segment.text.count(word.strip()) for segment in segments) == words.count(word.strip())


@pytest.mark.parametrize(
    ("sentence", "limit"), [("Some words in a sentence of nine tokens here. ", 1200), ("语言很好。", 250)]
)
def test_passages_end_with_sentences_and_keep_to_their_length(tmp_path: Path, sentence: str, limit: int) -> None:
    _, segments = read(tmp_path / "a.txt", (sentence * 900).encode())
    lengths = [len(segment.text) for segment in segments]
    assert max(lengths) <= limit and min(lengths[:-1]) > limit * 0.9
    assert all(segment.text.endswith(sentence.strip()[-1]) for segment in segments)


def test_passages_of_markdown_know_their_heading(tmp_path: Path) -> None:
    data = b"# Garden\n\n" + b"Roses. " * 200 + b"\n\n```\n# no heading\n```\n\nTools\n-----\n\n" + b"Spades. " * 200
    probe, segments = read(tmp_path / "a.md", data, "markdown")
    assert probe.details["title"] == "Garden"
    told = {segment.details.get("title") for segment in segments if segment.text.startswith("Spades")}
    assert told == {"Tools"}
    assert {segment.details.get("title") for segment in segments if segment.text.startswith("Roses")} == {"Garden"}


def test_rows_of_a_table_know_its_columns(tmp_path: Path) -> None:
    data = b"Name,Town,Age\n" + b"Ann,Rome,31\n" * 300
    _, segments = read(tmp_path / "a.csv", data, "csv")
    assert len(segments) > 2 and all(segment.details == {"title": "Name, Town, Age"} for segment in segments)
    assert all(set(segment.text.split("\n")) <= {"Name,Town,Age", "Ann,Rome,31"} for segment in segments)


def test_json_is_read_without_its_signs() -> None:
    line = '{"name": "Caf\\u00e9 \\ud83d\\ude00", "a{b": [1, 2.5], "x": "say \\"hi\\"\\n"}'
    assert json_as_text(f"[\n{line}]", 7) == ('\n name: Café 😀, a{b:  1, 2.5 , x: say "hi"', [7, 8])


def test_one_long_line_of_json_is_cut_between_objects() -> None:
    told, numbers = json_as_text('[{"a": "b c d e f"},' * 100, 1)
    assert told.split("\n")[:2] == ["  a: b c d e f ,", "  a: b c d e f ,"] and set(numbers) == {1}


def test_subtitles_are_found_by_time_and_line(tmp_path: Path) -> None:
    data = b"1\n00:00:01,000 --> 00:00:03,500\n<i>Hello</i> there\n\n2\n00:00:04,000 --> 00:00:06,000\nTwo\nlines\n"
    _, segments = read(tmp_path / "a.srt", data, "srt")
    place = segments[0].locator
    assert [segment.text for segment in segments] == ["Hello there\nTwo lines"]
    assert (place.start_s, place.end_s, place.line_start, place.line_end) == (1.0, 6.0, 2, 8)
    assert [cue.start_s for cue in segments[0].cues] == [1.0, 4.0]


def test_a_subtitle_file_without_times_is_text(tmp_path: Path) -> None:
    _, segments = read(tmp_path / "a.srt", b"no times\nin here\n", "srt")
    assert [segment.text for segment in segments] == ["no times\nin here"]


def test_a_file_that_changed_since_it_was_planned_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("one")
    source = source_of(path)
    path.write_text("another")
    with pytest.raises(ExtractionError) as caught:
        text.probe(source, Needs())
    assert caught.value.code == "vanished"


def test_broken_words_are_joined_and_lines_keep_their_numbers(tmp_path: Path) -> None:
    written = "# Log\n\nThe muni-\ncipality knew.\n\n## Later\n\nA lang\u00ad\nfristig plan for twenty-\nfive years.\n"
    _, [one] = read(tmp_path / "a.md", written.encode(), "markdown")
    assert one.text == "# Log\n\nThe municipality knew.\n\n## Later\n\nA langfristig plan for twenty-five years."
    assert (one.locator.line_start, one.locator.line_end) == (1, 10)
    assert one.details["spellings"] == ["muni-cipality", "twentyfive"]
    long = "word " * 100
    written = f"the muni-\ncipality {long}\n\n{long} end\n\n{long} lang-\nfristig {long}\n"
    _, passages = read(tmp_path / "b.txt", written.encode())
    assert [(one.locator.line_start, one.locator.line_end) for one in passages] == [(1, 4), (6, 7)]
    assert [one.details["spellings"] for one in passages] == [["muni-cipality"], ["lang-fristig"]]


def test_code_and_tables_keep_their_line_ends(tmp_path: Path) -> None:
    for name, written in (("code", "total = price-\nrebate\n"), ("csv", "key,low-\nhigh,a b c d\n")):
        _, [one] = read(tmp_path / "a", written.encode(), name)
        assert one.text == written.rstrip() and "spellings" not in one.details


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_word_that_is_broken_between_two_spans_is_joined(tmp_path: Path, encoding: str) -> None:
    line = "a line of the long report that follows here\n"
    units = text.SPAN // len("x".encode("utf-16-le") if encoding == "utf-16" else b"x")
    head = line * (units // len(line) - 1)
    written = f"{head}the muni-\ncipality {'y' * units} end\n"
    probe, passages = read(tmp_path / "a.txt", written.encode(encoding))
    assert len(probe.spans) > 1
    assert any("municipality" in one.text for one in passages)
