"""The languages of subtitles: what containers and file names call them, as codes of two letters."""

from __future__ import annotations

import os
import re

# By two-letter code of ISO 639-1: the codes of three letters (ISO 639-2), then the English name.
_LANGUAGES = """
af afr afrikaans; ar ara arabic; az aze azerbaijani; be bel belarusian; bg bul bulgarian; bn ben bengali;
bs bos bosnian; ca cat catalan; cs cze ces czech; cy wel cym welsh; da dan danish; de ger deu german;
el gre ell greek; en eng english; eo epo esperanto; es spa spanish; et est estonian; eu baq eus basque;
fa per fas persian; fi fin finnish; fr fre fra french; ga gle irish; gl glg galician; gu guj gujarati; he heb hebrew;
hi hin hindi; hr hrv croatian; hu hun hungarian; hy arm hye armenian; id ind indonesian; is ice isl icelandic;
it ita italian; ja jpn japanese; ka geo kat georgian; kk kaz kazakh; km khm khmer; kn kan kannada; ko kor korean;
la lat latin; lt lit lithuanian; lv lav latvian; mk mac mkd macedonian; ml mal malayalam; mn mon mongolian;
mr mar marathi; ms may msa malay; my bur mya burmese; nb nob; ne nep nepali; nl dut nld dutch; nn nno; no nor norwegian;
pa pan punjabi; pl pol polish; pt por portuguese; ro rum ron romanian; ru rus russian; si sin sinhala;
sk slo slk slovak; sl slv slovenian; sq alb sqi albanian; sr srp serbian; sv swe swedish; sw swa swahili; ta tam tamil;
te tel telugu; th tha thai; tl tgl tagalog; tr tur turkish; uk ukr ukrainian; ur urd urdu; uz uzb uzbek;
vi vie vietnamese; yi yid yiddish; zh chi zho chinese
"""
_CODES = {name: codes[0] for codes in map(str.split, _LANGUAGES.split(";")) for name in codes}
FLAGS = frozenset({"forced", "sdh", "cc", "hi", "default", "full", "foreign", "commentary", "signs"})
_REGION = re.compile(r"(?:[a-z]{2}|hans|hant|latn|cyrl|\d{3}|latin|simplified|traditional|brazilian|american|european)")


def language_code(tag: str) -> str:
    """The two-letter code of a language that a tag names (`ger`, `de`, `de-AT`, `German`); of others of three letters
    that code; empty for none."""
    first = re.split(r"[-_ (]", tag.strip().lower(), maxsplit=1)[0]
    if first in _CODES:
        return _CODES[first]
    return first if re.fullmatch(r"[a-z]{3}", first) and first not in ("und", "mis", "mul", "zxx") else ""


def is_track_tag(tag: str) -> bool:
    """Whether a part of a file's name says which track a subtitle file holds: a language, or a word like `forced`."""
    words = re.split(r"[-_ ()]+", tag.strip().lower())
    return bool(words) and all(word in _CODES or word in FLAGS or _REGION.fullmatch(word) for word in words[:4])


def named_language(path: bytes) -> str:
    """The code of the language that a subtitle file's name ends with: `film.de.srt`, `film.en.forced.srt`,
    `2_English.srt`; empty where it names none."""
    stem = os.path.splitext(os.fsdecode(os.path.basename(path)))[0].lower()
    name, *tags = stem.split(".")
    whole = re.fullmatch(r"(?:\d{1,3}[_ \-]+)?([^\d_]{4,})|\d{1,3}[_ \-]+([a-z]{2,3})", name)
    if not tags and whole:  # the name is that of the track alone
        tags = [whole[1] or whole[2]]
    flags: list[str] = []
    for tag in reversed(tags):
        if not is_track_tag(tag):
            break
        for word in re.split(r"[-_ ()]+", tag):
            if word in FLAGS:
                flags.append(word)
            elif word in _CODES:
                return _CODES[word]
    return "hi" if flags == ["hi"] else ""  # else it marks subtitles for the hard of hearing
