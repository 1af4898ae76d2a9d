"""Quantize all weights of a model that a recipe may touch."""

from collections.abc import Mapping

from torch import Tensor

from junkdna.compression.gptq import quantize_gptq
from junkdna.compression.nf4 import quantize_nf4
from junkdna.compression.quantization import Quantized, QuantSpec, as_matrix, quantize_rtn


def quantize_weights(
    weights: Mapping[str, Tensor],
    input_dims: Mapping[str, int],
    spec: QuantSpec,
    factors: Mapping[str, Tensor] | None = None,
) -> dict[str, Quantized]:
    """Quantize each weight as a matrix whose columns are the inputs of its layer, in the order of the model.

    weights: 2-D tensors of any floating dtype. input_dims: for each the dimension along which its inputs lie.
    factors: [inputs, inputs] by name (see `junkdna.compression.hessian.upper_inverse_factor`), for the method gptq
    and no other. A weight without one (no token passed through its layer) is rounded to nearest, which is what gptq
    does where no input goes with another. ValueError where there is no weight, one is NaN or infinite, or the factors
    are of none of the weights.
    """
    if not weights:
        raise ValueError("quantization: this checkpoint has no weight to quantize")
    if spec.method == "gptq" and not set(weights) & set(factors or {}):
        raise ValueError(
            "quantization: gptq needs factors of Hessians, and the statistics hold none of these weights"
        )
    quantized = {}
    for name, weight in weights.items():
        matrix = as_matrix(weight.detach(), input_dims[name]).float()
        if not matrix.isfinite().all():
            raise ValueError(f"quantization: {name} holds a weight that is NaN or infinite")
        if spec.method == "gptq" and name in factors:
            quantized[name] = quantize_gptq(matrix, factors[name], spec)
        elif spec.method == "nf4":
            quantized[name] = quantize_nf4(matrix, spec.group)
        else:
            quantized[name] = quantize_rtn(matrix, spec)
    return quantized
