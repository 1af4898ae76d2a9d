"""The regime zero-shot: a compressed language model as it is, by what it makes of running text.

Nothing is drawn and nothing trains, so the seed of a run says nothing here. The dense run of such a task, too, is
the checkpoint as it is.
"""

import time
from collections.abc import Mapping

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional
from transformers import PreTrainedModel

from junkdna.inference.batches import Data, load_data, order_evaluation, pad_batches
from junkdna.inference.precision import autocast, choose_precision, synchronize
from junkdna.inference.predict import MAX_TOKENS
from junkdna.inference.result import Result
from junkdna.inference.run import Run
from junkdna.inference.token_limits import check_tokens
from junkdna.inference.untrained import load_compressed, untrained_result
from junkdna.models.decoder import load_causal
from junkdna.tasks.tokens import Tokens

# Logits of a forward pass: a vocabulary of 50,000 makes them larger than all else.
MAX_LOGITS = 1 << 26


def evaluate(run: Run) -> Result:
    """Compress the checkpoint of `run` and score the texts of its validation split.

    Only the unigram model, which stands for chance, is fitted to the training split. In the facts the losses are the
    mean loss of a predicted token, and `prior_entropy` is that of the unigram model. ValueError for a regime that
    trains, and for a recipe, regime or mask that do not fit each other or the checkpoint.
    """
    start, device = time.perf_counter(), run.device
    precision = choose_precision(run.spec.precision, device)
    model, applied = load_compressed(
        load_causal, run.checkpoint, run.recipe, run.regime, run.compressed, device, precision
    )
    check_tokens(model, run.validation)
    data = load_data(run.validation, device)
    loaded = time.perf_counter()
    predictions = predict_text(model, data, precision, run.train)
    synchronize(device)
    count = predictions["target"]
    return untrained_result(
        model,
        applied,
        predictions,
        shown=len(run.train.example_id),
        loss=float((predictions["loss"] * count).sum() / count.sum()),
        prior=-float((predictions["scores"].str[0] * count).sum() / count.sum()),
        seconds=(loaded - start, time.perf_counter() - loaded),
        precision=precision,
    )


@torch.inference_mode()
def predict_text(model: PreTrainedModel, data: Data, precision: str, train: Tokens) -> pd.DataFrame:
    """Score every token of every text given those before it; one row a text, in the order of the split.

    The first token follows nothing and is not predicted. train: tells the unigram model. Columns:
    `files.runs_columns.PREDICTIONS`. ValueError where no text has two tokens.
    """
    model.eval()
    device = data.tokens.input_ids.device
    width = model.config.vocab_size
    most = max(1, min(MAX_TOKENS[device.type], MAX_LOGITS // width))
    order = order_evaluation(data, max_tokens=most)
    count = np.maximum(data.lengths - 1, 0)
    if not count.any():
        raise ValueError("validation: no text has two tokens, so there is nothing to predict")
    total = np.empty(len(data))
    for examples, batch in zip(order, pad_batches(data, order), strict=True):
        with autocast(precision, device):
            logits = model(**batch.inputs, use_cache=False).logits
        total[examples] = text_log_probabilities(logits, batch.inputs).cpu().numpy()
    unigram = unigram_sums(data.tokens, unigram_log_probabilities(train, width))
    share = np.maximum(count, 1)
    return pd.DataFrame(
        {
            "example_id": data.tokens.example_id.cpu().numpy(),
            "target": count.astype(np.float64),
            "prediction": total / share,
            "correct": pd.array([None] * len(data), dtype="boolean"),
            "loss": -total / share,
            "scores": list((unigram / share)[:, None].astype(np.float32)),
        }
    )


def text_log_probabilities(logits: Tensor, inputs: Mapping[str, Tensor]) -> Tensor:
    """Sum of the log-probabilities of the tokens after the first, float64 [S], of logits [S, W, V]."""
    tokens, logits = inputs["input_ids"][:, 1:], logits[:, :-1].float()
    losses = functional.cross_entropy(logits.flatten(0, 1), tokens.flatten(), reduction="none")
    losses = losses.double().view(tokens.shape)
    if "attention_mask" in inputs:
        losses = losses.masked_fill(inputs["attention_mask"][:, 1:] == 0, 0.0)
    return -losses.sum(dim=1)


def unigram_log_probabilities(train: Tokens, width: int) -> np.ndarray:
    """Log-probability [width] of each token by its share of the predicted tokens of `train`, add-one smoothed."""
    counts = np.bincount(train.input_ids.numpy()[_predicted(train)], minlength=width) + 1.0
    return np.log(counts / counts.sum())


def unigram_sums(tokens: Tokens, log_probabilities: np.ndarray) -> np.ndarray:
    """Sum of the unigram log-probabilities of the predicted tokens of each text [n]."""
    values = log_probabilities[tokens.input_ids.cpu().numpy()] * _predicted(tokens)
    ends = np.concatenate([[0.0], np.cumsum(values)])[tokens.offsets.cpu().numpy()]
    return np.diff(ends)


def _predicted(tokens: Tokens) -> np.ndarray:
    """Whether each token is predicted: all are but the first of each text."""
    predicted = np.ones(len(tokens.input_ids), dtype=bool)
    predicted[tokens.offsets[:-1].cpu().numpy()] = False
    return predicted
