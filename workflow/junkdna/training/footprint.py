"""What the compressed body of a trained model would take if it were stored as its method stores weights."""

from math import prod

from transformers import PreTrainedModel

from junkdna.compression.quantization import as_matrix, mean_bits
from junkdna.models.compressed import body_footprint
from junkdna.models.footprint import footprint, pruned_bits
from junkdna.models.prunable import prunable_weights
from junkdna.study.regimes import REGIMES
from junkdna.study.specs import WEIGHT_BITS
from junkdna.training.qat import Quantization
from junkdna.training.qlora import Adapters
from junkdna.training.regimes import Pruning


def trained_footprint(
    model: PreTrainedModel,
    pruning: Pruning,
    quantization: Quantization | None,
    adapters: Adapters | None = None,
) -> dict[str, float]:
    """Effective bits a prunable weight of the body, and the bytes of all of them (see `models.footprint`).

    Where a regime ends compressed: codes, scales and zeros, or the kept weights and a mask. All others: 16 bits, for
    the weights that a mask froze or that grew again are still there.
    """
    if adapters:
        count = sum(prod(shape) for shape in adapters.shapes.values())
        return footprint(count, mean_bits(adapters.shapes, adapters.spec), adapters.parameters)
    if quantization:
        found = prunable_weights(model, "body")
        shapes = {name: tuple(as_matrix(each.tensor, each.input_dim).shape) for name, each in found.items()}
        return body_footprint(model, mean_bits(shapes, quantization.spec))
    ends_pruned = pruning.spec and REGIMES[pruning.regime].ends == "compressed"
    return body_footprint(model, pruned_bits(pruning.sparsity) if ends_pruned else float(WEIGHT_BITS))
