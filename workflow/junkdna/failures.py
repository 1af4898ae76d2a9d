"""The one rule for what became of a training: whether a run knows anything of its task, by what it predicts.

A run that learnt something beats every predictor that has seen only the labels, on examples it was not trained on:
its answers agree with the truth more often than their own frequencies explain, or its losses are lower than those of
the best constant answer on the same examples. Both are tested with their sampling error over all test examples, so
it does not matter how the classes are shared out, or what the metric of the task is. Shapes: R runs, n examples.
"""

import numpy as np
from scipy.special import ndtr
from scipy.stats import random_table, rankdata

Array = np.ndarray
# What a run can be: `constant` says one class, option or number throughout, whatever its loss; `uninformed` varies,
# but as one who knows nothing would; `diverged` has predictions or losses that are no numbers.
OUTCOMES = ("trained", "constant", "uninformed", "diverged")
# One-sided level of each of the two tests: a run that knows nothing passes one of them in at most twice as many cases.
LEVEL = 0.02
# A regression whose predictions vary by at most this share of the targets' standard deviation is constant: it could
# not correlate with them by more than about as much and have the smallest loss.
FLAT = 0.01
# Where agreement varies by chance by this many examples or more it is as good as normal; below it is counted out.
ENOUGH = 4.0
TABLES = 2000


def training_outcomes(
    form: str, target: Array, prediction: Array, losses: Array, options: Array | None = None
) -> Array:
    """Tell the OUTCOMES of runs apart, text [R].

    form: format of the task, not `lm`, where nothing trains. target: [n]. prediction, losses: [R, n]; losses in nats,
    squared errors for regression. options: int [n], how many there are to choose from, for `choice`.
    """
    target = np.asarray(target, dtype=np.float64)
    out = np.full(len(prediction), "trained", dtype=object)
    finite = np.isfinite(prediction).all(axis=1) & np.isfinite(losses).all(axis=1)
    for run in range(len(prediction)):
        said = np.asarray(prediction[run], dtype=np.float64)
        if not finite[run]:
            out[run] = "diverged"
        elif said.std() <= (FLAT * target.std() if form == "regression" else 0.0):
            out[run] = "constant"
        elif min(p_agreement(form, target, said), p_losses(form, target, losses[run], options)) > LEVEL:
            out[run] = "uninformed"
    return out


def p_agreement(form: str, target: Array, said: Array) -> float:
    """One-sided p that answers [n] agree with the truth no more than the same answers in any order would.

    Of classes and options the number of equal pairs, with both sides' frequencies given (the permutation distribution
    behind Cohen's kappa); of values the rank correlation.
    """
    n = len(target)
    if form == "regression":
        left, right = rankdata(target), rankdata(said)
        if not (left.std() and right.std()):
            return 1.0
        correlation = np.corrcoef(left, right)[0, 1]
        return float(ndtr(-correlation * np.sqrt(n - 1)))
    # Classes that only one side has can never agree, so where they stand does not matter.
    values, place = np.unique(np.concatenate([target, said]), return_inverse=True)
    of_target, of_said = (np.bincount(side, minlength=len(values)) for side in (place[:n], place[n:]))
    agree = int((target == said).sum())
    pairs = of_target.astype(float) * of_said
    mean = pairs.sum() / n
    apart = (n - of_target) * (n - of_said) - pairs
    spread = np.sqrt(((pairs * apart).sum() + pairs.sum() ** 2) / (n**2 * max(n - 1, 1)))
    if not spread:
        return 1.0
    if spread >= ENOUGH:
        return float(ndtr(-(agree - 0.5 - mean) / spread))
    tables = random_table(of_target, of_said).rvs(size=TABLES, random_state=np.random.default_rng(0))
    return float((1 + (np.trace(tables, axis1=1, axis2=2) >= agree).sum()) / (1 + TABLES))


def p_losses(form: str, target: Array, losses: Array, options: Array | None = None) -> float:
    """One-sided p that losses [n] are on average no lower than those of the best constant answer to these examples.

    That answer has seen the very labels it is asked for: the shares of the classes, the mean of the values; for
    options, whose places mean nothing, it gives each the same probability.
    """
    gain = constant_losses(form, target, options) - losses
    error = gain.std(ddof=1) / np.sqrt(len(gain)) if len(gain) > 1 else 0.0
    return float(ndtr(-gain.mean() / error)) if error > 0 else 1.0


def constant_losses(form: str, target: Array, options: Array | None = None) -> Array:
    """Loss of each example [n] under the best constant answer, in nats or as squared error."""
    if form == "regression":
        return (target - target.mean()) ** 2
    if form == "choice":
        return np.log(np.asarray(options, dtype=np.float64))
    _, place, count = np.unique(target, return_inverse=True, return_counts=True)
    return -np.log(count / len(target))[place]
