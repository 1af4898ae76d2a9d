"""The tables of single runs: what each scored, and how it stands to its dense twin.

A run's twin is the dense run of the same checkpoint, task and seed: recipe `dense`, regime `dense` (a run from
scratch has that recipe too, and is measured against the twin like a compressed one). Retention is
R = (score - chance) / (score of the twin - chance): 1 is as good as dense, 0 is no better than guessing.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from junkdna.bootstrap import Replicates, interval
from junkdna.metrics import chance, chance_band
from junkdna.results import SECONDS
from junkdna.stacks import KEYS, Stack

FACTS = (
    "sparsity",
    "effective_bits",
    "body_bytes",
    "train_examples",
    "validation_examples",
    "steps",
    "first_loss",
    "final_loss",
    "min_loss",
    "prior_entropy",
    "train_seconds",
    "eval_seconds",
    "load_seconds",
    "examples_per_second",
    "peak_memory_mb",
    "precision",
    "device",
    "threads",
)
SELECTIONS = {
    "global": "unstructured",
    "layer": "unstructured per layer",
    "row": "unstructured per row",
}
# What the selection of N:M recipes starts with; M follows.
PATTERN = "N:"
CLASS_METRICS = ("accuracy", "mcc", "f1")
# ASSUME: `min_loss` is a minimum of means over a few batches and so lies somewhat below the true training
# loss; a run has learnt something only when it beats the prior entropy by more than that noise.
LOSS_TOLERANCE = 0.05


def runs_table(
    facts: pd.DataFrame,
    stacks: Mapping[str, Stack],
    draws: np.ndarray,
    replicates: Replicates,
    *,
    tasks: Mapping[str, Mapping[str, str]],
    recipes: Mapping[str, Mapping],
) -> pd.DataFrame:
    """Describe every run in one row, in the order of `facts`.

    facts: from `read_runs`. draws: scores [runs, R] along the replicates, from `score_draws`. recipes: slug -> expanded
    recipe. Scores carry the 95 % bootstrap interval over examples. `collapsed`: the score does not exceed the
    99 % band of the best constant predictor and the training loss never fell below the prior entropy (by more
    than 5 %, the noise of a minimum); a run that constantly predicts a rare class lies below that band and
    counts too; a run without training (zero-shot) cannot have failed to train.
    `diverged`: the training said so, or a loss or prediction is not finite. `trained`: neither.
    Retention is undefined (NaN) where the interval of the dense twin's score reaches down to chance, or where
    there is no twin.
    """
    _check_columns(facts)
    runs = facts[[*KEYS, "family", "level"]].copy()
    runs["selection"] = [_selection(recipes, recipe) for recipe in runs["recipe"]]
    runs["metric"] = [tasks[task]["metric"] for task in runs["task"]]
    runs["score"] = draws[:, 0].astype(float)
    runs["score_low"], runs["score_high"] = interval(draws, replicates)
    for column in ("chance", "chance_high", "loss"):
        runs[column] = np.nan
    runs["finite"] = True
    for task, stack in stacks.items():
        metric = tasks[task]["metric"]
        at = runs.index[stack.row]
        runs.loc[at, "chance"] = chance(metric, stack.target, stack.options)
        runs.loc[at, "chance_high"] = chance_band(metric, stack.target, stack.options)[1]
        runs.loc[at, "loss"] = stack.loss
        runs.loc[at, "finite"] = stack.finite
    runs = pd.concat([runs, facts[list(FACTS)]], axis=1)
    if "versions" in facts:
        runs["versions"] = facts["versions"]
    runs["total_seconds"] = runs[list(SECONDS)].sum(axis=1)
    runs["diverged"] = ~(runs.pop("finite") & np.isfinite(runs["final_loss"]) & np.isfinite(runs["loss"]))
    if "diverged" in facts:
        runs["diverged"] |= facts["diverged"].astype(bool)
    learnt = runs["min_loss"] < (1 - LOSS_TOLERANCE) * runs["prior_entropy"]
    runs["collapsed"] = (runs["score"] <= runs.pop("chance_high")) & ~learnt & (runs["steps"] > 0)
    runs["trained"] = ~(runs["collapsed"] | runs["diverged"])
    runs["dense_row"] = dense_rows(runs)
    runs["retention"] = retention_draws(runs, draws[:, :1])[:, 0]
    return runs


def is_dense(runs: pd.DataFrame) -> pd.Series:
    """Whether each run is a dense twin; a run from scratch (recipe `dense`, regime `scratch`) is none."""
    return (runs["family"] == "dense") & (runs["regime"] == "dense")


def dense_rows(runs: pd.DataFrame) -> np.ndarray:
    """Row number of each run's dense twin, -1 where there is none. ValueError when a run has two."""
    pair = ["checkpoint", "task", "seed"]
    dense = runs.loc[is_dense(runs), pair].reset_index(names="dense_row")
    if dense.duplicated(pair).any():
        twice = dense[dense.duplicated(pair)].iloc[0]
        raise ValueError(
            f"runs: more than one dense run for {' '.join(f'{key}={twice[key]}' for key in pair)}"
        )
    return runs[pair].merge(dense, how="left", on=pair)["dense_row"].fillna(-1).to_numpy(dtype=int)


