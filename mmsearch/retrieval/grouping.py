"""The rows of an answer together that a hit shows as one: places of a file or message, copies, messages of a thread."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mmsearch.query import COPIES, FilePlace, Query
from mmsearch.retrieval.answer_rows import Row
from mmsearch.retrieval.copies.duplicates import group_leaders
from mmsearch.retrieval.copies.mail_threads import ThreadMessage, thread_messages
from mmsearch.retrieval.signals import Scored
from mmsearch.store.snapshot import Snapshot
from mmsearch.types import Locator


@dataclass(frozen=True, slots=True)
class RowGroup:
    """The rows of a hit, best first, and the messages of those that are mail, by segment."""

    rows: list[Row]
    messages: Mapping[int, ThreadMessage]

    def same(self, scored: Scored) -> tuple[bytes, ...]:
        """The paths of the files with the content of the best row: copies of its file, or of its message."""
        first = self.rows[0]
        own = _message(first, scored, self.messages)
        alike = [row for row in self.rows if own is None or _is_of(row, scored, self.messages, own)]
        return tuple(sorted({path for row in alike for _, path in row.files} - {first.files[0][1]}))

    def further(self, scored: Scored) -> list[int]:
        """The segments of the other places in the file, or message, of the best row."""
        first = self.rows[0]
        own = _message(first, scored, self.messages)
        return [
            scored.segments[row.at]
            for row in self.rows[1:]
            if row.at is not None
            and row.asset_id == first.asset_id
            and (own is None or _is_of(row, scored, self.messages, own))
        ]

    def thread(self, scored: Scored) -> tuple[FilePlace, ...]:
        """The other messages of the thread, each once, best first."""
        own = _message(self.rows[0], scored, self.messages)
        found = dict[object, FilePlace]()
        for row in self.rows[1:] if own is not None else ():
            one = _message(row, scored, self.messages)
            if one is not None and own is not None and one.thread == own.thread and one.identity != own.identity:
                section = None if one.number is None else f"message {one.number}"
                found.setdefault(one.identity, FilePlace(row.files[0][1], Locator(section=section)))
        return tuple(found.values())


def grouped(rows: list[Row], query: Query, snapshot: Snapshot, scored: Scored) -> list[RowGroup]:
    """Rows of the same file together, best first, as many files as were asked for; every place alone when all are
    wanted. The messages of a mailbox are rows of their own. With `fold` the rows of copies stand behind those of the
    best of them, but for copies of the query, and the messages of a thread behind the best of them."""
    folds = query.fold and not query.all_segments
    copied = {row.asset_id for row in rows if is_copy(row, scored)}
    found = [row.asset_id for row in rows if row.asset_id is not None and row.asset_id not in copied]
    leaders = group_leaders(snapshot, found, query.k) if folds else {}
    places = [scored.segments[row.at] for row in rows if row.at is not None and row.asset_id not in copied]
    messages = {} if query.all_segments else thread_messages(snapshot, places, leaders)
    groups: dict[object, list[Row]] = {}
    by_file: dict[object, object] = {}
    for number, row in enumerate(rows):
        key: object = number if query.all_segments else row.files[0][0]
        message = _message(row, scored, messages)
        if folds and message is not None:
            key = ("thread", message.thread)
        elif message is not None and message.number is not None:
            key = (key, message.number)
        elif folds and row.asset_id is not None and row.asset_id not in copied:
            key = ("asset", leaders.get(row.asset_id, row.asset_id))
        if message is not None and message.number is not None and _is_by_name(row, scored):
            key = by_file.get(row.files[0][0], key)  # the name is that of the mailbox, which is one hit
        by_file.setdefault(row.files[0][0], key)
        if key not in groups and len(groups) == query.k:
            continue
        groups.setdefault(key, []).append(row)
    return [RowGroup(each, messages) for each in groups.values()]


def is_copy(row: Row, scored: Scored) -> bool:
    """Whether a place is a copy of a file that the query consists of."""
    return bool(scored.matches) and row.at is not None and scored.matches[row.at] in COPIES


def _is_by_name(row: Row, scored: Scored) -> bool:
    """Whether the words of a query are in the name of a place's file alone."""
    return row.named is not None and row.at is not None and not scored.terms[row.at]


def _message(row: Row, scored: Scored, messages: Mapping[int, ThreadMessage]) -> ThreadMessage | None:
    return None if row.at is None else messages.get(scored.segments[row.at])


def _is_of(row: Row, scored: Scored, messages: Mapping[int, ThreadMessage], own: ThreadMessage) -> bool:
    one = _message(row, scored, messages)
    return one is None or one.identity == own.identity
