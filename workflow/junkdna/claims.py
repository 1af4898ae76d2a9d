"""The claims of the Junk DNA hypothesis, each as an effect with an interval.

An effect is turned so that a positive value speaks for the claim, and is measured in chance-corrected
retention (1 = as good as dense). All come from one paired pigeonhole bootstrap of seeds and examples.
Only runs that trained enter: a collapsed run says that optimisation failed, not what the weights knew.
How many were left out is part of the sentence.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from junkdna.bootstrap import interval, mean_over_seeds, seed_weights
from junkdna.caveats import failures_caveat, levels_caveat, order_found, size_caveat
from junkdna.tables import retention_draws
from junkdna.verdicts import MIN_SEEDS, judge

USED = ["task", "regime", "level", "seed", "train_examples", "trained"]
# Selecting from Arrow strings is an order of magnitude slower, and curves are selected from all the time.
PLAIN = {"task": object, "regime": object}


@dataclass(frozen=True, kw_only=True, slots=True)
class Curve:
    """One checkpoint under one recipe family.

    runs: rows of `runs_table` with `row` (place in `retention`) and `usable` (trained, retention defined).
    retention: draws [rows, 1 + B]. weights: of each seed, [1 + B].
    """

    checkpoint: str
    recipes: str
    runs: pd.DataFrame
    retention: np.ndarray
    weights: dict[int, np.ndarray]


def claims_table(
    runs: pd.DataFrame,
    draws: np.ndarray,
    axes: Mapping[str, Mapping],
    *,
    margin: float = 0.02,
    seed: int = 0,
) -> pd.DataFrame:
    """Judge every claim on every checkpoint and recipe family, one row a claim and subject.

    runs: from `runs_table`; draws: its scores [runs, 1 + B]. axes: slug -> {"tasks": easy to hard};
    tasks without runs are passed over. margin: the smallest difference in retention that matters.
    Columns: claim, checkpoint, recipes, subject (a task or an axis), level, regime, effect, low, high,
    n_runs, n_seeds (of the cell that has fewest), n_left_out, margin, verdict (see `verdict`), sentence.
    """
    retention = retention_draws(runs, draws)
    weights = seed_weights(list(runs["seed"]), draws.shape[1] - 1, seed)
    rows = []
    curves = runs[runs["family"] != "dense"].groupby(["checkpoint", "family", "selection"], sort=False)
    for (checkpoint, family, selection), chosen in curves:
        defined = np.isfinite(retention[chosen.index, 0])
        curve = Curve(
            checkpoint=checkpoint,
            recipes=family if selection == "none" else f"{family} {selection}",
            runs=chosen[USED]
            .astype(PLAIN)
            .assign(row=np.arange(len(chosen)), defined=defined, usable=chosen["trained"] & defined),
            retention=retention[chosen.index],
            weights=weights,
        )
        for task in chosen["task"].unique():
            rows += _monotone(curve, task)
        for axis, described in axes.items():
            rows += _harder(
                curve, axis, [task for task in described["tasks"] if (chosen["task"] == task).any()]
            )
        for task, level in chosen[["task", "level"]].drop_duplicates().itertuples(index=False):
            rows += _irreversible(curve, task, level) + _small_weights(curve, task, level)
    if not rows:
        raise ValueError("claims: nothing to judge; the study needs runs of recipes other than dense")
    return judge(pd.DataFrame(rows), margin)


def _monotone(curve: Curve, task: str) -> list[dict]:
    """Slope of mean retention on level by least squares, the dense point (level 0, retention 1) included."""
    rows = _rows(curve, [task], "sparse")
    if rows.empty:
        return []
    levels = _common_levels(rows, [task])
    effect = None
    if levels:
        means = [_mean(curve, rows[rows["level"] == level]) for level in levels]
        effect = -10 * _slope(np.array([0.0, *levels]), np.stack([np.ones_like(means[0]), *means]))
    words = f"On {task}, retention falls by {{effect}} points per 10 points of sparsity"
    return [_row(curve, "monotone", task, effect, rows, words, levels_caveat(rows, levels), levels=levels)]


def _harder(curve: Curve, axis: str, tasks: list[str]) -> list[dict]:
    """Mean retention of each task over the levels that all tasks of the axis have in common."""
    rows = _rows(curve, tasks, "sparse")
    if len(tasks) < 2 or rows["task"].nunique() < len(tasks):
        return []
    levels = _common_levels(rows, tasks)
    area = None
    if levels:
        means = {cell: _mean(curve, at) for cell, at in rows.groupby(["task", "level"])}
        area = np.stack([np.mean([means[task, level] for level in levels], axis=0) for task in tasks])
    over = f"over {len(levels)} common level{'s' * (len(levels) != 1)}"
    words = f"On the axis {axis}, {tasks[-1]} keeps {{effect}} points less than {tasks[0]} {over}"
    ends = rows[rows["task"].isin([tasks[0], tasks[-1]])]
    caveat = levels_caveat(rows, levels)
    effect = None if area is None else area[0] - area[-1]
    out = [
        _row(
            curve,
            "harder-falls-further",
            axis,
            effect,
            ends,
            words,
            caveat + size_caveat(ends),
            levels=levels,
        )
    ]
    if len(tasks) > 2:
        words = (
            f"On the axis {axis}, each of the {len(tasks) - 1} steps of difficulty costs {{effect}} points"
        )
        effect = None
        if area is not None:
            effect = -_slope(np.arange(len(tasks), dtype=float), area)
            caveat = order_found(tasks, area) + caveat
        caveat += size_caveat(rows)
        out.append(_row(curve, "difficulty-order", axis, effect, rows, words, caveat, levels=levels))
    return out


def _irreversible(curve: Curve, task: str, level: float) -> list[dict]:
    """1 - retention after training, in the sparse and the regrow regime, at levels where both were run."""
    cells = {regime: _rows(curve, [task], regime, level) for regime in ("sparse", "regrow")}
    if any(cell.empty for cell in cells.values()):
        return []
    out = []
    for regime, cell in cells.items():
        mean = _mean(curve, cell)
        effect = None if mean is None else 1 - mean
        words = f"At {level:g} % on {task}, {{effect}} points are missing after training ({regime})"
        out.append(_row(curve, "irreversible", task, effect, cell, words, level=level, regime=regime))
    return out


def _small_weights(curve: Curve, task: str, level: float) -> list[dict]:
    """Retention with the small weights frozen at their values minus without them, paired by seed."""
    freeze, sparse = (_rows(curve, [task], regime, level) for regime in ("freeze", "sparse"))
    if sparse.empty or freeze.empty:
        return []
    seeds = sorted(set(sparse.loc[sparse["usable"], "seed"]) & set(freeze.loc[freeze["usable"], "seed"]))
    effect = None
    if seeds:
        kept, lost = (cell.set_index("seed").loc[seeds, "row"].to_numpy() for cell in (freeze, sparse))
        effect = mean_over_seeds(curve.retention[kept] - curve.retention[lost], seeds, curve.weights)
    cells = pd.concat([sparse, freeze])
    cells["usable"] &= cells["seed"].isin(seeds)
    words = f"At {level:g} % on {task}, keeping the small weights frozen is worth {{effect}} points"
    return [_row(curve, "small-weights", task, effect, cells, words, level=level, regime="freeze")]


def _rows(curve: Curve, tasks: list[str], regime: str, level: float | None = None) -> pd.DataFrame:
    rows = curve.runs[curve.runs["task"].isin(tasks) & (curve.runs["regime"] == regime)]
    return rows if level is None else rows[rows["level"] == level]


def _common_levels(rows: pd.DataFrame, tasks: list[str]) -> list[float]:
    """Levels at which every task has enough usable seeds; where there are none, at least one usable seed.

    One failed run must not cost a whole curve its verdict, nor may a level with a single survivor enter it.
    """
    usable = rows[rows["usable"]].groupby(["level", "task"])["seed"].nunique().unstack("task")
    fewest = usable.reindex(columns=tasks).fillna(0).min(axis=1)
    enough = fewest[fewest >= MIN_SEEDS]
    return sorted((enough if len(enough) else fewest[fewest > 0]).index)


def _mean(curve: Curve, cell: pd.DataFrame) -> np.ndarray | None:
    """Mean retention [1 + B] over the seeds of a cell that are usable, None when there are none."""
    cell = cell[cell["usable"]]
    if cell.empty:
        return None
    return mean_over_seeds(curve.retention[cell["row"]], list(cell["seed"]), curve.weights)


def _slope(at: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Least-squares slope [1 + B] of values [k, 1 + B] on at [k]."""
    centred = at - at.mean()
    return (centred @ values) / (centred @ centred)


def _row(
    curve: Curve,
    claim: str,
    subject: str,
    effect: np.ndarray | None,
    rows: pd.DataFrame,
    words: str,
    caveat: str = "",
    *,
    level: float = np.nan,
    levels: list[float] | None = None,
    regime: str = "sparse",
) -> dict:
    """One effect [1 + B] and the runs behind it (at `levels`, None for all); `words` has a place for it."""
    usable = rows[rows["usable"] & (rows["level"].isin(levels) if levels else True)]
    seeds = usable.groupby(["task", "regime", "level"])["seed"].nunique()
    low, high = (np.nan, np.nan) if effect is None else interval(effect)
    return {
        "claim": claim,
        "checkpoint": curve.checkpoint,
        "recipes": curve.recipes,
        "subject": subject,
        "level": level,
        "regime": regime,
        "effect": np.nan if effect is None else float(effect[0]),
        "low": float(low),
        "high": float(high),
        "n_runs": len(usable),
        "n_seeds": int(seeds.min()) if len(seeds) else 0,
        "n_left_out": len(rows) - len(usable),
        "words": words,
        "caveat": failures_caveat(rows) + caveat,
    }
