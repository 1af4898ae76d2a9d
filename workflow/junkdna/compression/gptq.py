"""GPTQ: round column by column, and let the columns to come make up for each error.

Frantar, Ashkboos, Hoefler and Alistarh, GPTQ, ICLR 2023, algorithm 1, columns in their natural order.
"""

import torch
from torch import Tensor

from junkdna.compression.hessian import split_factor
from junkdna.compression.quantization import Quantized, QuantSpec, decode, encode, fit_grid

# Columns whose updates are applied to the rest of the matrix at once; it changes speed, not the result.
BLOCK = 128


@torch.no_grad()
def quantize_gptq(weight: Tensor, factor: Tensor, spec: QuantSpec) -> Quantized:
    """Quantize weights [rows, columns] so that the layer's output on the calibration inputs changes little.

    factor: [columns, columns], see `junkdna.compression.hessian.upper_inverse_factor`. Every grid is fitted to the
    weights as they were, before any of them moves. The published code fits that of a group when it comes to it, to
    weights that have moved by then; that was worse at 2 and 3 bits (docs/compression.md).
    """
    work = weight.float().clone()
    rows, columns = work.shape
    factor = factor.to(work.device)
    diagonal, dead = split_factor(factor)
    work[:, dead] = 0
    size = spec.group or columns
    codes = torch.empty(rows, columns, dtype=torch.uint8, device=work.device)
    grids = [
        fit_grid(work[:, start : start + size], spec.bits, symmetric=spec.symmetric)
        for start in range(0, columns, size)
    ]
    for start in range(0, columns, BLOCK):
        end = min(start + BLOCK, columns)
        errors = torch.empty(rows, end - start, device=work.device)
        for column in range(start, end):
            grid = grids[column // size]
            code = encode(work[:, column : column + 1], *grid, spec.bits, symmetric=spec.symmetric)
            codes[:, column] = code[:, 0]
            error = (work[:, column] - decode(code, *grid)[:, 0]) / diagonal[column]
            work[:, column:end] -= error[:, None] * factor[column, column:end]
            errors[:, column - start] = error
        work[:, end:] -= errors @ factor[start:end, end:]
    scales, zeros = (torch.stack(values, dim=1) for values in zip(*grids, strict=True))
    return Quantized(codes, scales, zeros)
