"""Tests of a trend over ordered groups: Page's for blocks, Jonckheere's and Terpstra's for independent groups.

Both see the sample as it is: they speak of other seeds, not of other examples, and know no margin.
"""

from collections.abc import Sequence

import numpy as np
from scipy.special import ndtr
from scipy.stats import page_trend_test

Array = np.ndarray
# Largest product of group sizes whose exact null distribution is enumerated.
EXACT = 5000


def page_falling(values: Array) -> float:
    """One-sided p of Page's L that `values` [blocks, k] fall along the k ordered columns.

    Page (1963), Ordered hypotheses for multiple treatments. NaN with fewer than two blocks or three columns,
    or where a value is missing.
    """
    values = np.asarray(values, dtype=float)
    if values.ndim != 2 or values.shape[0] < 2 or values.shape[1] < 3 or not np.isfinite(values).all():
        return float("nan")
    return float(page_trend_test(-values).pvalue)


def jonckheere_falling(groups: Sequence[Array]) -> float:
    """One-sided p of the Jonckheere-Terpstra statistic that values fall from group to group.

    Jonckheere (1954), A distribution-free k-sample test against ordered alternatives. Exact for small groups
    without ties, else the normal approximation with the variance for ties (Hollander & Wolfe 1999, eq. 6.19).
    NaN with fewer than two groups or an empty one.
    """
    groups = [-np.asarray(group, dtype=float) for group in groups]
    sizes = [len(group) for group in groups]
    if len(groups) < 2 or min(sizes) == 0:
        return float("nan")
    statistic = sum(
        (np.less.outer(low, high) + 0.5 * np.equal.outer(low, high)).sum()
        for place, low in enumerate(groups)
        for high in groups[place + 1 :]
    )
    _, ties = np.unique(np.concatenate(groups), return_counts=True)
    if (ties == 1).all() and np.prod(sizes) <= EXACT:
        null = _null_distribution(sizes)
        return float(null[round(statistic) :].sum())
    n, ni, ti = sum(sizes), np.array(sizes, dtype=float), ties.astype(float)
    variance = (n * (n - 1) * (2 * n + 5) - (ni * (ni - 1) * (2 * ni + 5)).sum()) / 72
    variance -= (ti * (ti - 1) * (2 * ti + 5)).sum() / 72
    if n > 2:
        thirds = (ni * (ni - 1) * (ni - 2)).sum() * (ti * (ti - 1) * (ti - 2)).sum()
        variance += thirds / (36 * n * (n - 1) * (n - 2))
    variance += (ni * (ni - 1)).sum() * (ti * (ti - 1)).sum() / (8 * n * (n - 1))
    expected = (n**2 - (ni**2).sum()) / 4
    return float(ndtr(-(statistic - expected) / np.sqrt(variance))) if variance > 0 else 1.0


def _null_distribution(sizes: Sequence[int]) -> Array:
    """Probability of each value 0, 1, ... of the statistic when all orders are equally likely.

    It is a sum of independent Mann-Whitney statistics, of each group against all groups before it.
    """
    distribution, before = np.ones(1), sizes[0]
    for size in sizes[1:]:
        distribution = np.convolve(distribution, _mann_whitney(before, size))
        before += size
    return distribution


def _mann_whitney(m: int, n: int) -> Array:
    """Null distribution of the Mann-Whitney statistic: a Gaussian binomial coefficient, divided by its sum.

    It is the product over i of (1 - q^(m + i)) / (1 - q^i), i = 1 .. n, a polynomial in q.
    """
    counts = np.zeros(m * n + 1)
    counts[0] = 1
    for i in range(1, n + 1):
        for power in range(m * n, m + i - 1, -1):
            counts[power] -= counts[power - m - i]
        for power in range(i, m * n + 1):
            counts[power] += counts[power - i]
    return counts / counts.sum()
