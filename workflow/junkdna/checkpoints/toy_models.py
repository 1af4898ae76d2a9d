"""The two kinds of models that are pre-trained here, small ones: an encoder that fills gaps, a decoder that goes on.

A word of the text that begins with `_` is marked: it carries a fact or an answer, and so counts most.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import (
    BertConfig,
    BertForMaskedLM,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

# Tokens of the longest text by objective, and the special tokens; the first four have the same numbers in both.
MAX_LENGTH = {"masked": 32, "causal": 64}
SPECIAL = {
    "masked": {"pad": "[PAD]", "unk": "[UNK]", "cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]"},
    "causal": {"pad": "[PAD]", "unk": "[UNK]", "bos": "[BOS]", "eos": "[EOS]"},
}
PAD, START, END, MASK = 0, 2, 3, 4
# A marked word is hidden most of the time, any other word seldom; of a decoder so much does its prediction count.
MARKED, OTHER = 0.8, 0.05


def build_tokenizer(corpus: list[str], objective: str = "masked") -> PreTrainedTokenizerFast:
    """One token a word of the corpus, in alphabetical order after the special ones.

    objective: `masked`, whose texts begin and end with a token of their own, or `causal`, whose texts begin with one.
    """
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    special = SPECIAL[objective]
    words = sorted({word.lstrip("_") for line in corpus for word in line.split()})
    tokenizer = Tokenizer(
        models.WordLevel({word: i for i, word in enumerate((*special.values(), *words))}, unk_token="[UNK]")
    )
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    first, last = list(special.values())[START : END + 1]
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{first} $A {last}" if objective == "masked" else f"{first} $A",
        pair=f"{first} $A {last} $B:1 {last}:1",
        special_tokens=[(first, START), (last, END)],
    )
    names = {f"{name}_token": token for name, token in special.items()}
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, model_max_length=MAX_LENGTH[objective], **names
    )


def build_model(objective: str, words: int, *, hidden: int, layers: int, heads: int) -> PreTrainedModel:
    """A model of `layers` x `hidden` with random weights, for a vocabulary of `words`."""
    shape: dict[str, Any] = {
        "vocab_size": words,
        "hidden_size": hidden,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "intermediate_size": (4 if objective == "masked" else 2) * hidden,
        "max_position_embeddings": MAX_LENGTH[objective],
        "initializer_range": 0.05,
    }
    if objective == "causal":
        return LlamaForCausalLM(LlamaConfig(**shape, pad_token_id=PAD, bos_token_id=START, eos_token_id=END))
    return BertForMaskedLM(BertConfig(**shape, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0))


def masked_loss(model: BertForMaskedLM, ids: Tensor, marked: Tensor, generator: torch.Generator) -> Tensor:
    """Mean cross-entropy in nats of the hidden words of a batch of an encoder.

    ids, marked: [lines, longest] of the corpus, see `pretraining.encode`.
    """
    ids, marked = _cut(ids, marked)
    chance = torch.rand(ids.shape, generator=generator)
    hide = chance < torch.where(marked, MARKED, OTHER * (ids > MASK))
    hide[0, 1] = True  # at least one word a batch
    states = model.bert(ids.masked_fill(hide, MASK), attention_mask=(ids != PAD).long()).last_hidden_state
    return cross_entropy(model.cls(states[hide]), ids[hide])


def causal_loss(model: PreTrainedModel, ids: Tensor, marked: Tensor, generator: torch.Generator) -> Tensor:
    """Mean cross-entropy in nats of what follows each word of a batch of a decoder, weighted as MARKED and OTHER say.

    ids, marked: as of `masked_loss`. Nothing is drawn from `generator`.
    """
    ids, marked = _cut(ids, marked)
    logits = model(ids, attention_mask=(ids != PAD).long()).logits[:, :-1]
    target, counts = ids[:, 1:], torch.where(marked, MARKED, OTHER * (ids != PAD))[:, 1:]
    losses = cross_entropy(logits.flatten(0, 1), target.flatten(), reduction="none")
    return (losses * counts.flatten()).sum() / counts.sum()


LOSSES: dict[str, Callable[..., Tensor]] = {"masked": masked_loss, "causal": causal_loss}


def _cut(ids: Tensor, marked: Tensor) -> tuple[Tensor, Tensor]:
    """Both without the columns that are padding in every line."""
    width = int((ids != PAD).sum(1).max())
    return ids[:, :width], marked[:, :width]
