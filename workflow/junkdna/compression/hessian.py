"""The matrix that says how much a layer's output feels a change of its weights.

For a layer y = W x the squared error of the output over the calibration inputs X is that of W under
H = X X^T [inputs, inputs] (Hassibi & Stork, NeurIPS 1992; Frantar & Alistarh, NeurIPS 2022). Constant factors
do not matter to any method here.
"""

import torch
from torch import Tensor


def upper_inverse_factor(hessian: Tensor, damping: float) -> tuple[Tensor, Tensor]:
    """Return the upper Cholesky factor U of (H + lambda I)^-1 = U^T U, and which inputs were never active.

    hessian: [inputs, inputs], float32 or 64. damping: lambda as a share of the mean of the diagonal. Row j
    of U holds what is needed once the columns before j are fixed: U[j, j]^2 is the j-th diagonal entry of the
    inverse of the remaining block, U[j, j:] / U[j, j] the update of the remaining columns (Frantar et al.,
    ICLR 2023, section 3.3). Dead inputs (never active) get a diagonal of 1. The inverse is made in float64: with
    few calibration inputs H is nearly singular. Raises ValueError where even so it is not positive definite.
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
            f"{damping}; take more calibration sequences, or a larger damping (0.1)"
        )
    return factor.float(), dead
