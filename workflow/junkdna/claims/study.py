"""From the folders of all runs to the tables of a study, in one call."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from junkdna.claims.equal_terms import equal_terms_table
from junkdna.claims.questions import questions_of
from junkdna.claims.table import claims_table
from junkdna.statistics.bootstrap import Replicates
from junkdna.tables.cells import cells_table
from junkdna.tables.curves import curves_table
from junkdna.tables.predictions import Stack, read_runs, score_draws
from junkdna.tables.runs import drops_table, runs_table


def aggregate(
    folders: Sequence[Path],
    *,
    expected: Iterable[Mapping[str, Any]],
    tasks: Mapping[str, Mapping[str, str]],
    recipes: Mapping[str, Mapping[str, Any]],
    axes: Mapping[str, Mapping[str, Any]],
    labels: Mapping[str, np.ndarray] | None = None,
    draws: int = 2000,
    seed: int = 0,
    margin: float = 0.02,
) -> dict[str, pd.DataFrame]:
    """Build the tables runs, drops, cells, curves, equal_terms and claims of a study.

    folders: one a run, each with `metrics.parquet` and `predictions.parquet`. expected: the keys of the runs asked
    for. tasks: slug -> {"metric", "format"}. recipes: slug -> expanded recipe. axes: slug -> {"tasks": easy to
    hard}. labels: task -> its training labels, for those that have classes. draws, seed: of the bootstrap. margin:
    the smallest difference in retention that matters. ValueError when the runs are not exactly those expected.
    """
    facts, stacks = read_runs(folders, tasks, expected, labels)
    return tables_of(
        facts, stacks, tasks=tasks, recipes=recipes, axes=axes, draws=draws, seed=seed, margin=margin
    )


def tables_of(
    facts: pd.DataFrame,
    stacks: Mapping[str, Stack],
    *,
    tasks: Mapping[str, Mapping[str, str]],
    recipes: Mapping[str, Mapping[str, Any]],
    axes: Mapping[str, Mapping[str, Any]],
    draws: int,
    seed: int,
    margin: float,
) -> dict[str, pd.DataFrame]:
    """Build the tables from what `read_runs` gives; the other arguments are those of `aggregate`."""
    replicates = Replicates(seeds=tuple(sorted(facts["seed"].unique().tolist())), draws=draws)
    scores = score_draws(stacks, tasks, replicates, seed)
    runs = runs_table(facts, stacks, scores, replicates, tasks=tasks, recipes=recipes)
    questions = questions_of(runs, stacks, tasks, axes, replicates, seed)
    return {
        "runs": runs.drop(columns="dense_row"),
        "drops": drops_table(runs, stacks, scores, replicates),
        "cells": cells_table(runs, scores, replicates),
        "curves": curves_table(runs, scores, replicates, recipes),
        "equal_terms": equal_terms_table(runs, scores, replicates, axes, recipes),
        "claims": claims_table(runs, scores, replicates, axes, recipes, questions=questions, margin=margin),
    }
