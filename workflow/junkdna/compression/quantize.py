"""Quantize all weights of a model that a recipe may touch."""

from collections.abc import Mapping

from torch import Tensor

from junkdna.compression.gptq import quantize_gptq
from junkdna.compression.hessian import check_statistics
from junkdna.compression.nf4 import quantize_nf4
from junkdna.compression.quantization import Quantized, QuantSpec, as_matrix, quantize_rtn


def quantize_weights(
    weights: Mapping[str, Tensor],
    input_dims: Mapping[str, int],
    spec: QuantSpec,
    statistics: Mapping[str, Tensor] | None = None,
) -> dict[str, Quantized]:
    """Quantize each weight as a matrix whose columns are the inputs of its layer, in the order of the model.

    weights: 2-D tensors of any floating dtype. input_dims: for each the dimension along which its inputs lie.
    statistics: for the method gptq and no other, `factors:<name>` [inputs, inputs] of each (see
    `junkdna.compression.hessian.upper_inverse_factor`). ValueError where there is no weight, one is NaN or infinite, or
    a factor is lacking.
    """
    if not weights:
        raise ValueError("quantization: this checkpoint has no weight to quantize")
    statistics = statistics or {}
    if spec.method == "gptq":
        check_statistics(statistics, "factors", weights, "gptq")
    quantized = {}
    for name, weight in weights.items():
        matrix = as_matrix(weight.detach(), input_dims[name]).float()
        if not matrix.isfinite().all():
            raise ValueError(f"quantization: {name} holds a weight that is NaN or infinite")
        if spec.method == "gptq":
            quantized[name] = quantize_gptq(matrix, statistics[f"factors:{name}"], spec)
        elif spec.method == "nf4":
            quantized[name] = quantize_nf4(matrix, spec.group)
        else:
            quantized[name] = quantize_rtn(matrix, spec)
    return quantized
