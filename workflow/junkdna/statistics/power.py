"""How many training seeds a claim would need, from the variances that its own runs show."""

import numpy as np
from scipy.special import nctdtr, ndtri, stdtrit

from junkdna.statistics.bootstrap import Parts

# Chance that the claim is decided, if the effect is what it was estimated to be.
POWER = 0.8
MOST_SEEDS = 50


def seeds_needed(parts: Parts, margin: float, *, share: float = 0.95) -> tuple[int | None, bool]:
    """The fewest seeds at which an interval of `share` would leave out the margin with 80 % power.

    parts: of one estimate (scalars). The variance with k seeds is v_example + (v_seed + v_crossed) m / k, with m
    seeds now; power comes from the non-central t. Returns the number, None where not even 50 would do, and
    whether then the examples are at fault: with endless seeds their number would still be too small.
    """
    away = abs(float(parts.estimate) - margin)
    seeds = int(parts.seeds)
    if seeds < 2 or not np.isfinite(away) or not away:
        return None, False
    # What stays with endless seeds: the examples, without the part that a seed has at single examples.
    stays = max(float(parts.example) - float(parts.crossed), 0.0)
    of_seeds = max(float(parts.seed), float(parts.crossed))
    k = np.arange(2, MOST_SEEDS + 1)
    by_seeds = of_seeds * seeds / k
    variance = stays + by_seeds
    if not of_seeds:
        variance = np.full(len(k), max(stays, 1e-18))
    freedom = (k - 1) * (variance / np.maximum(by_seeds, 1e-12 * variance)) ** 2
    limit = -stdtrit(np.minimum(freedom, 1e6), (1 - share) / 2)
    power = 1 - nctdtr(np.minimum(freedom, 1e6), away / np.sqrt(variance), limit)
    enough = k[power >= POWER]
    if len(enough):
        return max(int(enough[0]), 3), False
    reach = -ndtri((1 - share) / 2) + ndtri(POWER)
    return None, away < reach * np.sqrt(stays)
