"""The word tables: what is written is found, in every script, and how common a word is is known."""

import contextlib
import random
import sqlite3
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmsearch.store import files
from mmsearch.store.catalogue import open_writer
from mmsearch.store.layout import IndexFolder
from mmsearch.store.tokenization import TOKENIZE, prepare, prepare_name, query_words, shown, tokens
from mmsearch.store.vocabulary import NAMES, WORDS, Vocabulary, quoted
from mmsearch.store.words import list_vocabularies, list_words, remove_names, remove_words, write_names

PIECES = [
    "revenue", "Straße", "naïve", "Ångström", "ﬁnance", "２０２４", "x²", "½", "it's", "don’t", "C++", "e-mail", "a_b",
    "हिन्दी", "ภาษาไทย", "中文", "東京", "ツール", "한국어", "العَرَبِيَّة", "كتاب", "שָׁלוֹם", "தமிழ்", "ქართული",
    "😀", "👩‍🚀", "é", "e\u0301", "İ", "ǆ", "\u00ad", "\u200b", "\u200d", "ʰ", "Ⅻ", "٣", "\U0001d7d9", "_", '"',
    "*", "\x00", "㉐", "ᴬᴮ", "℡",
    "\ue000", "\U00020000", "ß", "ﷺ", "ั", "့", "\u0e33", "\u3099", "ー", "々", "゙か", "\u1160", "Σς", "k\u212a",
]  # fmt: skip


@pytest.fixture
def words(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    folder = IndexFolder(tmp_path)
    folder.create()
    with contextlib.closing(open_writer(folder)) as connection:
        yield connection


def put(connection: sqlite3.Connection, row: int, text: str) -> None:
    connection.execute("INSERT OR REPLACE INTO words_fts (rowid, words) VALUES (?, ?)", (row, prepare(text)))


@given(st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=6)), max_size=8), st.sampled_from([" ", ""]))
@settings(max_examples=300, deadline=None)
def test_every_prepared_word_is_one_token_of_the_table(pieces: list[str], between: str) -> None:
    text = between.join(pieces).encode("utf-8", "replace").decode()
    with contextlib.closing(sqlite3.connect(":memory:")) as connection:
        connection.execute(f'CREATE VIRTUAL TABLE t USING fts5(words, tokenize = "{TOKENIZE}")')
        connection.execute("CREATE VIRTUAL TABLE v USING fts5vocab(t, instance)")
        connection.execute("INSERT INTO t VALUES (?)", (prepare(text),))
        there = [row[0] for row in connection.execute("SELECT term FROM v ORDER BY offset")]
        assert there == [word for word in prepare(text).split(" ") if word]


def test_every_character_is_cut_as_the_table_cuts_it() -> None:
    """Else a word would be written as one token and looked up as another. Every eleventh one suffices here."""
    characters = [
        chr(code) for code in [*range(1, 0x3000), *range(0x3001, 0x110000, 11)] if not 0xD800 <= code < 0xE000
    ]
    with contextlib.closing(sqlite3.connect(":memory:")) as connection:
        connection.execute(f'CREATE VIRTUAL TABLE t USING fts5(words, tokenize = "{TOKENIZE}")')
        connection.execute("CREATE VIRTUAL TABLE v USING fts5vocab(t, instance)")
        connection.executemany("INSERT INTO t VALUES (?)", [(prepare(f"a{one}b"),) for one in characters])
        there: dict[int, list[str]] = {}
        for row, term in connection.execute("SELECT doc, term FROM v ORDER BY doc, offset"):
            there.setdefault(row, []).append(term)
    assert [one for n, one in enumerate(characters, 1) if there.get(n, []) != prepare(f"a{one}b").split(" ")] == []


@pytest.mark.parametrize(
    ("written", "asked"),
    [
        ("Der Umsatz in der Straße stieg", "strasse"),
        ("café crème", "cafe"),
        ("ﬁnance", "finance"),
        ("हिन्दी में एक वाक्य", "हिन्दी"),
        ("यह एक वाक्य।अब", "वाक्य"),
        ("בֵּית־סֵפֶר", "ספר"),
        ("ΛΌΓΟΣ", "λόγος"),
        ("ประเทศไทยมีทะเล", "ทะเล"),
        ("我们在北京看了长城", "长城"),
        ("東京タワーの高さ", "タワー"),
        ("كتابٌ عن البحر", "كتاب"),
        ("שָׁלוֹם עולם", "שלום"),
        ("한국어를 배우다", "한국어"),
        ("the IMG2041 file", "img2041"),
        ("don’t say", "don"),
        ("full ２０２４ year", "2024"),
    ],
)
def test_words_of_every_script_are_found(words: sqlite3.Connection, written: str, asked: str) -> None:
    put(words, 1, written)
    put(words, 2, "something else entirely")
    table = Vocabulary(words, WORDS, False)
    assert table.matching(quoted(" ".join(tokens(asked)))) == {1}


