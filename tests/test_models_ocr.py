"""Words in pictures, and the order in which people read them. Pictures are drawn here."""

import socket
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from mmsearch.errors import ModelUnavailable
from mmsearch.models import ocr
from mmsearch.models.reading_order import joined

LEFT = ["Revenue grew in every single", "quarter of the year because", "customers bought more of the", "blue lamps"]
RIGHT = ["The weather was mild in May", "and many visitors came to", "the garden behind the large", "old factory"]


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def refuse(*_):
        raise AssertionError("network attempt")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def drawn(lines, size=(900, 420), turn=0.0):
    picture = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(picture)
    font = ImageFont.load_default(28)
    for x, y, text in lines:
        draw.text((x, y), text, fill="black", font=font)
    return np.asarray(picture.rotate(turn, expand=True, fillcolor="white"))


def text_of(picture):
    return joined([(word.box, word.text) for word in ocr.read(picture)])


def box(left, top, right, bottom):
    return np.array([(left, top), (right, top), (right, bottom), (left, bottom)], np.float32)


PAGE = [(40, 40, "Invoice number 48213"), (40, 120, "Lamp shade"), (600, 120, "19.95"), (40, 200, "Garden chair")]
PAGE_TEXT = "Invoice number 48213\nLamp shade 19.95\nGarden chair"


@pytest.mark.parametrize("turn", [0, 90, 180, 270, 3])
def test_a_page_is_read_whichever_way_it_lies(turn):
    assert text_of(drawn(PAGE, turn=turn)) == PAGE_TEXT


def test_boxes_lie_on_the_words_and_begin_where_reading_begins():
    (word,) = ocr.read(drawn([(300, 200, "Garden chair")]))
    assert (word.box.min(axis=0) < (302, 206)).all() and (word.box.max(axis=0) > (440, 222)).all()
    assert word.box.min() > 190 and word.score > 0.9
    (upside_down,) = ocr.read(drawn([(300, 200, "Garden chair")], turn=180))
    assert upside_down.box[0, 0] > upside_down.box[1, 0] and upside_down.box[0, 1] > upside_down.box[3, 1]


def test_white_on_dark_and_chinese_free_noise_do_not_matter():
    assert text_of(255 - drawn(PAGE)) == PAGE_TEXT


@pytest.mark.parametrize(
    "picture",
    [
        np.zeros((1, 1, 3), np.uint8),
        np.zeros((3, 5000, 3), np.uint8),
        np.full((5, 2000, 3), 255, np.uint8),
        np.full((2000, 5, 3), 255, np.uint8),
        np.full((300, 300, 3), 200, np.uint8),
    ],
)
def test_pictures_without_words_give_none(picture):
    assert ocr.read(picture) == []


def test_large_pictures_are_read_and_boxes_are_in_their_pixels():
    small = drawn(PAGE)
    large = np.asarray(Image.fromarray(small).resize((3600, 1680), Image.Resampling.BICUBIC))
    assert text_of(large) == PAGE_TEXT
    assert max(word.box[:, 0].max() for word in ocr.read(large)) > 2500


def test_the_worker_handler_answers_in_plain_json_one_object_a_picture():
    answer, arrays = ocr.handle({"threads": 1}, [drawn(PAGE), np.full((50, 50, 3), 9, np.uint8)])
    assert arrays == []
    assert [page["text"] for page in answer["pages"]] == [PAGE_TEXT, ""]
    assert sorted(word["text"] for word in answer["pages"][0]["words"]) == sorted(text for _, _, text in PAGE)
    assert all(len(word["box"]) == 8 and 0.5 <= word["score"] <= 1 for word in answer["pages"][0]["words"])


def test_reading_is_silent_and_imports_neither_torch_nor_rapidocr():
    code = (
        "import sys, numpy as np; from mmsearch.models import ocr; print(ocr.engine().split()[0]); "
        "ocr.read(np.full((99, 99, 3), 255, np.uint8)); print([m for m in ('torch', 'rapidocr') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (result.stdout, result.stderr) == ("rapidocr\n[]\n", "")


def test_missing_weights_are_one_sentence(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ModelUnavailable) as caught:
        ocr.engine()
    assert caught.value.hint == "pip install rapidocr"


def test_ctc_drops_blanks_and_repeats_but_keeps_doubled_letters():
    letters = ["", "a", "b", " "]
    path = [0, 1, 1, 0, 1, 2, 2, 3, 0]
    steps = np.full((len(path), 4), 0.1, np.float32)
    steps[np.arange(len(path)), path] = 0.7
    text, score = ocr._decoded(steps, letters)
    assert text == "aab " and score == pytest.approx(0.7)
    assert ocr._decoded(np.eye(4, dtype=np.float32)[[0, 0]], letters) == ("", 0.0)


def test_columns_of_running_text_are_read_one_after_the_other():
    words = [(box(200, 0, 620, 20), "The great report of the whole year")]
    words += [(box(0, 60 + 30 * n, 330, 80 + 30 * n), text) for n, text in enumerate(LEFT)]
    words += [(box(400, 66 + 30 * n, 730, 86 + 30 * n), text) for n, text in enumerate(RIGHT)]
    words += [(box(300, 240, 400, 260), "page 3")]
    shuffled = [words[at] for at in np.random.default_rng(0).permutation(len(words))]
    assert joined(shuffled) == "\n".join([words[0][1], *LEFT, *RIGHT, "page 3"])


def test_columns_of_a_table_are_read_row_by_row():
    rows = [("Lamp shade with a long description", "2", "19.95"), ("Garden chair in the green colour", "1", "7.00")] * 4
    words = []
    for n, (name, count, price) in enumerate(rows):
        top = 40 * n
        words += [
            (box(0, top, 400, top + 20), name),
            (box(500, top + 4, 512, top + 22), count),
            (box(600, top - 3, 660, top + 18), price),
        ]
    assert joined(words[::-1]) == "\n".join(" ".join(row) for row in rows)


def test_an_axis_title_comes_after_what_lies_the_other_way():
    title = np.array([(10, 300), (10, 100), (30, 100), (30, 300)], np.float32)  # reads upwards
    words = [(title, "Revenue"), (box(100, 320, 160, 340), "2021"), (box(200, 320, 260, 340), "2022")]
    assert joined(words) == "2021 2022\nRevenue"
    assert joined([]) == ""
