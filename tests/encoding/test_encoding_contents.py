"""What a run asks of extraction: as much as the largest limit of its models, and nothing that none of them takes."""

from typing import Any

from mmsearch.encoding.contents import needs_of
from mmsearch.types import Needs

Fingerprint = dict[str, dict[str, Any]]

CLIP: Fingerprint = {"text": {"limits": {"max_tokens": 77}}, "image": {"limits": {"max_pixels": 200_704}}}
CLAP: Fingerprint = {"audio": {"limits": {"rate": 48_000, "seconds": 10.0}}}
WHOLE: Fingerprint = {
    "image": {"limits": {"max_pixels": 1_843_200, "min_pixels": 4}},
    "audio": {"limits": {"rate": 16_000, "seconds": 30.0}},
    "video": {"limits": {"frames": 8, "max_pixels": 230_400}},
}


def test_models_of_words_need_neither_pictures_nor_sound() -> None:
    assert needs_of([{"text": CLIP["text"]}], "auto") == Needs(ocr="auto")


def test_frames_are_no_larger_than_a_model_of_film_takes_whatever_the_size_of_pictures() -> None:
    assert needs_of([WHOLE], "never") == Needs(1_843_200, 16_000, 8, 230_400, "never")


def test_several_models_get_the_largest_of_each_and_a_reader_its_rate() -> None:
    assert needs_of([CLIP, CLAP], "never") == Needs(200_704, 48_000, ocr="never")
    assert needs_of([CLIP, {}], "never") == Needs(200_704, ocr="never")
