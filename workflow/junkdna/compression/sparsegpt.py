"""SparseGPT: remove weights block by block, and let the columns to come make up for each loss.

Frantar and Alistarh, SparseGPT, ICML 2023, algorithm 1 (adaptive mask selection in blocks of 128 columns).
"""

import torch
from torch import Tensor

from junkdna.compression.hessian import split_factor

# Columns among which the weights of an unstructured level are compared (B_s of the paper), and whose updates
# are applied to the rest of the matrix at once.
BLOCK = 128


@torch.no_grad()
def prune_sparsegpt(
    weight: Tensor,
    factor: Tensor,
    *,
    num_removed: int = 0,
    keep: int = 0,
    group: int = 0,
) -> tuple[Tensor, Tensor]:
    """Prune weights [rows, columns]; returns the mask (True = kept) and the new weights, 0 where pruned.

    factor: [columns, columns], see `junkdna.compression.hessian.upper_inverse_factor`. Either num_removed (weights to
    go, from every block the same share, the total exact) or keep and group (N of M consecutive columns). A weight is
    scored by w^2 / [H^-1]_jj of the block that remains, on the weights as they have been updated by then.
    """
    work = weight.float().clone()
    rows, columns = work.shape
    factor = factor.to(work.device)
    diagonal, dead = split_factor(factor)
    work[:, dead] = 0
    kept = torch.ones(rows, columns, dtype=torch.bool, device=work.device)
    width = BLOCK if not group else max(group, BLOCK // group * group)
    for start in range(0, columns, width):
        end = min(start + width, columns)
        if num_removed:
            # The numbers of the blocks add up to the asked one.
            of_block = num_removed * end // columns - num_removed * start // columns
            kept[:, start:end] = _block_mask(work, diagonal, start, end, of_block)
        errors = torch.empty(rows, end - start, device=work.device)
        for column in range(start, end):
            if group and (column - start) % group == 0:
                last = min(column + group, columns)
                kept[:, column:last] = _group_mask(work, diagonal, column, last, keep, group)
            error = torch.where(kept[:, column], 0.0, work[:, column]) / diagonal[column]
            work[:, column:end] -= error[:, None] * factor[column, column:end]
            errors[:, column - start] = error
        work[:, end:] -= errors @ factor[start:end, end:]
    return kept, work * kept


def _scores(work: Tensor, diagonal: Tensor, start: int, end: int) -> Tensor:
    return work[:, start:end].square() / diagonal[start:end].square()


def _block_mask(work: Tensor, diagonal: Tensor, start: int, end: int, num_removed: int) -> Tensor:
    """Keep all but the `num_removed` lowest scores of a block."""
    scores = _scores(work, diagonal, start, end)
    mask = torch.ones(scores.numel(), dtype=torch.bool, device=work.device)
    # A stable sort, so that ties go the same way everywhere.
    mask[scores.flatten().argsort(stable=True)[:num_removed]] = False
    return mask.view_as(scores)


def _group_mask(work: Tensor, diagonal: Tensor, start: int, end: int, keep: int, group: int) -> Tensor:
    """Keep the `keep` highest of a group in each row; a shorter last group in proportion, rounded up."""
    scores = _scores(work, diagonal, start, end)
    num_removed = (end - start) * (group - keep) // group
    lowest = scores.argsort(dim=1, stable=True)[:, :num_removed]
    return torch.ones_like(scores, dtype=torch.bool).scatter_(1, lowest, False)
