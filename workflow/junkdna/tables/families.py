"""The runs of a study as families of cells: what curves and claims are computed from.

A family is one checkpoint under the recipes of one sweep and pattern, trained or as it is (running text), for the
two have not the same sources of error; a cell is one task, regime and level of it, all seeds together. Only usable
runs enter a mean (see `retention`). Shapes: n runs of a cell, R replicates (`junkdna.statistics.bootstrap`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from junkdna.statistics.bootstrap import Replicates, seed_weights
from junkdna.study.elsewhere import effect_of
from junkdna.tables.predictions import Draws
from junkdna.tables.retention import is_dense, paired, ratio_of_means

Array = np.ndarray
# A claim rests on at least so many seeds.
MIN_SEEDS = 3
CONTROL_SCORES = ("random", "inverse-magnitude")


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """All seeds of one task, regime and level.

    seeds, trained: [n]. defined: [n], whether a run has a reference (see `retention.paired`). usable: [n]. kept,
    whole: [n, R], score above chance of the runs and of their twins. mean: retention over the usable runs, [R], or
    None without any. train_examples: of its runs. examples: that they are measured on. bits: that a weight of the
    compressed body takes, mean over its runs.
    """

    task: str
    regime: str
    level: float
    seeds: Array
    trained: Array
    defined: Array
    usable: Array
    kept: Array
    whole: Array
    mean: Array | None
    train_examples: float
    examples: float
    bits: float

    @property
    def n_usable(self) -> int:
        """How many of its runs are usable."""
        return int(self.usable.sum())

    @property
    def known_mean(self) -> Array:
        """`mean`, of a cell that has a usable run, as every cell at a level of `common_levels` has."""
        assert self.mean is not None, (self.task, self.regime, self.level)
        return self.mean

    @property
    def grain(self) -> float:
        """What one example is worth, as a share of what the dense runs are above chance; 0 without usable runs."""
        return float(1 / (self.examples * self.whole[self.usable, 0].mean())) if self.n_usable else 0.0

    @property
    def by_run(self) -> Array:
        """Retention of each run [n], measured against the mean of the usable runs' twins; NaN where not usable."""
        if not self.usable.any():
            return np.full(len(self.seeds), np.nan)
        return np.where(self.usable, self.kept[:, 0] / self.whole[self.usable, 0].mean(), np.nan)


@dataclass(frozen=True, kw_only=True, slots=True)
class Family:
    """One checkpoint under one recipe family.

    cells: by (task, regime, level). method: what its recipes do (prune, quantize). like: by level, the recipe whose
    layers a random mask copies. control: whether it is there for comparison only (a random mask).
    """

    checkpoint: str
    family: str
    selection: str
    method: str
    like: Mapping[float, str]
    control: bool
    slugs: Mapping[float, str]
    cells: Mapping[tuple[str, str, float], Cell]
    replicates: Replicates
    weights: Mapping[int, Array]

    @property
    def name(self) -> str:
        """What a reader calls it: the sweep and its selection."""
        return self.family if self.selection == "none" else f"{self.family} {self.selection}"

    @property
    def speaks(self) -> bool:
        """Whether the claims, which are about pruning, are judged by it; others are there for comparison."""
        return self.method == "prune" and not self.control

    @property
    def tasks(self) -> list[str]:
        """In the order of the runs."""
        return list(dict.fromkeys(task for task, _, _ in self.cells))

    @property
    def curve_regime(self) -> str:
        """`sparse`, or `zero-shot` where nothing trains; of a quantized family what it was run in, if that differs."""
        regimes = list(dict.fromkeys(regime for _, regime, _ in self.cells))
        if regimes[0] == "zero-shot":
            return "zero-shot"
        return "sparse" if "sparse" in regimes or self.method != "quantize" else regimes[0]

    def levels(self, task: str, regime: str) -> list[float]:
        """The levels of its cells of a task and regime, rising; none where there is no such cell."""
        return sorted(level for of, under, level in self.cells if (of, under) == (task, regime))

    def curve(self, tasks: Sequence[str], regime: str) -> list[Cell]:
        """All cells of these tasks in a regime, by task and level."""
        return [self.cells[task, regime, level] for task in tasks for level in self.levels(task, regime)]

    def retention(self, kept: Array, whole: Array, seeds: Sequence[int]) -> Array:
        """Retention [R] of runs of these seeds; see `ratio_of_means`."""
        return ratio_of_means(kept, whole, seeds, self.weights)


