"""The table of curves: at which level a family of recipes has lost a tenth and half of what a task had.

s50 and s90 are the levels, in % of the weights removed, at which chance-corrected retention is 0.5 and 0.9. They
are never extrapolated: where the sweep does not come there, the column `_reached` says on which side they lie.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from junkdna.statistics.bootstrap import Replicates, interval
from junkdna.statistics.fits import crossing, fit_falling, fit_logistic, logistic
from junkdna.tables.families import Cell, Family, families_of
from junkdna.tables.predictions import Draws

Array = np.ndarray
SHARES = {"s50": 0.5, "s90": 0.9}
# Nothing is retained where nothing is left: bounds the estimates of single replicates.
ALL = 100.0


def curves_table(
    runs: pd.DataFrame,
    draws: Draws,
    replicates: Replicates,
    recipes: Mapping[str, Mapping[str, Any]] | None = None,
) -> pd.DataFrame:
    """Fit the retention of the runs that trained over the level, one row a checkpoint, family, task and regime.

    Arguments as `families_of` has them. A curve needs two levels with usable runs, with two each where some have
    them; level 0, where retention is 1, is a point of every fit, and a level weighs as much as it has usable runs.
    Columns: `curves_columns.CURVES`.
    """
    rows = []
    for family in families_of(runs, draws, replicates, recipes):
        for task, regime in dict.fromkeys((task, regime) for task, regime, _ in family.cells):
            cells = [cell for cell in family.curve([task], regime) if cell.mean is not None]
            # A level with one run left would be all or nothing where that seed is left out.
            several = [cell for cell in cells if cell.n_usable > 1]
            cells = several or cells
            if len(cells) > 1:
                rows.append(_row(family, task, regime, cells))
    return pd.DataFrame(rows, columns=COLUMNS)


def with_origin(cells: Sequence[Cell]) -> tuple[Array, Array, Array]:
    """Levels [1 + L], mean retention [1 + L, R] and weights [1 + L] of a curve, level 0 first."""
    numbers = [cell.n_usable for cell in cells]
    means = np.stack([np.ones_like(cells[0].known_mean), *(cell.known_mean for cell in cells)])
    weights = np.array([max(numbers), *numbers], dtype=float)
    return np.array([0.0, *(cell.level for cell in cells)]), means, weights


def _row(family: Family, task: str, regime: str, cells: Sequence[Cell]) -> dict[str, Any]:
    levels, means, weights = with_origin(cells)
    every = family.curve([task], regime)
    middle, width = fit_logistic(levels, means, weights)
    falling = fit_falling(means, weights)
    rest = means[1:, 0] - logistic(levels[1:], middle[0], width[0])
    row = {
        "checkpoint": family.checkpoint,
        "family": family.family,
        "selection": family.selection,
        "task": task,
        "regime": regime,
        "min_level": levels[1],
        "max_level": levels[-1],
        "n_levels": len(cells),
        "n_runs": sum(cell.n_usable for cell in cells),
        "n_failed": sum(int((~cell.trained).sum()) for cell in every),
        "rmse": float(np.sqrt(np.average(rest**2, weights=weights[1:]))),
    }
    for name, share in SHARES.items():
        by_curve = np.clip(middle + width * np.log(1 / share - 1), 0.0, ALL)
        # Beyond the last level the polygon goes on to (100 %, 0): only single replicates may lie there.
        ends = np.concatenate([falling, np.zeros((1, falling.shape[1]))])
        by_steps = crossing(np.append(levels, ALL), ends, share)
        row |= _located(name, by_curve, levels, family.replicates)
        row |= _located(f"{name}_isotonic", by_steps, levels, family.replicates)
    return row


def _located(name: str, values: Array, levels: Array, replicates: Replicates) -> dict[str, Any]:
    """One estimate with its limits, as far as the levels reach."""
    lowest, highest = levels[1], levels[-1]
    estimate = values[0]
    reached = "beyond" if estimate > highest else "below" if estimate < lowest else "reached"
    low, high = (float(limit) for limit in interval(values, replicates))
    return {
        name: float(estimate) if reached == "reached" else np.nan,
        f"{name}_low": low if lowest <= low <= highest else np.nan,
        f"{name}_high": high if lowest <= high <= highest else np.nan,
        f"{name}_reached": reached,
    }


ESTIMATES = [f"{name}{how}" for name in SHARES for how in ("", "_isotonic")]
COLUMNS = ["checkpoint", "family", "selection", "task", "regime", "min_level", "max_level", "n_levels"]
COLUMNS += ["n_runs", "n_failed"]
COLUMNS += [f"{name}{end}" for name in ESTIMATES for end in ("", "_low", "_high", "_reached")] + ["rmse"]
