"""Text of any language is told from text that only looks like some."""

import random

import pytest

from mmsearch.extraction.language_check import is_language

TEXTS = {
    "english": "The museum is open every day from nine in the morning until five, and visitors are welcome.",
    "german": "Das Museum ist täglich von neun bis fünf Uhr geöffnet, und alle sind herzlich willkommen.",
    "french": "Le musée est ouvert tous les jours de neuf heures à cinq heures et accueille tout le monde.",
    "polish": "Muzeum jest otwarte codziennie od dziewiątej rano do piątej po południu.",
    "welsh": "Mae'r amgueddfa ar agor bob dydd o naw o'r gloch tan bump y prynhawn, ac mae croeso.",
    "basque": "Museoa egunero irekitzen da goizeko bederatzietan eta arratsaldeko bostetan ixten da.",
    "zulu": "Imnyuziyamu ivulwa nsuku zonke ngehora lesishiyagalolunye ekuseni futhi ivalwa ntambama.",
    "icelandic": "Safnið er opið alla daga frá klukkan níu til fimm síðdegis og gestir á öllum aldri eru velkomnir.",
    "vietnamese": "Bảo tàng mở cửa hàng ngày từ chín giờ sáng đến năm giờ chiều và chào đón khách.",
    "latin": "Gallia est omnis divisa in partes tres, quarum unam incolunt Belgae, aliam Aquitani.",
}
UNJUDGED = {
    "russian": "Вчера вечером мы гуляли по набережной и смотрели, как корабли возвращаются в порт, и ветер стих.",
    "chinese": "昨天晚上我们沿着海滩散步，看到船只返回港口。天气很暖和。我们吃了很多海鲜。" * 3,
    "thai": "พิพิธภัณฑ์เปิดทุกวันตั้งแต่เก้าโมงเช้าถึงห้าโมงเย็นและยินดีต้อนรับผู้เข้าชมทุกวัย" * 2,
    "numbers": "12 345 67.80 91/23 A4 B5 C6 " * 20,
    "short": "xqzjk vwxqz",
    "empty": "",
}


@pytest.mark.parametrize("name", [*TEXTS, *UNJUDGED])
def test_text_of_a_language_is_one(name: str) -> None:
    assert is_language({**TEXTS, **UNJUDGED}[name])


@pytest.mark.parametrize("by", [1, 2, 3, 5, 12, 23, 25])
@pytest.mark.parametrize("name", ["english", "german", "french", "zulu"])
def test_shifted_letters_are_no_language(name: str, by: int) -> None:
    shift = {chr(97 + at): chr(97 + (at + by) % 26) for at in range(26)}
    assert not is_language("".join(shift.get(letter, letter) for letter in TEXTS[name].lower()))


def test_shifted_codes_and_other_letters_are_no_language() -> None:
    assert not is_language("".join(chr(max(ord(letter) - 29, 32)) for letter in TEXTS["english"] * 2))
    assert not is_language(TEXTS["english"].translate({code: code + 128 for code in range(97, 123)}))
    letters = list("abcdefghijklmnopqrstuvwxyz")
    random.Random(1).shuffle(letters)
    assert not is_language(TEXTS["english"].lower().translate(dict(zip(range(97, 123), letters, strict=True))))
