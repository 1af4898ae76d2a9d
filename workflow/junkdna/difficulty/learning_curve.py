"""The exponent of the learning curve err(n) = a n^-b + e: how fast more data lowers the error.

Power laws of learning: Cortes et al. (NIPS 1993), Learning curves: asymptotic values and rate of convergence;
Hestness et al. (2017, arXiv 1712.00409). Fitted by least squares to the mean error over seeds at each
training size, with a >= 0 and e >= 0. With three sizes e is fixed at 0, since three parameters would pass
through any three points. Unit: none (an exponent). Harder = smaller: data help less. A curve that does not
fall has exponent 0; one that falls to e at once runs into the upper bound `MAX_EXPONENT` and is flagged.
"""

import numpy as np

Array = np.ndarray
MAX_EXPONENT = 3.0
COARSE, ROUNDS, FINE = 61, 4, 21


def learning_exponent(sizes: Array, errors: Array) -> tuple[Array, Array, Array]:
    """Fit a, b and e of err(n) = a n^-b + e for every replicate at once: three arrays [size].

    sizes: [K] training examples, at least three different. errors: [K, size]. `a` is in units of the largest
    size, a = err(n_K) - e. NaN where an error is not finite. ValueError for fewer than three sizes.
    """
    sizes = np.asarray(sizes, dtype=np.float64)
    if len(np.unique(sizes)) < 3:
        raise ValueError(f"sizes: found {sizes.tolist()}; legal: at least three different ones")
    errors = np.asarray(errors, dtype=np.float64)
    share = sizes / sizes.max()
    free = len(np.unique(sizes)) > 3
    defined = np.isfinite(errors).all(axis=0)
    held = np.where(defined, errors, 0.5)
    step = MAX_EXPONENT / (COARSE - 1)
    best = np.zeros(held.shape[1])
    trial = np.linspace(0.0, MAX_EXPONENT, COARSE)[:, None] + best
    for _ in range(ROUNDS):
        # A curve that does not fall fits alike with every exponent: the smallest is meant.
        residual = np.stack(
            [_linear(share, held, exponent, free)[2] + 1e-12 * exponent for exponent in trial]
        )
        best = np.take_along_axis(trial, residual.argmin(axis=0)[None], axis=0)[0]
        around = np.linspace(-step, step, FINE)[:, None]
        trial = np.clip(best + around, 0.0, MAX_EXPONENT)
        step *= 2 / (FINE - 1)
    scale, floor, _ = _linear(share, held, best, free)
    scale, best, floor = (np.where(defined, values, np.nan) for values in (scale, best, floor))
    return scale, best, floor


def _linear(share: Array, errors: Array, exponent: Array, free: bool) -> tuple[Array, Array, Array]:
    """Best a >= 0, e >= 0 and their squared residual [size] for a given exponent [size]."""
    basis = share[:, None] ** -exponent
    through = np.maximum((basis * errors).sum(axis=0) / (basis**2).sum(axis=0), 0.0)
    candidates = [(through, np.zeros_like(through))]
    if free:
        centred = basis - basis.mean(axis=0)
        spread = (centred**2).sum(axis=0)
        slope = np.where(
            spread > 1e-12, (centred * errors).sum(axis=0) / np.where(spread > 1e-12, spread, 1), 0
        )
        slope = np.maximum(slope, 0.0)
        floor = errors.mean(axis=0) - slope * basis.mean(axis=0)
        # A negative floor is not allowed; the best at the border is the fit without one.
        candidates.append((np.where(floor < 0, through, slope), np.maximum(floor, 0.0)))
    residuals = np.stack([((scale * basis + floor - errors) ** 2).sum(axis=0) for scale, floor in candidates])
    chosen = residuals.argmin(axis=0)[None]
    scale, floor = (
        np.take_along_axis(np.stack([candidate[part] for candidate in candidates]), chosen, axis=0)[0]
        for part in (0, 1)
    )
    return scale, floor, residuals.min(axis=0)
