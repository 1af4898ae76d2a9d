"""How sure a training is of its own training examples after each epoch: what data maps are made of.

Looking does not touch the training: no dropout is drawn, no gradient made, no second of training counted.
"""

import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from transformers import PreTrainedModel

from junkdna.inference.batches import Data
from junkdna.inference.predict import predict


@dataclass(slots=True)
class Trace:
    """What was seen so far.

    epochs: passes over the data after which it was looked. confidence: of each, float32 [n], p(gold label).
    correct: of each, bool [n]. seconds: that the looking took in this process.
    """

    epochs: list[int] = field(default_factory=list)
    confidence: list[Tensor] = field(default_factory=list)
    correct: list[Tensor] = field(default_factory=list)
    seconds: float = 0.0


def look(trace: Trace, model: PreTrainedModel, data: Data, precision: str, epoch: int) -> float:
    """Predict the training examples in eval mode, leave the model in train mode, return the seconds taken.

    A model whose losses are no numbers any more (a diverged training) leaves no entry.
    """
    start = time.perf_counter()
    devices = [data.tokens.input_ids.device] if data.tokens.input_ids.is_cuda else []
    with torch.random.fork_rng(devices=devices):
        table = predict(model, data, precision)
    model.train()
    loss = table["loss"].to_numpy()
    if np.isfinite(loss).all():
        trace.epochs.append(epoch)
        trace.confidence.append(torch.from_numpy(np.exp(-loss)))
        trace.correct.append(torch.from_numpy(table["correct"].to_numpy(dtype=bool)))
    seconds = time.perf_counter() - start
    trace.seconds += seconds
    return seconds


def trace_table(trace: Trace, data: Data) -> pd.DataFrame:
    """One row an epoch and training example. Columns: `files.runs_columns.CONFIDENCES`."""
    examples, epochs = len(data), len(trace.epochs)
    return pd.DataFrame(
        {
            "example_id": np.tile(data.tokens.example_id.cpu().numpy(), epochs),
            "epoch": np.repeat(np.array(trace.epochs, dtype=np.int64), examples),
            "confidence": _joined(trace.confidence, torch.float32),
            "correct": _joined(trace.correct, torch.bool),
        }
    )


def trace_state(trace: Trace) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors and the record that a saved state holds of `trace`."""
    if not trace.epochs:
        return {}, {"trace_epochs": []}
    tensors = {
        "trace/confidence": torch.stack(trace.confidence),
        "trace/correct": torch.stack(trace.correct),
    }
    return tensors, {"trace_epochs": trace.epochs}


def restore_trace(trace: Trace, tensors: dict[str, Tensor], record: dict[str, Any]) -> None:
    """Take up what `trace_state` gave."""
    trace.epochs = list(record["trace_epochs"])
    trace.confidence = list(tensors.get("trace/confidence", ()))
    trace.correct = list(tensors.get("trace/correct", ()))


def _joined(parts: list[Tensor], dtype: torch.dtype) -> np.ndarray:
    return torch.cat([torch.empty(0, dtype=dtype), *parts]).numpy()
