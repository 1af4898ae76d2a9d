"""Walk the straight line between two solutions of one task and measure the model on the way.

Linear mode connectivity: Frankle et al. (ICML 2020), Linear Mode Connectivity and the Lottery Ticket Hypothesis,
section 2. W(alpha) = (1 - alpha) W_dense + alpha W_other, for all weights and floating buffers.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from junkdna.inference.label_scale import Scale
from junkdna.inference.padding import load_for
from junkdna.inference.precision import choose_precision
from junkdna.inference.predict import predict
from junkdna.models.load import load_classifier, on_device
from junkdna.models.solution import misfits, solution_of
from junkdna.statistics.metrics import score
from junkdna.tasks.tokens import Tokens

STEPS = 10


def interpolate(
    *,
    checkpoint: Path,
    train: Tokens,
    validation: Tokens,
    dense: Mapping[str, Tensor],
    other: Mapping[str, Tensor],
    precision: str,
    metric: str,
    device: str,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Evaluate `validation` at alpha = 0, 0.1, ... 1 between the solutions `dense` (0) and `other` (1).

    checkpoint: folder, of the architecture. train: tells the scale of a regression. precision: one of
    specs.PRECISIONS. Returns the path and the losses (columns: `mode_connectivity_columns`). The two ends give the
    predictions of the runs themselves. ValueError where a solution does not fit the checkpoint.
    """
    place, scale = torch.device(device), Scale.of(train)
    regression = validation.format == "regression"
    model = on_device(load_classifier(checkpoint, validation.num_labels, 0, regression=regression), place)
    model.config.use_cache = False
    data = load_for(model, scale.shrink(validation), ask=False)
    weights = solution_of(model)
    starts, ends = _placed("dense", dense, weights), _placed("other", other, weights)
    path, losses = [], []
    for alpha in np.arange(STEPS + 1) / STEPS:
        _mix(weights, starts, ends, float(alpha))
        table = scale.restore(predict(model, data, choose_precision(precision, place)), validation)
        finite = np.isfinite(table["prediction"]).all() and np.isfinite(table["loss"]).all()
        value = score(metric, table["target"], table["prediction"])[0] if finite else np.nan
        path.append({"alpha": alpha, "loss": table["loss"].mean(), "score": float(value)})
        losses.append(table[["example_id", "loss", "prediction", "target"]].assign(alpha=alpha))
    columns = ["example_id", "alpha", "loss", "prediction", "target"]
    return pd.DataFrame(path), pd.concat(losses, ignore_index=True)[columns]


@torch.no_grad()
def _mix(
    weights: Mapping[str, Tensor], dense: Mapping[str, Tensor], other: Mapping[str, Tensor], alpha: float
) -> None:
    for name, weight in weights.items():
        if alpha in (0.0, 1.0):  # exactly: 0 times a weight that is not finite would be no number
            weight.copy_((dense, other)[int(alpha)][name])
        else:
            weight.copy_((1 - alpha) * dense[name] + alpha * other[name])


def _placed(end: str, solution: Mapping[str, Tensor], weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The solution where the model is; its tensors must be the model's."""
    found = {name: tuple(tensor.shape) for name, tensor in solution.items()}
    wanted = {name: tuple(tensor.shape) for name, tensor in weights.items()}
    if names := misfits(found, wanted):
        raise ValueError(
            f"{end}: {len(names)} tensors do not fit the checkpoint, first {names[0]!r}: "
            f"found {found.get(names[0])}; legal: {wanted.get(names[0])}"
        )
    return {name: solution[name].to(weight.device) for name, weight in weights.items()}
