"""Replicates of a study: their columns, their pairing, and the coverage of the intervals made from them."""

import numpy as np
import pytest
from scipy import stats

from junkdna.statistics import bootstrap
from junkdna.statistics.bootstrap import (
    Replicates,
    counts,
    distinct_weights,
    example_weights,
    interval,
    mean_over_seeds,
    p_above,
    resamples,
    seed_weights,
    spread,
    variance_parts,
)

TWO = Replicates(seeds=(4, 7), draws=30)
FOUR = Replicates(seeds=(0, 1, 2, 3), draws=50)


def stacked(ids: np.ndarray, replicates: Replicates, seed: int) -> np.ndarray:
    return np.concatenate(list(example_weights(ids, replicates, seed)))


def means(observed: np.ndarray, replicates: Replicates, seed: int) -> np.ndarray:
    """Mean over seeds and examples of observed [S, n], along the replicate axis."""
    weights = stacked(np.arange(observed.shape[1]), replicates, seed)
    by_run = (observed @ weights.T) / weights.sum(axis=1)
    return mean_over_seeds(by_run, list(replicates.seeds), seed_weights(replicates))


def test_counts_are_multinomial():
    drawn = counts(np.random.default_rng(0), 4000, 20)
    assert drawn.shape == (4000, 20)
    assert (drawn.sum(axis=1) == 20).all()
    assert drawn.mean(axis=0) == pytest.approx(np.ones(20), abs=0.08)
    assert drawn.var(axis=0) == pytest.approx(np.full(20, 0.95), abs=0.12)


def test_the_columns_are_the_sample_the_seeds_the_resamples_and_both():
    ids = np.arange(50)
    weights = stacked(ids, TWO, 1)
    assert weights.shape == (TWO.size, 50) == (1 + 2 + 30 + 30 * 2, 50)
    assert (weights[:3] == 1).all()
    assert (weights[3:33].sum(axis=1) == 50).all() and (weights[3:33] != 1).any(axis=1).all()
    assert (weights[33:] == np.repeat(weights[3:33], 2, axis=0)).all()
    distinct = np.concatenate(list(distinct_weights(ids, 30, 1)))
    assert (spread(distinct.T, TWO) == weights.T).all()
    assert (resamples(weights.T, TWO) == distinct[1:].T).all()


def test_weights_do_not_depend_on_blocks(monkeypatch):
    ids = np.arange(50)
    whole = stacked(ids, TWO, 1)
    monkeypatch.setattr(bootstrap, "BLOCK", 350)
    assert (stacked(ids, TWO, 1) == whole).all()


def test_the_same_examples_are_resampled_together_and_others_apart():
    ids = np.arange(50)
    assert (stacked(ids, TWO, 1) == stacked(ids.copy(), TWO, 1)).all()
    assert (stacked(ids, TWO, 1) != stacked(ids + 1, TWO, 1)).any()
    assert (stacked(ids, TWO, 1) != stacked(ids, TWO, 2)).any()


def test_each_seed_is_left_out_of_its_own_columns():
    weights = np.stack(list(seed_weights(FOUR).values()))
    assert (weights[:, 0] == 1).all() and (resamples(weights, FOUR) == 1).all()
    assert (weights[:, 1:5] == 1 - np.eye(4)).all()
    crossed = weights[:, 1 + 4 + FOUR.draws :].reshape(4, FOUR.crossed, 4)
    assert (crossed == (1 - np.eye(4))[:, None]).all()
    assert FOUR.crossed * 3 >= bootstrap.CROSSED


def test_a_single_seed_is_never_left_out():
    one = Replicates(seeds=(7,), draws=10)
    assert one.size == 12
    assert (seed_weights(one)[7] == np.ones(12)).all()


def test_mean_over_seeds_weighs_and_skips_what_is_undefined():
    weights = {1: np.array([1.0, 2, 0, 0]), 2: np.array([1.0, 0, 2, 0]), 3: np.array([1.0, 0, 0, 2])}
    values = np.array([[1.0, 1, 1, 1], [3.0, 3, np.nan, 3]])
    assert mean_over_seeds(values, [1, 2], weights) == pytest.approx([2, 1, np.nan, np.nan], nan_ok=True)


def test_variance_parts_equal_those_of_the_crossed_layout():
    """Of a mean over seeds and examples each part is known: from the table of all observations."""
    replicates = Replicates(seeds=(0, 1, 2, 3), draws=6000)
    rng = np.random.default_rng(3)
    observed = rng.normal(size=(4, 1)) / 4 + rng.normal(size=(1, 60)) + rng.normal(size=(4, 60))
    parts = variance_parts(means(observed, replicates, 5), replicates)
    assert parts.seeds == 4
    assert parts.estimate == pytest.approx(observed.mean())
    assert parts.seed == pytest.approx(observed.mean(axis=1).var(ddof=1) / 4)
    assert parts.example == pytest.approx(observed.mean(axis=0).var() / 60, rel=0.06)
    residual = observed - observed.mean(axis=0) - observed.mean(axis=1, keepdims=True) + observed.mean()
    # Per example, the variance between seeds; over 4 seeds and 60 examples.
    assert parts.crossed == pytest.approx((residual**2).sum() / 3 / 4 / 60**2, rel=0.3)


