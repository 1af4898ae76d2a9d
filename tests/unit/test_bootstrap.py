"""The pigeonhole bootstrap: its draws, its pairing, its coverage."""

import numpy as np
import pytest

from junkdna import bootstrap
from junkdna.bootstrap import counts, example_weights, interval, mean_over_seeds, seed_weights


def stacked(ids: np.ndarray, draws: int, seed: int) -> np.ndarray:
    return np.concatenate(list(example_weights(ids, draws, seed)))


def test_counts_are_multinomial():
    drawn = counts(np.random.default_rng(0), 4000, 20)
    assert drawn.shape == (4000, 20)
    assert (drawn.sum(axis=1) == 20).all()
    assert drawn.mean(axis=0) == pytest.approx(np.ones(20), abs=0.08)
    assert drawn.var(axis=0) == pytest.approx(np.full(20, 0.95), abs=0.12)


def test_draw_zero_is_the_sample_and_draws_do_not_depend_on_blocks(monkeypatch):
    ids = np.arange(50)
    whole = stacked(ids, 30, 1)
    assert whole.shape == (31, 50)
    assert (whole[0] == 1).all()
    monkeypatch.setattr(bootstrap, "BLOCK", 350)
    assert (stacked(ids, 30, 1) == whole).all()


def test_the_same_examples_are_resampled_together_and_others_apart():
    ids = np.arange(50)
    assert (stacked(ids, 5, 1) == stacked(ids.copy(), 5, 1)).all()
    assert (stacked(ids, 5, 1) != stacked(ids + 1, 5, 1)).any()
    assert (stacked(ids, 5, 1) != stacked(ids, 5, 2)).any()


def test_seed_weights_do_not_depend_on_the_order_of_seeds():
    forth, back = seed_weights([41, 42, 43], 100, 0), seed_weights([43, 42, 41, 41], 100, 0)
    assert all((forth[seed] == back[seed]).all() for seed in (41, 42, 43))
    assert (sum(forth.values()) == 3).all()
    assert [forth[seed][0] for seed in (41, 42, 43)] == [1, 1, 1]


def test_a_single_seed_is_not_resampled():
    assert (seed_weights([7, 7], 10, 0)[7] == np.ones(11)).all()


def test_mean_over_seeds_weighs_and_skips_what_is_undefined():
    weights = {1: np.array([1.0, 2, 0, 0]), 2: np.array([1.0, 0, 2, 0]), 3: np.array([1.0, 0, 0, 2])}
    values = np.array([[1.0, 1, 1, 1], [3.0, 3, np.nan, 3]])
    assert mean_over_seeds(values, [1, 2], weights) == pytest.approx([2, 1, np.nan, np.nan], nan_ok=True)


def test_interval_leaves_out_the_point_and_what_is_undefined():
    values = np.concatenate([[1e9], np.arange(101.0)])
    assert np.array(interval(values)) == pytest.approx([2.5, 97.5])
    low, high = interval(np.stack([np.where(values == 5, np.nan, values), np.full(102, np.nan)]))
    assert low[0] < 3 and high[0] > 97
    assert np.isnan([low[1], high[1]]).all()


def test_pigeonhole_equals_weighting_every_observation():
    """Owen's definition, written out: the mean over seeds and examples with weights w_s v_i."""
    rng = np.random.default_rng(3)
    right = rng.random((4, 30)) < 0.7
    v, w = stacked(np.arange(30), 50, 5), seed_weights([0, 1, 2, 3], 50, 5)
    by_run = (right.astype(float) @ v.T) / v.sum(axis=1)
    ours = mean_over_seeds(by_run, [0, 1, 2, 3], w)
    by_hand = [
        sum(w[s][b] * v[b, i] * right[s, i] for s in range(4) for i in range(30)) / (4 * 30)
        for b in range(51)
    ]
    assert ours == pytest.approx(by_hand)


def test_intervals_cover_the_truth_where_seeds_and_examples_both_vary():
    rng = np.random.default_rng(11)
    covered = []
    for trial in range(150):
        logits = 0.8 + rng.normal(scale=0.5, size=(8, 1)) + rng.normal(scale=1.0, size=(1, 150))
        right = (rng.random((8, 150)) < 1 / (1 + np.exp(-logits))).astype(float)
        v, w = stacked(np.arange(150), 300, trial), seed_weights(list(range(8)), 300, trial)
        low, high = interval(mean_over_seeds((right @ v.T) / v.sum(axis=1), list(range(8)), w))
        covered.append(low <= TRUTH <= high)
    assert 0.88 <= np.mean(covered) <= 1.0


# Mean of the logistic of a normal with mean 0.8 and variance 0.5^2 + 1^2, by quadrature.
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(60)
TRUTH = float(np.sum(_WEIGHTS / (1 + np.exp(-(0.8 + np.sqrt(1.25) * _NODES)))) / np.sqrt(2 * np.pi))
