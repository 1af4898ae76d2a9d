"""Predictions of a model on a whole split."""

import numpy as np
import pandas as pd
import torch
from transformers import PreTrainedModel

from junkdna.inference.batches import Data, order_evaluation, pad_batches
from junkdna.inference.objective import losses_of, scores_of
from junkdna.inference.precision import autocast
from junkdna.tasks.tokens import Tokens

# Padded tokens of a batch: enough to fill a GPU, little enough for the caches and memory of a small machine.
MAX_TOKENS = {"cpu": 4096, "cuda": 65536}


@torch.inference_mode()
def predict(model: PreTrainedModel, data: Data, precision: str) -> pd.DataFrame:
    """Predict every example of `data`; one row an example, in the order of the split.

    Columns: `files.runs_columns.PREDICTIONS`. precision: "bf16" or "fp32".
    """
    model.eval()
    tokens = data.tokens
    device = tokens.input_ids.device
    order = order_evaluation(data, max_tokens=MAX_TOKENS[device.type])
    scores, losses = [], []
    for batch in pad_batches(data, order):
        with autocast(precision, device):
            logits = model(**batch.inputs).logits
        batch_scores = scores_of(logits, batch, tokens.format)
        scores.append(batch_scores)
        losses.append(losses_of(batch_scores, batch.labels, tokens.format))
    back = np.argsort(np.concatenate(order), kind="stable")
    rows = [row for block in scores for row in block.float().cpu().numpy()]
    rows = [rows[index] for index in back]
    if tokens.options is not None:
        rows = [row[:count] for row, count in zip(rows, data.counts, strict=True)]
    return _table(tokens, rows, torch.cat(losses).float().cpu().numpy()[back])


def _table(tokens: Tokens, rows: list[np.ndarray], losses: np.ndarray) -> pd.DataFrame:
    target = tokens.label.cpu().numpy().astype(np.float64)
    if tokens.format == "regression":
        prediction = np.array([row[0] for row in rows], dtype=np.float64)
        correct = pd.array([None] * len(rows), dtype="boolean")
    else:
        prediction = np.array([row.argmax() for row in rows], dtype=np.float64)
        correct = pd.array(prediction == target, dtype="boolean")
    return pd.DataFrame(
        {
            "example_id": tokens.example_id.cpu().numpy(),
            "target": target,
            "prediction": prediction,
            "correct": correct,
            "loss": losses,
            "scores": rows,
        }
    )