def test_a_t_interval_has_the_degrees_of_freedom_of_the_seeds_where_only_they_vary():
    observed = np.array([0.1, 0.4, 0.3, 0.9])[:, None] * np.ones((4, 20))
    values = means(observed, FOUR, 0)
    expected = stats.t.interval(0.95, 3, loc=0.425, scale=stats.sem(observed[:, 0]))
    assert np.array(interval(values, FOUR)) == pytest.approx(expected)
    by_scipy = stats.ttest_1samp(observed[:, 0], 0.2, alternative="greater").pvalue
    assert p_above(values, FOUR, 0.2) == pytest.approx(by_scipy)


def test_a_seed_that_is_not_in_an_estimate_does_not_count():
    """A cell of two of the four seeds: as if the study had only these."""
    observed = np.random.default_rng(0).normal(size=(4, 40))
    weights = stacked(np.arange(40), FOUR, 0)
    by_run = (observed @ weights.T) / weights.sum(axis=1)
    parts = variance_parts(mean_over_seeds(by_run[:2], [0, 1], seed_weights(FOUR)), FOUR)
    assert parts.seeds == 2
    assert parts.seed == pytest.approx(observed[:2].mean(axis=1).var(ddof=1) / 2)


def test_a_seed_at_the_mean_counts_as_a_seed():
    """Leaving it out changes nothing on the sample itself, only on resamples of the examples."""
    observed = np.random.default_rng(0).permuted(np.tile([0.0, 1.0], (4, 20)), axis=1)
    observed[0], observed[1] = np.arange(40) < 30, np.arange(40) < 10
    values = means(observed, FOUR, 0)
    assert values[3] == pytest.approx(values[0]) and values[4] == pytest.approx(values[0])
    assert variance_parts(values, FOUR).seeds == 4


def test_without_seeds_the_interval_is_that_of_the_resamples():
    distinct = np.concatenate([[50.0], np.arange(101.0)])
    for seeds in ((7,), (1, 2, 3)):
        replicates = Replicates(seeds=seeds, draws=101)
        values = spread(distinct, replicates)
        assert np.array(interval(values, replicates)) == pytest.approx([2.5, 97.5])
        assert p_above(values, replicates, 9.5) == pytest.approx(11 / 102)
        gap = np.where(values == 5, np.nan, values)
        low, high = interval(np.stack([gap, np.full(replicates.size, np.nan)]), replicates)
        assert low[0] < 3 and high[0] > 97
        assert np.isnan([low[1], high[1]]).all()
        assert np.isnan(p_above(np.full(replicates.size, np.nan), replicates, 0.0))


def test_one_seed_of_many_has_the_interval_of_its_examples():
    """Its mean without that seed is undefined, so nothing is known of what another seed would give."""
    observed = np.random.default_rng(1).normal(size=(4, 40))
    weights = stacked(np.arange(40), FOUR, 0)
    by_run = (observed @ weights.T) / weights.sum(axis=1)
    values = mean_over_seeds(by_run[:1], [0], seed_weights(FOUR))
    assert variance_parts(values, FOUR).seeds == 0
    assert np.array(interval(values, FOUR)) == pytest.approx(
        np.quantile(resamples(by_run[0], FOUR), [0.025, 0.975])
    )


def test_nothing_varies_and_the_interval_is_a_point():
    values = np.full(FOUR.size, 0.25)
    assert np.array(interval(values, FOUR)) == pytest.approx([0.25, 0.25])


@pytest.mark.parametrize("seeds", [3, 5, 10])
@pytest.mark.parametrize("spreads", [(0.1, 1.0, 1.0), (0.3, 1.0, 1.0), (0.0, 0.3, 1.0)])
def test_intervals_cover_the_truth(seeds, spreads):
    """Spread of seeds, of examples, and of a seed at an example; where the seeds have none it is conservative."""
    rng = np.random.default_rng([seeds, int(100 * spreads[0])])
    replicates = Replicates(seeds=tuple(range(seeds)), draws=200)
    trials, covered, held = 300, 0, 0
    for trial in range(trials):
        shapes = ((seeds, 1), (1, 120), (seeds, 120))
        observed = sum(sd * rng.normal(size=shape) for sd, shape in zip(spreads, shapes, strict=True))
        values = means(observed, replicates, trial)
        low, high = interval(values, replicates)
        covered += low <= 0 <= high
        held += p_above(values, replicates, 0.0) > 0.05
    assert covered > stats.binom.ppf(0.001, trials, 0.94)
    assert covered <= stats.binom.ppf(0.999, trials, 0.985)
    assert held > stats.binom.ppf(0.001, trials, 0.94)
