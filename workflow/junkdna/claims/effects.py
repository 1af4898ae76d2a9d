"""One effect that speaks for or against a claim, and what two or three claims have in common.

An effect is turned so that a positive value speaks for the claim, and is measured in chance-corrected
retention (1 = as good as dense). Shapes: R replicates; m estimates that must all speak for a claim to support it.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypedDict, Unpack

import numpy as np

from junkdna.claims.caveats import failures_caveat, points
from junkdna.statistics.bootstrap import Replicates, interval, p_above
from junkdna.tables.families import Cell, Family

Array = np.ndarray


@dataclass(frozen=True, kw_only=True, slots=True)
class Effect:
    """What one row of the table of claims is made from.

    values: [R], or [m, R]: the first is the effect, and a claim is supported only if all exceed the margin. None
    where no run is usable. words: a sentence with
    a place for the effect. caveat: what follows the verdict. n_seeds: of the cell that has fewest. pooled:
    whether it enters the mean that the claim as a whole is judged by. more: further columns. n_failed: runs that did
    not train though their twins did. grain: what a single example is worth, in retention. judged: value, low, high
    and p of an effect that has no replicates.
    """

    claim: str
    checkpoint: str
    recipes: str
    subject: str
    words: str
    values: Array | None
    n_runs: int
    n_seeds: int
    n_left_out: int
    level: float = np.nan
    regime: str = "sparse"
    caveat: str = ""
    pooled: bool = True
    more: Mapping[str, float] = field(default_factory=dict)
    n_failed: int = 0
    grain: float = 0.0
    judged: tuple[float, float, float, float] | None = None


class Further(TypedDict, total=False):
    """Fields of an effect that do not follow from the runs behind it."""

    level: float
    regime: str
    pooled: bool
    more: Mapping[str, float]


def effect_of(
    family: Family,
    claim: str,
    subject: str,
    values: Array | None,
    words: str,
    cells: Sequence[Cell],
    *,
    levels: Collection[float] | None = None,
    seeds: Sequence[int] | None = None,
    caveat: str = "",
    **more: Unpack[Further],
) -> Effect:
    """Put an effect together with the runs behind it.

    cells: all that could have entered; levels: those that did (all where None); seeds: those that entered, where
    not all usable ones did. more: further fields of the effect.
    """
    used = [cell for cell in cells if levels is None or cell.level in levels]
    numbers = [
        cell.n_usable if seeds is None else int(np.isin(cell.seeds[cell.usable], seeds).sum())
        for cell in used
    ]
    return Effect(
        claim=claim,
        checkpoint=family.checkpoint,
        recipes=family.name,
        subject=subject,
        words=words,
        values=values,
        n_runs=sum(numbers),
        n_seeds=min((number for number in numbers if number), default=0),
        n_left_out=sum(len(cell.seeds) for cell in cells) - sum(numbers),
        n_failed=sum(int((cell.defined & ~cell.trained).sum()) for cell in cells),
        grain=max((cell.grain for cell in used), default=0.0),
        caveat=failures_caveat(cells, used) + caveat,
        **more,
    )


def slope(at: Array, values: Array) -> Array:
    """Least-squares slope [R] of values [k, R] on at [k]."""
    centred = at - at.mean()
    return (centred @ values) / (centred @ centred)


def contrast(one: Cell | None, other: Cell | None, family: Family) -> tuple[Array | None, list[int]]:
    """Retention of one cell minus that of another [R], over the seeds usable in both, and these seeds."""
    if one is None or other is None:
        return None, []
    seeds = sorted(set(one.seeds[one.usable].tolist()) & set(other.seeds[other.usable].tolist()))
    if not seeds:
        return None, []
    places = [[cell.seeds.tolist().index(seed) for seed in seeds] for cell in (one, other)]
    gain = one.kept[places[0]] - other.kept[places[1]]
    return family.retention(gain, one.whole[places[0]], seeds), seeds


def limits(values: Array, replicates: Replicates, grain: float = 0.0) -> tuple[float, float, float]:
    """Estimate, low and high of values [R]; of [m, R] those of the first.

    grain: of the effect. Where no resample differs from another, as when every answer is right, an interval from
    resamples would have no width; what n equal answers leave open is the rule of three's (Hanley & Lippman-Hand 1983,
    If nothing goes wrong, is everything all right?).
    """
    first = np.atleast_2d(values)[0]
    low, high = interval(first, replicates)
    if low == high:
        low, high = low + np.log(0.025) * grain, high - np.log(0.025) * grain
    return float(first[0]), float(low), float(high)


def p_against(values: Array, replicates: Replicates, margin: float, grain: float = 0.0) -> float:
    """One-sided p that the effect does not exceed the margin; of [m, R] the largest. grain: as in `limits`."""
    values = np.atleast_2d(values)
    p = p_above(values, replicates, margin)
    low, high = interval(values, replicates)
    away = (values[:, 0] - margin) / max(grain, 1e-12)
    # That none of n answers changes has probability exp(-n r) if they change at the rate r.
    counted = np.where(away > 0, np.exp(-np.maximum(away, 0)), 1 - np.exp(np.minimum(away, 0)))
    return float(np.max(np.where(low == high, counted, p)))


def p_equivalent(values: Array, replicates: Replicates, margin: float) -> float:
    """p of two one-sided tests that an effect [R] is not within +-margin.

    Schuirmann (1987), A comparison of the two one-sided tests procedure.
    """
    both = p_above(values, replicates, -margin), p_above(-values, replicates, -margin)
    return float(np.max(both))


def said(values: Array, replicates: Replicates) -> str:
    """An effect in words: points with the interval."""
    effect, low, high = limits(values, replicates)
    return f"{points(effect)} [{points(low)}, {points(high)}]"
