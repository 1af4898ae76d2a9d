"""Corrections for many tests: Holm over the few that were declared first, Benjamini-Hochberg over the grid."""

import numpy as np
from scipy.stats import false_discovery_control

Array = np.ndarray


def holm(p: Array) -> Array:
    """Holm's step-down corrected p-values (Holm 1979); undefined ones (NaN) stay so and do not count."""
    p = np.asarray(p, dtype=float)
    out = np.full(p.shape, np.nan)
    known = np.flatnonzero(np.isfinite(p))
    order = known[np.argsort(p[known], kind="stable")]
    steps = (len(order) - np.arange(len(order))) * p[order]
    out[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return out


def benjamini_hochberg(p: Array) -> Array:
    """Corrected p-values that bound the false discovery rate; undefined ones (NaN) stay so and do not count."""
    p = np.asarray(p, dtype=float)
    out = np.full(p.shape, np.nan)
    known = np.isfinite(p)
    if known.any():
        out[known] = false_discovery_control(p[known], method="bh")
    return out
