"""The runs of a study as families of cells: what curves and claims are computed from.

A family is one checkpoint under the recipes of one sweep and pattern; a cell is one task, regime and level of
it, all seeds together. Only usable runs enter a mean: those that trained and whose retention is defined.
Shapes: n runs of a cell, R replicates (`junkdna.bootstrap`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from junkdna.bootstrap import Replicates, mean_over_seeds, seed_weights
from junkdna.tables import is_dense, retention_draws

Array = np.ndarray
# A claim rests on at least so many seeds.
MIN_SEEDS = 3
CONTROL_SCORES = ("random", "inverse-magnitude")


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """All seeds of one task, regime and level.

    seeds, trained, usable: [n]. defined: [n], whether the dense twin is above chance. retention: [n, R].
    mean: over the usable runs, [R], or None without any. train_examples: of its runs. bits: that a weight of the
    compressed body takes, mean over its runs.
    """

    task: str
    regime: str
    level: float
    seeds: Array
    trained: Array
    defined: Array
    usable: Array
    retention: Array
    mean: Array | None
    train_examples: float
    bits: float

    @property
    def n_usable(self) -> int:
        return int(self.usable.sum())


@dataclass(frozen=True, kw_only=True, slots=True)
class Family:
    """One checkpoint under one recipe family.

    cells: by (task, regime, level). method: of its recipes (prune, quantize). like: by level, the recipe whose
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
        """The regime of its curves: `sparse`, or `zero-shot` where nothing trains; what a quantized family was run in
        where that is another.
        """
        regimes = list(dict.fromkeys(regime for _, regime, _ in self.cells))
        if "sparse" not in regimes and "zero-shot" in regimes:
            return "zero-shot"
        return "sparse" if "sparse" in regimes or self.method != "quantize" else regimes[0]

    def levels(self, task: str, regime: str) -> list[float]:
        return sorted(level for of, under, level in self.cells if (of, under) == (task, regime))

    def curve(self, tasks: Sequence[str], regime: str) -> list[Cell]:
        """All cells of these tasks in a regime, by task and level."""
        return [self.cells[task, regime, level] for task in tasks for level in self.levels(task, regime)]

    def average(self, values: Array, seeds: Sequence[int]) -> Array:
        """Mean over seeds [R] of values [S, R]."""
        return mean_over_seeds(values, seeds, self.weights)


def families_of(
    runs: pd.DataFrame,
    draws: Array,
    replicates: Replicates,
    recipes: Mapping[str, Mapping] | None = None,
    twin_task: Mapping[str, str] | None = None,
) -> list[Family]:
    """Gather the runs of a study, in their order, into families; dense twins belong to none.

    runs: from `runs_table`; draws: its scores [runs, R]. recipes: slug -> expanded recipe; without it every
    family prunes by magnitude. twin_task: task -> the task whose dense run retention is measured against; each
    task's own where it is not named.
    """
    retention = retention_draws(_retwinned(runs, twin_task) if twin_task else runs, draws)
    weights = seed_weights(replicates)
    keys = ["checkpoint", "family", "selection"]
    families = []
    compressed = runs[~is_dense(runs)].reset_index(names="row")
    for (checkpoint, family, selection), chosen in compressed.groupby(keys, sort=False):
        slugs = dict(zip(chosen["level"], chosen["recipe"], strict=True))
        described = {level: (recipes or {}).get(slug, {}) for level, slug in slugs.items()}
        first = next(iter(described.values()))
        like = {level: each["like"] for level, each in described.items() if each.get("like")}
        families.append(
            Family(
                checkpoint=checkpoint,
                family=family,
                selection=selection,
                method=first.get("method", "prune"),
                like=like,
                control=bool(like) or first.get("score") in CONTROL_SCORES,
                slugs=slugs,
                cells=_cells(chosen, retention, weights),
                replicates=replicates,
                weights=weights,
            )
        )
    return families


def difficulty_axes(axes: Mapping[str, Mapping], family: Family) -> list[tuple[str, list[str]]]:
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
        values = [dict(zip(c.seeds, c.retention[:, 0], strict=True)) for c in cells]
        table[:, place] = [np.mean([each[seed] for each in values]) for seed in seeds]
    return table


def _cells(chosen: pd.DataFrame, retention: Array, weights: Mapping[int, Array]) -> dict:
    cells = {}
    columns = {
        name: chosen[name].to_numpy()
        for name in ("row", "seed", "trained", "train_examples", "effective_bits")
    }
    for (task, regime, level), at in chosen.groupby(["task", "regime", "level"], sort=False).indices.items():
        values = retention[columns["row"][at]]
        defined = np.isfinite(values[:, 0])
        trained = columns["trained"][at].astype(bool)
        usable, seeds = trained & defined, columns["seed"][at]
        cells[task, regime, level] = Cell(
            task=task,
            regime=regime,
            level=level,
            seeds=seeds,
            trained=trained,
            defined=defined,
            usable=usable,
            retention=values,
            mean=mean_over_seeds(values[usable], list(seeds[usable]), weights) if usable.any() else None,
            train_examples=float(columns["train_examples"][at].max()),
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
