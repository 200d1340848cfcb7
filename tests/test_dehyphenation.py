"""Words that were broken at a line end, or spaced out, are found as they were meant."""

import pytest

from mmsearch.dehyphenation import join_broken_words


@pytest.mark.parametrize(
    ("written", "meant", "also"),
    [
        ("the muni-\ncipality", "the municipality", ["muni-cipality"]),
        ("lang\u00ad\nfristig", "langfristig", []),
        ("Wert\u00adpapier", "Wertpapier", []),
        ("Leucht\u2010\nturm", "Leuchtturm", ["Leucht-turm"]),
        ("Zei\u2e17\ntung", "Zeitung", ["Zei-tung"]),
        ("muni-  \n   cipality", "municipality", ["muni-cipality"]),
        ("> the muni-\n> cipality", "> the municipality", ["muni-cipality"]),
        ("muni-<br>cipality", "municipality", ["muni-cipality"]),
        ("muni-<br />\ncipality", "municipality", ["muni-cipality"]),
        ("muni-\\\ncipality", "municipality", ["muni-cipality"]),
        ("CIVIC MUNI-\nCIPALITY", "CIVIC MUNICIPALITY", ["MUNI-CIPALITY"]),
        ("Donau-\n\n\ndampfer", "Donaudampfer", ["Donau-dampfer"]),
        ("муници-\nпалитет", "муниципалитет", ["муници-палитет"]),
        ("aged twenty-\nfive", "aged twenty-five", ["twentyfive"]),
        ("Nord-\nSüd", "Nord-Süd", ["NordSüd"]),
        ("a well-\nknown one", "a well-known one", ["wellknown"]),
        ("Ein-\nund Ausgang", "Ein-\nund Ausgang", ["Einund"]),
        ("thous-\nand", "thous-\nand", ["thousand"]),
        ("בית-\nספר", "בית-ספר", ["ביתספר"]),
        ("R E C H N U N G  Nr. 4", "RECHNUNG  Nr. 4", ["R E C H N U N G"]),
        ("s e h r\nschön", "sehr\nschön", ["s e h r"]),
        ("R\u2009E\u2009C\u2009H\u2009N", "RECHN", ["R\u2009E\u2009C\u2009H\u2009N"]),
        ("請\u3000求\u3000書", "請求書", ["請\u3000求\u3000書"]),
    ],
)
def test_a_broken_word_is_joined_and_its_other_spelling_kept(written: str, meant: str, also: list[str]) -> None:
    joined = join_broken_words(written)
    assert joined.text == meant
    assert [words for _, words in joined.spellings] == also


@pytest.mark.parametrize("more", ["ascii ", "é ", "… ", "\u2010 ", "\U0001f600 "])
def test_long_text_is_joined_like_short(more: str) -> None:
    short = "one\nmuni-\ncipality R E C H T\nund-\nund x-\n y\nthree"
    joined, alone = join_broken_words(more * 5000 + "\n" + short), join_broken_words(short)
    assert joined.text == more * 5000 + "\n" + alone.text
    assert joined.continued == [line + 1 for line in alone.continued]
    assert joined.spellings == [(line + 1, words) for line, words in alone.spellings]


@pytest.mark.parametrize(
    "written",
    [
        "a - b\nc -\nd",
        "- one\n- two",
        "Last-\n\nName of a new paragraph",
        "2020-\n2021",
        "see figure-\n3",
        "A B C D E F",
        "x x x x",
        "1 2 3 4 5",
        "I a m here",
        "Title\n-----\ntext",
        "a well-known word",
        "",
    ],
)
def test_what_is_no_broken_word_stays(written: str) -> None:
    assert join_broken_words(written) == (written, [], [])


def test_lines_that_go_on_are_told() -> None:
    text = "one\nmuni-\ncipality\nfour\nlong-\nish\nR E C H T\nend"
    joined = join_broken_words(text)
    assert joined.text == "one\nmunicipality\nfour\nlongish\nRECHT\nend"
    assert joined.continued == [1, 4]
    assert joined.spellings == [(1, "muni-cipality"), (3, "long-ish"), (4, "R E C H T")]


@pytest.mark.parametrize("hostile", ["a-\n" * 50_000, "a-\n\n" * 50_000, "und-\nund " * 50_000, "a " * 100_000])
def test_hostile_text_is_joined_in_linear_time(hostile: str) -> None:
    whole, half = join_broken_words(hostile), join_broken_words(hostile[: len(hostile) // 2])
    assert whole.text.startswith(half.text[:-10])
    assert len(whole.text) <= len(hostile)
