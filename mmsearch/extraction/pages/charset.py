"""Detection of a text's encoding: byte order marks first, then UTF-8 if it is valid throughout, then statistics."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from itertools import pairwise
from typing import BinaryIO

from mmsearch.errors import ExtractionError, FailureCode

DAMAGED = "Some bytes are not valid in the encoding of the text; they were replaced."
BLOCK = 1 << 20
SAMPLE = 64 << 10  # bytes; a larger sample hardly improves the guess

MARKS = (
    (codecs.BOM_UTF8, "utf-8", 1),
    (codecs.BOM_UTF32_LE, "utf-32-le", 4),  # before UTF-16: its mark begins with UTF-16's
    (codecs.BOM_UTF32_BE, "utf-32-be", 4),
    (codecs.BOM_UTF16_LE, "utf-16-le", 2),
    (codecs.BOM_UTF16_BE, "utf-16-be", 2),
)

# A short text in a one-byte Latin encoding can be decoded by all of them. Each encoding is therefore rated by the share
# of its letters that belong to a language written in it.
LATIN = {
    "cp1252": ("àâæçéèêëîïôœùûüÿ", "äöüß", "áéíñóúü¿¡ªº", "àèéìíòóù", "ãáàâçéêíóõôú", "åäöéæø", "áðéíóúýþæö", "éëïóöü"),
    "iso8859_15": ("àâæçéèêëîïôœùûüÿ",),
    "cp1250": ("ąćęłńóśźż", "áčďéěíňóřšťúůýž", "áéíóöőúüű", "čćđšž", "ăâîșțşţ", "áäčďéíĺľňóôŕšťúýž"),
    "iso8859_2": ("ąćęłńóśźż", "áčďéěíňóřšťúůýž", "áéíóöőúüű", "čćđšž", "ăâîşţ"),
    "cp1254": ("çğıöşüâî",),
    "cp1257": ("āčēģīķļņšūž", "ąčęėįšųūž", "äõöüšž"),
    "cp850": ("äöüß", "àâçéèêëîïôùûü", "áéíñóúü¿¡"),
    "mac_roman": ("äöüß", "àâçéèêëîïôœùûü", "áéíñóúü¿¡"),
}


@dataclass(frozen=True, slots=True)
class Alphabet:
    """Letters other than Latin: the encodings of one byte, the pattern of a word, and the commonest letters, which make
    up more than half of any text; read in another encoding, others do."""

    encodings: tuple[str, ...]
    word: re.Pattern[str]
    common: frozenset[str]


ALPHABETS = (  # capitals only begin words
    Alphabet(
        ("cp1251", "koi8_u", "cp866", "iso8859_5"),
        re.compile("[\u0400-\u04ff][\u0430-\u045f\u0491]*"),
        frozenset("оеаинтсрвл"),
    ),
    Alphabet(
        ("cp1253", "iso8859_7", "cp737"),
        re.compile("[\u0386-\u03ff][\u0390\u03ac-\u03ce]*"),
        frozenset("αοιετσνηςρυάίό"),
    ),
    Alphabet(("cp1255", "cp862"), re.compile("[\u05d0-\u05ea]+"), frozenset("יוהלארמתבש")),
)
BLOCKS = frozenset(range(0xB0, 0xE0))  # lines and blocks in the code pages of DOS
PUNCTUATION = frozenset("€£§°·«»„“”‘’‚–—…©®™²³½ \xa0")
UNLIKELY = ["cp037", "cp1026", "cp500", "cp273", "cp424", "cp875", "utf_7"]  # EBCDIC: line ends are not b"\n"
DOUBLE_BYTE = {"big5", "big5hkscs", "gb18030", "gbk", "euc_kr", "cp949", "johab", "shift_jis_2004"}
HIGH_RUN = re.compile(rb"[\x80-\xff]+")
SEVEN_BIT_JAPANESE = (b"\x1b$B", b"\x1b$@")
KANA = re.compile(r"[\u3041-\u3096\u30a1-\u30fa]")


@dataclass(frozen=True, slots=True)
class Encoding:
    """An encoding by Python's name, bytes per code unit, length of the mark at the start, and whether some bytes
    are not valid in it (they are read as U+FFFD)."""

    name: str
    unit: int = 1
    mark: int = 0
    damaged: bool = False


def detect(file: BinaryIO, limit: int, declared: str = "") -> Encoding:
    """The encoding of the first `limit` bytes of `file`; `declared` is the encoding that the text names.

    Reads the whole only to check that it is UTF-8. Raises `ExtractionError` (`decode-error`) for bytes
    that are no text.
    """
    file.seek(0)
    head = file.read(min(SAMPLE, limit))
    encoding = marked(head) or wide(head)
    if encoding is not None:
        return encoding
    refuse_binary(head)
    if declared and declares_rightly(head, declared):
        return Encoding(codecs.lookup(declared).name, damaged=not valid(file, limit, declared))
    sample = first_invalid(file, limit)
    if sample is None:
        # ISO-2022-JP is made of ASCII bytes, so it is valid UTF-8 too.
        return Encoding("iso2022_jp_2" if any(escape in head for escape in SEVEN_BIT_JAPANESE) else "utf-8")
    if mostly_utf8(sample):
        return Encoding("utf-8", damaged=True)
    name = guess(sample)
    return Encoding(name, damaged=not valid(file, limit, name))


def marked(head: bytes) -> Encoding | None:
    """The encoding that a byte order mark names."""
    for mark, name, unit in MARKS:
        if head.startswith(mark):
            return Encoding(name, unit, len(mark))
    return None


def wide(head: bytes) -> Encoding | None:
    """UTF-16 or UTF-32 without a mark: zero bytes in the same place of nearly every character that has one."""
    zeros = head.count(0)
    if zeros * 20 < len(head) or len(head) < 8:
        return None
    for name, unit, empty in (
        ("utf-32-le", 4, (2, 3)),
        ("utf-32-be", 4, (0, 1)),
        ("utf-16-le", 2, (1,)),
        ("utf-16-be", 2, (0,)),
    ):
        usable = head[: len(head) // unit * unit]
        in_place = sum(usable[place::unit].count(0) for place in empty)
        full = len(usable) // unit * len(empty)
        if in_place < (full * 0.98 if unit == 4 else zeros * 0.98):
            continue
        text = usable.decode(name, "replace")
        odd = sum(
            1 for character in text if character in "\0\ufffd" or not (character.isprintable() or character.isspace())
        )
        if odd * 50 <= len(text):
            return Encoding(name, unit)
    return None


def refuse_binary(head: bytes) -> None:
    """Raise `ExtractionError` for bytes with more control characters than a text has; terminal escapes are allowed."""
    controls = sum(head.count(code) for code in range(32) if code not in b"\a\b\t\n\v\f\r\x1a\x1b")
    if controls * 50 > len(head):
        raise ExtractionError(FailureCode.DECODE_ERROR, "This looks like binary data, not like text.")


def first_invalid(file: BinaryIO, limit: int) -> bytes | None:
    """None when the first `limit` bytes are valid UTF-8, else about a sample's worth from the first line that isn't."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    file.seek(0)
    position, before = 0, b""
    while block := file.read(min(BLOCK, limit - position)):
        position += len(block)
        try:
            decoder.decode(block)
        except UnicodeDecodeError as error:
            around = before + block
            at = len(before) + error.start  # or up to 3 later, if the decoder had held back the start of a sequence
            begin = around.rfind(b"\n", 0, at) + 1
            return around[max(begin, at - SAMPLE) : at + SAMPLE] + file.read(SAMPLE)
        before = block[-SAMPLE:]
    return None  # a sequence that the end of the file cuts off is decoded as one U+FFFD


