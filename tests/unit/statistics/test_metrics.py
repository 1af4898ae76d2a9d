"""Metrics against scikit-learn and SciPy, and against resampling by hand."""

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics as sk

from junkdna.statistics.metrics import METRICS, chance, score
from junkdna.study.specs import METRICS as LEGAL


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


# Judged one by one where they are made.
JUDGED = ("expected-accuracy", "exact-match", "token-f1", "number", "gold-likelihood")


def plain(metric: str, target: np.ndarray, prediction: np.ndarray) -> float:
    """The score of one sample by somebody else's code."""
    if metric in ("pearson", "spearman"):
        if np.ptp(target) == 0 or np.ptp(prediction) == 0:
            return 0.0
        return {"pearson": stats.pearsonr, "spearman": stats.spearmanr}[metric](target, prediction)[0]
    if metric == "log-likelihood":
        return np.average(prediction, weights=target)
    if metric in JUDGED:
        return float(np.mean(prediction))
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
    if metric in JUDGED:
        return np.ones(size), rng.random(size).round(0 if metric in ("exact-match", "number") else 2)
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
    assert chance("accuracy", target)[0] == best == 0.55
    binary = (target == 1).astype(int)
    best = max(score("f1", binary, np.full(100, label))[0] for label in range(2))
    assert chance("f1", binary)[0] == pytest.approx(best)
    assert [chance(metric, target)[0] for metric in ("mcc", "pearson", "spearman")] == [0, 0, 0]


def test_chance_follows_the_training_labels_and_the_resample():
    """Who guesses the commonest training label, here 0, has what that label's share is in each resample."""
    target = np.array([0] * 48 + [1] * 52)
    weights = np.ones((2, 100))
    weights[1, :10] = 2
    assert chance("accuracy", target, guess=0.0, weights=weights) == pytest.approx([0.48, 58 / 110])
    binary = chance("f1", target, weights=weights)
    for each, weight in zip(binary, weights, strict=True):
        assert each == pytest.approx(score("f1", target, np.ones(100), weight[None])[0])


def test_half_known_is_half_retained_however_few_the_examples(rng):
    """The commonest label of a small balanced sample has more than half of it, and would make chance too high."""
    kept = []
    for _ in range(400):
        target = rng.integers(2, size=100)
        knows = np.where(rng.random(100) < 0.5, target, rng.integers(2, size=100))
        floor = chance("accuracy", target, guess=0.0)[0]
        kept.append((score("accuracy", target, knows)[0] - floor, 1 - floor))
    assert np.mean(kept, axis=0)[0] / np.mean(kept, axis=0)[1] == pytest.approx(0.5, abs=0.01)


def test_chance_of_multiple_choice_is_guessing_wherever_the_right_ones_stand():
    target = np.arange(100) % 4
    assert chance("accuracy", target, np.full(100, 4))[0] == 0.25
    skewed = np.where(np.arange(100) < 40, 0, target)
    assert chance("accuracy", skewed, np.full(100, 4))[0] == 0.25
    assert chance("accuracy", target, np.array([2, 4] * 50))[0] == pytest.approx(0.375)
    weights = np.r_[np.ones(50), np.zeros(50)][None]
    assert chance("accuracy", target, np.r_[np.full(50, 2), np.full(50, 4)], weights=weights)[0] == 0.5


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


def test_the_floor_of_running_text_needs_the_unigram_model():
    tokens, unigram = np.array([3.0, 1.0]), np.array([-2.0, -4.0])
    assert chance("log-likelihood", tokens, unigram)[0] == pytest.approx(-2.5)
    with pytest.raises(ValueError, match="options: none are given"):
        chance("log-likelihood", tokens)


@pytest.mark.parametrize("metric", ["gold-likelihood", "exact-match", "token-f1", "number"])
def test_the_floor_of_a_free_question_is_what_another_question_gives(metric):
    target, elsewhere = np.ones(3), np.array([[0.0, 0.5, 1.0], [0.0, 0.0, 0.3]])
    weights = np.array([[1, 1, 1], [0, 0, 3]])
    np.testing.assert_allclose(chance(metric, target, elsewhere, weights=weights), [[0.5, 1.0], [0.1, 0.3]])
    if metric == "gold-likelihood":
        with pytest.raises(ValueError, match="gold-likelihood needs those of another question"):
            chance(metric, target)
    else:
        assert chance(metric, target) == 0
