"""What the compressed body of a model would take if it were stored as its method stores weights."""

from junkdna.study.specs import MASK_BITS, WEIGHT_BITS


def pruned_bits(sparsity: float) -> float:
    """Bits of a weight where the removed ones end as zeros: 16 for each kept one, and a bit of the mask for each."""
    return (1 - sparsity) * WEIGHT_BITS + MASK_BITS


def footprint(weights: int, bits: float, adapters: int = 0) -> dict[str, float]:
    """Effective bits a prunable weight of the body, and the bytes of all of them.

    weights: how many there are. bits: of each. adapters: numbers that stand beside them, in 16 bits, and count.
    """
    size = bits * weights / 8
    if not adapters:
        return {"effective_bits": bits, "body_bytes": size}
    size += WEIGHT_BITS / 8 * adapters
    return {"effective_bits": 8 * size / weights, "body_bytes": size}
