"""What simulated runs predict and lose: runs that know a share of the examples, and four ways to know nothing.

A run that knows a share s guesses at the other examples by the shares p of the classes. So it predicts each class as
often as it occurs, and an example that it calls j is of class k with probability s [j = k] + (1 - s) p_k. That is the
distribution it states: its losses are calibrated and tell neither more nor less than its predictions.
Shapes: R runs, n examples, k classes.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.special import ndtri

Array = np.ndarray
METRICS = ("accuracy", "mcc", "pearson")
# Ways in which a training fails: one answer throughout; answers that vary, but know nothing; one answer, not always
# the commonest, but for a few examples; numbers that are none.
FAILINGS = ("constant", "uninformed", "drifting", "diverged")
# How far the stated distribution of a run that knows nothing strays, in logits: of a run as a whole, by example.
DRIFT, WOBBLE = 0.05, 0.1
# A drifting run strays so much farther, and answers otherwise in this share of the examples.
ASTRAY, OTHERS = 6.0, 0.03


def class_shares(described: Mapping[str, Any]) -> Array:
    """Shares of the classes of a task [k]: `shares`, or `classes` of equal size."""
    if "shares" in described:
        return np.asarray(described["shares"], dtype=float)
    return np.full(described["classes"], 1 / described["classes"])


def floor_of(described: Mapping[str, Any]) -> float:
    """The share that a run must know to score as chance does, which is the level of retention 0.

    In accuracy whoever guesses by the class shares stays below the constant answer, unless the classes are equal or
    are options to choose from; mcc and pearson are the share itself.
    """
    if described["metric"] != "accuracy" or described["format"] == "choice":
        return 0.0
    shares = class_shares(described)
    right = (shares**2).sum()
    return float((shares.max() - right) / (1 - right))


def chance_of(described: Mapping[str, Any]) -> float:
    """Score of the predictor that has seen only the labels, on endless examples."""
    if described["metric"] != "accuracy":
        return 0.0
    shares = class_shares(described)
    return 1 / len(shares) if described["format"] == "choice" else float(shares.max())


def slope_of(described: Mapping[str, Any]) -> float:
    """By how much the score above chance rises as the share that is known rises by 1."""
    if described["metric"] != "accuracy":
        return 1.0
    shares = class_shares(described)
    return 1 - (1 / len(shares) if described["format"] == "choice" else float((shares**2).sum()))


def examples_of(described: Mapping[str, Any], examples: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Targets and difficulties of a pool [n] each.

    Classes are drawn by their `shares` where the task has them, and for every task with `drawn`; else they are as
    equal in number as can be. Values of a regression are normal.
    """
    if described["metric"] not in METRICS:
        raise ValueError(f"simulation: metric {described['metric']!r}; legal are accuracy, mcc, pearson")
    difficulty = rng.standard_normal(examples)
    if described["metric"] == "pearson":
        return rng.standard_normal(examples), difficulty
    shares = class_shares(described)
    if "shares" in described or described.get("drawn"):
        return _by_shares(shares, examples, rng).astype(float), difficulty
    return rng.permutation(np.arange(examples) % len(shares)).astype(float), difficulty


def predict(
    described: Mapping[str, Any],
    target: Array,
    difficulty: Array,
    shares: Array,
    failing: Array,
    item_sd: float,
    rng: np.random.Generator,
) -> tuple[Array, Array]:
    """Predictions and losses, float32 [R, n] each, of runs that know `shares` [R] of the examples.

    failing: text [R], one of FAILINGS, empty where the training went well.
    """
    regression = described["metric"] == "pearson"
    draw = _regression if regression else _classes
    prediction, losses = draw(described, target, difficulty, shares, item_sd, rng)
    for name in FAILINGS:
        at = np.flatnonzero(failing == name)
        if len(at) and name == "diverged":
            prediction[at] = losses[at] = np.nan
        elif len(at):
            fail = _failed_regression if regression else _failed_classes
            prediction[at], losses[at] = fail(described, target, name, len(at), rng)
    return prediction, losses


