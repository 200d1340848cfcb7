"""Old and binary Excel files made of their records, for the tests of their readers."""

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

from office_files import Members, open_xml, relations

SECTOR = 512
FREE, END_OF_CHAIN, OF_TABLE = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD


def compound(streams: Mapping[str, bytes], path: Path) -> Path:
    """An OLE2 container of a few streams, none so short that it would go to the small sectors."""
    padded = {name: data.ljust(max(4096, -(-len(data) // SECTOR) * SECTOR), b"\0") for name, data in streams.items()}
    table = [OF_TABLE, END_OF_CHAIN]  # sector 0 is the table itself, sector 1 the directory
    entries = [_entry("Root Entry", 5, FREE if not padded else 1, END_OF_CHAIN, 0)]
    for number, (name, data) in enumerate(padded.items(), 1):
        start = len(table)
        table += [*range(start + 1, start + len(data) // SECTOR), END_OF_CHAIN]
        entries.append(_entry(name, 2, FREE, start, len(data), number + 1 if number < len(padded) else FREE))
    assert len(table) <= SECTOR // 4 and len(entries) <= 4
    table += [FREE] * (SECTOR // 4 - len(table))
    header = struct.pack(
        "<8s16x5H6x10L", bytes.fromhex("d0cf11e0a1b11ae1"), 0x3E, 3, 0xFFFE, 9, 6, 0, 1, 1, 0, 4096,
        END_OF_CHAIN, 0, END_OF_CHAIN, 0, 0,
    )  # fmt: skip
    header += struct.pack("<108L", *[FREE] * 108)
    directory = b"".join(entries).ljust(SECTOR, b"\0")
    path.write_bytes(header + struct.pack(f"<{SECTOR // 4}L", *table) + directory + b"".join(padded.values()))
    return path


def _entry(name: str, kind: int, child: int, start: int, size: int, right: int = FREE) -> bytes:
    encoded = name.encode("utf-16-le")
    return struct.pack("<64sHBB3L16xL16xLLL", encoded, len(encoded) + 2, kind, 1, FREE, right, child, 0, start, size, 0)


def record(kind: int, content: bytes = b"") -> bytes:
    """A record of an old Excel file."""
    return struct.pack("<2H", kind, len(content)) + content


def wide(text: str) -> bytes:
    """A string of Excel 97 in UTF-16, after its length in two bytes."""
    return struct.pack("<HB", len(text), 1) + text.encode("utf-16-le")


def old_workbook(sheets: Mapping[str, bytes], settings: bytes = b"") -> bytes:
    """The stream of a workbook of Excel 97: by name the records of each sheet, `settings` before them."""
    names = [record(0x85, struct.pack("<LHBB", 0, 0, len(name), 0) + name.encode("latin-1")) for name in sheets]
    begin = record(0x809, struct.pack("<2H", 0x600, 5))
    start = len(begin) + len(settings) + sum(map(len, names)) + 4
    found, bodies = begin + settings, b""
    for name, content in zip(names, sheets.values(), strict=True):
        found += name[:4] + struct.pack("<L", start + len(bodies)) + name[8:]
        bodies += record(0x809, struct.pack("<2H", 0x600, 0x10)) + content + record(0x0A)
    return found + record(0x0A) + bodies


def binary_record(kind: int, content: bytes = b"") -> bytes:
    """A record of a binary workbook."""
    head = bytes([kind]) if kind < 128 else bytes([kind & 0x7F | 0x80, kind >> 7])
    length, coded = len(content), b""
    while True:
        coded += bytes([length & 0x7F | (0x80 if length > 0x7F else 0)])
        length >>= 7
        if not length:
            return head + coded + content


def long_text(text: str) -> bytes:
    """A string of a binary workbook."""
    return struct.pack("<L", len(text)) + text.encode("utf-16-le")


def binary_workbook(sheets: Mapping[str, Sequence[bytes]], path: Path, further: Members | None = None) -> Path:
    """A binary workbook: by name the records of each sheet."""
    names = b"".join(
        binary_record(156, struct.pack("<2L", 0, number) + long_text(f"rId{number}") + long_text(name))
        for number, name in enumerate(sheets, 1)
    )
    kinds = [("worksheet", f"worksheets/sheet{number}.bin") for number in range(1, len(sheets) + 1)]
    members: dict[str, str | bytes] = {
        "xl/workbook.bin": names,
        "xl/_rels/workbook.bin.rels": relations(*kinds, ("sharedStrings", "strings.bin"), ("styles", "styles.bin")),
    }
    for number, records in enumerate(sheets.values(), 1):
        members[f"xl/worksheets/sheet{number}.bin"] = b"".join(records)
    return open_xml("xl/workbook.bin", {**members, **(further or {})}, path)
