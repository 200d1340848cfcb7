"""The package names things by the terms of the field: words that were given up do not come back."""

import ast
import io
import re
import tokenize
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
# Terms of Python and of its libraries, and constants that hold names of published spaces, which indexes store.
KEPT = {
    "closing",  # contextlib.closing
    "lookup",  # codecs.lookup
    "LookupError",
    "ProcessLookupError",
    "EYES",  # builtin-eyes
    "EARS",  # builtin-ears
    "LIKENESS",  # builtin-likeness
}
# Terms of some modules: SentencePiece and WordPiece call tokens pieces; builtin-likeness is a published space.
TERMS_OF = {"models/": {"piece", "pieces", "likeness"}, "retrieval/query_encoding.py": {"pieces"}}
# Words that docstrings and comments don't use either: in prose about this program they have no ordinary meaning.
GIVEN_UP_IN_PROSE = {
    "catch up",
    "catches up",
    "caught up",
    "ears",
    "everyday",
    "eyes",
    "flavour",
    "flavours",
    "hear",
    "heard",
    "hears",
    "nearness",
    "seated",
    "senses",
    "snug",
    "survey",
    "tills",
    "trouble",
}
FORMS = sorted(form for word in GIVEN_UP_IN_PROSE for form in (word, word.capitalize()))  # EYES is a constant
PROSE = re.compile(rf"(?<![\w-])({'|'.join(FORMS)})(?![\w-])")


def words_of(name: str) -> set[str]:
    """The words of an identifier in snake_case or CamelCase, in lower case."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
    return set(spaced.split("_")) | {spaced.replace("_", "")}


def terms_of(path: Path) -> set[str]:
    """The words that are given up elsewhere and are terms in this module."""
    name = path.relative_to(PACKAGE).as_posix()
    return {word for start, words in TERMS_OF.items() if name.startswith(start) for word in words}


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
        if name not in KEPT
        for word in (words_of(name) & GIVEN_UP.keys()) - terms_of(path)
    }
    assert not found


def prose(text: str) -> Iterator[tuple[int, str]]:
    """The lines of a module's docstrings and comments, with their numbers."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, documented) and (doc := ast.get_docstring(node, clean=False)) is not None:
            yield from enumerate(doc.splitlines(), node.body[0].lineno)
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_docstrings_and_comments_are_in_terms_of_the_field(path: Path) -> None:
    found = {f"line {line}: {text.strip()}" for line, text in prose(path.read_text("utf-8")) if PROSE.search(text)}
    assert not found


def test_words_are_found_in_identifiers_and_prose() -> None:
    assert words_of("CatchUpWork") & {"catchup", "work"} == {"work"}
    assert words_of("CatchUp") >= {"catch", "up", "catchup"}
    text = '''"""A module.\n\nIts flavour."""\n\nX = "flavour"  # Heard, but `builtin-eyes` and EARS\n'''
    assert [(line, PROSE.findall(part)) for line, part in prose(text)] == [
        (1, []),
        (2, []),
        (3, ["flavour"]),
        (5, ["Heard"]),
    ]


def test_file_names_are_terms_of_the_field() -> None:
    names = {path.relative_to(PACKAGE).as_posix(): words_of(path.stem) for path in MODULES}
    assert not {name for name, words in names.items() if words & (GIVEN_UP.keys() | GIVEN_UP_MODULES)}
