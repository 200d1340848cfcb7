"""The language of a text by its script and, in Latin letters, by its function words.

Good for what ranking needs to know: whether a query and a passage can share words at all. A name, a number or two words
without an article among them are of no known language.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

MOST_WORDS = 40  # of a text that are looked at
LEAST = 0.9  # score of a language: one word that no other has, or several that few others have
AHEAD = 1.5  # times the score of the next language
# The last letter of each script's range, in order, with its name; Latin and what is no letter have none.
SCRIPTS = (
    (0x036F, ""), (0x03FF, "greek"), (0x052F, "cyrillic"), (0x058F, "armenian"), (0x05FF, "hebrew"),
    (0x06FF, "arabic"), (0x074F, "syriac"), (0x077F, "arabic"), (0x08FF, "arabic"), (0x097F, "devanagari"),
    (0x09FF, "bengali"), (0x0A7F, "gurmukhi"), (0x0AFF, "gujarati"), (0x0B7F, "oriya"), (0x0BFF, "tamil"),
    (0x0C7F, "telugu"), (0x0CFF, "kannada"), (0x0D7F, "malayalam"), (0x0DFF, "sinhala"), (0x0E7F, "thai"),
    (0x0EFF, "lao"), (0x0FFF, "tibetan"), (0x109F, "burmese"), (0x10FF, "georgian"), (0x11FF, "hangul"),
    (0x139F, "ethiopic"), (0x177F, ""), (0x17FF, "khmer"), (0x1F00, ""), (0x1FFF, "greek"), (0x2E7F, ""),
    (0x303F, ""), (0x30FF, "kana"), (0x33FF, ""), (0x9FFF, "han"), (0xABFF, ""), (0xD7FF, "hangul"), (0xF8FF, ""),
    (0xFAFF, "han"), (0x1FFFF, ""), (0x3FFFF, "han"),
)  # fmt: skip
_LASTS = [last for last, _ in SCRIPTS]
# As `tokens` of the word tables gives them: in lower case, without accents, ligature letters written out. There are no
# single letters, which come from initials and the English genitive.
FUNCTION_WORDS = {
    "en": "the of and to in is was were are that which for with by from this what who when where how did does at it"
    " be not has have had his their its an as on or if but they she would could into than whose whom why many much"
    " been there these those other after before also",
    "de": "der die das und ist war waren den dem des ein eine einer eines einem einen von mit fur auf nicht sich"
    " auch wurde wurden wer wie wann wo welche welcher welches warum zu zum zur im am bei nach aus als oder sind hat"
    " hatte durch uber wird werden kann es man dass was welchem welchen weshalb wieso womit wovon wofur woraus worin"
    " wozu wessen wem wen wieviel wieviele heisst heissen hiess gibt gab laut unter vielen diese dieser dieses ihre"
    " seine ins vom beim",
    "fr": "le la les des du et est un une dans pour que qui ne pas sur par avec au aux ce cette ces son ses quel"
    " quelle quels etait ont ete sont il elle ou comment quand pourquoi plus leur quelles lequel laquelle combien"
    " cet fut furent leurs dont elles ils",
    "es": "el la los las del es un una en por para que con se su al lo como mas fue era son cual cuando donde quien"
    " cuantos este esta sus pero entre no ha cuales cuanto cuanta cuantas quienes porque sobre fueron tiene desde"
    " hasta unos",
    "it": "il lo la gli le di del della dei delle un una in per che con non si al alla da dal nel nella sono era"
    " come quando dove quale chi piu questo questa ha stato anche quali quanto quanti quanta quante perche cosa"
    " furono aveva nei negli dagli dalla degli",
    "pt": "os as do da dos das um uma em no na nos nas por para que com nao se ao foi era como quando onde qual quem"
    " mais sao seu sua pelo pela este esta quais quanto quantos quantas porque foram tem desde uns",
    "nl": "de het een en van is was in op te dat die voor met niet zijn aan er om ook als bij wat wie wanneer waar"
    " hoe welke werd worden naar uit door over heeft hun hoeveel welk waarom wiens deze hebben",
    "sv": "och att det som en ett ar var av for pa med till den de inte om har hade vad vem nar hur vilken fran vid"
    " eller men sig blev varfor vilket vilka",
    "da": "og at det som en et er var af for pa med til den de ikke om har havde hvad hvem hvornar hvor hvordan"
    " hvilken fra ved eller men sig blev efter hvorfor hvilket hvilke",
    "no": "og at det som en et er var av for pa med til den de ikke om har hadde hva hvem nar hvor hvordan hvilken"
    " fra ved eller men seg ble etter hvorfor hvilket hvilke",
    "fi": "ja on oli ei se että etta joka mika kuka milloin missa miten kun ovat olivat tai mutta sen hanen kuin"
    " myos jonka jotka han ole olla miksi mitka kuinka monta mihin mista",
    "et": "ja on oli ei see et kes mis millal kus kuidas kui olid voi aga tema ning ka mida oma miks mitu milline"
    " kelle",
    "pl": "na do jest byl byla byly nie sie ze co kto kiedy gdzie jak ktory ktora ktore dla od przez po oraz jego sa"
    " to za ich ile ilu jaka jaki jakie kim czym dlaczego ktorej ktorym ktorych tej tym tylko"
    " przy przed gdy aby bedzie takze lub ma maja okolo poniewaz pozniej wiele nad",
    "cs": "na do je byl byla byly se ze co kdo kdy kde jak ktery ktera ktere pro od po jeho jsou to za nebo jako"
    " proc kolik kterych jaka jake",
    "sk": "na do je bol bola boli sa ze co kto kedy kde ako ktory ktora ktore pre od po jeho su to za alebo aj preco"
    " kolko ktorych",
    "hr": "na iz je bio bila su se da sto tko kada gdje kako koji koja koje za od po ili nije kao to bi biti zasto"
    " koliko kojem kojim",
    "hu": "az es egy hogy nem is volt van ki mi mikor hol hogyan melyik mely aki ami meg de vagy mint el ez ezt"
    " voltak miert hany mennyi kik",
    "ro": "si de la in un ale al fost este sunt care ce cine cand unde cum din pe cu pentru nu se lui sau mai au era"
    " prin dintre cat cati cate avea unui unei acest aceasta despre fiind",
    "tr": "ve bir bu da de ile icin ne kim nerede nasil hangi olarak olan oldu var daha gibi kadar sonra mi"
    " tarafindan cok ya ise kac neden hangisi nicin nereye kimin idi neler",
    "id": "yang dan di ke dari adalah untuk dengan pada ini itu tidak apa siapa kapan mana bagaimana oleh sebagai"
    " dalam telah atau juga akan ada mengapa berapa dimana",
    "vi": "va la cua cac mot co duoc trong cho khong nguoi nay voi nhung da den gi ai khi nao dau nhu tai tu ve sau"
    " bao nhieu hay bi vao sao the",
    "sw": "ya wa na kwa ni katika la za cha hii huo nini nani lini wapi vipi alikuwa ilikuwa kuwa au pia ngapi",
    "ca": "el la els les del es un una en per que amb no al com mes va era son qual quan on qui aquest aquesta seva"
    " quants quina perque",
    "eu": "eta da zen dira ziren bat ez zer nor noiz non nola zein du zuen izan edo hau zenbat zergatik",
}  # fmt: skip


def language_of(words: Sequence[str]) -> str:
    """The language of a text, given as prepared words: a code for those in Latin letters, the name of the script for
    others; empty where it can't be told."""
    some = words[:MOST_WORDS]
    if not "".join(some).isascii():
        scripts = Counter(script_of(word) for word in some if word and not word[0].isdigit())
        latin = scripts.pop("", 0)
        if scripts and max(scripts.values()) >= latin:
            if scripts["kana"] * 10 >= scripts["han"] and scripts["kana"]:
                return "kana"
            return max(scripts, key=lambda name: scripts[name])
    table, scores = _table(), dict[str, float]()
    for owners in [table[word] for word in some if word in table]:
        for language, weight in owners:
            scores[language] = scores.get(language, 0.0) + weight
    best, second, *_ = [*sorted(scores.values(), reverse=True), 0.0, 0.0]
    return max(scores, key=lambda one: scores[one]) if best and best >= max(LEAST, AHEAD * second) else ""


def function_words_told(words: Sequence[str]) -> str:
    """The language that most function words of a query are of, in Latin letters; empty for none or several."""
    table = _table()
    counts = Counter(language for word in words[:MOST_WORDS] for language, _ in table.get(word, ()))
    best, second, *_ = [*counts.most_common(2), ("", 0), ("", 0)]
    return best[0] if best[1] > second[1] else ""


def script_of(word: str) -> str:
    """The script of a word's first letter; empty for Latin."""
    place = bisect_left(_LASTS, ord(word[0]))
    return SCRIPTS[place][1] if place < len(SCRIPTS) else ""


@lru_cache(maxsize=1)
def _table() -> dict[str, tuple[tuple[str, float], ...]]:
    """The languages of each function word, each with one share of the word."""
    owners: dict[str, list[str]] = {}
    for language, words in FUNCTION_WORDS.items():
        for word in dict.fromkeys(words.split()):
            owners.setdefault(word, []).append(language)
    return {word: tuple((one, 1.0 / len(every)) for one in every) for word, every in owners.items()}
