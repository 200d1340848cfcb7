"""Queries as vectors: text by the exported encoder in the user's cache, without torch; all else by the whole model."""

from __future__ import annotations

import contextlib
import re
from collections import Counter
from collections.abc import Iterable, Sequence, Set
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from mmsearch.config import Settings
from mmsearch.encoding import encoders
from mmsearch.encoding.grants import grant_of, in_box, shown_name, spec_of
from mmsearch.encoding.space_models import check_identity, load_embedder, model_options
from mmsearch.errors import MmsearchError, ModelUnavailable
from mmsearch.index_status import Finding, FindingState
from mmsearch.models import builtin
from mmsearch.models.model_options import ModelOptions
from mmsearch.query import RunOptions
from mmsearch.store.catalogue import open_reader
from mmsearch.store.layout import IndexFolder
from mmsearch.store.snapshot import Snapshot
from mmsearch.store.spaces import SpaceRow
from mmsearch.trust import Grant
from mmsearch.types import Extracted, Needs, View

if TYPE_CHECKING:
    import numpy as np

    from mmsearch.models.embedder import Embedder
    from mmsearch.models.query_encoder import OnnxTextEncoder

ITEMS = 4  # of a view of one file: its beginning stands for it
_INVARIANT = "The query encoders in the cache are as they were written"
_UNKNOWN = re.compile(r"\[UNK\]|<unk>|<0x[0-9A-F]{2}>")
_SIGN = re.compile(
    "[\u3005-\u3007\u3041-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U000323af]"
)


class EncodedText(NamedTuple):
    """A text query in one space: a unit vector, float32 (dimension,), and its tokens with their (start, end) offsets in
    the text, from which `token_coverage` follows; `single_characters` is as `reads_single_characters` returns it."""

    vector: np.ndarray
    tokens: list[str]
    offsets: list[tuple[int, int]]
    single_characters: bool
    notes: tuple[str, ...] = ()  # what the user should know about how it was encoded
    token_vectors: np.ndarray | None = None  # of a late-interaction space, float32 (n, dimension)
    normalized: str | None = None  # the text to which the offsets belong, where it is not the typed one

    def coverage(self, text: str) -> float:
        """The share of the typed text that the model can read: see `token_coverage`."""
        read = text if self.normalized is None else self.normalized
        return token_coverage(read, self.tokens, self.offsets, self.single_characters)


