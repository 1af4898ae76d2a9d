"""A split as one model takes it: padded so that a prediction does not hang on what shares the batch.

Decoders with a classifier read the last token that is not the padding token of their configuration, which often is
another than the tokenizer's. So the two are made one here, and nowhere else; and because no list of architectures is
complete, a model is asked, before it is used, whether it predicts the same for a text alone and beside a longer one.
"""

import inspect
from dataclasses import replace

import numpy as np
import torch
from transformers import PreTrainedModel

from junkdna.inference.batches import Data, load_data, pad_sequences
from junkdna.inference.token_limits import check_tokens, token_rows
from junkdna.models.load import set_padding
from junkdna.tasks.tokens import Tokens

# Texts that are asked about. The two answers may differ (in float32) by so much of what two texts differ by, or else
# of the largest logit.
ASKED, OF_TEXTS, OF_LOGITS = 4, 1e-3, 1e-4


def load_for(model: PreTrainedModel, tokens: Tokens, *, ask: bool = True) -> Data:
    """Move a split to where `model` is, and have both pad with the same token on the side that the model reads.

    Segments go where the model has no input for them. ask: see `check_padding`; not of a model that has been asked
    before its training. ValueError for a split without examples, for tokens that do not fit the model, and for a
    model whose predictions change with what shares their batch, however it is padded.
    """
    if "token_type_ids" not in inspect.signature(model.forward).parameters:
        tokens = replace(tokens, segments=None)
    token = _padding_token(model, tokens.pad_id)
    set_padding(model, token)
    tokens = replace(tokens, pad_id=token)
    check_tokens(model, tokens)
    data = load_data(tokens, model.device, left=pads_left(model))
    if ask:
        check_padding(model, data)
    return data


def pads_left(model: PreTrainedModel) -> bool:
    """Whether a classifier reads the last place, padding or not (XLNet), so that the text must end there."""
    return hasattr(model, "sequence_summary") and getattr(model.config, "summary_type", None) == "last"


@torch.no_grad()
def check_padding(model: PreTrainedModel, data: Data) -> None:
    """Raise ValueError if `model` predicts something else for most of the shortest texts once they are padded."""
    order = np.argsort(data.lengths, kind="stable")
    longer = [index for index in order if data.lengths[index] > data.lengths[order[0]]]
    asked = [index for index in order[:ASKED] if longer and data.lengths[index] < data.lengths[longer[-1]]]
    if not asked:
        return
    partner = next(index for index in longer if data.lengths[index] > data.lengths[asked[-1]])
    training = model.training
    model.eval()
    # Some draw at random even here; a run must not notice that it was asked.
    with torch.random.fork_rng(devices=[]):
        together = _logits(model, data, [*asked, partner])[:-1]
        alone = torch.cat([_logits(model, data, [index]) for index in asked])
    model.train(training)
    moved = (together - alone).abs().amax(dim=1)
    spread, largest = (alone - alone.mean(dim=0)).abs().amax(), alone.abs().amax()
    if int((moved > torch.maximum(OF_TEXTS * spread, OF_LOGITS * largest)).sum()) * 2 > len(asked):
        raise ValueError(
            f"{type(model).__name__}: what it predicts for a text changes with the texts that share its batch (by up "
            f"to {float(moved.max() / largest):.2%} of the largest logit): padding is not hidden from it, and scores "
            "would hang on the batch size. Take another architecture"
        )


def _logits(model: PreTrainedModel, data: Data, rows: list[int]) -> torch.Tensor:
    lengths = data.lengths[rows]
    index = torch.tensor(rows, device=data.tokens.input_ids.device)
    inputs = pad_sequences(data.tokens, index, lengths.min(), lengths.max(), left=data.left)
    try:
        return model(**inputs).logits.float()
    except (RuntimeError, ValueError, IndexError) as error:
        raise ValueError(
            f"{type(model).__name__} cannot predict for texts of {lengths.min()} to {lengths.max()} tokens ({error})"
        ) from error


def _padding_token(model: PreTrainedModel, wanted: int) -> int:
    """The tokenizer's padding token, or another where that cannot be: nothing looks at its row of the embedding.

    It cannot be where the embedding has no row for it, nor, of an encoder-decoder, the end token, by which those find
    the place to read.
    """
    text = model.config.get_text_config()
    end = getattr(text, "eos_token_id", None) if getattr(model.config, "is_encoder_decoder", False) else None
    rows = token_rows(model)
    if rows is None:
        return wanted
    choices = (wanted, getattr(text, "pad_token_id", None), 0, 1)
    return next(token for token in choices if token is not None and 0 <= token < rows and token != end)
