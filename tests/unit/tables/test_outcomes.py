"""What became of a training, on predictions whose truth is known."""

import itertools

import numpy as np
import pytest

from junkdna.tables.outcomes import (
    FLAT,
    LEVEL,
    constant_losses,
    knowledge,
    p_agreement,
    p_losses,
    training_outcomes,
)

RNG = np.random.default_rng(0)


def classes(shares, n, rng):
    return rng.choice(len(shares), size=n, p=shares).astype(float)


def calibrated(target, said, right):
    """Losses of someone who is as sure as right he is."""
    wrong = (1 - right) / (len(np.unique(target)) - 1)
    return -np.log(np.where(said == target, right, wrong))


@pytest.mark.parametrize("shares", [(0.5, 0.5), (0.7, 0.3), (0.9, 0.1), (0.97, 0.03), (0.4, 0.35, 0.25)])
@pytest.mark.parametrize("said_shares", ["the same", "few of the rare one"])
def test_who_guesses_by_the_label_shares_is_uninformed(shares, said_shares):
    rng, n = np.random.default_rng(1), 300
    rare = np.array([0.99, *[0.01 / (len(shares) - 1)] * (len(shares) - 1)])
    passed = constant = 0
    for _ in range(400):
        target = classes(shares, n, rng)
        said = classes(shares if said_shares == "the same" else rare, n, rng)
        # The log of a probability that drifts about the true share, on its own for each example.
        belief = np.clip(np.array(shares)[target.astype(int)] + 0.02 * rng.standard_normal(n), 0.005, 0.995)
        outcome = training_outcomes("pair", target, said[None], -np.log(belief)[None])[0]
        passed += outcome == "trained"
        constant += outcome == "constant"
    assert passed / (400 - constant) <= 0.015  # Two tests at a quarter of a percent each; 400 cases.


@pytest.mark.parametrize("shares", [(0.5, 0.5), (0.7, 0.3), (0.9, 0.1), (0.4, 0.35, 0.25)])
def test_who_knows_a_fifth_of_the_answers_trained(shares):
    rng, n = np.random.default_rng(2), 500
    for _ in range(50):
        target = classes(shares, n, rng)
        said = np.where(rng.random(n) < 0.3, target, classes(shares, n, rng))
        losses = calibrated(target, said, float((said == target).mean()))
        assert training_outcomes("classification", target, said[None], losses[None])[0] == "trained"


def test_one_class_throughout_is_constant_whatever_its_loss():
    target = classes((0.9, 0.1), 400, RNG)
    losses = np.where(target == 0, 0.01, 1.0)  # Far below the entropy of the labels, .33.
    assert losses.mean() < 0.5 * constant_losses("pair", target, None).mean()
    for said in (np.zeros(400), np.ones(400)):
        assert training_outcomes("pair", target, said[None], losses[None]).tolist() == ["constant"]


def test_one_option_place_throughout_is_constant_even_if_it_is_often_right():
    target = classes((0.5, 0.2, 0.2, 0.1), 300, RNG)
    losses = np.full((1, 300), np.log(4))
    options = np.full(300, 4)
    assert training_outcomes("choice", target, np.zeros((1, 300)), losses, options).tolist() == ["constant"]
    said = classes((0.97, 0.01, 0.01, 0.01), 300, RNG)
    assert training_outcomes("choice", target, said[None], losses, options).tolist() == ["uninformed"]


def test_regression():
    rng, n = np.random.default_rng(3), 500
    target = rng.normal(3, 1.5, n)
    flat = 3 + 0.5 * FLAT * target  # Ordered as the targets are, and yet one number throughout.
    noise = 3 + 0.3 * rng.standard_normal(n)
    knows = 3 + 0.3 * (target - 3) + 0.5 * rng.standard_normal(n)
    said = np.stack([flat, noise, knows, np.full(n, 3.0)])
    outcomes = training_outcomes("regression", target, said, (said - target) ** 2)
    assert outcomes.tolist() == ["constant", "uninformed", "trained", "constant"]


def test_no_number_is_never_a_good_one():
    target = classes((0.5, 0.5), 100, RNG)
    losses = np.full((3, 100), 0.1)
    said = np.tile(target, (3, 1))
    losses[0, 5], losses[1], said[2, 3] = np.nan, np.inf, np.nan
    assert training_outcomes("pair", target, said, losses).tolist() == ["diverged"] * 3


def test_confident_mistakes_do_not_hide_what_was_learnt():
    rng, n = np.random.default_rng(4), 1000
    target = classes((0.5, 0.5), n, rng)
    said = np.where(rng.random(n) < 0.6, target, 1 - target)
    losses = np.where(said == target, 0.001, 8.0)  # An overfitted model: its losses are far worse than log 2.
    assert p_losses("pair", target, losses[None]) > 0.99
    assert training_outcomes("pair", target, said[None], losses[None])[0] == "trained"


def test_agreement_equals_counting_every_order():
    target, said = np.array([0, 0, 1, 1, 2, 2.0]), np.array([0, 0, 1, 2, 2, 2.0])
    agree = (target == said).sum()
    orders = [np.array(each) for each in itertools.permutations(said)]
    exact = np.mean([(target == each).sum() >= agree for each in orders])
    assert p_agreement("pair", target, said[None]) == pytest.approx(exact, abs=0.02)


def test_normal_and_counted_agreement_meet():
    rng = np.random.default_rng(5)
    for shares in ((0.5, 0.5), (0.8, 0.2), (0.4, 0.3, 0.3)):
        target, said = classes(shares, 400, rng), classes(shares, 400, rng)
        many = [(target == rng.permutation(said)).sum() for _ in range(4000)]
        exact = np.mean(np.array(many) >= (target == said).sum())
        assert p_agreement("pair", target, said[None]) == pytest.approx(exact, abs=0.03)


