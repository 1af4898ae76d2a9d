"""The one rule for what became of a training: whether its runs know anything of the task, by what they predict.

A run that learnt something beats every predictor that has seen only the labels, on examples it was not trained on:
its answers agree with the truth more often than their own frequencies explain, or its losses are lower than those of
the best constant answer on the same examples. Both are tested with their sampling error over all test examples, so
it does not matter how the classes are shared out, or what the metric of the task is.

The runs of a cell (all seeds of one checkpoint, recipe, task and regime) that do not show it one by one are looked at
together: as a group they may. Choosing the runs that happen to lie above chance would leave the lucky ones, whose
mean is too high; and a failed run beside good ones must not be lifted by them. So one that is left over stays with
those that know something only where it does not clearly know less. Shapes: R runs of a cell, n examples, k classes.
"""

import numpy as np
from scipy.special import ndtr
from scipy.stats import rankdata

Array = np.ndarray
# What a run can be: `constant` says one class, option or number throughout, whatever its loss; `uninformed` varies,
# but as one who knows nothing would; `diverged` has predictions or losses that are no numbers.
OUTCOMES = ("trained", "constant", "uninformed", "diverged")
# One-sided level of each test. Four can let a run pass that knows nothing: two of its own, two of its group. Strict,
# for a study has many cells, and a cell whose trainings failed would enter its claims as one that lost everything.
LEVEL = 0.0025
# Normal quantile beyond which a run clearly knows less than the others of its cell (one-sided 5 %).
LESS = 1.645
# A regression whose predictions vary by at most this share of the targets' standard deviation is constant: it could
# not correlate with them by more than about as much and have the smallest loss.
FLAT = 0.01
# Where agreement varies by chance by this many examples or more it is as good as normal. Below it is counted out in so
# many orders of the truth, unless the normal p, which is too small there, is too large already.
ENOUGH, LARGE, ORDERS = 3.0, 0.05, 2000


def training_outcomes(
    form: str, target: Array, prediction: Array, losses: Array, options: Array | None = None
) -> Array:
    """Tell the OUTCOMES of the runs of one cell apart, text [R].

    form: format of the task, not `lm`, where nothing trains. target: [n]. prediction, losses: [R, n]; losses in nats,
    squared errors for regression. options: int [n], how many there are to choose from, for `choice`.

    A run that neither diverged nor is constant trained if one of its own tests says so, or one of the two of all those
    together whose own do not, or if it does not clearly know less than the mean of those whose own do.
    """
    target = np.asarray(target, dtype=np.float64)
    said, losses = np.asarray(prediction, dtype=np.float64), np.asarray(losses, dtype=np.float64)
    out = np.full(len(said), "uninformed", dtype=object)
    finite = np.isfinite(said).all(axis=1) & np.isfinite(losses).all(axis=1)
    out[~finite] = "diverged"
    least = FLAT * target.std() if form == "regression" else 0.0
    out[finite] = np.where(said[finite].std(axis=1) <= least, "constant", "uninformed")
    runs = np.flatnonzero(out == "uninformed")
    known = np.array(
        [_p(form, target, said[[run]], losses[[run]], options) <= LEVEL for run in runs], dtype=bool
    )
    out[runs[known]] = "trained"
    rest = runs[~known]
    if len(rest) > 1 and _p(form, target, said[rest], losses[rest], options) <= LEVEL:
        out[rest] = "trained"
    elif len(rest) and known.any():
        knows, error = knowledge(form, target, said[runs])
        reach = LESS * error * np.sqrt(1 + 1 / known.sum())
        out[runs[knows >= knows[known].mean() - reach]] = "trained"
    return out


def _p(form: str, target: Array, said: Array, losses: Array, options: Array | None) -> float:
    return min(p_agreement(form, target, said), p_losses(form, target, losses, options))


