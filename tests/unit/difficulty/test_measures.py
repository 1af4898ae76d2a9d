"""Each measure of difficulty against a hand-made case and an independent computation."""

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import curve_fit, minimize

from junkdna.difficulty.cartography import confidence_map
from junkdna.difficulty.codelength import codelength
from junkdna.difficulty.errors import dense_error, human_gap, seed_sd
from junkdna.difficulty.information import label_entropy, prior_loss, pvi
from junkdna.difficulty.learning_curve import MAX_EXPONENT, learning_exponent
from junkdna.difficulty.rasch import ABILITY_SD, SPREAD, SPREAD_SD, fit_rasch


def test_dense_error_is_zero_when_perfect_and_one_at_chance():
    scores = np.array([[1.0, 0.5, 0.75, 0.25]])
    assert dense_error(scores, 0.5).tolist() == [[0.0, 1.0, 0.5, 1.5]]
    assert dense_error(np.array([0.6]), 0.0) == pytest.approx([0.4])


def test_human_gap_contradicts_the_papers_pair():
    """RoBERTa-large scored .9616 on SST-2 and about .68 on CoLA: the gap is smaller on the "hard" task."""
    easy, hard = human_gap(np.array([0.9616]), 97.8), human_gap(np.array([0.68]), 66.4)
    assert easy == pytest.approx([1.677], abs=0.001)
    assert hard == pytest.approx([-2.410], abs=0.001)


def test_seed_sd_under_weights_is_that_of_repeated_runs():
    scores = np.array([0.8, 0.9, 0.7])
    weights = np.array([[1, 2, 0, 0], [1, 1, 1, 1], [1, 0, 2, 0]])
    found = seed_sd(np.repeat(scores[:, None], 4, axis=1), weights)
    for column, copies in enumerate(weights.T[:3]):
        sample = np.repeat(scores, copies)
        assert found[column] == pytest.approx(sample.std(ddof=1) / sample.mean())
    assert np.isnan(found[3])


def test_pvi_of_four_examples_by_hand():
    model = -np.log([0.8, 0.5, 0.25, 1.0])
    null = -np.log([0.5, 0.5, 0.5, 0.25])
    assert pvi(model, null) == pytest.approx([np.log2(1.6), 0.0, -1.0, 2.0])


def test_the_prior_without_input_is_the_label_entropy():
    target, classes = np.array([0, 0, 0, 1.0]), np.full(4, 2)
    entropy = -(0.75 * np.log2(0.75) + 0.25 * np.log2(0.25))
    assert label_entropy(target, classes, choice=False) == pytest.approx(entropy)
    assert prior_loss(target, classes, choice=False) == pytest.approx(-np.log([0.75, 0.75, 0.75, 0.25]))
    assert label_entropy(target, np.array([2, 4, 4, 2]), choice=True) == pytest.approx(1.5)


def test_codelength_codes_each_label_by_the_model_before_it():
    sizes, losses = [10, 25, 50, 100], [0.6, 0.5, 0.3, 0.1]
    bits = 0.0
    for label in range(100):
        earlier = [loss for size, loss in zip(sizes, losses, strict=True) if size <= label]
        bits += earlier[-1] / np.log(2) if earlier else np.log2(3)
    assert codelength(sizes, losses, np.log2(3)) == pytest.approx(bits / 100)
    with pytest.raises(ValueError, match=r"sizes: found \[10.0, 10.0\]"):
        codelength([10, 10], [1, 1], 1.0)


def test_codelength_keeps_seeds_and_replicates():
    losses = np.random.default_rng(0).random((3, 2, 5))
    whole = codelength([1, 2, 4], losses, 1.0)
    assert whole.shape == (2, 5)
    assert whole[1, 3] == pytest.approx(codelength([1, 2, 4], losses[:, 1, 3], 1.0))


def test_learning_exponent_recovers_an_exact_power_law():
    sizes = np.array([100, 250, 500, 700, 1000])
    truths = [(0.05, 0.5, 0.1), (0.02, 1.4, 0.0), (0.2, 0.25, 0.02)]
    errors = np.stack([a * (sizes / 1000) ** -b + e for a, b, e in truths], axis=1)
    a, b, e = learning_exponent(sizes, errors)
    assert b == pytest.approx([truth[1] for truth in truths], abs=1e-3)
    assert a + e == pytest.approx([truth[0] + truth[2] for truth in truths], abs=1e-3)


def test_learning_exponent_fits_as_well_as_curve_fit():
    rng = np.random.default_rng(1)
    sizes = np.array([50, 125, 250, 350, 500.0])
    share = sizes / sizes.max()
    errors = 0.08 * share[:, None] ** -0.7 + 0.1 + rng.normal(scale=0.01, size=(5, 40))
    a, b, e = learning_exponent(sizes, errors)

    def curve(x, scale, exponent, floor):
        return scale * x**-exponent + floor

    for column in range(40):
        bounds = ([0, 0, 0], [np.inf, MAX_EXPONENT, np.inf])
        fitted, _ = curve_fit(curve, share, errors[:, column], p0=(0.1, 0.5, 0.05), bounds=bounds)
        ours, theirs = (
            ((curve(share, *point) - errors[:, column]) ** 2).sum()
            for point in ((a[column], b[column], e[column]), fitted)
        )
        assert ours <= theirs * (1 + 1e-3) + 1e-9


