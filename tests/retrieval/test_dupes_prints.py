"""Prints: copies are known at other sizes and encodings, and what only looks alike is told apart."""

import textwrap
from collections.abc import Callable
from itertools import combinations

import numpy as np
import pytest
from made_media import RATE, encoded, invoice, melody, page, photo
from PIL import Image, ImageDraw

from mmsearch.extraction.fingerprints import (
    audio_fingerprint,
    combined_text_keys,
    image_fingerprint,
    image_fingerprint_body,
    text_fingerprint,
)
from mmsearch.retrieval.copies.fingerprint_matching import (
    KEY_DISTANCE,
    ImageFingerprint,
    key_distances,
    same_audio,
    same_image,
)


def chart(heights: list[int], colour: str = "navy") -> Image.Image:
    image = Image.new("RGB", (640, 480), "white")
    draw = ImageDraw.Draw(image)
    draw.line((50, 30, 50, 430, 610, 430), fill="black", width=2)
    for number, height in enumerate(heights):
        draw.rectangle((70 + 60 * number, 430 - height, 110 + 60 * number, 429), fill=colour)
    return image


def same(one: Image.Image, other: Image.Image) -> bool:
    a, b = image_fingerprint(one), image_fingerprint(other)
    if a is None or b is None:
        return False
    near = key_distances(a.key, np.frombuffer(b.key, np.uint8)[None])[0] <= KEY_DISTANCE
    return bool(near) and same_image(ImageFingerprint(a.body), ImageFingerprint(b.body))


