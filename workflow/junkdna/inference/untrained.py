"""What is the same for every run that does not train: a model with its recipe applied, and the facts of the run."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from transformers import PreTrainedModel

from junkdna.compression.compressed import Compressed
from junkdna.inference.precision import peak_memory_mb, weights_dtype
from junkdna.inference.result import Result
from junkdna.models.compressed import Applied, apply_recipe
from junkdna.models.load import on_device
from junkdna.study.regimes import REGIMES, check_pair

HISTORY = ("step", "epoch", "loss", "learning_rate", "examples_per_second", "sparsity")


def load_compressed(
    load: Callable[..., PreTrainedModel],
    checkpoint: Path,
    recipe: Mapping[str, Any],
    regime: str,
    compressed: Compressed,
    device: torch.device,
    precision: str,
) -> tuple[PreTrainedModel, Applied]:
    """Load a checkpoint and apply a recipe to it, in place and in the dtype of `precision` ("bf16" or "fp32").

    ValueError for a regime that trains, and for what does not fit.
    """
    check_pair(recipe, regime)
    # The dense run of such a task, too, is the checkpoint as it is.
    if regime != "dense" and REGIMES[regime].moves != "nothing":
        raise ValueError(
            f"regime: {regime!r} trains, and a task that has no head has nothing to train; legal: zero-shot, dense"
        )
    model = on_device(load(checkpoint, dtype=weights_dtype(precision)), device)
    return model, apply_recipe(model, recipe, compressed)


def untrained_result(
    model: PreTrainedModel,
    applied: Applied,
    predictions: pd.DataFrame,
    *,
    shown: int,
    loss: float,
    prior: float,
    seconds: tuple[float, float],
    precision: str,
) -> Result:
    """What such a run leaves: its history is empty, and all losses of its facts are the mean loss `loss`.

    shown: examples of the training split that it made use of. prior: the loss of who has not seen the input. seconds:
    of loading and compressing, and of predicting.
    """
    facts = {
        "train_examples": shown,
        "validation_examples": len(predictions),
        "steps": 0,
        "train_seconds": 0.0,
        "eval_seconds": seconds[1],
        "load_seconds": seconds[0],
        "examples_per_second": 0.0,
        "peak_memory_mb": peak_memory_mb(model.device),
        "sparsity": applied.sparsity,
        **applied.footprint,
        "first_loss": loss,
        "final_loss": loss,
        "min_loss": loss,
        "prior_entropy": prior,
        "precision": precision,
        "device": str(model.device),
        "threads": torch.get_num_threads(),
        "diverged": not math.isfinite(loss),
    }
    return Result(predictions, no_history(), facts, model, None)


def no_history() -> pd.DataFrame:
    """The history of a run that did not train."""
    return pd.DataFrame({name: pd.Series(dtype=int if name == "step" else float) for name in HISTORY})
