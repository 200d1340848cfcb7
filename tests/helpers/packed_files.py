"""Archives for tests."""

import io
import tarfile
import zipfile
from collections.abc import Iterable, Mapping
from typing import Any


def zipped(files: Mapping[str, bytes | str], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip archive."""
    return zipped_pairs(files.items(), method)


def zipped_pairs(files: Iterable[tuple[str, bytes | str]], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip archive, in which a name may stand more than once."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as archive:
        for name, data in files:
            archive.writestr(name, data)
    return target.getvalue()


def tarred(files: Mapping[str, bytes | str], mode: str = "w", links: Mapping[str, str] | None = None) -> bytes:
    """A tar archive; `mode` as of `tarfile.open`. `links` are symbolic ones."""
    target = io.BytesIO()
    opened: Any = tarfile.open
    with opened(fileobj=target, mode=mode) as archive:
        for name, text in files.items():
            data = text.encode() if isinstance(text, str) else text
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(data), 1_600_000_000
            archive.addfile(info, io.BytesIO(data))
        for name, goal in (links or {}).items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, goal
            archive.addfile(info)
    return target.getvalue()
