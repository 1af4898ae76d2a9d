"""Scores that weigh a weight by its input: of a whole layer at once, from statistics of calibration text.

Weights are [outputs, inputs]; `squares` [inputs] is the sum of the squares of each input over the text (see
`junkdna.inference.calibration`), so its root is ||X_j||_2.
"""

import torch
from torch import Tensor


def wanda(weight: Tensor, squares: Tensor) -> Tensor:
    """|W_ij| ||X_j||_2, float32 (Sun, Liu, Bair and Kolter, Wanda, ICLR 2024, equation 1)."""
    return weight.float().abs() * squares.sqrt()


def ria(weight: Tensor, squares: Tensor) -> Tensor:
    """(|W_ij| / sum of its column + |W_ij| / sum of its row) ||X_j||_2^0.5, float32.

    Zhang, Bai, Lin, Zhao, Hou and Cannistraci, Plug-and-Play, ICLR 2024, equations 2 and 4 with a = 1/2. A row
    or column of nothing but zeros scores 0.
    """
    size = weight.float().abs()
    tiny = torch.finfo(torch.float32).tiny
    relative = size / size.sum(dim=0, keepdim=True).clamp(min=tiny)
    relative += size / size.sum(dim=1, keepdim=True).clamp(min=tiny)
    return relative * squares.pow(0.25)


ACTIVATION_SCORES = {"wanda": wanda, "ria": ria}
