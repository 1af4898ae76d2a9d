"""The claim that quantization does not separate tasks by difficulty as pruning does."""

from collections.abc import Sequence

import numpy as np

from junkdna.effects import Effect, effect_of, p_equivalent, said, slope
from junkdna.families import Family, common_levels

Array = np.ndarray
# How far a replicate's interpolation may leave the two levels that enclose the damage on the sample.
OVERSHOOT = 0.5


def quantization_differs(
    quantized: Family, pruned: Family, axis: str, tasks: Sequence[str], margin: float
) -> list[Effect]:
    """How much more pruning separates the tasks of an axis than quantization does at the same mean damage.

    Per level, the damage is the mean loss of retention over the tasks, the separation the fall of retention per
    step of the axis (least squares). The separation of pruning is interpolated in the damage to that of each
    quantized level. Levels that do no damage above the margin say nothing and are left out, and so are those
    beyond the damage of the strongest pruning. p_tost: that the separation
    of quantization itself, over the same levels, is within the margin.
    """
    both = (quantized, pruned)
    if len(tasks) < 2 or not all(each.curve([task], each.curve_regime) for each in both for task in tasks):
        return []
    (levels, damage, apart), (steps, ruler, scale) = (_separation(each, tasks) for each in both)
    matched = [_at_damage(each, ruler, scale) if each[0] > margin else None for each in damage]
    used = [i for i, each in enumerate(matched) if each is not None]
    effect, more = None, {"n_axis": len(tasks)}
    caveat = " No quantized level does damage above the margin that pruning reaches too: nothing to compare."
    if used:
        own = np.mean([apart[i] for i in used], axis=0)
        effect = np.mean([matched[i] for i in used], axis=0) - own
        more["p_tost"] = p_equivalent(own, quantized.replicates, margin)
        mean = np.mean([damage[i] for i in used], axis=0)
        caveat = (
            f" Quantization alone costs {said(own, quantized.replicates)} points a step (p that this is not within "
            f"the margin: {more['p_tost']:.2g}), at a mean damage of {said(mean, quantized.replicates)} points."
        )
    cells = quantized.curve(tasks, quantized.curve_regime) + pruned.curve(tasks, pruned.curve_regime)
    words = f"On the axis {axis}, each step costs {{effect}} points more under {pruned.name} than under "
    words += f"{quantized.name} of the same mean damage"
    levels_used = {levels[i] for i in used} | set(steps)
    return [
        effect_of(
            quantized,
            "quantization-differs",
            axis,
            effect,
            words,
            cells,
            levels=levels_used,
            regime=quantized.curve_regime,
            caveat=caveat,
            more=more,
        )
    ]


def _separation(family: Family, tasks: Sequence[str]) -> tuple[list[float], Array, Array]:
    """Common levels, their mean damage [L, R] and their fall of retention per step of the axis [L, R]."""
    levels = common_levels(family, tasks, family.curve_regime)
    means = [[family.cells[task, family.curve_regime, level].mean for task in tasks] for level in levels]
    kept = np.array(means).reshape(len(levels), len(tasks), family.replicates.size)
    place = np.arange(len(tasks), dtype=float)
    return levels, 1 - kept.mean(axis=1), np.array([-slope(place, each) for each in kept])


def _at_damage(damage: Array, ruler: Array, scale: Array) -> Array | None:
    """Separation of pruning [R] interpolated to a damage [R]; None beyond the strongest pruning's.

    ruler, scale: damage and separation of pruning [L, R]. Without compression both are 0.
    """
    zeros = np.zeros((1, len(damage)))
    ruler, scale = np.concatenate([zeros, ruler]), np.concatenate([zeros, scale])
    order = np.argsort(ruler[:, 0], kind="stable")
    ruler, scale = ruler[order], scale[order]
    above = int(np.searchsorted(ruler[:, 0], damage[0]))
    if above == len(ruler):
        return None
    above = max(above, 1)
    between = ruler[above] - ruler[above - 1]
    part = (damage - ruler[above - 1]) / np.where(between > 0, between, np.nan)
    part = np.clip(np.nan_to_num(part, nan=0.5), -OVERSHOOT, 1 + OVERSHOOT)
    return scale[above - 1] + part * (scale[above] - scale[above - 1])
