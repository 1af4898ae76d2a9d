"""Histograms of the scores, from which the cut of any sparsity level follows without a sort.

A score becomes an int32 key of the same order; a bin holds the keys that share their upper 16 bits (sign,
exponent and 7 bits of the mantissa: a bin is 1/128 wide, relatively). One pass over the weights counts the
bins; a level then needs only the bin in which its cut lies, which one more pass resolves exactly.
"""

from collections.abc import Iterator, Mapping

import numpy as np
import torch
from torch import Tensor

from junkdna.compression.scores import SCORES

# A ranking: under BINS the upper halves of the keys that occur, ascending, int32 [B]; under the name of each
# tensor how many of its weights lie in each of these bins, int64 [B].
Ranking = dict[str, Tensor]
BINS = "bins"
BIN_BITS = 16
# Weights handled at a time: score, key and comparison of one piece stay in a core's cache, which makes every
# step below several times faster than on a whole tensor. A multiple of 8, so that a piece fills whole bytes.
PIECE = 1 << 17
# Upper halves of the keys of the finite float32 numbers; beyond them lie the infinities and NaN.
LOWEST_FINITE, HIGHEST_FINITE = -0x7F80, 0x7F7F


def order_keys(score: np.ndarray) -> np.ndarray:
    """Map float32 scores to int32 keys of the same order (both zeros to the same key)."""
    bits = score.view(np.int32)
    if bits.size == 0 or bits.min() >= 0:
        return bits
    # Of two negative floats the one of larger magnitude is the smaller, so their lower 31 bits are inverted.
    # Adding zero turns the one negative number that is no such, -0.0, into 0.0.
    bits = (score + np.float32(0)).view(np.int32)
    return bits ^ ((bits >> 31) & np.int32(0x7FFFFFFF))


def key_to_score(key: int) -> float:
    """Return the score that has this key."""
    bits = np.array(key, np.int32)
    return float((bits ^ ((bits >> 31) & np.int32(0x7FFFFFFF))).view(np.float32))


def score_keys(weight: Tensor, *, score: str, name: str, seed: int) -> Iterator[tuple[int, np.ndarray]]:
    """Yield (start, keys) for one piece after the other of the flattened tensor."""
    flat = weight.detach().flatten()
    for start in range(0, flat.numel(), PIECE):
        piece = SCORES[score](flat[start : start + PIECE], name=name, seed=seed, start=start)
        yield start, order_keys(piece.numpy())


def build_ranking(weights: Mapping[str, Tensor], score: str, seed: int) -> Ranking:
    """Count the scores of every tensor in one pass; the result serves every level, global and per layer.

    Raises ValueError for a tensor that holds NaN or an infinity: it has no place in an order.
    """
    assert BINS not in weights
    half = 1 << (BIN_BITS - 1)
    # Of each tensor only the bins that it fills: a mixture has thousands of experts, and few bins each.
    filled: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    for name, weight in weights.items():
        row = np.zeros(2 * half, np.int64)
        for _, keys in score_keys(weight, score=score, name=name, seed=seed):
            bins = keys >> BIN_BITS
            lowest = int(bins.min())
            # Counted from the lowest occupied bin on, the table stays small enough for the cache.
            found = torch.bincount(torch.from_numpy(bins - np.int32(lowest))).numpy()
            row[half + lowest : half + lowest + found.size] += found
        finite = row[half + LOWEST_FINITE : half + HIGHEST_FINITE + 1].sum()
        if finite != weight.numel():
            raise ValueError(f"tensor {name!r}: {weight.numel() - finite} weights are NaN or infinite")
        places = np.flatnonzero(row)
        filled[name] = places, row[places]
    occupied = np.unique(np.concatenate([np.empty(0, np.int64), *(places for places, _ in filled.values())]))
    ranking = {BINS: torch.from_numpy((occupied - half).astype(np.int32))}
    for name, (places, counts) in filled.items():
        row = np.zeros(len(occupied), np.int64)
        row[np.searchsorted(occupied, places)] = counts
        ranking[name] = torch.from_numpy(row)
    return ranking


def find_cut(counts: np.ndarray, num_removed: int) -> tuple[int, int]:
    """Return the index of the bin that holds the last weight to go, and how many lie below that bin."""
    up_to = np.cumsum(counts)
    index = int(np.searchsorted(up_to, num_removed))
    return index, int(up_to[index] - counts[index])
