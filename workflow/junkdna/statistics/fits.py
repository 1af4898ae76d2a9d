"""Falling curves through retention over the level, fitted to all replicates at once.

Both are least squares with a weight for each level, and both know that without compression retention is 1.
Shapes: L levels, R replicates. A missing value (NaN) has no weight in its replicate.
"""

import numpy as np

Array = np.ndarray
# Where a logistic curve may have its middle, in % of the weights, and its width.
MIDDLE = (-20.0, 140.0)
# A fall steeper than the levels are apart does not tell where between them it lies: it gets this width.
WIDTH = (2.0, 60.0)
STEPS = 30


def logistic(level: Array, middle: Array, width: Array) -> Array:
    """1 / (1 + exp((level - middle) / width)): from 1 down to 0, one half at `middle`."""
    return 1 / (1 + np.exp(np.clip((level - middle) / width, -700, 700)))


def fit_logistic(levels: Array, retention: Array, weights: Array) -> tuple[Array, Array]:
    """Fit a logistic curve with floor 0 and ceiling 1 to retention [L, R]; returns middle [R] and width [R].

    levels, weights: [L]. The best of a grid, then damped Gauss-Newton steps (Levenberg-Marquardt) in the middle
    and the logarithm of the width, all replicates together. Middle and width are kept within MIDDLE and WIDTH.
    NaN in a replicate with fewer than two values.
    """
    known = np.isfinite(retention)
    weight = weights[:, None] * known
    retention = np.where(known, retention, 0.0)
    middle, log_width = _best_of_grid(levels, retention, weight)
    damping = np.full(middle.shape, 1e-2)
    loss = _loss(levels, retention, weight, middle, log_width)
    for _ in range(STEPS):
        width = np.exp(log_width)
        curve = logistic(levels[:, None], middle, width)
        slope = curve * (1 - curve) / width
        # Derivatives by the middle and by the logarithm of the width.
        by_middle, by_width = slope, slope * (levels[:, None] - middle)
        rest = retention - curve
        a, b, c = ((weight * x).sum(axis=0) for x in (by_middle**2, by_middle * by_width, by_width**2))
        u, v = ((weight * x * rest).sum(axis=0) for x in (by_middle, by_width))
        a, c = a * (1 + damping) + 1e-12, c * (1 + damping) + 1e-12
        determinant = a * c - b * b
        step = (c * u - b * v) / determinant, (a * v - b * u) / determinant
        tried = np.clip(middle + step[0], *MIDDLE), np.clip(log_width + step[1], *np.log(WIDTH))
        attempt = _loss(levels, retention, weight, *tried)
        better = attempt < loss
        moved = np.abs(tried[0] - middle)[better].max(initial=0)
        middle, log_width = (
            np.where(better, t, old) for t, old in zip(tried, (middle, log_width), strict=True)
        )
        damping = np.clip(np.where(better, damping / 5, damping * 5), 1e-9, 1e6)
        loss = np.where(better, attempt, loss)
        if moved < 1e-4 and not (damping < 1e2)[~better].any():
            break
    enough = known.sum(axis=0) > 1
    return np.where(enough, middle, np.nan), np.where(enough, np.exp(log_width), np.nan)


def fit_falling(retention: Array, weights: Array) -> Array:
    """Best falling (isotonic) fit [L, R] to retention [L, R] in the order of the levels; weights [L].

    By the min-max formula of Barlow et al. (1972): the smallest, over the starts of a block that ends after a
    level, of the largest, over its ends, of the weighted means.
    """
    known = np.isfinite(retention)
    weight = np.where(known, weights[:, None], 1e-9)
    filled = np.where(known, retention, 0.5)
    levels = len(retention)
    zeros = np.zeros((1, retention.shape[1]))
    sums, totals = (np.concatenate([zeros, x.cumsum(axis=0)]) for x in (weight * filled, weight))
    fitted = np.full(retention.shape, np.inf)
    for start in range(levels):
        means = (sums[start + 1 :] - sums[start]) / (totals[start + 1 :] - totals[start])
        largest = np.maximum.accumulate(means[::-1], axis=0)[::-1]
        fitted[start:] = np.minimum(fitted[start:], largest)
    return fitted


def crossing(levels: Array, fitted: Array, share: float) -> Array:
    """Level [R] at which a falling polygon through `fitted` [L, R] comes down to `share`.

    levels: [L], rising from 0, where retention is 1. NaN where it stays above.
    """
    under = fitted <= share
    first = under.argmax(axis=0)
    before = np.maximum(first - 1, 0)
    column = np.arange(fitted.shape[1])
    high, low = fitted[before, column], fitted[first, column]
    part = (high - share) / np.where(high > low, high - low, 1)
    found = levels[before] + part * (levels[first] - levels[before])
    return np.where(under.any(axis=0), found, np.nan)


def _best_of_grid(levels: Array, retention: Array, weight: Array) -> tuple[Array, Array]:
    middles, widths = np.arange(0.0, 121.0, 4.0), np.geomspace(1.0, 30.0, 8)
    middle, width = (x.ravel() for x in np.meshgrid(middles, widths))
    curves = logistic(levels[:, None], middle, width)
    loss = weight.T @ curves**2 - 2 * (weight * retention).T @ curves
    best = loss.argmin(axis=1)
    return middle[best], np.log(width[best])


def _loss(levels: Array, retention: Array, weight: Array, middle: Array, log_width: Array) -> Array:
    return (weight * (retention - logistic(levels[:, None], middle, np.exp(log_width))) ** 2).sum(axis=0)