@pytest.mark.parametrize(
    "typed",
    ["AND", "OR NOT", "NEAR(a b)", "a* b", "^a", "words:a", '"', '""', 'a"b', "(", ")", "-", "+a", "{a}", "a:b", "😀",
     "'; DROP TABLE words_fts; --", "*", "NOT"],
)  # fmt: skip
def test_nothing_that_is_typed_is_syntax(words: sqlite3.Connection, typed: str) -> None:
    put(words, 1, "and or not near a b")
    table = Vocabulary(words, WORDS, False)
    assert table.matching(quoted(typed)) <= {1}
    for word in tokens(typed):
        assert table.matching(quoted(word)) in (set(), {1})
        assert table.best(f"{quoted(word[:5])} *", 5) in ([], [1])


def test_counts_are_those_of_a_scan_also_after_deletions(words: sqlite3.Connection) -> None:
    lots = random.Random(2)
    pool = ["walrus", "otter", "heron", "中文", "straße", "walruses", "a", "2024"]
    rows: dict[int, list[str]] = {}

    def check() -> None:
        table = Vocabulary(words, WORDS, False)
        assert table.rows == len(rows)
        if rows:
            assert table.mean_length == pytest.approx(sum(map(len, rows.values())) / len(rows))
        counted = Counter(word for row in rows.values() for word in set(row))
        for word in (*counted, "nothing"):
            assert table.frequency(word) == counted[word]
        for some in (("walrus", "walruses"), ("otter", "中文"), ("nothing", "a")):
            assert table.frequency_of_any(some) == sum(1 for held in rows.values() if set(held) & set(some))
        for start in ("walru", "2", "中", "no"):
            assert table.begins_one(start) == any(word.startswith(start) for word in counted)

    check()
    for step in range(12):
        words.execute("BEGIN")
        for _ in range(40):
            row = lots.randrange(1, 150)
            if lots.random() < 0.4:
                words.execute("DELETE FROM words_fts WHERE rowid = ?", (row,))
                rows.pop(row, None)
            else:
                text = " ".join(lots.choices(pool, k=lots.randrange(1, 12)))
                put(words, row, text)
                rows[row] = prepare(text).split(" ")
        words.execute("COMMIT" if step % 4 else "ROLLBACK")
        if not step % 4:
            rows = {row: text.split(" ") for row, text in words.execute("SELECT rowid, words FROM words_fts")}
        check()
    words.execute("DELETE FROM words_fts")
    rows = {}
    check()


def test_best_are_those_with_the_rare_words_and_filters_hold(words: sqlite3.Connection) -> None:
    for row in range(1, 60):
        put(words, row, "common words here" + (" walrus" if row in (7, 33) else "") + (" extra" * row))
    table = Vocabulary(words, WORDS, False)
    assert table.best('"walrus" OR "common"', 2) == [7, 33]
    assert table.matching('"walrus"') == {7, 33}
    assert table.words([7, 1000]) == {7: ["common", "words", "here", "walrus", *["extra"] * 7]}
    words.execute("CREATE TEMP TABLE allowed_segments (id INTEGER PRIMARY KEY)")
    words.execute("INSERT INTO allowed_segments VALUES (33), (34)")
    few = Vocabulary(words, WORDS, True)
    assert (few.best('"walrus" OR "common"', 9), few.matching('"walrus"')) == ([33, 34], {33})
    assert few.frequency("walrus") == 2


