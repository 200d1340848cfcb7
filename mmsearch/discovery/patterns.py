"""Patterns of .gitignore, matched in bounded time whatever the pattern and the name.

pathspec turns `*a*a*a*b` into a regular expression whose matching takes exponential time: seconds for a name of 40
letters, years for one of 200. An ignore file comes with an indexed folder and is not trusted. Within a name the first
match for the text between two stars is always as good as a later one, and the same holds for whole names between two
`**`: all but the last become atomic groups, which are not tried again.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable

from pathspec import GitIgnoreSpec
from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

_CLASS = r"(?:\\.|[^\]\\])+\]"  # what follows the [ of [abc]
_OTHERS = re.compile(rf"\\.|(?P<negated>\[\^(?!/\]){_CLASS})|\[{_CLASS}")
_LETTER = rf"(?:\\.|(?:\(\?!/\))?\[\^?{_CLASS}(?!\*)|[^\\\[\]()|?*+.^$/])"
_STARS = re.compile(r"(?:\[\^/\]\*)+")
_BETWEEN_STARS = re.compile(rf"\[\^/\]\*({_LETTER}+)(?=\[\^/\]\*)")
_BETWEEN_DEPTHS = re.compile(r"(\(\?:/\.\+\)\?/|\^\(\?:\.\+/\)\?)((?:(?!\(\?:/\.\+\)\?/).)+)(?=\(\?:/\.\+\)\?/)")
_LAZY = {"(?:/.+)?/": "(?:/.+?)??/", "^(?:.+/)?": "^(?:.+?/)??"}
_REMAINING_STAR = re.compile(r"\[\^/\]\*(?!\?)")
_REMAINING_DEPTH = re.compile(r"\.\+(?!\?)")


class _Pattern(GitIgnoreSpecPattern):
    """One line of an ignore file. Raises `ValueError` for one that is no pattern, or can't be matched quickly."""

    @classmethod
    def pattern_to_regex(cls, pattern: str) -> tuple[str | None, bool | None]:  # type: ignore[override]
        """The regular expression of a pattern, and whether it ignores (True) or takes back (False)."""
        regex, include = super().pattern_to_regex(pattern)
        return (None if regex is None else quickened(regex)), include


def spec_of(lines: Iterable[str]) -> GitIgnoreSpec:
    """Patterns of an ignore file, or of the user. Raises `ValueError` or `re.error` for a line that is none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of regular expressions that patterns with [[ become
        return GitIgnoreSpec.from_lines(lines, _Pattern, backend="simple")


def quickened(regex: str) -> str:
    """A regular expression that matches the same names as pathspec's with less backtracking. Raises `ValueError` where
    more than two loops of a kind remain."""
    regex = _OTHERS.sub(lambda found: ("(?!/)" if found["negated"] else "") + found[0], regex)  # [!a] is no slash
    regex = _BETWEEN_STARS.sub(r"(?>[^/]*?\1)", _STARS.sub("[^/]*", regex))
    regex = _BETWEEN_DEPTHS.sub(lambda found: f"(?>{_LAZY[found[1]]}{found[2]}(?=/))", regex)
    most = max(len(_REMAINING_STAR.findall(part)) for part in regex.split("/"))
    if most > 2 or len(_REMAINING_DEPTH.findall(regex)) > 2:
        raise ValueError("a pattern that takes too long")
    return regex
