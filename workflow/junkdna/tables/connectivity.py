"""How high the barrier is between the dense solution and a compressed one, from the paths between them.

Sees only tables. Shapes: S seeds, A points of a path, n examples, B resamples, R replicates.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from junkdna.statistics.bootstrap import (
    Replicates,
    distinct_weights,
    interval,
    mean_over_seeds,
    seed_weights,
    spread,
)
from junkdna.statistics.metrics import score

Array = np.ndarray
CELL = ("checkpoint", "family", "recipe", "level", "task", "regime")
MEASURES = ("barrier", "barrier_alpha", "score_barrier", "score_barrier_alpha")


def connectivity_table(
    paths: Iterable[tuple[Mapping[str, Any], pd.DataFrame]],
    tasks: Mapping[str, Mapping[str, str]],
    draws: int = 2000,
    seed: int = 0,
) -> pd.DataFrame:
    """One row a (checkpoint, recipe, task, regime) with the barrier on the way from dense.

    paths: key (CELL and seed) and losses (example_id, alpha, loss, prediction, target) of each path. tasks:
    slug -> {"metric"}. draws, seed: of the resampling of the examples.

    A path with losses that are no numbers (a diverged run) counts for nothing. Columns:
    `connectivity_columns.CONNECTIVITY`; none without paths.
    """
    paths = list(paths)
    if not paths:
        return pd.DataFrame()
    replicates = Replicates(tuple(sorted({int(key["seed"]) for key, _ in paths})), draws)
    cells: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for key, losses in paths:
        measured = _measure(losses, tasks[key["task"]]["metric"], draws, seed)
        cells.setdefault(tuple(key[name] for name in CELL), []).append({"seed": int(key["seed"]), **measured})
    weights = seed_weights(replicates)
    return pd.DataFrame([_row(cell, runs, tasks, replicates, weights) for cell, runs in cells.items()])


def _row(
    cell: tuple[Any, ...],
    runs: list[dict[str, Any]],
    tasks: Mapping[str, Mapping[str, str]],
    replicates: Replicates,
    weights: Mapping[int, Array],
) -> dict[str, Any]:
    row = dict(zip(CELL, cell, strict=True))
    row["metric"] = tasks[row["task"]]["metric"]
    row["seeds"] = sum(bool(np.isfinite(run["barrier"][0])) for run in runs)
    row["examples"] = runs[0]["examples"]
    for end in ("loss_dense", "loss_other", "score_dense", "score_other"):
        known = [run[end] for run in runs if np.isfinite(run[end])]
        row[end] = float(np.mean(known)) if known else np.nan
    seeds = [run["seed"] for run in runs]
    for name in MEASURES:
        values = np.stack([spread(run[name], replicates) for run in runs])
        drawn = mean_over_seeds(values, seeds, weights)
        low, high = interval(drawn, replicates)
        # A t interval does not know that a barrier is never below 0, and that alpha lies between 0 and 1.
        top = 1.0 if name.endswith("alpha") else np.inf
        row |= {
            name: float(drawn[0]),
            f"{name}_low": max(float(low), 0.0),
            f"{name}_high": min(float(high), top),
        }
    return row


def _measure(losses: pd.DataFrame, metric: str, draws: int, seed: int) -> dict[str, Any]:
    """The barriers of one path on the sample and on each resample, [1 + B]."""
    losses = losses.sort_values(["alpha", "example_id"], kind="stable")
    alphas = np.sort(losses["alpha"].unique())
    example_id = losses["example_id"].to_numpy().reshape(len(alphas), -1)
    if not (example_id == example_id[0]).all():
        raise ValueError("losses: found other examples at one alpha than at another; legal: the same at each")
    loss, prediction = (
        losses[name].to_numpy(dtype=np.float64).reshape(example_id.shape) for name in ("loss", "prediction")
    )
    target = losses["target"].to_numpy(dtype=np.float64)[: example_id.shape[1]]
    if not (np.isfinite(loss).all() and np.isfinite(prediction).all()):
        nothing = {name: np.full(1 + draws, np.nan) for name in MEASURES}
        ends = dict.fromkeys(("loss_dense", "loss_other", "score_dense", "score_other"), np.nan)
        return {**nothing, **ends, "examples": len(target)}
    means, drawn = [], []
    for weight in distinct_weights(example_id[0], draws, seed):
        means.append(loss @ weight.T.astype(np.float64) / weight.sum(axis=1))
        drawn.append(score(metric, target, prediction, weight))
    mean, scores = np.concatenate(means, axis=1), np.concatenate(drawn, axis=1)
    barrier, at = _barrier(mean, alphas)
    score_barrier, score_at = _barrier(-scores, alphas)
    return {
        "barrier": barrier,
        "barrier_alpha": at,
        "score_barrier": score_barrier,
        "score_barrier_alpha": score_at,
        "loss_dense": mean[0, 0],
        "loss_other": mean[-1, 0],
        "score_dense": scores[0, 0],
        "score_other": scores[-1, 0],
        "examples": len(target),
    }


def _barrier(values: Array, alphas: Array) -> tuple[Array, Array]:
    """Largest excess of values [A, 1 + B] over the line between their ends, and the alpha where it is."""
    chord = np.outer(1 - alphas, values[0]) + np.outer(alphas, values[-1])
    excess = values - chord
    # Rounding must not put a hill on a straight line, nor anything at the ends, which lie on it.
    excess[np.abs(excess) < 1e-12] = 0
    return excess.max(axis=0), alphas[excess.argmax(axis=0)]