def test_common_words_find_no_candidates_unless_there_are_no_others(
    words: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mmsearch.store.vocabulary.COMMON_ROWS", 3)
    for row in range(1, 21):
        put(words, row, "the" + (" walrus" if row < 3 else ""))
    table = Vocabulary(words, WORDS, False)
    assert table.rare(["the", "walrus"], table.frequency) == ["walrus"]
    assert table.rare(["the"], table.frequency) == ["the"]


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        (b"scans/IMG2041-neuerHafen.jpg", "img2041 IMG 2041 neuer hafen neuerhafen scans jpg"),
        (b"Q3_revenue chart.final.pdf", "q3 revenue chart final pdf"),
        ("übersicht/Ünïcode–Datei.txt".encode(), "ubersicht unicode datei txt"),
        ("图表/收入.png".encode(), "图表 收入 png"),
        (b"caf\xe9 \xff\n\x1b[31m.txt", "caf 31m txt"),
        (b"-rf", "rf"),
        (b"HTMLParser2.py", "html parser 2 htmlparser2 py"),
    ],
)
def test_names_are_found_by_their_parts(words: sqlite3.Connection, path: bytes, asked: str) -> None:
    words.execute("INSERT INTO roots (path, relative, walked, device) VALUES (x'2f64', 0, 1, 0)")
    files.put_file(words, 1, files.FileFacts(b"other/thing.bin", 1, 1, 1, None, "binary"))
    number = files.put_file(words, 1, files.FileFacts(path, 1, 1, 1, None, "binary"))
    table = Vocabulary(words, NAMES, False)
    for word in asked.split():
        assert table.matching(quoted(" ".join(tokens(word)))) == {number}, word


@given(st.binary(min_size=1, max_size=255))
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_a_name(path: bytes) -> None:
    words = [word for word in prepare_name(path).split(" ") if word == shown(word)]
    assert [word for word in words if word] == tokens(" ".join(words))


@pytest.mark.parametrize(
    ("text", "further"),
    [
        ("C++, C# or F#; C++17 and .NET, not ASP.NET", ["c++", "c#", "f#", "c++", ".net"]),
        ("a+b = c and 3+ #tag", []),
        ("party 🎉 in 🇨🇭 ☑", ["🎉", "🇨🇭", "☑"]),
        ("+41 44 123 45 67", ["41441234567"]),
        ("(044) 123-45-67", ["0441234567", "1234567"]),
        ("CH93 0076 2011 6238 5295 7", ["00762011623852957", "ch9300762011623852957"]),
        ("RB-2024/117 of 2024-01-15", ["20240115", "rb2024117"]),
        ("12,500 for 10.50 or 3.5 at 1 234", ["12500"]),
        ("COVID-19 and X-T4", ["covid19", "xt4"]),
        ("plain words, no signs", []),
    ],
)
def test_words_with_signs_and_joined_numbers_stand_behind_the_words(text: str, further: list[str]) -> None:
    prepared, plain = prepare(text).split(" "), tokens(text)
    assert prepared[: len(plain)] == plain
    assert [shown(word) for word in prepared[len(plain) :]] == further


def test_a_query_for_a_word_with_signs_does_not_ask_for_the_bare_word() -> None:
    assert [shown(word) for word in query_words("learn C++ and c")] == ["learn", "and", "c", "c++"]


@pytest.mark.parametrize("piece", ["1 ", "-1", "a+", "a-1", "a-", "#", ".a", "1.000", "ab12 1234 "])
def test_long_runs_of_signs_and_digits_are_prepared_in_linear_time(piece: str) -> None:
    assert len(prepare(piece * 30_000)) < 400_000


def test_the_list_of_words_has_what_the_tables_hold_and_no_more(words: sqlite3.Connection) -> None:
    def listed() -> set[str]:
        return {row[0] for row in words.execute("SELECT word FROM word_list")}

    write_names(words, 1, prepare_name(b"Tax/IMG_2041 gulls.jpg"))
    assert listed() == {"tax", "img", "gulls", "jpg"}
    words.execute("INSERT INTO words_fts (rowid, words) VALUES (7, 'two gulls 中文 a41 x 中')")
    list_words(words, ["two gulls 中文 a41 x 中 krankenhaus"])
    assert listed() == {"tax", "img", "gulls", "jpg", "two", "krankenhaus"}
    assert words.execute("SELECT reversed FROM word_list_reversed").fetchall() == [("suahneknark",)]
    remove_words(words, [7])
    assert listed() == {"tax", "img", "gulls", "jpg", "krankenhaus"}
    remove_names(words, 1)
    assert listed() == {"krankenhaus"}
    list_vocabularies(words)
    assert listed() == set() and words.execute("SELECT * FROM word_list_reversed").fetchall() == []
