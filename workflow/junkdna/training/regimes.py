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

from junkdna.compression.compressed import Compressed, Given
from junkdna.compression.masks import build_mask
from junkdna.models.compressed import measured
from junkdna.models.masked import (
    Masks,
    achieved_sparsity,
    input_dims,
    keep_all,
    mask_body,
    mask_zeros,
    remove,
    zero_removed,
)
from junkdna.models.matrices import joined, split_up
from junkdna.study.regimes import REGIMES, check_pair
from junkdna.study.specs import PruneSpec
from junkdna.training.reinit import draw_body, draw_removed
from junkdna.training.schedule import Plan, gradual_per_mille


@dataclass(slots=True)
class Pruning(Masks):
    """The masks of a run while it trains, empty where nothing is masked.

    held: the masks as factors in the dtype of the weights, in the order of `weights`; empty while no gradient is
    masked. per_mille: sparsity that `gradual` has reached, whose masks start with all weights kept. given: of a model
    that someone else compressed.
    """

    regime: str
    spec: PruneSpec | None
    held: list[Tensor]
    per_mille: int = 0
    given: Given | None = None


def start_regime(
    model: PreTrainedModel, recipe: Mapping[str, Any], regime: str, compressed: Compressed, seed: int
) -> Pruning:
    """Bring the weights of a freshly loaded `model` to the start of `regime`, as far as masks go.

    recipe: expanded. compressed: what it made of the checkpoint; a mask that is not there is built from the weights as
    they are, and `gradual` makes its own. Where a regime starts from the whole weights, only the mask counts, not the
    new values of the kept ones. seed: of what `reinit` and `scratch` draw. ValueError for a pair of recipe and regime
    that has no meaning, and for a mask that does not fit the model.
    """
    check_pair(recipe, regime)
    rule = REGIMES[regime]
    if regime == "scratch":
        draw_body(model, seed)
    if recipe["method"] == "given":
        given = measured(compressed)
        pruning = replace(_pruning(mask_zeros(model, given.weights), regime, None), given=given)
        if rule.moves == "kept":
            _hold(pruning)
        return pruning
    if recipe["method"] != "prune":
        return Pruning({}, {}, {}, 0.0, regime, None, [])
    spec = PruneSpec.from_mapping(recipe)
    if regime == "gradual":
        return _pruning(keep_all(model, spec), regime, spec)
    pruning = _pruning(mask_body(model, spec, compressed.mask), regime, spec)
    if rule.starts == "compressed":
        remove(pruning, compressed.moved)
    if rule.starts == "redrawn":
        matrices = {name: entry.tensor for name, entry in pruning.found.items()}
        draw_removed(matrices, split_up(pruning.found, pruning.kept), seed)
    if rule.moves == "kept":
        _hold(pruning)
    return pruning


def _pruning(masks: Masks, regime: str, spec: PruneSpec | None) -> Pruning:
    return Pruning(masks.found, masks.weights, masks.kept, masks.sparsity, regime, spec, [])


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
    assert spec is not None, "the regime gradual goes with recipes that prune"
    per_mille = gradual_per_mille(step, plan, spec.per_mille)
    if per_mille <= pruning.per_mille:
        return
    if not all(weight.isfinite().all() for weight in pruning.weights.values()):
        return  # There is no order to prune by; the loss ends this training at the next row of the history.
    ranked = split_up(pruning.found, _rankable(pruning))
    grown = build_mask(ranked, input_dims(pruning.found), replace(spec, per_mille=per_mille))
    grown = joined(pruning.found, grown)
    pruning.kept = {name: kept & grown[name].to(kept.device) for name, kept in pruning.kept.items()}
    pruning.per_mille = per_mille
    pruning.sparsity = achieved_sparsity(pruning.kept)
    zero_removed(pruning)
    _hold(pruning)
    for weight, factor in zip(pruning.weights.values(), pruning.held, strict=True):
        for moment in ("exp_avg", "exp_avg_sq"):
            if moment in optimizer.state.get(weight, {}):
                optimizer.state[weight][moment].mul_(factor)


def restore_mask(pruning: Pruning, kept: Mapping[str, Tensor], per_mille: int) -> None:
    """Take up the gradual mask of a saved state."""
    pruning.kept = {name: kept[name].to(weight.device) for name, weight in pruning.weights.items()}
    pruning.per_mille = per_mille
    pruning.sparsity = achieved_sparsity(pruning.kept)
    if per_mille:
        _hold(pruning)


def _hold(pruning: Pruning) -> None:
    pruning.held = [pruning.kept[name].to(weight.dtype) for name, weight in pruning.weights.items()]


def _rankable(pruning: Pruning) -> dict[str, Tensor]:
    """Return the magnitudes of the weights, 0 for those already pruned and for no other.

    So they are the first to be removed, and the count is exact: a kept weight that happens to be 0 must not tie with
    them.
    """
    tiny = torch.finfo(torch.float32).tiny
    return {
        name: torch.where(pruning.kept[name], weight.detach().float().abs().clamp(min=tiny), 0.0).cpu()
        for name, weight in pruning.weights.items()
    }
