"""Filters inside the text of a query: `kind:image`, `in:folder`, `name:report`, `after:2024-03`, `before:"last
summer"`, `near:"march 2024"`, `near:48.86,2.29,5`, and of mail `from:anna`, `to:bob`, `subject:budget`; each with `-`
in front leaves such files out.

Only these words with a colon and a value right behind it are operators. Everything else, such as `foo:bar`, `12:30` or
`http://x`, and whatever stands in quotes, is text. Given twice, dates narrow; the others mean either.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from mmsearch.errors import UsageError
from mmsearch.query import Filter, Query
from mmsearch.retrieval.queries.date_parsing import DATE_HINT, Period, is_ambiguous, period_of
from mmsearch.retrieval.queries.place_parsing import PLACE_HINT, place_of
from mmsearch.retrieval.queries.query_parsing import MAX_CHARACTERS
from mmsearch.types import Kind, chosen

DATES = ("after", "since", "before", "near", "date")
MOST = 100  # operators of a query
MOST_WORDS = 4  # of a date that is not quoted
KINDS = (*Kind, "other")
_KIND_WORDS = {
    "image": "images picture pictures photo photos",
    "pdf": "pdfs",
    "text": "texts",
    "audio": "sound sounds music recording recordings",
    "video": "videos film films movie movies",
    "mail": "mails email emails message messages",
    "document": "documents doc docs",
}
_SYNONYMS = {word: kind for kind, words in _KIND_WORDS.items() for word in words.split()}
_LITERALLY = '"{0}" in quotes is text; --literal takes all of the query as text.'
_OPERATOR = re.compile(
    r'"[^"]*"|(?<!\S)(?P<minus>-?)(?P<name>kind|in|name|from|to|subject|after|since|before|near|date):(?P<value>"[^"]+"|[^\s"]+)(?!\S)',
    re.IGNORECASE,
)


def with_operators(query: Query, now: datetime | None = None) -> Query:
    """The query with the operators of its text as a part of its filter; unchanged where it is literal or has none.
    Raises `UsageError` for a value that its operator can't take and for dates that contradict each other."""
    if query.literal or ":" not in query.text:
        return query
    text = query.text.replace("\u201c", '"').replace("\u201d", '"').replace("\u201e", '"')
    where, rest, end, number = query.where, list[str](), 0, 0
    for match in _OPERATOR.finditer(text, 0, MAX_CHARACTERS):
        if match["name"] is None or match.start() < end:  # a quoted phrase, or the rest of a date
            continue
        number += 1
        if number > MOST:
            raise UsageError(
                f"The query has more than {MOST} operators.", "Leave some out; --literal takes them as text."
            )
        rest.append(text[end : match.start()])
        name, value = match["name"].lower(), match["value"].strip('"')
        end = match.end()
        if name in DATES and not match["value"].startswith('"'):
            value, end = _longest_date(text, value, end, query.where.languages, now)
        where = _narrowed(where, name, value, bool(match["minus"]), now)
    if not number:
        return query
    if where.since is not None and where.before is not None and where.since >= where.before:
        raise UsageError(
            f"No file can match: it would have to be changed at or after {_shown(where.since)} and before"
            f" {_shown(where.before)}.",
            "Exchange the dates, or leave one out.",
        )
    return replace(query, text=" ".join("".join([*rest, text[end:]]).split()), where=where)


def joined(arguments: Sequence[str]) -> str:
    """The arguments of a command line as one text. The shell has taken the quotes from `before:"last summer"`: they are
    put back around a date of several words and around an existing path with spaces."""
    return " ".join(_requoted(argument) for argument in arguments)


def kind_of(value: str) -> str | None:
    """The kind that a word means (`photos`: image); None where it means none."""
    word = value.strip().lower()
    kind = _SYNONYMS.get(word, word)
    return str(kind) if kind in KINDS else None


def _requoted(argument: str) -> str:
    match = re.fullmatch(r"(-?(\w+):)([^\"]*\s[^\"]*)", argument)
    if match is None:
        return argument
    name, value = match[2].lower(), match[3]
    is_date = name in DATES and period_of(value) is not None
    if is_date or (name == "in" and os.path.exists(os.path.expanduser(value))):
        return f'{match[1]}"{value}"'
    return argument


def _longest_date(text: str, value: str, end: int, languages: Sequence[str], now: datetime | None) -> tuple[str, int]:
    """The longest date that begins with an unquoted value in words (`before:march 2024`), and where it ends."""
    if not re.search(r"[^\W\d_]{2}", value):
        return value, end
    best = value, end
    for match in re.compile(r'\s+([^\s":]+)(?=\s|$)').finditer(text, end):
        if match.start() != end or len(value.split()) == MOST_WORDS:
            break
        value, end = f"{value} {match[1]}", match.end()
        if period_of(value, now, languages) is not None:
            best = value, end
    return best


def _narrowed(where: Filter, name: str, value: str, is_excluded: bool, now: datetime | None) -> Filter:
    """A filter with one more operator in it."""
    if is_excluded:
        return replace(where, without=(*where.without, _narrowed(Filter(), name, value, False, now)))
    if name == "kind":
        kinds = [kind_of(one) for one in value.split(",")]
        if None in kinds:
            hint = f"Choose {chosen(KINDS)}. {_literally(name, value)}"
            raise UsageError(f"kind:{value}: there is no such kind.", hint)
        return replace(where, kinds=tuple(dict.fromkeys((*where.kinds, *(kind for kind in kinds if kind)))))
    if name == "name":
        return replace(where, names=(*where.names, value))
    if name == "from":
        return replace(where, senders=(*where.senders, value))
    if name == "to":
        return replace(where, recipients=(*where.recipients, value))
    if name == "subject":
        return replace(where, subjects=(*where.subjects, value))
    if name == "in":
        if value.startswith(("/", "~", "./", "../")) or value in (".", ".."):
            return replace(where, within=(*where.within, os.path.abspath(os.path.expanduser(value))))
        if re.search(r"[*?\[]", value):
            return replace(where, within=(*where.within, value))
        return replace(where, folders=(*where.folders, value))
    if name == "near" and (place := place_of(value)) is not None:
        return replace(where, near=place)
    period = _period(name, value, where.languages, now)
    since = period.start if name in ("near", "date") else period.begin if name in ("after", "since") else None
    before = period.end if name in ("near", "date") else period.begin if name == "before" else None
    return replace(
        where,
        since=max((one for one in (where.since, since) if one is not None), default=None),
        before=min((one for one in (where.before, before) if one is not None), default=None),
    )


def _period(name: str, value: str, languages: Sequence[str], now: datetime | None) -> Period:
    found = period_of(value, now, languages)
    if found is not None:
        return found
    why = "it could be either of two days" if is_ambiguous(value) else "that is no date"
    hint = f"{DATE_HINT} {PLACE_HINT}" if name == "near" else DATE_HINT
    raise UsageError(f"{name}:{value}: {why}.", f"{hint} {_literally(name, value)}")


def _literally(name: str, value: str) -> str:
    return _LITERALLY.format(f"{name}:{value}")


def _shown(moment: float) -> str:
    """A moment as a date, with its time where it is not midnight."""
    try:
        return datetime.fromtimestamp(moment).isoformat(" ", "minutes").removesuffix(" 00:00")
    except (ValueError, OverflowError, OSError):
        return "the first day of the calendar" if moment < 0 else "the last day of the calendar"
