"""Free answers: a model goes on from a context, greedily, until it ends, a stop text comes, or its room is used up."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import (
    Cache,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    StoppingCriteria,
    StoppingCriteriaList,
)

from junkdna.inference.batches import group_by_width
from junkdna.inference.options import LEAST_SHARED, compute_prefix, repeated
from junkdna.inference.precision import autocast
from junkdna.inference.predict import MAX_TOKENS
from junkdna.tasks.encode_prompts import shared_prefix

ENDS = ("end", "stop", "length")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model wrote. text: before the stop text, without special tokens. ended: one of ENDS: by its end token, at
    a stop text, or cut at the most tokens. tokens: how many it wrote, that of the end included."""

    text: str
    ended: str
    tokens: int


class _StopTexts(StoppingCriteria):
    """Ends a row once one of the texts stands in what it wrote: on text, for a stop may be cut into tokens anyhow."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, stop: Sequence[str], start: int) -> None:
        self.tokenizer, self.stop, self.start = tokenizer, tuple(stop), start
        # So many tokens hold a stop text that has just been completed: one a byte at most, and one that it begins in.
        self.tail = max((len(text.encode()) for text in stop), default=0) + 1

    def __call__(self, input_ids: Tensor, scores: Tensor, **kwargs: object) -> Tensor:
        first = max(self.start, input_ids.shape[1] - self.tail)
        texts = self.tokenizer.batch_decode(input_ids[:, first:], skip_special_tokens=True)
        done = [any(stop in text for stop in self.stop) for text in texts]
        return torch.tensor(done, device=input_ids.device)


def generate_answers(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    contexts: Sequence[Sequence[int]],
    *,
    stop: Sequence[str],
    max_new_tokens: int,
    precision: str,
    share: bool = True,
) -> list[Answer]:
    """Let `model` go on from each context, in the order of `contexts`.

    share: compute the tokens that all contexts begin with once (decoders that keep keys and values). The batches hang
    on the contexts alone, so that every recipe sees the same ones.
    """
    model.eval()
    answers: dict[int, Answer] = {}
    shared = 0 if model.config.is_encoder_decoder or not share else shared_prefix(contexts)
    shared = shared if shared >= LEAST_SHARED else 0
    ends, widths = _ends(model, tokenizer), np.array([len(context) for context in contexts])
    pad = next(i for i in (tokenizer.pad_token_id, tokenizer.eos_token_id, 0) if i is not None)
    with torch.inference_mode(), autocast(precision, model.device):
        prefix = compute_prefix(model, contexts[0][:shared]) if shared else None
        for batch in group_by_width(widths, MAX_TOKENS[model.device.type], beside=max_new_tokens):
            own = [contexts[i] for i in batch]
            written = _write(model, tokenizer, own, stop, ends, max_new_tokens, pad, prefix, shared)
            for i, tokens in zip(batch, written, strict=True):
                answers[i] = _answer_of(tokens, tokenizer, stop, ends)
    return [answers[i] for i in range(len(contexts))]


def _write(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    contexts: list[Sequence[int]],
    stop: Sequence[str],
    ends: set[int],
    new: int,
    pad: int,
    prefix: Cache | None,
    shared: int,
) -> list[list[int]]:
    """The tokens that follow each context, what comes after its end included."""
    width = max(len(context) for context in contexts)
    ids = np.full((len(contexts), width), pad, dtype=np.int64)
    present = np.zeros_like(ids)
    for i, context in enumerate(contexts):
        # A decoder goes on from the last place, so the text ends there; what all share stands in front of the padding.
        rest = (
            slice(0, len(context))
            if model.config.is_encoder_decoder
            else slice(width - len(context) + shared, width)
        )
        ids[i, rest] = context if model.config.is_encoder_decoder else context[shared:]
        present[i, rest] = 1
    if shared:
        ids[:, :shared], present[:, :shared] = contexts[0][:shared], 1
    given: dict[str, Any] = {
        "input_ids": torch.from_numpy(ids).to(model.device),
        "attention_mask": torch.from_numpy(present).to(model.device),
    }
    if prefix is not None:
        given["past_key_values"] = repeated(prefix, len(contexts))
    start = 1 if model.config.is_encoder_decoder else width
    criteria = StoppingCriteriaList([_StopTexts(tokenizer, stop, start)] if stop else [])
    # The class that all models share does not say that these can write.
    writer: Any = model
    made = writer.generate(
        **given,
        do_sample=False,
        num_beams=1,
        max_new_tokens=new,
        pad_token_id=pad,
        eos_token_id=sorted(ends),
        stopping_criteria=criteria,
    )
    return made[:, start:].tolist()


def _ends(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> set[int]:
    """The tokens with which a text ends, as tokenizer and checkpoint say."""
    found: set[int] = set()
    for token in (tokenizer.eos_token_id, getattr(model.generation_config, "eos_token_id", None)):
        found |= set(token if isinstance(token, list) else [] if token is None else [token])
    return found


def _answer_of(
    tokens: list[int], tokenizer: PreTrainedTokenizerBase, stop: Sequence[str], ends: set[int]
) -> Answer:
    count = next((i for i, token in enumerate(tokens) if token in ends), None)
    own = tokens if count is None else tokens[:count]
    (text,) = tokenizer.batch_decode([own], skip_special_tokens=True)
    places = [text.index(each) for each in stop if each in text]
    if places:
        return Answer(text[: min(places)], "stop", len(own))
    return Answer(text, "length" if count is None else "end", len(own) + (count is not None))
