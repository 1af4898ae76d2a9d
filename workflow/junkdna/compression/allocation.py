"""How many weights go from each layer, where that is neither the same share everywhere nor left to the scores."""

import math
from collections.abc import Mapping

import numpy as np
from torch import Tensor

from junkdna.compression.selection import count_removed

# Of OWL: half the width of the range of sparsities, and how many times the mean an outlier is.
OWL_RANGE, OWL_OUTLIER = 0.08, 5.0


def erk_allocation(shapes: Mapping[str, tuple[int, ...]], per_mille: int) -> dict[str, int]:
    """Keep of each layer a share that is proportional to (outputs + inputs) / (outputs * inputs).

    The Erdos-Renyi-kernel allocation (Mocanu et al., Nature Communications 2018; Evci et al., RigL, ICML 2020, section
    3): small layers stay denser. Layers that would keep more than all of their weights keep all, and the rest
    share what is left. Returns how many weights go from each layer.
    """
    sizes = {name: math.prod(shape) for name, shape in shapes.items()}
    full: set[str] = set()
    while True:
        rest = [name for name in shapes if name not in full]
        kept = sum(sizes.values()) * (1000 - per_mille) / 1000 - sum(sizes[name] for name in full)
        # The share times the size is the scale times the sum of both dimensions.
        scale = kept / sum(sum(shapes[name]) for name in rest)
        over = {name for name in rest if scale * sum(shapes[name]) > sizes[name]}
        if not over:
            break
        full |= over
    removed = {n: 0.0 if n in full else sizes[n] - scale * sum(shapes[n]) for n in shapes}
    return _whole(removed, sizes, per_mille)


def owl_allocation(scores: Mapping[str, Tensor], per_mille: int) -> dict[str, int]:
    """Keep more of the blocks with more outliers among their Wanda scores.

    Yin et al., Outlier weighed layerwise sparsity (OWL), ICML 2024: the share D of a block's scores above
    OWL_OUTLIER times their mean sets its density, linearly, over a range of 2 * OWL_RANGE, the mean density
    being the asked one. A block is all that comes before and with the first number in a name; a name without
    a number is a block by itself. Near 0 and 100 % the range is narrowed so that no density leaves [0, 1].
    Returns how many weights go from each layer.
    """
    blocks: dict[str, list[str]] = {}
    for name in scores:
        blocks.setdefault(block_of(name), []).append(name)
    outliers, sizes = {}, {name: matrix.numel() for name, matrix in scores.items()}
    for block, names in blocks.items():
        size = sum(sizes[name] for name in names)
        mean = sum(float(scores[name].double().sum()) for name in names) / size
        outliers[block] = sum(int((scores[name] > OWL_OUTLIER * mean).sum()) for name in names) / size
    low, high = min(outliers.values()), max(outliers.values())
    share = per_mille / 1000
    width = 2 * min(OWL_RANGE, share / 2, (1 - share) / 2)
    density = {
        block: (d - low) / (high - low) * width if high > low else 0.0 for block, d in outliers.items()
    }
    of_name = {name: density[block] for block, names in blocks.items() for name in names}
    mean = sum(of_name[name] * sizes[name] for name in sizes) / sum(sizes.values())
    removed = {name: sizes[name] * (share - of_name[name] + mean) for name in sizes}
    return _whole(removed, sizes, per_mille)


def global_counts(scores: Mapping[str, Tensor], per_mille: int) -> dict[str, int]:
    """How many weights go from each layer where the lowest scores of all layers together go.

    Of scores equal to the highest that goes those of the first layers go first.
    """
    flat = {name: each.numpy().ravel() for name, each in scores.items()}
    every = np.concatenate(list(flat.values()))
    left = num_removed = count_removed(every.size, per_mille)
    if not num_removed:
        return dict.fromkeys(flat, 0)
    every.partition(num_removed - 1)
    cut = every[num_removed - 1]
    counts = {name: int((each < cut).sum()) for name, each in flat.items()}
    left -= sum(counts.values())
    for name, each in flat.items():
        tied = min(left, int((each == cut).sum()))
        counts[name] += tied
        left -= tied
    return counts


def block_of(name: str) -> str:
    """The block of a weight: the parts of its name up to the first number, or the whole name."""
    parts = name.split(".")
    numbers = [index for index, part in enumerate(parts) if part.isdigit()]
    return ".".join(parts[: numbers[0] + 1]) if numbers else name


def _whole(removed: Mapping[str, float], sizes: Mapping[str, int], per_mille: int) -> dict[str, int]:
    """Round so that the sum is exact: down first, then one more each where the fraction is largest."""
    total = count_removed(sum(sizes.values()), per_mille)
    counts = {name: min(max(math.floor(value), 0), sizes[name]) for name, value in removed.items()}
    by_fraction = sorted(removed, key=lambda name: counts[name] - removed[name])
    left = total - sum(counts.values())
    while left > 0:
        for name in by_fraction:
            if left > 0 and counts[name] < sizes[name]:
                counts[name] += 1
                left -= 1
    while left < 0:
        for name in reversed(by_fraction):
            if left < 0 and counts[name] > 0:
                counts[name] -= 1
                left += 1
    return counts
