"""Copies in an index: groups of files, rows of an answer, and what `mmsearch dupes` writes."""

import json
import os
import shutil
import wave
from pathlib import Path

import numpy as np
import pytest
from made_media import RATE, encoded, invoice, melody, page, photo
from PIL import Image
from small_index import broken, change, rows, run, use_word_model, write, write_pdf

from mmsearch import Index, Query
from mmsearch.retrieval.copies.duplicates import neighbours
from mmsearch.retrieval.copies.fingerprint_matching import KEY_DISTANCE
from mmsearch.store.stored_fingerprints import AssetFingerprints

STORY = "\n".join(f"The gull number {n} flew over harbour {n * 3} at dawn." for n in range(120))


def write_sound(path: Path, samples: np.ndarray, rate: int = RATE) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((np.clip(samples, -1, 1) * 32000).astype("<i2").tobytes())
    return path


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files of all kinds with copies of each; `index` beside the folder."""
    top = tmp_path_factory.mktemp("copies")
    folder = top / "media"
    (folder / "old").mkdir(parents=True)
    photo(1).save(folder / "beach.png")
    encoded(photo(1).resize((320, 240)), "JPEG", quality=70).save(folder / "old/beach_small.png")
    photo(1).save(folder / "old/beach.jpg", quality=60)
    photo(2).save(folder / "forest.png")
    invoice("4711", "512.40").save(folder / "invoice1.png")
    invoice("4712", "512.40").save(folder / "invoice2.png")
    Image.new("RGB", (600, 800), "white").save(folder / "blank1.png")
    Image.new("RGB", (601, 800), "white").save(folder / "blank2.png")
    write(folder / "story.txt", STORY)
    wrapped = STORY.replace(" at dawn", "\r\nat dawn").replace(".\n", ". ")
    (folder / "old/story.txt").write_bytes(wrapped.encode("utf-16"))
    write(folder / "ending.txt", STORY + " The end.")
    shutil.copy(folder / "ending.txt", folder / "old/ending.txt")
    write_pdf(folder / "report.pdf", "Revenue grew by nine", "Costs fell by three")
    write_pdf(folder / "other.pdf", "Revenue grew by nine", "Costs fell by four")
    (folder / "report2.pdf").write_bytes((folder / "report.pdf").read_bytes() + b"\n% saved again\n")
    letter = page(*(f"Line {n} of a letter to the harbour office" for n in range(16)))
    letter.save(folder / "page.png")
    letter.save(folder / "page.pdf", resolution=120)
    write_sound(folder / "song.wav", melody(1))
    write_sound(folder / "old/song.wav", np.repeat(melody(1), 2) * 0.5, RATE * 2)
    write_sound(folder / "song2.wav", melody(2))
    (folder / "empty1.txt").touch()
    (folder / "empty2.txt").touch()
    with pytest.MonkeyPatch.context() as patch:
        use_word_model(patch.setattr)
        assert run(top / "index", folder).failed == 0
    return folder


@pytest.fixture
def index(media: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    use_word_model(monkeypatch.setattr)
    return media.parent / "index"


def named(index: Path, *within: Path, exact: bool = False) -> list[tuple[list[str], bool]]:
    """Groups as paths below the media folder, and whether they are exact."""
    top = index.parent / "media"
    groups = Index.open(index).duplicates([os.fsencode(path) for path in within], exact=exact)
    return [
        ([str(Path(os.fsdecode(copy.path)).relative_to(top)) for copy in group.files], group.exact) for group in groups
    ]


def test_groups_hold_what_is_the_same_and_nothing_else(index: Path) -> None:
    found = [(sorted(paths), exact) for paths, exact in named(index)]
    assert sorted(found) == [
        (["beach.png", "old/beach.jpg", "old/beach_small.png"], False),
        (["ending.txt", "old/ending.txt"], True),
        (["old/song.wav", "song.wav"], False),
        (["old/story.txt", "story.txt"], False),
        (["page.pdf", "page.png"], False),
        (["report.pdf", "report2.pdf"], False),
    ]


def test_the_largest_file_comes_first(index: Path) -> None:
    for group in Index.open(index).duplicates():
        sizes = [copy.size for copy in group.files]
        assert sizes[0] == max(sizes)
        assert all(os.path.getsize(copy.path) == copy.size for copy in group.files)


def test_exact_leaves_only_the_same_bytes(index: Path) -> None:
    assert named(index, exact=True) == [(["ending.txt", "old/ending.txt"], True)]


def test_a_path_leaves_groups_with_a_file_there(index: Path) -> None:
    media = index.parent / "media"
    firsts = [sorted(paths)[0] for paths, _ in named(index, media / "old")]
    assert sorted(firsts) == ["beach.png", "ending.txt", "old/song.wav", "old/story.txt"]
    assert [sorted(paths) for paths, _ in named(index, media / "page.png")] == [["page.pdf", "page.png"]]
    assert named(index, media / "forest.png") == []


def test_an_answer_shows_copies_in_one_row(index: Path) -> None:
    opened = Index.open(index)
    query = Query("gull harbour dawn", min_score=0.0, names=False)
    folded = [(Path(os.fsdecode(hit.path)).name, len(hit.same)) for hit in opened.search(query).hits]
    assert sorted(folded) == [("ending.txt", 1), ("story.txt", 1)]
    from dataclasses import replace

    shown = opened.search(replace(query, fold=False)).hits
    assert sorted(Path(os.fsdecode(hit.path)).name for hit in shown) == ["ending.txt"] * 2 + ["story.txt"] * 2
    assert all(hit.same == () for hit in shown)


def test_further_places_of_a_row_are_those_of_its_own_file(index: Path) -> None:
    (hit, *_) = Index.open(index).search(Query("gull number", k=1, min_score=0.0, names=False)).hits
    assert hit.more
    lines = [place.line_start for place in (hit.locator, *hit.more)]
    assert len(set(hit.more)) == len(hit.more) and None not in lines


def test_a_run_again_and_a_forgotten_file_leave_no_fingerprints_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_word_model(monkeypatch.setattr)
    folder, index = tmp_path / "media", tmp_path / "index"
    folder.mkdir()
    photo(3).save(folder / "a.png")
    photo(3).save(folder / "b.jpg")
    run(index, folder)
    assert rows(index, "SELECT form, at FROM fingerprints ORDER BY id") == [("look", 1.0)] * 2
    photo(4).save(folder / "b.jpg")
    run(index)
    assert Index.open(index).duplicates() == []
    assert rows(index, "SELECT count(*) FROM fingerprints") == [(2,)]
    (folder / "b.jpg").unlink()
    run(index)
    assert rows(index, "SELECT count(*) FROM fingerprints") == [(1,)]
    assert broken(index, deep=True) == {}


def test_a_damaged_print_is_a_copy_of_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_word_model(monkeypatch.setattr)
    (tmp_path / "media").mkdir()
    for name in ("a.png", "b.jpg"):
        photo(3).save(tmp_path / "media" / name)
    run(tmp_path / "index", tmp_path / "media")
    assert len(Index.open(tmp_path / "index").duplicates()) == 1
    change(tmp_path / "index", "UPDATE fingerprints SET body = x'00' WHERE id = 1")
    assert Index.open(tmp_path / "index").duplicates() == []
    assert list(broken(tmp_path / "index", deep=True).values()) == ["broken"]


def test_neighbours_are_those_of_brute_force() -> None:
    rng = np.random.default_rng(0)
    keys = rng.integers(0, 256, (300, 16), dtype=np.uint8)
    for number in range(0, 200, 2):  # pairs that differ in up to 8 signs
        keys[number + 1] = keys[number]
        for bit in rng.integers(0, 128, number % 9):
            keys[number + 1, bit // 8] ^= np.uint8(1 << (bit % 8))
    prints = []
    for number, key in enumerate(keys):
        prints.append(AssetFingerprints(number, "image", "png", 0.0, 1))
        prints[-1].of["look", 1.0] = (number, key.tobytes())
    distances = np.bitwise_count(keys[:, None] ^ keys[None]).sum(axis=2)
    wanted = {n: set(np.flatnonzero(distances[n] <= KEY_DISTANCE).tolist()) - {n} for n in range(300)}
    found = neighbours(prints)
    assert {n: found.get(n, set()) for n in range(300)} == wanted
    assert sum(map(len, wanted.values())) == 200


def test_a_crowd_of_the_same_costs_no_square() -> None:
    key = np.random.default_rng(1).integers(0, 256, 16, dtype=np.uint8).tobytes()
    prints = [AssetFingerprints(number, "image", "png", 0.0, 1) for number in range(3000)]
    for one in prints:
        one.of["look", 1.0] = (one.asset_id, key)
    found = neighbours(prints)
    assert sum(map(len, found.values())) < 3000 * 200
    assert all(found[number] for number in range(3000))


def test_each_format_holds_the_same(index: Path, capfd: pytest.CaptureFixture[str]) -> None:
    from mmsearch.cli.program import run as command

    def out(*arguments: str) -> str:
        assert command(["dupes", "--index", str(index), *arguments]) == 0
        return capfd.readouterr().out

    groups = [[os.fsdecode(copy.path) for copy in group.files] for group in Index.open(index).duplicates()]
    flat = [path for paths in groups for path in paths]
    assert out("--format", "paths").splitlines() == flat
    assert out("-0").split("\0")[:-1] == flat
    lines = [json.loads(line) for line in out("--format", "jsonl").splitlines()]
    assert [[file["path"] for file in line["files"]] for line in lines] == groups
    assert json.loads(out("--format", "json")) == lines
    assert {line["schema"] for line in lines} == {"mmsearch.group/1"}
    table = out("--format", "csv").splitlines()
    assert table[0] == "group,exact,path,path_bytes,kind,size,content" and len(table) == 1 + len(flat)
    plain = out()
    assert plain.count("\n\n") == len(groups) - 1
    assert all(os.path.basename(path) in plain for path in flat)
    assert "2 files, the same bytes" in plain and "3 files, copies" in plain


def test_nothing_there_twice_is_reported(index: Path, capfd: pytest.CaptureFixture[str]) -> None:
    from mmsearch.cli.program import run as command

    forest = str(index.parent / "media/forest.png")
    assert command(["dupes", forest, "--index", str(index)]) == 1
    assert capfd.readouterr() == ("", "No copies.\n")
    assert command(["dupes", forest, "--index", str(index), "--quiet", "--format", "json"]) == 1
    assert capfd.readouterr() == ("[]\n", "")


def test_a_phrase_that_stands_nowhere_reports_what_its_words_find(index: Path) -> None:
    opened = Index.open(index)
    for typed, said in (
        ('"dawn harbour gull"', "without the quotes there are 2 results."),
        ('"zebra crossing"', "without the quotes there is nothing either."),
    ):
        answer = opened.search(Query(typed, names=False))
        assert answer.hits == ()
        assert answer.notes == (f"Nothing has the quoted words as they stand; {said}",)
    assert opened.search(Query('"at dawn"', names=False)).notes == ()