class QueryEncoders:
    """The models that encode the queries of one index. Each is loaded when a query first needs it and kept until
    `close`; an exported encoder is loaded again when its files change. Use from one thread at a time."""

    def __init__(self, folder: IndexFolder) -> None:
        self.folder = folder
        # By space: the model, and what it was loaded from.
        self._exported: dict[int, tuple[object, OnnxTextEncoder]] = {}
        self._whole: dict[int, tuple[object, Embedder]] = {}

    def close(self) -> None:
        """Free the models."""
        self._exported.clear()
        self._whole.clear()

    def encode_text(self, row: SpaceRow, text: str, options: RunOptions) -> EncodedText:
        """Encode a text for a space, with the options' instruction and query encoder. Raises `ModelMismatch` when the
        installed model is not the space's, and `ModelUnavailable` when there is none."""
        if row.name in builtin.TEXT_MODELS:
            check_identity(row, builtin.fingerprint(row.name))
        if options.query_encoder == "torch":
            return self._by_torch(row, text, options)
        remake = ""
        try:
            encoder = self.exported(row)
            if options.instruct and encoder.takes_instruction:
                raise ModelUnavailable("Only the whole model takes an instruction.")
            tokenized = encoder.tokenize([text])[0]
            notes = _uninstructed(row, options)
            vector, single = encoder.embed([text])[0], encoder.single_characters
            offsets, normalized = tokenized.offsets, tokenized.normalized
            return EncodedText(vector, tokenized.pieces, offsets, single, notes, normalized=normalized)
        except encoders.EncoderUnusable as error:
            problem = remake = error.sentence
        except ModelUnavailable as error:  # the cache notes that the model can't have one: there is nothing to remake
            problem = error.sentence
        if options.query_encoder == "onnx":
            raise ModelUnavailable(
                f"{shown_name(row)} can't answer without torch: {problem}",
                "Leave out `--query-encoder onnx`: the query then loads the model and makes its encoder again.",
            )
        return self._by_torch(row, text, options, remake)

    def encode_media(
        self, row: SpaceRow, segments: Sequence[Extracted], sound_rate: int, options: RunOptions
    ) -> tuple[dict[View, np.ndarray], tuple[str, ...]]:
        """The media of a file's segments in a space: by view a unit vector, float32 (dimension,), the mean of the first
        `ITEMS` items; and notes. A view that the space lacks, or of which the file has nothing, is missing. Sound comes
        at `sound_rate` Hz. Raises as `encode_text`."""
        from mmsearch.encoding.contents import Space, contents

        views = query_views(row) - {View.TEXT}
        items: dict[View, list[Any]] = {}
        embedder, instruction, notes = self._instructed(row, options)
        for segment in segments:
            for view, item in contents(segment, "", Space(row.id, embedder, views, row.fingerprint), sound_rate):
                items.setdefault(view, []).append(item)
        vectors = {
            view: unit(embedder.embed(view, some[:ITEMS], role="query", instruction=instruction).mean(axis=0))
            for view, some in items.items()
        }
        return vectors, notes

    def encode_fused(
        self, row: SpaceRow, text: str, image: np.ndarray, options: RunOptions
    ) -> tuple[np.ndarray, tuple[str, ...]] | None:
        """A text and an image, uint8 (height, width, 3) RGB, as one input: a unit vector, float32 (dimension,), and
        notes; None for a model that doesn't fuse them. Raises as `encode_text`."""
        embedder, instruction, notes = self._instructed(row, options)
        return (
            (embedder.embed_pair(text, image, role="query", instruction=instruction), notes)
            if embedder.embeds_pairs
            else None
        )

    def exported(self, row: SpaceRow) -> OnnxTextEncoder:
        """The exported encoder of a space. Raises as `encoders.opened`."""
        source = row.fingerprint, encoders.signature(row)
        kept = self._exported.get(row.id)
        if kept is None or kept[0] != source:
            kept = self._exported[row.id] = source, encoders.opened(row)
        return kept[1]

    def _by_torch(self, row: SpaceRow, text: str, options: RunOptions, remake: str = "") -> EncodedText:
        """Encode a text by the whole model. With `remake`, what is wrong with the exported encoder, that is made
        again."""
        from mmsearch.models.late_embedder import LateInteractionEmbedder, mean_vector
        from mmsearch.models.query_encoder import reads_single_characters

        embedder, instruction, notes = self._instructed(row, options, frozenset({View.TEXT}))
        late = embedder.query_vectors([text])[0] if isinstance(embedder, LateInteractionEmbedder) else None
        vector = (
            embedder.embed(View.TEXT, [text], role="query", instruction=instruction)[0]
            if late is None
            else mean_vector(late)
        )
        notes = (*notes, self._remade(row, embedder, remake)) if remake else notes
        tokenizer = getattr(getattr(embedder.model, "tokenizer", None), "backend_tokenizer", None)
        if tokenizer is None:
            return EncodedText(vector, [text], [(0, len(text))], True, notes, late)
        encoding = tokenizer.encode(text, add_special_tokens=False)
        single = not text.isascii() and reads_single_characters(tokenizer)
        return EncodedText(vector, encoding.tokens, encoding.offsets, single, notes, late)

    def _remade(self, row: SpaceRow, embedder: Embedder, problem: str) -> str:
        """Make the query encoder of a space again; returns a note."""
        options = model_options(row, self._grant(row), ModelOptions())
        failure = encoders.provide(row, embedder, spec_of(row), options)
        loaded = f"{problem} {shown_name(row)} was loaded as a whole"
        if failure is not None:
            return f"{loaded} instead. {failure.sentence} {failure.hint}".rstrip()
        return f"{loaded}, and its query encoder made again: the next query is quick."

    def _grant(self, row: SpaceRow) -> Grant | None:
        """The grant of a space's model; None for a built-in one, which needs none."""
        if in_box(row):
            return None
        with contextlib.closing(open_reader(self.folder)) as connection:
            return grant_of(self.folder, connection, row)

    def _instructed(
        self, row: SpaceRow, options: RunOptions, views: frozenset[View] | None = None
    ) -> tuple[Embedder, str | None, tuple[str, ...]]:
        """The model of a space with what it needs for these views (None: all), the instruction for it, and notes about
        that."""
        embedder = self._loaded(row, options, views or query_views(row))
        if options.instruct and embedder.takes_instruction:
            return embedder, options.instruct, ()
        return embedder, None, _uninstructed(row, options)

    def _loaded(self, row: SpaceRow, options: RunOptions, views: frozenset[View]) -> Embedder:
        """The model of a space, without parts that none of the views needs: it is loaded again when one does.

        On a CPU in float32: a lower precision would have to be compared with it first, which costs more than a few
        queries gain. What computes without torch has no choice of devices."""
        grant, settings = self._grant(row), options.settings()
        source = row, grant, settings
        kept = self._whole.get(row.id)
        if kept is None or kept[0] != source or not views & query_views(row) <= kept[1].views:
            self._whole.pop(row.id, None)  # two at once could be too large
            embedder = load_embedder(_for_views(row, views), grant, _query_settings(row, settings))
            check_identity(row, embedder.fingerprint())
            kept = self._whole[row.id] = source, embedder
        return kept[1]


def _for_views(row: SpaceRow, views: Set[View]) -> SpaceRow:
    """A space as if it held these views: of its model the parts that they need are loaded."""
    return replace(row, views=tuple(sorted(views)))


def query_views(row: SpaceRow) -> frozenset[View]:
    """The views that a query of a space can consist of: all that its model takes, also where only some are stored."""
    return frozenset(View(view) for view in row.recorded.get("query_views", row.fingerprint))


