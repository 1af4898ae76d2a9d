"""Masks: which weights a recipe keeps, as booleans or as one bit a weight."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from junkdna.compression.ranking import Ranking
from junkdna.compression.selection import SELECTIONS, select_counts
from junkdna.study.specs import PruneSpec


@dataclass(frozen=True, kw_only=True)
class PackedMask:
    """A mask as packed bits.

    bits: for each tensor uint8 [(number of weights + 7) // 8], see `pack`. shapes: of the tensors.
    threshold: score of the last weight removed; for selection `layer` one for each tensor; None without one.
    weights: new values of the weights, 0 where removed, of a method that moves what it keeps; else empty.
    """

    bits: dict[str, Tensor]
    shapes: dict[str, tuple[int, ...]]
    threshold: float | None | dict[str, float | None]
    weights: dict[str, Tensor] = field(default_factory=dict)


def pack(mask: Tensor) -> Tensor:
    """Pack booleans into uint8, 8 a byte, the first in the lowest bit, the last byte filled up with zeros."""
    return torch.from_numpy(np.packbits(mask.numpy(), bitorder="little"))


def unpack(bits: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Undo `pack`: booleans of this shape."""
    size = int(np.prod(shape, dtype=np.int64))
    flat = np.unpackbits(bits.numpy(), count=size, bitorder="little").view(bool)
    return torch.from_numpy(flat).view(*shape)


def build_packed_mask(
    weights: Mapping[str, Tensor],
    input_dims: Mapping[str, int],
    spec: PruneSpec,
    ranking: Ranking | None = None,
    removed: Mapping[str, int] | None = None,
) -> PackedMask:
    """Select the weights that stay, without ever holding a boolean a weight.

    weights: 2-D tensors of any floating dtype, in the order of the model, which decides between equal scores.
    input_dims: for each the dimension along which its inputs lie. ranking: see `build_ranking`; saves a pass.
    removed: how many weights of each tensor go, for a spec that copies that from another recipe's mask (see
    `removed_by`) or has an allocation, and for no other.
    Raises ValueError when there is nothing to prune, a weight is NaN or infinite, or `removed` is of other
    tensors.
    """
    if not weights:
        raise ValueError(f"scope {spec.scope!r}: this checkpoint has no weight to prune")
    assert (removed is not None) == spec.takes_counts, (
        "numbers of removed weights go with `like` or an allocation"
    )
    if removed is None:
        bits, threshold = SELECTIONS[spec.selection](weights, input_dims, spec, ranking)
    elif set(removed) != set(weights):
        odd = ", ".join(sorted(set(removed) ^ set(weights))[:3])
        assert spec.like, "an allocation is of these very tensors"
        raise ValueError(f"the mask of {spec.like} is of other tensors than this checkpoint's ({odd}, ...)")
    else:
        bits, threshold = select_counts(weights, removed, spec, ranking)
    return PackedMask(
        bits={name: torch.from_numpy(array) for name, array in bits.items()},
        shapes={name: tuple(weight.shape) for name, weight in weights.items()},
        threshold=threshold,
    )


def build_mask(
    weights: Mapping[str, Tensor],
    input_dims: Mapping[str, int],
    spec: PruneSpec,
    ranking: Ranking | None = None,
    removed: Mapping[str, int] | None = None,
) -> dict[str, Tensor]:
    """Select the weights that stay: booleans of the weights' shapes; see `build_packed_mask`."""
    packed = build_packed_mask(weights, input_dims, spec, ranking, removed)
    return {name: unpack(bits, packed.shapes[name]) for name, bits in packed.bits.items()}


def removed_by(mask: Mapping[str, Tensor]) -> dict[str, int]:
    """How many weights of each tensor a mask of booleans removes."""
    return {name: int((~kept).sum()) for name, kept in mask.items()}


def measure_sparsity(mask: PackedMask) -> tuple[float, dict[str, float]]:
    """Return the share of weights removed, over all tensors and of each."""
    sizes = {name: int(np.prod(shape, dtype=np.int64)) for name, shape in mask.shapes.items()}
    kept = {name: int(np.bitwise_count(bits.numpy()).sum(dtype=np.int64)) for name, bits in mask.bits.items()}
    each = {name: 1 - kept[name] / size for name, size in sizes.items()}
    return 1 - sum(kept.values()) / sum(sizes.values()), each
