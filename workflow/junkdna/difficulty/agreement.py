"""Do the measures of difficulty agree with each other, and with the order that the config asserts?

Shapes: T tasks, "size" replicates. Every comparison is of values that were turned so that larger = harder.
"""

import math
from collections.abc import Iterable, Mapping
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from junkdna.difficulty.estimates import Estimate, measured
from junkdna.difficulty.tables import MEASURES
from junkdna.statistics.bootstrap import Replicates, interval

Array = np.ndarray
MIN_TASKS = 3
AGREEMENT = ["checkpoint", "left", "right", "n_tasks"]
AGREEMENT += [f"{name}{end}" for name in ("spearman", "kendall") for end in ("", "_low", "_high")] + ["note"]


def spearman(left: Array, right: Array) -> Array:
    """Spearman correlation [size] of left and right [T, size] over the tasks; NaN where one is constant."""
    ranks = []
    for values in (left, right):
        above = np.sign(values[:, None] - values[None]).sum(axis=1)
        ranks.append(above - above.mean(axis=0))
    product = (ranks[0] * ranks[1]).sum(axis=0)
    return _ratio(product, np.sqrt((ranks[0] ** 2).sum(axis=0) * (ranks[1] ** 2).sum(axis=0)))


def kendall(left: Array, right: Array) -> Array:
    """Kendall's tau-b [size] of left and right [T, size] over the tasks; NaN where one is constant."""
    one, other = (np.sign(values[:, None] - values[None]) for values in (left, right))
    product = (one * other).sum(axis=(0, 1))
    return _ratio(product, np.sqrt((one**2).sum(axis=(0, 1)) * (other**2).sum(axis=(0, 1))))


def agreement_table(
    estimates: Iterable[Estimate], replicates: Replicates, *, without: Iterable[str] = ()
) -> pd.DataFrame:
    """Rank correlations over tasks of every two measures, one row a checkpoint and pair.

    without: tasks that are no degrees of difficulty (those of a budget axis). Only tasks on which both measures are
    defined enter, three at least. The intervals say how well the correlation of THESE tasks is known; a few tasks say
    little of others, and the note gives the smallest one-sided p that a perfect order of that many can reach, 1 / T!.
    Columns: `tables_columns.AGREEMENT`.
    """
    skipped, rows = set(without), []
    for checkpoint, of_measure in measured(estimates).items():
        for left, right in combinations([name for name in MEASURES if name in of_measure], 2):
            tasks = [t for t in of_measure[left] if t in of_measure[right] and t not in skipped]
            if len(tasks) < MIN_TASKS:
                continue
            turned = [
                MEASURES[name].harder * np.stack([of_measure[name][task] for task in tasks])
                for name in (left, right)
            ]
            row = {"checkpoint": checkpoint, "left": left, "right": right, "n_tasks": len(tasks)}
            for name, function in (("spearman", spearman), ("kendall", kendall)):
                drawn = function(*turned)
                low, high = interval(drawn, replicates)
                row[name] = float(drawn[0])
                row[f"{name}_low"], row[f"{name}_high"] = np.clip([float(low), float(high)], -1, 1)
            row["note"] = (
                f"a perfect order of {len(tasks)} tasks has p = {1 / math.factorial(len(tasks)):.2g}"
            )
            rows.append(row)
    return pd.DataFrame(rows, columns=AGREEMENT)


def order_table(
    estimates: Iterable[Estimate], axes: Mapping[str, Mapping[str, Any]], replicates: Replicates
) -> pd.DataFrame:
    """Set the order of each axis against the order that each measure implies.

    axes: slug -> {"tasks": easy to hard, ...}; budget axes are passed over. One row a checkpoint, axis and measure that
    is defined on two of its tasks or more. A step contradicts with an interval that is wider for more steps, so that
    these do not make a false contradiction likelier. Columns: `tables_columns.ORDERS`.
    """
    rows = []
    for checkpoint, of_measure in measured(estimates).items():
        for axis, described in axes.items():
            for measure in MEASURES if described.get("vary") != "budget" else ():
                values = of_measure.get(measure, {})
                tasks = [task for task in described["tasks"] if task in values]
                if len(tasks) >= 2:
                    turned = MEASURES[measure].harder * np.stack([values[task] for task in tasks])
                    key = {"checkpoint": checkpoint, "axis": axis, "measure": measure}
                    row = key | _order(tasks, turned, replicates)
                    rows.append(row | {"sentence": _sentence(row, MEASURES[measure].unit)})
    columns = ["checkpoint", "axis", "measure", "verdict", "asserted", "implied", "difference", "low", "high"]
    return pd.DataFrame(rows, columns=[*columns, "share", "wrong", "n_tasks", "sentence"])


def order_sentences(orders: pd.DataFrame, *, verdicts: Iterable[str] = ("contradicts",)) -> list[str]:
    """The sentences of the rows of `order_table` with one of these verdicts, for a reader to quote."""
    return orders.loc[orders["verdict"].isin(list(verdicts)), "sentence"].tolist()


def _order(tasks: list[str], turned: Array, replicates: Replicates) -> dict[str, Any]:
    """Compare the order of `tasks` with `turned` [T, size], larger = harder."""
    steps = np.diff(turned, axis=0)
    low, _ = interval(steps, replicates)
    strict_low, strict_high = interval(steps, replicates, 1 - 0.05 / len(steps))
    down = np.flatnonzero(strict_high < 0)
    wrong = [
        f"{tasks[at]} is harder than {tasks[at + 1]} by {_shown(-steps[at, 0], -strict_high[at], -strict_low[at])}"
        for at in down
    ]
    ends = turned[-1] - turned[0]
    end_low, end_high = interval(ends, replicates)
    start = 1 + len(replicates.seeds)
    resampled = steps[:, start : start + replicates.draws]
    return {
        "verdict": "contradicts" if wrong else "agrees" if (low > 0).all() else "undecided",
        "asserted": " < ".join(tasks),
        "implied": " < ".join(tasks[index] for index in np.argsort(turned[:, 0], kind="stable")),
        "difference": float(ends[0]),
        "low": float(end_low),
        "high": float(end_high),
        "share": float((resampled > 0).all(axis=0).mean()),
        "wrong": ", ".join(wrong),
        "n_tasks": len(tasks),
    }


def _sentence(row: Mapping[str, Any], unit: str) -> str:
    """What a reader can quote."""
    subject = f"the order of the axis {row['axis']}, {row['asserted']} (easy to hard)"
    share = f"the full order holds in {row['share']:.0%} of the resamples"
    if row["verdict"] == "contradicts":
        return f"By {row['measure']}, {row['checkpoint']} contradicts {subject}: {row['wrong']} ({unit}); {share}."
    easy, hard = (row["asserted"].split(" < ")[index] for index in (0, -1))
    shown = _shown(row["difference"], row["low"], row["high"])
    verb = "agrees with" if row["verdict"] == "agrees" else "does not decide"
    return (
        f"By {row['measure']}, {row['checkpoint']} {verb} {subject}: {hard} is harder than {easy} by {shown} "
        f"({unit}); {share}."
    )


def _shown(value: float, low: float, high: float) -> str:
    return f"{value:.3g} [{low:.3g}, {high:.3g}]".replace("-", "\N{MINUS SIGN}")


def _ratio(numerator: Array, denominator: Array) -> Array:
    return np.where(denominator > 0, numerator / np.where(denominator > 0, denominator, 1), np.nan)