def p_agreement(form: str, target: Array, said: Array) -> float:
    """One-sided p that the answers [R, n] agree with the truth no more than with the truth in any other order.

    Summed over the runs, which may answer alike. Of classes and options it is the number of right answers, whose
    variance over all orders is that of a linear rank statistic (Hoeffding 1951, A combinatorial central limit
    theorem); of one run it is the test behind Cohen's kappa. Of values it is the rank correlation.
    """
    n = len(target)
    if form == "regression":
        total = np.sum([_standard(row) for row in said], axis=0)
        spread = total.std() * np.sqrt(n) * np.sqrt(n / (n - 1))
        return float(ndtr(-(total @ _standard(target)) / spread)) if spread > 1e-9 else 1.0
    values, place, count = np.unique(target, return_inverse=True, return_counts=True)
    # How many runs give each example each of the true classes: [n, k].
    votes = np.stack([(said == value).sum(axis=0) for value in values], axis=1).astype(float)
    agree = votes[np.arange(n), place].sum()
    shares = count / n
    away = votes - (votes @ shares)[:, None] - votes.mean(axis=0) + votes.mean(axis=0) @ shares
    spread = np.sqrt((away**2 @ count).sum() / max(n - 1, 1))
    mean = n * votes.mean(axis=0) @ shares
    if spread < 1e-9:
        return 1.0
    normal = float(ndtr(-(agree - 0.5 - mean) / spread))
    if spread >= ENOUGH * len(said) or normal > LARGE:
        return normal
    orders = np.random.default_rng(0).permuted(np.tile(place, (ORDERS, 1)), axis=1)
    reached = votes[np.arange(n), orders].sum(axis=1) >= agree
    return float((1 + reached.sum()) / (1 + ORDERS))


def knowledge(form: str, target: Array, said: Array) -> tuple[Array, Array]:
    """How much more answers [R, n] agree with the truth than by chance, and the spread of that by chance, [R] each.

    The share of right answers less what the frequencies of both sides explain, or the rank correlation; the spread is
    over all orders of the truth.
    """
    n = len(target)
    if form == "regression":
        ranks = np.stack([_standard(row) for row in said])
        return ranks @ _standard(target) / n, np.full(len(said), 1 / np.sqrt(n - 1))
    shares = [((target == value).mean(), (said == value).mean(axis=1)) for value in np.unique(target)]
    pairs = np.stack([one * other for one, other in shares])
    apart = np.stack([(1 - one) * (1 - other) for one, other in shares]) - pairs
    spread = np.sqrt(((pairs * apart).sum(axis=0) + pairs.sum(axis=0) ** 2) / (n - 1))
    return (said == target).mean(axis=1) - pairs.sum(axis=0), spread


def p_losses(form: str, target: Array, losses: Array, options: Array | None = None) -> float:
    """One-sided p that losses [R, n] are on average no lower than those of the best constant answer.

    That answer has seen the very labels it is asked for: the shares of the classes, the mean of the values; for
    options, whose places mean nothing, it gives each the same probability.
    """
    return _p_below(constant_losses(form, target, options) - losses.mean(axis=0))


def constant_losses(form: str, target: Array, options: Array | None = None) -> Array:
    """Loss of each example [n] under the best constant answer, in nats or as squared error."""
    if form == "regression":
        return (target - target.mean()) ** 2
    if form == "choice":
        return np.log(np.asarray(options, dtype=np.float64))
    _, place, count = np.unique(target, return_inverse=True, return_counts=True)
    return -np.log(count / len(target))[place]


def _standard(values: Array) -> Array:
    """Ranks with mean 0 and spread 1; zeros for a constant."""
    ranks = rankdata(values) - (len(values) + 1) / 2
    return ranks / ranks.std() if ranks.std() else ranks


def _p_below(gain: Array) -> float:
    """One-sided p that the mean of `gain` [n] is not above 0."""
    error = gain.std(ddof=1) / np.sqrt(len(gain)) if len(gain) > 1 else 0.0
    return float(ndtr(-gain.mean() / error)) if error > 0 else 1.0
