"""The package names things by the terms of the field: words that were given up do not come back."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "mmsearch"
MODULES = sorted(PACKAGE.rglob("*.py"))
GIVEN_UP = {
    "look": "image, view, probe or check",
    "looks": "images, views, probes or checks",
    "prints": "fingerprints",
    "likeness": "fingerprint matching",
    "piece": "segment, part or SpanMedia",
    "pieces": "segments or parts",
    "thing": "segment, input or item",
    "things": "segments, inputs or items",
    "trouble": "SkippedFile or failure",
    "hear": "transcribe",
    "heard": "transcribed",
    "flavour": "WorkerKind",
    "speaking": "translate_sqlite_errors",
    "promise": "invariant",
    "promises": "invariants",
    "turns": "ordered results",
    "senses": "picture classifier, audio features",
    "eyes": "picture classifier or image encoder",
    "ears": "audio features",
    "outside": "external query",
    "compose": "query building",
    "lookup": "candidate matching",
    "readable": "token coverage",
    "telling": "most informative terms",
    "judging": "reranking by a model",
    "seated": "merged into ranks",
    "nearness": "term proximity",
    "folding": "collapsing duplicates",
    "led": "group leader",
    "loose": "ad hoc",
    "catchup": "backfill",
    "closing": "finalize",
    "survey": "scan",
    "lot": "hash",
    "everyday": "anchor texts",
    "trial": "load check",
    "asking": "rendering results",
    "naming": "parsing inputs",
    "opening": "opening a file on the desktop",
    "snug": "data-sized",
    "tills": "receipts",
}
GIVEN_UP_MODULES = {
    "copies",
    "draw",
    "examples",
    "known",
    "naming",
    "opening",
    "page",
    "reading",
    "running",
    "shapes",
    "judge",
}
# Terms of Python and of its libraries, and names of published spaces, which indexes hold.
KEPT = {
    "closing",  # contextlib.closing
    "lookuperror",
    "processlookuperror",
    "builtin_eyes",
    "builtin_ears",
    "builtin_likeness",
    "eyes_weights",  # the folder of the weights of builtin-eyes
}

# Words that identifiers of the package still hold. A word whose last use is gone leaves this set for good.
NOT_YET = {
    "catchup",
    "ears",
    "everyday",
    "eyes",
    "hear",
    "heard",
    "led",
    "likeness",
    "look",
    "looks",
    "lookup",
    "loose",
    "lot",
    "outside",
    "piece",
    "pieces",
    "prints",
    "promise",
    "readable",
    "survey",
    "thing",
    "things",
    "trial",
    "trouble",
}


def words_of(name: str) -> set[str]:
    """The words of an identifier in snake_case or CamelCase, in lower case."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
    return set(spaced.split("_")) | {spaced.replace("_", "")}


def identifiers(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """The identifiers that a module defines or uses, with their lines."""
    for node in ast.walk(tree):
        line = getattr(node, "lineno", 0)
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                yield line, name
            case ast.arg(arg=name) | ast.keyword(arg=str(name)):
                yield line, name
            case ast.alias(name=name, asname=other):
                yield from ((line, part) for part in [*name.split("."), *([other] if other else [])])


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_identifiers_are_terms_of_the_field(path: Path) -> None:
    found = {
        f"line {line}: {name} (instead of {word!r}: {GIVEN_UP[word]})"
        for line, name in identifiers(ast.parse(path.read_text("utf-8")))
        if name.lower() not in KEPT
        for word in words_of(name) & (GIVEN_UP.keys() - NOT_YET)
    }
    assert not found


def test_file_names_are_terms_of_the_field() -> None:
    names = {path.relative_to(PACKAGE).as_posix(): words_of(path.stem) for path in MODULES if path.stem not in KEPT}
    assert not {name for name, words in names.items() if words & (GIVEN_UP.keys() | GIVEN_UP_MODULES)}
