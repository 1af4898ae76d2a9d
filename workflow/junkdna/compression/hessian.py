"""The matrix that says how much a layer's output feels a change of its weights.

For a layer y = W x the squared error of the output over the calibration inputs X is that of W under
H = X X^T [inputs, inputs] (Hassibi & Stork, NeurIPS 1992; Frantar & Alistarh, NeurIPS 2022). Constant factors
do not matter to any method here.
"""

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor

# Share of the mean of the diagonal that is added to it, as both papers do.
DAMPING = 0.01


def upper_inverse_factor(hessian: Tensor, damping: float = DAMPING) -> Tensor:
    """Return the upper Cholesky factor U of (H + lambda I)^-1 = U^T U, float32; zeros for inputs never active.

    hessian: [inputs, inputs], float32 or 64. damping: lambda as a share of the mean of the diagonal. Row j
    of U holds what is needed once the columns before j are fixed: U[j, j]^2 is the j-th diagonal entry of the
    inverse of the remaining block, U[j, j:] / U[j, j] the update of the remaining columns (Frantar et al.,
    ICLR 2023, section 3.3). An input that was never active (H[j, j] = 0) goes with no other and its weight does
    nothing: its row of U is 0, by which `split_factor` knows it. The inverse is made in float64: with few
    calibration inputs H is nearly singular. Raises ValueError where even so it is not positive definite.
    """
    hessian = hessian.double().clone()
    diagonal = hessian.diagonal()
    dead = diagonal == 0
    diagonal[dead] = 1
    diagonal += damping * diagonal.mean()
    factor, failed = torch.linalg.cholesky_ex(hessian)
    if not failed:
        factor, failed = torch.linalg.cholesky_ex(torch.cholesky_inverse(factor), upper=True)
    if failed:
        raise ValueError(
            f"calibration: the Hessian of a layer with {len(hessian)} inputs is not positive definite at damping "
            f"{damping}; take more calibration sequences"
        )
    factor[dead] = 0
    # LAPACK leaves it column by column, and what follows reads rows.
    return factor.float().contiguous()


def split_factor(factor: Tensor) -> tuple[Tensor, Tensor]:
    """The diagonal [inputs] of what `upper_inverse_factor` made, 1 where it is 0, and where it is (never active)."""
    diagonal = factor.diagonal()
    dead = diagonal == 0
    return torch.where(dead, 1.0, diagonal), dead


def with_factors(statistics: Iterable[tuple[str, Tensor]]) -> Iterator[tuple[str, Tensor]]:
    """Turn each `hessians:<name>` of calibration statistics into `factors:<name>` as they come.

    All levels and methods that look at a Hessian need this factor of it and nothing else, and making it takes about
    as long as all that follows.
    """
    for name, value in statistics:
        kind, _, layer = name.partition(":")
        yield (f"factors:{layer}", upper_inverse_factor(value)) if kind == "hessians" else (name, value)


def check_statistics(statistics: Iterable[str], kind: str, weights: Iterable[str], asking: str) -> None:
    """Raise ValueError where the statistics lack the `kind` (norms, factors) of a weight; asking: who needs them."""
    given = set(statistics)
    lacking = [name for name in weights if f"{kind}:{name}" not in given]
    if lacking:
        raise ValueError(
            f"{asking} needs the {kind} of every weight, and the calibration statistics lack those of {len(lacking)} "
            f"({', '.join(lacking[:3])}{', ...' if len(lacking) > 3 else ''}): they are of another checkpoint or method"
        )
