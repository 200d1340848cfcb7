"""Texts by which an exported encoder is held against its model."""

from __future__ import annotations

_SENTENCES = (
    "invoice",
    "revenue chart",
    "Where is the receipt from the book shop, 9.00 RM?",
    "A brown dog jumps over a fence while two children watch from the garden.",
    "Wann wurde die Brücke über den Fluss gebaut?",
    "Le musée est fermé le lundi et les jours fériés.",
    "¿Cuántos pasajeros viajaron en tren el año pasado?",
    "会议记录：下周一上午九点讨论预算。",
    "東京タワーの写真",
    "متى بدأت الحرب العالمية الثانية؟",
    "Где находится ближайшая станция метро?",
    "def main(argv: list[str]) -> int: return 0",
    "   \t ",
    "a cat <|endoftext|> a dog <|startoftext|> <|im_end|>",
    "🙂🚀 emoji & symbols §±≠",
)


def parity_texts(max_tokens: int) -> list[str]:
    """50 texts in several languages and scripts, from one token to more than the model reads."""
    texts = list(_SENTENCES)
    steps = 50 - len(texts)
    for number in range(1, steps + 1):
        count = 1 + round((number / steps) ** 3 * max_tokens / 8)  # sentences; most texts stay short, as queries are
        texts.append(" ".join(_SENTENCES[(number + step) % len(_SENTENCES)] for step in range(count)))
    return texts
