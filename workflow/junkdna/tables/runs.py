"""The tables of single runs: what each scored, and how it stands to its dense twin (see `retention`)."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from junkdna.files.runs import SECONDS
from junkdna.statistics.bootstrap import Replicates, interval
from junkdna.tables.outcomes import training_outcomes
from junkdna.tables.predictions import KEYS, Draws, Stack
from junkdna.tables.retention import dense_rows, is_dense, measurable, paired, retention_by_run

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
# By which an answer is right or wrong, and nothing between.
RIGHT_OR_WRONG = ("accuracy", "mcc", "f1", "exact-match", "number")
# A correlation that one class or number throughout cannot have is 0 by convention, in every resample too.
CORRELATIONS = ("mcc", "pearson", "spearman")


def runs_table(
    facts: pd.DataFrame,
    stacks: Mapping[str, Stack],
    draws: Draws,
    replicates: Replicates,
    *,
    tasks: Mapping[str, Mapping[str, str]],
    recipes: Mapping[str, Mapping[str, Any]],
) -> pd.DataFrame:
    """Describe every run in one row, in the order of `facts`.

    facts: from `read_runs`. draws: from `score_draws`. tasks: slug -> {"metric", "format"}. recipes: slug -> expanded
    recipe. Columns: `runs_columns.RUNS`, and `dense_row`, the row of the twin (-1 without one), for the other tables.
    ValueError for facts that lack columns and for a recipe that is not described.
    """
    _check_columns(facts)
    runs = facts[[*KEYS, "family", "level"]].copy()
    runs["selection"] = [_selection(recipes, recipe) for recipe in runs["recipe"]]
    runs["metric"] = [tasks[task]["metric"] for task in runs["task"]]
    runs["score"] = draws.score[:, 0].astype(float)
    runs["score_low"], runs["score_high"] = interval(draws.score, replicates)
    runs["chance"] = (draws.score[:, 0] - draws.excess[:, 0]).astype(float)
    loss, outcome = np.full(len(runs), np.nan), np.full(len(runs), "trained", dtype=object)
    for task, stack in stacks.items():
        loss[stack.row] = stack.losses.mean(axis=1, dtype=np.float64)
        outcome[stack.row] = np.where(stack.finite, "trained", "diverged")
        trains = np.flatnonzero(facts["steps"].to_numpy()[stack.row] > 0)
        cells = runs.iloc[stack.row[trains]].groupby(["checkpoint", "recipe", "regime"], sort=False)
        for cell in cells.indices.values():
            own, form = trains[cell], tasks[task]["format"]
            said = stack.prediction[own], stack.losses[own]
            outcome[stack.row[own]] = training_outcomes(form, stack.target, *said, stack.options)
    runs = runs.assign(loss=loss, outcome=outcome)
    runs = pd.concat([runs, facts[list(FACTS)]], axis=1)
    if "versions" in facts:
        runs["versions"] = facts["versions"]
    runs["total_seconds"] = runs[list(SECONDS)].sum(axis=1)
    # What does not train may be a log that tells no losses; whether its predictions are numbers was looked at above.
    diverged = ~np.isfinite(runs["final_loss"].to_numpy(dtype=float)) & (runs["steps"] > 0).to_numpy()
    if "diverged" in facts:
        diverged |= facts["diverged"].to_numpy(dtype=bool)
    runs.loc[diverged, "outcome"] = "diverged"
    none = (runs["outcome"] == "constant") & runs["metric"].isin(CORRELATIONS)
    runs.loc[none, ["score_low", "score_high"]] = np.nan
    runs["trained"] = runs["outcome"] == "trained"
    runs["dense_row"] = dense_rows(runs)
    runs["measurable"] = measurable(runs, draws, replicates)
    runs["usable"] = paired(runs) & runs["trained"]
    runs["raw_retention"] = retention_by_run(runs, draws, replicates)[:, 0].astype(float)
    runs["retention"] = runs["raw_retention"].where(runs["usable"])
    return runs


def drops_table(
    runs: pd.DataFrame, stacks: Mapping[str, Stack], draws: Draws, replicates: Replicates
) -> pd.DataFrame:
    """Set every compressed run against its dense twin, one row a run that has one.

    runs: from `runs_table`, with `dense_row`. draws: from `score_draws`. A twin that failed is no reference. Columns:
    `runs_columns.DROPS`.
    """
    twin = runs["dense_row"].to_numpy()
    at = np.flatnonzero(~is_dense(runs) & (twin >= 0))
    twin = twin[at]
    columns = [
        *KEYS,
        "family",
        "level",
        "selection",
        "metric",
        "chance",
        "score",
        "outcome",
        "trained",
        "measurable",
        "usable",
    ]
    table = runs.iloc[at][columns].reset_index(drop=True)
    table["dense_score"] = runs["score"].to_numpy()[twin]
    table["dense_outcome"] = runs["outcome"].to_numpy()[twin]
    reference = (table["dense_outcome"] == "trained").to_numpy()
    difference = np.where(reference[:, None], draws.score[twin] - draws.score[at], np.nan)
    table["drop"] = difference[:, 0].astype(float)
    table["drop_low"], table["drop_high"] = interval(difference, replicates)
    table["relative_drop"] = table["drop"] / table["dense_score"].where(table["dense_score"] > 0)
    retention = np.where(
        runs["usable"].to_numpy()[:, None], retention_by_run(runs, draws, replicates), np.nan
    )[at]
    table["retention"] = retention[:, 0].astype(float)
    table["retention_low"], table["retention_high"] = interval(retention, replicates)
    lost, gained = (np.where(reference, each[at], np.nan) for each in _transitions(runs, stacks))
    table["flips"], table["lost"], table["gained"] = lost + gained, lost, gained
    return table


def _transitions(runs: pd.DataFrame, stacks: Mapping[str, Stack]) -> tuple[np.ndarray, np.ndarray]:
    """Of each run the shares of examples that only its twin, and that only it answers rightly; NaN without answers."""
    lost, gained = np.full(len(runs), np.nan), np.full(len(runs), np.nan)
    twins = runs["dense_row"].to_numpy()
    for stack in stacks.values():
        if runs["metric"].iloc[stack.row[0]] not in RIGHT_OR_WRONG:
            continue
        correct = stack.prediction == stack.target
        place = {row: index for index, row in enumerate(stack.row)}
        known = [
            row for row in stack.row[stack.finite] if twins[row] >= 0 and stack.finite[place[twins[row]]]
        ]
        for row in known:
            own, whole = correct[place[row]], correct[place[twins[row]]]
            lost[row], gained[row] = np.mean(whole & ~own), np.mean(own & ~whole)
    return lost, gained


def _selection(recipes: Mapping[str, Mapping[str, Any]], recipe: str) -> str:
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
