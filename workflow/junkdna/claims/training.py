"""Claims about training after pruning: that it does not bring performance back, and what the small weights hold."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from junkdna.claims.caveats import points
from junkdna.claims.effects import Effect, contrast, effect_of, said
from junkdna.tables.families import Family

Array = np.ndarray
# The gap is taken to fall with the budget t as t^-c. Three budgets cannot tell c: both must speak for the claim.
DECAYS = (1.0, 0.5)
ONE_BUDGET = " Only one training budget was tried."


@dataclass(frozen=True, kw_only=True, slots=True)
class Budgets:
    """An axis of one task whose training budget rises: its tasks, and how many times the first each has."""

    tasks: tuple[str, ...]
    values: tuple[float, ...]


def budgets_of(axes: Mapping[str, Mapping[str, Any]]) -> dict[str, Budgets]:
    """The axes of `vary: budget`, by the task that varies."""
    return {
        axis["task"]: Budgets(tasks=tuple(axis["tasks"]), values=tuple(map(float, axis["values"])))
        for axis in axes.values()
        if axis.get("vary") == "budget"
    }


def endless(times: Sequence[float], gaps: Array, decay: float) -> Array:
    """The gap [R] that stays: g of the least-squares fit g + b t^-decay to gaps [k, R] at budgets [k]."""
    design = np.column_stack([np.ones(len(times)), np.asarray(times, dtype=float) ** -decay])
    return np.linalg.pinv(design)[0] @ gaps


def irreversible(family: Family, others: Sequence[Family], task: str, level: float) -> list[Effect]:
    """1 - retention after training, in the sparse and the regrow regime, at levels where both were run."""
    keys = [(task, regime, level) for regime in ("sparse", "regrow")]
    if not all(key in family.cells for key in keys):
        return []
    caveat = ONE_BUDGET + controls(family, others, task, level)
    return [
        effect_of(
            family,
            "irreversible",
            task,
            None if cell.mean is None else 1 - cell.mean,
            f"At {level:g} % on {task}, {{effect}} points are missing after training ({cell.regime})",
            [cell],
            level=level,
            regime=cell.regime,
            caveat=caveat,
            pooled=family.speaks,
        )
        for cell in (family.cells[key] for key in keys)
    ]


def irreversible_by_budget(
    family: Family, first: Family, others: Sequence[Family], task: str, level: float, budgets: Budgets
) -> list[Effect]:
    """The gap to the dense run of the same budget at the largest budget, in the sparse and the regrow regime.

    first: the same family, its retention measured against the dense runs of the first budget. Needs two budgets
    with usable runs. An effect [3, R]: what was measured at the largest budget, and what would stay after endless
    training with a gap that falls as 1/t and as 1/sqrt(t). To support the claim all three must exceed the margin;
    the first alone refutes it, since a gap that is closed is closed, whatever a fitted curve says.
    """
    out = []
    for regime in ("sparse", "regrow"):
        at = {value: (name, regime, level) for value, name in zip(budgets.values, budgets.tasks, strict=True)}
        at = {value: key for value, key in at.items() if key in family.cells and family.cells[key].n_usable}
        if len(at) < 2:
            continue
        cells = [family.cells[key] for key in at.values()]
        gaps = np.stack([1 - cell.known_mean for cell in cells])
        ends = [endless(list(at), gaps, decay) for decay in DECAYS]
        words = (
            f"At {level:g} % on {task}, {{effect}} points are missing at {max(at):g}x the training ({regime})"
        )
        caveat = f" {_by_budget(gaps, list(at), 'dense runs of the same budget')}"
        caveat += (
            f"; endless training would leave {said(ends[0], family.replicates)} if the gap falls as 1/t, "
        )
        caveat += f"{said(ends[1], family.replicates)} as 1/sqrt(t)."
        means = [mean for key in at.values() if (mean := first.cells[key].mean) is not None]
        if len(means) == len(at):
            against = 1 - np.stack(means)
            caveat += f" {_by_budget(against, list(at), 'the dense run of the first budget')}."
        out.append(
            effect_of(
                family,
                "irreversible",
                task,
                np.stack([gaps[-1], *ends]),
                words,
                cells,
                level=level,
                regime=regime,
                caveat=caveat + controls(family, others, task, level),
                pooled=family.speaks,
                more={"n_axis": len(at)},
            )
        )
    return out


def small_weights(
    family: Family, others: Sequence[Family], task: str, level: float, *, pooled: bool = True
) -> list[Effect]:
    """Retention with the small weights frozen at their values minus without them, paired by seed."""
    freeze, sparse = (family.cells.get((task, regime, level)) for regime in ("freeze", "sparse"))
    if freeze is None or sparse is None:
        return []
    effect, seeds = contrast(freeze, sparse, family)
    caveat = ""
    for other in _copies(family, others, level):
        more, _ = contrast(sparse, other.cells.get((task, "sparse", level)), family)
        if more is not None:
            caveat += (
                " Removing as many weights of every layer at random costs "
                f"{said(more, family.replicates)} points more than removing the small ones."
            )
    anew, _ = contrast(
        family.cells.get((task, "reinit", level)), family.cells.get((task, "regrow", level)), family
    )
    if anew is not None:
        caveat += (
            " Where all weights train, drawing the removed ones anew instead of setting them to zero is worth "
            f"{said(anew, family.replicates)} points."
        )
    return [
        effect_of(
            family,
            "small-weights",
            task,
            effect,
            f"At {level:g} % on {task}, keeping the small weights frozen is worth {{effect}} points",
            [sparse, freeze],
            seeds=seeds,
            level=level,
            regime="freeze",
            caveat=caveat,
            pooled=pooled and family.speaks,
        )
    ]


def controls(family: Family, others: Sequence[Family], task: str, level: float) -> str:
    """Say what the controls keep of the same task at the same level, where there are any."""
    kept = {}
    for other in _copies(family, others, level):
        kept["a random mask with as many weights of every layer"] = other.cells.get((task, "sparse", level))
    kept["removed weights drawn anew"] = family.cells.get((task, "reinit", level))
    for other in others:
        if other.checkpoint == family.checkpoint:
            scratch = other.cells.get((task, "scratch", 0.0))
            kept["all weights drawn anew"] = kept.get("all weights drawn anew") or scratch
    found = {name: cell.mean for name, cell in kept.items() if cell is not None and cell.mean is not None}
    if not found:
        return ""
    listed = ", ".join(f"{name} {said(mean, family.replicates)}" for name, mean in found.items())
    return f" Controls keep, in points: {listed}."


def _copies(family: Family, others: Sequence[Family], level: float) -> list[Family]:
    """The families whose random mask copies the layers of this family's recipe at a level."""
    mine = (family.checkpoint, family.slugs.get(level))
    return [each for each in others if (each.checkpoint, each.like.get(level)) == mine]


def _by_budget(gaps: Array, times: Sequence[float], reference: str) -> str:
    """The gaps [k, R] at budgets [k], in words."""
    listed = ", ".join(points(gap) for gap in gaps[:, 0])
    return f"Missing at {', '.join(f'{value:g}x' for value in times)}, against {reference}: {listed} points"
