"""Words as they were meant: broken at a line end, or set with spaces between their letters.

One rule for all readers. A mark that does nothing but break words (the soft hyphen) goes. A hyphen goes where the next
line continues in lower case, or both parts are capitals; it stays after a number or prefix that is written with one
("twenty-five"), and before a capital ("Nord-Süd"). Either may be wrong, so the other spelling is returned as well: the
word index holds both.

Most text has nothing to join, and passages are cut at some 15 MB a second: the places are found by comparing arrays, at
a tenth of the time of a regular expression, which then decides at each of them.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np

HYPHENS = "-\u00ad\u00ac\u2010\u2e17\x02\ufffe"
SURE = "\u00ad\u00ac"  # the soft hyphen, and its stand-in in old files; PDFium writes U+0002 or U+FFFE for any hyphen
LETTER = r"[^\W\d_]"
SHORT = 4096  # characters up to which arrays don't pay
BROKEN_OFF = re.compile(rf"(?<={LETTER})[{HYPHENS}][ \t]{{0,9}}$")  # the end of a line
_LINE_END = r"(?:<br ?/?>[ \t]{0,9}\n?|\\?\n)"
_BREAK = re.compile(
    rf"(?<={LETTER})(?:[\x02\ufffe]|[{HYPHENS}][ \t]{{0,200}}{_LINE_END})"
    rf"(?:[ \t]{{0,200}}\n){{0,2}}[ \t]{{0,200}}(?:>[ \t]?){{0,9}}(?={LETTER})"
)
_SUSPECT = re.compile(rf"-(?=[ \t\n<\\])|[{HYPHENS[1:]}]")
_AFTER = re.compile(r"[\w'’\-]{1,60}")
_QUOTES = "([{<\"'„“”‚‘’«»‹›"
_HYPHENATED = frozenset(
    "twenty thirty forty fifty sixty seventy eighty ninety self non well half ex vice mother father".split()
)
_CONJUNCTIONS = frozenset("and or to und oder bzw bis sowie et ou y o e en of og och eller i lub и или".split())
_SPACES = " \u00a0\u2002-\u200a\u202f\u3000"
_RARE_SPACES = "\u00a0\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u3000"
_DENSE = "\u3005-\u3007\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3\uf900-\ufaff"
_SPACED = re.compile(rf"(?<!\w)(?:{LETTER}[{_SPACES}]){{3,}}{LETTER}(?!\w)")
_SPACED_DENSE = re.compile(rf"(?<!\w)(?:[{_DENSE}][{_SPACES}]){{2,}}[{_DENSE}](?!\w)")
_MAYBE_SPACED = re.compile(rf"[{_SPACES}]{LETTER}(?=[{_SPACES}]{LETTER})")


class Joined(NamedTuple):
    """A text with its broken words joined; the lines of the original text that go on in the next one, counted from 0,
    ascending; and further spellings: the line of the joined text that each belongs to, and the words."""

    text: str
    continued: list[int]
    spellings: list[tuple[int, str]]


def join_broken_words(text: str) -> Joined:
    """The text with words that were broken at line ends joined, and letters that were spaced out closed up. Linear in
    the length of the text."""
    breaks, spaced = _places(text)
    joined = Joined(text, [], []) if not breaks else _dehyphenated(text, breaks)
    if "\u00ad" in joined.text:
        joined = joined._replace(text=joined.text.replace("\u00ad", ""))
    if not spaced:
        return joined
    return _closed_up(joined, _places(joined.text)[1] if joined.text != text else spaced)


def join_words_of(text: str) -> str:
    """As `join_broken_words`, for readers that keep neither lines nor further spellings."""
    return join_broken_words(text).text


def _places(text: str) -> tuple[list[int], list[int]]:
    """Where a hyphen may break a word, and where letters may stand alone: positions of the hyphens, and of spaces
    between such letters, ascending."""
    if len(text) < SHORT:
        return [match.start() for match in _SUSPECT.finditer(text)], [
            match.start() for match in _MAYBE_SPACED.finditer(text)
        ]
    codes = _codes(text)
    return _break_places(text, codes), _spaced_places(text, codes)


def _codes(text: str) -> np.ndarray:
    """The characters of a text as numbers; of one outside the basic plane, two surrogates."""
    import numpy as np

    try:
        return np.frombuffer(text.encode("latin-1"), np.uint8)
    except UnicodeEncodeError:
        return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)


def _break_places(text: str, codes: np.ndarray) -> list[int]:
    import numpy as np

    places = np.flatnonzero(codes[1:-1] == ord("-"))  # counted from the character before
    after = codes[places + 2]
    places = places[(after <= ord(" ")) | (after == ord("<")) | (after == ord("\\"))]
    rare = [np.flatnonzero(codes[1:-1] == ord(hyphen)) for hyphen in HYPHENS[1:] if hyphen in text]
    if rare:
        places = np.sort(np.concatenate([places, *rare]))
    found: list[int] = (places[codes[places] > ord("9")] + 1).tolist()
    return found


def _spaced_places(text: str, codes: np.ndarray) -> list[int]:
    import numpy as np

    space = codes == ord(" ")
    for rare in "" if text.isascii() else _RARE_SPACES:
        if rare in text:
            space |= codes == ord(rare)
    between = space[:-2] & space[2:]
    found = between[:-2] & between[2:]
    if codes.itemsize > 1:
        found |= between[:-2] & (codes[1:-3] > 0x3000)
    places = np.flatnonzero(found)
    letters: list[int] = places[codes[places + 1] > ord("9")].tolist()
    return letters


def _dehyphenated(text: str, places: Iterable[int]) -> Joined:
    parts: list[str] = []
    continued: list[int] = []
    spellings: list[tuple[int, str]] = []
    position = counted = line = 0
    for place in places:
        match = _BREAK.match(text, place) if place >= position else None
        if match is None:
            continue
        line += text.count("\n", counted, place)
        counted = place
        left = text[max(place - 60, position) : place].rsplit(None, 1)[-1].lstrip(_QUOTES)
        after = _AFTER.match(text, match.end())
        right = after[0] if after else ""
        sure = match[0][0] in SURE
        hyphen = "" if sure else _hyphen(left, right, match[0])
        breaks = match[0].count("\n")
        if hyphen is None:
            if breaks < 2:
                spellings.append((line - len(continued), left + right))
            continue
        parts += [text[position:place], hyphen]
        if not sure:
            spellings.append((line - len(continued), f"{left}{'' if hyphen else '-'}{right}"))
        continued += range(line, line + breaks)
        line += breaks
        position = counted = match.end()
    parts.append(text[position:])
    return Joined("".join(parts), continued, spellings)


def _hyphen(left: str, right: str, gap: str) -> str | None:
    """The hyphen between two parts of a word in one line: empty, a hyphen, or None for two words that stay apart."""
    lower = right[:1].islower()
    if right.lower() in _CONJUNCTIONS or (gap.count("\n") > 1 and not lower):
        return None
    if left.lower() in _HYPHENATED:
        return "-"
    if lower or (len(left) > 1 and left.isupper() and right.isupper()):
        return ""
    return "-"


def _closed_up(joined: Joined, places: Iterable[int]) -> Joined:
    """The same with letters that stand alone in a row closed up: `R E C H N U N G` as `RECHNUNG`."""
    spellings = list(joined.spellings)
    parts: list[str] = []
    position = line = 0
    for start, stop in _spaced_runs(joined.text, places):
        line += joined.text.count("\n", position, start)
        run = joined.text[start:stop]
        parts += [joined.text[position:start], run[::2]]
        spellings.append((line, run))
        position = stop
    parts.append(joined.text[position:])
    return Joined("".join(parts), joined.continued, sorted(spellings, key=lambda one: one[0]))


def _spaced_runs(text: str, places: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Where letters stand alone in a row, ascending, in the lines of these places: not those of an alphabet in its
    order, nor one repeated."""
    reached = 0
    for place in places:
        if place < reached:
            continue
        start = text.rfind("\n", reached, place) + 1 or reached
        stop = text.find("\n", place)
        reached = stop = len(text) if stop < 0 else stop
        runs = [match.span() for one in (_SPACED, _SPACED_DENSE) for match in one.finditer(text, start, stop)]
        after = start
        for run_start, run_stop in sorted(runs, key=lambda run: (run[0], -run[1])):
            letters = text[run_start:run_stop:2].lower()
            steps = {ord(b) - ord(a) for a, b in itertools.pairwise(letters)}
            if run_start >= after and not (len(steps) == 1 and steps <= {0, 1}):
                after = run_stop
                yield run_start, run_stop
