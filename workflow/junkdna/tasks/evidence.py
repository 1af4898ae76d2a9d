"""How much of its evidence a question comes with: none, the sentence that holds an answer, or tokens around it."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

# A sentence ends at its mark and the spaces after it, or at a line break.
_END = re.compile(r"(?<=[.!?])[\"')\]]*\s+|\n+")


def sentences(text: str) -> list[tuple[int, int]]:
    """Start and end of each sentence of a text, in characters, without the spaces around it."""
    borders = [0, *(match.end() for match in _END.finditer(text)), len(text)]
    spans = []
    for start, end in zip(borders, borders[1:], strict=False):
        piece = text[start:end]
        if piece.strip():
            lead = len(piece) - len(piece.lstrip())
            spans.append((start + lead, start + len(piece.rstrip())))
    return spans


def find_answer(text: str, answers: Sequence[str]) -> tuple[int, int] | None:
    """Start and end of the first answer that stands in a text as whole words, whatever its case; None without one.

    Of several answers the one that is listed first is looked for first.
    """
    for answer in answers:
        if not answer.strip():
            continue
        match = re.search(rf"(?<!\w){re.escape(answer.strip())}(?!\w)", text, flags=re.IGNORECASE)
        if match:
            return match.span()
    return None


def token_spans(tokenizer: "PreTrainedTokenizerBase", text: str) -> list[tuple[int, int]]:
    """Start and end of each token of a text, in characters; of each word where the tokenizer cannot tell."""
    if not tokenizer.is_fast:
        return [match.span() for match in re.finditer(r"\S+", text)]
    encoded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
    return [(start, end) for start, end in encoded["offset_mapping"] if end > start]


def choose_evidence(
    text: str,
    answers: Sequence[str],
    how: str | int,
    distance: int,
    tokenizer: "PreTrainedTokenizerBase",
) -> str:
    """The part of the evidence `text` that a question comes with.

    how: `all`, `none`, `sentence` (the one that holds an answer, see `find_answer`), or a number of tokens: as many,
    with an answer as near to their middle as the text allows. distance: with `sentence`, how many tokens of the other
    sentences follow it, so that it stands so far from a question below; fewer where there are no more. Evidence without
    an answer gives an empty text for a sentence, and its first tokens for a number of them.
    """
    if how == "all":
        return text
    if how == "none":
        return ""
    found = find_answer(text, answers)
    if how == "sentence":
        return "" if found is None else _sentence(text, found, distance, tokenizer)
    assert isinstance(how, int), how
    spans = token_spans(tokenizer, text)
    if len(spans) <= how:
        return text
    start, end = found or (0, 0)
    inside = [i for i, span in enumerate(spans) if span[0] < end and span[1] > start] or [0]
    middle = (inside[0] + inside[-1] + 1) // 2
    first = min(max(middle - how // 2, 0), len(spans) - how)
    return text[spans[first][0] : spans[first + how - 1][1]]


def _sentence(text: str, found: tuple[int, int], distance: int, tokenizer: "PreTrainedTokenizerBase") -> str:
    spans = sentences(text)
    # An answer may reach over what looks like the end of a sentence ("St. Louis").
    held = [span for span in spans if span[0] < found[1] and span[1] > found[0]]
    own = text[held[0][0] : held[-1][1]]
    if not distance:
        return own
    rest = " ".join(text[start:end] for start, end in spans if (start, end) not in held)
    tokens = token_spans(tokenizer, rest)[:distance]
    return own + " " + rest[: tokens[-1][1]] if tokens else own
