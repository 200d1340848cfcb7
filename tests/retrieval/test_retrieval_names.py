"""File names, identifiers, numbers and quoted phrases: what is typed to find one thing finds it first."""

import itertools
import random
import string
from pathlib import Path
from typing import Any

import pytest

from mmsearch.index import Index
from mmsearch.query import Query
from mmsearch.retrieval.names import close_words
from mmsearch.retrieval.queries.query_parsing import is_name, names_meant, parse
from mmsearch.retrieval.words.literals import literals


def found(searched: Path, text: str, **query: Any) -> list[str]:
    """The paths of the hits, relative to the folder, best first."""
    hits = Index.open(searched / "index").search(Query(text, min_score=0.0, **query)).hits
    top = len(bytes(searched / "media")) + 1
    return [hit.path[top:].decode() for hit in hits]


def terms(searched: Path, text: str) -> tuple[str, ...]:
    """What the names signal of the first hit matched."""
    first = Index.open(searched / "index").search(Query(text, min_score=0.0)).hits[0]
    return next(signal.terms for signal in first.signals if signal.name == "names")


@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("inv_0817.txt", "inv_0817.txt"),
        ("inv_0817", "inv_0817.txt"),
        ("INV_0817", "inv_0817.txt"),
        ("0817_inv", "0817_inv.txt"),
        ("inv_0817_reminder", "letters/inv_0817_reminder.txt"),
        ("old/minutes.txt", "old/minutes.txt"),
        ("who paid inv_0817.txt and when?", "inv_0817.txt"),
        ("annual_report.txt", "annual_report.txt"),
        ("RB-2024/117", "bills/one.txt"),
        ("rb-2024/117", "bills/one.txt"),
        ("rolls, invoice RB-2024/117!", "bills/one.txt"),
        ("RB-2024/118", "bills/two.txt"),
        ("4711", "bills/five.txt"),
        ("invoice number 4711", "bills/five.txt"),
        ('"under a silver moon"', "poem.txt"),
        ('harbour moon silver quiet "sleeps under"', "poem.txt"),
        ('"annual report"', "annual_report.txt"),
        ('"inv 0817 reminder"', "letters/inv_0817_reminder.txt"),
    ],
)
def test_the_one_file_that_is_meant_comes_first_among_those_that_share_parts(
    searched: Path, typed: str, first: str
) -> None:
    assert found(searched, typed)[0] == first


def test_a_quoted_phrase_finds_only_what_holds_it_in_its_text_or_name(searched: Path) -> None:
    assert found(searched, '"silver moon"') == ["poem.txt"]
    assert found(searched, '"annual report"') == ["annual_report.txt"]
    assert found(searched, '"silver report"') == []


def test_the_beginning_of_a_name_finds_it(searched: Path) -> None:
    assert found(searched, "annu")[0] == "annual_report.txt"
    assert found(searched, "minu")[0] == "old/minutes.txt"
    assert terms(searched, "annu") == ("annu",)


def test_a_misspelled_name_is_found_and_explained(searched: Path) -> None:
    assert found(searched, "anual reprot")[0] == "annual_report.txt"
    assert terms(searched, "anual reprot") == ("anual~annual", "reprot~report")
    assert found(searched, "remidner")[0] == "letters/inv_0817_reminder.txt"


def test_a_misspelled_name_counts_less_than_a_right_one(searched: Path) -> None:
    index = Index.open(searched / "index")
    wrong, right = (index.search(Query(text, min_score=0.0)).hits[0] for text in ("anual reprot", "annual report"))
    assert wrong.path == right.path and wrong.score < right.score - 0.2


def test_words_that_stand_somewhere_and_numbers_are_not_corrected(searched: Path) -> None:
    assert terms(searched, "annual report") == ("annual", "report")
    hits = Index.open(searched / "index").search(Query("inv_0871", min_score=0.0)).hits
    assert not any("~" in term for hit in hits for signal in hit.signals for term in signal.terms)


