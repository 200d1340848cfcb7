"""A chat template as what it puts before and after a text, so that a tokenizer alone can make a model's input."""

from __future__ import annotations

from typing import Any, NamedTuple

from mmsearch.errors import ModelUnavailable
from mmsearch.models.model_tokenizer import core_tokenizer

_MARK = "mmsearch4711mark"  # a text that no template holds
_SAMPLES = ("a", "two words", "Zwei Sätze. 会议记录")


class TextFrame(NamedTuple):
    """What a template puts around a text; `special` is whether the tokenizer adds its special tokens besides."""

    prefix: str
    suffix: str
    special: bool


def text_frame(model: Any, prompt: str) -> TextFrame:
    """The frame of a query text with a prompt, in a model of sentence-transformers that takes its texts as messages.
    Raises `ModelUnavailable` where the template does more than to put something before and after a text."""
    module = model[0]
    tokenizer = core_tokenizer(model)
    rendered = _rendered(module, prompt)
    prefix, mark, suffix = rendered.partition(_MARK)
    if mark and _MARK not in suffix:
        for special in (False, True):
            frame = TextFrame(prefix, suffix, special)
            if all(_ids(model, tokenizer, text, frame, prompt) for text in _SAMPLES):
                return frame
    raise ModelUnavailable("The model's chat template changes texts: it can't be exported for quick queries.")


def _rendered(module: Any, prompt: str) -> str:
    messages = module.input_formatter.batch_to_message("text", {"text": [_MARK]})[1]["message"]
    if prompt:
        messages = module.input_formatter.prepend_prompt_to_messages(messages, prompt)
    options = dict((module.processing_kwargs or {}).get("chat_template") or {})
    for name in ("restore_suffix", "truncation", "max_length", "padding"):
        options.pop(name, None)
    if module._chat_template_declares_task():
        options["task"] = "query"
    found = module.processor.apply_chat_template(messages, tokenize=False, **options)
    return str(found if isinstance(found, str) else found[0])


def _ids(model: Any, tokenizer: Any, text: str, frame: TextFrame, prompt: str) -> bool:
    """Whether a text in its frame has the token ids that the model itself makes of it."""
    features = model.preprocess([{"text": text}], prompt=prompt or None, task="query")
    own = features["input_ids"][0].tolist()
    framed = tokenizer.encode(frame.prefix + text + frame.suffix, add_special_tokens=frame.special)
    return bool(framed.ids == own)
