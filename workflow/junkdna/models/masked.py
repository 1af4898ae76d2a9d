"""A model with a mask: which of its weights stay, and those that do not set to zero."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import PreTrainedModel

from junkdna.compression.masks import build_mask
from junkdna.models.matrices import PrunableWeight, joined, owner_of, whole_parameters
from junkdna.models.prunable import prunable_weights
from junkdna.models.solution import misfits
from junkdna.study.specs import PruneSpec


@dataclass(slots=True)
class Masks:
    """The prunable weights of a model and their masks.

    found: the matrices by mask name. weights: the parameters that hold them, by name; that of a stack of matrices
    (fused experts) is one. kept: masks of the shapes of `weights`, True = kept. sparsity: share of the prunable
    weights that the masks remove, 0 to 1.
    """

    found: dict[str, PrunableWeight]
    weights: dict[str, Tensor]
    kept: dict[str, Tensor]
    sparsity: float


def mask_body(model: PreTrainedModel, spec: PruneSpec, mask: Mapping[str, Tensor] | None) -> Masks:
    """Find the weights that `spec` may touch and their masks; the weights stay as they are.

    mask: by mask name, True = kept; None builds it from the weights as they are (scope `paper` needs that, as its head
    depends on the seed). ValueError for a mask that does not fit the model.
    """
    found = prunable_weights(model, spec.scope)
    weights = whole_parameters(found)
    matrices = {name: entry.tensor for name, entry in found.items()}
    mask = None if mask is None else dict(mask)
    if mask is None:
        mask = build_mask({name: w.detach().cpu() for name, w in matrices.items()}, input_dims(found), spec)
    _check_mask(mask, matrices)
    kept = {name: each.to(weights[name].device) for name, each in joined(found, mask).items()}
    return Masks(found, weights, kept, achieved_sparsity(kept))


@torch.no_grad()
def apply_mask(
    model: PreTrainedModel, spec: PruneSpec, mask: Mapping[str, Tensor], moved: Mapping[str, Tensor] | None
) -> float:
    """Mask the weights of a freshly loaded `model`, parameter by parameter; returns the sparsity, 0 to 1.

    mask, moved: by mask name; of a file that is read as it is used, no more than one parameter is held beside the
    model. ValueError for a mask that does not fit.
    """
    found = prunable_weights(model, spec.scope)
    if set(mask) != set(found):
        _check_mask(mask, {name: entry.tensor for name, entry in found.items()})
    parts: dict[str, dict[str, PrunableWeight]] = {}
    for name, entry in found.items():
        parts.setdefault(owner_of(name, entry), {})[name] = entry
    total = left = 0
    for owner, part in parts.items():
        kept = {name: mask[name] for name in part}
        _check_mask(kept, {name: entry.tensor for name, entry in part.items()})
        new = {name: moved[name] for name in part} if moved else None
        weight = whole_parameters(part)[owner]
        whole = joined(part, kept)[owner].to(weight.device)
        remove(Masks(part, {owner: weight}, {owner: whole}, 0.0), new)
        total, left = total + whole.numel(), left + int(whole.sum(dtype=torch.int32))
    return (total - left) / total


def keep_all(model: PreTrainedModel, spec: PruneSpec) -> Masks:
    """As `mask_body`, before anything is removed."""
    found = prunable_weights(model, spec.scope)
    weights = whole_parameters(found)
    kept = {name: torch.ones_like(weight, dtype=torch.bool) for name, weight in weights.items()}
    return Masks(found, weights, kept, 0.0)


def mask_zeros(model: PreTrainedModel, weights: int) -> Masks:
    """The masks that keep what is not 0 of a model that someone else pruned.

    weights: of the body of the checkpoint that it stands beside; their share that the model lacks counts as removed.
    """
    found = prunable_weights(model, "body")
    held = whole_parameters(found)
    kept = {name: weight.detach() != 0 for name, weight in held.items()}
    return Masks(found, held, kept, max(0.0, 1 - sum(int(mask.sum()) for mask in kept.values()) / weights))


@torch.no_grad()
def remove(masks: Masks, moved: Mapping[str, Tensor] | None = None) -> None:
    """Set the removed weights to 0, and the kept ones to their new values, if they have any.

    moved: by mask name. For a freshly loaded model: its weights are pages of the file, and taking new ones is cheaper
    than writing on them.
    """
    new = joined(masks.found, moved) if moved else {}
    for name, weight in masks.weights.items():
        weight.data = masks.kept[name].to(weight.dtype).mul_(new.get(name, weight).to(weight))


@torch.no_grad()
def zero_removed(masks: Masks) -> None:
    """Set the removed weights to 0 in place."""
    for name, weight in masks.weights.items():
        weight.mul_(masks.kept[name])


def input_dims(found: Mapping[str, PrunableWeight]) -> dict[str, int]:
    """The dimension of each matrix that runs along its inputs."""
    return {name: entry.input_dim for name, entry in found.items()}


def achieved_sparsity(kept: Mapping[str, Tensor]) -> float:
    """Share of the weights that masks remove, 0 to 1."""
    total = sum(mask.numel() for mask in kept.values())
    return (total - sum(int(mask.sum(dtype=torch.int32)) for mask in kept.values())) / total


def _check_mask(mask: Mapping[str, Tensor], weights: Mapping[str, Tensor]) -> None:
    shapes = {name: tuple(kept.shape) for name, kept in mask.items()}
    wanted = {name: tuple(weight.shape) for name, weight in weights.items()}
    if names := misfits(shapes, wanted):
        first = names[0]
        raise ValueError(
            f"mask: {len(names)} tensors do not fit the model, first {first!r}: "
            f"the mask has {shapes.get(first)}, the model {wanted.get(first)}"
        )
