"""What makes a weight worth keeping: the weights of the lowest score go first.

A score works on any flat piece of a tensor, so that a caller can go through a large tensor in pieces that
stay in the processor's cache; `start` says where in the (flattened) tensor the piece begins.
"""

import hashlib

import numpy as np
import torch
from torch import Tensor


def magnitude(weight: Tensor, *, name: str, seed: int, start: int = 0) -> Tensor:
    """Score a weight by its absolute value, float32 (Han et al., NeurIPS 2015)."""
    return weight.float().abs()


def inverse_magnitude(weight: Tensor, *, name: str, seed: int, start: int = 0) -> Tensor:
    """Score a weight by minus its absolute value: the control that removes the largest first."""
    return weight.float().abs().neg_()


def random(weight: Tensor, *, name: str, seed: int, start: int = 0) -> Tensor:
    """Score a weight by a uniform number in [0, 1) that hangs on seed, tensor name and position only.

    A piece and the whole tensor give the same numbers, and so does any order of the tensors. They come from
    the raw stream of PCG64, which numpy keeps from version to version, two 24-bit numbers a draw.
    """
    digest = hashlib.sha256(f"{seed}:{name}".encode()).digest()
    stream = np.random.PCG64(int.from_bytes(digest[:16], "little")).advance(start // 2)
    skip = start % 2
    draws = stream.random_raw((weight.numel() + skip + 1) // 2).view(np.uint32)
    draws = draws[skip : skip + weight.numel()] >> np.uint32(8)
    return torch.from_numpy(draws.astype(np.float32) * np.float32(2**-24)).view(weight.shape)


SCORES = {"magnitude": magnitude, "inverse-magnitude": inverse_magnitude, "random": random}