def test_learning_exponent_of_three_sizes_flat_curves_and_holes():
    sizes = np.array([100, 500, 1000])
    errors = np.stack([0.1 * (sizes / 1000) ** -0.8, [0.3] * 3, [0.1, 0.2, 0.3], [0.5, np.nan, 0.1]], axis=1)
    _, b, e = learning_exponent(sizes, errors)
    assert b[:3] == pytest.approx([0.8, 0.0, 0.0], abs=1e-3)
    assert np.isnan(b[3])
    assert e[0] == 0
    with pytest.raises(ValueError, match="at least three different ones"):
        learning_exponent([1, 2, 2], errors)


def traces(seed: int, ids=(3, 1, 2), epochs=4) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    rows = [(i, epoch, rng.random()) for epoch in range(epochs) for i in ids]
    return pd.DataFrame(rows, columns=["example_id", "epoch", "confidence"])


def test_confidence_map_is_mean_and_sd_over_epochs():
    tables = {1: traces(1), 2: traces(2, ids=(2, 3, 1))}
    confidence, variability, ids = confidence_map(tables)
    assert ids.tolist() == [1, 2, 3]
    for row, table in enumerate(tables.values()):
        for column, example in enumerate(ids):
            values = table.loc[table["example_id"] == example, "confidence"].to_numpy()
            assert confidence[row, column] == pytest.approx(values.mean())
            assert variability[row, column] == pytest.approx(np.sqrt(np.mean((values - values.mean()) ** 2)))
    assert np.isnan(confidence_map({1: traces(1, epochs=1)})[1]).all()
    with pytest.raises(ValueError, match="seed 2: other training examples than of seed 1"):
        confidence_map({1: traces(1), 2: traces(2, ids=(1, 2, 4))})
    with pytest.raises(ValueError, match="lacks examples"):
        confidence_map({1: traces(1).iloc[1:]})


def simulate(runs: int, examples: int, *, mean=0.5, sd=1.5, seed=0):
    rng = np.random.default_rng(seed)
    ability, difficulty = rng.normal(size=runs), rng.normal(mean, sd, size=examples)
    chance = 1 / (1 + np.exp(difficulty - ability[:, None]))
    return ability, difficulty, rng.random((runs, examples)) < chance


def test_rasch_recovers_simulated_items_abilities_and_the_mean():
    ability, difficulty, correct = simulate(40, 500)
    fitted = fit_rasch(correct)
    assert np.corrcoef(fitted.item, difficulty)[0, 1] > 0.9
    assert np.corrcoef(fitted.ability, ability)[0, 1] > 0.97
    assert fitted.ability.mean() == pytest.approx(0, abs=1e-12)
    # Items have a sampling error of 1.5 / sqrt(500).
    assert fitted.task == pytest.approx(0.5 - ability.mean(), abs=0.2)
    assert fitted.task == pytest.approx((difficulty - ability.mean()).mean(), abs=0.06)
    assert fitted.spread == pytest.approx(1.5, abs=0.15)


def test_rasch_is_the_maximum_of_the_likelihood_written_out():
    _, _, correct = simulate(4, 60, seed=3)
    fitted = fit_rasch(correct)
    nodes, weights = np.polynomial.hermite_e.hermegauss(61)
    weights = weights / weights.sum()

    def loss(point):
        ability, spread = point[:4], np.exp(point[4])
        right = 1 / (1 + np.exp(spread * nodes - ability[:, None]))
        total = 0.0
        for answers in correct.T:
            chance = np.where(answers[:, None], right, 1 - right).prod(axis=0)
            total += np.log((weights * chance).sum())
        total -= (ability**2).sum() / (2 * ABILITY_SD**2)
        return -(total - np.log(spread / SPREAD) ** 2 / (2 * SPREAD_SD**2))

    best = minimize(loss, np.zeros(5), method="BFGS").x
    assert fitted.ability == pytest.approx(best[:4] - best[:4].mean(), abs=1e-3)
    assert fitted.task == pytest.approx(-best[:4].mean(), abs=1e-3)
    assert fitted.spread == pytest.approx(np.exp(best[4]), abs=1e-3)


def test_influence_predicts_the_fit_to_a_resample():
    _, _, correct = simulate(8, 300, seed=5)
    fitted, rng = fit_rasch(correct), np.random.default_rng(0)
    exact, linear = [], []
    for _ in range(30):
        picks = rng.integers(300, size=300)
        exact.append(fit_rasch(correct[:, picks]).task - fitted.task)
        linear.append((np.bincount(picks, minlength=300) - 1) @ fitted.influence)
    assert np.corrcoef(exact, linear)[0, 1] > 0.99
    assert np.std(linear) == pytest.approx(np.std(exact), rel=0.05)


def test_rasch_stays_finite_where_the_likelihood_has_no_maximum():
    correct = np.ones((5, 50), dtype=bool)
    easy = fit_rasch(correct)
    hard = fit_rasch(~correct)
    assert easy.task == pytest.approx(-hard.task, abs=1e-6)
    assert -20 < easy.task < -3
    with pytest.raises(ValueError, match=r"found shape \(1, 50\)"):
        fit_rasch(correct[:1])
