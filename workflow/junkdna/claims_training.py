"""Claims about training after pruning: that it does not bring performance back, and what the small weights hold."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from junkdna.caveats import points
from junkdna.effects import Effect, contrast, effect_of, said
from junkdna.families import Cell, Family

Array = np.ndarray
# The gap is taken to fall with the budget t as t^-c. Three budgets cannot tell c: both must lead to a verdict.
DECAYS = (1.0, 0.5)


@dataclass(frozen=True, kw_only=True, slots=True)
class Budgets:
    """An axis of one task whose training budget rises: its tasks, and how many times the first each has."""

    tasks: tuple[str, ...]
    values: tuple[float, ...]


def budgets_of(axes: Mapping[str, Mapping]) -> dict[str, Budgets]:
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
    cells = {regime: family.cells.get((task, regime, level)) for regime in ("sparse", "regrow")}
    if None in cells.values():
        return []
    caveat = " Only one training budget was tried." + controls(family, others, task, level)
    return [
        effect_of(
            family,
            "irreversible",
            task,
            None if cell.mean is None else 1 - cell.mean,
            f"At {level:g} % on {task}, {{effect}} points are missing after training ({regime})",
            [cell],
            level=level,
            regime=regime,
            caveat=caveat,
            pooled=family.speaks,
        )
        for regime, cell in cells.items()
    ]


def irreversible_by_budget(
    family: Family, first: Family, others: Sequence[Family], task: str, level: float, budgets: Budgets
) -> list[Effect]:
    """The gap to the dense run of the same budget that would stay after endless training, sparse and regrow.

    first: the same family, its retention measured against the dense runs of the first budget. Needs two budgets
    with usable runs. An effect [2, R]: with a gap that falls as 1/t and as 1/sqrt(t); a verdict needs both.
    """
    out = []
    for regime in ("sparse", "regrow"):
        at = {value: (name, regime, level) for value, name in zip(budgets.values, budgets.tasks, strict=True)}
        at = {value: key for value, key in at.items() if key in family.cells and family.cells[key].n_usable}
        if len(at) < 2:
            continue
        cells = [family.cells[key] for key in at.values()]
        gaps = np.stack([1 - cell.mean for cell in cells])
        values = np.stack([endless(list(at), gaps, decay) for decay in DECAYS])
        listed = ", ".join(points(gap) for gap in gaps[:, 0])
        times = ", ".join(f"{value:g}x" for value in at)
        caveat = f" Missing at {times} the training budget: {listed} points."
        caveat += _against_first([first.cells[key] for key in at.values()], list(at), family)
        caveat += controls(family, others, task, level)
        words = (
            f"At {level:g} % on {task}, {{effect}} points would be missing after endless training ({regime})"
        )
        out.append(
            effect_of(
                family,
                "irreversible",
                task,
                values,
                words,
                cells,
                level=level,
                regime=regime,
                caveat=caveat,
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


def _against_first(cells: Sequence[Cell], times: Sequence[float], family: Family) -> str:
    """The same gaps against the dense run of the first budget, which trained less."""
    if any(cell.mean is None for cell in cells):
        return ""
    gaps = np.stack([1 - cell.mean for cell in cells])
    listed = ", ".join(points(gap) for gap in gaps[:, 0])
    stays = said(np.stack([endless(times, gaps, decay) for decay in DECAYS]), family.replicates)
    return f" Against the dense run of the first budget: {listed}, in the end {stays}."
