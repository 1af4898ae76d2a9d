"""Replicates of a study: what every interval is made of, with all conditions kept paired.

Training seeds and examples both vary, and each leaves its trace along one replicate axis:

- column 0: the sample itself, so whatever is computed along the axis carries its estimate there;
- columns 1 .. S: one seed left out, examples as they are (jackknife);
- the next B columns: the examples resampled, all seeds in (bootstrap);
- the last K x S columns: the first K of these resamples, each with one seed left out in turn.

The seeds' variance is the jackknife's, that of the examples the bootstrap's. Both contain the part that a seed
has at single examples; the last columns measure it, and it is counted once. Percentiles of resampled seeds
would fall short: three seeds resampled have two thirds of the variance, and need a t of 4.3 (Owen 2007, The
pigeonhole bootstrap, arXiv 0712.1111; Efron & Tibshirani 1993, chapter 11; Satterthwaite 1946). All conditions
of a study share their replicates, so differences between them are paired on seeds and examples.

Shapes: S seeds, B draws, n examples, R = `Replicates.size` columns.
"""

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr, stdtrit

Array = np.ndarray
# Elements of one block of example weights (float32): 64 MB.
BLOCK = 1 << 24
# Resamples that are also looked at without each seed: their number times (S - 1) is at least this.
CROSSED = 100
# A seed whose absence changes an estimate by less than this share of the largest change has no part in it.
IDLE = 1e-6


