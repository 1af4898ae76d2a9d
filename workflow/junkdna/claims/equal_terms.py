"""Pruning and quantization on equal terms: what each level costs the tasks of an axis, by damage and by bytes.

Per level of a family, the damage is the mean loss of retention over the tasks of an axis, and the separation the
fall of retention per step of the axis (least squares). Without compression both are 0, at 16 bits a weight. Between
two levels the curve of each task is its logistic fit, moved onto the measured points: separation rises and falls with
damage, and a straight line from point to point would cut the hump off. Shapes: L levels, k tasks, R replicates, G
places on the way.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from junkdna.statistics.bootstrap import Replicates, interval
from junkdna.statistics.fits import fit_logistic, logistic
from junkdna.study.specs import WEIGHT_BITS
from junkdna.tables.families import Family, common_levels, difficulty_axes, families_of
from junkdna.tables.predictions import Draws

Array = np.ndarray
# How far the curve goes on beyond the last level, in steps of the last two: single replicates get there.
OVERSHOOT = 0.5
# Levels whose damage is further apart than GAP do not tell what is between them, but for what is within NEAR of one.
GAP, NEAR = 0.3, 0.05
# Why a level of quantization has nothing to be compared with.
BEYOND, APART = "beyond", "apart"
# Damage and separation [R] of one family at a level of the other, or why there are none.
Match = tuple[Array, Array] | str
# Points of sparsity between two places at which a curve is looked at.
GRAIN = 0.5
COLUMNS: tuple[str, ...] = ("checkpoint", "family", "selection", "method", "control", "regime")
COLUMNS += ("axis", "level", "effective_bits", "n_tasks", "n_seeds")
COLUMNS += tuple(f"{name}{end}" for name in ("damage", "separation") for end in ("", "_low", "_high"))


@dataclass(frozen=True, kw_only=True, slots=True)
class Costs:
    """What a family costs the tasks of an axis: levels, bits a weight [L], damage, separation [L, R].

    kept: mean retention of each task, [L, k, R].
    """

    levels: list[float]
    bits: Array
    kept: Array

    @property
    def damage(self) -> Array:
        """Mean loss of retention over the tasks [L, R], as a share."""
        return 1 - self.kept.mean(axis=1)

    @property
    def separation(self) -> Array:
        """Fall of retention per step of the axis [L, R], as a share."""
        return separation_of(self.kept)


def costs_of(family: Family, tasks: Sequence[str]) -> Costs:
    """The costs at the levels that are usable for every task (see `common_levels`).

    tasks: easy to hard, two or more.
    """
    regime = family.curve_regime
    levels = common_levels(family, tasks, regime)
    cells = [[family.cells[task, regime, level] for task in tasks] for level in levels]
    means = [[cell.known_mean for cell in row] for row in cells]
    kept = np.array(means).reshape(len(levels), len(tasks), family.replicates.size)
    bits = np.array([np.mean([cell.bits for cell in row]) for row in cells])
    return Costs(levels=levels, bits=bits, kept=kept)


def separation_of(kept: Array) -> Array:
    """Fall of retention per step of the axis [..., R] of retention by task [..., k, R]."""
    place = np.arange(kept.shape[-2]) - (kept.shape[-2] - 1) / 2
    return -np.tensordot(kept, place / (place @ place), axes=([-2], [0]))


def on_the_way(costs: Costs) -> tuple[Array, Array]:
    """Places between no compression and a little beyond the last level [G], and retention there [G, k, R]."""
    knots = np.array([0.0, *costs.levels])
    if len(knots) < 2:
        return knots, np.ones((1, *costs.kept.shape[1:]))
    kept = np.concatenate([np.ones((1, *costs.kept.shape[1:])), costs.kept])
    end = min(knots[-1] + OVERSHOOT * (knots[-1] - knots[-2]), 100.0)
    places = np.union1d(np.arange(0.0, end, GRAIN), [*knots, end])
    # Weights of the two knots that a place lies between, [G, 1 + L]; beyond the last knot that one's.
    linear = np.stack([np.interp(places, knots, row) for row in np.eye(len(knots))], axis=1)
    curves = np.empty((len(places), *kept.shape[1:]))
    for task in range(kept.shape[1]):
        own = kept[:, task]
        # A logistic curve is not quite 1 at level 0: what it lacks there must not bend it elsewhere.
        first = 1 if len(knots) > 2 else 0
        middle, width = fit_logistic(knots[first:], own[first:], np.ones(len(knots) - first))
        rest = own - logistic(knots[:, None], middle, width)
        curves[:, task] = logistic(places[:, None], middle, width) + linear @ rest
    return places, curves


def at_damage(costs: Costs, curves: Array, damage: Array) -> Match:
    """Damage and separation [R] where the curves do `damage` [R].

    curves: [G, k, R], from `on_the_way`. BEYOND the largest damage that was measured, and APART where no level lies
    near, there is nothing to compare with.
    """
    if not costs.levels or damage[0] > costs.damage[:, 0].max():
        return BEYOND
    if not _between(costs, float(damage[0])):
        return APART
    ruler, scale = 1 - curves.mean(axis=1), separation_of(curves)
    above = np.maximum((ruler >= damage).argmax(axis=0), 1)
    # A replicate that never gets there is taken where it ends.
    above = np.where((ruler >= damage).any(axis=0), above, len(ruler) - 1)
    column = np.arange(len(damage))
    low, high = ruler[above - 1, column], ruler[above, column]
    part = np.clip((damage - low) / np.where(high > low, high - low, np.inf), 0.0, 1.0)
    return damage, scale[above - 1, column] + part * (scale[above, column] - scale[above - 1, column])


def at_bits(costs: Costs, places: Array, curves: Array, bits: float) -> Match:
    """Damage and separation [R] at so many bits a weight; BEYOND the fewest that there are, or APART, as `at_damage`.

    places, curves: from `on_the_way`. Between two levels bits fall linearly with the share of the weights that is
    removed.
    """
    if not costs.levels or bits < costs.bits.min():
        return BEYOND
    ruler, levels = np.append(float(WEIGHT_BITS), costs.bits), np.array([0.0, *costs.levels])
    order = np.argsort(ruler, kind="stable")
    level = np.interp(bits, ruler[order], levels[order])
    above = max(int(np.searchsorted(places, level)), 1)
    part = (level - places[above - 1]) / (places[above] - places[above - 1])
    kept = curves[above - 1] + part * (curves[above] - curves[above - 1])
    damage = 1 - kept.mean(axis=0)
    return (damage, separation_of(kept)) if _between(costs, float(damage[0])) else APART


def _between(costs: Costs, damage: float) -> bool:
    """Whether a damage lies near a level's, or between those of two levels that are not far apart."""
    known = np.sort(np.append(costs.damage[:, 0], 0.0))
    above = min(int(np.searchsorted(known, damage)), len(known) - 1)
    below = max(above - 1, 0)
    return bool(np.abs(known - damage).min() <= NEAR or known[above] - known[below] <= GAP)


