"""What each regime does to the weights: at the start, to the gradients, and as the mask grows.

A pruned (or frozen) weight is held by its gradient: multiplied by 0 before clipping and the step, it leaves
the gradient norm, keeps both Adam moments at 0 and gets an update of exactly 0. Nothing has to be put back
after a step, and the storage of the weights never changes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from junkdna.compression.masks import build_mask
from junkdna.matrices import PrunableWeight, joined, split_up, whole_parameters
from junkdna.models import prunable_weights
from junkdna.recipes import legal_regimes
from junkdna.specs import REGIMES, PruneSpec
from junkdna.training.anew import draw_body, draw_removed
from junkdna.training.schedule import Plan, gradual_per_mille
from junkdna.training.weights import misfits

# What starts from weights that nothing removed.
UNMASKED = {"dense", "scratch", "qat", "qlora"}
# Method of a recipe -> its regimes.
METHODS = {
    "none": ("dense", "scratch"),
    "prune": tuple(regime for regime in REGIMES if regime not in UNMASKED),
    "quantize": ("zero-shot", "qat", "qlora"),
}
# What happens to the weights that the mask removes.
STARTS_MASKED = {"sparse", "regrow", "zero-shot"}
HOLDS_MASKED = {"sparse", "freeze", "gradual"}
ENDS_MASKED = {"sparse", "gradual", "zero-shot"}


@dataclass(slots=True)
class Pruning:
    """The prunable weights of a run and their masks.

    found: the matrices by mask name. weights: the parameters that hold them, by name; that of a stack of matrices
    (fused experts) is one. kept: masks of the shapes of `weights`, True = kept (empty where nothing is masked, all
    True at the start of `gradual`). held: the masks as factors in the dtype of the weights, in the order of
    `weights`; empty while no gradient is masked. per_mille: sparsity that `gradual` has reached. sparsity: share of
    the prunable weights that the masks remove.
    """

    regime: str
    spec: PruneSpec | None
    found: dict[str, PrunableWeight]
    weights: dict[str, Tensor]
    kept: dict[str, Tensor]
    held: list[Tensor]
    per_mille: int = 0
    sparsity: float = 0.0


def start_regime(
    model: PreTrainedModel,
    recipe: Mapping[str, Any],
    regime: str,
    mask: Mapping[str, Tensor] | None,
    seed: int,
    moved: Mapping[str, Tensor] | None = None,
) -> Pruning:
    """Bring the weights of a freshly loaded `model` to the start of `regime`.

    mask: by mask name, True = kept; None builds it from the weights as they are (scope `paper` needs that,
    as its head depends on the seed). `gradual` makes its own. seed: of what `reinit` and `scratch` draw.
    moved: new values of the weights, where the recipe's method makes up for what it removes. The regimes of
    STARTS_MASKED start from them; in the others the removed weights are still there, so only the mask counts.
    ValueError for a pair of recipe and regime that has no meaning, and for a mask that does not fit the model.
    """
    spec = _check_pair(recipe, regime)
    if regime == "scratch":
        draw_body(model, seed)
    if spec is None:
        return Pruning(regime, None, {}, {}, {}, [])
    found = prunable_weights(model, spec.scope)
    weights = whole_parameters(found)
    if regime == "gradual":
        kept = {name: torch.ones_like(weight, dtype=torch.bool) for name, weight in weights.items()}
        return Pruning(regime, spec, found, weights, kept, [])
    matrices = {name: entry.tensor for name, entry in found.items()}
    if mask is None:
        mask = build_mask({name: w.detach().cpu() for name, w in matrices.items()}, _input_dims(found), spec)
    _check_mask(mask, matrices)
    kept = {name: each.to(weights[name].device) for name, each in joined(found, mask).items()}
    pruning = Pruning(regime, spec, found, weights, kept, [], sparsity=_achieved_sparsity(kept))
    if regime in STARTS_MASKED:
        _start_masked(pruning, joined(found, moved) if moved else {})
    if regime == "reinit":
        draw_removed(matrices, split_up(found, kept), seed)
    if regime in HOLDS_MASKED:
        _hold(pruning)
    return pruning


@torch.no_grad()
def mask_gradients(pruning: Pruning) -> None:
    """Multiply the gradients of the prunable weights by the mask, in place."""
    if not pruning.held:
        return
    pairs = [
        (weight.grad, factor)
        for weight, factor in zip(pruning.weights.values(), pruning.held, strict=True)
        if weight.grad is not None
    ]
    torch._foreach_mul_(*zip(*pairs, strict=True))


@torch.no_grad()
def zero_pruned(pruning: Pruning) -> None:
    """Set the pruned weights to 0 in place."""
    for name, weight in pruning.weights.items():
        weight.mul_(pruning.kept[name])


def decays_itself(regime: str, weight_decay: float) -> bool:
    """Tell whether the prunable weights need `decay_kept`: a frozen weight that is not 0 must not decay."""
    return regime == "freeze" and weight_decay > 0


@torch.no_grad()
def decay_kept(pruning: Pruning, rate: float) -> None:
    """Shrink the kept weights by the factor 1 - `rate` (learning rate x weight decay), as AdamW does."""
    torch._foreach_addcmul_(
        list(pruning.weights.values()), list(pruning.weights.values()), pruning.held, value=-rate
    )


@torch.no_grad()
def grow_mask(pruning: Pruning, optimizer: torch.optim.Optimizer, step: int, plan: Plan, every: int) -> None:
    """Prune further after `step` steps of the gradual regime, at every `every`-th step and at the final one.

    The mask is the recipe's at the sparsity of the schedule, from the weights as they are now; what was
    pruned stays pruned and counts. The Adam moments of pruned weights are cleared.
    """
    if pruning.regime != "gradual" or step > plan.gradual or (step % every and step != plan.gradual):
        return
    spec = pruning.spec
    per_mille = gradual_per_mille(step, plan, spec.per_mille)
    if per_mille <= pruning.per_mille:
        return
    if not all(weight.isfinite().all() for weight in pruning.weights.values()):
        return  # There is no order to prune by; the loss ends this training at the next row of the history.
    ranked = split_up(pruning.found, _rankable(pruning))
    grown = build_mask(ranked, _input_dims(pruning.found), replace(spec, per_mille=per_mille))
    grown = joined(pruning.found, grown)
    pruning.kept = {name: kept & grown[name].to(kept.device) for name, kept in pruning.kept.items()}
    pruning.per_mille = per_mille
    pruning.sparsity = _achieved_sparsity(pruning.kept)
    zero_pruned(pruning)
    _hold(pruning)
    for weight, factor in zip(pruning.weights.values(), pruning.held, strict=True):
        for moment in ("exp_avg", "exp_avg_sq"):
            if moment in optimizer.state.get(weight, {}):
                optimizer.state[weight][moment].mul_(factor)


def restore_mask(pruning: Pruning, kept: Mapping[str, Tensor], per_mille: int) -> None:
    """Take up the gradual mask of a saved state."""
    pruning.kept = {name: kept[name].to(weight.device) for name, weight in pruning.weights.items()}
    pruning.per_mille = per_mille
    pruning.sparsity = _achieved_sparsity(pruning.kept)
    if per_mille:
        _hold(pruning)


@torch.no_grad()
def _start_masked(pruning: Pruning, moved: Mapping[str, Tensor]) -> None:
    """Set the pruned weights to 0, and the kept ones to their new values, if they have any."""
    for name, weight in pruning.weights.items():
        # The freshly loaded weights are pages of the file: taking new ones is cheaper than writing on them.
        weight.data = pruning.kept[name].to(weight.dtype).mul_(moved.get(name, weight).to(weight))


def _input_dims(found: Mapping[str, PrunableWeight]) -> dict[str, int]:
    return {name: entry.input_dim for name, entry in found.items()}


def _achieved_sparsity(kept: Mapping[str, Tensor]) -> float:
    total = sum(mask.numel() for mask in kept.values())
    return (total - sum(int(mask.sum(dtype=torch.int32)) for mask in kept.values())) / total


def _hold(pruning: Pruning) -> None:
    pruning.held = [pruning.kept[name].to(weight.dtype) for name, weight in pruning.weights.items()]


def _rankable(pruning: Pruning) -> dict[str, Tensor]:
    """Return the weights with those already pruned changed to what the score ranks lowest.

    So they are the first to be removed, and the count is exact: a kept weight that happens to be 0 must not
    tie with them, and the largest go first for `inverse-magnitude`. The random score reads no weight; its
    masks are nested by themselves.
    """
    limits = torch.finfo(torch.float32)
    ranked = {}
    for name, weight in pruning.weights.items():
        kept, weight = pruning.kept[name], weight.detach().float()
        if pruning.spec.score == "inverse-magnitude":
            ranked[name] = torch.where(kept, weight, limits.max).cpu()
        else:
            ranked[name] = torch.where(kept, weight.abs().clamp(min=limits.tiny), 0.0).cpu()
    return ranked


def _check_pair(recipe: Mapping[str, Any], regime: str) -> PruneSpec | None:
    if regime not in REGIMES:
        raise ValueError(f"regime: {regime!r} is not one of {', '.join(REGIMES)}")
    method = recipe["method"]
    if method not in METHODS:
        raise ValueError(f"recipe: method {method!r} cannot be fine-tuned; legal are {', '.join(METHODS)}")
    # Not every rounding goes with every training.
    fitting = legal_regimes(recipe) if method == "quantize" else METHODS[method]
    if regime not in fitting:
        legal = ", ".join(fitting)
        raise ValueError(f"regime: {regime!r} does not fit a recipe of method {method!r}; legal are {legal}")
    if method != "prune":
        return None
    spec = PruneSpec.from_mapping(recipe)
    if regime == "gradual" and spec.selection == "nm":
        raise ValueError("regime: 'gradual' has no schedule for the selection 'nm'; legal are global, layer")
    return spec


def _check_mask(mask: Mapping[str, Tensor], weights: Mapping[str, Tensor]) -> None:
    shapes = {name: tuple(kept.shape) for name, kept in mask.items()}
    wanted = {name: tuple(weight.shape) for name, weight in weights.items()}
    if names := misfits(shapes, wanted):
        first = names[0]
        raise ValueError(
            f"mask: {len(names)} tensors do not fit the model, first {first!r}: "
            f"the mask has {shapes.get(first)}, the model {wanted.get(first)}"
        )
