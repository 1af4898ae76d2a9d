"""Masks of one layer from the matrix of its scores [outputs, inputs]: True where a weight stays.

Exact numbers go, the lowest scores first, of equal ones those of the first inputs.
"""

import hashlib

import numpy as np
import torch
from torch import Tensor

from junkdna.compression.ranking import order_keys
from junkdna.compression.selection import keep_in_groups


def keep_of_rows(scores: Tensor, num_removed: int) -> Tensor:
    """Remove so many weights of the layer, from each output row as many (one more where it does not divide)."""
    rows = len(scores)
    ends = torch.arange(rows + 1) * num_removed // rows
    gone = torch.arange(scores.shape[1]) < ends.diff()[:, None]
    return torch.ones_like(scores, dtype=torch.bool).scatter_(1, scores.argsort(dim=1, stable=True), ~gone)


def keep_of_layer(scores: Tensor, num_removed: int) -> Tensor:
    """Remove so many weights of the layer, wherever they are."""
    kept = torch.ones(scores.numel(), dtype=torch.bool)
    kept[scores.flatten().argsort(stable=True)[:num_removed]] = False
    return kept.view_as(scores)


def keep_of_groups(scores: Tensor, keep: int, group: int) -> Tensor:
    """Keep `keep` of every `group` consecutive inputs of a row; a shorter last group in proportion, rounded up."""
    kept = np.empty(tuple(scores.shape), bool)
    keep_in_groups(order_keys(scores.contiguous().numpy()), kept, 1, keep, group)
    return torch.from_numpy(kept)


def shuffle_rows(kept: Tensor, *, name: str, seed: int) -> Tensor:
    """Permute each row's mask at random, which hangs on the seed and the tensor's name only."""
    digest = hashlib.sha256(f"{seed}:{name}:shuffled".encode()).digest()
    draw = np.random.default_rng(int.from_bytes(digest[:16], "little"))
    return torch.from_numpy(draw.permuted(kept.numpy(), axis=1))
