"""Which weights stay, given their scores: over all tensors, within each tensor, or N of every M.

Every selection removes an exact number of weights, the lowest scores first. Equal scores go in a fixed order:
tensors as they come in the model, then position in the flattened tensor, the first go first. Masks are made
as packed bits (see `masks.pack`), a bit set where the weight stays.
"""

from collections.abc import Mapping
from functools import reduce

import numpy as np
from torch import Tensor

from junkdna.compression.ranking import (
    BIN_BITS,
    BINS,
    PIECE,
    Ranking,
    build_ranking,
    find_cut,
    key_to_score,
    order_keys,
    score_keys,
)
from junkdna.compression.scores import SCORES
from junkdna.study.specs import PruneSpec

Packed = dict[str, np.ndarray]


def count_removed(num_weights: int, per_mille: int) -> int:
    """How many of so many weights a level removes: the nearest whole number, a half upwards."""
    return (num_weights * per_mille + 500) // 1000


def select_global(
    weights: Mapping[str, Tensor],
    input_dims: Mapping[str, int],
    spec: PruneSpec,
    ranking: Ranking | None = None,
) -> tuple[Packed, float | None]:
    """Remove the lowest `per_mille` of all weights together.

    Returns the packed masks and the score of the last weight removed (None when none is). `ranking` saves
    the counting pass; it must come from the same weights. Apart from the masks, memory goes to one piece of a
    tensor and to the weights that share a bin with the cut: under 1 % as a rule, 7 bytes each.
    """
    ranking = ranking or build_ranking(weights, spec.score, spec.seed)
    counts = reduce(np.add, (ranking[name].numpy() for name in weights))
    num_removed = count_removed(int(counts.sum()), spec.per_mille)
    return _remove_lowest(weights, ranking[BINS].numpy(), counts, num_removed, spec)


def select_layer(
    weights: Mapping[str, Tensor],
    input_dims: Mapping[str, int],
    spec: PruneSpec,
    ranking: Ranking | None = None,
) -> tuple[Packed, dict[str, float | None]]:
    """Remove the lowest `per_mille` of each tensor; see `select_global`, with one threshold a tensor."""
    removed = {name: count_removed(weight.numel(), spec.per_mille) for name, weight in weights.items()}
    return select_counts(weights, removed, spec, ranking)


def select_counts(
    weights: Mapping[str, Tensor],
    removed: Mapping[str, int],
    spec: PruneSpec,
    ranking: Ranking | None = None,
) -> tuple[Packed, dict[str, float | None]]:
    """Remove the `removed[name]` lowest of each tensor; see `select_global`, with one threshold a tensor."""
    ranking = ranking or build_ranking(weights, spec.score, spec.seed)
    packed: Packed = {}
    thresholds: dict[str, float | None] = {}
    for name, weight in weights.items():
        bits, thresholds[name] = _remove_lowest(
            {name: weight}, ranking[BINS].numpy(), ranking[name].numpy(), removed[name], spec
        )
        packed |= bits
    return packed, thresholds