def media_needs(rows: Iterable[SpaceRow], ocr: str) -> Needs:
    """What extraction must return of a file so that all these spaces can take it, by the limits of their models."""
    from mmsearch.encoding.contents import needs_of

    return needs_of(({view: row.fingerprint.get(view, {}) for view in query_views(row)} for row in rows), ocr)


def unit(vector: np.ndarray) -> np.ndarray:
    """The vector at length 1, float32."""
    import numpy as np

    return (vector / max(float(np.linalg.norm(vector)), 1e-9)).astype(np.float32)


def is_unknown(token: str) -> bool:
    """Whether a token stands for text that is not in the vocabulary, or for a single byte."""
    return _UNKNOWN.fullmatch(token) is not None


def token_coverage(
    text: str, tokens: Sequence[str], offsets: Sequence[tuple[int, int]], single_characters: bool = False
) -> float:
    """The share of a text's letters that lie in known tokens of at least two letters, 0..1; 1 without letters.

    A sub-word tokenizer spells a script that it never learned letter by letter (WordPiece, SentencePiece) or byte by
    byte (CLIP's and Qwen's), so this measures whether a model can read a query: English and German 0.9 to 1 for
    MiniLM, Russian 0.1, Arabic, Hindi and Chinese 0. With `single_characters`, which multilingual vocabularies have, a
    token that is a single Chinese, Japanese or Korean character counts too.
    """
    good: dict[int, bool] = {}
    shares = Counter(at for start, end in offsets for at in range(start, end))
    for token, (start, end) in zip(tokens, offsets, strict=True):
        letters = [at for at in range(start, end) if text[at].isalpha()]
        known = len(letters) >= 2 or (
            single_characters and len(letters) == 1 and _SIGN.match(text[letters[0]]) is not None
        )
        known = known and not is_unknown(token) and all(shares[at] == 1 for at in letters)
        good |= {at: known for at in letters}
    return sum(good.values()) / len(good) if good else 1.0


def _uninstructed(row: SpaceRow, options: RunOptions) -> tuple[str, ...]:
    return (f"The model {shown_name(row)} takes no instruction: it searched without.",) if options.instruct else ()


def _query_settings(row: SpaceRow, settings: Settings) -> Settings:
    """The settings that a space's model is loaded with for queries."""
    from mmsearch.models.device import preferred

    if row.name not in builtin.TEXT_MODELS and builtin.is_builtin(row.name):
        return replace(settings, device="cpu")  # importing torch takes longer than a few pictures
    if settings.dtype != "auto" or preferred(None if settings.device == "auto" else settings.device).device != "cpu":
        return settings
    return replace(settings, dtype="float32")


def wrong_encoders(folder: IndexFolder) -> list[str]:
    """A sentence for each space of an index whose query encoder is missing or damaged."""
    with Snapshot(folder) as snapshot:
        return [f"{sentence} The next query makes it again." for _, sentence in _wrong(snapshot, False)]


def verified(folder: IndexFolder, repair: bool, deep: bool) -> Finding:
    """Whether the query encoders of an index are as they were written; with `repair` those that are not are made again,
    for which their models are loaded. With `deep` all bytes are read."""
    with Snapshot(folder) as snapshot:
        wrong = _wrong(snapshot, deep)
        sentence = " ".join(sentence for _, sentence in wrong)
        if not wrong:
            return Finding(_INVARIANT, FindingState.OK)
        if repair:
            left = " ".join(why for row, _ in wrong if (why := _made_again(folder, snapshot, row)))
            return (
                Finding(_INVARIANT, FindingState.DERIVED, left, "Queries load the whole model until then.")
                if left
                else Finding(_INVARIANT, FindingState.REPAIRED, sentence)
            )
    return Finding(
        _INVARIANT, FindingState.DERIVED, sentence, "The next query makes it again, or `mmsearch verify --repair`."
    )


def _wrong(snapshot: Snapshot, deep: bool) -> list[tuple[SpaceRow, str]]:
    """The spaces that hold something and take words, and whose encoder is not as it was written, with what is wrong."""
    rows = [row for row in snapshot.spaces() if snapshot.holds(row.id) and "text" in row.fingerprint]
    rows = [row for row in rows if in_box(row) or grant_of(snapshot.folder, snapshot.connection, row) is not None]
    return [(row, f"{shown_name(row)}: {why}") for row in rows if (why := encoders.state(row, deep))]


def _made_again(folder: IndexFolder, snapshot: Snapshot, row: SpaceRow) -> str:
    """Make the encoder of a space again; why that could not be done, if so."""
    grant = None if in_box(row) else grant_of(folder, snapshot.connection, row)
    try:
        embedder = load_embedder(_for_views(row, {View.TEXT}), grant, Settings(device="cpu", dtype="float32"))
        said = encoders.provide(row, embedder, spec_of(row), model_options(row, grant, ModelOptions()))
    except MmsearchError as error:
        return f"{shown_name(row)}: {error.sentence}"
    return "" if said is None or not encoders.state(row) else f"{shown_name(row)}: {said.sentence}"
