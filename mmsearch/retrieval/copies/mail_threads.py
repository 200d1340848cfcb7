"""Threads of mail: messages that answer each other share a row.

Which message answers which stands in its headers, as message IDs. A reply without these belongs to the messages of its
subject that share a person with it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from mmsearch.store.snapshot import Snapshot
from mmsearch.store.words import chunks

ADDRESS = re.compile(r"[^\s<>,;]{1,100}@[^\s<>,;]{1,100}")
LEAST_SUBJECT = 4  # characters of a subject that tells a thread


@dataclass(frozen=True, slots=True)
class ThreadMessage:
    """The message of a segment: which thread it belongs to, and what tells it from the others there. `number` is that
    within its mailbox, None for a file that is one message."""

    thread: Hashable
    identity: Hashable
    number: int | None


class _Fields:
    """The fields of a message that tell its thread. `place` is the file or the place in a mailbox that holds it."""

    def __init__(self, place: Hashable, fields: Mapping[str, Any]) -> None:
        number = fields.get("number")
        self.number = number if isinstance(number, int) else None
        self.place = (place, self.number)
        own, answered = fields.get("id"), fields.get("references")
        self.identity: Hashable = own if isinstance(own, str) and own else self.place
        self.answered = [one for one in answered if isinstance(one, str)] if isinstance(answered, list) else []
        topic = fields.get("topic")
        self.is_unreferenced_reply = isinstance(topic, str)
        self.subject = " ".join(str(topic or fields.get("subject", "")).casefold().split())
        self._people = f"{fields.get('from', '')} {fields.get('to', '')}"

    @cached_property
    def people(self) -> set[str]:
        return set(ADDRESS.findall(self._people.casefold()))


class _Sets:
    """Disjoint sets."""

    def __init__(self) -> None:
        self._above: dict[Hashable, Hashable] = {}

    def of(self, one: Hashable) -> Hashable:
        while (above := self._above.get(one, one)) != one:
            self._above[one] = self._above.get(above, above)
            one = above
        return one

    def join(self, one: Hashable, other: Hashable) -> None:
        self._above[self.of(one)] = self.of(other)


def thread_messages(
    snapshot: Snapshot, segment_ids: Sequence[int], leaders: Mapping[int, int]
) -> dict[int, ThreadMessage]:
    """By segment its message, of those that are mail. `leaders` are the assets whose copies other assets are."""
    found: dict[int, _Fields] = {}
    for some in chunks(list(segment_ids)):
        for segment_id, asset_id, fields in snapshot.connection.execute(
            "SELECT s.id, s.asset_id, json_extract(s.details, '$.mail') FROM segments s"
            " JOIN assets a ON a.id = s.asset_id"
            f" WHERE a.kind = 'mail' AND s.id IN ({','.join('?' * len(some))})",
            some,
        ):
            known = json.loads(fields) if fields else {}
            found[segment_id] = _Fields(leaders.get(asset_id, asset_id), known if isinstance(known, dict) else {})
    sets = _Sets()
    for one in found.values():
        for other in (one.identity, *one.answered):
            sets.join(one.place, other)
    _join_by_subject(list(found.values()), sets)
    return {
        segment_id: ThreadMessage(sets.of(one.place), one.identity, one.number) for segment_id, one in found.items()
    }


def _join_by_subject(messages: Sequence[_Fields], sets: _Sets) -> None:
    """Join the replies that do not say which message they answer with those of their subject and people."""
    unreferenced = [one for one in messages if one.is_unreferenced_reply and len(one.subject) >= LEAST_SUBJECT]
    if not unreferenced:
        return
    by_subject: dict[str, list[_Fields]] = {}
    for one in messages:
        by_subject.setdefault(one.subject, []).append(one)
    for one in unreferenced:
        for other in by_subject[one.subject]:
            if other.people & one.people:
                sets.join(one.place, other.place)