def _classes(
    described: Mapping[str, Any],
    target: Array,
    difficulty: Array,
    shares: Array,
    item_sd: float,
    rng: np.random.Generator,
) -> tuple[Array, Array]:
    frequency = class_shares(described)
    shape = (len(shares), len(target))
    noise = rng.standard_normal(shape, dtype=np.float32)
    place = (difficulty.astype(np.float32) + item_sd * noise) / np.hypot(1, item_sd)
    guess = _by_shares(frequency, shape, rng)
    prediction = np.where(place < ndtri(shares)[:, None], target, guess).astype(np.float32)
    # Two losses a run and class: of an example that is called by its class, and of one that is not.
    of_class = (1 - shares)[:, None] * frequency
    wrong, right = -np.log(of_class), -np.log(of_class + shares[:, None])
    labels = target.astype(int)
    return prediction, np.where(prediction == target, right[:, labels], wrong[:, labels]).astype(np.float32)


def _regression(
    described: Mapping[str, Any],
    target: Array,
    difficulty: Array,
    shares: Array,
    item_sd: float,
    rng: np.random.Generator,
) -> tuple[Array, Array]:
    """Values that correlate with the target by `shares` [R], drawn towards the mean as the least error asks."""
    noise = difficulty + item_sd * rng.standard_normal((len(shares), len(target)))
    noise /= np.hypot(1, item_sd)
    share = shares[:, None]
    guessed = share * target + np.sqrt(1 - share**2) * noise
    prediction = (np.maximum(share, 0.02) * guessed).astype(np.float32)
    return prediction, ((prediction - target) ** 2).astype(np.float32)


def _failed_classes(
    described: Mapping[str, Any], target: Array, name: str, runs: int, rng: np.random.Generator
) -> tuple[Array, Array]:
    """Answers [runs, n] that know nothing, and losses near the entropy of the labels."""
    frequency = class_shares(described)
    shape = (runs, len(target))
    said = np.full(shape, float(frequency.argmax()), dtype=np.float32)
    if name == "uninformed":
        said = _by_shares(frequency, shape, rng).astype(np.float32)
    elif name == "drifting":
        said[:] = _by_shares(frequency, (runs, 1), rng)
        said = np.where(rng.random(shape) < OTHERS, _by_shares(frequency, shape, rng), said)
    drift = DRIFT * (ASTRAY if name == "drifting" else 1.0)
    stray = drift * rng.standard_normal((runs, 1, len(frequency)))
    if name != "constant":
        stray = stray + WOBBLE * rng.standard_normal((*shape, len(frequency)))
    logits = np.log(frequency) + stray
    of_target = np.take_along_axis(logits, target.astype(int)[None, :, None], axis=2)[:, :, 0]
    return said, (np.log(np.exp(logits).sum(axis=2)) - of_target).astype(np.float32)


def _failed_regression(
    described: Mapping[str, Any], target: Array, name: str, runs: int, rng: np.random.Generator
) -> tuple[Array, Array]:
    shape = (runs, len(target))
    said = np.full(shape, 0.1)
    if name == "drifting":
        said = DRIFT * ASTRAY * rng.standard_normal((runs, 1)) + 1e-3 * rng.standard_normal(shape)
    elif name == "uninformed":
        said = WOBBLE * rng.standard_normal(shape)
    return said.astype(np.float32), ((said - target) ** 2).astype(np.float32)


def _by_shares(shares: Array, size: int | tuple[int, ...], rng: np.random.Generator) -> Array:
    """Classes drawn by their shares, int."""
    if np.ptp(shares) == 0:
        return rng.integers(len(shares), size=size)
    return np.searchsorted(np.cumsum(shares)[:-1], rng.random(size), side="right")