def mostly_utf8(sample: bytes) -> bool:
    """Whether the sample is UTF-8 with some damage: far more valid sequences than invalid bytes."""
    text = sample.decode("utf-8", "replace")
    invalid = text.count("\ufffd")
    return sum(1 for character in text if character > "\x7f") - invalid >= invalid * 4


def valid(file: BinaryIO, limit: int, name: str) -> bool:
    """Whether the first `limit` bytes decode without an error."""
    decoder = codecs.getincrementaldecoder(name)()
    file.seek(0)
    position = 0
    try:
        while block := file.read(min(BLOCK, limit - position)):
            position += len(block)
            decoder.decode(block)
        decoder.decode(b"", position >= limit)
    except UnicodeError:
        return False
    return True


def declares_rightly(head: bytes, declared: str) -> bool:
    """Whether the text can be in the encoding that it names. Lines end in one byte in all that pass."""
    try:
        name = codecs.lookup(declared).name
        if "\n".encode(name) != b"\n" or b"<".decode(name) != "<":
            return False
        codecs.getincrementaldecoder(name)().decode(head)
    except (LookupError, UnicodeError, ValueError, TypeError, AttributeError):
        return False
    return True


def guess(sample: bytes) -> str:
    """The likeliest encoding of a sample that is not UTF-8."""
    from charset_normalizer import from_bytes

    lines = [line for line in sample.split(b"\n") if not line.isascii()]
    informative = b"\n".join(lines)[:SAMPLE] or sample[:SAMPLE]
    latin, fit = max(((name, _fit(informative, name)) for name in LATIN), key=lambda pair: pair[1])
    # Latin script has single accented letters among ASCII; other scripts have whole words of high bytes.
    runs = HIGH_RUN.findall(informative)
    if fit > 0.5 and sum(map(len, runs)) < 1.6 * len(runs):
        return latin
    if is_drawn(informative):
        return "cp437"
    if name := _alphabetic(informative):
        return name
    best = from_bytes(informative, cp_exclusion=UNLIKELY).best()
    if best is None:
        return latin
    if best.encoding in DOUBLE_BYTE:
        text = _decoded(informative, "euc_jis_2004")
        # Kana are half of any Japanese text; read as EUC-JP, another language gives hardly any.
        if len(KANA.findall(text)) * 5 > sum(1 for character in text if character > "\x7f"):
            return "euc_jis_2004"
    return latin if fit > _foreign(informative, best.encoding) else best.encoding


