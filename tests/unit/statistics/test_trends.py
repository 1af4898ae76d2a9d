"""Trend tests, corrections for many tests and the number of seeds, each against a reference written here."""

from itertools import permutations

import numpy as np
import pytest
from scipy import stats

from junkdna.statistics.bootstrap import Parts
from junkdna.statistics.multiplicity import benjamini_hochberg, holm
from junkdna.statistics.power import seeds_needed
from junkdna.statistics.trends import jonckheere_falling, page_falling


def enumerated(groups: list[list[float]]) -> float:
    """Share of all assignments of the values to the groups whose statistic is at least the one observed."""

    def statistic(values) -> float:
        parts = np.split(np.asarray(values), np.cumsum([len(group) for group in groups])[:-1])
        pairs = [(a, b) for i, one in enumerate(parts) for two in parts[i + 1 :] for a in one for b in two]
        return sum((a > b) + 0.5 * (a == b) for a, b in pairs)

    pooled = [value for group in groups for value in group]
    observed = statistic(pooled)
    return float(np.mean([statistic(order) >= observed for order in permutations(pooled)]))


@pytest.mark.parametrize(
    "groups",
    [
        [[5.0, 6.5], [4.0, 3.0], [3.5, 1.0, 2.0]],
        [[1.0, 6.0, 3.0], [2.0, 5.0], [4.0]],
        [[1.0, 2.0], [3.0, 4.0]],
    ],
)
def test_jonckheere_is_exact_for_small_groups(groups):
    assert jonckheere_falling(groups) == pytest.approx(enumerated(groups))


def test_jonckheere_of_two_groups_is_mann_whitney():
    rng = np.random.default_rng(0)
    for size in (4, 30):
        easy, hard = rng.normal(size=size) + 0.5, rng.normal(size=size + 1)
        exact = stats.mannwhitneyu(easy, hard, alternative="greater", method="exact").pvalue
        assert jonckheere_falling([easy, hard]) == pytest.approx(exact)
    easy, hard = rng.integers(5, size=20), rng.integers(4, size=25)
    normal = stats.mannwhitneyu(
        easy, hard, alternative="greater", method="asymptotic", use_continuity=False
    ).pvalue
    assert jonckheere_falling([easy, hard]) == pytest.approx(normal)


def test_jonckheere_with_ties_is_near_the_permutation_share():
    rng = np.random.default_rng(1)
    groups = [rng.integers(6, size=9) + shift for shift in (1, 1, 0)]
    pooled = np.concatenate(groups).astype(float)

    def statistic(values):
        parts = np.split(values, [9, 18])
        pairs = ((0, 1), (0, 2), (1, 2))
        return sum((np.sign(np.subtract.outer(parts[i], parts[j])) / 2 + 0.5).sum() for i, j in pairs)

    drawn = [statistic(rng.permutation(pooled)) >= statistic(pooled) for _ in range(4000)]
    assert jonckheere_falling(groups) == pytest.approx(np.mean(drawn), abs=0.03)
    assert jonckheere_falling([[1.0, 1.0], [1.0]]) == 1.0
    assert np.isnan(jonckheere_falling([[1.0, 2.0], []]))


def test_page_counts_the_orders_within_the_seeds():
    """Three blocks in perfect order: one of 3! orders in each, so 1 / 216."""
    falling = np.array([[3.0, 2, 1], [9, 5, 4], [0.3, 0.2, 0.1]])
    assert page_falling(falling) == pytest.approx(1 / 216)
    assert page_falling(falling[:, ::-1]) == pytest.approx(1.0)
    for few in (falling[:1], falling[:, :2], np.where(falling == 9, np.nan, falling)):
        assert np.isnan(page_falling(few))


def test_holm_equals_its_definition():
    p = np.array([0.01, np.nan, 0.04, 0.03, 0.5])
    # Sorted .01 .03 .04 .5, times 4 3 2 1, running maximum.
    assert holm(p) == pytest.approx([0.04, np.nan, 0.09, 0.09, 0.5], nan_ok=True)
    assert holm(np.array([0.9, 0.8])) == pytest.approx([1.0, 1.0])
    assert np.isnan(holm(np.array([np.nan]))).all()


def test_false_discoveries_equal_their_definition():
    p = np.array([0.01, np.nan, 0.04, 0.03, 0.5])
    # Sorted .01 .03 .04 .5, times 4 / rank, running minimum from the end.
    assert benjamini_hochberg(p) == pytest.approx(
        [0.04, np.nan, 0.04 * 4 / 3, 0.04 * 4 / 3, 0.5], nan_ok=True
    )
    assert np.isnan(benjamini_hochberg(np.array([np.nan]))).all()


def parts(*, estimate: float, seeds: int, seed: float, example: float, crossed: float = 0.0) -> Parts:
    values = {"estimate": estimate, "seeds": seeds, "seed": seed, "example": example, "crossed": crossed}
    return Parts(**{name: np.asarray(value) for name, value in values.items()})


@pytest.mark.parametrize("away", [0.02, 0.04, 0.1])
def test_the_number_of_seeds_is_that_of_a_simulated_t_test(away):
    """Only seeds vary, with sd 0.04: the power of a t test with k and with k - 1 of them, by simulation."""
    needed, _ = seeds_needed(parts(estimate=0.02 + away, seeds=4, seed=0.04**2 / 4, example=0.0), margin=0.02)
    rng = np.random.default_rng(0)

    def power(k: int) -> float:
        drawn = rng.normal(away, 0.04, size=(20_000, k))
        low = drawn.mean(axis=1) - stats.t.ppf(0.975, k - 1) * drawn.std(axis=1, ddof=1) / np.sqrt(k)
        return float((low > 0).mean())

    assert power(needed) > 0.79
    assert needed == 3 or power(needed - 1) < 0.81


def test_more_seeds_do_not_mend_too_few_examples():
    assert seeds_needed(parts(estimate=0.05, seeds=3, seed=1e-4, example=4e-4), margin=0.02) == (None, True)
    # The same variance, but it comes from each seed's own luck with the examples, which more seeds average out.
    needed, short = seeds_needed(
        parts(estimate=0.05, seeds=3, seed=4e-4, example=4e-4, crossed=4e-4), margin=0.02
    )
    assert needed is not None and 5 < needed < 20 and not short
    assert seeds_needed(parts(estimate=0.0201, seeds=3, seed=1e-4, example=0.0), margin=0.02) == (None, False)
    assert seeds_needed(parts(estimate=0.05, seeds=0, seed=0.0, example=1e-4), margin=0.02) == (None, False)