def test_an_excluded_word_leaves_out_names_and_texts_with_it(searched: Path) -> None:
    assert set(found(searched, "report board revenue")) >= {"annual_report.txt", "report_draft.txt", "old/minutes.txt"}
    left = found(searched, "report board revenue -draft", k=50)
    assert "annual_report.txt" in left and not {"report_draft.txt", "old/minutes.txt"} & set(left)
    assert "old/minutes.txt" not in found(searched, "minutes -draft", k=50)


def test_contributions_sum_to_the_score_for_names_and_identifiers(searched: Path) -> None:
    for text in ("RB-2024/117 bakery", "inv_0817", "anual reprot board", "annu"):
        for hit in Index.open(searched / "index").search(Query(text, min_score=0.0)).hits:
            assert sum(signal.contribution for signal in hit.signals) == pytest.approx(hit.score)


def distance(one: str, other: str) -> int:
    """Damerau-Levenshtein by the textbook recursion with adjacent transpositions."""
    table = {}
    for i, j in itertools.product(range(len(one) + 1), range(len(other) + 1)):
        if not i or not j:
            table[i, j] = i + j
            continue
        choices = [table[i - 1, j] + 1, table[i, j - 1] + 1, table[i - 1, j - 1] + (one[i - 1] != other[j - 1])]
        if i > 1 and j > 1 and one[i - 1] == other[j - 2] and one[i - 2] == other[j - 1]:
            choices.append(table[i - 2, j - 2] + 1)
        table[i, j] = min(choices)
    return table[len(one), len(other)]


def slipped(word: str, chance: random.Random) -> str:
    """The word with one letter left out, doubled, changed, or exchanged with the next."""
    at = chance.randrange(len(word) - 1)
    letter = chance.choice(string.ascii_lowercase)
    return chance.choice(
        [
            word[:at] + word[at + 1 :],
            word[:at] + word[at] + word[at:],
            word[:at] + letter + word[at + 1 :],
            word[:at] + word[at + 1] + word[at] + word[at + 2 :],
        ]
    )


def test_close_words_are_those_of_brute_force() -> None:
    chance = random.Random(4)
    vocabulary = sorted({"".join(chance.choices("abcd", k=chance.randint(3, 10))) for _ in range(400)})
    some = 0
    for _ in range(40):
        word = slipped(chance.choice([known for known in vocabulary if len(known) >= 5]), chance)
        limit = 0 if len(word) < 4 else 1 if len(word) < 8 else 2
        distances = {known: distance(word, known) for known in vocabulary}
        least = min(distances.values())
        expected = sorted(known for known, apart in distances.items() if apart == least) if least <= limit else []
        some += bool(expected)
        assert list(close_words(word, vocabulary)) == expected[:5], word
    assert some > 30


def test_short_words_and_words_with_digits_have_no_slips() -> None:
    assert close_words("cat", ["bat", "cats"]) == ()
    assert close_words("inv0871", ["inv0817"]) == ()
    assert close_words("reprot", ["report", "resort"]) == ("report",)
    assert close_words("documantaton", ["documentation", "document"]) == ("documentation",)


def test_what_counts_as_an_identifier() -> None:
    typed = "Invoice RB-2024/117, of 2024 (no. 4711), 3 rolls, ISO9001: 19th"
    assert {one.run: one.typed for one in literals(parse(typed))} == {
        "rb 2024 117": "rb-2024/117",
        "4711": "4711",
        "iso9001": "iso9001",
        "19th": "19th",
    }


def test_a_name_is_meant_with_or_without_its_ending_and_folder() -> None:
    meant = names_meant(parse("Old/Minutes"))
    assert is_name(b"old/minutes.txt", meant) and is_name(b"a/old/minutes.pdf", meant)
    assert not is_name(b"minutes.txt", meant) and not is_name(b"old/minutes/copy.txt", meant)
    assert not is_name(b"told/minutes.txt", names_meant(parse("ld/minutes")))
    assert is_name(b"b/x.pdf", names_meant(parse("please open x.pdf"))) and not is_name(
        b"b/open.pdf", names_meant(parse("please open x.pdf"))
    )
