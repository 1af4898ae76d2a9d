"""Claims about the curve of retention over the level: that it falls, and that it falls further on harder tasks."""

from collections.abc import Mapping, Sequence

import numpy as np

from junkdna.claims.caveats import levels_caveat, metric_caveat, order_found, size_caveat
from junkdna.claims.effects import Effect, effect_of, said, slope
from junkdna.statistics.trends import jonckheere_falling, page_falling
from junkdna.tables.families import Cell, Family, by_seed, common_levels

Array = np.ndarray
# Curves are described per so many percent of the weights.
STEP = 10


def monotone(family: Family, task: str, *, pooled: bool = True) -> list[Effect]:
    """Slope of mean retention on level by least squares, the dense point (level 0, retention 1) included.

    p_page: that retention falls from level to level within the seeds.
    """
    regime = family.curve_regime
    cells = family.curve([task], regime)
    if not cells:
        return []
    levels = common_levels(family, [task], regime)
    used = [family.cells[task, regime, level] for level in levels]
    words = f"On {task}, retention falls by {{effect}} points per {STEP} points of sparsity"
    return [
        effect_of(
            family,
            "monotone",
            task,
            _fall(used) if levels else None,
            words,
            cells,
            levels=levels,
            regime=regime,
            caveat=levels_caveat(cells, levels),
            pooled=pooled and family.speaks,
            more={"p_page": page_falling(by_seed(family, [[cell] for cell in used]))},
        )
    ]


def along_axis(family: Family, axis: str, tasks: Sequence[str], metrics: Mapping[str, str]) -> list[Effect]:
    """What changes from the easy to the hard end of an axis, over the levels that its tasks have in common.

    harder-falls-further: mean retention of the first task minus that of the last. difficulty-order (three tasks or
    more): how much mean retention falls per step, by least squares. interaction: by how much more the last task
    falls per 10 points of sparsity than the first. p_page: that the per-seed means (for the interaction: slopes)
    fall along the axis, seeds as blocks; p_jt the same where no seed is shared by all tasks. metrics: of each task.
    """
    regime = family.curve_regime
    cells = family.curve(tasks, regime)
    if len(tasks) < 2 or len({cell.task for cell in cells}) < len(tasks):
        return []
    levels = common_levels(family, tasks, regime)
    used = [[family.cells[task, regime, level] for level in levels] for task in tasks]
    area = (
        np.stack([np.mean([cell.known_mean for cell in each], axis=0) for each in used]) if levels else None
    )
    over = f"over {len(levels)} common level{'s' * (len(levels) != 1)}"
    words = f"On the axis {axis}, {tasks[-1]} keeps {{effect}} points less than {tasks[0]} {over}"
    ends = [cell for cell in cells if cell.task in (tasks[0], tasks[-1])]
    missed = levels_caveat(cells, levels)
    unlike_ends = metric_caveat(metrics[task] for task in (tasks[0], tasks[-1]))
    more = {"n_axis": len(tasks), **_trend(family, used)}
    gap = None if area is None else area[0] - area[-1]
    caveat = missed + unlike_ends + size_caveat(ends)
    out = [
        effect_of(
            family,
            "harder-falls-further",
            axis,
            gap,
            words,
            ends,
            levels=levels,
            caveat=caveat,
            regime=regime,
            pooled=family.speaks,
            more=more,
        )
    ]
    if len(tasks) > 2:
        words = (
            f"On the axis {axis}, each of the {len(tasks) - 1} steps of difficulty costs {{effect}} points"
        )
        step, order = None, ""
        if area is not None:
            step = -slope(np.arange(len(tasks), dtype=float), area)
            order = order_found(tasks, area, family.replicates)
        caveat = order + missed + metric_caveat(metrics[task] for task in tasks) + size_caveat(cells)
        out.append(
            effect_of(
                family,
                "difficulty-order",
                axis,
                step,
                words,
                cells,
                levels=levels,
                caveat=caveat,
                regime=regime,
                pooled=family.speaks,
                more=more,
            )
        )
    return out + [_interaction(family, axis, tasks, used, cells, missed + unlike_ends, levels)]


def _interaction(
    family: Family,
    axis: str,
    tasks: Sequence[str],
    used: Sequence[Sequence[Cell]],
    cells: Sequence[Cell],
    missed: str,
    levels: Sequence[float],
) -> Effect:
    words = f"On the axis {axis}, {tasks[-1]} falls by {{effect}} points more per {STEP} points of sparsity"
    words += f" than {tasks[0]}"
    effect, caveat = None, missed + size_caveat(cells)
    more: dict[str, float] = {"n_axis": len(tasks)}
    if levels:
        falls = np.stack([_fall(each) for each in used])
        effect = falls[-1] - falls[0]
        if len(tasks) > 2:
            step = slope(np.arange(len(tasks), dtype=float), falls)
            caveat = f" Per step of the axis: {said(step, family.replicates)}." + caveat
        table = by_seed(family, [[cell] for each in used for cell in each])
        table = table.reshape(len(table), len(tasks), len(levels))
        at = np.array([0.0, *levels])
        slopes = [
            slope(at, np.vstack([np.ones(len(table)), table[:, place].T])) for place in range(len(tasks))
        ]
        more["p_page"] = page_falling(np.stack(slopes, axis=1))
    return effect_of(
        family,
        "interaction",
        axis,
        effect,
        words,
        cells,
        levels=levels,
        caveat=caveat,
        regime=family.curve_regime,
        pooled=family.speaks,
        more=more,
    )


def _fall(cells: Sequence[Cell]) -> Array:
    """Loss of retention per 10 points of sparsity [R] along a curve that starts at (0, 1)."""
    means = np.stack([np.ones_like(cells[0].known_mean), *(cell.known_mean for cell in cells)])
    return -STEP * slope(np.array([0.0, *(cell.level for cell in cells)]), means)


def _trend(family: Family, used: Sequence[Sequence[Cell]]) -> dict[str, float]:
    if not used[0]:
        return {}
    shared = by_seed(family, used)
    if len(shared):
        return {"p_page": page_falling(shared)}
    return {"p_jt": jonckheere_falling([by_seed(family, [cells])[:, 0] for cells in used])}