def is_drawn(sample: bytes) -> bool:
    """Whether a text is drawn with the lines and blocks of DOS: these come in rows, whose bytes are the same."""
    high = [code for code in sample if code > 0x7F]
    rows = sum(one == other and one in BLOCKS for one, other in pairwise(sample))
    return rows > 1 and 2 * rows >= len(high)


def _alphabetic(sample: bytes) -> str:
    """The encoding in which even a short sample is words of an alphabet; empty where there is none."""
    best, most = "", 0.5
    for alphabet in ALPHABETS:
        for name in alphabet.encodings:
            text = _decoded(sample, name)
            high = [character for character in text.lower() if character > "\x7f"]
            letters = [character for character in high if character not in PUNCTUATION]
            words = alphabet.word.findall(text)
            of_words = sum(map(len, words))
            if of_words < max(0.9 * len(letters), 0.8 * len(high), 3 * len(words), 1):
                continue
            common = sum(character in alphabet.common for character in letters) / len(letters)
            if common > most:
                best, most = name, common
    return best


def _decoded(sample: bytes, name: str) -> str:
    """The sample in an encoding, its cut-off end forgiven; empty if it isn't valid."""
    try:
        return codecs.getincrementaldecoder(name)().decode(sample)
    except UnicodeError:
        return ""


def _fit(sample: bytes, name: str) -> float:
    """The share of non-ASCII characters that one of the encoding's languages uses, in [0, 1]; a little more for the
    commonest encoding, so that it wins a tie."""
    special = [character.lower() for character in _decoded(sample, name) if character > "\x7f"]
    if not special:
        return 0.0
    marks = sum(1 for character in special if character in PUNCTUATION)
    known = max(sum(1 for character in special if character in alphabet) for alphabet in LATIN[name])
    return (known + 0.98 * marks) / len(special) + 0.03 * (name == "cp1252")


def _foreign(sample: bytes, name: str) -> float:
    """The score that a Latin encoding must beat: the statistics are reliable for other scripts, and poor for Latin."""
    letters = [character for character in _decoded(sample, name) if character > "\x7f" and character.isalpha()]
    return 2.0 if sum(1 for letter in letters if letter > "\u024f") * 2 > len(letters) else 0.5
