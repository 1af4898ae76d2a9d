"""Quantize all weights of a model that a recipe may touch."""

from collections.abc import Mapping

from torch import Tensor

from junkdna.compression.gptq import quantize_gptq
from junkdna.compression.quantization import Quantized, QuantSpec, as_matrix, quantize_rtn


def quantize_weights(
    weights: Mapping[str, Tensor],
    input_dims: Mapping[str, int],
    spec: QuantSpec,
    hessians: Mapping[str, Tensor] | None = None,
) -> dict[str, Quantized]:
    """Quantize each weight as a matrix whose columns are the inputs of its layer, in the order of the model.

    weights: 2-D tensors of any floating dtype. input_dims: for each the dimension along which its inputs lie.
    hessians: for each [inputs, inputs], needed by the method gptq and by no other. ValueError where there is no
    weight, one is NaN or infinite, or a Hessian is missing.
    """
    if not weights:
        raise ValueError("quantization: this checkpoint has no weight to quantize")
    quantized = {}
    for name, weight in weights.items():
        matrix = as_matrix(weight.detach(), input_dims[name]).float()
        if not matrix.isfinite().all():
            raise ValueError(f"quantization: {name} holds a weight that is NaN or infinite")
        if spec.method == "rtn":
            quantized[name] = quantize_rtn(matrix, spec)
        elif name not in (hessians or {}):
            raise ValueError(f"quantization: gptq needs the Hessian of {name}, which the statistics lack")
        else:
            quantized[name] = quantize_gptq(matrix, hessians[name], spec)
    return quantized
