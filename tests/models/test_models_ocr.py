"""Words in pictures, and the order in which people read them. Pictures are drawn here."""

import subprocess
import sys
from importlib.metadata import PackageNotFoundError

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from mmsearch.errors import ModelUnavailable
from mmsearch.models.recognition import ocr
from mmsearch.models.recognition.ocr import join_words

pytestmark = pytest.mark.usefixtures("no_network")


def drawn(lines: list[tuple[int, int, str]], size: tuple[int, int] = (900, 420), turn: float = 0.0) -> np.ndarray:
    picture = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(picture)
    font = ImageFont.load_default(28)
    for x, y, text in lines:
        draw.text((x, y), text, fill="black", font=font)
    return np.asarray(picture.rotate(turn, expand=True, fillcolor="white"))


def text_of(picture: np.ndarray) -> str:
    return join_words([(word.box, word.text) for word in ocr.recognize(picture)])


def box(left: float, top: float, right: float, bottom: float) -> np.ndarray:
    return np.array([(left, top), (right, top), (right, bottom), (left, bottom)], np.float32)


PAGE = [(40, 40, "Invoice number 48213"), (40, 120, "Lamp shade"), (600, 120, "19.95"), (40, 200, "Garden chair")]
PAGE_TEXT = "Invoice number 48213\nLamp shade 19.95\nGarden chair"


@pytest.mark.parametrize("turn", [0, 1])
def test_a_page_is_read_line_by_line_also_when_it_lies_askew(turn: int) -> None:
    assert text_of(drawn(PAGE, turn=turn)) == PAGE_TEXT


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_a_turned_page_is_recognized(turn: int) -> None:
    assert sorted(text_of(drawn(PAGE, turn=turn)).split()) == sorted(PAGE_TEXT.split())


def test_boxes_lie_on_the_words() -> None:
    (word,) = ocr.recognize(drawn([(300, 200, "Garden chair")]))
    assert (word.box.min(axis=0) < (302, 206)).all() and (word.box.max(axis=0) > (440, 222)).all()
    assert word.box.min() > 190 and word.score > 0.9


def test_white_on_dark_and_chinese_free_noise_do_not_matter() -> None:
    assert text_of(255 - drawn(PAGE)) == PAGE_TEXT


@pytest.mark.parametrize(
    "picture",
    [
        np.zeros((1, 1, 3), np.uint8),
        np.zeros((3, 5000, 3), np.uint8),
        np.full((5, 2000, 3), 255, np.uint8),
        np.full((300, 300, 3), 200, np.uint8),
    ],
)
def test_pictures_without_words_give_none(picture: np.ndarray) -> None:
    assert ocr.recognize(picture) == []


def test_large_pictures_are_read_and_boxes_are_in_their_pixels() -> None:
    small = drawn(PAGE)
    large = np.asarray(Image.fromarray(small).resize((3600, 1680), Image.Resampling.BICUBIC))
    words = ocr.recognize(large)
    assert join_words([(word.box, word.text) for word in words]) == PAGE_TEXT
    assert max(word.box[:, 0].max() for word in words) > 2500


def test_the_worker_handler_answers_in_plain_json_one_object_a_picture() -> None:
    answer, arrays = ocr.handle({"threads": 1}, [drawn(PAGE), np.full((50, 50, 3), 9, np.uint8)])
    assert arrays == []
    assert [page["text"] for page in answer["pages"]] == [PAGE_TEXT, ""]
    assert sorted(word["text"] for word in answer["pages"][0]["words"]) == sorted(text for _, _, text in PAGE)
    assert all(len(word["box"]) == 8 and 0.5 <= word["score"] <= 1 for word in answer["pages"][0]["words"])


def test_reading_is_silent_and_imports_no_torch() -> None:
    code = (
        "import sys, numpy as np; from mmsearch.models.recognition import ocr; print(ocr.engine().split()[0]); "
        "ocr.recognize(np.full((99, 99, 3), 255, np.uint8)); print('torch' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (result.stdout, result.stderr) == ("rapidocr\nFalse\n", "")


def test_a_missing_engine_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> None:
        raise PackageNotFoundError(name)

    monkeypatch.setattr("importlib.metadata.version", absent)
    with pytest.raises(ModelUnavailable) as caught:
        ocr.engine()
    assert caught.value.hint == "pip install rapidocr"


def test_columns_of_a_table_are_read_row_by_row() -> None:
    rows = [("Lamp shade with a long description", "2", "19.95"), ("Garden chair in the green colour", "1", "7.00")] * 4
    words = []
    for n, (name, count, price) in enumerate(rows):
        top = 40 * n
        words += [
            (box(0, top, 400, top + 20), name),
            (box(500, top + 4, 512, top + 22), count),
            (box(600, top - 3, 660, top + 18), price),
        ]
    assert join_words(words[::-1]) == "\n".join(" ".join(row) for row in rows)


def test_an_axis_title_is_read_where_it_stands() -> None:
    title = np.array([(10, 100), (30, 100), (30, 300), (10, 300)], np.float32)
    words = [(box(100, 320, 160, 340), "2021"), (title, "Revenue"), (box(200, 320, 260, 340), "2022")]
    assert join_words(words) == "Revenue\n2021 2022"
    assert join_words([]) == ""


def test_words_that_are_broken_at_the_end_of_a_box_are_joined_within_their_column() -> None:
    words = [
        (box(0, 0, 300, 20), "the captain of the Donau-"),
        (box(400, 0, 700, 20), "and the keeper of"),
        (box(0, 30, 300, 50), "dampfschiff slept in Nord-"),
        (box(400, 30, 700, 50), "the lighthouse slept"),
        (box(0, 60, 300, 80), "Hessen under the lamp-"),
        (box(400, 60, 700, 80), "too."),
    ]
    assert join_words(words) == (
        "the captain of the Donaudampfschiff and the keeper of\n"
        "slept in Nord-Hessen the lighthouse slept\nunder the lamp- too."
    )
    columns = [(box(0, 60, 300, 80), "under the lamp-"), (box(400, 0, 700, 20), "light of the harbour")]
    assert join_words(columns) == "of the harbour\nunder the lamplight"


def test_letters_that_are_spaced_out_are_closed_up_in_a_box() -> None:
    assert join_words([(box(0, 0, 300, 20), "R E C H N U N G 48213")]) == "RECHNUNG 48213"


def test_one_or_two_characters_in_a_photograph_are_no_words(monkeypatch: pytest.MonkeyPatch) -> None:
    spots = [(0, "K"), (1, "4x"), (2, "a b"), (3, "STOP"), (4, "出口"), (5, "口")]
    found = [ocr.Word(box(0, 40 * row, 300, 40 * row + 20), text, 0.95) for row, text in spots]
    monkeypatch.setattr(ocr, "_recognize", lambda picture, threads: (found, 1.0))
    photograph = np.random.default_rng(1).integers(0, 255, (400, 400, 3), np.uint8)
    page = np.full((400, 400, 3), 255, np.uint8)
    [seen], [read] = (ocr.handle({}, [picture])[0]["pages"] for picture in (photograph, page))
    assert seen["text"] == "STOP\n出口"
    assert [word["text"] for word in seen["words"]] == ["STOP", "出口"]
    assert read["text"] == "\n".join(text for _, text in spots)
