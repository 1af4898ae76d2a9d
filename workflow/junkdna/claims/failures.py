"""The claim that trainings fail earlier on harder tasks: an outcome of its own, beside what the others keep."""

from collections.abc import Sequence
from dataclasses import replace

from junkdna.claims.effects import Effect, effect_of
from junkdna.statistics.proportions import difference, p_difference
from junkdna.tables.families import Cell, Family

FLOOR = " A run that keeps nothing of its task cannot be told from one that failed to train, and counts here."


def fails_earlier(family: Family, axis: str, tasks: Sequence[str], margin: float) -> list[Effect]:
    """Share of the trainings that fail on the last task of an axis minus that on the first, over common levels.

    Counted are runs whose dense twin trained on a measurable task: a task that is not learnt without compression
    cannot fail earlier under it. No row where nothing failed, or where nothing trains. The runs of a seed may fail
    together at all levels, so a task has as many independent trials as it has seeds: the interval is too wide
    rather than too narrow (`proportions.difference`).
    """
    regime = family.curve_regime
    ends = (tasks[0], tasks[-1])
    cells = family.curve(ends, regime)
    failed = sum(int((cell.defined & ~cell.trained).sum()) for cell in cells)
    if len(tasks) < 2 or regime == "zero-shot" or not failed or {cell.task for cell in cells} < set(ends):
        return []
    levels = sorted(set.intersection(*(set(family.levels(task, regime)) for task in ends)))
    first, last = ([family.cells[task, regime, level] for level in levels] for task in ends)
    levels = [level for level, one, other in zip(levels, first, last, strict=True) if _known(one, other)]
    judged = None
    if levels:
        easy, hard = (_trials([family.cells[task, regime, level] for level in levels]) for task in ends)
        judged = (*difference(hard, easy), p_difference(hard, easy, margin))
    words = f"On the axis {axis}, {{effect}} points more of the trainings fail on {ends[1]} than on {ends[0]}, over "
    words += f"{len(levels)} common level{'s' * (len(levels) != 1)}"
    used = [cell for cell in cells if cell.level in levels]
    effect = effect_of(
        family, "fails-earlier", axis, None, words, cells, levels=levels, regime=regime, caveat=FLOOR
    )
    seeds = min((int(cell.defined.sum()) for cell in used), default=0)
    runs = sum(int(cell.defined.sum()) for cell in used)
    left = sum(len(cell.seeds) for cell in cells) - runs
    return [
        replace(effect, judged=judged, pooled=False, n_seeds=seeds, n_runs=runs, n_left_out=left, n_failed=0)
    ]


def _known(*cells: Cell) -> bool:
    return all(cell.defined.any() for cell in cells)


def _trials(cells: Sequence[Cell]) -> tuple[float, int]:
    """Failures and trials of a task: the mean over its levels of the share that failed, times its seeds."""
    shares = [(cell.defined & ~cell.trained).sum() / cell.defined.sum() for cell in cells]
    seeds = min(int(cell.defined.sum()) for cell in cells)
    return seeds * sum(shares) / len(shares), seeds
