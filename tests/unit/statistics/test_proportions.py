"""Intervals of shares, against their textbook values and by simulation."""

import numpy as np
import pytest
from scipy import stats

from junkdna.statistics.proportions import difference, p_difference, wilson


@pytest.mark.parametrize(("hits", "number"), [(0, 5), (1, 3), (5, 5), (40, 100)])
def test_wilson_equals_scipy(hits, number):
    expected = stats.binomtest(hits, number).proportion_ci(method="wilson")
    assert wilson(hits, number) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_nothing_tried_has_no_rate():
    assert np.isnan(wilson(0, 0)).all()


def test_newcombe_example():
    """Newcombe (1998), table II, method 10: 56/70 - 48/80 and 9/10 - 3/10."""
    assert difference((56, 70), (48, 80)) == pytest.approx((0.2, 0.0524, 0.3339), abs=1e-4)
    assert difference((9, 10), (3, 10)) == pytest.approx((0.6, 0.1705, 0.8090), abs=1e-4)
    assert difference((0, 10), (0, 10))[1] < 0 < difference((0, 10), (0, 10))[2], "never of width zero"


def test_p_is_of_the_same_interval():
    for one, other in (((5, 5), (0, 5)), ((9, 10), (3, 10)), ((3, 10), (9, 10)), ((2, 5), (2, 5))):
        apart, low, _ = difference(one, other)
        assert (p_difference(one, other, 0.02) <= 0.025) == (low >= 0.02)
        assert p_difference(one, other, low) == pytest.approx(0.025, abs=1e-6)
        assert p_difference(one, other, apart) == pytest.approx(0.5)
        assert p_difference(one, other, apart - 0.01) < 0.5 < p_difference(one, other, apart + 0.01)


def test_false_differences_are_rare_with_three_and_five_seeds():
    rng = np.random.default_rng(0)
    for seeds in (3, 5):
        for rate in (0.2, 0.6, 0.9):
            pairs = rng.binomial(seeds, rate, size=(2000, 2))
            p = [p_difference((int(a), seeds), (int(b), seeds), 0.0) for a, b in pairs]
            assert np.mean(np.array(p) <= 0.025) < 0.03
