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

    factor: [columns, columns], see `junkdna.compression.hessian.upper_inverse_factor`. The grid of a group is
    fitted when its first column is reached, to the weights as they have been updated by then; that of a whole row
    (group 0) to the weights as they were.
    """
    work = weight.float().clone()
    rows, columns = work.shape
    factor = factor.to(work.device)
    diagonal, dead = split_factor(factor)
    work[:, dead] = 0
    size = spec.group or columns
    codes = torch.empty(rows, columns, dtype=torch.uint8, device=work.device)
    grids = []
    for start in range(0, columns, BLOCK):
        end = min(start + BLOCK, columns)
        errors = torch.empty(rows, end - start, device=work.device)
        for column in range(start, end):
            if column % size == 0:
                # The group may reach beyond this block, where updates of the block are still to be applied.
                ahead = work[:, column : column + size].clone()
                if column > start and column + size > end:
                    done = errors[:, : column - start]
                    ahead[:, end - column :] -= done @ factor[start:column, end : column + size]
                grids.append(fit_grid(ahead, spec.bits, symmetric=spec.symmetric))
            code = encode(work[:, column : column + 1], *grids[-1], spec.bits, symmetric=spec.symmetric)
            codes[:, column] = code[:, 0]
            error = (work[:, column] - decode(code, *grids[-1])[:, 0]) / diagonal[column]
            work[:, column:end] -= error[:, None] * factor[column, column:end]
            errors[:, column - start] = error
        work[:, end:] -= errors @ factor[start:end, end:]
    scales, zeros = (torch.stack(values, dim=1) for values in zip(*grids, strict=True))
    return Quantized(codes, scales, zeros)
