"""What the compressed body of a trained model would take if it were stored as its method stores weights."""

from math import prod

from transformers import PreTrainedModel

from junkdna.compression.quantization import as_matrix, mean_bits
from junkdna.models import prunable_weights
from junkdna.specs import MASK_BITS, WEIGHT_BITS
from junkdna.training.qat import Quantization
from junkdna.training.qlora import Adapters, body_bytes
from junkdna.training.regimes import ENDS_MASKED, Pruning


def measure_footprint(
    model: PreTrainedModel,
    pruning: Pruning,
    quantization: Quantization | None,
    adapters: Adapters | None = None,
) -> dict[str, float]:
    """Effective bits a prunable weight of the body, and the bytes of all of them.

    Quantized: codes, scales and zeros. Where removed weights end as zeros: 16 bits for each kept one, and a bit of
    the mask for each. All others: 16 bits, for those that a mask froze or that grew again are still there.
    Adapters stand beside the weights that they belong to, in 16 bits, and count.
    """
    if adapters:
        size = body_bytes(adapters, mean_bits(adapters.shapes, adapters.spec))
        count = sum(prod(shape) for shape in adapters.shapes.values())
        return {"effective_bits": 8 * size / count, "body_bytes": size}
    found = prunable_weights(model, "body")
    count = sum(entry.tensor.numel() for entry in found.values())
    bits = float(WEIGHT_BITS)
    if quantization:
        shapes = {name: tuple(as_matrix(each.tensor, each.input_dim).shape) for name, each in found.items()}
        bits = mean_bits(shapes, quantization.spec)
    elif pruning.regime in ENDS_MASKED:
        bits = (1 - pruning.sparsity) * WEIGHT_BITS + MASK_BITS
    return {"effective_bits": bits, "body_bytes": bits * count / 8}
