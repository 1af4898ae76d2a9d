"""A model with quantized weights: whether they fit it, and its weights set to what their codes stand for."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from junkdna.compression.quantization import Quantized, as_matrix, dequantize
from junkdna.models.prunable import prunable_weights
from junkdna.models.solution import misfits


@torch.no_grad()
def set_quantized(
    model: PreTrainedModel, quantized: Mapping[str, Quantized], group: int
) -> dict[str, tuple[int, ...]]:
    """Set the body of a freshly loaded `model` to what codes in groups of `group` stand for, matrix by matrix.

    Returns the shapes [outputs, inputs] of its matrices. ValueError for quantized weights that do not fit the model.
    """
    weights, dims = find_body(model, None)
    matrices = {name: as_matrix(weight, dims[name]) for name, weight in weights.items()}
    if set(quantized) != set(weights):
        check_fit(quantized, matrices)
    for name, weight in weights.items():
        each = quantized[name]
        check_fit({name: each}, {name: matrices[name]})
        made = dequantize(placed(each, weight.device), group).to(weight.dtype)
        if isinstance(weight, nn.Parameter):
            # A view where the model holds inputs x outputs: products do not mind, and turning would cost a pass.
            weight.data = as_matrix(made, dims[name])
        else:
            weight.copy_(as_matrix(made, dims[name]))
    return {name: tuple(matrix.shape) for name, matrix in matrices.items()}


def find_body(
    model: PreTrainedModel, quantized: Mapping[str, Quantized] | None
) -> tuple[dict[str, Tensor], dict[str, int]]:
    """The body's weights and their input dimensions, by name, after a check that `quantized`, if given, fits."""
    found = prunable_weights(model, "body")
    if quantized is not None:
        check_fit(quantized, {name: as_matrix(each.tensor, each.input_dim) for name, each in found.items()})
    weights = {name: entry.tensor for name, entry in found.items()}
    return weights, {name: entry.input_dim for name, entry in found.items()}


def placed(quantized: Quantized, device: torch.device) -> Quantized:
    """The same on `device`."""
    codes, scales, zeros = (part.to(device) for part in (quantized.codes, quantized.scales, quantized.zeros))
    codebook = None if quantized.codebook is None else quantized.codebook.to(device)
    return Quantized(codes, scales, zeros, codebook)


def check_fit(quantized: Mapping[str, Quantized], matrices: Mapping[str, Tensor]) -> None:
    """Raise ValueError if the quantized weights are not of these matrices [outputs, inputs]."""
    found = {name: tuple(each.codes.shape) for name, each in quantized.items()}
    wanted = {name: tuple(each.shape) for name, each in matrices.items()}
    if names := misfits(found, wanted):
        raise ValueError(
            f"quantized weights: {len(names)} tensors do not fit the model, first {names[0]!r}: "
            f"the file has {found.get(names[0])}, the model {wanted.get(names[0])}"
        )
