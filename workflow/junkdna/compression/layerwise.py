"""Masks of recipes that look at a layer as a matrix: its rows, its inputs, or another recipe's mask."""

from collections.abc import Mapping
from dataclasses import replace

from torch import Tensor

from junkdna.compression.activation import ACTIVATION_SCORES
from junkdna.compression.allocation import erk_allocation, global_counts, owl_allocation
from junkdna.compression.hessian import check_statistics
from junkdna.compression.masks import PackedMask, pack
from junkdna.compression.quantization import as_matrix
from junkdna.compression.rows import keep_of_groups, keep_of_layer, keep_of_rows, shuffle_rows
from junkdna.compression.scores import SCORES
from junkdna.compression.selection import count_removed
from junkdna.compression.sparsegpt import prune_sparsegpt
from junkdna.study.specs import PruneSpec

Statistics = Mapping[str, Tensor]


def build_layerwise_mask(
    weights: Mapping[str, Tensor],
    input_dims: Mapping[str, int],
    spec: PruneSpec,
    statistics: Statistics,
    removed: Mapping[str, int] | None = None,
) -> PackedMask:
    """Select the weights that stay, one layer after the other; any score with any selection.

    weights, input_dims: see `junkdna.compression.masks.build_packed_mask`. statistics: of every weight, see
    `junkdna.inference.calibration` and `junkdna.compression.hessian.with_factors`. removed: how many weights of each
    layer go; None: the share of the spec. Selection `global` holds the scores of all layers at once. The mask of
    `sparsegpt` comes with new weights, in dtype and layout of the old. ValueError for weights that are no numbers, and
    where the statistics lack one of them.
    """
    for name, weight in weights.items():
        if not weight.isfinite().all():
            raise ValueError(f"tensor {name!r}: some weights are NaN or infinite")
    kind = "factors" if spec.score == "sparsegpt" else "norms" if spec.score in ACTIVATION_SCORES else ""
    if kind:
        check_statistics(statistics, kind, weights, spec.score)
    if spec.selection == "global":
        assert removed is None and spec.score != "sparsegpt", spec
        removed = global_counts(_all_scores(weights, input_dims, spec, statistics), spec.per_mille)
    bits, new = {}, {}
    for name, weight in weights.items():
        dim = input_dims[name]
        matrix = as_matrix(weight.detach(), dim)
        num_removed = removed[name] if removed else count_removed(weight.numel(), spec.per_mille)
        if spec.score == "sparsegpt":
            factor = statistics[f"factors:{name}"]
            kept, moved = prune_sparsegpt(
                matrix, factor, num_removed=num_removed, keep=spec.keep, group=spec.group
            )
            new[name] = as_matrix(moved, dim).to(weight.dtype).contiguous()
        else:
            kept = _select(_scores_of(matrix, name, dim, spec, statistics), spec, num_removed)
        bits[name] = pack(as_matrix(kept, dim).contiguous())
    shapes = {name: tuple(weight.shape) for name, weight in weights.items()}
    return PackedMask(bits=bits, shapes=shapes, threshold=None, weights=new)


def allocate(
    weights: Mapping[str, Tensor],
    input_dims: Mapping[str, int],
    spec: PruneSpec,
    statistics: Statistics,
) -> dict[str, int]:
    """How many weights of each layer go by the spec's allocation, `owl` or `erk`."""
    if spec.allocation == "erk":
        return erk_allocation({name: tuple(weight.shape) for name, weight in weights.items()}, spec.per_mille)
    assert spec.allocation == "owl", spec
    check_statistics(statistics, "norms", weights, "allocation owl")
    return owl_allocation(
        _all_scores(weights, input_dims, replace(spec, score="wanda"), statistics), spec.per_mille
    )


def shuffle_mask(mask: Mapping[str, Tensor], input_dims: Mapping[str, int], seed: int) -> PackedMask:
    """Permute a mask of booleans within each output row: every row keeps as many weights, at random places."""
    bits = {}
    for name, kept in mask.items():
        dim = input_dims[name]
        shuffled = shuffle_rows(as_matrix(kept, dim), name=name, seed=seed)
        bits[name] = pack(as_matrix(shuffled, dim).contiguous())
    return PackedMask(
        bits=bits, shapes={name: tuple(kept.shape) for name, kept in mask.items()}, threshold=None
    )


def _all_scores(
    weights: Mapping[str, Tensor], input_dims: Mapping[str, int], spec: PruneSpec, statistics: Statistics
) -> dict[str, Tensor]:
    return {
        name: _scores_of(
            as_matrix(weight.detach(), input_dims[name]), name, input_dims[name], spec, statistics
        )
        for name, weight in weights.items()
    }


def _scores_of(matrix: Tensor, name: str, dim: int, spec: PruneSpec, statistics: Statistics) -> Tensor:
    """Scores [outputs, inputs] of the weights [outputs, inputs]."""
    if spec.score in ACTIVATION_SCORES:
        return ACTIVATION_SCORES[spec.score](matrix, statistics[f"norms:{name}"])
    # The random score hangs on the place in the stored tensor.
    stored = as_matrix(matrix, dim)
    scores = SCORES[spec.score](stored.flatten(), name=name, seed=spec.seed).view(stored.shape)
    return as_matrix(scores, dim)


def _select(scores: Tensor, spec: PruneSpec, num_removed: int) -> Tensor:
    if spec.selection == "nm":
        return keep_of_groups(scores, spec.keep, spec.group)
    # Of `global`, too, `num_removed` is what goes from this layer.
    return (keep_of_rows if spec.selection == "row" else keep_of_layer)(scores, num_removed)
