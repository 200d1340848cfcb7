"""Small OLE2 files, such as Outlook messages: storages and streams from nested dicts."""

import struct
from collections.abc import Mapping
from typing import Any

FREE, END, FAT_SECTOR, NONE = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD, 0xFFFFFFFF
SECTOR, MINI, CUTOFF = 512, 64, 4096

Tree = Mapping[str, Any]  # bytes of a stream, or a mapping for a storage


def ole_file(tree: Tree) -> bytes:
    """An OLE2 file of version 3 with these streams and storages."""
    entries: list[list[Any]] = [["Root Entry", 5, NONE, None, b""]]  # name, type, child, the next beside it, bytes
    _add(entries, 0, tree)
    mini = bytearray()
    mini_table: list[int] = []
    sectors: list[bytes] = []
    table: list[int] = []
    places: list[tuple[int, int]] = []
    for _, kind, _, _, data in entries:
        if kind == 2 and 0 < len(data) < CUTOFF:
            places.append((_chained(mini_table, -(-len(data) // MINI)), len(data)))
            mini += data + bytes(-len(data) % MINI)
        else:
            places.append((_stored(sectors, table, data) if data else END, len(data)))
    places[0] = _stored(sectors, table, bytes(mini)) if mini else END, len(mini)
    directory = b"".join(_entry(one, place) for one, place in zip(entries, places, strict=True))
    directory += _entry(["", 0, NONE, None, b""], (0, 0)) * (-len(entries) % 4)
    directory_start = _stored(sectors, table, directory)
    packed = struct.pack(f"<{len(mini_table)}L", *mini_table)
    mini_start = _stored(sectors, table, packed + b"\xff" * (-len(packed) % SECTOR)) if mini_table else END
    count = 1
    while (len(table) + count) * 4 > count * SECTOR:
        count += 1
    fat_at = len(table)
    table += [FAT_SECTOR] * count
    table += [FREE] * (count * SECTOR // 4 - len(table))
    header = struct.pack(
        "<8s16sHHHHH6xLLLLLLLLL109L", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", bytes(16), 0x3E, 3, 0xFFFE, 9, 6, 0, count,
        directory_start, 0, CUTOFF, mini_start, -(-len(packed) // SECTOR), END, 0,
        *range(fat_at, fat_at + count), *[FREE] * (109 - count),
    )  # fmt: skip
    return header + b"".join(sectors) + struct.pack(f"<{len(table)}L", *table)


def _add(entries: list[list[Any]], parent: int, tree: Tree) -> None:
    before = None
    for name, content in tree.items():
        number = len(entries)
        is_stream = isinstance(content, bytes)
        entries.append([name, 2 if is_stream else 1, NONE, None, content if is_stream else b""])
        if before is None:
            entries[parent][2] = number
        else:
            entries[before][3] = number
        before = number
        if not is_stream:
            _add(entries, number, content)


def _chained(table: list[int], count: int) -> int:
    start = len(table)
    table += [*range(start + 1, start + count), END]
    return start


def _stored(sectors: list[bytes], table: list[int], data: bytes) -> int:
    data += bytes(-len(data) % SECTOR)
    sectors += [data[at : at + SECTOR] for at in range(0, len(data), SECTOR)]
    return _chained(table, len(data) // SECTOR)


def _entry(entry: list[Any], place: tuple[int, int]) -> bytes:
    name, kind, child, beside, _ = entry
    raw = name.encode("utf-16-le")
    size = len(raw) + 2 if name else 0
    right = NONE if beside is None else beside
    return struct.pack("<64sHBBLLL16sL8s8sLL4x", raw, size, kind, 1, NONE, right, child, b"", 0, b"", b"", *place)


def properties(fixed: Mapping[int, int], header: int) -> bytes:
    """The table of properties of a storage, after its `header` bytes: numbers of up to 64 bits."""
    return bytes(header) + b"".join(
        struct.pack("<HHLQ", 0x40 if value >> 32 else 3, number, 6, value) for number, value in fixed.items()
    )


def outlook_message(
    streams: Mapping[str, bytes | str], fixed: Mapping[int, int] | None = None, storages: Tree | None = None
) -> bytes:
    """A .msg file with these properties: text by its number, other streams by number and type."""
    return ole_file(message_tree(streams, fixed or {}, 32) | dict(storages or {}))


def message_tree(streams: Mapping[str, bytes | str], fixed: Mapping[int, int], header: int) -> dict[str, Any]:
    """The storage of a message, a recipient or an attachment."""
    tree: dict[str, Any] = {"__properties_version1.0": properties(fixed, header)}
    for number, value in streams.items():
        is_text = isinstance(value, str)
        tree[f"__substg1.0_{number}{'001F' if is_text else ''}"] = (
            value.encode("utf-16-le") if isinstance(value, str) else value
        )
    return tree