def test_one_true_class_tells_nothing():
    target = np.zeros(50)
    said = np.r_[np.zeros(49), 1.0]
    assert p_agreement("pair", target, said[None]) == 1.0
    assert training_outcomes("pair", target, said[None], np.full((1, 50), 0.02))[0] == "uninformed"


def test_agreement_of_several_runs_counts_those_that_answer_alike_once():
    rng, n = np.random.default_rng(6), 400
    target = classes((0.6, 0.4), n, rng)
    said = np.stack([classes((0.6, 0.4), n, rng)] * 3 + [classes((0.5, 0.5), n, rng)])
    many = [(target[rng.permutation(n)] == said).sum() for _ in range(4000)]
    exact = np.mean(np.array(many) >= (target == said).sum())
    assert p_agreement("pair", target, said) == pytest.approx(exact, abs=0.03)
    values = rng.normal(size=n)
    numbers = np.stack([rng.normal(size=n) + 0.05 * values] * 2 + [rng.normal(size=n)])
    ranks = np.argsort(np.argsort(numbers)) * 1.0
    place = np.argsort(np.argsort(values)) * 1.0
    orders = [rng.permutation(place) for _ in range(2000)]
    many = [sum(np.corrcoef(row, order)[0, 1] for row in ranks) for order in orders]
    exact = np.mean(np.array(many) >= sum(np.corrcoef(row, place)[0, 1] for row in ranks))
    assert p_agreement("regression", values, numbers) == pytest.approx(exact, abs=0.03)


def weak(share, runs, n, rng):
    """Runs that know a share of the answers of a balanced pair task and are as sure as they are right."""
    target = classes((0.5, 0.5), n, rng)
    said = np.where(
        rng.random((runs, n)) < share, target, classes((0.5, 0.5), n * runs, rng).reshape(runs, n)
    )
    right = 0.5 + share / 2
    return target, said, -np.log(np.where(said == target, right, 1 - right))


def test_a_cell_shows_what_no_run_of_it_shows():
    """Runs that lie two standard errors above chance: one by one few pass, and those are the lucky ones."""
    rng = np.random.default_rng(7)
    alone, together = [], []
    for _ in range(200):
        target, said, losses = weak(0.1, 5, 400, rng)
        alone += [training_outcomes("pair", target, said[[0]], losses[[0]])[0] == "trained"]
        together += [(training_outcomes("pair", target, said, losses) == "trained").sum()]
    assert np.mean(alone) < 0.35
    assert np.mean(np.array(together) == 5) > max(0.65, 2 * np.mean(alone)), "a cell is measured as a whole"


def test_a_weak_run_beside_others_that_pass_is_no_failure():
    """Runs two to three standard errors above chance: without those that just miss, the mean would be too high."""
    rng = np.random.default_rng(10)
    knows, left = [], []
    for _ in range(300):
        target, said, losses = weak(0.14, 3, 400, rng)
        trained = training_outcomes("pair", target, said, losses) == "trained"
        if trained.any():
            knows.append(2 * knowledge("pair", target, said)[0][trained].mean())
            left.append((~trained).sum())
    assert np.mean(knows) == pytest.approx(0.14, abs=0.012)
    assert np.mean(left) < 0.25


def test_knowledge_has_the_spread_of_all_orders():
    rng, n = np.random.default_rng(11), 200
    target, said = classes((0.6, 0.3, 0.1), n, rng), classes((0.5, 0.2, 0.3), n, rng)
    many = np.array([knowledge("pair", target[rng.permutation(n)], said[None])[0][0] for _ in range(2000)])
    _, spread = knowledge("pair", target, said[None])
    assert many.mean() == pytest.approx(0, abs=0.003) and many.std() == pytest.approx(spread[0], rel=0.05)
    values = rng.normal(size=n)
    found, spread = knowledge("regression", values, np.stack([values, rng.normal(size=n)]))
    assert found[0] == pytest.approx(1) and spread[0] == pytest.approx(1 / np.sqrt(n - 1))


def test_the_failed_runs_of_a_cell_are_not_lifted_by_those_that_know():
    rng = np.random.default_rng(8)
    right = 0
    for _ in range(100):
        target, said, losses = weak(0.4, 5, 400, rng)
        said[:2] = classes((0.5, 0.5), 800, rng).reshape(2, 400)
        losses[:2] = np.log(2) + 0.01 * rng.standard_normal((2, 400))
        right += (
            training_outcomes("pair", target, said, losses).tolist() == ["uninformed"] * 2 + ["trained"] * 3
        )
    assert right >= 97


@pytest.mark.parametrize("form", ["pair", "choice", "regression"])
def test_cells_that_know_nothing_pass_at_the_nominal_rate(form):
    rng, n, passed = np.random.default_rng(9), 300, []
    options = np.full(n, 4) if form == "choice" else None
    for _ in range(300):
        if form == "regression":
            target, said = rng.normal(size=n), 0.2 * rng.normal(size=(5, n))
            losses = (said - target) ** 2
        else:
            shares = (0.25,) * 4 if form == "choice" else (0.8, 0.2)
            target, said = classes(shares, n, rng), classes(shares, 5 * n, rng).reshape(5, n)
            said[1:3] = np.where(rng.random((2, n)) < 0.8, said[0], said[1:3])  # Seeds that answer alike.
            losses = -np.log(
                np.clip(np.array(shares)[target.astype(int)] + 0.02 * rng.standard_normal((5, n)), 0.01, 1)
            )
        passed += (training_outcomes(form, target, said, losses, options) == "trained").tolist()
    assert np.mean(passed) < 4 * LEVEL + 0.005


def test_level_is_what_the_tests_add_up_to():
    assert 4 * LEVEL <= 0.05 / 5