def equal_terms_table(
    runs: pd.DataFrame,
    draws: Draws,
    replicates: Replicates,
    axes: Mapping[str, Mapping[str, Any]],
    recipes: Mapping[str, Mapping[str, Any]] | None = None,
) -> pd.DataFrame:
    """Damage and separation at every level, one row an axis of difficulty, checkpoint, family and level.

    Arguments as `claims_table` has them. An axis of which a family has fewer than two tasks has no row. Columns:
    `equal_terms_columns.EQUAL_TERMS`.
    """
    rows = []
    for family in families_of(runs, draws, replicates, recipes):
        regime = family.curve_regime
        for axis, tasks in difficulty_axes(axes, family):
            tasks = [task for task in tasks if family.levels(task, regime)]
            if len(tasks) > 1:
                rows += _rows(family, axis, tasks)
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _rows(family: Family, axis: str, tasks: Sequence[str]) -> list[dict[str, Any]]:
    costs, rows = costs_of(family, tasks), []
    regime = family.curve_regime
    for place, level in enumerate(costs.levels):
        row = {name: getattr(family, name) for name in ("checkpoint", "family", "selection", "method")}
        row |= {"control": family.control, "regime": regime, "axis": axis, "level": level}
        row |= {"effective_bits": float(costs.bits[place]), "n_tasks": len(tasks)}
        row["n_seeds"] = min(family.cells[task, regime, level].n_usable for task in tasks)
        for name in ("damage", "separation"):
            values = getattr(costs, name)[place]
            low, high = interval(values, family.replicates)
            row |= {name: float(values[0]), f"{name}_low": float(low), f"{name}_high": float(high)}
        rows.append(row)
    return rows