def select_nm(
    weights: Mapping[str, Tensor],
    input_dims: Mapping[str, int],
    spec: PruneSpec,
    ranking: Ranking | None = None,
) -> tuple[Packed, None]:
    """Keep the N highest of every M consecutive weights along the input dimension.

    input_dims: for each tensor the dimension (0 or 1) along which its inputs lie. A last group of only r
    weights keeps the r * N / M highest, rounded up. No threshold, and no use of a ranking.
    """
    packed = {}
    for name, weight in weights.items():
        flat = weight.detach().flatten()
        num_rows, num_columns = weight.shape
        # A piece is made of whole rows; where the inputs lie along them, of whole groups of rows.
        step = spec.group if input_dims[name] == 0 else 1
        step *= max(1, PIECE // (step * num_columns))
        kept = np.empty((num_rows, num_columns), bool)
        for row in range(0, num_rows, step):
            start, end = row * num_columns, min(row + step, num_rows) * num_columns
            piece = SCORES[spec.score](flat[start:end], name=name, seed=spec.seed, start=start).numpy()
            if not np.isfinite(piece).all():
                raise ValueError(f"tensor {name!r}: some weights are NaN or infinite")
            keys = order_keys(piece).reshape(-1, num_columns)
            keep_in_groups(keys, kept[row : row + step], input_dims[name], spec.keep, spec.group)
        packed[name] = np.packbits(kept, bitorder="little")
    return packed, None


SELECTIONS = {"global": select_global, "layer": select_layer, "nm": select_nm}


def _remove_lowest(
    weights: Mapping[str, Tensor], bins: np.ndarray, counts: np.ndarray, num_removed: int, spec: PruneSpec
) -> tuple[Packed, float | None]:
    """Remove exactly `num_removed` of the weights, of which `counts` lie in the `bins`."""
    if num_removed == 0:
        return {name: _pack_ones(weight.numel()) for name, weight in weights.items()}, None
    index, num_below = find_cut(counts, num_removed)
    packed, places, halves = {}, [], []
    for name, weight in weights.items():
        packed[name], undecided, lower_half = _split_at_bin(weight, int(bins[index]), name, spec)
        places.append(undecided)
        halves.append(lower_half)
    assert sum(map(len, halves)) == counts[index], "a ranking of other weights or of another score"
    removed, last = _lowest_places(np.concatenate(halves), num_removed - num_below)
    ends = np.cumsum([len(undecided) for undecided in places])[:-1]
    for bits, undecided, gone in zip(packed.values(), places, np.split(removed, ends), strict=True):
        _clear_bits(bits, undecided[gone])
    return packed, key_to_score((int(bins[index]) << BIN_BITS) + last)


def _split_at_bin(weight: Tensor, cut: int, name: str, spec: PruneSpec) -> tuple[np.ndarray, ...]:
    """Compare one tensor with the bin of the cut.

    Returns packed bits (set: in the bin or above it), and of the weights inside the bin the places in the
    flattened tensor (uint32) and the lower halves of the keys (uint16).
    """
    assert weight.numel() < 1 << 32, name
    floor, ceiling = cut << BIN_BITS, (cut + 1) << BIN_BITS
    bits = np.empty((weight.numel() + 7) // 8, np.uint8)
    places, halves = [], []
    for start, keys in score_keys(weight, score=spec.score, name=name, seed=spec.seed):
        kept = keys >= floor
        bits[start // 8 : (start + len(keys) + 7) // 8] = np.packbits(kept, bitorder="little")
        kept ^= keys >= ceiling
        (inside,) = kept.nonzero()
        places.append((inside + start).astype(np.uint32))
        halves.append(keys[inside].astype(np.uint16))
    return bits, np.concatenate(places), np.concatenate(halves)


def _lowest_places(values: np.ndarray, num_lowest: int) -> tuple[np.ndarray, int]:
    """Mark the `num_lowest` lowest of uint16 values, of equal ones the first; return the last of them too."""
    counts = np.bincount(values, minlength=1 << BIN_BITS)
    last, num_below = find_cut(counts, num_lowest)
    marked = values < last
    marked[np.flatnonzero(values == last)[: num_lowest - num_below]] = True
    return marked, last


def _clear_bits(bits: np.ndarray, places: np.ndarray) -> None:
    """Clear the bits at these places of a packed mask."""
    np.bitwise_and.at(bits, places >> 3, ~(np.uint8(1) << (places & 7).astype(np.uint8)))


def _pack_ones(num_weights: int) -> np.ndarray:
    return np.packbits(np.ones(num_weights, bool), bitorder="little")


def keep_in_groups(keys: np.ndarray, kept: np.ndarray, input_dim: int, keep: int, group: int) -> None:
    """Write into `kept` which keys are among the `keep` highest of their `group` along the inputs."""
    rest = keys.shape[input_dim] % group
    parts = [np.split(array, [keys.shape[input_dim] - rest], axis=input_dim) for array in (keys, kept)]
    for part, out, size in zip(*parts, (group, rest), strict=True):
        if part.size:
            num_removed = size * (group - keep) // group
            before = _num_before(np.ascontiguousarray(_members_first(part, input_dim, size)))
            _members_first(out, input_dim, size)[...] = before >= num_removed


def _members_first(array: np.ndarray, input_dim: int, size: int) -> np.ndarray:
    """View a matrix as [members of a group, ...] for groups of `size` along the input dimension."""
    num_rows, num_columns = array.shape
    shape = (-1, size, num_columns) if input_dim == 0 else (num_rows, -1, size)
    return np.moveaxis(array.reshape(shape), 1 if input_dim == 0 else 2, 0)


def _num_before(keys: np.ndarray) -> np.ndarray:
    """Count for each key the keys along the first axis that go before it, uint8, at most 32 of them.

    Compares every pair, as whole rows at once: for small groups that beats any sort of theirs.
    """
    num = len(keys)
    # Each starts behind all later ones; a comparison won by the earlier one moves the pair apart.
    before = np.empty(keys.shape, np.uint8)
    before[:] = np.arange(num - 1, -1, -1, dtype=np.uint8).reshape(-1, *[1] * (keys.ndim - 1))
    for later in range(1, num):
        first = (keys[:later] <= keys[later]).view(np.uint8)
        before[:later] -= first
        before[later] += np.add.reduce(first, axis=0, dtype=np.uint8)
    return before