def families_of(
    runs: pd.DataFrame,
    draws: Draws,
    replicates: Replicates,
    recipes: Mapping[str, Mapping[str, Any]] | None = None,
    twin_task: Mapping[str, str] | None = None,
    *,
    failed_keep_nothing: bool = False,
) -> list[Family]:
    """Gather the runs of a study, in their order, into families; dense twins belong to none.

    runs: from `runs_table`; draws: from `score_draws`. recipes: slug -> expanded recipe; without it every family prunes
    by magnitude. twin_task: task -> the task whose dense run retention is measured against; its own where not named.
    failed_keep_nothing: count a run that failed, though its twin trained, as one that is left with nothing above
    chance, instead of leaving it out.
    """
    runs = _retwinned(runs, twin_task) if twin_task else runs
    defined = paired(runs)
    trained, as_it_is = runs["trained"].to_numpy(dtype=bool), runs["regime"] == "zero-shot"
    usable = defined if failed_keep_nothing else defined & trained
    kept = np.where(trained[:, None], draws.excess, np.float32(0)) if failed_keep_nothing else draws.excess
    measured = runs.assign(row=np.arange(len(runs)), defined=defined, usable=usable, as_it_is=as_it_is)
    weights, families = seed_weights(replicates), []
    by = ["checkpoint", "family", "selection", "as_it_is"]
    for (checkpoint, family, selection, _), chosen in measured[~is_dense(runs)].groupby(by, sort=False):
        slugs = dict(zip(chosen["level"], chosen["recipe"], strict=True))
        described = {level: (recipes or {}).get(slug, {}) for level, slug in slugs.items()}
        first = next(iter(described.values()))
        like = {level: each["like"] for level, each in described.items() if each.get("like")}
        families.append(
            Family(
                checkpoint=checkpoint,
                family=family,
                selection=selection,
                method=effect_of(first),
                like=like,
                control=bool(like) or first.get("score") in CONTROL_SCORES,
                slugs=slugs,
                cells=_cells(chosen, kept, draws.excess, weights),
                replicates=replicates,
                weights=weights,
            )
        )
    return families


def difficulty_axes(axes: Mapping[str, Mapping[str, Any]], family: Family) -> list[tuple[str, list[str]]]:
    """The axes of difficulty with those of their tasks that a family has; a budget is no difficulty."""
    held = set(family.tasks)
    return [
        (name, [task for task in axis["tasks"] if task in held])
        for name, axis in axes.items()
        if axis.get("vary") != "budget"
    ]


def common_levels(family: Family, tasks: Sequence[str], regime: str) -> list[float]:
    """Levels at which every task has enough usable seeds; where there are none, at least one usable seed.

    One failed run must not cost a whole curve its verdict, nor may a level with a single survivor enter it.
    """
    fewest = {}
    for level in sorted(set.intersection(*(set(family.levels(task, regime)) for task in tasks))):
        fewest[level] = min(family.cells[task, regime, level].n_usable for task in tasks)
    enough = [level for level, number in fewest.items() if number >= MIN_SEEDS]
    return enough or [level for level, number in fewest.items() if number > 0]


def by_seed(family: Family, columns: Sequence[Sequence[Cell]]) -> Array:
    """Retention on the sample [seeds, columns] of the seeds that are usable in every cell.

    columns: lists of cells; each column is the mean over its list.
    """
    held = [
        {seed for seed, good in zip(c.seeds, c.usable, strict=True) if good} for each in columns for c in each
    ]
    seeds = sorted(set.intersection(*held)) if held else []
    table = np.empty((len(seeds), len(columns)))
    for place, cells in enumerate(columns):
        values = [dict(zip(c.seeds, c.by_run, strict=True)) for c in cells]
        table[:, place] = [np.mean([each[seed] for each in values]) for seed in seeds]
    return table


def _cells(
    chosen: pd.DataFrame, kept: Array, whole: Array, weights: Mapping[int, Array]
) -> dict[tuple[str, str, float], Cell]:
    """The cells of a family; kept, whole: score above chance of all runs of the study [runs, R]."""
    names = ("row", "dense_row", "seed", "trained", "defined", "usable", "train_examples")
    columns = {name: chosen[name].to_numpy() for name in (*names, "validation_examples", "effective_bits")}
    cells = {}
    for (task, regime, level), at in chosen.groupby(["task", "regime", "level"], sort=False).indices.items():
        seeds, used = columns["seed"][at], columns["usable"][at].astype(bool)
        # A run without a twin points to the last run of the study; it is not usable.
        own, twins = kept[columns["row"][at]], whole[columns["dense_row"][at]]
        # Where nothing is drawn any other seed would give the same run again.
        of_cell = weights if len(at) > 1 or regime != "zero-shot" else {seeds[0]: np.ones(whole.shape[1])}
        cells[task, regime, level] = Cell(
            task=task,
            regime=regime,
            level=level,
            seeds=seeds,
            trained=columns["trained"][at].astype(bool),
            defined=columns["defined"][at].astype(bool),
            usable=used,
            kept=own,
            whole=twins,
            mean=ratio_of_means(own[used], twins[used], list(seeds[used]), of_cell) if used.any() else None,
            train_examples=float(columns["train_examples"][at].max()),
            examples=float(columns["validation_examples"][at].min()),
            bits=float(columns["effective_bits"][at].mean()),
        )
    return cells


def _retwinned(runs: pd.DataFrame, twin_task: Mapping[str, str]) -> pd.DataFrame:
    """The runs with the dense run of another task as twin, -1 where there is none."""
    keys = ["checkpoint", "task", "seed"]
    dense = runs.loc[is_dense(runs), keys]
    place = dict(zip(dense.itertuples(index=False, name=None), dense.index, strict=True))
    wanted = runs[keys].assign(task=[twin_task.get(task, task) for task in runs["task"]])
    return runs.assign(dense_row=[place.get(key, -1) for key in wanted.itertuples(index=False, name=None)])
