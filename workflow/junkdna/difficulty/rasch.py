"""The Rasch model over runs: how hard each example is, and each task for the same runs.

Rasch (1960); for NLP data sets Vania et al. (ACL 2021), Comparing test sets with item response theory. Run r
(a subject of ability t_r) answers example i (an item of difficulty b_i) rightly with probability
1 / (1 + exp(b_i - t_r)). Fitted by marginal maximum likelihood: b_i ~ N(0, s^2) is integrated out on a grid,
t and log s are found by damped Newton steps. Weak priors, t_r ~ N(0, 5^2) and log s ~ N(log 1.5, 1), keep the estimates
finite when a run answers everything or runs do not differ; they hardly move anything else.

What is comparable: items within a task, always. Tasks, only through shared subjects: the mean ability of the
same (recipe, regime, seed) is set to 0 in every task, and the task's difficulty is the mean of its items on
that scale. The model has no guessing, so tasks with other chance levels are not quite on one scale. To use
item difficulties on a run, fit them to the runs of other seeds. Where compressed runs are among the subjects,
the difficulty describes what compression took and cannot also predict it. Unit: logits. Harder = larger.

Shapes: R runs, n examples, Q grid points, G = R + 1 raw scores (an item's raw score is how many runs got it
right; it is sufficient for b_i).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from junkdna.difficulty.answers import example_means
from junkdna.statistics.bootstrap import Replicates, seed_weights

Array = np.ndarray
ABILITY_SD, SPREAD, SPREAD_SD = 5.0, 1.5, 1.0
# Standard deviations and their normal weights: fine enough for the posterior of an item that 300 runs saw.
GRID = np.linspace(-5.0, 5.0, 201)
STEPS = 200
LOG_WEIGHT = -0.5 * GRID**2 - np.log(np.exp(-0.5 * GRID**2).sum())


@dataclass(frozen=True, kw_only=True, slots=True)
class Rasch:
    """A fitted model, anchored so that the mean ability is 0.

    ability: [R]. item: [n], posterior mean difficulties. task: mean difficulty of the items. spread: their
    standard deviation. influence: [n], what one more copy of an example adds to `task` (first order), so
    that task + (weights - 1) @ influence is its value in a resample.
    """

    ability: Array
    item: Array
    task: float
    spread: float
    influence: Array


def fit_rasch(correct: Array) -> Rasch:
    """Fit the model to `correct` [R, n] (bool). ValueError for fewer than two runs or examples."""
    correct = np.asarray(correct, dtype=bool)
    if correct.ndim != 2 or min(correct.shape) < 2:
        raise ValueError(f"correct: found shape {correct.shape}; legal: at least two runs and two examples")
    raw = correct.sum(axis=0)
    items = np.bincount(raw, minlength=len(correct) + 1).astype(np.float64)
    totals = correct.sum(axis=1).astype(np.float64)
    point = _maximise(totals, items)
    posterior, right, _ = _posterior(point)
    nodes, anchor = np.exp(point[-1]) * GRID, point[:-1].mean()
    # Each item's share of the gradient; the inverse curvature turns it into a shift of the estimates.
    by_ability = correct - (posterior @ right.T)[raw].T
    by_spread = (posterior * _push(right, len(items)) @ nodes)[raw]
    of_mean = np.append(np.full(len(correct), 1 / len(correct)), 0.0)
    shift = np.linalg.solve(_curvature(point, items), of_mean)
    return Rasch(
        ability=point[:-1] - anchor,
        item=(posterior @ nodes)[raw] - anchor,
        task=float(-anchor),
        spread=float(np.exp(point[-1])),
        influence=-(shift[:-1] @ by_ability + shift[-1] * by_spread),
    )


def task_difficulty(
    correct: Array, seeds: Sequence[int], example_id: Array, replicates: Replicates, seed: int
) -> Array:
    """Mean difficulty of the items for these runs under every replicate: [size].

    correct: [R, n]; seeds: the training seed of each run. Anew fitted without each seed; to first order
    (`Rasch.influence`) in the weights of the examples.
    """
    weights, of_seed = seed_weights(replicates), np.asarray(seeds)

    def drawn(chosen: Array) -> Array:
        if chosen.sum() < 2:
            return np.full(replicates.size, np.nan)
        fitted = fit_rasch(correct[chosen])
        moved = len(example_id) * example_means(fitted.influence, example_id, replicates, seed)
        return fitted.task + moved - fitted.influence.sum()

    values = drawn(np.ones(len(seeds), dtype=bool))
    for left_out in sorted(set(of_seed.tolist())):
        gone = weights[left_out] == 0
        if gone.any():
            values = np.where(gone, drawn(of_seed != left_out), values)
    return values


def _maximise(totals: Array, items: Array) -> Array:
    """Abilities and log spread [R + 1] of highest penalised likelihood: Newton steps, damped where they fail.

    totals: [R] items that each run got right. items: [G] how many items have each raw score.
    """
    share = np.clip(totals / items.sum(), 0.01, 0.99)
    point = np.append(1.5 * np.log(share / (1 - share)), np.log(SPREAD))
    value, gradient = _objective(point, totals, items)
    damping = 1e-3
    for _ in range(STEPS):
        if np.abs(gradient).max() < 1e-8 * items.sum():
            break
        matrix = _curvature(point, items)
        step = np.linalg.solve(matrix + damping * np.diag(np.abs(np.diag(matrix)) + 1e-3), gradient)
        # A step of several logits leaves the region where the quadratic holds.
        trial = point + step / max(1.0, np.abs(step).max() / 2)
        new_value, new_gradient = _objective(trial, totals, items)
        if new_value >= value:
            point, value, gradient, damping = trial, new_value, new_gradient, damping / 10
        else:
            damping *= 10
    return point


def _posterior(point: Array) -> tuple[Array, Array, Array]:
    """What follows from abilities and log spread.

    The posterior [G, Q] of an item's difficulty given its raw score, P(right) [R, Q] at the grid, and the log
    marginal likelihood [G] of a raw score, up to what depends on the abilities alone.
    """
    ability, nodes = point[:-1], np.exp(point[-1]) * GRID
    gap = ability[:, None] - nodes
    log_joint = LOG_WEIGHT - np.logaddexp(0, gap).sum(axis=0) - np.arange(len(ability) + 1)[:, None] * nodes
    top = log_joint.max(axis=1, keepdims=True)
    joint = np.exp(log_joint - top)
    total = joint.sum(axis=1, keepdims=True)
    return joint / total, 1 / (1 + np.exp(-gap)), (top + np.log(total))[:, 0]


def _push(right: Array, groups: int) -> Array:
    """Derivative [G, Q] of the log joint density by the difficulty: expected minus seen raw score."""
    return right.sum(axis=0) - np.arange(groups)[:, None]


def _objective(point: Array, totals: Array, items: Array) -> tuple[float, Array]:
    """Penalised marginal log-likelihood and its gradient [R + 1]."""
    ability, off = point[:-1], point[-1] - np.log(SPREAD)
    posterior, right, log_marginal = _posterior(point)
    value = totals @ ability + items @ log_marginal
    value -= 0.5 * (ability**2).sum() / ABILITY_SD**2 + 0.5 * off**2 / SPREAD_SD**2
    mass = items[:, None] * posterior
    by_spread = (mass * _push(right, len(items))).sum(axis=0) @ (np.exp(point[-1]) * GRID)
    by_ability = totals - right @ mass.sum(axis=0) - ability / ABILITY_SD**2
    return float(value), np.append(by_ability, by_spread - off / SPREAD_SD**2)


def _curvature(point: Array, items: Array) -> Array:
    """Negative Hessian [R + 1, R + 1] of the objective: mean curvature minus covariance (Louis 1982)."""
    posterior, right, _ = _posterior(point)
    nodes = np.exp(point[-1]) * GRID
    noise = right * (1 - right)
    weight = items[:, None] * posterior
    mass = weight.sum(axis=0)
    push = _push(right, len(items)) * nodes
    mean_right, mean_push = posterior @ right.T, (posterior * push).sum(axis=1)

    size = len(point)
    out = np.empty((size, size))
    covariance = (right * mass) @ right.T - (items[:, None] * mean_right).T @ mean_right
    out[:-1, :-1] = np.diag(noise @ mass + 1 / ABILITY_SD**2) - covariance
    together = right @ (weight * push).sum(axis=0) - (items * mean_push) @ mean_right
    out[-1, :-1] = out[:-1, -1] = together - noise @ (mass * nodes)
    bend = (weight * (push - noise.sum(axis=0) * nodes**2)).sum()
    out[-1, -1] = 1 / SPREAD_SD**2 - bend - (weight * push**2).sum() + items @ mean_push**2
    return out
