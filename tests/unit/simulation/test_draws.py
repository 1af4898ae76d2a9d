"""The simulator of studies against its own definition: what runs score, lose and how they fail."""

import numpy as np
import pytest
from scipy import stats

from junkdna.simulation.draws import Spread, design, recipe, simulate, sweep
from junkdna.simulation.scenarios import exact_scores
from junkdna.simulation.simulated_runs import class_shares, examples_of, floor_of, predict
from junkdna.tables.outcomes import training_outcomes
from junkdna.tables.predictions import Stack

RECIPES = {"dense": recipe("dense", 0, method="none"), **sweep("magnitude", (50,))}
TASKS = {
    "two": {"metric": "accuracy", "format": "classification", "classes": 2},
    "70/30": {"metric": "accuracy", "format": "pair", "shares": (0.7, 0.3)},
    "90/10": {"metric": "accuracy", "format": "pair", "shares": (0.9, 0.1)},
    "mcc": {"metric": "mcc", "format": "pair", "shares": (0.8, 0.2)},
    "mcc of three": {"metric": "mcc", "format": "pair", "shares": (0.5, 0.3, 0.2)},
    "choice": {"metric": "accuracy", "format": "choice", "classes": 4, "drawn": True},
    "near chance": {"metric": "accuracy", "format": "pair", "classes": 2, "drawn": True, "dense": 0.2},
    "loud": {"metric": "accuracy", "format": "pair", "classes": 3, "noise": 4.0, "dense": 0.6},
    "value": {"metric": "pearson", "format": "regression"},
}
SPREADS = {
    "independent": Spread(),
    "paired": Spread(paired=True),
    "heavy": Spread(shape="heavy", seed_sd=0.04, run_sd=0.08),
    "heavy, paired": Spread(shape="heavy", paired=True),
    "skewed": Spread(shape="skewed"),
}
STILL = Spread(dense_sd=0, seed_sd=0, run_sd=0)


def plain_excess(task: dict, target: np.ndarray, prediction: np.ndarray, guess: float | None) -> float:
    """Score above chance, written out: mcc as the correlation of indicator columns (Gorodkin's definition)."""
    if task["metric"] == "pearson":
        return 0.0 if np.ptp(prediction) == 0 else float(np.corrcoef(target, prediction)[0, 1])
    if task["metric"] == "accuracy":
        chance = 1 / task["classes"] if task["format"] == "choice" else float((target == guess).mean())
        return float((target == prediction).mean()) - chance
    labels = np.unique([target, prediction])
    x, y = (np.equal.outer(labels, values).astype(float) for values in (target, prediction))
    x, y = (each - each.mean(axis=1, keepdims=True) for each in (x, y))
    spread = np.sqrt((x**2).sum() * (y**2).sum())
    return 0.0 if spread == 0 else float((x * y).sum() / spread)


def excesses(task: dict, *, spread=STILL, retention=0.5, seeds=8, examples=400, studies=40, **truth):
    """Mean score above chance of each cell in each of many studies, and what it should be: [studies, 2] and [2]."""
    tasks = {"task": task}
    truth = {"retention": lambda run: retention} | truth
    runs = design(tasks=tasks, recipes=RECIPES, seeds=range(seeds), **truth)
    rng = np.random.default_rng(0)
    found = np.empty((studies, 2))
    for study in range(studies):
        _, stacks = simulate(runs, tasks, examples=examples, rng=rng, spread=spread)
        stack = stacks["task"]
        each = np.array([plain_excess(task, stack.target, said, stack.guess) for said in stack.prediction])
        dense = (runs["regime"] == "dense").to_numpy()[stack.row]
        found[study] = each[dense].mean(), each[~dense].mean()
    exact = exact_scores(runs, tasks)[1]
    dense = (runs["regime"] == "dense").to_numpy()
    return found, np.array([exact[dense].mean(), exact[~dense].mean()])


@pytest.mark.parametrize("name", TASKS)
def test_scores_above_chance_are_the_exact_ones_and_their_ratio_is_the_truth(name):
    found, exact = excesses(TASKS[name])
    assert exact[1] / exact[0] == pytest.approx(0.5)
    for mean, error, truth in zip(found.mean(axis=0), stats.sem(found), exact, strict=True):
        assert mean == pytest.approx(truth, abs=4.5 * error)


@pytest.mark.parametrize("spread", SPREADS)
@pytest.mark.parametrize("name", ["70/30", "loud"])
def test_noise_of_every_shape_leaves_the_mean_where_it_is(name, spread):
    """Over 4,000 runs a cell; the few examples of each vary, and so does what it knows."""
    for retention in (0.15, 1.0):
        found, exact = excesses(TASKS[name], spread=SPREADS[spread], retention=retention, seeds=100)
        for mean, error, truth in zip(found.mean(axis=0), stats.sem(found), exact, strict=True):
            # A long tail downwards ends where nothing is known: that alone moves the mean, by less than this.
            slack = 0.004 if spread == "skewed" else 0.0
            assert mean == pytest.approx(truth, abs=4.5 * error + slack)


def test_noise_is_the_dense_twin_s_only_where_it_is_paired():
    for paired, expected in ((True, 1.0), (False, 0.0)):
        spread = Spread(dense_sd=0.03, seed_sd=0, run_sd=0, paired=paired)
        task = TASKS["two"] | {"dense": 0.6}
        runs = design(tasks=["task"], recipes=RECIPES, seeds=range(300), retention=lambda run: 1.0)
        rng = np.random.default_rng(1)
        _, stacks = simulate(runs, {"task": task}, examples=4000, rng=rng, spread=spread)
        right = (stacks["task"].prediction == stacks["task"].target).mean(axis=1)
        dense = (runs["regime"] == "dense").to_numpy()
        # What examples add by chance: the variance of single ones, less what all runs share.
        explained = 0.25 * 0.03**2 / right.var()
        assert 0.3 < explained < 1
        assert np.corrcoef(right[dense], right[~dense])[0, 1] == pytest.approx(
            expected * explained, abs=4 / np.sqrt(300)
        )


