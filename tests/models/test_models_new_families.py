"""The families that the catalogue took in for 2026, by tiny real replicas: each embeds what the library does."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from families import EXACT, TEXTS, Families, load, pictures, same
from test_models_loading import change, copied, refusal

from mmsearch.encoding.space_models import checked_libraries, differs
from mmsearch.errors import ModelUnavailable
from mmsearch.index_status import FindingState
from mmsearch.models import libraries
from mmsearch.models.embedder import Role
from mmsearch.models.export import check_exportable
from mmsearch.store.spaces import SpaceRow
from mmsearch.types import View

pytestmark = pytest.mark.usefixtures("no_network")


@pytest.mark.parametrize(
    "name", ["modernbert", "gemma3", "harrier", "qwen3", "xlmr", "static", "metaclip", "tips", "neomme-dense"]
)
@pytest.mark.parametrize("role", ["document", "query"])
def test_texts_of_a_new_family(name: str, role: Role, families: Families) -> None:
    model = families.plain_model(name)
    inputs = [{"text": text} for text in TEXTS] if len(model.modalities) > 1 else TEXTS
    encode = model.encode_query if role == "query" else model.encode_document
    found = families.embedder(name).embed(View.TEXT, TEXTS, role=role)
    same(found, encode(inputs))
    assert (found @ found.T).min() < 0.999


@pytest.mark.parametrize("name", ["metaclip", "tips", "neomme-dense"])
def test_pictures_of_a_new_family(name: str, families: Families) -> None:
    from PIL import Image

    inputs = [{"image": Image.fromarray(picture)} for picture in pictures()]
    same(families.embedder(name).embed(View.IMAGE, pictures()), families.plain_model(name).encode_document(inputs))


@pytest.mark.parametrize("name", ["metaclip", "tips"])
def test_a_model_without_normalize_gets_unit_vectors(name: str, families: Families) -> None:
    import numpy as np

    plain = families.plain_model(name).encode([{"text": text} for text in TEXTS])
    assert (abs(np.linalg.norm(plain, axis=1) - 1) > 0.01).all()  # as the library leaves them
    lengths = np.linalg.norm(families.embedder(name).embed(View.TEXT, TEXTS), axis=1)
    assert np.allclose(lengths, 1, atol=1e-5)


def test_a_table_of_words_is_left_to_the_library(families: Families) -> None:
    with pytest.raises(ModelUnavailable, match="static is a table of words, which is not exported"):
        check_exportable(families.embedder("static"))


def test_code_of_a_model_s_own_runs_once_it_is_trusted(families: Families) -> None:
    from sentence_transformers import SentenceTransformer

    folder = families.folder("own-code")
    sentence, hint = refusal(folder)
    assert "runs code of its own" in sentence and "--trust-remote-code own-code" in hint
    trusted = load(folder, replace(EXACT, trust_remote_code=True))
    plain = SentenceTransformer(str(folder), device="cpu", trust_remote_code=True)
    same(trusted.embed(View.TEXT, TEXTS), plain.encode_document(TEXTS))
    same(trusted.embed(View.TEXT, TEXTS)[:, ::-1], families.embedder("minilm").embed(View.TEXT, TEXTS))  # its code ran


@pytest.mark.parametrize("kind", ["embedding_gemma2", "neomme"])
def test_a_model_that_means_nothing_without_its_modules_is_refused(
    kind: str, tmp_path: Path, families: Families
) -> None:
    folder = copied(families, "minilm", tmp_path / "bare")
    (folder / "modules.json").unlink()
    change(folder / "config.json", model_type=kind)
    sentence, hint = refusal(folder)
    assert sentence == "bare lacks its sentence-transformers files (modules.json): its vectors would mean nothing."
    assert "--revision" in hint


def test_a_model_of_a_later_library_is_refused(tmp_path: Path, families: Families) -> None:
    folder = copied(families, "minilm", tmp_path / "later")
    change(folder / "config_sentence_transformers.json", __version__={"sentence_transformers": "7.1.0"})
    sentence, hint = refusal(folder)
    assert sentence.startswith("later is of sentence-transformers 7.1.0, and 6.") and ">=7" in hint


def test_the_library_is_a_part_of_what_makes_vectors_where_contents_have_an_order(families: Families) -> None:
    facts = families.embedder("qwen").fingerprint()
    here = libraries.installed_library()
    assert here.startswith("sentence-transformers 6.")
    assert facts["image"]["library"] == facts["video"]["library"] == here and "library" not in facts["text"]
    assert all("library" not in view for view in families.embedder("clip").fingerprint().values())
    older = {"image": {**facts["image"], "library": "sentence-transformers 6.0"}}
    assert "library was 'sentence-transformers 6.0'" in differs(older, {"image": facts["image"]})
    unrecorded = {name: value for name, value in facts["image"].items() if name != "library"}
    assert differs({"image": unrecorded}, {"image": facts["image"]}) == ""  # of an index that is older than the record


def test_verify_reports_a_space_of_another_library() -> None:
    def space(library: str) -> SpaceRow:
        facts: dict[str, Any] = {"image": {"library": library}} if library else {"text": {}}
        return SpaceRow(1, "qwen3-vl-2b", facts, {"model": "Qwen/Qwen3-VL-Embedding-2B"}, 8, ("image",))

    assert checked_libraries([space(""), space(libraries.installed_library())]).state is FindingState.OK
    found = checked_libraries([space("sentence-transformers 5.4")])
    assert found.state is FindingState.DERIVED and "--rebuild" in found.hint
    assert found.sentence.startswith(
        "qwen3-vl-2b was made with sentence-transformers 5.4, and sentence-transformers 6."
    )
