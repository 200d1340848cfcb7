"""The tables of `mmsearch/data/inflection`: `python -m training.inflection [LANGUAGE ...]`, with simplemma 2.0 and
wordfreq 3.1 installed beside mmsearch.

simplemma's dictionaries give each form its lemma. A table's first line has the pairs of endings that forms of one
lemma often have; each other line is one word with its common forms, where stems and endings do not join all of them.
"""

from __future__ import annotations

import importlib
import itertools
import random
import sys
from collections import Counter, defaultdict
from pathlib import Path

from mmsearch.retrieval.words import inflection
from mmsearch.retrieval.words.stop_words import says_nothing
from mmsearch.store.tokenization import tokens

FOLDER = Path(inflection.__file__).parent.parent / "data" / "inflection"
CODES = {"no": "nb", "hr": "hbs"}  # of simplemma
FREQUENCY_CODES = {"no": "nb", "hr": "sh"}  # of wordfreq
LANGUAGES = (*inflection.SNOWBALL, *inflection.ENDINGS, "ar", "he")
COMMON = 3.0  # Zipf frequency: once in a million words
LEAST_SHARE = 0.0002  # of all pairs of forms, for a pair of endings to be one of inflection
MOST_FORMS = 40
SUPPLETIVE = frozenset(
    tuple(pair.split("/"))
    for pair in "went/go ate/eat ass/essen assen/essen gegessen/essen worse/bad worst/bad"
    " better/good best/good people/person oxen/ox yeux/oeil"
    " vais/aller vont/aller irai/aller ira/aller fue/ir fui/ir voy/ir va/ir vado/andare vanno/andare"
    " люди/человек людей/человек людям/человек"
    " людьми/человек людях/человек дети/ребенок детеи/ребенок детям/ребенок детьми/ребенок детях/ребенок шел/идти"
    " шла/идти шли/идти mieux/bon meilleur/bon".split()
)
MOST_LEMMAS = 4000  # whose forms are compared for the pairs of endings

# What the dictionaries do not join: English plurals that are also forms of a verb, Arabic broken plurals.
FURTHER = {
    "en": "leaf leaves/thief thieves/wife wives/shelf shelves/half halves/loaf loaves/calf calves/scarf scarves scarfs"
    "/hoof hooves/knife knives/life lives/wharf wharves/dwarf dwarves/sheaf sheaves/elf elves/self selves/wolf wolves",
    "ar": "كتاب كتب/بيت بيوت/ولد أولاد/رجل رجال/مدينة مدن/مدرسة مدارس/طالب طلاب/صورة صور/رسالة رسائل/"
    "شارع شوارع/باب أبواب/يوم أيام/شهر شهور أشهر/عام أعوام/سنة سنوات سنين/بلد بلاد بلدان/كلب كلاب/"
    "قطة قطط/شجرة أشجار شجر/نهر أنهار/جبل جبال/بحر بحار/طريق طرق/سوق أسواق/قلم أقلام/درس دروس/"
    "عقد عقود/تقرير تقارير/فاتورة فواتير/جدول جداول/غرفة غرف/مطعم مطاعم/صديق أصدقاء/طبيب أطباء/"
    "مريض مرضى/عمل أعمال/خبر أخبار/حقيبة حقائب/مفتاح مفاتيح/دواء أدوية/كرسي كراسي/سفينة سفن/"
    "لون ألوان/رقم أرقام/مبلغ مبالغ/فيلم أفلام/جار جيران/امرأة نساء/طفل أطفال/بنت بنات/ابن أبناء/"
    "أخ إخوة/عين عيون/وردة ورود/زهرة زهور أزهار/حديقة حدائق/مسجد مساجد/متحف متاحف/فندق فنادق/"
    "مصنع مصانع/مكتب مكاتب/ورقة أوراق ورق/جريدة جرائد/سعر أسعار/موعد مواعيد/وثيقة وثائق/"
    "قانون قوانين/مشروع مشاريع/نتيجة نتائج/سبب أسباب/هدف أهداف/برنامج برامج/جهاز أجهزة/صندوق صناديق/"
    "نافذة نوافذ/طير طيور/سمكة أسماك سمك/حصان أحصنة/ضيف ضيوف/عامل عمال/تاجر تجار/كنز كنوز/قصة قصص/"
    "شاعر شعراء/مدير مدراء/وزير وزراء/ملك ملوك/جندي جنود/دولة دول/قرية قرى/جزيرة جزر/ميناء موانئ/"
    "حجر أحجار/نجم نجوم/قلب قلوب/رأس رؤوس/عظم عظام/حرف حروف/سؤال أسئلة/جواب أجوبة/طعام أطعمة/"
    "ثمن أثمان/وقت أوقات/حلم أحلام",
}


