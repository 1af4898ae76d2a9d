"""Metrics against scikit-learn and SciPy, and against resampling by hand."""

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics as sk

from junkdna.metrics import METRICS, chance, chance_band, score
from junkdna.specs import METRICS as LEGAL


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def plain(metric: str, target: np.ndarray, prediction: np.ndarray) -> float:
    """The score of one sample by somebody else's code."""
    if metric in ("pearson", "spearman"):
        if np.ptp(target) == 0 or np.ptp(prediction) == 0:
            return 0.0
        return {"pearson": stats.pearsonr, "spearman": stats.spearmanr}[metric](target, prediction)[0]
    if metric == "log-likelihood":
        return np.average(prediction, weights=target)
    functions = {"accuracy": sk.accuracy_score, "mcc": sk.matthews_corrcoef}
    if metric == "f1":
        return sk.f1_score(target, prediction, zero_division=0)
    return functions[metric](target, prediction)


def sample(
    rng: np.random.Generator, metric: str, size: int, classes: int = 2
) -> tuple[np.ndarray, np.ndarray]:
    if metric in ("pearson", "spearman"):
        target = rng.normal(size=size).round(1)
        return target, (0.6 * target + rng.normal(size=size)).round(1)
    if metric == "log-likelihood":
        return rng.integers(1, 90, size=size).astype(float), -rng.random(size)
    target = rng.integers(classes, size=size)
    return target, np.where(rng.random(size) < 0.5, target, rng.integers(classes, size=size))


def test_there_is_a_function_for_every_legal_metric():
    assert set(METRICS) == set(LEGAL)


@pytest.mark.parametrize("metric", METRICS)
def test_equals_the_library_on_a_plain_sample(rng, metric):
    for size in (5, 50, 400):
        target, prediction = sample(rng, metric, size)
        assert score(metric, target, prediction) == pytest.approx(
            [plain(metric, target, prediction)], abs=1e-9
        )


@pytest.mark.parametrize("classes", [2, 3, 7])
def test_mcc_of_many_classes(classes, rng):
    target, prediction = sample(rng, "mcc", 300, classes)
    assert score("mcc", target, prediction)[0] == pytest.approx(sk.matthews_corrcoef(target, prediction))


@pytest.mark.filterwarnings("ignore:A single label")
@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("kind", [np.float32, np.float64, np.int64])
def test_weights_are_repetitions_of_examples(metric, kind, rng):
    """Brute force: score the sample in which example i stands as often as its weight says."""
    target, prediction = sample(rng, metric, 40)
    weights = rng.multinomial(40, np.full(40, 1 / 40), size=25).astype(kind)
    weights[0] = 0
    weights[0, 3] = 40
    repeated = [np.repeat(np.arange(40), row.astype(int)) for row in weights]
    expected = [plain(metric, target[rows], prediction[rows]) for rows in repeated]
    assert score(metric, target, prediction, weights) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("metric", METRICS)
def test_many_runs_at_once_equal_one_by_one(metric, rng):
    target, first = sample(rng, metric, 60)
    predictions = np.stack([first, target, np.roll(first, 7), np.full(60, first[0])])
    weights = rng.multinomial(60, np.full(60, 1 / 60), size=9)
    together = score(metric, target, predictions, weights)
    assert together.shape == (4, 9)
    for row, prediction in zip(together, predictions, strict=True):
        assert row == pytest.approx(score(metric, target, prediction, weights), abs=1e-9)


@pytest.mark.parametrize("metric", ["mcc", "pearson", "spearman"])
@pytest.mark.parametrize("constant", [0.0, 1.0, 0.1, 1e9 + 0.1])
def test_constant_predictions_correlate_with_nothing(metric, constant, rng):
    target, _ = sample(rng, metric, 100)
    weights = rng.multinomial(100, np.full(100, 0.01), size=20)
    assert (score(metric, target, np.full(100, constant), weights) == 0).all()
    assert (score(metric, np.full(100, constant), target, weights) == 0).all()


def test_pearson_keeps_its_digits_far_from_zero(rng):
    target = 1e6 + rng.normal(size=500)
    prediction = target + rng.normal(size=500)
    assert score("pearson", target, prediction)[0] == pytest.approx(
        stats.pearsonr(target, prediction)[0], abs=1e-9
    )


def test_chance_is_what_the_best_constant_scores():
    target = np.array([0] * 30 + [1] * 55 + [2] * 15)
    best = max(score("accuracy", target, np.full(100, label))[0] for label in range(3))
    assert chance("accuracy", target) == best == 0.55
    binary = (target == 1).astype(int)
    best = max(score("f1", binary, np.full(100, label))[0] for label in range(2))
    assert chance("f1", binary) == pytest.approx(best)
    assert [chance(metric, target) for metric in ("mcc", "pearson", "spearman")] == [0, 0, 0]


def test_chance_of_multiple_choice_is_the_larger_of_position_and_guessing():
    target = np.arange(100) % 4
    assert chance("accuracy", target, np.full(100, 4)) == 0.25
    skewed = np.where(np.arange(100) < 40, 0, target)
    assert chance("accuracy", skewed, np.full(100, 4)) == np.mean(skewed == 0) > 0.25
    assert chance("accuracy", target, np.array([2, 4] * 50)) == pytest.approx(0.375)


@pytest.mark.parametrize("metric", ["accuracy", "f1", "mcc", "pearson"])
def test_the_band_of_chance_holds_uninformed_predictors(metric, rng):
    """Fresh samples of the same make-up, scored for a predictor that has not looked."""
    typical = np.arange(400) < 240 if metric != "pearson" else rng.normal(size=400)
    low, high = chance_band(metric, typical)
    inside = []
    for _ in range(400):
        target = rng.choice(typical, 400).astype(float)
        blind = np.ones(400) if metric in ("accuracy", "f1") else rng.permutation(typical).astype(float)
        inside.append(low <= score(metric, target, blind)[0] <= high)
    assert np.mean(inside) > 0.97


@pytest.mark.parametrize("n", [1, 7, 277, 9832])
@pytest.mark.parametrize("rate", [0.0, 0.03, 0.5, 0.9, 1.0])
def test_the_band_of_a_constant_is_binomial(n, rate):
    target = np.arange(n) < round(n * rate)
    majority = max(target.mean(), 1 - target.mean())
    expected = stats.binom.ppf([0.005, 0.995], n, majority) / n
    assert chance_band("accuracy", target) == pytest.approx(expected)


def test_the_band_shrinks_with_the_sample():
    widths = [np.diff(chance_band("accuracy", np.arange(size) % 2))[0] for size in (100, 10_000)]
    assert widths[0] > 5 * widths[1] > 0


@pytest.mark.parametrize(
    ("metric", "target", "prediction", "words"),
    [
        ("bleu", [0, 1], [0, 1], "legal are accuracy, mcc"),
        ("accuracy", [0, 1], [0, 1, 1], "do not match"),
        ("accuracy", [], [], "do not match"),
        ("pearson", [0.0, 1.0], [0.0, np.nan], "finite"),
        ("f1", [0, 1], [0, 2], "prediction holds 2"),
    ],
)
def test_errors_say_what_was_found(metric, target, prediction, words):
    with pytest.raises(ValueError, match=words):
        score(metric, np.array(target), np.array(prediction))
