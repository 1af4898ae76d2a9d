"""Scores of predictions, computed for many runs and many weightings of the examples at once.

Shapes: R runs, B weightings (bootstrap draws), n examples, k classes. A weighting is a vector of
non-negative counts; scoring under it equals scoring the sample in which example i occurs weight[i] times.
"""

from collections.abc import Callable

import numpy as np

Array = np.ndarray


def accuracy(target: Array, prediction: Array, weights: Array) -> Array:
    """Share of predictions that equal the target."""
    correct = (prediction == target).astype(weights.dtype)
    return (correct @ weights.T).astype(np.float64) / weights.sum(axis=1)


def mcc(target: Array, prediction: Array, weights: Array) -> Array:
    """Matthews correlation for any number of classes; 0 when target or prediction is constant.

    Gorodkin (2004), Comparing two K-category assignments by a K-category correlation coefficient, eq. 8.
    """
    total = weights.sum(axis=1, dtype=np.float64)
    agree = accuracy(target, prediction, weights)
    product = np.zeros_like(agree)
    self_prediction = np.zeros_like(agree)
    self_target = np.zeros_like(total)
    for label in np.unique(np.concatenate([np.ravel(target), np.ravel(prediction)])):
        of_target = ((target == label).astype(weights.dtype) @ weights.T) / total
        of_prediction = ((prediction == label).astype(weights.dtype) @ weights.T) / total
        product += of_prediction * of_target
        self_prediction += of_prediction**2
        self_target += of_target**2
    return _ratio(agree - product, np.sqrt(np.maximum(1 - self_prediction, 0) * (1 - self_target)))


def f1(target: Array, prediction: Array, weights: Array) -> Array:
    """F1 of class 1 in a task with the classes 0 and 1, as GLUE defines it; 0 without a true positive."""
    for name, values in (("target", target), ("prediction", prediction)):
        strange = np.setdiff1d(values, [0, 1])
        if strange.size:
            raise ValueError(f"metric f1: {name} holds {strange[0]:g}; legal are the classes 0 and 1")
    positive = (prediction == 1).astype(weights.dtype) @ weights.T
    true_positive = ((prediction == 1) & (target == 1)).astype(weights.dtype) @ weights.T
    condition = (target == 1).astype(weights.dtype) @ weights.T
    return _ratio(2.0 * true_positive, (positive + condition).astype(np.float64))


def pearson(target: Array, prediction: Array, weights: Array) -> Array:
    """Pearson correlation; 0 when target or prediction is constant."""
    weights = weights.astype(np.float64)
    weights = weights / weights.sum(axis=1, keepdims=True)
    # Moments of centred, scaled values: differences of large squares would lose digits.
    target, prediction = _standardised(target), _standardised(prediction)
    mean_target, mean_prediction = target @ weights.T, prediction @ weights.T
    covariance = (target * prediction) @ weights.T - mean_target * mean_prediction
    variance_target = (target**2) @ weights.T - mean_target**2
    variance_prediction = (prediction**2) @ weights.T - mean_prediction**2
    # Below this a draw repeats one value (standardised samples have variance 1) and only rounding is left.
    flat = np.minimum(variance_target, variance_prediction) < 1e-12
    return np.where(flat, 0.0, _ratio(covariance, np.sqrt(np.abs(variance_target * variance_prediction))))


def spearman(target: Array, prediction: Array, weights: Array) -> Array:
    """Spearman correlation: Pearson of mid-ranks, ranked anew under every weighting; 0 for constants.

    Exact: with integer weights it equals ranking the resampled values. Takes O(B n) memory, run after run.
    """
    ranks = _midranks(target, weights)
    if prediction.ndim == 1:
        return _paired_correlation(ranks, _midranks(prediction, weights), weights)
    return np.stack([_paired_correlation(ranks, _midranks(row, weights), weights) for row in prediction])


def mean_score(target: Array, prediction: Array, weights: Array) -> Array:
    """Mean of what each answer scores, which is what the predictions are where they are judged one by one."""
    return (prediction.astype(np.float64) @ weights.T) / weights.sum(axis=1)


def log_likelihood(target: Array, prediction: Array, weights: Array) -> Array:
    """Mean log-probability of a token in nats, minus the logarithm of the perplexity.

    target: predicted tokens of each text, [n] or, as they hang on the tokenizer, [R, n]. prediction: mean
    log-probability of these. A text weighs as much as it has tokens.
    """
    tokens = (np.asarray(target, dtype=np.float64) @ weights.T).astype(np.float64)
    return ((target * np.asarray(prediction, dtype=np.float64)) @ weights.T) / tokens


# Of free answers.
FREE = ("exact-match", "token-f1", "number")
METRICS: dict[str, Callable[[Array, Array, Array], Array]] = {
    "accuracy": accuracy,
    "mcc": mcc,
    "f1": f1,
    "pearson": pearson,
    "spearman": spearman,
    # Judged example by example, where they are made.
    "expected-accuracy": mean_score,
    **dict.fromkeys(FREE, mean_score),
    "gold-likelihood": mean_score,
    "log-likelihood": log_likelihood,
}
# Metrics of which nothing is known by chance but what is measured, and on what.
MEASURED = {"log-likelihood": "the unigram model", "gold-likelihood": "another question"}


