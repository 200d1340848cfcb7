"""Judged galleries with their indexes: one of all of them, made once, and parts of it."""

from __future__ import annotations

import os
import random
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from mmsearch.config import Settings
from mmsearch.evaluation.judgements import JudgedQuery, read_queries
from mmsearch.evaluation.runner import RankedAnswer, base_folder, run
from mmsearch.index import Index

K = 10
FEWEST = 20  # queries of a gallery that is measured without being named
MIXED = "mixed"
HERE = Path(__file__).parent


class Galleries:
    """Galleries with their queries of words, and indexes of their files below `folder`.

    All files are indexed once, with OCR and without speech; the index of a gallery is a copy that has forgotten the
    others."""

    def __init__(self, queries: Path, base: str | None, folder: Path, wanted: Sequence[str] | None = None) -> None:
        self.base, self.folder = base_folder(str(queries), base), folder
        every = [one for one in read_queries(queries) if one.text and one.gallery]
        self.judged: dict[str, list[JudgedQuery]] = {}
        for one in every:
            self.judged.setdefault(one.gallery.strip("/"), []).append(one)
        self.names = sorted(self.judged)  # all galleries, of which the mixed index is made
        least = {name for name, asked in self.judged.items() if len(asked) >= FEWEST}
        self.judged = {name: self.judged[name] for name in wanted or sorted(least)}
        self.own: dict[str, list[RankedAnswer]] = {}

    def mixed(self) -> Path:
        """The index of all galleries, made where there is none."""
        folder = self.folder / MIXED
        if not folder.exists():
            print("indexing all galleries", file=sys.stderr, flush=True)
            tops = sorted({name.split("/")[0] for name in self.names})
            targets = [os.path.join(self.base, os.fsencode(top)) for top in tops]
            for _ in Index.update(folder, targets, Settings(speech=False)):
                pass
        return folder

    def part(self, name: str, keeps: Callable[[str], bool]) -> Path:
        """An index of some files of the mixed one: those whose path relative to the base `keeps` accepts."""
        folder = self.folder / name
        if not folder.exists():
            shutil.copytree(self.mixed(), folder)
            with Index.open(folder) as index:
                gone = [path for path in index.paths() if not keeps(os.fsdecode(os.path.relpath(path, self.base)))]
            Index.forget(folder, gone, Settings())
        return folder

    def index(self, gallery: str) -> Path:
        """The index of a gallery."""
        return self.part(gallery.replace("/", "-"), lambda path: path.startswith(gallery + "/"))

    def small(self, count: int) -> tuple[Path, set[str]]:
        """An index of a few files of several galleries, drawn by chance, and their paths."""
        with Index.open(self.mixed()) as index:
            paths = sorted(os.fsdecode(os.path.relpath(path, self.base)) for path in index.paths())
        lots = random.Random(count)
        by_gallery = [[path for path in paths if path.startswith(name + "/")] for name in sorted(self.judged)]
        drawn = {lots.choice(lots.choice([each for each in by_gallery if each])) for _ in range(count)}
        return self.part(f"small-{count}", lambda path: path in drawn), drawn

    def asked(self, gallery: str, folder: Path) -> list[RankedAnswer]:
        """What an index answers to a gallery's queries."""
        with Index.open(folder) as index:
            return list(run(index, self.judged[gallery], self.base, K, names=False))

    def answers(self, gallery: str) -> list[RankedAnswer]:
        """What a gallery's own index answers."""
        if gallery not in self.own:
            self.own[gallery] = self.asked(gallery, self.index(gallery))
        return self.own[gallery]


def are_translations(one: str, other: str) -> bool:
    """Whether two galleries hold the same texts in two languages: a query of one has an answer in the other."""
    return one != other and one.rpartition("/")[0] == other.rpartition("/")[0] != "" and one.startswith("text/")


def unanswered(name: str) -> list[str]:
    """Queries that nothing in the galleries answers: `no_answer_fit`, by which probabilities are estimated, or
    `no_answer`, by which they are measured."""
    return (HERE / f"{name}.txt").read_text("utf-8").splitlines()
