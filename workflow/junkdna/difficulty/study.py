"""From the predictions of a study to its tables of difficulty, in one call."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from junkdna.difficulty.agreement import agreement_table, order_table
from junkdna.difficulty.answers import read_outcomes
from junkdna.difficulty.estimates import Study, estimate_all
from junkdna.difficulty.strata import strata_table
from junkdna.difficulty.tables import difficulty_table
from junkdna.files.artifacts import read_table
from junkdna.statistics.bootstrap import Replicates


def measure_difficulty(
    runs: pd.DataFrame,
    predictions: Sequence[Path],
    *,
    nulls: Iterable[tuple[Mapping[str, Any], Path]] = (),
    confidences: Iterable[tuple[Mapping[str, Any], Path]] = (),
    human: Mapping[str, float],
    tasks: Mapping[str, Mapping[str, str]],
    axes: Mapping[str, Mapping[str, Any]],
    draws: int = 2000,
    seed: int = 0,
) -> dict[str, pd.DataFrame]:
    """Build the tables difficulty, agreement, orders and strata of a study.

    runs: from `runs_table`; predictions: the file of each of its rows. nulls, confidences: key (with
    checkpoint, task, seed) and file of each null-input run, and of each dense run that recorded its training
    examples. human: slug -> score in the metric's unit x 100. tasks: slug -> {"format", "metric"} and maybe
    "human". axes: slug -> {"tasks": easy to hard} and, where varied, "vary" and "values".
    draws, seed: of the resampling.
    """
    of_task: dict[tuple[str, str], dict[int, pd.DataFrame]] = {}
    for key, path in confidences:
        held = of_task.setdefault((key["checkpoint"], key["task"]), {})
        held[int(key["seed"])] = read_table(path, columns=["example_id", "epoch", "confidence"])
    replicates = Replicates(seeds=tuple(sorted(int(each) for each in runs["seed"].unique())), draws=draws)
    study = Study(tasks=tasks, axes=axes, human=human, confidences=of_task, replicates=replicates, seed=seed)
    outcomes = read_outcomes(runs, predictions, nulls)
    estimates = estimate_all(outcomes, study)
    budgets = {
        task
        for axis in axes.values()
        if axis.get("vary") == "budget"
        for task in axis["tasks"]
        if task != axis["task"]
    }
    return {
        "difficulty": difficulty_table(estimates, replicates),
        "agreement": agreement_table(estimates, replicates, without=budgets),
        "orders": order_table(estimates, axes, replicates),
        "strata": strata_table(outcomes, study),
    }
