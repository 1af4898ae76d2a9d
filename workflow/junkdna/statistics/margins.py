"""Does more get lost than the margins of the options foretell? Flips of noise of one size, and what lies beyond.

A model that compares options loses a right answer when a rival's score overtakes it, which noise does more easily where
the margin is small. Tasks with smaller margins then lose more, though nothing about them is hit harder. So questions
are compared that have the same chance to end up right if noise of one size hit every option.
Shapes: n questions, k options (NaN where a question has fewer), B weightings of the questions.
"""

from collections.abc import Sequence

import numpy as np

Array = np.ndarray
# At which the noise of the right option is looked at, and by which noise is kept.
NODES = (np.arange(41) + 0.5) / 41
QUANTILES = (np.arange(2000) + 0.5) / 2000
# Places between 0 and 1 at which an expectation is found; between two of them it is a straight line.
PLACES = np.linspace(0, 1, 41)
WIDTH = 0.08
# What is expected at a place is known if so many questions are near it.
FEWEST = 10.0


def noise_of(before: Array, after: Array) -> Array:
    """What was added to the options' scores [n, k], what all options of a question share aside: sorted values [m].

    Scaled so that independent noise keeps its variance: of k values that share their mean k - 1 are free.
    """
    moved = np.asarray(after, dtype=np.float64) - before
    apart = moved - np.nanmean(moved, axis=1, keepdims=True)
    number = np.isfinite(apart).sum(axis=1, keepdims=True)
    scaled = apart * np.sqrt(number / np.maximum(number - 1, 1))
    return np.sort(scaled[np.isfinite(scaled)])


def pooled(noises: Sequence[Array]) -> Array:
    """One sorted noise from several, each with the same share in it."""
    return np.sort(np.concatenate([np.quantile(each, QUANTILES) for each in noises]))


def foretold(scores: Array, right: Array, noise: Array) -> Array:
    """Chance [n] that the right option has the highest score still once noise is added to every score.

    scores: [n, k]; right: int [n]; noise: sorted values [m] with distribution function F. With z the noise of the right
    option it is the mean over z of the product over the rivals of F((s_right - s_rival) + z).
    """
    scores = np.asarray(scores, dtype=np.float64)
    lead = scores[np.arange(len(right)), right][:, None] - scores
    lead[np.arange(len(right)), right] = np.inf
    lead[np.isnan(lead)] = np.inf
    own = np.quantile(noise, NODES)
    chances = np.empty((len(lead), NODES.size))
    for place, each in enumerate(own):
        beaten = np.searchsorted(noise, lead + each, side="right") + np.searchsorted(noise, lead + each)
        chances[:, place] = np.prod(beaten / (2 * len(noise)), axis=1)
    return chances.mean(axis=1)


def expected_at(places: Array, foretold: Array, hits: Array, weights: Array) -> tuple[Array, Array]:
    """Expected share of hits [B, places] where so much was foretold, and how many questions are near [places].

    foretold, hits: [n]; weights: [B, n]. A local straight line with a normal kernel (Fan 1993, Local linear regression
    smoothers and their minimax efficiencies): where hits come as foretold it has no bias, whatever questions there are.
    """
    away = foretold - places[:, None]
    near = np.exp(-0.5 * (away / WIDTH) ** 2)
    by_weight = np.asarray(weights, dtype=np.float64)
    s0, s1, s2 = (by_weight @ (near * away**power).T for power in range(3))
    t0, t1 = (by_weight @ (near * away**power * hits).T for power in range(2))
    # What holds the line level where all questions stand at one place.
    flat = 1e-6 * s0
    spread = s0 * (s2 + flat) - s1**2
    with np.errstate(divide="ignore", invalid="ignore"):
        return (t0 * (s2 + flat) - t1 * s1) / spread, near.sum(axis=1)


def gap_at_same_margins(
    easy: tuple[Array, Array], hard: tuple[Array, Array], weights: tuple[Array, Array]
) -> tuple[Array, float]:
    """By how much fewer of the hard questions end up right than easy ones of which as much was foretold [B].

    easy, hard: what was foretold and whether it came out right, [n] each. weights: of the easy and the hard questions,
    [B, n]. Also the share of the hard questions that have easy ones like them; all else is over these. NaN without any.
    """
    expected, behind = expected_at(PLACES, *easy, weights[0])
    chances, hits = hard
    step = PLACES[1] - PLACES[0]
    below = np.minimum((chances / step).astype(int), len(PLACES) - 2)
    part = chances / step - below
    compared = (behind[below] >= FEWEST) & (behind[below + 1] >= FEWEST)
    if not compared.any():
        return np.full(len(weights[1]), np.nan), 0.0
    share = np.zeros((len(chances), len(PLACES)))
    row = np.flatnonzero(compared)
    share[row, below[row]], share[row, below[row] + 1] = 1 - part[row], part[row]
    own = np.asarray(weights[1], dtype=np.float64) * compared
    total = own.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return (((own @ share) * np.nan_to_num(expected)).sum(axis=1) - own @ hits) / total, float(
            compared.mean()
        )