@dataclass(frozen=True, slots=True)
class Replicates:
    """The replicate axis of a study.

    seeds: training seeds of the study, sorted, each once. draws: resamples of the examples.
    """

    seeds: tuple[int, ...]
    draws: int

    def __post_init__(self) -> None:
        assert self.seeds and list(self.seeds) == sorted(set(self.seeds)), self.seeds
        assert self.draws > 0, self.draws

    @property
    def crossed(self) -> int:
        """K: how many resamples are also there without each seed; none where there is one seed."""
        others = len(self.seeds) - 1
        return min(self.draws, -(-CROSSED // others)) if others else 0

    @property
    def size(self) -> int:
        """Columns in all."""
        return 1 + len(self.seeds) + self.draws + self.crossed * len(self.seeds)


def counts(rng: np.random.Generator, draws: int, size: int) -> Array:
    """Multinomial counts [draws, size] of `size` picks with replacement, float32."""
    picks = rng.integers(size, size=(draws, size))
    picks += np.arange(draws)[:, None] * size
    return np.bincount(picks.ravel(), minlength=draws * size).reshape(draws, size).astype(np.float32)


def distinct_weights(example_id: Array, draws: int, seed: int) -> Iterator[Array]:
    """Yield the sample's weights (1) and those of `draws` resamples, in blocks [b, n] that fit in memory.

    The generator is seeded by `seed` and the ids: tasks over the same examples (in the same order) are
    resampled together, whatever else is in the study.
    """
    size = len(example_id)
    rng = np.random.default_rng([seed, zlib.crc32(np.ascontiguousarray(example_id).tobytes())])
    rows = max(1, BLOCK // size)
    yield np.ones((1, size), dtype=np.float32)
    for start in range(0, draws, rows):
        yield counts(rng, min(rows, draws - start), size)


def spread(distinct: Array, replicates: Replicates) -> Array:
    """Lay values [..., 1 + B] of the sample and its resamples along the replicate axis [..., R].

    For what is computed run by run, where leaving out another seed changes nothing.
    """
    return np.take(distinct, _columns(replicates), axis=-1)


def example_weights(example_id: Array, replicates: Replicates, seed: int) -> Iterator[Array]:
    """Yield the example weights of all replicates in blocks [b, n] that fit in memory, R rows in all.

    Where much is computed from each row, `distinct_weights` and `spread` save the repetitions.
    """
    seeds = len(replicates.seeds)
    kept: list[Array] = []
    for number, block in enumerate(distinct_weights(example_id, replicates.draws, seed)):
        yield block if number else np.repeat(block, 1 + seeds, axis=0)
        kept += list(block[: replicates.crossed + 1 - len(kept)])
    rows = max(1, BLOCK // (seeds * len(example_id)))
    for start in range(1, len(kept), rows):
        yield np.repeat(kept[start : start + rows], seeds, axis=0)


def seed_weights(replicates: Replicates) -> dict[int, Array]:
    """Weight [R] of every training seed: 1, and 0 where it is left out. A single seed is never left out."""
    total = len(replicates.seeds)
    weights = {}
    for place, each in enumerate(replicates.seeds):
        weight = np.ones(replicates.size, dtype=np.float32)
        if total > 1:
            weight[1 + place] = 0
            weight[1 + total + replicates.draws + place :: total] = 0
        weights[each] = weight
    return weights


def mean_over_seeds(values: Array, seeds: Sequence[int], weights: Mapping[int, Array]) -> Array:
    """Weighted mean [R] over the seeds of `values` [S, R].

    Undefined values (NaN) count for nothing; a replicate that leaves no seed is NaN.
    """
    weight = np.stack([weights[each] for each in seeds]) * np.isfinite(values)
    total = weight.sum(axis=0)
    summed = (np.nan_to_num(values) * weight).sum(axis=0, dtype=np.float64)
    return np.where(total > 0, summed / np.where(total > 0, total, 1), np.nan)


@dataclass(frozen=True, kw_only=True, slots=True)
class Parts:
    """An estimate and where its variance comes from; every field has the shape of the estimates.

    seeds: how many seeds it rests on; 0 where no seed is in it, or where one cannot be left out (a mean over
    a single seed). seed: jackknife variance. example: bootstrap variance. crossed: what the two share.
    """

    estimate: Array
    seeds: Array
    seed: Array
    example: Array
    crossed: Array

    @property
    def variance(self) -> Array:
        """Of the estimate: seeds and examples, what they share counted once."""
        return self.example + np.maximum(self.seed - self.crossed, 0)

    @property
    def freedom(self) -> Array:
        """Satterthwaite's degrees of freedom: the seeds' part has one less than seeds, the other plenty."""
        ratio = self.variance / np.where(self.seed > 0, self.seed, np.nan)
        return np.where(self.seed > 0, np.maximum(self.seeds - 1, 1) * np.maximum(ratio, 1) ** 2, np.inf)


def variance_parts(values: Array, replicates: Replicates) -> Parts:
    """Take apart the variance of what was computed along the replicate axis [..., R]."""
    values = np.asarray(values, dtype=np.float64)
    total, draws, crossed = len(replicates.seeds), replicates.draws, replicates.crossed
    estimate, left_out = values[..., 0], values[..., 1 : 1 + total]
    resampled = resamples(values, replicates)
    both = values[..., 1 + total + draws :].reshape(*estimate.shape, crossed, total)
    moved = np.abs(left_out - estimate[..., None])
    shared = np.zeros(estimate.shape)
    active = moved > 0
    if crossed:
        # A seed that happens to lie at the mean is in the estimate all the same: some resample shows it.
        moved = np.fmax(moved, np.fmax.reduce(np.abs(both - resampled[..., :crossed, None]), axis=-2))
        active = moved > IDLE * np.max(moved, axis=-1, keepdims=True)
        shared = _mean(_jackknife(both - left_out[..., None, :], active[..., None, :]))
    number = np.where(np.isnan(left_out).any(axis=-1), 0, active.sum(axis=-1))
    number = np.where(number > 1, number, 0)
    return Parts(
        estimate=estimate,
        seeds=number,
        seed=np.where(number > 0, _jackknife(left_out, active), 0.0),
        example=_mean((resampled - _mean(resampled)[..., None]) ** 2),
        crossed=np.where((number > 0) & np.isfinite(shared), shared, 0.0),
    )


def interval(values: Array, replicates: Replicates, share: float = 0.95) -> tuple[Array, Array]:
    """Interval (low, high) of what was computed along the replicate axis [..., R]; NaN where undefined.

    A t interval; where no seed is in the estimate (a single run) the percentiles of the resamples.
    """
    parts = variance_parts(values, replicates)
    reach = -stdtrit(np.minimum(parts.freedom, 1e9), (1 - share) / 2) * np.sqrt(parts.variance)
    low, high = parts.estimate - reach, parts.estimate + reach
    single = np.asarray(parts.seeds == 0)
    if single.any():
        bottom, top = _percentiles(np.asarray(values)[single], replicates, share)
        low, high = np.asarray(low), np.asarray(high)
        low[single], high[single] = bottom, top
    return low, high


def p_above(values: Array, replicates: Replicates, null: float | Array) -> Array:
    """One-sided p that an effect along the replicate axis [..., R] is not above `null`.

    Of the same t as `interval`; where no seed is in it, the share of the resamples at or below `null`.
    """
    parts = variance_parts(values, replicates)
    error = np.sqrt(parts.variance)
    away = parts.estimate - null
    with np.errstate(divide="ignore", invalid="ignore"):
        p = stdtr(np.minimum(parts.freedom, 1e9), -away / error)
    p = np.where(error > 0, p, np.where(away > 0, 0.0, 1.0))
    resampled = resamples(values, replicates)
    known = np.isfinite(resampled).sum(axis=-1)
    below = (resampled <= np.expand_dims(np.asarray(null), -1)).sum(axis=-1)
    p = np.where(parts.seeds > 0, p, (1 + below) / (1 + known))
    return np.where(np.isfinite(parts.estimate) & np.isfinite(error), p, np.nan)


def _columns(replicates: Replicates) -> Array:
    """Which of the sample (0) and its resamples (1 .. B) each replicate looks at, [R]."""
    seeds = len(replicates.seeds)
    crossed = np.repeat(np.arange(1, 1 + replicates.crossed), seeds)
    return np.concatenate([np.zeros(1 + seeds, dtype=int), np.arange(1, 1 + replicates.draws), crossed])


def resamples(values: Array, replicates: Replicates) -> Array:
    """The columns of the B resamples of the examples, all seeds in: [..., B]."""
    start = 1 + len(replicates.seeds)
    return np.asarray(values)[..., start : start + replicates.draws]


def _jackknife(left_out: Array, active: Array) -> Array:
    """Jackknife variance over the last axis, of the seeds that are in the estimate."""
    number = np.maximum(active.sum(axis=-1), 1)
    mean = np.where(active, left_out, 0).sum(axis=-1) / number
    squares = np.where(active, (left_out - mean[..., None]) ** 2, 0).sum(axis=-1)
    return (number - 1) / number * squares


def _mean(values: Array) -> Array:
    known = np.isfinite(values)
    number = known.sum(axis=-1)
    return np.where(number > 0, np.where(known, values, 0).sum(axis=-1) / np.maximum(number, 1), np.nan)


def _percentiles(values: Array, replicates: Replicates, share: float) -> tuple[Array, Array]:
    values = resamples(values, replicates)
    quantiles = [(1 - share) / 2, (1 + share) / 2]
    if not np.isnan(values).any():
        low, high = np.quantile(values, quantiles, axis=-1)
        return low, high
    defined = np.isfinite(values).any(axis=-1, keepdims=True)
    low, high = np.nanquantile(np.where(defined, values, 0.0), quantiles, axis=-1)
    return np.where(defined[..., 0], low, np.nan), np.where(defined[..., 0], high, np.nan)