def test_classes_are_drawn_by_their_shares_and_positions_anywhere():
    for name in ("90/10", "choice"):
        rng = np.random.default_rng(2)
        counts = [(examples_of(TASKS[name], 100, rng)[0] == 0).sum() for _ in range(300)]
        share = class_shares(TASKS[name])[0]
        assert np.mean(counts) == pytest.approx(100 * share, abs=4 * np.std(counts) / np.sqrt(300))
        assert np.var(counts) == pytest.approx(100 * share * (1 - share), rel=0.35)
    assert set(np.bincount(examples_of(TASKS["two"], 100, rng)[0].astype(int))) == {50}


@pytest.mark.parametrize("name", ["two", "90/10", "mcc of three", "choice"])
@pytest.mark.parametrize("share", [0.05, 0.5, 0.95])
def test_losses_tell_what_the_predictions_tell(name, share):
    """They are the entropy that an answer leaves, by brute force over what is true and what is said."""
    task, rng = TASKS[name], np.random.default_rng(3)
    frequency = class_shares(task)
    target = rng.choice(len(frequency), p=frequency, size=200_000).astype(float)
    difficulty = rng.standard_normal(len(target))
    said, losses = predict(task, target, difficulty, np.array([share]), np.array([""]), 0.5, rng)
    joint = np.array(
        [
            [((target == true) & (said[0] == call)).mean() for call in range(len(frequency))]
            for true in range(len(frequency))
        ]
    )
    expected = -(joint * np.log(joint / joint.sum(axis=0))).sum()
    assert losses.mean() == pytest.approx(expected, abs=0.006)
    assert joint.sum(axis=0) == pytest.approx(frequency, abs=0.006)


def test_squared_errors_of_a_regression_are_the_least_for_its_correlation():
    rng = np.random.default_rng(4)
    target, difficulty = rng.standard_normal((2, 100_000))
    said, losses = predict(
        TASKS["value"], target, difficulty, np.array([0.3, 0.9]), np.array(["", ""]), 0.5, rng
    )
    assert losses.mean(axis=1) == pytest.approx([1 - 0.3**2, 1 - 0.9**2], abs=0.02)
    assert [np.corrcoef(target, each)[0, 1] for each in said] == pytest.approx([0.3, 0.9], abs=0.01)


def outcomes_of(form: str, stack: Stack) -> np.ndarray:
    """What became of each run, looked at alone."""
    each = zip(stack.prediction[:, None], stack.losses[:, None], strict=True)
    return np.array([training_outcomes(form, stack.target, *one, options=stack.options)[0] for one in each])


@pytest.mark.parametrize("name", ["two", "70/30", "90/10", "mcc of three", "choice", "value"])
@pytest.mark.parametrize(
    ("failing", "outcomes"),
    [
        ("constant", {"constant"}),
        ("uninformed", {"uninformed"}),
        ("drifting", {"uninformed", "constant"}),
        ("diverged", {"diverged"}),
    ],
)
def test_failed_trainings_fail_as_they_should(name, failing, outcomes):
    task = TASKS[name]
    runs = design(
        tasks=["task"], recipes=RECIPES, seeds=range(60), retention=lambda run: 0.5, collapse=lambda run: 1.0
    )
    rng = np.random.default_rng(5)
    _, stacks = simulate(runs, {"task": task}, examples=240, rng=rng, spread=Spread(failing=failing))
    stack = stacks["task"]
    found = outcomes_of(task["format"], stack)
    share = np.isin(found, list(outcomes)).mean()
    if failing in ("constant", "diverged"):
        assert share == 1
    else:
        # What the rule allows: a run that knows nothing passes in at most 4 % of the cases.
        assert stats.binomtest(round(120 * (1 - share)), 120, 0.04, alternative="greater").pvalue > 1e-4
        excess = [plain_excess(task, stack.target, said, stack.guess) for said in stack.prediction]
        assert np.mean(excess) < 0.03


def test_failures_follow_their_rate_seed_and_mixture():
    def of(run):
        return {0: 1.0, 1: 0.0}.get(run["seed"], 0.3) if run["level"] else 0.0

    runs = design(tasks=["task"], recipes=RECIPES, seeds=range(200), retention=lambda run: 0.5, collapse=of)
    rng, spread = np.random.default_rng(6), Spread(failing="mixed")
    _, stacks = simulate(runs, {"task": TASKS["two"]}, examples=60, rng=rng, spread=spread)
    said, outcomes = stacks["task"].prediction, outcomes_of("classification", stacks["task"])
    dense, seed = (runs["regime"] == "dense").to_numpy(), runs["seed"].to_numpy()
    assert (outcomes[dense] == "trained").mean() > 0.99
    assert outcomes[~dense & (seed == 0)] != ["trained"] and outcomes[~dense & (seed == 1)] == ["trained"]
    constant = (np.ptp(said[~dense & (seed > 1)], axis=1) == 0).sum()
    # A third of the failures, and of the drifting third those without another answer among 60: .97^60 at least.
    assert 0.06 < constant / 198 < 0.22


def test_the_floor_is_where_guessing_by_the_shares_meets_the_constant_answer():
    for name, task in TASKS.items():
        floor = floor_of(task)
        if task["metric"] == "accuracy" and "shares" in task:
            right = sum(share**2 for share in task["shares"])
            assert floor + (1 - floor) * right == pytest.approx(max(task["shares"]))
        else:
            assert floor == 0.0, name
