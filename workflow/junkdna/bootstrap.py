"""The pigeonhole bootstrap: seeds and examples are resampled independently, every condition kept paired.

Owen (2007), The pigeonhole bootstrap, arXiv 0712.1111. An observation at (seed s, example i) gets the weight
w_s * v_i, with w and v multinomial counts. The same w and v serve every condition of a study, so differences
between conditions are paired on both factors.

Shapes: B draws, S seeds, n examples. Draw 0 is always the sample itself (all weights 1): whatever is
computed along a draw axis carries its point estimate at index 0, and no estimator is written twice.
"""

import zlib
from collections.abc import Iterator

import numpy as np

Array = np.ndarray
# Elements of one block of example weights (float32): 64 MB.
BLOCK = 1 << 24


def counts(rng: np.random.Generator, draws: int, size: int) -> Array:
    """Multinomial counts [draws, size] of `size` picks with replacement, float32."""
    picks = rng.integers(size, size=(draws, size))
    picks += np.arange(draws)[:, None] * size
    return np.bincount(picks.ravel(), minlength=draws * size).reshape(draws, size).astype(np.float32)


def example_weights(example_id: Array, draws: int, seed: int) -> Iterator[Array]:
    """Yield the example weights of draws 0 .. `draws` in blocks [b, n] that fit in memory.

    The generator is seeded by `seed` and the ids: tasks over the same examples (in the same order) are
    resampled together, whatever else is in the study.
    """
    size = len(example_id)
    rng = np.random.default_rng([seed, zlib.crc32(np.ascontiguousarray(example_id).tobytes())])
    rows = max(1, BLOCK // size)
    yield np.ones((1, size), dtype=np.float32)
    for start in range(0, draws, rows):
        yield counts(rng, min(rows, draws - start), size)


def seed_weights(seeds: list[int], draws: int, seed: int) -> dict[int, Array]:
    """Weights [1 + draws] of every training seed of a study; all 1 when there is a single seed."""
    ordered = sorted(set(seeds))
    if len(ordered) < 2:
        return {each: np.ones(1 + draws, dtype=np.float32) for each in ordered}
    drawn = counts(np.random.default_rng([seed, 0]), draws, len(ordered))
    weights = np.concatenate([np.ones((1, len(ordered)), dtype=np.float32), drawn])
    return {each: weights[:, column] for column, each in enumerate(ordered)}


def mean_over_seeds(values: Array, seeds: list[int], weights: dict[int, Array]) -> Array:
    """Weighted mean [1 + B] over the seeds of `values` [S, 1 + B].

    Undefined values (NaN) count for nothing; a draw that leaves no seed is NaN.
    """
    weight = np.stack([weights[each] for each in seeds]) * np.isfinite(values)
    total = weight.sum(axis=0)
    summed = (np.nan_to_num(values) * weight).sum(axis=0, dtype=np.float64)
    return np.where(total > 0, summed / np.where(total > 0, total, 1), np.nan)


def interval(values: Array, share: float = 0.95) -> tuple[Array, Array]:
    """Percentile interval (low, high) of `values` [..., 1 + B] over draws 1 .. B; NaN where there is none."""
    values = np.asarray(values)[..., 1:]
    quantiles = [(1 - share) / 2, (1 + share) / 2]
    if not np.isnan(values).any():
        low, high = np.quantile(values, quantiles, axis=-1)
        return low, high
    defined = np.isfinite(values).any(axis=-1, keepdims=True)
    low, high = np.nanquantile(np.where(defined, values, 0.0), quantiles, axis=-1)
    return np.where(defined[..., 0], low, np.nan), np.where(defined[..., 0], high, np.nan)
