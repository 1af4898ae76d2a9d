"""A model with a recipe applied: some of its weights removed, the kept ones moved, quantized, or all as they were."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from transformers import PreTrainedModel

from junkdna.compression.compressed import Compressed, Given
from junkdna.compression.quantization import QuantSpec, mean_bits
from junkdna.models.footprint import footprint, pruned_bits
from junkdna.models.masked import apply_mask, mask_body, remove
from junkdna.models.prunable import prunable_weights
from junkdna.models.quantized import set_quantized
from junkdna.study.specs import WEIGHT_BITS, PruneSpec


@dataclass(frozen=True, slots=True)
class Applied:
    """What became of a model.

    weights: so many are prunable. sparsity: share of them that are gone, 0 to 1. bits: of each of them.
    """

    weights: int
    sparsity: float
    bits: float

    @property
    def footprint(self) -> dict[str, float]:
        """Its `footprint`."""
        return footprint(self.weights, self.bits)


def apply_recipe(model: PreTrainedModel, recipe: Mapping[str, Any], compressed: Compressed) -> Applied:
    """Bring a freshly loaded `model` to what an expanded recipe makes of it, in place.

    A recipe without a mask file removes what it ranks lowest of the weights as they are. A given model is left as it
    is: its weights are counted against those of the checkpoint that it stands beside. ValueError for a mask or codes
    that do not fit the model, and for a recipe that quantizes without codes.
    """
    if recipe["method"] == "given":
        given = measured(compressed)
        return Applied(given.weights, given.sparsity, given.bits)
    weights = body_weights(model)
    if recipe["method"] == "quantize":
        if compressed.quantized is None:
            raise ValueError("recipe: it quantizes, and no quantized weights are given")
        spec = QuantSpec.from_mapping(recipe)
        shapes = set_quantized(model, compressed.quantized, spec.group)
        return Applied(weights, 0.0, mean_bits(shapes, spec))
    if recipe["method"] == "none":
        return Applied(weights, 0.0, float(WEIGHT_BITS))
    cut = PruneSpec.from_mapping(recipe)
    if compressed.mask is None:
        masks = mask_body(model, cut, None)
        remove(masks)
        sparsity = masks.sparsity
    else:
        sparsity = apply_mask(model, cut, compressed.mask, compressed.moved)
    return Applied(weights, sparsity, pruned_bits(sparsity))


def measured(compressed: Compressed) -> Given:
    """What was measured of the given model. ValueError where there is none."""
    if compressed.given is None:
        raise ValueError("recipe: it stands for a given model, and none is given")
    return compressed.given


def body_weights(model: PreTrainedModel) -> int:
    """How many weights of the body of `model` a recipe may touch."""
    return sum(entry.tensor.numel() for entry in prunable_weights(model, "body").values())