def score(metric: str, target: Array, prediction: Array, weights: Array | None = None) -> Array:
    """Score predictions under every weighting of the examples.

    target [n], of log-likelihood also [R, n]; prediction [n] or [R, n]; weights [B, n], None for the plain sample
    (B = 1).
    Returns [B] or [R, B]. ValueError for an unknown metric, values that are not finite, or wrong shapes.
    """
    target, prediction = np.asarray(target), np.asarray(prediction)
    if metric not in METRICS:
        raise ValueError(f"metric: {metric!r}; legal are {', '.join(METRICS)}")
    fits = prediction.shape[-1:] == target.shape or (
        metric == "log-likelihood" and target.shape == prediction.shape
    )
    if not target.size or not fits:
        raise ValueError(
            f"metric {metric}: target {target.shape} and prediction {prediction.shape} do not match"
        )
    # A score is never made up for what is no number: who has such predictions leaves them out, or has no score.
    if not (np.isfinite(target).all() and np.isfinite(prediction).all()):
        raise ValueError(f"metric {metric}: targets and predictions must be finite numbers")
    weights = np.ones((1, target.shape[-1])) if weights is None else np.asarray(weights)
    return METRICS[metric](target, prediction, weights)


def chance(
    metric: str,
    target: Array,
    options: Array | None = None,
    guess: float | None = None,
    weights: Array | None = None,
) -> Array:
    """Score of the predictor that has seen only the training labels, [B] or, where it is measured by run, [R, B].

    accuracy: for multiple choice, with `options` [n] choices per example, the mean of 1 / options, whatever place the
    right ones happen to have; else the share of `guess`, the commonest training label (the test examples' own
    commonest where it is not known: in a small sample that is too much). expected-accuracy: as of multiple choice. f1:
    always saying 1, whose F1 no other constant beats. mcc, pearson, spearman: 0. log-likelihood: that of the unigram
    model, whose mean log-probabilities are `options` [n] or [R, n]. Of free questions: the mean of `options` [n] or
    [R, n], what the same run scores where it was asked another question; 0 where that is not known, of gold-likelihood
    nothing. weights: [B, n], None for the plain sample (B = 1).
    """
    target = np.asarray(target)
    weights = np.ones((1, target.shape[-1])) if weights is None else np.asarray(weights)
    if metric in MEASURED and options is None:
        raise ValueError(f"options: none are given; {metric} needs those of {MEASURED[metric]}")
    if metric not in METRICS:
        raise ValueError(f"metric: {metric!r}; legal are {', '.join(METRICS)}")
    if metric in (*MEASURED, *FREE) and options is not None:
        return METRICS[metric](target, options, weights)
    if metric not in ("accuracy", "expected-accuracy", "f1"):
        return np.zeros(len(weights))
    if metric == "f1":
        right = (target == 1).astype(float)
    elif options is not None:
        right = 1.0 / np.asarray(options)
    else:
        values, count = np.unique(target, return_counts=True)
        right = (target == (values[count.argmax()] if guess is None else guess)).astype(float)
    share = (weights @ right) / weights.sum(axis=1)
    return 2 * share / (1 + share) if metric == "f1" else share


def _ratio(numerator: Array, denominator: Array) -> Array:
    """Quotient, 0 where the denominator is 0 (up to rounding of shares)."""
    small = denominator < 1e-7
    return np.where(small, 0.0, numerator / np.where(small, 1.0, denominator))


def _standardised(values: Array) -> Array:
    values = np.asarray(values, dtype=np.float64)
    centred = values - values.mean(axis=-1, keepdims=True)
    spread = centred.std(axis=-1, keepdims=True)
    # A constant of large magnitude leaves rounding dust after centring; it must not be blown up.
    dust = 1e-12 * np.abs(values).max(axis=-1, keepdims=True)
    return np.where(spread > dust, centred / np.where(spread > dust, spread, 1.0), 0.0)


def _midranks(values: Array, weights: Array) -> Array:
    """Mid-ranks [B, n] of `values` [n] in the samples that `weights` [B, n] describe, up to a constant."""
    distinct, group = np.unique(values, return_inverse=True)
    mass = np.zeros((len(weights), distinct.size))
    if distinct.size == values.size:
        mass[:, group] = weights
    else:
        starts = np.searchsorted(group[np.argsort(group, kind="stable")], np.arange(distinct.size))
        mass[:] = np.add.reduceat(weights[:, np.argsort(group, kind="stable")], starts, axis=1)
    ranks = np.cumsum(mass, axis=1)
    ranks -= mass / 2
    return ranks[:, group]


def _paired_correlation(left: Array, right: Array, weights: Array) -> Array:
    """Weighted Pearson [B] of left [B, n] and right [B, n]."""
    share = weights / weights.sum(axis=1, keepdims=True, dtype=np.float64)
    left = left - (share * left).sum(axis=1, keepdims=True)
    right = right - (share * right).sum(axis=1, keepdims=True)
    covariance = (share * left * right).sum(axis=1)
    variance = (share * left**2).sum(axis=1) * (share * right**2).sum(axis=1)
    return _ratio(covariance, np.sqrt(variance))
