"""Claims about models that are asked as they are: written answers against chosen ones, and difficulty beyond margins.

Both set questions against questions, so both need to know what was answered to each. Neither is about trained runs: two
trainings differ in their margins by chance, and a margin that is measured with noise foretells less than it could,
which would look like an effect of the task.
"""

from collections.abc import Sequence
from itertools import chain

import numpy as np

from junkdna.claims.caveats import levels_caveat, points
from junkdna.claims.effects import Effect, effect_of, p_equivalent
from junkdna.claims.questions import Gap, Questions
from junkdna.statistics.bootstrap import Replicates, interval
from junkdna.tables.families import Cell, Family, common_levels

Array = np.ndarray
# Of fewer than half of the hard questions nothing is said of the task.
COMPARED = 0.5
UNLIKE = f" Fewer than {COMPARED:.0%} of the questions of {{1}} have any of {{0}} like them."


def more_than_margin(family: Family, axis: str, tasks: Sequence[str], questions: Questions) -> list[Effect]:
    """What the last task of an axis loses beyond the first at the same margins, over their common levels.

    In retention of the last task: fewer right answers than the easy task has among questions of which as much is
    foretold (`statistics.margins`), as a share of what the dense run has above chance. A row where both tasks were
    asked by options; no effect where fewer than COMPARED of the hard questions have easy ones like them.
    """
    regime, ends = family.curve_regime, (tasks[0], tasks[-1])
    of_axis = {keys[1:]: gap for keys, gap in questions.gaps.items() if keys[0] == axis}
    cells = family.curve(ends, regime)
    if len(tasks) < 2 or regime != "zero-shot" or not set(ends) <= set(questions.asked):
        return []
    gaps: dict[float, tuple[list[int], list[Gap]]] = {}
    for level in common_levels(family, ends, regime):
        cell = family.cells[ends[1], regime, level]
        seeds = [seed for seed, good in zip(cell.seeds.tolist(), cell.usable, strict=True) if good]
        named = {seed: (family.checkpoint, family.slugs[level], seed) for seed in seeds}
        of_level = {seed: of_axis[key] for seed, key in named.items() if key in of_axis}
        if of_level and np.mean([gap.compared for gap in of_level.values()]) >= COMPARED:
            gaps[level] = list(of_level), list(of_level.values())
    unlike = bool(of_axis) and not gaps
    effects = [
        _in_retention(family, family.cells[ends[1], regime, level], *of_level)
        for level, of_level in gaps.items()
    ]
    words = f"On the axis {axis}, {ends[1]} keeps {{effect}} points less than {ends[0]} on questions of which the "
    words += "dense margins foretell the same"
    every = list(chain.from_iterable(each for _, each in gaps.values()))
    return [
        effect_of(
            family,
            "more-than-margin",
            axis,
            np.mean(effects, axis=0) if effects else None,
            words,
            cells,
            levels=list(gaps),
            caveat=_turns(every, ends) + UNLIKE.format(*ends) * unlike + levels_caveat(cells, list(gaps)),
            regime=regime,
            pooled=False,
            more={"n_axis": len(tasks)},
        )
    ]


def _in_retention(family: Family, hard: Cell, seeds: Sequence[int], gaps: Sequence[Gap]) -> Array:
    at = [hard.seeds.tolist().index(seed) for seed in seeds]
    return family.retention(np.stack([each.gap for each in gaps]), hard.whole[at], seeds)


def _turns(gaps: Sequence[Gap], ends: Sequence[str]) -> str:
    """How many right answers turned wrong, and wrong ones right, on both tasks."""
    if not gaps:
        return ""
    told = []
    for place, task in enumerate(ends):
        lost, gained = (np.mean([getattr(gap, name)[place] for gap in gaps]) for name in ("lost", "gained"))
        told.append(
            f"of {task} {points(lost)} % of the right answers turned wrong and {points(gained)} % of the wrong right"
        )
    compared = np.mean([gap.compared for gap in gaps])
    return f" On average {', '.join(told)}; {compared:.0%} of the questions of {ends[1]} are compared."


def asked_or_written(
    family: Family, axis: str, tasks: Sequence[str], questions: Questions, margin: float
) -> list[Effect]:
    """Mean retention where answers are chosen minus that where they are written, of the same questions and levels.

    The compressed model is the same at a level, and so is the mean damage over both. It must exceed the margin, and be
    no chance: where nothing is lost, nothing hangs on the format. A row for an axis with a task of each format over the
    same questions: the first of those. p_tost: that the difference is within the margin.
    """
    regime = family.curve_regime
    pair = _pair(tasks, questions)
    if pair is None or regime != "zero-shot" or not all(family.levels(task, regime) for task in pair):
        return []
    cells = family.curve(pair, regime)
    usable = common_levels(family, pair, regime)
    kept = {level: [family.cells[task, regime, level].known_mean for task in pair] for level in usable}
    levels = [
        level for level, each in kept.items() if _lost(1 - np.mean(each, axis=0), family.replicates, margin)
    ]
    gap, caveat = None, levels_caveat(cells, usable)
    more: dict[str, float] = {"n_axis": len(tasks)}
    mild = [f"{level:g} %" for level in usable if level not in levels]
    if mild:
        caveat += f" Not compared, as no more than the margin is lost: {', '.join(mild)}."
    if levels:
        gap = np.mean([kept[level][0] - kept[level][1] for level in levels], axis=0)
        more["p_tost"] = p_equivalent(gap, family.replicates, margin)
        caveat = f" p that the two are not alike within the margin: {more['p_tost']:.2g}." + caveat
    words = f"Of the same questions at equal damage, {pair[1]} (written) keeps {{effect}} points less than "
    words += f"{pair[0]} (chosen)"
    return [
        effect_of(
            family,
            "asked-or-written",
            axis,
            gap,
            words,
            cells,
            levels=levels,
            caveat=caveat,
            regime=regime,
            pooled=False,
            more=more,
        )
    ]


def _lost(damage: Array, replicates: Replicates, margin: float) -> bool:
    """Whether damage [R] is more than the margin and more than chance."""
    return bool(damage[0] > margin and interval(damage, replicates)[0] > 0)


def _pair(tasks: Sequence[str], questions: Questions) -> tuple[str, str] | None:
    """The first task of an axis that is chosen, and one of the same questions that is written."""
    for chosen in tasks:
        for written in tasks:
            formats = questions.formats.get(chosen), questions.formats.get(written)
            if formats == ("choice", "generate") and questions.pools.get(chosen) == questions.pools.get(
                written
            ):
                return chosen, written
    return None
