"""Which files a walk leaves out: ignore files as git reads them, and the user's own globs."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass

from pathspec import GitIgnoreSpec

from mmsearch.discovery.patterns import spec_of
from mmsearch.errors import UsageError
from mmsearch.filestat import open_regular

IGNORE_FILES = (b".gitignore", b".mmsearchignore")
_MAX_BYTES = 1_000_000  # an ignore file of more than this is something else


@dataclass(frozen=True, slots=True)
class Rules:
    """The ignore files that hold in a folder: each with the folder it stands in, outermost first."""

    specs: tuple[tuple[bytes, GitIgnoreSpec], ...] = ()

    def deeper(self, folder: bytes, absolute: bytes, names: Sequence[bytes]) -> Rules:
        """The rules below `folder` (relative to the root), with those of its own ignore files among `names`."""
        found = [read_spec(os.path.join(absolute, name)) for name in IGNORE_FILES if name in names]
        return Rules((*self.specs, *((folder, spec) for spec in found if spec is not None))) if found else self

    def ignores(self, path: bytes, is_folder: bool) -> bool:
        """Whether a path (relative to the root) is left out. The innermost file with a matching pattern decides."""
        for folder, spec in reversed(self.specs):
            inner = path[len(folder) + 1 :] if folder else path
            verdict = spec.check_file(_text(inner) + ("/" if is_folder else "")).include
            if verdict is not None:
                return verdict
        return False


@dataclass(frozen=True, slots=True)
class Globs:
    """The user's `--include` and `--exclude`, in gitignore syntax, relative to the root."""

    include: GitIgnoreSpec | None
    exclude: GitIgnoreSpec | None

    @classmethod
    def of(cls, include: Sequence[str], exclude: Sequence[str]) -> Globs:
        """Globs as they were typed, or as a root remembers them. Raises `UsageError` for one that is none."""
        for option, globs in (("--include", include), ("--exclude", exclude)):
            for glob in globs:
                if not _is_pattern(glob):
                    raise _no_glob(option, glob)
        return cls(
            spec_of(include) if include else None,
            spec_of(exclude) if exclude else None,
        )

    @classmethod
    def check(cls, include: Sequence[str], exclude: Sequence[str]) -> None:
        """Raise `UsageError` for a glob that the user typed and that is none, or can match nothing: a comment, a blank,
        a bracket that is not closed. In an ignore file git passes over such a line."""
        cls.of(include, exclude)
        for option, globs in (("--include", include), ("--exclude", exclude)):
            for glob in globs:
                if all(pattern.include is None for pattern in spec_of([glob]).patterns):
                    raise _no_glob(option, glob, ": no path can match it")

    def leaves_out_file(self, path: bytes) -> bool:
        """Whether a file is left out by the user's globs."""
        if self.include is None and self.exclude is None:
            return False
        text = _text(path)
        if self.exclude is not None and self.exclude.match_file(text):
            return True
        return self.include is not None and not self.include.match_file(text)

    def leaves_out(self, path: bytes) -> bool:
        """Whether a file is left out, or a folder above it."""
        if self.leaves_out_file(path):
            return True
        folder = os.path.dirname(path)
        while folder:
            if self.leaves_out_folder(folder):
                return True
            folder = os.path.dirname(folder)
        return False

    def leaves_out_folder(self, path: bytes) -> bool:
        """Whether a whole folder need not be walked."""
        return self.exclude is not None and self.exclude.match_file(_text(path) + "/")


def read_spec(path: bytes) -> GitIgnoreSpec | None:
    """The patterns of an ignore file; None where it can't be read or isn't one. Lines that are no pattern count as
    absent, as in git."""
    try:
        with os.fdopen(open_regular(path), "rb") as file:
            content = file.read(_MAX_BYTES + 1)
    except OSError:
        return None
    if len(content) > _MAX_BYTES:
        return None
    lines = content.decode("utf-8", "replace").splitlines()
    try:
        return spec_of(lines)
    except (ValueError, re.error):  # a range like [z-a] gets as far as the regular expression
        return spec_of(line for line in lines if _is_pattern(line))


def _no_glob(option: str, glob: str, why: str = "") -> UsageError:
    return UsageError(
        f"{option} can't be {glob!r}{why}.",
        f"Write a glob as in .gitignore: {option} '*.pdf'. A backslash takes the meaning from a sign: '\\[' or '\\#'.",
    )


def _is_pattern(line: str) -> bool:
    try:
        spec_of([line])
    except (ValueError, re.error):
        return False
    return True


def _text(path: bytes) -> str:
    return path.decode("utf-8", "surrogateescape")
