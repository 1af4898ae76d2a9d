"""Pruning and quantization on equal terms: what each level costs the tasks of an axis, by damage and by bytes.

Per level of a family, the damage is the mean loss of retention over the tasks of an axis, and the separation the
fall of retention per step of the axis (least squares). Without compression both are 0, at 16 bits a weight.
Shapes: L levels, R replicates.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from junkdna.bootstrap import Replicates, interval
from junkdna.effects import slope
from junkdna.families import Family, common_levels, difficulty_axes, families_of
from junkdna.specs import WEIGHT_BITS

Array = np.ndarray
# How far a replicate's interpolation may leave the two levels that enclose the damage on the sample.
OVERSHOOT = 0.5
COLUMNS = ("checkpoint", "family", "selection", "method", "control", "regime", "axis", "level")
COLUMNS += ("effective_bits", "n_tasks", "n_seeds")
COLUMNS += tuple(f"{name}{end}" for name in ("damage", "separation") for end in ("", "_low", "_high"))


@dataclass(frozen=True, kw_only=True, slots=True)
class Costs:
    """What a family costs the tasks of an axis: levels, bits a weight [L], damage, separation [L, R]."""

    levels: list[float]
    bits: Array
    damage: Array
    separation: Array


def costs_of(family: Family, tasks: Sequence[str]) -> Costs:
    """The costs at the levels that are usable for every task (see `common_levels`).

    tasks: easy to hard, two or more.
    """
    regime = family.curve_regime
    levels = common_levels(family, tasks, regime)
    cells = [[family.cells[task, regime, level] for task in tasks] for level in levels]
    means = [[cell.mean for cell in row] for row in cells]
    kept = np.array(means).reshape(len(levels), len(tasks), family.replicates.size)
    place = np.arange(len(tasks), dtype=float)
    return Costs(
        levels=levels,
        bits=np.array([np.mean([cell.bits for cell in row]) for row in cells]),
        damage=1 - kept.mean(axis=1),
        separation=np.array([-slope(place, each) for each in kept]).reshape(len(levels), kept.shape[-1]),
    )


def at_damage(costs: Costs, damage: Array) -> tuple[Array, Array] | None:
    """Damage and separation [R], interpolated in the damage to `damage` [R]; None beyond the largest there is."""
    ruler, scale = _from_dense(costs.damage), _from_dense(costs.separation)
    order = np.argsort(ruler[:, 0], kind="stable")
    ruler, scale = ruler[order], scale[order]
    above = int(np.searchsorted(ruler[:, 0], damage[0]))
    if above == len(ruler):
        return None
    above = max(above, 1)
    between = ruler[above] - ruler[above - 1]
    part = (damage - ruler[above - 1]) / np.where(between > 0, between, np.nan)
    part = np.clip(np.nan_to_num(part, nan=0.5), -OVERSHOOT, 1 + OVERSHOOT)
    return damage, scale[above - 1] + part * (scale[above] - scale[above - 1])


def at_bits(costs: Costs, bits: float) -> tuple[Array, Array] | None:
    """Damage and separation [R], interpolated in the bits a weight; None below the fewest that there are.

    Linear in the bits, and so in the share of the weights that is removed.
    """
    ruler = np.append(float(WEIGHT_BITS), costs.bits)
    if len(ruler) < 2 or bits < ruler.min():
        return None
    order = np.argsort(ruler, kind="stable")
    ruler = ruler[order]
    damage, separation = _from_dense(costs.damage)[order], _from_dense(costs.separation)[order]
    above = min(max(int(np.searchsorted(ruler, bits)), 1), len(ruler) - 1)
    between = ruler[above] - ruler[above - 1]
    part = min((bits - ruler[above - 1]) / between, 1.0) if between > 0 else 0.0
    below = above - 1
    return (
        damage[below] + part * (damage[above] - damage[below]),
        separation[below] + part * (separation[above] - separation[below]),
    )


def terms_table(
    runs: pd.DataFrame,
    draws: Array,
    replicates: Replicates,
    axes: Mapping[str, Mapping],
    recipes: Mapping[str, Mapping] | None = None,
) -> pd.DataFrame:
    """Damage and separation at every level, one row an axis of difficulty, checkpoint, family and level.

    Arguments as `claims_table` has them. Columns: COLUMNS; damage and separation as shares of the dense score
    above chance, with 95 % intervals over seeds and examples; n_seeds: of the cell that has fewest. An axis of
    which a family has fewer than two tasks has no row.
    """
    rows = []
    for family in families_of(runs, draws, replicates, recipes):
        regime = family.curve_regime
        for axis, tasks in difficulty_axes(axes, family):
            tasks = [task for task in tasks if family.levels(task, regime)]
            if len(tasks) > 1:
                rows += _rows(family, axis, tasks)
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _rows(family: Family, axis: str, tasks: Sequence[str]) -> list[dict]:
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


def _from_dense(values: Array) -> Array:
    """Values [L, R] of the levels after the zeros of no compression, [1 + L, R]."""
    return np.concatenate([np.zeros((1, values.shape[1])), values])