def lemmas(language: str) -> dict[str, set[str]]:
    """The prepared forms of every lemma, itself among them."""
    dictionaries = importlib.import_module("simplemma.strategies.dictionaries.dictionary_factory")
    found: dict[str, set[str]] = defaultdict(set)
    for form, lemma in dictionaries.DefaultDictionaryFactory().get_dictionary(CODES.get(language, language)).items():
        one, other = tokens(str(form)), tokens(str(lemma))
        if len(one) == len(other) == 1 and one[0].isalpha() and other[0].isalpha():
            found[other[0]] |= {one[0], other[0]}
    return found


def frequencies(language: str) -> dict[str, float]:
    """The Zipf frequency of prepared words."""
    wordfreq = importlib.import_module("wordfreq")
    code = FREQUENCY_CODES.get(language, language)
    found: dict[str, float] = {}
    for word in wordfreq.get_frequency_dict(code):
        if len(prepared := tokens(word)) == 1:
            found[prepared[0]] = max(found.get(prepared[0], 0.0), wordfreq.zipf_frequency(word, code))
    return found


def exchanges(groups: dict[str, set[str]], language: str) -> list[tuple[str, str]]:
    """The pairs of endings that many words exchange."""
    counted: Counter[tuple[str, str]] = Counter()
    chance = random.Random(1)
    several = [lemma for lemma in sorted(groups) if len(groups[lemma]) > 1]
    for lemma in chance.sample(several, min(len(several), MOST_LEMMAS)):
        forms = sorted(groups[lemma])
        for one, other in itertools.combinations(chance.sample(forms, min(len(forms), 12)), 2):
            if inflection.stem(one, language) == inflection.stem(other, language):
                counted[inflection.endings(one, other, language)] += 1
    whole = sum(counted.values())
    return sorted(pair for pair, count in counted.items() if count >= max(LEAST_SHARE * whole, 3))


def irregular(groups: dict[str, set[str]], usual: dict[str, float], language: str) -> list[list[str]]:
    """The common forms of each lemma that are not all found from each other."""
    lines = []
    for lemma, every in sorted(groups.items()):
        forms = sorted(
            form for form in every if usual.get(form, 0.0) >= COMMON and form != lemma and _alike(form, lemma)
        )
        often = usual.get(lemma, 0.0)
        if often < COMMON - 0.5 or says_nothing([lemma]) or not forms or len(forms) > MOST_FORMS:
            continue
        if any(not _found(lemma, form, language) or not _found(form, lemma, language) for form in forms):
            lines.append([lemma, *forms])
    return lines


def _alike(form: str, lemma: str) -> bool:
    """Whether two words look like forms of one: the dictionaries also join misspellings and abbreviations."""
    fewest = 2 if form[0] > "\u02ff" else 3
    begun = form[0] == lemma[0] or form.startswith("ge" + lemma[0]) or (form, lemma) in SUPPLETIVE
    return min(len(form), len(lemma)) >= fewest and begun


def _found(word: str, other: str, language: str) -> bool:
    reached = any(other.startswith(start) for start in inflection.beginnings(word, language))
    return reached and inflection.share_a_stem(word, other, language)


def main() -> None:
    """Write all tables."""
    FOLDER.mkdir(exist_ok=True)
    for language in sys.argv[1:] or LANGUAGES:
        try:
            groups, usual = lemmas(language), frequencies(language)
        except (LookupError, ValueError) as error:
            print(f"{language}: {error}")  # noqa: T201
            continue
        file = FOLDER / f"{language}.txt"
        pairs = exchanges(groups, language) if language in inflection.STRICT else []
        file.write_text(" ".join("/".join(pair) for pair in pairs) + "\n", "utf-8")
        inflection._tables.cache_clear()
        lines = irregular(groups, usual, language)
        lines += [tokens(line) for line in FURTHER.get(language, "").split("/") if line]
        text = "".join(f" {' '.join(line)} \n" for line in lines)
        file.write_text(" ".join("/".join(pair) for pair in pairs) + "\n" + text, "utf-8")
        print(f"{language}: {len(pairs)} pairs of endings, {len(lines)} words, {file.stat().st_size:,} bytes")  # noqa: T201


if __name__ == "__main__":
    main()
