"""XML as events for a handler, read block by block: no tree, no entities but the five of XML, bounded nesting."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Mapping
from html.entities import html5
from typing import Protocol
from xml.parsers import expat

from mmsearch.errors import ExtractionError, FailureCode

DEEPEST = 1000  # elements within each other
_FORBIDDEN = re.compile(
    "[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]|&#(?:x0*(?:1?[0-8bcef]|1[9ad]|fff[ef])|0*(?:[0-8]|1[124-9]|2\\d|3[01]));",
    re.I,
)
_CONTROLS = bytes(set(range(0x20)) - set(b"\t\n\r"))
_DECLARED = re.compile(rb"""^\s*<\?xml[^>]{0,60}?encoding\s*=\s*["']([\w.\-]{1,40})""", re.IGNORECASE)

Attributes = Mapping[str, str]


class StopReading(Exception):
    """Raised by a handler that has read enough."""


class XmlHandler(Protocol):
    """What is told about a document. Names are without prefix; attributes have theirs (see `attribute`)."""

    def start(self, name: str, attributes: Attributes) -> None:
        """An element begins."""

    def end(self, name: str) -> None:
        """An element ends."""

    def data(self, text: str) -> None:
        """Text, perhaps a part of it only."""


class _LocalNames(dict[str, str]):
    """The names of elements without their prefixes, each found once."""

    def __missing__(self, name: str) -> str:
        local = name.rpartition(":")[2]
        if len(self) < 10_000:
            self[name] = local
        return local


def attribute(attributes: Attributes, name: str) -> str:
    """The value of an attribute by its name without prefix; empty where there is none."""
    if name in attributes:
        return attributes[name]
    ending = ":" + name
    return next((value for key, value in attributes.items() if key.endswith(ending)), "")


def read_xml(
    blocks: Iterable[bytes],
    handler: XmlHandler,
    told: frozenset[str] = frozenset(),
    left_out: frozenset[str] = frozenset(),
) -> bool:
    """Tell a handler about a document: about all elements, or those that are `told`, but not about those that are
    `left_out` and the elements within these. Returns whether it was whole: of a damaged one the handler has seen what
    comes before the damage. Characters that XML forbids are left out first, since programs write them.

    Raises `ExtractionError` (`decode-error`) for entities, which could hide a bomb, and for absurd nesting.
    """
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.buffer_size = 1 << 16
    names, depth, left_out_from = _LocalNames(), 0, 0
    tell_start, tell_end = handler.start, handler.end

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth, left_out_from
        depth += 1
        if depth > DEEPEST:
            raise ExtractionError(FailureCode.DECODE_ERROR, f"Its XML is nested more than {DEEPEST:,} levels deep.")
        local = names[name]
        if left_out_from:
            return
        if local in left_out:
            left_out_from = depth
        elif not told or local in told:
            tell_start(local, attributes)

    def end(name: str) -> None:
        nonlocal depth, left_out_from
        local = names[name]
        if not left_out_from:
            if not told or local in told:
                tell_end(local)
        elif left_out_from == depth:
            left_out_from = 0
        depth -= 1

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = handler.data
    parser.EntityDeclHandler = _refuse_entities
    parser.SkippedEntityHandler = lambda name, parameter: None if parameter else handler.data(html5.get(f"{name};", ""))
    try:
        _feed(parser, blocks)
    except StopReading:
        return True
    except expat.ExpatError:
        return False
    return True


def _feed(parser: expat.XMLParserType, blocks: Iterable[bytes]) -> None:
    decoder = None
    for block in blocks:
        if decoder is None:
            decoder = codecs.getincrementaldecoder(_encoding(block))("replace")
        text = decoder.decode(block)
        if _may_hold_forbidden(text):
            text = _FORBIDDEN.sub(" ", text)
        parser.Parse(text, False)  # of a text, the encoding that is declared in it does not count
    parser.Parse("", True)


def _may_hold_forbidden(text: str) -> bool:
    """A check that takes a fifth of the time of the regular expression, which few documents need."""
    data = text.encode("utf-8", "surrogatepass")
    return len(data.translate(None, _CONTROLS)) < len(data) or b"&#" in data or b"\xef\xbf" in data


def _encoding(head: bytes) -> str:
    """The encoding of a document by its first bytes; UTF-8 where it names one that is unknown."""
    for mark, encoding in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if head.startswith(mark):
            return encoding
    if head[:1] == b"<" and head[1:2] == b"\0":
        return "utf-16-le"
    if head[:1] == b"\0" and head[1:2] == b"<":
        return "utf-16-be"
    declared = _DECLARED.match(head[:200])
    try:
        found = codecs.lookup(declared[1].decode("ascii", "replace") if declared else "utf-8")
        "".encode(found.name)  # some codecs are none of texts
    except (LookupError, ValueError):
        return "utf-8"
    return "utf-8" if found.name.startswith("utf-16") else found.name


def _refuse_entities(name: str, *_: object) -> None:
    raise ExtractionError(FailureCode.DECODE_ERROR, "Its XML declares entities of its own, which are not expanded.")
