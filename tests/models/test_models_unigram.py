"""The quick unigram tokenizer gives the ids of the tokenizers library, whatever the text."""

import base64
import json
import random
from pathlib import Path

import pytest
from tokenizers import Tokenizer

from mmsearch.models.texts import unigram

PIECES = [
    ["<s>", 0.0],
    ["<pad>", 0.0],
    ["</s>", 0.0],
    ["<unk>", 0.0],
    ["▁", -3.0],
    ["a", -4.0],
    ["b", -4.5],
    ["▁a", -3.5],
    ["ab", -5.0],
    ["▁ab", -5.5],
    ["bab", -6.0],
    ["ü", -7.0],
    ["bü", -7.5],
    ["語", -8.0],
    ["日本", -8.0],
    ["日", -9.0],
    ["aaaa", -6.2],
    ["\u0301", -9.5],
]


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[unigram.UnigramTokenizer, Tokenizer]:
    """Our tokenizer and the library's, of the same small file; its normaliser changes nothing."""
    folder = tmp_path_factory.mktemp("unigram")
    charsmap = base64.b64encode((1024).to_bytes(4, "little") + bytes(1024)).decode()
    spaces = {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "}
    special = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    names = [piece for piece, _ in PIECES[:4]]
    content = {
        "version": "1.0",
        "added_tokens": [{"id": i, "content": name, **special} for i, name in enumerate(names)],
        "normalizer": {
            "type": "Sequence",
            "normalizers": [{"type": "Precompiled", "precompiled_charsmap": charsmap}, spaces],
        },
        "pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "add_prefix_space": True},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [
                {"SpecialToken": {"id": "<s>", "type_id": 0}},
                {"Sequence": {"id": "A", "type_id": 0}},
                {"SpecialToken": {"id": "</s>", "type_id": 0}},
            ],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}}],
            "special_tokens": {
                name: {"id": name, "ids": [number], "tokens": [name]} for name, number in (("<s>", 0), ("</s>", 2))
            },
        },
        "decoder": None,
        "model": {"type": "Unigram", "unk_id": 3, "vocab": PIECES},
    }
    file = folder / "tokenizer.json"
    file.write_text(json.dumps(content))
    unigram.write(content, folder / "files")
    return unigram.UnigramTokenizer(folder / "files"), Tokenizer.from_file(str(file))


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "a",
        "ab abab",
        "  a   b ",
        "xyz",
        "axxbx",
        "bü 日本語",
        "aaaaaaa",
        "▁a",
        "e\u0301",
        "😀a😀😀",
        "a\nb",
        "a<s>b",
        "<s>",
        " <unk> a",
        "ab</s></s> ",
        "a <pad>",
        "< s>",
    ],
)
def test_ids_are_those_of_the_library(both: tuple[unigram.UnigramTokenizer, Tokenizer], text: str) -> None:
    ours, library = both
    assert ours.encode(text) == library.encode(text).ids


def test_ids_of_many_random_texts_are_those_of_the_library(both: tuple[unigram.UnigramTokenizer, Tokenizer]) -> None:
    ours, library = both
    draw = random.Random(0)
    texts = ["".join(draw.choices("aaabbü日本語 xé", k=draw.randrange(30))) for _ in range(500)]
    assert [ours.encode(text) for text in texts] == [library.encode(text).ids for text in texts]


def test_a_long_text_is_cut_between_its_ends(both: tuple[unigram.UnigramTokenizer, Tokenizer]) -> None:
    ours, library = both
    whole = library.encode("ab " * 600).ids
    assert ours.encode("ab " * 600) == [*whole[:511], whole[-1]]


def test_another_kind_of_tokenizer_is_refused(tmp_path: Path) -> None:
    content = {"normalizer": {"type": "NFC"}, "model": {"type": "BPE", "vocab": {}}, "added_tokens": []}
    with pytest.raises(ValueError, match="no unigram tokenizer"):
        unigram.write(content, tmp_path / "files")
