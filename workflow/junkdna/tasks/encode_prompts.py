"""Prompts as numbers of a tokenizer: where a context ends and a target begins, and what is left out if it is too long.

Context and target are encoded together, as a model would meet them (" A" is not "A"), and split where the context's own
tokens end; so does lm-evaluation-harness (`_encode_pair`). Spaces at the end of a context belong to the target. Where a
token spans the border, the two are encoded apart.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class TooLongError(ValueError):
    """A question that does not fit even without its shots."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """A context and its targets as token ids. lost_shots: how many shots had to go for it to fit."""

    context: tuple[int, ...]
    targets: tuple[tuple[int, ...], ...]
    lost_shots: int = 0


def first_token(tokenizer: "PreTrainedTokenizerBase", add_bos: bool | None = None) -> int | None:
    """The token that opens every sequence, None if there is none.

    add_bos: None does what the tokenizer does by itself. ValueError where one is asked for that it has not.
    """
    bos = tokenizer.bos_token_id
    if add_bos is None:
        return bos if bos is not None and tokenizer("a")["input_ids"][:1] == [bos] else None
    if add_bos and bos is None:
        raise ValueError("add_bos: found true; legal: false, for this tokenizer has no token to begin with")
    return bos if add_bos else None


def encode(tokenizer: "PreTrainedTokenizerBase", text: str) -> list[int]:
    """The tokens of a text, without special ones but those that it spells out."""
    return tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]


def encode_pair(
    tokenizer: "PreTrainedTokenizerBase", context: str, target: str, first: int | None
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The tokens of a context and of what follows it.

    first: see `first_token`; it is there once, also where the context spells it out. A context without any token
    becomes `first`, else the end-of-text token, for a model must be given one to say what follows.
    """
    bare = context.rstrip(" ")
    target = context[len(bare) :] + target
    before, whole = encode(tokenizer, bare), encode(tokenizer, bare + target)
    # Where a token spans the border, the context's own tokens are not what the whole begins with.
    after = whole[len(before) :] if whole[: len(before)] == before else encode(tokenizer, target)
    if first is not None and before[:1] != [first]:
        before = [first, *before]
    if not before:
        before = [tokenizer.eos_token_id]
    return tuple(before), tuple(after)


def encode_question(
    tokenizer: "PreTrainedTokenizerBase",
    *,
    instruction: str,
    shots: Sequence[str],
    context: str,
    targets: Sequence[str],
    first: int | None,
    room: int,
) -> Encoded:
    """Encode one context with its targets, and with as many of its shots as fit.

    targets: with the delimiter. room: tokens that context and longest target may take together. Whole shots go, the
    first ones first, never the instruction or the question. TooLongError where these alone do not fit.
    """
    for lost in range(len(shots) + 1):
        text = instruction + "".join(shots[lost:]) + context
        pairs = [encode_pair(tokenizer, text, target, first) for target in targets]
        taken = max(len(before) + len(after) for before, after in pairs)
        if taken <= room:
            if len({before for before, _ in pairs}) > 1:
                raise ValueError(f"the targets {list(targets)!r} do not begin with as many spaces")
            return Encoded(pairs[0][0], tuple(after for _, after in pairs), lost)
    raise TooLongError(
        f"a question takes {taken} tokens without any shot; legal: up to {room}, which is what the checkpoint or "
        f"max_length leaves. It begins {text[:60]!r}"
    )


def shared_prefix(contexts: Sequence[Sequence[int]]) -> int:
    """How many tokens all contexts begin with; at least one is left to each, from which what follows is predicted."""
    if not contexts:
        return 0
    low, high = min(map(tuple, contexts)), max(map(tuple, contexts))
    same = next(
        (i for i, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), min(len(low), len(high))
    )
    return min(same, min(len(context) for context in contexts) - 1)
