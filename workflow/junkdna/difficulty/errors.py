"""Measures that need only the scores of the dense runs: error, human gap, spread over seeds.

Shapes: S seeds (dense runs), "size" replicates. Intervals are those of the replicates (`bootstrap.interval`).
"""

import numpy as np

Array = np.ndarray


def dense_error(scores: Array, chance: float) -> Array:
    """Chance-corrected error 1 - (score - chance) / (1 - chance) of scores [S, size].

    0 = perfect, 1 = no better than guessing; so tasks with different numbers of classes compare. 1 is the
    best score of every metric here. Unit: share of the room above chance. Harder = larger.
    """
    return 1 - (np.asarray(scores, dtype=np.float64) - chance) / (1 - chance)


def human_gap(scores: Array, human: float) -> Array:
    """(human - dense) / human in percent, of scores [S, size] and a human score in the metric's unit x 100.

    Yin et al. (ICML 2024): the tasks' difficulty relative to people. Negative where the model beats them. It
    says nothing of tasks that are hard for both, depends on the metric, and the human score counts as known
    without error; undefined where none is published. Unit: % of the human score. Harder = larger.
    """
    return 100 * (human - 100 * np.asarray(scores, dtype=np.float64)) / human


def seed_sd(scores: Array, weights: Array) -> Array:
    """Standard deviation over seeds divided by the mean, under every replicate: [size].

    scores [S, size]; weights [S, size] of the seeds. The sample formula (n - 1); the runs share their
    examples, so this is the spread of training, on these examples. NaN where fewer than two seeds are in a
    replicate. Unit: share of the mean score. Harder = larger (less stable training).
    """
    scores, weights = np.asarray(scores, dtype=np.float64), np.asarray(weights, dtype=np.float64)
    count = weights.sum(axis=0)
    enough = count > 1
    safe = np.where(enough, count, 2.0)
    mean = (weights * scores).sum(axis=0) / safe
    variance = (weights * (scores - mean) ** 2).sum(axis=0) / (safe - 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(enough & (mean != 0), np.sqrt(variance) / np.abs(mean), np.nan)
