"""Training with quantized weights: what the regime `qat` does before and after each step.

Quantization-aware training with a straight-through estimator (Bengio, Leonard and Courville 2013; Jacob et al.,
CVPR 2018): forward and backward passes see w_q = Q(w), and the gradient with respect to w_q is taken for that
of w. The grid of Q only moves when w does, once a step. So no function of autograd is needed: between steps the
model holds w_q, and only for the optimizer's update it holds w.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from junkdna.compression.quantization import (
    Quantized,
    QuantSpec,
    as_matrix,
    dequantize,
    fake_quantize,
    per_column,
    snap,
)
from junkdna.models.quantized import find_body, placed

# How far from the middle of its code, in steps of the grid, a latent weight may start; at 0.5 is the next code.
INSIDE = 0.49


@dataclass(frozen=True, slots=True)
class Quantization:
    """The quantized weights of a run.

    weights: by name, the matrices of the model: parameters, or views of one where it is a stack (fused experts).
    input_dims: dimension of each that runs along the inputs.
    latent: the weights before rounding, in the same order. grids: of the method gptq, which fits them once and
    for all: the quantized weights that the run started from; None where every step fits new ones.
    """

    spec: QuantSpec
    weights: dict[str, Tensor]
    input_dims: dict[str, int]
    latent: list[Tensor]
    grids: Mapping[str, Quantized] | None


def start_quantization(
    model: PreTrainedModel, recipe: Mapping[str, Any], quantized: Mapping[str, Quantized] | None
) -> Quantization | None:
    """Round the body of a freshly loaded `model`; None for a recipe of another method.

    quantized: see `junkdna.files.quantized`; needed by the method gptq, whose run starts from these weights and keeps
    their grids; its latent weights start where those of the checkpoint are, as far as they round to these codes. The
    method rtn starts from the weights as they are, fits their grids itself and may go without.
    ValueError for quantized weights that do not fit the model.
    """
    if recipe["method"] != "quantize":
        return None
    spec = QuantSpec.from_mapping(recipe)
    weights, dims = find_body(model, quantized)
    grids = None
    if spec.method != "rtn":
        assert quantized is not None, f"{spec.method} needs quantized weights"
        grids = {name: placed(quantized[name], weight.device) for name, weight in weights.items()}
    latent = []
    for name, weight in weights.items():
        start = weight.detach()
        if grids is not None:
            start = as_matrix(_inside(as_matrix(start, dims[name]), grids[name], spec), dims[name])
        # The freshly loaded weights are pages of the file: taking new ones is cheaper than writing on them.
        latent.append(start.clone(memory_format=torch.contiguous_format))
        if isinstance(weight, nn.Parameter):
            weight.data = torch.empty_like(latent[-1])
    quantization = Quantization(spec, weights, dims, latent, grids)
    round_weights(quantization)
    return quantization


@torch.no_grad()
def round_weights(quantization: Quantization) -> None:
    """Set the weights of the model to the rounded latent ones."""
    spec, grids = quantization.spec, quantization.grids
    for (name, weight), latent in zip(quantization.weights.items(), quantization.latent, strict=True):
        dim = quantization.input_dims[name]
        matrix = as_matrix(latent, dim)
        made = fake_quantize(matrix, spec) if grids is None else snap(matrix, grids[name], spec)
        weight.copy_(as_matrix(made, dim))


@torch.no_grad()
def unround_weights(quantization: Quantization) -> None:
    """Set the weights of the model to the latent ones, for the optimizer to move."""
    torch._foreach_copy_(list(quantization.weights.values()), quantization.latent)


@torch.no_grad()
def take_up(quantization: Quantization) -> None:
    """Keep the weights of the model, which the optimizer has moved, as the latent ones, and round them."""
    torch._foreach_copy_(quantization.latent, list(quantization.weights.values()))
    round_weights(quantization)


def _inside(weight: Tensor, grids: Quantized, spec: QuantSpec) -> Tensor:
    """The weights [rows, columns] where they round to the codes of `grids`, else the nearest values that do.

    The middle of each code would be a start, too, but from there no weight leaves its code until it has come half
    a step of the grid, which is farther than a fine-tuning goes.
    """
    middle = dequantize(grids, spec.group)
    reach = INSIDE * per_column(grids.scales, weight.shape[1], spec.group)
    return weight.float().clamp(middle - reach, middle + reach).to(weight.dtype)
