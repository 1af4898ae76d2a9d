"""The table of claims of the Junk DNA hypothesis: effects with intervals, corrected p-values and verdicts.

All effects come from one axis of replicates of seeds and examples, so they are paired, and the mean of several
is judged as they are. Only runs that trained enter: one that failed says that optimisation failed, not what the
weights knew. How many were left out is part of the sentence, and so is what the verdict would be if they counted as
runs that keep nothing.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from junkdna.claims.asked import asked_or_written, more_than_margin
from junkdna.claims.curves import along_axis, monotone
from junkdna.claims.effects import Effect, limits, p_against
from junkdna.claims.failures import fails_earlier
from junkdna.claims.quantization import quantization_differs
from junkdna.claims.questions import Questions
from junkdna.claims.training import (
    ONE_BUDGET,
    budgets_of,
    irreversible,
    irreversible_by_budget,
    small_weights,
)
from junkdna.claims.verdicts import LEVEL, judge, with_failed
from junkdna.statistics.bootstrap import Replicates, variance_parts
from junkdna.statistics.multiplicity import benjamini_hochberg, holm
from junkdna.statistics.power import seeds_needed
from junkdna.tables.families import MIN_SEEDS, difficulty_axes, families_of
from junkdna.tables.predictions import Draws

TRENDS = ("n_axis", "p_page", "p_jt", "p_tost")
# The claims that were declared first, at most six, each with the words for its mean over {n}.
PRIMARY = {
    "monotone": ("curve", "retention falls by {effect} points per 10 points of sparsity"),
    "harder-falls-further": ("axis", "the hardest task keeps {effect} points less than the easiest"),
    "interaction": ("axis", "the hardest task falls by {effect} points more per 10 points of sparsity"),
    "irreversible": (
        "cell",
        "{effect} points are missing after training with every weight, at the largest budget tried",
    ),
    "small-weights": ("cell", "keeping the small weights frozen is worth {effect} points"),
    "quantization-differs": (
        "axis",
        "pruning separates tasks by {effect} points a step more than quantization of the same damage",
    ),
}
# One-sided levels at which more seeds are asked to decide: of a single effect, that of its 95 % interval; of a
# claim as a whole Holm's strictest.
CELL_ALPHA, PRIMARY_ALPHA = 0.025, LEVEL / len(PRIMARY)
PLURALS = {"curve": "curves", "axis": "axes", "cell": "cells"}


def claims_table(
    runs: pd.DataFrame,
    draws: Draws,
    replicates: Replicates,
    axes: Mapping[str, Mapping[str, Any]],
    recipes: Mapping[str, Mapping[str, Any]] | None = None,
    *,
    questions: Questions | None = None,
    margin: float = 0.02,
) -> pd.DataFrame:
    """Judge every claim as a whole and on every checkpoint, recipe family and subject.

    runs: from `runs_table`; draws: from `score_draws`. axes: slug -> {"tasks": easy to hard} and, where one
    task is varied, "task", "vary" and "values"; tasks without runs are passed over. recipes: slug -> expanded
    recipe; without it every family prunes and none is a control. questions: of asked tasks; without them the claims
    about single questions have no row. margin: the smallest difference in retention that matters.
    Columns: `table_columns.CLAIMS`. ValueError where there is nothing to judge.
    """
    options = (runs, draws, replicates, axes, recipes, questions or Questions(), margin)
    effects = study_effects(*options)
    if not effects:
        raise ValueError("claims: nothing to judge; the study needs runs of recipes other than dense")
    table = _rows(effects, replicates, margin)
    other = table
    if (table["n_failed"] > 0).any():
        other = _rows(study_effects(*options, failed_keep_nothing=True), replicates, margin)
    return judge(with_failed(table, other, margin), margin)


def _rows(effects: Sequence[Effect], replicates: Replicates, margin: float) -> pd.DataFrame:
    """Rows of the claims as wholes and of every effect, with their corrected p."""
    primary = [_pooled(claim, effects) for claim in PRIMARY]
    rows = [_row(each, "primary", replicates, margin) for each in primary if each is not None]
    rows += [_row(each, "cell", replicates, margin) for each in effects]
    table = pd.DataFrame(rows)
    first = (table["scope"] == "primary").to_numpy()
    p = table["p"].to_numpy()
    table["p_holm"] = np.where(first, holm(np.where(first, p, np.nan)), np.nan)
    table["p_bh"] = np.where(first, np.nan, benjamini_hochberg(np.where(first, np.nan, p)))
    return table


def study_effects(
    runs: pd.DataFrame,
    draws: Draws,
    replicates: Replicates,
    axes: Mapping[str, Mapping[str, Any]],
    recipes: Mapping[str, Mapping[str, Any]] | None,
    questions: Questions,
    margin: float,
    *,
    failed_keep_nothing: bool = False,
) -> list[Effect]:
    """Every single effect of a study, family by family; arguments as `claims_table` and `families_of` have them."""
    gather = partial(families_of, runs, draws, replicates, recipes, failed_keep_nothing=failed_keep_nothing)
    families = gather()
    budgets = budgets_of(axes)
    base = {task: name for name, each in budgets.items() for task in each.tasks}
    trained_less = gather(twin_task=base) if base else families
    metrics = dict(zip(runs["task"], runs["metric"], strict=True))
    effects: list[Effect] = []
    for family, first in zip(families, trained_less, strict=True):
        for task in family.tasks:
            effects += monotone(family, task, pooled=base.get(task, task) == task)
        for name, tasks in difficulty_axes(axes, family):
            effects += along_axis(family, name, tasks, metrics)
            effects += fails_earlier(family, name, tasks, margin)
            effects += more_than_margin(family, name, tasks, questions)
            effects += asked_or_written(family, name, tasks, questions, margin)
        for task, level in dict.fromkeys((task, level) for task, _, level in family.cells):
            longer = base.get(task, task) != task
            of_budgets: list[Effect] = []
            if task in budgets:
                of_budgets = irreversible_by_budget(family, first, families, task, level, budgets[task])
            # What a longer training leaves is told with the budgets of its task.
            if not longer or base[task] not in family.tasks:
                effects += of_budgets or irreversible(family, families, task, level)
            effects += small_weights(family, families, task, level, pooled=not longer)
    for family in families:
        for name, tasks in difficulty_axes(axes, family) if family.method == "quantize" else ():
            effects += quantization_differs(family, families, name, tasks, margin)
    return effects


def _pooled(claim: str, effects: Sequence[Effect]) -> Effect | None:
    """The mean of a claim's effects over subjects, checkpoints and families: one effect for the claim.

    Controls and tasks with a longer training stay out where there is anything else, and so do effects with fewer
    seeds than a claim needs. Where some tasks are trained, those on running text, which have one run and no draw,
    stand in rows of their own: the uncertainty of a mean of both would come from one of them. Of `irreversible` the
    regrow regime counts (every weight may train), and where budgets were varied these effects alone.
    """
    chosen = [each for each in effects if each.claim == claim]
    chosen = [each for each in chosen if each.pooled] or chosen
    trained = [each for each in chosen if each.regime != "zero-shot"]
    apart = len(chosen) - len(trained) if trained else 0
    chosen = trained or chosen
    if claim == "irreversible":
        chosen = [each for each in chosen if each.regime == "regrow"]
        chosen = [each for each in chosen if "n_axis" in each.more] or chosen
    if not chosen:
        return None
    measured = [each for each in chosen if each.values is not None]
    untrained = chosen[0].regime == "zero-shot"
    # Where nothing trains one run is enough.
    measured = [each for each in measured if each.n_seeds >= MIN_SEEDS or untrained] or measured
    kind, words = PRIMARY[claim]
    number = f"{len(measured)} {PLURALS[kind] if len(measured) != 1 else kind}"
    left_out = len(chosen) - len(measured)
    on_seeds = f" on {MIN_SEEDS} seeds" * (not untrained)
    caveat = f" {left_out} more could not be measured{on_seeds}." * (left_out > 0)
    caveat += f" {apart} on running text, where nothing trains, stand in rows of their own." * (apart > 0)
    if claim == "irreversible" and not any("n_axis" in each.more for each in measured):
        caveat += ONE_BUDGET
    return Effect(
        claim=claim,
        checkpoint=_one_or_all([each.checkpoint for each in chosen], "checkpoints"),
        recipes=_one_or_all([each.recipes for each in chosen], "recipe families"),
        subject=_one_or_all([each.subject for each in chosen], "subjects"),
        words=f"Over {number}, {words}",
        values=np.mean([values for each in measured if (values := each.values) is not None], axis=0)
        if measured
        else None,
        n_runs=sum(each.n_runs for each in measured),
        n_seeds=min((each.n_seeds for each in measured), default=0),
        n_left_out=sum(each.n_left_out for each in chosen),
        n_failed=sum(each.n_failed for each in chosen),
        grain=max((each.grain for each in measured), default=0.0),
        regime=chosen[0].regime,
        caveat=caveat,
    )


def _one_or_all(names: Sequence[str], what: str) -> str:
    kinds = list(dict.fromkeys(names))
    return kinds[0] if len(kinds) == 1 else f"{len(kinds)} {what}"


def _row(effect: Effect, scope: str, replicates: Replicates, margin: float) -> dict[str, Any]:
    value = low = high = p = np.nan
    needed, examples = None, False
    if effect.judged is not None:
        value, low, high, p = effect.judged
    elif effect.values is not None:
        value, low, high = limits(effect.values, replicates, effect.grain)
        p = p_against(effect.values, replicates, margin, effect.grain)
        alpha = PRIMARY_ALPHA if scope == "primary" else CELL_ALPHA
        if not (p <= alpha or high < margin) or effect.n_seeds < MIN_SEEDS:
            parts = variance_parts(np.atleast_2d(effect.values)[0], replicates)
            needed, examples = seeds_needed(parts, margin, share=1 - 2 * alpha)
    return {
        "scope": scope,
        "claim": effect.claim,
        "checkpoint": effect.checkpoint,
        "recipes": effect.recipes,
        "subject": effect.subject,
        "level": effect.level,
        "regime": effect.regime,
        "effect": value,
        "low": low,
        "high": high,
        "n_runs": effect.n_runs,
        "n_seeds": effect.n_seeds,
        "n_left_out": effect.n_left_out,
        "n_failed": effect.n_failed,
        "p": p,
        **{name: float(effect.more.get(name, np.nan)) for name in TRENDS},
        "seeds_needed": np.nan if needed is None else float(needed),
        "words": effect.words,
        "caveat": effect.caveat,
        "examples_short": examples,
    }