COPIES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "jpeg 30": lambda image: encoded(image, "JPEG", quality=30),
    "jpeg 95": lambda image: encoded(image, "JPEG", quality=95),
    "webp": lambda image: encoded(image, "WEBP", quality=80),
    "75 %": lambda image: image.resize((image.width * 3 // 4, image.height * 3 // 4)),
    "50 % jpeg": lambda image: encoded(image.resize((image.width // 2, image.height // 2)), "JPEG", quality=75),
    "25 %": lambda image: image.resize((image.width // 4, image.height // 4)),
    "a little darker": lambda image: Image.eval(image, lambda level: int(level * 0.95)),
}


@pytest.mark.parametrize("kind", COPIES)
def test_a_photo_is_known_in_its_copies(kind: str) -> None:
    assert all(same(photo(seed), COPIES[kind](photo(seed))) for seed in range(4))


@pytest.mark.parametrize("kind", [kind for kind in COPIES if kind != "25 %"])
def test_a_page_is_known_in_its_copies(kind: str) -> None:
    assert same(invoice("4711", "512.40"), COPIES[kind](invoice("4711", "512.40")))


@pytest.mark.parametrize(
    "others",
    {
        "photos": [photo(seed) for seed in range(8)],
        "two invoices of one form": [invoice(f"47{n}1", f"{n}12.40") for n in range(6)],
        "one digit of an invoice": [invoice(f"471{n}", "512.40") for n in range(6)],
        "slides of one template": [page("Review 2024", "", word) for word in ("Growth", "Budget", "People", "Plans")],
        "charts with the same axes": [chart([40 * ((n + k) % 7) + 30 for k in range(8)]) for n in range(4)],
        "one bar of a chart": [chart([90, 120 + 30 * n, 150]) for n in range(4)],
        "colours of a chart": [chart([90, 120, 150], colour) for colour in ("navy", "maroon", "#004020")],
    }.values(),
    ids=lambda others: None,
)
def test_what_only_looks_alike_is_told_apart(others: list[Image.Image]) -> None:
    assert [pair for pair in combinations(range(len(others)), 2) if same(others[pair[0]], others[pair[1]])] == []


def test_frames_of_a_moving_scene_are_told_apart() -> None:
    ball = Image.new("L", (640, 480))
    ImageDraw.Draw(ball).ellipse((200, 200, 260, 260), fill=255)
    scene = [Image.composite(photo(99), photo(5), ball.rotate(0, translate=(20 * n, 0))) for n in range(4)]
    assert [pair for pair in combinations(range(4), 2) if same(scene[pair[0]], scene[pair[1]])] == []


def test_a_thumbnail_of_a_page_is_not_taken_for_it() -> None:
    assert not same(invoice("4711", "512.40"), invoice("4711", "512.40").resize((100, 140)))


@pytest.mark.parametrize(
    "image",
    [
        Image.new("RGB", (800, 600), "white"),
        Image.new("RGB", (800, 600)),
        Image.fromarray(np.tile(np.linspace(100, 104, 640).astype(np.uint8)[None, :, None], (480, 1, 3))),
        photo(1, (24, 24)),
        photo(1, (2000, 40)),
    ],
    ids=["blank", "black", "shade", "icon", "strip"],
)
def test_what_shows_nothing_has_no_fingerprint(image: Image.Image) -> None:
    assert image_fingerprint(image) is None


def test_a_fingerprint_is_read_as_it_was_written() -> None:
    made = image_fingerprint(photo(3))
    assert made is not None and len(made.key) == 16
    width, height, grey, colours = image_fingerprint_body(made.body)
    assert (width, height, grey.shape, colours.shape) == (640, 480, (96, 96), (2, 32, 32))
    seen = np.asarray(
        photo(3).convert("L").resize((256, 256), Image.Resampling.LANCZOS).resize((96, 96), Image.Resampling.BILINEAR)
    )
    assert float(np.abs(grey - seen).max()) <= 2.0


@pytest.mark.parametrize("body", [b"", b"x", b"\x78\x9c\x03\x00\x00\x00\x00\x01"])
def test_a_body_that_is_none_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match="image fingerprint"):
        image_fingerprint_body(body)


TEXT = " ".join(f"word{n} is not wörd{n * 7}," for n in range(200))


def test_words_are_the_same_with_other_line_breaks() -> None:
    one, other = text_fingerprint([TEXT], 0), text_fingerprint([textwrap.fill(TEXT, 50)], 3)
    assert one is not None and other is not None and one.key == other.key


def test_words_of_parts_join_into_those_of_the_whole() -> None:
    whole = text_fingerprint([TEXT], 0)
    parts = [text_fingerprint([TEXT[:900]], 0), text_fingerprint([TEXT[900:2000], TEXT[2000:]], 1)]
    cut = TEXT[:900] + "\n" + TEXT[900:2000] + "\n" + TEXT[2000:]
    again = text_fingerprint([cut], 0)
    assert whole is not None and again is not None and all(parts)
    assert combined_text_keys(one.key for one in parts if one) == combined_text_keys([again.key])
    assert combined_text_keys([whole.key])[0] >= 600


@pytest.mark.parametrize("other", [TEXT + " more", TEXT.replace("word7 ", "word8 "), TEXT.upper(), TEXT[5:]])
def test_any_other_word_is_another_text(other: str) -> None:
    one, two = text_fingerprint([TEXT], 0), text_fingerprint([other], 0)
    assert one is not None and two is not None and one.key != two.key


def test_chinese_may_break_anywhere_and_code_may_not() -> None:
    def key(text: str, lines: bool = False) -> bytes | None:
        made = text_fingerprint([text], 0, lines)
        return made.key if made else None

    assert key("海鸥在港口上空飞翔") == key("海鸥在港\n口上空飞翔")
    assert key("if a:\n    b()\nc()", True) != key("if a:\n    b()\n    c()", True)
    assert key("1,2\n3", True) != key("1\n2,3", True)
    assert key("a\n\nb  \n", True) == key("a\nb", True)
    assert key(" \n\t") is None


def sounds_alike(one: np.ndarray, other: np.ndarray) -> bool:
    a, b = audio_fingerprint(one, 0.0), audio_fingerprint(other, 0.0)
    assert a is not None and b is not None
    return same_audio(a.body, b.body)


def test_a_sound_is_known_in_its_copies() -> None:
    sound = melody(1)
    noise = np.random.default_rng(9).normal(0, 0.003, len(sound)).astype(np.float32)
    late = np.concatenate([np.zeros(RATE // 20, np.float32), sound])
    coarse = np.interp(np.arange(len(sound)) / 2, np.arange(len(sound) // 2), sound[::2]).astype(np.float32)
    assert [sounds_alike(sound, copy) for copy in (sound * 0.4, sound + noise, late, coarse)] == [True] * 4


def test_other_sounds_and_other_lengths_are_told_apart() -> None:
    sounds = [melody(seed) for seed in range(8)]
    assert not any(sounds_alike(a, b) for a, b in combinations(sounds, 2))
    assert not sounds_alike(melody(1, 8), melody(1, 10))


def test_silence_and_short_sounds_have_no_print() -> None:
    assert audio_fingerprint(np.zeros(RATE * 5, np.float32), 0.0) is None
    assert audio_fingerprint(melody(1)[: RATE // 2], 0.0) is None
    assert audio_fingerprint(None, 0.0) is None
