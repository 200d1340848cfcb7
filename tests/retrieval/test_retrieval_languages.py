"""Ranking across languages: what language a text is in, z by language, and meaning alone where words can't match."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from mmsearch.retrieval import cross_language
from mmsearch.retrieval.cross_language import TextScale, foreign, standardise_by_language
from mmsearch.retrieval.ranking import CAUTION, HALF, MANY, PRIOR_COUNT, UNEXPLAINED, ViewScores, fuse
from mmsearch.retrieval.words.languages import FUNCTION_WORDS, language_of
from mmsearch.retrieval.words.word_scoring import Found
from mmsearch.store.tokenization import tokens

SENTENCES = json.loads((Path(__file__).parents[2] / "training" / "languages.json").read_text("utf-8"))


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("When was the bridge over the river built?", "en"),
        ("Wann wurde die Brücke über den Fluss gebaut?", "de"),
        ("Quand le pont sur la rivière a-t-il été construit ?", "fr"),
        ("¿Cuándo se construyó el puente sobre el río?", "es"),
        ("Când a fost construit podul peste râu?", "ro"),
        ("Köprü ne zaman inşa edildi ve kim tarafından?", "tr"),
        ("Cây cầu được xây dựng khi nào và ở đâu?", "vi"),
        ("Когда был построен мост через реку?", "cyrillic"),
        ("متى بني الجسر فوق النهر؟", "arabic"),
        ("पुल कब बनाया गया था?", "devanagari"),
        ("สะพานสร้างเมื่อไร", "thai"),
        ("Πότε χτίστηκε η γέφυρα;", "greek"),
        ("这座桥是什么时候建的？", "han"),
        ("橋はいつ建てられましたか", "kana"),
        ("다리는 언제 지어졌습니까?", "hangul"),
        ("revenue chart", ""),
        ("Nikola Tesla", ""),
        ("2024-117", ""),
        ("", ""),
    ],
)
def test_a_language_is_told_by_script_and_function_words(text: str, language: str) -> None:
    assert language_of(tokens(text)) == language


def test_texts_of_some_sentences_are_told_apart() -> None:
    names = {"ru": "cyrillic", "ar": "arabic", "hi": "devanagari", "zh": "han", "ja": "kana", "ko": "hangul",
             "th": "thai", "el": "greek"}  # fmt: skip
    found = {code: language_of(tokens(" ".join(said))) for code, said in SENTENCES.items()}
    expected = {code: names.get(code, code) for code in SENTENCES if code in FUNCTION_WORDS or code in names}
    assert {code: found[code] for code in expected} == expected
    assert len(expected) >= 12


def test_z_is_taken_against_the_texts_of_the_same_language() -> None:
    rng = np.random.default_rng(1)
    usual = rng.random(40)
    known = ["en"] * 20 + ["de"] * 9 + [""] * 6  # the language of the last five was not looked at
    found = standardise_by_language(
        np.array([0.5, 0.5, 0.5, 0.5]), ["en", "de", "", "fr"], usual, known, TextScale(0.3, 0.1)
    )
    mean = (usual.sum() + PRIOR_COUNT * 0.3) / (40 + PRIOR_COUNT)
    means = [
        (usual[:20].sum() + PRIOR_COUNT * mean) / (20 + PRIOR_COUNT),
        (usual[20:29].sum() + PRIOR_COUNT * mean) / (9 + PRIOR_COUNT),
        mean,
        mean,
    ]
    assert found == pytest.approx([(0.5 - one) / 0.1 for one in means])


def test_texts_are_foreign_only_where_both_languages_are_known() -> None:
    assert foreign("en", ["en", "de", ""]).tolist() == [False, True, False]
    assert not foreign("", ["en", "de", ""]).any()


def test_a_foreign_text_has_the_score_of_its_meaning_alone_where_that_is_more() -> None:
    rng = np.random.default_rng(2)
    for _ in range(50):
        coverage = rng.random(6)
        found = coverage * rng.random(6)
        z, other = rng.normal(3, 3, 6), rng.random(6) < 0.5
        ranking = fuse(
            Found(found, coverage, [()] * 6), np.ones(6, bool), [ViewScores("a:text", z)], foreign=other, texts=MANY
        )
        explained = max(coverage[~other], default=0.0)
        power = [one**2 if one > 0.05 else (0.05 * math.exp(one - 0.05)) ** 2 for one in z]
        meaning = [one / (one + HALF**2) for one in power]
        mixed = [(f + (1 - explained) * m) / 2 for f, m in zip(found, meaning, strict=True)]
        left = min((1 - explained) / UNEXPLAINED, 1.0)
        lifted = [max(a, left * m) if away else a for a, m, away in zip(mixed, meaning, other, strict=True)]
        scaled = [one * max(mixed) / max(lifted) for one in lifted]  # the best one's score stays what it was
        assert ranking.score == pytest.approx([one**2 / (one + CAUTION / 2) for one in scaled])
        assert np.argmax(ranking.score) == np.argmax(lifted)
        assert sum(ranking.contributions.values()) == pytest.approx(ranking.score)
        assert ((ranking.contributions["words"] == 0) >= (other & (left * np.array(meaning) > mixed))).all()


def test_only_spaces_of_many_languages_are_read_so() -> None:
    assert list(cross_language.SCALES) == ["builtin-languages"]
