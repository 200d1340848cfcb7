"""Shares of the files of a folder, so that several machines can index it: each file belongs to one of them."""

from __future__ import annotations

import hashlib


def is_in_shard(path: bytes, number: int, count: int) -> bool:
    """Whether a file is in share `number`, from 1, of `count`. It depends on the path of the file in its root alone, so
    every machine that sees the files makes the same shares. What lies in an archive goes with it."""
    digest = hashlib.blake2b(path, digest_size=8).digest()
    return int.from_bytes(digest, "big") % count == number - 1