def retention_draws(runs: pd.DataFrame, draws: np.ndarray) -> np.ndarray:
    """Chance-corrected retention [runs, R] of score draws [runs, R]; NaN where the twin is not above chance."""
    twin = runs["dense_row"].to_numpy()
    chances = runs["chance"].to_numpy()[:, None]
    defined = (twin >= 0) & (runs["score_low"].to_numpy()[twin] > runs["chance"].to_numpy())
    room = draws[twin] - chances
    # A resample of a dense run that was above chance may still fall to it; such a draw has no retention.
    room = np.where(defined[:, None] & (room > 0), room, np.nan)
    return (draws - chances) / room


def drops_table(
    runs: pd.DataFrame, stacks: Mapping[str, Stack], draws: np.ndarray, replicates: Replicates
) -> pd.DataFrame:
    """Set every compressed run against its dense twin, one row a run that has one.

    drop = score of the twin - score (positive: performance fell), relative_drop = drop / score of the twin,
    both and retention with paired 95 % bootstrap intervals over examples. flips: share of examples whose
    correctness changed (Dutta et al. 2024, Accuracy is not all you need); undefined for correlations.
    """
    at = np.flatnonzero(~is_dense(runs) & (runs["dense_row"] >= 0))
    twin = runs["dense_row"].to_numpy()[at]
    columns = [
        *KEYS,
        "family",
        "level",
        "selection",
        "metric",
        "chance",
        "score",
        "collapsed",
        "diverged",
        "trained",
    ]
    table = runs.iloc[at][columns].reset_index(drop=True)
    table["dense_score"] = runs["score"].to_numpy()[twin]
    difference = draws[twin] - draws[at]
    table["drop"] = difference[:, 0].astype(float)
    table["drop_low"], table["drop_high"] = interval(difference, replicates)
    table["relative_drop"] = np.where(table["dense_score"] != 0, table["drop"] / table["dense_score"], np.nan)
    retention = retention_draws(runs, draws)[at]
    table["retention"] = retention[:, 0]
    table["retention_low"], table["retention_high"] = interval(retention, replicates)
    table["flips"] = _flips(runs, stacks)[at]
    return table


def _flips(runs: pd.DataFrame, stacks: Mapping[str, Stack]) -> np.ndarray:
    flips = np.full(len(runs), np.nan)
    twins = runs["dense_row"].to_numpy()
    for stack in stacks.values():
        if runs["metric"].iloc[stack.row[0]] not in CLASS_METRICS:
            continue
        correct = stack.prediction == stack.target
        place = {row: index for index, row in enumerate(stack.row)}
        for row in stack.row[twins[stack.row] >= 0]:
            flips[row] = np.mean(correct[place[row]] != correct[place[twins[row]]])
    return flips


def _selection(recipes: Mapping[str, Mapping], recipe: str) -> str:
    if recipe not in recipes:
        raise ValueError(f"recipes: {recipe!r} has runs but is not described; there are {sorted(recipes)}")
    described = recipes[recipe]
    if described.get("selection") == "nm":
        # 2:4 and 4:8 both remove half, so each M is a curve of its own.
        return f"{PATTERN}{described['group']}"
    return SELECTIONS[described["selection"]] if described.get("selection") else "none"


def _check_columns(facts: pd.DataFrame) -> None:
    missing = [name for name in (*KEYS, "family", "level", *FACTS) if name not in facts]
    if missing:
        raise ValueError(f"metrics.parquet lacks {', '.join(missing)}; it holds {', '.join(facts.columns)}")
