"""What is left of a dense performance: one rule for every table, claim and figure.

A run's twin is the dense run of the same checkpoint, task and seed. Chance-corrected retention of runs of several
seeds is a ratio of means over the same seeds,

    R = mean(score - chance) / mean(score of the twin - chance):

1 is as good as dense, 0 no better than guessing. (A mean of ratios would be pulled by the seeds whose dense run
came out low by luck, and choosing seeds by their dense score would make the reference too good.) A run is usable
if it trained, its twin trained, and there is something to retain on its task: the mean over all dense runs that
trained lies at least MEASURABLE standard errors above chance. Whether a task is measurable is decided once for a
checkpoint, over all seeds. Shapes: n runs, R replicates (`junkdna.statistics.bootstrap`).
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from junkdna.statistics.bootstrap import Replicates, mean_over_seeds, seed_weights, variance_parts
from junkdna.tables.predictions import Draws

Array = np.ndarray
MEASURABLE = 3.0


def is_dense(runs: pd.DataFrame) -> pd.Series:
    """Whether each run is a dense twin; a run from scratch (recipe `dense`, regime `scratch`) is none."""
    return (runs["family"] == "dense") & (runs["regime"] == "dense")


def dense_rows(runs: pd.DataFrame) -> Array:
    """Row number of each run's dense twin, -1 where there is none. ValueError when a run has two."""
    pair = ["checkpoint", "task", "seed"]
    dense = runs.loc[is_dense(runs), pair].reset_index(names="dense_row")
    if dense.duplicated(pair).any():
        twice = dense[dense.duplicated(pair)].iloc[0]
        raise ValueError(
            f"runs: more than one dense run for {' '.join(f'{key}={twice[key]}' for key in pair)}"
        )
    return runs[pair].merge(dense, how="left", on=pair)["dense_row"].fillna(-1).to_numpy(dtype=int)


def dense_excess(runs: pd.DataFrame, draws: Draws, replicates: Replicates) -> dict[tuple[str, str], Array]:
    """Mean score above chance [R] of the dense runs that trained, by (checkpoint, task); none without such a run."""
    weights = seed_weights(replicates)
    chosen = runs[is_dense(runs) & runs["trained"]].reset_index(names="row")
    return {
        key: mean_over_seeds(draws.excess[group["row"]], group["seed"].tolist(), weights)
        for key, group in chosen.groupby(["checkpoint", "task"], sort=False)
    }


def measurable(runs: pd.DataFrame, draws: Draws, replicates: Replicates) -> Array:
    """Whether there is a dense performance to retain on the task of each run, bool [n]."""
    found = set()
    for key, excess in dense_excess(runs, draws, replicates).items():
        parts = variance_parts(excess, replicates)
        if parts.estimate > 0 and parts.estimate >= MEASURABLE * np.sqrt(parts.variance):
            found.add(key)
    return np.array([key in found for key in zip(runs["checkpoint"], runs["task"], strict=True)], dtype=bool)


def paired(runs: pd.DataFrame) -> Array:
    """Whether each run has a reference: a twin that trained, on a measurable task, bool [n].

    runs: with dense_row, trained and measurable. What the run itself became does not matter.
    """
    twin = runs["dense_row"].to_numpy()
    known = runs["trained"].to_numpy(dtype=bool) & runs["measurable"].to_numpy(dtype=bool)
    return (twin >= 0) & known[twin]


def ratio_of_means(kept: Array, whole: Array, seeds: Sequence[int], weights: Mapping[int, Array]) -> Array:
    """Retention [R] of runs that keep `kept` [n, R] of `whole` [n, R], their twins'; both above chance.

    NaN in a replicate in which the twins are not above chance.
    """
    top, room = (mean_over_seeds(values, seeds, weights) for values in (kept, whole))
    return top / np.where(room > 0, room, np.nan)


def retention_by_run(runs: pd.DataFrame, draws: Draws, replicates: Replicates) -> Array:
    """Score above chance of each run as a share of what the dense runs are above it [n, R], whatever became of it.

    Measured against the mean of the dense runs that trained, not the twin's own score, so that the values of a cell
    have its retention as their mean where all its runs are usable. NaN where the task is not measurable.
    """
    out = np.full_like(draws.excess, np.nan)
    whole = {
        key: np.where(room > 0, room, np.nan) for key, room in dense_excess(runs, draws, replicates).items()
    }
    keys = list(zip(runs["checkpoint"], runs["task"], strict=True))
    for row in np.flatnonzero(runs["measurable"]):
        out[row] = draws.excess[row] / whole[keys[row]]
    return out
